"""Kore.ai's answers → model: jobs, suites, steps, replies, assertions, ids.

Sources: the pages "Conversation Test Suite Creation Status" and "Test Suite Execution Status and Summary". Fields may
be missing, null, or of other types than documented; `problems` names what can't be read.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from kore_gate.kore import responses, statuses
from kore_gate.kore.responses import REASON_KEYS, as_text, name_of_type, number
from kore_gate.model import Assertion, Check, Job, Outcome, Reply, State, Step, Suite, Tally, replace

T = TypeVar("T")
_Json = Mapping[str, object]

_GROUPS = {"flowLevel": "flow", "text": "text", "context": "context"}
_WORST_FIRST = (Outcome.ERROR, Outcome.FAILED, Outcome.SKIPPED, Outcome.PASSED, Outcome.PENDING)
_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_PERCENT_KEYS = ("percentageComplete", "percentageCompleted", "percentage")
# Where in the dialogue a reply comes from.
_NODE_KEYS = ("nodeName", "nodeId", "category")
_MAX_REASONS = 10
_MAX_REASON_LENGTH = 2000

# Of a broken answer of fifty thousand steps, the first few faults say enough.
_MAX_PROBLEMS = 20


def import_job(body: _Json) -> Job:
    """Read the answer about an import; once complete it holds the stored suite, in `response` or in the record."""
    reader = _Reader()
    response = reader.read(dict, body.get("response"), "response")
    place = response if body.get("response") is not None else body
    suite = None
    if "testSteps" in place or response.get("name"):
        suite = Suite(
            name=as_text(place.get("name")),
            id=as_text(place.get("_id")),
            description=as_text(place.get("description")),
            tags=tuple(as_text(tag) for tag in reader.read(list, place.get("tags"), "tags")),
            steps=reader.steps(place.get("testSteps"), "testSteps"),
        )
    return reader.job(body, as_text(body.get("status")), suite, {})


def run_job(body: _Json) -> Job:
    """Read the answer about a run, in its long form or (without executionResults) its short one."""
    reader = _Reader()
    result = reader.read(dict, body.get("result"), "result")
    rows = result.get("executionResults")
    steps = reader.steps(rows, "executionResults")
    suite = Suite(name="", id=as_text(body.get("testSuiteId")), steps=steps) if isinstance(rows, list) else None
    # Two places carry the same word; if they ever differ, the worse one counts.
    places = [body] if result.get("status") is None else [body, result]
    words = [as_text(place.get("status")) for place in places]
    order = (State.FAILED, State.UNKNOWN, State.RUNNING, State.SUCCEEDED)
    job = reader.job(body, min(words, key=lambda word: order.index(statuses.state(word))), suite, result)
    if job.state is not State.SUCCEEDED:
        return job
    miscounts = statuses.miscounted(body, job.tally, len(steps))
    return replace(job, objections=(*miscounts, *job.objections))


def suite_file(content: _Json, name: str) -> tuple[Suite, tuple[str, ...]]:
    """Read a suite's file, in the form that Kore.ai stores or the one that it records; list what can't be read.

    The steps are in the order in which the file has them: those of recorded test cases first.
    """
    reader = _Reader()
    rows: list[object] = []
    for position, case in enumerate(reader.read(list, content.get("testCases"), "testCases"), 1):
        where = f"test case {position}"
        rows += reader.read(list, reader.read(dict, case, where).get("messages"), f"{where}: messages")
    rows += reader.read(list, content.get("testSteps"), "testSteps")
    if not rows:
        reader.note("there are no steps in testSteps, and no messages in testCases")
    stored = [reader.stored(row, f"step {position}") for position, row in enumerate(rows, 1)]
    return Suite(name=name, steps=reader.steps(stored, "steps")), tuple(reader.problems)


def reasons(body: _Json) -> list[str]:
    """Collect what an answer says of why a job went wrong: its log's bad rows, then messages elsewhere."""
    texts: list[str] = []
    logs = body.get("statusLogs")
    for row in logs if isinstance(logs, list) else []:
        if not isinstance(row, Mapping):
            texts.append(as_text(row))
        elif statuses.state(as_text(row.get("status"))) is not State.SUCCEEDED:
            reason = "; ".join(_reasons_in(row)) or as_text(row.get("status"))
            task = " ".join(as_text(row[key]) for key in ("taskType", "taskName") if row.get(key))
            texts.append(": ".join(filter(None, (task, reason))))
    for place in (body, body.get("response"), body.get("result")):
        texts += _reasons_in(place) if isinstance(place, Mapping) else []
    return list(dict.fromkeys(text[:_MAX_REASON_LENGTH] for text in texts if text))[:_MAX_REASONS]


def _reasons_in(row: _Json) -> Iterator[str]:
    for key in (*REASON_KEYS, "description", "errors"):
        value = row.get(key)
        # A suite's own description stands beside its steps.
        if value and not (key == "description" and "testSteps" in row):
            yield "; ".join(responses.worded(responses.error_rows(value))) or as_text(value)


