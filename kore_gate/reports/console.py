"""What people read on stderr, machines on stdout, and the CI system as commands of its own."""

import collections
import contextlib
import dataclasses
import datetime
import functools
import io
import itertools
import json
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TextIO, assert_never, cast

from kore_gate import text
from kore_gate.ci.dialects import Dialect
from kore_gate.errors import Ending, ExitCode, GateError
from kore_gate.gate import suite_run
from kore_gate.model import Event, Evidence, Happening, Mark, Result, Severity, SuiteResult, Verdict, replace
from kore_gate.reports import cases, labels
from kore_gate.settings.redact import Redactor

if TYPE_CHECKING:
    import rich.console
    from rich.live import Live

# A log is as wide on every machine.
LOG_WIDTH = 120
SUITES_SHOWN = 50
CASES_SHOWN = 20
BARS_SHOWN = 20
FINDINGS_SHOWN = 100
LINE_LIMIT = 2000
NAME_LIMIT = 61
# GitHub shows ten annotations of a severity for a step; of failures, the tenth says how many more there are.
ANNOTATIONS = 10
# GitHub cuts messages at 4096 characters.
MESSAGE_LIMIT = 4000
# Between two status words, a line for each so many percent: the line of each minute shows the rest.
PERCENT_STEP = 10
# From so many on, the files of suites are listed as one pattern.
MANY_FILES = 4
_SUITE_FILE = re.compile(r"((?:^|.*/)(?:TEST-kore|kore-results)-)[^/]*(\.\w+)$")
COLOURS: dict[Ending | None, str] = {None: "", **dict.fromkeys(Ending, "red"), Ending.PASSED: "green"}


