"""What people, machines and CI systems read, and that no text from outside speaks for the gate."""

import functools
import io
import itertools
import json
import os
import pathlib
import re
import subprocess
import sys
import unicodedata

import pytest
import rich.cells
import rich.console
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kore_gate import errors
from kore_gate.errors import Ending, ExitCode
from kore_gate.model import Event, Happening, Outcome, Phase, Result, SuiteResult, replace
from kore_gate.reports import console
from tests import builders
from tests.fakes import runners
from tests.fakes.screens import Screen, Terminal

SNAPSHOTS = pathlib.Path(__file__).parents[1] / "snapshots" / "console"
DIALECTS = ("github", "gitlab", "jenkins", "azure", "circleci", "buildkite", "bitbucket", "teamcity", "none")
FILES = ("junit-reports/TEST-kore-Banking-regression.xml", "junit-reports/kore-report.html")


def _red_suite(failures: int) -> SuiteResult:
    red = builders.make_reply(
        actual="Hey", assertions=(builders.make_assertion(outcome=Outcome.FAILED, actual="Good evening"),)
    )
    steps = [builders.make_step()]
    steps += [
        builders.make_step(
            number=number, input=f"Question {number}", replies=(red,), source=builders.make_source(line=number * 10)
        )
        for number in range(2, failures + 2)
    ]
    verdict = builders.make_verdict(Ending.FAILED, message=f"{failures} of {failures + 1} assertions failed.")
    suite = builders.make_suite(name="Loans", steps=tuple(steps))
    return builders.make_result(Ending.FAILED, key="ds-2", name="Loans", suite=suite, verdict=verdict, ds_id="ds-2")


def _timed_out() -> SuiteResult:
    verdict = builders.make_verdict(
        Ending.TIMED_OUT,
        message="Import: timed out after 30m; last status: IN_PROGRESS, 85 %.",
        cause="a busy platform.",
        hint="Raise timeout, or resume with the command below.",
        details=("step 7 is being replayed",),
    )
    return builders.make_result(
        Ending.TIMED_OUT,
        verdict=verdict,
        suite=None,
        status="IN_PROGRESS",
        notes=("Kore.ai said PAUSED, a word the gate does not know.",),
        resume="kore-gate wait --ds-id ds-1",
    )


CALLS: dict[str, Result] = {
    "passed": builders.make_call(),
    "failed": builders.make_call(builders.make_result(), _red_suite(12)),
    "timed-out": builders.make_call(_timed_out()),
}


def _news(name: str, ending: Ending, reason: str = "") -> list[Event]:
    running = Event(happening=Happening.CHANGED, key=name, name=name, phase=Phase.IMPORT, status="IN_PROGRESS")
    trouble = Event(
        happening=Happening.TROUBLE,
        name=name,
        text="HTTP 503, no reason given",
        outlook="attempt 2 in 4.0s, giving up at 03:07:05 UTC",
    )
    return [
        Event(happening=Happening.STARTED, key=name, name=name, phase=Phase.UPLOAD, text="uploading"),
        Event(happening=Happening.IDENTIFIED, key=name, name=name, phase=Phase.IMPORT, text="ds-1"),
        running,
        replace(running, percent=85.0, elapsed=65.2),
        replace(trouble, key=name),
        trouble,
        Event(happening=Happening.WAITING, text=f"{name} IN_PROGRESS; 28m left"),
        Event(happening=Happening.WARNING, key=name, name=name, text="Kore.ai answered slowly.", elapsed=130.0),
        Event(happening=Happening.ENDED, key=name, name=name, ending=ending, text=reason, elapsed=3725.0),
    ]


def _play(screen: Screen, result: Result) -> None:
    for suite in result.suites:
        # As the runner does: the verdict of the call has the reason of a single suite.
        reason = suite.verdict.message if len(result.suites) > 1 else ""
        for event in _news(suite.name, suite.verdict.ending, reason):
            screen.console.event(event)
    screen.console.outputs({"verdict": str(result.verdict.ending)})
    screen.console.summary("/ws/junit-reports/kore-summary.md")
    screen.console.result(result, FILES)
    screen.console.close()


