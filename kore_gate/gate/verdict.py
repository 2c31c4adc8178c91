"""Why a suite is red or green: open assertions are judged, then the job, then the call. Pure and fail-closed."""

import collections
import dataclasses
import itertools
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence

from kore_gate import text
from kore_gate.errors import GRAVEST_FIRST, Ending, ExitCode, GateError
from kore_gate.model import Assertion, Job, Outcome, Phase, Reply, State, Step, Suite, SuiteResult, Tally, Verdict

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
            outcome, reason = Outcome.ERROR, step.reason or "Kore.ai reports that the step failed, not which assertion"
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
        outcome, reason = Outcome.SKIPPED, "not known: Kore.ai reports only counts"
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


# How a message begins that fail-fast left a suite out, or did not wait for its job.
LEFT_OUT = ("Not executed: fail-fast is on", "Stopped: fail-fast is on")


def of_error(error: GateError, phase: Phase) -> Verdict:
    """Turn what stopped the gate from knowing into a verdict."""
    return Verdict(
        ending=error.ending,
        exit_code=error.exit_code,
        message=f"{phase.title()}: {error.message}",
        cause=error.cause,
        hint=error.hint,
        details=error.details,
    )


def of_bug(exc: BaseException, phase: Phase) -> Verdict:
    """Turn an exception nobody foresaw into a verdict."""
    return Verdict(
        ending=Ending.ERROR,
        exit_code=ExitCode.BUG,
        message=f"{phase.title()}: kore_gate itself failed ({type(exc).__name__}).",
        cause="a bug in kore_gate.",
        hint="Run the same command with --verbose, and report the bug with its output.",
    )


def timed_out(phase: Phase, job: Job | None, trouble: str, *, waited: float, timeout: float, known: bool) -> Verdict:
    """Say that the deadline of the call came (durations in seconds), and how far the job was when it was last seen.

    `trouble` is why the last call had to wait. A job whose id is `known` can be resumed.
    """
    told = f"{phase.title()}: timed out after {text.duration(waited)} (timeout: {text.duration(timeout)})"
    expiry = f"; Kore.ai forgets this job at {job.expires}" if job and job.expires else ""
    hint = "Raise timeout, or resume with the command below while Kore.ai still knows the job."
    cause = f"a busy platform, a long suite, or a bot that does not reply{expiry}."
    if trouble:
        cause = "an outage, a wrong host, or a rate limit that lasts longer than the timeout."
    if phase is Phase.UPLOAD:
        hint = "Raise timeout."
    elif not known:
        hint = "Raise timeout. The job may have started: check Kore.ai (Regression Testing) before you start it again."
    unknown = job is not None and job.state is State.UNKNOWN
    return Verdict(
        ending=Ending.TIMED_OUT,
        exit_code=ExitCode.TIMED_OUT,
        message=f"{told}; {f'last status: {standing(job)}' if job else 'no status received'}."
        + (" kore_gate does not know this status, so it never counts as success." if unknown else "")
        + (f" Kore.ai was unavailable: {trouble}." if trouble else ""),
        cause=cause,
        hint=hint,
        details=job.reasons if job else (),
    )


def standing(job: Job) -> str:
    """Say where a job stood when it was last seen."""
    progress = f", {job.percent:g} %" if job.percent is not None else ""
    return f"{job.status or 'no status'}{progress}"


def interrupted(signum: int, phase: Phase, status: str, *, known: bool) -> Verdict:
    """Say that a signal ended the wait; the exit code is 128 + signal. A job whose id is `known` can be resumed."""
    code = ExitCode(128 + signum)
    return Verdict(
        ending=Ending.INTERRUPTED,
        exit_code=code,
        message=f"{phase.title()}: interrupted by {code.name}" + (f"; last status: {status}." if status else "."),
        cause="the pipeline was cancelled, or reached its own time limit.",
        hint="The job is still running in Kore.ai: resume with the command below."
        if known
        else "The job has no known id: check Kore.ai (Regression Testing) for it before you start again.",
    )


def cut_short(signum: int, before: Verdict) -> Verdict:
    """Say of the whole call that a signal ended it, whatever its suites had come to."""
    code = ExitCode(128 + signum)
    if before.exit_code is code:
        return before
    return Verdict(
        ending=Ending.INTERRUPTED,
        exit_code=code,
        message=f"Interrupted by {code.name}; until then: {before.message}",
        cause="the pipeline was cancelled, or reached its own time limit.",
        hint="The reports hold the results so far; start again for the rest.",
    )


