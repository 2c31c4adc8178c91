"""What stops the gate from knowing.

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

from collections.abc import Sequence

from kore_gate.exit_codes import ExitCode
from kore_gate.model import Ending


class GateError(Exception):
    """Carry what happened, what it usually means (`cause`) and what to do (`hint`)."""

    exit_code = ExitCode.BUG
    ending = Ending.ERROR

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
            f"{number} setting{'s' if number != 1 else ''} to mend; nothing was sent.",
            details=problems,
            hint=hint or "Run `kore-gate --help` for every setting, or see the README's settings table.",
        )


class Rejected(GateError):
    """Say that Kore.ai turned a request down, with its reason."""

    exit_code = ExitCode.JOB_FAILED
    ending = Ending.JOB_FAILED

    def __init__(self, message: str, *, cause: str = "", hint: str = "", status: int = 0) -> None:
        super().__init__(message, cause=cause, hint=hint)
        self.status = status  # HTTP's; 0 where it is not known


class Refused(GateError):
    """Say that Kore.ai refused the credentials."""

    exit_code = ExitCode.REFUSED
    ending = Ending.REFUSED


class Unavailable(GateError):
    """Say that Kore.ai could not be reached, or gave no usable answer, for too long."""

    exit_code = ExitCode.UNAVAILABLE
    ending = Ending.UNAVAILABLE


class NotUnderstood(Unavailable):
    """Say that an answer could not be read."""


class Gone(Unavailable):
    """Say that a record is not there: never seen, or no longer."""


class Unsure(Unavailable):
    """Say that a request may have arrived, and so is not sent again."""


class ReportError(GateError):
    """Say which report could not be written."""

    exit_code = ExitCode.REPORT
