"""Checks everything the gate needs, from settings to scopes, and says what to fix."""

import asyncio
import dataclasses
import datetime
import socket
import urllib.parse
import urllib.request
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from kore_gate import errors, text
from kore_gate.clock import Clock
from kore_gate.errors import Ending, ExitCode, gravest
from kore_gate.kore import transport
from kore_gate.kore.auth import Signer
from kore_gate.kore.client import KoreClient
from kore_gate.model import Job, Verdict
from kore_gate.reports.console import Console
from kore_gate.settings import options, parsers
from kore_gate.settings.sources import Settings

if TYPE_CHECKING:
    import httpx

# An id that no job has: asking for it changes nothing, and the answer tells whether asking is allowed.
NOBODYS_DS_ID = "ds-00000000-0000-4000-8000-000000000000"
NOBODYS_RUN_ID = "ctr-00000000-0000-4000-8000-000000000000"
NOBODYS_SUITE = "kore_gate doctor"

# One request for each scope that the gate needs.
_REQUESTS: Mapping[str, tuple[str, Callable[[KoreClient], Awaitable[Job]]]] = {
    "import status": ("Conversation Tests Management", lambda client: client.import_job(NOBODYS_DS_ID)),
    "run status": ("Conversation Tests Execution", lambda client: client.run_job(NOBODYS_SUITE, NOBODYS_RUN_ID)),
}
# The method is not allowed, or the address has moved: this is not Kore.ai's API.
_NO_API = (301, 302, 303, 307, 308, 405)

_OUTAGE_LIMIT = 15.0  # seconds that a person will wait for an answer
_MOST_SKEW = 60.0
_SOON_EXPIRED = datetime.timedelta(days=14)


class Finding(NamedTuple):
    """What one check finds; `code` is what the gate would end with because of it."""

    topic: str
    message: str
    todo: str = ""
    code: ExitCode = ExitCode.PASSED


async def run(
    settings: Settings, console: Console, clock: Clock, http_transport: "httpx.AsyncBaseTransport | None" = None
) -> int:
    """Make one check after another, also when one fails; return 0 only if all passed. Raises SettingsError."""
    failures: dict[str, ExitCode] = {}

    def report(findings: Iterable[Finding]) -> None:
        for topic, message, todo, code in findings:
            if code:
                failures[topic] = code
            mark = "FAIL" if code else "note" if todo else "ok  "
            console.say(f"{mark} {topic}: {console.redactor.text(message)}")
            if todo:
                console.say(f"     What to do: {todo}")

    report(_settings_in_use(settings))
    report(await _name(settings.host))
    signer = Signer(settings, clock)
    report([_token(settings, signer.decoded(), clock)])
    report(await _connection(settings, signer, clock, http_transport))

    verdict = Verdict(ending=Ending.PASSED, exit_code=ExitCode.PASSED, message="All checks passed.")
    if failures:
        code = gravest(failures.values())
        ending = Ending.REFUSED if code is ExitCode.REFUSED else Ending.UNAVAILABLE
        verdict = Verdict(ending=ending, exit_code=code, message=f"Fix: {', '.join(failures)}.")
    console.last_lines(verdict)
    return int(verdict.exit_code)


def _settings_in_use(settings: Settings) -> Iterator[Finding]:
    for setting in options.SETTINGS:
        source = settings.sources.get(setting.name)
        if source:
            value = getattr(settings, setting.field)
            shown = ", ".join(map(str, value)) if isinstance(value, tuple | frozenset) else value
            yield Finding("setting", f"{setting.name} = {'set' if setting.secret else shown} ({source})")


async def _name(host: str) -> list[Finding]:
    """Resolve the host's name, which a proxy would do itself; its credentials are not shown."""
    parts = urllib.parse.urlsplit(host)
    name = parts.hostname or ""
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if proxy and not parsers.is_loopback(name) and not urllib.request.proxy_bypass(name):
        address = proxy.rpartition("@")[2]
        return [Finding("proxy", f"requests go through {address}, which resolves the host name")]
    none = Finding("proxy", "none for this host")
    try:
        entries = await asyncio.get_running_loop().getaddrinfo(name, parts.port or 443, type=socket.SOCK_STREAM)
    except OSError as exc:
        todo = "Check host for a typo, and this machine's DNS; behind a proxy, set HTTPS_PROXY."
        return [none, Finding("DNS", f"{name} cannot be resolved: {exc.strerror or exc}", todo, ExitCode.UNAVAILABLE)]
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
    return [none, Finding("DNS", f"{name} resolves to {', '.join(addresses[:4])}")]


