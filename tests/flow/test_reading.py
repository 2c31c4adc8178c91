"""How answers are read, and what is said when they can't be."""

import asyncio
import gzip
import json
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from kore_gate import errors
from kore_gate.kore.client import KoreClient
from tests.fakes.clock import FakeClock
from tests.fakes.rig import CALLS, RUNNING, Chunks, Rig


def big(response_size: int, encoding: str) -> httpx.Response:
    """Return a JSON object of so many bytes, compressed or not."""
    data = b'{"_id": "x", "status": "IN_PROGRESS"' + b" " * (response_size - 37) + b"}"
    assert len(data) == response_size
    packed = {
        "": data,
        "identity": data,
        "gzip": gzip.compress(data),
        "GZIP": gzip.compress(data),
        "deflate": zlib.compress(data),
    }[encoding]
    return httpx.Response(200, headers={"content-encoding": encoding} if encoding else {}, stream=Chunks(packed))


ENCODINGS = ["", "identity", "gzip", "GZIP", "deflate"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("size", [100, 2_000_000])
def test_answer__up_to_the_limit(rig: Callable[..., Rig], encoding: str, size: int) -> None:
    """An answer of exactly the largest size is read, in every encoding."""
    made = rig(lambda _: big(size, encoding), max_response=size)

    assert made.look() == "IN_PROGRESS"


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("size", [100, 2_000_000])
def test_answer__too_large(rig: Callable[..., Rig], encoding: str, size: int) -> None:
    """A byte more after decompression is refused, at once."""
    made = rig(lambda _: big(size, encoding), max_response=size - 1)

    with pytest.raises(errors.Unavailable, match=rf"larger than max-response allows \({size - 1} bytes\)"):
        made.look()

    assert len(made.script.requests) == 1


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("gzip", b"this is no gzip"),
        ("gzip", gzip.compress(json.dumps(RUNNING).encode())[:-1]),
        ("gzip", gzip.compress(b"x" * 1000)[:5]),
        ("deflate", b"neither is this"),
        ("br", b"not asked for"),
        ("gzip, gzip", gzip.compress(gzip.compress(b"{}"))),
    ],
    ids=["no gzip", "cut off", "cut off early", "no deflate", "brotli", "twice"],
)
def test_answer__broken_compression(rig: Callable[..., Rig], encoding: str, data: bytes) -> None:
    """What can't be decompressed is tried again."""
    made = rig(lambda _: httpx.Response(200, headers={"content-encoding": encoding}, stream=Chunks(data)), RUNNING)

    assert made.look() == "IN_PROGRESS"
    assert made.troubles[0].startswith("a response with broken compression")


def test_answer__empty_though_compressed(rig: Callable[..., Rig]) -> None:
    """An empty body is not broken compression."""
    made = rig(lambda _: httpx.Response(404, headers={"content-encoding": "gzip"}, stream=Chunks(b"")))

    with pytest.raises(errors.Gone):
        made.look()


def test_answer__bytes_after_the_end(rig: Callable[..., Rig]) -> None:
    """Uncompressed bytes behind compressed content are ignored."""
    data = gzip.compress(json.dumps(RUNNING).encode()) + b"\0\0\0"
    made = rig(lambda _: httpx.Response(200, headers={"content-encoding": "gzip"}, stream=Chunks(data)))

    assert made.look() == "IN_PROGRESS"


def test_answer__two_compressed_parts(rig: Callable[..., Rig]) -> None:
    """A second compressed part is not passed over: half an answer could look like all of it."""
    data = gzip.compress(json.dumps(RUNNING).encode()) + gzip.compress(b'{"status": "FAILED"}')
    made = rig(
        lambda _: httpx.Response(200, headers={"content-encoding": "gzip"}, stream=Chunks(data)), outage_limit=1.0
    )

    with pytest.raises(errors.Unavailable, match="a second compressed part"):
        made.look()


def test_answer__slow_drip(rig: Callable[..., Rig], clock: FakeClock) -> None:
    """An answer that comes in drips can't outlast the time for one request."""

    class Drip(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for _ in range(1000):
                await asyncio.sleep(5)
                yield b" "

    made = rig(lambda _: httpx.Response(200, stream=Drip()), outage_limit=50.0, request_timeout=30.0)

    with pytest.raises(errors.Unavailable, match="no complete response in time"):
        made.look()

    assert clock.monotonic() <= 81


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (httpx.ConnectTimeout(""), "kore.example did not answer in time"),
        (
            httpx.ConnectError("[Errno -2] Name or service not known"),
            "no connection to kore.example ([Errno -2] Name or service",
        ),
        (httpx.ReadTimeout(""), "no response in time"),
        (httpx.PoolTimeout(""), "no response in time"),
        (httpx.WriteError(""), "the connection broke"),
        (httpx.ProxyError("502 Bad Gateway"), "the proxy rejected the request (502 Bad Gateway)"),
        (httpx.RemoteProtocolError("x\ny"), "a response that is cut off or is not HTTP (x y)"),
        (httpx.TooManyRedirects("x"), "TooManyRedirects (x)"),
    ],
)
def test_fault__words(rig: Callable[..., Rig], broken: Exception, said: str) -> None:
    """Each way to break has words of the matter, and the host is named."""
    made = rig(broken, outage_limit=1.0)

    with pytest.raises(errors.Unavailable) as caught:
        made.look()

    assert caught.value.message.startswith(f"Kore.ai (kore.example) was unavailable for 1.0s: {said}")
    assert caught.value.__cause__


