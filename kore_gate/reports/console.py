"""What people read on stderr, machines on stdout, and the CI system as commands of its own."""

import collections
import contextlib
import datetime
import functools
import io
import itertools
import json
import re
import typing
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TextIO, cast

from kore_gate import text
from kore_gate.ci.dialects import Dialect, Severity
from kore_gate.errors import Ending, ExitCode, GateError
from kore_gate.gate import suite_run
from kore_gate.model import Event, Evidence, Happening, Result, SuiteResult, Verdict
from kore_gate.reports import cases, labels
from kore_gate.settings.redact import Redactor

if TYPE_CHECKING:
    import rich.console
    from rich.live import Live
    from rich.table import Table

# A log is as wide on every machine.
LOG_WIDTH = 120
SUITES_SHOWN = 50
CASES_SHOWN = 20
BARS_SHOWN = 20
COLUMNS = ("Suite", "Verdict", "Steps", "Passed", "Failed", "Errors", "Skipped", "Time")
LINE_LIMIT = 2000
TEXT_LIMIT = 500
# GitHub shows ten annotations of a severity for a step; of failures, the tenth says how many more there are.
ANNOTATIONS = 10
# Between two status words, a line for each so many percent: the line of each minute shows the rest.
PERCENT_STEP = 10

# JSON can spell a hash sign so that no runner sees one: `##[…` acts on GitHub wherever it stands in a line.
_HASHES = re.compile(r"##(?=\[|vso|teamcity)", re.IGNORECASE)

# Foreign words are inert by themselves; this is what a line made from several could begin with.
_MARKER = re.compile(r"\s*(?:::|---|\+\+\+|~~~|\^\^\^)")