@pytest.mark.parametrize("ending", CALLS)
@pytest.mark.parametrize("ci", DIALECTS)
def test_console__whole_text(ci: str, ending: str) -> None:
    """Each CI system reads a whole call in its own commands, and verdict and exit code end it.

    KORE_GATE_UPDATE_SNAPSHOTS=1 rewrites what is expected.
    """
    screen = Screen(ci)

    _play(screen, CALLS[ending])

    output = f"=== stderr ===\n{screen.stderr}=== stdout ===\n{screen.stdout}".replace("\x1b", "␛").replace("\r", "␍")
    expected = SNAPSHOTS / f"{ci}-{ending}.txt"
    if os.environ.get("KORE_GATE_UPDATE_SNAPSHOTS"):
        expected.parent.mkdir(parents=True, exist_ok=True)
        expected.write_text(output, encoding="utf-8")
    assert output == expected.read_text(encoding="utf-8")
    *_, verdict, code = screen.stderr.splitlines()
    assert verdict.startswith(f"Verdict: {ending}. ")
    assert code.startswith("Exit code: ")


@pytest.mark.parametrize("ending", CALLS)
def test_result__quiet_stdout(ending: str) -> None:
    """Where stdout is kept for JSON it stays empty: commands go to stderr, and verdict and exit code still end it."""
    screen = Screen("github", quiet_stdout=True)

    _play(screen, CALLS[ending])

    assert screen.stdout == ""
    assert "::warning::" in screen.stderr
    *_, verdict, code = screen.stderr.splitlines()
    assert verdict.startswith(f"Verdict: {ending}. ")
    assert code.startswith("Exit code: ")


def test_result__soft_fail() -> None:
    """A softened exit code stands beside the original one, and nothing is an error on the CI's page."""
    screen = Screen("github")

    screen.console.result(CALLS["failed"], FILES, ExitCode.PASSED)

    assert screen.stderr.splitlines()[-1].startswith("Exit code: 0 (soft-fail turned 1 into 0; tests failed: ")
    assert {command.name for command in runners.github(screen.stdout)} == {"warning"}


def test_result__again() -> None:
    """A saved result that is rendered again does not pass for the call it came from."""
    screen = Screen()

    screen.console.result(CALLS["failed"], FILES, ExitCode.PASSED, again=True)

    assert screen.stderr.splitlines()[-1].startswith("Exit code: 0 (rendered again; the original exit code was 1: ")


def test_result__no_suites() -> None:
    """A call without a suite tells its reasons, and pins the verdict."""
    verdict = builders.make_verdict(Ending.REFUSED, details=("401",), hint="Check the secret.")
    screen = Screen("github")

    screen.console.result(replace(builders.make_call(), verdict=verdict, suites=()), [])

    assert screen.stderr == (
        "  - 401\nWhat to do: Check the secret.\n"
        "Verdict: refused. Kore.ai refused the credentials (401).\nExit code: 6 (credentials refused)\n"
    )
    assert screen.stdout == "::error title=kore_gate::Kore.ai refused the credentials (401).\n"


def test_result__many_annotations() -> None:
    """At most ten annotations of a kind: GitHub drops the rest, so the tenth counts them."""
    screen = Screen("github")

    screen.console.error(errors.ReportError("The disk is full."))
    screen.console.result(builders.make_call(_red_suite(60), _red_suite(3)), [])

    read = runners.github(screen.stdout)
    assert [command.name for command in read] == ["error"] * 10
    assert read[1].properties == {
        "file": "kore/suites/banking.json",
        "line": "20",
        "title": "Loans: 02 Question 2",
    }
    assert read[-1].data == "55 more failures: see the reports."


def test_result__annotates_each_suite_in_turn() -> None:
    """Each suite's first failure is annotated before any second one: a suite never uses up all there is room for."""
    screen = Screen("github")
    suites = [
        replace(_red_suite(failures), name=name, key=name)
        for name, failures in (("Loans", 12), ("Cards", 2), ("Transfers", 12))
    ]

    screen.console.result(builders.make_call(*suites), [])

    titles = [command.properties["title"] for command in runners.github(screen.stdout)]
    assert titles == [
        *(f"{name}: 02 Question 2" for name in ("Loans", "Cards", "Transfers")),
        *(f"{name}: 03 Question 3" for name in ("Loans", "Cards", "Transfers")),
        *(f"{name}: 04 Question 4" for name in ("Loans", "Transfers")),
        "Loans: 05 Question 5",
        "kore_gate",
    ]
    assert runners.github(screen.stdout)[-1].data == "17 more failures: see the reports."


