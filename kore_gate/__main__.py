"""Start kore-gate: catch signals first, load the rest after."""

import contextlib
import gc
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from kore_gate import __version__


def catch_signals() -> list[int]:
    """Note the first signal in the list that is returned, and exit at once on a second one."""
    caught: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        if caught:
            os._exit(128 + number)
        caught.append(number)

    # SIGINT too: a background job inherits it ignored, and PID 1 has no default for either.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, note)
    return caught


def main(pending: list[int] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code."""
    caught = catch_signals() if pending is None else pending
    # Where the caller has closed them, Python has no such stream, and the next file or socket would get its number.
    sys.stdout, sys.stderr = (
        stream or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 its end closes it
        for stream in (sys.stdout, sys.stderr)
    )
    if sys.argv[1:] == ["--version"]:
        # Setup scripts ask for it; to load the command line takes several times as long as this answer.
        with contextlib.suppress(OSError):  # nobody reads it
            sys.stdout.write(f"kore_gate {__version__}\n")
        leave(0)
    # In large suites the search for cycles, of which they have none, takes up to half of the time.
    gc.set_threshold(100_000)
    try:
        from kore_gate import cli
    except ImportError as error:
        from kore_gate.errors import ExitCode

        sys.stderr.write(
            f"kore-gate is not completely installed: {error}.\n"
            "Install it again together with its dependencies.\n"
            "Verdict: error. kore-gate is not completely installed.\n"
            f"Exit code: {ExitCode.BUG} ({ExitCode.BUG.meaning})\n"
        )
        leave(ExitCode.BUG)
    code = 0
    with contextlib.suppress(SystemExit):  # which is how argparse ends where it has shown help
        code = cli.main(sys.argv[1:], pending=caught)
    leave(code)


def leave(code: int) -> NoReturn:
    """End the process with this code, whatever state its streams and threads are in."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # its reader has left, or it is closed
            stream.flush()
    # An ordinary end waits for threads, such as a name lookup that hangs, and takes a fifth of a short call's time to
    # take modules apart. What must be closed is closed by now.
    os._exit(code)


if __name__ == "__main__":
    main()
