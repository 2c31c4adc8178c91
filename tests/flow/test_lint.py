"""`kore-gate lint`, and what a call says of the suites it takes through the chain."""

import json
import os
import pathlib
import re
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from kore_gate import cli
from kore_gate.errors import ExitCode
from kore_gate.gate import lint
from kore_gate.reports.lint import JUNIT, QUALITY, SARIF
from kore_gate.reports.write import PAGE, RESULT, SUMMARY
from kore_gate.simulator import scenarios
from tests.fakes.files import write_demo, write_named
from tests.fakes.pipeline import Pipeline
from tests.reports import Reports, check_last_lines

PAGE_OF_DOCS = (pathlib.Path(__file__).parents[2] / "docs" / "lint.md").read_text(encoding="utf-8")
GOOD = {"name": "Good", "testSteps": [{"input": "Hi", "outputs": ["Hello!"]}]}


class Folder:
    """A repository, in which the program is started as a user starts it."""

    def __init__(self, path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.path, self.monkeypatch, self.capsys = path, monkeypatch, capsys
        self.stdout = self.stderr = ""

    def write(self, name: str, content: Any) -> None:
        """Write a suite file."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content, indent=2), encoding="utf-8")

    def lint(self, *argv: str, **environ: str) -> int:
        """Run the command; return its exit code."""
        with self.monkeypatch.context() as patch:
            for name in os.environ:
                patch.delenv(name)
            for name, value in environ.items():
                patch.setenv(name, value)
            code = cli.main(["lint", *argv])
        self.stdout, self.stderr = self.capsys.readouterr()
        return code

    def read(self, name: str) -> Any:
        """Return what a JSON report holds."""
        return json.loads((self.path / "junit-reports" / name).read_bytes())

    @property
    def reports(self) -> list[str]:
        """Name the reports."""
        return sorted(path.name for path in (self.path / "junit-reports").iterdir())


@pytest.fixture
def folder(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Folder]:
    """Return a folder to work in; the test runner gets its signal handlers back."""
    monkeypatch.chdir(tmp_path)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield Folder(tmp_path, monkeypatch, capsys)
    for number, handler in before.items():
        signal.signal(number, handler)


def test_lint__example_of_the_page(folder: Folder) -> None:
    """What the page shows is what comes out."""
    (content,) = re.findall(r"```json\n(.*?)```", PAGE_OF_DOCS, re.DOTALL)
    ((command, shown),) = re.findall(r"```console\n\$ kore-gate lint (.*?)\n(.*?)```", PAGE_OF_DOCS, re.DOTALL)
    folder.write("balance.json", content)

    code = folder.lint(*command.split())

    assert folder.stderr == shown
    assert code == 1


def test_page__rules() -> None:
    """The page lists each rule with its severity and why, in the order of the settings."""
    rows = re.findall(r"^\| `([a-z-]+)` \| (\w+) \| (.*) \|$", PAGE_OF_DOCS, re.MULTILINE)

    assert rows == [(rule.id, rule.severity, rule.why) for rule in lint.RULES]


def test_lint__no_findings(folder: Folder) -> None:
    """Without findings it is green, and the reports say so."""
    folder.write("good.json", GOOD)

    code = folder.lint("good.json")

    assert code == 0
    check_last_lines(folder.stderr, ExitCode.PASSED)
    assert "Verdict: passed. No findings in 1 suite file." in folder.stderr
    assert folder.reports == [JUNIT, SARIF]
    assert folder.read(SARIF)["runs"][0]["results"] == []


def test_lint__strict(folder: Folder) -> None:
    """Warnings are green, unless they count as errors; soft-fail turns that into green again."""
    folder.write("a.json", {"testSteps": [{"input": "Hi", "outputs": ["Hello!"]}, {"input": "Bye"}]})

    codes = [folder.lint("a.json", *options) for options in ([], ["--lint-strict"], ["--lint-strict", "--soft-fail=1"])]

    assert codes == [0, 1, 0]


def test_lint__ignored(folder: Folder) -> None:
    """A rule that is switched off finds nothing, by variable as well."""
    folder.write("a.json", {"testSteps": [{"input": "Hi", "outputs": ["Hello!"]}, {"input": "Bye"}]})

    code = folder.lint("a.json", "--lint-strict", KORE_LINT_IGNORE="flow-off,step-without-assertion")

    assert code == 0


def test_lint__unknown_rule(folder: Folder) -> None:
    """An unknown rule is an error that names the one that may be meant."""
    code = folder.lint("a.json", "--lint-ignore", "flow-off,dynmic-text")

    assert code == 2
    assert "holds 'dynmic-text', which is unknown: did you mean dynamic-text?" in folder.stderr


def test_lint__unreadable(folder: Folder) -> None:
    """Files that can't be read are all named, with code 2, and no older report is left."""
    folder.write("good.json", GOOD)
    folder.lint("good.json")
    folder.write("bad.json", '{"testSteps": [')
    folder.write("empty.json", "")

    code = folder.lint("*.json", "missing.json")

    assert code == 2
    assert "bad.json is not valid JSON: Expecting value, line 1" in folder.stderr
    assert "empty.json is empty." in folder.stderr
    assert "'missing.json' matches no file" in folder.stderr
    assert folder.reports == []


def test_lint__files_of_other_forms(folder: Folder) -> None:
    """A JSON object that is not a suite is a warning, never a crash."""
    folder.write("package.json", {"dependencies": {"a": "1"}})

    code = folder.lint("package.json")

    assert code == 0
    assert "package.json:1: warning not-understood: The suite cannot be read as a whole:" in folder.stderr


def test_lint__json_on_stdout(folder: Folder) -> None:
    """Machines get the SARIF on stdout, and nothing else there."""
    folder.write("good.json", GOOD)

    folder.lint("good.json", "--output", "json")

    assert json.loads(folder.stdout) == folder.read(SARIF)


def test_lint__paths_from_the_repository(folder: Folder) -> None:
    """Started in a folder of the repository, reports name files from its root, and people see them from the folder."""
    (folder.path / ".git").mkdir()
    folder.write("bots/bank/a.json", {"testSteps": [{"input": "Hi"}]})
    folder.monkeypatch.chdir(folder.path / "bots" / "bank")

    folder.lint("a.json", "--report-dir", str(folder.path / "junit-reports"), GITLAB_CI="true")

    assert "a.json:1: error suite-without-content: " in folder.stderr
    assert "bots" not in folder.stderr.partition("Reports:")[0]
    results = folder.read(SARIF)["runs"][0]["results"]
    places = [result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in results]
    assert set(places) == {"bots/bank/a.json"}
    assert {entry["location"]["path"] for entry in folder.read(QUALITY)} == {"bots/bank/a.json"}


@pytest.mark.parametrize(("variable", "extra"), [("GITLAB_CI", [QUALITY]), ("GITHUB_ACTIONS", []), ("TF_BUILD", [])])
def test_lint__ci(folder: Folder, variable: str, extra: list[str]) -> None:
    """GitLab gets its own report; GitHub and Azure get annotations at the line."""
    folder.write("a.json", {"name": "A", "testSteps": [{"input": "Hi", "outputs": ["Hello!"]}, {"input": "Bye"}]})

    folder.lint("a.json", **{variable: "true"})

    assert folder.reports == sorted([JUNIT, SARIF, *extra])
    assert ("::warning file=a.json,line=10," in folder.stdout) is (variable == "GITHUB_ACTIONS")
    assert ("##vso[task.logissue type=warning;sourcepath=a.json;linenumber=10;]" in folder.stdout) is (
        variable == "TF_BUILD"
    )


def test_lint__a_later_call_keeps_its_reports(folder: Folder, tmp_path: pathlib.Path) -> None:
    """The files of the lint stay where a call leaves its own reports beside them."""
    write_demo(tmp_path)
    folder.lint("*.json", "--report-dir", "reports")

    Pipeline(tmp_path / "reports").run(command="test", files=("suite-*.json",))

    assert {JUNIT, SARIF, RESULT} <= {path.name for path in (tmp_path / "reports").iterdir()}


def test_test__drifting_text(tmp_path: pathlib.Path) -> None:
    """A text with a date and an amount fails in every run, with other values; the lint says it in every report."""
    write_demo(tmp_path, 1)
    pipeline = Pipeline(tmp_path / "reports", scenario="drifting-text")
    ended = pipeline.run(command="test", files=("*.json",))
    later = Pipeline(tmp_path / "later", scenario="drifting-text")
    later.clock.run(later.clock.sleep(90_000))
    again = later.run(command="test", files=("*.json",))

    [suite] = ended.result.suites
    actual = [call.result.suites[0].steps[-1].replies[0].actual for call in (ended, again)]
    assert (ended.code, again.code) == (1, 1)
    assert len({None, *actual}) == 3
    assert ("dynamic-text", 5) in [(row.rule, row.step) for row in suite.lint]
    [saved] = Reports(ended.reports).result["suites"]
    assert saved["lint"][0] == {
        "rule": "dynamic-text",
        "severity": "warning",
        "message": "“What is my balance today?” compares a date literally: 3 May 2026.",
        "step": 5,
    }
    for name in (SUMMARY, PAGE):
        assert "<code>dynamic-text</code> (step 5)" in (ended.reports / name).read_text("utf-8")
    assert "dynamic-text" not in Reports(ended.reports).junit


def test_test__nothing_found(tmp_path: pathlib.Path) -> None:
    """Without findings no report speaks of the lint, and rules that are switched off leave none."""
    write_named(tmp_path, ["Plain"])
    plain = Pipeline(tmp_path / "reports").run(command="test", files=("*.json",))
    write_demo(tmp_path, 1)
    ignoring = Pipeline(tmp_path / "others").run(
        command="test", files=("suite-1.json",), lint_ignore=("flow-off", "dynamic-text")
    )

    for ended in (plain, ignoring):
        assert ended.result.suites[0].lint == ()
        assert "lint" not in Reports(ended.reports).result["suites"][0]
        assert "Lint" not in (ended.reports / SUMMARY).read_text("utf-8") + (ended.reports / PAGE).read_text("utf-8")


def test_test__lint_fails(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in the lint costs neither the verdict nor a report."""
    write_demo(tmp_path, 1)

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(lint, "annotated", fail)
    ended = Pipeline(tmp_path / "reports").run(command="test", files=("*.json",))

    assert ended.code == 0
    Reports(ended.reports).check(ExitCode.PASSED)


@pytest.mark.parametrize(("least", "code"), [(6, 0), (7, 1)])
@pytest.mark.parametrize("command", ["import", "test"])
def test_min_assertions(tmp_path: pathlib.Path, command: str, least: int, code: int) -> None:
    """A suite with fewer enabled assertions than there must be is red in every report, whatever rules are off."""
    write_demo(tmp_path, 1)

    ended = Pipeline(tmp_path / "reports").run(
        command=command, files=("*.json",), min_assertions=least, lint_ignore=("too-few-assertions",)
    )

    assert ended.code == code
    Reports(ended.reports).check(ExitCode(code))
    assert ("has 6 of at least 7 enabled assertions" in ended.stderr) is (code == 1)


def test_min_assertions__only_counts(tmp_path: pathlib.Path) -> None:
    """A run of which Kore.ai only counts the steps proves no assertion."""
    pipeline = Pipeline(tmp_path / "reports", scenario="short-form")

    ended = pipeline.run(command="run", suites=(scenarios.DEMO_SUITES[0]["name"],), min_assertions=1)

    assert ended.code == 1
    assert "The suite has 0 of at least 1 enabled assertion; otherwise: Run: 4 steps passed." in ended.stderr


def test_min_assertions__gravest_stays(tmp_path: pathlib.Path) -> None:
    """What ended badly keeps its verdict."""
    ended = Pipeline(tmp_path / "reports", scenario="empty").run(min_assertions=1)

    assert ended.code == ExitCode.NOTHING_TO_TEST
