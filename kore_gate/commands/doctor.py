"""Checks everything from settings to scope, and says what to fix."""

import asyncio
import dataclasses
import datetime
import enum
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
    from collections.abc import Awaitable, Callable, Sequence

    import httpx

# An id that no job has: asking for it changes nothing, and the answer tells whether asking is allowed.
NOBODYS_DS_ID = "ds-00000000-0000-4000-8000-000000000000"
NOBODYS_RUN_ID = "ctr-00000000-0000-4000-8000-000000000000"
NOBODYS_SUITE = "kore_gate doctor"

_PATIENCE = 15.0  # seconds of outage that a person will wait for an answer
_MOST_SKEW = 60.0
_SOON_EXPIRED = datetime.timedelta(days=14)


_SCOPES = ("Conversation Tests Management", "Conversation Tests Execution")
# The method is not allowed, or the address has moved: this is not Kore.ai's API.
_NO_API = (301, 302, 303, 307, 308, 405)


class _Access(enum.Enum):
    GRANTED = enum.auto()
    REFUSED = enum.auto()
    UNREACHED = enum.auto()


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that was looked at. `code` is what the gate would end with because of it."""

    topic: str
    said: str
    todo: str = ""
    code: ExitCode = ExitCode.PASSED


class Doctor:
    """Looks at one thing after another, and goes on when one is bad."""

    def __init__(
        self, settings: Settings, console: Console, clock: Clock, transport: "httpx.AsyncBaseTransport | None" = None
    ) -> None:
        patience = min(settings.outage_limit, _PATIENCE)
        self._settings = dataclasses.replace(settings, outage_limit=patience)
        self._console = console
        self._clock = clock
        self._transport = transport
        self._findings: list[Finding] = []
        self._tls = ""

    async def run(self) -> int:
        """Look at everything; return 0 only if all checks passed. Raises SettingsError for a key that can't sign."""
        self._tell_settings()
        await self._look_up_name()
        signer = Signer(self._settings, self._clock)
        self._tell_claims(signer)
        async with transport.connect(self._settings, "doctor", self._transport) as http:
            http.event_hooks = {"response": [self._note_tls]}
            client = KoreClient(http, self._settings, signer, self._clock)
            access: list[_Access] = []
            try:
                async with self._clock.limit(self._settings.timeout):
                    access.append(await self._ask("import", lambda: client.import_job(NOBODYS_DS_ID)))
                    if access[0] is not _Access.UNREACHED:
                        access.append(await self._ask("run", lambda: client.run_job(NOBODYS_SUITE, NOBODYS_RUN_ID)))
            except TimeoutError:
                said = f"no valid response within {text.duration(self._settings.timeout)}"
                self._tell("timeout", said, "Raise timeout, or try again later.", ExitCode.TIMED_OUT)
            self._tell_access(access, signer, client.skew)
            self._tell_clock(client.skew)
        return self._conclude()

    def _tell(self, topic: str, said: str, todo: str = "", code: ExitCode = ExitCode.PASSED) -> None:
        finding = Finding(topic=topic, said=said, todo=todo, code=code)
        self._findings.append(finding)
        mark = "FAIL" if code else "note" if todo else "ok  "
        self._console.say(f"{mark} {topic}: {said}")
        if todo:
            self._console.say(f"     What to do: {todo}")

    def _tell_settings(self) -> None:
        for setting in options.SETTINGS:
            source = self._settings.sources.get(setting.name)
            if source:
                value = getattr(self._settings, setting.field)
                shown = ", ".join(map(str, value)) if isinstance(value, tuple | frozenset) else value
                self._tell("setting", f"{setting.name} = {'set' if setting.secret else shown} ({source})")

    async def _look_up_name(self) -> None:
        parts = urllib.parse.urlsplit(self._settings.host)
        name = parts.hostname or ""
        proxy = "" if parsers.is_loopback(name) else _proxy_for(parts.scheme, name)
        if proxy:
            self._tell("proxy", f"requests go through {proxy}, which resolves the host name")
            return
        self._tell("proxy", "none for this host")
        try:
            found = await asyncio.get_running_loop().getaddrinfo(name, parts.port or 443, type=socket.SOCK_STREAM)
        except OSError as exc:
            todo = "Check host for a typo, and this machine's DNS; behind a proxy, set HTTPS_PROXY."
            self._tell("DNS", f"{name} cannot be resolved: {exc.strerror or exc}", todo, ExitCode.UNAVAILABLE)
            return
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        self._tell("DNS", f"{name} resolves to {', '.join(addresses[:4])}")

    def _tell_claims(self, signer: Signer) -> None:
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
        self._tell("token", f"{kind}; {shown or 'its claims cannot be read'}", todo)

    async def _ask(self, what: str, look: "Callable[[], Awaitable[Job]]") -> "_Access":
        """Ask for a job that can't exist, and tell what the answer means."""
        topic = f"{what} status"
        try:
            job = await look()
        except errors.Gone as absence:
            self._tell(topic, f"Kore.ai accepted the request; no such job, as expected ({absence.message})")
        except errors.Refused as refusal:
            self._tell(topic, refusal.message, code=refusal.exit_code)
            return _Access.REFUSED
        except errors.GateError as error:
            cause = error.__cause__
            if isinstance(cause, errors.Rejected) and cause.status not in _NO_API:
                # What Kore.ai answers to an id nobody has is not documented; it is no refusal.
                self._tell(topic, f"Kore.ai accepted the request and rejected the made-up id ({error.message})")
                return _Access.GRANTED
            self._tell(topic, error.message, error.hint, error.exit_code)
            return _Access.UNREACHED
        else:
            self._tell(topic, f"Kore.ai accepted the request; status {job.status or 'none'}")
        return _Access.GRANTED

    def _tell_access(self, access: "Sequence[_Access]", signer: Signer, skew: float | None) -> None:
        """Tell a wrong token from a missing scope, as far as two answers allow."""
        refused = [scope for scope, found in zip(_SCOPES, access, strict=False) if found is _Access.REFUSED]
        if len(refused) == len(_SCOPES):
            cause, todo = signer.advice(skew)
            self._tell("access", f"both requests are refused. Usually: {cause}", todo, ExitCode.REFUSED)
        elif refused:
            todo = f'Select the scope "{refused[0]}" for the JWT app, save, and publish the bot.'
            self._tell("access", f'the token is valid, the scope "{refused[0]}" is missing', todo, ExitCode.REFUSED)

    async def _note_tls(self, response: "httpx.Response") -> None:
        facts = transport.tls_facts(response)
        if facts is None or self._tls:
            return
        self._tls = facts.issuer
        todo = ""
        if facts.expires and facts.expires - self._clock.now() < _SOON_EXPIRED:
            todo = "The certificate expires soon: inform the owner of this host."
        until = f", until {facts.expires:%Y-%m-%d}" if facts.expires else ""
        said = f"{facts.version}, certificate for {facts.subject} by {facts.issuer}{until}"
        self._tell("TLS", self._console.redactor.text(said), todo)

    def _tell_clock(self, skew: float | None) -> None:
        if skew is None:
            self._tell("clock", "not compared: Kore.ai's response has no Date header")
        elif abs(skew) > _MOST_SKEW:
            direction = "behind" if skew > 0 else "ahead of"
            said = f"this machine is {text.duration(abs(skew))} {direction} Kore.ai, so tokens are not valid"
            self._tell("clock", said, "Set the machine's clock (NTP).", ExitCode.REFUSED)
        else:
            self._tell("clock", f"within {text.duration(max(1.0, abs(skew)))} of Kore.ai's")

    def _conclude(self) -> int:
        bad = [finding for finding in self._findings if finding.code]
        code = gravest([finding.code for finding in bad] or [ExitCode.PASSED])
        ending = Ending.PASSED if not bad else Ending.REFUSED if code is ExitCode.REFUSED else Ending.UNAVAILABLE
        topics = ", ".join(dict.fromkeys(find.topic for find in bad))
        said = f"Fix: {topics}." if bad else "All checks passed."
        self._console.last_lines(Verdict(ending=ending, exit_code=code, message=said))
        return int(code)


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
