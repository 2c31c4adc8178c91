"""A judged suite as a flat list: its test cases, and those that failed, for every report in one order."""

import collections
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from kore_gate import text
from kore_gate.errors import Ending
from kore_gate.gate import policy
from kore_gate.model import (
    Assertion,
    Attempt,
    Counts,
    Evidence,
    Fact,
    Mark,
    Outcome,
    Phase,
    Reply,
    Result,
    Source,
    Step,
    Suite,
    SuiteResult,
    replace,
)
from kore_gate.reports import labels

T = TypeVar("T")

NAME_LIMIT = 200

_GATE_NAMES = {
    Phase.SETTINGS: "settings are complete",
    Phase.UPLOAD: "suite file is uploaded",
    Phase.IMPORT: "import succeeds",
    Phase.RUN: "run succeeds",
}

_WORST_FIRST = (Outcome.ERROR, Outcome.FAILED, Outcome.PASSED, Outcome.SKIPPED)
_TYPES = {Outcome.FAILED: "kore.AssertionFailed", Outcome.ERROR: "kore.StepError", Outcome.SKIPPED: "kore.Skipped"}
_DISABLED = "disabled in the suite"

# How the repeats of a name are numbered.
_NUMBER = re.compile(r" #\d{1,6}$")

# Readers split class names at dots and at path separators.
_SEPARATORS = str.maketrans({".": "_", "/": "_", "\\": "_", ":": "_"})


class Case(Fact, frozen=True, kw_only=True):
    """One test case of a report."""

    classname: str
    name: str
    outcome: Outcome
    type: str = ""  # set, as is the message, unless it passed
    message: str = ""
    text: str = ""  # begins with the message
    duration: float = 0.0
    source: Source | None = None
    step: int = 0  # its number; 0: a case of the gate itself
    transcript: tuple[str, ...] = ()
    mark: Mark | None = None  # why its failure does not count: it is skipped
    others: tuple["Case", ...] = ()  # its failures in attempts that the result does not show


class Finding(NamedTuple):
    """What was judged: an assertion of a reply, a step (no assertion), or the suite as a whole (no step)."""

    result: SuiteResult
    outcome: Outcome
    place: int = -1  # of the step
    step: Step | None = None
    number: int = 0  # of the reply, from 1
    reply: Reply | None = None
    assertion: Assertion | None = None
    position: int = -1  # of the assertion

    @property
    def mark(self) -> Mark | None:
        """Return why its failure does not count, None where it does."""
        judged = self.assertion or self.step
        return judged.mark if judged else None

    @property
    def where(self) -> str:
        """Name the step, "" for the suite as a whole."""
        return segment(labels.step_label(self.step), 110) if self.step else ""

    @property
    def title(self) -> str:
        """Name the suite and the step."""
        return f"{self.result.name}: {self.where}" if self.step else self.result.name

    @property
    def what(self) -> str:
        """Say in a line what was judged, and why it ended as it did."""
        message, _ = self.explanation
        if not self.step:
            details = self.result.verdict.details
            return "; ".join([message.rstrip("."), *details]) if details else message
        # A difference repeats what was expected; every other message needs the name beside it.
        is_named = self.outcome is Outcome.FAILED or not self.assertion
        return message if is_named else f"{_one_line(self.name, NAME_LIMIT)}: {message}"

    @property
    def name(self) -> str:
        """Name the assertion within its step."""
        if not self.step or not self.assertion:
            return "step"
        return (f"reply {self.number} · " if len(self.step.replies) > 1 else "") + labels.label(self.assertion)

    @property
    def explanation(self) -> tuple[str, str]:
        """Say why it ended as it did, in a line and (where there is more to say) at length."""
        if self.mark:
            message, detail = self.failure
            return labels.mark(self.mark), "\n".join([labels.mark(self.mark), "", detail or message])
        return self.failure

    @property
    def failure(self) -> tuple[str, str]:
        """Say the same, whatever policies forgive."""
        if not self.step:
            return self.result.verdict.message, ""
        if not self.assertion or not self.reply:
            reason = "no assertion enabled" if not self.step.outcome.is_red else self.step.reason
            return reason or "Kore.ai reports that this step failed", ""
        if not self.assertion.enabled:
            return _DISABLED, ""
        if self.outcome is Outcome.PASSED:
            return "", ""
        if self.assertion.outcome is Outcome.FAILED:
            return labels.difference(self.assertion, self.reply)
        reason = self.assertion.reason or self.step.reason
        if self.assertion.outcome is Outcome.ERROR:
            return reason or "could not be judged", ""
        return reason or f"not executed: {self.result.verdict.message}", ""

    @property
    def source(self) -> Source:
        """Return where it stands in the repository; a file or a line that is not known is "" or 0."""
        return (self.step and self.step.source) or Source(file=self.result.file, line=0)


