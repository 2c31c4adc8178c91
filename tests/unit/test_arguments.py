import pytest
from hypothesis import given
from hypothesis import strategies as st

import kore_gate
from kore_gate import cli, errors
from kore_gate.errors import MEANINGS
from kore_gate.settings import options

DEFAULT = ("wait", "default")


def parse(*argv: str, default: tuple[str, str] = DEFAULT) -> tuple[str, dict[str, str], list[str]]:
    """Return the command, what is given as flags, and what is wrong with single words."""
    parsed = cli.parse(argv, default)
    return parsed.command, cli.flags(parsed), parsed.problems


GOOD: dict[str, tuple[list[str], tuple[str, dict[str, str]]]] = {
    "nothing": ([], ("wait", {})),
    "empty words": (["", ""], ("wait", {})),
    "command": (["doctor"], ("doctor", {})),
    "empty words before a command": (["", "doctor", ""], ("doctor", {})),
    "no command": (["--ds-id", "ds-1"], ("wait", {"ds-id": "ds-1"})),
    "flag with equals sign": (["wait", "--timeout=5m"], ("wait", {"timeout": "5m"})),
    "empty value": (["wait", "--timeout", "", "--ds-id", "ds-1"], ("wait", {"ds-id": "ds-1"})),
    "empty value with equals sign": (["wait", "--timeout="], ("wait", {})),
    "empty value at the end": (["wait", "--ds-id", ""], ("wait", {"ds-id": ""})),
    "repeated": (["wait", "--ds-id", "a", "--ds-id", "", "--ds-id", "b"], ("wait", {"ds-id": "a\n\nb"})),
    "last one counts": (["wait", "--host", "a", "--host", "b"], ("wait", {"host": "b"})),
    "value with a hyphen": (["run", "--suites", "-1 day"], ("run", {"suites": "-1 day"})),
    "switch": (["wait", "--verbose"], ("wait", {"verbose": "true"})),
    "switch before a switch": (["wait", "--verbose", "--download"], ("wait", {"verbose": "true", "download": "true"})),
    "switch with a value": (["wait", "--download", "No"], ("wait", {"download": "No"})),
    "two dashes for a value": (["run", "--suites=--", "b"], ("run", {"suites": "--\nb"})),
    "switch before a suite": (["run", "--fail-fast", "1"], ("run", {"fail-fast": "true", "suites": "1"})),
    "switch and value before one": (["run", "--verbose", "false", "1"], ("run", {"verbose": "false", "suites": "1"})),
    "switch with equals sign": (["wait", "--download=off"], ("wait", {"download": "off"})),
    "switch with an empty value": (["wait", "--verbose", ""], ("wait", {})),
    "switch before a file": (["test", "--verbose", "a.json"], ("test", {"files": "a.json", "verbose": "true"})),
    "files": (["import", "a.json", "b.json"], ("import", {"files": "a.json\nb.json"})),
    "files both ways": (["test", "--files", "a.json", "b.json"], ("test", {"files": "a.json\nb.json"})),
    "files around a flag": (["test", "a", "--timeout", "5", "b", "c"], ("test", {"files": "a\nb\nc", "timeout": "5"})),
    "suites": (["run", "Banking regression", "", "Loans"], ("run", {"suites": "Banking regression\nLoans"})),
    "suites after flags": (["run", "--", "--odd name", "", "x"], ("run", {"suites": "--odd name\nx"})),
    "saved result": (["report", "kore-result.json"], ("report", {"files": "kore-result.json"})),
}  # fmt: skip


@pytest.mark.parametrize(("argv", "read"), GOOD.values(), ids=GOOD)
def test_parse__good(argv: list[str], read: tuple[str, dict[str, str]]) -> None:
    """The command line is read the way it is meant, also where a pipeline leaves words empty."""
    command, flags, problems = parse(*argv)

    assert (command, flags) == read
    assert problems == []


@pytest.mark.parametrize("command", options.COMMANDS)
def test_parse__default_command(command: str) -> None:
    """Without a command on the command line it is the one of the action's input or the variable."""
    assert parse("--timeout", "5m", default=(command, "input command"))[:2] == (command, {"timeout": "5m"})


@pytest.mark.parametrize("setting", options.SETTINGS, ids=lambda setting: setting.name)
def test_parse__each_setting(setting: options.Setting) -> None:
    """Each setting has its flag, except that no secret has one."""
    _, flags, problems = parse("wait", f"--{setting.name}", "1")

    if setting.secret:
        assert flags == {}
        assert problems == [
            (
                f"{setting.name} has no option, because every process on this machine could read it. "
                f"Use the input {setting.name}, {setting.variable} or {setting.variable}_FILE."
            )
        ]
    else:
        assert flags == {setting.name: "1"}
        assert problems == []


COMES_LATE = "'test' comes after options; the command must come first: kore-gate test …"

BAD: dict[str, tuple[list[str], list[str]]] = {
    "unknown flag": (["wait", "--tmeout", "5m"], ["Unknown option --tmeout for wait. Did you mean --timeout?"]),
    "far from any": (["wait", "--zzz=5"], ["Unknown option --zzz for wait."]),
    "abbreviated": (["wait", "--time", "5m"], ["Unknown option --time for wait. Did you mean --timeout?"]),
    "short": (["wait", "-v"], ["Unknown option -v for wait."]),
    "of another command": (["wait", "--scenario", "stuck"], ["Unknown option --scenario for wait."]),
    "two": (["test", "--aaa", "--bbb", "c"], ["Unknown option --aaa for test.", "Unknown option --bbb for test."]),
    "stray word": (["wait", "ds-1"], ["Unexpected argument 'ds-1' for wait; use --ds-id for import ids."]),
    "command behind": (["--verbose", "test"], [COMES_LATE]),
}  # fmt: skip


