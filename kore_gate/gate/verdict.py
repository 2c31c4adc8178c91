"""Why a suite is red or green: open assertions are judged, then the job, then the call. Pure and fail-closed."""

import collections
import itertools
import re
import typing
from collections.abc import Iterator, Sequence

from kore_gate import text
from kore_gate.errors import Ending, ExitCode, GateError
from kore_gate.model import (
    Assertion,
    Job,
    Outcome,
    PassIf,
    Phase,
    Reply,
    State,
    Step,
    Suite,
    SuiteResult,
    Verdict,
    replace,
)

_WORST_FIRST = (Outcome.ERROR, Outcome.FAILED, Outcome.PENDING, Outcome.SKIPPED, Outcome.PASSED)

# Outcome and reason of an assertion without a result, by the outcome that Kore.ai reports for its step.
_BY_STEP = {
    Outcome.PASSED: (Outcome.PASSED, ""),
    Outcome.SKIPPED: (Outcome.SKIPPED, "not reached"),
    Outcome.FAILED: (Outcome.ERROR, "Kore.ai reports that the step failed, not which assertion"),
    Outcome.ERROR: (Outcome.ERROR, "Kore.ai could not execute this step"),
}


def executed_suite(job: Job, known: Suite | None) -> Suite | None:
    """Judge the steps of a run, completed by what was `known` of its suite."""
    base = known or job.suite
    if base is None:
        return None
    answered = job.suite.steps if job.suite else ()
    definitions = known.steps if known else ()
    tally = job.tally
    number = max(len(answered), len(definitions), tally.total or 0)
    # A job that has ended owes a result for every step.
    without_status = Outcome.ERROR if job.has_ended else Outcome.PENDING
    not_mentioned, reason = Outcome.SKIPPED, "not executed"
    if job.state is State.SUCCEEDED and not tally.failed and (tally.passed or 0) >= number:
        # Counters that leave no doubt about any step.
        without_status, not_mentioned, reason = Outcome.PASSED, Outcome.PASSED, ""
    elif job.has_ended and job.suite is None:
        reason = "not known: Kore.ai reports only counts"
    left_out = Step(number=0, input="", outcome=not_mentioned, reason=reason)
    steps = (_judge_step(step, without_status) for step in _merged(answered, definitions, left_out))
    return replace(base, steps=tuple(steps))


def _merged(answered: Sequence[Step], definitions: Sequence[Step], left_out: Step) -> Iterator[Step]:
    """Complete each step of an answer by its definition, and put in those that it leaves out, wherever that is.

    They are paired by place where no step is left out, else by what the user says.
    """
    by_place = len(answered) >= len(definitions)
    rest = collections.deque(definitions)
    remaining = collections.Counter(words for step in definitions for words in (step.input, step.event))
    for answer in answered:
        step, words = answer, "" if by_place else answer.input or answer.event
        while rest and (not words or remaining[words]):
            definition = rest.popleft()
            remaining.subtract((definition.input, definition.event))
            if not words or words in (definition.input, definition.event):
                step = _completed(step, definition)
                break
            yield _completed(left_out, definition)
        yield step
    for definition in rest:
        yield _completed(left_out, definition)


def _completed(step: Step, definition: Step) -> Step:
    """Fill in from the definition what the run's answer leaves out, without outcomes, which are those of its import."""
    replies: list[Reply] = []
    for reply, defined in itertools.zip_longest(step.replies, definition.replies):
        answered = reply.assertions if reply else ()
        groups = {assertion.group for assertion in answered}
        added = (
            replace(assertion, outcome=Outcome.PENDING, reason="") if assertion.enabled else assertion
            for assertion in (defined.assertions if defined else ())
            if assertion.group not in groups
        )
        replies.append(replace(reply or defined, assertions=(*answered, *added)))
    return replace(
        step,
        number=definition.number,
        input=step.input or definition.input,
        event=step.event or definition.event,
        replies=tuple(replies),
        source=step.source or definition.source,
    )


