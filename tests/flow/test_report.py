import json
import pathlib
from typing import Any

import pytest

from kore_gate import errors
from kore_gate.ci.dialects import Context
from kore_gate.commands import report
from kore_gate.errors import Ending
from kore_gate.model import replace
from kore_gate.reports import html, result
from kore_gate.reports.write import RESULT
from kore_gate.settings import parsers
from kore_gate.settings.sources import Settings
from kore_gate.simulator import scenarios
from tests import builders
from tests.fakes.pipeline import Ended, Pipeline, make_settings
from tests.fakes.runners import github_outputs
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
    return report.run(settings, (screen or Screen()).console, Context())


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
    saved.write_bytes(result.render(replace(chosen.result, junit_dialect="rich", junit_granularity="step")))

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


@pytest.mark.parametrize("name", ["missing.json", "missing*.json"])
def test_run__unreadable(tmp_path: pathlib.Path, name: str) -> None:
    """A file that can't be read is a problem of the settings."""
    with pytest.raises(errors.SettingsError) as refused:
        again(tmp_path / name)

    assert refused.value.details == (f"{tmp_path / name} cannot be read: No such file or directory.",)


def test_run__foreign(tmp_path: pathlib.Path) -> None:
    """A file that is no saved result is a problem of the settings, with the way out."""
    (tmp_path / "other.json").write_text("{}", encoding="utf-8")

    with pytest.raises(errors.SettingsError, match="not a kore-result") as refused:
        again(tmp_path / "other.json")

    assert "Use the kore-result.json of a finished command" in refused.value.hint


def merged(
    *names: pathlib.Path | str, screen: Screen | None = None, context: Context | None = None, **changes: Any
) -> int:
    """Merge saved results; return the exit code."""
    sources = {name.replace("_", "-"): "flag" for name in changes}
    settings = Settings(command="report", files=tuple(map(str, names)), sources=sources, **changes)
    return report.run(settings, (screen or Screen()).console, context or Context())


def shards(root: pathlib.Path, *endings: Ending, **changes: Any) -> list[pathlib.Path]:
    """Save the result of one suite for each ending, as shards do: each in a folder of its own."""
    files = [root / f"shard-{number}" / RESULT for number in range(1, len(endings) + 1)]
    for number, (file, ending) in enumerate(zip(files, endings, strict=True), 1):
        file.parent.mkdir(parents=True)
        suite = builders.make_result(ending, name=f"Suite {number}", key=f"{number}.json")
        file.write_bytes(result.render(builders.make_call(suite, **changes)))
    return files


@pytest.mark.parametrize("how", ["files", "pattern", "folder", "all of them"])
def test_merge__ways_to_name(tmp_path: pathlib.Path, how: str) -> None:
    """Results are named one by one, by a pattern or by their folder, in the order people count; each counts once."""
    files = shards(tmp_path / "results", *[Ending.PASSED] * 11)
    folder, pattern = tmp_path / "results", f"{tmp_path}/results/*/{RESULT}"
    names: dict[str, list[pathlib.Path | str]] = {
        "files": [*files],
        "pattern": [pattern],
        "folder": [folder],
        "all of them": [*files, pattern, folder],
    }

    code = merged(*names[how], report_dir=str(tmp_path / "merged"))

    whole, _ = result.load((tmp_path / "merged" / RESULT).read_bytes())
    assert code == 0
    assert [suite.name for suite in whole.suites] == [f"Suite {number}" for number in range(1, 12)]
    assert len(list((tmp_path / "merged").glob("TEST-kore-*.xml"))) == 11


def test_merge__is_one_call(tmp_path: pathlib.Path) -> None:
    """The reports of shards that are merged are those of one call, but for its times and its host's name."""
    names = ["Balance", "Transfer / confirmation"]
    whole = call(tmp_path / "whole", "failing-tests", command="run", suites=tuple(names))
    for name in names:
        call(tmp_path / "parts" / parsers.text(name[:4]), "failing-tests", command="run", suites=(name,))

    code = merged(tmp_path / "parts", report_dir=str(tmp_path / "merged"))

    assert code == whole.code == 1
    assert contents(tmp_path / "merged").keys() == contents(whole.reports).keys()
    again_, _ = result.load((tmp_path / "merged" / RESULT).read_bytes())
    assert again_.verdict == whole.result.verdict
    assert [suite.suite for suite in again_.suites] == [suite.suite for suite in whole.result.suites]


@pytest.mark.parametrize(
    ("endings", "code"),
    [
        ([Ending.PASSED, Ending.PASSED], 0),
        ([Ending.PASSED, Ending.FAILED], 1),
        ([Ending.FAILED, Ending.TIMED_OUT, Ending.NOTHING_TO_TEST], 4),
        ([Ending.INTERRUPTED, Ending.REFUSED], 143),
    ],
)
def test_merge__exit_code(tmp_path: pathlib.Path, endings: list[Ending], code: int) -> None:
    """The exit code is that of the gravest result, and the last two lines say the same."""
    screen = Screen()

    shards(tmp_path, *endings)

    assert merged(tmp_path, screen=screen, report_dir=str(tmp_path / "merged")) == code
    assert screen.stderr.splitlines()[-1].startswith(f"Exit code: {code} (")


def test_merge__soft_fail(tmp_path: pathlib.Path) -> None:
    """What is to be no failure is none after merging either, and that is said."""
    shards(tmp_path, Ending.PASSED, Ending.FAILED)
    screen = Screen()

    code = merged(tmp_path, screen=screen, report_dir=str(tmp_path / "merged"), soft_fail=(1,))

    assert code == 0
    assert "soft-fail: exit code 1 (failed) is turned into 0." in screen.stderr


