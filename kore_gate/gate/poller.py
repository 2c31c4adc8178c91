"""Waits for a job to end: looks, sleeps, looks again."""

import datetime
import random
from collections.abc import Awaitable, Callable

import tenacity

from kore_gate import errors, text
from kore_gate.clock import Clock
from kore_gate.model import Job, State

VISIBLE_WITHIN = 30.0  # seconds a new record may take to be seen
# A record that was seen counts as gone after this many more looks over at least so many seconds: gateways err.
MORE_LOOKS, GONE_AFTER = 3, 15.0
# Seconds before the deadline for the last look: twice what a look takes, within these bounds.
LEAST_MARGIN, MOST_MARGIN = 0.2, 2.0

_SOON = 0.001
_PENDING = (State.RUNNING, State.UNKNOWN)


class Rhythm:
    """How long to wait between two looks: a fixed interval, or about five seconds."""

    def __init__(self, interval: float | None) -> None:
        self._interval = interval

    def next(self) -> float:
        """Return the seconds until the next look."""
        if self._interval is not None:
            return self._interval
        # Pipelines that start together should not look together. Source of the five: a one-step import takes a minute.
        return random.uniform(4.0, 6.0)  # noqa: S311 spreads callers, guards nothing


async def wait_for(
    look: Callable[[], Awaitable[Job]],
    *,
    rhythm: Rhythm,
    spacing: Callable[[float], float],
    deadline: float,
    clock: Clock,
    tell: Callable[[Job], None],
    tell_absent: Callable[[errors.Gone], None],
) -> Job:
    """Look until the job ended, and return it; whoever waits is cut off at the deadline (monotonic), not before.

    `spacing` says how many seconds to keep between looks, given how many are left. Raises Gone when the record never
    appeared or vanished, and every GateError that `look` raises.
    """
    watch = _Watch(look, clock, tell, tell_absent)

    def pause(_: tenacity.RetryCallState) -> float:
        left = deadline - clock.monotonic()
        margin = min(max(2 * watch.seconds, LEAST_MARGIN), MOST_MARGIN)
        wanted = max(rhythm.next(), spacing(left))
        # However long the rhythm: a last look just before the deadline.
        last = left - margin
        return min(wanted, last) if last > _SOON else max(wanted, left)

    polling = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_result(lambda job: job is None or job.state in _PENDING),
        wait=pause,
        sleep=clock.sleep,
    )
    job: Job = await polling(watch.look)
    return job


class _Watch:
    """Looks at one job, and knows whether its record has been there."""

    def __init__(
        self,
        look: Callable[[], Awaitable[Job]],
        clock: Clock,
        tell: Callable[[Job], None],
        tell_absent: Callable[[errors.Gone], None],
    ) -> None:
        self._look = look
        self._clock = clock
        self._tell = tell
        self._tell_absent = tell_absent
        self._began = clock.monotonic()
        self.seen: Job | None = None
        self.seconds = 0.0  # that the last look took
        self._absent: list[float] = []  # when it was not there, since it was seen last

    async def look(self) -> Job | None:
        """Return what there is to see; None while a new record is not visible yet."""
        started = self._clock.monotonic()
        try:
            job = await self._look()
        except errors.Gone as absence:
            if self.seen:
                if self._is_gone(self.seen):
                    raise self._vanished(absence) from absence
                return self.seen
            waited = self._clock.monotonic() - self._began
            unseen = _unseen(absence, waited)
            if waited >= VISIBLE_WITHIN:
                raise unseen from absence
            self._tell_absent(unseen)
            return None
        finally:
            self.seconds = self._clock.monotonic() - started
        self.seen = job
        self._absent.clear()
        self._tell(job)
        return job

    def _is_gone(self, seen: Job) -> bool:
        """Tell whether to believe that a record is not there any more."""
        self._absent.append(self._clock.monotonic())
        try:
            expired = datetime.datetime.fromisoformat(seen.expires) <= self._clock.now()
        except (ValueError, TypeError):
            expired = False
        return expired or (len(self._absent) > MORE_LOOKS and self._absent[-1] - self._absent[0] >= GONE_AFTER)

    def _vanished(self, absence: errors.Gone) -> errors.Gone:
        last = self.seen
        expiry = f"; it was due to expire at {last.expires}" if last and last.expires else ""
        word = last.status if last else ""
        return errors.Gone(
            f"The record is gone ({absence.message}); its last status was {word or 'none'}{expiry}.",
            cause="Kore.ai forgets a job 15 minutes after its start, even if it is still running.",
            hint="Start the job again, and wait for it immediately.",
        )


def _unseen(absence: errors.Gone, waited: float) -> errors.Gone:
    return errors.Gone(
        f"The record did not appear within {text.duration(waited)} ({absence.message}).",
        cause="an id of another bot or host, a typo, or a job that ended more than 15 minutes ago.",
        hint="Check the id, stream-id and host; wait for a job immediately after its start.",
    )
