import asyncio
import json
import pathlib
import shlex
from collections.abc import Callable, Sequence

import pytest
from junitparser import JUnitXml

from kore_gate.errors import Ending, ExitCode
from kore_gate.model import Outcome, Phase, Result
from kore_gate.reports import html
from kore_gate.reports.history import Trend
from kore_gate.settings.sources import Settings
from kore_gate.simulator import scenarios
from kore_gate.simulator.scenarios import Scenario
from tests.fakes.files import write_demo, write_named
from tests.fakes.pipeline import Pipeline, make_settings

INT, TERM = 2, 15


def interrupted(pipeline: Pipeline, settings: Settings, when: Callable[[], bool] | float, signum: int = TERM) -> Result:
    """Run a call, and interrupt it at a time, or once something is so."""
    call = pipeline.prepare(settings)

    async def run() -> Result:
        work = asyncio.create_task(call.run())
        if callable(when):
            while not when():
                await pipeline.clock.sleep(0.01)
        else:
            await pipeline.clock.sleep(when)
        call.interrupt(signum)
        return await work

    return pipeline.clock.run(run())


def seen(pipeline: Pipeline, kind: str) -> Callable[[], bool]:
    """Tell, when asked, whether Kore.ai has answered a call of this kind."""
    return lambda: any(entry.kind == kind for entry in pipeline.simulator.log)


def asked(pipeline: Pipeline, ending: str) -> Callable[[], bool]:
    """Tell, when asked, whether a request to such an address is under way."""
    return lambda: any(request.url.path.endswith(ending) for request in pipeline.kore.requests)


def check_reports(pipeline: Pipeline, code: int) -> None:
    """See that every report is there, and none of it green."""
    saved = json.loads((pipeline.reports / "kore-result.json").read_bytes())
    assert saved["verdict"]["exit_code"] == code
    junit = [JUnitXml.fromfile(str(path)) for path in pipeline.reports.glob("TEST-kore-*.xml")]
    assert sum(any(suite.errors for suite in one) for one in junit) >= 1


@pytest.mark.parametrize(
    ("signum", "code", "name"), [(INT, 130, "SIGINT"), (TERM, 143, "SIGTERM")], ids=["SIGINT", "SIGTERM"]
)
def test_interrupt__while_waiting(tmp_path: pathlib.Path, signum: int, code: int, name: str) -> None:
    """A signal ends the wait at once, with reports, the way to go on, and its own exit code."""
    pipeline = Pipeline(tmp_path / "reports")

    result = interrupted(pipeline, make_settings(), 20.0, signum)

    assert pipeline.clock.monotonic() == 20
    assert result.verdict.exit_code == code
    assert result.verdict.message == f"Import: interrupted by {name}; last status: IN_PROGRESS."
    assert result.suites[0].resume == "kore-gate wait --ds-id ds-demo-1"
    check_reports(pipeline, code)


def test_interrupt__before_the_start(tmp_path: pathlib.Path) -> None:
    """A signal that comes before anything began leaves a report, and nothing is sent."""
    pipeline = Pipeline(tmp_path / "reports")
    call = pipeline.prepare(make_settings())
    call.interrupt(TERM)

    result = pipeline.clock.run(call.run())

    assert result.verdict.exit_code is ExitCode.SIGTERM
    assert pipeline.kore.requests == []
    check_reports(pipeline, 143)


PHASES: dict[str, tuple[Callable[[Pipeline], Callable[[], bool]], Phase, bool]] = {
    "uploading": (lambda one: asked(one, "/uploadfile"), Phase.UPLOAD, False),
    "starting the import": (lambda one: asked(one, "/import"), Phase.IMPORT, False),
    "importing": (lambda one: seen(one, "import-status"), Phase.IMPORT, True),
    "starting the run": (lambda one: asked(one, "/run"), Phase.RUN, False),
    "running": (lambda one: seen(one, "run-status"), Phase.RUN, True),
}


@pytest.mark.parametrize(("reached", "phase", "resumable"), PHASES.values(), ids=PHASES)
def test_interrupt__each_phase(
    tmp_path: pathlib.Path, reached: Callable[[Pipeline], Callable[[], bool]], phase: Phase, resumable: bool
) -> None:
    """Whatever the gate is doing, it stops there, and promises a way to go on only where there is one."""
    write_demo(tmp_path, 1)
    pipeline = Pipeline(tmp_path / "reports")

    result = interrupted(pipeline, make_settings(command="test", files=("*.json",)), reached(pipeline))

    [only] = result.suites
    assert (result.verdict.exit_code, only.phase) == (ExitCode.SIGTERM, phase)
    assert bool(only.resume) is resumable
    assert ("command below" in only.verdict.hint) is resumable
    check_reports(pipeline, 143)


