"""Where the gate speaks: people read stderr, machines stdout, and the CI system its own commands."""

import contextlib
import datetime
import itertools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

from kore_gate import recap, text
from kore_gate.ci.dialects import Dialect, Severity
from kore_gate.errors import GateError
from kore_gate.events import Event, Happening
from kore_gate.exit_codes import ExitCode
from kore_gate.model import Ending, Result, SuiteResult, Verdict
from kore_gate.redact import Redactor

if TYPE_CHECKING:
    from kore_gate.progress import Bars

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
        self._write(self._stamp() + recap.news(event, self._clean), recap.mood(event.ending))

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
        first, *rest = recap.problem(error, self._clean)
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
        red = recap.red_suites(result)
        severity: Severity = "warning" if code is ExitCode.PASSED else "error"
        left = sum(recap.number_of_failures(suite) for suite in red)
        for suite in red[: recap.SUITES_SHOWN]:
            self._open(f"{suite.name}: {suite.verdict.ending}")
            for line in recap.failure_lines(suite, self._clean):
                self._write(line, "red" if line.startswith(("  FAILED", "  ERROR")) else "")
            left -= self._pin(suite, severity)
            self._close()
        if left:
            self._annotate(severity, f"{left} more failures: see the reports.", "kore_gate")
        elif not red and result.verdict.ending is not Ending.PASSED:
            self._annotate(severity, result.verdict.message, "kore_gate")
        self._command(self._dialect.heading("Verdict"), group=True)
        for line in (*recap.table(result, self._clean), *recap.closing(result, files, self._clean)):
            self._write(line)
        self.last_lines(result.verdict, code, again=again)

    def last_lines(self, verdict: Verdict, exit_code: ExitCode | None = None, *, again: bool = False) -> None:
        """Say the verdict and the exit code: the last two lines of every call."""
        self.close()
        said, number = recap.last_lines(verdict, exit_code, self._clean, again=again)
        self._write(said, recap.mood(verdict.ending))
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
        pinned = list(itertools.islice(recap.failures(suite), room))
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
            from kore_gate.progress import Bars

            self._bars = Bars(self._stderr, colour=self._colour)
        words, percent = recap.bar(event, self._clean)
        if words:
            name = self._clean(event.name, recap.NAME_WIDTH)
            self._bars.show(name, words, percent, ended=event.happening is Happening.ENDED)

    def _settle(self) -> None:
        """Take what moves off the screen."""
        if self._bars:
            self._bars.stop()
        self._bars = None
