import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kore_gate import errors
from kore_gate.errors import Ending, ExitCode
from kore_gate.model import (
    Assertion,
    Check,
    Evidence,
    Forgiveness,
    Mark,
    Outcome,
    Phase,
    Policy,
    Reply,
    Result,
    Source,
    Step,
    Suite,
    SuiteResult,
    Verdict,
)
from kore_gate.reports import result
from tests import builders

# Halves of characters, but not two that JSON would join.
TEXTS = st.one_of(st.text(max_size=20), st.text("\ud83d\x00\u2028é", max_size=5), st.text("\udcffa", max_size=5))
SECONDS = st.floats(min_value=0, max_value=1e9)
COUNTS = st.integers(min_value=0, max_value=2**53)


def some(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """Return strategies for a few of them."""
    return st.lists(strategy, max_size=2).map(tuple)


CHECKS = st.builds(Check, field=TEXTS, value=TEXTS, outcome=st.sampled_from(Outcome))
MARKS = st.builds(Mark, policy=st.sampled_from(Policy), reason=TEXTS, until=TEXTS)
ASSERTIONS = st.builds(
    Assertion,
    group=TEXTS,
    enabled=st.booleans(),
    checks=some(CHECKS),
    outcome=st.sampled_from(Outcome),
    actual=st.none() | TEXTS,
    reason=TEXTS,
    mark=st.none() | MARKS,
)
REPLIES = st.builds(Reply, text=TEXTS, actual=st.none() | TEXTS, node=TEXTS, assertions=some(ASSERTIONS))
STEPS = st.builds(
    Step,
    number=COUNTS,
    input=TEXTS,
    event=TEXTS,
    replies=some(REPLIES),
    unexpected=some(TEXTS),
    outcome=st.sampled_from(Outcome),
    reason=TEXTS,
    duration=st.none() | SECONDS,
    source=st.none() | st.builds(Source, file=TEXTS, line=COUNTS),
    mark=st.none() | MARKS,
)
SUITES = st.builds(Suite, name=TEXTS, id=TEXTS, description=TEXTS, tags=some(TEXTS), steps=some(STEPS))
VERDICTS = st.builds(
    Verdict,
    ending=st.sampled_from(Ending),
    exit_code=st.sampled_from(ExitCode),
    message=TEXTS,
    cause=TEXTS,
    hint=TEXTS,
    details=some(TEXTS),
)
SUITE_RESULTS = st.builds(
    SuiteResult,
    key=TEXTS,
    name=TEXTS,
    phase=st.sampled_from(Phase),
    verdict=VERDICTS,
    evidence=st.sampled_from(Evidence),
    suite=st.none() | SUITES,
    status=TEXTS,
    percent=st.none() | SECONDS,
    duration=SECONDS,
    notes=some(TEXTS),
    resume=TEXTS,
)
RESULTS = st.builds(
    Result,
    version=TEXTS,
    command=TEXTS,
    host=TEXTS,
    stream_id=TEXTS,
    verdict=VERDICTS,
    suites=some(SUITE_RESULTS),
    duration=SECONDS,
    machine=TEXTS,
    junit_granularity=st.sampled_from(["assertion", "step"]),
    junit_dialect=st.sampled_from(["rich", "strict"]),
    forgiveness=st.none() | st.builds(Forgiveness, known=COUNTS, remarks=some(TEXTS)),
)


@given(call=RESULTS, files=st.lists(TEXTS, max_size=3))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_load__round_trip(call: Result, files: list[str]) -> None:
    """What is saved is read back as it was, whatever its texts; the file itself is plain ASCII."""
    saved = result.render(call, files)

    assert saved.isascii()
    assert result.load(saved) == (call, files)
    assert result.render(*result.load(saved)) == saved


def test_render__document() -> None:
    """Machines find the schema first, then each fact of the model, the counts of each suite, and the files."""
    call = builders.make_call()

    content = json.loads(result.render(call, ["TEST-kore-a.xml"]))

    fields = [name for name in Result.__struct_fields__ if name != "forgiveness"]
    assert list(content) == ["schema", *fields, "files"]
    assert content["schema"] == 2
    assert content["verdict"]["ending"] == "passed"
    assert content["verdict"]["exit_code"] == 0
    assert content["suites"][0]["counts"] == {
        "steps": 1,
        "assertions": 1,
        "passed": 1,
        "failed": 0,
        "errors": 0,
        "skipped": 0,
    }
    assert content["suites"][0]["suite"]["steps"][0]["input"] == "Hi"
    assert content["files"] == ["TEST-kore-a.xml"]


def test_load__later_minor_additions() -> None:
    """Fields that are added under the same schema don't stop an older gate."""
    saved = json.loads(result.render(builders.make_call()))
    saved["suites"][0]["mood"] = "good"
    saved["more"] = [1]

    assert result.load(json.dumps(saved).encode()) == (builders.make_call(), [])


@pytest.mark.parametrize("schema", [None, 0, 3, True, 1.5, "1", [1]])
def test_load__other_schema(schema: object) -> None:
    """A result of another schema is named as such."""
    saved = {**json.loads(result.render(builders.make_call())), "schema": schema}

    with pytest.raises(errors.SettingsError) as refused:
        result.load(json.dumps(saved).encode())

    assert refused.value.details == (f"This is not a kore-result.json of schema 1 to 2 (its schema: {schema!r}).",)


def test_load__first_schema() -> None:
    """A result from before there were policies is read as it was."""
    saved = {**json.loads(result.render(builders.make_call())), "schema": 1}

    assert result.load(json.dumps(saved).encode()) == (builders.make_call(), [])


@pytest.mark.parametrize("data", [b"[]", b"{}", b'"text"', b"1", b"null"])
def test_load__no_result(data: bytes) -> None:
    """Other JSON is not a result."""
    with pytest.raises(errors.SettingsError, match=r"kore-result\.json"):
        result.load(data)


SAVED = result.render(builders.make_call())


@pytest.mark.parametrize(
    "data",
    [b"", SAVED[:-10], SAVED[: len(SAVED) // 2], b"\xff\xfe", b"[" * 100_000, b"<html>", b"1" * 5000],
    ids=["empty", "no end", "half", "binary", "deep", "HTML", "number"],
)
def test_load__unreadable(data: bytes) -> None:
    """A file that is cut off, or was never JSON, is reported."""
    with pytest.raises(errors.SettingsError) as refused:
        result.load(data)

    assert refused.value.details[0].startswith("This is not a readable kore-result.json: ")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("suites",), None),
        (("suites",), "text"),
        (("suites", 0), []),
        (("suites", 0, "verdict", "ending"), "green"),
        (("suites", 0, "phase"), None),
        (("suites", 0, "suite", "steps", 0, "number"), "1"),
        (("suites", 0, "suite", "steps", 0, "duration"), "long"),
        (("verdict",), {}),
        (("verdict", "exit_code"), 9),
        (("duration",), "7"),
        (("files",), [1]),
        (("files",), "x"),
    ],
    ids=str,
)
def test_load__wrong_type(place: tuple[str | int, ...], value: object) -> None:
    """A value of the wrong type is reported with its place, and never taken for another one."""
    saved = json.loads(SAVED)
    inner = saved
    for part in place[:-1]:
        inner = inner[part]
    inner[place[-1]] = value

    with pytest.raises(errors.SettingsError, match=r"kore-result\.json"):
        result.load(json.dumps(saved).encode())