def test_interrupt__between_tries(tmp_path: pathlib.Path) -> None:
    """A wait before another try is cut short like any other."""
    down = Scenario(name="down", description="", faults=(scenarios.FAULTS["bad-gateway"],))
    pipeline = Pipeline(tmp_path / "reports", scenario=down)

    result = interrupted(pipeline, make_settings(outage_limit=600.0), 40.0)

    assert pipeline.clock.monotonic() == 40
    assert result.verdict.message == "Import: interrupted by SIGTERM."
    check_reports(pipeline, 143)


def test_interrupt__waiting_for_a_turn(tmp_path: pathlib.Path) -> None:
    """Suites that had not begun are told of as well; those that had ended keep their results."""
    write_named(tmp_path, ["a", "b", "c", "d"])
    pipeline = Pipeline(tmp_path / "reports", by_suite={"b": "stuck"}, job_seconds=10.0)

    result = interrupted(pipeline, make_settings(command="test", files=("*.json",), max_parallel=2), 36.0, INT)

    assert [one.verdict.ending for one in result.suites] == [Ending.PASSED, *[Ending.INTERRUPTED] * 3]
    assert [bool(one.ds_id) for one in result.suites] == [True, True, True, False]
    assert result.verdict.exit_code is ExitCode.SIGINT
    assert len(list(pipeline.reports.glob("TEST-kore-*.xml"))) == 4


def test_interrupt__keeps_what_a_run_told(tmp_path: pathlib.Path) -> None:
    """An interrupted run reports every step of its suite, as not executed."""
    write_demo(tmp_path, 1)
    pipeline = Pipeline(tmp_path / "reports")

    result = interrupted(pipeline, make_settings(command="test", files=("*.json",)), seen(pipeline, "run-status"))

    suite = result.suites[0].suite
    assert suite is not None
    assert [step.outcome for step in suite.steps] == [Outcome.SKIPPED] * 4


def test_interrupt__during_the_download(tmp_path: pathlib.Path) -> None:
    """A suite that had come to its verdict keeps it, without the results file; the call is interrupted all the same."""
    slow = Scenario(
        name="slow", description="", link=True, faults=(scenarios.FAULTS["hanging"],), calls=frozenset({"download"})
    )
    pipeline = Pipeline(tmp_path / "reports", scenario=slow)

    result = interrupted(pipeline, make_settings(), asked(pipeline, ".csv"))

    assert result.suites[0].verdict.ending is Ending.PASSED
    assert (result.verdict.ending, result.verdict.exit_code) == (Ending.INTERRUPTED, ExitCode.SIGTERM)
    assert "until then: Import: accepted by Kore.ai" in result.verdict.message
    assert list(pipeline.reports.glob("kore-results*")) == []


@pytest.mark.parametrize("when", ["import-status", "run-status"])
def test_interrupt__resumes(tmp_path: pathlib.Path, when: str) -> None:
    """The commands that an interrupted call prints bring its suite to the end, and nothing is started twice."""
    write_demo(tmp_path, 1)
    pipeline = Pipeline(tmp_path / "reports")
    first = interrupted(pipeline, make_settings(command="test", files=("*.json",)), seen(pipeline, when))

    codes = []
    for command in first.suites[0].resume.split(" && "):
        match shlex.split(command):
            case ["kore-gate", "wait", "--ds-id", ds_id]:
                codes.append(pipeline.run(ds_id=(ds_id,)).code)
            case ["kore-gate", "run", name, *rest]:
                codes.append(pipeline.run(command="run", suites=(name,), run_id=tuple(rest[1:])).code)

    assert codes == ([0, 0] if when == "import-status" else [0])
    kinds = [entry.kind for entry in pipeline.simulator.log]
    assert (kinds.count("import"), kinds.count("run")) == (1, 1)


