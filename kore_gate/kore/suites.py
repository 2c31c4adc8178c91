"""Kore.ai's test steps → model: the forms in which suites, steps, replies and assertions arrive.

Sources: the pages "Conversation Test Suite Creation Status" and "Test Suite Execution Status and Summary" of Kore.ai's
public API documentation. Fields may be missing, null, or of other types than documented; what can't be read is told in
`problems`, never passed over.
"""

import functools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from kore_gate.kore import words
from kore_gate.model import Assertion, Check, Outcome, Reply, State, Step, Suite

_GROUPS = {"flowLevel": "flow", "text": "text", "context": "context"}

# A broken answer of fifty thousand steps is told by its first few faults.
_MOST_PROBLEMS = 20

_RED = (Outcome.FAILED, Outcome.ERROR)


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
            self._problem(f"{where} is {_kind(row)}, not an object")
            return Step(number=number, input="", outcome=Outcome.ERROR, reason="this step could not be read")
        outputs = self._list(row.get("outputs"), f"{where}: outputs")
        actuals = None if row.get("actualOutput") is None else self._list(row["actualOutput"], f"{where}: actualOutput")
        replies = tuple(
            self._reply(output, f"{where}, reply {index + 1}", actuals, index) for index, output in enumerate(outputs)
        )
        status = as_text(row.get("status"))
        outcome, unclear = _judgement(status)
        red = outcome in _RED or any(part.outcome in _RED for reply in replies for part in reply.assertions)
        against = "" if red else next(_against([*outputs, *(actuals or [])]), "")
        if against:
            outcome, unclear = Outcome.FAILED, against
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
                self._problem(f"{where} is {_kind(output)}, not an object")
            return Reply(text=as_text(output), actual=said)
        groups = output.get("assertions")
        if groups is None:
            groups = {}
        if not isinstance(groups, dict):
            self._problem(f"{where}: assertions is {_kind(groups)}, not an object")
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
            self._problem(f"{where} is {_kind(group)}, not an object")
            return Assertion(group=kind, enabled=True, outcome=Outcome.ERROR, reason="this assertion could not be read")
        contains, again = group.get("contains"), repeated if isinstance(repeated, dict) else {}
        enabled = group.get("enabled")
        if enabled is False and not (contains or group.get("status") or again.get("status") or again.get("contains")):
            return _switched_off(kind)
        status = as_text(group.get("status"))
        checks = tuple(self._checks(kind, contains, where))
        # The same tree stands again under the actual reply; whichever of the two says failed is believed.
        found = tuple(self._checks(kind, again.get("contains"), where))
        judged = [_judgement(status), _judgement(as_text(again.get("status")))]
        told = [outcome for outcome, _ in judged] + [check.outcome for check in (*checks, *found)]
        worst = _worst([outcome for outcome in told if outcome is not Outcome.PENDING])
        if not isinstance(enabled, bool):
            enabled = self._flag(enabled, worst is not Outcome.PENDING, f"{where}: enabled")
        # Switched off and failed at once can't be: what failed was judged.
        enabled = enabled or worst in _RED
        return Assertion(
            group=kind,
            enabled=enabled,
            checks=checks,
            outcome=worst if enabled else Outcome.SKIPPED,
            actual=_actual(kind, actual, checks, found),
            reason=next((unclear for _, unclear in judged if unclear), "") or _reason(group),
        )

    def _checks(self, kind: str, contains: object, where: str) -> Iterator[Check]:
        for row in _rows(contains):
            if not isinstance(row, dict):
                if isinstance(row, list):
                    self._problem(f"{where}: an expected value is a list")
                yield Check(field=kind, value=as_text(row))
                continue
            outcome = _row_judgement(row)
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
        if len(self.problems) < _MOST_PROBLEMS and text not in self.problems:
            self.problems.append(text)


def as_text(found: object) -> str:
    """Return a value as the text it would be in JSON, strings as they are, nothing for null."""
    if found is None:
        return ""
    if isinstance(found, str):
        return found
    try:
        return json.dumps(found, ensure_ascii=False)
    except RecursionError:
        return "(nested too deeply to be shown)"


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


def _against(replies: Iterable[object]) -> Iterator[str]:
    """Name what a reply, expected or actual, says against its step apart from the expected one's assertions."""
    for reply in replies:
        if not isinstance(reply, dict):
            continue
        told: list[tuple[str, Outcome | None]] = [("a reply", _judgement(as_text(reply.get("status")))[0])]
        groups = reply.get("assertions")
        for name, group in groups.items() if isinstance(groups, dict) else ():
            if isinstance(group, dict):
                told.append((name, _judgement(as_text(group.get("status")))[0]))
                rows = _rows(group.get("contains"))
                told += [(name, _row_judgement(row)) for row in rows if isinstance(row, dict)]
        yield from (f"Kore.ai's answer calls {name} {outcome}" for name, outcome in told if outcome in _RED)


def _rows(contains: object) -> Sequence[object]:
    if isinstance(contains, list):
        return contains
    return () if contains is None else (contains,)


def _row_judgement(row: Mapping[str, object]) -> Outcome | None:
    """Return how one expected value ended; None if it is no more than a context variable that is called `status`."""
    outcome, unclear = _judgement(as_text(row.get("status")))
    return None if unclear and len(row) == 1 else outcome


@functools.lru_cache(maxsize=64)
def _switched_off(kind: str) -> Assertion:
    return Assertion(group=kind, enabled=False, outcome=Outcome.SKIPPED)


@functools.lru_cache(maxsize=256)
def _judgement(status: str) -> tuple[Outcome, str]:
    """Read the status word of a step or an assertion; one that is not known judges it as an error, and is named."""
    outcome = words.outcome(status)
    if outcome is not Outcome.PENDING or not status:
        return outcome, ""
    if words.state(status) is State.RUNNING:
        return Outcome.SKIPPED, f"not finished: {status}"
    return Outcome.ERROR, f"Kore.ai's word for this is not known: {status}"


def _worst(told: list[Outcome]) -> Outcome:
    order = (Outcome.ERROR, Outcome.FAILED, Outcome.SKIPPED, Outcome.PASSED)
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
