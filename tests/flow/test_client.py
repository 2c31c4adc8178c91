"""What the client sends, where to, and what it keeps to itself."""

import asyncio
import functools
import json
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest

from kore_gate import errors
from kore_gate.kore import transport
from kore_gate.kore.auth import Signer
from kore_gate.kore.client import KoreClient
from kore_gate.simulator import scenarios, service
from tests.fakes.clock import FakeClock
from tests.fakes.kore import FakeKore
from tests.fakes.pipeline import HOST, make_settings
from tests.fakes.rig import CALLS, RUNNING, Chunks, Rig


def test_request__headers(rig: Callable[..., Rig]) -> None:
    """A request carries its token alone, the bot's language, and who asks from where."""
    made = rig(RUNNING, bot_language="de")

    made.look()

    headers = made.script.requests[0].headers
    claims = jwt.decode(headers["auth"], scenarios.CLIENT_SECRET, ["HS256"], options={"verify_exp": False})
    assert claims["appId"] == scenarios.CLIENT_ID
    assert headers["bot-language"] == "de"
    assert headers["user-agent"].startswith("kore_gate/")
    assert headers["user-agent"].endswith("(+github)")
    assert headers["accept-encoding"] == "gzip"
    assert "authorization" not in headers


def test_request__a_fresh_token_for_each_try(rig: Callable[..., Rig]) -> None:
    """A retry is signed anew: Kore.ai takes no token twice."""
    made = rig(500, 502, "refused", RUNNING)

    made.look()

    assert len({request.headers["auth"] for request in made.script.requests}) == 4


@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        ("Banking", "Banking"),
        ("a b", "a%20b"),
        ("a/b", "a%2Fb"),
        ("../../../uploadfile", "..%2F..%2F..%2Fuploadfile"),
        ("..", "%2E%2E"),
        (".", "%2E"),
        ("...", "%2E%2E%2E"),
        ("a.b", "a.b"),
        ("100%", "100%25"),
        ("%2e%2e", "%252e%252e"),
        ("what?", "what%3F"),
        ("a#b", "a%23b"),
        ("a;b=c&d+e", "a%3Bb%3Dc%26d%2Be"),
        ("a\\b", "a%5Cb"),
        ("Übung 1", "%C3%9Cbung%201"),
        ("a\r\nb", "a%0D%0Ab"),
        ("\U0001f600", "%F0%9F%98%80"),
        ("half \ud800", "half%20%ED%A0%80"),
    ],
)
def test_request__opaque_segments(rig: Callable[..., Rig], name: str, encoded: str) -> None:
    """Whatever an id or a name is made of, it stays one segment of the path."""
    made = rig(RUNNING, stream_id="st/1")

    made.run(lambda api: api.run_job(name, "ctr/1"))

    path = made.script.requests[0].url.raw_path.decode()
    assert path == f"/api/public/stream/st%2F1/conversation/testsuite/{encoded}/ctr%2F1/status"


def test_request__base_path(rig: Callable[..., Rig]) -> None:
    """A gateway's base path and port stay in front."""
    made = rig(RUNNING, host="https://gateway.example:8443/kore/v1")

    made.look()

    url = str(made.script.requests[0].url)
    stream = scenarios.STREAM_ID
    assert url == (
        f"https://gateway.example:8443/kore/v1/api/public/stream/{stream}/conversation/testsuite/import/ds-1/status"
    )


def test_request__import_body(rig: Callable[..., Rig]) -> None:
    """The import names the upload's id as `fileName`, and carries texts of any kind."""
    made = rig({"dsId": "ds-7"}, tags=("smoke", "ü"), description="half \ud800")

    ds_id = made.run(lambda api: api.start_import("file-1", "Sûite \udc00"))

    request = made.script.requests[0]
    assert ds_id == "ds-7"
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.content) == {
        "fileName": "file-1",
        "name": "Sûite \udc00",
        "userEmailId": scenarios.USER_EMAIL,
        "tags": ["smoke", "ü"],
        "description": "half \ud800",
    }