def test_interrupt__wait_resumes(tmp_path: pathlib.Path) -> None:
    """A second wait goes on where the first was interrupted."""
    pipeline = Pipeline(tmp_path / "reports")
    interrupted(pipeline, make_settings(), 20.0)

    ended = pipeline.run(ds_id=scenarios.DS_IDS[:1])

    assert ended.code == 0
    assert ended.seconds < 70


def test_interrupt__twice_is_once(tmp_path: pathlib.Path) -> None:
    """A second interruption while reports are being made changes nothing."""
    pipeline = Pipeline(tmp_path / "reports")
    call = pipeline.prepare(make_settings())

    async def run() -> Result:
        work = asyncio.create_task(call.run())
        await asyncio.sleep(5)
        call.interrupt(TERM)
        call.interrupt(TERM)
        result = await work
        call.interrupt(TERM)
        return result

    result = pipeline.clock.run(run())

    assert result.verdict.exit_code is ExitCode.SIGTERM
    check_reports(pipeline, 143)


def test_interrupt__one_command_for_all(tmp_path: pathlib.Path) -> None:
    """What is printed takes up every suite of the call at once, and its reports replace each other's nowhere."""
    names = ["two  spaces", "a\u200bb", "##[error]x"]
    write_named(tmp_path, names)
    pipeline = Pipeline(tmp_path / "reports", scenario="stuck")

    result = interrupted(pipeline, make_settings(command="test", files=("*.json",)), 20.0)
    pipeline.prepare(make_settings()).conclude(result)

    [line] = [line for line in pipeline.stderr.getvalue().splitlines() if line.startswith("Resume with: ")]
    wait, run = line.removeprefix("Resume with: ").split(" && ")
    assert shlex.split(wait)[-1].split(",") == [one.ds_id for one in result.suites]
    assert sorted(shlex.split(run)[2:]) == sorted(names)
    assert "##[" not in line


def test_interrupt__while_reports_are_written(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal that comes while reports are written changes the verdict, and every report shows it."""
    pipeline = Pipeline(tmp_path / "reports")
    call = pipeline.prepare(make_settings())
    render = html.render

    def interrupt(result: Result, trends: Sequence[Trend]) -> bytes:
        call.note_signal(TERM)
        return render(result, trends)

    monkeypatch.setattr(html, "render", interrupt)

    result = pipeline.clock.run(call.run())

    assert result.verdict.message.startswith("Interrupted by SIGTERM; until then: Import: accepted by Kore.ai")
    saved = json.loads((pipeline.reports / "kore-result.json").read_bytes())
    assert (saved["verdict"]["exit_code"], saved["suites"][0]["verdict"]["exit_code"]) == (143, 0)
    assert "Interrupted by SIGTERM" in (pipeline.reports / "kore-report.html").read_text("utf-8")


@pytest.mark.parametrize("ci", ["none", "gitlab"])
def test_interrupt__no_time_for_reports(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, ci: str) -> None:
    """When there is hardly any time left, what takes no time is written, a red JUnit file for each suite included."""
    pipeline = Pipeline(tmp_path / "reports", ci=ci)
    call = pipeline.prepare(make_settings())
    monkeypatch.setattr("kore_gate.reports.write.write", lambda *_: call.cut())

    async def run() -> Result:
        work = asyncio.create_task(call.run())
        await pipeline.clock.sleep(20)
        call.interrupt(TERM)
        return await work

    result = pipeline.clock.run(run())

    assert result.verdict.exit_code is ExitCode.SIGTERM
    assert [suite.suite for suite in result.suites] == [None]
    check_reports(pipeline, 143)
    names = {path.name for path in pipeline.reports.iterdir()}
    assert names - {"kore.env"} == {"TEST-kore-ds-demo-1.xml", "kore-result.json", "kore-summary.md"}
    assert ("kore.env" in names) is (ci == "gitlab")
    assert "kore-report.html" not in (pipeline.reports / "kore-summary.md").read_text()


def test_interrupt__no_time_and_no_draft(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A suite whose id was never known gets its red JUnit file even then."""
    write_demo(tmp_path, 1)
    pipeline = Pipeline(tmp_path / "reports")
    call = pipeline.prepare(make_settings(command="test", files=("*.json",)))
    monkeypatch.setattr("kore_gate.reports.write.write", lambda *_: call.cut())
    call.interrupt(TERM)

    pipeline.clock.run(call.run())

    check_reports(pipeline, 143)
    assert len(list(pipeline.reports.glob("TEST-kore-*.xml"))) == 1