def test_result__each_reason_once() -> None:
    """A reason that was printed when the suite ended, or that the verdict has, is printed nowhere else."""
    screen = Screen()

    _play(screen, CALLS["timed-out"])
    _play(screen, builders.make_call(builders.make_result(), replace(_timed_out(), name="Loans")))

    assert screen.stderr.count("last status: IN_PROGRESS, 85 %.") == 3  # the two verdicts, and Loans' own end


def test_result__reason_without_events() -> None:
    """A saved result that is rendered again names each suite's own reason."""
    screen = Screen()
    left_out = replace(_timed_out(), name="Loans")
    verdict = builders.make_verdict(Ending.TIMED_OUT, message="2 of 2 suites timed out.")

    screen.console.result(builders.make_call(_timed_out(), left_out, verdict=verdict), [], again=True)

    assert screen.stderr.count("Import: timed out after 30m; last status: IN_PROGRESS, 85 %.") == 2


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["r/TEST-kore-a.xml", "r/TEST-kore-b.xml", "r/kore-report.html"], None),
        (
            [*(f"r/TEST-kore-{n}.xml" for n in range(30)), "r/kore-report.html", "r/TEST-kore-x.xml"],
            ["r/TEST-kore-*.xml (31 files)", "r/kore-report.html"],
        ),
        (
            [f"kore-results-{n}.{ending}" for n in range(4) for ending in ("csv", "json")],
            ["kore-results-*.csv (4 files)", "kore-results-*.json (4 files)"],
        ),
    ],
    ids=["few", "thirty", "kinds"],
)
def test_result__files(files: list[str], expected: list[str] | None) -> None:
    """Many files of a kind are one pattern, so that the table above them stays in view."""
    screen = Screen()

    screen.console.result(builders.make_call(), files)

    lines = screen.stderr.partition("Reports:\n")[2].splitlines()[:-2]
    assert lines == [f"  {line}" for line in expected or files]


def test_warning__many() -> None:
    """Every warning is a line, and the first ten are on GitHub's page."""
    screen = Screen("github")

    for number in range(12):
        screen.console.warning(f"number {number}")

    assert screen.stderr.count("Warning: ") == 12
    assert screen.stdout.count("::warning::") == 10


def test_warning__very_long() -> None:
    """A message is cut to what GitHub shows, and says so."""
    screen = Screen("github")

    screen.console.warning("x" * 10_000)

    assert screen.stdout == f"::warning::{'x' * console.MESSAGE_LIMIT}%0A… 6000 characters cut\n"


def test_result__many_failures_and_suites() -> None:
    """A long list is cut, on screen, with a count of what is left out; what did not pass comes first."""
    screen = Screen()
    passed = [builders.make_result(name=f"Fine {number}") for number in range(60)]

    screen.console.result(builders.make_call(*passed, _red_suite(25)), [])

    assert "  … and 5 more\n" in screen.stderr
    table = screen.stderr.partition("\nSuite ")[2].partition("\n\n")[0].splitlines()
    assert table[1].startswith("Loans ")
    assert (len(table), table[-1]) == (52, "… and 11 more")


