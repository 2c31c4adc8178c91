"""The command line's edge: the only place that sees arguments, environment, signals and exit codes."""

import argparse
import asyncio
import concurrent.futures
import contextlib
import datetime
import difflib
import os
import pathlib
import platform
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from types import FrameType
from typing import Any, NoReturn, TypeVar

from kore_gate import __version__, errors
from kore_gate.ci import dialects
from kore_gate.ci.dialects import Surroundings
from kore_gate.clock import SystemClock
from kore_gate.errors import MEANINGS, ExitCode
from kore_gate.gate import verdict
from kore_gate.model import Phase, Result
from kore_gate.reports.console import Console
from kore_gate.settings import options, parsers, sources
from kore_gate.settings.sources import Settings

_POSITIONAL = {"import": "files", "test": "files", "run": "suites", "report": "files"}
_SWITCHES = {f"--{setting.name}" for setting in options.SETTINGS if setting.parse is parsers.flag}
_SWITCH_WORDS = {"true", "false", "yes", "no", "on", "off", "1", "0", ""}
# Where suites or files are given as words as well, the others may be one of them.
_SURE_SWITCH_WORDS = {"true", "false", ""}
_SECRETS = {f"--{setting.name}": setting for setting in options.SETTINGS if setting.secret}
_OWN_FLAGS = {"--scenario", "--port", "--job-seconds"}
_VALUED = {f"--{setting.name}" for setting in options.SETTINGS} - _SECRETS.keys() - _SWITCHES | _OWN_FLAGS
_HELP = {"-h", "--help", "--version"}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Make a usage problem a problem like any other."""
        raise errors.SettingsError([message[:1].upper() + message[1:] + "."], hint=f"See `{self.prog} --help`.")


def parse(argv: Sequence[str], default: tuple[str, str]) -> argparse.Namespace:
    """Read the command line; without a command it is the default one, given with where it came from.

    What is wrong with single words is listed in `problems`; for the rest it raises SettingsError.
    """
    words = _words(argv, default[0])
    if words[0] not in options.COMMANDS and words[0] not in _HELP:
        source = "command line" if words[0] in argv else default[1]
        told = f"command {words[0]!r} ({source}) must be one of {', '.join(options.COMMANDS)}."
        told += _close(words[0], options.COMMANDS)
        raise errors.SettingsError([told], hint="See `kore-gate --help`.")
    parsed, extra = _parser().parse_known_args(words)
    unknown = [word.partition("=")[0] for word in extra if word.startswith("-") and word != "-"]
    parsed.problems = [_no_flag(name, parsed.command) for name in unknown]
    # What follows an unknown flag may be its value, and that may be a secret.
    stray = [] if unknown else extra
    if parsed.command in _POSITIONAL:
        parsed.entries = [*parsed.entries, *stray]  # argparse takes those in front of the first flag only
    elif stray:
        parsed.problems.append(_stray(stray[0], parsed.command))
    return parsed


def flags(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the settings that were given as flags or as positional arguments, each as text."""
    found: dict[str, str] = {}
    for setting in options.SETTINGS:
        given = getattr(arguments, setting.field, None)
        positional = arguments.entries if _POSITIONAL.get(arguments.command) == setting.name else []
        parts = [*(given if isinstance(given, list) else [given] if given else []), *positional]
        if parts:
            # argparse makes an empty list of a value that is two dashes.
            found[setting.name] = "\n".join(part if isinstance(part, str) else "--" for part in parts)
    return found


def for_reports(argv: Sequence[str], default: tuple[str, str]) -> tuple[str, dict[str, str]]:
    """Return the command, and the flags that say where reports go, of a command line that can't be used."""
    command, *words = _words(argv, default[0])
    pairs = (word.removeprefix("--").partition("=") for word in words)
    return command, {name: value for name, _, value in pairs if name in sources.REPORTING}


