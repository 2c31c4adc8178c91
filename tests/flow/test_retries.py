"""What is tried again and for how long, and what is never sent twice."""

import email.utils
from collections.abc import Awaitable, Callable

import httpx
import pytest

from kore_gate import errors
from kore_gate.kore.client import KoreClient
from kore_gate.simulator import scenarios
from tests.fakes.clock import FakeClock
from tests.fakes.rig import CALLS, CAN_NOT_HAVE_ARRIVED, MAY_HAVE_ARRIVED, OUTAGES, RUNNING, STARTS, Rig


@pytest.mark.parametrize("kind", [*OUTAGES, 429, "limit", "hour", "proxy"])
def test_retry__until_it_works(rig: Callable[..., Rig], kind: object) -> None:
    """What may pass is tried again, and said."""
    made = rig(kind, kind, RUNNING)

    assert made.look() == "IN_PROGRESS"
    assert len(made.script.requests) == 3
    assert len(made.troubles) == 2


@pytest.mark.parametrize("kind", ["empty", 429, 500])
def test_retry__upload(rig: Callable[..., Rig], kind: object) -> None:
    """An upload is sent again, also when it may have arrived."""
    made = rig(kind, kind, {"fileId": "f-1"})

    assert made.run(lambda api: api.upload("x", b"{}")) == "f-1"
    assert len(made.script.requests) == 3


@pytest.mark.parametrize("status", [400, 409, 451])
def test_retry__other_4xx_end_at_once(rig: Callable[..., Rig], status: int) -> None:
    """Kore.ai's own no is final: one request, and its reason."""
    made = rig(status)

    with pytest.raises(errors.Unavailable, match=f"HTTP {status}: so it is"):
        made.look()

    assert len(made.script.requests) == 1


@pytest.mark.parametrize(("name", "start"), STARTS.items())
def test_retry__a_rejected_start(
    rig: Callable[..., Rig], name: str, start: Callable[[KoreClient], Awaitable[str]]
) -> None:
    """A start that Kore.ai rejects is the job's own failure."""
    made = rig(400)

    with pytest.raises(errors.Rejected, match="HTTP 400: so it is") as caught:
        made.run(start)

    assert (caught.value.exit_code, caught.value.status, len(made.script.requests)) == (3, 400, 1)


@pytest.mark.parametrize("start", [*STARTS.values(), lambda api: api.upload("x", b"{}")], ids=[*STARTS, "upload"])
def test_retry__a_start_at_the_wrong_place(
    rig: Callable[..., Rig], start: Callable[[KoreClient], Awaitable[str]]
) -> None:
    """A 404 to what would create something means a wrong address or name."""
    made = rig(404)

    with pytest.raises(errors.Rejected, match=r"HTTP 404: so it is") as caught:
        made.run(start)

    assert "stream-id" in caught.value.hint
    assert len(made.script.requests) == 1


@pytest.mark.parametrize(
    ("work", "answer"),
    [
        (CALLS["look"], httpx.Response(401)),
        (CALLS["look"], httpx.Response(403)),
        (CALLS["look"], httpx.Response(200, json={"errors": [{"msg": "Invalid JWT token", "code": 4002}]})),
        (CALLS["look"], httpx.Response(400, json={"errors": [{"msg": "Invalid JWT token", "code": "4002"}]})),
        (CALLS["look"], httpx.Response(500, json={"errors": [{"msg": "replay", "code": 401}]})),
        (CALLS["look"], httpx.Response(403, html="<h1>Forbidden</h1>")),
        (CALLS["import"], httpx.Response(401)),
        (CALLS["run"], httpx.Response(500, json={"errors": [{"msg": "replay", "code": 401}]})),
    ],
    ids=["401", "403", "4002 under 200", "4002 under 400", "401 under 500", "HTML", "import", "run"],
)
def test_retry__refused_at_once(
    rig: Callable[..., Rig], work: Callable[[KoreClient], Awaitable[object]], answer: httpx.Response
) -> None:
    """Refused credentials are tried once, and what they usually mean is said."""
    made = rig(lambda _: answer)

    with pytest.raises(errors.Refused) as caught:
        made.run(work)

    assert len(made.script.requests) == 1
    assert caught.value.exit_code == 6
    is_forbidden = answer.status_code == 403
    assert caught.value.cause.startswith("a stream-id of another" if is_forbidden else "a wrong client id or secret")
    assert caught.value.hint.startswith("Check stream-id (st-" if is_forbidden else "Check client-id")
    assert caught.value.hint.endswith(". `kore-gate doctor` checks all of this.")


