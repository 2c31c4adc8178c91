"""Why a suite is red or green: open assertions are judged, then the job, then the call. Pure and fail-closed."""

import collections
import dataclasses
import itertools
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence

from kore_gate import text
from kore_gate.errors import GRAVEST_FIRST, Ending, ExitCode, GateError
from kore_gate.model import Assertion, Job, Outcome, Phase, Reply, State, Step, Suite, SuiteResult, Tally, Verdict

_WORST_FIRST = (Outcome.ERROR, Outcome.FAILED, Outcome.PENDING, Outcome.SKIPPED, Outcome.PASSED)
_NO_COUNTERS = Tally()


# Steps: every step and assertion that an answer leaves open gets an outcome.


def accepted_suite(suite: Suite) -> Suite:
    """Judge the steps of an import that ended well: nothing was executed, what has no status was accepted."""
    return dataclasses.replace(suite, steps=tuple(_judged(step, Outcome.PASSED) for step in suite.steps))


def executed_suite(job: Job, known: Suite | None) -> Suite | None:
    """Judge the steps of a run, completed by what was `known` of its suite."""
    base = known or job.suite
    if base is None:
        return None
    answered = job.suite.steps if job.suite else ()
    definitions = known.steps if known else ()
    tally = job.tally or _NO_COUNTERS
    number = max(len(answered), len(definitions), tally.total or 0)
    if job.state is State.SUCCEEDED and not tally.failed and (tally.passed or 0) >= number:
        # Counters that leave no doubt about any step.
        without_status, not_mentioned, reason = Outcome.PASSED, Outcome.PASSED, ""
    else:
        # A job that has ended owes a result for every step.
        without_status = Outcome.ERROR if job.has_ended else Outcome.PENDING
        counts_only = job.has_ended and job.suite is None
        not_mentioned = Outcome.SKIPPED
        reason = "not known: Kore.ai reports only counts" if counts_only else "not executed"
    expected = [_as_defined(step, not_mentioned, reason) for step in definitions]
    steps = tuple(_judged(step, without_status) for step in _merged(answered, expected))
    return dataclasses.replace(base, steps=steps)


def _as_defined(step: Step, outcome: Outcome, reason: str) -> Step:
    """Return a step without the outcomes of its import, which are no results of a run."""

    def clear(assertion: Assertion) -> Assertion:
        if assertion.outcome is Outcome.PENDING or not assertion.enabled:
            return assertion
        return dataclasses.replace(assertion, outcome=Outcome.PENDING, reason="")

    return dataclasses.replace(step, outcome=outcome, reason=reason, replies=_each_assertion(step, clear))


def _merged(answered: Sequence[Step], expected: Sequence[Step]) -> Iterator[Step]:
    """Complete each step of an answer by its definition, and put in those that it leaves out, wherever that is."""
    if len(answered) >= len(expected):
        yield from map(_completed, answered, itertools.chain(expected, itertools.repeat(None)))
        return
    places: dict[str, collections.deque[int]] = {}
    for index, definition in enumerate(expected):
        for words in {definition.input, definition.event}:
            places.setdefault(words, collections.deque()).append(index)
    following = 0
    for step in answered:
        place = _place(step, places, following)
        if place is None or place >= len(expected):
            yield step
            continue
        yield from expected[following:place]
        yield _completed(step, expected[place])
        following = place + 1
    yield from expected[following:]


def _place(step: Step, places: Mapping[str, collections.deque[int]], least: int) -> int | None:
    """Find the step's definition among those that are left: by what the user says, where the answer has that."""
    words = step.input or step.event
    if not words:
        return least
    candidates = places.get(words, collections.deque())
    while candidates and candidates[0] < least:
        candidates.popleft()
    return candidates[0] if candidates else None


def _completed(step: Step, definition: Step | None) -> Step:
    """Fill in from the definition what the run's answer leaves out."""
    if definition is None:
        return step
    pairs = itertools.zip_longest(step.replies, definition.replies)
    return dataclasses.replace(
        step,
        number=definition.number,
        input=step.input or definition.input,
        event=step.event or definition.event,
        replies=tuple(_completed_reply(*pair) if all(pair) else pair[0] or pair[1] for pair in pairs),
        source=step.source or definition.source,
    )


def _completed_reply(reply: Reply, definition: Reply) -> Reply:
    present = {assertion.group for assertion in reply.assertions}
    added = tuple(assertion for assertion in definition.assertions if assertion.group not in present)
    return dataclasses.replace(reply, assertions=reply.assertions + added)


