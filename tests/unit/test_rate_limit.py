"""Kore.ai's limits are kept before a call is sent, over everything a call of the gate does at once."""

import asyncio
import random
from collections.abc import Sequence

import pytest

from kore_gate.kore.rate_limit import WINDOWS, RateLimit
from kore_gate.simulator.service import Request, Simulator
from tests.fakes.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def limited(
    clock: FakeClock, waits: list[str] | None = None, windows: Sequence[tuple[int, float]] = WINDOWS
) -> RateLimit:
    """Return limits that name each wait in a list."""
    return RateLimit(clock, lambda *wait: (waits if waits is not None else []).append("; ".join(wait)), windows=windows)


async def spend(limits: RateLimit, clock: FakeClock, calls: int, key: str = "bot") -> list[float]:
    """Take so many calls at once; return when each was free."""

    async def one() -> float:
        await limits.acquire(key)
        return clock.monotonic()

    return await asyncio.gather(*(one() for _ in range(calls)))


def most_within(times: list[float], seconds: float) -> int:
    """Return the largest number of calls in any window of so many seconds."""
    ordered = sorted(times)
    return max(
        sum(start <= time < start + seconds for time in ordered[index : index + 2000])
        for index, start in enumerate(ordered)
    )


def test_acquire__first_calls_are_free(clock: FakeClock) -> None:
    """A minute's worth of calls may leave at once, and one more a little after the minute."""
    times = clock.run(spend(limited(clock), clock, 61))

    assert times[:60] == [0.0] * 60
    assert times[60] == 61.0


def test_acquire__both_windows(clock: FakeClock) -> None:
    """Neither window's limit is ever exceeded, and no call waits longer than they ask."""
    times = clock.run(spend(limited(clock, windows=((3, 6.0), (9, 36.0))), clock, 20))

    assert most_within(times, 6.0) == 3
    assert most_within(times, 36.0) == 9
    assert times[8] == 12.0
    assert times[9] == 36.0


def test_acquire__in_order(clock: FakeClock) -> None:
    """Who asked first is served first, whoever else comes while he waits."""
    limits = limited(clock, windows=((1, 10.0),))
    served: list[str] = []

    async def caller(name: str, after: float) -> None:
        await asyncio.sleep(after)
        await limits.acquire("bot")
        served.append(name)

    async def all_callers() -> None:
        # The last one comes at the very moment at which a call becomes free.
        await asyncio.gather(*(caller(name, after) for name, after in zip("abcd", (0, 1, 2, 10), strict=True)))

    clock.run(all_callers())

    assert served == ["a", "b", "c", "d"]
    assert clock.monotonic() == 30.0


def test_acquire__each_for_itself(clock: FakeClock) -> None:
    """What one id used up does not hold up another."""
    limits = limited(clock)

    async def both() -> list[float]:
        await spend(limits, clock, 60, "import 1")
        return await spend(limits, clock, 60, "import 2")

    assert clock.run(both()) == [0.0] * 60


def test_acquire__a_cancelled_caller_takes_nothing(clock: FakeClock) -> None:
    """A caller that gives up leaves its turn to the next."""
    limits = limited(clock, windows=((1, 10.0),))

    async def give_up() -> float:
        await limits.acquire("bot")
        waiting = [asyncio.create_task(limits.acquire("bot")) for _ in range(3)]
        await asyncio.sleep(1)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await limits.acquire("bot")
        return clock.monotonic()

    assert clock.run(give_up()) == 10.0


def test_acquire__tells_a_wait(clock: FakeClock) -> None:
    """A caller that has to wait learns for how long."""
    waits: list[str] = []
    limits = limited(clock, waits)

    async def calls() -> None:
        for _ in range(61):
            await limits.acquire("bot")

    clock.run(calls())

    assert waits == [
        "rate limit kept by kore_gate: Kore.ai allows 60 calls a minute and 1,800 an hour; until 03:05:06 UTC"
    ]


