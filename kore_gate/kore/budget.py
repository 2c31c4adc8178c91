"""Kore.ai's published limits, kept before a call is sent: 60 a minute and 1,800 an hour for each id or bot.

Source: the page "API Rate Limits" of Kore.ai's documentation; both windows roll.
"""

import collections
from collections.abc import Sequence

from kore_gate.clock import Clock

# A second more than the published windows: Kore.ai counts when a call arrives, we when it leaves.
WINDOWS = ((60, 61.0), (1800, 3601.0))


class Budget:
    """Hands out calls, and makes callers wait for the next free one."""

    def __init__(self, clock: Clock, windows: Sequence[tuple[int, float]] = WINDOWS) -> None:
        self._clock = clock
        self._windows = windows
        self._spent: dict[str, collections.deque[float]] = {}

    async def take(self, key: str) -> None:
        """Wait until a call for this id may be sent, and count it."""
        while wait := self.wait_for(key):
            await self._clock.sleep(wait)
        self._spent.setdefault(key, collections.deque()).append(self._clock.monotonic())

    def wait_for(self, key: str) -> float:
        """Return the seconds until a call for this id is free."""
        now = self._clock.monotonic()
        spent = self._spent.get(key)
        if not spent:
            return 0.0
        while spent and spent[0] <= now - max(seconds for _, seconds in self._windows):
            spent.popleft()
        waits = [spent[-most] + seconds - now for most, seconds in self._windows if len(spent) >= most]
        return max([0.0, *waits])
