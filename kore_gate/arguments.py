"""The command line's words: made from the table of settings, so that no flag can be missing."""

import argparse
import difflib
from collections.abc import Iterable, Sequence
from typing import NoReturn

from kore_gate import __version__, catalogue, errors, settings, values
from kore_gate.exit_codes import MEANINGS

_POSITIONAL = {"import": "files", "test": "files", "run": "suites", "report": "files"}
_SWITCHES = {f"--{setting.name}" for setting in catalogue.SETTINGS if setting.parse is values.flag}
_SWITCH_WORDS = {"true", "false", "yes", "no", "on", "off", "1", "0", ""}
# Where suites or files are given as words as well, the others may be one of them.
_SURE_SWITCH_WORDS = {"true", "false", ""}
_SECRETS = {f"--{setting.name}": setting for setting in catalogue.SETTINGS if setting.secret}
_OWN_FLAGS = {"--scenario", "--port", "--job-seconds"}
_VALUED = {f"--{setting.name}" for setting in catalogue.SETTINGS} - _SECRETS.keys() - _SWITCHES | _OWN_FLAGS
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
    if words[0] not in catalogue.COMMANDS and words[0] not in _HELP:
        source = "command line" if words[0] in argv else default[1]
        told = f"command {words[0]!r} ({source}) is none of {', '.join(catalogue.COMMANDS)}."
        told += _close(words[0], catalogue.COMMANDS)
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
    for setting in catalogue.SETTINGS:
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
    return command, {name: value for name, _, value in pairs if name in settings.REPORTING}


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
        return f"{secret.name} has no flag, for every process of the machine could read it. Give {ways}."
    return f"{name} is no flag of {command}.{_close(name, _VALUED - _OWN_FLAGS | _SWITCHES)}"


def _stray(word: str, command: str) -> str:
    if word in catalogue.COMMANDS:
        return f"{word!r} comes after flags; the command is the first word: kore-gate {word} …"
    return f"{word!r} is one word too many for {command}; import ids are given with --ds-id."


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
    for name, what in catalogue.COMMANDS.items():
        command = commands.add_parser(name, help=what, description=f"{what[:1].upper()}{what[1:]}.", allow_abbrev=False)
        _OWN.get(name, _add_positional)(command, name)
        _add_settings(command)
    return parser


def _add_settings(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group(
        "settings", "Each is also read from the action's input and from KORE_<NAME>; secrets only from there."
    )
    for setting in catalogue.SETTINGS:
        if setting.secret:
            continue
        default = f" (default: {setting.default})" if setting.default else ""
        group.add_argument(
            f"--{setting.name}",
            dest=setting.field,
            action="append" if setting.many else "store",
            metavar="true|false" if setting.parse is values.flag else "VALUE",
            help=(setting.help + default).replace("%", "%%"),
        )


def _add_positional(command: argparse.ArgumentParser, name: str) -> None:
    kind = _POSITIONAL.get(name)
    if kind:
        what = "a saved kore-result.json" if name == "report" else f"the same as --{kind}"
        command.add_argument("entries", nargs="*", metavar=kind.upper().removesuffix("S"), help=what)


def _add_demo(command: argparse.ArgumentParser, _name: str) -> None:
    command.add_argument("--scenario", default="passing", help="how it is to end; `list` names all scenarios")


def _add_simulate(command: argparse.ArgumentParser, name: str) -> None:
    _add_demo(command, name)
    command.add_argument("--port", type=int, default=0, help="the port to listen on (default: a free one)")
    command.add_argument("--job-seconds", type=float, default=20.0, help="how long a job takes (default: 20)")


_OWN = {"demo": _add_demo, "simulate": _add_simulate}