def _judge_step(step: Step, without_status: Outcome) -> Step:
    """Judge a step and what is open in it by its status; `without_status` is the outcome of a step that has none."""
    if step.outcome is Outcome.PENDING:
        outcome, reason = without_status, "Kore.ai gave no result for this" if without_status is Outcome.ERROR else ""
    else:
        outcome, reason = _BY_STEP[step.outcome]
    reason = reason and (step.reason or reason)
    if step.outcome is Outcome.FAILED and any(one.outcome.is_red for reply in step.replies for one in reply.assertions):
        outcome, reason = Outcome.SKIPPED, "not judged: another assertion of this step failed"

    def judge(assertion: Assertion) -> Assertion:
        if not assertion.enabled or assertion.outcome is not Outcome.PENDING:
            return assertion
        return replace(assertion, outcome=outcome, reason=assertion.reason or reason)

    replies = tuple([replace(reply, assertions=tuple(map(judge, reply.assertions))) for reply in step.replies])
    outcomes = [one.outcome for reply in replies for one in reply.assertions if one.enabled]
    if step.outcome is not Outcome.PENDING:
        outcomes.append(step.outcome)
    worst = min(outcomes, key=_WORST_FIRST.index, default=Outcome.SKIPPED)
    return replace(step, replies=replies, outcome=step.outcome if step.outcome.is_red else worst)


def judge_import(job: Job, *, allow_empty: bool) -> tuple[Verdict, Suite | None]:
    """Judge an import that ended; a passing test case means that Kore.ai accepted it."""
    suite = job.suite
    if suite and job.state is State.SUCCEEDED and not job.problems:
        # Nothing was executed: what has no status was accepted.
        suite = replace(suite, steps=tuple(_judge_step(step, Outcome.PASSED) for step in suite.steps))
    return _judge_job(job, suite, Phase.IMPORT, "accepted by Kore.ai", allow_empty=allow_empty), suite


def judge_run(job: Job, known: Suite | None, *, allow_empty: bool) -> tuple[Verdict, Suite | None]:
    """Judge a run that ended by everything its answer holds, completed by what was `known` of the suite before.

    It passed only if the status says so and nothing in the answer, and no step of the suite, contradicts it.
    """
    suite = executed_suite(job, known)
    if job.state is not State.FAILED or not job.failed_tests:
        return _judge_job(job, suite, Phase.RUN, "executed", allow_empty=allow_empty), suite
    tally = job.tally
    number = max(sum(step.outcome.is_red for step in suite.steps) if suite else 0, tally.failed or 0)
    steps = f"{number:,} of {text.plural(tally.total, 'step')}" if tally.total else text.plural(number, "step")
    what = f"{steps} failed" if number else "failed, without naming a step"
    return _failed(f"Run: {what} (Kore.ai: {job.status}).", (*job.reasons, *job.problems), suite), suite


def only_tests_failed(job: Job, suite: Suite | None) -> bool:
    """Tell whether nothing but steps that are known to have failed speaks against a run: no other can be forgiven."""
    if job.state is not State.FAILED or not job.failed_tests or job.problems or suite is None:
        return False
    red = {step.number for step in suite.steps if step.is_red}
    has_all = len(red) >= (job.tally.failed or 0) and len(suite.steps) >= (job.tally.total or 0)
    return bool(red) and has_all and _left_out(job, suite.steps) <= red


def red_places(suite: Suite | None) -> set[tuple[int, int, int]]:
    """Return where a suite is red: the number of each step, and the places of its reply and assertion if one is."""
    places = set()
    for step in suite.steps if suite else ():
        red = {
            (step.number, place, position)
            for place, reply in enumerate(step.replies)
            for position, assertion in enumerate(reply.assertions)
            if assertion.enabled and assertion.outcome.is_red
        }
        places |= red or ({(step.number, -1, -1)} if step.is_red else set())
    return places