class Console:
    """The one place that prints; foreign text is inert in it, and a reader who leaves never stops the gate.

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
        self._stderr = _Stream(stderr)
        self._stdout = _Stream(stdout)
        self._terminal = _Stream(stderr, errors="replace")  # a wider substitute would break rich's columns
        self._dialect = dialect
        self._colour = colour
        self._verbose = verbose
        self._live = live
        self._quiet_stdout = quiet_stdout
        self._now = now
        self.redactor = Redactor()
        self._bars: Live | None = None
        self._rows: dict[str, tuple[Event, float]] = {}  # the last news of each suite, and when it came
        self._group = ""
        self._groups = 0
        self._progress: dict[str, tuple[str, float | None]] = {}
        self._annotated: collections.Counter[Severity] = collections.Counter()

    def event(self, event: Event) -> None:
        """Pass on news of a suite: on a live terminal its bar moves, elsewhere a line says what changed."""
        if event.happening is Happening.WARNING:
            self.warning(f"{event.name}: {event.text}" if event.name else event.text)
            return
        if self._live and event.name:
            self._move_bar(event)
            if event.happening not in (Happening.ENDED, Happening.IDENTIFIED):
                return
        if event.happening is not Happening.CHANGED or self._is_new(event):
            self._write(self._stamp() + _news(event), _colour_of(event.ending))

    def info(self, raw: str) -> None:
        """Print text for people; it may have several lines."""
        for line in raw.split("\n"):
            indent = " " * min(len(line) - len(line.lstrip(" ")), 20)
            self._write(indent + text.terminal(line, LINE_LIMIT), exact=bool(indent))  # it may be a command to copy

    def warning(self, raw: str) -> None:
        """Warn people, in the log and on the CI's page."""
        self._write(f"{self._stamp()}Warning: {text.terminal(raw, LINE_LIMIT)}", "yellow")
        self._annotate("warning", raw)

    def debug(self, raw: str) -> None:
        """Print what only --verbose shows; it may have several lines."""
        for line in raw.splitlines() if self._verbose else ():
            self._write(f"debug: {text.terminal(self.redactor.text(line), LINE_LIMIT)}", "dim")

    def error(self, error: GateError) -> None:
        """Print what happened, its details, what usually causes it and what to do."""
        self._stop_bars()
        self._write(text.terminal(error.message, TEXT_LIMIT), "red")
        for line in (*_details(error), *_advice(error)):
            self._write(line)
        self._annotate("error", "\n".join([error.message, *error.details]), "kore_gate")

    def result(
        self, result: Result, files: Sequence[str], exit_code: ExitCode | None = None, *, again: bool = False
    ) -> None:
        """End the call: failures in groups, annotations, a table, the reports, the verdict and the exit code.

        The exit code is passed where it is not the verdict's own: after soft-fail, or when rendering `again`.
        """
        self._stop_bars()
        code = result.verdict.exit_code if exit_code is None else exit_code
        severity: Severity = "warning" if code is ExitCode.PASSED else "error"
        red = [suite for suite in result.suites if suite.verdict.ending is not Ending.PASSED]
        missing = sum(cases.red_count(suite) for suite in red)
        for suite in red[:SUITES_SHOWN]:
            missing -= self._failures(suite, severity)
        if missing:
            self._annotate(severity, f"{missing} more failures: see the reports.", "kore_gate")
        elif not red and result.verdict.ending is not Ending.PASSED:
            self._annotate(severity, result.verdict.message, "kore_gate")
        self._command(self._dialect.heading, group=True)
        self._table(result)
        self._closing(result, files)
        self.verdict(result.verdict, code, again=again)

    def verdict(self, verdict: Verdict, exit_code: ExitCode | None = None, *, again: bool = False) -> None:
        """Print the verdict and the exit code: the last two lines of every call."""
        self.close()
        code = verdict.exit_code if exit_code is None else exit_code
        meaning = verdict.exit_code.meaning
        if again:
            meaning = f"rendered again; the original exit code was {int(verdict.exit_code)}: {meaning}"
        elif code is not verdict.exit_code:
            meaning = f"soft-fail turned {int(verdict.exit_code)} into {int(code)}; {meaning}"
        message = text.terminal(verdict.message, TEXT_LIMIT)
        self._write(f"Verdict: {verdict.ending}. {message}", _colour_of(verdict.ending), exact=True)
        self._write(f"Exit code: {int(code)} ({meaning})", exact=True)

    def outputs(self, outputs: Mapping[str, str]) -> None:
        """Give later steps of the pipeline the outputs, where the CI takes them as commands."""
        for name, value in outputs.items():
            self._command(self._dialect.output(name, text.plain(value)))

    def summary(self, path: str) -> None:
        """Have the CI show a Markdown file on the page of the run, where it takes a command for that."""
        self._command(self._dialect.upload_summary(path))

    def json(self, raw: str) -> None:
        """Print machine-readable JSON on stdout: the same values, with nothing in it that a CI system could obey."""
        self._stop_bars()
        shown = _HASHES.sub(lambda match: match[0].replace("#", "\\u0023"), raw).rstrip("\n")
        try:
            shown.encode(self._stdout.encoding)
        except UnicodeEncodeError:
            shown = re.sub(r"[^\x00-\x7f]", lambda match: json.dumps(match[0])[1:-1], shown)
        self._stdout.write(f"{shown}\n")

    def close(self) -> None:
        """Stop what moves and close what is open; anything may still be printed after."""
        self._stop_bars()
        if self._group:
            self._command(self._dialect.close_group(self._now(), self._group), group=True)
        self._group = ""

    @functools.cached_property
    def _screen(self) -> "rich.console.Console":
        """Make rich's console, which takes a moment to import: plain lines do without."""
        import rich.console

        return rich.console.Console(
            file=cast("TextIO", self._terminal),
            force_terminal=self._live or self._colour,
            color_system="standard" if self._colour else None,
            width=None if self._live else LOG_WIDTH,
            markup=False,
            emoji=False,
            highlight=False,
        )

    def _stamp(self) -> str:
        return f"{self._now():%H:%M:%S} " if self._dialect.timestamps else ""

    def _write(self, line: str, style: str = "", *, exact: bool = False) -> None:
        """Print one line for people, made of inert words; on a terminal it is wrapped unless it must stay `exact`."""
        if _MARKER.match(line):
            line = f"| {line}"
        if not (self._live or (self._colour and style)):
            self._stderr.write(f"{line}\n")
            return
        from rich.text import Text

        if exact or not self._live:
            self._screen.print(Text(line, style), soft_wrap=True)
            return
        indent = Text(" " * (len(line) - len(line.lstrip())))
        for part in Text(line.lstrip(), style).wrap(self._screen, self._screen.width - len(indent)):
            part.rstrip()
            self._screen.print(indent + part, soft_wrap=True)

    def _command(self, command: str, *, group: bool = False) -> None:
        """Print a command; runners read stderr as well, so that stdout can be kept for machines."""
        if command:
            is_for_people = self._quiet_stdout or (group and self._dialect.groups_on == "stderr")
            (self._stderr if is_for_people else self._stdout).write(f"{command}\n")

    def _annotate(self, severity: Severity, raw: str, title: str = "", file: str = "", line: int = 0) -> None:
        if self._annotated[severity] < ANNOTATIONS:
            self._annotated[severity] += 1
            self._command(self._dialect.annotation(severity, raw, title, file, line))

    def _is_new(self, event: Event) -> bool:
        status, percent = self._progress.get(event.name, ("", None))
        moved = abs((event.percent or 0) - (percent or 0)) >= PERCENT_STEP
        if event.name in self._progress and event.status == status and not moved and not event.text:
            return False
        self._progress[event.name] = (event.status, event.percent)
        return True

    def _failures(self, suite: SuiteResult, severity: Severity) -> int:
        """Print a suite's reasons and first failures in a group; annotate them while there is room; return how many."""
        title = f"{suite.name}: {suite.verdict.ending}"
        when = self._now()
        self._groups += 1
        self._group = f"kore-{int(when.timestamp())}-{self._groups}"
        mark = self._dialect.open_group(title, when, self._group)
        self._command(mark, group=True)
        if not mark or self._dialect.groups_on == "stdout":
            self._write(text.terminal(title, LINE_LIMIT), "bold")
        for line in (text.terminal(suite.verdict.message, TEXT_LIMIT), *_details(suite.verdict)):
            self._write(line)
        shown = list(itertools.islice(cases.failures(suite), CASES_SHOWN))
        for failure in shown:
            if failure.where:
                where, what = text.terminal(failure.where, 80), text.terminal(failure.what, TEXT_LIMIT)
                self._write(f"  {failure.outcome.upper()} {where}: {what}", "red")
            if failure.where and failure.line:
                self._write(f"    at {text.terminal(failure.file, 200)}:{failure.line}", exact=True)
        more = cases.red_count(suite) - len(shown)
        if more > 0:
            self._write(f"  … and {more} more")
        annotated = shown[: max(ANNOTATIONS - 1 - self._annotated[severity], 0)]
        for failure in annotated:
            self._annotate(severity, failure.what, failure.title, failure.file, failure.line)
        self.close()
        return len(annotated)

    def _table(self, result: Result) -> None:
        """List the suites in columns, those that did not pass first once there are too many."""
        from rich.table import Table
        from rich.text import Text

        suites = list(result.tested_suites)
        if not suites:
            return
        if len(suites) > SUITES_SHOWN:
            suites.sort(key=lambda suite: suite.verdict.ending is Ending.PASSED)
        rows = [_row(suite, result.junit_granularity) for suite in suites[:SUITES_SHOWN]]
        widths = [max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True)]
        room = max(self._screen.width - sum(widths[1:]) - 2 * len(widths[1:]), 1)
        table = Table(box=None, pad_edge=False)
        for place, heading in enumerate(COLUMNS):
            table.add_column(heading, justify="left" if place < 2 else "right", no_wrap=True)
        for name, ending, *numbers in rows:
            table.add_row(_fit(name, room), Text(ending, _colour_of(Ending(ending))), *numbers)
        self._write("")
        self._screen.print(table)
        if len(suites) > SUITES_SHOWN:
            self._write(f"… and {len(suites) - SUITES_SHOWN} more")
        self._write("")

    def _closing(self, result: Result, files: Sequence[str]) -> None:
        """Print what else there is to know: how sure a pass is, what to do, how to resume, where the reports are."""
        passed = [suite for suite in result.suites if suite.verdict.ending is Ending.PASSED]
        lines = []
        if any(suite.evidence is Evidence.IMPORT_VALIDATION for suite in passed):
            lines.append("Passed after an import means that Kore.ai accepted the suite; nothing was executed.")
        for suite in result.suites[:SUITES_SHOWN]:
            name = text.terminal(suite.name, 40)
            lines += [f"Note on {name}: {text.terminal(note, TEXT_LIMIT)}" for note in suite.notes]
        lines += [] if result.suites else _details(result.verdict)
        for line in (*lines, *_advice(result.verdict)):
            self._write(line)
        command = suite_run.resume_call(result)
        if command:
            self._write(f"Resume with: {command}", exact=True)  # inert by itself
        if files:
            self._write("Reports:")
        for file in files:
            self._write(f"  {text.terminal(file, 1000)}", exact=True)

    def _move_bar(self, event: Event) -> None:
        if not _state(event):
            return
        self._rows[event.name] = (event, self._screen.get_time())
        if self._bars:
            return
        from rich.live import Live

        screen = self._screen
        self._bars = Live(
            console=screen,
            get_renderable=lambda: bars(list(self._rows.values()), screen.get_time(), *screen.size),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._bars.start()
        # It was hidden just now, and a second signal would leave it so.
        screen.show_cursor(True)

    def _stop_bars(self) -> None:
        if self._bars:
            self._bars.stop()
        self._bars = None


class _Stream(io.TextIOBase):
    """A stream that takes any text, and whose reader may leave: exit code and reports still tell."""

    def __init__(self, stream: TextIO, errors: str = "backslashreplace") -> None:
        self._stream = stream
        self._errors = errors

    @property
    def encoding(self) -> str:  # type: ignore[override] # rich reads it to choose its characters
        return self._stream.encoding or "utf-8"

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text.encode(self.encoding, self._errors).decode(self.encoding))
            self._stream.flush()
        return len(text)


