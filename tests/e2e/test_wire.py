"""The client over real sockets: TLS, proxies, and every way an answer can fail to arrive."""

import asyncio
import contextlib
import dataclasses
import datetime
import gzip
import json
import pathlib
import socket
import ssl
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trustme

from kore_gate import errors
from kore_gate.clock import Clock
from kore_gate.kore import transport
from kore_gate.kore.auth import Signer
from kore_gate.kore.client import KoreClient
from kore_gate.model import Job, State
from kore_gate.settings.sources import Settings
from kore_gate.simulator import scenarios, service
from kore_gate.simulator.server import Server
from tests.fakes.pipeline import make_settings
from tests.fakes.tls import TlsServer

pytestmark = pytest.mark.socket

IMPATIENT = {"outage_limit": 0.2, "request_timeout": 0.15}
RUNNING = b'{"_id": "ds-1", "status": "IN_PROGRESS"}'
NOW = datetime.datetime.now(datetime.UTC)


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start from an environment without proxies and authorities of the machine's own."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


def look(host: str, **changes: Any) -> Job:
    """Look at the simulator's first import, over a real connection."""
    job = call(make_settings(host=host, **changes), lambda api: api.import_job(scenarios.DS_IDS[0]))
    assert isinstance(job, Job)
    return job


def call(settings: Settings, work: Callable[[KoreClient], Any]) -> Any:
    clock = Clock()

    async def run() -> Any:
        async with transport.connect(settings, "none") as http:
            client = KoreClient(http, settings, Signer(settings, clock), clock)
            return await work(client)

    return asyncio.run(run())


@dataclasses.dataclass
class Listener:
    """A server that answers in its own way; `heads` are what was asked, up to the first empty line."""

    port: int
    heads: list[bytes] = dataclasses.field(default_factory=list)


@contextlib.contextmanager
def listening(answer: Callable[[socket.socket, bytes], None]) -> Iterator[Listener]:
    """Serve connections one after another until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        listener = Listener(server.getsockname()[1])

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection, contextlib.suppress(OSError):
                    head = read_head(connection)
                    if not head:
                        return
                    listener.heads.append(head)
                    answer(connection, head)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener
        finally:
            # An empty connection ends the loop, where closing alone would not wake it.
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", listener.port)).close()
            thread.join(timeout=10)
    assert not thread.is_alive()


def read_head(connection: socket.socket) -> bytes:
    """Read a request that has no body."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(4096)
        if not more:
            return b""
        data += more
    return data


def response(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    lines = [b"HTTP/1.1 " + status, b"content-length: %d" % len(body), b"connection: close", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


# --- certificates


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: pathlib.Path) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


@contextlib.contextmanager
def secure(certificate: trustme.LeafCert) -> Iterator[tuple[str, service.Simulator]]:
    """Serve the simulator over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    simulator = service.Simulator()
    with TlsServer(simulator, context) as server:
        yield server.url, simulator


def test_tls__ca_file(authority: trustme.CA, ca_file: str) -> None:
    """A private authority is trusted when it is given, beside the public ones."""
    with secure(authority.issue_cert("127.0.0.1")) as (url, simulator):
        job = look(url, ca_file=ca_file)

    assert job.state is State.RUNNING
    assert [entry.status for entry in simulator.log] == [200]


def test_tls__variable(authority: trustme.CA, ca_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual variable for authorities is heard."""
    monkeypatch.setenv("SSL_CERT_FILE", ca_file)

    with secure(authority.issue_cert("127.0.0.1")) as (url, _):
        assert look(url).state is State.RUNNING


def test_tls__facts(authority: trustme.CA, ca_file: str) -> None:
    """What stands in a certificate can be told; over plain http there is none."""
    settings = make_settings(ca_file=ca_file)
    expires = NOW.replace(microsecond=0) + DAY

    async def ask(url: str) -> transport.Tls | None:
        async with transport.connect(settings, "none") as http:
            return transport.tls_facts(await http.get(url))

    with secure(authority.issue_cert("127.0.0.1", common_name="kore.example", not_after=expires)) as (url, _):
        facts = asyncio.run(ask(url))
    with Server(service.Simulator()) as server:
        plain = asyncio.run(ask(server.url))

    assert facts
    assert (facts.subject, facts.version, facts.expires) == ("kore.example", "TLSv1.3", expires)
    assert facts.issuer.startswith("trustme")
    assert plain is None


DAY = datetime.timedelta(days=1)


@pytest.mark.parametrize(
    ("certificate", "trusted", "said"),
    [
        (lambda ca: ca.issue_cert("127.0.0.1"), False, "unable to get local issuer certificate"),
        (lambda ca: ca.issue_cert("127.0.0.1", not_before=NOW - 9 * DAY, not_after=NOW - DAY), True, "has expired"),
        (
            lambda ca: ca.issue_cert("127.0.0.1", not_before=NOW + DAY, not_after=NOW + 9 * DAY),
            True,
            "is not yet valid",
        ),
        (lambda ca: ca.issue_cert("other.example"), True, "IP address mismatch"),
    ],
    ids=["self-made authority", "expired", "not yet valid", "another name"],
)
def test_tls__not_accepted(
    authority: trustme.CA, ca_file: str, certificate: Callable[[trustme.CA], Any], trusted: bool, said: str
) -> None:
    """A certificate that is not accepted is told at once; nothing is sent, and nothing tried again."""
    accepted = pytest.raises(errors.Unavailable, match="certificate is not valid")
    with secure(certificate(authority)) as (url, simulator), accepted as caught:
        look(url, ca_file=ca_file if trusted else "", outage_limit=60.0)

    assert said in caught.value.message
    assert "ca-file" in caught.value.hint
    assert "clock" in caught.value.cause
    assert caught.value.exit_code == 7
    assert simulator.log == []


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        *(("ca-file", kind) for kind in ("missing", "a folder", "empty", "no PEM")),
        ("SSL_CERT_FILE", "no PEM"),
    ],
)
def test_tls__bad_authorities(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, given: str, kind: str) -> None:
    """A file of authorities that can't be used is a matter of settings, known before anything is sent."""
    path = tmp_path / "ca.pem"
    if kind == "a folder":
        path.mkdir()
    elif kind != "missing":
        path.write_text("" if kind == "empty" else "no certificate at all")
    changes: dict[str, Any] = {"ca_file": str(path)} if given == "ca-file" else {}
    if given == "SSL_CERT_FILE":
        monkeypatch.setenv("SSL_CERT_FILE", str(path))

    with pytest.raises(errors.SettingsError) as caught:
        look("https://127.0.0.1:1", **changes)

    [problem] = caught.value.details
    assert given in problem
    assert caught.value.exit_code == 2


