"""What is left open in a suite is settled: by what Kore.ai says of the whole, or as not known. Pure."""

import dataclasses
from collections.abc import Callable

from kore_gate.model import Assertion, Job, Outcome, Reply, State, Step, Suite

_RED = (Outcome.FAILED, Outcome.ERROR)


def accepted(suite: Suite) -> Suite:
    """After an import that ended well nothing was executed: what nobody judged was accepted."""

    def settle(step: Step) -> Step:
        replies = _map(step, lambda assertion: _open(assertion, Outcome.PASSED, ""))
        return dataclasses.replace(step, replies=replies, outcome=_of_replies(step, replies))

    return dataclasses.replace(suite, steps=tuple(settle(step) for step in suite.steps))


def executed(job: Job, known: Suite | None) -> Suite | None:
    """Bring the results of a run and what was known of its suite together, every step settled."""
    if job.suite is None and known is None:
        return None
    answered = job.suite.steps if job.suite else ()
    expected = known.steps if known else ()
    steps = [_complete(step, expected[index] if index < len(expected) else None) for index, step in enumerate(answered)]
    ended = job.state in (State.SUCCEEDED, State.FAILED)
    settled = [_executed_step(step, ended=ended) for step in steps]
    settled += [_unanswered(step, job) for step in expected[len(answered) :]]
    name = known.name if known else (job.suite.name if job.suite else "")
    base = known or job.suite or Suite(name=name)
    return dataclasses.replace(base, name=name, steps=tuple(settled))


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
        input=step.input or known.input,
        event=step.event or known.event,
        replies=tuple(replies),
        source=step.source or known.source,
    )


def _executed_step(step: Step, *, ended: bool) -> Step:
    """Settle a step that the answer has a row for."""
    match step.outcome:
        case Outcome.PASSED:
            outcome, reason = Outcome.PASSED, ""
        case Outcome.SKIPPED:
            outcome, reason = Outcome.SKIPPED, step.reason or "not reached"
        case Outcome.ERROR:
            outcome, reason = Outcome.ERROR, step.reason or "Kore.ai could not execute this step"
        case Outcome.FAILED if _has_red(step):
            outcome, reason = Outcome.SKIPPED, "not judged: another assertion of this step failed"
        case Outcome.FAILED:
            outcome, reason = Outcome.ERROR, step.reason or "Kore.ai says that the step failed, not which assertion"
        case Outcome.PENDING if ended:
            outcome, reason = Outcome.ERROR, step.reason or "Kore.ai gave no result for this"
        case Outcome.PENDING:
            outcome, reason = Outcome.PENDING, step.reason
    replies = _map(step, lambda assertion: _open(assertion, outcome, reason))
    whole = step.outcome if step.outcome is not Outcome.PENDING else outcome
    if whole is Outcome.ERROR and step.outcome is Outcome.PENDING and not step.reason:
        # No word for the step itself, but one for each of its assertions, is word enough.
        whole = _of_replies(step, replies)
    if any(assertion.outcome in _RED for reply in replies for assertion in reply.assertions) and whole not in _RED:
        whole = Outcome.FAILED
    return dataclasses.replace(step, replies=replies, outcome=whole)


def _unanswered(step: Step, job: Job) -> Step:
    """Settle a step that the run's answer does not mention, by Kore.ai's counters if they leave no doubt."""
    tally = job.tally
    all_passed = job.state is State.SUCCEEDED and tally is not None and tally.total and tally.passed == tally.total
    if all_passed and not (tally and tally.failed):
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


def _of_replies(step: Step, replies: tuple[Reply, ...]) -> Outcome:
    """Derive a step's outcome from its assertions."""
    if step.outcome in _RED:
        return step.outcome
    outcomes = {assertion.outcome for reply in replies for assertion in reply.assertions if assertion.enabled}
    for outcome in (Outcome.ERROR, Outcome.FAILED, Outcome.PASSED):
        if outcome in outcomes:
            return outcome
    return Outcome.SKIPPED