def _judge_job(job: Job, suite: Suite | None, phase: Phase, success: str, *, allow_empty: bool) -> Verdict:
    """Judge a job that ended, and whose status says nothing of tests that failed; `success` says what green means."""
    if not job.has_ended:
        raise ValueError("a job that has not ended has no verdict")
    if job.state is State.FAILED:
        return of(
            ExitCode.JOB_FAILED,
            f"{phase.title()}: Kore.ai ended the job with {job.status}."
            + ("" if job.reasons else " It gave no reason."),
            cause="an invalid suite file, a conversation that the bot no longer follows, or a run that was stopped.",
            hint="See the reasons, then the job's entry in Kore.ai (Regression Testing).",
            details=job.reasons,
        )
    if job.problems:
        return of(
            ExitCode.UNAVAILABLE,
            f"{phase.title()}: Kore.ai reports {job.status}, but its response cannot be read.",
            cause="a change in Kore.ai's API, or a proxy that alters responses.",
            hint="Report it to kore_gate, with kore-result.json.",
            details=job.problems,
        )
    steps = suite.steps if suite else ()
    contradictions = list(_contradictions(job, steps))
    if contradictions:
        message = f"{phase.title()}: Kore.ai reports {job.status}, but its response contradicts that."
        return _failed(message, contradictions, suite)
    if job.tally.passed and not any(step.replies for step in steps):
        return of(ExitCode.PASSED, f"{phase.title()}: {text.plural(job.tally.passed, 'step')} passed.")
    assertions = sum(len(step.enabled_outcomes) for step in steps)
    if not assertions and not allow_empty:
        lack = f"none of its {text.plural(len(steps), 'step')} has an enabled assertion"
        return of(
            ExitCode.NOTHING_TO_TEST,
            f"{phase.title()}: nothing to test, {lack if steps else 'the suite has no steps'}.",
            cause="an empty or wrong suite file, or a suite whose assertions are all disabled.",
            hint="Enable assertions in the suite, or set allow-empty if this is intended.",
        )
    counts = f": {text.plural(len(steps), 'step')}, {text.plural(assertions, 'assertion')}" if steps else ""
    return of(ExitCode.PASSED, f"{phase.title()}: {success}{counts}.")


def passed_by(attempts: Sequence[bool], most: int, pass_if: PassIf) -> bool | None:
    """Tell whether a suite passed by its attempts, of which there may be so many; None: not decided yet.

    One that passes at first is not run again. `all` forgives nothing: its attempts show how often the suite fails.
    """
    passed, left = sum(attempts), most - len(attempts)
    if attempts[0]:
        return True
    match pass_if:
        case PassIf.ANY:
            needed = 1
        case PassIf.MAJORITY:
            needed = most // 2 + 1
        case PassIf.ALL:
            return None if left > 0 else False
        case _:
            typing.assert_never(pass_if)
    if passed >= needed:
        return True
    return None if passed + left >= needed else False


def judge_attempts(shown: Verdict, attempts: Sequence[bool], most: int, pass_if: PassIf) -> Verdict:
    """Say in the verdict of the attempt that is shown how many of them passed: a suite that did at last is flaky."""
    number = f"{sum(attempts)} of {len(attempts)} attempts"
    message = f"{shown.message.rstrip('.')}; {number} passed."
    if shown.ending is Ending.PASSED:
        where = f"attempt {len(attempts)} of {most}" if pass_if is PassIf.ANY else number
        message = f"Run: passed in {where}; flaky."
    return replace(shown, message=message)


def require_assertions(judged: Verdict, suite: Suite | None, least: int) -> Verdict:
    """Let no suite pass that has fewer enabled assertions than a caller asks for; what is not known is none."""
    number = sum(len(step.enabled_outcomes) for step in suite.steps) if suite else 0
    if judged.ending is not Ending.PASSED or number >= least:
        return judged
    return of(
        ExitCode.FAILED,
        f"The suite has {number:,} of at least {text.plural(least, 'enabled assertion')}; otherwise: {judged.message}",
        cause="assertions that are disabled or missing, or a response that only counts steps.",
        hint="Enable or add assertions, or lower min-assertions; `kore-gate lint` lists what a suite does not test.",
    )


def _contradictions(job: Job, steps: Sequence[Step]) -> Iterator[str]:
    """Name what in its own answer contradicts a job that is said to have ended well."""
    red = sum(step.outcome.is_red for step in steps)
    if red:
        yield f"its results show that {text.plural(red, 'step')} failed"
    yield from job.objections
    if left_out := _left_out(job, steps):
        yield f"its results leave {text.plural(len(left_out), 'step')} of the suite not executed or not judged"


