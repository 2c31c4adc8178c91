"""Kore.ai's test steps → model: the forms in which suites, steps, replies and assertions arrive.

Sources: the pages "Conversation Test Suite Creation Status" and "Test Suite Execution Status and Summary" of Kore.ai's
public API documentation. Fields may be missing, null, or of other types than documented; what can't be read is told in
`problems`, never passed over.
"""

import json
from collections.abc import Iterable, Mapping

from kore_gate.kore import words
from kore_gate.model import Assertion, Check, Outcome, Reply, Step, Suite

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
        if not isinstance(row, Mapping):
            self._problem(f"{where} is {_kind(row)}, not an object")
            return Step(number=number, input="", outcome=Outcome.ERROR, reason="this step could not be read")
        outputs = self._list(row.get("outputs"), f"{where}: outputs")
        actuals = None if row.get("actualOutput") is None else self._list(row["actualOutput"], f"{where}: actualOutput")
        replies = tuple(
            self._reply(output, f"{where}, reply {index + 1}", actuals, index) for index, output in enumerate(outputs)
        )
        status = as_text(row.get("status"))
        outcome = words.outcome(status)
        unclear = outcome is Outcome.PENDING and status
        return Step(
            number=number,
            input=as_text(row.get("input")),
            event=as_text(row.get("event")),
            replies=replies,
            unexpected=tuple(_said(extra) for extra in (actuals or [])[len(outputs) :]),
            outcome=outcome,
            reason=f"Kore.ai's word for this step is not known: {status}" if unclear else _reason(row),
            duration=seconds(row.get("duration")),
        )

    def _reply(self, output: object, where: str, actuals: list[object] | None, index: int) -> Reply:
        actual = actuals[index] if actuals is not None and index < len(actuals) else None
        said = None if actuals is None else _said(actual)
        if not isinstance(output, Mapping):
            if not isinstance(output, str):
                self._problem(f"{where} is {_kind(output)}, not an object")
            return Reply(text=as_text(output), actual=said)
        groups = output.get("assertions")
        if groups is None:
            groups = {}
        if not isinstance(groups, Mapping):
            self._problem(f"{where}: assertions is {_kind(groups)}, not an object")
            groups = {}
        repeated = actual.get("assertions") if isinstance(actual, Mapping) else None
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
        if not isinstance(group, Mapping):
            self._problem(f"{where} is {_kind(group)}, not an object")
            return Assertion(group=kind, enabled=True, outcome=Outcome.ERROR, reason="this assertion could not be read")
        status = as_text(group.get("status"))
        enabled = self._flag(group.get("enabled"), bool(status), f"{where}: enabled")
        checks = tuple(self._checks(kind, group.get("contains"), where))
        told = [words.outcome(status)] if status else []
        told += [check.outcome for check in checks if check.outcome is not Outcome.PENDING]
        # The same tree stands again under the actual reply; whichever of the two says failed is believed.
        if isinstance(repeated, Mapping) and repeated.get("status") is not None:
            told.append(words.outcome(as_text(repeated["status"])))
        return Assertion(
            group=kind,
            enabled=enabled,
            checks=checks,
            outcome=_worst(told) if enabled else Outcome.SKIPPED,
            actual=_actual(kind, actual),
            reason=_reason(group),
        )

    def _checks(self, kind: str, contains: object, where: str) -> Iterable[Check]:
        rows = contains if isinstance(contains, list) else [contains] if contains is not None else []
        for row in rows:
            if not isinstance(row, Mapping):
                if isinstance(row, list):
                    self._problem(f"{where}: an expected value is a list")
                yield Check(field=kind, value=as_text(row))
                continue
            outcome = words.outcome(as_text(row.get("status")))
            named = next((key for key in ("key", "name", "variable") if key in row and "value" in row), None)
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
        self._problem(f"{where} is {_kind(found)}, not a list")
        return []

    def _flag(self, found: object, default: bool, where: str) -> bool:
        if found is None:
            return default
        if isinstance(found, bool):
            return found
        if isinstance(found, str | int) and str(found).strip().lower() in {"true", "1", "false", "0"}:
            return str(found).strip().lower() in {"true", "1"}
        self._problem(f"{where} is {_kind(found)}, neither true nor false")
        return True

    def _problem(self, text: str) -> None:
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(text)


def as_text(found: object) -> str:
    """Return a value as the text it would be in JSON, strings as they are, nothing for null."""
    if found is None:
        return ""
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def _entry(found: object, name: str) -> object:
    return found.get(name) if isinstance(found, Mapping) else None


def _said(output: object) -> str:
    """Return what a reply says: its text, or for older forms what it contains."""
    if not isinstance(output, Mapping):
        return as_text(output)
    return as_text(output.get("text") if output.get("text") is not None else output.get("contains"))


def _node(output: Mapping[str, object]) -> str:
    """Return the place in the dialogue that answered."""
    return next((as_text(output[key]) for key in ("nodeName", "nodeId", "category") if output.get(key)), "")


def _actual(kind: str, actual: object) -> str | None:
    if not isinstance(actual, Mapping):
        return None
    return {"text": _said(actual), "flow": _node(actual) or None}.get(kind)


def _reason(row: Mapping[str, object]) -> str:
    keys = ("reason", "errorMessage", "error", "message", "msg", "comments", "errorDetails")
    return next((as_text(row[key]) for key in keys if row.get(key)), "")


def _worst(told: list[Outcome]) -> Outcome:
    order = (Outcome.ERROR, Outcome.FAILED, Outcome.PENDING, Outcome.SKIPPED, Outcome.PASSED)
    return min(told, key=order.index, default=Outcome.PENDING)


def seconds(milliseconds: object) -> float | None:
    """Return a duration in seconds; None if it is none."""
    try:
        found = float(as_text(milliseconds)) / 1000
    except ValueError:
        return None
    return round(found, 3) if 0 <= found < 10**7 else None


def _kind(found: object) -> str:
    names = {
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(found), "null")