def _judged(step: Step, without_status: Outcome) -> Step:
    """Judge a step and what is open in it by its status; `without_status` is the outcome of a step that has none."""
    outcome, reason = step.outcome, step.reason
    if outcome is Outcome.PENDING:
        outcome = without_status
    match outcome:
        case Outcome.PASSED | Outcome.PENDING:
            reason = ""
        case Outcome.SKIPPED:
            reason = reason or "not reached"
        case Outcome.FAILED if any(one.outcome.is_red for reply in step.replies for one in reply.assertions):
            outcome, reason = Outcome.SKIPPED, "not judged: another assertion of this step failed"
        case Outcome.FAILED:
            outcome, reason = Outcome.ERROR, reason or "Kore.ai reports that the step failed, not which assertion"
        case Outcome.ERROR if step.outcome is Outcome.ERROR:
            reason = reason or "Kore.ai could not execute this step"
        case Outcome.ERROR:
            reason = reason or "Kore.ai gave no result for this"
        case _:
            typing.assert_never(outcome)
    replies = _each_assertion(step, lambda assertion: _judged_assertion(assertion, outcome, reason))
    return dataclasses.replace(step, replies=replies, outcome=_worst(step, replies))


def _worst(step: Step, replies: tuple[Reply, ...]) -> Outcome:
    """Derive the outcome of a whole step: the worst of its own and those of its assertions."""
    if step.outcome.is_red:
        return step.outcome
    outcomes = _enabled_outcomes(replies)
    if step.outcome is not Outcome.PENDING:
        outcomes.append(step.outcome)
    return next((outcome for outcome in _WORST_FIRST if outcome in outcomes), Outcome.SKIPPED)


def _judged_assertion(assertion: Assertion, outcome: Outcome, reason: str) -> Assertion:
    if not assertion.enabled or assertion.outcome is not Outcome.PENDING:
        return assertion
    return dataclasses.replace(assertion, outcome=outcome, reason=assertion.reason or reason)


def _each_assertion(step: Step, change: Callable[[Assertion], Assertion]) -> tuple[Reply, ...]:
    return tuple(
        dataclasses.replace(reply, assertions=tuple(map(change, reply.assertions))) if reply.assertions else reply
        for reply in step.replies
    )


def _enabled_outcomes(replies: Sequence[Reply]) -> list[Outcome]:
    return [assertion.outcome for reply in replies for assertion in reply.assertions if assertion.enabled]


# Jobs that have ended.


def judge_import(job: Job, *, allow_empty: bool) -> tuple[Verdict, Suite | None]:
    """Judge an import that ended; a passing test case means that Kore.ai accepted it."""
    bad = _bad_job(job, Phase.IMPORT)
    if bad:
        return bad, job.suite
    suite = accepted_suite(job.suite) if job.suite else None
    return (
        _contradicted(job, suite, Phase.IMPORT)
        or _empty(suite, Phase.IMPORT, allow_empty=allow_empty)
        or _passed("Import: accepted by Kore.ai", suite)
    ), suite


def judge_run(job: Job, known: Suite | None, *, allow_empty: bool) -> tuple[Verdict, Suite | None]:
    """Judge a run that ended by everything its answer holds, completed by what was `known` of the suite before.

    It passed only if the status says so and nothing in the answer, and no step of the suite, contradicts it.
    """
    suite = executed_suite(job, known)
    tally = job.tally or _NO_COUNTERS
    if job.state is State.FAILED and job.failed_tests:
        number = max(_red_steps(suite), tally.failed or 0)
        steps = f"{number} of {_count(tally.total, 'step')}" if tally.total else _count(number, "step")
        what = f"{steps} failed" if number else "failed, without naming a step"
        return _failed(f"Run: {what} (Kore.ai: {job.status}).", (*job.reasons, *job.problems)), suite
    judged = _bad_job(job, Phase.RUN) or _contradicted(job, suite, Phase.RUN)
    if not judged and tally.passed and not any(step.replies for step in (suite.steps if suite else ())):
        judged = _passed(f"Run: {_count(tally.passed, 'step')} passed", None)
    return (judged or _empty(suite, Phase.RUN, allow_empty=allow_empty) or _passed("Run: executed", suite)), suite