def test_tls__plain_http_server() -> None:
    """A server that speaks no TLS is not there, for a host that should."""
    with Server(service.Simulator()) as server, pytest.raises(errors.Unavailable, match="speaks no TLS"):
        look(f"https://127.0.0.1:{server.port}", outage_limit=0.2)


# --- proxies


def forwarded(connection: socket.socket, head: bytes) -> None:
    """Answer like a proxy, for the host behind it."""
    assert head.startswith(b"GET http://kore.example/api/public/")
    connection.sendall(response(RUNNING))


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_proxy__forwards(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """Calls to other machines go through the proxy that the environment names; it looks up the name."""
    with listening(forwarded) as proxy:
        monkeypatch.setenv(variable, f"http://user:pass@127.0.0.1:{proxy.port}")

        assert look("http://kore.example").state is State.RUNNING

    [head] = proxy.heads
    assert b"Proxy-Authorization: Basic dXNlcjpwYXNz\r\n" in head


def test_proxy__tunnels(authority: trustme.CA, ca_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """For https a tunnel is asked for: the proxy never sees the token."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("kore.example").configure_cert(context)
    inside: list[bytes] = []

    def tunnel(connection: socket.socket, head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with context.wrap_socket(connection, server_side=True) as encrypted:
            inside.append(read_head(encrypted))
            encrypted.sendall(response(RUNNING))

    with listening(tunnel) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")

        assert look("https://kore.example", ca_file=ca_file).state is State.RUNNING

    assert proxy.heads[0].startswith(b"CONNECT kore.example:443 HTTP/1.1\r\n")
    assert b"auth:" not in proxy.heads[0]
    assert b"auth: ey" in inside[0]


@pytest.mark.parametrize("status", [b"407 Proxy Authentication Required", b"403 Forbidden"])
def test_proxy__says_no(monkeypatch: pytest.MonkeyPatch, status: bytes) -> None:
    """A proxy that refuses is told at once: no further try mends that."""
    with listening(lambda connection, _: connection.sendall(response(b"", status=status))) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")

        with pytest.raises(errors.Unavailable, match="The proxy rejected the request") as caught:
            look("https://kore.example")

    assert status.decode() in caught.value.message
    assert "HTTPS_PROXY" in caught.value.hint
    assert len(proxy.heads) == 1


def test_proxy__not_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine itself is not behind the company's proxy."""
    for name in ("HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    with Server(service.Simulator()) as server:
        assert look(server.url).state is State.RUNNING


def test_proxy__no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that the environment excepts is called without the proxy."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "other.example,kore.invalid")

    with pytest.raises(errors.Unavailable, match=r"kore\.invalid.*DNS cannot resolve kore\.invalid"):
        look("http://kore.invalid", **IMPATIENT)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("gopher://proxy.example", "Unknown scheme"),
        ("socks5://proxy.example:1080", "socksio"),
        ("http://user:se/cret@proxy.example:80", "it is not a URL"),
        ("http://[::1", "it is not a URL"),
    ],
)
def test_proxy__bad_variable(monkeypatch: pytest.MonkeyPatch, value: str, reason: str) -> None:
    """A proxy that can't be used is a matter of settings; its password is not shown."""
    monkeypatch.setenv("HTTPS_PROXY", value)

    with pytest.raises(errors.SettingsError) as caught:
        look("https://kore.example")

    [problem] = caught.value.details
    assert problem.startswith("Invalid proxy in HTTP_PROXY, HTTPS_PROXY, ALL_PROXY or NO_PROXY: ")
    assert reason in problem
    assert "se" not in problem.partition(": ")[2] or "scheme" in problem or "socksio" in problem
    assert caught.value.exit_code == 2


# --- connections that break


def test_broken__unknown_host() -> None:
    """A name that can't be looked up is tried again, then told."""
    with pytest.raises(
        errors.Unavailable, match=r"Kore\.ai \(nowhere\.invalid\) was unavailable .* DNS cannot resolve nowhere"
    ):
        look("https://nowhere.invalid", **IMPATIENT)


def test_broken__impossible_host() -> None:
    """A name that can't be one does no harm."""
    with pytest.raises(errors.Unavailable):
        look(f"https://{'a' * 70}.example", **IMPATIENT)


def test_broken__refused() -> None:
    """Where nobody listens there is no connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    with pytest.raises(errors.Unavailable, match="refused the connection"):
        look(f"http://127.0.0.1:{port}", **IMPATIENT)


@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        ("reset", "the connection broke"),
        ("truncated", "a response that is cut off"),
        ("hang", "in time"),
        ("drip", "no complete response in time"),
    ],
)
def test_broken__while_looking(scenario: str, said: str) -> None:
    """Each way to break is tried again, ends with the outage limit, and has its words."""
    simulator = service.Simulator(scenario=scenario)

    # What breaks at once has time also on a busy machine; what never ends needs none.
    patience = 0.15 if scenario in ("hang", "drip") else 5.0

    with Server(simulator) as server, pytest.raises(errors.Unavailable, match=said):
        look(server.url, outage_limit=0.2, request_timeout=patience)

    assert len(simulator.log) > 1


def hang(connection: socket.socket, head: bytes) -> None:
    connection.recv(1)


@pytest.mark.parametrize("answer", [lambda *_: None, hang], ids=["closed", "hung"])
def test_broken__start_is_not_sent_twice(answer: Callable[[socket.socket, bytes], None]) -> None:
    """A start that has gone out is not sent again, whatever becomes of the answer."""
    with listening(answer) as server:
        settings = make_settings(host=f"http://127.0.0.1:{server.port}", **{**IMPATIENT, "outage_limit": 30.0})

        with pytest.raises(errors.Unavailable):
            call(settings, lambda api: api.start_run("Banking"))

    assert len(server.heads) == 1


# --- what is on the wire


@pytest.mark.parametrize(
    ("name", "encoded"),
    [("..", "%2E%2E"), ("Ü/?#%", "%C3%9C%2F%3F%23%25")],
)
def test_wire__one_segment(name: str, encoded: str) -> None:
    """Nothing on the way takes a name apart."""
    with listening(lambda connection, _: connection.sendall(response(RUNNING))) as server:
        settings = make_settings(host=f"http://127.0.0.1:{server.port}/base")
        call(settings, lambda api: api.run_job(name, "ctr-1"))

    path = f"/base/api/public/stream/{scenarios.STREAM_ID}/conversation/testsuite/{encoded}/ctr-1/status"
    assert server.heads[0].startswith(f"GET {path} HTTP/1.1\r\n".encode())


def bomb(megabytes: int, times: int) -> bytes:
    """Return blanks, compressed so many times."""
    data = b" " * (megabytes * 2**20)
    for _ in range(times):
        data = gzip.compress(data)
    return data


@pytest.mark.parametrize(
    ("encoding", "times", "kind"),
    [(b"gzip", 1, errors.Unavailable), (b"gzip, gzip", 2, errors.Unavailable), (b"br", 1, errors.Unavailable)],
)
def test_wire__gzip_bomb(encoding: bytes, times: int, kind: type[errors.Unavailable]) -> None:
    """However much a small answer unfolds to, little of it is ever held."""
    packed = response(bomb(24, times), b"content-encoding: " + encoding)
    with listening(lambda connection, _: connection.sendall(packed)) as server:
        settings = make_settings(host=f"http://127.0.0.1:{server.port}", max_response=2**20, outage_limit=0.1)
        tracemalloc.start()
        try:
            with pytest.raises(kind):
                call(settings, lambda api: api.import_job("x"))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert peak < 10 * 2**20


def test_wire__results_file() -> None:
    """The file behind a link is read from a real connection, without the token where the host is another."""
    data = json.dumps(["row"] * 50_000).encode()
    packed = response(gzip.compress(data), b"content-encoding: gzip")
    with listening(lambda connection, _: connection.sendall(packed)) as server:
        settings = make_settings(host="http://127.0.0.1:1")
        found = call(settings, lambda api: api.fetch(f"http://127.0.0.1:{server.port}/results.json"))

    assert found == data
    assert b"auth:" not in server.heads[0]