def of_report(failures: Sequence[GateError], before: Verdict) -> Verdict:
    """Say that reports are missing, and what would have been the verdict."""
    number = "1 report" if len(failures) == 1 else f"{len(failures)} reports"
    return Verdict(
        ending=Ending.ERROR,
        exit_code=ExitCode.REPORT,
        message=f"{number} could not be written; otherwise: {before.message}",
        cause=failures[0].cause,
        hint=failures[0].hint,
        details=tuple(failure.message for failure in failures),
    )


def stopped(first: str, *, known: bool) -> Verdict:
    """Say that fail-fast left a suite out, or did not wait for its job, whose id is `known` then."""
    return Verdict(
        ending=Ending.FAILED,
        exit_code=ExitCode.FAILED,
        message=f"{LEFT_OUT[known]}, and {first} did not pass{'; this job had started' if known else ''}.",
        hint="The job is still running in Kore.ai: resume with the command below." if known else "",
    )


def of_signal(signum: int) -> Verdict:
    """Say that a signal ended a command that has no suites."""
    code = ExitCode(128 + signum)
    return Verdict(ending=Ending.INTERRUPTED, exit_code=code, message=f"Interrupted by {code.name}.")


UNFINISHED = Verdict(
    ending=Ending.INTERRUPTED,
    exit_code=ExitCode.SIGTERM,
    message="kore_gate has not finished, or was killed.",
    cause="the CI job was aborted or ran out of memory before kore_gate wrote its reports.",
    hint="Resume with the command below, or with the ids in kore-result.json.",
)


def of_import(job: Job, *, allow_empty: bool) -> tuple[Verdict, Suite | None]:
    """Judge an import that ended; a passing test case means that Kore.ai accepted it."""
    ended = _not_well(job, Phase.IMPORT)
    if ended:
        return ended, job.suite
    suite = accepted(job.suite) if job.suite else None
    wrong = tuple(_contradictions(job, suite))
    if wrong:
        return _failed(f"Import: Kore.ai reports {job.status}, but its response contradicts that.", wrong), suite
    return _empty(suite, Phase.IMPORT, allow_empty=allow_empty) or _passed("Import: accepted by Kore.ai", suite), suite


def of_run(job: Job, known: Suite | None, *, allow_empty: bool) -> tuple[Verdict, Suite | None]:
    """Judge a run that ended by everything its answer holds, completed by what was `known` of the suite before.

    It passed only if the status says so and nothing in the answer, and no step of the suite, contradicts it.
    """
    suite = executed(job, known)
    tally = job.tally or Tally()
    if job.state is State.FAILED and job.failed_tests:
        number = max(_red(suite), tally.failed or 0)
        what = f"{_of(number, tally.total)} failed" if number else "failed, without naming a step"
        return _failed(f"Run: {what} (Kore.ai: {job.status}).", (*job.reasons, *job.problems)), suite
    ended = _not_well(job, Phase.RUN)
    if ended:
        return ended, suite
    wrong = tuple(_contradictions(job, suite))
    if wrong:
        return _failed(f"Run: Kore.ai reports {job.status}, but its response contradicts that.", wrong), suite
    if tally.passed and not any(step.replies for step in (suite.steps if suite else ())):
        return _passed(f"Run: {_steps(tally.passed)} passed", None), suite
    return _empty(suite, Phase.RUN, allow_empty=allow_empty) or _passed("Run: executed", suite), suite


def overall(results: Sequence[SuiteResult]) -> Verdict:
    """Return the one verdict of all suites: the gravest counts."""
    if not results:
        return Verdict(
            ending=Ending.NOTHING_TO_TEST,
            exit_code=ExitCode.NOTHING_TO_TEST,
            message="Nothing to test: no suite was given.",
            hint="Set ds-id, files or suites.",
        )
    if len(results) == 1:
        return results[0].verdict
    # A suite that fail-fast left out is no reason of its own.
    worst = min(
        (result.verdict for result in results),
        key=lambda each: (GRAVEST_FIRST.index(each.exit_code), each.message.startswith(LEFT_OUT)),
    )
    if worst.ending is Ending.PASSED:
        return Verdict(ending=Ending.PASSED, exit_code=ExitCode.PASSED, message=f"All {len(results)} suites passed.")
    same = [result for result in results if result.verdict.exit_code is worst.exit_code]
    names = ", ".join(result.name for result in same[:5]) + ("…" if len(same) > 5 else "")
    return dataclasses.replace(
        worst, message=f"{len(same)} of {len(results)} suites ended as {worst.ending}: {names}. {worst.message}"
    )


