"""Model facts for tests: each builder has sensible defaults and takes overrides for any field."""

from typing import Any

from kore_gate.errors import Ending, ExitCode
from kore_gate.model import (
    Assertion,
    Check,
    Evidence,
    Outcome,
    Phase,
    Reply,
    Result,
    Source,
    Step,
    Suite,
    SuiteResult,
    Verdict,
    replace,
)

_ENDINGS = {
    Ending.PASSED: (ExitCode.PASSED, "1 of 1 assertions passed."),
    Ending.FAILED: (ExitCode.FAILED, "1 of 1 assertions failed."),
    Ending.JOB_FAILED: (ExitCode.JOB_FAILED, "Kore.ai ended the import with the status FAILED."),
    Ending.TIMED_OUT: (ExitCode.TIMED_OUT, "Timed out after 30m, at 85 %."),
    Ending.NOTHING_TO_TEST: (ExitCode.NOTHING_TO_TEST, "The suite has no enabled assertion."),
    Ending.REFUSED: (ExitCode.REFUSED, "Kore.ai refused the credentials (401)."),
    Ending.UNAVAILABLE: (ExitCode.UNAVAILABLE, "Kore.ai was unreachable for 3m."),
    Ending.INTERRUPTED: (ExitCode.SIGTERM, "Interrupted by SIGTERM."),
    Ending.ERROR: (ExitCode.BUG, "This is a bug in kore_gate."),
}


def make_check(**overrides: Any) -> Check:
    """Build an item that expects the text `Hello`."""
    return replace(Check(field="text", value="Hello"), **overrides)


def make_assertion(**overrides: Any) -> Assertion:
    """Build an enabled text assertion that passed."""
    base = Assertion(group="text", enabled=True, checks=(make_check(),), outcome=Outcome.PASSED)
    return replace(base, **overrides)


def make_reply(**overrides: Any) -> Reply:
    """Build an expected reply `Hello` with one passing assertion."""
    return replace(Reply(text="Hello", node="Greeting", assertions=(make_assertion(),)), **overrides)


def make_step(**overrides: Any) -> Step:
    """Build the step `01 Hi` with one reply."""
    return replace(Step(number=1, input="Hi", replies=(make_reply(),), outcome=Outcome.PASSED), **overrides)


def make_source(**overrides: Any) -> Source:
    """Build the place of a step in the repository."""
    return replace(Source(file="kore/suites/banking.json", line=3), **overrides)


def make_suite(**overrides: Any) -> Suite:
    """Build a suite of one passing step."""
    return replace(Suite(name="Banking regression", steps=(make_step(),)), **overrides)


def make_verdict(ending: Ending = Ending.PASSED, **overrides: Any) -> Verdict:
    """Build a verdict whose exit code and message go with its ending."""
    exit_code, message = _ENDINGS[ending]
    return replace(Verdict(ending=ending, exit_code=exit_code, message=message), **overrides)


def make_result(ending: Ending = Ending.PASSED, **overrides: Any) -> SuiteResult:
    """Build the result of one suite after a `wait`; without `suite=None` it has the suite of `make_suite`."""
    base = SuiteResult(
        key="ds-1",
        name="Banking regression",
        phase=Phase.IMPORT,
        verdict=make_verdict(ending),
        evidence=Evidence.IMPORT_VALIDATION,
        suite=make_suite(),
        status="SUCCESS" if ending is Ending.PASSED else "",
        ds_id="ds-1",
        test_suite_id="ts-1",
        started="2026-01-02T03:04:05Z",
        duration=7.345,
    )
    return replace(base, **overrides)


def make_call(*suites: SuiteResult, **overrides: Any) -> Result:
    """Build the result of a whole call, by default of one suite that passed; its verdict is the gravest suite's."""
    suites = suites or (make_result(),)
    gravest = max(suites, key=lambda result: result.verdict.exit_code)
    base = Result(
        version="0.1.0",
        command="wait",
        host="https://platform.kore.ai",
        stream_id="st-1234",
        verdict=gravest.verdict,
        suites=suites,
        started="2026-01-02T03:04:05Z",
        duration=7.345,
        machine="runner-1",
    )
    return replace(base, **overrides)
