"""Run the command line: the only module that sees arguments, environment, signals and exit codes."""

import argparse
import contextlib
import itertools
import operator
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

# What only a command needs is imported where it runs: --version and --help answer at once.
from kore_gate import __version__, errors, text
from kore_gate.errors import ExitCode
from kore_gate.settings import options, parsers, sources

if TYPE_CHECKING:
    import pathlib
    import threading

    from kore_gate.ci import dialects
    from kore_gate.commands.gate import Call
    from kore_gate.model import Result

T = TypeVar("T")

# The setting that a command's bare words are for.
_POSITIONAL = {command: name for name in ("files", "suites") for command in options.BY_NAME[name].commands}

_PURPOSE = "The gate that stops a bad Kore.ai bot from shipping."
_OVERVIEW = {
    "commands": tuple(options.COMMANDS.items()),
    "examples": (
        ("kore-gate demo", "see it work, without an account"),
        ("kore-gate test 'suites/*.json'", "import these suites and run them"),
    ),
}

_SHELLS = ("bash", "zsh", "fish")

# An interrupted call has five seconds in all, whatever it is doing.
_WRITE_SECONDS, _LAST_SECONDS = 2.5, 4.5


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Make a usage problem a problem like any other."""
        hint = f"See `{self.prog} --help`. A value that begins with a hyphen is written as --option=-value."
        raise errors.SettingsError([message[:1].upper() + message[1:] + "."], hint=hint)


def parse(argv: Sequence[str], default: tuple[str, str]) -> argparse.Namespace:
    """Read the command line: its command, its settings as text, and the problems of single words.

    Without a command it is the default one, which comes with its source. With an `error` the rest of the line is
    unknown; what was read before it still says where reports go.
    """
    # GitHub passes an empty word for an input that is not set.
    words = list(itertools.dropwhile(operator.not_, argv))
    command, source = default
    if words and not words[0].startswith("-"):
        command, source = words.pop(0), "command line"
    arguments = argparse.Namespace(command=command, error=None, is_bare=not words and source == "default")
    # Behind two dashes nothing is an option.
    end = words.index("--") if "--" in words else len(words)
    extra: list[str] = []
    try:
        parser = _parser(command, command if source == "command line" and command in options.COMMANDS else "")
        _, extra = parser.parse_known_args(_attach_values(words[:end], command), arguments)
    except errors.SettingsError as error:
        arguments.error = error
    if command not in options.COMMANDS:
        message = f"command {command!r} ({source}) must be one of {', '.join(options.COMMANDS)}."
        word = command.lower()
        is_option = word in ("help", "version")
        message += f" Did you mean --{word}?" if is_option else sources.did_you_mean(word, options.COMMANDS)
        arguments.error = errors.SettingsError([message], hint="See `kore-gate --help`.")
    unknown = [word for word in extra if word.startswith("-") and word != "-"]
    # What follows an unknown option may be its value, and that may be a secret.
    known = extra[: extra.index(unknown[0])] if unknown else extra + words[end + 1 :]
    entries = [word for word in known if word]
    arguments.problems = [_unknown_option(word.partition("=")[0], command) for word in unknown]
    # Some versions of argparse make an empty list of a value that is two dashes.
    texts = {name: list(map(str, values)) for name, values in vars(arguments).items() if name in options.BY_NAME}
    if entries and command in _POSITIONAL:
        texts.setdefault(_POSITIONAL[command], []).extend(entries)
    elif entries:
        hint = "the command must come first, and import ids need --ds-id"
        arguments.problems.append(f"Unexpected argument {entries[0]!r} for {command}: {hint}.")
    arguments.settings = {
        name: "\n".join(values) if options.BY_NAME[name].many else values[-1] for name, values in texts.items()
    }
    return arguments


def _attach_values(words: Sequence[str], command: str) -> list[str]:
    """Attach to each switch its value: argparse cannot tell it from a file or a suite that stands behind the switch."""
    booleans = ("", "true", "false") if command in _POSITIONAL else ("", *parsers.BOOLEANS)
    switches = {f"--{setting.name}" for setting in options.SETTINGS if setting.parse is parsers.flag}
    attached: list[str] = []
    for word in words:
        if attached and attached[-1] in switches and word.lower() in booleans:
            attached[-1] += f"={word}"
        else:
            attached.append(word)
    return [f"{word}=true" if word in switches else word for word in attached]


def _unknown_option(name: str, command: str) -> str:
    setting = options.BY_NAME.get(name.removeprefix("--"))
    if setting and setting.secret:
        return f"{setting.name} has no option, because every process on this machine could read it. Use {setting.ways}."
    known = [f"--{setting.name}" for setting in options.SETTINGS if not setting.secret]
    return f"Unknown option {name} for {command}.{sources.did_you_mean(name, known)}"


def _parser(command: str, shown: str) -> argparse.ArgumentParser:
    """Return the parser of a command's options; files and suites are what it leaves over.

    Its help shows what the command has a use for that is `shown`; without one it is an overview.
    """
    parser = _Parser(
        prog="kore-gate",
        usage=f"%(prog)s {_usage(shown)}",
        description=f"{shown}: {options.COMMANDS[shown]}" if shown else _overview(),
        epilog=_epilog(shown),
        formatter_class=_Help,
        allow_abbrev=False,
    )
    _add_options(parser, command, shown)
    parser.add_argument("--version", action="version", version=f"kore_gate {__version__}")
    return parser


class _Help(argparse.RawDescriptionHelpFormatter):
    """Lays help out as it is written, in 80 columns."""

    def __init__(self, prog: str) -> None:
        import shutil

        super().__init__(prog, max_help_position=30, width=min(shutil.get_terminal_size().columns - 2, 80))

    def _split_lines(self, text: str, width: int) -> list[str]:
        """Keep names such as private-key whole."""
        import textwrap

        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)


def _add_options(parser: argparse.ArgumentParser, command: str, shown: str) -> None:
    """Add the command's options and all settings, of which the help has those of the command that is `shown`."""
    if command == "completion":
        parser.add_argument("shell", metavar="|".join(_SHELLS), choices=_SHELLS, help="what will read the script")
    if command in ("demo", "simulate"):
        parser.add_argument("--scenario", default="passing", help="the scenario to play; `list` shows all scenarios")
    if command == "simulate":
        parser.add_argument("--port", type=int, default=0, help="the port to listen on (default: a free one)")
        parser.add_argument("--job-seconds", type=float, default=20.0, help="seconds that a job takes (default: 20)")
    where = "Each can also be set by the action's input or by KORE_<NAME>."
    if command in ("demo", "simulate"):
        where = "Those for reports and output can also be set by input or variable."
    is_shown = any(shown in setting.commands for setting in options.SETTINGS)
    group = parser.add_argument_group("settings", where if is_shown else None)
    for setting in options.SETTINGS:
        if setting.secret:
            continue
        is_switch = setting.parse is parsers.flag
        group.add_argument(
            f"--{setting.name}",
            action="append",
            dest=setting.name,
            default=argparse.SUPPRESS,
            nargs="?" if is_switch else None,
            metavar="true|false" if is_switch else "VALUE",
            help=_meaning(setting, shown).replace("%", "%%") if shown in setting.commands else argparse.SUPPRESS,
        )


