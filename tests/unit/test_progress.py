"""Bars on a terminal, frame by frame."""

import io
import re

import pytest

from kore_gate.errors import Ending
from kore_gate.model import Event, Happening, Phase
from kore_gate.reports.console import ROWS, Bars
from tests.fakes.screens import Screen, Terminal

_ESCAPES = re.compile(r"\x1b\[[?\d;]*[A-Za-z]")


def _bars(stream: io.StringIO, width: int, height: int = 40) -> Bars:
    return Bars(stream, colour=False, width=width, height=height, moving=False, get_time=lambda: 0.0)


def _last_frame(bars: Bars, stream: io.StringIO) -> list[str]:
    stream.seek(0)
    stream.truncate()
    bars.frame()
    return [line.rstrip() for line in re.split(r"[\r\n]+", _ESCAPES.sub("", stream.getvalue())) if line.strip()]


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (
            80,
            [
                "Banking regression    ━━━━━━━━━━━━━━╸               IN_PROGRESS 50 %     0:00:00",
                "Loans                 ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ passed               0:00:00",
                "Cards                                               refused              0:00:00",
            ],
        ),
        (30, ["Banking regre… IN_PROGRESS 50…", "Loans          passed", "Cards          refused"]),
    ],
    ids=["80 columns", "30 columns"],
)
def test_show__frame(width: int, expected: list[str]) -> None:
    """A row tells name, progress and status, cut to the terminal's width."""
    stream = Terminal()
    bars = _bars(stream, width)

    bars.show("Banking regression", "IN_PROGRESS 50 %", 50.0)
    bars.show("Loans", "passed", 100.0, ended=True)
    bars.show("Cards", "refused", None, ended=True)

    frame = _last_frame(bars, stream)
    bars.stop()
    assert frame == expected


@pytest.mark.slow
@pytest.mark.parametrize(("height", "rows"), [(40, ROWS), (12, 10)], ids=["room", "little room"])
def test_show__many_suites(height: int, rows: int) -> None:
    """Of many suites those that run are shown, as many as fit, and a row counts all."""
    stream = Terminal()
    bars = _bars(stream, 100, height)

    for number in range(50):
        bars.show(f"Suite {number:02}", "IN_PROGRESS", None)
    for number in range(10):
        bars.show(f"Suite {number:02}", "passed", 100.0, ended=True)

    frame = _last_frame(bars, stream)
    bars.stop()
    assert len(frame) == rows + 1
    assert frame[0].startswith("Suite 10")
    assert frame[-1].startswith(f"… {50 - rows} more")
    assert "10 of 50 ended" in frame[-1]


def test_show__markup_is_text() -> None:
    """Text that looks like the library's own markup is shown as it is."""
    stream = Terminal()
    bars = _bars(stream, 80)

    bars.show("[red]a[/red] :smile:", "[b]", 140.0)

    frame = _last_frame(bars, stream)
    bars.stop()
    assert frame[0].startswith("[red]a[/red] :smile:")
    assert "[b]" in frame[0]


def test_console__live() -> None:
    """On a live terminal bars move and only what stays of interest is a line."""
    screen = Screen(live=True)

    for event in (
        Event(happening=Happening.STARTED, name="Banking", phase=Phase.IMPORT),
        Event(happening=Happening.IDENTIFIED, name="Banking", text="import ds-1"),
        Event(happening=Happening.CHANGED, name="Banking", status="IN_PROGRESS", percent=85.0),
        Event(happening=Happening.WARNING, name="Banking", text="slow"),
        Event(happening=Happening.ENDED, name="Banking", ending=Ending.PASSED, elapsed=12.0),
        Event(happening=Happening.WAITING, text="1 suite to go"),
    ):
        screen.console.tell(event)
    screen.console.close()
    screen.console.say("after")

    lines = [line.strip() for line in _ESCAPES.sub("", screen.stderr).replace("\r", "\n").split("\n")]
    for said in (
        "Banking: import ds-1",
        "Warning: Banking: slow",
        "Banking: passed (12s)",
        "still waiting: 1 suite to go",
    ):
        assert lines.count(said) == 1
    assert not any("IN_PROGRESS" in line and line.startswith("Banking:") for line in lines)
    assert screen.stderr.endswith("after\n")