def _left_out(job: Job, steps: Sequence[Step]) -> set[int]:
    """Return the numbers of the steps that were not executed or not judged."""
    answered = job.suite.steps if job.suite else ()
    left_out = {step.number for step in answered if step.outcome is Outcome.SKIPPED}
    return left_out | {step.number for step in steps if not all(outcome.is_judged for outcome in step.enabled_outcomes)}


def _failed(message: str, details: Sequence[str], suite: Suite | None) -> Verdict:
    replies = [reply for step in (suite.steps if suite else ()) for reply in step.replies]
    hint = "Compare expected and actual in kore-report.html; fix the bot, or the suite if the new reply is correct."
    actuals = (actual for reply in replies for actual in (reply.actual, *(one.actual for one in reply.assertions)))
    if all(actual is None for actual in actuals):
        hint = "See the bot's replies in Kore.ai (Regression Testing): its response holds none of them."
    return of(
        ExitCode.FAILED,
        message,
        cause="the bot's replies differ from what the suite expects.",
        hint=hint,
        details=details,
    )


_RESUME = "The job is still running in Kore.ai: resume with the command below."
_CANCELLED = "the pipeline was cancelled, or reached its own time limit."
_FAIL_FAST = "Stopped by fail-fast"


def from_error(error: Exception, phase: Phase) -> Verdict:
    """Turn what kept the gate from knowing into a verdict; an exception nobody foresaw is a bug."""
    if not isinstance(error, GateError):
        hint = "Run the same command with --verbose, and report the bug with its output."
        error = GateError(f"kore_gate itself failed ({type(error).__name__}).", cause="a bug in kore_gate.", hint=hint)
    message = error.message if phase is Phase.SETTINGS else f"{phase.title()}: {error.message}"
    details = [detail for detail in error.details if detail != error.message]
    return of(error.exit_code, message, error.cause, error.hint, details)


def timed_out(draft: SuiteResult, job: Job | None, trouble: str, timeout: float) -> Verdict:
    """Judge a suite at the deadline (in seconds); `trouble` is why it was waiting then, beside the job itself."""
    progress = f", {job.percent:g} %" if job and job.percent is not None else ""
    status = f"last status: {job.status or 'no status'}{progress}" if job else "no status received"
    times = f"{text.duration(draft.duration)} (timeout: {text.duration(timeout)})"
    is_unknown = job is not None and job.state is State.UNKNOWN and job.status != ""
    unknown = ", which kore_gate does not know" if is_unknown else ""
    message = f"{draft.phase.title()}: timed out after {times}; {status}{unknown}."
    expiry = f"; Kore.ai forgets this job at {job.expires}" if job and job.expires else ""
    cause = f"a busy platform, a long suite, or a bot that does not reply{expiry}."
    if trouble:
        message += f" It was waiting: {trouble}."
        cause = "an outage, a wrong host, a rate limit, or other suites that take longer than the timeout."
    hint = "Raise timeout."
    if is_unknown and not trouble:
        cause = "a status that is new at Kore.ai: kore_gate waits for another one, and never takes it for success."
        hint = "Look at the job in Kore.ai (Regression Testing); if it has ended there, report the status to kore_gate."
    elif draft.resume:
        hint = "Raise timeout, or resume with the command below while Kore.ai still knows the job."
    elif draft.phase is not Phase.UPLOAD:
        hint += " The job may have started: check Kore.ai (Regression Testing) before you start it again."
    return of(ExitCode.TIMED_OUT, message, cause=cause, hint=hint, details=job.reasons if job else ())


def interrupted(signum: int, draft: SuiteResult) -> Verdict:
    """Judge a suite whose wait a signal ended; the exit code is 128 + signal."""
    code = ExitCode(128 + signum)
    status = f"; last status: {draft.status}" if draft.status else ""
    message = f"{draft.phase.title()}: interrupted by {code.name}{status}."
    hint = "The job has no known id: check Kore.ai (Regression Testing) for it before you start again."
    return of(code, message, cause=_CANCELLED, hint=_RESUME if draft.resume else hint)


def stopped_by_fail_fast(first: str, draft: SuiteResult) -> Verdict:
    """Judge a suite that fail-fast left out or did not wait for, because the `first` one did not pass."""
    return of(ExitCode.FAILED, f"{_FAIL_FAST}: {first} did not pass.", hint=_RESUME if draft.resume else "")


