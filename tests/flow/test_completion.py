"""What `completion` prints, read by the shells that it is for."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from kore_gate import cli
from kore_gate.settings import options
from kore_gate.simulator import scenarios
from tests.needs import need


@pytest.fixture
def script(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path) -> pathlib.Path:
    """Return the file of what completes words in the shell that a test names."""
    assert cli.main(["completion", request.param]) == 0

    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.isascii()
    path = tmp_path / f"kore-gate.{request.param}"
    path.write_text(printed.out, encoding="utf-8")
    return path


def run(folder: pathlib.Path, *command: str) -> str:
    """Return what a shell prints in a folder."""
    home = {"HOME": str(folder), "PATH": os.environ["PATH"]}
    ended = subprocess.run(command, cwd=folder, env=home, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def shown_options(command: str) -> set[str]:
    """Return the options of a command that its help shows."""
    own = {f"--{name.name}" for name in options.SETTINGS if command in name.commands and not name.secret}
    return {"--help", *own}


WORDS: dict[str, tuple[list[str], set[str]]] = {
    "commands": ([""], {*options.COMMANDS}),
    "a command": (["wa"], {"wait"}),
    "options": (["wait", "--"], shown_options("wait")),
    "options of run": (["run", "--"], shown_options("run")),
    "an option": (["test", "--user"], {"--user-email"}),
    "choices": (["wait", "--ci", "git"], {"github", "gitlab"}),
    "a switch": (["wait", "--fail-fast", ""], {"true", "false"}),
    "files": (["test", "su"], {"suites", "suite.json"}),
    "the second file": (["test", "suite.json", "su"], {"suites", "suite.json"}),
    "the file of an option": (["wait", "--ca-file", "ca"], {"ca.pem"}),
    "a directory": (["wait", "--report-dir", "su"], {"suites"}),
    "scenarios": (["demo", "--scenario", ""], {"list", *scenarios.SCENARIOS}),
    "shells": (["completion", ""], {"bash", "zsh", "fish"}),
    "no files": (["wait", "su"], set()),
}


def leave_files(folder: pathlib.Path) -> None:
    """Leave files and a folder of which the words begin."""
    (folder / "suites").mkdir()
    for name in ("suite.json", "ca.pem"):
        (folder / name).touch()


# As bash itself does at the tab key: the words so far, and the number of the one that is completed.
BASH = """
source "$1"; shift
complete=$(complete -p kore-gate | sed 's/.*-F //; s/ .*//')
COMP_WORDS=(kore-gate "$@"); COMP_CWORD=$#
$complete
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize("script", ["bash"], indirect=True)
@pytest.mark.parametrize(("words", "completed"), WORDS.values(), ids=WORDS)
def test_completion__bash(script: pathlib.Path, tmp_path: pathlib.Path, words: list[str], completed: set[str]) -> None:
    """Bash completes commands, options, choices, files and directories."""
    need(shutil.which("bash"), "bash", "apt-get install bash")
    leave_files(tmp_path)
    printed = run(tmp_path, "bash", "--norc", "-c", BASH, "bash", str(script), *words)

    assert {*filter(None, printed.splitlines())} == completed


@pytest.mark.parametrize("script", ["fish"], indirect=True)
@pytest.mark.parametrize(("words", "completed"), WORDS.values(), ids=WORDS)
def test_completion__fish(script: pathlib.Path, tmp_path: pathlib.Path, words: list[str], completed: set[str]) -> None:
    """Fish completes the same, and describes it."""
    need(shutil.which("fish"), "fish", "script/consumers")
    leave_files(tmp_path)
    ask = f"source {script}; complete -C '{' '.join(['kore-gate', *words])}'"

    printed = run(tmp_path, "fish", "--no-config", "-c", ask)

    assert {line.partition("\t")[0].rstrip("/") for line in printed.splitlines()} >= completed


@pytest.mark.parametrize("script", ["zsh"], indirect=True)
def test_completion__zsh(script: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Zsh reads the script, which knows every command and option."""
    need(shutil.which("zsh"), "zsh", "script/consumers")

    assert run(tmp_path, "zsh", "-n", str(script)) == ""

    text = script.read_text(encoding="utf-8")
    assert text.startswith("#compdef kore-gate\n")
    assert all(f"--{setting.name}[" in text for setting in options.SETTINGS if not setting.secret)
    assert all(f"{command}:" in text for command in options.COMMANDS)


@pytest.mark.parametrize("variable", ["KORE_TIMEOUT", "KORE_HOST", "INPUT_REPORT-DIR"])
def test_completion__settings(
    variable: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No setting that other commands read stops it."""
    monkeypatch.setenv(variable, "a b" if variable != "INPUT_REPORT-DIR" else "x")

    assert cli.main(["completion", "bash"]) == 0
    assert "kore-gate" in capsys.readouterr().out


def test_completion__reader_leaves() -> None:
    """A reader that has seen enough is no error."""
    script = f"'{sys.executable}' -m kore_gate completion bash | true; exit ${{PIPESTATUS[0]}}"
    environ = {"PYTHONPATH": str(pathlib.Path(cli.__file__).parents[1]), "PATH": os.environ["PATH"]}

    ended = subprocess.run(["bash", "-c", script], env=environ, capture_output=True, text=True, check=False, timeout=60)

    assert (ended.returncode, ended.stderr) == (0, "")
