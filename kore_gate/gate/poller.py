"""Waits for a job to end: asks for its status, sleeps, asks again."""

import asyncio
from collections.abc import Awaitable, Callable

import tenacity

from kore_gate import errors, text
from kore_gate.clock import Clock
from kore_gate.gate.pace import Pace
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
    pace: Pace,
    deadline: float,
    clock: Clock,
    on_status: Callable[[Job], None],
) -> Job:
    """Ask for a job's status until it has ended, and return it; the caller ends the wait at the deadline (monotonic).

    Raises Gone when the record never appeared or vanished, and every GateError that `fetch` raises.
    """
    began, request_seconds = clock.monotonic(), 0.0
    last: Job | None = None
    missing: list[tuple[float, errors.Gone]] = []  # when the record was not there, since it was last visible

    async def request() -> Job | None:
        nonlocal last, request_seconds
        started = clock.monotonic()
        try:
            last = await fetch()
        except errors.Gone as error:
            now = clock.monotonic()
            missing.append((now, error))
            is_expired = bool(last and last.expiry and last.expiry <= clock.now())
            is_late = len(missing) > MORE_REQUESTS and now - missing[0][0] >= GONE_AFTER
            if is_expired or (is_late if last else now - began >= VISIBLE_WITHIN):
                raise _gone(last, now - began, error) from error
            return last
        finally:
            request_seconds = clock.monotonic() - started
        missing.clear()
        pace.note(started - began, last.percent)
        on_status(last)
        return last

    def pause(_: tenacity.RetryCallState) -> float:
        now = clock.monotonic()
        left = deadline - now
        seconds = pace.seconds(now - began, left)
        # However long that is: a last request just before the deadline.
        final = left - min(max(2 * request_seconds, LEAST_MARGIN), MOST_MARGIN)
        return min(seconds, final) if final > _SOON else max(seconds, left)

    retry = tenacity.retry_if_result(lambda job: job is None or not job.has_ended)
    try:
        job: Job = await tenacity.AsyncRetrying(retry=retry, wait=pause, sleep=clock.sleep)(request)
    except asyncio.CancelledError:
        if missing and not last and clock.monotonic() >= deadline - _SOON:
            raise _gone(None, clock.monotonic() - began, missing[-1][1]) from None
        raise
    return job


def _gone(last: Job | None, waited: float, error: errors.Gone) -> errors.Gone:
    """Say since when the record is not there: always, where it had no last status."""
    if not last:
        return errors.Gone(
            f"The record did not appear within {text.duration(waited)} ({error.message}).",
            cause="an id of another bot or host, a typo, or a job that ended more than 15 minutes ago.",
            hint="Check the id, stream-id and host; wait for a job immediately after its start.",
        )
    expiry = f"; it was due to expire at {last.expires}" if last.expires else ""
    return errors.Gone(
        f"The record is gone ({error.message}); its last status was {last.status or 'none'}{expiry}.",
        cause="Kore.ai forgets a job 15 minutes after its start, even if it is still running.",
        hint="Start the job again, and wait for it immediately.",
    )
