"""Bars that move while suites are waited for, on a real terminal only."""

import contextlib
import io
from collections.abc import Callable
from typing import TextIO, cast

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

ROWS = 20
# Narrower than this, words matter more than a bar.
ROOM_FOR_A_BAR = 60


class _Forgiving(io.TextIOBase):
    """A terminal that may go away while it is written to."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override] # rich reads it to choose its characters
        return self._stream.encoding or "utf-8"

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text.encode(self.encoding, "replace").decode(self.encoding))
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


class Bars:
    """One bar for each suite, twenty at most, and a row that counts the others."""

    def __init__(
        self,
        stream: TextIO,
        *,
        colour: bool,
        width: int | None = None,
        height: int | None = None,
        moving: bool = True,
        get_time: Callable[[], float] | None = None,
    ) -> None:
        self._console = Console(
            file=cast("TextIO", _Forgiving(stream)),
            force_terminal=True,
            no_color=not colour,
            width=width,
            height=height,
            markup=False,
            emoji=False,
            highlight=False,
        )
        self._progress = Progress(
            *_columns(self._console.width),
            console=self._console,
            auto_refresh=moving,
            refresh_per_second=4,
            transient=True,
            expand=True,
            redirect_stdout=False,
            redirect_stderr=False,
            get_time=get_time,
        )
        # A row for the others, and one for the cursor, have to fit as well.
        self._rows = max(min(ROWS, self._console.height - 2), 1)
        self._tasks: dict[str, TaskID] = {}
        self._ended: set[str] = set()
        self._rest: TaskID | None = None
        self._progress.start()
        # It was hidden just now, and a second signal would leave it so.
        self._console.show_cursor(True)

    def show(self, name: str, words: str, percent: float | None, *, ended: bool = False) -> None:
        """Move the bar of a suite, made when it is first heard of."""
        if name not in self._tasks:
            if self._rest is not None:
                self._progress.remove_task(self._rest)  # it stands last
                self._rest = None
            self._tasks[name] = self._progress.add_task(name, total=None, words="")
        task = self._tasks[name]
        self._progress.update(task, words=words)
        if percent is not None:
            self._progress.update(task, total=100, completed=min(max(percent, 0), 100))
        elif ended:
            self._progress.update(task, total=100)
        if ended:
            self._ended.add(name)
            self._progress.stop_task(task)
        self._choose_rows()

    def write(self, line: str) -> None:
        """Print a line above the bars; it may carry colours."""
        self._console.print(Text.from_ansi(line), soft_wrap=True)

    def stop(self) -> None:
        """Take the bars off the screen."""
        self._progress.stop()

    def frame(self) -> None:
        """Draw the bars now."""
        self._progress.refresh()

    def _choose_rows(self) -> None:
        """Show those that still run before those that ended, and sum up what has no room."""
        if len(self._tasks) <= self._rows:
            return
        shown = set(sorted(self._tasks, key=lambda name: name in self._ended)[: self._rows])
        for name, task in self._tasks.items():
            self._progress.update(task, visible=name in shown)
        if self._rest is None:
            self._rest = self._progress.add_task("", total=None, words="")
        hidden = len(self._tasks) - self._rows
        self._progress.update(
            self._rest,
            description=f"… {hidden} more",
            total=len(self._tasks),
            completed=len(self._ended),
            words=f"{len(self._ended)} of {len(self._tasks)} ended",
        )


def _columns(width: int) -> list[ProgressColumn]:
    name = TextColumn("{task.description}", markup=False, table_column=_one_line(3))
    words = TextColumn("{task.fields[words]}", markup=False, table_column=_one_line(3))
    elapsed = TimeElapsedColumn(table_column=Column(width=7, no_wrap=True))
    if width < ROOM_FOR_A_BAR:
        return [name, words]
    return [name, BarColumn(bar_width=None, table_column=Column(ratio=4)), words, elapsed]


def _one_line(ratio: int) -> Column:
    return Column(ratio=ratio, no_wrap=True, overflow="ellipsis")
