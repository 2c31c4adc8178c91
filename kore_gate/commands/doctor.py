"""Checks everything the gate needs, from settings to scopes, and says what to fix."""

import asyncio
import dataclasses
import datetime
import socket
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING

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
    from collections.abc import Awaitable, Callable, Mapping

    import httpx

# An id that no job has: asking for it changes nothing, and the answer tells whether asking is allowed.
NOBODYS_DS_ID = "ds-00000000-0000-4000-8000-000000000000"
NOBODYS_RUN_ID = "ctr-00000000-0000-4000-8000-000000000000"
NOBODYS_SUITE = "kore_gate doctor"

# One request for each scope that the gate needs.
_REQUESTS: "Mapping[str, Callable[[KoreClient], Awaitable[Job]]]" = {
    "import status": lambda client: client.import_job(NOBODYS_DS_ID),
    "run status": lambda client: client.run_job(NOBODYS_SUITE, NOBODYS_RUN_ID),
}
_SCOPES = {"import status": "Conversation Tests Management", "run status": "Conversation Tests Execution"}
# The method is not allowed, or the address has moved: this is not Kore.ai's API.
_NO_API = (301, 302, 303, 307, 308, 405)

_OUTAGE_LIMIT = 15.0  # seconds that a person will wait for an answer
_MOST_SKEW = 60.0
_SOON_EXPIRED = datetime.timedelta(days=14)


