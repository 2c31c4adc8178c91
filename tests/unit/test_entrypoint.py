import os
import pathlib
import signal
import stat
import sys

import pytest

import entrypoint
from kore_gate import __main__ as program
from kore_gate.settings import options


class FakeSystem:
    """A kernel that notes who this process was made to be, and refuses what it is told to."""

    def __init__(self, *, euid: int = 0, refuses: str = "") -> None:
        self.euid = euid
        self.refuses = refuses
        self.calls: list[tuple[object, ...]] = []

    def call(self, name: str, *given: object) -> None:
        if name == self.refuses:
            raise PermissionError(name)
        self.calls.append((name, *given))


def install(monkeypatch: pytest.MonkeyPatch, system: FakeSystem, owners: dict[str, tuple[int, int, int]]) -> None:
    """Put a fake kernel and a fake file system (path: user, group, mode) under the entrypoint."""

    def facts(path: str) -> os.stat_result:
        if path not in owners:
            raise FileNotFoundError(path)
        user, group, mode = owners[path]
        return os.stat_result((mode, 0, 0, 1, user, group, 0, 0, 0, 0))

    monkeypatch.setattr(os, "stat", facts)
    monkeypatch.setattr(os, "lstat", facts)
    monkeypatch.setattr(os, "getcwd", lambda: "/project")
    monkeypatch.setattr(os, "geteuid", lambda: system.euid)
    monkeypatch.setattr(os, "setgroups", lambda groups: system.call("setgroups", *groups))
    monkeypatch.setattr(os, "setgid", lambda group: system.call("setgid", group))
    monkeypatch.setattr(os, "setuid", lambda user: system.call("setuid", user))
    monkeypatch.setattr(
        os, "chown", lambda path, user, group, follow_symlinks: system.call("chown", path, user, group, follow_symlinks)
    )


FOLDER = stat.S_IFDIR | 0o755
STEPPED_DOWN = [("setgroups",), ("setgid", 121), ("setuid", 1001)]


@pytest.mark.parametrize(
    ("arguments", "environ", "expected"),
    [
        pytest.param([], {}, "junit-reports", id="default"),
        pytest.param([], {"KORE_REPORT_DIR": "v"}, "v", id="variable"),
        pytest.param([], {"KORE_REPORT_DIR": "v", "INPUT_REPORT-DIR": "i"}, "i", id="input-beats-variable"),
        pytest.param([], {"KORE_REPORT_DIR": "v", "INPUT_REPORT-DIR": ""}, "v", id="empty-is-unset"),
        pytest.param(["wait", "--report-dir", "f"], {"INPUT_REPORT-DIR": "i"}, "f", id="flag-beats-input"),
        pytest.param(["--report-dir=a=b"], {}, "a=b", id="flag-with-equals"),
        pytest.param(["--report-dir", "a", "--report-dir=b"], {}, "b", id="last-flag"),
        pytest.param(["--report-dir"], {"KORE_REPORT_DIR": "v"}, "v", id="flag-without-value"),
        pytest.param(["--report-directory=a"], {}, "junit-reports", id="another-flag"),
    ],
)
def test_report_dir__sources(arguments: list[str], environ: dict[str, str], expected: str) -> None:
    """The directory is read from the same places, in the same order, as kore-gate reads it."""
    assert entrypoint.report_dir(arguments, environ) == expected


