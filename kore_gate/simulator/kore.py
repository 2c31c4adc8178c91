"""Kore.ai in a box: one function from request to response, with the state of jobs behind it."""

import collections
import dataclasses
import email.utils
import threading
from collections.abc import Callable, Collection, Mapping

from kore_gate import clock
from kore_gate.simulator import content, routes, scenarios
from kore_gate.simulator.endpoints import Endpoints
from kore_gate.simulator.faults import Fault
from kore_gate.simulator.limits import Limits
from kore_gate.simulator.messages import Json, RefusalError, Request, Response, refusal
from kore_gate.simulator.records import Records
from kore_gate.simulator.routes import Call
from kore_gate.simulator.scenarios import Scenario
from kore_gate.simulator.tokens import Tokens

CLIENT_ID = "cs-5a1e0000-0000-5000-8000-00000000d3e0"
CLIENT_SECRET = "the-demo-secret-is-no-secret-at-all-but-long-enough-for-hs512-too"  # noqa: S105 (public on purpose)
STREAM_ID = "st-5a1e0000-0000-5000-8000-00000000b0b0"
USER_EMAIL = "john.doe@example.com"
DS_IDS = ("ds-demo-1", "ds-demo-2", "ds-demo-3")

MANAGEMENT = "Conversation Tests Management"
EXECUTION = "Conversation Tests Execution"
SCOPES = {
    "import": MANAGEMENT,
    "import-status": MANAGEMENT,
    "delete": MANAGEMENT,
    "run": EXECUTION,
    "run-status": EXECUTION,
}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class LogEntry:
    """One call: when, which, about whom, and what it got."""

    time: float
    method: str
    path: str
    kind: str
    id: str
    status: int


class Simulator:
    """A Kore.ai with one bot, one client app and one scenario.

    `by_suite` gives suites, by name, a scenario of their own. With `evergreen` the preset imports start
    anew when they are asked for after they expired.
    """

    def __init__(
        self,
        *,
        scenario: str | Scenario = "passing",
        by_suite: Mapping[str, str | Scenario] | None = None,
        now: Callable[[], float] | None = None,
        client_id: str = CLIENT_ID,
        client_secret: str = CLIENT_SECRET,
        stream_id: str = STREAM_ID,
        emails: Collection[str] = (USER_EMAIL,),
        scopes: Collection[str] = (MANAGEMENT, EXECUTION),
        enforce_jti: bool = False,
        job_seconds: float = 60.0,
        base_path: str = "",
        evergreen: bool = False,
        seed: str = "kore",
    ) -> None:
        self.log: list[LogEntry] = []
        self.stream_id = stream_id
        self._scenario = _scenario(scenario)
        self._now = now or _system_time
        self._scopes = scopes
        self._base_path = base_path.rstrip("/")
        self._evergreen = evergreen
        self._lock = threading.RLock()
        self._limits = Limits()
        self._tokens = Tokens(client_id=client_id, client_secret=client_secret, enforce_jti=enforce_jti)
        self._records = Records(
            stream_id=stream_id,
            scenario=self._scenario,
            by_suite={name: _scenario(one) for name, one in (by_suite or {}).items()},
            job_seconds=job_seconds,
            seed=seed,
        )
        self._endpoints = Endpoints(self._records, emails=emails)
        self._asked: collections.Counter[tuple[str, str]] = collections.Counter()
        self._presets = dict(zip(DS_IDS, content.demo_suites(), strict=True))
        for ds_id, suite in self._presets.items():
            self._records.keep_suite(suite, name=str(suite["name"]), now=self._now())
            self.add_import(ds_id, suite)

    def add_import(self, ds_id: str, suite: Json, scenario: str | Scenario | None = None) -> None:
        """Begin an import, known by this ds-id, of what could be an uploaded file; its `name` names the suite."""
        own = _scenario(scenario) if scenario is not None else None
        with self._lock:
            name = str(suite.get("name", ds_id))
            self._records.start_import(suite, now=self._now(), name=name, ds_id=ds_id, scenario=own)

    def handle(self, request: Request) -> Response:
        """Answer a request as Kore.ai would, and log it."""
        with self._lock:
            now = self._now()
            call = routes.find(request, base_path=self._base_path)
            try:
                response = self._answer(call, now)
            except RefusalError as exc:
                response = exc.response
            self.log.append(
                LogEntry(
                    time=now,
                    method=request.method,
                    path=request.path,
                    kind=call.kind,
                    id=call.id,
                    status=response.status,
                )
            )
        date = ("date", email.utils.formatdate(now, usegmt=True))
        return dataclasses.replace(response, headers=(date, *response.headers))

    def _answer(self, call: Call, now: float) -> Response:
        if call.kind == "unknown":
            return routes.unknown(call.request, base_path=self._base_path)
        if call.kind != "download":
            about_one = call.kind in scenarios.STATUS_CALLS
            self._limits.admit(f"{call.kind} {call.id}" if about_one else "bot", now)
        fault = self._fault(call)
        if fault is not None:
            return fault.at(now)
        # Links to results files are signed, and need no token.
        if call.kind != "download":
            self._tokens.check(call.request.headers.get("auth", ""), now)
            self._check_access(call)
        self._renew(call, now)
        return self._endpoints.answer(call, now)

    def _fault(self, call: Call) -> Fault | None:
        """Return what befalls this call instead of an answer, counting the calls about the same one."""
        jobs = self._records.runs if call.kind == "run-status" else self._records.imports
        job = jobs.get(call.id) if call.kind in scenarios.STATUS_CALLS else None
        scenario = job.scenario if job else self._scenario
        if call.kind not in scenario.calls:
            return None
        about = (call.kind, call.id if job else "")
        self._asked[about] += 1
        return scenario.fault(self._asked[about] - 1)

    def _check_access(self, call: Call) -> None:
        """Refuse other bots, and calls outside the app's scopes; Kore.ai publishes no text for either."""
        if call.parts.get("stream", self.stream_id) != self.stream_id:
            raise refusal("The app has no access to this bot", 403)
        scope = SCOPES.get(call.kind)
        if scope is not None and scope not in self._scopes:
            raise refusal(f"The app lacks the scope {scope}", 403)

    def _renew(self, call: Call, now: float) -> None:
        """Start an expired preset import anew, where that is wanted."""
        if not self._evergreen or call.kind != "import-status" or call.id not in self._presets:
            return
        if self._records.imports[call.id].is_forgotten(now):
            self._asked.pop((call.kind, call.id), None)
            self.add_import(call.id, self._presets[call.id])


def _scenario(given: str | Scenario) -> Scenario:
    return given if isinstance(given, Scenario) else scenarios.find(given)


def _system_time() -> float:
    return clock.SystemClock().now().timestamp()
