import json
import pathlib
import re
import shlex
from typing import Any

import pytest

from kore_gate import cli, errors, text
from kore_gate.ci.dialects import Context
from kore_gate.commands import policies, report
from kore_gate.errors import ExitCode
from kore_gate.gate import policy
from kore_gate.settings import sources
from kore_gate.settings.sources import Settings
from kore_gate.simulator import scenarios
from tests import strict
from tests.fakes.clock import FakeClock
from tests.fakes.pipeline import HOST, Ended, Pipeline
from tests.fakes.screens import Screen
from tests.reports import Reports, check_last_lines

PAGE = (pathlib.Path(__file__).parents[2] / "docs" / "policies.md").read_text(encoding="utf-8")
TABLE = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)
EXAMPLES = re.findall(r"```sh\n(kore-gate demo.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)
EVERYTHING = '[[known]]\nsuite = "*"\nstep = "*"\nassertion = "*"\nreason = "BOT-1 <b>`*|"\nuntil = 2026-12-31\n'


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """Work in a folder with the demo's suite files."""
    monkeypatch.chdir(tmp_path)
    for suite in scenarios.DEMO_SUITES:
        (tmp_path / f"{text.file_name(suite['name'])}.json").write_text(json.dumps(suite), "utf-8")
    return tmp_path


def wanted(**flags: str) -> Settings:
    """Read settings as a user's."""
    basics = {"host": HOST, "stream-id": scenarios.STREAM_ID, "client-id": scenarios.CLIENT_ID, "files": "*.json"}
    basics |= {"user-email": scenarios.USER_EMAIL} | {name.replace("_", "-"): value for name, value in flags.items()}
    settings, error = sources.read("test", basics, {"KORE_CLIENT_SECRET": scenarios.CLIENT_SECRET})
    assert error is None
    return settings


def gate(scenario: str = "failing-tests", reports: str = "reports", ci: str = "none", **flags: str) -> Ended:
    """Run a call to its end."""
    return Pipeline(pathlib.Path.cwd() / reports, scenario=scenario, ci=ci).run(wanted(**flags))


def shown(stderr: str) -> str:
    """Return what a call prints of its policies, and its last two lines."""
    (block,) = re.findall(r"^(?:Policies|Reruns): .*?\n(?=\n)", stderr, re.MULTILINE | re.DOTALL)
    block = re.sub(r"\(run ctr-[\da-f-]+, [^)]+\)", "(run ctr-…, 1m 1s)", block)
    return "\n".join([block.rstrip("\n"), "…", *stderr.rstrip("\n").split("\n")[-2:], ""])


def known_file(name: str = "known.toml", content: str = EVERYTHING) -> str:
    """Write a file of known failures."""
    pathlib.Path(name).write_text(content, encoding="utf-8")
    return name


EXAMPLE_NAMES = ["flaky", "service-down", "known", "baseline", "thresholds"]


@pytest.mark.parametrize(("commands", "output"), EXAMPLES, ids=EXAMPLE_NAMES)
def test_page__examples(commands: str, output: str) -> None:
    """The examples of the page print what stands below them."""
    assert TABLE
    known_file(content=TABLE[1])
    stderr = ""
    for line in commands.splitlines():
        arguments = cli.parse(shlex.split(line)[1:], ("wait", "default"))
        flags = {"report-dir": "junit-reports", **arguments.settings}
        stderr = gate(arguments.scenario, flags.pop("report-dir"), **flags).stderr

    assert shown(stderr) == output


@pytest.mark.parametrize("dialect", ["rich", "strict"])
@pytest.mark.parametrize("granularity", ["assertion", "step"])
def test_known__every_report(dialect: str, granularity: str) -> None:
    """Every report of a call whose failures are known is green, names them with the reason, and is inert."""
    ended = gate(known_failures=known_file(), junit_dialect=dialect, junit_granularity=granularity, ci="gitlab")

    reports = Reports(ended.reports)
    reports.check(ExitCode.PASSED)
    check_last_lines(ended.stderr, ExitCode.PASSED)
    assert ended.stderr.count("  KNOWN ") == 9
    assert "Verdict: passed. Passed with 9 known failures." in ended.stderr
    assert 'message="known until 2026-12-31: BOT-1 &lt;b&gt;`*|"' in reports.junit
    assert ('name="kore.policy.reason"' in reports.junit) == (dialect == "rich")
    page = (ended.reports / "kore-report.html").read_text("utf-8")
    summary = (ended.reports / "kore-summary.md").read_text("utf-8")
    assert "known until 2026-12-31: BOT-1 &lt;b&gt;`*|" in page
    assert "BOT-1 &#60;b&#62;&#96;&#42;&#124;" in summary
    assert "~ forgiven" in summary
    assert reports.result["forgiveness"] == {"known": 9, "baseline": 0, "tolerated": 0, "remarks": []}
    assert "KORE_KNOWN=9\n" in (ended.reports / "kore.env").read_text("utf-8")
    for path in reports.files if dialect == "strict" else []:
        assert strict.offences(path.read_bytes()) == []


def test_report__same_bytes() -> None:
    """Reports are rendered again from the saved marks, without the files of the policies."""
    ended = gate(known_failures=known_file(), max_failures="3")
    before = {path.name: path.read_bytes() for path in ended.reports.iterdir()}
    pathlib.Path("known.toml").unlink()

    assert json.loads(before["kore-result.json"])["schema"] == 3
    settings = Settings(command="report", files=(str(ended.reports / "kore-result.json"),))
    report.run(settings, Screen().console, Context(ci="none"))

    assert {path.name: path.read_bytes() for path in ended.reports.iterdir()} == before


def test_known__not_forgiven_for_good() -> None:
    """A result whose failures were known is not a baseline in which they failed."""
    gate(reports="before", known_failures=known_file())

    ended = gate(baseline="before/kore-result.json")

    assert ended.code == ExitCode.FAILED
    assert ended.result.forgiveness
    assert ended.result.forgiveness.baseline == 0


def test_baseline__of_a_baseline() -> None:
    """A failure of the baseline stays in the next one."""
    gate(reports="one")
    gate(reports="two", baseline="one/kore-result.json")

    assert gate(baseline="two/kore-result.json").code == ExitCode.PASSED


def test_baseline__in_the_report_directory() -> None:
    """The baseline may be the earlier result that the call replaces."""
    gate(reports="reports")

    assert gate(reports="reports", baseline="reports/kore-result.json").code == ExitCode.PASSED


def test_baseline__new_failures() -> None:
    """Against a green baseline every failure counts."""
    gate("passing", reports="before")

    ended = gate(baseline="before/kore-result.json")

    assert ended.code == ExitCode.FAILED
    assert "forgiven" not in ended.result.verdict.message


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("missing.json", None, "baseline: missing.json cannot be read: No such file or directory."),
        ("b.json", b"", "baseline: b.json: This is not a readable kore-result.json: "),
        ("b.json", b"[]", "baseline: b.json: This is not a kore-result.json of schema 1 to 3"),
        ("b.json", b'{"schema": 2}', "baseline: b.json: This is not a readable kore-result.json: "),
        ("b.json", b'{"schema": 9}', "baseline: b.json: This is not a kore-result.json of schema 1 to 3"),
        (".", None, "baseline: . cannot be read: Is a directory."),
    ],
    ids=["missing", "empty", "list", "bare", "later", "directory"],
)
def test_baseline__unusable(name: str, data: bytes | None, problem: str) -> None:
    """A baseline that cannot be used ends the call before anything is sent, with a report."""
    if data is not None:
        pathlib.Path(name).write_bytes(data)
    pipeline = Pipeline(pathlib.Path("reports").absolute(), scenario="failing-tests")

    ended = pipeline.run(wanted(baseline=name))

    assert ended.code == ExitCode.USAGE
    assert pipeline.kore.simulator.log == []
    assert ended.result.verdict.message.startswith(problem)
    assert Reports(ended.reports).red == [True]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"stream_id": "st-other"}, f"is of the bot 'st-other', not '{scenarios.STREAM_ID}'."),
        ({"suites": []}, "has no judged test: everything would be new."),
    ],
)
def test_baseline__foreign(changes: dict[str, Any], problem: str) -> None:
    """The result of another bot, or one without any judged test, is not a baseline."""
    before = gate("passing", reports="before").reports / "kore-result.json"
    before.write_text(json.dumps(json.loads(before.read_bytes()) | changes), "utf-8")

    ended = gate(baseline="before/kore-result.json")

    assert ended.code == ExitCode.USAGE
    assert ended.result.verdict.message == f"baseline: before/kore-result.json {problem}"