def failures(result: SuiteResult) -> Iterator[Finding]:
    """Find what went wrong in a suite, step by step; last the suite as a whole, where no step says it."""
    return (finding for findings in _findings(result) for finding in findings if finding.outcome.is_red)


def in_turn(failures: Iterable[Iterable[T]]) -> list[T]:
    """Take the first failure of each suite, then the second of each, and so on."""
    return [failure for turn in itertools.zip_longest(*failures) for failure in turn if failure]


def forgiven(result: SuiteResult) -> Iterator[Finding]:
    """Find the failures that policies forgave."""
    return (finding for findings in _findings(result) for finding in findings if finding.mark)


def attempts(result: SuiteResult) -> Iterator[tuple[str, list[Finding]]]:
    """Say of each attempt how it ended, and what went wrong in it, unless the result itself shows that."""
    for number, attempt in enumerate(result.attempts, 1):
        run = f" (run {attempt.run_id}, {text.duration(attempt.duration)})" if attempt.run_id else ""
        is_shown = attempt.run_id == result.run_id
        line = f"Attempt {number}: {attempt.verdict.ending}{run}"
        yield line, [] if is_shown else [*failures(_as_result(result, attempt))]


def _as_result(result: SuiteResult, attempt: Attempt) -> SuiteResult:
    suite = Suite(name=result.name, steps=attempt.failures)
    return replace(result, suite=suite, verdict=attempt.verdict, attempts=())


def judged(result: SuiteResult, place: int, title: str) -> Iterator[policy.Judged]:
    """Name the tests of a suite as its JUnit file does, whose `title` it has, with what Kore.ai reported."""
    findings = [finding for findings in _findings(result) for finding in findings if finding.step]
    suite = segment(title)
    named = (
        Case(classname=f"kore.{suite}.{finding.where}", name=finding.name, outcome=finding.outcome)
        for finding in findings
    )
    for case, finding in zip(numbered(named), findings, strict=True):
        step, reported = finding.step, finding.assertion or finding.step
        yield policy.Judged(
            identity=policy.Identity(title, case.classname, case.name),
            step=_one_line(labels.step_label(step), NAME_LIMIT) if step else "",
            outcome=reported.outcome if reported and finding.mark else finding.outcome,
            place=policy.Place(place, finding.place, finding.number - 1, finding.position),
            mark=finding.mark,
        )


def each(result: SuiteResult, granularity: str = "assertion") -> Iterator[Case]:
    """Make the test cases of a suite one by one: large suites have hundreds of thousands."""
    own = numbered(_cases(result, granularity))
    return _with_others(own, result, granularity) if result.attempts else own


def _with_others(own: Iterable[Case], result: SuiteResult, granularity: str) -> Iterator[Case]:
    """Give each test case its failures in the attempts that the result does not show."""
    others: dict[tuple[str, str], tuple[Case, ...]] = {}
    for attempt in result.attempts:
        if attempt.run_id != result.run_id:
            for case in numbered(_cases(_as_result(result, attempt), granularity)):
                if case.outcome.is_red:
                    names = (case.classname, case.name)
                    others[names] = (*others.get(names, ()), case)
    for case in own:
        yield replace(case, others=others.get((case.classname, case.name), ()))


def count(result: SuiteResult, granularity: str = "assertion") -> Counts:
    """Count steps, enabled assertions and the outcomes of the test cases."""
    outcomes = collections.Counter(outcome for outcome, _ in _outcomes(result, granularity))
    return Counts(
        steps=len(result.steps),
        assertions=sum(len(step.enabled_outcomes) for step in result.steps),
        passed=outcomes[Outcome.PASSED],
        failed=outcomes[Outcome.FAILED],
        errors=outcomes[Outcome.ERROR],
        skipped=outcomes[Outcome.SKIPPED],
    )


