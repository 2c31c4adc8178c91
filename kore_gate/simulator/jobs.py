"""The jobs of Kore.ai: imports of suites, runs of suites, and the records of both at a given time."""

import copy
import csv
import dataclasses
import datetime
import hashlib
import io
import itertools
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from kore_gate.simulator import scenarios
from kore_gate.simulator.scenarios import FIXED_FIELDS, Json, RunEnd, Scenario

LIFETIME = 15 * 60.0
# In the published sample, a job of a minute reached 85 % after a quarter of it, and stayed there to its end.
PLATEAU = 85
RISE = 0.25
T = TypeVar("T", dict[str, Any], list[Any])


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """The import of a suite, or a run of it."""

    id: str
    suite_id: str
    name: str
    document: Json
    steps: list[Json]
    scenario: Scenario
    created: float
    seconds: float
    end: str | RunEnd | None  # an import's last status, None if it never ends; how a run ends
    reasons: tuple[str, ...] = ()  # why an import failed
    version: str = ""  # the version of the bot in a run

    @property
    def wrong_text(self) -> str:
        """Return what the bot says where a step fails."""
        day = datetime.datetime.fromtimestamp(self.created, datetime.UTC)
        amount = f"{1000 + self.created % 1000:,.2f}"
        return self.scenario.wrong_text.replace("{day}", f"{day:%-d %B %Y}").replace("{amount}", amount)

    def has_ended(self, now: float) -> bool:
        """Tell whether the job is over."""
        return self.end is not None and now >= self.created + self.seconds

    @property
    def stored_at(self) -> float:
        """Return when an import's suite exists, well before the status says so."""
        return self.created + RISE * self.seconds

    def has_expired(self, now: float) -> bool:
        """Tell whether an import's record is gone."""
        return now >= self.created + LIFETIME

    def percent(self, now: float) -> int:
        """Return the progress."""
        if self.has_ended(now):
            return 100
        rise = RISE * self.seconds
        return min(PLATEAU, int(PLATEAU * (now - self.created) / rise)) if rise > 0 else PLATEAU


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Records:
    """All that Kore.ai keeps of one bot: files, imports with their suites, runs, results files."""

    scenario: Scenario
    by_suite: Mapping[str, Scenario]
    job_seconds: float
    files: dict[str, Json] = dataclasses.field(default_factory=dict)
    imports: dict[str, Job] = dataclasses.field(default_factory=dict)
    runs: dict[str, Job] = dataclasses.field(default_factory=dict)
    links: dict[str, tuple[float, str]] = dataclasses.field(default_factory=dict)
    numbers: Iterator[int] = dataclasses.field(default_factory=lambda: itertools.count(1))

    def new_id(self, prefix: str) -> str:
        """Return an id that no other record has."""
        return _named_id(prefix, str(next(self.numbers)))

    def start_import(self, document: Json, *, now: float, name: str, ds_id: str | None = None) -> Job:
        """Begin the import of a document, which fails at its end when the document is not a suite."""
        scenario = self.by_suite.get(name, self.scenario)
        end, reasons = scenario.ended, scenario.reasons
        try:
            steps = steps_of(document)
        except ValueError as exc:
            steps, end, reasons = [], "FAILURE", (str(exc),)
        job = Job(
            id=ds_id or self.new_id("ds"),
            suite_id=self.new_id("ctc"),
            name=name,
            document=document,
            steps=steps,
            scenario=scenario,
            created=now,
            seconds=self.job_seconds,
            end=end,
            reasons=reasons,
        )
        self.imports.pop(job.id, None)
        self.imports[job.id] = job
        return job

    def stored(self, name: str, now: float) -> Job | None:
        """Return the newest import that stored a suite of this name."""
        jobs = (job for job in reversed(self.imports.values()) if job.name == name and job.end == "SUCCESS")
        return next((job for job in jobs if now >= job.stored_at), None)

    def start_run(self, source: Job, *, now: float, version: str) -> Job:
        """Begin a run of a stored suite."""
        end = source.scenario.run
        earlier = sum(run.name == source.name for run in self.runs.values())
        if end is RunEnd.FLAKY:
            end = RunEnd.PASSED if earlier % 3 else RunEnd.FAILED
        if end is RunEnd.SERVICE_DOWN:
            end = RunEnd.PASSED if earlier else RunEnd.ERROR
        run = dataclasses.replace(source, id=self.new_id("ctr"), created=now, end=end, version=version)
        self.runs[run.id] = run
        return run

    def link(self, job: Job, now: float) -> str:
        """Return the path of a results file, which expires after a quarter of an hour."""
        file_id = _named_id("f", job.id)
        table = io.StringIO()
        rows = csv.writer(table)
        rows.writerow(["step", "input", "expected", "result"])
        for number, step in enumerate(job.scenario.shape(job.steps), start=1):
            rows.writerow([number, step["input"], " / ".join(reply["text"] for reply in step["outputs"]), "passed"])
        expires, _ = self.links.setdefault(f"{file_id}.csv", (now + LIFETIME, table.getvalue()))
        signature = hex_id(f"signature {file_id}")
        query = f"e={expires:.0f}&n={signature[:10]}&s={signature[10:]}&clientfilename=results.csv"
        return f"/api/getMediaStream/media/{file_id}.csv?{query}"