@given(st.binary())
def test_load__any_bytes(data: bytes) -> None:
    """No file raises anything but the error that says what is wrong with it."""
    with pytest.raises(errors.SettingsError):
        result.load(data)


def test_render__compact() -> None:
    """What can be derived is left out, and nothing is spaced: suites of 50,000 steps occur."""
    step = builders.make_step(replies=(builders.make_reply(assertions=(builders.make_assertion(),)),))
    call = builders.make_call(builders.make_result(suite=builders.make_suite(steps=(step,) * 2)))

    data = result.render(call)

    saved = json.loads(data)
    assert data.count(b"\n") == 1
    assert b'": ' not in data
    assert saved["suites"][0]["suite"]["steps"][0] == {
        "number": 1,
        "input": "Hi",
        "replies": [
            {
                "text": "Hello",
                "node": "Greeting",
                "assertions": [
                    {
                        "group": "text",
                        "enabled": True,
                        "checks": [{"field": "text", "value": "Hello"}],
                        "outcome": "passed",
                    }
                ],
            }
        ],
        "outcome": "passed",
    }
    assert result.load(data)[0] == call


def test_load__every_field_written_out() -> None:
    """A result that an earlier version wrote, with every field, is read as well."""
    call = builders.make_call()
    full = {**msgspec.to_builtins(call), "schema": 1, "files": []}

    assert result.load(json.dumps(full).encode())[0] == call