def test_event__only_what_is_new() -> None:
    """A status without news prints no line; small steps wait for the next regular line."""
    screen = Screen()
    event = Event(happening=Happening.CHANGED, key="Banking", name="Banking", status="IN_PROGRESS")

    for percent in (None, 1.0, 5.0, 12.0, 12.0, 15.0, 85.0):
        screen.console.event(replace(event, percent=percent))
    screen.console.event(replace(event, status="SUCCESS", percent=85.0))

    assert screen.stderr == (
        "Banking: IN_PROGRESS\nBanking: IN_PROGRESS 12 %\nBanking: IN_PROGRESS 85 %\nBanking: SUCCESS 85 %\n"
    )


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (Event(happening=Happening.STARTED, key="a", name="a", text="starting the run"), "a: starting the run"),
        (
            Event(happening=Happening.IDENTIFIED, key="a", name="a", phase=Phase.RUN, text="ctr-1"),
            "a: run started: ctr-1",
        ),
        (
            Event(happening=Happening.TROUBLE, name="30 suites", text="HTTP 503", outlook="attempt 2 in 1.0s"),
            "30 suites: waiting: HTTP 503; attempt 2 in 1.0s",
        ),
        (Event(happening=Happening.WAITING, key="a", name="a", elapsed=3725), "a: still waiting (1h 2m)"),
        (
            Event(happening=Happening.WAITING, text="12 suites to go", elapsed=9.94),
            "still waiting: 12 suites to go (9.9s)",
        ),
        (Event(happening=Happening.CHANGED, key="a", name="a", percent=85.4, elapsed=59.7), "a: 85 % (1m)"),
        (Event(happening=Happening.ENDED, key="a", name="a", ending=Ending.FAILED, elapsed=12.2), "a: failed (12s)"),
        (Event(happening=Happening.WARNING, text="slow"), "Warning: slow"),
        (
            Event(happening=Happening.CHANGED, key=":", name=":", status="error:", text=":x"),
            ":\u200b: error:\u200b: :x",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_event__line(event: Event, line: str) -> None:
    """Each kind of news has its line."""
    screen = Screen()

    screen.console.event(event)

    assert screen.stderr == f"{line}\n"


def test_error__whole_text() -> None:
    """A problem says what happened, its details, what it usually means and what to do."""
    screen = Screen("github")
    error = errors.Refused("Kore.ai refused the token (401).", cause="a wrong app.", hint="Check it.", details=["4002"])

    screen.console.error(error)

    assert screen.stderr == (
        "Kore.ai refused the token (401).\n  - 4002\nUsual cause: a wrong app.\nWhat to do: Check it.\n"
    )
    assert screen.stdout == "::error title=kore_gate::Kore.ai refused the token (401).%0A4002\n"


def test_info__several_lines() -> None:
    """Lines stay lines, with their indentation."""
    screen = Screen()

    screen.console.info("First\n\n  - second  one\n--- third")

    assert screen.stderr == "First\n\n  - second one\n\u200b--- third\n"


@pytest.mark.parametrize("verbose", [False, True])
def test_debug__verbose_only(verbose: bool) -> None:
    """Details are for those who asked for them."""
    screen = Screen(verbose=verbose)

    screen.console.debug("GET /status → 200")

    assert screen.stderr == ("debug: GET /status → 200\n" if verbose else "")


def test_colour__what_matters() -> None:
    """Colours mark what matters, and only where they are switched on."""
    coloured = Screen(colour=True)

    _play(coloured, CALLS["failed"])

    assert "\x1b[31m  FAILED 02 Question 2" in coloured.stderr
    assert "\x1b[31mVerdict: failed." in coloured.stderr
    plain = Screen()
    _play(plain, CALLS["failed"])
    assert re.sub(r"\x1b\[\d*m", "", coloured.stderr) == plain.stderr


def test_close__open_group() -> None:
    """A group that an interrupt left open is closed, once."""

    class Interrupting(Terminal):
        def write(self, text: str) -> int:
            if "Question 2" in text:
                raise KeyboardInterrupt
            return super().write(text)

    screen = Screen("gitlab", stderr=Interrupting())

    with pytest.raises(KeyboardInterrupt):
        screen.console.result(CALLS["failed"], FILES)
    screen.console.close()
    screen.console.close()

    assert [command.name for command in runners.gitlab(screen.stderr)] == ["section_start", "section_end"]


def test_verdict__after_a_problem() -> None:
    """A call that never got a result still ends with verdict and exit code."""
    screen = Screen()

    screen.console.error(errors.SettingsError(["host is missing"]))
    screen.console.verdict(builders.make_verdict(Ending.ERROR, exit_code=ExitCode.USAGE, message="1 setting."))

    assert screen.stderr.splitlines()[-2:] == [
        "Verdict: error. 1 setting.",
        "Exit code: 2 (invalid settings or usage; nothing was sent)",
    ]


class Broken(Terminal):
    """A stream whose reader has left."""

    def write(self, text: str) -> int:
        raise BrokenPipeError

    def flush(self) -> None:
        raise BrokenPipeError


def _closed() -> Terminal:
    stream = Terminal()
    stream.close()
    return stream


@pytest.mark.parametrize("live", [False, True], ids=["lines", "bars"])
@pytest.mark.parametrize("make", [Broken, _closed], ids=["no reader", "closed"])
def test_console__nobody_listens(make: type[Terminal], live: bool) -> None:
    """A stream that can't be written to stops nothing."""
    screen = Screen("none" if live else "github", live=live, stderr=make(), stdout=make())

    _play(screen, CALLS["failed"])
    screen.console.json("{}")

    assert not screen.console._bars


@pytest.mark.parametrize("live", [False, True], ids=["lines", "bars"])
def test_console__ascii_stream(live: bool) -> None:
    """A stream that takes ASCII only gets escapes."""
    raw = io.BytesIO()
    screen = Screen(live=live, stderr=io.TextIOWrapper(raw, encoding="ascii", newline=""))

    screen.console.event(Event(happening=Happening.CHANGED, key="Zürich", name="Zürich", status="😀"))
    screen.console.info("Grüße")
    screen.console.close()

    assert b"Gr\\xfc\\xdfe\n" in raw.getvalue() or b"Gr??e" in raw.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_json__any_encoding(encoding: str) -> None:
    """Machine output is JSON whatever the stream's encoding, and all there is on stdout."""
    raw = io.BytesIO()
    screen = Screen("azure", quiet_stdout=True, stdout=io.TextIOWrapper(raw, encoding=encoding))

    _play(screen, CALLS["failed"])
    screen.console.json(json.dumps({"name": "Zürich 😀", "text": "a##[add-mask]b"}, ensure_ascii=False))

    assert json.loads(raw.getvalue()) == {"name": "Zürich 😀", "text": "a##[add-mask]b"}
    assert b"##[" not in raw.getvalue()
    assert {"task.logissue"} <= {command.name for command in runners.azure(screen.stderr)}


def test_debug__without_secrets() -> None:
    """What may hold a secret by accident, a stack trace, is shown without it."""
    screen = Screen(verbose=True)
    screen.console.redactor.add("s3cret-value")

    screen.console.debug("key='s3cret-value'")

    assert screen.stderr == "debug: key='***'\n"


def test_own_words__untouched() -> None:
    """Our own sentences stay as they are, whatever the secret is: a gap in them would show it."""
    screen = Screen("azure", verbose=True)
    for secret in ("credentials", "Exit code", "passed. Import"):
        screen.console.redactor.add(secret)

    screen.console.error(errors.GateError("Kore.ai refused the credentials."))
    screen.console.result(builders.make_call(), FILES)

    assert "***" not in screen.stderr + screen.stdout


TRICKS = (
    "::error::x",
    "::",
    ":",
    "##[error]x",
    "##vso[task.complete result=Succeeded;]",
    "##teamcity[buildProblem description='x']",
    "section_end:1:kore-1",
    "\x1b[0Ksection_start:1:a\r\x1b[0K",
    "--- x",
    "+++ x",
    "~~~ x",
    "^^^ +++",
    "\x1b[2J",
    "\x1b]0;title\x07",
    "\x9b31m",
    "\r",
    "\n",
    "\r\n",
    "\x0b",
    "\x85",
    "\u2028",
    "#",
    "-",
    "\x1b",
    "|",
    "'",
    "]",
    "%0A",
    " ",
)
hostile = st.lists(st.one_of(st.sampled_from(TRICKS), st.text(max_size=3)), min_size=1, max_size=6).map("".join)


def _print_everywhere(foreign: list[str], screen: Screen) -> None:
    """Put foreign text into every place that can hold any."""
    texts = itertools.cycle(foreign)
    check = builders.make_check(value=next(texts))
    red = builders.make_assertion(outcome=Outcome.FAILED, checks=(check,), actual=next(texts), reason=next(texts))
    step = builders.make_step(
        input=next(texts),
        replies=(builders.make_reply(assertions=(red,)),),
        source=builders.make_source(file=next(texts)),
    )
    verdict = builders.make_verdict(
        Ending.FAILED, message=next(texts), cause=next(texts), hint=next(texts), details=(next(texts),)
    )
    suite = builders.make_result(
        Ending.FAILED,
        name=next(texts),
        suite=builders.make_suite(steps=(step,)),
        verdict=verdict,
        notes=(next(texts),),
        resume=next(texts),
    )
    name, status, text = next(texts), next(texts), next(texts)
    for happening in Happening:
        screen.console.event(
            Event(happening=happening, name=name, status=status, text=text, ending=Ending.FAILED, elapsed=1.0)
        )
    screen.console.info(next(texts))
    screen.console.debug(next(texts))
    screen.console.error(errors.GateError(next(texts), details=[next(texts)], cause=next(texts), hint=next(texts)))
    screen.console.outputs({"status": next(texts)})
    screen.console.result(builders.make_call(suite), [next(texts)])


@functools.cache
def _harmless(ci: str) -> Screen:
    screen = Screen(ci, verbose=True)
    _print_everywhere(["x"], screen)
    return screen


@pytest.mark.parametrize("ci", DIALECTS)
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(foreign=st.lists(hostile, min_size=5, max_size=5))
def test_console__foreign_text_is_no_command(ci: str, foreign: list[str]) -> None:
    """Whatever Kore.ai sends, no CI system sees another command than for harmless text, and no terminal an escape."""
    harmless = _harmless(ci)
    screen = Screen(ci, verbose=True)

    _print_everywhere(foreign, screen)

    for reader in runners.READERS.values():
        assert [each.name for each in reader(screen.stderr)] == [each.name for each in reader(harmless.stderr)]
    if ci in runners.READERS:
        read, expected = runners.READERS[ci](screen.stdout), runners.READERS[ci](harmless.stdout)
        assert [each.name for each in read] == [each.name for each in expected]
    else:
        assert not screen.stdout
    marks = re.compile(r"^\x1b\[0Ksection_(start|end):\d+:kore-\d+-1\r\x1b\[0K", re.MULTILINE)
    rest = marks.sub("", screen.stderr) if ci == "gitlab" else screen.stderr
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", rest + screen.stdout)
    assert screen.stderr.split("\n")[-3].startswith("Verdict: failed.")


def test_console__rich_is_not_loaded() -> None:
    """Plain lines need no display library; it is loaded for what needs it."""
    script = (
        "import sys, kore_gate.reports.console; sys.exit(any(name.split('.')[0] == 'rich' for name in sys.modules))"
    )

    ended = subprocess.run([sys.executable, "-c", script], check=False)

    assert ended.returncode == 0


LONG_NAME = "Regression of the banking assistant, second half of the year: cards and accounts"


def _long_names() -> Result:
    red = builders.make_verdict(Ending.NOTHING_TO_TEST)
    return builders.make_call(
        builders.make_result(Ending.NOTHING_TO_TEST, name=f"{LONG_NAME} 1", verdict=red, duration=3599.0),
        builders.make_result(name=f"{LONG_NAME} 2"),
        builders.make_result(name="खाता शेष राशि और हाल के लेनदेन की जाँच"),
        builders.make_result(name="[red]口座残高[/red] :smile:"),
    )


def _table_of(screen: Screen) -> list[str]:
    lines = screen.stderr.splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("Suite "))
    return lines[start : start + 5]