def test_acquire__tells_those_in_the_queue(clock: FakeClock) -> None:
    """Callers behind the one that waits learn of it, too."""
    waits: list[str] = []

    clock.run(spend(limited(clock, waits), clock, 63))

    assert len(waits) == 3
    assert {wait.rpartition("; ")[2] for wait in waits} == {"until 03:05:06 UTC"}


@pytest.mark.parametrize(
    ("left", "pace"),
    [(5.4, 0.1), (61.0, 61 / 54), (1800.0, 61 / 54), (2430.0, 1.5), (3601.0, 3601 / 1620), (9e9, 3601 / 1620)],
)
def test_spacing(clock: FakeClock, left: float, pace: float) -> None:
    """Calls are spread so that they last as long as is wanted; a tenth of them is left to others."""
    assert limited(clock).spacing("bot", left) == pytest.approx(pace)


def test_spacing__after_a_burst(clock: FakeClock) -> None:
    """Calls that were made in a hurry are missing later, until they count no more."""
    limits = limited(clock)

    async def burst() -> None:
        for _ in range(50):
            await limits.acquire("bot")

    clock.run(burst())

    assert limits.spacing("bot", 20.0) == pytest.approx(5.0)
    assert limits.spacing("bot", 61.0) == pytest.approx(61 / 54)


@pytest.mark.parametrize("timeout", [30.0, 120.0])
def test_spacing__lasts(clock: FakeClock, timeout: float) -> None:
    """Who keeps the spacing never waits for a free call, and still calls at the end."""
    limits = limited(clock)
    waits: list[float] = []

    async def calls() -> float:
        last = 0.0
        while (left := timeout - clock.monotonic()) > 0.2:
            before = clock.monotonic()
            await limits.acquire("bot")
            last = clock.monotonic()
            waits.append(last - before)
            await clock.sleep(max(0.05, limits.spacing("bot", left)))
        return last

    last = clock.run(calls())

    assert all(wait < 0.1 for wait in waits)
    assert timeout - last < 2.5


def test_acquire__memory(clock: FakeClock) -> None:
    """No more is remembered than the largest window holds."""
    limits = limited(clock)

    clock.run(spend(limits, clock, 1810))

    assert {len(calls) for calls in limits._calls.values()} == {1800}
    assert WINDOWS == ((60, 61.0), (1800, 3601.0))


def test_acquire__says_when_a_queue_will_have_moved_on(clock: FakeClock) -> None:
    """Who waits behind others gets a time that counts them."""
    waits: list[str] = []

    clock.run(spend(limited(clock, waits, windows=((2, 10.0),)), clock, 7))

    assert [wait.rpartition("; ")[2] for wait in waits[:5]] == [
        "until 03:04:15 UTC",
        "until 03:04:15 UTC",
        "until 03:04:25 UTC",
        "until 03:04:25 UTC",
        "until 03:04:35 UTC",
    ]


def test_acquire__a_moment_is_no_news(clock: FakeClock) -> None:
    """A wait of less than a second is not worth a word."""
    waits: list[str] = []

    times = clock.run(spend(limited(clock, waits, windows=((2, 0.9),)), clock, 3))

    assert (times, waits) == ([0.0, 0.0, 0.9], [])


def test_acquire__never_refused(clock: FakeClock) -> None:
    """The simulator, which counts when calls arrive, never refuses one, however unevenly they are wanted."""
    chance = random.Random(1)
    simulator = Simulator(now=lambda: clock.now().timestamp())
    limits = limited(clock)

    async def caller() -> None:
        for _ in range(60):
            await asyncio.sleep(chance.choice([0, 0, 0, 0.5, 30, 200]))
            await limits.acquire("bot")
            await asyncio.sleep(chance.uniform(0.01, 0.9))  # on its way
            simulator.handle(Request("POST", "/api/public/uploadfile"))

    async def crowd() -> None:
        await asyncio.gather(*(caller() for _ in range(40)))

    clock.run(crowd())

    assert len(simulator.log) == 2400
    assert {entry.status for entry in simulator.log} == {401}
