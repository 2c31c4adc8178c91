"""Where the gate speaks: people read stderr, machines stdout, and the CI system its own commands."""

import contextlib
import dataclasses
import datetime
import io
import itertools
import json
import re
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TextIO, cast

from kore_gate import text
from kore_gate.ci.dialects import Dialect, Severity
from kore_gate.errors import MEANINGS, Ending, ExitCode, GateError
from kore_gate.gate import suite_run
from kore_gate.model import Event, Evidence, Happening, Outcome, Result, SuiteResult, Verdict
from kore_gate.reports import cases, labels
from kore_gate.reports.cases import Case
from kore_gate.settings.redact import Redactor

if TYPE_CHECKING:
    from rich.progress import ProgressColumn, TaskID
    from rich.table import Column

ROWS = 20
# Narrower than this, words matter more than a bar.
ROOM_FOR_A_BAR = 60


class _Forgiving(io.TextIOBase):
    """A terminal that may go away while it is written to."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override] # rich reads it to choose its characters
        return self._stream.encoding or "utf-8"

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text.encode(self.encoding, "replace").decode(self.encoding))
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


class Bars:
    """One bar for each suite, twenty at most, and a row that counts the others."""

    def __init__(
        self,
        stream: TextIO,
        *,
        colour: bool,
        width: int | None = None,
        height: int | None = None,
        moving: bool = True,
        get_time: Callable[[], float] | None = None,
    ) -> None:
        import rich.console
        from rich.progress import Progress

        self._console = rich.console.Console(
            file=cast("TextIO", _Forgiving(stream)),
            force_terminal=True,
            no_color=not colour,
            width=width,
            height=height,
            markup=False,
            emoji=False,
            highlight=False,
        )
        self._progress = Progress(
            *_columns(self._console.width),
            console=self._console,
            auto_refresh=moving,
            refresh_per_second=4,
            transient=True,
            expand=True,
            redirect_stdout=False,
            redirect_stderr=False,
            get_time=get_time,
        )
        # A row for the others, and one for the cursor, have to fit as well.
        self._rows = max(min(ROWS, self._console.height - 2), 1)
        self._tasks: dict[str, TaskID] = {}
        self._ended: set[str] = set()
        self._rest: TaskID | None = None
        self._progress.start()
        # It was hidden just now, and a second signal would leave it so.
        self._console.show_cursor(True)

    def show(self, name: str, words: str, percent: float | None, *, ended: bool = False) -> None:
        """Move the bar of a suite, made when it is first heard of."""
        if name not in self._tasks:
            if self._rest is not None:
                self._progress.remove_task(self._rest)  # it stands last
                self._rest = None
            self._tasks[name] = self._progress.add_task(name, total=None, words="")
        task = self._tasks[name]
        self._progress.update(task, words=words)
        if percent is not None:
            self._progress.update(task, total=100, completed=min(max(percent, 0), 100))
        elif ended:
            self._progress.update(task, total=100)
        if ended:
            self._ended.add(name)
            self._progress.stop_task(task)
        self._choose_rows()

    def write(self, line: str) -> None:
        """Print a line above the bars; it may carry colours."""
        from rich.text import Text

        self._console.print(Text.from_ansi(line), soft_wrap=True)

    def stop(self) -> None:
        """Take the bars off the screen."""
        self._progress.stop()

    def frame(self) -> None:
        """Draw the bars now."""
        self._progress.refresh()

    def _choose_rows(self) -> None:
        """Show those that still run before those that ended, and sum up what has no room."""
        if len(self._tasks) <= self._rows:
            return
        shown = set(sorted(self._tasks, key=lambda name: name in self._ended)[: self._rows])
        for name, task in self._tasks.items():
            self._progress.update(task, visible=name in shown)
        if self._rest is None:
            self._rest = self._progress.add_task("", total=None, words="")
        hidden = len(self._tasks) - self._rows
        self._progress.update(
            self._rest,
            description=f"… {hidden} more",
            total=len(self._tasks),
            completed=len(self._ended),
            words=f"{len(self._ended)} of {len(self._tasks)} ended",
        )


def _columns(width: int) -> "list[ProgressColumn]":
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.table import Column

    name = TextColumn("{task.description}", markup=False, table_column=_one_line(3))
    words = TextColumn("{task.fields[words]}", markup=False, table_column=_one_line(3))
    elapsed = TimeElapsedColumn(table_column=Column(width=7, no_wrap=True))
    if width < ROOM_FOR_A_BAR:
        return [name, words]
    return [name, BarColumn(bar_width=None, table_column=Column(ratio=4)), words, elapsed]


def _one_line(ratio: int) -> "Column":
    from rich.table import Column

    return Column(ratio=ratio, no_wrap=True, overflow="ellipsis")


# Makes foreign text inert, and at most so many characters long.
Clean = Callable[[str, int], str]

SUITES_SHOWN = 50
CASES_SHOWN = 20
NAME_WIDTH = 40
LONG = 500

_COLUMNS = ("Suite", "Verdict", "Steps", "Passed", "Failed", "Errors", "Skipped", "Time")
_RED = (Outcome.FAILED, Outcome.ERROR)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """One thing that went wrong, with its place in the repository as far as it is known."""

    suite: str
    where: str
    what: str
    outcome: Outcome
    file: str = ""
    line: int = 0

    @property
    def title(self) -> str:
        """Name the suite and the step."""
        return f"{self.suite}: {self.where}" if self.where else self.suite


def news(event: Event, clean: Clean) -> str:
    """Put an event into one line: `banking: IN_PROGRESS 85 % (1m05s)`."""
    progress = standing(event, clean)
    match event.happening:
        case Happening.STARTED:
            what = f"{event.phase} started" if event.phase else "started"
        case Happening.CHANGED:
            what = progress
        case Happening.WAITING:
            what = f"still {progress}" if progress else "still waiting"
        case Happening.ENDED:
            what = str(event.ending or "ended")
        case Happening.IDENTIFIED | Happening.WARNING:
            what = ""
        case _:
            typing.assert_never(event.happening)
    said = ": ".join(part for part in (clean(event.name, NAME_WIDTH), what, clean(event.text, LONG)) if part)
    return f"{said} ({text.duration(event.elapsed)})" if event.elapsed > 0 else said


def standing(event: Event, clean: Clean) -> str:
    """Return the status word and how far it has come: `IN_PROGRESS 85 %`."""
    percent = f"{event.percent:.0f} %" if event.percent is not None else ""
    return " ".join(part for part in (clean(event.status, NAME_WIDTH), percent) if part)


def bar(event: Event, clean: Clean) -> tuple[str, float | None]:
    """Return what stands beside a suite's bar, nothing if the event does not move it, and how far it is filled."""
    if event.happening is Happening.ENDED:
        return str(event.ending or "ended"), 100.0 if event.ending is Ending.PASSED else event.percent
    if event.happening is Happening.STARTED:
        return f"{event.phase or ''} started".strip(), event.percent
    return standing(event, clean), event.percent