class Doctor:
    """Makes one check after another, and goes on when one fails."""

    def __init__(
        self, settings: Settings, console: Console, clock: Clock, transport: "httpx.AsyncBaseTransport | None" = None
    ) -> None:
        self._settings = dataclasses.replace(settings, outage_limit=min(settings.outage_limit, _OUTAGE_LIMIT))
        self._console = console
        self._clock = clock
        self._transport = transport
        self._failures: dict[str, ExitCode] = {}
        self._has_reported_tls = False

    async def run(self) -> int:
        """Make all checks; return 0 only if all passed. Raises SettingsError for a key that can't sign."""
        self._report_settings()
        await self._check_name()
        signer = Signer(self._settings, self._clock)
        self._check_token(signer)
        async with transport.connect(self._settings, "doctor", self._transport) as http:
            http.event_hooks = {"response": [self._check_tls]}
            client = KoreClient(http, self._settings, signer, self._clock)
            await self._check_requests(client)
            self._check_scopes(signer, client.skew)
            self._check_clock(client.skew)
        return self._conclude()

    def _report(self, topic: str, message: str, todo: str = "", code: ExitCode = ExitCode.PASSED) -> None:
        """Report one check; `code` is what the gate would end with because of it."""
        if code:
            self._failures[topic] = code
        mark = "FAIL" if code else "note" if todo else "ok  "
        self._console.say(f"{mark} {topic}: {message}")
        if todo:
            self._console.say(f"     What to do: {todo}")

    def _report_settings(self) -> None:
        for setting in options.SETTINGS:
            source = self._settings.sources.get(setting.name)
            if source:
                value = getattr(self._settings, setting.field)
                shown = ", ".join(map(str, value)) if isinstance(value, tuple | frozenset) else value
                self._report("setting", f"{setting.name} = {'set' if setting.secret else shown} ({source})")

    async def _check_name(self) -> None:
        parts = urllib.parse.urlsplit(self._settings.host)
        name = parts.hostname or ""
        proxy = "" if parsers.is_loopback(name) else _proxy_for(parts.scheme, name)
        if proxy:
            self._report("proxy", f"requests go through {proxy}, which resolves the host name")
            return
        self._report("proxy", "none for this host")
        try:
            entries = await asyncio.get_running_loop().getaddrinfo(name, parts.port or 443, type=socket.SOCK_STREAM)
        except OSError as exc:
            todo = "Check host for a typo, and this machine's DNS; behind a proxy, set HTTPS_PROXY."
            self._report("DNS", f"{name} cannot be resolved: {exc.strerror or exc}", todo, ExitCode.UNAVAILABLE)
            return
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
        self._report("DNS", f"{name} resolves to {', '.join(addresses[:4])}")

    def _check_token(self, signer: Signer) -> None:
        claims = signer.decoded()
        shown = ", ".join(
            f"{name} {_claim(name, claims[name])}" for name in ("appId", "sub", "iat", "exp", "aud") if name in claims
        )
        kind = "ready-made" if self._settings.jwt else f"signed with {self._settings.jwt_algorithm}"
        todo = ""
        if self._settings.jwt:
            expires = claims.get("exp")
            if isinstance(expires, int | float) and expires < self._clock.now().timestamp():
                todo = "It has expired: create a new one, or use client-id and client-secret instead."
            elif "jti" in claims:
                todo = "A token with a jti is valid for one request only: use client-id and client-secret instead."
            elif claims and "appId" not in claims:
                todo = "The token must contain the client id as appId."
        self._report("token", f"{kind}; {shown or 'its claims cannot be read'}", todo)

    async def _check_requests(self, client: KoreClient) -> None:
        try:
            async with self._clock.limit(self._settings.timeout):
                for topic, request in _REQUESTS.items():
                    await self._check_request(topic, request(client))
                    if self._failures.get(topic, ExitCode.REFUSED) is not ExitCode.REFUSED:
                        return
        except TimeoutError:
            message = f"no valid response within {text.duration(self._settings.timeout)}"
            self._report("timeout", message, "Raise timeout, or try again later.", ExitCode.TIMED_OUT)

    async def _check_request(self, topic: str, request: "Awaitable[Job]") -> None:
        """Ask for a job that can't exist, and report what the answer means."""
        try:
            job = await request
        except errors.Gone as error:
            self._report(topic, f"Kore.ai accepted the request; no such job, as expected ({error.message})")
        except errors.Refused as error:
            self._report(topic, error.message, code=error.exit_code)
        except errors.GateError as error:
            cause = error.__cause__
            if isinstance(cause, errors.Rejected) and cause.status not in _NO_API:
                # What Kore.ai answers to an id nobody has is not documented; it does not refuse the credentials.
                self._report(topic, f"Kore.ai accepted the request and rejected the made-up id ({error.message})")
            else:
                self._report(topic, error.message, error.hint, error.exit_code)
        else:
            self._report(topic, f"Kore.ai accepted the request; status {job.status or 'none'}")

    def _check_scopes(self, signer: Signer, skew: float | None) -> None:
        """Tell a wrong token from a missing scope, as far as two answers allow."""
        refused = [scope for topic, scope in _SCOPES.items() if self._failures.get(topic) is ExitCode.REFUSED]
        if len(refused) == len(_SCOPES):
            cause, todo = signer.advice(skew)
            self._report("access", f"both requests are refused. Usually: {cause}", todo, ExitCode.REFUSED)
        elif refused:
            todo = f'Select the scope "{refused[0]}" for the JWT app, save, and publish the bot.'
            self._report("access", f'the token is valid, the scope "{refused[0]}" is missing', todo, ExitCode.REFUSED)

    async def _check_tls(self, response: "httpx.Response") -> None:
        facts = transport.tls_facts(response)
        if facts is None or self._has_reported_tls:
            return
        self._has_reported_tls = True
        todo = ""
        if facts.expires and facts.expires - self._clock.now() < _SOON_EXPIRED:
            todo = "The certificate expires soon: inform the owner of this host."
        until = f", until {facts.expires:%Y-%m-%d}" if facts.expires else ""
        message = f"{facts.version}, certificate for {facts.subject} by {facts.issuer}{until}"
        self._report("TLS", self._console.redactor.text(message), todo)

    def _check_clock(self, skew: float | None) -> None:
        if skew is None:
            self._report("clock", "not compared: Kore.ai's response has no Date header")
        elif abs(skew) > _MOST_SKEW:
            direction = "behind" if skew > 0 else "ahead of"
            message = f"this machine is {text.duration(abs(skew))} {direction} Kore.ai, so tokens are not valid"
            self._report("clock", message, "Set the machine's clock (NTP).", ExitCode.REFUSED)
        else:
            self._report("clock", f"within {text.duration(max(1.0, abs(skew)))} of Kore.ai's")

    def _conclude(self) -> int:
        verdict = Verdict(ending=Ending.PASSED, exit_code=ExitCode.PASSED, message="All checks passed.")
        if self._failures:
            code = gravest(self._failures.values())
            ending = Ending.REFUSED if code is ExitCode.REFUSED else Ending.UNAVAILABLE
            verdict = Verdict(ending=ending, exit_code=code, message=f"Fix: {', '.join(self._failures)}.")
        self._console.last_lines(verdict)
        return int(verdict.exit_code)


def _claim(name: str, value: object) -> str:
    """Write a claim so that people can read it."""
    if name in ("iat", "exp") and isinstance(value, int | float) and 0 < value < 10**10:
        return f"{datetime.datetime.fromtimestamp(value, datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"
    return str(value)


def _proxy_for(scheme: str, name: str) -> str:
    """Return the proxy that the environment names for a host, without its credentials."""
    if urllib.request.proxy_bypass(name):
        return ""
    proxies = urllib.request.getproxies()
    address = proxies.get(scheme) or proxies.get("all") or ""
    return address.rsplit("@", 1)[-1]
