"""Kore.ai's published limits, kept before a call is sent: 60 a minute and 1,800 an hour for each id or bot.

Source: the page "API Rate Limits" of Kore.ai's documentation; both windows roll.
"""

import asyncio
import collections
import math
from collections.abc import Sequence

from kore_gate import errors
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

    async def take(self, key: str, deadline: float = math.inf) -> None:
        """Wait until a call for this id may be sent, and count it. Raises TimedOut if the deadline comes first."""
        async with self._turns.setdefault(key, asyncio.Lock()):
            while wait := self.wait_for(key):
                if self._clock.monotonic() + wait >= deadline:
                    raise errors.TimedOut(
                        "No call is free before the deadline: Kore.ai allows 60 a minute and 1,800 an hour.",
                        cause="many suites in one call, or a long wait.",
                        hint="Raise timeout, or split the suites into several calls one after another.",
                    )
                await self._clock.sleep(wait)
            # No more than the largest window holds is ever looked at.
            kept = self._spent.setdefault(key, collections.deque(maxlen=max(most for most, _ in self._windows)))
            kept.append(self._clock.monotonic())

    def wait_for(self, key: str) -> float:
        """Return the seconds until a call for this id is free."""
        now, spent = self._clock.monotonic(), self._spent.get(key, ())
        waits = [spent[-most] + seconds - now for most, seconds in self._windows if len(spent) >= most]
        return max([0.0, *waits])