@dataclasses.dataclass(kw_only=True, eq=False)
class Console:
    """The one place that prints; foreign text is inert in it, and a reader who leaves never stops the gate."""

    stderr: TextIO
    stdout: TextIO
    dialect: Dialect
    colour: bool
    verbose: bool
    live: bool
    now: Callable[[], datetime.datetime]
    quiet_stdout: bool = False

    def __post_init__(self) -> None:
        """Start with nothing printed."""
        self.redactor = Redactor()  # for what may hold secrets by accident, such as a stack trace
        self._stdout = _Stream(self.stdout)
        # A substitute that is wider than the character would break the bars' columns.
        self._stderr = _Stream(self.stderr, errors="replace" if self.live else "backslashreplace")
        self._bars: Live | None = None
        self._rows: dict[str, tuple[Event, float]] = {}  # the last news of each suite, and when it came
        self._printed: dict[str, tuple[str, float]] = {}  # status and percent of each suite's last line
        self._group_numbers = itertools.count(1)
        self._annotated: dict[Severity, int] = {"error": 0, "warning": 0}
        self._printed_texts: set[str] = set()  # of warnings and of suites that ended

    def event(self, event: Event) -> None:
        """Pass on news of a suite: on a live terminal its bar moves, elsewhere a line says what changed."""
        if event.ending not in (None, Ending.PASSED, Ending.FAILED) and event.text in self._printed_texts:
            event = replace(event, text="")  # the reason of another suite
        if event.happening in (Happening.WARNING, Happening.ENDED):
            self._printed_texts.add(event.text)
        if event.happening is Happening.WARNING:
            self.warning(f"{event.name}: {event.text}" if event.name else event.text)
            return
        if self.live and event.key:
            self._move_bar(event)
        lasting = (Happening.IDENTIFIED, Happening.ENDED, Happening.WAITING)
        if event.happening in lasting if self.live else self._is_news(event):
            self._write(self._stamp() + _line(event), COLOURS[event.ending])

    def info(self, raw: str) -> None:
        """Print text for people; it may have several lines."""
        for line in raw.split("\n"):
            self._write(line, exact=line.startswith(" "))  # it may be a command to copy

    def table(self, rows: Sequence[Sequence[str]], least: Sequence[int] = ()) -> None:
        """Print rows in aligned columns; `least` has the least width of each column but the last."""
        for line in text.columns([[text.terminal(cell) for cell in row] for row in rows], least):
            self._print(line, exact=True)

    def write_out(self, raw: str) -> None:
        """Print on stdout what was asked for."""
        self._stdout.write(raw)

    def warning(self, raw: str) -> None:
        """Warn people, in the log and on the CI's page."""
        self._write(f"{self._stamp()}Warning: {raw}", "yellow")
        self._annotate("warning", raw)

    def debug(self, raw: str) -> None:
        """Print what only --verbose shows; it may have several lines."""
        for line in raw.splitlines() if self.verbose else ():
            self._write(f"debug: {self.redactor.text(line)}", "dim")

    def error(self, error: GateError, *, is_last: bool = False) -> None:
        """Print what happened (of the last error, the verdict says it), details, what usually causes it, what to do."""
        self.close()
        if not is_last:
            self._write(error.message, "red")
        self._write_details(error)
        self._write_advice(error)
        self._annotate("error", "\n".join(dict.fromkeys([error.message, *error.details])), "kore_gate")

    def result(
        self, result: Result, files: Sequence[str], exit_code: ExitCode | None = None, *, again: bool = False
    ) -> None:
        """End the call: failures in groups, annotations, a table, the reports, the verdict and the exit code.

        The exit code is passed where it is not the verdict's own: after soft-fail, or when rendering `again`.
        """
        self.close()
        severity: Severity = "warning" if exit_code is ExitCode.PASSED else "error"
        red = [suite for suite in result.suites if suite.verdict.ending is not Ending.PASSED]
        for suite in red[:SUITES_SHOWN]:
            self._write_failures(suite, result.verdict.message)
        self._annotate_failures(red, severity)
        if not red and result.verdict.ending is not Ending.PASSED:
            self._annotate(severity, result.verdict.message, "kore_gate")
        self._write_forgiven(result)
        self._write_attempts(result)
        self._command(self.dialect.heading, group=True)
        if result.tested_suites:
            self._write_table(result)
        self._write_notes(result)
        self._write_files(files)
        self.verdict(result.verdict, exit_code, again=again)

    def verdict(self, verdict: Verdict, exit_code: ExitCode | None = None, *, again: bool = False) -> None:
        """Print the verdict and the exit code: the last two lines of every call."""
        self.close()
        code = verdict.exit_code if exit_code is None else exit_code
        meaning = verdict.exit_code.meaning
        if again:
            meaning = f"rendered again; the original exit code was {int(verdict.exit_code)}: {meaning}"
        elif code is not verdict.exit_code:
            meaning = f"soft-fail turned {int(verdict.exit_code)} into {int(code)}; {meaning}"
        self._write(f"Verdict: {verdict.ending}. {verdict.message}", COLOURS[verdict.ending], exact=True)
        self._write(f"Exit code: {int(code)} ({meaning})", exact=True)

    def lint(self, files: Sequence[SuiteResult], reports: Sequence[str]) -> None:
        """Print what was found in each suite file, by file and line, and pin it to its place."""
        for file in files:
            for row in file.lint[:FINDINGS_SHOWN]:
                colour = "red" if row.severity == "error" else "yellow"
                self._write(f"{file.file}:{row.line or 1}: {row.severity} {row.rule}: {row.message}", colour)
                self._annotate(row.severity, row.message, f"lint: {row.rule}", file.file, row.line or 1)
            self._write_more(len(file.lint) - FINDINGS_SHOWN, f"{file.file}: ")
        self._write_files(reports)

    def soften(self, verdict: Verdict, soft_fail: Collection[int]) -> ExitCode:
        """Return the verdict's exit code, or 0 with a warning where soft-fail names it."""
        code = verdict.exit_code
        if code not in soft_fail:
            return code
        self.warning(f"soft-fail: exit code {code.value} ({verdict.ending}) is turned into 0.")
        return ExitCode.PASSED

    def outputs(self, outputs: Mapping[str, str]) -> None:
        """Give later steps of the pipeline the outputs, where the CI takes them as commands."""
        for name, value in outputs.items():
            self._command(self.dialect.output(name, text.plain(value)))

    def summary(self, path: str) -> None:
        """Have the CI show a Markdown file on the page of the run, where it takes a command for that."""
        self._command(self.dialect.summary(path))

    def json(self, raw: str) -> None:
        """Print machine-readable JSON on stdout: the same values, with nothing in it that a CI system could obey."""
        self.close()
        if not self._stdout.encoding.lower().startswith("utf"):
            raw = json.dumps(json.loads(raw), indent=2)
        # `##[…` acts on GitHub wherever it stands in a line.
        self._stdout.write(raw.rstrip("\n").replace("##", r"\u0023\u0023") + "\n")

    def close(self) -> None:
        """Stop what moves; anything may still be printed after."""
        if self._bars:
            self._bars.stop()
        self._bars = None

    @functools.cached_property
    def _screen(self) -> "rich.console.Console":
        """Make rich's console, which takes a moment to import: plain lines do without."""
        import rich.console

        return rich.console.Console(
            file=cast("TextIO", self._stderr),
            force_terminal=self.live or self.colour,
            color_system="standard" if self.colour else None,
            width=None if self.live else LOG_WIDTH,
            markup=False,
            emoji=False,
            highlight=False,
        )

    def _stamp(self) -> str:
        return f"{self.now():%H:%M:%S} " if self.dialect.timestamps else ""

    def _write(self, raw: str, style: str = "", *, exact: bool = False) -> None:
        """Print one line for people, inert whatever it holds."""
        indent = " " * min(len(raw) - len(raw.lstrip(" ")), 20)
        self._print(indent + text.terminal(raw, LINE_LIMIT), style, exact=exact)

    def _print(self, line: str, style: str = "", *, exact: bool, styled: tuple[int, int | None] = (0, None)) -> None:
        """Print one inert line, `styled` from there to there; on a terminal it is wrapped unless it stays `exact`."""
        if not (self.live or (self.colour and style)):
            self._stderr.write(f"{line}\n")
            return
        from rich.text import Text

        if exact or not self.live:
            words = Text(line)
            words.stylize(style, *styled)
            self._screen.print(words, soft_wrap=True)
            return
        words = Text(line.lstrip(), style)
        indent = Text(" " * (len(line) - len(words)))
        # Some terminals draw joined letters wider than rich counts them.
        room = self._screen.width - len(indent) - (_widest(line) - _cells(line))
        for part in words.wrap(self._screen, max(room, 1)):
            part.rstrip()
            self._screen.print(indent + part, soft_wrap=True)

    def _write_more(self, number: int, before: str = "", after: str = "") -> None:
        """Say how many more there are than a list shows, if there are."""
        if number > 0:
            self._write(f"{before}… and {number:,} more{after}")

    def _write_details(self, source: Verdict | GateError) -> None:
        for detail in source.details:
            if detail != source.message:
                self._write(f"  - {detail}")

    def _write_advice(self, source: Verdict | GateError) -> None:
        for label, advice in labels.advice(source):
            self._write(f"{label}: {advice}")

    def _command(self, command: str, *, group: bool = False) -> None:
        """Print a command; runners read stderr as well, so that stdout can be kept for machines."""
        if command:
            is_for_people = self.quiet_stdout or (group and self.dialect.groups_on == "stderr")
            (self._stderr if is_for_people else self._stdout).write(f"{command}\n")

    def _annotate(self, severity: Severity, raw: str, title: str = "", file: str = "", line: int = 0) -> None:
        if self._annotated[severity] < ANNOTATIONS:
            self._annotated[severity] += 1
            message = text.cut(raw, MESSAGE_LIMIT)
            self._command(self.dialect.annotation(severity, message, text.line(title, 200), text.plain(file), line))

    @contextlib.contextmanager
    def _group(self, title: str) -> Iterator[None]:
        """Fold what is printed within; an interrupt ends the group as well."""
        dialect, seconds = self.dialect, int(self.now().timestamp())
        begin, end = dialect.group
        key = f"kore-{seconds}-{next(self._group_numbers)}"
        shown = dialect.escape_title(text.terminal(title, 200))
        self._command(begin.format(title=shown, key=key, at=seconds), group=True)
        if not begin or dialect.groups_on == "stdout":
            self._write(title, "bold")
        try:
            yield
        finally:
            self._command(end.format(key=key, at=int(self.now().timestamp())), group=True)

    def _annotate_failures(self, red: Sequence[SuiteResult], severity: Severity) -> None:
        """Annotate each suite's first failure, then the second ones, while there is room; count the others."""
        more = sum(map(cases.red_count, red))
        for failure in cases.in_turn(itertools.islice(cases.failures(suite), ANNOTATIONS) for suite in red):
            if self._annotated[severity] >= ANNOTATIONS - 1:
                break
            self._annotate(severity, failure.what, failure.title, failure.source.file, failure.source.line)
            more -= 1
        if more:
            self._annotate(severity, f"{more} more failures: see the reports.", "kore_gate")

    def _write_failures(self, suite: SuiteResult, verdict: str) -> None:
        """Print a suite's first failures in a group, and its reasons where the `verdict` does not repeat them."""
        failures = list(itertools.islice(cases.failures(suite), CASES_SHOWN))
        steps = [failure for failure in failures if failure.where]
        is_new = suite.verdict.message not in (verdict, *self._printed_texts)
        if not (steps or is_new or suite.verdict.details):
            return
        with self._group(f"{suite.name}: {suite.verdict.ending}"):
            if is_new:
                self._write(suite.verdict.message)
            self._write_details(suite.verdict)
            for failure in steps:
                self._write(f"  {failure.outcome.upper()} {text.line(failure.where, 80)}: {failure.what}", "red")
                if failure.source.line:
                    self._write(f"    at {failure.source.file}:{failure.source.line}", exact=True)
            self._write_more(cases.red_count(suite) - len(failures), "  ")

    def _write_forgiven(self, result: Result) -> None:
        """Print what policies forgave, and what they report."""
        if not result.forgiveness:
            return
        findings = [finding for suite in result.suites for finding in cases.forgiven(suite)]
        remarks = result.forgiveness.remarks
        if not (findings or remarks):
            return
        with self._group(f"Policies: {text.plural(len(findings), 'failure')} forgiven"):
            for finding in findings[:CASES_SHOWN]:
                mark, (message, _) = cast("Mark", finding.mark), finding.failure
                self._write(f"  {mark.policy.upper()} {text.line(finding.title, 120)}: {message}", "yellow")
                if mark.until:  # what forgives the others is the same for all, and in the verdict
                    self._write(f"    {labels.mark(mark)}")
            self._write_more(len(findings) - CASES_SHOWN, "  ")
            for remark in remarks[:SUITES_SHOWN]:
                self._write(f"  {remark}")
            self._write_more(len(remarks) - SUITES_SHOWN, "  ", ": see kore-result.json")

    def _write_attempts(self, result: Result) -> None:
        """Print the attempts of suites that were run again, and what failed in those that nothing else shows."""
        suites = [suite for suite in result.suites if suite.attempts]
        if not suites:
            return
        with self._group(f"Reruns: {text.plural(len(suites), 'suite')} run again"):
            for suite in suites[:SUITES_SHOWN]:
                self._write(f"  {text.line(suite.name, 80)}{' (flaky)' if suite.is_flaky else ''}")
                for line, failures in cases.attempts(suite):
                    self._write(f"    {line}")
                    for failure in failures[:CASES_SHOWN]:
                        where = f"{text.line(failure.where, 80)}: " if failure.where else ""
                        self._write(f"      {failure.outcome.upper()} {where}{failure.what}", "yellow")
                    self._write_more(len(failures) - CASES_SHOWN, "      ")
            self._write_more(len(suites) - SUITES_SHOWN, "  ", ": see kore-result.json")

    def _write_table(self, result: Result) -> None:
        """List the suites in columns, those that did not pass first once there are too many."""
        suites = list(result.tested_suites)
        more = len(suites) - SUITES_SHOWN
        if more > 0:
            suites.sort(key=lambda suite: suite.verdict.ending is Ending.PASSED)
        suites = suites[:SUITES_SHOWN]
        headings = ("Verdict", "Steps", "Passed", "Failed", "Errors", "Skipped", "Time")
        rows = []
        for suite in suites:
            counts = cases.count(suite, result.junit_granularity)
            numbers = (counts.steps, counts.passed, counts.failed, counts.errors, counts.skipped)
            rows.append((str(suite.verdict.ending), *map(str, numbers), text.duration(suite.duration)))
        # Names get what the other columns, two apart, leave.
        widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
        room = (self._screen.width if self.live else LOG_WIDTH) - sum(2 + wide for wide in widths)
        full_names = [text.terminal(suite.name) for suite in suites]
        names = _fit_all(full_names, max(room, 1))
        if self.live:
            # As many columns stay free as some terminals draw joined letters wider than rich counts them.
            names = _fit_all(full_names, max(room - max(_widest(name) - _cells(name) for name in names), 1))
        first = max(map(_cells, ("Suite", *names)))

        def aligned(name: str, ending: str, *cells: str) -> str:
            head = f"{name}{' ' * (first - _cells(name))}  {ending:<{widths[0]}}"
            return "  ".join([head, *(f"{cell:>{wide}}" for cell, wide in zip(cells, widths[1:], strict=True))])

        self._write("")
        self._print(aligned("Suite", *headings), "bold", exact=True)
        for suite, name, row in zip(suites, names, rows, strict=True):
            line = aligned(name, *row)
            start = line.rindex(row[0])
            self._print(line, COLOURS[suite.verdict.ending], exact=True, styled=(start, start + len(row[0])))
        self._write_more(more)
        self._write("")

    def _write_notes(self, result: Result) -> None:
        """Print what else there is to know: how sure a pass is, what to do, how to resume."""
        passed = [suite for suite in result.suites if suite.verdict.ending is Ending.PASSED]
        if any(suite.evidence is Evidence.IMPORT_VALIDATION for suite in passed):
            self._write("Passed after an import means that Kore.ai accepted the suite; nothing was executed.")
        for suite in result.suites[:SUITES_SHOWN]:
            for note in suite.notes:
                if note not in self._printed_texts:
                    self._write(f"Note on {text.line(suite.name, 40)}: {note}")
        if not result.suites:
            self._write_details(result.verdict)
        if result.verdict.exit_code is not ExitCode.REPORT:  # printed with each report that failed
            self._write_advice(result.verdict)
        if command := suite_run.resume_call(result):
            self._print(f"Resume with: {command}", exact=True)

    def _write_files(self, files: Sequence[str]) -> None:
        """List the reports in their order, many of a kind as one pattern."""
        kinds = collections.defaultdict[str, list[str]](list)
        for file in files:
            kinds[_SUITE_FILE.sub(r"\1*\2", file)].append(file)
        if files:
            self._write("Reports:")
        for kind, members in kinds.items():
            for line in members if len(members) < MANY_FILES else [f"{kind} ({len(members)} files)"]:
                self._write(f"  {line}", exact=True)

    def _is_news(self, event: Event) -> bool:
        """Tell whether an event is worth a line: a small step between two status words is not."""
        if event.happening is Happening.TROUBLE:
            return not event.key  # one line for all suites that wait for the same reason
        if event.happening is not Happening.CHANGED:
            return True
        status, percent = self._printed.get(event.key, ("", -PERCENT_STEP))
        step = abs((event.percent or 0) - percent)
        if not _state(event) or (event.status == status and step < PERCENT_STEP):
            return False
        self._printed[event.key] = (event.status, event.percent or 0)
        return True

    def _move_bar(self, event: Event) -> None:
        self._rows[event.key] = (event, self._screen.get_time())
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
        screen.show_cursor(True)  # it was hidden just now, and a second signal would leave it so


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


