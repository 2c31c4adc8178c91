"""Kore.ai's answers → model: jobs, suites, steps, replies, assertions, ids.

Sources: the pages "Conversation Test Suite Creation Status" and "Test Suite Execution Status and Summary" of Kore.ai's
public API documentation. Fields may be missing, null, or of other types than documented; what can't be read is named in
`problems`, never passed over.
"""

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence

from kore_gate.kore import responses, statuses
from kore_gate.kore.responses import as_text, name_of_type
from kore_gate.model import Assertion, Check, Job, Outcome, Reply, State, Step, Suite, Tally

_GROUPS = {"flowLevel": "flow", "text": "text", "context": "context"}
_REASON_KEYS = ("reason", "errorMessage", "error", "message", "msg", "comments", "errorDetails")
_MESSAGE_KEYS = ("comments", "message", "msg", "errorMessage", "error", "reason")
_JOB_REASON_KEYS = (*_MESSAGE_KEYS, "description", "errors", "errorDetails")
_MAX_REASONS = 10
_MAX_REASON_LENGTH = 2000

# Of a broken answer of fifty thousand steps, the first few faults say enough.
_MAX_PROBLEMS = 20


def import_job(body: Mapping[str, object]) -> Job:
    """Read the answer about an import: dock fields, and once complete the stored suite."""
    reader = _Reader()
    suite = reader.stored_suite(body)
    return _job(reader, body, as_text(body.get("status")), suite, {})


def run_job(body: Mapping[str, object]) -> Job:
    """Read the answer about a run, in its long form or (without executionResults) its short one."""
    reader = _Reader()
    result = reader.mapping(body.get("result"), "result")
    suite = reader.executed_suite(body, result)
    # Two places carry the same word; if they ever differ, the worse one counts.
    words = [as_text(body.get("status"))]
    if result.get("status") is not None:
        words.append(as_text(result["status"]))
    order = (State.FAILED, State.UNKNOWN, State.RUNNING, State.SUCCEEDED)
    word = min(words, key=lambda word: order.index(statuses.state(word)))
    job = _job(reader, body, word, suite, result)
    if job.state is State.SUCCEEDED:
        miscounts = statuses.miscounted(body, job.tally, len(suite.steps) if suite else 0)
        job = dataclasses.replace(job, objections=(*miscounts, *job.objections))
    return dataclasses.replace(job, failed_tests=statuses.outcome(word) is Outcome.FAILED)


def ids(body: Mapping[str, object], *keys: str) -> str:
    """Return the id an accepting answer gave, under the first of the keys that has one."""
    values = (body.get(key) for key in keys)
    return next((as_text(value) for value in values if value and type(value) in (str, int)), "")


def reasons(body: Mapping[str, object]) -> list[str]:
    """Collect what an answer says of why a job went wrong: its log's bad rows, then messages elsewhere."""
    texts: list[str] = []
    logs = body.get("statusLogs")
    for row in logs if isinstance(logs, list) else []:
        if not isinstance(row, Mapping):
            texts.append(as_text(row))
        elif statuses.state(as_text(row.get("status"))) is not State.SUCCEEDED:
            task = " ".join(as_text(row[key]) for key in ("taskType", "taskName") if row.get(key))
            reason = "; ".join(_reasons_in(row)) or as_text(row.get("status"))
            texts.append(": ".join(filter(None, (task, reason))))
    for place in (body, body.get("response"), body.get("result")):
        texts += _reasons_in(place) if isinstance(place, Mapping) else []
    return list(dict.fromkeys(text[:_MAX_REASON_LENGTH] for text in texts if text))[:_MAX_REASONS]


def _reasons_in(row: Mapping[str, object]) -> Iterator[str]:
    for key in _JOB_REASON_KEYS:
        value = row.get(key)
        # A suite's own description stands beside its steps.
        if value and not (key == "description" and "testSteps" in row):
            rows = responses.error_rows(value) if isinstance(value, Mapping | list) else []
            yield "; ".join(responses.worded(rows)) or as_text(value)


def _job(
    reader: "_Reader", body: Mapping[str, object], status: str, suite: Suite | None, result: Mapping[str, object]
) -> Job:
    state = statuses.state(status)
    tally = reader.tally(body, result)
    objections, link = statuses.sweep(body)
    return Job(
        status=status,
        state=state,
        percent=_percent(body),
        reasons=() if state in (State.RUNNING, State.SUCCEEDED) else tuple(reasons(body)),
        suite=suite,
        test_suite_id=as_text(body.get("testSuiteId")),
        expires=as_text(body.get("expireAt")),
        download_url=link,
        tally=tally,
        problems=tuple(reader.problems),
        objections=objections if state is State.SUCCEEDED else (),
    )


