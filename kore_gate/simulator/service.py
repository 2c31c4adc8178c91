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

# The address that the documentation's example of this error names.
STRANGER = "jane.doe@example.com"

MANAGEMENT = "Conversation Tests Management"
EXECUTION = "Conversation Tests Execution"
# The versions of a bot, and what the status of a run calls them.
VERSIONS = {"inDevelopment": "configured", "published": "published"}
MAX_FILE = 2 * 1024 * 1024

PER_MINUTE = 60
PER_HOUR = 1800
HOUR_TEXT = "You've exceeded the hourly rate limit. Please wait for sometime before retrying."
# Kore.ai publishes no text for the following two.
EXPIRED = "error verifying the jwt: jwt expired"
JTI_MISSING = 'error verifying the jwt: "jti" claim is required'
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
    """Carry the response that ends the handling of a request."""

    def __init__(self, message: str, code: int, *, status: int | None = None) -> None:
        super().__init__(message)
        self.response = scenarios.error(message, code, status=status)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A recognized request: its kind, the parts of its path without percent-encoding, and its time."""

    kind: str
    request: Request
    now: float
    parts: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def id(self) -> str:
        """Return the id of a ds-id, a run or a file, or the name of a suite; empty where there is none."""
        return self.parts.get("id", "")


@dataclasses.dataclass(frozen=True, slots=True)
class LogEntry:
    """One call: when, which, about what, and the status of its response."""

    time: float
    method: str
    path: str
    kind: str
    id: str
    status: int


_BOT = r"/api/public/stream/(?P<stream>[^/]+)/conversation/testsuite"


class Simulator:
    """A Kore.ai with one bot, one client app and one scenario.

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
        enforce_jti: bool = False,
        job_seconds: float = 60.0,
        evergreen: bool = False,
    ) -> None:
        self.log: list[LogEntry] = []
        default = scenarios.find(scenario)
        own = {name: scenarios.find(one) for name, one in (by_suite or {}).items()}
        self.records = jobs.Records(scenario=default, by_suite=own, job_seconds=job_seconds)
        self._now = now or (lambda: clock.Clock().now().timestamp())
        self._scopes = scopes
        self._enforce_jti = enforce_jti
        self._lock = threading.RLock()
        self._calls: dict[str, collections.deque[float]] = {}
        self._used_tokens: dict[str, float] = {}
        self._fault_counts: collections.Counter[tuple[str, str]] = collections.Counter()
        self._presets = dict(zip(scenarios.DS_IDS, scenarios.demo_suites(), strict=True))
        self._evergreen = evergreen
        long_ago = self._now() - jobs.LIFETIME - job_seconds
        for ds_id, suite in self._presets.items():
            name = str(suite["name"])
            stored = dataclasses.replace(own.get(name, default), ended="SUCCESS")
            self.records.start_import(suite, now=long_ago, name=name, scenario=stored)
            self.add_import(ds_id, suite)

    def add_import(self, ds_id: str, suite: Json, scenario: str | Scenario | None = None) -> None:
        """Begin an import with this ds-id of the content of a suite file; its `name` names the suite."""
        own = scenarios.find(scenario) if scenario else None
        with self._lock:
            name = str(suite.get("name", ds_id))
            self.records.start_import(suite, now=self._now(), name=name, ds_id=ds_id, scenario=own)

    def handle(self, request: Request) -> Response:
        """Answer a request as Kore.ai would, and log it."""
        with self._lock:
            call = self._recognize(request)
            try:
                response = self._answer(call)
            except Refusal as exc:
                response = exc.response
            entry = LogEntry(call.now, request.method, request.path, call.kind, call.id, response.status)
            self.log.append(entry)
        headers = [("date", email.utils.formatdate(call.now, usegmt=True)), *response.headers]
        if response.retry_in is not None:
            headers.append(("retry-after", email.utils.formatdate(call.now + response.retry_in, usegmt=True)))
        return dataclasses.replace(response, headers=tuple(headers))

    def _recognize(self, request: Request) -> Call:
        now, method_and_path = self._now(), f"{request.method} {request.path.partition('?')[0]}"
        for kind, (pattern, _, _) in self.ROUTES.items():
            if match := re.fullmatch(pattern, method_and_path):
                parts = {name: urllib.parse.unquote(part) for name, part in match.groupdict().items()}
                return Call(kind=kind, request=request, now=now, parts=parts)
        return Call(kind="unknown", request=request, now=now)

    def _answer(self, call: Call) -> Response:
        """Answer a call by the first rule that applies: unknown path, limit, fault, token, scope, content."""
        if call.kind == "unknown":
            if call.request.path.startswith("/api/"):
                raise Refusal("Method Not Allowed", 405)
            return Response(404, (scenarios.HTML,), b"<h1>404 Not Found</h1>")
        # Links to results files are signed: they need no token, and no limit is known for them.
        link = call.kind == "download"
        if not link:
            self._count(f"{call.kind} {call.id}" if call.kind in scenarios.STATUS_CALLS else "bot", call.now)
        fault = self._next_fault(call)
        if fault is not None:
            return fault
        if not link:
            self._verify_token(call)
            self._check_access(call)
        return self.ROUTES[call.kind][2](self, call)

    def _count(self, key: str, now: float) -> None:
        """Apply the rolling limits; rejected calls don't count."""
        times = self._calls.setdefault(key, collections.deque(maxlen=PER_HOUR))
        limits = ((PER_HOUR, 3600.0, HOUR_TEXT), (PER_MINUTE, 60.0, scenarios.MINUTE_TEXT))
        for limit, seconds, message in limits:
            if len(times) >= limit and times[-limit] > now - seconds:
                raise Refusal(message, 429)
        times.append(now)

    def _next_fault(self, call: Call) -> Response | None:
        """Return what this call gets instead of its regular response, counting the calls about one job."""
        known = self.records.runs if call.kind == "run-status" else self.records.imports
        job = known.get(call.id) if call.kind in scenarios.STATUS_CALLS else None
        scenario = job.scenario if job else self.records.scenario
        if call.kind not in scenario.calls:
            return None
        key = (call.kind, call.id if job else "")
        self._fault_counts[key] += 1
        return scenario.fault(self._fault_counts[key] - 1)

    def _verify_token(self, call: Call) -> None:
        """Apply Kore.ai's rules for tokens: algorithm, signature, client id, lifetime, second use."""
        malformed = Refusal(scenarios.INVALID_TOKEN_TEXT, 4002, status=401)
        try:
            claims = jwt.decode(
                call.request.headers.get("auth", ""),
                scenarios.CLIENT_SECRET,
                algorithms=["HS256", "HS512"],
                options=SIGNATURE_ONLY,
            )
        except jwt.InvalidTokenError as exc:
            raise malformed from exc
        if claims.get("appId") != scenarios.CLIENT_ID:
            raise Refusal("Invalid SDK credentials", 4002, status=401)
        jti, expires = claims.get("jti"), claims.get("exp")
        if expires is not None and type(expires) not in {int, float}:
            raise malformed
        if expires is not None and expires <= call.now - LEEWAY:
            raise Refusal(EXPIRED, 401)
        if jti is None and self._enforce_jti:
            raise Refusal(JTI_MISSING, 401)
        if jti is not None:
            self._use_token(str(jti), expires, call.now)

    def _use_token(self, jti: str, expires: float | None, now: float) -> None:
        """Apply the rules for tokens with an id, and remember this one."""
        if expires is None or expires > now + 3600.0 + LEEWAY:
            raise Refusal('error verifying the jwt: if "jti" claim "exp" must be <= 1 hour(s)', 401)
        if jti in self._used_tokens:
            raise Refusal("error verifying the jwt: possibly a replay", 401)
        if len(self._used_tokens) > 10_000:
            self._used_tokens = {used: end for used, end in self._used_tokens.items() if end > now - LEEWAY}
        self._used_tokens[jti] = expires

    def _check_access(self, call: Call) -> None:
        """Reject other bots, and calls outside the app's scopes; Kore.ai publishes no text for either."""
        if call.parts.get("stream", scenarios.STREAM_ID) != scenarios.STREAM_ID:
            raise Refusal("The app has no access to this bot", 403)
        scope = self.ROUTES[call.kind][1]
        if scope and scope not in self._scopes:
            raise Refusal(f"The app lacks the scope {scope}", 403)

    def _upload(self, call: Call) -> Response:
        document = _suite_file(call.request)
        file_id = jobs.hex_id(self.records.new_id("file"))[:24]
        self.records.files[file_id] = document
        return _json({"fileId": file_id, "hash": jobs.hex_id(file_id), "fileName": self.records.new_id("f")})

    def _import(self, call: Call) -> Response:
        body = _body(call)
        name, file_id = (_text(body, key) for key in ("name", "fileName"))
        _check_email(body)
        # The id of the upload goes into the field `fileName`; the upload's own `fileName` is something else.
        if file_id not in self.records.files:
            raise Refusal("The file was not found: fileName takes the fileId of the upload", 400)
        overrides = {key: body[key] for key in ("tags", "description") if key in body}
        job = self.records.start_import(self.records.files[file_id] | overrides, now=call.now, name=name)
        return _json({"status": "IN_PROGRESS", "dsId": job.id})

    def _import_status(self, call: Call) -> Response:
        job = self.records.imports.get(call.id)
        if job and job.has_expired(call.now) and self._evergreen and job.id in self._presets:
            self._fault_counts.pop((call.kind, call.id), None)
            self.add_import(job.id, self._presets[job.id])
            job = self.records.imports[job.id]
        if job is None or job.has_expired(call.now):
            raise Refusal("Not Found", 404)
        return self._status(call, job, jobs.import_record(job, call.now))

    def _run(self, call: Call) -> Response:
        body = _body(call)
        _check_email(body)
        version = VERSIONS.get(_text(body, "version"))
        if version is None:
            raise Refusal(INVALID_BODY, 403)
        imports = self.records.stored(call.id, call.now)
        if not imports:
            raise Refusal("Test suite not found", 404)
        run = self.records.start_run(imports[0], now=call.now, version=version)
        return _json({"status": "IN_PROGRESS", "testRunId": run.id})

    def _run_status(self, call: Call) -> Response:
        run = self.records.runs.get(call.id)
        if run is None or run.name != call.parts["suite"]:
            raise Refusal("Not Found", 404)
        return self._status(call, run, jobs.run_record(run, call.now))

    def _status(self, call: Call, job: jobs.Job, record: Json) -> Response:
        if job.has_ended(call.now) and job.scenario.link:
            headers = call.request.headers
            origin = f"{headers.get('x-forwarded-proto', 'https')}://{headers.get('host', 'localhost')}"
            record["downloadUrl"] = origin + self.records.link(job, call.now)
        return _json(record)

    def _delete(self, call: Call) -> Response:
        names = _body(call).get("testSuiteNames")
        if not isinstance(names, list) or not names:
            raise Refusal(INVALID_BODY, 403)
        missing = [str(name) for name in names if not self.records.delete(str(name), call.now)]
        if missing:
            raise Refusal(f"Test suites not found: {', '.join(missing)}", 404)
        return _json({"status": "Success"})

    def _download(self, call: Call) -> Response:
        query = urllib.parse.parse_qs(call.request.path.partition("?")[2])
        expires, table = self.records.links.get(call.id, (0.0, ""))
        if call.now >= expires or not query.get("s"):
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
        "delete": (rf"DELETE {_BOT}", MANAGEMENT, _delete),
        "download": (r"GET /api/getMediaStream/media/(?P<id>[^/]+)", "", _download),
    }


def _json(payload: Json) -> Response:
    return Response(200, (scenarios.JSON,), json.dumps(payload, separators=(",", ":")).encode("ascii"))


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
    try:
        document = json.loads(file)
    except (ValueError, RecursionError) as exc:
        raise Refusal("The file is not valid JSON", 400) from exc
    if not isinstance(document, dict) or not document:
        raise Refusal("The file must hold a JSON object that is not empty", 400)
    return document


def _body(call: Call) -> Json:
    try:
        body = json.loads(call.request.body)
    except (ValueError, RecursionError) as exc:
        raise Refusal(INVALID_BODY, 403) from exc
    if not isinstance(body, dict):
        raise Refusal(INVALID_BODY, 403)
    return body


def _text(body: Json, key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value.strip():
        raise Refusal(INVALID_BODY, 403)
    return value


def _check_email(body: Json) -> None:
    address = body.get("userEmailId")
    if not address:
        raise Refusal("emailIds can't be empty", 400)
    if address == STRANGER:
        raise Refusal(f"Emails << {address} >> not associated with your account", 400)
    if address != scenarios.USER_EMAIL:
        raise Refusal("One or more entered emails not found", 400)
