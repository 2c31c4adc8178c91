"""Run the command line: the only module that sees arguments, environment, signals and exit codes."""

import argparse
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
import traceback
from collections.abc import Callable, Coroutine, Mapping, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from kore_gate import __version__, errors
from kore_gate.ci import dialects
from kore_gate.ci.dialects import Surroundings
from kore_gate.errors import MEANINGS, ExitCode
from kore_gate.gate import verdict
from kore_gate.model import Phase, Result
from kore_gate.settings import options, parsers, sources
from kore_gate.settings.sources import Settings

if TYPE_CHECKING:
    from kore_gate.commands.gate import Call
    from kore_gate.reports.console import Console

T = TypeVar("T")

_POSITIONAL = {"import": "files", "test": "files", "run": "suites", "report": "files"}
_HELP = ("-h", "--help", "--version")

# An interrupted call has five seconds in all, whatever it is doing.
_WRITE_SECONDS, _LAST_SECONDS = 2.5, 4.5


class Arguments(argparse.Namespace):
    """A command line: its command, its settings as text, its files or suites, and the problems of single words.

    With an `error` the rest of the line is unknown; what was read before it still says where reports go.
    """

    command: str
    settings: dict[str, str]
    entries: list[str]
    problems: list[str]
    error: errors.SettingsError | None = None
    scenario: str
    port: int
    job_seconds: float


class _Word(str):
    """A whole word of the command line, known by its identity; the value in --option=value is an ordinary text."""

    __slots__ = ()


