"""Kore.ai's answers → model: jobs, suites, steps, replies, assertions, ids, links.

Sources: the pages "Conversation Test Suite Creation Status" and "Test Suite Execution Status and Summary" of Kore.ai's
public API documentation. Fields may be missing, null, or of other types than documented; what can't be read is named in
`problems`, never passed over.
"""

import collections
import dataclasses
import functools
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence

from kore_gate.kore import statuses
from kore_gate.kore.responses import as_text, error_rows, name_of_type, seconds
from kore_gate.kore.statuses import RED
from kore_gate.model import Assertion, Check, Job, Outcome, Reply, State, Step, Suite, Tally

_GROUPS = {"flowLevel": "flow", "text": "text", "context": "context"}

# A broken answer of fifty thousand steps is told by its first few faults.
_MOST_PROBLEMS = 20


class Reader:
    """Reads one suite, collecting what could not be read."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def suite(self, response: Mapping[str, object]) -> Suite:
        """Read the stored suite of an import's answer."""
        steps = self._list(response.get("testSteps"), "testSteps")
        return Suite(
            name=as_text(response.get("name")),
            id=as_text(response.get("_id")),
            description=as_text(response.get("description")),
            tags=tuple(as_text(tag) for tag in self._list(response.get("tags"), "tags")),
            steps=tuple(self.step(row, number) for number, row in enumerate(steps, 1)),
        )

    def step(self, row: object, number: int) -> Step:
        """Read one step, as stored or with the results of a run."""
        where = f"step {number}"
        if not isinstance(row, dict):
            self._problem(f"{where} is {name_of_type(row)}, not an object")
            return Step(number=number, input="", outcome=Outcome.ERROR, reason="this step could not be read")
        outputs = self._list(row.get("outputs"), f"{where}: outputs")
        actuals = None if row.get("actualOutput") is None else self._list(row["actualOutput"], f"{where}: actualOutput")
        replies = tuple(
            self._reply(output, f"{where}, reply {index + 1}", actuals, index) for index, output in enumerate(outputs)
        )
        status = as_text(row.get("status"))
        outcome, unclear = statuses.of(status)
        red = outcome in RED or any(part.outcome in RED for reply in replies for part in reply.assertions)
        against = "" if red else statuses.against_step(row)
        if against:
            outcome, unclear = Outcome.FAILED, f"Kore.ai's response contradicts it: {against}"
        return Step(
            number=number,
            input=as_text(row.get("input")),
            event=as_text(row.get("event")),
            replies=replies,
            unexpected=tuple(_said(extra) for extra in (actuals or [])[len(outputs) :]),
            outcome=outcome,
            reason=unclear or _reason(row),
            duration=seconds(row.get("duration")),
        )

    def _reply(self, output: object, where: str, actuals: list[object] | None, index: int) -> Reply:
        actual = actuals[index] if actuals is not None and index < len(actuals) else None
        said = None if actuals is None else _said(actual)
        if not isinstance(output, dict):
            if not isinstance(output, str):
                self._problem(f"{where} is {name_of_type(output)}, not an object")
            return Reply(text=as_text(output), actual=said)
        groups = output.get("assertions")
        if groups is None:
            groups = {}
        if not isinstance(groups, dict):
            self._problem(f"{where}: assertions is {name_of_type(groups)}, not an object")
            groups = {}
        repeated = actual.get("assertions") if isinstance(actual, dict) else None
        return Reply(
            text=_said(output),
            actual=said,
            node=_node(output),
            assertions=tuple(
                self._assertion(name, group, f"{where}: {name}", actual, _entry(repeated, name))
                for name, group in groups.items()
            ),
        )

    def _assertion(self, name: str, group: object, where: str, actual: object, repeated: object) -> Assertion:
        kind = _GROUPS.get(name, name)
        if not isinstance(group, dict):
            self._problem(f"{where} is {name_of_type(group)}, not an object")
            return Assertion(group=kind, enabled=True, outcome=Outcome.ERROR, reason="this assertion could not be read")
        contains, again = group.get("contains"), repeated if isinstance(repeated, dict) else {}
        enabled = group.get("enabled")
        if enabled is False and not (contains or group.get("status") or again.get("status") or again.get("contains")):
            return _switched_off(kind)
        status = as_text(group.get("status"))
        checks = tuple(self._checks(kind, contains, where))
        # The same tree stands again under the actual reply; whichever of the two says failed is believed.
        found = tuple(self._checks(kind, again.get("contains"), where))
        judged = [statuses.of(status), statuses.of(as_text(again.get("status")))]
        told = [outcome for outcome, _ in judged] + [check.outcome for check in (*checks, *found)]
        worst = statuses.worst([outcome for outcome in told if outcome is not Outcome.PENDING])
        if not isinstance(enabled, bool):
            enabled = self._flag(enabled, worst is not Outcome.PENDING, f"{where}: enabled")
        # Switched off and failed at once can't be: what failed was judged.
        enabled = enabled or worst in RED
        return Assertion(
            group=kind,
            enabled=enabled,
            checks=checks,
            outcome=worst if enabled else Outcome.SKIPPED,
            actual=_actual(kind, actual, checks, found),
            reason=next((unclear for _, unclear in judged if unclear), "") or _reason(group),
        )

    def _checks(self, kind: str, contains: object, where: str) -> Iterator[Check]:
        for row in statuses.rows(contains):
            if not isinstance(row, dict):
                if isinstance(row, list):
                    self._problem(f"{where}: an expected value is a list")
                yield Check(field=kind, value=as_text(row))
                continue
            outcome = statuses.of_row(row)
            if outcome is None:
                yield Check(field="status", value=as_text(row["status"]))
                continue
            named = next((key for key in ("key", "name", "variable") if key in row), "") if "value" in row else ""
            if named:
                yield Check(field=as_text(row[named]), value=as_text(row["value"]), outcome=outcome)
                continue
            for field, value in row.items():
                if field != "status":
                    yield Check(field=field, value=as_text(value), outcome=outcome)

    def _list(self, found: object, where: str) -> list[object]:
        if found is None:
            return []
        if isinstance(found, list):
            return found
        self._problem(f"{where} is {name_of_type(found)}, not a list")
        return []

    def _flag(self, found: object, default: bool, where: str) -> bool:
        if found is None:
            return default
        if isinstance(found, str | int) and str(found).strip().lower() in {"true", "1", "false", "0"}:
            return str(found).strip().lower() in {"true", "1"}
        self._problem(f"{where} is {name_of_type(found)}, not true or false")
        return True

    def _problem(self, text: str) -> None:
        if len(self.problems) < _MOST_PROBLEMS and text not in self.problems:
            self.problems.append(text)