def test_request__run_body(rig: Callable[..., Rig]) -> None:
    """A run names its version and who asks for it."""
    made = rig({"testRunId": "ctr-7"}, bot_version="published")

    assert made.run(lambda api: api.start_run("Banking")) == "ctr-7"
    assert json.loads(made.script.requests[0].content) == {"version": "published", "userEmailId": scenarios.USER_EMAIL}


@pytest.mark.parametrize("name", ["Banking", 'a"b', "a\r\nb: c", "half \ud800", "Übung", "x" * 500])
def test_request__upload(rig: Callable[..., Rig], name: str) -> None:
    """A file goes out as a form of three fields, its content as it is, whatever its suite is called."""
    made = rig({"fileId": "f-1"})

    file_id = made.run(lambda api: api.upload(name, b'{"x": "\xff"}'))

    content = made.script.requests[0].content
    head = content.partition(b'name="file"')[2].partition(b"\r\n")[0]
    assert file_id == "f-1"
    assert content.count(b"Content-Disposition: form-data;") == 3
    assert b'name="fileContext"\r\n\r\nbulkImport\r\n' in content
    assert b'name="fileExtension"\r\n\r\njson\r\n' in content
    assert b'\r\n\r\n{"x": "\xff"}\r\n' in content
    assert head.endswith(b'.json"')


def fetch(rig: Callable[..., Rig], link: str, *kinds: object, **changes: Any) -> tuple[bytes, list[httpx.Request]]:
    """Fetch a link; return what came, and what was asked."""
    made = rig(*kinds, **changes)
    data = made.run(lambda api: api.fetch(link))
    return data, made.script.requests


def table(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, stream=Chunks(b"step,result\n" * 1000))


@pytest.mark.parametrize(
    ("link", "signed"),
    [
        (f"{HOST}/results.csv", True),
        ("https://KORE.example:443/results.csv?e=1", True),
        ("https://kore.example:8443/results.csv", False),
        ("http://kore.example/results.csv", False),
        ("https://files.example/results.csv", False),
        ("https://kore.example.evil.example/results.csv", False),
        ("https://kore.example@evil.example/results.csv", False),
        ("https://kore.example%2Eevil.example/", False),
        ("https://sub.kore.example/", False),
    ],
)
def test_fetch__token(rig: Callable[..., Rig], link: str, signed: bool) -> None:
    """The token goes along to Kore.ai's own host under its own scheme, and nowhere else."""
    data, requests = fetch(rig, link, table)

    assert data == b"step,result\n" * 1000
    assert [("auth" in request.headers) for request in requests] == [signed]


@pytest.mark.parametrize("kind", [401, 404, 429, 500, 302, "refused", "reset", "timeout", "cut off"])
def test_fetch__fails(rig: Callable[..., Rig], kind: object) -> None:
    """A link that fails is tried once, and what happened is said."""
    made = rig(kind)

    with pytest.raises(errors.Unavailable):
        made.run(lambda api: api.fetch(f"{HOST}/x"))

    assert len(made.script.requests) == 1


@pytest.mark.parametrize(
    "link",
    ["", "x", "/x", "ftp://kore.example/x", "https://", "https://[::1", "https://kore.example:x/", "https://\ud800/"]
    + [f"https://kore.example:{port}/" for port in (65536, 99999, -1, 10**30, "\u0661")],
)
def test_fetch__no_link(rig: Callable[..., Rig], link: str) -> None:
    """A link that is not an address is Unavailable."""
    with pytest.raises(errors.Unavailable):
        fetch(rig, link, "refused")


def test_fetch__capped(rig: Callable[..., Rig]) -> None:
    """A results file has the same limit as an answer."""
    with pytest.raises(errors.Unavailable, match="max-response"):
        fetch(rig, f"{HOST}/x", table, max_response=5000)