class _Reader:
    """Reads the parts of one answer, collecting what could not be read."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def job(self, body: _Json, status: str, suite: Suite | None, result: _Json) -> Job:
        """Read what the answers about all jobs have in common."""
        state = statuses.state(status)
        percents = [number(as_text(body.get(key)).rstrip(" %"), 100) for key in _PERCENT_KEYS]
        objections, link = statuses.sweep(body)
        return Job(
            status=status,
            state=state,
            percent=next((percent for percent in percents if percent is not None), None),
            reasons=() if state in (State.RUNNING, State.SUCCEEDED) else tuple(reasons(body)),
            suite=suite,
            test_suite_id=as_text(body.get("testSuiteId")),
            expires=as_text(body.get("expireAt")),
            download_url=link,
            tally=self._tally(body, result),
            failed_tests=statuses.judge(status)[0] is Outcome.FAILED,
            problems=tuple(self.problems),
            objections=objections if state is State.SUCCEEDED else (),
        )

    def steps(self, rows: object, where: str) -> tuple[Step, ...]:
        """Read the steps of a suite."""
        return tuple(self._step(row, position) for position, row in enumerate(self.read(list, rows, where), 1))

    def stored(self, row: object, where: str) -> object:
        """Return a step of a file in the form that Kore.ai stores: what a recorded reply contains is asserted."""
        if not isinstance(row, dict) or not isinstance(row.get("outputs"), list):
            return row
        return {**row, "outputs": [self._stored(output, where) for output in row["outputs"]]}

    def _stored(self, output: object, where: str) -> object:
        if isinstance(output, dict) and ("assertions" in output or "contains" not in output):
            return output
        texts = output["contains"] if isinstance(output, dict) else output
        if isinstance(texts, dict):
            texts = texts.get("oneOf", texts.get("allOf"))
        texts = texts if isinstance(texts, list) else [texts]
        if not texts or not all(isinstance(part, str) for part in texts):
            self.note(f"{where}: a reply is neither text nor contains one")
            return output
        asserted = {"text": {"enabled": True, "contains": [{"text": part} for part in texts]}}
        return {"text": texts[0], "assertions": asserted}

    def _tally(self, body: _Json, result: _Json) -> Tally:
        """Read the counters of a run's answer."""
        details = self.read(dict, result.get("stepDetails"), "stepDetails")
        counts = {key: self._count(details.get(key), f"stepDetails.{key}") for key in ("passed", "failed", "total")}
        if counts["total"] is None:
            counts["total"] = self._count(body.get("totalTestStepsCount"), "totalTestStepsCount")
        return Tally(**counts)

    def read(self, kind: type[T], value: object, where: str) -> T:
        """Return an object or a list, an empty one for null or anything else."""
        if value is not None and not isinstance(value, kind):
            self._wrong_type(value, where, name_of_type(kind()))
        return value if isinstance(value, kind) else kind()

    def _step(self, row: object, position: int) -> Step:
        where = f"step {position}"
        if not isinstance(row, dict):
            self._wrong_type(row, where, "an object")
            return Step(number=position, input="", outcome=Outcome.ERROR, reason="this step could not be read")
        outputs = self.read(list, row.get("outputs"), f"{where}: outputs")
        has_actuals = row.get("actualOutput") is not None
        actuals = self.read(list, row.get("actualOutput"), f"{where}: actualOutput")
        # Where fewer replies came than were expected, the missing ones are empty.
        padded = [*actuals, *[None] * (len(outputs) - len(actuals))]
        replies = tuple(
            self._reply(output, f"{where}, reply {index}", actual, _text(actual) if has_actuals else None)
            for index, (output, actual) in enumerate(zip(outputs, padded, strict=False), 1)
        )
        outcome, reason = statuses.judge(as_text(row.get("status")))
        milliseconds = number(row.get("duration"), 10**10)
        step = Step(
            number=position,
            input=as_text(row.get("input")),
            event=as_text(row.get("event")),
            replies=replies,
            unexpected=tuple(_text(actual) for actual in actuals[len(outputs) :]),
            outcome=outcome,
            reason=reason or _first(row, REASON_KEYS),
            duration=None if milliseconds is None else round(milliseconds / 1000, 3),
        )
        if step.is_red or not (objection := statuses.against_step(row)):
            return step
        reason = f"Kore.ai's response contradicts it: {objection}"
        return replace(step, outcome=Outcome.FAILED, reason=reason)

    def _reply(self, output: object, where: str, actual: object, actual_text: str | None) -> Reply:
        if not isinstance(output, dict):
            if not isinstance(output, str):
                self._wrong_type(output, where, "an object")
            return Reply(text=as_text(output), actual=actual_text)
        groups = self.read(dict, output.get("assertions"), f"{where}: assertions")
        repeated = _fields(_fields(actual).get("assertions"))
        return Reply(
            text=_text(output),
            actual=actual_text,
            node=_first(output, _NODE_KEYS),
            assertions=tuple(
                self._assertion(name, group, f"{where}: {name}", actual, _fields(repeated.get(name)))
                for name, group in groups.items()
            ),
        )

    def _assertion(self, name: str, group: object, where: str, actual: object, repeated: _Json) -> Assertion:
        kind = _GROUPS.get(name, name)
        if not isinstance(group, dict):
            self._wrong_type(group, where, "an object")
            return Assertion(group=kind, enabled=True, outcome=Outcome.ERROR, reason="this assertion could not be read")
        # The same tree stands again under the actual reply; whichever of the two says failed is believed.
        parts = (group, repeated) if repeated else (group,)
        if group.get("enabled") is False and not any(part.get("contains") or part.get("status") for part in parts):
            return _disabled(kind)
        if any(isinstance(value, list) for part in parts for value in _values(part)):
            self.note(f"{where}: an expected value is a list")
        checks = tuple(_checks(kind, group))
        actual_checks = tuple(_checks(kind, repeated)) if repeated else ()
        judged = [statuses.judge(as_text(part.get("status"))) for part in parts]
        outcomes = [own for own, _ in judged] + [check.outcome for check in checks + actual_checks]
        outcome = min(outcomes, key=_WORST_FIRST.index)
        is_on = self._flag(group.get("enabled"), outcome is not Outcome.PENDING, f"{where}: enabled")
        enabled = is_on or outcome.is_red  # switched off and failed at once can't be: what failed was judged
        return Assertion(
            group=kind,
            enabled=enabled,
            checks=checks,
            outcome=outcome if enabled else Outcome.SKIPPED,
            actual=_actual(kind, actual, checks, actual_checks),
            reason=judged[0][1] or judged[-1][1] or _first(group, REASON_KEYS),
        )

    def _flag(self, value: object, default: bool, where: str) -> bool:
        if isinstance(value, bool):
            return value
        flag = default if value is None else _FLAGS.get(as_text(value).strip().lower())
        if flag is None:
            self._wrong_type(value, where, "true or false")
        return flag is not False

    def _count(self, value: object, where: str) -> int | None:
        count = number(value, 10**9)
        if value is not None and (count is None or count % 1):
            self.note(f"{where} is not a count")
            return None
        return None if count is None else int(count)

    def _wrong_type(self, value: object, where: str, expected: str) -> None:
        self.note(f"{where} is {name_of_type(value)}, not {expected}")

    def note(self, text: str) -> None:
        """Keep a problem, once."""
        if len(self.problems) < _MAX_PROBLEMS and text not in self.problems:
            self.problems.append(text)


