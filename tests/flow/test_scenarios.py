import dataclasses
import pathlib

import pytest

from kore_gate.errors import ExitCode
from kore_gate.settings import sources
from kore_gate.settings.sources import Settings
from kore_gate.simulator import jobs, scenarios
from kore_gate.simulator.scenarios import SCENARIOS, Json, Scenario
from tests.fakes.files import write_demo
from tests.fakes.pipeline import HOST, Ended, Pipeline
from tests.reports import Reports, check_last_lines

_MANY: Json = {"testSteps": [{"input": f"Question {number}", "outputs": ["Answer"]} for number in range(60)]}
# Fifty thousand steps take their time; fewer show the same.
FEWER = dataclasses.replace(SCENARIOS["huge"], shape=lambda steps: [*steps, *jobs.steps_of(_MANY)])
ALL = {name: FEWER if name == "huge" else scenario for name, scenario in SCENARIOS.items()}


def wanted(command: str, scenario: Scenario, **flags: str) -> Settings:
    """Read settings as a user's, the scenario's own among them."""
    given = {
        "host": HOST,
        "stream-id": scenarios.STREAM_ID,
        "client-id": scenarios.CLIENT_ID,
        "user-email": scenarios.USER_EMAIL,
    }
    secrets = {"KORE_CLIENT_SECRET": scenarios.CLIENT_SECRET}
    return sources.read(command, {**given, **scenario.settings, **flags}, secrets)[0]


def check(ended: Ended, code: ExitCode) -> None:
    """Hold every report of a call against its exit code."""
    assert ended.code == ended.result.verdict.exit_code == code
    check_last_lines(ended.stderr, code)
    reports = Reports(ended.reports)
    reports.check(code)
    assert reports.ending == ended.result.verdict.ending
    assert len(reports.files) == len(ended.result.suites)


@pytest.mark.parametrize("name", ALL)
def test_wait__scenario(tmp_path: pathlib.Path, name: str) -> None:
    """Waiting for an import ends as the scenario says it does, and every report says the same."""
    scenario = ALL[name]
    pipeline = Pipeline(tmp_path / "reports", scenario=scenario)

    ended = pipeline.run(wanted("wait", scenario, **{"ds-id": scenarios.DS_IDS[0]}))

    check(ended, scenario.wait)


@pytest.mark.parametrize("name", ALL)
def test_test__scenario(tmp_path: pathlib.Path, name: str) -> None:
    """The whole chain ends as the scenario says it does, nothing is started twice, and every report says the same."""
    scenario = ALL[name]
    pipeline = Pipeline(tmp_path / "reports", scenario=scenario)
    write_demo(tmp_path)

    ended = pipeline.run(wanted("test", scenario, files="*.json"))

    check(ended, scenario.test)
    runs = [entry.id for entry in pipeline.simulator.log if entry.kind == "run" and entry.status == 200]
    imports = [entry for entry in pipeline.simulator.log if entry.kind == "import" and entry.status == 200]
    assert sorted(set(runs)) == sorted(runs)
    assert len(imports) <= 2


def test_scenarios__every_setting_is_one() -> None:
    """What a scenario needs to end soon are settings of the gate."""
    for scenario in SCENARIOS.values():
        wanted("wait", scenario, **{"ds-id": "ds-1"})

    assert scenarios.find("passing").settings == {}
