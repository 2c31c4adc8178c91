"""The one place that knows what time it is."""

import asyncio
import contextlib
import datetime
import time
from typing import Protocol


class Clock(Protocol):
    """What code that waits needs to know of time."""

    def monotonic(self) -> float:
        """Return seconds that only ever grow."""

    def now(self) -> datetime.datetime:
        """Return the wall clock's time, in UTC."""

    async def sleep(self, seconds: float) -> None:
        """Wait without holding up other tasks."""

    def limit(self, seconds: float) -> contextlib.AbstractAsyncContextManager[object]:
        """Raise TimeoutError in a block that takes longer than so many seconds."""


class SystemClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        """Return seconds that only ever grow."""
        return time.monotonic()

    def now(self) -> datetime.datetime:
        """Return the wall clock's time, in UTC."""
        return datetime.datetime.now(datetime.UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait without holding up other tasks."""
        await asyncio.sleep(seconds)

    def limit(self, seconds: float) -> asyncio.Timeout:
        """Raise TimeoutError in a block that takes longer than so many seconds."""
        return asyncio.timeout(seconds)