def caused(error: Exception, *causes: Exception) -> Exception:
    """Return an error as the network library raises it: with its causes, in a group if there are several."""
    error.__cause__ = causes[0] if len(causes) == 1 else ExceptionGroup("all attempts failed", causes)
    return error


def no_tls() -> ssl.SSLError:
    """Return what a server that answers in plain text makes of a handshake."""
    error = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")
    error.reason = "WRONG_VERSION_NUMBER"
    return error


UNKNOWN_NAME = caused(httpx.ConnectError("[Errno -2]"), socket.gaierror(-2, "Name or service not known"))
CLOSED = caused(httpx.ConnectError("All attempts failed"), ConnectionRefusedError(111), ConnectionRefusedError(111))
CLOSED_PROXY = "the proxy proxy.example:3128 refused the connection"


@pytest.mark.parametrize(
    ("broken", "proxy", "message", "cause"),
    [
        (UNKNOWN_NAME, "", "DNS cannot resolve kore.example (misspelt?)", "a misspelt host"),
        (CLOSED, "", "kore.example:8443 refused the connection", "a wrong port or name in host"),
        (caused(httpx.ConnectError(""), no_tls()), "", "kore.example:8443 speaks no TLS", "https:// in host"),
        (httpx.ConnectTimeout(""), "", "kore.example:8443 did not answer in time", "a firewall, a wrong host"),
        (UNKNOWN_NAME, "proxy.exampel", "DNS cannot resolve the proxy proxy.exampel (misspelt?)", "a misspelt HTTPS_"),
        (CLOSED, "http://user:pa%40ss@proxy.example:3128/", CLOSED_PROXY, "a wrong port or name in HTTPS_PROXY"),
        (httpx.ProxyError("502 Bad"), "http://p:1", "the proxy p:1 rejected the request (502 Bad)", "an outage"),
    ],
    ids=["DNS", "refused", "no TLS", "timeout", "DNS of a proxy", "dead proxy", "proxy's answer"],
)
def test_fault__names_place_and_cause(
    rig: Callable[..., Rig],
    monkeypatch: pytest.MonkeyPatch,
    broken: Exception,
    proxy: str,
    message: str,
    cause: str,
) -> None:
    """Without a connection it is said which place does not answer, host or proxy, and what that usually means."""
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    made = rig(broken, host="https://kore.example:8443", outage_limit=1.0)

    with pytest.raises(errors.Unavailable) as caught:
        made.look()

    assert caught.value.message == f"Kore.ai (kore.example:8443) was unavailable for 1.0s: {message}."
    assert caught.value.cause.startswith(cause)


@pytest.mark.parametrize("name", ["", "kore.example", "*"], ids=["proxied", "excepted", "all excepted"])
def test_fault__no_proxy(rig: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A proxy that this host does not go through is not blamed."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", name)

    with pytest.raises(errors.Unavailable) as caught:
        rig(CLOSED, outage_limit=1.0).look()

    assert ("the proxy" in caught.value.message) == (name == "")


def test_fault__http_for_https(rig: Callable[..., Rig]) -> None:
    """A server that ends a plain connection may expect https."""
    broken = httpx.RemoteProtocolError("illegal status line: bytearray(b'\\x15\\x03\\x01')")

    with pytest.raises(errors.Unavailable) as caught:
        rig(broken, host="http://kore.example:443", outage_limit=1.0).look()

    assert caught.value.cause.startswith("http:// in host, for a port that expects https")


@pytest.mark.parametrize(
    "page",
    [
        "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>",
        "Client sent an HTTP request to an HTTPS server.\n",
        "Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />",
    ],
    ids=["nginx", "Go", "Apache"],
)
@pytest.mark.parametrize("work", [CALLS["look"], CALLS["import"]], ids=["look", "import"])
def test_fault__http_for_https_in_words(
    rig: Callable[..., Rig], work: Callable[[KoreClient], Awaitable[object]], page: str
) -> None:
    """A server that says it expects https is understood at once."""
    made = rig(lambda _: httpx.Response(400, text=page))

    with pytest.raises(errors.Unavailable, match="The host expects https, not http") as caught:
        made.run(work)

    assert "https://" in caught.value.hint
    assert len(made.script.requests) == 1


@pytest.mark.parametrize(
    "broken",
    [
        httpx.InvalidURL("x"),
        httpx.UnsupportedProtocol("x"),
        httpx.LocalProtocolError("x"),
        httpx.ProxyError("407 Auth"),
    ],
)
def test_fault__lasting(rig: Callable[..., Rig], broken: Exception) -> None:
    """What no retry can fix ends the call at once."""
    made = rig(broken)

    with pytest.raises(errors.Unavailable):
        made.look()

    assert len(made.script.requests) == 1


def test_fault__certificate(rig: Callable[..., Rig]) -> None:
    """A certificate that is not accepted ends the call at once, with what usually lies behind it."""
    cause = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    cause.verify_message = "certificate has expired"

    def failing(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("certificate verify failed") from cause

    made = rig(failing)

    with pytest.raises(errors.Unavailable, match="certificate is not valid: certificate has expired") as caught:
        made.look()

    assert "ca-file" in caught.value.hint
    assert len(made.script.requests) == 1