def test_table__terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal of 80 columns the table fits, and names that begin alike stay apart."""
    monkeypatch.setenv("COLUMNS", "80")
    screen = Screen(live=True)

    screen.console.result(_long_names(), [])

    assert _table_of(screen) == [
        "Suite       Verdict          Steps  Passed  Failed  Errors  Skipped     Time",
        "Regre…ts 1  nothing-to-test      1       1       0       1        0  59m 59s",
        "Regre…ts 2  passed               1       1       0       0        0     7.3s",
        "खाता … जाँच     passed               1       1       0       0        0     7.3s",
        "[red]…ile:  passed               1       1       0       0        0     7.3s",
    ]


def test_table__log() -> None:
    """A log is 120 columns wide whatever the machine says."""
    screen = Screen("github")

    screen.console.result(_long_names(), [])

    table = _table_of(screen)
    assert [len(row) for row in table[:3]] == [120, 120, 120]
    assert table[1].startswith("Regression of the banking a…year: cards and accounts 1  nothing-to-test ")


def test_write__wraps_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sentences are wrapped between words, with their indentation; verdict and exit code stay a line each."""
    monkeypatch.setenv("COLUMNS", "40")
    screen = Screen(live=True)
    verdict = builders.make_verdict(Ending.FAILED, message="2 of 3 suites ended as failed: Balance, Transfer.")

    screen.console.error(errors.GateError("No.", details=["The certificate of kore.example has expired by now."]))
    screen.console.verdict(verdict)

    assert screen.stderr.splitlines() == [
        "No.",
        "  - The certificate of kore.example has",
        "  expired by now.",
        "Verdict: failed. 2 of 3 suites ended as failed: Balance, Transfer.",
        "Exit code: 1 (tests failed: an assertion, a step or a run failed, or a policy said no)",
    ]