def red_count(result: SuiteResult) -> int:
    """Count what `failures` finds."""
    return sum(1 for _ in failures(result))


def total(call: Result) -> Counts:
    """Sum the counts of a call's suites."""
    counts = [count(result, call.junit_granularity) for result in call.suites]
    return Counts(**{name: sum(getattr(one, name) for one in counts) for name in Counts.__struct_fields__})


def unjudged(result: SuiteResult, granularity: str = "assertion") -> int:
    """Count the test cases with enabled assertions that nobody judged, or that are forgiven."""
    return sum(outcome is Outcome.SKIPPED and enabled for outcome, enabled in _outcomes(result, granularity))


def segment(name: str, limit: int = 80) -> str:
    """Make one part of a class name: by default the suite's."""
    return _shorten(_one_line(name).translate(_SEPARATORS), limit) or "_"


def _findings(result: SuiteResult) -> Iterator[list[Finding]]:
    """List what was judged, step by step; last the suite as a whole, where the steps do not say enough."""
    for place, step in enumerate(result.steps):
        findings = []
        for number, reply in enumerate(step.replies, 1):
            for position, assertion in enumerate(reply.assertions):
                # Every reply carries disabled groups that expect nothing.
                if assertion.enabled or assertion.checks:
                    counts = assertion.enabled and assertion.outcome is not Outcome.PENDING and not assertion.mark
                    outcome = assertion.outcome if counts else Outcome.SKIPPED
                    findings.append(Finding(result, outcome, place, step, number, reply, assertion, position))
        if step.outcome.is_red and not any(finding.outcome.is_red or finding.mark for finding in findings):
            findings.append(Finding(result, Outcome.SKIPPED if step.mark else step.outcome, place, step))
        elif not step.enabled_outcomes:
            findings.append(Finding(result, Outcome.SKIPPED, place, step))
        yield findings
    own = _own_outcome(result)
    if own:
        yield [Finding(result, own)]


def _own_outcome(result: SuiteResult) -> Outcome | None:
    """Tell how the gate's own test case ends, or that there is none: the others say all there is to say."""
    match result.verdict.ending:
        case Ending.FAILED if any(step.is_red for step in result.steps):
            return None
        case Ending.PASSED if result.phase is Phase.RUN and result.evidence is Evidence.EXECUTION:
            return None if any(step.replies for step in result.steps) else Outcome.PASSED  # the answer only counts
        case Ending.PASSED:
            return None if result.steps else Outcome.SKIPPED  # an empty suite that is allowed to pass
        case _:
            return Outcome.ERROR


def _outcomes(result: SuiteResult, granularity: str) -> Iterator[tuple[Outcome, bool]]:
    """Return how each test case ends, and whether an enabled assertion stands behind it."""
    for findings in _findings(result):
        pairs = [(finding.outcome, bool(finding.assertion and finding.assertion.enabled)) for finding in findings]
        if granularity == "assertion":
            yield from pairs
        else:
            yield min(findings, key=_gravity).outcome, any(enabled for _, enabled in pairs)


def _cases(result: SuiteResult, granularity: str) -> Iterator[Case]:
    classname = f"kore.{segment(result.name)}"
    for findings in _findings(result):
        step = findings[0].step
        if not step:
            yield _gate_case(result, findings[0].outcome)
        elif granularity == "assertion":
            yield from _step_cases(result, step, findings, f"{classname}.{findings[0].where}")
        else:
            yield _whole_step(result, step, [*_step_cases(result, step, findings, classname)])


def _step_cases(result: SuiteResult, step: Step, findings: Sequence[Finding], classname: str) -> Iterator[Case]:
    transcript = _transcript(result, findings[0].place) if step.is_red else ()
    # The step was executed once: its time stands on the first of its cases that was judged.
    timed = next((finding for finding in findings if finding.outcome is not Outcome.SKIPPED), None)
    for finding in findings:
        message, detail = finding.explanation
        yield Case(
            classname=classname,
            name=finding.name,
            outcome=finding.outcome,
            type=_TYPES.get(finding.outcome, ""),
            message=message,
            text=detail or message,
            duration=step.duration or 0.0 if finding is timed else 0.0,
            source=step.source,
            step=step.number,
            transcript=transcript if finding.outcome.is_red else (),
            mark=finding.mark,
        )