_ENDED = {Ending.FAILED: "failed", Ending.TIMED_OUT: "timed out", Ending.INTERRUPTED: "were interrupted"}
_NAMED = 5
# As a run's own verdict counts: Kore.ai may report counts without the steps.
_COUNTS = re.compile(r"Run: ([\d,]+(?: of [\d,]+)? steps?) failed")


def overall(results: Sequence[SuiteResult]) -> Verdict:
    """Return the one verdict of all suites: the gravest counts."""
    if len(results) == 1:
        return results[0].verdict

    # A suite that fail-fast left out is not a reason of its own.
    def rank(verdict: Verdict) -> tuple[int, bool]:
        return verdict.exit_code.gravity, not verdict.message.startswith(_FAIL_FAST)

    worst = max((result.verdict for result in results), key=rank)
    flaky = [text.line(result.name, 40) for result in results if result.is_flaky]
    if worst.ending is Ending.PASSED:
        which = f", {len(flaky):,} of them flaky: {text.listed(flaky, _NAMED)}" if flaky else ""
        return of(ExitCode.PASSED, f"All {len(results):,} suites passed{which}.")
    same = [result for result in results if rank(result.verdict) == rank(worst)]
    briefs = [_brief(result) for result in same]
    has_one_reason = len(same) > 1 and len(set(briefs)) == 1
    ended = _ENDED.get(worst.ending, f"ended as {worst.ending}") + (f" ({briefs[0]})" if has_one_reason else "")
    pairs = zip(same, briefs, strict=True)
    names = [text.line(result.name, 40) + ("" if has_one_reason else f" ({brief})") for result, brief in pairs]
    others = collections.Counter(
        "stopped by fail-fast" if result.verdict.message.startswith(_FAIL_FAST) else _ENDED.get(ending, ending)
        for result in results
        if (ending := result.verdict.ending) is not Ending.PASSED and rank(result.verdict) != rank(worst)
    )
    if flaky:
        others["flaky"] = len(flaky)
    message = f"{len(same):,} of {len(results):,} suites {ended}: {text.listed(names, _NAMED)}"
    also = (f"; {number:,} {ended}" for ended, number in others.items())
    return replace(worst, message="".join([message, *also, "."]))


def _brief(result: SuiteResult) -> str:
    """Say in a few words why a suite did not pass."""
    if counts := _COUNTS.match(result.verdict.message):
        return counts[1]
    red = sum(step.is_red for step in result.steps)
    if red and result.verdict.ending is Ending.FAILED:
        return f"{red:,} of {text.plural(len(result.steps), 'step')}"
    return text.line(result.verdict.message.rstrip("."), 120)


def interrupted_call(signum: int, before: Verdict | None = None) -> Verdict:
    """Judge a call that a signal ended, whatever its verdict was `before`; a command without suites has none."""
    code = ExitCode(128 + signum)
    if before is None:
        return of(code, f"Interrupted by {code.name}.")
    if before.exit_code is code:
        return before
    message = f"Interrupted by {code.name}; until then: {before.message}"
    return of(code, message, _CANCELLED, hint="The reports hold the results so far; start again for the rest.")


def missing_reports(failures: Sequence[GateError], before: Verdict) -> Verdict:
    """Judge a call whose reports could not all be written, naming what would have been its verdict."""
    message = f"{text.plural(len(failures), 'report')} could not be written; otherwise: {before.message}"
    details = [failure.message for failure in failures]
    return of(ExitCode.REPORT, message, failures[0].cause, failures[0].hint, details)


def of(code: ExitCode, message: str, cause: str = "", hint: str = "", details: Sequence[str] = ()) -> Verdict:
    """Make the verdict that an exit code stands for."""
    return Verdict(ending=code.ending, exit_code=code, message=message, cause=cause, hint=hint, details=tuple(details))


UNFINISHED = of(
    ExitCode.SIGTERM,
    "kore_gate has not finished, or was killed.",
    cause="the CI job was aborted or ran out of memory before kore_gate wrote its reports.",
    hint="Resume with the command below, or with the ids in kore-result.json.",
)