def test_retry__refused_by_the_clock(rig: Callable[..., Rig], clock: FakeClock) -> None:
    """The Date header shows that it is the runner's clock."""
    date = email.utils.format_datetime(clock.start.replace(hour=5), usegmt=True)
    made = rig(lambda _: httpx.Response(401, headers={"date": date}))

    with pytest.raises(errors.Refused) as caught:
        made.look()

    assert caught.value.cause.startswith("this machine's clock: it is 2h behind Kore.ai's")
    assert made.client
    assert made.client.skew == 7200.0


@pytest.mark.parametrize(
    ("work", "status"), [(CALLS["look"], 302), (CALLS["import"], 307), (CALLS["run"], 307)], ids=CALLS
)
def test_redirect__not_followed(
    rig: Callable[..., Rig], work: Callable[[KoreClient], Awaitable[object]], status: int
) -> None:
    """A redirect is named, not followed: the token goes nowhere else."""
    made = rig(lambda _: httpx.Response(status, headers={"location": "https://evil.example/x"}))

    with pytest.raises(errors.GateError, match=r"a redirect to https://evil.example/x that kore_gate does not follow"):
        made.run(work)

    assert [request.url.host for request in made.script.requests] == ["kore.example"]


def test_absent__look(rig: Callable[..., Rig]) -> None:
    """Whether a record that is not there will still come, or has gone, is not the client's to say."""
    kinds: list[object] = ["empty", 404, {}]
    for kind in kinds:
        with pytest.raises(errors.Gone):
            rig(kind).look()


def test_retry__backoff(rig: Callable[..., Rig]) -> None:
    """Waits grow, with full jitter: between nothing and 1, 2, 4, 8, 16, then 20 seconds."""
    made = rig(*[500] * 30, RUNNING, outage_limit=10_000.0)

    made.look()

    bounds = [1, 2, 4, 8, 16, *[20] * 25]
    assert all(0 <= wait <= bound for wait, bound in zip(made.waits, bounds, strict=True))
    assert len({round(wait, 6) for wait in made.waits}) > 25
    assert max(made.waits) > 4


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date", "date of another clock"])
def test_retry__after(rig: Callable[..., Rig], clock: FakeClock, status: int, form: str) -> None:
    """Kore.ai is not asked sooner than it wants, in either form, whatever its clock says."""
    ahead = 3600 if form == "date of another clock" else 0
    start = clock.start.timestamp() + ahead
    wanted = "40" if form == "seconds" else email.utils.formatdate(start + 40, usegmt=True)
    headers = {"retry-after": wanted, "date": email.utils.formatdate(start, usegmt=True)}
    made = rig(lambda _: httpx.Response(status, headers=headers), RUNNING)

    made.look()

    assert 40 <= made.waits[0] <= 41


@pytest.mark.parametrize("kind", [429, "limit"])
def test_retry__limit_without_retry_after(rig: Callable[..., Rig], kind: object) -> None:
    """Where Kore.ai does not say how long, a part of the minute is waited."""
    made = rig(kind, RUNNING)

    made.look()

    assert 20 <= made.waits[0] <= 41


def test_retry__hourly_limit(rig: Callable[..., Rig]) -> None:
    """The hour's limit means waits of minutes, and is not an outage however long it lasts."""
    made = rig(*["hour"] * 6, RUNNING, timeout=10_000.0, outage_limit=180.0)

    assert made.look() == "IN_PROGRESS"
    assert all(300 <= wait <= 620 for wait in made.waits)
    assert sum(made.waits) > 1800


@pytest.mark.parametrize("kind", ["timeout", "reset", 500, "html"])
def test_outage__limit(rig: Callable[..., Rig], clock: FakeClock, kind: object) -> None:
    """An outage at a stretch ends the call when its limit comes, with what it was like and where."""
    made = rig(kind, outage_limit=60.0, request_timeout=10.0)

    with pytest.raises(errors.Unavailable, match=r"Kore\.ai \(kore\.example\) was unavailable for 1m: ") as caught:
        made.look()

    assert 60 <= clock.monotonic() <= 71
    assert caught.value.exit_code == 7
    assert "outage-limit" in caught.value.hint


def test_outage__a_last_try_at_the_limit(rig: Callable[..., Rig], clock: FakeClock) -> None:
    """However long a failing server asks to wait, the last try comes when the limit does."""
    made = rig(lambda _: httpx.Response(503, headers={"retry-after": "1000"}), outage_limit=60.0)

    with pytest.raises(errors.Unavailable):
        made.look()

    assert made.script.times == [0.0, 60.0]


def test_outage__over_when_it_answers(rig: Callable[..., Rig]) -> None:
    """Outages that are shorter than the limit end with an answer, each of them, a limit's too."""
    made = rig(*[502] * 3, 429, 502, RUNNING, *[502] * 3, RUNNING, outage_limit=20.0, timeout=3600.0)

    async def twice(api: KoreClient) -> list[str]:
        return [(await api.import_job("ds-1")).status for _ in range(2)]

    assert made.run(twice) == ["IN_PROGRESS"] * 2
    assert made.script.times[-1] > 20


