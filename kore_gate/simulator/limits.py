"""Holds the rolling windows of Kore.ai's rate limits."""

import collections

from kore_gate.simulator.messages import refusal

PER_MINUTE = 60
PER_HOUR = 1800
MINUTE_TEXT = "You've exceeded the per-minute rate limit. Please wait for sometime before retrying."
HOUR_TEXT = "You've exceeded the hourly rate limit. Please wait for sometime before retrying."


class Limits:
    """The calls of the last minute and the last hour, by whom they count for."""

    def __init__(self) -> None:
        self._calls: dict[str, _Calls] = {}

    def admit(self, key: str, now: float) -> None:
        """Count a call, or raise the refusal it earns; refused calls don't count."""
        calls = self._calls.setdefault(key, _Calls())
        calls.forget(now)
        if len(calls.hour) >= PER_HOUR:
            raise refusal(HOUR_TEXT, 429)
        if len(calls.minute) >= PER_MINUTE:
            raise refusal(MINUTE_TEXT, 429)
        calls.minute.append(now)
        calls.hour.append(now)


class _Calls:
    def __init__(self) -> None:
        self.minute: collections.deque[float] = collections.deque()
        self.hour: collections.deque[float] = collections.deque()

    def forget(self, now: float) -> None:
        """Drop what has left the windows."""
        for window, length in ((self.minute, 60.0), (self.hour, 3600.0)):
            while window and window[0] <= now - length:
                window.popleft()
