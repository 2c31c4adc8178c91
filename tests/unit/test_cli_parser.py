import pathlib
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kore_gate
from kore_gate import cli
from kore_gate.errors import ExitCode
from kore_gate.settings import options

DEFAULT = ("wait", "default")


def parse(*argv: str, default: tuple[str, str] = DEFAULT) -> tuple[str, dict[str, str], list[str]]:
    """Return the command, the settings as text, and the problems of single words."""
    arguments = cli.parse(argv, default)
    assert arguments.error is None
    return arguments.command, arguments.settings, arguments.problems


GOOD: dict[str, tuple[list[str], tuple[str, dict[str, str]]]] = {
    "nothing": ([], ("wait", {})),
    "empty words": (["", ""], ("wait", {})),
    "command": (["doctor"], ("doctor", {})),
    "empty words before a command": (["", "doctor", ""], ("doctor", {})),
    "no command": (["--ds-id", "ds-1"], ("wait", {"ds-id": "ds-1"})),
    "flag with equals sign": (["wait", "--timeout=5m"], ("wait", {"timeout": "5m"})),
    "empty value": (["wait", "--timeout", "", "--ds-id", "ds-1"], ("wait", {"timeout": "", "ds-id": "ds-1"})),
    "empty value with equals sign": (["wait", "--timeout="], ("wait", {"timeout": ""})),
    "empty value at the end": (["wait", "--ds-id", ""], ("wait", {"ds-id": ""})),
    "repeated": (["wait", "--ds-id", "a", "--ds-id", "", "--ds-id", "b"], ("wait", {"ds-id": "a\n\nb"})),
    "last one counts": (["wait", "--host", "a", "--host", "b"], ("wait", {"host": "b"})),
    "value with a hyphen": (["run", "--suites", "-1 day"], ("run", {"suites": "-1 day"})),
    "switch": (["wait", "--verbose"], ("wait", {"verbose": "true"})),
    "switch before a switch": (["wait", "--verbose", "--download"], ("wait", {"verbose": "true", "download": "true"})),
    "switch with a value": (["wait", "--download", "No"], ("wait", {"download": "No"})),
    "switch before a suite": (["run", "--fail-fast", "1"], ("run", {"fail-fast": "true", "suites": "1"})),
    "switch and value before one": (["run", "--verbose", "false", "1"], ("run", {"verbose": "false", "suites": "1"})),
    "switch with equals sign": (["wait", "--download=off"], ("wait", {"download": "off"})),
    "switch with an empty value": (["wait", "--verbose", ""], ("wait", {"verbose": ""})),
    "switch before a file": (["test", "--verbose", "a.json"], ("test", {"files": "a.json", "verbose": "true"})),
    "files": (["import", "a.json", "b.json"], ("import", {"files": "a.json\nb.json"})),
    "files both ways": (["test", "--files", "a.json", "b.json"], ("test", {"files": "a.json\nb.json"})),
    "files around a flag": (["test", "a", "--timeout", "5", "b", "c"], ("test", {"files": "a\nb\nc", "timeout": "5"})),
    "suites": (["run", "Banking regression", "", "Loans"], ("run", {"suites": "Banking regression\nLoans"})),
    "suites around switches": (["run", "a", "--verbose", "b", "c", "--download", "no"],
        ("run", {"suites": "a\nb\nc\nno", "verbose": "true", "download": "true"})),
    "switch and equals sign before one": (["run", "--fail-fast=1", "b"], ("run", {"fail-fast": "1", "suites": "b"})),
    "invalid switch": (["wait", "--verbose=maybe"], ("wait", {"verbose": "maybe"})),
    "suites like options": (["run", "--verbose", "--", "--odd", "-x"],
        ("run", {"suites": "--odd\n-x", "verbose": "true"})),
    "one hyphen": (["run", "-", "--verbose", "-"], ("run", {"suites": "-\n-", "verbose": "true"})),
    "suites after flags": (["run", "--", "--odd name", "", "x"], ("run", {"suites": "--odd name\nx"})),
    "saved result": (["report", "kore-result.json"], ("report", {"files": "kore-result.json"})),
}  # fmt: skip