def test_write__wraps_joined_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of joined letters fits, also where a terminal draws each of its signs."""
    monkeypatch.setenv("COLUMNS", "40")
    screen = Screen(live=True)

    screen.console.info("खाता शेष राशि और हाल के लेनदेन की जाँच खाता शेष राशि और हाल के लेनदेन की जाँच")

    lines = screen.stderr.splitlines()
    assert len(lines) > 1
    assert all(sum(unicodedata.category(char) != "Mn" for char in line) <= 40 for line in lines)


RUNNING = Event(
    happening=Happening.CHANGED, key="b", name="Banking regression", status="IN_PROGRESS", percent=50.0, elapsed=65
)
PASSED = Event(happening=Happening.ENDED, key="Loans", name="Loans", ending=Ending.PASSED, elapsed=12.2)
REFUSED = Event(happening=Happening.ENDED, key="Cards", name="Cards", ending=Ending.REFUSED, elapsed=0.4)


def _frame(*events: Event, width: int = 80, height: int = 40, now: float = 0.0) -> list[str]:
    """Draw the bars of events that came at zero."""
    screen = rich.console.Console(file=io.StringIO(), width=width, markup=False, emoji=False, highlight=False)
    with screen.capture() as drawn:
        screen.print(console.bars([(event, 0.0) for event in events], now, width, height))
    return [line.rstrip() for line in drawn.get().splitlines()]


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (
            80,
            [
                "Banking regression        ━━━━━━━━━╸          IN_PROGRESS 50 %          1m 5s",
                "Loans                     ━━━━━━━━━━━━━━━━━━━ passed                    12s",
                "Cards                                         refused                   0.4s",
            ],
        ),
        (
            40,
            [
                "Banki…sion ━━━━╸     IN_PR…50 % 1m 5s",
                "Loans      ━━━━━━━━━ passed     12s",
                "Cards                refused    0.4s",
            ],
        ),
    ],
    ids=["80 columns", "40 columns"],
)
def test_bars__frame(width: int, expected: list[str]) -> None:
    """A row shows name, progress, status and time, cut to the terminal's width."""
    assert _frame(RUNNING, PASSED, REFUSED, width=width) == expected


