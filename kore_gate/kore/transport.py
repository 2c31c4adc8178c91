"""The connection to Kore.ai: opens it, sends one request, reads its response, and names the faults on the way."""

import contextlib
import datetime
import functools
import socket
import ssl
import typing
import urllib.parse
import urllib.request
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence

import httpx

from kore_gate import __version__, errors, text
from kore_gate.kore.retries import TryAgain
from kore_gate.settings import parsers
from kore_gate.settings.redact import Redactor
from kore_gate.settings.sources import Settings

# However many suites: an answer takes a moment, and between two of them a suite needs no connection.
CONNECTIONS = 50

HttpClient = httpx.AsyncClient
HttpResponse = httpx.Response

# Whatever httpx raises for a request that did not come to its end; UnicodeError for names that no DNS can have.
BROKEN = (httpx.HTTPError, httpx.InvalidURL, TimeoutError, UnicodeError)


@contextlib.asynccontextmanager
async def connect(
    settings: Settings, ci: str, transport: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[HttpClient]:
    """Open the connections of one call: verified TLS, no redirects, proxies from the environment."""
    try:
        http = httpx.AsyncClient(
            verify=_Later(settings) if settings.host.startswith("http:") else _authorities(settings),
            transport=transport,
            # A simulator on this machine is not behind the company's proxy.
            trust_env=not parsers.is_loopback(urllib.parse.urlsplit(settings.host).hostname or ""),
            follow_redirects=False,
            # Shorter, so that a missing connection is not taken for a missing response.
            timeout=httpx.Timeout(settings.request_timeout, connect=min(10.0, settings.request_timeout / 2)),
            limits=httpx.Limits(max_connections=CONNECTIONS),
            headers={"user-agent": f"kore_gate/{__version__} (+{ci})", "accept-encoding": "gzip"},
        )
    except (ValueError, ImportError, httpx.InvalidURL) as exc:
        # An address that can't be parsed may hold the password anywhere.
        reason = "it is not a URL" if isinstance(exc, httpx.InvalidURL) else text.line(str(exc), 200).rstrip(".")
        problem = f"Invalid proxy in HTTP_PROXY, HTTPS_PROXY, ALL_PROXY or NO_PROXY: {reason}."
        raise errors.SettingsError([problem], hint="It must be an http(s) URL: http://proxy.example:3128.") from exc
    async with http:
        yield http


def _authorities(settings: Settings) -> ssl.SSLContext:
    """Trust the public authorities, or those of SSL_CERT_FILE and SSL_CERT_DIR, and the caller's own."""
    name = "the certificates of SSL_CERT_FILE or SSL_CERT_DIR"
    try:
        context = httpx.create_ssl_context()
        if settings.ca_file:
            name = f"ca-file {settings.ca_file!r} ({settings.sources.get('ca-file', 'given')})"
            context.load_verify_locations(settings.ca_file)
    except (OSError, ssl.SSLError) as exc:
        hint = "It must be a readable file with certificates in PEM form."
        raise errors.SettingsError([f"{name} cannot be used: {exc.strerror or exc}."], hint=hint) from exc
    return context


class _Later(ssl.SSLContext):
    """Loads the authorities at the first handshake, which a call over plain http hardly ever comes to."""

    def __init__(self, settings: Settings) -> None:
        self._load = functools.cache(lambda: _authorities(settings))
        if settings.ca_file:
            self._load()  # as a file of the caller's it is checked in any case

    def __new__(cls, _: Settings) -> typing.Self:
        """Refuse every certificate by itself, as a client's context does that knows no authority."""
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def wrap_bio(self, *arguments: typing.Any, **options: typing.Any) -> ssl.SSLObject:
        """Begin a handshake that trusts the authorities."""
        return self._load().wrap_bio(*arguments, **options)


class Tls(typing.NamedTuple):
    """The facts of a connection's TLS."""

    version: str
    subject: str
    issuer: str
    expires: datetime.datetime


def tls_facts(response: httpx.Response) -> Tls | None:
    """Return the TLS facts of the connection a response came over; None for plain http."""
    stream = response.extensions.get("network_stream")
    tls = stream.get_extra_info("ssl_object") if stream else None
    certificate = tls.getpeercert() if tls else None
    if not tls or not certificate:
        return None
    subject, issuer = (dict(pair for part in certificate[side] for pair in part) for side in ("subject", "issuer"))
    return Tls(
        version=tls.version(),
        subject=subject.get("commonName", "?"),
        issuer=issuer.get("organizationName", "?"),
        expires=datetime.datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), datetime.UTC),
    )


async def send(http: HttpClient, method: str, address: str, limit: int, **request: typing.Any) -> HttpResponse:
    """Send one request; return its response of at most so many bytes. Raises Unavailable and what is in BROKEN."""
    data = bytearray()
    async with http.stream(method, address, **request) as response:
        chunks: AsyncGenerator[bytes, None] = aiter(typing.cast("typing.Any", response.stream))
        # Left half-read, it would be closed some time later, when nobody waits for that.
        async with contextlib.aclosing(chunks):
            async for chunk in chunks:
                data += chunk
                if len(data) > limit:
                    break
    content = _decompressed(bytes(data), response.headers.pop("content-encoding", "").strip().lower(), limit)
    if len(content) > limit:
        raise errors.Unavailable(
            f"The response is larger than max-response allows ({limit} bytes).",
            cause="an unusually large suite, or a response that is not from Kore.ai.",
            hint="Raise max-response if the suite really is this large.",
        )
    return httpx.Response(response.status_code, headers=response.headers, content=content)


