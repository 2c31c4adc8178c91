"""A judged suite as a flat list of test cases: what every report shows, in one order and under stable names."""

import collections
import dataclasses
import re
from collections.abc import Iterable, Iterator

from kore_gate import text
from kore_gate.errors import Ending
from kore_gate.model import Assertion, Counts, Evidence, Outcome, Phase, Reply, Result, Source, Step, SuiteResult
from kore_gate.reports import labels

NAME_LIMIT = 200

_GATE_NAMES = {
    Phase.SETTINGS: "settings are complete",
    Phase.UPLOAD: "suite file is uploaded",
    Phase.IMPORT: "import succeeds",
    Phase.RUN: "run succeeds",
}

_RED = (Outcome.FAILED, Outcome.ERROR)
_UNJUDGED = (Outcome.SKIPPED, Outcome.PENDING)
_WORST_FIRST = (Outcome.ERROR, Outcome.FAILED, Outcome.PASSED, Outcome.SKIPPED)
_TYPES = {Outcome.FAILED: "kore.AssertionFailed", Outcome.ERROR: "kore.StepError", Outcome.SKIPPED: "kore.Skipped"}
_DISABLED = "disabled in the suite"

# How the repeats of a name are numbered.
_NUMBER = re.compile(r" #\d{1,6}$")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One test case of a report.

    `type` and `message` are set unless it passed; `step` is the step's number, 0 for a case of the gate itself.
    """

    classname: str
    name: str
    outcome: Outcome
    type: str = ""
    message: str = ""
    text: str = ""
    duration: float = 0.0
    source: Source | None = None
    step: int = 0
    transcript: tuple[str, ...] = ()


def cases_of(result: SuiteResult, granularity: str = "assertion") -> list[Case]:
    """Flatten a suite into test cases, one an assertion or a step, and the gate's own where it has something to say."""
    return list(each(result, granularity))


def each(result: SuiteResult, granularity: str = "assertion") -> Iterator[Case]:
    """Make the test cases of a suite one by one: large suites have hundreds of thousands."""
    return _unique(_all(result, granularity))


def _all(result: SuiteResult, granularity: str) -> Iterator[Case]:
    make = _step_cases if granularity == "assertion" else _whole_step
    any_case = any_red = False
    for index, step in enumerate(result.suite.steps if result.suite else ()):
        for case in make(result, step, index):
            any_case, any_red = True, any_red or case.outcome in _RED
            yield case
    own = _own_outcome(result, any_case=any_case, any_red=any_red)
    if own:
        yield _gate_case(result, own)


def _own_outcome(result: SuiteResult, *, any_case: bool, any_red: bool) -> Outcome | None:
    """Tell how the gate's own test case ends, or that there is none: the others say all there is to say."""
    match result.verdict.ending:
        case Ending.FAILED if any_red:
            return None
        case Ending.PASSED if _has_counts_only(result):
            return Outcome.PASSED
        case Ending.PASSED:
            return None if any_case else Outcome.SKIPPED  # an empty suite that is allowed to pass
        case _:
            return Outcome.ERROR


def _has_counts_only(result: SuiteResult) -> bool:
    """Tell whether a suite was executed and its answer has no single result."""
    replies = (step.replies for step in (result.suite.steps if result.suite else ()))
    return result.phase is Phase.RUN and result.evidence is Evidence.EXECUTION and not any(replies)


def count(result: SuiteResult, granularity: str = "assertion") -> Counts:
    """Count steps, enabled assertions and the outcomes of the test cases."""
    steps = result.suite.steps if result.suite else ()
    outcomes: collections.Counter[Outcome] = collections.Counter()
    for step in steps:
        parts = [outcome for _, _, _, outcome in _parts(step)]
        outcomes.update(parts if granularity == "assertion" else [_worst(parts)])
    any_red = any(outcomes[outcome] for outcome in _RED)
    own = _own_outcome(result, any_case=bool(outcomes), any_red=any_red)
    if own:
        outcomes[own] += 1
    return Counts(
        steps=len(steps),
        assertions=sum(assertion.enabled for step in steps for reply in step.replies for assertion in reply.assertions),
        passed=outcomes[Outcome.PASSED],
        failed=outcomes[Outcome.FAILED],
        errors=outcomes[Outcome.ERROR],
        skipped=outcomes[Outcome.SKIPPED],
    )


