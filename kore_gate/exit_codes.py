"""What the process says with its exit code."""

import enum
from collections.abc import Iterable


class ExitCode(enum.IntEnum):
    """The contract with every pipeline that calls the gate."""

    PASSED = 0
    FAILED = 1
    USAGE = 2
    JOB_FAILED = 3
    TIMED_OUT = 4
    NOTHING_TO_TEST = 5
    REFUSED = 6
    UNAVAILABLE = 7
    REPORT = 8
    BUG = 70
    SIGINT = 130
    SIGTERM = 143


MEANINGS = {
    ExitCode.PASSED: "passed",
    ExitCode.FAILED: "tests failed: an assertion, a step or a run failed, or a policy said no",
    ExitCode.USAGE: "bad settings or usage; nothing was sent",
    ExitCode.JOB_FAILED: "Kore.ai ended the job itself in failure (import refused or failed, run stopped)",
    ExitCode.TIMED_OUT: "timed out",
    ExitCode.NOTHING_TO_TEST: "nothing to test: no steps, or no enabled assertion",
    ExitCode.REFUSED: "credentials refused",
    ExitCode.UNAVAILABLE: "Kore.ai unreachable, or its answer not understood, also after retries; the record is gone",
    ExitCode.REPORT: "a report could not be written",
    ExitCode.BUG: "a bug in kore_gate",
    ExitCode.SIGINT: "interrupted (SIGINT)",
    ExitCode.SIGTERM: "interrupted (SIGTERM)",
}

GRAVEST_FIRST = (
    ExitCode.SIGTERM,
    ExitCode.SIGINT,
    ExitCode.BUG,
    ExitCode.USAGE,
    ExitCode.REPORT,
    ExitCode.REFUSED,
    ExitCode.UNAVAILABLE,
    ExitCode.TIMED_OUT,
    ExitCode.JOB_FAILED,
    ExitCode.FAILED,
    ExitCode.NOTHING_TO_TEST,
    ExitCode.PASSED,
)


def gravest(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the code that counts when several suites end differently."""
    return min(codes, key=GRAVEST_FIRST.index)
