import datetime
import json
import pathlib
import re
import shlex
from typing import Any

import lxml.html
import pytest

from kore_gate import cli, text
from kore_gate.ci.dialects import Context
from kore_gate.commands import report
from kore_gate.errors import Ending
from kore_gate.model import Phase
from kore_gate.reports.write import PAGE, RESULT
from kore_gate.settings.sources import Settings
from kore_gate.simulator import scenarios
from tests.fakes.pipeline import Ended, Pipeline, make_settings
from tests.fakes.screens import Screen

DOCS = (pathlib.Path(__file__).parents[2] / "docs" / "reports.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.finditer(r"```sh\n(kore-gate demo.*?)```.*?```text\n(.*?)```", DOCS, re.DOTALL)
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
        "other.json: This is not a kore-result.json of schema 1 to 2 (its schema: None). It is left out."
        in ended.stderr
    )


@pytest.mark.parametrize(("command", "version"), [("test", "published"), ("import", "")])
def test_result__language_and_version(tmp_path: pathlib.Path, command: str, version: str) -> None:
    """The result says which language and version of the bot were tested; an import runs none."""
    (tmp_path / "suite.json").write_text(json.dumps(SUITE), encoding="utf-8")
    files: dict[str, Any] = {"ds_id": (), "files": ("suite.json",), "bot_language": "hi", "bot_version": "published"}

    ended = Pipeline(tmp_path / "reports").run(command=command, **files)

    assert (ended.result.bot_language, ended.result.bot_version) == ("hi", version)


def on_day(number: int, reports: pathlib.Path, scenario: str = "failing-tests", **flags: Any) -> Ended:
    """Take the demo's suites through the whole chain, so many days after the first call."""
    for suite in scenarios.DEMO_SUITES:
        (reports.parent / f"{text.file_name(suite['name'])}.json").write_text(json.dumps(suite), encoding="utf-8")
    pipeline = Pipeline(reports, scenario=scenario)
    pipeline.clock.start += datetime.timedelta(days=number)
    return pipeline.run(command="test", ds_id=(), files=("*.json",), **flags)


def failures(reports: pathlib.Path) -> list[str]:
    """Return what stands beside each failure at the top of the page."""
    page: Any = lxml.html.parse(reports / PAGE).getroot()
    items = page.xpath("//section[@id='failures']//li")
    return [" ".join("".join(item.xpath("./a//text() | ./small//text() | text()")).split()) for item in items]


def test_docs__example(tmp_path: pathlib.Path) -> None:
    """The example of the documentation shows what stands below it."""
    lines = []
    for number, line in enumerate(EXAMPLE[1].splitlines()):
        arguments = cli.parse(shlex.split(line)[1:], ("wait", "default"))
        reports = tmp_path / arguments.settings["report-dir"]
        reports.parent.mkdir(exist_ok=True)
        folders = tuple(str(tmp_path / name) for name in arguments.settings.get("history", "").split())
        on_day(number, reports, arguments.scenario, history=folders)
        lines += [f"{arguments.settings['report-dir']}: {line}" for line in failures(reports)[:1]]

    assert EXAMPLE[2].splitlines() == lines


def test_page__own_files_count_once(tmp_path: pathlib.Path) -> None:
    """A report directory within the history, and a draft in it, add no run."""
    history = tmp_path / "history"
    on_day(0, tmp_path / "history", scenario="passing")
    (tmp_path / "history" / "old.json").write_bytes((history / RESULT).read_bytes())

    on_day(1, history, history=(str(tmp_path),))

    page = (history / PAGE).read_text(encoding="utf-8")
    assert "Last 2 runs, and the tests that failed in them" in page
    assert all(line.endswith("· New") for line in failures(history))


def test_report__same_page(tmp_path: pathlib.Path) -> None:
    """`report` with the same history makes the page again byte for byte; without it, there is none on the page."""
    folder = (str(tmp_path),)
    on_day(0, tmp_path / "first")
    second = on_day(1, tmp_path / "second", history=folder).reports
    before = (second / PAGE).read_bytes()
    on_day(2, tmp_path / "third")  # later runs say nothing of this one

    for history in (folder, ()):
        settings = Settings(command="report", files=(str(second / RESULT),), history=history)
        assert report.run(settings, Screen().console, Context()) == 0
        assert ((second / PAGE).read_bytes() == before) is bool(history)
    assert not any("run" in line for line in failures(second))


def test_report__merged(tmp_path: pathlib.Path) -> None:
    """A merge of shards and languages knows the earlier runs of each suite; what cannot be read is a warning."""
    for day in range(2):
        for language in ("en", "hi"):
            on_day(day, tmp_path / f"day-{day}-{language}", bot_language=language)
    files = tuple(str(path) for path in sorted(tmp_path.glob("day-1-*/kore-result.json")))
    screen = Screen()

    settings = Settings(
        command="report", files=files, history=(str(tmp_path), "nowhere"), report_dir=str(tmp_path / "merged")
    )
    code = report.run(settings, screen.console, Context())

    assert code == 1
    assert "Warning: history: nowhere is neither a file nor a folder. It is left out." in screen.stderr
    page = (tmp_path / "merged" / PAGE).read_text(encoding="utf-8")
    assert page.count("Last 2 runs, and the tests that failed in them") == 6
    assert all("Failed first on 2026-01-02 or earlier (1 run ago)" in line for line in failures(tmp_path / "merged"))


def test_history__interrupted(tmp_path: pathlib.Path) -> None:
    """After a signal there is no time for earlier results: the page goes without."""
    on_day(0, tmp_path / "first")
    pipeline = Pipeline(tmp_path / "second", scenario="failing-tests")
    pipeline.clock.start += datetime.timedelta(days=1)
    files = {"ds_id": (), "files": ("*.json",), "history": (str(tmp_path / "first"),)}
    call = pipeline.prepare(make_settings(command="test", **files))
    pipeline.clock.loop.call_later(1, call.interrupt, 15)

    result = pipeline.clock.run(call.run())

    assert result.verdict.ending is Ending.INTERRUPTED
    assert "Last 2 runs" not in (pipeline.reports / PAGE).read_text(encoding="utf-8")


def test_history__interrupted_meanwhile(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal while earlier results are read ends that, and the reports say it."""
    on_day(0, tmp_path / "first")
    pipeline = Pipeline(tmp_path / "second")
    pipeline.clock.start += datetime.timedelta(days=1)
    files = {"ds_id": (), "files": ("*.json",), "history": (str(tmp_path / "first"),)}
    call = pipeline.prepare(make_settings(command="test", **files))
    monkeypatch.setattr("kore_gate.reports.history.trends", lambda *_: call.note_signal(15))

    result = pipeline.clock.run(call.run())

    assert result.verdict.message.startswith("Interrupted by SIGTERM; until then")
    assert "Interrupted by SIGTERM" in (pipeline.reports / PAGE).read_text(encoding="utf-8")


def test_history__a_bug(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No bug in what compares with earlier results costs a report or changes the verdict."""
    on_day(0, tmp_path / "first")
    monkeypatch.setattr("kore_gate.reports.history.trends", lambda *_: 1 / 0)

    ended = on_day(1, tmp_path / "second", scenario="passing", history=(str(tmp_path / "first"),))

    assert ended.code == 0
    assert (ended.reports / PAGE).is_file()
