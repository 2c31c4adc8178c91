"""Kore.ai's published limits, kept before a call is sent: 60 a minute and 1,800 an hour for each id or bot.

Source: the page "API Rate Limits" of Kore.ai's documentation; both windows roll.
"""

import asyncio
import collections
from collections.abc import Callable, Sequence

from kore_gate.clock import Clock

# A second more than the published windows: Kore.ai counts when a call arrives, we when it leaves.
WINDOWS = ((60, 61.0), (1800, 3601.0))
# Of these calls a tenth is left to others that ask for the same job.
SHARE = 0.9

# Of all suites together: the limits of a hundred open jobs would allow a hundred calls a second.
AT_ONCE = ((20, 1.0),)

_REASON = "rate limit kept by kore_gate: Kore.ai allows 60 calls a minute and 1,800 an hour"
AT_ONCE_REASON = "kore_gate sends at most 20 requests a second for all suites"


class RateLimit:
    """Lets calls through in the order they ask, each as soon as the limits of its key allow."""

    def __init__(
        self,
        clock: Clock,
        on_wait: Callable[[str, str], None],
        *,
        windows: Sequence[tuple[int, float]] = WINDOWS,
        reason: str = _REASON,
    ) -> None:
        self._clock = clock
        self._on_wait = on_wait
        self._windows = windows
        self._reason = reason
        self._queued = collections.Counter[str]()
        self._calls = collections.defaultdict[str, collections.deque[float]](lambda: collections.deque(maxlen=1800))
        self._queues = collections.defaultdict[str, asyncio.Lock](asyncio.Lock)

    async def acquire(self, key: str) -> None:
        """Wait until a call for this key may be sent, and count it."""
        calls, queue = self._calls[key], self._queues[key]
        if queue.locked():
            most, seconds = self._windows[0]
            self._report(self._wait(calls) + self._queued[key] // most * seconds)
        self._queued[key] += 1
        try:
            async with queue:
                while wait := self._wait(calls):
                    self._report(wait)
                    await self._clock.sleep(wait)
                self.note(key)
        finally:
            self._queued[key] -= 1

    def note(self, key: str) -> None:
        """Count a call for this key."""
        self._calls[key].append(self._clock.monotonic())

    def _report(self, wait: float) -> None:
        # Nobody asks about a moment, and the reason before may be a graver one.
        if wait > 1:
            self._on_wait(self._reason, f"until {self._clock.later(wait)}")

    def _wait(self, calls: Sequence[float]) -> float:
        now = self._clock.monotonic()
        return max([0.0, *(calls[-most] + seconds - now for most, seconds in self._windows if len(calls) >= most)])

    def spacing(self, key: str, left: float) -> float:
        """Return the seconds to keep between calls for a key, so that its calls last for so many seconds more."""
        now, calls = self._clock.monotonic(), self._calls[key]
        paces = []
        for most, seconds in self._windows:
            share = int(SHARE * most)
            horizon = min(left, seconds)
            # Calls that will still count at the end of that time can't be made again before it.
            counted = sum(time + seconds > now + horizon for time in calls)
            paces.append(horizon / max(share - counted, 1))
            if len(calls) >= share:
                paces.append(calls[-share] + seconds - now)
        return max(paces)