def total(call: Result) -> Counts:
    """Sum the counts of a call's suites."""
    return sum((count(result, call.junit_granularity) for result in call.suites), Counts())


def has_case(assertion: Assertion) -> bool:
    """Tell whether an assertion is a test case: every reply carries disabled groups that expect nothing."""
    return assertion.enabled or bool(assertion.checks)


def unjudged(result: SuiteResult, granularity: str = "assertion") -> int:
    """Count the test cases with enabled assertions that nobody judged."""
    number = 0
    for step in result.suite.steps if result.suite else ():
        enabled = [one.outcome for reply in step.replies for one in reply.assertions if one.enabled]
        missing = sum(outcome in _UNJUDGED for outcome in enabled)
        if granularity != "assertion":
            missing = int(0 < missing == len(enabled) and step.outcome not in _RED)
        number += missing
    return number


def _worst(outcomes: Iterable[Outcome]) -> Outcome:
    return min(outcomes, key=_WORST_FIRST.index)


def _parts(step: Step) -> Iterator[tuple[int, Reply | None, Assertion | None, Outcome]]:
    """Take a step apart into its test cases: an assertion with its reply, or (None) the step itself."""
    any_red = any_enabled = False
    for number, reply in enumerate(step.replies, 1):
        for assertion in reply.assertions:
            if not has_case(assertion):
                continue
            judged = assertion.enabled and assertion.outcome is not Outcome.PENDING
            outcome = assertion.outcome if judged else Outcome.SKIPPED
            any_red = any_red or outcome in _RED
            any_enabled = any_enabled or assertion.enabled
            yield number, reply, assertion, outcome
    if step.outcome in _RED and not any_red:
        yield 0, None, None, step.outcome
    elif not any_enabled:
        yield 0, None, None, Outcome.SKIPPED


def _step_cases(result: SuiteResult, step: Step, index: int) -> Iterator[Case]:
    classname = f"kore.{suite_part(result.name)}.{_segment(labels.step_label(step), 110)}"
    transcript: tuple[str, ...] | None = None
    # The step was executed once: its time stands on the first of its cases that was judged.
    duration = step.duration or 0.0
    for number, reply, assertion, outcome in _parts(step):
        if outcome in _RED and transcript is None:
            transcript = _transcript(result, index)
        message, detail = _explanation(result, step, reply, assertion, outcome)
        prefix = f"reply {number} · " if number and len(step.replies) > 1 else ""
        yield Case(
            classname=classname,
            name=prefix + (labels.label(assertion) if assertion else "step"),
            outcome=outcome,
            type=_TYPES.get(outcome, ""),
            message=message,
            text=detail or message,
            duration=0.0 if outcome is Outcome.SKIPPED else duration,
            source=step.source,
            step=step.number,
            transcript=(transcript or ()) if outcome in _RED else (),
        )
        duration = duration if outcome is Outcome.SKIPPED else 0.0


def _explanation(
    result: SuiteResult, step: Step, reply: Reply | None, assertion: Assertion | None, outcome: Outcome
) -> tuple[str, str]:
    """Say why a case ended as it did, in a line and (where there is more to say) at length."""
    if assertion is None or reply is None:
        reason = "no assertion enabled" if outcome is Outcome.SKIPPED else step.reason
        return reason or "Kore.ai reports that this step failed", ""
    if not assertion.enabled:
        return _DISABLED, ""
    if outcome is Outcome.PASSED:
        return "", ""
    if outcome is Outcome.FAILED:
        return labels.difference(assertion, reply)
    reason = assertion.reason or step.reason
    if outcome is Outcome.ERROR:
        return reason or "could not be judged", ""
    return reason or f"not executed: {result.verdict.message}", ""