def _entry(found: object, name: str) -> object:
    return found.get(name) if isinstance(found, dict) else None


def _said(output: object) -> str:
    """Return what a reply says: its text, or for older forms what it contains."""
    if not isinstance(output, dict):
        return as_text(output)
    return as_text(output.get("text") if output.get("text") is not None else output.get("contains"))


def _node(output: Mapping[str, object]) -> str:
    """Return the place in the dialogue that answered."""
    return next((as_text(output[key]) for key in ("nodeName", "nodeId", "category") if output.get(key)), "")


def _actual(kind: str, actual: object, checks: Sequence[Check], found: Sequence[Check]) -> str | None:
    """Return what an assertion met instead; values of other groups stand in the assertions of the actual reply only."""
    if not isinstance(actual, dict):
        return None
    if kind == "text":
        return _said(actual)
    if kind == "flow":
        return _node(actual) or None
    values = {check.field: check.value for check in found}
    # An echo of what was expected, beside the word that it failed, tells nothing.
    if not values or values == {check.field: check.value for check in checks}:
        return None
    if len(values) == 1:
        return next(iter(values.values()))
    return ", ".join(f"{field} = {value}" for field, value in values.items())


def _reason(row: Mapping[str, object]) -> str:
    keys = ("reason", "errorMessage", "error", "message", "msg", "comments", "errorDetails")
    return next((as_text(row[key]) for key in keys if row.get(key)), "")


@functools.lru_cache(maxsize=64)
def _switched_off(kind: str) -> Assertion:
    return Assertion(group=kind, enabled=False, outcome=Outcome.SKIPPED)


_REASON_KEYS = (
    "comments",
    "message",
    "msg",
    "errorMessage",
    "error",
    "reason",
    "description",
    "errors",
    "errorDetails",
)
_LINK_KEYS = frozenset({"downloadurl", "fileurl", "downloadlink", "resultsurl", "resulturl", "reporturl"})
_MOST_REASONS = 10
_LONGEST_REASON = 2000


def import_job(body: Mapping[str, object]) -> Job:
    """Read the answer about an import: dock fields, and once complete the stored suite."""
    reader = Reader()
    suite, problems = _stored_suite(body, reader)
    job = _job(body, suite, problems + reader.problems)
    if job.state is not State.SUCCEEDED:
        return job
    return dataclasses.replace(job, objections=tuple(statuses.objections(body)))


def run_job(body: Mapping[str, object]) -> Job:
    """Read the answer about a run, in its long form or (without executionResults) its short one."""
    reader = Reader()
    problems = []
    result = body.get("result")
    if result is not None and not isinstance(result, Mapping):
        problems.append("result is not an object")
    inner = result if isinstance(result, Mapping) else {}
    rows = inner.get("executionResults")
    suite = None
    if isinstance(rows, list):
        steps = tuple(reader.step(row, number) for number, row in enumerate(rows, 1))
        suite = Suite(name="", id=as_text(body.get("testSuiteId")), steps=steps)
    elif rows is not None:
        problems.append("executionResults is not a list")
    job = _job(body, suite, problems + reader.problems, inner)
    # Two places carry the same word; if they ever differ, the worse one counts.
    said = [as_text(body.get("status")), *([as_text(inner["status"])] if inner.get("status") is not None else [])]
    order = (State.FAILED, State.UNKNOWN, State.RUNNING, State.SUCCEEDED)
    word = min(said, key=lambda word: order.index(statuses.state(word)), default="")
    state = statuses.state(word)
    failed_tests = statuses.outcome(word) is Outcome.FAILED
    told: list[str] = []
    if state is State.SUCCEEDED:
        told = [*statuses.miscounted(body, job.tally, len(suite.steps) if suite else 0), *statuses.objections(body)]
    return dataclasses.replace(
        job,
        status=word,
        state=state,
        failed_tests=failed_tests,
        reasons=tuple(reasons(body, state)),
        objections=tuple(told),
    )


