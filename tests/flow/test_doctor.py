"""What `doctor` reports, against the simulator and against other hosts."""

import dataclasses
import io
import socket
from typing import Any

import httpx
import pytest

from kore_gate.ci import dialects
from kore_gate.commands import doctor
from kore_gate.kore import transport
from kore_gate.reports.console import Console
from kore_gate.settings.sources import Settings
from kore_gate.simulator import scenarios, service
from tests.fakes.clock import FakeClock
from tests.fakes.kore import FakeKore
from tests.fakes.pipeline import make_settings

MANAGEMENT, EXECUTION = "Conversation Tests Management", "Conversation Tests Execution"


@dataclasses.dataclass
class Visit:
    code: int
    output: str


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(autouse=True)
def _names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look names up without a network, and see no proxy of the machine's."""

    async def getaddrinfo(loop: object, name: str, port: int, **_: Any) -> list[Any]:
        if name.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", port))]

    monkeypatch.setattr("asyncio.base_events.BaseEventLoop.getaddrinfo", getaddrinfo)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def visit(clock: FakeClock, transport: httpx.AsyncBaseTransport, settings: Settings) -> Visit:
    stderr = io.StringIO()
    console = Console(
        stderr=stderr,
        stdout=io.StringIO(),
        dialect=dialects.dialect_for("none"),
        colour=False,
        verbose=False,
        live=False,
        now=clock.now,
    )
    code = clock.run(doctor.Doctor(settings, console, clock, transport).run())
    return Visit(code, stderr.getvalue())


def simulator(clock: FakeClock, **options: Any) -> FakeKore:
    return FakeKore(service.Simulator(now=lambda: clock.now().timestamp(), **options))


def doctor_settings(**changes: Any) -> Settings:
    sources = {"host": "option --host", "client-secret": "variable KORE_CLIENT_SECRET", "ds-id": "option --ds-id"}
    return make_settings(command="doctor", sources=sources, **changes)


def test_doctor__all_well(clock: FakeClock) -> None:
    """Settings with their sources, DNS, token, both calls and the clock are told; exit code 0."""
    claims = f"appId {scenarios.CLIENT_ID}, sub kore_gate, iat 2026-01-02 03:04:05 UTC, exp 2026-01-02 03:09:05 UTC"

    ended = visit(clock, simulator(clock), doctor_settings())

    assert ended.code == 0
    assert ended.output.splitlines() == [
        "ok setting: host = https://kore.example (option --host)",
        "ok setting: ds-id = ds-demo-1 (option --ds-id)",
        "ok setting: client-secret = set (variable KORE_CLIENT_SECRET)",
        "ok proxy: none for this host",
        "ok DNS: kore.example resolves to 192.0.2.7",
        f"ok token: signed with HS256; {claims}",
        "ok import status: Kore.ai accepted the request; no such job, as expected (HTTP 404, Not Found (code 404))",
        "ok run status: Kore.ai accepted the request; no such job, as expected (HTTP 404, Not Found (code 404))",
        "ok clock: within 1.0s of Kore.ai's",
        "Verdict: passed. All checks passed.",
        "Exit code: 0 (passed)",
    ]


def test_doctor__changes_nothing(clock: FakeClock) -> None:
    """Only states are asked for, and only of jobs that nobody has."""
    transport = simulator(clock)

    visit(clock, transport, doctor_settings())

    assert [request.method for request in transport.requests] == ["GET", "GET"]
    assert doctor.NOBODYS_DS_ID in str(transport.requests[0].url)
    assert doctor.NOBODYS_RUN_ID in str(transport.requests[1].url)


def test_doctor__wrong_secret(clock: FakeClock) -> None:
    """Both calls refused mean credentials, not a scope; nothing secret is shown."""
    ended = visit(clock, simulator(clock), doctor_settings(client_secret="not-the-right-secret-but-a-long-one"))

    assert ended.code == 6
    assert "FAIL access: both requests are refused." in ended.output
    assert "Check client-id" in ended.output
    assert "not-the-right-secret" not in ended.output


@pytest.mark.parametrize(("granted", "missing"), [(MANAGEMENT, EXECUTION), (EXECUTION, MANAGEMENT)])
def test_doctor__missing_scope(clock: FakeClock, granted: str, missing: str) -> None:
    """One call refused and the other not mean that a scope is missing, and which."""
    ended = visit(clock, simulator(clock, scopes=frozenset({granted})), doctor_settings())

    assert ended.code == 6
    assert f'FAIL access: the token is valid, the scope "{missing}" is missing' in ended.output
    assert f'Select the scope "{missing}"' in ended.output


