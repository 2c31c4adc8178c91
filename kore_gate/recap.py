"""What is said on screen, in words: news of a suite, its failures, the table and the reports of a call."""

import dataclasses
import itertools
import typing
from collections.abc import Callable, Iterator, Sequence

from kore_gate import resume, testcases
from kore_gate.errors import GateError
from kore_gate.events import Event, Happening
from kore_gate.exit_codes import MEANINGS, ExitCode
from kore_gate.model import Ending, Evidence, Outcome, Result, SuiteResult, Verdict
from kore_gate.testcases import Case

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


def span(seconds: float) -> str:
    """Write a duration the way people say it: `0.4s`, `12s`, `1m05s`, `1h02m`."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"


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
    return f"{said} ({span(event.elapsed)})" if event.elapsed > 0 else said


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
    return [clean(error.message, LONG), *details, *_advice(error.cause, error.hint, clean)]


def red_suites(result: Result) -> list[SuiteResult]:
    """Return the suites that did not pass."""
    return [suite for suite in result.suites if suite.verdict.ending is not Ending.PASSED]


def failures(result: SuiteResult) -> Iterator[Failure]:
    """Find what went wrong in a suite; the gate's own case stands for a suite without a red step."""
    for case in testcases.each(result):
        if case.outcome in _RED:
            yield _failure(result, case)


def number_of_failures(result: SuiteResult) -> int:
    """Count what `failures` would find."""
    counts = testcases.count(result)
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
    every = suites = testcases.suites_of(result)
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
    lines += _advice(result.verdict.cause, result.verdict.hint, clean)
    command = resume.of_call(result)
    lines += [f"Resume with: {command}"] if command else []  # exact, and inert by itself
    return [*lines, *(["Reports:", *(f"  {clean(file, 1000)}" for file in files)] if files else [])]


def last_lines(verdict: Verdict, final: ExitCode | None, clean: Clean, *, again: bool = False) -> tuple[str, str]:
    """Return what every call ends with: the verdict, and the exit code (`final`, or the verdict's) in words."""
    exit_code = verdict.exit_code if final is None else final
    meaning = MEANINGS[verdict.exit_code]
    if again:
        meaning = f"rendered again; the call itself ended with {int(verdict.exit_code)}: {meaning}"
    elif exit_code is not verdict.exit_code:
        meaning = f"soft-fail turned {int(verdict.exit_code)} into {int(exit_code)}; {meaning}"
    return f"Verdict: {verdict.ending}. {clean(verdict.message, LONG)}", f"Exit code: {int(exit_code)} ({meaning})"


def mood(ending: Ending | None) -> str:
    """Name the colour of an ending."""
    if ending is None:
        return ""
    return "green" if ending is Ending.PASSED else "red"


def _advice(cause: str, hint: str, clean: Clean) -> list[str]:
    parts = (("Usually", cause), ("What to do", hint))
    return [f"{label}: {clean(said, LONG)}" for label, said in parts if said]


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
    counts = testcases.count(suite, granularity)
    numbers = (counts.steps, counts.passed, counts.failed, counts.errors, counts.skipped)
    return (clean(suite.name, NAME_WIDTH), str(suite.verdict.ending), *map(str, numbers), span(suite.duration))


def _cell(text: str, column: int, width: int) -> str:
    return text.ljust(width) if column < 2 else text.rjust(width)
