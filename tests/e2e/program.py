"""The gate as a process of its own, started the way a CI system starts it."""

import contextlib
import dataclasses
import os
import pathlib
import resource
import signal
import subprocess
from collections.abc import Callable

from kore_gate.errors import ExitCode
from kore_gate.simulator import scenarios
from tests.reports import Reports, check_last_lines

ROOT = pathlib.Path(__file__).parents[2]
DOORS = {"entrypoint": ("-Iu", str(ROOT / "entrypoint.py")), "module": ("-m", "kore_gate")}
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "COVERAGE_")
SETTINGS = {
    "KORE_STREAM_ID": scenarios.STREAM_ID,
    "KORE_CLIENT_ID": scenarios.CLIENT_ID,
    "KORE_CLIENT_SECRET": scenarios.CLIENT_SECRET,
    "KORE_USER_EMAIL": scenarios.USER_EMAIL,
    "KORE_POLL_INTERVAL": "100ms",
    "KORE_CI": "none",
}
DS_ID = scenarios.DS_IDS[0]
WAIT = ("wait", "--ds-id", DS_ID)

Popen = subprocess.Popen[str]

# What a test does to the program before it starts; the names of its modules stand here and nowhere else in this folder.
_SLOW_PAGE = """
import sys, time
from kore_gate.reports import html
def slow(*_):
    print('the page', file=sys.stderr, flush=True)
    {work}
html.render = slow
"""
PATCHES = {
    "a bug": """
from kore_gate.kore.client import KoreClient
async def broken(self, ds_id):
    raise ZeroDivisionError('on purpose')
KoreClient.import_job = broken
""",
    "reports that never end": """
import sys, threading
from kore_gate.reports import write
def stuck(*args):
    print('writing', file=sys.stderr, flush=True)
    threading.Event().wait()
write.write = stuck
""",
    "a signal with the verdict": """
import os
from kore_gate.reports.console import Console
tell = Console.result
def late(*args):
    os.kill(os.getpid(), 15)
    tell(*args)
Console.result = late
""",
    "a lookup that never ends": """
import socket, threading
socket.getaddrinfo = lambda *args, **kwargs: threading.Event().wait()
""",
    "a slow page": _SLOW_PAGE.format(work="time.sleep(600)"),
    "a page that can't be cut off": _SLOW_PAGE.format(
        work="""
    while True:
        try: time.sleep(600)
        except BaseException: pass"""
    ),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended."""

    code: int
    stdout: str
    stderr: str

    def check(self, code: ExitCode) -> None:
        """See that the process and its last lines say the same."""
        assert self.code == code, self.stderr
        check_last_lines(self.stderr, code)


class Program:
    """Starts gates as processes in a working directory of their own."""

    def __init__(self, python: str, folder: pathlib.Path, processes: contextlib.ExitStack) -> None:
        self.folder = folder
        self.reports = Reports(folder / "junit-reports")
        self._python = python
        self._processes = processes

    def start(
        self,
        *words: str,
        host: str = "",
        door: str = "module",
        patch: str = "",
        limit: int = 0,
        measured: bool = True,
        **environ: str,
    ) -> Popen:
        """Start a gate through one of its doors, or patched; `limit` is the size of the largest file it may write."""
        own = {name: value for name, value in os.environ.items() if name.startswith(KEPT)}
        if not measured:
            # Coverage catches SIGTERM itself, and writes a file of its own.
            own = {name: value for name, value in own.items() if not name.startswith("COV")}
        if limit:
            # Python does not notice that it wrote half a module's bytecode, and would read it the next time.
            own["PYTHONDONTWRITEBYTECODE"] = "1"
        process = subprocess.Popen(
            [self._python, *(self._patched(patch) if patch else DOORS[door]), *words],
            cwd=self.folder,
            env={**own, **SETTINGS, "KORE_HOST": host, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            preexec_fn=_limited(limit) if limit else None,  # noqa: PLW1509 the tests have no threads
        )
        self._processes.enter_context(process)
        self._processes.callback(_end, process)
        return process

    def run(self, *words: str, **how: object) -> Ended:
        """Run a gate to its end."""
        return ended(self.start(*words, **how))  # type: ignore[arg-type]

    def _patched(self, patch: str) -> tuple[str]:
        path = self.folder / "wrapper.py"
        path.write_text(f"{PATCHES[patch]}\nfrom kore_gate.__main__ import main\nmain()\n")
        return (str(path),)


def _end(process: Popen) -> None:
    """End a process that still runs, so that it can save its coverage."""
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()


def _limited(size: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def ended(process: Popen) -> Ended:
    """Wait for the end of a process; where there is none, pytest's own limit ends the test."""
    stdout, stderr = process.communicate()
    return Ended(process.returncode, stdout, stderr)


def interrupt(process: Popen, words: str, number: signal.Signals = signal.SIGTERM) -> Ended:
    """Send a signal as soon as these words are on stderr, and wait for the end."""
    read_until(process, words)
    process.send_signal(number)
    return ended(process)


def read_until(process: Popen, words: str) -> str:
    """Return the first line on stderr that has these words in it."""
    assert process.stderr
    for line in process.stderr:
        if words in line:
            return line
    raise AssertionError(f"ended without a line with {words!r}")