def test_outage__waiting_for_a_free_call_is_none(rig: Callable[..., Rig]) -> None:
    """Time in which the gate holds itself back counts for no outage."""
    made = rig(*[RUNNING] * 60, 502, RUNNING, outage_limit=20.0)

    async def many(api: KoreClient) -> None:
        for _ in range(61):
            await api.import_job("ds-1")

    made.run(many)

    assert len(made.script.requests) == 62


@pytest.mark.parametrize(
    ("kind", "timeout"),
    [("timeout", 5.0), ("reset", 5.0), (500, 5.0), (429, 5.0), ("hour", 5.0), (500, 0.5), (500, 25.0)],
)
def test_deadline__cuts_off(rig: Callable[..., Rig], clock: FakeClock, kind: object, timeout: float) -> None:
    """Waits and requests end with the scope they run in, not before, and not after."""
    made = rig(kind, timeout=timeout, outage_limit=10_000.0, seconds=0.01)

    with pytest.raises(TimeoutError):
        made.look()

    assert clock.monotonic() == timeout


def test_limits__named_while_waiting(rig: Callable[..., Rig], clock: FakeClock) -> None:
    """When no call is free, the client says so and waits."""
    made = rig(RUNNING)

    async def many(api: KoreClient) -> None:
        for _ in range(61):
            await api.import_job("ds-1")

    made.run(many)

    assert clock.monotonic() == 61
    assert made.troubles == [
        "rate limit kept by kore_gate: Kore.ai allows 60 calls a minute and 1,800 an hour; until 03:05:06 UTC"
    ]


@pytest.mark.parametrize(("name", "kind"), [*[("import", kind) for kind in MAY_HAVE_ARRIVED], ("run", 500)], ids=str)
def test_start__not_sent_twice(rig: Callable[..., Rig], name: str, kind: object) -> None:
    """When a start may have arrived it is not sent again, and how to find out is said."""
    made = rig(kind, {"dsId": "ds-1", "testRunId": "ctr-1"})

    with pytest.raises(errors.Unavailable, match="may or may not have received the request") as caught:
        made.run(STARTS[name])

    assert len(made.script.requests) == 1
    assert caught.value.exit_code == 7
    assert "does not send it twice" in caught.value.hint


@pytest.mark.parametrize("kind", CAN_NOT_HAVE_ARRIVED)
@pytest.mark.parametrize(("name", "start"), STARTS.items())
def test_start__sent_again(
    rig: Callable[..., Rig], name: str, start: Callable[[KoreClient], Awaitable[str]], kind: object
) -> None:
    """A start that can't have arrived is sent again."""
    made = rig(kind, kind, {"dsId": "id-1", "testRunId": "id-1"})

    assert made.run(start) == "id-1"
    assert len(made.script.requests) == 3


@pytest.mark.parametrize(("kind", "then"), [("refused", "timeout"), (503, 500), (429, "reset"), ("limit", "empty")])
def test_start__second_try_in_doubt(rig: Callable[..., Rig], kind: object, then: object) -> None:
    """Only the last try counts: after a refused one, one that may have arrived is not followed by a third."""
    made = rig(kind, then, {"dsId": "id-1"})

    with pytest.raises(errors.Unavailable):
        made.run(STARTS["import"])

    assert len(made.script.requests) == 2


@pytest.mark.parametrize(("name", "start"), STARTS.items())
@pytest.mark.parametrize("body", [{"status": "IN_PROGRESS"}, {"dsId": None}, {"dsId": {}}, {"dsId": True}, {"x": 1}])
def test_start__accepted_without_id(
    rig: Callable[..., Rig], name: str, start: Callable[[KoreClient], Awaitable[str]], body: dict[str, object]
) -> None:
    """An acceptance without the id that is needed leads nowhere, and is not asked for again."""
    made = rig(body)

    with pytest.raises(errors.Unavailable, match=f"accepted the {name}, but returned no"):
        made.run(start)

    assert len(made.script.requests) == 1


@pytest.mark.parametrize("found", ["ds-1", 17, "a b"])
def test_start__id_of_any_form(rig: Callable[..., Rig], found: object) -> None:
    """Ids are opaque: no prefix and no type is asked for."""
    assert rig({"dsId": found}).run(STARTS["import"]) == str(found)
    assert rig({"_id": found, "status": "IN_PROGRESS"}).run(STARTS["import"]) == str(found)


def test_start__failed_at_once(rig: Callable[..., Rig]) -> None:
    """A start that is answered by a failure, and no id, was turned down."""
    made = rig({"status": "FAILED", "message": f"duplicate name {scenarios.CLIENT_SECRET}"})

    with pytest.raises(errors.Rejected, match=r"rejected the import: duplicate name \*\*\*$"):
        made.run(STARTS["import"])