def _meaning(setting: options.Setting, command: str) -> str:
    """Say what a setting is, whether the command needs it, what it can be, and what it is by default."""
    needed = (*sources.NEEDED.get(command, ()), "client-id", "client-secret")
    choices = ", ".join(setting.choices[:-1]) + f" or {setting.choices[-1]}" if setting.choices else ""
    default = f"default: {setting.default}" if setting.default else ""
    facts = "; ".join(filter(None, (choices, default, "" if setting.inherited else "not read from a variable")))
    return ("required: " if setting.name in needed else "") + setting.help + (f" ({facts})" if facts else "")


def _usage(command: str) -> str:
    words = {name: f" [{setting.upper()} ...]" for name, setting in _POSITIONAL.items()}
    words |= {"": " [FILES or SUITES ...]", "completion": f" {'|'.join(_SHELLS)}"}
    return f"{command or '[COMMAND]'} [OPTION ...]{words.get(command, '')}"


def _overview() -> str:
    """Say what the gate can do."""
    lines = [_PURPOSE, ""]
    for heading, rows in _OVERVIEW.items():
        lines += [f"{heading}:", *text.columns(rows), ""]
    return "\n".join([*lines, "`kore-gate COMMAND --help` shows the options of a command."])


def _epilog(command: str) -> str:
    """List the variables of the command's secrets, and what exit codes mean."""
    secrets = [setting for setting in options.SETTINGS if setting.secret and command in setting.commands]
    lines = text.columns([(setting.variable, _meaning(setting, command)) for setting in secrets])
    if lines:
        lines = ["secrets, by these variables, by <VARIABLE>_FILE or by the action's inputs:", *lines, ""]
    codes = [(f"{code.value:>3}", code.meaning) for code in ExitCode]
    return "\n".join([*lines, "exit codes:", *text.columns(codes), ""])


