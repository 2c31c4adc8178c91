from collections.abc import Callable

import pytest

from kore_gate import errors
from kore_gate.gate import poller
from kore_gate.gate.pace import Pace
from kore_gate.model import Job, State, replace
from tests.fakes.clock import FakeClock

Answer = Job | errors.GateError


def job(status: str, state: State = State.RUNNING, **overrides: object) -> Job:
    return replace(Job(status=status, state=state), **overrides)


RUNNING, DONE = job("IN_PROGRESS"), job("SUCCESS", State.SUCCEEDED)


class Record:
    """A record that is asked for: `answer` says what is there at a time, each request takes `seconds`."""

    def __init__(self, clock: FakeClock, answer: Callable[[float], Answer], seconds: float = 0.0) -> None:
        self.clock = clock
        self.answer = answer
        self.seconds = seconds
        self.requests: list[float] = []
        self.statuses: list[str] = []

    async def fetch(self) -> Job:
        self.requests.append(self.clock.monotonic())
        if self.seconds:
            await self.clock.sleep(self.seconds)
        answer = self.answer(self.clock.monotonic())
        if isinstance(answer, errors.GateError):
            raise answer
        return answer

    def wait(self, *, every: float | None = 5.0, timeout: float = 60.0, spacing: float = 0.0) -> Job:
        """Wait as the gate does, cut off at the deadline by a TimeoutError."""

        async def wait() -> Job:
            async with self.clock.limit(timeout):
                return await poller.wait_for(
                    self.fetch,
                    pace=Pace(lambda _: spacing, every),
                    deadline=timeout,
                    clock=self.clock,
                    on_status=lambda seen: self.statuses.append(seen.status),
                )

        return self.clock.run(wait())


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_wait_for__first_request_at_once(clock: FakeClock) -> None:
    """A job that has ended already costs no wait."""
    record = Record(clock, lambda _: DONE)

    seen = record.wait()

    assert (seen, clock.naps) == (DONE, [])


def test_wait_for__keeps_its_interval(clock: FakeClock) -> None:
    """The poller asks, sleeps and asks again until the job has ended, and reports each status."""
    record = Record(clock, lambda now: DONE if now >= 12 else RUNNING)

    seen = record.wait()

    assert seen == DONE
    assert record.requests == [0, 5, 10, 15]
    assert record.statuses == ["IN_PROGRESS", "IN_PROGRESS", "IN_PROGRESS", "SUCCESS"]


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED], ids=str)
def test_wait_for__ended(clock: FakeClock, state: State) -> None:
    """Well or badly, the end is the end."""
    ended = job("ANY", state)

    assert Record(clock, lambda _: ended).wait() == ended


def test_wait_for__unknown_status_is_no_end(clock: FakeClock) -> None:
    """A status that nobody knows is no end."""
    record = Record(clock, lambda now: DONE if now >= 10 else job("REINDEXING", State.UNKNOWN))

    seen = record.wait()

    assert seen == DONE
    assert record.statuses == ["REINDEXING", "REINDEXING", "SUCCESS"]


@pytest.mark.parametrize(
    ("every", "timeout", "requests"),
    [
        (5.0, 18.0, [0, 5, 10, 15, 17.8]),
        (5.0, 16.0, [0, 5, 10, 15, 15.8]),
        (60.0, 90.0, [0, 60, 89.8]),
        (60.0, 30.0, [0, 29.8]),
        (0.5, 2.2, [0, 0.5, 1.0, 1.5, 2.0]),
        (5.0, 1.0, [0, 0.8]),
        (5.0, 0.1, [0]),
    ],
)
def test_wait_for__last_request_before_the_deadline(
    clock: FakeClock, every: float, timeout: float, requests: list[float]
) -> None:
    """However long the interval, there is a request shortly before the deadline, and the whole time is used."""
    record = Record(clock, lambda _: RUNNING)

    with pytest.raises(TimeoutError):
        record.wait(every=every, timeout=timeout)

    assert record.requests == pytest.approx(requests)
    assert clock.monotonic() == timeout


def test_wait_for__last_request_has_time_for_its_answer(clock: FakeClock) -> None:
    """The last request comes earlier where answers take longer; what they take is part of the wait."""
    record = Record(clock, lambda now: DONE if now >= 59 else RUNNING, seconds=0.8)

    assert record.wait(every=20.0) == DONE
    assert record.requests == pytest.approx([0, 20.8, 41.6, 58.4])