def _whole_step(result: SuiteResult, step: Step, parts: Sequence[Case]) -> Case:
    """Fold the cases of a step into one that fails when any of them does."""
    gravest = min(parts, key=_gravity)
    worst = gravest.outcome
    of_note = [part for part in parts if part.outcome is worst and bool(part.mark) == bool(gravest.mark)]
    first = next((part for part in of_note if part.message != _DISABLED), of_note[0])
    lines = [first.text, ""]
    for part in parts:
        # A difference names its assertion itself.
        message = part.message if part.outcome is Outcome.FAILED else f"{part.name}: {part.message}".rstrip(": ")
        lines.append(f"{part.outcome}: {message}")
    return replace(
        first,
        classname=f"kore.{segment(result.name, NAME_LIMIT - 5)}",
        name=labels.step_label(step),
        text="" if worst is Outcome.PASSED else "\n".join(lines if len(parts) > 1 else lines[:1]),
        duration=step.duration or 0.0,
    )


def _gravity(judged: Finding | Case) -> float:
    """Order what was judged, the gravest first: what is forgiven stands between failures and what passed."""
    return 1.5 if judged.mark else _WORST_FIRST.index(judged.outcome)


def _transcript(result: SuiteResult, place: int) -> tuple[str, ...]:
    """Write down the dialogue up to a step, the last ten turns of it."""
    executed = result.evidence is Evidence.EXECUTION
    lines: list[str] = []
    for step in result.steps[max(0, place - 9) : place + 1]:
        never = "(not executed) " if executed and not step.was_executed else ""
        lines.append(f"user: {never}{step.input or step.event}")
        for reply in step.replies:
            if executed and reply.actual is not None:
                lines.append(f"bot:  {labels.readable(reply.actual)}")
            else:
                lines.append(f"bot:  (expected) {labels.readable(reply.text)}")
        lines.extend(f"bot:  {labels.readable(extra)}" for extra in step.unexpected)
    return tuple(lines)


def _gate_case(result: SuiteResult, outcome: Outcome) -> Case:
    verdict, name = result.verdict, _GATE_NAMES[result.phase]
    if result.phase is not Phase.SETTINGS:
        # Readers that know no files tell the suites apart by this alone.
        name = f"{name}: {_shorten(_one_line(result.name or result.key), NAME_LIMIT - len(name) - 2)}"
    classname, explanation = f"kore_gate.{result.phase}", labels.explain(verdict)
    if outcome is Outcome.PASSED:
        return Case(classname=classname, name=name, outcome=outcome, transcript=(explanation,))
    ending = Ending.NOTHING_TO_TEST if outcome is Outcome.SKIPPED else verdict.ending
    return Case(
        classname=classname,
        name=name,
        outcome=outcome,
        type=f"kore_gate.{ending.replace('-', ' ').title().replace(' ', '')}",
        message=verdict.message,
        text=f"{explanation}\nResume with: {result.resume}" if result.resume else explanation,
        source=Source(file=result.file, line=1) if result.file else None,
    )


def _shorten(name: str, limit: int) -> str:
    """Cut a suite's name, and keep the number that tells it from another suite of this name."""
    if len(name) <= limit:
        return name
    number = _NUMBER.search(name)
    end = number[0] if number else ""
    return labels.shorten(name.removesuffix(end), limit - len(end)) + end


def _one_line(name: str, limit: int = NAME_LIMIT * 8) -> str:
    return text.line(text.xml(name[: limit * 8 + 1]), limit)


def numbered(cases: Iterable[Case]) -> Iterator[Case]:
    """Make names printable and short, and number the repeats, the same way in every run."""
    numbers: collections.Counter[tuple[str, str]] = collections.Counter()  # the last one of each name
    for case in cases:
        name = candidate = _one_line(case.name, NAME_LIMIT)
        while numbers[case.classname, candidate]:
            numbers[case.classname, name] += 1
            end = f" #{numbers[case.classname, name]}"
            candidate = labels.shorten(name, NAME_LIMIT - len(end)) + end
        numbers[case.classname, candidate] = 1
        yield case if candidate == case.name else replace(case, name=candidate)