def import_record(job: Job, now: float) -> Json:
    """Return the record of an import as the status call shows it."""
    ended = job.has_ended(now)
    log = [
        {
            "_id": f"nl-{number}",
            "requestId": job.id,
            "comments": reason,
            "createdOn": _stamp(job.created + job.seconds),
            **FIXED_FIELDS["log row"],
            **FIXED_FIELDS["bot"],
        }
        for number, reason in enumerate(job.reasons, start=1)
    ]
    record = {
        "_id": job.id,
        "status": job.end if ended else job.scenario.running,
        "percentageComplete": job.percent(now),
        **FIXED_FIELDS["import"],
        **FIXED_FIELDS["bot"],
        "testSuiteId": _named_id("ctc", job.id),
        "expireAt": _stamp(job.created + LIFETIME),
        "statusLogs": log if ended else [],
        "lMod": _stamp(job.created + job.seconds if ended else min(now, job.stored_at)),
        "createdOn": _stamp(job.created),
        "requestedTime": _stamp(job.created),
    }
    if ended and job.end == "SUCCESS":
        tags = job.document.get("tags")
        record["response"] = {
            **FIXED_FIELDS["suite"],
            **FIXED_FIELDS["bot"],
            "tags": tags if isinstance(tags, list) else [],
            "name": job.name,
            "description": str(job.document.get("description") or ""),
            "testSteps": job.scenario.shape(job.steps),
            "_id": job.suite_id,
            "createdOn": _stamp(job.stored_at),
            "lModOn": _stamp(job.stored_at),
        }
    return record


def run_record(job: Job, now: float) -> Json:
    """Return the record of a run as the status call shows it."""
    steps = job.scenario.shape(job.steps)
    result = {"nlpVersion": [], "startTime": _stamp(job.created), "version": job.version, "status": "inprogress"}
    if job.has_ended(now):
        result |= _run_result(job, steps) | {"duration": round(job.seconds * 1000)}
    if job.scenario.short:
        long_form_only = {"nlpVersion", "errorDetails", "executionResults"}
        result = {name: value for name, value in result.items() if name not in long_form_only}
    return {
        "_id": job.id,
        "streamId": scenarios.STREAM_ID,
        "testSuiteId": job.suite_id,
        "status": result["status"],
        "totalTestStepsCount": len(steps),
        "result": result,
        "percentageCompleted": job.percent(now),
    }


def hex_id(text: str) -> str:
    """Return 40 hexadecimal digits that stand for a text."""
    return hashlib.sha256(f"kore {text}".encode()).hexdigest()[:40]


def _named_id(prefix: str, name: str) -> str:
    return f"{prefix}-{uuid.uuid5(uuid.NAMESPACE_URL, f'kore/{prefix}/{name}')}"


def _stamp(seconds: float) -> str:
    """Write a time as Kore.ai does."""
    time = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _run_result(job: Job, steps: list[Json]) -> Json:
    """Return the part of a run's result that is known at its end."""
    failing = _failing_groups(steps, job.end)
    reached = [] if job.end is RunEnd.ERROR else steps
    if job.end is RunEnd.NOT_EXECUTED and failing:
        reached = steps[: max(failing) + 1]
    executed = [
        _executed(step, failing.get(number, []), job.wrong_text, f"{job.id}{number}")
        for number, step in enumerate(reached)
    ]
    passed = sum(step["status"] == "passed" for step in executed)
    result = {
        "nlpVersion": [step["nlpVersion"] for step in executed],
        "status": "failed" if failing else "passed",
        "stepDetails": {"passed": passed, "failed": len(executed) - passed, "total": len(steps)},
        "errorDetails": None,
        "executionResults": executed,
    }
    if job.end is RunEnd.ERROR:
        result |= {"status": "error", "errorDetails": FIXED_FIELDS["run error"]}
    if job.end is RunEnd.CONTRADICTION:
        result |= {"status": "passed", "stepDetails": {"passed": len(steps), "failed": 0, "total": len(steps)}}
    return result


