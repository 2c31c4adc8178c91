"""Kore.ai's published limits, kept before a call is sent: 60 a minute and 1,800 an hour for each id or bot.

Source: the page "API Rate Limits" of Kore.ai's documentation; both windows roll.
"""

import asyncio
import collections
from collections.abc import Callable, Sequence

from kore_gate.clock import Clock

# A second more than the published windows: Kore.ai counts when a call arrives, we when it leaves.
WINDOWS = ((60, 61.0), (1800, 3601.0))


class Budget:
    """Hands out calls in the order they were asked for, and makes callers wait for the next free one."""

    def __init__(self, clock: Clock, windows: Sequence[tuple[int, float]] = WINDOWS) -> None:
        self._clock = clock
        self._windows = windows
        self._spent: dict[str, collections.deque[float]] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    async def take(self, key: str, on_wait: Callable[[float], None] = lambda _: None) -> None:
        """Wait until a call for this id may be sent, and count it; a wait is told in seconds."""
        async with self._turns.setdefault(key, asyncio.Lock()):
            while wait := self.wait_for(key):
                on_wait(wait)
                await self._clock.sleep(wait)
            # No more than the largest window holds is ever looked at.
            kept = self._spent.setdefault(key, collections.deque(maxlen=max(most for most, _ in self._windows)))
            kept.append(self._clock.monotonic())

    def wait_for(self, key: str) -> float:
        """Return the seconds until a call for this id is free."""
        now, spent = self._clock.monotonic(), self._spent.get(key, ())
        waits = [spent[-most] + seconds - now for most, seconds in self._windows if len(spent) >= most]
        return max([0.0, *waits])

    def spacing(self, key: str, left: float) -> float:
        """Return the seconds to keep between calls for an id, so that its calls last for so many seconds more."""
        now, spent = self._clock.monotonic(), self._spent.get(key, ())
        paces = []
        for most, seconds in self._windows:
            horizon = min(left, seconds)
            # Calls that will still count at the end of that time can't be made again before it.
            counted = sum(at + seconds > now + horizon for at in spent)
            paces.append(horizon / max(most - counted, 1))
        return max(paces)
