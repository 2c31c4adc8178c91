"""Kore.ai's test steps → model: the forms in which suites, steps, replies and assertions arrive.

Sources: the pages "Conversation Test Suite Creation Status" and "Test Suite Execution Status and Summary" of Kore.ai's
public API documentation. Fields may be missing, null, or of other types than documented; what can't be read is told in
`problems`, never passed over.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence

from kore_gate.kore import evidence
from kore_gate.kore.evidence import RED
from kore_gate.kore.fields import as_text, name_of_type, seconds
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
        if not isinstance(row, dict):
            self._problem(f"{where} is {name_of_type(row)}, not an object")
            return Step(number=number, input="", outcome=Outcome.ERROR, reason="this step could not be read")
        outputs = self._list(row.get("outputs"), f"{where}: outputs")
        actuals = None if row.get("actualOutput") is None else self._list(row["actualOutput"], f"{where}: actualOutput")
        replies = tuple(
            self._reply(output, f"{where}, reply {index + 1}", actuals, index) for index, output in enumerate(outputs)
        )
        status = as_text(row.get("status"))
        outcome, unclear = evidence.of(status)
        red = outcome in RED or any(part.outcome in RED for reply in replies for part in reply.assertions)
        against = "" if red else evidence.against_step(row)
        if against:
            outcome, unclear = Outcome.FAILED, f"Kore.ai's own answer speaks against it: {against}"
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
        judged = [evidence.of(status), evidence.of(as_text(again.get("status")))]
        told = [outcome for outcome, _ in judged] + [check.outcome for check in (*checks, *found)]
        worst = evidence.worst([outcome for outcome in told if outcome is not Outcome.PENDING])
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
        for row in evidence.rows(contains):
            if not isinstance(row, dict):
                if isinstance(row, list):
                    self._problem(f"{where}: an expected value is a list")
                yield Check(field=kind, value=as_text(row))
                continue
            outcome = evidence.of_row(row)
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
        self._problem(f"{where} is {name_of_type(found)}, neither true nor false")
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
