"""The command line's edge: the only place that sees arguments, environment, signals and exit codes."""

import asyncio
import concurrent.futures
import contextlib
import datetime
import os
import pathlib
import platform
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from kore_gate import arguments, catalogue, endings, errors, given, settings
from kore_gate.ci import detect, dialects
from kore_gate.clock import SystemClock
from kore_gate.console import Console
from kore_gate.exit_codes import ExitCode
from kore_gate.model import Phase, Result
from kore_gate.settings import Settings
from kore_gate.surroundings import Surroundings

if TYPE_CHECKING:
    import argparse


T = TypeVar("T")

# An interrupted call has five seconds in all: then it is over, whatever it is at.
_WRITE_SECONDS, _LAST_SECONDS = 2.5, 4.5


class _Stopped(KeyboardInterrupt):
    """A signal came to a command that leaves nothing behind; no event loop swallows this."""


class _Signals:
    """Has the first signal stop what is under way, also one that came before; a second one leaves at once."""

    def __init__(self, pending: list[int]) -> None:
        self._pending = pending
        self._watchdog: threading.Timer | None = None

    def stop_with(self, stop: Callable[[int], None], cut: Callable[[], None] = lambda: None) -> None:
        """Call `stop` at a signal, and `cut`, which may raise, when there is hardly any time left."""

        def handle(signum: int, _frame: FrameType | None) -> None:
            if self._pending:
                os._exit(128 + signum)
            self._pending.append(signum)
            begin(signum)

        def begin(signum: int) -> None:
            self._watchdog = threading.Timer(_LAST_SECONDS, os._exit, [128 + signum])
            self._watchdog.daemon = True
            self._watchdog.start()
            # Repeated, for an exception that is raised into a destructor is lost.
            signal.setitimer(signal.ITIMER_REAL, _WRITE_SECONDS, 0.5)
            stop(signum)

        signal.signal(signal.SIGALRM, lambda *_: cut())
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, handle)
        if self._pending:
            begin(self._pending[0])

    def end(self, console: Console) -> int:
        """Say that a signal ended the command; return the exit code."""
        judged = endings.of_signal(self._pending[0])
        console.last_lines(judged)
        return int(judged.exit_code)

    def close(self) -> None:
        """Forget what was to come: all is over in time."""
        if self._watchdog:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._watchdog.cancel()


def _stop(_: int) -> None:
    raise _Stopped


def main(argv: Sequence[str], pending: list[int] | None = None) -> int:
    """Run one command; return the exit code. `pending` takes signals that come, or came, before a call is under way."""
    environ = dict(os.environ)
    default = settings.command_of(environ)
    command, telling = arguments.for_reports(argv, default)
    console = _console(telling, environ)
    signals = _Signals(pending if pending is not None else [])
    try:
        try:
            parsed = arguments.parse(argv, default)
        except errors.SettingsError as error:
            _report_settings(command, telling, environ, console, error)
            raise
        return _dispatch(parsed, arguments.flags(parsed), environ, console, signals)
    except _Stopped:
        return signals.end(console)
    except errors.GateError as error:
        console.problem(error)
        console.last_lines(endings.of_error(error, Phase.SETTINGS))
        return int(error.exit_code)
    except Exception as exc:  # noqa: BLE001 a bug, too, must end in a message and in its own exit code
        return _bug(console, exc)
    finally:
        signals.close()
        console.close()


def _dispatch(
    parsed: "argparse.Namespace",
    flags: Mapping[str, str],
    environ: Mapping[str, str],
    console: Console,
    signals: "_Signals",
) -> int:
    for warning in settings.unknown(parsed.command, environ):
        console.warn(warning)
    if parsed.command in ("demo", "simulate"):
        return _with_simulator(parsed, flags, environ, console, signals)
    try:
        wanted = settings.read(parsed.command, flags, environ, _read_file, parsed.problems)
    except errors.SettingsError as error:
        _report_settings(parsed.command, flags, environ, console, error)
        raise
    for secret in wanted.secrets:
        console.redactor.add(secret)
    for warning in settings.short_secrets(wanted):
        console.warn(warning)
    match wanted.command:
        case "report":
            from kore_gate import rerender

            signals.stop_with(_stop)
            return rerender.run(wanted, console)
        case "doctor":
            from kore_gate.doctor import Doctor

            signals.stop_with(_stop)
            return _run(Doctor(wanted, console, SystemClock()).run())
        case _:
            return _remote(wanted, environ, console, signals, pathlib.Path.cwd())


