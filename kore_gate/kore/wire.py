"""The connection to Kore.ai: how it is opened, and what it means when it breaks."""

import contextlib
import dataclasses
import datetime
import ssl
import urllib.parse
from collections.abc import AsyncIterator

import httpx

from kore_gate import __version__, errors, text, values
from kore_gate.settings import Settings

# Whatever httpx raises for a request that did not come to its end.
BROKEN = (httpx.HTTPError, httpx.InvalidURL, TimeoutError)


@contextlib.asynccontextmanager
async def connect(
    settings: Settings, ci: str, transport: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """Open the connections of one call: verified TLS, no redirects, proxies from the environment."""
    # A simulator on this machine is not behind the company's proxy.
    trust_env = not values.is_loopback(urllib.parse.urlsplit(settings.host).hostname or "")
    try:
        http = httpx.AsyncClient(
            verify=_authorities(settings),
            transport=transport,
            trust_env=trust_env,
            follow_redirects=False,
            timeout=settings.request_timeout,
            limits=httpx.Limits(max_connections=settings.max_parallel + 5),
            headers={"user-agent": f"kore_gate/{__version__} (+{ci})"},
        )
    except (ValueError, ImportError, httpx.InvalidURL) as exc:
        problem = f"A proxy named by HTTP_PROXY, HTTPS_PROXY or ALL_PROXY can't be used: {text.line(str(exc), 200)}."
        raise errors.SettingsError([problem], hint="It must be an http(s) address: http://proxy.example:3128.") from exc
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
        hint = "It must be a readable file of certificates in PEM form."
        raise errors.SettingsError([f"{name} can't be used: {exc.strerror or exc}."], hint=hint) from exc
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


def fault(exc: Exception) -> str:
    """Say what went wrong on the way, in words of the matter."""
    names: list[tuple[type[Exception], str]] = [
        (httpx.ConnectTimeout, "no connection in time"),
        (httpx.ConnectError, "no connection"),
        (httpx.ProxyError, "the proxy turned the request down"),
        (httpx.TimeoutException, "no answer in time"),
        (TimeoutError, "no complete answer in time"),
        (httpx.DecodingError, "an answer whose compression is broken"),
        (httpx.RemoteProtocolError, "an answer that was cut off or is no HTTP"),
        (httpx.NetworkError, "the connection broke"),
    ]
    said = next((words for kind, words in names if isinstance(exc, kind)), type(exc).__name__)
    detail = text.line(str(exc), 200)
    return f"{said} ({detail})" if detail else said


def arrived(exc: Exception) -> bool:
    """Tell whether Kore.ai may have got the request: it can't before a connection stands."""
    return not isinstance(exc, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError | httpx.PoolTimeout)


def lasting(exc: Exception) -> errors.Unavailable | None:
    """Return what to say of a fault that no further try can mend."""
    if isinstance(exc, httpx.InvalidURL | httpx.UnsupportedProtocol):
        hint = "Check host and the proxy settings."
        return errors.Unavailable(f"The address can't be called: {fault(exc)}.", hint=hint)
    certificate = next((link for link in _chain(exc) if isinstance(link, ssl.SSLCertVerificationError)), None)
    if certificate is None:
        return None
    return errors.Unavailable(
        f"Kore.ai's certificate was not accepted: {certificate.verify_message}.",
        cause="a proxy that opens TLS, a private certificate authority, or a wrong clock on this machine.",
        hint="Give the authority as ca-file (PEM), and check the runner's clock.",
    )


def _chain(exc: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while exc is not None and exc not in found:
        found.append(exc)
        exc = exc.__cause__ or exc.__context__
    return found