@pytest.mark.parametrize(("argv", "told"), BAD.values(), ids=BAD)
def test_parse__single_words(argv: list[str], told: list[str]) -> None:
    """What is wrong with single words is listed, to be told together with the other problems."""
    assert parse(*argv)[2] == told


@pytest.mark.parametrize("argv", [["--client-secret", "geheim"], ["--client-secret=geheim"], ["--jwt", "geheim", "x"]])
@pytest.mark.parametrize("command", options.REMOTE_COMMANDS)
def test_parse__secret_on_the_command_line(command: str, argv: list[str]) -> None:
    """A secret that was typed as a flag all the same is in no message."""
    _, _, problems = parse(command, *argv)

    assert len(problems) == 1
    assert "geheim" not in problems[0]


UNUSABLE: dict[str, tuple[list[str], tuple[str, str], str]] = {
    "unknown command": (["wiat"], DEFAULT, "command 'wiat' (command line) must be one of wait, import, run"),
    "close to one": (["wiat"], DEFAULT, "Did you mean wait?"),
    "unknown default": ([], ("tset", "variable KORE_COMMAND"), "command 'tset' (variable KORE_COMMAND) must be one of"),
    "no value": (["wait", "--timeout"], DEFAULT, "Argument --timeout: expected one argument."),
    "flag for a value": (["wait", "--ds-id", "--timeout", "5m"], DEFAULT, "Argument --ds-id: expected one argument."),
    "switch for a value": (["wait", "--ds-id", "--verbose"], DEFAULT, "Argument --ds-id: expected one argument."),
    "port in words": (["simulate", "--port", "x"], DEFAULT, "Argument --port: invalid int value: 'x'."),
}


@pytest.mark.parametrize(("argv", "default", "told"), UNUSABLE.values(), ids=UNUSABLE)
def test_parse__unusable(argv: list[str], default: tuple[str, str], told: str) -> None:
    """A command line that makes no sense is bad usage, said with what would help."""
    with pytest.raises(errors.SettingsError) as refused:
        cli.parse(argv, default)

    assert told in refused.value.details[0]
    assert "--help" in refused.value.hint


@pytest.mark.parametrize("argv", [["--help"], ["-h"], ["", "--help"]])
def test_parse__help(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Help names every command, and what each exit code means."""
    with pytest.raises(SystemExit) as left:
        cli.parse(argv, DEFAULT)

    shown = capsys.readouterr().out
    assert left.value.code == 0
    assert all(f"\n    {name} " in shown for name in options.COMMANDS)
    assert all(f"{code.value:>3}  {meaning}\n" in shown for code, meaning in MEANINGS.items())


@pytest.mark.parametrize("command", options.COMMANDS)
def test_parse__help_of_a_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Help for a command names every flag, with its default."""
    with pytest.raises(SystemExit) as left:
        cli.parse([command, "--help"], DEFAULT)

    shown = " ".join(capsys.readouterr().out.split())
    assert left.value.code == 0
    for setting in options.SETTINGS:
        assert (f"--{setting.name} " in shown) is not setting.secret
        assert not setting.default or f"(default: {setting.default})" in shown


def test_parse__version(capsys: pytest.CaptureFixture[str]) -> None:
    """The version is said on stdout."""
    with pytest.raises(SystemExit) as left:
        cli.parse(["--version"], DEFAULT)

    assert left.value.code == 0
    assert capsys.readouterr().out == f"kore_gate {kore_gate.__version__}\n"


def test_parse__own_flags() -> None:
    """The simulator's flags are no settings."""
    parsed = cli.parse(["simulate", "--scenario", "stuck", "--port", "8080", "--job-seconds", "0.5"], DEFAULT)

    assert (parsed.scenario, parsed.port, parsed.job_seconds) == ("stuck", 8080, 0.5)
    assert cli.flags(parsed) == {}


@pytest.mark.parametrize(
    ("argv", "read"),
    [
        (["--report-dir", "there", "--timeout"], ("wait", {"report-dir": "there"})),
        (["import", "--ci=gitlab", "--zzz", "--output", "json"], ("import", {"ci": "gitlab", "output": "json"})),
        (["--report-dir"], ("wait", {"report-dir": ""})),
        (["wiat", "--report-dir=x"], ("wiat", {"report-dir": "x"})),
    ],
)
def test_for_reports(argv: list[str], read: tuple[str, dict[str, str]]) -> None:
    """Of a command line that can't be used it is still known where its reports go."""
    assert cli.for_reports(argv, DEFAULT) == read


FLAGS = st.sampled_from([f"--{setting.name}" for setting in options.SETTINGS])
WORDS = st.one_of(
    st.text(), FLAGS, FLAGS.map(lambda flag: f"{flag}=x"), st.sampled_from(["", "--", "-", *options.COMMANDS])
)


@given(st.lists(WORDS.filter(lambda word: word not in {"-h", "--help", "--version"})))
def test_parse__any_words(argv: list[str]) -> None:
    """No command line raises anything but the error that lists the problems."""
    command, reporting = cli.for_reports(argv, DEFAULT)
    try:
        parsed = cli.parse(argv, DEFAULT)
    except (errors.SettingsError, SystemExit) as left:
        asked_for_help = any(word.startswith("-h") for word in argv)  # -hx is -h, and a flag x
        told = left.details if isinstance(left, errors.SettingsError) else asked_for_help
    else:
        told = parsed.command == command
        assert all(isinstance(text, str) for text in (*cli.flags(parsed).values(), *reporting.values()))

    assert told
