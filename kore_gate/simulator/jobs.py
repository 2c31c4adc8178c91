"""The jobs Kore.ai works on: imports and runs, as they look at a given time."""

import dataclasses
import datetime

from kore_gate.simulator import results
from kore_gate.simulator.messages import Json
from kore_gate.simulator.scenarios import RunEnd, Scenario

LIFETIME = 15 * 60.0
# In the published sample, a job of a minute reached 85 % after a quarter of it, and stayed there to its end.
PLATEAU = 85
RISE = 0.25


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Suite:
    """A stored suite."""

    id: str
    name: str
    description: str
    tags: list[str]
    steps: list[Json]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Whose records these are."""

    stream_id: str
    account_id: str
    user_id: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What imports and runs have in common."""

    id: str
    place: Place
    suite: Suite
    scenario: Scenario
    created: float
    seconds: float

    def percent(self, now: float) -> int:
        """Return the progress of a job that has not ended."""
        if self.seconds <= 0:
            return PLATEAU
        return min(PLATEAU, int(PLATEAU * (now - self.created) / (RISE * self.seconds)))


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Import(Job):
    """The import of a suite; with a `fault` when its file was no suite."""

    outer_id: str
    fault: str = ""

    @property
    def ended(self) -> str | None:
        """Return the status word of the end, if there is one."""
        return "FAILURE" if self.fault else self.scenario.ended

    def has_ended(self, now: float) -> bool:
        """Tell whether the job is over."""
        return self.ended is not None and now >= self.created + self.seconds

    def has_stored(self, now: float) -> bool:
        """Tell whether the suite exists, which it does well before the job says so."""
        return self.ended == "SUCCESS" and now >= self.created + RISE * self.seconds

    def is_forgotten(self, now: float) -> bool:
        """Tell whether the record has expired."""
        return now >= self.created + LIFETIME

    def record(self, now: float) -> Json:
        """Return the record as the status call shows it."""
        ended = self.has_ended(now)
        changed = self.created + self.seconds if ended else min(now, self.created + RISE * self.seconds)
        record = {
            "_id": self.id,
            "status": self.ended if ended else self.scenario.running,
            "percentageComplete": 100 if ended else self.percent(now),
            "streamId": self.place.stream_id,
            "jobType": "CONVERSATION_TESTING_VALIDATE",
            "action": "RUN",
            "countOfDockStatuses": 1,
            "createdBy": self.place.user_id,
            "testSuiteId": self.outer_id,
            "expireAt": stamp(self.created + LIFETIME),
            "statusLogs": self._log() if ended else [],
            "lMod": stamp(changed),
            "createdOn": stamp(self.created),
            "requestedTime": stamp(self.created),
            "__v": 0,
        }
        return {**record, "response": self._response()} if ended and self.ended == "SUCCESS" else record

    def _log(self) -> list[Json]:
        reasons = (self.fault,) if self.fault else self.scenario.reasons
        return [
            {
                "_id": f"nl-{number}",
                "requestId": self.id,
                "status": "FAILURE",
                "createdBy": self.place.user_id,
                "comments": reason,
                "streamId": self.place.stream_id,
                "createdOn": stamp(self.created + self.seconds),
                "__v": 0,
            }
            for number, reason in enumerate(reasons, start=1)
        ]

    def _response(self) -> Json:
        stored = stamp(self.created + RISE * self.seconds)
        return {
            "schedule": {"enableSchedule": False},
            "channel": "rtm",
            "tags": self.suite.tags,
            "recentTags": [],
            "metadataAvailable": True,
            "name": self.suite.name,
            "description": self.suite.description,
            "preprocessor": "",
            "serviceMap": [],
            "authProfiles": [],
            "streamId": self.place.stream_id,
            "accountId": self.place.account_id,
            "lModBy": self.place.user_id,
            "createdBy": self.place.user_id,
            "testSteps": self.scenario.shape(self.suite.steps),
            "_id": self.suite.id,
            "createdOn": stored,
            "lModOn": stored,
            "__v": 0,
        }


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Run(Job):
    """A run of a stored suite; `number` counts the suite's runs from 1."""

    version: str
    number: int

    def has_ended(self, now: float) -> bool:
        """Tell whether the job is over."""
        return now >= self.created + self.seconds

    def record(self, now: float) -> Json:
        """Return the record as the status call shows it."""
        ended = self.has_ended(now)
        steps = self.scenario.shape(self.suite.steps)
        result: Json = {
            "nlpVersion": [],
            "startTime": stamp(self.created),
            "version": self.version,
            "status": "inprogress",
        }
        if ended:
            found = results.of_run(steps, self.end, run_id=self.id, wrong_text=self.scenario.wrong_text)
            result |= found | {"duration": round(self.seconds * 1000)}
        if self.scenario.short:
            result = {name: value for name, value in result.items() if name not in results.LONG_FORM_ONLY}
        return {
            "_id": self.id,
            "streamId": self.place.stream_id,
            "testSuiteId": self.suite.id,
            "status": result["status"],
            "totalTestStepsCount": len(steps),
            "result": result,
            "percentageCompleted": 100 if ended else self.percent(now),
        }

    @property
    def end(self) -> RunEnd:
        """Return how this run ends."""
        if self.scenario.run is RunEnd.FLAKY:
            return RunEnd.FAILED if self.number % 3 == 2 else RunEnd.PASSED
        return self.scenario.run


def stamp(seconds: float) -> str:
    """Write a time as Kore.ai does."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