def ids(body: Mapping[str, object], *keys: str) -> str:
    """Return the id an accepting answer gave, under the first of the keys that has one."""
    found = (body.get(key) for key in keys)
    return next((as_text(one) for one in found if one and isinstance(one, str | int) and one is not True), "")


def download_url(body: Mapping[str, object]) -> str:
    """Return the first link to a results file, under any of the known keys, at any level."""
    places: collections.deque[object] = collections.deque([body])
    while places:
        found = places.popleft()
        if isinstance(found, list):
            places += found[:100]
        elif isinstance(found, Mapping):
            for key, value in found.items():
                if key.replace("_", "").replace("-", "").lower() in _LINK_KEYS and _is_link(value):
                    return as_text(value).strip()
            # The steps hold the bot's own texts: a link in there is none of ours.
            places += (value for key, value in found.items() if key not in {"testSteps", "executionResults"})
    return ""


def _is_link(found: object) -> bool:
    try:
        parts = urllib.parse.urlsplit(found.strip() if isinstance(found, str) else "")
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def _job(
    body: Mapping[str, object], suite: Suite | None, problems: list[str], inner: Mapping[str, object] | None = None
) -> Job:
    status = as_text(body.get("status"))
    state = statuses.state(status)
    inner = inner or {}
    return Job(
        status=status,
        state=state,
        percent=_percent(body),
        reasons=tuple(reasons(body, state)),
        suite=suite,
        test_suite_id=as_text(body.get("testSuiteId")),
        expires=as_text(body.get("expireAt")),
        download_url=download_url(body),
        tally=_tally(body, inner, problems),
        duration=seconds(inner.get("duration")),
        problems=tuple(problems),
    )


def reasons(body: Mapping[str, object], state: State) -> list[str]:
    """Collect what an answer says of why a job went wrong: its log's bad rows, then messages elsewhere."""
    if state in (State.RUNNING, State.SUCCEEDED):
        return []
    found = []
    logs = body.get("statusLogs")
    for row in logs if isinstance(logs, list) else []:
        if isinstance(row, Mapping):
            said = statuses.state(as_text(row.get("status")))
            if said is State.SUCCEEDED:
                continue
            name = " ".join(as_text(row[key]) for key in ("taskType", "taskName") if row.get(key))
            text = "; ".join(_texts(row)) or as_text(row.get("status"))
            found.append(f"{name}: {text}" if name and text else name or text)
        else:
            found.append(as_text(row))
    for place in (body, body.get("response"), body.get("result")):
        if isinstance(place, Mapping):
            found += _texts(place)
    return list(dict.fromkeys(text[:_LONGEST_REASON] for text in found if text))[:_MOST_REASONS]


def _texts(row: Mapping[str, object]) -> Iterator[str]:
    for key in _REASON_KEYS:
        value = row.get(key)
        # A suite's own description, beside its steps, is no reason.
        if not value or (key == "description" and "testSteps" in row):
            continue
        rows = error_rows(value) if isinstance(value, Mapping | list) else []
        yield "; ".join(f"{text} (code {code})" if code else text for code, text in rows) or as_text(value)


def _stored_suite(body: Mapping[str, object], reader: Reader) -> tuple[Suite | None, list[str]]:
    response = body.get("response")
    if isinstance(response, Mapping):
        return (reader.suite(response) if "testSteps" in response or response.get("name") else None), []
    if response is not None:
        return None, ["response is not an object"]
    return (reader.suite(body) if "testSteps" in body else None), []


def _percent(body: Mapping[str, object]) -> float | None:
    for key in ("percentageComplete", "percentageCompleted", "percentage"):
        try:
            percent = float(as_text(body.get(key)).rstrip(" %"))
        except ValueError:
            continue
        if 0 <= percent <= 100:
            return percent
    return None


def _tally(body: Mapping[str, object], inner: Mapping[str, object], problems: list[str]) -> Tally | None:
    details = inner.get("stepDetails")
    if details is not None and not isinstance(details, Mapping):
        problems.append("stepDetails is not an object")
    details = details if isinstance(details, Mapping) else {}
    counted = {key: _count(details.get(key), f"stepDetails.{key}", problems) for key in ("passed", "failed", "total")}
    if counted["total"] is None:
        counted["total"] = _count(body.get("totalTestStepsCount"), "totalTestStepsCount", problems)
    return None if set(counted.values()) == {None} else Tally(**counted)


def _count(found: object, where: str, problems: list[str]) -> int | None:
    if found is None:
        return None
    try:
        number = float(as_text(found))
    except ValueError:
        number = -1
    if number < 0 or number != number // 1 or number > 10**9:
        problems.append(f"{where} is not a count")
        return None
    return int(number)