def test_bars__clock() -> None:
    """The clock of a suite runs until the suite has ended, also when a job of it is at 100 %."""
    full = replace(RUNNING, status="SUCCESS", percent=100.0)

    assert [row.split()[-1] for row in _frame(full, PASSED, now=30.0)] == ["35s", "12s"]


@pytest.mark.parametrize(
    "name", [LONG_NAME, "口座残高" * 10, "खाता शेष राशि और हाल के लेनदेन की जाँच"], ids=["Latin", "wide", "joined"]
)
def test_bars__names_alike(name: str) -> None:
    """Names that begin alike stay apart, and a column stays free, also where a terminal does not join letters."""
    rows = _frame(*(replace(RUNNING, name=f"{name} {number}") for number in (1, 2)), now=3600.0)

    assert [row.partition("━")[0].rstrip()[-2:] for row in rows] == [" 1", " 2"]
    vowel_signs = sum(unicodedata.category(char) == "Mc" for char in rows[0])
    assert rich.cells.cell_len(rows[0]) + vowel_signs <= 79


def test_bars__equal_names() -> None:
    """Suites whose names are the same have a row each, and a number."""
    first, second = (replace(RUNNING, key=key, name=LONG_NAME) for key in ("ds-1", "ds-2"))

    rows = _frame(first, second)

    assert [row.partition(" ━")[0].rstrip() for row in rows] == [
        "Regression o…and accounts",
        "Regression …d accounts #2",
    ]


