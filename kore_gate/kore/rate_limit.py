"""Kore.ai's published limits, kept before a call is sent: 60 a minute and 1,800 an hour for each id or bot.

Source: the page "API Rate Limits" of Kore.ai's documentation; both windows roll.
"""

import asyncio
import collections
from collections.abc import Callable, Sequence

from kore_gate.clock import Clock

# A second more than the published windows: Kore.ai counts when a call arrives, we when it leaves.
WINDOWS = ((60, 61.0), (1800, 3601.0))


class RateLimit:
    """Lets calls through in the order they ask, each as soon as the limits of its key allow."""

    def __init__(self, clock: Clock, windows: Sequence[tuple[int, float]] = WINDOWS) -> None:
        self._clock = clock
        self._windows = windows
        # No more than the largest window holds is ever counted.
        most = max(most for most, _ in windows)
        self._calls = collections.defaultdict[str, collections.deque[float]](lambda: collections.deque(maxlen=most))
        self._queues = collections.defaultdict[str, asyncio.Lock](asyncio.Lock)

    async def acquire(self, key: str, on_wait: Callable[[float], None] = lambda _: None) -> None:
        """Wait until a call for this key may be sent, and count it; `on_wait` gets the seconds of each wait."""
        async with self._queues[key]:
            while wait := self._wait(key):
                on_wait(wait)
                await self._clock.sleep(wait)
            self._calls[key].append(self._clock.monotonic())

    def _wait(self, key: str) -> float:
        now, calls = self._clock.monotonic(), self._calls[key]
        waits = [calls[-most] + seconds - now for most, seconds in self._windows if len(calls) >= most]
        return max([0.0, *waits])

    def spacing(self, key: str, left: float) -> float:
        """Return the seconds to keep between calls for a key, so that its calls last for so many seconds more."""
        now, calls = self._clock.monotonic(), self._calls[key]
        paces = []
        for most, seconds in self._windows:
            horizon = min(left, seconds)
            # Calls that will still count at the end of that time can't be made again before it.
            counted = sum(time + seconds > now + horizon for time in calls)
            paces.append(horizon / max(most - counted, 1))
        return max(paces)