@pytest.mark.parametrize(("argv", "read"), GOOD.values(), ids=GOOD)
def test_parse__good(argv: list[str], read: tuple[str, dict[str, str]]) -> None:
    """The command line is read the way it is meant, also where a pipeline leaves words empty."""
    command, flags, problems = parse(*argv)

    assert (command, flags) == read
    assert problems == []


def test_parse__default_command() -> None:
    """Without a command on the command line it is the one of the action's input or the variable."""
    for command in options.COMMANDS.keys() - {"completion"}:
        assert parse("--timeout", "5m", default=(command, "input command"))[:2] == (command, {"timeout": "5m"})


def test_parse__each_setting() -> None:
    """Each setting has its option, except that no secret has one."""
    for setting in options.SETTINGS:
        _, settings, problems = parse("wait", f"--{setting.name}", "1")
        assert settings == ({} if setting.secret else {setting.name: "1"})
        assert bool(problems) is setting.secret


def test_parse__secret_has_no_option() -> None:
    """A secret on the command line is refused with the ways that are safe."""
    (problem,) = parse("wait", "--jwt", "1")[2]

    assert problem.startswith("jwt has no option, because every process on this machine could read it.")
    assert problem.endswith(" Use the input jwt, KORE_JWT or KORE_JWT_FILE.")


HINT = "the command must come first, and import ids need --ds-id."

BAD: dict[str, tuple[list[str], list[str]]] = {
    "unknown flag": (["wait", "--tmeout", "5m"], ["Unknown option --tmeout for wait. Did you mean --timeout?"]),
    "far from any": (["wait", "--zzz=5"], ["Unknown option --zzz for wait."]),
    "abbreviated": (["wait", "--time", "5m"], ["Unknown option --time for wait. Did you mean --timeout?"]),
    "short": (["wait", "-v"], ["Unknown option -v for wait."]),
    "of another command": (["wait", "--scenario", "stuck"], ["Unknown option --scenario for wait."]),
    "two": (["test", "--aaa", "--bbb", "c"], ["Unknown option --aaa for test.", "Unknown option --bbb for test."]),
    "stray word": (["wait", "ds-1"], [f"Unexpected argument 'ds-1' for wait: {HINT}"]),
    "command behind": (["--verbose", "test"], [f"Unexpected argument 'test' for wait: {HINT}"]),
}  # fmt: skip


@pytest.mark.parametrize(("argv", "problems"), BAD.values(), ids=BAD)
def test_parse__single_words(argv: list[str], problems: list[str]) -> None:
    """Problems of single words are listed, to be reported together with those of the settings."""
    assert parse(*argv)[2] == problems


@pytest.mark.parametrize("argv", [["--client-secret", "geheim"], ["--client-secret=geheim"], ["--jwt", "geheim", "x"]])
def test_parse__secret_on_the_command_line(argv: list[str]) -> None:
    """A secret that was typed as an option all the same is in no message."""
    for command in options.REMOTE_COMMANDS:
        (problem,) = parse(command, *argv)[2]
        assert "geheim" not in problem


UNUSABLE: dict[str, tuple[list[str], tuple[str, str], str]] = {
    "unknown command": (["wiat"], DEFAULT, "command 'wiat' (command line) must be one of wait, import, run"),
    "close to one": (["wiat"], DEFAULT, "Did you mean wait?"),
    "in capitals": (["WAIT"], DEFAULT, "completion. Did you mean wait?"),
    "help": (["help"], DEFAULT, "completion. Did you mean --help?"),
    "help for a command": (["Help", "wait"], DEFAULT, "completion. Did you mean --help?"),
    "version": (["version"], DEFAULT, "completion. Did you mean --version?"),
    "no shell": (["completion"], DEFAULT, "The following arguments are required: bash|zsh|fish."),
    "another shell": (["completion", "csh"], DEFAULT, "Argument bash|zsh|fish: invalid choice: 'csh' (choose from "),
    "unknown default": ([], ("tset", "variable KORE_COMMAND"), "command 'tset' (variable KORE_COMMAND) must be one of"),
    "no value": (["wait", "--timeout"], DEFAULT, "Argument --timeout: expected one argument."),
    "flag for a value": (["wait", "--ds-id", "--timeout", "5m"], DEFAULT, "Argument --ds-id: expected one argument."),
    "switch for a value": (["wait", "--ds-id", "--verbose"], DEFAULT, "Argument --ds-id: expected one argument."),
    "hyphen first": (["wait", "--ds-id", "-d"], DEFAULT, "Argument --ds-id: expected one argument."),
    "port in words": (["simulate", "--port", "x"], DEFAULT, "Argument --port: invalid int value: 'x'."),
}


