"""Waits for a job to end: asks for its status, sleeps, asks again."""

import dataclasses
import random
from collections.abc import Awaitable, Callable

import tenacity

from kore_gate import errors, text
from kore_gate.clock import Clock
from kore_gate.model import Job

VISIBLE_WITHIN = 30.0  # seconds a new record may take to be visible
# A record that was visible counts as gone after this many more requests over at least so many seconds: gateways err.
MORE_REQUESTS, GONE_AFTER = 3, 15.0
# Seconds before the deadline for the last request: twice what a request takes, within these bounds.
LEAST_MARGIN, MOST_MARGIN = 0.2, 2.0

_SOON = 0.001


async def wait_for(
    fetch: Callable[[], Awaitable[Job]],
    *,
    interval: float | None,
    spacing: Callable[[float], float],
    deadline: float,
    clock: Clock,
    on_status: Callable[[Job], None],
    on_missing: Callable[[errors.Gone], None],
) -> Job:
    """Ask for a job's status until it has ended, and return it; the caller ends the wait at the deadline (monotonic).

    `interval` is in seconds, None for about five. `spacing` returns the seconds to keep between requests, given how
    many are left. Raises Gone when the record never appeared or vanished, and every GateError that `fetch` raises.
    """
    record = _Record(request=fetch, clock=clock, on_status=on_status, on_missing=on_missing, began=clock.monotonic())

    def pause(_: tenacity.RetryCallState) -> float:
        left = deadline - clock.monotonic()
        # Pipelines that start together should not ask together. Source of the five: a one-step import takes a minute.
        chosen = random.uniform(4.0, 6.0) if interval is None else interval  # noqa: S311 guards nothing
        seconds = max(chosen, spacing(left))
        # However long the interval: a last request just before the deadline.
        last = left - min(max(2 * record.request_seconds, LEAST_MARGIN), MOST_MARGIN)
        return min(seconds, last) if last > _SOON else max(seconds, left)

    polling = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_result(lambda job: job is None or not job.has_ended),
        wait=pause,
        sleep=clock.sleep,
    )
    job: Job = await polling(record.fetch)
    return job


@dataclasses.dataclass(kw_only=True, slots=True)
class _Record:
    """A job's record at Kore.ai: whether it has been visible, and since when it is missing."""

    request: Callable[[], Awaitable[Job]]
    clock: Clock
    on_status: Callable[[Job], None]
    on_missing: Callable[[errors.Gone], None]
    began: float
    request_seconds: float = 0.0  # that the last request took
    last: Job | None = None
    missing: list[float] = dataclasses.field(default_factory=list)  # when it was not there, since it was last visible

    async def fetch(self) -> Job | None:
        """Return the job as last seen; None while a new record is not visible yet."""
        started = self.clock.monotonic()
        try:
            job = await self.request()
        except errors.Gone as error:
            if self.last is None:
                self._wait_for_new_record(error)
            elif self._is_gone(self.last):
                raise _gone(self.last, error) from error
            return self.last
        finally:
            self.request_seconds = self.clock.monotonic() - started
        self.last = job
        self.missing.clear()
        self.on_status(job)
        return job

    def _wait_for_new_record(self, error: errors.Gone) -> None:
        waited = self.clock.monotonic() - self.began
        missing = errors.Gone(
            f"The record did not appear within {text.duration(waited)} ({error.message}).",
            cause="an id of another bot or host, a typo, or a job that ended more than 15 minutes ago.",
            hint="Check the id, stream-id and host; wait for a job immediately after its start.",
        )
        if waited >= VISIBLE_WITHIN:
            raise missing from error
        self.on_missing(missing)

    def _is_gone(self, last: Job) -> bool:
        """Tell whether to believe that a record is not there any more."""
        self.missing.append(self.clock.monotonic())
        if last.expiry and last.expiry <= self.clock.now():
            return True
        return len(self.missing) > MORE_REQUESTS and self.missing[-1] - self.missing[0] >= GONE_AFTER


def _gone(last: Job, error: errors.Gone) -> errors.Gone:
    expiry = f"; it was due to expire at {last.expires}" if last.expires else ""
    return errors.Gone(
        f"The record is gone ({error.message}); its last status was {last.status or 'none'}{expiry}.",
        cause="Kore.ai forgets a job 15 minutes after its start, even if it is still running.",
        hint="Start the job again, and wait for it immediately.",
    )