class _Setting(argparse.Action):
    """Keep a setting's text; a switch leaves a word that is not its value to the files or suites."""

    def __call__(
        self, _parser: argparse.ArgumentParser, arguments: argparse.Namespace, value: Any, _option: str | None = None
    ) -> None:
        # Any other word may be one of the files or suites.
        booleans = ("true", "false") if arguments.command in _POSITIONAL else parsers.BOOLEANS
        if self.nargs == "?" and isinstance(value, _Word) and value and value.lower() not in booleans:
            arguments.entries.append(value)
            value = self.const
        text = "--" if value == [] else str(value)  # argparse makes an empty list of a value that is two dashes
        before = arguments.settings.get(self.dest)
        is_repeated = before is not None and options.BY_NAME[self.dest].many
        arguments.settings[self.dest] = f"{before}\n{text}" if is_repeated else text


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Make a usage problem a problem like any other."""
        hint = f"See `{self.prog} --help`. A value that begins with a hyphen is written as --option=-value."
        raise errors.SettingsError([message[:1].upper() + message[1:] + "."], hint=hint)


def parse(argv: Sequence[str], default: tuple[str, str]) -> Arguments:
    """Read the command line; without a command it is the default one, which comes with its source."""
    # GitHub passes an empty word for an input that is not set.
    first = next((place for place, word in enumerate(argv) if word), len(argv))
    words = [_Word(word) for word in argv[first:]]
    if words and words[0] in _HELP:
        _overview().parse_args(words)
    command, source = default
    if words and not words[0].startswith("-"):
        command, source = str(words.pop(0)), "command line"
    arguments = Arguments(command=command, settings={}, entries=[], problems=[])
    extra: list[str] = []
    try:
        _, extra = _parser(command).parse_known_args(words, arguments)
    except errors.SettingsError as error:
        arguments.error = error
    if command not in options.COMMANDS:
        message = f"command {command!r} ({source}) must be one of {', '.join(options.COMMANDS)}."
        message += sources.did_you_mean(command, options.COMMANDS)
        arguments.error = errors.SettingsError([message], hint="See `kore-gate --help`.")
    # Behind two dashes nothing is an option.
    end = extra.index("--") if "--" in extra else len(extra)
    unknown = [word.partition("=")[0] for word in extra[:end] if word.startswith("-") and word != "-"]
    arguments.problems = [_unknown_option(name, command) for name in unknown]
    # What follows an unknown option may be its value, and that may be a secret.
    known = arguments.entries + ([] if unknown else extra[:end] + extra[end + 1 :])
    identities = set(map(id, known))
    entries = [str(word) for word in words if word and id(word) in identities]
    if entries and command in _POSITIONAL:
        before = arguments.settings.get(_POSITIONAL[command])
        arguments.settings[_POSITIONAL[command]] = "\n".join(filter(None, [before, *entries]))
    elif entries:
        arguments.problems.append(_unexpected(entries[0], command))
    return arguments


def _unknown_option(name: str, command: str) -> str:
    setting = options.BY_NAME.get(name.removeprefix("--"))
    if setting and setting.secret:
        return f"{setting.name} has no option, because every process on this machine could read it. Use {setting.ways}."
    known = [f"--{setting.name}" for setting in options.SETTINGS if not setting.secret]
    return f"Unknown option {name} for {command}.{sources.did_you_mean(name, known)}"


def _unexpected(word: str, command: str) -> str:
    if word in options.COMMANDS:
        return f"{word!r} comes after options; the command must come first: kore-gate {word} …"
    return f"Unexpected argument {word!r} for {command}; use --ds-id for import ids."


def _overview() -> argparse.ArgumentParser:
    """Return the parser of `kore-gate --help` and `--version`."""
    epilog = "exit codes:\n" + "".join(f"  {code.value:>3}  {meaning}\n" for code, meaning in MEANINGS.items())
    parser = _Parser(
        prog="kore-gate",
        description="The gate that stops a bad Kore.ai bot from shipping.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"kore_gate {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND")
    for name, description in options.COMMANDS.items():
        commands.add_parser(name, help=description)
    return parser


def _parser(name: str) -> argparse.ArgumentParser:
    """Return the parser of one command."""
    description = options.COMMANDS.get(name, "")
    parser = _Parser(
        prog=f"kore-gate {name}",
        description=f"{description[:1].upper()}{description[1:]}.",
        allow_abbrev=False,
    )
    positional = _POSITIONAL.get(name)
    if positional:
        text = "a saved kore-result.json" if name == "report" else f"the same as --{positional}"
        parser.add_argument(
            "entries", nargs="*", action="extend", metavar=positional.upper().removesuffix("S"), help=text
        )
    if name in ("demo", "simulate"):
        parser.add_argument("--scenario", default="passing", help="the scenario to play; `list` shows all scenarios")
    if name == "simulate":
        parser.add_argument("--port", type=int, default=0, help="the port to listen on (default: a free one)")
        parser.add_argument("--job-seconds", type=float, default=20.0, help="seconds that a job takes (default: 20)")
    group = parser.add_argument_group(
        "settings", "Each can also be set by the action's input or by KORE_<NAME>; secrets only that way."
    )
    for setting in options.SETTINGS:
        if setting.secret:
            continue
        default = f" (default: {setting.default})" if setting.default else ""
        is_switch = setting.parse is parsers.flag
        group.add_argument(
            f"--{setting.name}",
            action=_Setting,
            dest=setting.name,
            default=argparse.SUPPRESS,
            nargs="?" if is_switch else None,
            const="true" if is_switch else None,
            metavar="true|false" if is_switch else "VALUE",
            help=(setting.help + default).replace("%", "%%"),
        )
    return parser


class _Stopped(KeyboardInterrupt):
    """A signal came to a command that leaves nothing behind; no event loop swallows this."""


def _stop(_: int) -> None:
    raise _Stopped


class _Signals:
    """Let the first signal stop the command, also one that came before; a second one ends the process at once."""

    def __init__(self, received: list[int]) -> None:
        self._received = received
        self._watchdog: threading.Timer | None = None

    def stop_with(self, stop: Callable[[int], None], cut: Callable[[], None] = lambda: None) -> None:
        """Call `stop` at a signal, and `cut`, which may raise, when there is hardly any time left."""

        def handle(number: int, _frame: FrameType | None) -> None:
            if self._received:
                os._exit(128 + number)
            self._received.append(number)
            begin(number)

        def begin(number: int) -> None:
            self._watchdog = threading.Timer(_LAST_SECONDS, os._exit, [128 + number])
            self._watchdog.daemon = True
            self._watchdog.start()
            # Repeated, for an exception that is raised into a destructor is lost.
            signal.setitimer(signal.ITIMER_REAL, _WRITE_SECONDS, 0.5)
            stop(number)

        signal.signal(signal.SIGALRM, lambda *_: cut())
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, handle)
        if self._received:
            begin(self._received[0])

    def conclude(self, console: "Console") -> int:
        """Print that a signal ended the command; return the exit code."""
        interrupted = verdict.interrupted_call(self._received[0])
        console.last_lines(interrupted)
        return int(interrupted.exit_code)

    def close(self) -> None:
        """Stop all timers: the command ended in time."""
        if self._watchdog:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._watchdog.cancel()


class _NameLookups(concurrent.futures.ThreadPoolExecutor):
    """Runs the loop's name lookups; asyncio would wait at its end for one that hangs."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = True) -> None:  # noqa: ARG002 never waits
        super().shutdown(wait=False, cancel_futures=cancel_futures)


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a loop of its own."""
    import asyncio

    async def run() -> T:
        asyncio.get_running_loop().set_default_executor(_NameLookups())
        return await work

    return asyncio.run(run())


class _Program:
    """One run of the program: what it was started with, and where it prints."""

    def __init__(self, arguments: Arguments, environ: Mapping[str, str], signals: _Signals) -> None:
        from kore_gate.reports.console import Console

        self.arguments = arguments
        self.environ = environ
        self.signals = signals
        self.reporting = sources.read_reporting(arguments.command, arguments.settings, environ)
        self.ci = dialects.detect(environ) if self.reporting.ci == "auto" else self.reporting.ci
        isatty = sys.stderr.isatty()
        self.console = Console(
            stderr=sys.stderr,
            stdout=sys.stdout,
            dialect=dialects.dialect_for(self.ci),
            colour=dialects.colour(environ, isatty, self.ci),
            verbose=self.reporting.verbose or dialects.debug(environ),
            live=dialects.live(environ, isatty, self.ci),
            quiet_stdout=self.reporting.output == "json",
            now=lambda: datetime.datetime.now(datetime.UTC),
        )

    def run(self) -> int:
        """Run the command; return the exit code."""
        arguments, console = self.arguments, self.console
        if arguments.error:
            raise arguments.error
        for warning in sources.unknown_variables(arguments.command, self.environ):
            console.warn(warning)
        if arguments.command in ("demo", "simulate"):
            return self._simulate()
        settings = sources.read(arguments.command, arguments.settings, self.environ, _read_file, arguments.problems)
        for setting in options.SETTINGS:
            value = getattr(settings, setting.field)
            if setting.secret and value and not console.redactor.add(value):
                console.warn(
                    f"{setting.name} has only {len(value)} characters: too short to be removed from what Kore.ai "
                    "sends back. Use a longer one, such as Kore.ai generates."
                )
        match settings.command:
            case "report":
                from kore_gate.commands import report

                self.signals.stop_with(_stop)
                return report.run(settings, console)
            case "doctor":
                from kore_gate.clock import Clock
                from kore_gate.commands.doctor import Doctor

                self.signals.stop_with(_stop)
                return _run(Doctor(settings, console, Clock()).run())
            case _:
                return self._judge(settings, pathlib.Path.cwd())

    def _simulate(self) -> int:
        """Serve the simulator, or run the whole chain against it."""
        from kore_gate.commands import demo

        arguments, console = self.arguments, self.console
        if arguments.problems:
            raise errors.SettingsError(arguments.problems)
        if arguments.scenario == "list":
            return demo.list_scenarios(console)
        if arguments.command == "simulate":
            stop = threading.Event()
            self.signals.stop_with(lambda _: stop.set())
            demo.simulate(arguments.scenario, arguments.port, arguments.job_seconds, console, stop)
            return self.signals.conclude(console)
        with demo.stage(arguments.scenario) as stage:
            # Only how it reports is the user's to choose: other settings could send the demonstration to a real bot.
            kept = [options.BY_NAME[name] for name in options.REPORTING]
            names = {name for setting in kept for name in (setting.variable, setting.input)}
            variables = {name: value for name, value in self.environ.items() if name in names} | {**stage.variables}
            settings = sources.read("test", {**arguments.settings, **stage.flags}, variables, _read_file)
            console.say(stage.introduction)
            return self._judge(settings, stage.root)

    def _judge(self, settings: Settings, root: pathlib.Path) -> int:
        """Run a command that judges suites, which a signal stops; report how it ended."""
        import asyncio

        call = self._call(settings, root)

        async def run() -> Result:
            loop = asyncio.get_running_loop()

            def interrupt(number: int) -> None:
                call.interrupt(number)
                self.console.say(f"{signal.Signals(number).name}: stopping, and writing reports of the results so far.")

            def stop(number: int) -> None:
                # The signal may have come in the middle of a printed line: nothing more than this is safe here.
                with contextlib.suppress(RuntimeError):  # the loop has ended, and so has all there was to stop
                    loop.call_soon_threadsafe(interrupt, number)
                call.note_signal(number)

            self.signals.stop_with(stop, call.cut)
            return await call.run()

        return call.conclude(_run(run()))

    def report_invalid(self, error: errors.SettingsError) -> None:
        """Leave a report of invalid settings, if report-dir is valid: an older report would look like this call's."""
        if self.arguments.command not in options.JUDGING_COMMANDS or not self.reporting.report_dir:
            return
        try:
            self._call(self.reporting, pathlib.Path.cwd()).refuse(error)
        except errors.GateError as problem:
            self.console.debug(f"no report written: {problem.message}")

    def _call(self, settings: Settings, root: pathlib.Path) -> "Call":
        from kore_gate.clock import Clock
        from kore_gate.commands import gate

        ci, environ = self.ci, self.environ
        surroundings = Surroundings(
            ci=ci,
            output_file=environ.get("GITHUB_OUTPUT", "") if ci == "github" else "",
            summary_file=environ.get("GITHUB_STEP_SUMMARY", "") if ci == "github" else "",
            agent=shutil.which("buildkite-agent", path=environ.get("PATH")) or "" if ci == "buildkite" else "",
            machine=platform.node() or "unknown",
            job_url=environ.get("CI_JOB_URL", "") if ci == "gitlab" else "",
            root=root,
        )
        return gate.Call(settings, surroundings, self.console, Clock())