def _words(argv: Sequence[str], default_command: str) -> list[str]:
    """Return the words with the command in front and each flag in one word with its value: `--verbose=true`.

    A flag's empty value counts as none; any other empty word is what GitHub passes for an input that is not given.
    """
    first = next((word for word in argv if word), "")
    rest = [*argv] if first and (first in _HELP or not first.startswith("-")) else [default_command, *argv]
    switch_words = _SURE_SWITCH_WORDS if rest[:1] and rest[0] in _POSITIONAL else _SWITCH_WORDS
    made: list[str] = []
    while rest:
        word = rest.pop(0)
        if word == "--":
            return [*made, word, *filter(None, rest)]
        if word in _SWITCHES:
            value = rest.pop(0) if rest and rest[0].lower() in switch_words else "true"
            made.append(f"{word}={value}")
        elif word in _VALUED and rest and rest[0].partition("=")[0] not in _VALUED | _SWITCHES | {"--"}:
            made.append(f"{word}={rest.pop(0)}")
        elif word:
            made.append(word)
    return made


def _no_flag(name: str, command: str) -> str:
    secret = _SECRETS.get(name)
    if secret:
        ways = f"the input {secret.name}, {secret.variable} or {secret.variable}_FILE"
        return f"{secret.name} has no option, because every process on this machine could read it. Use {ways}."
    return f"Unknown option {name} for {command}.{_close(name, _VALUED - _OWN_FLAGS | _SWITCHES)}"


def _stray(word: str, command: str) -> str:
    if word in options.COMMANDS:
        return f"{word!r} comes after options; the command must come first: kore-gate {word} …"
    return f"Unexpected argument {word!r} for {command}; use --ds-id for import ids."


def _close(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.75)
    return f" Did you mean {close[0]}?" if close else ""