def _not_well(job: Job, phase: Phase) -> Verdict | None:
    """Return the verdict on a job that did not end well, or whose answer can't be read."""
    match job.state:
        case State.FAILED:
            return Verdict(
                ending=Ending.JOB_FAILED,
                exit_code=ExitCode.JOB_FAILED,
                message=f"{phase.title()}: Kore.ai ended the job with {job.status}."
                + ("" if job.reasons else " It gave no reason."),
                cause="a file that is not a conversation suite, or a conversation that the bot no longer follows."
                if phase is Phase.IMPORT
                else "a run that was stopped, or a bot that gave no reply.",
                hint="See the reasons, then the job's entry in Kore.ai (Regression Testing).",
                details=job.reasons,
            )
        case State.SUCCEEDED if job.problems:
            return Verdict(
                ending=Ending.UNAVAILABLE,
                exit_code=ExitCode.UNAVAILABLE,
                message=f"{phase.title()}: Kore.ai reports {job.status}, but its response cannot be read.",
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


def _contradictions(job: Job, suite: Suite | None) -> Iterator[str]:
    """Name what contradicts a job that is reported as successful."""
    red = _red(suite)
    if red:
        yield f"its results show that {_steps(red)} failed"
    yield from job.objections
    answered = job.suite.steps if job.suite else ()
    left_out = {step.number for step in answered if step.outcome is Outcome.SKIPPED}
    left_out |= {step.number for step in (suite.steps if suite else ()) if _is_open(step)}
    if left_out:
        yield f"its results leave {_steps(len(left_out))} of the suite not executed or not judged"


def _is_open(step: Step) -> bool:
    """Tell whether a step has an enabled assertion that nobody judged."""
    outcomes = [assertion.outcome for reply in step.replies for assertion in reply.assertions if assertion.enabled]
    return Outcome.SKIPPED in outcomes or Outcome.PENDING in outcomes


def _red(suite: Suite | None) -> int:
    return sum(step.outcome in (Outcome.FAILED, Outcome.ERROR) for step in (suite.steps if suite else ()))


def _enabled(step: Step) -> int:
    return sum(assertion.enabled for reply in step.replies for assertion in reply.assertions)


def _empty(suite: Suite | None, phase: Phase, *, allow_empty: bool) -> Verdict | None:
    """Return the verdict on a suite that has nothing to test, if it is one and that is not allowed."""
    steps = suite.steps if suite else ()
    if allow_empty or any(_enabled(step) for step in steps):
        return None
    lack = "the suite has no steps" if not steps else f"none of its {_steps(len(steps))} has an enabled assertion"
    return Verdict(
        ending=Ending.NOTHING_TO_TEST,
        exit_code=ExitCode.NOTHING_TO_TEST,
        message=f"{phase.title()}: nothing to test, {lack}.",
        cause="an empty or wrong suite file, or a suite whose assertions are all disabled.",
        hint="Enable assertions in the suite, or set allow-empty if this is intended.",
    )


def _passed(what: str, suite: Suite | None) -> Verdict:
    steps = suite.steps if suite else ()
    counts = f": {_steps(len(steps))}, {_some(sum(map(_enabled, steps)), 'assertion')}" if steps else ""
    return Verdict(ending=Ending.PASSED, exit_code=ExitCode.PASSED, message=f"{what}{counts}.")


def _failed(message: str, details: Sequence[str] = ()) -> Verdict:
    return Verdict(
        ending=Ending.FAILED,
        exit_code=ExitCode.FAILED,
        message=message,
        cause="the bot's replies differ from what the suite expects.",
        hint="Compare expected and actual in kore-report.html; fix the bot, or the suite if the new reply is correct.",
        details=tuple(details),
    )


def _steps(number: int) -> str:
    return _some(number, "step")


def _of(number: int, total: int | None) -> str:
    return f"{number} of {_steps(total)}" if total else _steps(number)


def _some(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