def _percent(body: Mapping[str, object]) -> float | None:
    for key in ("percentageComplete", "percentageCompleted", "percentage"):
        try:
            percent = float(as_text(body.get(key)).rstrip(" %"))
        except ValueError:
            continue
        if 0 <= percent <= 100:
            return percent
    return None


class _Reader:
    """Reads the parts of one answer, collecting what could not be read."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def stored_suite(self, body: Mapping[str, object]) -> Suite | None:
        """Read the suite of an import's answer: in `response`, or in the record itself."""
        response = self.mapping(body.get("response"), "response")
        place = response if body.get("response") is not None else body
        if "testSteps" not in place and not response.get("name"):
            return None
        steps = self._list(place.get("testSteps"), "testSteps")
        return Suite(
            name=as_text(place.get("name")),
            id=as_text(place.get("_id")),
            description=as_text(place.get("description")),
            tags=tuple(as_text(tag) for tag in self._list(place.get("tags"), "tags")),
            steps=tuple(self._step(row, number) for number, row in enumerate(steps, 1)),
        )

    def executed_suite(self, body: Mapping[str, object], result: Mapping[str, object]) -> Suite | None:
        """Read the suite of a run's answer, if it has the long form."""
        rows = result.get("executionResults")
        if isinstance(rows, list):
            steps = tuple(self._step(row, number) for number, row in enumerate(rows, 1))
            return Suite(name="", id=as_text(body.get("testSuiteId")), steps=steps)
        if rows is not None:
            self._problem("executionResults is not a list")
        return None

    def tally(self, body: Mapping[str, object], result: Mapping[str, object]) -> Tally | None:
        """Read the counters of a run's answer."""
        details = self.mapping(result.get("stepDetails"), "stepDetails")
        counts = {key: self._count(details.get(key), f"stepDetails.{key}") for key in ("passed", "failed", "total")}
        if counts["total"] is None:
            counts["total"] = self._count(body.get("totalTestStepsCount"), "totalTestStepsCount")
        return None if set(counts.values()) == {None} else Tally(**counts)

    def mapping(self, value: object, where: str) -> Mapping[str, object]:
        """Return an object, an empty one for null or anything else."""
        if value is not None and not isinstance(value, Mapping):
            self._problem(f"{where} is not an object")
        return value if isinstance(value, Mapping) else {}

    def _step(self, row: object, number: int) -> Step:
        where = f"step {number}"
        if not isinstance(row, dict):
            self._problem(f"{where} is {name_of_type(row)}, not an object")
            return Step(number=number, input="", outcome=Outcome.ERROR, reason="this step could not be read")
        outputs = self._list(row.get("outputs"), f"{where}: outputs")
        has_actuals = row.get("actualOutput") is not None
        actuals = self._list(row.get("actualOutput"), f"{where}: actualOutput")
        # Where fewer replies came than were expected, the missing ones are empty.
        padded = [*actuals, *[None] * (len(outputs) - len(actuals))]
        replies = tuple(
            self._reply(output, f"{where}, reply {index}", actual, _text(actual) if has_actuals else None)
            for index, (output, actual) in enumerate(zip(outputs, padded, strict=False), 1)
        )
        outcome, reason = statuses.judge(as_text(row.get("status")))
        step = Step(
            number=number,
            input=as_text(row.get("input")),
            event=as_text(row.get("event")),
            replies=replies,
            unexpected=tuple(_text(actual) for actual in actuals[len(outputs) :]),
            outcome=outcome,
            reason=reason or _reason(row),
            duration=_seconds(row.get("duration")),
        )
        against = "" if step.is_red else statuses.against_step(row)
        if not against:
            return step
        reason = f"Kore.ai's response contradicts it: {against}"
        return dataclasses.replace(step, outcome=Outcome.FAILED, reason=reason)

    def _reply(self, output: object, where: str, actual: object, actual_text: str | None) -> Reply:
        if not isinstance(output, dict):
            if not isinstance(output, str):
                self._problem(f"{where} is {name_of_type(output)}, not an object")
            return Reply(text=as_text(output), actual=actual_text)
        groups = output.get("assertions")
        if groups is not None and not isinstance(groups, dict):
            self._problem(f"{where}: assertions is {name_of_type(groups)}, not an object")
        repeated = _entry(actual, "assertions")
        return Reply(
            text=_text(output),
            actual=actual_text,
            node=_node(output),
            assertions=tuple(
                self._assertion(name, group, f"{where}: {name}", actual, _entry(repeated, name))
                for name, group in (groups.items() if isinstance(groups, dict) else ())
            ),
        )

    def _assertion(self, name: str, group: object, where: str, actual: object, repeated: object) -> Assertion:
        kind = _GROUPS.get(name, name)
        if not isinstance(group, dict):
            self._problem(f"{where} is {name_of_type(group)}, not an object")
            return Assertion(group=kind, enabled=True, outcome=Outcome.ERROR, reason="this assertion could not be read")
        # The same tree stands again under the actual reply; whichever of the two says failed is believed.
        again = repeated if isinstance(repeated, dict) else {}
        is_empty = not any(part.get(key) for part in (group, again) for key in ("contains", "status"))
        if group.get("enabled") is False and is_empty:
            return _switched_off(kind)
        checks = tuple(self._checks(kind, group.get("contains"), where))
        actual_checks = tuple(self._checks(kind, again.get("contains"), where))
        judged = [statuses.judge(as_text(part.get("status"))) for part in (group, again)]
        outcome = statuses.worst(
            [outcome for outcome, _ in judged] + [check.outcome for check in checks + actual_checks]
        )
        enabled = self._flag(group.get("enabled"), outcome is not Outcome.PENDING, f"{where}: enabled")
        # Switched off and failed at once can't be: what failed was judged.
        enabled = enabled or outcome.is_red
        return Assertion(
            group=kind,
            enabled=enabled,
            checks=checks,
            outcome=outcome if enabled else Outcome.SKIPPED,
            actual=_actual(kind, actual, checks, actual_checks),
            reason=next((reason for _, reason in judged if reason), "") or _reason(group),
        )

    def _checks(self, kind: str, contains: object, where: str) -> Iterator[Check]:
        # One expected value alone need not stand in a list.
        for row in contains if isinstance(contains, list) else [] if contains is None else [contains]:
            if not isinstance(row, dict):
                if isinstance(row, list):
                    self._problem(f"{where}: an expected value is a list")
                yield Check(field=kind, value=as_text(row))
                continue
            outcome = statuses.judge_value(row)
            if outcome is None:
                yield Check(field="status", value=as_text(row["status"]))
                continue
            name = next((key for key in ("key", "name", "variable") if key in row), "") if "value" in row else ""
            fields = [(as_text(row[name]), row["value"])] if name else row.items()
            for field, value in fields:
                if name or field != "status":
                    yield Check(field=field, value=as_text(value), outcome=outcome)

    def _list(self, value: object, where: str) -> Sequence[object]:
        if value is not None and not isinstance(value, list):
            self._problem(f"{where} is {name_of_type(value)}, not a list")
        return value if isinstance(value, list) else []

    def _flag(self, value: object, default: bool, where: str) -> bool:
        if value is None:
            return default
        if isinstance(value, str | int) and str(value).strip().lower() in {"true", "1", "false", "0"}:
            return str(value).strip().lower() in {"true", "1"}
        self._problem(f"{where} is {name_of_type(value)}, not true or false")
        return True

    def _count(self, value: object, where: str) -> int | None:
        if value is None:
            return None
        try:
            number = float(as_text(value))
        except ValueError:
            number = -1
        if number < 0 or number != number // 1 or number > 10**9:
            self._problem(f"{where} is not a count")
            return None
        return int(number)

    def _problem(self, text: str) -> None:
        if len(self.problems) < _MAX_PROBLEMS and text not in self.problems:
            self.problems.append(text)