def _whole_step(result: SuiteResult, step: Step, index: int) -> Iterator[Case]:
    """Fold the cases of a step into one that fails when any of them does."""
    parts = list(_step_cases(result, step, index))
    worst = _worst(part.outcome for part in parts)
    of_note = [part for part in parts if part.outcome is worst]
    first = next((part for part in of_note if part.message != _DISABLED), of_note[0])
    lines = ["", *(_listed(part) for part in parts)] if len(parts) > 1 else []
    yield dataclasses.replace(
        first,
        classname=f"kore.{_segment(result.name, NAME_LIMIT - 5)}",
        name=labels.step_label(step),
        text="\n".join([first.text, *lines]) if worst is not Outcome.PASSED else "",
        duration=step.duration or 0.0,
    )


def _listed(part: Case) -> str:
    """Name a part of a step, with its message; a difference names its assertion itself."""
    said = part.message if part.outcome is Outcome.FAILED else f"{part.name}: {part.message}".rstrip(": ")
    return f"{part.outcome}: {said}"


def _transcript(result: SuiteResult, index: int) -> tuple[str, ...]:
    """Retell the dialogue up to a step, the last ten turns of it."""
    executed = result.evidence is Evidence.EXECUTION
    told: list[str] = []
    for step in (result.suite.steps if result.suite else ())[max(0, index - 9) : index + 1]:
        never = "(not executed) " if executed and not step.was_executed else ""
        told.append(f"user: {never}{step.input or step.event}")
        for reply in step.replies:
            said = reply.actual if executed else None
            shown = labels.readable(reply.text if said is None else said)
            told.append(f"bot:  {shown}" if said is not None else f"bot:  (expected) {shown}")
        told.extend(f"bot:  {labels.readable(extra)}" for extra in step.unexpected)
    return tuple(told)


def _gate_case(result: SuiteResult, outcome: Outcome) -> Case:
    verdict = result.verdict
    ending = Ending.NOTHING_TO_TEST if outcome is Outcome.SKIPPED else verdict.ending
    name = _GATE_NAMES[result.phase]
    if result.phase is not Phase.SETTINGS:
        # Readers that know no files tell the suites apart by this alone.
        suite = " ".join(text.xml((result.name or result.key)[: NAME_LIMIT * 8]).split())
        name = f"{name}: {_shorten(suite, NAME_LIMIT - len(name) - 2)}"
    if outcome is Outcome.PASSED:
        return Case(
            classname=f"kore_gate.{result.phase}", name=name, outcome=outcome, transcript=(labels.explain(verdict),)
        )
    return Case(
        classname=f"kore_gate.{result.phase}",
        name=name,
        outcome=outcome,
        type=f"kore_gate.{''.join(word.title() for word in ending.split('-'))}",
        message=verdict.message,
        text="\n".join([labels.explain(verdict), *([f"Resume with: {result.resume}"] if result.resume else [])]),
        source=Source(file=result.file, line=1) if result.file else None,
    )


def suite_part(name: str) -> str:
    """Return what a suite is called within the class names of its test cases."""
    return _segment(name, 80)


def _segment(name: str, limit: int) -> str:
    """Make one part of a classname: readers split it at dots and at path separators."""
    cleaned = text.xml(name[: limit * 8]).translate(_SEPARATORS)
    return _shorten(" ".join(cleaned.split()), limit) or "_"


def _shorten(name: str, limit: int) -> str:
    """Cut a suite's name, and keep the number that tells it from another suite of this name."""
    number = _NUMBER.search(name)
    end = number[0] if number else ""
    return labels.shorten(name.removesuffix(end), limit - len(end)) + end


_SEPARATORS = str.maketrans({".": "_", "/": "_", "\\": "_", ":": "_"})


def _unique(cases: Iterable[Case]) -> Iterator[Case]:
    """Make names printable and short, and number the repeats, the same way in every run."""
    seen: dict[tuple[str, str], int] = {}
    for case in cases:
        name = labels.shorten(" ".join(text.xml(case.name[: NAME_LIMIT * 8]).split()), NAME_LIMIT)
        candidate, number = name, seen.get((case.classname, name), 0) + 1
        while number > 1 and (case.classname, candidate := _numbered(name, number)) in seen:
            number += 1
        seen[case.classname, name] = number
        seen.setdefault((case.classname, candidate), 1)
        yield case if candidate == case.name else dataclasses.replace(case, name=candidate)


def _numbered(name: str, number: int) -> str:
    return f"{labels.shorten(name, NAME_LIMIT - len(f' #{number}'))} #{number}"
