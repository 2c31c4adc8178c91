"""What the reports for people say in words: verdicts, evidence, outcomes and times."""

import urllib.parse
from collections.abc import Sequence

from kore_gate import testcases
from kore_gate.model import Assertion, Ending, Evidence, Outcome, Reply, Result, Step, SuiteResult

TITLES = {
    Ending.PASSED: "Passed",
    Ending.FAILED: "Failed",
    Ending.JOB_FAILED: "Job failed",
    Ending.TIMED_OUT: "Timed out",
    Ending.NOTHING_TO_TEST: "Nothing to test",
    Ending.REFUSED: "Refused",
    Ending.UNAVAILABLE: "Unavailable",
    Ending.INTERRUPTED: "Interrupted",
    Ending.ERROR: "Error",
}

MARKS = {
    "passed": "✓",
    "accepted": "✓",
    "failed": "✗",
    "error": "!",
    "unreached": "○",
    "unchecked": "○",
    "disabled": "○",
}

OUTCOMES = {
    "passed": "Passed",
    "accepted": "Accepted",
    "failed": "Failed",
    "error": "Not judged",
    "unreached": "Not executed",
    "unchecked": "Not checked",
    "disabled": "Disabled",
}

_EVIDENCE = {
    Evidence.EXECUTION: "Executed: Kore.ai ran this conversation against the bot and judged its replies.",
    Evidence.IMPORT_VALIDATION: (
        "Accepted by Kore.ai, not executed: the import was validated, and only a run shows whether it passes."
    ),
    Evidence.NONE: "No evidence: Kore.ai gave no result for this suite.",
}

_IN_PART = (
    "Executed in part: Kore.ai ran this conversation against the bot, and gave no result for the steps that are marked"
    " as not executed."
)
_COUNTED = "Executed: Kore.ai ran this conversation against the bot, and gave no result of a single step."

RED = frozenset({Outcome.FAILED, Outcome.ERROR})


def evidence(result: SuiteResult) -> str:
    """Say what a passing test case of this suite proves."""
    steps = result.suite.steps if result.suite else ()
    if result.evidence is Evidence.EXECUTION:
        if not steps:
            return _COUNTED
        if not all(map(testcases.was_executed, steps)):
            return _IN_PART
    return _EVIDENCE[result.evidence]


def is_red(step: Step) -> bool:
    """Tell whether a step, or an enabled assertion of it, failed or could not be judged."""
    return step.outcome in RED or any(
        assertion.enabled and assertion.outcome in RED for reply in step.replies for assertion in reply.assertions
    )


def step_outcome(result: SuiteResult, step: Step) -> str:
    """Name how a step ended, as its assertions show it: a key of `OUTCOMES`."""
    outcomes = {assertion.outcome for reply in step.replies for assertion in reply.assertions if assertion.enabled}
    if Outcome.ERROR in outcomes or step.outcome is Outcome.ERROR:
        return "error"
    if Outcome.FAILED in outcomes or step.outcome is Outcome.FAILED:
        return "failed"
    if not outcomes:
        accepted = result.evidence is Evidence.IMPORT_VALIDATION and step.outcome is not Outcome.PENDING
        return "unchecked" if accepted or testcases.was_executed(step) else "unreached"
    return assertion_outcome(result, Outcome.PASSED if outcomes == {Outcome.PASSED} else Outcome.SKIPPED)


def assertion_outcome(result: SuiteResult, outcome: Outcome, *, enabled: bool = True) -> str:
    """Name how an assertion ended: a key of `OUTCOMES`."""
    if not enabled:
        return "disabled"
    if outcome is Outcome.PASSED and result.evidence is Evidence.IMPORT_VALIDATION:
        return "accepted"
    return "unreached" if outcome in (Outcome.SKIPPED, Outcome.PENDING) else outcome.value


def seconds(value: float) -> str:
    """Write a time span as people say it: `0.4 s`, `14 s`, `2 min 5 s`, `1 h 3 min`."""
    if not 0 <= value < 1e9:  # also what is not a number
        return "?"
    if value < 10:
        return f"{value:.1f} s" if value >= 0.05 or value == 0 else f"{value * 1000:.0f} ms"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    return f"{whole // 3600} h" + (f" {whole % 3600 // 60} min" if whole % 3600 >= 60 else "")


def sentence(value: str) -> str:
    """Begin a text with a capital letter."""
    return value[:1].upper() + value[1:]


def plural(number: int, noun: str) -> str:
    """Count things: `1 step`, `1,250 steps`."""
    return f"{number:,} {noun}{'s' if number != 1 else ''}"


def actual(reply: Reply, assertion: Assertion) -> str | None:
    """Return what came instead of the expected, None where it is not known: the reply's text says nothing of nodes."""
    if assertion.actual is not None or assertion.group != "text":
        return assertion.actual
    return reply.actual


def web_link(url: str) -> str:
    """Return an address that is safe to link to, else nothing."""
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        return ""
    printable = url.isprintable() and " " not in url and len(url) <= 4000
    return url if printable and parts.scheme in ("http", "https") and parts.netloc else ""


def next_steps(call: Result) -> Sequence[str]:
    """Say what a reader can do now, in the order it helps."""
    steps: list[str] = []
    if any(result.verdict.ending is Ending.FAILED for result in call.suites):
        steps.append("Compare expected and actual: mend the bot, or the suite where the new reply is the right one.")
    if any(result.evidence is Evidence.IMPORT_VALIDATION for result in call.suites):
        steps.append(
            "An import only shows that Kore.ai accepted the suite; `kore-gate run` or `kore-gate test` executes it."
        )
    return steps