def _completion(shell: str) -> str:
    """Return the script that completes commands, options, choices and paths in a shell."""
    import shtab

    from kore_gate.simulator import scenarios

    root = _Parser(prog="kore-gate", allow_abbrev=False)
    root.add_argument("--version", action="store_true", help="show the version")
    commands = root.add_subparsers()
    for command, meaning in options.COMMANDS.items():
        parser = commands.add_parser(command, help=meaning)
        _add_options(parser, command, command)
        if _POSITIONAL.get(command) == "files":
            parser.add_argument("files", nargs="*").complete = shtab.FILE  # type: ignore[attr-defined] # shtab's way
        for action in parser._actions:  # noqa: SLF001 argparse has no other way to them
            setting = options.BY_NAME.get(action.dest)
            if action.dest == "scenario":
                action.choices = ("list", *scenarios.SCENARIOS)
            elif setting and setting.parse in (parsers.path, parsers.paths):
                action.complete = shtab.DIRECTORY if setting.name == "report-dir" else shtab.FILE  # type: ignore[attr-defined]
            elif setting:
                action.choices = ("true", "false") if setting.parse is parsers.flag else setting.choices or None
    return shtab.complete(root, shell)


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a loop of its own."""
    import asyncio
    import concurrent.futures

    class NameLookups(concurrent.futures.ThreadPoolExecutor):
        """Runs the loop's name lookups; asyncio would wait at its end for one that hangs."""

        def shutdown(self, wait: bool = True, *, cancel_futures: bool = True) -> None:  # noqa: ARG002 never waits
            super().shutdown(wait=False, cancel_futures=cancel_futures)

    async def run() -> T:
        asyncio.get_running_loop().set_default_executor(NameLookups())
        return await work

    return asyncio.run(run())


