"""When the gate asks again, of jobs of all lengths."""

import itertools
import random
import statistics
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kore_gate.clock import Clock
from kore_gate.gate.pace import Pace
from kore_gate.kore.rate_limit import RateLimit

DEADLINE = 1800.0
# Spread evenly over their logarithms, from 1 s to 30 min.
LENGTHS = [1800.0 ** ((place + 0.5) / 200) for place in range(200)]


@pytest.fixture(autouse=True)
def chance() -> None:
    random.seed(5)


class SetClock(Clock):
    """A clock that is set."""

    time = 0.0

    def monotonic(self) -> float:
        return self.time


def requests(
    length: float,
    *,
    percent: Callable[[float], float | None] = lambda _: None,
    expected: float | None = None,
    deadline: float = DEADLINE,
) -> list[float]:
    """Return when the gate asks for a job of so many seconds, in seconds from its start, up to the deadline."""
    clock, times = SetClock(), list[float]()
    limit = RateLimit(clock, lambda *wait: pytest.fail(str(wait)))
    pace = Pace(lambda left: limit.spacing("job", left), expected=expected)
    while not times or times[-1] < min(length, deadline):
        limit.note("job")
        times.append(clock.time)
        pace.note(clock.time, percent(clock.time))
        clock.time += pace.seconds(clock.time, deadline - clock.time)
    return times


def delays(jobs: Sequence[tuple[float, Sequence[float]]]) -> tuple[float, float]:
    """Return the mean delay between a job's end and the answer that shows it, and the mean number of requests."""
    return statistics.mean(times[-1] - length for length, times in jobs), statistics.mean(len(t) for _, t in jobs)


def evenly(length: float) -> Callable[[float], float]:
    """Return the percentage of a job of so many seconds that does the same each second."""
    return lambda now: 100 * now / length


def test_pace__any_length() -> None:
    """Of a job about which nothing is known, the end is seen after 1.3 s in the mean, with fewer than 100 requests."""
    delay, number = delays([(length, requests(length)) for length in LENGTHS])

    assert delay <= 1.3
    assert number < 100


def test_pace__length_known() -> None:
    """With the length of an earlier run, known to a fifth, the end is seen after 0.6 s, with at most 48 requests."""
    earlier = [length / (0.8 + 0.4 * (0.618 * place % 1)) for place, length in enumerate(LENGTHS)]

    delay, number = delays([(length, requests(length, expected=e)) for length, e in zip(LENGTHS, earlier, strict=True)])

    assert delay <= 0.6
    assert number <= 48


def test_pace__even_progress_saves_requests() -> None:
    """A percentage that moves evenly foretells the end: half the requests, and the end is seen as soon."""
    without = delays([(length, requests(length)) for length in LENGTHS])
    jobs = [(length, requests(length, percent=evenly(length))) for length in LENGTHS]

    delay, number = delays(jobs)

    assert number < 0.6 * without[1]
    assert delay < without[0] + 0.2


@pytest.mark.parametrize("percent", [0.0, 1.0, 85.0, 99.9, 100.0, 250.0, -3.0])
def test_pace__stuck_progress(percent: float) -> None:
    """A percentage that no longer moves, or that is none, neither hastens requests nor stops them."""
    plain, stuck = requests(600.0), requests(600.0, percent=lambda now: percent if now > 5 else 0.0)

    assert stuck[-1] - 600 < 10
    assert len(stuck) < len(plain) + 20


@pytest.mark.parametrize("factor", [0.01, 0.5, 2.0, 100.0])
def test_pace__wrong_expectation(factor: float) -> None:
    """An earlier run that took much more or much less time delays a verdict by seconds, never by minutes."""
    late = [requests(length, expected=factor * length)[-1] - length for length in LENGTHS]

    assert max(late) < 20


@given(
    st.floats(0, 5000),
    st.lists(st.floats(-10, 300) | st.none(), min_size=1, max_size=20),
    st.none() | st.floats(0.001, 1e6),
    st.floats(1, 7200),
)
def test_pace__within_the_limits(
    length: float, percents: list[float | None], expected: float | None, deadline: float
) -> None:
    """Whatever Kore.ai reports and an earlier run says, a tenth of its limits stays free for others."""
    times = requests(
        length, percent=lambda now: percents[int(now) % len(percents)], expected=expected, deadline=deadline
    )

    assert all(after - before > 60 for before, after in zip(times, times[54:], strict=False))
    assert all(after - before > 3600 for before, after in zip(times, times[1620:], strict=False))


def test_pace__interval() -> None:
    """A chosen interval is kept, however the job moves."""
    pace = Pace(lambda _: 0.0, 7.0, expected=100.0)
    pace.note(3.0, 50.0)

    assert [pace.seconds(elapsed, 500.0) for elapsed in (0.0, 3.0, 99.0)] == [7.0, 7.0, 7.0]


def test_pace__spreads() -> None:
    """Pipelines that start together don't ask together."""
    firsts = {Pace(lambda _: 0.0).seconds(30.0, 1000.0) for _ in range(30)}

    assert len(firsts) == 30


def test_pace__spacing_counts() -> None:
    """However near the end, requests keep the distance that the budget needs."""
    pace = Pace(lambda _: 4.0, expected=31.0)

    assert pace.seconds(30.0, 1000.0) == 4.0


def test_pace__gaps_grow() -> None:
    """The longer a job lasts, the rarer the requests: nobody notices a second after half an hour."""
    pace = Pace(lambda _: 0.0)
    gaps = [statistics.mean(pace.seconds(at, 3600.0) for _ in range(200)) for at in (1.0, 10.0, 100.0, 1000.0)]

    assert all(after > before for before, after in itertools.pairwise(gaps))
