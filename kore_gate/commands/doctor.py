"""Checks everything the gate needs, from settings to scopes, and says what to fix."""

import asyncio
import dataclasses
import datetime
import re
import socket
import urllib.parse
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from kore_gate import errors, text
from kore_gate.clock import Clock
from kore_gate.errors import Ending, ExitCode
from kore_gate.kore import auth, transport
from kore_gate.kore.auth import Signer
from kore_gate.kore.client import KoreClient
from kore_gate.model import Job, Verdict
from kore_gate.reports.console import Console
from kore_gate.settings import options, parsers, sources
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

_WIDTHS = (len("not checked"), len("import status"))
_OUTAGE_LIMIT = 15.0  # seconds that a person will wait for an answer
_SOON_EXPIRED = datetime.timedelta(days=14)


@dataclasses.dataclass
class Doctor:
    """Makes one check after another, and prints each finding at once: what comes after it may take long."""

    settings: Settings
    console: Console
    clock: Clock
    transport: "httpx.AsyncBaseTransport | None" = None
    _codes: dict[str, ExitCode] = dataclasses.field(default_factory=dict)  # what the gate would end with, by topic

    async def run(self) -> int:
        """Make all checks, also when one fails; return 0 only if all passed. Raises SettingsError."""
        self._list_settings()
        self.console.info("Checks:")
        self._check_test()
        await self._check_name()
        signer = Signer(self.settings, self.clock)
        self._check_token(signer)
        await self._check_connection(signer)
        code = max(self._codes.values(), key=lambda code: code.gravity)
        ending = code.ending if code in (ExitCode.PASSED, ExitCode.REFUSED) else Ending.UNAVAILABLE
        message = f"Fix: {', '.join(filter(self._codes.get, self._codes))}." if code else "All checks passed."
        self.console.verdict(Verdict(ending=ending, exit_code=code, message=message))
        return int(code)

    def _report(
        self, topic: str, message: str, todo: str = "", code: ExitCode = ExitCode.PASSED, *, is_checked: bool = True
    ) -> None:
        self._codes[topic] = code
        mark = "FAIL" if code else "not checked" if not is_checked else "note" if todo else "ok"
        rows = [(mark, topic, self.console.redactor.text(message))]
        if todo:
            rows.append(("", "", f"What to do: {todo}"))
        self.console.table(rows, _WIDTHS)

    def _list_settings(self) -> None:
        """Show every setting, where it comes from, and its value; of a secret, whether it is set."""
        self.console.info("Settings:")
        rows = []
        for setting in options.SETTINGS:
            source = self.settings.sources.get(setting.name, "default" if setting.default else "")
            # An option and a variable are known by their names.
            place = re.sub("^(option|variable|file in) ", "", source)
            rows.append((setting.name, place, self.console.redactor.text(self._shown(setting))))
        self.console.table(rows)

    def _shown(self, setting: options.Setting) -> str:
        value = getattr(self.settings, setting.field)
        if setting.secret:
            return "set" if value else "not set"
        if setting.name not in self.settings.sources:
            return setting.default or "not set"
        if setting.parse in (parsers.duration, parsers.interval):
            return text.duration(value) if value else "auto"
        if isinstance(value, tuple):
            return ", ".join(map(str, value))
        return str(value).lower() if isinstance(value, bool) else str(value)

    def _check_test(self) -> None:
        """Say what `test` needs that is not set: doctor itself does without."""
        missing = [name for name in sources.NEEDED["test"] if name not in self.settings.sources]
        needed = ", ".join(missing)
        todo = " ".join(f"Set {options.BY_NAME[name].ways}." for name in missing if name != "files")
        todo += " Name the suite files as arguments." if "files" in missing else ""
        message = f"`kore-gate test` also needs {needed}" if missing else "has all settings that it needs"
        self._report("test", message, todo.strip())

    async def _check_name(self) -> None:
        """Resolve the host's name, which a proxy would do itself; its credentials are not shown."""
        parts = urllib.parse.urlsplit(self.settings.host)
        name = parts.hostname or ""
        if proxy := transport.proxy_for(self.settings.host):
            self._report("proxy", f"requests go through {proxy}", is_checked=False)
            self._report("DNS", f"the proxy resolves {name}", is_checked=False)
            return
        self._report("proxy", "none is set for this host", is_checked=False)
        try:
            entries = await asyncio.get_running_loop().getaddrinfo(name, parts.port or 443, type=socket.SOCK_STREAM)
        except OSError as exc:
            todo = "Check host for a typo, and this machine's DNS; behind a proxy, set HTTPS_PROXY."
            self._report("DNS", f"{name} cannot be resolved: {exc.strerror or exc}", todo, ExitCode.UNAVAILABLE)
            return
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
        self._report("DNS", f"{name} resolves to {', '.join(addresses[:4])}")

    def _check_token(self, signer: Signer) -> None:
        claims, fault = signer.decoded(), signer.token_fault()
        shown = {name: claims[name] for name in ("appId", "sub", "iat", "exp", "aud") if name in claims}
        for name in ("iat", "exp"):
            seconds = shown.get(name)
            if isinstance(seconds, int | float) and 0 < seconds < 10**10:
                shown[name] = f"{datetime.datetime.fromtimestamp(seconds, datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"
        kind = "ready-made" if self.settings.jwt else f"signed with {self.settings.jwt_algorithm}"
        listed = ", ".join(f"{name} {value}" for name, value in shown.items()) or "its claims cannot be read"
        self._report("token", f"{kind}; {listed}", f"{fault}." if fault else "", is_checked=bool(claims))

    async def _check_connection(self, signer: Signer) -> None:
        """Send one request for each scope, and report what the responses show of certificate, access and clock."""
        settings = dataclasses.replace(self.settings, outage_limit=min(self.settings.outage_limit, _OUTAGE_LIMIT))

        async def note_tls(response: "httpx.Response") -> None:
            if facts := transport.tls_facts(response):
                http.event_hooks = {}
                is_short = facts.expires - self.clock.now() < _SOON_EXPIRED
                todo = "The certificate expires soon: inform the owner of this host." if is_short else ""
                certificate = f"certificate for {facts.subject} by {facts.issuer}, until {facts.expires:%Y-%m-%d}"
                self._report("TLS", f"{facts.version}, {certificate}", todo)

        async with transport.connect(settings, "doctor", self.transport) as http:
            http.event_hooks = {"response": [note_tls]}
            client = KoreClient(http, settings, signer, self.clock)
            try:
                async with self.clock.limit(self.settings.timeout):
                    for topic, (_, request) in _REQUESTS.items():
                        await self._check_request(topic, request(client))
                        if self._codes[topic] not in (ExitCode.PASSED, ExitCode.REFUSED):
                            break
            except TimeoutError:
                message = f"no valid response within {text.duration(self.settings.timeout)}"
                todo = "Raise timeout, or try again later."
                self._report("timeout", message, todo, ExitCode.TIMED_OUT)
        for topic in ("TLS", *_REQUESTS):
            if topic not in self._codes:
                reason = "no certificate was seen" if topic == "TLS" else "there was no valid response"
                self._report(topic, reason, is_checked=False)
        refused = [scope for topic, (scope, _) in _REQUESTS.items() if self._codes[topic] is ExitCode.REFUSED]
        if refused:
            message = f'the token is valid, the scope "{refused[0]}" is missing'
            todo = f'Select the scope "{refused[0]}" for the JWT app, save, and publish the bot.'
            if len(refused) == len(_REQUESTS):
                cause, todo = signer.advice(client.skew)
                message = f"both requests are refused. Usual cause: {cause}"
            self._report("access", message, todo, ExitCode.REFUSED)
        self._check_clock(client.skew)

    async def _check_request(self, topic: str, request: Awaitable[Job]) -> None:
        """Ask for a job that can't exist, and report what the answer means."""
        try:
            job = await request
        except errors.Gone as error:
            self._report(topic, f"Kore.ai accepted the request; no such job, as expected ({error.message})")
        except errors.GateError as error:
            cause = error.__cause__
            if isinstance(cause, errors.Rejected) and cause.status not in _NO_API:
                # What Kore.ai answers to an id nobody has is not documented; it does not refuse the credentials.
                self._report(topic, f"Kore.ai accepted the request and rejected the made-up id ({error.message})")
                return
            # What to do about refused credentials depends on the other request.
            todo = "" if isinstance(error, errors.Refused) else error.hint.replace(" (`kore-gate doctor`)", "")
            self._report(topic, error.message, todo, error.exit_code)
        else:
            self._report(topic, f"Kore.ai accepted the request; status {job.status or 'none'}")

    def _check_clock(self, skew: float | None) -> None:
        if skew is None:
            self._report("clock", "no response with a Date header to compare it with", is_checked=False)
        elif distance := auth.too_far(skew):
            message = f"this machine is {distance} Kore.ai, so tokens are not valid"
            self._report("clock", message, "Set the machine's clock (NTP).", ExitCode.REFUSED)
        else:
            self._report("clock", f"within {text.duration(max(1.0, abs(skew)))} of Kore.ai's")