def bars(rows: Sequence[tuple[Event, float]], now: float, width: int, height: int) -> "Table":
    """Draw a bar for the last event of each suite; without room for all, those that still run, and count the others."""
    from rich.cells import cell_len
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    # A row for the others, and one for the cursor, have to fit as well.
    room = max(min(BARS_SHOWN, height - 2), 1)
    shown = rows if len(rows) <= room else sorted(rows, key=lambda row: row[0].ending is not None)[:room]
    words = max((width - 11) * 3 // 8, 1)
    texts = [(_fit(text.terminal(event.name), words), _fit(_state(event), words)) for event, _ in shown]
    # One column stays free, and as many as some terminals draw joined letters wider than rich counts them.
    free = 1 + max(sum(_widest(part) - cell_len(part) for part in pair) for pair in texts)
    table = Table.grid(padding=(0, 1, 0, 0), pad_edge=False)
    for column in (words, max(width - 2 * words - 10 - free, 1), words, 7):
        table.add_column(width=column, no_wrap=True)
    for (event, since), (name, state) in zip(shown, texts, strict=True):
        percent = 100.0 if event.ending is Ending.PASSED else event.percent
        bar = ProgressBar(
            completed=min(max(percent or 0, 0), 100),
            pulse=percent is None and event.ending is None,
            animation_time=now,
            complete_style="cyan",
            finished_style=_colour_of(event.ending) or "cyan",
        )
        elapsed = event.elapsed if event.ending else event.elapsed + now - since
        table.add_row(name, bar, state, text.duration(elapsed))
    if len(rows) > room:
        ended = sum(event.ending is not None for event, _ in rows)
        bar = ProgressBar(total=len(rows), completed=ended, complete_style="cyan")
        table.add_row(f"… {len(rows) - room} more", bar, f"{ended} of {len(rows)} ended")
    return table


def _fit(name: str, width: int) -> str:
    """Cut the middle out of a text that may be wider than so many cells: names often begin alike."""
    if _widest(name) <= width:
        return name
    head, tail = width // 2, width - width // 2 - 1
    start = next(name[:at] for at in range(len(name), -1, -1) if _widest(name[:at]) <= head)
    return start + "…" + next(name[at:] for at in range(len(name) + 1) if _widest(name[at:]) <= tail)


def _widest(name: str) -> int:
    """Count the cells of a text on a terminal that does not join letters: each vowel sign takes one."""
    from rich.cells import cell_len

    return max(cell_len(name), sum(1 if unicodedata.category(char) == "Mc" else cell_len(char) for char in name))


def _state(event: Event) -> str:
    """Say where a suite is: `import started`, `IN_PROGRESS 85 %`, `passed`; nothing where an event does not say it."""
    match event.happening:
        case Happening.STARTED:
            return f"{event.phase} started"
        case Happening.CHANGED | Happening.WAITING:
            percent = f"{event.percent:.0f} %" if event.percent is not None else ""
            return f"{text.terminal(event.status, 40)} {percent}".strip()
        case Happening.ENDED:
            return str(event.ending)
        case Happening.IDENTIFIED | Happening.WARNING | Happening.DEBUG:
            return ""
        case _:
            typing.assert_never(event.happening)


def _news(event: Event) -> str:
    """Put an event into one line: `banking: IN_PROGRESS 85 % (1m 5s)`."""
    state = _state(event)
    if event.happening is Happening.WAITING:
        state = f"still {state or 'waiting'}"
    parts = (text.terminal(event.name, 40), state, text.terminal(event.text, TEXT_LIMIT))
    line = ": ".join(filter(None, parts))
    return f"{line} ({text.duration(event.elapsed)})" if event.elapsed > 0 else line


def _details(source: Verdict | GateError) -> list[str]:
    return [f"  - {text.terminal(detail, TEXT_LIMIT)}" for detail in source.details]


def _advice(source: Verdict | GateError) -> list[str]:
    return [f"{label}: {text.terminal(value, TEXT_LIMIT)}" for label, value in labels.advice(source)]


def _row(suite: SuiteResult, granularity: str) -> tuple[str, ...]:
    counts = cases.count(suite, granularity)
    numbers = (counts.steps, counts.passed, counts.failed, counts.errors, counts.skipped)
    return (text.terminal(suite.name), str(suite.verdict.ending), *map(str, numbers), text.duration(suite.duration))


def _colour_of(ending: Ending | None) -> str:
    if ending is None:
        return ""
    return "green" if ending is Ending.PASSED else "red"
