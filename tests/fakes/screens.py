"""A console on two text streams, and the calls that are told to it."""

import datetime
import io

from kore_gate.ci.dialects import dialect_for
from kore_gate.reports.console import Console

START = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


class Terminal(io.StringIO):
    """Text that is written to a terminal."""

    def isatty(self) -> bool:
        return True


class Ticking:
    """A wall clock that is a second later at each look."""

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self) -> datetime.datetime:
        self.looks += 1
        return START + datetime.timedelta(seconds=self.looks)


class Screen:
    """A console and what it said."""

    def __init__(
        self,
        ci: str = "none",
        *,
        colour: bool = False,
        verbose: bool = False,
        live: bool = False,
        quiet_stdout: bool = False,
        stderr: io.TextIOBase | None = None,
        stdout: io.TextIOBase | None = None,
    ) -> None:
        self.err = stderr or Terminal()
        self.out = stdout or io.StringIO()
        self.console = Console(
            stderr=self.err,  # type: ignore[arg-type] # typeshed keeps io and typing.TextIO apart
            stdout=self.out,  # type: ignore[arg-type] # likewise
            dialect=dialect_for(ci),
            colour=colour,
            verbose=verbose,
            live=live,
            quiet_stdout=quiet_stdout,
            now=Ticking(),
        )

    @property
    def stderr(self) -> str:
        assert isinstance(self.err, io.StringIO)
        return self.err.getvalue()

    @property
    def stdout(self) -> str:
        assert isinstance(self.out, io.StringIO)
        return self.out.getvalue()