class _Program:
    """One run of the program: what it was started with, and where it prints."""

    def __init__(self, arguments: argparse.Namespace, environ: Mapping[str, str], received: list[int]) -> None:
        from kore_gate.ci import dialects
        from kore_gate.clock import Clock
        from kore_gate.reports.console import Console

        self.clock = Clock()
        self.arguments = arguments
        self.environ = environ
        self.received = received  # signals
        self._watchdog: threading.Timer | None = None
        is_offline = arguments.command in ("demo", "simulate", "completion")
        reporting = [options.BY_NAME[name] for name in options.REPORTING]
        names = {name for setting in reporting for name in (setting.variable, setting.input)}
        self.variables = {name: value for name, value in environ.items() if not is_offline or name in names}
        self.settings, error = sources.read(arguments.command, arguments.settings, self.variables, arguments.problems)
        self.error = arguments.error or error
        self.ci = dialects.detect(environ) if self.settings.ci == "auto" else self.settings.ci
        self.console = Console(
            stderr=sys.stderr,
            stdout=sys.stdout,
            dialect=dialects.dialect_for(self.ci),
            colour=dialects.colour(environ, sys.stderr.isatty(), self.ci),
            verbose=self.settings.verbose or dialects.debug(environ),
            live=dialects.live(environ, sys.stderr.isatty(), self.ci),
            quiet_stdout=self.settings.output == "json" or arguments.command == "shard",
            now=self.clock.now,
        )

    def stop_with(self, stop: Callable[[int], None], cut: Callable[[], None] = lambda: None) -> None:
        """Call `stop` at the first signal, also one that came before, and `cut`, which may raise, before time is up.

        A second signal ends the process at once.
        """
        import threading

        def handle(number: int, _frame: FrameType | None) -> None:
            if self.received:
                os._exit(128 + number)
            self.received.append(number)
            # A thread, for the main one may be in code that no signal interrupts.
            self._watchdog = threading.Timer(_LAST_SECONDS, os._exit, [128 + number])
            self._watchdog.daemon = True
            self._watchdog.start()
            # Repeated, for an exception that is raised into a destructor is lost.
            signal.setitimer(signal.ITIMER_REAL, _WRITE_SECONDS, 0.5)
            stop(number)

        signal.signal(signal.SIGALRM, lambda *_: cut())
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, handle)
        if self.received:
            handle(self.received.pop(), None)

    def close(self) -> None:
        """Forget what was to come: the command ended in time."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        if self._watchdog:
            self._watchdog.cancel()
        self.console.close()

    def check(self) -> None:
        """Warn of settings that look like mistakes. Raises SettingsError for those that are."""
        settings, console = self.settings, self.console
        for warning in sources.unknown_variables(settings.command, self.environ):
            console.warning(warning)
        if self.error:
            raise self._refusal(self.error)
        for setting in options.SETTINGS:
            value = getattr(settings, setting.field)
            if setting.secret and value and not console.redactor.add(value):
                console.warning(
                    f"{setting.name} has only {len(value)} characters: too short to be removed from what Kore.ai "
                    "sends back. Use a longer one, such as Kore.ai generates."
                )

    def run(self) -> int:
        """Run the command; return the exit code."""
        settings, console = self.settings, self.console
        if settings.command in options.JUDGING_COMMANDS:
            return self._judge(settings)
        if settings.command in ("demo", "simulate"):
            return self._simulate()
        # They leave nothing behind, and no event loop swallows a KeyboardInterrupt.
        self.stop_with(lambda number: signal.default_int_handler(number, None))
        match settings.command:
            case "completion":
                console.write_out(_completion(self.arguments.shell))
                return 0
            case "doctor":
                from kore_gate.commands import doctor

                return _run(doctor.Doctor(settings, console, self.clock).run())
            case "lint":
                from kore_gate.commands import lint

                return lint.run(settings, console, self.clock, self._context())
            case "known-failures":
                from kore_gate.commands import policies

                console.write_out(policies.known_file(settings, self.clock))
                return 0
            case "shard":
                from kore_gate.commands import shard

                return shard.run(settings, console, self._context().root)
            case _:
                from kore_gate.commands import report

                return report.run(settings, console, self._context())

    def _refusal(self, error: errors.SettingsError) -> errors.SettingsError:
        """Leave the reports of invalid settings, for an older one would look like this call's; return the error."""
        settings, console = self.settings, self.console
        # In a CI the variables that were meant are missing, and the error names them.
        if self.arguments.is_bare and not settings.sources and self.ci == "none":
            console.info(_PURPOSE)
            for heading, rows in _OVERVIEW.items():
                console.info(f"{heading.capitalize()}:")
                console.table(rows)
            problem = "There is neither a command nor a setting: nothing was checked."
            error = errors.SettingsError([problem], hint="Run `kore-gate demo`, or `kore-gate COMMAND --help`.")
        if settings.command in options.JUDGING_COMMANDS and settings.report_dir:
            try:
                self._call(settings).refuse(error)
            except errors.ReportError as failure:
                console.debug(f"no report written: {failure.message}")
        return error

    def _simulate(self) -> int:
        """Serve the simulator, or run the whole chain against it."""
        from kore_gate.commands import demo

        arguments, console = self.arguments, self.console
        if arguments.scenario == "list":
            console.write_out(demo.list_scenarios())
            return 0
        if arguments.command == "simulate":
            import threading

            stop = threading.Event()
            self.stop_with(lambda _: stop.set())
            demo.simulate(arguments.scenario, arguments.port, arguments.job_seconds, console, stop)
            raise KeyboardInterrupt
        with demo.stage(arguments.scenario, arguments.settings, self.variables, console) as (settings, root):
            return self._judge(settings, root)

    def _judge(self, settings: options.Settings, root: "pathlib.Path | None" = None) -> int:
        """Run a command that judges suites, which a signal stops; report how it ended."""
        import asyncio

        call = self._call(settings, root)

        async def run() -> "Result":
            loop = asyncio.get_running_loop()

            def stop(number: int) -> None:
                message = f"{signal.Signals(number).name}: stopping, and writing reports of the results so far."
                # The signal may have come in the middle of a printed line: nothing more than this is safe here.
                with contextlib.suppress(RuntimeError):  # the loop has ended, and so has all there was to stop
                    loop.call_soon_threadsafe(call.interrupt, number)
                    loop.call_soon_threadsafe(self.console.info, message)
                call.note_signal(number)

            self.stop_with(stop, call.cut)
            return await call.run()

        return call.conclude(_run(run()))

    def _call(self, settings: options.Settings, root: "pathlib.Path | None" = None) -> "Call":
        from kore_gate.commands import gate

        return gate.Call(settings, self._context(root), self.console, self.clock)

    def _context(self, root: "pathlib.Path | None" = None) -> "dialects.Context":
        """Describe where the call runs; suite files are below the working directory, unless another root is named."""
        import pathlib
        import shutil

        from kore_gate.ci import dialects
        from kore_gate.model import Origin

        ci, environ = self.ci, self.environ
        return dialects.Context(
            ci=ci,
            output_file=environ.get("GITHUB_OUTPUT", "") if ci == "github" else "",
            summary_file=environ.get("GITHUB_STEP_SUMMARY", "") if ci == "github" else "",
            agent=shutil.which("buildkite-agent", path=environ.get("PATH")) or "" if ci == "buildkite" else "",
            machine=os.uname().nodename or "unknown",
            # What a demonstration tests is not in the repository.
            origin=Origin() if root else dialects.origin(environ, ci),
            root=root or pathlib.Path.cwd(),
        )


def main(argv: Sequence[str], pending: list[int] | None = None) -> int:
    """Run one command; return the exit code. `pending` holds the signals that came before."""
    environ = dict(os.environ)
    received = [] if pending is None else pending
    arguments = parse(argv, sources.default_command(environ))

    from kore_gate.gate import verdict
    from kore_gate.model import Phase

    with contextlib.closing(_Program(arguments, environ, received)) as program:
        console = program.console
        try:
            program.check()
            return program.run()
        except KeyboardInterrupt:
            ended = verdict.interrupted_call(received[0])
        except errors.GateError as error:
            console.error(error, is_last=True)
            ended = verdict.from_error(error, Phase.SETTINGS)
        except Exception as exc:  # noqa: BLE001 a bug, too, must end in a message and in its own exit code
            import traceback

            console.debug("".join(traceback.format_exception(exc)))
            ended = verdict.from_error(exc, Phase.SETTINGS)
            message = f"{ended.message} {console.redactor.text(str(exc))}"
            console.error(errors.GateError(message, cause=ended.cause, hint=ended.hint))
        console.verdict(ended)
        return int(ended.exit_code)