def _bad_job(job: Job, phase: Phase) -> Verdict | None:
    """Return the verdict on a job that did not end well, or whose answer can't be read."""
    match job.state:
        case State.FAILED:
            return _verdict(
                ExitCode.JOB_FAILED,
                f"{phase.title()}: Kore.ai ended the job with {job.status}."
                + ("" if job.reasons else " It gave no reason."),
                cause="a file that is not a conversation suite, or a conversation that the bot no longer follows."
                if phase is Phase.IMPORT
                else "a run that was stopped, or a bot that gave no reply.",
                hint="See the reasons, then the job's entry in Kore.ai (Regression Testing).",
                details=job.reasons,
            )
        case State.SUCCEEDED if job.problems:
            return _verdict(
                ExitCode.UNAVAILABLE,
                f"{phase.title()}: Kore.ai reports {job.status}, but its response cannot be read.",
                cause="a change in Kore.ai's API, or a proxy that alters responses.",
                hint="Report it to kore_gate, with kore-result.json.",
                details=job.problems,
            )
        case State.SUCCEEDED:
            return None
        case State.RUNNING | State.UNKNOWN:
            raise ValueError("a job that has not ended has no verdict")
        case _:
            typing.assert_never(job.state)


def _contradicted(job: Job, suite: Suite | None, phase: Phase) -> Verdict | None:
    """Return the verdict on a job that is said to have ended well, where its own answer says otherwise."""
    contradictions = []
    red = _red_steps(suite)
    if red:
        contradictions.append(f"its results show that {_count(red, 'step')} failed")
    contradictions += job.objections
    left_out = {step.number for step in (job.suite.steps if job.suite else ()) if step.outcome is Outcome.SKIPPED}
    for step in suite.steps if suite else ():
        if not all(outcome.is_judged for outcome in _enabled_outcomes(step.replies)):
            left_out.add(step.number)
    if left_out:
        contradictions.append(
            f"its results leave {_count(len(left_out), 'step')} of the suite not executed or not judged"
        )
    if not contradictions:
        return None
    return _failed(f"{phase.title()}: Kore.ai reports {job.status}, but its response contradicts that.", contradictions)


def _empty(suite: Suite | None, phase: Phase, *, allow_empty: bool) -> Verdict | None:
    """Return the verdict on a suite that has nothing to test, if it is one and that is not allowed."""
    steps = suite.steps if suite else ()
    if allow_empty or any(_enabled_outcomes(step.replies) for step in steps):
        return None
    lack = f"none of its {_count(len(steps), 'step')} has an enabled assertion" if steps else "the suite has no steps"
    return _verdict(
        ExitCode.NOTHING_TO_TEST,
        f"{phase.title()}: nothing to test, {lack}.",
        cause="an empty or wrong suite file, or a suite whose assertions are all disabled.",
        hint="Enable assertions in the suite, or set allow-empty if this is intended.",
    )


def _passed(what: str, suite: Suite | None) -> Verdict:
    if suite and suite.steps:
        assertions = sum(len(_enabled_outcomes(step.replies)) for step in suite.steps)
        what += f": {_count(len(suite.steps), 'step')}, {_count(assertions, 'assertion')}"
    return _verdict(ExitCode.PASSED, f"{what}.")


def _failed(message: str, details: Sequence[str]) -> Verdict:
    return _verdict(
        ExitCode.FAILED,
        message,
        cause="the bot's replies differ from what the suite expects.",
        hint="Compare expected and actual in kore-report.html; fix the bot, or the suite if the new reply is correct.",
        details=details,
    )


def _red_steps(suite: Suite | None) -> int:
    return sum(step.outcome.is_red for step in suite.steps) if suite else 0


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


# Suites whose job's end the gate does not know.


def from_error(error: GateError, phase: Phase) -> Verdict:
    """Turn what kept the gate from knowing into a verdict."""
    message = f"{phase.title()}: {error.message}"
    return _verdict(error.exit_code, message, cause=error.cause, hint=error.hint, details=error.details)


def from_bug(exc: BaseException, phase: Phase) -> Verdict:
    """Turn an exception nobody foresaw into a verdict."""
    return _verdict(
        ExitCode.BUG,
        f"{phase.title()}: kore_gate itself failed ({type(exc).__name__}).",
        cause="a bug in kore_gate.",
        hint="Run the same command with --verbose, and report the bug with its output.",
    )


def timed_out(
    phase: Phase, job: Job | None, trouble: str, *, waited: float, timeout: float, resumable: bool
) -> Verdict:
    """Judge a suite at the deadline (durations in seconds); `trouble` is why the last request has to wait."""
    message = f"{phase.title()}: timed out after {text.duration(waited)} (timeout: {text.duration(timeout)})"
    message += f"; last status: {_standing(job)}." if job else "; no status received."
    if job and job.state is State.UNKNOWN:
        message += " kore_gate does not know this status, so it never counts as success."
    if trouble:
        message += f" Kore.ai was unavailable: {trouble}."
        cause = "an outage, a wrong host, or a rate limit that lasts longer than the timeout."
    else:
        expiry = f"; Kore.ai forgets this job at {job.expires}" if job and job.expires else ""
        cause = f"a busy platform, a long suite, or a bot that does not reply{expiry}."
    hint = "Raise timeout, or resume with the command below while Kore.ai still knows the job."
    if phase is Phase.UPLOAD:
        hint = "Raise timeout."
    elif not resumable:
        hint = "Raise timeout. The job may have started: check Kore.ai (Regression Testing) before you start it again."
    return _verdict(ExitCode.TIMED_OUT, message, cause=cause, hint=hint, details=job.reasons if job else ())


