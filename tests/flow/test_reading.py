"""How answers are read, and what is said when they can't be."""

import asyncio
import gzip
import json
import ssl
import zlib
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from kore_gate import errors
from tests.fakes.clock import FakeClock
from tests.fakes.rig import RUNNING, Chunks, Rig


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
