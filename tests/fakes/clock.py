"""A clock whose time moves when code sleeps: waits of minutes take no time, in the order in which they would end."""

import asyncio
import datetime
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from kore_gate.clock import Clock

T = TypeVar("T")

EPOCH = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)

_DEADLOCK = 10.0  # real seconds in which nothing happens and nothing is due: the test would hang


# Closed after each test by tests/conftest.py, however the test ends.
OPEN_LOOPS: list["VirtualLoop"] = []


class _JumpingSelector(selectors.DefaultSelector):
    """Sleeps by moving the loop's time instead of waiting."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if timeout is None:
            ready = super().select(_DEADLOCK)
            if not ready:
                raise RuntimeError("nothing is due and nothing happens: this would wait for ever")
            return ready
        self.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop with a time of its own."""

    def __init__(self) -> None:
        self.jumping = _JumpingSelector()
        super().__init__(self.jumping)
        OPEN_LOOPS.append(self)

    def time(self) -> float:
        return self.jumping.now


class FakeClock(Clock):
    """The clock of the running virtual loop; `naps` are the sleeps that were asked for."""

    def __init__(self, start: datetime.datetime = EPOCH) -> None:
        self.start = start
        self.naps: list[float] = []
        self.loop = VirtualLoop()

    def monotonic(self) -> float:
        return self.loop.time()

    def now(self) -> datetime.datetime:
        return self.start + datetime.timedelta(seconds=self.loop.time())

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        await asyncio.sleep(seconds)

    def limit(self, seconds: float) -> asyncio.Timeout:
        return asyncio.timeout(seconds)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end, in no time."""
        return self.loop.run_until_complete(work)
