"""Kore.ai's conversation-test APIs, one method a call: signed, paced, retried where that is safe.

Sources: Kore.ai's pages "Upload File", "Create (Import) a Conversation Test Suite", "Conversation Test Suite Creation
Status", "Execute a Test Suite" and "Test Suite Execution Status and Summary".
"""

import contextlib
import dataclasses
import datetime
import json
import random
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any, assert_never

import httpx

from kore_gate import errors, text
from kore_gate.clock import Clock
from kore_gate.kore import payloads, responses, statuses, transport
from kore_gate.kore.auth import Signer
from kore_gate.kore.rate_limit import Budget
from kore_gate.kore.responses import Answer, Meaning, as_text
from kore_gate.kore.retries import Retries, TryAgain
from kore_gate.model import Job, State
from kore_gate.settings.redact import MASK, Redactor
from kore_gate.settings.sources import Settings

_MINUTE_WAIT, _HOUR_WAIT = 20.0, 300.0


class Client:
    """Kore.ai, as calls that either give a JSON object or raise a GateError.

    `on_trouble` is told why a call has to wait: a fault, or a limit.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        settings: Settings,
        signer: Signer,
        clock: Clock,
        *,
        on_trouble: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._http = http
        self._settings = settings
        self._signer = signer
        self._clock = clock
        self._on_trouble = on_trouble
        self._budget = Budget(clock)
        self._redactor = Redactor(settings.secrets)
        self.skew: float | None = None

    def address(self, *segments: str) -> str:
        """Return the address of a public API, each segment opaque: it can't reach beyond its place."""
        return "/".join([self._settings.host, "api/public", *map(_segment, segments)])

    def spacing(self, budget: str, left: float) -> float:
        """Return the seconds to keep between calls of a budget, so that it lasts for so many seconds more."""
        return self._budget.spacing(budget, left)

    async def get(self, *segments: str, budget: str) -> Mapping[str, object]:
        """Ask for a state. Raises Gone for a record that is not there, and every GateError of a call."""
        try:
            return await self._call(_Wanted("GET", self.address(*segments), budget))
        except errors.Rejected as rejection:
            raise errors.NotUnderstood(
                rejection.message,
                cause="a wrong host or base path, or invalid ids.",
                hint="Check host, stream-id and the id of the import or run.",
            ) from rejection

    async def post(self, *segments: str, budget: str, body: Mapping[str, object]) -> Mapping[str, object]:
        """Start a job; never sent again when a first request may have arrived.

        Raises Unsure in that case, Rejected when Kore.ai rejects the job.
        """
        sent = {"content": json.dumps(body).encode(), "headers": {"content-type": "application/json"}}
        return await self._call(_Wanted("POST", self.address(*segments), budget, sent, again=False))

    async def upload(
        self, *segments: str, budget: str, fields: Mapping[str, str], name: str, data: bytes
    ) -> Mapping[str, object]:
        """Send a file as a form; may be sent again, for an upload alone changes nothing. Raises Rejected as well."""
        form = {"data": fields, "files": {"file": (f"{text.file_name(name)}.json", data, "application/json")}}
        return await self._call(_Wanted("POST", self.address(*segments), budget, form))

    async def fetch(self, link: str) -> bytes:
        """Return the content of the file behind a link, asked for once, of at most `max-response` bytes.

        The token goes along only to Kore.ai's own host, and never from https to http. Raises Unavailable.
        """
        if MASK in link:
            raise errors.Unavailable("the link contained a token, which kore_gate does not keep")
        data = bytearray()
        try:
            address = httpx.URL(link)
            if not 0 < (address.port or 443) < 2**16:
                raise httpx.InvalidURL(f"no port has the number {address.port}")
            auth = self._signer if _origin(address) == _origin(httpx.URL(self._settings.host)) else None
            async with (
                self._clock.limit(self._settings.request_timeout),
                self._http.stream("GET", address, auth=auth) as response,
            ):
                if response.status_code != httpx.codes.OK:
                    moved = ", a redirect that kore_gate does not follow" if response.is_redirect else ""
                    raise errors.Unavailable(f"the response was HTTP {response.status_code}{moved}")
                await transport.read(response, self._settings.max_response, data.extend)
        except transport.BROKEN as exc:
            raise errors.Unavailable(self._redactor.text(transport.fault(exc))) from exc
        return self._redactor.data(bytes(data))

    async def _call(self, wanted: "_Wanted") -> Mapping[str, object]:
        host = urllib.parse.urlsplit(self._settings.host).netloc
        retries = Retries(self._clock, self._settings.outage_limit, host, self._on_trouble)
        answer = await retries.run(
            lambda: self._once(wanted),
            ready=lambda: self._budget.take(wanted.budget, self._tell_limit),
            again=wanted.again,
        )
        return answer.body

    async def _once(self, wanted: "_Wanted") -> Answer:
        try:
            async with self._clock.limit(self._settings.request_timeout):
                status, headers, data = await self._send(wanted)
        except transport.BROKEN as exc:
            raise self._broken(exc) from exc
        self.skew = responses.skew(headers.get("date"), self._clock.now())
        answer = responses.understand(status, data, self._redactor)
        said = answer.said or "no reason given"
        match answer.meaning:
            case Meaning.GOOD:
                return answer
            case Meaning.ABSENT if wanted.method == "GET":
                raise errors.Gone(f"HTTP {status}, {answer.said or 'no such record'}")
            case Meaning.ABSENT if status < 300:
                raise TryAgain(f"HTTP {status}, {said}", arrived=True)
            case Meaning.ABSENT:
                raise errors.Rejected(
                    f"Kore.ai rejected the request: HTTP {status}, {said}",
                    cause="a wrong host, base path, stream-id or suite name.",
                    hint="Check host and stream-id, and that a suite of this name exists.",
                    status=status,
                )
            case Meaning.REFUSED:
                cause, hint = self._signer.advice(self.skew)
                said = f"Kore.ai refused the credentials (HTTP {status}): {said}"
                raise errors.Refused(said, cause=cause, hint=hint)
            case Meaning.REJECTED:
                where = text.line(self._redactor.text(headers.get("location", "nowhere")), 120)
                moved = f", a redirect to {where} that kore_gate does not follow" if 300 <= status < 400 else ""
                cause, hint = _why_rejected(status)
                said = f"Kore.ai returned HTTP {status}{moved}: {said}"
                raise errors.Rejected(said, cause=cause, hint=hint, status=status)
            case Meaning.TRANSIENT | Meaning.LIMITED | Meaning.LIMITED_HOURLY:
                raise self._try_again(answer, headers)
            case _:
                assert_never(answer.meaning)

    def _try_again(self, answer: Answer, headers: Mapping[str, str]) -> TryAgain:
        # A date is one of the clock that wrote it.
        now = self._clock.now() + datetime.timedelta(seconds=self.skew or 0.0)
        wait = responses.retry_after(headers.get("retry-after"), now)
        limited = answer.meaning is not Meaning.TRANSIENT
        if limited and wait is None:
            least = _HOUR_WAIT if answer.meaning is Meaning.LIMITED_HOURLY else _MINUTE_WAIT
            wait = least * random.uniform(1, 2)  # noqa: S311 spreads callers, guards nothing
        return TryAgain(
            f"HTTP {answer.status}, {answer.said or 'no reason given'}",
            arrived=not limited and answer.status != httpx.codes.SERVICE_UNAVAILABLE,
            limited=limited,
            wait=wait,
        )

    async def _send(self, wanted: "_Wanted") -> tuple[int, httpx.Headers, bytes]:
        request = self._http.build_request(wanted.method, wanted.address, **wanted.sent)
        request.headers.update({"bot-language": self._settings.bot_language, "accept": "application/json"})
        response = await self._http.send(request, auth=self._signer, stream=True)
        async with contextlib.aclosing(response):
            data = bytearray()
            await transport.read(response, self._settings.max_response, data.extend)
        return response.status_code, response.headers, bytes(data)

    def _tell_limit(self, seconds: float) -> None:
        self._on_trouble(f"rate limit, waiting {text.duration(seconds)}: Kore.ai allows 60 a minute and 1,800 an hour")

    def _broken(self, exc: Exception) -> Exception:
        """Say what a request that broke means for its call."""
        fault = self._redactor.text(transport.fault(exc))
        return transport.lasting(exc, fault) or TryAgain(fault, arrived=transport.arrived(exc))