def main(argv: Sequence[str], pending: list[int] | None = None) -> int:
    """Run one command; return the exit code. `pending` holds the signals that came before."""
    environ = dict(os.environ)
    arguments = parse(argv, sources.default_command(environ))
    signals = _Signals(pending if pending is not None else [])
    program = _Program(arguments, environ, signals)
    console = program.console
    try:
        try:
            return program.run()
        except errors.SettingsError as error:
            program.report_invalid(error)
            raise
    except _Stopped:
        return signals.conclude(console)
    except errors.GateError as error:
        console.problem(error)
        console.last_lines(verdict.from_error(error, Phase.SETTINGS))
        return int(error.exit_code)
    except Exception as exc:  # noqa: BLE001 a bug, too, must end in a message and in its own exit code
        for line in "".join(traceback.format_exception(exc)).splitlines():
            console.debug(line)
        bug = verdict.from_bug(exc, Phase.SETTINGS)
        message = f"{bug.message} {console.redactor.text(str(exc))}"
        console.problem(errors.GateError(message, cause=bug.cause, hint=bug.hint))
        console.last_lines(bug)
        return int(ExitCode.BUG)
    finally:
        signals.close()
        console.close()


def _read_file(path: str) -> str:
    return pathlib.Path(path).read_text(encoding="utf-8-sig")