def _with_simulator(
    parsed: "argparse.Namespace",
    flags: Mapping[str, str],
    environ: Mapping[str, str],
    console: Console,
    signals: "_Signals",
) -> int:
    from kore_gate import show

    if parsed.problems:
        raise errors.SettingsError(parsed.problems)
    if parsed.scenario == "list":
        return show.list_scenarios(console)
    if parsed.command == "simulate":
        stop = threading.Event()
        signals.stop_with(lambda _: stop.set())
        show.simulate(parsed.scenario, parsed.port, parsed.job_seconds, console, stop)
        return signals.end(console)
    with show.stage(parsed.scenario) as stage:
        # A user's own settings must not send the demonstration anywhere else; how it is told is the user's to say.
        telling = [catalogue.BY_NAME[name] for name in settings.REPORTING]
        kept = {name for setting in telling for name in (setting.variable, setting.input)}
        own = {
            name: value for name, value in environ.items() if name in kept or not name.startswith(("KORE_", "INPUT_"))
        }
        wanted = settings.read("test", {**flags, **stage.flags}, {**own, **stage.variables}, _read_file)
        console.say(stage.introduction)
        return _remote(wanted, environ, console, signals, stage.root)


def _remote(
    wanted: Settings, environ: Mapping[str, str], console: Console, signals: _Signals, root: pathlib.Path
) -> int:
    """Run a command that talks to Kore.ai, signals stopping it; tell how it ended."""
    from kore_gate import call

    current = call.Call(wanted, _surroundings(wanted.ci, environ, root), console, SystemClock())

    async def run() -> Result:
        loop = asyncio.get_running_loop()

        def interrupt(signum: int) -> None:
            current.interrupt(signum)
            console.say(f"{signal.Signals(signum).name}: stopping, and writing the reports of what is known.")

        def stop(signum: int) -> None:
            # The signal may have come in the middle of a printed line: nothing more than this is safe in its handler.
            with contextlib.suppress(RuntimeError):  # the loop has ended, and so has all there was to stop
                loop.call_soon_threadsafe(interrupt, signum)
            current.note_signal(signum)

        signals.stop_with(stop, current.cut)
        return await current.run()

    result = _run(run())
    return current.conclude(result)


class _Impatient(concurrent.futures.ThreadPoolExecutor):
    """Runs name lookups, and waits for none that hangs when all else is over."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = True) -> None:  # noqa: ARG002 never waits
        super().shutdown(wait=False, cancel_futures=cancel_futures)


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a loop of its own."""

    async def run() -> T:
        asyncio.get_running_loop().set_default_executor(_Impatient())
        return await work

    return asyncio.run(run())


def _report_settings(
    command: str, flags: Mapping[str, str], environ: Mapping[str, str], console: Console, error: errors.SettingsError
) -> None:
    """Leave a report of settings that can't be used, if it is known where: a stale one would look like this call's."""
    from kore_gate import call

    usable = settings.read_for_reports(command, flags, environ, _read_file)
    if command not in catalogue.JUDGING_COMMANDS or not usable:
        return
    try:
        call.Call(usable, _surroundings(usable.ci, environ, pathlib.Path.cwd()), console, SystemClock()).refuse(error)
    except errors.GateError as problem:
        console.debug(f"no report of this: {problem.message}")


def _surroundings(ci: str, environ: Mapping[str, str], root: pathlib.Path) -> "Surroundings":

    name = detect.detect(environ) if ci == "auto" else ci
    github = name == "github"
    return Surroundings(
        ci=name,
        output_file=environ.get("GITHUB_OUTPUT", "") if github else "",
        summary_file=environ.get("GITHUB_STEP_SUMMARY", "") if github else "",
        agent=shutil.which("buildkite-agent", path=environ.get("PATH")) or "" if name == "buildkite" else "",
        machine=platform.node() or "unknown",
        job_url=environ.get("CI_JOB_URL", "") if name == "gitlab" else "",
        root=root,
    )


def _console(flags: Mapping[str, str], environ: Mapping[str, str]) -> Console:
    """Make the console before the settings are checked, for it has to tell what is wrong with them."""

    def told(name: str) -> str:
        found = given.places(catalogue.BY_NAME[name], flags, environ)
        return found[0][0].lower() if found else catalogue.BY_NAME[name].default

    ci = told("ci")
    if ci == "auto" or ci not in catalogue.CI_NAMES:
        ci = detect.detect(environ)
    isatty = sys.stderr.isatty()
    return Console(
        stderr=sys.stderr,
        stdout=sys.stdout,
        dialect=dialects.dialect_for(ci),
        colour=detect.colour(environ, isatty, ci),
        verbose=told("verbose") in ("true", "yes", "on", "1") or detect.debug(environ),
        live=detect.live(environ, isatty, ci),
        quiet_stdout=told("output") == "json",
        now=lambda: datetime.datetime.now(datetime.UTC),
    )


def _read_file(path: str) -> str:
    return pathlib.Path(path).read_text(encoding="utf-8-sig")


def _bug(console: Console, exc: Exception) -> int:
    """Tell of a bug without a bare stack trace; --verbose shows it."""
    import traceback

    judged = endings.of_bug(exc, Phase.SETTINGS)
    for line in "".join(traceback.format_exception(exc)).splitlines():
        console.debug(line)
    console.problem(
        errors.GateError(f"{judged.message} {console.redactor.text(str(exc))}", cause=judged.cause, hint=judged.hint)
    )
    console.last_lines(judged)
    return int(ExitCode.BUG)