def _decompressed(data: bytes, encoding: str, limit: int) -> bytes:
    """Decompress a body; httpx would do it to a thousand times its size, and not notice a missing end."""
    if not data or len(data) > limit or encoding in {"", "identity"}:
        return data
    if encoding not in {"gzip", "deflate"}:
        raise httpx.DecodingError(f"compressed as {text.line(encoding, 40)}, which kore_gate did not request")
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        content = inflate.decompress(data, limit + 1)
    except zlib.error as exc:
        raise httpx.DecodingError(str(exc)) from exc
    if not inflate.eof and len(content) <= limit:
        raise httpx.DecodingError("it ends too early")
    if inflate.unused_data.startswith(b"\x1f\x8b"):  # as each compressed part begins
        raise httpx.DecodingError("it has a second compressed part")
    return content


def origin(address: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port of an address. Raises what is in BROKEN where it has none."""
    url = httpx.URL(address)
    if not 0 < (url.port or 443) < 2**16:
        raise httpx.InvalidURL(f"no port has the number {url.port}")
    return url.scheme, url.host, url.port


def proxy_for(address: str) -> str:
    """Return host and port of the proxy that requests to an address go through, without its credentials; "" if none."""
    parts = urllib.parse.urlsplit(address)
    proxies, name = urllib.request.getproxies(), parts.hostname or ""
    proxy = proxies.get(parts.scheme) or proxies.get("all", "")
    if not proxy or parsers.is_loopback(name) or urllib.request.proxy_bypass(name):
        return ""
    return proxy.rpartition("@")[2].rpartition("//")[2].rstrip("/")


# What OpenSSL says of a server that answers in plain text.
_NOT_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL", "HTTP_REQUEST")

_NAMES: dict[type[Exception] | tuple[type[Exception], ...], str] = {
    httpx.TimeoutException: "no response in time",
    TimeoutError: "no complete response in time",
    httpx.DecodingError: "a response with broken compression",
    httpx.RemoteProtocolError: "a response that is cut off or is not HTTP",
    httpx.NetworkError: "the connection broke",
    (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError): "an invalid URL",
}


def failure(exc: Exception, redactor: Redactor, address: str) -> errors.Unavailable | TryAgain:
    """Return what a fault on the way to an address means: Unavailable where no retry can fix it, else TryAgain."""
    name = next((name for kind, name in _NAMES.items() if isinstance(exc, kind)), type(exc).__name__)
    detail = redactor.text(text.line(str(exc), 200))
    message = f"{name} ({detail})" if detail else name
    if isinstance(exc, httpx.LocalProtocolError) or name == "an invalid URL":
        return errors.Unavailable(f"The request cannot be sent: {message}.", hint="Check host and the proxy settings.")
    # A proxy's message is its status and reason; one of its own 4xx stays what it is.
    if isinstance(exc, httpx.ProxyError) and detail.startswith("4"):
        return errors.Unavailable(
            f"The proxy rejected the request: {detail}.",
            cause="wrong credentials for the proxy, or a proxy that does not allow this host.",
            hint="Check HTTPS_PROXY (http://user:password@proxy:port) and the proxy's rules, or set NO_PROXY.",
        )
    causes = list(_causes(exc))
    if invalid := next((cause for cause in causes if isinstance(cause, ssl.SSLCertVerificationError)), None):
        return errors.Unavailable(
            f"Kore.ai's certificate is not valid: {invalid.verify_message}.",
            cause="a proxy that intercepts TLS, a private certificate authority, or a wrong clock on this machine.",
            hint="Set ca-file to the authority's certificate (PEM), and check the runner's clock.",
        )
    if isinstance(exc, httpx.RemoteProtocolError) and address.startswith("http:"):
        usual = "http:// in host, for a port that expects https, or a server that closes connections."
        return TryAgain(message, arrived=True, cause=usual)
    if not isinstance(exc, httpx.ConnectTimeout | httpx.ConnectError | httpx.ProxyError):
        return TryAgain(message, arrived=not isinstance(exc, httpx.PoolTimeout))
    # Without a connection Kore.ai can't have received the request.
    message, usual = _no_connection(exc, causes, f" ({detail})" if detail else "", address)
    return TryAgain(message, arrived=False, cause=usual)


def _no_connection(exc: Exception, causes: Sequence[BaseException], detail: str, address: str) -> tuple[str, str]:
    """Say why there is no connection, naming the host or the proxy, and what is usually behind it."""
    parts, proxy = urllib.parse.urlsplit(address), proxy_for(address)
    place = f"the proxy {proxy}" if proxy else parts.netloc.rpartition("@")[2]
    setting = f"{parts.scheme.upper()}_PROXY" if proxy else "host"
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        name = place if proxy else parts.hostname
        return f"DNS cannot resolve {name} (misspelt?)", f"a misspelt {setting}, or DNS that does not work (yet)."
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return f"{place} refused the connection", f"a wrong port or name in {setting}, or a server that is down."
    if isinstance(exc, httpx.ConnectTimeout):
        return f"{place} did not answer in time", f"a firewall, a wrong {setting}, or a server that is down."
    if any(isinstance(cause, ssl.SSLError) and cause.reason in _NOT_TLS for cause in causes):
        return f"{place} speaks no TLS", "https:// in host, for a port that expects http, or a proxy in between."
    if isinstance(exc, httpx.ProxyError):
        return f"the proxy {proxy} rejected the request{detail}".replace("  ", " "), ""
    return f"no connection to {place}{detail}", ""


def _causes(exc: BaseException | None) -> Iterator[BaseException]:
    """Walk through an exception and all that led to it."""
    if exc:
        yield exc
        for cause in (exc.__cause__ or exc.__context__, *getattr(exc, "exceptions", ())):
            yield from _causes(cause)