@functools.cache
def _disabled(kind: str) -> Assertion:
    # One for all of them: large suites have a hundred thousand.
    return Assertion(group=kind, enabled=False, outcome=Outcome.SKIPPED)


def _fields(value: object) -> _Json:
    """Return the fields of an object, none for anything else."""
    return value if isinstance(value, dict) else {}


def _first(row: _Json, keys: Sequence[str]) -> str:
    """Return the first of several fields that has a value, as text."""
    # Most rows of large suites have none of the fields.
    return "" if row.keys().isdisjoint(keys) else next((as_text(row[key]) for key in keys if row.get(key)), "")


def _text(output: object) -> str:
    """Return what a reply says: its text, or for older forms what it contains."""
    return _first(output, ("text", "contains")) if isinstance(output, dict) else as_text(output)


def _values(group: _Json) -> list[object]:
    """Return the expected values of an assertion: one alone need not stand in a list."""
    contains = group.get("contains")
    return contains if isinstance(contains, list) else [] if contains is None else [contains]


def _checks(kind: str, group: _Json) -> Iterator[Check]:
    for row in _values(group):
        if not isinstance(row, dict):
            yield Check(field=kind, value=as_text(row))
            continue
        outcome = statuses.judge_value(row)
        name = _first(row, ("key", "name", "variable"))
        if outcome is None:
            yield Check(field="status", value=as_text(row["status"]))
        elif name and "value" in row:
            yield Check(field=name, value=as_text(row["value"]), outcome=outcome)
        else:
            fields = ((field, value) for field, value in row.items() if field != "status")
            yield from (Check(field=field, value=as_text(value), outcome=outcome) for field, value in fields)


def _actual(kind: str, actual: object, checks: Sequence[Check], actual_checks: Sequence[Check]) -> str | None:
    """Return what an assertion met instead; values of other groups stand in the assertions of the actual reply only."""
    if not isinstance(actual, dict):
        return None
    if kind in ("text", "flow"):
        return _text(actual) if kind == "text" else _first(actual, _NODE_KEYS) or None
    values = {check.field: check.value for check in actual_checks}
    # An echo of what was expected, beside the word that it failed, tells nothing.
    if not values or values == {check.field: check.value for check in checks}:
        return None
    return ", ".join(value if len(values) == 1 else f"{field} = {value}" for field, value in values.items())
