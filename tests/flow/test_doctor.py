"""What `doctor` reports, against the simulator and against other hosts."""

import dataclasses
import io
import itertools
import socket
from typing import Any

import httpx
import pytest

from kore_gate.ci import dialects
from kore_gate.commands import doctor
from kore_gate.kore import transport
from kore_gate.reports.console import Console
from kore_gate.settings.sources import Settings
from kore_gate.simulator import service
from tests.fakes.clock import FakeClock
from tests.fakes.kore import FakeKore
from tests.fakes.pipeline import make_settings

ERRORS = {"errors": [{"msg": "no", "code": 1}]}
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


def checks(ended: Visit) -> dict[str, tuple[str, str]]:
    """Return mark and message of each check, the lines of a message joined."""
    rows: dict[str, tuple[str, str]] = {}
    lines = ended.output.split("Checks:\n")[1].splitlines()
    for line in itertools.takewhile(lambda line: line.startswith("  "), lines):
        mark, topic, text = (part.strip() for part in (line[2:15], line[15:30], line[30:]))
        if topic:
            rows[topic] = (mark, text)
        else:
            mark, before = rows.pop(last := [*rows][-1])
            rows[last] = (mark, f"{before} {text}")
    return rows


ALL_WELL = """\
Settings:
  host               --host              https://kore.example
  stream-id          input stream-id     st-5a1e0000-0000-5000-8000-00000000b0b0
  ds-id              --ds-id             ds-demo-1, ds-demo-2
  files                                  not set
  total                                  not set
  index                                  not set
  suites                                 not set
  run-id                                 not set
  name                                   not set
  tags                                   not set
  description        input description   words that are long enough to be
                                         continued on a second line
  client-id                              not set
  client-secret      KORE_CLIENT_SECRET  set
  jwt-algorithm      default             HS256
  private-key                            not set
  jwt                                    not set
  user-email                             not set
  bot-language       default             en
  bot-version        default             inDevelopment
  timeout            KORE_TIMEOUT        1h 30m
  outage-limit       default             3m
  request-timeout    default             30s
  poll-interval      --poll-interval     auto
  history                                not set
  report-dir         default             junit-reports
  junit-granularity  default             assertion
  junit-dialect      default             rich
  download           --download          false
  allow-empty        default             false
  rerun-failed       default             0
  pass-if            default             any
  known-failures                         not set
  baseline                               not set
  min-pass-rate                          not set
  max-failures                           not set
  min-assertions     default             0
  lint-ignore                            not set
  lint-strict        default             false
  soft-fail                              not set
  max-response       default             64MiB
  ca-file                                not set
  allow-http         default             false
  max-parallel       --max-parallel      7
  fail-fast          default             false
  ci                 default             auto
  output             default             text
  verbose            default             false
Checks:
  note         test           `kore-gate test` also needs files, user-email
                              What to do: Set --user-email, the input user-email
                              or KORE_USER_EMAIL. Name the suite files as
                              arguments.
  not checked  proxy          none is set for this host
  ok           DNS            kore.example resolves to 192.0.2.7
  ok           token          signed with HS256; appId
                              cs-5a1e0000-0000-5000-8000-00000000d3e0, sub
                              kore_gate, iat 2026-01-02 03:04:05 UTC, exp
                              2026-01-02 03:09:05 UTC
  ok           import status  Kore.ai accepted the request; no such job, as
                              expected (HTTP 404, Not Found (code 404))
  ok           run status     Kore.ai accepted the request; no such job, as
                              expected (HTTP 404, Not Found (code 404))
  not checked  TLS            no certificate was seen
  ok           clock          within 1.0s of Kore.ai's
Verdict: passed. All checks passed.
Exit code: 0 (passed)
"""


def test_doctor__all_well(clock: FakeClock) -> None:
    """Every setting has its value and source, every check its finding, in columns; exit code 0."""
    sources = {
        "host": "option --host",
        "stream-id": "input stream-id",
        "ds-id": "option --ds-id",
        "description": "input description",
        "client-secret": "file in KORE_CLIENT_SECRET",
        "timeout": "variable KORE_TIMEOUT",
        "poll-interval": "option --poll-interval",
        "download": "option --download",
        "max-parallel": "option --max-parallel",
    }
    settings = make_settings(
        command="doctor",
        sources=sources,
        ds_id=("ds-demo-1", "ds-demo-2"),
        description="words that are long enough to be continued on a second line",
        timeout=5400.0,
        poll_interval=None,
        download=False,
        max_parallel=7,
    )

    ended = visit(clock, simulator(clock), settings)

    assert ended.code == 0
    assert ended.output == ALL_WELL
    assert max(map(len, ended.output.splitlines())) <= 80