def bars(rows: Sequence[tuple[Event, float]], now: float, width: int, height: int) -> "rich.console.RenderableType":
    """Draw a bar for the last event of each suite; without room for all, those that still run, and count the others."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    # Why suites wait, each reason once, in at most two lines.
    waits = {event.text: event.outlook for event, _ in rows if event.happening is Happening.TROUBLE}
    reasons = [
        f"{_fit(text.terminal(reason), max(2 * width - len(outlook) - 14, 1), keep_end=False)}; {outlook}"
        for reason, outlook in list(waits.items())[:2]
    ]
    # A row for the others, and one for the cursor, have to fit as well.
    room = max(min(BARS_SHOWN, height - 2 - 2 * len(reasons)), 1)
    words = max((width - 11) * 3 // 8, 1)
    shown = rows if len(rows) <= room else sorted(rows, key=lambda row: row[0].ending is not None)[:room]
    names = _fit_all([text.terminal(event.name) for event, _ in shown], words)
    states = [_fit(_state(event), words, keep_end=event.happening is not Happening.TROUBLE) for event, _ in shown]
    texts = list(zip(names, states, strict=True))
    # One column stays free, and as many as some terminals draw joined letters wider than rich counts them.
    free = 1 + max(sum(_widest(part) - _cells(part) for part in pair) for pair in texts)
    table = Table.grid(padding=(0, 1, 0, 0), pad_edge=False)
    for column in (words, max(width - 2 * words - 10 - free, 1), words, 7):
        table.add_column(width=column, no_wrap=True)
    for (event, since), (name, state) in zip(shown, texts, strict=True):
        bar = ProgressBar(
            completed=100 if event.ending is Ending.PASSED else event.percent or 0,
            pulse=event.percent is None and event.ending is None,
            animation_time=now,
            complete_style="cyan",
            finished_style=COLOURS[event.ending] or "cyan",
        )
        elapsed = event.elapsed if event.ending else event.elapsed + now - since
        table.add_row(name, bar, state, text.duration(elapsed))
    if len(rows) > room:
        ended = sum(event.ending is not None for event, _ in rows)
        bar = ProgressBar(total=len(rows), completed=ended, complete_style="cyan")
        table.add_row(f"… {len(rows) - room} more", bar, f"{ended} of {len(rows)} ended")
    return Group(table, *(Padding(reason, (0, 1, 0, 0), expand=False) for reason in reasons))


def _fit_all(names: Sequence[str], width: int) -> list[str]:
    """Fit names into so many cells, numbered where they would look the same."""
    taken: dict[str, int] = {}
    fitted = []
    for name in names:
        short = _fit(name, width)
        number = text.unique(short, taken, " #").removeprefix(short)
        fitted.append(_fit(name, max(width - len(number), 1)) + number)
    return fitted


def _fit(name: str, width: int, *, keep_end: bool = True) -> str:
    """Cut the middle out of a text that may be wider than so many cells, for names often begin alike; or its end."""
    if _widest(name) <= width:
        return name
    tail = width - width // 2 - 1 if keep_end else 0
    start = next(name[:at] for at in range(len(name), -1, -1) if _widest(name[:at]) <= width - tail - 1)
    return start + "…" + next(name[at:] for at in range(len(name) + 1) if _widest(name[at:]) <= tail)


def _widest(name: str) -> int:
    """Count the cells of a text on a terminal that does not join letters: each vowel sign takes one."""
    if name.isascii():
        return len(name)
    return max(_cells(name), sum(1 if unicodedata.category(char) == "Mc" else _cells(char) for char in name))


def _cells(name: str) -> int:
    """Count the cells of a text on a terminal that joins letters."""
    if name.isascii():
        return len(name)
    from rich.cells import cell_len

    return cell_len(name)


def _state(event: Event) -> str:
    """Say where a suite is: `uploading`, `import started`, `IN_PROGRESS 85 %`, why it waits, `passed`."""
    percent = f"{event.percent:.0f} %" if event.percent is not None else ""
    status = f"{text.terminal(event.status, 40)} {percent}".strip()
    match event.happening:
        case Happening.STARTED | Happening.TROUBLE:
            return text.terminal(event.text)
        case Happening.IDENTIFIED:
            return f"{event.phase} started"
        case Happening.CHANGED:
            return status
        case Happening.WAITING:
            return f"still {status or 'waiting'}"
        case Happening.ENDED:
            return str(event.ending)
        case Happening.WARNING | Happening.DEBUG:
            return ""
        case _:
            assert_never(event.happening)


def _line(event: Event) -> str:
    """Put an event into one line: `banking: IN_PROGRESS 85 % (1m 5s)`."""
    name, state = _fit(text.terminal(event.name), NAME_LIMIT), _state(event)
    parts = [name, state]
    if event.happening is Happening.TROUBLE:
        parts = [name, "waiting", f"{state}; {event.outlook}"]
    elif event.happening is not Happening.STARTED:
        parts.append(event.text)
    line = ": ".join(filter(None, parts))
    return f"{line} ({text.duration(event.elapsed)})" if event.elapsed > 0 else line
