"""Turns an uploaded file into the steps Kore.ai stores: from a recorded dialogue, or from stored steps."""

import json
from typing import Any

from kore_gate.simulator.messages import Json

GROUPS = ("flowLevel", "text", "context")
NODE_FIELDS = ("nodeId", "componentType", "intentId", "nodeName", "intentType", "taskId", "dialogName")
PATH_FIELDS = ("transitions", "transitionNodeNames", "transitionNodeType")


class SuiteError(ValueError):
    """Say why a file is no conversation test suite."""


def steps_of(document: Json) -> list[Json]:
    """Return the steps of an uploaded document."""
    if isinstance(document.get("testSteps"), list):
        return [_stored_step(step) for step in document["testSteps"]]
    if isinstance(document.get("testCases"), list):
        cases = [_object(case, "testCases") for case in document["testCases"]]
        messages = [message for case in cases for message in _list(case.get("messages"), "messages")]
        return [_recorded_step(message) for message in messages]
    raise SuiteError("The file has neither testCases nor testSteps")


def output(text: str, variants: list[str] | None = None) -> Json:
    """Return an expected reply in the form a dialog node stores, its text asserted."""
    return {
        "text": text,
        **dict.fromkeys(NODE_FIELDS, ""),
        **{name: [] for name in PATH_FIELDS},
        "assertions": assertions(text=[{"text": variant} for variant in variants or [text]]),
    }


def assertions(
    *, flow: list[Json] | None = None, text: list[Json] | None = None, context: list[Json] | None = None
) -> Json:
    """Return the three groups of assertions; those without items are disabled."""
    items = zip(GROUPS, (flow, text, context), strict=True)
    return {group: {"enabled": bool(contains), "contains": contains or []} for group, contains in items}


def _recorded_step(message: object) -> Json:
    recorded = _object(message, "messages")
    said = _said(recorded)
    replies = [_recorded_output(reply) for reply in _list(recorded.get("outputs", []), "outputs")]
    return _with_event(recorded, {"input": said, "outputs": replies})


def _recorded_output(reply: object) -> Json:
    match reply:
        case str():
            return output(reply)
        case {"contains": str(part)}:
            return output(part)
        case {"contains": {"oneOf": [str(), *_] as variants}} | {"contains": {"allOf": [str(), *_] as variants}}:
            return output(str(variants[0]), [str(variant) for variant in variants])
        case _:
            raise SuiteError(f"An output is neither text nor contains: {json.dumps(reply)[:80]}")


def _stored_step(step: object) -> Json:
    given = _object(step, "testSteps")
    replies = [_stored_output(reply) for reply in _list(given.get("outputs", []), "outputs")]
    return _with_event(given, {"input": _said(given), "outputs": replies})


def _stored_output(reply: object) -> Json:
    given = {"text": reply} if isinstance(reply, str) else _object(reply, "outputs")
    stored = output(str(given.get("text", "")))
    if given.get("isStandardResponse"):
        stored = {
            "text": stored["text"],
            "category": "",
            "isStandardResponse": True,
            "userPrompts": [],
            "assertions": stored["assertions"],
        }
    groups = _stored_assertions(given.get("assertions"), stored["assertions"])
    return {**stored, **given, "text": stored["text"], "assertions": groups}


def _stored_assertions(given: object, default: Json) -> Json:
    if not isinstance(given, dict):
        return default
    for name, group in given.items():
        _list(_object(group, name).get("contains", []), f"{name}.contains")
    return {**assertions(), **given}


def _with_event(given: Json, step: Json) -> Json:
    event = given.get("event") or ("Start_Flow" if step["input"] == "Start_Flow" else "")
    return {**step, "event": str(event)} if event else step


def _said(given: Json) -> str:
    said = given.get("input", given.get("event"))
    if not isinstance(said, str):
        raise SuiteError("A step has no input")
    return said


def _object(value: object, where: str) -> Json:
    if not isinstance(value, dict):
        raise SuiteError(f"{where} holds something that is not an object")
    return value


def _list(value: object, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise SuiteError(f"{where} is not a list")
    return value
