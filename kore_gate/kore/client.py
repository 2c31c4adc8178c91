"""Kore.ai's conversation-test APIs, one method a call: signed, paced, retried where that is safe.

Sources: Kore.ai's pages "Upload File", "Create (Import) a Conversation Test Suite", "Conversation Test Suite Creation
Status", "Execute a Test Suite" and "Test Suite Execution Status and Summary".
"""

import asyncio
import json
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

from kore_gate import errors, text
from kore_gate.clock import Clock
from kore_gate.kore import payloads, rate_limit, responses, statuses, transport
from kore_gate.kore.auth import Signer
from kore_gate.kore.rate_limit import RateLimit
from kore_gate.kore.responses import as_text
from kore_gate.kore.retries import TryAgain, until_answered
from kore_gate.model import Job, State
from kore_gate.settings.redact import MASK, Redactor
from kore_gate.settings.sources import Settings


class KoreClient:
    """The calls of one bot: each returns what Kore.ai answered, or raises a GateError."""

    def __init__(
        self,
        http: transport.HttpClient,
        settings: Settings,
        signer: Signer,
        clock: Clock,
        *,
        on_wait: Callable[[str, str], None] = lambda *_: None,  # why a call waits, until when; "" once it is answered
        on_call: Callable[[str], None] = lambda _: None,  # a line about each request, without its content
    ) -> None:
        self._http = http
        self._settings = settings
        self._signer = signer
        self._clock = clock
        self._on_wait = on_wait
        self._on_call = on_call
        self._rate_limit = RateLimit(clock, on_wait)
        self._all_calls = RateLimit(clock, on_wait, windows=rate_limit.AT_ONCE, reason=rate_limit.AT_ONCE_REASON)
        # Requests wait here: of hundreds that wait for its connections, httpx compares each with each.
        self._connections = asyncio.Semaphore(transport.CONNECTIONS)
        self._redactor = Redactor(settings.secrets)
        self._suites = ("stream", settings.stream_id, "conversation", "testsuite")
        self.skew: float | None = None  # how far Kore.ai's clock is ahead, in seconds

    async def upload(self, name: str, data: bytes) -> str:
        """Upload a suite file; return its file id."""
        fields = {"fileContext": "bulkImport", "fileExtension": "json"}
        files = {"file": (f"{text.file_name(name)}.json", data, "application/json")}
        # May be sent again: an upload alone changes nothing.
        body = await self._call(("uploadfile",), data=fields, files=files)
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
        body = await self._call((*self._suites, "import"), job=fields)
        return self._id(body, "the import", "dsId", "_id")

    async def import_job(self, ds_id: str) -> Job:
        """Return the state of an import."""
        return payloads.import_job(await self._status((*self._suites, "import", ds_id, "status"), ds_id))

    async def start_run(self, suite: str) -> str:
        """Start a run of a suite; return its testRunId."""
        fields = {"version": self._settings.bot_version, "userEmailId": self._settings.user_email}
        body = await self._call((*self._suites, suite, "run"), job=fields)
        return self._id(body, "the run", "testRunId", "_id")

    async def run_job(self, suite: str, run_id: str) -> Job:
        """Return the state of a run."""
        return payloads.run_job(await self._status((*self._suites, suite, run_id, "status"), run_id))

    def spacing(self, job_id: str, left: float) -> float:
        """Return the seconds to keep between questions about a job, so that they last for so many seconds more."""
        return self._rate_limit.spacing(job_id, left)

    async def fetch(self, link: str) -> bytes:
        """Return the content of the results file behind a link, asked for once. Raises Unavailable."""
        if MASK in link:
            raise errors.Unavailable("the link contained a token, which kore_gate does not keep")
        try:
            response = await self._send("GET", link, headers={})
        except TryAgain as failure:
            raise errors.Unavailable(failure.message) from failure
        # A link may hold a secret.
        self._on_call(f"GET the results file: HTTP {response.status_code}")
        if response.status_code != 200:
            moved = ", a redirect that kore_gate does not follow" if response.is_redirect else ""
            raise errors.Unavailable(f"the response was HTTP {response.status_code}{moved}")
        return self._redactor.data(response.content)

    async def _status(self, segments: tuple[str, ...], job_id: str) -> Mapping[str, object]:
        """Ask for a job's state. Raises Gone for a record that is not there."""
        try:
            return await self._call(segments, job_id)
        except errors.Rejected as rejection:
            raise errors.Unavailable(
                rejection.message,
                cause="a wrong host or base path, or invalid ids.",
                hint="Check host, stream-id and the id of the import or run.",
            ) from rejection

    async def _call(
        self, segments: tuple[str, ...], job_id: str = "", *, job: Mapping[str, object] | None = None, **request: Any
    ) -> Mapping[str, object]:
        """Make one call of the API; a `job` to start is sent once. The address takes segments as opaque."""
        path = "/".join(map(_segment, segments))
        headers = {"bot-language": self._settings.bot_language, "accept": "application/json"}
        if job:
            headers["content-type"] = "application/json"
            request["content"] = json.dumps(job).encode()
        method = "POST" if request else "GET"
        number, line = 0, ""  # of the last try

        async def one_try() -> Mapping[str, object]:
            nonlocal number, line
            number, status, began = number + 1, "no response", self._clock.monotonic()
            try:
                address = f"{self._settings.host}/api/public/{path}"
                response = await self._send(method, address, headers=headers, **request)
                status = f"HTTP {response.status_code}"
                return self._body(response, is_job=method == "GET")
            finally:
                milliseconds = (self._clock.monotonic() - began) * 1000
                line = f"{method} {path}, attempt {number}: {status}, {milliseconds:.0f}ms"

        def report(reason: str, outlook: str, seconds: float) -> None:
            nonlocal line
            self._on_call(f"{line}; waiting {text.duration(seconds)}")
            line = ""
            self._on_wait(reason, outlook)

        async def ready() -> None:
            await self._rate_limit.acquire(job_id or self._settings.stream_id)
            await self._all_calls.acquire("")

        try:
            body = await until_answered(
                one_try,
                ready=ready,
                again=not job,
                clock=self._clock,
                settings=self._settings,
                on_wait=report,
            )
        finally:
            if line:
                self._on_call(line)
        self._on_wait("", "")
        return body

    def _body(self, response: transport.HttpResponse, *, is_job: bool) -> Mapping[str, object]:
        """Return the body of a good response."""
        now = self._clock.now()
        self.skew = responses.skew(response.headers.get("date"), now)
        try:
            return responses.read(response, self._redactor, now, is_job=is_job)
        except errors.Refused as refusal:
            refusal.cause, hint = self._signer.advice(self.skew, is_forbidden=refusal.is_forbidden)
            refusal.hint = f"{hint} `kore-gate doctor` checks all of this."
            raise

    async def _send(
        self, method: str, address: str, *, headers: Mapping[str, str], **request: Any
    ) -> transport.HttpResponse:
        """Send one request; the token goes along only to Kore.ai's own host, and never from https to http."""
        limit = self._settings.max_response
        try:
            if transport.origin(address) == transport.origin(self._settings.host):
                headers = {**headers, "auth": self._signer.token()}
            async with self._connections, self._clock.limit(self._settings.request_timeout):
                return await transport.send(self._http, method, address, limit, headers=headers, **request)
        except transport.BROKEN as exc:
            raise transport.failure(exc, self._redactor, address) from exc

    def _id(self, body: Mapping[str, object], what: str, *keys: str) -> str:
        """Return the id in an accepting answer. Raises Rejected or Unavailable where there is none."""
        if values := [body[key] for key in keys if body.get(key) and type(body[key]) in (str, int)]:
            return as_text(values[0])
        if statuses.state(as_text(body.get("status"))) is State.FAILED:
            details = "; ".join(payloads.reasons(body)) or "no reason given"
            raise errors.Rejected(f"Kore.ai rejected {what}: {text.line(details)}")
        answer = text.line(as_text(dict(body)), 200)
        raise errors.Unavailable(
            f"Kore.ai accepted {what}, but returned no {keys[0]}: {answer}",
            cause="a change in Kore.ai's API, or a proxy that alters responses.",
            hint="kore_gate does not send it twice. Check in Kore.ai (Regression Testing) whether it has started.",
        )


def _segment(opaque: str) -> str:
    """Encode an id or a name as one segment of a path: it can't reach beyond its place."""
    # Dots alone would lead elsewhere, and half characters do occur in names.
    quoted = urllib.parse.quote(opaque, safe="", errors="surrogatepass")
    return quoted if quoted.strip(".") else quoted.replace(".", "%2E")
