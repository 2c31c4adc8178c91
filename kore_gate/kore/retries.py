"""When a call to Kore.ai is made again, how long to wait, and when to give up."""

from collections.abc import Awaitable, Callable

import tenacity

from kore_gate import errors, text
from kore_gate.clock import Clock
from kore_gate.kore.responses import Answer

_BACKOFF = tenacity.wait_random_exponential(multiplier=1, max=20)


class TryAgain(Exception):
    """One try failed in a way that may pass.

    `arrived`: Kore.ai may have taken the request. `limited`: it asks to be called less. `wait`: for so many seconds.
    """

    def __init__(self, message: str, *, arrived: bool, limited: bool = False, wait: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.arrived = arrived
        self.limited = limited
        self.wait = wait


class Retries:
    """Makes one call until it gives an answer, or the outage lasts too long."""

    def __init__(self, clock: Clock, outage_limit: float, host: str, on_trouble: Callable[[str], None]) -> None:
        self._host = host
        self._clock = clock
        self._limit = outage_limit
        self._on_trouble = on_trouble
        self._since: float | None = None  # when the outage began
        self._failure = TryAgain("", arrived=False)

    async def run(
        self, one_try: Callable[[], Awaitable[Answer]], *, ready: Callable[[], Awaitable[None]], again: bool
    ) -> Answer:
        """Return the answer; without `again`, only a request that can't have arrived is sent again.

        Waiting for `ready` before each try does not count as outage. Raises Unavailable, or Unsure for a request that
        may have arrived.
        """
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(lambda exc: isinstance(exc, TryAgain) and (again or not exc.arrived)),
            wait=self._wait,
            # tenacity keeps a time of its own; ours is the one that counts.
            stop=lambda _: self._outage_left() <= 0,
            sleep=self._clock.sleep,
            before_sleep=lambda _: self._on_trouble(self._failure.message),
            retry_error_callback=lambda _: self._give_up(),
        )
        try:
            return await retrying(self._try, one_try, ready)
        except TryAgain as failure:
            raise errors.Unsure(
                f"Kore.ai may or may not have received the request: {failure.message}.",
                cause="a connection that broke, or a response that got lost, after the request was sent.",
                hint=(
                    "kore_gate does not send it twice. Check in Kore.ai (Regression Testing) whether the job has "
                    "started; then wait for it by its id, or start again."
                ),
            ) from failure

    async def _try(self, one_try: Callable[[], Awaitable[Answer]], ready: Callable[[], Awaitable[None]]) -> Answer:
        """Try once, and note when an outage begins or ends."""
        await ready()
        started = self._clock.monotonic()
        try:
            return await one_try()
        except TryAgain as failure:
            self._failure = failure
            if failure.limited:
                self._since = None  # it answers, so it is there
            elif self._since is None:
                self._since = started
            raise

    def _outage_left(self) -> float:
        return self._limit if self._since is None else self._limit - (self._clock.monotonic() - self._since)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        # Never sooner than Kore.ai asks; and later by chance, so that callers spread.
        wait = (self._failure.wait or 0.0) + _BACKOFF(state)
        # One last try is made when the limit comes, however long Kore.ai asks to wait.
        return wait if self._failure.limited else min(wait, max(self._outage_left(), 0.0))

    def _give_up(self) -> Answer:
        raise errors.Unavailable(
            f"Kore.ai ({self._host}) was unavailable for {text.duration(self._limit)}: {self._failure.message}.",
            cause="an outage, a wrong host, or a proxy or firewall in between.",
            hint="Check host and network (`kore-gate doctor`), or raise outage-limit.",
        ) from self._failure
