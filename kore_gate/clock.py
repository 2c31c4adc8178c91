"""The one place that knows what time it is."""

import contextlib
import datetime
import time

_HALF_A_DAY = 43_200.0
# Some years: Kore.ai may ask for a wait that no calendar can show.
_FAR = 1e8


class Clock:
    """The machine's own clock; code that waits is handed one, and tests hand it theirs."""

    def monotonic(self) -> float:
        """Return seconds that only ever grow."""
        return time.monotonic()

    def now(self) -> datetime.datetime:
        """Return the wall clock's time, in UTC."""
        return datetime.datetime.now(datetime.UTC)

    def later(self, seconds: float) -> str:
        """Write when so many seconds will have passed."""
        then = self.now() + datetime.timedelta(seconds=min(seconds, _FAR))
        return f"{then:%H:%M:%S} UTC" if seconds < _HALF_A_DAY else f"{then:%Y-%m-%d %H:%M} UTC"

    async def sleep(self, seconds: float) -> None:
        """Wait without holding up other tasks."""
        import asyncio  # already there where a loop runs, and not for commands without one

        await asyncio.sleep(seconds)

    def limit(self, seconds: float) -> contextlib.AbstractAsyncContextManager[object]:
        """Raise TimeoutError in a block that takes longer than so many seconds."""
        import asyncio

        return asyncio.timeout(seconds)