def _standing(job: Job) -> str:
    """Return where a job stood when its status was last seen."""
    progress = f", {job.percent:g} %" if job.percent is not None else ""
    return f"{job.status or 'no status'}{progress}"


def interrupted(signum: int, phase: Phase, status: str, *, resumable: bool) -> Verdict:
    """Judge a suite whose wait a signal ended; the exit code is 128 + signal."""
    code = ExitCode(128 + signum)
    return _verdict(
        code,
        f"{phase.title()}: interrupted by {code.name}" + (f"; last status: {status}." if status else "."),
        cause="the pipeline was cancelled, or reached its own time limit.",
        hint="The job is still running in Kore.ai: resume with the command below."
        if resumable
        else "The job has no known id: check Kore.ai (Regression Testing) for it before you start again.",
    )


# How a message begins that fail-fast left a suite out, or did not wait for its job.
_LEFT_OUT, _NOT_AWAITED = "Not executed: fail-fast is on", "Stopped: fail-fast is on"


def stopped_by_fail_fast(first: str, *, resumable: bool) -> Verdict:
    """Judge a suite that fail-fast left out or did not wait for, because the `first` one did not pass."""
    start, end = (_NOT_AWAITED, "; this job had started") if resumable else (_LEFT_OUT, "")
    return _verdict(
        ExitCode.FAILED,
        f"{start}, and {first} did not pass{end}.",
        hint="The job is still running in Kore.ai: resume with the command below." if resumable else "",
    )


# The whole call.


def overall(results: Sequence[SuiteResult]) -> Verdict:
    """Return the one verdict of all suites: the gravest counts."""
    if not results:
        return _verdict(
            ExitCode.NOTHING_TO_TEST,
            "Nothing to test: no suite was given.",
            hint="Set ds-id, files or suites.",
        )
    if len(results) == 1:
        return results[0].verdict
    # A suite that fail-fast left out is not a reason of its own.
    worst = min(
        (result.verdict for result in results),
        key=lambda each: (GRAVEST_FIRST.index(each.exit_code), each.message.startswith((_LEFT_OUT, _NOT_AWAITED))),
    )
    if worst.ending is Ending.PASSED:
        return _verdict(ExitCode.PASSED, f"All {len(results)} suites passed.")
    same = [result.name for result in results if result.verdict.exit_code is worst.exit_code]
    names = ", ".join(same[:5]) + ("…" if len(same) > 5 else "")
    return dataclasses.replace(
        worst, message=f"{len(same)} of {len(results)} suites ended as {worst.ending}: {names}. {worst.message}"
    )


def interrupted_call(signum: int, before: Verdict | None = None) -> Verdict:
    """Judge a call that a signal ended, whatever its verdict was `before`; a command without suites has none."""
    code = ExitCode(128 + signum)
    if before is None:
        return _verdict(code, f"Interrupted by {code.name}.")
    if before.exit_code is code:
        return before
    return _verdict(
        code,
        f"Interrupted by {code.name}; until then: {before.message}",
        cause="the pipeline was cancelled, or reached its own time limit.",
        hint="The reports hold the results so far; start again for the rest.",
    )


def missing_reports(failures: Sequence[GateError], before: Verdict) -> Verdict:
    """Judge a call whose reports could not all be written, naming what would have been its verdict."""
    return _verdict(
        ExitCode.REPORT,
        f"{_count(len(failures), 'report')} could not be written; otherwise: {before.message}",
        cause=failures[0].cause,
        hint=failures[0].hint,
        details=[failure.message for failure in failures],
    )


def _verdict(code: ExitCode, message: str, cause: str = "", hint: str = "", details: Sequence[str] = ()) -> Verdict:
    return Verdict(ending=code.ending, exit_code=code, message=message, cause=cause, hint=hint, details=tuple(details))


UNFINISHED = _verdict(
    ExitCode.SIGTERM,
    "kore_gate has not finished, or was killed.",
    cause="the CI job was aborted or ran out of memory before kore_gate wrote its reports.",
    hint="Resume with the command below, or with the ids in kore-result.json.",
)