@dataclasses.dataclass(frozen=True, slots=True)
class _Wanted:
    """One call: what is sent, what it counts for, and whether it may be sent again although it may have arrived."""

    method: str
    address: str
    budget: str
    sent: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    again: bool = True


def _segment(opaque: str) -> str:
    """Encode an id or a name as one segment of a path."""
    # Dots alone would lead elsewhere, and half characters do occur in names.
    quoted = urllib.parse.quote(opaque, safe="", errors="surrogatepass")
    return quoted if quoted.strip(".") else quoted.replace(".", "%2E")


def _origin(address: httpx.URL) -> tuple[str, str, int | None]:
    return address.scheme, address.host, address.port


def _why_rejected(status: int) -> tuple[str, str]:
    """Say what usually makes Kore.ai reject a request, and what to do."""
    if 300 <= status < 400:
        return (
            "a wrong host, or http where https is needed.",
            "Set host to the redirect's target, if that is Kore.ai.",
        )
    if status == httpx.codes.METHOD_NOT_ALLOWED:
        return "an address that is not Kore.ai's public API.", "Check host, and the base path if it has one."
    return (
        "an e-mail or stream-id that Kore.ai does not know, or a file that is not a conversation suite.",
        "Fix what the message names; check user-email, stream-id and file (`kore-gate doctor` checks the rest).",
    )


