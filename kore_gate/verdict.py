"""What an ended job means for the pipeline: pure functions from facts to verdicts, fail-closed."""

import dataclasses
import typing
from collections.abc import Iterator, Sequence

from kore_gate import endings, settle
from kore_gate.exit_codes import GRAVEST_FIRST, ExitCode
from kore_gate.model import Ending, Job, Outcome, Phase, State, Step, Suite, SuiteResult, Tally, Verdict


def of_import(job: Job, *, allow_empty: bool) -> tuple[Verdict, Suite | None]:
    """Judge an import that ended; a passing test case means that Kore.ai accepted it."""
    ended = _not_well(job, Phase.IMPORT)
    if ended:
        return ended, job.suite
    suite = settle.accepted(job.suite) if job.suite else None
    wrong = tuple(_contradictions(job, suite))
    if wrong:
        return _failed(f"Import: Kore.ai says {job.status}, but its own answer says otherwise.", wrong), suite
    return _empty(suite, Phase.IMPORT, allow_empty=allow_empty) or _passed("Import: accepted by Kore.ai", suite), suite


def of_run(job: Job, known: Suite | None, *, allow_empty: bool) -> tuple[Verdict, Suite | None]:
    """Judge a run that ended by everything its answer holds, completed by what was `known` of the suite before.

    It passed only if the status says so and nothing in the answer, and no step of the suite, says otherwise.
    """
    suite = settle.executed(job, known)
    tally = job.tally or Tally()
    if job.state is State.FAILED and job.failed_tests:
        number = max(_red(suite), tally.failed or 0)
        what = f"{_of(number, tally.total)} failed" if number else "it failed, without saying which step"
        return _failed(f"Run: {what} (Kore.ai: {job.status}).", (*job.reasons, *job.problems)), suite
    ended = _not_well(job, Phase.RUN)
    if ended:
        return ended, suite
    wrong = tuple(_contradictions(job, suite))
    if wrong:
        return _failed(f"Run: Kore.ai says {job.status}, but its own answer says otherwise.", wrong), suite
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
            hint="Give ds-id, files or suites.",
        )
    if len(results) == 1:
        return results[0].verdict
    # A suite that fail-fast left out is no reason of its own.
    worst = min(
        (result.verdict for result in results),
        key=lambda each: (GRAVEST_FIRST.index(each.exit_code), each.message.startswith(endings.LEFT_OUT)),
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
                cause="a file that is no conversation suite, or a conversation that the bot no longer follows."
                if phase is Phase.IMPORT
                else "a run that was stopped, or a bot that gave no answer.",
                hint="See the reasons, then the job's entry in Kore.ai (Regression Testing).",
                details=job.reasons,
            )
        case State.SUCCEEDED if job.problems:
            return Verdict(
                ending=Ending.UNAVAILABLE,
                exit_code=ExitCode.UNAVAILABLE,
                message=f"{phase.title()}: Kore.ai says {job.status}, but its answer can't be understood.",
                cause="a change of Kore.ai's API, or something in between that alters answers.",
                hint="Please report it to kore_gate with kore-result.json.",
                details=job.problems,
            )
        case State.SUCCEEDED:
            return None
        case State.RUNNING | State.UNKNOWN:
            raise ValueError("a job that has not ended has no verdict")
        case _:
            typing.assert_never(job.state)


def _contradictions(job: Job, suite: Suite | None) -> Iterator[str]:
    """Name what speaks against a job that is said to have ended well."""
    red = _red(suite)
    if red:
        yield f"its results say that {_steps(red)} failed"
    yield from job.objections
    answered = job.suite.steps if job.suite else ()
    left_out = {step.number for step in answered if step.outcome is Outcome.SKIPPED}
    left_out |= {step.number for step in (suite.steps if suite else ()) if _is_open(step)}
    if left_out:
        yield f"it leaves {_steps(len(left_out))} of the suite not executed, or not judged"


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
        cause="an empty or wrong suite file, or assertions that were all switched off.",
        hint="Enable assertions in the suite, or set allow-empty if it is meant to be so.",
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
        cause="the bot answers otherwise than the suite expects.",
        hint="See expected beside actual in kore-report.html; mend the bot, or the suite if the new answer is right.",
        details=tuple(details),
    )


def _steps(number: int) -> str:
    return _some(number, "step")


def _of(number: int, total: int | None) -> str:
    return f"{number} of {_steps(total)}" if total else _steps(number)


def _some(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
