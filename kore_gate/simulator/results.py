"""What a run found out, step by step."""

import copy
import csv
import io

from kore_gate.simulator.messages import Json
from kore_gate.simulator.scenarios import RunEnd

LONG_FORM_ONLY = frozenset({"nlpVersion", "errorDetails", "executionResults"})
ERROR = {"code": "BOT_UNREACHABLE", "message": "The bot gave no answer to Start_Flow within 30 seconds"}
NLP = "v3"
WRONG_NODE = "DefaultFallback"


def of_run(steps: list[Json], end: RunEnd, *, run_id: str, wrong_text: str) -> Json:
    """Return the part of a run's result that is known at its end."""
    if end is RunEnd.ERROR:
        return _result([], total=len(steps), status="error") | {"errorDetails": ERROR}
    broken = _broken(steps, end)
    reached = steps[: max(broken) + 1] if end is RunEnd.NOT_EXECUTED and broken else steps
    executed = [
        _executed(step, broken.get(number, []), wrong_text, f"{run_id}{number}") for number, step in enumerate(reached)
    ]
    found = _result(executed, total=len(steps), status="failed" if broken else "passed")
    if end is RunEnd.CONTRADICTION:
        found |= {"status": "passed", "stepDetails": {"passed": len(steps), "failed": 0, "total": len(steps)}}
    return found


def as_csv(steps: list[Json]) -> str:
    """Return a suite's steps as the results file that a link leads to."""
    table = io.StringIO()
    rows = csv.writer(table)
    rows.writerow(["step", "input", "expected", "result"])
    for number, step in enumerate(steps, start=1):
        rows.writerow([number, step["input"], " / ".join(reply["text"] for reply in step["outputs"]), "passed"])
    return table.getvalue()


def _result(executed: list[Json], *, total: int, status: str) -> Json:
    passed = sum(step["status"] == "passed" for step in executed)
    return {
        "nlpVersion": [NLP for _ in executed],
        "status": status,
        "stepDetails": {"passed": passed, "failed": len(executed) - passed, "total": total},
        "errorDetails": None,
        "executionResults": executed,
    }


def _broken(steps: list[Json], end: RunEnd) -> dict[int, list[str]]:
    """Choose the steps that fail, and which of their groups: one in the middle, the last, or all that can."""
    if end is RunEnd.PASSED:
        return {}
    groups = {number: found for number, step in enumerate(steps) if (found := _enabled_groups(step))}
    if end is RunEnd.ALL_FAILED or not groups:
        return groups
    able = list(groups)
    middle, last = able[len(able) // 2], able[-1]
    # In the middle, where context is asserted it alone fails: the words were right, and the values behind them wrong.
    alone = ["context"] if "context" in groups[middle] else groups[middle]
    return {middle: alone} if end is not RunEnd.FAILED else {last: groups[last]} | {middle: alone}


def _enabled_groups(step: Json) -> list[str]:
    """Name the enabled groups of the first reply, the one that differs when the step fails."""
    groups = step["outputs"][0]["assertions"] if step["outputs"] else {}
    return [name for name, group in groups.items() if group.get("enabled")]


def _executed(step: Json, failing: list[str], wrong_text: str, request_id: str) -> Json:
    judged = [_judged(reply, failing if number == 0 else []) for number, reply in enumerate(step["outputs"])]
    actual = copy.deepcopy(judged) if failing else judged
    for group in failing:
        _differ(actual[0], group, wrong_text)
    return {
        "actualOutput": actual,
        "intents": [],
        "faqs": [],
        "smalltalk": [],
        **step,
        "outputs": [_expected(reply) for reply in judged],
        "requestId": request_id,
        "nlpVersion": NLP,
        "status": "failed" if failing else "passed",
    }


def _judged(reply: Json, failing: list[str]) -> Json:
    """Return a reply with a status at each enabled group and each of its items."""
    groups = {
        name: _judged_group(group, "failed" if name in failing else "passed")
        for name, group in reply["assertions"].items()
    }
    return {**reply, "assertions": groups}


def _expected(reply: Json) -> Json:
    # In the published sample a standard response carries this mark although its text assertion passed.
    return {**reply, "textMismatch": True} if reply.get("isStandardResponse") else reply


def _judged_group(group: Json, status: str) -> Json:
    if not group.get("enabled"):
        return group
    items = [{**item, "status": status} if isinstance(item, dict) else item for item in group.get("contains", [])]
    return {**group, "contains": items, "status": status}


def _differ(reply: Json, group: str, wrong_text: str) -> None:
    """Make an actual reply differ in what this group looks at."""
    if group == "text":
        reply["text"] = wrong_text
    elif group == "flowLevel":
        reply.update({name: WRONG_NODE for name in ("category", "nodeId", "nodeName") if name in reply})
    else:
        for item in reply["assertions"][group].get("contains", []):
            if isinstance(item, dict):
                item.update({name: "0.00" for name in item if name not in {"key", "status"}})