def problem(error: GateError, clean: Clean) -> list[str]:
    """Say what happened, in which details, what it usually means and what to do."""
    details = [f"  - {clean(detail, LONG)}" for detail in error.details]
    return [clean(error.message, LONG), *details, *_advice(error, clean)]


def red_suites(result: Result) -> list[SuiteResult]:
    """Return the suites that did not pass."""
    return [suite for suite in result.suites if suite.verdict.ending is not Ending.PASSED]


def failures(result: SuiteResult) -> Iterator[Failure]:
    """Find what went wrong in a suite; the gate's own case stands for a suite without a red step."""
    for case in cases.each(result):
        if case.outcome in _RED:
            yield _failure(result, case)


def number_of_failures(result: SuiteResult) -> int:
    """Count what `failures` would find."""
    counts = cases.count(result)
    return counts.failed + counts.errors


def failure_lines(result: SuiteResult, clean: Clean) -> list[str]:
    """Tell a suite's verdict, its reasons and the first of its failures."""
    lines = [clean(result.verdict.message, LONG)]
    lines += [f"  - {clean(detail, LONG)}" for detail in result.verdict.details]
    shown = 0
    for failure in itertools.islice(failures(result), CASES_SHOWN):
        shown += 1
        if failure.where:
            lines.append(f"  {failure.outcome.upper()} {clean(failure.where, 80)}: {clean(failure.what, LONG)}")
        if failure.where and failure.line:
            lines.append(f"    at {clean(failure.file, 200)}:{failure.line}")
    more = number_of_failures(result) - shown
    if more > 0:
        lines.append(f"  … and {more} more")
    return lines


