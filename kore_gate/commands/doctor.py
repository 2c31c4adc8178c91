"""Checks everything the gate needs, from settings to scopes, and says what to fix."""

import asyncio
import dataclasses
import datetime
import socket
import urllib.parse
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Protocol

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


class Report(Protocol):
    """Takes what a check finds; `code` is what the gate would end with because of it."""

    def __call__(self, topic: str, message: str, todo: str = "", code: ExitCode = ExitCode.PASSED) -> None:
        """Print a finding at once: what comes after it may take long."""


async def run(
    settings: Settings, console: Console, clock: Clock, http_transport: "httpx.AsyncBaseTransport | None" = None
) -> int:
    """Make one check after another, also when one fails; return 0 only if all passed. Raises SettingsError."""
    failures: dict[str, ExitCode] = {}

    def report(topic: str, message: str, todo: str = "", code: ExitCode = ExitCode.PASSED) -> None:
        if code:
            failures[topic] = code
        mark = "FAIL" if code else "note" if todo else "ok  "
        console.info(f"{mark} {topic}: {console.redactor.text(message)}")
        if todo:
            console.info(f"     What to do: {todo}")

    _check_settings(settings, report)
    await _check_name(settings.host, report)
    signer = Signer(settings, clock)
    _check_token(settings, signer.decoded(), clock, report)
    await _check_connection(settings, signer, clock, http_transport, report)
    verdict = Verdict(ending=Ending.PASSED, exit_code=ExitCode.PASSED, message="All checks passed.")
    if failures:
        code = gravest(failures.values())
        ending = Ending.REFUSED if code is ExitCode.REFUSED else Ending.UNAVAILABLE
        verdict = Verdict(ending=ending, exit_code=code, message=f"Fix: {', '.join(failures)}.")
    console.verdict(verdict)
    return int(verdict.exit_code)


def _check_settings(settings: Settings, report: Report) -> None:
    for setting in options.SETTINGS:
        source = settings.sources.get(setting.name)
        if source:
            value = getattr(settings, setting.field)
            shown = ", ".join(map(str, value)) if isinstance(value, tuple | frozenset) else value
            report("setting", f"{setting.name} = {'set' if setting.secret else shown} ({source})")


async def _check_name(host: str, report: Report) -> None:
    """Resolve the host's name, which a proxy would do itself; its credentials are not shown."""
    parts = urllib.parse.urlsplit(host)
    name = parts.hostname or ""
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if proxy and not parsers.is_loopback(name) and not urllib.request.proxy_bypass(name):
        address = proxy.rpartition("@")[2]
        report("proxy", f"requests go through {address}, which resolves the host name")
        return
    report("proxy", "none for this host")
    try:
        entries = await asyncio.get_running_loop().getaddrinfo(name, parts.port or 443, type=socket.SOCK_STREAM)
    except OSError as exc:
        todo = "Check host for a typo, and this machine's DNS; behind a proxy, set HTTPS_PROXY."
        report("DNS", f"{name} cannot be resolved: {exc.strerror or exc}", todo, ExitCode.UNAVAILABLE)
        return
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
    report("DNS", f"{name} resolves to {', '.join(addresses[:4])}")


def _check_token(settings: Settings, claims: Mapping[str, object], clock: Clock, report: Report) -> None:
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
    report("token", f"{kind}; {listed}", todo)


async def _check_connection(
    settings: Settings,
    signer: Signer,
    clock: Clock,
    http_transport: "httpx.AsyncBaseTransport | None",
    report: Report,
) -> None:
    """Send one request for each scope, and report what the responses show of certificate, access and clock."""
    settings = dataclasses.replace(settings, outage_limit=min(settings.outage_limit, _OUTAGE_LIMIT))
    certificates: set[str] = set()
    refused: list[str] = []

    async def note_tls(response: "httpx.Response") -> None:
        facts = transport.tls_facts(response)
        if facts and not certificates:
            certificates.add(facts.issuer)
            is_short = facts.expires and facts.expires - clock.now() < _SOON_EXPIRED
            todo = "The certificate expires soon: inform the owner of this host." if is_short else ""
            until = f", until {facts.expires:%Y-%m-%d}" if facts.expires else ""
            message = f"{facts.version}, certificate for {facts.subject} by {facts.issuer}{until}"
            report("TLS", message, todo)

    async with transport.connect(settings, "doctor", http_transport) as http:
        http.event_hooks = {"response": [note_tls]}
        client = KoreClient(http, settings, signer, clock)
        try:
            async with clock.limit(settings.timeout):
                for topic, (scope, request) in _REQUESTS.items():
                    code = await _check_request(topic, request(client), report)
                    if code is ExitCode.REFUSED:
                        refused.append(scope)
                    elif code:
                        break
        except TimeoutError:
            message = f"no valid response within {text.duration(settings.timeout)}"
            todo = "Raise timeout, or try again later."
            report("timeout", message, todo, ExitCode.TIMED_OUT)
    if refused:
        message = f'the token is valid, the scope "{refused[0]}" is missing'
        todo = f'Select the scope "{refused[0]}" for the JWT app, save, and publish the bot.'
        if len(refused) == len(_REQUESTS):
            cause, todo = signer.advice(client.skew)
            message = f"both requests are refused. Usual cause: {cause}"
        report("access", message, todo, ExitCode.REFUSED)
    _check_clock(client.skew, report)


async def _check_request(topic: str, request: Awaitable[Job], report: Report) -> ExitCode:
    """Ask for a job that can't exist, and report what the answer means."""
    try:
        job = await request
    except errors.Gone as error:
        report(topic, f"Kore.ai accepted the request; no such job, as expected ({error.message})")
    except errors.GateError as error:
        cause = error.__cause__
        if isinstance(cause, errors.Rejected) and cause.status not in _NO_API:
            # What Kore.ai answers to an id nobody has is not documented; it does not refuse the credentials.
            report(topic, f"Kore.ai accepted the request and rejected the made-up id ({error.message})")
            return ExitCode.PASSED
        # What to do about refused credentials depends on the other request.
        report(topic, error.message, "" if isinstance(error, errors.Refused) else error.hint, error.exit_code)
        return error.exit_code
    else:
        report(topic, f"Kore.ai accepted the request; status {job.status or 'none'}")
    return ExitCode.PASSED


def _check_clock(skew: float | None, report: Report) -> None:
    if skew is None:
        report("clock", "not compared: Kore.ai's response has no Date header")
    elif abs(skew) > _MOST_SKEW:
        direction = "behind" if skew > 0 else "ahead of"
        message = f"this machine is {text.duration(abs(skew))} {direction} Kore.ai, so tokens are not valid"
        report("clock", message, "Set the machine's clock (NTP).", ExitCode.REFUSED)
    else:
        report("clock", f"within {text.duration(max(1.0, abs(skew)))} of Kore.ai's")