class Api:
    """The calls of one bot. Every method raises what `Client` raises."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._bot = f"bot {settings.stream_id}"
        self._base = ("stream", settings.stream_id, "conversation", "testsuite")

    async def upload(self, name: str, data: bytes) -> str:
        """Upload a suite file; return its file id."""
        fields = {"fileContext": "bulkImport", "fileExtension": "json"}
        body = await self._client.upload("uploadfile", budget=self._bot, fields=fields, name=name, data=data)
        return self._id(body, "the upload", "fileId")

    async def start_import(self, file_id: str, name: str) -> str:
        """Start the import of an uploaded file under a suite's name; return the job's dsId."""
        settings = self._settings
        # The key says name, the value is the id: the upload's own "fileName" is something else.
        wanted: dict[str, object] = {"fileName": file_id, "name": name, "userEmailId": settings.user_email}
        if settings.tags:
            wanted["tags"] = list(settings.tags)
        if settings.description:
            wanted["description"] = settings.description
        body = await self._client.post(*self._base, "import", budget=self._bot, body=wanted)
        return self._id(body, "the import", "dsId", "_id")

    async def import_job(self, ds_id: str) -> Job:
        """Look at an import."""
        body = await self._client.get(*self._base, "import", ds_id, "status", budget=_looks(ds_id))
        return payloads.import_job(body)

    async def start_run(self, suite: str) -> str:
        """Start a run of a suite; return its testRunId."""
        wanted = {"version": self._settings.bot_version, "userEmailId": self._settings.user_email}
        body = await self._client.post(*self._base, suite, "run", budget=self._bot, body=wanted)
        return self._id(body, "the run", "testRunId", "_id")

    async def run_job(self, suite: str, run_id: str) -> Job:
        """Look at a run."""
        body = await self._client.get(*self._base, suite, run_id, "status", budget=_looks(run_id))
        return payloads.run_job(body)

    def spacing(self, job_id: str, left: float) -> float:
        """Return the seconds to keep between looks at a job, so that its calls last for so many seconds more."""
        return self._client.spacing(_looks(job_id), left)

    async def fetch(self, link: str) -> bytes:
        """Fetch the results file behind a link."""
        return await self._client.fetch(link)

    def _id(self, body: Mapping[str, object], what: str, *keys: str) -> str:
        found = payloads.ids(body, *keys)
        if found:
            return found
        if statuses.state(as_text(body.get("status"))) is State.FAILED:
            details = "; ".join(payloads.reasons(body, State.FAILED)) or "no reason given"
            raise errors.Rejected(f"Kore.ai rejected {what}: {text.line(details)}")
        said = text.line(as_text(dict(body)), 200)
        raise errors.Unsure(
            f"Kore.ai accepted {what}, but returned no {keys[0]}: {said}",
            cause="a change in Kore.ai's API, or a proxy that alters responses.",
            hint="kore_gate does not send it twice. Check in Kore.ai (Regression Testing) whether it has started.",
        )


def _looks(job_id: str) -> str:
    return f"looks at {job_id}"