def test_doctor__unknown_host(clock: FakeClock) -> None:
    """A name that can't be looked up ends soon, in 7, and does not ask a second time."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Name or service not known", request=request)

    ended = visit(clock, httpx.MockTransport(refuse), doctor_settings(host="https://kore.invalid"))

    assert ended.code == 7
    assert "FAIL DNS: kore.invalid cannot be resolved" in ended.output
    assert "run status" not in ended.output
    assert clock.monotonic() < 60


@pytest.mark.parametrize(
    ("status", "code"),
    [pytest.param(400, 0, id="the made-up id is rejected"), pytest.param(405, 7, id="this is no such API"),
     pytest.param(302, 7, id="a redirect"), pytest.param(500, 7, id="an outage")],
)  # fmt: skip
def test_doctor__odd_answers(clock: FakeClock, status: int, code: int) -> None:
    """A refusal of the made-up id is no fault; an address that is not the API is."""
    answers = httpx.MockTransport(lambda _: httpx.Response(status, json={"errors": [{"msg": "no", "code": status}]}))

    ended = visit(clock, answers, doctor_settings())

    assert ended.code == code


def test_doctor__a_record_after_all(clock: FakeClock) -> None:
    """A host that knows every id has taken the call."""
    answers = httpx.MockTransport(lambda _: httpx.Response(200, json={"status": "IN_PROGRESS"}))

    ended = visit(clock, answers, doctor_settings())

    assert ended.code == 0
    assert "ok import status: Kore.ai accepted the request; status IN_PROGRESS" in ended.output


@pytest.mark.parametrize(("ahead", "word"), [(3600, "behind"), (-3600, "ahead of")])
def test_doctor__skewed_clock(clock: FakeClock, ahead: int, word: str) -> None:
    """A clock that is an hour off is bad even while tokens are still taken."""
    inner = simulator(clock)

    class Dated(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            response = await inner.handle_async_request(request)
            then = clock.now().timestamp() + ahead
            import email.utils

            response.headers["date"] = email.utils.formatdate(then, usegmt=True)
            return response

    ended = visit(clock, Dated(), doctor_settings())

    assert ended.code == 6
    assert f"FAIL clock: this machine is 1h {word} Kore.ai" in ended.output


def test_doctor__near_clock(clock: FakeClock) -> None:
    """A few seconds are nothing."""
    import email.utils

    date = email.utils.formatdate(clock.now().timestamp() + 5, usegmt=True)
    answers = httpx.MockTransport(lambda _: httpx.Response(404, headers={"date": date}))

    ended = visit(clock, answers, doctor_settings())

    assert ended.code == 0
    assert "ok clock: within 5.0s of Kore.ai's" in ended.output


def test_doctor__no_date(clock: FakeClock) -> None:
    """Without a Date header the clock is not judged."""
    ended = visit(clock, httpx.MockTransport(lambda _: httpx.Response(404)), doctor_settings())

    assert ended.code == 0
    assert "ok clock: not compared: Kore.ai's response has no Date header" in ended.output


def test_doctor__proxy(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy is named without its credentials, and the name is left to it."""
    monkeypatch.setenv("HTTPS_PROXY", "http://user:hush@proxy.example:3128")

    ended = visit(clock, simulator(clock), doctor_settings())

    assert "ok proxy: requests go through proxy.example:3128, which resolves the host name" in ended.output
    assert "hush" not in ended.output
    assert "DNS" not in ended.output


def test_doctor__proxy_bypassed(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_PROXY counts."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "kore.example")

    ended = visit(clock, simulator(clock), doctor_settings())

    assert "ok proxy: none for this host" in ended.output


@pytest.mark.parametrize(
    ("claims", "todo"),
    [
        pytest.param({"appId": "cs-1", "exp": 1_000_000_000}, "It has expired", id="expired"),
        pytest.param(
            {"appId": "cs-1", "exp": 4_000_000_000, "jti": "1"}, "is valid for one request only", id="single use"
        ),
        pytest.param({"appid": "cs-1"}, "must contain the client id as appId", id="misspelt appId"),
        pytest.param({"appId": "cs-1", "iat": "yesterday"}, "", id="odd claims are shown as they are"),
    ],
)
def test_doctor__ready_made_token(clock: FakeClock, claims: dict[str, object], todo: str) -> None:
    """What is wrong with a ready-made token is seen before Kore.ai is asked."""
    import jwt

    token = jwt.encode(claims, "a-secret-that-is-long-enough-for-hs256", algorithm="HS256")

    ended = visit(clock, simulator(clock), doctor_settings(jwt=token, client_id="", client_secret=""))

    line = ended.output.splitlines()
    at = next(number for number, text in enumerate(line) if " token: ready-made; " in text)
    assert (todo in line[at + 1]) if todo else line[at].startswith("ok token")
    assert token not in ended.output


def test_doctor__tls_facts(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificate is told once, with a word of warning when it is about to expire."""
    import datetime

    facts = transport.Tls(
        version="TLSv1.3",
        subject="kore.example",
        issuer="Example Trust",
        expires=clock.now() + datetime.timedelta(days=3),
    )
    monkeypatch.setattr(transport, "tls_facts", lambda _: facts)

    ended = visit(clock, simulator(clock), doctor_settings())

    told = [line for line in ended.output.splitlines() if "TLS" in line]
    assert told == ["note TLS: TLSv1.3, certificate for kore.example by Example Trust, until 2026-01-05"]
    assert "The certificate expires soon" in ended.output
    assert ended.code == 0