def test_files__every_problem_at_once() -> None:
    """The problems of both files are named together, with lines."""
    known_file(content="[[known]]\nsuite = 1\n")

    ended = gate(known_failures="known.toml", baseline="gone.json")

    assert ended.code == ExitCode.USAGE
    assert ended.result.verdict.details == (
        "known.toml, line 1: suite must be a text in quotes.",
        "known.toml, line 1: step is missing.",
        "known.toml, line 1: assertion is missing.",
        "known.toml, line 1: reason is missing.",
        "known.toml, line 1: until is missing.",
        "baseline: gone.json cannot be read: No such file or directory.",
    )


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\xff", "known-failures: k.toml is not UTF-8."),
        (
            b"#" * (policy.MOST_BYTES + 1),
            f"known-failures: k.toml is larger than 2 MiB ({policy.MOST_BYTES + 1} bytes).",
        ),
    ],
    ids=["binary", "huge"],
)
def test_known__unusable(data: bytes, problem: str) -> None:
    """A file that is not text of a sensible size is an error."""
    pathlib.Path("k.toml").write_bytes(data)

    assert gate(known_failures="k.toml").result.verdict.message == problem


def test_known__gone() -> None:
    """A file of known failures that is not there is an error, before anything is sent."""
    ended = gate(known_failures="gone.toml")

    assert ended.code == ExitCode.USAGE
    assert ended.result.verdict.message == "known-failures: gone.toml cannot be read: No such file or directory."