def test_wait_for__keeps_the_spacing(clock: FakeClock) -> None:
    """However short the interval, requests keep the distance that the budget needs."""
    record = Record(clock, lambda now: DONE if now >= 5 else RUNNING)

    record.wait(every=0.1, spacing=2.0)

    assert record.requests == [0, 2, 4, 6]


def test_wait_for__record_not_visible_yet(clock: FakeClock) -> None:
    """A new record may take a moment to be seen."""
    record = Record(clock, lambda now: DONE if now >= 25 else errors.Gone("HTTP 404"))

    assert record.wait() == DONE
    assert record.statuses == ["SUCCESS"]


def test_wait_for__record_never_visible(clock: FakeClock) -> None:
    """A record that does not appear within half a minute is not there."""
    record = Record(clock, lambda _: errors.Gone("HTTP 404, no such record"))

    with pytest.raises(
        errors.Gone, match=r"The record did not appear within 30s \(HTTP 404, no such record\)\."
    ) as caught:
        record.wait(timeout=600)

    assert clock.monotonic() == 30
    assert "a typo" in caught.value.cause


def test_wait_for__record_not_visible_before_an_early_deadline(clock: FakeClock) -> None:
    """A deadline that comes first ends that wait, too, with how long it was."""
    record = Record(clock, lambda _: errors.Gone("HTTP 404"))

    with pytest.raises(errors.Gone, match=r"The record did not appear within 12s \(HTTP 404\)\."):
        record.wait(timeout=12)


def test_wait_for__cancelled_before_the_record_is_visible(clock: FakeClock) -> None:
    """A wait that is cancelled before the deadline says nothing of the record."""
    record = Record(clock, lambda _: errors.Gone("HTTP 404"))

    async def cut_short() -> None:
        async with clock.limit(10):
            await poller.wait_for(
                record.fetch,
                pace=Pace(lambda _: 0.0, 5.0),
                deadline=60.0,
                clock=clock,
                on_status=lambda _: None,
            )

    with pytest.raises(TimeoutError):
        clock.run(cut_short())


def test_wait_for__record_gone(clock: FakeClock) -> None:
    """A record that was there is gone after three more requests over 15 s; the message says when it was to expire."""
    running = job("IN_PROGRESS", expires="2026-01-02T03:19:05.000Z")
    record = Record(clock, lambda now: errors.Gone("HTTP 404") if now >= 10 else running)

    with pytest.raises(errors.Gone) as caught:
        record.wait()

    assert caught.value.message == (
        "The record is gone (HTTP 404); its last status was IN_PROGRESS; "
        "it was due to expire at 2026-01-02T03:19:05.000Z."
    )
    assert record.requests == [0, 5, 10, 15, 20, 25]


@pytest.mark.parametrize("every", [0.5, 5.0, 14.0])
def test_wait_for__not_gone_yet(clock: FakeClock, every: float) -> None:
    """One answer, or some seconds of answers, that know nothing of a record are a gateway's fault."""
    record = Record(clock, lambda now: DONE if now > 24 else errors.Gone("HTTP 404") if now >= 10 else RUNNING)

    assert record.wait(every=every) == DONE


def test_wait_for__absent_now_and_then(clock: FakeClock) -> None:
    """Absences count only from the last time that the record was there."""
    record = Record(clock, lambda now: DONE if now > 100 else errors.Gone("HTTP 404") if int(now / 5) % 3 else RUNNING)

    assert record.wait(timeout=200.0) == DONE


def test_wait_for__record_expired(clock: FakeClock) -> None:
    """A record that was to expire by now is gone at once."""
    running = job("IN_PROGRESS", expires="2026-01-02T03:04:13.000Z")
    record = Record(clock, lambda now: errors.Gone("HTTP 404") if now >= 10 else running)

    with pytest.raises(errors.Gone):
        record.wait()

    assert clock.monotonic() == 10


def test_wait_for__record_gone_without_a_word(clock: FakeClock) -> None:
    """A record that never said anything of itself is gone all the same."""
    record = Record(clock, lambda now: errors.Gone("HTTP 404") if now else job("", State.UNKNOWN))

    with pytest.raises(errors.Gone, match=r"its last status was none\.$"):
        record.wait()


@pytest.mark.parametrize("error", [errors.Refused("no"), errors.Unavailable("down")], ids=str)
def test_wait_for__other_errors_end_the_wait(clock: FakeClock, error: errors.GateError) -> None:
    """What ends a call ends the wait."""
    record = Record(clock, lambda now: error if now else RUNNING)

    with pytest.raises(type(error)) as caught:
        record.wait()

    assert caught.value is error
