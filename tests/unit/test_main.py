import io
import os
import signal
import sys
import threading
import types
from collections.abc import Iterator

import pytest

import kore_gate
from kore_gate import __main__ as program


class Left(BaseException):
    """Stand for os._exit."""


@pytest.fixture(autouse=True)
def exits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turn leaving at once into something that can be seen."""

    def leave(code: int) -> None:
        raise Left(code)

    monkeypatch.setattr(os, "_exit", leave)


@pytest.fixture
def own_signals() -> Iterator[None]:
    """Give the test runner its signal handlers back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def pretend_cli(monkeypatch: pytest.MonkeyPatch, code: int) -> list[tuple[list[str], list[int]]]:
    """Put a command line in place that notes its calls and answers with a code."""
    calls: list[tuple[list[str], list[int]]] = []

    def main(arguments: list[str], *, pending: list[int]) -> int:
        calls.append((arguments, pending))
        return code

    fake = types.ModuleType("kore_gate.cli")
    fake.main = main  # type: ignore[attr-defined]  # a module made for this test
    monkeypatch.setitem(sys.modules, "kore_gate.cli", fake)
    monkeypatch.setattr(kore_gate, "cli", fake, raising=False)
    return calls


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.usefixtures("own_signals")
def test_catch_signals__first_is_noted_second_leaves(number: signal.Signals) -> None:
    """The first interrupt waits for whoever reads the list; the second one doesn't wait for anyone."""
    caught = program.catch_signals()

    signal.raise_signal(number)
    with pytest.raises(Left) as left:
        signal.raise_signal(signal.SIGTERM)

    assert caught == [number]
    assert left.value.args == (143,)


@pytest.mark.usefixtures("own_signals")
def test_main__hands_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line gets the arguments and a list of the interrupts so far; its answer is the exit code."""
    calls = pretend_cli(monkeypatch, 4)
    monkeypatch.setattr(sys, "argv", ["kore-gate", "wait", "--ds-id", "ds-1"])

    with pytest.raises(Left) as left:
        program.main()

    assert left.value.args == (4,)
    assert calls == [(["wait", "--ds-id", "ds-1"], [])]


def test_main__signals_caught_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever caught signals already passes the list on, and it stays that very list."""
    calls = pretend_cli(monkeypatch, 143)
    pending = [signal.SIGTERM.value]

    with pytest.raises(Left):
        program.main(pending)

    assert calls[0][1] is pending


@pytest.mark.parametrize("words", [["--version"], ["completion", "bash"], ["demo", "--scenario", "list"], ["--help"]])
@pytest.mark.usefixtures("own_signals")
def test_main__closed_streams(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    """A process started with its streams closed does its work, and ends like any other."""
    monkeypatch.setattr(sys, "argv", ["kore-gate", *words])
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)

    with pytest.raises(Left) as left:
        program.main()
    for stream in (sys.stdout, sys.stderr):
        stream.close()

    assert left.value.args == (0,)


@pytest.mark.usefixtures("own_signals")
def test_main__broken_installation(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A library that is missing is a fault of the gate, said in words, and never looks like failed tests."""
    monkeypatch.setitem(sys.modules, "kore_gate.cli", None)
    monkeypatch.delattr(kore_gate, "cli", raising=False)

    with pytest.raises(Left) as left:
        program.main()

    said = capsys.readouterr().err.splitlines()
    assert left.value.args == (70,)
    assert said[0].startswith("kore-gate is not completely installed: ")
    assert said[-2:] == ["Verdict: error. kore-gate is not completely installed.", "Exit code: 70 (a bug in kore_gate)"]


def test_leave__hung_thread() -> None:
    """A thread that never ends, such as a name lookup, does not keep the process."""
    release = threading.Event()
    hung = threading.Thread(target=release.wait)
    hung.start()

    try:
        with pytest.raises(Left) as left:
            program.leave(7)
    finally:
        release.set()
        hung.join()

    assert left.value.args == (7,)


def test_leave__reader_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe without a reader does not change the exit code."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    stream = open(write_end, "w", encoding="utf-8")  # noqa: PTH123, SIM115  # a descriptor has no path
    stream.write("said to nobody")
    monkeypatch.setattr(sys, "stdout", stream)

    with pytest.raises(Left) as left:
        program.leave(4)

    with pytest.raises(BrokenPipeError):
        stream.close()
    assert left.value.args == (4,)


def test_leave__nothing_to_write_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that was closed on the way does not change the exit code."""
    stream = io.StringIO("")
    stream.close()
    monkeypatch.setattr(sys, "stderr", stream)

    with pytest.raises(Left) as left:
        program.leave(4)

    assert left.value.args == (4,)
