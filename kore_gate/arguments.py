"""The command line's words: made from the table of settings, so that no flag can be missing."""

import argparse
from collections.abc import Sequence
from typing import NoReturn

from kore_gate import __version__, catalogue, errors, values
from kore_gate.exit_codes import MEANINGS

_POSITIONAL = {"import": "files", "test": "files", "run": "suites"}
_SWITCHES = {f"--{setting.name}" for setting in catalogue.SETTINGS if setting.parse is values.flag}
_SWITCH_WORDS = {"true", "false", "yes", "no", "on", "off", "1", "0"}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Make a usage problem a problem like any other."""
        raise errors.SettingsError([message[:1].upper() + message[1:] + "."], hint=f"See `{self.prog} --help`.")


def parse(argv: Sequence[str], default_command: str) -> argparse.Namespace:
    """Read the command line; without a command it is the default one. Raises SettingsError."""
    words = [word for word in argv if word]  # GitHub passes what is not given as an empty argument
    if not words or (words[0].startswith("-") and words[0] not in {"-h", "--help", "--version"}):
        words.insert(0, default_command)
    return _parser().parse_args(_spelt_out(words))


def flags(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the settings that were given as flags or as positional arguments, each as text."""
    found: dict[str, str] = {}
    for setting in catalogue.SETTINGS:
        given = getattr(arguments, setting.field, None)
        positional = getattr(arguments, "entries", []) if _POSITIONAL.get(arguments.command) == setting.name else []
        parts = [*(given if isinstance(given, list) else [given] if given else []), *positional]
        if parts:
            found[setting.name] = "\n".join(parts)
    return found


def _spelt_out(words: Sequence[str]) -> list[str]:
    """Give each switch its value: `--verbose` is `--verbose=true`, and takes no file name for one."""
    made: list[str] = []
    skip = False
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if skip:
            skip = False
        elif word in _SWITCHES:
            skip = following.lower() in _SWITCH_WORDS
            made.append(f"{word}={following if skip else 'true'}")
        else:
            made.append(word)
    return made


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
        command.add_argument("entries", nargs="*", metavar=kind.upper().removesuffix("S"), help=f"the same as --{kind}")


def _add_report(command: argparse.ArgumentParser, _name: str) -> None:
    command.add_argument("file", metavar="FILE", help="a saved kore-result.json")


def _add_demo(command: argparse.ArgumentParser, _name: str) -> None:
    command.add_argument("--scenario", default="passing", help="how it is to end; `list` names all scenarios")


def _add_simulate(command: argparse.ArgumentParser, name: str) -> None:
    _add_demo(command, name)
    command.add_argument("--port", type=int, default=0, help="the port to listen on (default: a free one)")
    command.add_argument("--job-seconds", type=float, default=20.0, help="how long a job takes (default: 20)")


_OWN = {"report": _add_report, "demo": _add_demo, "simulate": _add_simulate}