def table(result: Result, clean: Clean) -> list[str]:
    """List the suites in columns, those that did not pass first once there are too many."""
    every = suites = list(result.tested_suites)
    if len(suites) > SUITES_SHOWN:
        suites = sorted(suites, key=lambda suite: suite.verdict.ending is Ending.PASSED)[:SUITES_SHOWN]
    rows = [_COLUMNS, *(_row(suite, result.junit_granularity, clean) for suite in suites)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(_COLUMNS))]
    lines = ["  ".join(_cell(text, at, widths[at]) for at, text in enumerate(row)).rstrip() for row in rows]
    if len(every) > len(suites):
        lines.append(f"… and {len(every) - len(suites)} more")
    return ["", *lines, ""] if suites else []


def closing(result: Result, files: Sequence[str], clean: Clean) -> list[str]:
    """Say what else there is to know: how sure a pass is, how to resume, what to do, where the reports are."""
    lines = []
    if any(_only_accepted(suite) for suite in result.suites):
        lines.append("Passed after an import means that Kore.ai accepted the suite; nothing was executed.")
    for suite in result.suites[:SUITES_SHOWN]:
        lines += [f"Note on {clean(suite.name, NAME_WIDTH)}: {clean(note, LONG)}" for note in suite.notes]
    if not result.suites:
        lines += [f"  - {clean(detail, LONG)}" for detail in result.verdict.details]
    lines += _advice(result.verdict, clean)
    command = suite_run.of_call(result)
    lines += [f"Resume with: {command}"] if command else []  # exact, and inert by itself
    return [*lines, *(["Reports:", *(f"  {clean(file, 1000)}" for file in files)] if files else [])]


def last_lines(verdict: Verdict, final: ExitCode | None, clean: Clean, *, again: bool = False) -> tuple[str, str]:
    """Return what every call ends with: the verdict, and the exit code (`final`, or the verdict's) in words."""
    exit_code = verdict.exit_code if final is None else final
    meaning = MEANINGS[verdict.exit_code]
    if again:
        meaning = f"rendered again; the original exit code was {int(verdict.exit_code)}: {meaning}"
    elif exit_code is not verdict.exit_code:
        meaning = f"soft-fail turned {int(verdict.exit_code)} into {int(exit_code)}; {meaning}"
    return f"Verdict: {verdict.ending}. {clean(verdict.message, LONG)}", f"Exit code: {int(exit_code)} ({meaning})"


def mood(ending: Ending | None) -> str:
    """Name the colour of an ending."""
    if ending is None:
        return ""
    return "green" if ending is Ending.PASSED else "red"


def _advice(source: Verdict | GateError, clean: Clean) -> list[str]:
    return [f"{label}: {clean(value, LONG)}" for label, value in labels.advice(source)]


def _failure(result: SuiteResult, case: Case) -> Failure:
    if not case.step:
        what = "; ".join([result.verdict.message, *result.verdict.details])
        return Failure(suite=result.name, where="", what=what, outcome=case.outcome, file=result.file)
    # A difference repeats what was expected; every other message needs the name beside it.
    named = case.outcome is Outcome.FAILED or case.name == "step"
    return Failure(
        suite=result.name,
        where=case.classname.rpartition(".")[2],
        what=case.message if named else f"{case.name}: {case.message}",
        outcome=case.outcome,
        file=case.source.file if case.source else result.file,
        line=case.source.line if case.source else 0,
    )


def _only_accepted(suite: SuiteResult) -> bool:
    return suite.verdict.ending is Ending.PASSED and suite.evidence is Evidence.IMPORT_VALIDATION


def _row(suite: SuiteResult, granularity: str, clean: Clean) -> tuple[str, ...]:
    counts = cases.count(suite, granularity)
    numbers = (counts.steps, counts.passed, counts.failed, counts.errors, counts.skipped)
    return (clean(suite.name, NAME_WIDTH), str(suite.verdict.ending), *map(str, numbers), text.duration(suite.duration))


def _cell(text: str, column: int, width: int) -> str:
    return text.ljust(width) if column < 2 else text.rjust(width)


LINE_LIMIT = 2000
# GitHub shows ten annotations of a severity for a step; the tenth says how many more there are.
ANNOTATIONS = 9
# Between two status words, a line for each so many percent: heartbeats tell the rest.
PERCENT_STEP = 10

_STYLES = {"bold": "1", "red": "31", "green": "32", "yellow": "33", "dim": "2"}