def test_known__saved_on_windows() -> None:
    """A byte order mark and the line ends of Windows are taken."""
    pathlib.Path("k.toml").write_bytes(b"\xef\xbb\xbf" + EVERYTHING.replace("\n", "\r\n").encode())

    assert gate(known_failures="k.toml").code == ExitCode.PASSED


@pytest.mark.parametrize("name", [name for name, one in scenarios.SCENARIOS.items() if one.test not in (0, 1)])
def test_policies__trouble(name: str) -> None:
    """Whatever is set, trouble keeps its exit code."""
    scenario = scenarios.SCENARIOS[name]
    known_file()

    ended = gate(name, known_failures="known.toml", min_pass_rate="1%", max_failures="999", **scenario.settings)

    assert ended.code == scenario.test


@pytest.mark.parametrize("name", [name for name, one in scenarios.SCENARIOS.items() if one.test == 1])
def test_policies__failures(name: str) -> None:
    """Only tests that Kore.ai names and judged are forgiven: counts and contradictions stay red."""
    known_file()

    ended = gate(name, known_failures="known.toml", min_pass_rate="1%", max_failures="999")

    assert (ended.code == ExitCode.PASSED) == (name in ("drifting-text", "failing-tests", "flaky", "hostile")), name
    Reports(ended.reports).check(ExitCode(ended.code))


def test_known_failures__command() -> None:
    """The file that the command prints for a result forgives its failures, once each has a reason."""
    reports = gate(reports="before").reports
    settings = Settings(command="known-failures", files=(str(reports / "kore-result.json"),))

    printed = policies.known_file(settings, FakeClock())

    assert printed.count("until = 2026-01-16\n") == 9
    known_file(content=printed)
    assert gate(known_failures="known.toml").code == ExitCode.USAGE
    known_file(content=printed.replace('reason = ""', 'reason = "BOT-1"'))
    again = gate(known_failures="known.toml")
    assert again.code == ExitCode.PASSED
    # Those that are known have their entry.
    settings = Settings(command="known-failures", files=(str(again.reports / "kore-result.json"),))
    assert "[[known]]" not in policies.known_file(settings, FakeClock())


@pytest.mark.parametrize("names", [("gone.json",), ("a", "b")])
def test_known_failures__unusable(names: tuple[str, ...]) -> None:
    """The command takes one result that is there."""
    with pytest.raises(errors.SettingsError):
        policies.known_file(Settings(command="known-failures", files=names), FakeClock())


def test_policies__other_commands() -> None:
    """A command that runs nothing has no use for policies, and takes variables that are set for all jobs."""
    pipeline = Pipeline(pathlib.Path("reports").absolute())

    ended = pipeline.run(baseline="gone.json", min_pass_rate=None)

    assert ended.code == ExitCode.PASSED
    assert ended.result.forgiveness is None


def test_policies__a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in a policy forgives nothing, and leaves reports."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(policy, "apply", fail)

    ended = gate(max_failures="99")

    assert ended.code == ExitCode.BUG
    assert Reports(ended.reports).ending == "error"


def test_policies__off() -> None:
    """Without policies nothing speaks of them."""
    ended = gate("failing-tests", ci="gitlab")

    for path in ended.reports.iterdir():
        content = path.read_text("utf-8").lower()
        assert not re.search(r"forgiven|kore\.policy|tolerated|kore_known", content), path.name


def test_policies__too_few_assertions() -> None:
    """A suite with fewer assertions than min-assertions asks for is not forgiven its failures."""
    assert gate(known_failures=known_file(), min_assertions="7").code == ExitCode.FAILED
    assert gate(reports="fewer", known_failures=known_file(), min_assertions="5").code == ExitCode.PASSED
