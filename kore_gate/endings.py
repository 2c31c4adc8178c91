"""Verdicts that no job gave: errors, bugs, signals, reports that are missing. Pure."""

from collections.abc import Sequence

from kore_gate import text
from kore_gate.errors import GateError
from kore_gate.exit_codes import ExitCode
from kore_gate.model import Ending, Job, Phase, State, Verdict

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
        hint="Please report it with the output of the same call with --verbose.",
    )


def timed_out(phase: Phase, job: Job | None, trouble: str, *, waited: float, timeout: float, known: bool) -> Verdict:
    """Say that the deadline of the call came (durations in seconds), and how far the job was when it was last seen.

    `trouble` is why the last call had to wait. A job whose id is `known` can be resumed.
    """
    told = f"{phase.title()}: timed out after {text.duration(waited)} (timeout: {text.duration(timeout)})"
    expiry = f"; Kore.ai forgets this job at {job.expires}" if job and job.expires else ""
    hint = "Raise timeout, or resume with the command below while Kore.ai still knows the job."
    cause = f"a busy platform, a long suite, or a bot that does not answer during the replay{expiry}."
    if trouble:
        cause = "an outage, a wrong host, or a rate limit that lasts longer than the rest of the timeout."
    if phase is Phase.UPLOAD:
        hint = "Raise timeout."
    elif not known:
        hint = (
            "Raise timeout. The job may have started: look in Kore.ai (Regression Testing) before you start it again."
        )
    unknown = job is not None and job.state is State.UNKNOWN
    return Verdict(
        ending=Ending.TIMED_OUT,
        exit_code=ExitCode.TIMED_OUT,
        message=f"{told}; {f'last status: {standing(job)}' if job else 'no status was seen'}."
        + (" That word is not known to kore_gate, so it is never taken for success." if unknown else "")
        + (f" Kore.ai was not usable: {trouble}." if trouble else ""),
        cause=cause,
        hint=hint,
        details=job.reasons if job else (),
    )


def standing(job: Job) -> str:
    """Say where a job stood when it was last seen."""
    progress = f", {job.percent:g} %" if job.percent is not None else ""
    return f"{job.status or 'no status at all'}{progress}"


def interrupted(signum: int, phase: Phase, status: str, *, known: bool) -> Verdict:
    """Say that a signal ended the wait; the exit code is 128 + signal. A job whose id is `known` can be resumed."""
    code = ExitCode(128 + signum)
    return Verdict(
        ending=Ending.INTERRUPTED,
        exit_code=code,
        message=f"{phase.title()}: interrupted by {code.name}" + (f" while at {status}." if status else "."),
        cause="the pipeline was cancelled, or its own time limit came.",
        hint="The job goes on at Kore.ai: resume with the command below."
        if known
        else "No id of a job was known yet: start again; look in Kore.ai (Regression Testing) first if it had begun.",
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
        cause="the pipeline was cancelled, or its own time limit came.",
        hint="What the suites had come to is in the reports; start again for the rest.",
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
        hint="The job goes on at Kore.ai: resume with the command below." if known else "",
    )


def of_signal(signum: int) -> Verdict:
    """Say that a signal ended a command that has no suites."""
    code = ExitCode(128 + signum)
    return Verdict(ending=Ending.INTERRUPTED, exit_code=code, message=f"Interrupted by {code.name}.")


UNFINISHED = Verdict(
    ending=Ending.INTERRUPTED,
    exit_code=ExitCode.SIGTERM,
    message="The gate has not finished, or was killed.",
    cause="the job was aborted or ran out of memory, before the gate could write its reports.",
    hint="Resume with the command below, or with the ids in kore-result.json.",
)
