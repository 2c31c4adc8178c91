import json
import pathlib
from typing import Any

import pytest

from kore_gate.errors import Ending
from kore_gate.model import Phase
from kore_gate.reports.write import RESULT
from kore_gate.simulator import scenarios
from tests.fakes.pipeline import Ended, Pipeline

SUITE = {**scenarios.DEMO_SUITES[0], "name": "खाता शेष"}


def ran(root: pathlib.Path, name: str, **changes: Any) -> tuple[Ended, int]:
    """Take a suite file through the whole chain, with jobs of a minute; return how that ended, and its requests."""
    (root / "suite.json").write_text(json.dumps(SUITE), encoding="utf-8")
    pipeline = Pipeline(root / name, job_seconds=60.0)
    ended = pipeline.run(command="test", ds_id=(), files=("suite.json",), **changes)
    return ended, len(pipeline.kore.requests)


def test_phases__of_jobs_that_ended(tmp_path: pathlib.Path) -> None:
    """The result says how long import and run took, each from its acceptance to the status that ended it."""
    ended, _ = ran(tmp_path, "reports")

    (suite,) = ended.result.suites
    assert list(suite.phases) == [Phase.IMPORT, Phase.RUN]
    assert all(60 <= seconds < 65 for seconds in suite.phases.values())
    (saved,) = json.loads((ended.reports / RESULT).read_bytes())["suites"]
    assert saved["phases"] == {str(phase): seconds for phase, seconds in suite.phases.items()}


def test_phases__of_a_job_that_goes_on(tmp_path: pathlib.Path) -> None:
    """A job that was left at the deadline has no length."""
    ended, _ = ran(tmp_path, "reports", timeout=90.0)

    (suite,) = ended.result.suites
    assert suite.verdict.ending is Ending.TIMED_OUT
    assert list(suite.phases) == [Phase.IMPORT]


def test_history__fewer_requests(tmp_path: pathlib.Path) -> None:
    """A suite whose length is known from an earlier call is asked for when it is due."""
    first, many = ran(tmp_path, "first")

    second, few = ran(tmp_path, "second", history=(str(first.reports),))

    assert second.code == 0
    assert few < many
    assert second.seconds < first.seconds + 5


def test_history__unreadable(tmp_path: pathlib.Path) -> None:
    """History that cannot be read is a warning, and changes nothing."""
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "other.json").write_text("{}", encoding="utf-8")

    ended, _ = ran(tmp_path, "reports", history=(str(tmp_path / "old"), "nowhere"))

    assert ended.code == 0
    assert "Warning: history: nowhere is neither a file nor a folder. It is left out." in ended.stderr
    assert (
        "other.json: This is not a kore-result.json of schema 1 to 3 (its schema: None). It is left out."
        in ended.stderr
    )


@pytest.mark.parametrize(("command", "version"), [("test", "published"), ("import", "")])
def test_result__language_and_version(tmp_path: pathlib.Path, command: str, version: str) -> None:
    """The result says which language and version of the bot were tested; an import runs none."""
    (tmp_path / "suite.json").write_text(json.dumps(SUITE), encoding="utf-8")
    files: dict[str, Any] = {"ds_id": (), "files": ("suite.json",), "bot_language": "hi", "bot_version": "published"}

    ended = Pipeline(tmp_path / "reports").run(command=command, **files)

    assert (ended.result.bot_language, ended.result.bot_version) == ("hi", version)