def test_doctor__what_test_needs(clock: FakeClock) -> None:
    """Where `test` has all that it needs, that is said; what is missing is named with the ways to set it."""
    sources = dict.fromkeys(("host", "stream-id", "files", "user-email"), "input x")

    ended = visit(clock, simulator(clock), make_settings(command="doctor", sources=sources))
    other = visit(clock, simulator(clock), make_settings(command="doctor", sources={**sources, "user-email": ""}))
    del sources["user-email"]
    lacking = visit(clock, simulator(clock), make_settings(command="doctor", sources=sources))

    assert checks(ended)["test"] == ("ok", "has all settings that it needs")
    assert checks(other)["test"] == checks(ended)["test"]
    assert checks(lacking)["test"] == (
        "note",
        "`kore-gate test` also needs user-email What to do: Set --user-email, the input user-email or KORE_USER_EMAIL.",
    )
    assert lacking.code == 0


def test_doctor__never_recommends_itself(clock: FakeClock) -> None:
    """Advice that sends others to doctor does not send its reader in a circle."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Connection refused", request=request)

    transports = [
        httpx.MockTransport(refuse),
        httpx.MockTransport(lambda _: httpx.Response(500)),
        *(httpx.MockTransport(lambda _, code=code: httpx.Response(code, json=ERRORS)) for code in (400, 401, 403, 405)),
        httpx.MockTransport(lambda _: httpx.Response(302, headers={"location": "https://x.example"})),
    ]

    for answers in transports:
        ended = visit(clock, answers, doctor_settings())
        assert "doctor" not in ended.output


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
    assert checks(ended)["access"][0] == "FAIL"
    assert checks(ended)["access"][1].startswith("both requests are refused.")
    assert "Check client-id" in checks(ended)["access"][1]
    assert "not-the-right-secret" not in ended.output


@pytest.mark.parametrize(("granted", "missing"), [(MANAGEMENT, EXECUTION), (EXECUTION, MANAGEMENT)])
def test_doctor__missing_scope(clock: FakeClock, granted: str, missing: str) -> None:
    """One call refused and the other not mean that a scope is missing, and which."""
    ended = visit(clock, simulator(clock, scopes=frozenset({granted})), doctor_settings())

    assert ended.code == 6
    mark, message = checks(ended)["access"]
    assert mark == "FAIL"
    assert message.startswith(f'the token is valid, the scope "{missing}" is missing')
    assert f'Select the scope "{missing}"' in message


def test_doctor__unknown_host(clock: FakeClock) -> None:
    """A name that can't be looked up ends soon, in 7, and does not ask a second time."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Name or service not known", request=request)

    ended = visit(clock, httpx.MockTransport(refuse), doctor_settings(host="https://kore.invalid"))

    assert ended.code == 7
    assert checks(ended)["DNS"][0] == checks(ended)["import status"][0] == "FAIL"
    assert checks(ended)["DNS"][1].startswith("kore.invalid cannot be resolved")
    assert checks(ended)["run status"] == ("not checked", "there was no valid response")
    assert checks(ended)["TLS"] == ("not checked", "no certificate was seen")
    assert checks(ended)["clock"] == ("not checked", "no response with a Date header to compare it with")
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
    assert checks(ended)["import status"] == ("ok", "Kore.ai accepted the request; status IN_PROGRESS")


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
    assert checks(ended)["clock"][0] == "FAIL"
    assert checks(ended)["clock"][1].startswith(f"this machine is 1h {word} Kore.ai")


def test_doctor__near_clock(clock: FakeClock) -> None:
    """A few seconds are nothing."""
    import email.utils

    date = email.utils.formatdate(clock.now().timestamp() + 5, usegmt=True)
    answers = httpx.MockTransport(lambda _: httpx.Response(404, headers={"date": date}))

    ended = visit(clock, answers, doctor_settings())

    assert ended.code == 0
    assert checks(ended)["clock"] == ("ok", "within 5.0s of Kore.ai's")


def test_doctor__no_date(clock: FakeClock) -> None:
    """Without a Date header the clock is not judged."""
    ended = visit(clock, httpx.MockTransport(lambda _: httpx.Response(404)), doctor_settings())

    assert ended.code == 0
    assert checks(ended)["clock"] == ("not checked", "no response with a Date header to compare it with")


def test_doctor__proxy(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy is named without its credentials, and the name is left to it."""
    monkeypatch.setenv("HTTPS_PROXY", "http://user:hush@proxy.example:3128")

    ended = visit(clock, simulator(clock), doctor_settings())

    assert checks(ended)["proxy"] == ("not checked", "requests go through proxy.example:3128")
    assert checks(ended)["DNS"] == ("not checked", "the proxy resolves kore.example")
    assert "hush" not in ended.output


def test_doctor__proxy_bypassed(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_PROXY counts."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "kore.example")

    ended = visit(clock, simulator(clock), doctor_settings())

    assert checks(ended)["proxy"] == ("not checked", "none is set for this host")


@pytest.mark.parametrize(
    ("claims", "todo"),
    [
        pytest.param({"appId": "cs-1", "exp": 1_000_000_000}, "has expired: create a new one", id="expired"),
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

    mark, message = checks(ended)["token"]
    assert mark == ("note" if todo else "ok")
    assert message.startswith("ready-made; ")
    assert todo in message
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

    mark, message = checks(ended)["TLS"]
    assert mark == "note"
    assert message.startswith("TLSv1.3, certificate for kore.example by Example Trust, until 2026-01-05 What to do: ")
    assert "The certificate expires soon" in message
    assert ended.code == 0