def test_merge__again(tmp_path: pathlib.Path) -> None:
    """A merged result can be rendered again, byte for byte, and merged with more."""
    shards(tmp_path / "a", Ending.PASSED, Ending.FAILED, bot_language="en")
    (more,) = shards(tmp_path / "b", Ending.PASSED, bot_language="hi")
    merged(tmp_path / "a", report_dir=str(tmp_path / "m"))
    before = contents(tmp_path / "m")

    again(tmp_path / "m" / RESULT)
    code = merged(tmp_path / "m" / RESULT, more, report_dir=str(tmp_path / "mm"))

    assert contents(tmp_path / "m") == before
    assert code == 1
    assert len(list((tmp_path / "mm").glob("TEST-kore-*.xml"))) == 3


@pytest.mark.parametrize("total", [1, 3])
def test_merge__incomplete(tmp_path: pathlib.Path, total: int) -> None:
    """Fewer or more results than there must be are never green: a job may have died without one."""
    shards(tmp_path, Ending.PASSED, Ending.PASSED)
    screen = Screen()

    code = merged(tmp_path, screen=screen, report_dir=str(tmp_path / "merged"), total=total)

    assert code == 8
    message = f"2 results are there, total is {total}; otherwise: All 2 suites passed."
    assert f"Verdict: error. {message}" in screen.stderr
    assert f"total is {total}; otherwise" in (tmp_path / "merged" / "kore-report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("endings", "code"), [([Ending.PASSED] * 3, 0), ([Ending.INTERRUPTED], 143)])
def test_merge__complete(tmp_path: pathlib.Path, endings: list[Ending], code: int) -> None:
    """As many as there must be change nothing, and what is graver stays."""
    shards(tmp_path, *endings)

    assert merged(tmp_path, report_dir=str(tmp_path / "merged"), total=3) == code


def test_merge__one_result(tmp_path: pathlib.Path) -> None:
    """A folder with a single result is a merge: only a file that is named is rendered again with exit code 0."""
    (file,) = shards(tmp_path, Ending.FAILED)

    assert merged(tmp_path, report_dir=str(tmp_path / "m")) == 1
    assert merged(file, file.parent / "." / ".." / "shard-1" / RESULT, report_dir=str(tmp_path / "n")) == 1
    assert merged(file, report_dir=str(tmp_path / "o")) == 0


def test_merge__all_problems(tmp_path: pathlib.Path) -> None:
    """Everything that is wrong with the files is said at once, and nothing is written."""
    shards(tmp_path / "good", Ending.PASSED)
    (tmp_path / "bad.json").write_text("{}", encoding="utf-8")
    target = tmp_path / "merged"

    with pytest.raises(errors.SettingsError) as refused:
        merged(tmp_path / "bad.json", tmp_path / "missing.json", tmp_path / "good", report_dir=str(target))

    assert len(refused.value.details) == 2
    assert not target.exists()


def test_merge__empty_folder(tmp_path: pathlib.Path) -> None:
    """A folder without a result is an error that says so."""
    with pytest.raises(errors.SettingsError) as refused:
        merged(tmp_path)

    assert refused.value.details == (f"{tmp_path} has no {RESULT} in it.",)


def test_merge__in_the_place_of_a_part(tmp_path: pathlib.Path) -> None:
    """The merged result never takes the place of one it is made from: the next merge would count that twice."""
    files = shards(tmp_path, Ending.PASSED, Ending.PASSED)
    before = files[0].read_bytes()

    with pytest.raises(errors.SettingsError, match="is one of the results to merge"):
        merged(*files, report_dir=str(files[0].parent))

    assert files[0].read_bytes() == before


def test_merge__handed_over(tmp_path: pathlib.Path) -> None:
    """The CI system gets outputs and summary of the merge, as of one call; of a result rendered again, nothing."""
    files = shards(tmp_path, Ending.PASSED, Ending.FAILED, ci="gitlab")
    output, summary = tmp_path / "output", tmp_path / "summary"
    context = Context(ci="github", output_file=str(output), summary_file=str(summary))

    merged(files[0], context=context, report_dir=str(tmp_path / "one"))
    untouched = not output.exists() and not summary.exists()
    merged(*files, context=context, report_dir=str(tmp_path / "m"))

    assert untouched
    values = github_outputs(output.read_text(encoding="utf-8"))
    assert (values["verdict"], values["exit-code"]) == ("failed", "1")
    assert values["suite-name"] == '["Suite 1", "Suite 2"]'
    assert "Suite 2" in summary.read_text(encoding="utf-8")
    assert "KORE_VERDICT=failed" in (tmp_path / "m" / "kore.env").read_text(encoding="utf-8")


def test_merge__cannot_be_written(tmp_path: pathlib.Path) -> None:
    """A report, or a file of the CI system, that cannot be written ends a merge as it ends a call."""
    files = shards(tmp_path, Ending.PASSED, Ending.PASSED)

    with pytest.raises(errors.ReportError, match="could not be written"):
        merged(*files, context=Context(output_file=str(tmp_path)), report_dir=str(tmp_path / "m"))


def test_merge__earlier_reports(tmp_path: pathlib.Path) -> None:
    """What an earlier merge left is replaced, suites that are gone included."""
    files = shards(tmp_path, Ending.PASSED, Ending.PASSED)
    merged(*files, report_dir=str(tmp_path / "m"))

    merged(files[0].parent, report_dir=str(tmp_path / "m"))

    assert [path.name for path in (tmp_path / "m").glob("TEST-kore-*.xml")] == ["TEST-kore-Suite-1.xml"]


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