def _token(settings: Settings, claims: Mapping[str, object], clock: Clock) -> Finding:
    shown = {name: claims[name] for name in ("appId", "sub", "iat", "exp", "aud") if name in claims}
    for name in ("iat", "exp"):
        seconds = shown.get(name)
        if isinstance(seconds, int | float) and 0 < seconds < 10**10:
            shown[name] = f"{datetime.datetime.fromtimestamp(seconds, datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"
    kind = "ready-made" if settings.jwt else f"signed with {settings.jwt_algorithm}"
    listed = ", ".join(f"{name} {value}" for name, value in shown.items()) or "its claims cannot be read"
    todo = ""
    if settings.jwt:
        expires = claims.get("exp")
        if isinstance(expires, int | float) and expires < clock.now().timestamp():
            todo = "It has expired: create a new one, or use client-id and client-secret instead."
        elif "jti" in claims:
            todo = "A token with a jti is valid for one request only: use client-id and client-secret instead."
        elif claims and "appId" not in claims:
            todo = "The token must contain the client id as appId."
    return Finding("token", f"{kind}; {listed}", todo)


async def _connection(
    settings: Settings, signer: Signer, clock: Clock, http_transport: "httpx.AsyncBaseTransport | None"
) -> list[Finding]:
    """Send one request for each scope, and return what the responses tell of certificate, access and clock."""
    settings = dataclasses.replace(settings, outage_limit=min(settings.outage_limit, _OUTAGE_LIMIT))
    findings: dict[str, Finding] = {}
    refused: list[str] = []

    async def note_tls(response: "httpx.Response") -> None:
        facts = transport.tls_facts(response)
        if facts:
            is_short = facts.expires and facts.expires - clock.now() < _SOON_EXPIRED
            todo = "The certificate expires soon: inform the owner of this host." if is_short else ""
            until = f", until {facts.expires:%Y-%m-%d}" if facts.expires else ""
            message = f"{facts.version}, certificate for {facts.subject} by {facts.issuer}{until}"
            findings["TLS"] = Finding("TLS", message, todo)

    async with transport.connect(settings, "doctor", http_transport) as http:
        http.event_hooks = {"response": [note_tls]}
        client = KoreClient(http, settings, signer, clock)
        try:
            async with clock.limit(settings.timeout):
                for topic, (scope, request) in _REQUESTS.items():
                    findings[topic] = await _request(topic, request(client))
                    if findings[topic].code is ExitCode.REFUSED:
                        refused.append(scope)
                    elif findings[topic].code:
                        break
        except TimeoutError:
            message = f"no valid response within {text.duration(settings.timeout)}"
            todo = "Raise timeout, or try again later."
            findings["timeout"] = Finding("timeout", message, todo, ExitCode.TIMED_OUT)
    if refused:
        message = f'the token is valid, the scope "{refused[0]}" is missing'
        todo = f'Select the scope "{refused[0]}" for the JWT app, save, and publish the bot.'
        if len(refused) == len(_REQUESTS):
            cause, todo = signer.advice(client.skew)
            message = f"both requests are refused. Usually: {cause}"
        findings["access"] = Finding("access", message, todo, ExitCode.REFUSED)
    return [*findings.values(), _clock(client.skew)]


async def _request(topic: str, request: Awaitable[Job]) -> Finding:
    """Ask for a job that can't exist, and return what the answer means."""
    try:
        job = await request
    except errors.Gone as error:
        return Finding(topic, f"Kore.ai accepted the request; no such job, as expected ({error.message})")
    except errors.Refused as error:
        # What to do about it depends on the other request.
        return Finding(topic, error.message, code=error.exit_code)
    except errors.GateError as error:
        cause = error.__cause__
        if isinstance(cause, errors.Rejected) and cause.status not in _NO_API:
            # What Kore.ai answers to an id nobody has is not documented; it does not refuse the credentials.
            return Finding(topic, f"Kore.ai accepted the request and rejected the made-up id ({error.message})")
        return Finding(topic, error.message, error.hint, error.exit_code)
    return Finding(topic, f"Kore.ai accepted the request; status {job.status or 'none'}")


def _clock(skew: float | None) -> Finding:
    if skew is None:
        return Finding("clock", "not compared: Kore.ai's response has no Date header")
    if abs(skew) > _MOST_SKEW:
        direction = "behind" if skew > 0 else "ahead of"
        message = f"this machine is {text.duration(abs(skew))} {direction} Kore.ai, so tokens are not valid"
        return Finding("clock", message, "Set the machine's clock (NTP).", ExitCode.REFUSED)
    return Finding("clock", f"within {text.duration(max(1.0, abs(skew)))} of Kore.ai's")