def _failing_groups(steps: list[Json], end: object) -> dict[int, list[str]]:
    """Choose the steps that fail, by number, with their failing groups: the middle one, the last, or all that can."""
    enabled: dict[int, list[str]] = {}
    for number, step in enumerate(steps):
        # The first reply is the one that differs when a step fails.
        assertions = step["outputs"][0]["assertions"] if step["outputs"] else {}
        if groups := [name for name, group in assertions.items() if group.get("enabled")]:
            enabled[number] = groups
    if end in {RunEnd.PASSED, RunEnd.ERROR} or not enabled:
        return {}
    if end is RunEnd.ALL_FAILED:
        return enabled
    numbers = list(enabled)
    middle, last = numbers[len(numbers) // 2], numbers[-1]
    if end is RunEnd.DRIFTED:
        return {last: enabled[last]}
    # In the middle, where context is asserted it alone fails: the text was right, and the values behind it wrong.
    groups = ["context"] if "context" in enabled[middle] else enabled[middle]
    return {last: enabled[last], middle: groups} if end is RunEnd.FAILED else {middle: groups}


def _executed(step: Json, failing: list[str], wrong_text: str, request_id: str) -> Json:
    """Return a step with its status, and the statuses and actual replies that go with it."""
    expected = [_judged(reply, failing if number == 0 else []) for number, reply in enumerate(step["outputs"])]
    actual = copy.deepcopy(expected) if failing else expected
    for group in failing:
        _differ(actual[0], group, wrong_text)
    return {
        "actualOutput": actual,
        **FIXED_FIELDS["result"],
        **step,
        # In the published sample a standard response carries this mark although its text assertion passed.
        "outputs": [
            {**reply, "textMismatch": True} if reply.get("isStandardResponse") else reply for reply in expected
        ],
        "requestId": request_id,
        "status": "failed" if failing else "passed",
    }


def _judged(reply: Json, failing: list[str]) -> Json:
    """Return a reply with a status at each enabled group and each of its items."""
    groups = {}
    for name, group in reply["assertions"].items():
        groups[name] = group
        if group.get("enabled"):
            status = {"status": "failed" if name in failing else "passed"}
            items = [{**item, **status} if isinstance(item, dict) else item for item in group.get("contains", [])]
            groups[name] = {**group, "contains": items, **status}
    return {**reply, "assertions": groups}


def _differ(reply: Json, group: str, wrong_text: str) -> None:
    """Make an actual reply differ in what this group checks."""
    if group == "text":
        reply["text"] = wrong_text
    elif group == "flowLevel":
        reply.update({name: "DefaultFallback" for name in ("category", "nodeId", "nodeName") if name in reply})
    else:
        for item in reply["assertions"][group].get("contains", []):
            if isinstance(item, dict):
                item.update({name: "0.00" for name in item if name not in {"key", "status"}})


def steps_of(document: Json) -> list[Json]:
    """Return the steps that Kore.ai stores for a document. Raises ValueError for what is not a suite."""
    if isinstance(document.get("testSteps"), list):
        return [_step(step, "testSteps", _stored_reply) for step in document["testSteps"]]
    if isinstance(document.get("testCases"), list):
        cases = [_typed(case, dict, "testCases") for case in document["testCases"]]
        messages = [message for case in cases for message in _typed(case.get("messages"), list, "messages")]
        return [_step(message, "messages", _recorded_reply) for message in messages]
    raise ValueError("The file has neither testCases nor testSteps")


def _step(value: object, where: str, stored_reply: Callable[[object], Json]) -> Json:
    step = _typed(value, dict, where)
    replies = [stored_reply(reply) for reply in _typed(step.get("outputs", []), list, "outputs")]
    message = step.get("input", step.get("event"))
    if not isinstance(message, str):
        raise ValueError("A step has no input")  # noqa: TRY004 (the file is wrong, not the call)
    event = step.get("event") or ("Start_Flow" if message == "Start_Flow" else "")
    return {"input": message, "outputs": replies} | ({"event": str(event)} if event else {})


def _recorded_reply(reply: object) -> Json:
    match reply:
        case str(text) | {"contains": str(text)}:
            return scenarios.reply(text)
        case {"contains": {"oneOf": [str(), *_] as variants}} | {"contains": {"allOf": [str(), *_] as variants}}:
            return scenarios.reply(str(variants[0]), *map(str, variants))
        case _:
            raise ValueError(f"An output is neither text nor contains: {json.dumps(reply)[:80]}")


def _stored_reply(value: object) -> Json:
    if isinstance(value, str):
        return scenarios.reply(value)
    reply = _typed(value, dict, "outputs")
    text = str(reply.get("text", ""))
    groups = reply.get("assertions")
    if not isinstance(groups, dict):
        return {**reply, "text": text, "assertions": scenarios.assertions(text=[{"text": text}])}
    for name, group in groups.items():
        _typed(_typed(group, dict, name).get("contains", []), list, f"{name}.contains")
    return {**reply, "text": text, "assertions": {**scenarios.assertions(), **groups}}


def _typed(value: object, kind: type[T], where: str) -> T:
    if not isinstance(value, kind):
        problem = "is not a list" if kind is list else "holds something that is not an object"
        raise ValueError(f"{where} {problem}")  # noqa: TRY004 (the file is wrong, not the call)
    return value
