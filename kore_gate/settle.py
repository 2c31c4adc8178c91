"""What is left open in a suite is settled: by what Kore.ai says of the whole, or as not known. Pure."""

import collections
import dataclasses
import itertools
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence

from kore_gate.model import Assertion, Job, Outcome, Reply, State, Step, Suite, Tally

_RED = (Outcome.FAILED, Outcome.ERROR)
_WORST_FIRST = (Outcome.ERROR, Outcome.FAILED, Outcome.PENDING, Outcome.SKIPPED, Outcome.PASSED)


def accepted(suite: Suite) -> Suite:
    """After an import that ended well nothing was executed: what nobody judged was accepted."""
    steps = tuple(_settled(step, Outcome.PASSED) for step in suite.steps)
    return dataclasses.replace(suite, steps=steps)


def executed(job: Job, known: Suite | None) -> Suite | None:
    """Bring the results of a run and what was known of its suite together, every step settled."""
    if job.suite is None and known is None:
        return None
    answered = job.suite.steps if job.suite else ()
    expected = tuple(_unjudged(step) for step in known.steps) if known else ()
    all_passed = _all_passed(job, max(len(answered), len(expected)))
    # A job that has ended owes a result for every step.
    unsaid = Outcome.PENDING if job.state in (State.RUNNING, State.UNKNOWN) else Outcome.ERROR
    unsaid = Outcome.PASSED if all_passed else unsaid
    steps = tuple(
        _unanswered(found, job, all_passed=all_passed)
        if isinstance(found, Step)
        else _settled(_complete(*found), unsaid)
        for found in _paired(answered, expected)
    )
    base = known or job.suite
    return dataclasses.replace(base, steps=steps) if base else None


def _unjudged(step: Step) -> Step:
    """Return a step as it was defined: what an import said of it is no result of a run."""

    def clear(assertion: Assertion) -> Assertion:
        if assertion.outcome is Outcome.PENDING or not assertion.enabled:
            return assertion
        return dataclasses.replace(assertion, outcome=Outcome.PENDING, reason="")

    return dataclasses.replace(step, outcome=Outcome.PENDING, reason="", replies=_map(step, clear))


def _paired(answered: Sequence[Step], expected: Sequence[Step]) -> Iterator[tuple[Step, Step | None] | Step]:
    """Put each step of an answer beside its definition, and give the definitions that have none as they are.

    A shortened answer may leave steps out anywhere.
    """
    if len(answered) >= len(expected):
        yield from itertools.zip_longest(answered, expected)
        return
    places: dict[str, collections.deque[int]] = {}
    for index, wanted in enumerate(expected):
        for said in {wanted.input, wanted.event}:
            places.setdefault(said, collections.deque()).append(index)
    next_one = 0
    for step in answered:
        place = _place(step, places, next_one)
        if place is None or place >= len(expected):
            yield step, None
            continue
        yield from expected[next_one:place]
        yield step, expected[place]
        next_one = place + 1
    yield from expected[next_one:]


def _place(step: Step, places: Mapping[str, collections.deque[int]], least: int) -> int | None:
    """Find the step's definition among those that are left: by what the user says, where the answer tells."""
    said = step.input or step.event
    if not said:
        return least
    found = places.get(said, collections.deque())
    while found and found[0] < least:
        found.popleft()
    return found[0] if found else None


def _all_passed(job: Job, steps: int) -> bool:
    """Tell whether Kore.ai's counters leave no doubt about any of so many steps."""
    tally = job.tally or Tally()
    return job.state is State.SUCCEEDED and not tally.failed and (tally.passed or 0) >= max(steps, tally.total or 0)


def _complete(step: Step, known: Step | None) -> Step:
    """Fill in from the definition what the run's answer leaves out."""
    if known is None:
        return step
    replies = list(step.replies)
    for index, wanted in enumerate(known.replies):
        if index >= len(replies):
            replies.append(wanted)
            continue
        present = {assertion.group for assertion in replies[index].assertions}
        added = tuple(assertion for assertion in wanted.assertions if assertion.group not in present)
        replies[index] = dataclasses.replace(replies[index], assertions=replies[index].assertions + added)
    return dataclasses.replace(
        step,
        number=known.number,
        input=step.input or known.input,
        event=step.event or known.event,
        replies=tuple(replies),
        source=step.source or known.source,
    )


def _settled(step: Step, unsaid: Outcome) -> Step:
    """Settle a step and what is open in it by Kore.ai's word for the step; `unsaid` is what it means to say none."""
    said = step.outcome if step.outcome is not Outcome.PENDING else unsaid
    outcome, reason = said, step.reason
    match said:
        case Outcome.PASSED | Outcome.PENDING:
            reason = ""
        case Outcome.SKIPPED:
            reason = step.reason or "not reached"
        case Outcome.FAILED if _has_red(step):
            outcome, reason = Outcome.SKIPPED, "not judged: another assertion of this step failed"
        case Outcome.FAILED:
            outcome, reason = Outcome.ERROR, step.reason or "Kore.ai says that the step failed, not which assertion"
        case Outcome.ERROR:
            given = step.outcome is Outcome.ERROR
            reason = step.reason or f"Kore.ai {'could not execute this step' if given else 'gave no result for this'}"
        case _:
            typing.assert_never(said)
    replies = _map(step, lambda assertion: _open(assertion, outcome, reason))
    return dataclasses.replace(step, replies=replies, outcome=_whole(step, replies))


def _whole(step: Step, replies: tuple[Reply, ...]) -> Outcome:
    """Derive the outcome of a whole step: the worst of what is said of it and of its assertions."""
    if step.outcome in _RED:
        return step.outcome
    outcomes = [assertion.outcome for reply in replies for assertion in reply.assertions if assertion.enabled]
    if step.outcome is not Outcome.PENDING:
        outcomes.append(step.outcome)
    return next((outcome for outcome in _WORST_FIRST if outcome in outcomes), Outcome.SKIPPED)


def _unanswered(step: Step, job: Job, *, all_passed: bool) -> Step:
    """Settle a step that the run's answer does not mention."""
    if all_passed:
        outcome, reason = Outcome.PASSED, ""
    elif job.state in (State.SUCCEEDED, State.FAILED) and job.suite is None:
        outcome, reason = Outcome.SKIPPED, "not known: Kore.ai gave counts only"
    else:
        outcome, reason = Outcome.SKIPPED, "not executed"
    replies = _map(step, lambda assertion: _open(assertion, outcome, reason))
    return dataclasses.replace(step, replies=replies, outcome=outcome, reason=reason)


def _open(assertion: Assertion, outcome: Outcome, reason: str) -> Assertion:
    """Settle one assertion if nobody judged it."""
    if not assertion.enabled or assertion.outcome is not Outcome.PENDING:
        return assertion
    return dataclasses.replace(assertion, outcome=outcome, reason=assertion.reason or reason)


def _map(step: Step, settle: Callable[[Assertion], Assertion]) -> tuple[Reply, ...]:
    return tuple(
        dataclasses.replace(reply, assertions=tuple(map(settle, reply.assertions))) if reply.assertions else reply
        for reply in step.replies
    )


def _has_red(step: Step) -> bool:
    return any(assertion.outcome in _RED for reply in step.replies for assertion in reply.assertions)
