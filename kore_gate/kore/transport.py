"""The connection to Kore.ai: how it is opened, and what it means when it breaks."""

import contextlib
import dataclasses
import datetime
import ssl
import urllib.parse
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator

import httpx

from kore_gate import __version__, errors, text
from kore_gate.settings import parsers
from kore_gate.settings.sources import Settings

# Whatever httpx raises for a request that did not come to its end; UnicodeError for names that no DNS can have.
BROKEN = (httpx.HTTPError, httpx.InvalidURL, TimeoutError, UnicodeError)

_MOST_FOR_CONNECTING = 10.0
_PIECE = 2**18
_GZIP = b"\x1f\x8b"


@contextlib.asynccontextmanager
async def connect(
    settings: Settings, ci: str, transport: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """Open the connections of one call: verified TLS, no redirects, proxies from the environment."""
    # A simulator on this machine is not behind the company's proxy.
    trust_env = not parsers.is_loopback(urllib.parse.urlsplit(settings.host).hostname or "")
    try:
        http = httpx.AsyncClient(
            verify=_authorities(settings),
            transport=transport,
            trust_env=trust_env,
            follow_redirects=False,
            # A request that never found a connection is told from one that got no answer.
            timeout=httpx.Timeout(
                settings.request_timeout, connect=min(_MOST_FOR_CONNECTING, settings.request_timeout / 2)
            ),
            limits=httpx.Limits(max_connections=settings.max_parallel + 5),
            headers={"user-agent": f"kore_gate/{__version__} (+{ci})", "accept-encoding": "gzip"},
        )
    except (ValueError, ImportError, httpx.InvalidURL) as exc:
        # What can't be taken apart may show the password at any place.
        reason = "it is not a URL" if isinstance(exc, httpx.InvalidURL) else text.line(str(exc), 200).rstrip(".")
        problem = f"Invalid proxy in HTTP_PROXY, HTTPS_PROXY, ALL_PROXY or NO_PROXY: {reason}."
        raise errors.SettingsError([problem], hint="It must be an http(s) URL: http://proxy.example:3128.") from exc
    async with http:
        yield http


def _authorities(settings: Settings) -> ssl.SSLContext:
    """Trust the public authorities, or those of SSL_CERT_FILE and SSL_CERT_DIR, and the caller's own."""
    name = "the certificates of SSL_CERT_FILE or SSL_CERT_DIR"
    try:
        verify = httpx.create_ssl_context()
        if settings.ca_file:
            name = f"ca-file {settings.ca_file!r} ({settings.sources.get('ca-file', 'given')})"
            verify.load_verify_locations(settings.ca_file)
    except (OSError, ssl.SSLError) as exc:
        hint = "It must be a readable file with certificates in PEM form."
        raise errors.SettingsError([f"{name} cannot be used: {exc.strerror or exc}."], hint=hint) from exc
    return verify


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Tls:
    """What is worth telling of a connection's TLS."""

    version: str
    subject: str
    issuer: str
    expires: datetime.datetime | None


def tls_facts(response: httpx.Response) -> Tls | None:
    """Return the TLS facts of the connection an answer came over; None for plain http."""
    stream = response.extensions.get("network_stream")
    tls = stream.get_extra_info("ssl_object") if stream else None
    certificate = tls.getpeercert() if tls else None
    if not tls or not certificate:
        return None
    names = {
        side: next((value for part in certificate.get(side, ()) for key, value in part if key == kind), "?")
        for side, kind in (("subject", "commonName"), ("issuer", "organizationName"))
    }
    until = ssl.cert_time_to_seconds(certificate["notAfter"]) if "notAfter" in certificate else None
    expires = datetime.datetime.fromtimestamp(until, datetime.UTC) if until else None
    return Tls(version=tls.version(), subject=names["subject"], issuer=names["issuer"], expires=expires)


async def read(response: httpx.Response, limit: int, take: Callable[[bytes], object]) -> None:
    """Hand over an answer in pieces, at most so many bytes of it after decompression.

    However much a few bytes unfold to, no more than a piece of it is held. Raises NotUnderstood and DecodingError.
    """
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
        raise httpx.DecodingError(f"compressed as {text.line(encoding, 40)}, which kore_gate did not request")
    inflate = _Inflate() if encoding not in {"", "identity"} else None
    size = 0
    assert isinstance(response.stream, httpx.AsyncByteStream)
    stream = aiter(response.stream)
    try:
        async for raw in stream:
            for piece in inflate.pieces(raw) if inflate else (raw,):
                size += len(piece)
                if size > limit:
                    raise errors.NotUnderstood(
                        f"The response is larger than max-response allows ({limit} bytes).",
                        cause="an unusually large suite, or a response that is not from Kore.ai.",
                        hint="Raise max-response if the suite really is this large.",
                    )
                take(piece)
    finally:
        # Left half-read, it would be closed some time later, when nobody waits for that.
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()
    if inflate and inflate.is_cut_off:
        raise httpx.DecodingError("it ends too early")


class _Inflate:
    """Decompresses gzip and deflate in pieces of a known size."""

    def __init__(self) -> None:
        self._begin()
        self._begun = False

    def _begin(self) -> None:
        self._inner = zlib.decompressobj(zlib.MAX_WBITS | 32)

    @property
    def is_cut_off(self) -> bool:
        """Tell whether more should have come; nothing at all is a whole answer, too."""
        return self._begun and not self._inner.eof

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Decompress what has arrived; what stands behind the end is no matter, unless it is compressed as well."""
        self._begun = self._begun or bool(data)
        more = bool(data)
        while more:
            if self._inner.eof:
                if not data.startswith(_GZIP):
                    return
                self._begin()
            try:
                piece = self._inner.decompress(data, _PIECE)
            except zlib.error as exc:
                raise httpx.DecodingError(str(exc)) from exc
            if piece:
                yield piece
            data = self._inner.unused_data if self._inner.eof else self._inner.unconsumed_tail
            more = bool(data) or (len(piece) == _PIECE and not self._inner.eof)


def fault(exc: Exception) -> str:
    """Say what went wrong on the way, in words of the matter."""
    names: list[tuple[type[Exception], str]] = [
        (httpx.ConnectTimeout, "no connection in time"),
        (httpx.ConnectError, "no connection"),
        (httpx.ProxyError, "the proxy rejected the request"),
        (httpx.TimeoutException, "no response in time"),
        (TimeoutError, "no complete response in time"),
        (httpx.DecodingError, "a response with broken compression"),
        (httpx.RemoteProtocolError, "a response that is cut off or is not HTTP"),
        (httpx.InvalidURL, "an invalid URL"),
        (UnicodeError, "an invalid URL"),
        (httpx.UnsupportedProtocol, "an invalid URL"),
        (httpx.NetworkError, "the connection broke"),
    ]
    said = next((words for kind, words in names if isinstance(exc, kind)), type(exc).__name__)
    detail = text.line(str(exc), 200)
    return f"{said} ({detail})" if detail else said


def arrived(exc: Exception) -> bool:
    """Tell whether Kore.ai may have got the request: it can't before a connection stands."""
    return not isinstance(exc, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError | httpx.PoolTimeout)


def lasting(exc: Exception, said: str) -> errors.Unavailable | None:
    """Return what to say of a fault that no retry can fix; `said` is what `fault` calls it."""
    if isinstance(exc, httpx.InvalidURL | httpx.UnsupportedProtocol | httpx.LocalProtocolError | UnicodeError):
        hint = "Check host and the proxy settings."
        return errors.Unavailable(f"The request cannot be sent: {said}.", hint=hint)
    # A proxy's message is its status and reason; one of its own 4xx stays what it is.
    if isinstance(exc, httpx.ProxyError) and str(exc).startswith("4"):
        return errors.Unavailable(
            f"The proxy rejected the request: {text.line(str(exc), 200)}.",
            cause="wrong credentials for the proxy, or a proxy that does not allow this host.",
            hint="Check HTTPS_PROXY (http://user:password@proxy:port) and the proxy's rules, or set NO_PROXY.",
        )
    certificate = next((link for link in _chain(exc) if isinstance(link, ssl.SSLCertVerificationError)), None)
    if certificate is None:
        return None
    return errors.Unavailable(
        f"Kore.ai's certificate is not valid: {certificate.verify_message}.",
        cause="a proxy that intercepts TLS, a private certificate authority, or a wrong clock on this machine.",
        hint="Set ca-file to the authority's certificate (PEM), and check the runner's clock.",
    )


def _chain(exc: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while exc is not None and exc not in found:
        found.append(exc)
        exc = exc.__cause__ or exc.__context__
    return found
