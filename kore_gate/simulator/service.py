"""The simulated Kore.ai: takes a request, returns a response, and keeps jobs in between."""

import collections
import dataclasses
import email.parser
import email.policy
import email.utils
import json
import re
import threading
import urllib.parse
from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar

import jwt

from kore_gate import clock
from kore_gate.simulator import jobs, scenarios
from kore_gate.simulator.scenarios import Json, Response, Scenario

MANAGEMENT = "Conversation Tests Management"
EXECUTION = "Conversation Tests Execution"
# The versions of a bot, and what the status of a run calls them.
VERSIONS = {"inDevelopment": "configured", "published": "published"}
MAX_FILE = 2 * 1024 * 1024

HOUR_TEXT = "You've exceeded the hourly rate limit. Please wait for sometime before retrying."
# How many requests Kore.ai takes within so many seconds, and its text for more.
LIMITS = ((1800, 3600.0, HOUR_TEXT), (60, 60.0, scenarios.MINUTE_TEXT))
INVALID_BODY = "Invalid values in the body"
# PyJWT would check the claims against the system's clock, and against other rules than Kore.ai's.
SIGNATURE_ONLY: Any = {f"verify_{claim}": False for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")}
# Tokens are signed with whole seconds and clocks differ a little.
LEEWAY = 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """One request: `path` as sent, query and percent-encoding included; names of `headers` in lower case."""

    method: str
    path: str
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    body: bytes = b""


class Refusal(Exception):
    """End the handling of a request with an error: its message and its code."""


@dataclasses.dataclass(kw_only=True, slots=True)
class Call:
    """A request as understood: when, of which kind, with which parts of its path, and the status of its response."""

    request: Request
    time: float
    kind: str = "unknown"
    parts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    id: str = ""  # of an import, a run or a file; or the name of a suite
    status: int = 0


_BOT = r"/api/public/stream/(?P<stream>[^/]+)/conversation/testsuite"


class Simulator:
    """A Kore.ai with one bot, one client app and one scenario; `log` holds what it was asked.

    `by_suite` gives suites, by name, a scenario of their own. With `evergreen` the preset imports start
    anew when they are requested after they expired.
    """

    def __init__(
        self,
        *,
        scenario: str | Scenario = "passing",
        by_suite: Mapping[str, str | Scenario] | None = None,
        now: Callable[[], float] | None = None,
        scopes: Collection[str] = (MANAGEMENT, EXECUTION),
        job_seconds: float = 60.0,
        evergreen: bool = False,
    ) -> None:
        self.log: list[Call] = []
        self.records = jobs.Records(
            scenario=scenarios.find(scenario),
            by_suite={name: scenarios.find(own) for name, own in (by_suite or {}).items()},
            job_seconds=job_seconds,
        )
        self._now = now or (lambda: clock.Clock().now().timestamp())
        self._scopes = scopes
        self._lock = threading.RLock()
        self._times: dict[str, collections.deque[float]] = {}
        self._used_tokens: set[str] = set()
        self._fault_counts: collections.Counter[tuple[str, str]] = collections.Counter()
        presets = dict(zip(scenarios.DS_IDS, scenarios.DEMO_SUITES, strict=True))
        self._evergreen = presets if evergreen else {}
        long_ago = self._now() - jobs.LIFETIME - job_seconds
        for ds_id, suite in presets.items():
            job = self.records.start_import(suite, now=long_ago, name=suite["name"])
            self.records.imports[job.id] = dataclasses.replace(job, end="SUCCESS")
            self.add_import(ds_id, suite)

    def add_import(self, ds_id: str, suite: Json) -> None:
        """Begin an import with this ds-id of the content of a suite file; its `name` names the suite."""
        with self._lock:
            self.records.start_import(suite, now=self._now(), name=str(suite.get("name", ds_id)), ds_id=ds_id)

    def handle(self, request: Request) -> Response:
        """Answer a request as Kore.ai would, and log it."""
        with self._lock:
            call = self._recognize(request)
            try:
                response = self._answer(call)
            except Refusal as exc:
                response = scenarios.error(*exc.args)
            call.status = response.status
            self.log.append(call)
        headers = [("date", email.utils.formatdate(call.time, usegmt=True)), *response.headers]
        if response.retry_in is not None:
            headers.append(("retry-after", email.utils.formatdate(call.time + response.retry_in, usegmt=True)))
        return dataclasses.replace(response, headers=tuple(headers))

    def _recognize(self, request: Request) -> Call:
        method_and_path = f"{request.method} {request.path.partition('?')[0]}"
        for kind, (pattern, _, _) in self.ROUTES.items():
            if match := re.fullmatch(pattern, method_and_path):
                parts = {name: urllib.parse.unquote(part) for name, part in match.groupdict().items()}
                return Call(request=request, time=self._now(), kind=kind, parts=parts, id=parts.get("id", ""))
        return Call(request=request, time=self._now())

    def _answer(self, call: Call) -> Response:
        """Answer a call by the first rule that applies: unknown path, limit, fault, token, scope, content."""
        if call.kind == "unknown":
            if call.request.path.startswith("/api/"):
                raise Refusal("Method Not Allowed", 405)
            return Response(404, (scenarios.HTML,), b"<h1>404 Not Found</h1>")
        _, scope, respond = self.ROUTES[call.kind]
        # Links to results files are signed: they need no token, and no limit is known for them.
        is_signed = call.kind == "download"
        if not is_signed:
            self._count(call)
        if fault := self._next_fault(call):
            return fault
        if not is_signed:
            self._verify_token(call)
        # Kore.ai publishes no text for the following two.
        if call.parts.get("stream", scenarios.STREAM_ID) != scenarios.STREAM_ID:
            raise Refusal("The app has no access to this bot", 403)
        if scope and scope not in self._scopes:
            raise Refusal(f"The app lacks the scope {scope}", 403)
        return respond(self, call)

    def _count(self, call: Call) -> None:
        """Apply the rolling limits of an id or of the bot; rejected calls don't count."""
        key = f"{call.kind} {call.id}" if call.kind in scenarios.STATUS_CALLS else "bot"
        times = self._times.setdefault(key, collections.deque(maxlen=LIMITS[0][0]))
        for limit, seconds, message in LIMITS:
            if len(times) >= limit and times[-limit] > call.time - seconds:
                raise Refusal(message, 429)
        times.append(call.time)

    def _next_fault(self, call: Call) -> Response | None:
        """Return what this call gets instead of its regular response, counting the calls about one job."""
        known = self.records.runs if call.kind == "run-status" else self.records.imports
        job = known.get(call.id) if call.kind in scenarios.STATUS_CALLS else None
        scenario = job.scenario if job else self.records.scenario
        if call.kind not in scenario.calls or not scenario.faults:
            return None
        key = (call.kind, call.id if job else "")
        number = self._fault_counts[key] - scenario.after
        self._fault_counts[key] += 1
        return scenario.faults[number % len(scenario.faults)] if number >= 0 else None

    def _verify_token(self, call: Call) -> None:
        """Apply Kore.ai's rules for tokens: algorithm, signature, client id, lifetime, no second use."""
        malformed = Refusal(scenarios.INVALID_TOKEN_TEXT, 4002)
        token, algorithms = call.request.headers.get("auth", ""), ["HS256", "HS512"]
        try:
            claims = jwt.decode(token, scenarios.CLIENT_SECRET, algorithms=algorithms, options=SIGNATURE_ONLY)
        except jwt.InvalidTokenError as exc:
            raise malformed from exc
        if claims.get("appId") != scenarios.CLIENT_ID:
            raise Refusal("Invalid SDK credentials", 4002)
        expires = claims.get("exp", float("inf"))
        if type(expires) not in {int, float}:
            raise malformed
        if expires <= call.time - LEEWAY:
            # Kore.ai publishes no text for this.
            raise Refusal("error verifying the jwt: jwt expired", 401)
        jti = claims.get("jti")
        if jti is None:
            return
        if expires > call.time + 3600.0 + LEEWAY:
            raise Refusal('error verifying the jwt: if "jti" claim "exp" must be <= 1 hour(s)', 401)
        if str(jti) in self._used_tokens:
            raise Refusal("error verifying the jwt: possibly a replay", 401)
        self._used_tokens.add(str(jti))

    def _upload(self, call: Call) -> Response:
        document = _suite_file(call.request)
        file_id = jobs.hex_id(self.records.new_id("file"))[:24]
        self.records.files[file_id] = document
        return scenarios.response(
            {"fileId": file_id, "hash": jobs.hex_id(file_id), "fileName": self.records.new_id("f")}
        )

    def _import(self, call: Call) -> Response:
        body = _body(call, "name", "fileName")
        # The id of the upload goes into the field `fileName`; the upload's own `fileName` is something else.
        document = self.records.files.get(body["fileName"])
        if document is None:
            raise Refusal("The file was not found: fileName takes the fileId of the upload", 400)
        overrides = {key: body[key] for key in ("tags", "description") if key in body}
        job = self.records.start_import(document | overrides, now=call.time, name=body["name"])
        return scenarios.response({"status": "IN_PROGRESS", "dsId": job.id})

    def _import_status(self, call: Call) -> Response:
        job = self.records.imports.get(call.id)
        if job is None or job.has_expired(call.time):
            if call.id not in self._evergreen:
                raise Refusal("Not Found", 404)
            self._fault_counts.pop((call.kind, call.id), None)
            self.add_import(call.id, self._evergreen[call.id])
            job = self.records.imports[call.id]
        return self._status(call, job, jobs.import_record(job, call.time))

    def _run(self, call: Call) -> Response:
        version = VERSIONS.get(_body(call, "version")["version"])
        if version is None:
            raise Refusal(INVALID_BODY, 403)
        imported = self.records.stored(call.id, call.time)
        if imported is None:
            raise Refusal("Test suite not found", 404)
        run = self.records.start_run(imported, now=call.time, version=version)
        return scenarios.response({"status": "IN_PROGRESS", "testRunId": run.id})

    def _run_status(self, call: Call) -> Response:
        run = self.records.runs.get(call.id)
        if run is None or run.name != call.parts["suite"]:
            raise Refusal("Not Found", 404)
        return self._status(call, run, jobs.run_record(run, call.time))

    def _status(self, call: Call, job: jobs.Job, record: Json) -> Response:
        if job.has_ended(call.time) and job.scenario.link:
            headers = call.request.headers
            origin = f"{headers.get('x-forwarded-proto', 'https')}://{headers.get('host', 'localhost')}"
            record["downloadUrl"] = origin + self.records.link(job, call.time)
        return scenarios.response(record)

    def _download(self, call: Call) -> Response:
        query = urllib.parse.parse_qs(call.request.path.partition("?")[2])
        expires, table = self.records.links.get(call.id, (0.0, ""))
        if call.time >= expires or not query.get("s"):
            raise Refusal("The link has expired", 403)
        headers = (
            ("content-type", "text/csv; charset=utf-8"),
            ("content-disposition", 'attachment; filename="results.csv"'),
        )
        # The texts of a suite may hold half of a surrogate pair.
        return Response(200, headers, table.encode("utf-8", "replace"))

    # Kind of call: method and path, scope, handler.
    ROUTES: ClassVar[Mapping[str, tuple[str, str, Callable[[Any, Call], Response]]]] = {
        "upload": (r"POST /api/public/uploadfile", "", _upload),
        "import": (rf"POST {_BOT}/import", MANAGEMENT, _import),
        "import-status": (rf"GET {_BOT}/import/(?P<id>[^/]+)/status", MANAGEMENT, _import_status),
        "run": (rf"POST {_BOT}/(?P<id>[^/]+)/run", EXECUTION, _run),
        "run-status": (rf"GET {_BOT}/(?P<suite>[^/]+)/(?P<id>[^/]+)/status", EXECUTION, _run_status),
        "download": (r"GET /api/getMediaStream/media/(?P<id>[^/]+)", "", _download),
    }


def _suite_file(request: Request) -> Json:
    """Return the JSON object of the suite file in an uploaded form."""
    head = f"Content-Type: {request.headers.get('content-type', '')}\r\n\r\n".encode()
    form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + request.body)
    if form.get_content_type() != "multipart/form-data" or not form.is_multipart() or form.defects:
        raise Refusal("The body must be multipart/form-data with a boundary", 400)
    parts = {part.get_param("name", header="content-disposition"): part for part in form.iter_parts()}
    fields = {name: part.get_payload(decode=True) for name, part in parts.items()}
    if fields.get("fileContext") != b"bulkImport":
        raise Refusal("fileContext must be bulkImport", 400)
    if fields.get("fileExtension") not in {b"json", b".json"}:
        raise Refusal("fileExtension must be json for conversation test suites", 400)
    file = fields.get("file")
    if not isinstance(file, bytes) or parts["file"].get_filename() is None:
        raise Refusal("The form has no file", 400)
    if len(file) > MAX_FILE:
        raise Refusal("The file exceeds the maximum size of 2 MB", 400)
    return _object(file, Refusal("The file must be a JSON object that is not empty", 400))


def _object(data: bytes, refusal: Refusal) -> Json:
    """Return the JSON object in the data. Raises the refusal if there is none, or an empty one."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise refusal from exc
    if not isinstance(value, dict) or not value:
        raise refusal
    return value


def _body(call: Call, *required: str) -> Json:
    """Return the JSON object of a request that a known user sent, with text in every required field."""
    invalid = Refusal(INVALID_BODY, 403)
    body = _object(call.request.body, invalid)
    for name in required:
        value = body.get(name)
        if not isinstance(value, str) or not value.strip():
            raise invalid
    if not body.get("userEmailId"):
        raise Refusal("emailIds can't be empty", 400)
    if body["userEmailId"] != scenarios.USER_EMAIL:
        raise Refusal("One or more entered emails not found", 400)
    return body
