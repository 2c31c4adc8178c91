"""When to ask for a job's status again: the less of it is likely to be left, the sooner.

A pipeline waits from the job's end to the next request. Of all ways to spend as many requests, that delay is least in
the mean when the seconds between two of them grow with the square root of the time that the job is expected to last.
"""

import dataclasses
import math
import random
from collections.abc import Callable

# More asks more seldom: so much costs a job of 1 s to 30 min about 89 requests in the mean (bench/polling.py).
CAUTION = 0.16
LEAST_GAP = 0.3  # seconds
# Where a job's end is foreseen, it may come so much sooner or later; until then requests are at most so much rarer.
EARLY, LATE, RARER = 0.8, 1.2, 4.0
# Of the time to a foreseen end, so much may pass without a request.
STRIDE = 0.75


@dataclasses.dataclass(slots=True)
class Pace:
    """The pace of the requests for one job.

    `spacing` returns the seconds to keep between requests, given the seconds in which more are to follow. `interval` is
    a fixed one, None for a pace that follows the job; `expected` the seconds that this job took before, if known.
    """

    spacing: Callable[[float], float]
    interval: float | None = None
    expected: float | None = None
    _percent: float | None = None
    _moved: float = 0.0  # seconds after which the percentage was last a new one

    def note(self, elapsed: float, percent: float | None) -> None:
        """Keep how far the job is after so many seconds."""
        if percent != self._percent:
            self._percent, self._moved = percent, elapsed

    def seconds(self, elapsed: float, left: float) -> float:
        """Return the seconds until the next request for a job of this age, with so many left to the deadline."""
        if self.interval is not None:
            return max(self.interval, self.spacing(left))
        elapsed = max(elapsed, LEAST_GAP)
        # What is left of a job about which only its age is known: of twice the age, twice as much.
        remaining = elapsed * math.log(max((elapsed + left) / elapsed, 1.1))
        gap = CAUTION * math.sqrt(remaining)
        end = self._foreseen()
        if end and elapsed < EARLY * end:
            gap = max(gap, min(STRIDE * (EARLY * end - elapsed), RARER * gap))
        elif end and elapsed < LATE * end:
            # An earlier run says more than a percentage: the budget may be spent in the time that it leaves open.
            remaining = LATE * end - elapsed if self.expected else remaining
            gap = CAUTION * math.sqrt(LATE * end - elapsed)
        # Pipelines that start together should not ask together.
        gap = max(gap, LEAST_GAP) * random.uniform(0.9, 1.1)  # noqa: S311 guards nothing
        return max(gap, self.spacing(min(left, remaining)))

    def _foreseen(self) -> float | None:
        """Return the seconds after which the job will probably end: as it did before, or as its percentage moves."""
        if self.expected or not self._percent or self._percent >= 100:
            return self.expected
        return 100 * self._moved / self._percent
