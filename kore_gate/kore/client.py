"""Kore.ai's conversation-test APIs, one method a call: signed, paced, retried where that is safe.

Sources: Kore.ai's pages "Upload File", "Create (Import) a Conversation Test Suite", "Conversation Test Suite Creation
Status", "Execute a Test Suite" and "Test Suite Execution Status and Summary".
"""

import datetime
import json
import random
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any, assert_never

from kore_gate import errors, text
from kore_gate.clock import Clock
from kore_gate.kore import payloads, responses, statuses, transport
from kore_gate.kore.auth import Signer
from kore_gate.kore.rate_limit import RateLimit
from kore_gate.kore.responses import Answer, Meaning, as_text
from kore_gate.kore.retries import Retries, TryAgain
from kore_gate.model import Job, State
from kore_gate.settings.redact import MASK, Redactor
from kore_gate.settings.sources import Settings

_MINUTE_WAIT, _HOUR_WAIT = 20.0, 300.0


class KoreClient:
    """The calls of one bot: each returns what Kore.ai answered, or raises a GateError.

    `on_trouble` gets the reason why a call waits: a fault, or a limit. `skew` is how far Kore.ai's clock is ahead.
    """

    def __init__(
        self,
        http: transport.HttpClient,
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
        self._rate_limit = RateLimit(clock)
        self._redactor = Redactor(settings.secrets)
        self._suites = ("stream", settings.stream_id, "conversation", "testsuite")
        self.skew: float | None = None

    async def upload(self, name: str, data: bytes) -> str:
        """Upload a suite file; return its file id."""
        fields = {"fileContext": "bulkImport", "fileExtension": "json"}
        files = {"file": (f"{text.file_name(name)}.json", data, "application/json")}
        # May be sent again: an upload alone changes nothing.
        bot = self._settings.stream_id
        body = await self._call("POST", ("uploadfile",), bot, again=True, data=fields, files=files)
        return self._id(body, "the upload", "fileId")

    async def start_import(self, file_id: str, name: str) -> str:
        """Start the import of an uploaded file under a suite's name; return the job's dsId."""
        settings = self._settings
        # The key says name, the value is the id: the upload's own "fileName" is something else.
        fields: dict[str, object] = {"fileName": file_id, "name": name, "userEmailId": settings.user_email}
        if settings.tags:
            fields["tags"] = list(settings.tags)
        if settings.description:
            fields["description"] = settings.description
        body = await self._start((*self._suites, "import"), fields)
        return self._id(body, "the import", "dsId", "_id")

    async def import_job(self, ds_id: str) -> Job:
        """Return the state of an import."""
        return payloads.import_job(await self._status((*self._suites, "import", ds_id, "status"), ds_id))

    async def start_run(self, suite: str) -> str:
        """Start a run of a suite; return its testRunId."""
        fields = {"version": self._settings.bot_version, "userEmailId": self._settings.user_email}
        body = await self._start((*self._suites, suite, "run"), fields)
        return self._id(body, "the run", "testRunId", "_id")

    async def run_job(self, suite: str, run_id: str) -> Job:
        """Return the state of a run."""
        return payloads.run_job(await self._status((*self._suites, suite, run_id, "status"), run_id))

    def spacing(self, job_id: str, left: float) -> float:
        """Return the seconds to keep between questions about a job, so that they last for so many seconds more."""
        return self._rate_limit.spacing(job_id, left)

    async def fetch(self, link: str) -> bytes:
        """Return the content of the results file behind a link, asked for once. Raises Unavailable.

        The token goes along only to Kore.ai's own host, and never from https to http.
        """
        if MASK in link:
            raise errors.Unavailable("the link contained a token, which kore_gate does not keep")
        try:
            is_own = transport.origin(link) == transport.origin(self._settings.host)
            response = await self._send("GET", link, {"auth": self._signer.token()} if is_own else {})
        except transport.BROKEN as exc:
            raise errors.Unavailable(self._redactor.text(transport.fault(exc))) from exc
        if response.status != 200:
            moved = ", a redirect that kore_gate does not follow" if 300 <= response.status < 400 else ""
            raise errors.Unavailable(f"the response was HTTP {response.status}{moved}")
        return self._redactor.data(response.data)

    async def _status(self, segments: tuple[str, ...], job_id: str) -> Mapping[str, object]:
        """Ask for a job's state. Raises Gone for a record that is not there."""
        try:
            return await self._call("GET", segments, job_id, again=True)
        except errors.Rejected as rejection:
            raise errors.NotUnderstood(
                rejection.message,
                cause="a wrong host or base path, or invalid ids.",
                hint="Check host, stream-id and the id of the import or run.",
            ) from rejection

    async def _start(self, segments: tuple[str, ...], fields: Mapping[str, object]) -> Mapping[str, object]:
        """Start a job; never sent again when a first request may have arrived. Raises Unsure in that case."""
        bot, content = self._settings.stream_id, json.dumps(fields).encode()
        headers = {"content-type": "application/json"}
        return await self._call("POST", segments, bot, again=False, content=content, headers=headers)

    async def _call(
        self, method: str, segments: tuple[str, ...], limit_key: str, *, again: bool, **content: Any
    ) -> Mapping[str, object]:
        """Make one call of the API; the address takes each segment as opaque."""
        settings = self._settings
        address = "/".join([settings.host, "api/public", *map(_segment, segments)])
        host = urllib.parse.urlsplit(settings.host).netloc
        retries = Retries(self._clock, settings.outage_limit, host, self._on_trouble)
        answer = await retries.run(
            lambda: self._try(method, address, **content),
            ready=lambda: self._rate_limit.acquire(limit_key, self._tell_limit),
            again=again,
        )
        return answer.body

    def _tell_limit(self, seconds: float) -> None:
        self._on_trouble(f"rate limit, waiting {text.duration(seconds)}: Kore.ai allows 60 a minute and 1,800 an hour")

    async def _try(
        self, method: str, address: str, *, headers: Mapping[str, str] | None = None, **content: Any
    ) -> Answer:
        """Make one try of a call; return a good answer. Raises TryAgain for what may pass."""
        own = {"auth": self._signer.token(), "bot-language": self._settings.bot_language, "accept": "application/json"}
        try:
            response = await self._send(method, address, {**own, **(headers or {})}, **content)
        except transport.BROKEN as exc:
            fault = self._redactor.text(transport.fault(exc))
            raise transport.lasting(exc, fault) or TryAgain(fault, arrived=transport.arrived(exc)) from exc
        self.skew = responses.skew(response.headers.get("date"), self._clock.now())
        answer = responses.understand(response.status, response.data, self._redactor)
        return self._usable(answer, response.headers, is_status=method == "GET")

    async def _send(self, method: str, address: str, headers: Mapping[str, str], **content: Any) -> transport.Response:
        async with self._clock.limit(self._settings.request_timeout):
            limit = self._settings.max_response
            return await transport.send(self._http, method, address, limit, headers=headers, **content)

    def _usable(self, answer: Answer, headers: Mapping[str, str], *, is_status: bool) -> Answer:
        """Return a good answer. Raises what any other means for its call."""
        status, message = answer.status, answer.message or "no reason given"
        match answer.meaning:
            case Meaning.GOOD:
                return answer
            case Meaning.ABSENT if is_status:
                raise errors.Gone(f"HTTP {status}, {answer.message or 'no such record'}")
            case Meaning.ABSENT if status < 300:
                raise TryAgain(f"HTTP {status}, {message}", arrived=True)
            case Meaning.ABSENT:
                raise errors.Rejected(
                    f"Kore.ai rejected the request: HTTP {status}, {message}",
                    cause="a wrong host, base path, stream-id or suite name.",
                    hint="Check host and stream-id, and that a suite of this name exists.",
                    status=status,
                )
            case Meaning.REFUSED:
                cause, hint = self._signer.advice(self.skew)
                message = f"Kore.ai refused the credentials (HTTP {status}): {message}"
                raise errors.Refused(message, cause=cause, hint=hint)
            case Meaning.REJECTED:
                location = text.line(self._redactor.text(headers.get("location", "nowhere")), 120)
                moved = f", a redirect to {location} that kore_gate does not follow" if 300 <= status < 400 else ""
                cause, hint = _why_rejected(status)
                message = f"Kore.ai returned HTTP {status}{moved}: {message}"
                raise errors.Rejected(message, cause=cause, hint=hint, status=status)
            case Meaning.TRANSIENT | Meaning.LIMITED | Meaning.LIMITED_HOURLY:
                raise self._try_again(answer.meaning, f"HTTP {status}, {message}", status, headers)
            case _:
                assert_never(answer.meaning)

    def _try_again(self, meaning: Meaning, message: str, status: int, headers: Mapping[str, str]) -> TryAgain:
        # A date is one of the clock that wrote it.
        now = self._clock.now() + datetime.timedelta(seconds=self.skew or 0.0)
        wait = responses.retry_after(headers.get("retry-after"), now)
        limited = meaning is not Meaning.TRANSIENT
        if limited and wait is None:
            least = _HOUR_WAIT if meaning is Meaning.LIMITED_HOURLY else _MINUTE_WAIT
            wait = least * random.uniform(1, 2)  # noqa: S311 spreads callers, guards nothing
        return TryAgain(message, arrived=not limited and status != 503, limited=limited, wait=wait)

    def _id(self, body: Mapping[str, object], what: str, *keys: str) -> str:
        """Return the id in an accepting answer. Raises Rejected or Unsure where there is none."""
        if job_id := payloads.ids(body, *keys):
            return job_id
        if statuses.state(as_text(body.get("status"))) is State.FAILED:
            details = "; ".join(payloads.reasons(body)) or "no reason given"
            raise errors.Rejected(f"Kore.ai rejected {what}: {text.line(details)}")
        answer = text.line(as_text(dict(body)), 200)
        raise errors.Unsure(
            f"Kore.ai accepted {what}, but returned no {keys[0]}: {answer}",
            cause="a change in Kore.ai's API, or a proxy that alters responses.",
            hint="kore_gate does not send it twice. Check in Kore.ai (Regression Testing) whether it has started.",
        )


def _segment(opaque: str) -> str:
    """Encode an id or a name as one segment of a path: it can't reach beyond its place."""
    # Dots alone would lead elsewhere, and half characters do occur in names.
    quoted = urllib.parse.quote(opaque, safe="", errors="surrogatepass")
    return quoted if quoted.strip(".") else quoted.replace(".", "%2E")


def _why_rejected(status: int) -> tuple[str, str]:
    """Say what usually makes Kore.ai reject a request, and what to do."""
    if 300 <= status < 400:
        return "a wrong host, or http where https is needed.", "Set host to the redirect's target, if that is Kore.ai."
    if status == 405:
        return "an address that is not Kore.ai's public API.", "Check host, and the base path if it has one."
    return (
        "an e-mail or stream-id that Kore.ai does not know, or a file that is not a conversation suite.",
        "Fix what the message names; check user-email, stream-id and file (`kore-gate doctor` checks the rest).",
    )
