"""The one place that knows what time it is."""

import asyncio
import contextlib
import datetime
import time


class Clock:
    """The machine's own clock; code that waits is handed one, and tests hand it theirs."""

    def monotonic(self) -> float:
        """Return seconds that only ever grow."""
        return time.monotonic()

    def now(self) -> datetime.datetime:
        """Return the wall clock's time, in UTC."""
        return datetime.datetime.now(datetime.UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait without holding up other tasks."""
        await asyncio.sleep(seconds)

    def limit(self, seconds: float) -> contextlib.AbstractAsyncContextManager[object]:
        """Raise TimeoutError in a block that takes longer than so many seconds."""
        return asyncio.timeout(seconds)