@pytest.mark.parametrize(
    ("given", "owners", "expected"),
    [
        pytest.param("reports", {"/project/reports": (7, 8, FOLDER), "/project": (1, 2, FOLDER)}, (7, 8), id="itself"),
        pytest.param("a/b", {"/project": (1001, 121, FOLDER), "/": (0, 0, FOLDER)}, (1001, 121), id="nearest-above"),
        pytest.param("/out/x", {"/out": (5, 6, FOLDER), "/project": (1, 2, FOLDER)}, (5, 6), id="absolute"),
        pytest.param("~/a", {"/home/me": (3, 4, FOLDER), "/project": (1, 2, FOLDER)}, (3, 4), id="home"),
        pytest.param("a", {}, None, id="nowhere"),
    ],
)
def test_owner_of__nearest(
    given: str,
    owners: dict[str, tuple[int, int, int]],
    expected: tuple[int, int] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The nearest directory that exists says whose reports these are."""
    install(monkeypatch, FakeSystem(), owners)
    monkeypatch.setenv("HOME", "/home/me")

    found = entrypoint.owner_of(given)

    assert found == expected


def test_owner_of__working_directory_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory that was removed has no owner, and is no crash."""

    def gone() -> str:
        raise FileNotFoundError

    monkeypatch.setattr(os, "getcwd", gone)

    assert entrypoint.owner_of("reports") is None


@pytest.mark.parametrize(
    ("system", "owner", "expected"),
    [
        pytest.param(FakeSystem(), (1001, 121), STEPPED_DOWN, id="root"),
        pytest.param(FakeSystem(euid=1234), (1001, 121), [], id="not-root"),
        pytest.param(FakeSystem(), (0, 0), [], id="roots-own-directory"),
        pytest.param(FakeSystem(refuses="setgroups"), (1001, 121), [], id="no-capability"),
        pytest.param(FakeSystem(refuses="setuid"), (1001, 121), STEPPED_DOWN[:2], id="no-capability-for-setuid"),
    ],
)
def test_step_down__to_the_owner(
    system: FakeSystem, owner: tuple[int, int], expected: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root gives itself up for the owner of the reports' place, groups first; anyone else stays who they are."""
    install(monkeypatch, system, {"/project": (*owner, FOLDER)})

    entrypoint.step_down(["wait"], {})

    assert system.calls == expected


@pytest.mark.parametrize(
    ("user", "group", "mode", "handed_over"),
    [
        pytest.param(1001, 121, stat.S_IFREG | 0o644, False, id="its-own"),
        pytest.param(0, 0, stat.S_IFREG | 0o644, True, id="roots"),
        pytest.param(0, 121, stat.S_IFREG | 0o664, False, id="writable-for-the-group"),
        pytest.param(0, 121, stat.S_IFREG | 0o646, True, id="read-only-for-the-group"),
        pytest.param(0, 0, stat.S_IFREG | 0o666, False, id="writable-for-all"),
        pytest.param(0, 0, stat.S_IFLNK | 0o644, False, id="a-link"),
        pytest.param(0, 0, stat.S_IFDIR | 0o755, False, id="a-directory"),
    ],
)
def test_step_down__file_commands(
    user: int, group: int, mode: int, handed_over: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file command that only root could write is handed over before root is given up."""
    system = FakeSystem()
    install(monkeypatch, system, {"/project": (1001, 121, FOLDER), "/commands/output": (user, group, mode)})

    entrypoint.step_down([], {"GITHUB_OUTPUT": "/commands/output", "GITHUB_STEP_SUMMARY": "/commands/missing"})

    first = [("chown", "/commands/output", 1001, 121, False)] if handed_over else []
    assert system.calls == first + STEPPED_DOWN


@pytest.mark.parametrize("command", sorted(options.COMMANDS))
def test_foreign_program__never_a_command(command: str, tmp_path: pathlib.Path) -> None:
    """A command of the gate is never taken for a program of the same name."""
    executable(tmp_path / command)

    assert entrypoint.foreign_program([command], {"PATH": str(tmp_path)}) is None


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param([], False, id="nothing"),
        pytest.param([""], False, id="empty"),
        pytest.param(["--help"], False, id="flag"),
        pytest.param(["tool", "-c", "x"], True, id="program"),
        pytest.param(["{folder}/tool"], True, id="absolute"),
        pytest.param(["./tool"], False, id="relative"),
        pytest.param(["data"], False, id="not-executable"),
        pytest.param(["no-such-program"], False, id="unknown"),
    ],
)
def test_foreign_program__first_argument(arguments: list[str], expected: bool, tmp_path: pathlib.Path) -> None:
    """Only a name that is a program on this system is let through."""
    executable(tmp_path / "tool")
    (tmp_path / "data").write_text("")
    given = [argument.format(folder=tmp_path) for argument in arguments]

    found = entrypoint.foreign_program(given, {"PATH": str(tmp_path)})

    assert found == (str(tmp_path / "tool") if expected else None)


@pytest.mark.parametrize("value", ["utter-nonsense", ""], ids=["nonsense", "empty"])
def test_foreign_program__path_is_nonsense(value: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PATH that leads nowhere still finds the shell."""
    executable(tmp_path / "sh")
    monkeypatch.setattr(entrypoint, "USUAL_PATH", (str(tmp_path),))

    found = entrypoint.foreign_program(["sh"], {"PATH": value})

    assert found == str(tmp_path / "sh")


def executable(path: pathlib.Path) -> None:
    """Write a program that does nothing."""
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)


class Became(BaseException):
    """Stand for a process that went on as something else."""


def test_main__becomes_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program gets the arguments as given, and the signals as a fresh process has them."""
    restored: list[int] = []
    monkeypatch.setattr(program, "catch_signals", list)
    monkeypatch.setattr(sys, "argv", ["entrypoint.py", "sh", "-c", "true"])
    monkeypatch.setattr(signal, "signal", lambda number, _: restored.append(number))

    def exec_(path: str, arguments: list[str]) -> None:
        raise Became(pathlib.Path(path).name, arguments)

    monkeypatch.setattr(os, "execv", exec_)

    with pytest.raises(Became) as became:
        entrypoint.main()

    assert became.value.args == ("sh", ["sh", "-c", "true"])
    assert restored == [signal.SIGPIPE, signal.SIGXFSZ]


def test_main__is_kore_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anything else is kore-gate's, with the interrupts that came meanwhile."""
    caught = [signal.SIGTERM.value]
    monkeypatch.setattr(program, "catch_signals", lambda: caught)
    monkeypatch.setattr(sys, "argv", ["entrypoint.py", "wait"])

    def run(pending: list[int]) -> None:
        raise Became(pending)

    monkeypatch.setattr(program, "main", run)

    with pytest.raises(Became) as became:
        entrypoint.main()

    assert became.value.args == (caught,)


def test_become__interrupted_before() -> None:
    """An interrupt that came in before the program started is not lost with it."""
    with pytest.raises(SystemExit) as left:
        entrypoint.become("/bin/sh", ["sh"], [signal.SIGTERM])

    assert left.value.code == 143


def test_become__cannot_run(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that the kernel won't run ends as a shell would end, and says so."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    path = tmp_path / "broken"
    path.write_bytes(b"\0\0")
    path.chmod(0o755)

    with pytest.raises(SystemExit) as left:
        entrypoint.become(str(path), [str(path)], [])

    assert left.value.code == 126
    assert capsys.readouterr().err == f"kore-gate: cannot run {path}: Exec format error\n"
