import dataclasses
import json
import pathlib
from typing import Any

import pytest

from kore_gate import errors
from kore_gate.commands import report
from kore_gate.reports import html, result
from kore_gate.reports.write import RESULT
from kore_gate.settings import parsers
from kore_gate.settings.sources import Settings
from kore_gate.simulator import scenarios
from tests import builders
from tests.fakes.pipeline import Ended, Pipeline, make_settings
from tests.fakes.screens import Screen

CALLS = [
    *(
        ("wait", name)
        for name in ("passing", "failing", "stuck", "refused", "vanishing", "empty", "hostile", "results-link")
    ),
    *(
        ("run", name)
        for name in ("passing", "failing-tests", "run-error", "short-form", "contradiction", "not-executed")
    ),
]
FORMS = [("rich", "assertion"), ("rich", "step"), ("strict", "assertion"), ("strict", "step")]


def call(reports: pathlib.Path, scenario: str, **changes: Any) -> Ended:
    """Run a call whose reports are rendered again later."""
    hints = scenarios.SCENARIOS[scenario].settings
    soon = {name.replace("-", "_"): parsers.duration(text) for name, text in hints.items()}
    settings = make_settings(**soon, **changes)
    return Pipeline(reports, scenario=scenario).run(settings)


def contents(directory: pathlib.Path) -> dict[str, bytes]:
    """Return what every file of a directory holds."""
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def again(path: pathlib.Path, screen: Screen | None = None, /, **flags: str) -> int:
    """Render a saved result again, with these settings given as flags."""
    sources = {name.replace("_", "-"): "flag" for name in flags}
    settings = Settings(command="report", files=(str(path),), sources=sources, **flags)  # type: ignore[arg-type] # texts
    return report.run(settings, (screen or Screen()).console)


@pytest.mark.parametrize(("command", "scenario"), CALLS)
def test_run__same_bytes(tmp_path: pathlib.Path, command: str, scenario: str) -> None:
    """However a call ended, its reports are made again byte for byte, and nothing else is."""
    ended = call(tmp_path / "reports", scenario, command=command, suites=("Balance", "Transfer / confirmation"))
    before = contents(ended.reports)
    for name in before:
        if not name.startswith("kore-results-") and name != RESULT:
            (ended.reports / name).unlink()

    code = again(ended.reports / RESULT)

    assert code == 0
    assert contents(ended.reports) == before


@pytest.mark.parametrize(("dialect", "granularity"), FORMS)
def test_run__forms(tmp_path: pathlib.Path, dialect: str, granularity: str) -> None:
    """The form of the JUnit files is kept, or chosen anew: as if it had been chosen then."""
    form = {"junit_dialect": dialect, "junit_granularity": granularity}
    chosen = call(tmp_path / "chosen", "failing", **form)
    saved = tmp_path / "default.json"
    saved.write_bytes(result.render(dataclasses.replace(chosen.result, junit_dialect="rich", junit_granularity="step")))

    kept = again(chosen.reports / RESULT, report_dir=str(tmp_path / "kept"))
    changed = again(saved, report_dir=str(tmp_path / "changed"), **form)

    assert (kept, changed) == (0, 0)
    assert contents(tmp_path / "kept") == contents(chosen.reports)
    assert contents(tmp_path / "changed") == contents(chosen.reports)


def test_run__download_kept(tmp_path: pathlib.Path) -> None:
    """A results file that was saved stays, and stays in the list of files."""
    ended = call(tmp_path / "reports", "results-link")
    saved = [name for name in contents(ended.reports) if name.startswith("kore-results-")]

    again(ended.reports / RESULT)

    assert len(saved) == 1
    assert saved[0] in json.loads((ended.reports / RESULT).read_bytes())["files"]


def test_run__elsewhere(tmp_path: pathlib.Path) -> None:
    """Reports go where they are asked to, which is made if missing; the saved result is not touched."""
    saved = tmp_path / "saved.json"
    saved.write_bytes(result.render(builders.make_call()))

    code = again(saved, report_dir=str(tmp_path / "a" / "b"))

    assert code == 0
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["saved.json"]
    assert sorted(contents(tmp_path / "a" / "b")) == [
        "TEST-kore-Banking-regression.xml",
        "kore-report.html",
        RESULT,
        "kore-summary.md",
    ]


def test_run__last_lines(tmp_path: pathlib.Path) -> None:
    """The last two lines show the saved verdict, and that this time nothing was judged."""
    ended = call(tmp_path / "reports", "failing")
    screen = Screen()

    again(ended.reports / RESULT, screen)

    verdict, code = screen.stderr.splitlines()[-2:]
    assert verdict.startswith("Verdict: job-failed. ")
    assert code.startswith("Exit code: 0 (rendered again; the original exit code was 3: ")


def test_run__json(tmp_path: pathlib.Path) -> None:
    """Machines get the result on stdout, and nothing else there."""
    ended = call(tmp_path / "reports", "passing")
    screen = Screen(quiet_stdout=True)

    again(ended.reports / RESULT, screen, output="json")

    content = json.loads(screen.stdout)
    assert content["suites"] == json.loads((ended.reports / RESULT).read_bytes())["suites"]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("missing.json", "missing.json cannot be read: No such file or directory."),
        (".", "cannot be read: Is a directory."),
    ],
)
def test_run__unreadable(tmp_path: pathlib.Path, name: str, problem: str) -> None:
    """A file that can't be read is a problem of the settings."""
    with pytest.raises(errors.SettingsError) as refused:
        again(tmp_path / name)

    assert refused.value.details[0].endswith(problem)


def test_run__several(tmp_path: pathlib.Path) -> None:
    """One result is rendered at a time."""
    settings = Settings(command="report", files=("a.json", "b.json"))

    with pytest.raises(errors.SettingsError) as refused:
        report.run(settings, Screen().console)

    assert refused.value.details == ("report takes one saved result, not 2.",)


def test_run__reports_fail(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each report that fails is named, one of them by the error that ends the program; the others are written."""
    saved = tmp_path / "saved.json"
    saved.write_bytes(result.render(builders.make_call()))
    (tmp_path / "kore-summary.md").mkdir()

    def fail(*_: object) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(html, "render", fail)
    screen = Screen()

    with pytest.raises(errors.ReportError, match=r"kore-summary\.md could not be written: Is a directory\."):
        again(saved, screen)

    assert "kore-report.html could not be created: ZeroDivisionError" in screen.stderr
    assert (tmp_path / "TEST-kore-Banking-regression.xml").is_file()
