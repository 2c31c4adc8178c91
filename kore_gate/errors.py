"""Every way a call can end: verdict words, exit codes, and the errors that lead to them.

GateError
├── SettingsError        2    settings or usage; nothing was sent
├── Rejected             3    Kore.ai answered a call with a 4xx of its own
├── Refused              6    the credentials were refused
├── Unavailable          7    no connection or no usable answer for too long, or a request that may have arrived
│   └── Gone             7    a record that is not there: never seen, or no longer
└── ReportError          8    a report could not be written
"""

import enum
from collections.abc import Sequence
from typing import Self


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
    """The contract with every pipeline that calls the gate: each code with its gravity, verdict word and meaning."""

    gravity: int  # the gravest code counts when suites end differently
    ending: Ending
    meaning: str

    # Defaults for the type checker, to which `ExitCode(143)` calls this.
    def __new__(cls, code: int, gravity: int = 0, ending: Ending = Ending.ERROR, meaning: str = "") -> Self:
        """Build a member."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.gravity, member.ending, member.meaning = gravity, ending, meaning
        return member

    PASSED = 0, 0, Ending.PASSED, "passed"
    FAILED = 1, 2, Ending.FAILED, "tests failed: an assertion, a step or a run failed, or a policy said no"
    USAGE = 2, 8, Ending.ERROR, "invalid settings or usage; nothing was sent"
    JOB_FAILED = 3, 3, Ending.JOB_FAILED, "the job failed in Kore.ai (import rejected or failed, run stopped)"
    TIMED_OUT = 4, 4, Ending.TIMED_OUT, "timed out"
    NOTHING_TO_TEST = 5, 1, Ending.NOTHING_TO_TEST, "nothing to test: no steps, or no enabled assertion"
    REFUSED = 6, 6, Ending.REFUSED, "credentials refused"
    UNAVAILABLE = (
        *(7, 5, Ending.UNAVAILABLE),
        "Kore.ai unreachable, or its response invalid, also after retries; or the record is gone",
    )
    REPORT = 8, 7, Ending.ERROR, "a report could not be written"
    BUG = 70, 9, Ending.ERROR, "a bug in kore_gate"
    SIGINT = 130, 10, Ending.INTERRUPTED, "interrupted (SIGINT)"
    SIGTERM = 143, 11, Ending.INTERRUPTED, "interrupted (SIGTERM)"


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
        message, more = problems[0], len(problems) - 3
        if len(problems) > 1:
            # What follows the colon stands in the details.
            short = ", ".join(problem.partition(": ")[0].rstrip(".")[:60] for problem in problems[:3])
            message = f"{len(problems)} invalid settings: {short}{f', and {more} more' if more > 0 else ''}."
        super().__init__(
            message,
            details=problems,
            hint=hint or "Run `kore-gate COMMAND --help` for a command's settings, or see docs/settings.md.",
        )


class Rejected(GateError):
    """Say that Kore.ai rejected a request, with its reason."""

    exit_code = ExitCode.JOB_FAILED

    def __init__(self, message: str, *, cause: str = "", hint: str = "", status: int = 0) -> None:
        super().__init__(message, cause=cause, hint=hint)
        self.status = status  # HTTP's; 0 where it is not known


class Refused(GateError):
    """Say that Kore.ai refused the credentials, or with code 403 what they may be used for."""

    exit_code = ExitCode.REFUSED
    is_forbidden = False


class Unavailable(GateError):
    """Say that Kore.ai could not be reached or understood, or may have received what must not be sent twice."""

    exit_code = ExitCode.UNAVAILABLE


class Gone(Unavailable):
    """Say that a record is not there: never seen, or no longer."""


class ReportError(GateError):
    """Say which report could not be written."""

    exit_code = ExitCode.REPORT