def _parser() -> _Parser:
    epilog = "exit codes:\n" + "".join(f"  {code.value:>3}  {meaning}\n" for code, meaning in MEANINGS.items())
    parser = _Parser(
        prog="kore-gate",
        description="The gate that stops a bad Kore.ai bot from shipping.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"kore_gate {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, what in options.COMMANDS.items():
        command = commands.add_parser(name, help=what, description=f"{what[:1].upper()}{what[1:]}.", allow_abbrev=False)
        _OWN.get(name, _add_positional)(command, name)
        _add_settings(command)
    return parser


def _add_settings(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group(
        "settings", "Each can also be set by the action's input or by KORE_<NAME>; secrets only that way."
    )
    for setting in options.SETTINGS:
        if setting.secret:
            continue
        default = f" (default: {setting.default})" if setting.default else ""
        group.add_argument(
            f"--{setting.name}",
            dest=setting.field,
            action="append" if setting.many else "store",
            metavar="true|false" if setting.parse is parsers.flag else "VALUE",
            help=(setting.help + default).replace("%", "%%"),
        )


def _add_positional(command: argparse.ArgumentParser, name: str) -> None:
    kind = _POSITIONAL.get(name)
    if kind:
        what = "a saved kore-result.json" if name == "report" else f"the same as --{kind}"
        command.add_argument("entries", nargs="*", metavar=kind.upper().removesuffix("S"), help=what)


def _add_demo(command: argparse.ArgumentParser, _name: str) -> None:
    command.add_argument("--scenario", default="passing", help="the scenario to play; `list` shows all scenarios")


def _add_simulate(command: argparse.ArgumentParser, name: str) -> None:
    _add_demo(command, name)
    command.add_argument("--port", type=int, default=0, help="the port to listen on (default: a free one)")
    command.add_argument("--job-seconds", type=float, default=20.0, help="seconds that a job takes (default: 20)")


_OWN = {"demo": _add_demo, "simulate": _add_simulate}


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
        judged = verdict.of_signal(self._pending[0])
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
    default = sources.command_of(environ)
    command, telling = for_reports(argv, default)
    console = _console(telling, environ)
    signals = _Signals(pending if pending is not None else [])
    try:
        try:
            parsed = parse(argv, default)
        except errors.SettingsError as error:
            _report_settings(command, telling, environ, console, error)
            raise
        return _dispatch(parsed, flags(parsed), environ, console, signals)
    except _Stopped:
        return signals.end(console)
    except errors.GateError as error:
        console.problem(error)
        console.last_lines(verdict.of_error(error, Phase.SETTINGS))
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
    for warning in sources.unknown(parsed.command, environ):
        console.warn(warning)
    if parsed.command in ("demo", "simulate"):
        return _with_simulator(parsed, flags, environ, console, signals)
    try:
        wanted = sources.read(parsed.command, flags, environ, _read_file, parsed.problems)
    except errors.SettingsError as error:
        _report_settings(parsed.command, flags, environ, console, error)
        raise
    for secret in wanted.secrets:
        console.redactor.add(secret)
    for warning in sources.short_secrets(wanted):
        console.warn(warning)
    match wanted.command:
        case "report":
            from kore_gate.commands import report

            signals.stop_with(_stop)
            return report.run(wanted, console)
        case "doctor":
            from kore_gate.commands.doctor import Doctor

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
    from kore_gate.commands import demo

    if parsed.problems:
        raise errors.SettingsError(parsed.problems)
    if parsed.scenario == "list":
        return demo.list_scenarios(console)
    if parsed.command == "simulate":
        stop = threading.Event()
        signals.stop_with(lambda _: stop.set())
        demo.simulate(parsed.scenario, parsed.port, parsed.job_seconds, console, stop)
        return signals.end(console)
    with demo.stage(parsed.scenario) as stage:
        # A user's own settings must not send the demonstration anywhere else; how it is told is the user's to say.
        telling = [options.BY_NAME[name] for name in sources.REPORTING]
        kept = {name for setting in telling for name in (setting.variable, setting.input)}
        own = {
            name: value for name, value in environ.items() if name in kept or not name.startswith(("KORE_", "INPUT_"))
        }
        wanted = sources.read("test", {**flags, **stage.flags}, {**own, **stage.variables}, _read_file)
        console.say(stage.introduction)
        return _remote(wanted, environ, console, signals, stage.root)


def _remote(
    wanted: Settings, environ: Mapping[str, str], console: Console, signals: _Signals, root: pathlib.Path
) -> int:
    """Run a command that talks to Kore.ai, signals stopping it; tell how it ended."""
    from kore_gate.commands import gate

    current = gate.Call(wanted, _surroundings(wanted.ci, environ, root), console, SystemClock())

    async def run() -> Result:
        loop = asyncio.get_running_loop()

        def interrupt(signum: int) -> None:
            current.interrupt(signum)
            console.say(f"{signal.Signals(signum).name}: stopping, and writing reports of the results so far.")

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
    """Leave a report of invalid settings, if report-dir is valid: a stale one would look like this call's."""
    from kore_gate.commands import gate

    usable = sources.read_for_reports(command, flags, environ, _read_file)
    if command not in options.JUDGING_COMMANDS or not usable:
        return
    try:
        gate.Call(usable, _surroundings(usable.ci, environ, pathlib.Path.cwd()), console, SystemClock()).refuse(error)
    except errors.GateError as problem:
        console.debug(f"no report written: {problem.message}")


def _surroundings(ci: str, environ: Mapping[str, str], root: pathlib.Path) -> "Surroundings":

    name = dialects.detect(environ) if ci == "auto" else ci
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
        found = sources.places(options.BY_NAME[name], flags, environ)
        return found[0][0].lower() if found else options.BY_NAME[name].default

    ci = told("ci")
    if ci == "auto" or ci not in options.CI_NAMES:
        ci = dialects.detect(environ)
    isatty = sys.stderr.isatty()
    return Console(
        stderr=sys.stderr,
        stdout=sys.stdout,
        dialect=dialects.dialect_for(ci),
        colour=dialects.colour(environ, isatty, ci),
        verbose=told("verbose") in ("true", "yes", "on", "1") or dialects.debug(environ),
        live=dialects.live(environ, isatty, ci),
        quiet_stdout=told("output") == "json",
        now=lambda: datetime.datetime.now(datetime.UTC),
    )


def _read_file(path: str) -> str:
    return pathlib.Path(path).read_text(encoding="utf-8-sig")


def _bug(console: Console, exc: Exception) -> int:
    """Tell of a bug without a bare stack trace; --verbose shows it."""
    import traceback

    judged = verdict.of_bug(exc, Phase.SETTINGS)
    for line in "".join(traceback.format_exception(exc)).splitlines():
        console.debug(line)
    console.problem(
        errors.GateError(f"{judged.message} {console.redactor.text(str(exc))}", cause=judged.cause, hint=judged.hint)
    )
    console.last_lines(judged)
    return int(ExitCode.BUG)