# JSON can spell a hash sign so that no runner sees one: `##[…` acts on GitHub wherever it stands in a line.
_HASHES = re.compile(r"##(?=\[|vso|teamcity)", re.IGNORECASE)

# Foreign words are inert by themselves; this is what a line made from several could begin with.
_MARKER = re.compile(r"\s*(?:::|---|\+\+\+|~~~|\^\^\^)")


class Console:
    """Says everything once, and inert; that nobody listens never stops the gate.

    What Kore.ai says comes without secrets: `redactor` is for what may hold them by accident, such as a stack trace.
    """

    def __init__(
        self,
        *,
        stderr: TextIO,
        stdout: TextIO,
        dialect: Dialect,
        colour: bool,
        verbose: bool,
        live: bool,
        now: Callable[[], datetime.datetime],
        quiet_stdout: bool = False,
    ) -> None:
        self._stderr = stderr
        self._stdout = stdout
        self._dialect = dialect
        self._colour = colour
        self._verbose = verbose
        self._live = live
        self._quiet_stdout = quiet_stdout
        self._now = now
        self.redactor = Redactor()
        self._bars: Bars | None = None
        self._group = ""
        self._groups = 0
        self._told: dict[str, tuple[str, float | None]] = {}
        self._annotated: dict[Severity, int] = {}

    def tell(self, event: Event) -> None:
        """Pass on news of a suite: on a live terminal its bar moves, elsewhere a line says what changed."""
        if event.happening is Happening.WARNING:
            self.warn(f"{event.name}: {event.text}" if event.name else event.text)
            return
        if self._live and event.name:
            self._move(event)
            if event.happening not in (Happening.ENDED, Happening.IDENTIFIED):
                return
        if event.happening is Happening.CHANGED and not self._is_new(event):
            return
        self._write(self._stamp() + news(event, self._clean), mood(event.ending))

    def say(self, raw: str) -> None:
        """Tell people something; it may have several lines."""
        for line in raw.split("\n"):
            indent = " " * min(len(line) - len(line.lstrip(" ")), 20)
            self._write(indent + self._clean(line))

    def warn(self, raw: str) -> None:
        """Warn people, in the log and on the CI's page."""
        self._write(f"{self._stamp()}Warning: {self._clean(raw)}", "yellow")
        self._annotate("warning", raw)

    def debug(self, raw: str) -> None:
        """Tell people who asked for more."""
        if self._verbose:
            self._write(f"debug: {self._clean(self.redactor.text(raw))}", "dim")

    def problem(self, error: GateError) -> None:
        """Say what happened, in which details, what it usually means and what to do."""
        self._settle()
        first, *rest = problem(error, self._clean)
        self._write(first, "red")
        for line in rest:
            self._write(line)
        self._annotate("error", "\n".join([error.message, *error.details]), "kore_gate")

    def verdict(
        self, result: Result, files: Sequence[str], exit_code: ExitCode | None = None, *, again: bool = False
    ) -> None:
        """End the call: failures in groups, annotations, a table, the reports, the verdict and the exit code.

        The exit code is given where it is not the verdict's own: after soft-fail, or when rendering `again`.
        """
        self._settle()
        code = result.verdict.exit_code if exit_code is None else exit_code
        red = red_suites(result)
        severity: Severity = "warning" if code is ExitCode.PASSED else "error"
        left = sum(number_of_failures(suite) for suite in red)
        for suite in red[:SUITES_SHOWN]:
            self._open(f"{suite.name}: {suite.verdict.ending}")
            for line in failure_lines(suite, self._clean):
                self._write(line, "red" if line.startswith(("  FAILED", "  ERROR")) else "")
            left -= self._pin(suite, severity)
            self._close()
        if left:
            self._annotate(severity, f"{left} more failures: see the reports.", "kore_gate")
        elif not red and result.verdict.ending is not Ending.PASSED:
            self._annotate(severity, result.verdict.message, "kore_gate")
        self._command(self._dialect.heading("Verdict"), group=True)
        for line in (*table(result, self._clean), *closing(result, files, self._clean)):
            self._write(line)
        self.last_lines(result.verdict, code, again=again)

    def last_lines(self, verdict: Verdict, exit_code: ExitCode | None = None, *, again: bool = False) -> None:
        """Say the verdict and the exit code: the last two lines of every call."""
        self.close()
        said, number = last_lines(verdict, exit_code, self._clean, again=again)
        self._write(said, mood(verdict.ending))
        self._write(number)

    def hand_on(self, outputs: Mapping[str, str]) -> None:
        """Give later steps of the pipeline the outputs, where the CI takes them as commands."""
        for name, value in outputs.items():
            self._command(self._dialect.output(name, text.plain(value)))

    def upload_summary(self, path: str) -> None:
        """Have the CI show a Markdown file on the page of the run, where it takes a command for that."""
        self._command(self._dialect.upload_summary(path))

    def machine(self, raw: str) -> None:
        """Print machine-readable JSON on stdout: the same values, with nothing in it that a CI system could obey."""
        self._settle()
        shown = _HASHES.sub(lambda match: match[0].replace("#", "\\u0023"), raw).rstrip("\n")
        try:
            shown.encode(self._stdout.encoding or "utf-8")
        except UnicodeEncodeError:
            shown = re.sub(r"[^\x00-\x7f]", lambda match: json.dumps(match[0])[1:-1], shown)
        self._print(self._stdout, shown)

    def close(self) -> None:
        """Stop what moves and close what is open; anything may still be said after."""
        self._settle()
        self._close()

    def _clean(self, raw: str, limit: int = LINE_LIMIT) -> str:
        return text.terminal(raw, limit)

    def _stamp(self) -> str:
        return f"{self._now():%H:%M:%S} " if self._dialect.timestamps else ""

    def _write(self, line: str, style: str = "") -> None:
        """Print one line for people, made of words that are clean by now."""
        if _MARKER.match(line):
            line = f"| {line}"
        if self._colour and style:
            line = f"\x1b[{_STYLES[style]}m{line}\x1b[0m"
        if self._bars:
            self._bars.write(line)
        else:
            self._print(self._stderr, line)

    def _print(self, stream: TextIO, line: str) -> None:
        # The reader may have left, or the stream be closed: exit code and reports still tell.
        with contextlib.suppress(OSError, ValueError):
            encoding = stream.encoding or "utf-8"
            print(line.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)

    def _command(self, command: str | None, *, group: bool = False) -> None:
        """Print a command; runners read stderr as well, so that stdout can be kept for machines."""
        people = self._quiet_stdout or (group and self._dialect.groups_on == "stderr")
        if command:
            self._print(self._stderr if people else self._stdout, command)

    def _open(self, title: str) -> None:
        self._groups += 1
        when = self._now()
        self._group = f"kore-{int(when.timestamp())}-{self._groups}"
        self._command(mark := self._dialect.open_group(title, when, self._group), group=True)
        if not mark or self._dialect.groups_on == "stdout":
            self._write(self._clean(title), "bold")

    def _close(self) -> None:
        if self._group:
            self._command(self._dialect.close_group(self._now(), self._group), group=True)
        self._group = ""

    def _annotate(self, severity: Severity, raw: str, title: str = "", file: str = "", line: int = 0) -> None:
        if self._annotated.get(severity, 0) > ANNOTATIONS:
            return
        self._annotated[severity] = self._annotated.get(severity, 0) + 1
        self._command(self._dialect.annotation(severity, raw, title, file, line))

    def _pin(self, suite: SuiteResult, severity: Severity) -> int:
        """Annotate the failures of a suite as long as there is room; return how many."""
        room = max(ANNOTATIONS - self._annotated.get(severity, 0), 0)
        pinned = list(itertools.islice(failures(suite), room))
        for failure in pinned:
            self._annotate(severity, failure.what, failure.title, failure.file, failure.line)
        return len(pinned)

    def _is_new(self, event: Event) -> bool:
        status, percent = self._told.get(event.name, ("", None))
        moved = abs((event.percent or 0) - (percent or 0)) >= PERCENT_STEP
        if event.name in self._told and event.status == status and not moved and not event.text:
            return False
        self._told[event.name] = (event.status, event.percent)
        return True

    def _move(self, event: Event) -> None:
        if not self._bars:
            self._bars = Bars(self._stderr, colour=self._colour)
        words, percent = bar(event, self._clean)
        if words:
            name = self._clean(event.name, NAME_WIDTH)
            self._bars.show(name, words, percent, ended=event.happening is Happening.ENDED)

    def _settle(self) -> None:
        """Take what moves off the screen."""
        if self._bars:
            self._bars.stop()
        self._bars = None