@functools.lru_cache(maxsize=64)
def _switched_off(kind: str) -> Assertion:
    return Assertion(group=kind, enabled=False, outcome=Outcome.SKIPPED)


def _entry(value: object, key: str) -> object:
    return value.get(key) if isinstance(value, dict) else None


def _text(output: object) -> str:
    """Return what a reply says: its text, or for older forms what it contains."""
    if not isinstance(output, dict):
        return as_text(output)
    return as_text(output.get("text") if output.get("text") is not None else output.get("contains"))


def _node(output: Mapping[str, object]) -> str:
    """Return the place in the dialogue that answered."""
    return next((as_text(output[key]) for key in ("nodeName", "nodeId", "category") if output.get(key)), "")


def _reason(row: Mapping[str, object]) -> str:
    return next((as_text(row[key]) for key in _REASON_KEYS if row.get(key)), "")


def _actual(kind: str, actual: object, checks: Sequence[Check], actual_checks: Sequence[Check]) -> str | None:
    """Return what an assertion met instead; values of other groups stand in the assertions of the actual reply only."""
    if not isinstance(actual, dict):
        return None
    if kind == "text":
        return _text(actual)
    if kind == "flow":
        return _node(actual) or None
    values = {check.field: check.value for check in actual_checks}
    # An echo of what was expected, beside the word that it failed, tells nothing.
    if not values or values == {check.field: check.value for check in checks}:
        return None
    if len(values) == 1:
        return next(iter(values.values()))
    return ", ".join(f"{field} = {value}" for field, value in values.items())


def _seconds(milliseconds: object) -> float | None:
    value = responses.number(milliseconds, 10**10)
    return None if value is None else round(value / 1000, 3)