def test_secrets__echoed_by_kore(rig: Callable[..., Rig]) -> None:
    """Whatever Kore.ai echoes, no message shows a secret or a token; another request's neither."""
    other = jwt.encode({"appId": "x"}, "y" * 40, "HS256")

    def echo(request: httpx.Request, status: int) -> httpx.Response:
        said = f"{request.headers['auth']} {other} {scenarios.CLIENT_SECRET}"
        return httpx.Response(status, json={"errors": [{"msg": said, "code": 1}]}, headers={"location": f"/{said}"})

    messages: list[str] = []
    for status in (302, 400, 401, 404, 408, 429, 500):
        made = rig(functools.partial(echo, status=status), outage_limit=2.0, timeout=30.0)
        for work in CALLS.values():
            with pytest.raises((errors.GateError, TimeoutError)) as caught:
                made.run(work)
            error = caught.value
            if isinstance(error, errors.GateError):
                messages += [error.message, error.cause, error.hint]
            messages += made.troubles

    everything = "\n".join(messages)
    assert "***" in everything
    assert not any(secret in everything for secret in (scenarios.CLIENT_SECRET, other, "eyJ"))


def test_secrets__in_reasons(rig: Callable[..., Rig]) -> None:
    """What an answer gives for a job's failure goes into reports, and so shows no secret either."""
    made = rig({"_id": "x", "status": "FAILURE", "message": f"bad {scenarios.CLIENT_SECRET}"})

    assert made.run(lambda api: api.import_job("x")).reasons == ("bad ***",)
    assert made.run(lambda api: api.run_job("x", "y")).reasons == ("bad ***",)


def test_simulator__names_of_any_kind(clock: FakeClock) -> None:
    """Suites are imported and run under names that would break a path."""
    names = ["a/b c", "100% ü?", "..", "x#y"]
    simulator = service.Simulator(now=lambda: clock.now().timestamp(), job_seconds=10.0)
    fake = FakeKore(simulator)
    settings = make_settings()
    document = b'{"testSteps": [{"input": "Hi", "outputs": ["Hello"]}]}'

    async def one(api: KoreClient, name: str) -> tuple[str, str]:
        ds_id = await api.start_import(await api.upload(name, document), name)
        await asyncio.sleep(60)
        suite = (await api.import_job(ds_id)).suite
        run_id = await api.start_run(name)
        await asyncio.sleep(60)
        return suite.name if suite else "", (await api.run_job(name, run_id)).status

    async def everything() -> list[tuple[str, str]]:
        async with transport.connect(settings, "none", fake) as http:
            api = KoreClient(http, settings, Signer(settings, clock), clock)
            return [await one(api, name) for name in names]

    assert clock.run(everything()) == [(name, "passed") for name in names]
    assert {entry.status for entry in simulator.log} == {200}


@pytest.mark.slow
def test_simulator__limits_over_all_tasks(clock: FakeClock) -> None:
    """A hundred suites at once never meet a limit: it is kept for the bot, over all of them."""
    simulator = service.Simulator(now=lambda: clock.now().timestamp())
    fake = FakeKore(simulator)
    settings = make_settings(timeout=3600.0)
    document = b'{"testSteps": [{"input": "Hi", "outputs": ["Hello"]}]}'

    async def one(api: KoreClient, name: str) -> str:
        ds_id = await api.start_import(await api.upload(name, document), name)
        return (await api.import_job(ds_id)).status

    async def everything() -> list[str]:
        async with transport.connect(settings, "none", fake) as http:
            api = KoreClient(http, settings, Signer(settings, clock), clock)
            return await asyncio.gather(*(one(api, f"suite {number}") for number in range(40)))

    assert clock.run(everything()) == ["IN_PROGRESS"] * 40
    assert {entry.status for entry in simulator.log} == {200}
    assert 61 <= clock.monotonic() < 122
