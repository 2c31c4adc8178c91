"""The gate's pace of polling beside others: seconds from a job's end to its verdict, and requests, in virtual time.

    polling.py [PLOT.svg]

Lengths are log-uniform from 1 s to 30 min, the deadline is 30 min after the start; a request takes no time.
"""

import itertools
import math
import pathlib
import random
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence

from kore_gate.clock import Clock
from kore_gate.gate.pace import Pace
from kore_gate.kore.rate_limit import RateLimit

SHORTEST, LONGEST = 1.0, 1800.0
JOBS = 3000
Waits = Callable[[float], Iterator[float]]
Progress = Callable[[float], float | None]


class VirtualClock(Clock):
    """A clock that is set."""

    time = 0.0

    def monotonic(self) -> float:
        """Return the time that was set."""
        return self.time


def lengths(number: int) -> list[float]:
    """Return lengths that are spread evenly over their logarithms."""
    return [SHORTEST * (LONGEST / SHORTEST) ** ((place + 0.5) / number) for place in range(number)]


def gate(progress: Progress = lambda _: None, expected: Callable[[float], float] | None = None) -> Waits:
    """Return the gate's own pace, for jobs whose percentage is a function of the part that is done."""

    def requests(length: float) -> Iterator[float]:
        clock = VirtualClock()
        limit = RateLimit(clock, print)
        pace = Pace(lambda left: limit.spacing("job", left), expected=expected(length) if expected else None)
        while True:
            yield clock.time
            limit.note("job")
            pace.note(clock.time, progress(clock.time / length))
            clock.time += pace.seconds(clock.time, max(LONGEST - clock.time, 0.0))

    return requests


def fixed(seconds: float) -> Waits:
    """Return the pace of a fixed interval."""
    return lambda _: itertools.count(0.0, seconds)


def doubling(_: float) -> Iterator[float]:
    """Double the interval from one second up to thirty."""
    return itertools.accumulate((min(2.0**number, 30.0) for number in range(10_000)), initial=0.0)


def least_delay(calls: float) -> float:
    """Return the least mean delay that so many calls a job allow in the mean, when only a job's age is known.

    Gaps g(t) that minimise delay plus calls are proportional to the root of the survival function over the density,
    here t ln(LONGEST / t). The limits are left out, so no policy can be better.
    """
    scale = math.log(LONGEST / SHORTEST)
    points = [(place + 0.5) / 20_000 for place in range(20_000)]

    def cost(factor: float) -> tuple[float, float]:
        delay = number = 0.0
        for point in points:
            time, survival = SHORTEST * math.exp(point * scale), 1 - point
            gap = factor * math.sqrt(time * scale * survival)
            delay += gap / 2 / len(points)
            number += survival / gap * time * scale / len(points)
        return delay, number

    low, high = 0.001, 10.0
    while high / low > 1.0001:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if cost(middle)[1] > calls else (low, middle)
    return cost(low)[0]


def measure(requests: Waits, jobs: Sequence[float]) -> tuple[list[float], float]:
    """Return the delays of these jobs, sorted, and the mean number of calls."""
    delays, calls = [], 0
    for length in jobs:
        for time in requests(length):
            calls += 1
            if time >= length:
                delays.append(time - length)
                break
    return sorted(delays), calls / len(jobs)


def sample(done: float) -> float:
    """Return the percentage of Kore.ai's own sample: 85 % after 14 of 63 s, and no more before the end."""
    return min(round(85 * done * 63 / 14), 85)


def main() -> None:
    """Print a row for each policy, and draw the means if a file is named for that."""
    random.seed(20261125)
    chance = random.Random(7)
    all_jobs, sample_jobs = lengths(JOBS), [63.0] * 300
    rows: list[tuple[str, Waits, Sequence[float]]] = [
        ("auto", gate(), all_jobs),
        ("auto, percentage moves evenly", gate(lambda done: round(100 * done)), all_jobs),
        ("auto, percentage as in the sample", gate(sample), all_jobs),
        ("auto, length known ± 20 %", gate(expected=lambda length: length / chance.uniform(0.8, 1.2)), all_jobs),
        ("auto, length known, but half of it", gate(expected=lambda length: length / 2), all_jobs),
        ("auto, length known, but twice it", gate(expected=lambda length: 2 * length), all_jobs),
        *((f"every {seconds} s", fixed(seconds), all_jobs) for seconds in (2, 5, 10, 30)),
        ("doubling from 1 s to 30 s", doubling, all_jobs),
        ("the sample's 63 s: auto", gate(sample), sample_jobs),
        *((f"the sample's 63 s: every {seconds} s", fixed(seconds), sample_jobs) for seconds in (2, 5, 10, 30)),
        ("the sample's 63 s: doubling", doubling, sample_jobs),
    ]
    print("| policy | mean delay | p95 | most | calls a job | least possible mean at these calls |")
    print("|---|--:|--:|--:|--:|--:|")
    points = []
    for name, requests, jobs in rows:
        delays, calls = measure(requests, jobs)
        mean, p95 = statistics.mean(delays), delays[int(0.95 * len(delays))]
        knows_age_only = jobs is all_jobs and "," not in name
        bound = f"{least_delay(calls):.2f} s ({mean / least_delay(calls):.2f} times)" if knows_age_only else ""
        print(f"| {name} | {mean:.2f} s | {p95:.2f} s | {delays[-1]:.2f} s | {calls:.1f} | {bound} |")
        if jobs is all_jobs and not name.endswith(("of it", "twice it", "in the sample")):
            points.append((name, calls, mean))
    if len(sys.argv) > 1:
        draw(points, pathlib.Path(sys.argv[1]))


def draw(points: Sequence[tuple[str, float, float]], path: pathlib.Path) -> None:
    """Draw mean delays over calls, with the bound as a line."""
    import matplotlib.pyplot as plt

    plt.rcParams |= {"svg.hashsalt": "kore_gate", "svg.fonttype": "none"}
    figure, axes = plt.subplots(figsize=(7, 4.2))
    calls = [8.0 * 1.2**power for power in range(18)]
    axes.plot(calls, [least_delay(number) for number in calls], color="grey", label="least possible, by age alone")
    for name, number, delay in points:
        is_gate = name.startswith("auto")
        axes.plot(number, delay, "o" if is_gate else "s", color="tab:green" if is_gate else "tab:red")
        axes.annotate(name, (number, delay), xytext=(6, -12 if is_gate else 3), textcoords="offset points", fontsize=8)
    axes.set(xscale="log", yscale="log", xlabel="calls a job (mean)", ylabel="seconds from end to verdict (mean)")
    axes.set_xlim(7, 400)
    axes.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")


if __name__ == "__main__":
    main()