def test_table__equal_names() -> None:
    """Suites whose names are the same can be told apart in the table."""
    screen = Screen()

    screen.console.result(builders.make_call(builders.make_result(), builders.make_result(key="ds-2")), [])

    assert [row.partition("  ")[0] for row in _table_of(screen)[1:3]] == ["Banking regression", "Banking regression #2"]


TROUBLE = Event(
    happening=Happening.TROUBLE,
    key="b",
    name="Banking regression",
    text="rate limit of Kore.ai, by its Retry-After (HTTP 429, You've exceeded the per-minute rate limit. Wait.)",
    outlook="until 03:05:06 UTC",
    percent=50.0,
    elapsed=65.0,
)


@pytest.mark.parametrize("height", [40, 24, 8])
def test_bars__trouble(height: int) -> None:
    """Why suites wait stands in their rows and, each reason once and until when, below them; it all fits."""
    others = [replace(TROUBLE, key=f"s{number}", name=f"Suite {number}") for number in range(30)]

    frame = _frame(TROUBLE, *others, height=height)

    assert frame[0] == "Banking regression        ━━━━━━━━━╸          rate limit of Kore.ai, b… 1m 5s"
    assert frame[-2:] == [
        "rate limit of Kore.ai, by its Retry-After (HTTP 429, You've exceeded the",
        "per-minute rate limit. Wait.); until 03:05:06 UTC",
    ]
    assert len(frame) < height


@pytest.mark.slow
@pytest.mark.parametrize(("height", "rows"), [(40, console.BARS_SHOWN), (12, 10)], ids=["room", "little room"])
def test_bars__many_suites(height: int, rows: int) -> None:
    """Of many suites those that run are shown, as many as fit, and a row counts all."""
    ended = [replace(PASSED, key=f"s{number}", name=f"Suite {number:02}") for number in range(10)]
    running = [replace(RUNNING, key=f"s{number}", name=f"Suite {number:02}") for number in range(10, 50)]

    frame = _frame(*ended, *running, width=100, height=height)

    assert len(frame) == rows + 1
    assert frame[0].startswith("Suite 10")
    assert frame[-1].startswith(f"… {50 - rows} more")
    assert "10 of 50 ended" in frame[-1]


def test_bars__markup_is_text() -> None:
    """Text that looks like the library's own markup is shown as it is."""
    event = replace(RUNNING, name="[red]a[/red] :smile:", status="[b]", percent=140.0)

    (row,) = _frame(event)

    assert row.startswith("[red]a[/red] :smile:")
    assert "[b] 140 %" in row


_ESCAPES = re.compile(r"\x1b\[[?\d;]*[A-Za-z]")


def test_console__live() -> None:
    """On a live terminal bars move and only what stays of interest is a line."""
    screen = Screen(live=True)

    for event in (
        Event(happening=Happening.STARTED, key="Banking", name="Banking", phase=Phase.IMPORT),
        Event(happening=Happening.IDENTIFIED, key="Banking", name="Banking", phase=Phase.IMPORT, text="ds-1"),
        Event(happening=Happening.CHANGED, key="Banking", name="Banking", status="IN_PROGRESS", percent=85.0),
        Event(happening=Happening.WARNING, key="Banking", name="Banking", text="slow"),
        Event(happening=Happening.ENDED, key="Banking", name="Banking", ending=Ending.PASSED, elapsed=12.0),
        Event(happening=Happening.WAITING, text="1 suite to go"),
    ):
        screen.console.event(event)
    screen.console.close()
    screen.console.info("after")

    lines = [line.strip() for line in _ESCAPES.sub("", screen.stderr).replace("\r", "\n").split("\n")]
    for expected in (
        "Banking: import started: ds-1",
        "Warning: Banking: slow",
        "Banking: passed (12s)",
        "still waiting: 1 suite to go",
    ):
        assert lines.count(expected) == 1
    assert not any("IN_PROGRESS" in line and line.startswith("Banking:") for line in lines)
    assert screen.stderr.endswith("after\n")
