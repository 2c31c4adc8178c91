"""When a call to Kore.ai is made again, how long to wait, and when to give up."""

import dataclasses
import math
import urllib.parse
from collections.abc import Awaitable, Callable
from typing import TypeVar

import tenacity

from kore_gate import errors, text
from kore_gate.clock import Clock
from kore_gate.settings.sources import Settings

T = TypeVar("T")

_BACKOFF = tenacity.wait_random_exponential(multiplier=1, max=20)


@dataclasses.dataclass(eq=False)
class TryAgain(Exception):
    """One try failed in a way that may pass."""

    message: str
    arrived: bool  # Kore.ai may have received the request
    limited: bool = False  # it asks to be called less
    wait: float = 0.0  # for so many seconds
    cause: str = ""  # what is usually behind it, where that is known


async def until_answered(
    one_try: Callable[[], Awaitable[T]],
    *,
    ready: Callable[[], Awaitable[None]],
    again: bool,
    clock: Clock,
    settings: Settings,
    on_wait: Callable[[str, str, float], None],
) -> T:
    """Return what a try returns; without `again`, only a request that can't have arrived is sent again.

    Waiting for `ready` before each try does not count as outage. `on_wait` gets why a call waits before the next try,
    until when, and for how many seconds. Raises Unavailable when the outage lasts too long,
    or when a request may have arrived that must not be sent twice.
    """
    limit = settings.outage_limit
    deadline = math.inf
    failure = TryAgain("", arrived=False)

    async def attempt() -> T:
        nonlocal deadline, failure
        await ready()
        started = clock.monotonic()
        try:
            return await one_try()
        except TryAgain as exc:
            failure = exc
            # Where Kore.ai limits its callers, it is there.
            deadline = math.inf if exc.limited else min(deadline, started + limit)
            raise

    def wait(state: tenacity.RetryCallState) -> float:
        # Never sooner than Kore.ai asks; and later by chance, so that callers spread.
        seconds = failure.wait + _BACKOFF(state)
        # One last try is made when the limit comes, however long Kore.ai asks to wait.
        return min(seconds, max(deadline - clock.monotonic(), 0.0))

    def report(state: tenacity.RetryCallState) -> None:
        seconds = state.upcoming_sleep
        if failure.limited:
            outlook = f"until {clock.later(seconds)}"
        else:
            following = f"attempt {state.attempt_number + 1} in {text.duration(seconds)}"
            outlook = f"{following}, giving up at {clock.later(deadline - clock.monotonic())}"
        on_wait(failure.message, outlook, seconds)

    retrying = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(lambda exc: isinstance(exc, TryAgain) and (again or not exc.arrived)),
        wait=wait,
        # tenacity keeps a time of its own; ours is the one that counts.
        stop=lambda _: deadline <= clock.monotonic(),
        sleep=clock.sleep,
        before_sleep=report,
        reraise=True,
    )
    try:
        return await retrying(attempt)
    except TryAgain as exc:
        if again or not exc.arrived:
            host = urllib.parse.urlsplit(settings.host).netloc
            raise errors.Unavailable(
                f"Kore.ai ({host}) was unavailable for {text.duration(limit)}: {exc.message}.",
                cause=exc.cause or "an outage, a wrong host, or a proxy or firewall in between.",
                hint="Check host and network (`kore-gate doctor`), or raise outage-limit.",
            ) from exc
        raise errors.Unavailable(
            f"Kore.ai may or may not have received the request: {exc.message}.",
            cause="a connection that broke, or a response that got lost, after the request was sent.",
            hint=(
                "kore_gate does not send it twice. Check in Kore.ai (Regression Testing) whether the job has started; "
                "then wait for it by its id, or start again."
            ),
        ) from exc