@pytest.mark.parametrize(("argv", "default", "message"), UNUSABLE.values(), ids=UNUSABLE)
def test_parse__unusable(argv: list[str], default: tuple[str, str], message: str) -> None:
    """A command line that can't be read to its end is one error, with what would help."""
    error = cli.parse(argv, default).error

    assert error is not None
    assert message in error.details[0]
    assert "--help" in error.hint


def help_of(capsys: pytest.CaptureFixture[str], *argv: str, default: tuple[str, str] = DEFAULT) -> str:
    """Return what is shown to who asks for help."""
    with pytest.raises(SystemExit) as left:
        cli.parse([*argv, "--help"], default)
    assert left.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("argv", [[], [""], ["wiat"]])
def test_parse__help(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Help names every command, two examples, and what each exit code means."""
    shown = " ".join(help_of(capsys, *argv).split())

    assert all(f" {name} {meaning} " in shown for name, meaning in options.COMMANDS.items())
    assert all(f" {code.value} {code.meaning}" in shown for code in ExitCode)
    assert shown.count(" kore-gate ") >= 2
    assert not any(f"--{setting.name}" in shown for setting in options.SETTINGS)


@pytest.mark.parametrize("command", options.COMMANDS)
def test_parse__help_of_a_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Help for a command names its options with their choices and defaults, its secrets' variables, and no others."""
    shown = " ".join(help_of(capsys, command).split())

    for setting in options.SETTINGS:
        is_own = command in setting.commands
        assert (f" --{setting.name} " in shown) is (is_own and not setting.secret), setting.name
        assert (f" {setting.variable} " in shown) is (is_own and setting.secret), setting.name
        assert not (is_own and setting.default) or f"default: {setting.default})" in shown, setting.name
        assert not is_own or all(choice in shown for choice in setting.choices), setting.name


def test_parse__help_marks_what_is_required(capsys: pytest.CaptureFixture[str]) -> None:
    """What a command can't do without is marked, and nothing else."""
    required = {
        command: re.findall(r"(--[\w-]+|KORE_\w+)(?: VALUE)? +required: ", " ".join(help_of(capsys, command).split()))
        for command in options.COMMANDS
    }

    assert required == {
        "wait": ["--host", "--stream-id", "--ds-id", "--client-id", "KORE_CLIENT_SECRET"],
        "import": ["--host", "--stream-id", "--files", "--client-id", "--user-email", "KORE_CLIENT_SECRET"],
        "run": ["--host", "--stream-id", "--suites", "--client-id", "--user-email", "KORE_CLIENT_SECRET"],
        "test": ["--host", "--stream-id", "--files", "--client-id", "--user-email", "KORE_CLIENT_SECRET"],
        "lint": ["--files"],
        "report": ["--files"],
        "known-failures": ["--files"],
        "shard": ["--files", "--total", "--index"],
        "demo": [],
        "simulate": [],
        "doctor": ["--host", "--stream-id", "--client-id", "KORE_CLIENT_SECRET"],
        "completion": [],
    }


@pytest.mark.parametrize("columns", ["80", "300"])
@pytest.mark.parametrize("command", ["", *options.COMMANDS])
def test_parse__help_fits(
    command: str, columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Help fits a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", columns)

    lines = help_of(capsys, command).splitlines()

    assert [line for line in lines if len(line) > 80] == []
    assert len(lines) > 10


def test_parse__help_says_where_settings_are_read(capsys: pytest.CaptureFixture[str]) -> None:
    """Help says what variables are read: a demonstration is nobody's real bot, and a run to resume is not inherited."""
    shown = {command: " ".join(help_of(capsys, command).split()) for command in ("run", "demo")}

    assert "Each can also be set by the action's input or by KORE_<NAME>." in shown["run"]
    assert "- starts a new run, RUN1+RUN2 are its attempts (not read from a variable) --" in shown["run"]
    assert "Those for reports and output can also be set by input or variable." in shown["demo"]


def test_parse__options_of_another_command() -> None:
    """An option that a command has no use for is taken all the same: pipelines set variables for all their jobs."""
    assert parse("wait", "--files", "a.json", "--user-email", "x@y.example")[1:] == (
        {"files": "a.json", "user-email": "x@y.example"},
        [],
    )


@pytest.mark.parametrize("word", ["--help", "--version"])
def test_parse__help_is_quick(word: str) -> None:
    """Help and version load neither the event loop nor the HTTP client."""
    script = (
        f"import sys, kore_gate.cli as cli\ntry: cli.main(['{word}'])\nfinally: print(*sys.modules, file=sys.stderr)"
    )
    environ = {"PYTHONPATH": str(pathlib.Path(cli.__file__).parents[1])}

    ended = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True)

    assert "kore_gate.cli" in ended.stderr.split()
    assert {"asyncio", "httpx", "shtab"}.isdisjoint(ended.stderr.split())


def test_parse__version(capsys: pytest.CaptureFixture[str]) -> None:
    """The version is said on stdout."""
    with pytest.raises(SystemExit) as left:
        cli.parse(["--version"], DEFAULT)

    assert left.value.code == 0
    assert capsys.readouterr().out == f"kore_gate {kore_gate.__version__}\n"


def test_parse__own_options() -> None:
    """The simulator's options are no settings."""
    arguments = cli.parse(["simulate", "--scenario", "stuck", "--port", "8080", "--job-seconds", "0.5"], DEFAULT)

    assert (arguments.scenario, arguments.port, arguments.job_seconds) == ("stuck", 8080, 0.5)
    assert arguments.settings == {}


def test_parse__hyphen_first() -> None:
    """A value that begins with a hyphen needs an equals sign, and the error says so."""
    error = cli.parse(["wait", "--ds-id", "-d"], DEFAULT).error

    assert parse("wait", "--ds-id=-d")[1] == {"ds-id": "-d"}
    assert error is not None
    assert "--option=-value" in error.hint


@pytest.mark.parametrize(
    ("argv", "command", "settings"),
    [
        (["--report-dir", "there", "--timeout"], "wait", {"report-dir": "there"}),
        (["--ci", "gitlab", "--timeout", "--report-dir", "there"], "wait", {"ci": "gitlab"}),
        (["import", "--ci=gitlab", "--zzz", "--output", "json"], "import", {"ci": "gitlab", "output": "json"}),
        (["--report-dir"], "wait", {}),
        (["wiat", "--report-dir=x"], "wiat", {"report-dir": "x"}),
    ],
)
def test_parse__settings_before_an_error(argv: list[str], command: str, settings: dict[str, str]) -> None:
    """Of an invalid command line it is known where its reports go, as far as it could be read."""
    arguments = cli.parse(argv, DEFAULT)

    assert arguments.error or arguments.problems
    assert (arguments.command, arguments.settings) == (command, settings)


OPTIONS = st.sampled_from([f"--{setting.name}" for setting in options.SETTINGS])
WORDS = st.one_of(
    st.text(), OPTIONS, OPTIONS.map(lambda option: f"{option}=x"), st.sampled_from(["", "--", "-", *options.COMMANDS])
)


@given(st.lists(WORDS.filter(lambda word: not word.startswith("-h") and word not in {"--help", "--version"})))
def test_parse__any_words(argv: list[str]) -> None:
    """No command line raises anything, and every setting is a text."""
    arguments = cli.parse(argv, DEFAULT)

    assert arguments.command
    assert all(type(text) is str for text in (*arguments.settings.values(), *arguments.problems))
