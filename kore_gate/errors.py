"""Every way a call can end: verdict words, exit codes, and the errors that lead to them.

GateError
├── SettingsError        2    settings or usage; nothing was sent
├── Rejected             3    Kore.ai answered a call with a 4xx of its own
├── Refused              6    the credentials were refused
├── Unavailable          7    no connection, or no usable answer, for too long
│   ├── NotUnderstood    7    an answer that can't be read
│   ├── Gone             7    a record that was there and is no longer
│   └── Unsure           7    a request that may have arrived, and must not be sent twice
└── ReportError          8    a report could not be written
"""

import enum
from collections.abc import Iterable, Sequence


class Ending(enum.StrEnum):
    """How a suite, or the whole call, ended: the output `verdict`."""

    PASSED = "passed"
    FAILED = "failed"
    JOB_FAILED = "job-failed"
    TIMED_OUT = "timed-out"
    NOTHING_TO_TEST = "nothing-to-test"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"
    INTERRUPTED = "interrupted"
    ERROR = "error"


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

    @property
    def ending(self) -> Ending:
        """Return the verdict word that goes with this code."""
        if self in (ExitCode.USAGE, ExitCode.REPORT, ExitCode.BUG):
            return Ending.ERROR
        return Ending.INTERRUPTED if self in (ExitCode.SIGINT, ExitCode.SIGTERM) else Ending[self.name]


MEANINGS = {
    ExitCode.PASSED: "passed",
    ExitCode.FAILED: "tests failed: an assertion, a step or a run failed, or a policy said no",
    ExitCode.USAGE: "invalid settings or usage; nothing was sent",
    ExitCode.JOB_FAILED: "the job failed in Kore.ai (import rejected or failed, run stopped)",
    ExitCode.TIMED_OUT: "timed out",
    ExitCode.NOTHING_TO_TEST: "nothing to test: no steps, or no enabled assertion",
    ExitCode.REFUSED: "credentials refused",
    ExitCode.UNAVAILABLE: "Kore.ai unreachable, or its response invalid, also after retries; or the record is gone",
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
    """Return the gravest code: the one that counts when suites end differently."""
    return min(codes, key=GRAVEST_FIRST.index)


class GateError(Exception):
    """Carry what happened, what it usually means (`cause`) and what to do (`hint`)."""

    exit_code = ExitCode.BUG

    def __init__(self, message: str, *, cause: str = "", hint: str = "", details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause
        self.hint = hint
        self.details = tuple(details)


class SettingsError(GateError):
    """Name every problem with the settings, each with where the value came from."""

    exit_code = ExitCode.USAGE

    def __init__(self, problems: Sequence[str], *, hint: str = "") -> None:
        number = len(problems)
        super().__init__(
            f"{number} invalid setting{'s' if number != 1 else ''}; nothing was sent.",
            details=problems,
            hint=hint or "Run `kore-gate --help` for every setting, or see the README's settings table.",
        )


class Rejected(GateError):
    """Say that Kore.ai rejected a request, with its reason."""

    exit_code = ExitCode.JOB_FAILED

    def __init__(self, message: str, *, cause: str = "", hint: str = "", status: int = 0) -> None:
        super().__init__(message, cause=cause, hint=hint)
        self.status = status  # HTTP's; 0 where it is not known


class Refused(GateError):
    """Say that Kore.ai refused the credentials."""

    exit_code = ExitCode.REFUSED


class Unavailable(GateError):
    """Say that Kore.ai could not be reached, or gave no usable answer, for too long."""

    exit_code = ExitCode.UNAVAILABLE


class NotUnderstood(Unavailable):
    """Say that an answer could not be read."""


class Gone(Unavailable):
    """Say that a record is not there: never seen, or no longer."""


class Unsure(Unavailable):
    """Say that a request may have arrived, and so is not sent again."""


class ReportError(GateError):
    """Say which report could not be written."""

    exit_code = ExitCode.REPORT
