"""Steps, replies and assertions in every form in which they arrive."""

from typing import Any

import pytest

from kore_gate.kore import payloads
from kore_gate.model import Assertion, Check, Outcome, Reply, Step

PASSED, FAILED, ERROR = Outcome.PASSED, Outcome.FAILED, Outcome.ERROR
PENDING, SKIPPED = Outcome.PENDING, Outcome.SKIPPED


def read(row: Any) -> tuple[Step, list[str]]:
    """Read the one step of a run; return it, and what could not be read."""
    job = payloads.run_job({"status": "passed", "result": {"executionResults": [row]}})
    assert job.suite
    return job.suite.steps[0], list(job.problems)


def reply_of(output: Any, *actual: Any) -> Reply:
    """Read the one reply of a step."""
    step, problems = read({"input": "Hi", "outputs": [output], **({"actualOutput": list(actual)} if actual else {})})
    assert problems == []
    return step.replies[0]


def assertion(group: Any, name: str = "text", actual: Any = None) -> Assertion:
    """Read one assertion."""
    [only] = reply_of({"text": "Hello", "assertions": {name: group}}, *([actual] if actual else [])).assertions
    return only


def test_step__every_field() -> None:
    """Each field of a step has its place."""
    step, problems = read(
        {
            "input": "Hi",
            "event": "Start_Flow",
            "status": "passed",
            "duration": "1500",
            "outputs": [{"text": "Hello", "nodeId": "n1", "nodeName": "Greet", "assertions": {}}],
            "actualOutput": [{"text": "Hello!"}, {"text": "Anything else?"}, "as text"],
            "somethingNew": {"x": 1},
        }
    )

    assert problems == []
    assert step == Step(
        number=1,
        input="Hi",
        event="Start_Flow",
        replies=(Reply(text="Hello", actual="Hello!", node="Greet"),),
        unexpected=("Anything else?", "as text"),
        outcome=PASSED,
        duration=1.5,
    )


@pytest.mark.parametrize(
    ("row", "said"),
    [(None, "null"), ("x", "a string"), (5, "a number"), (1.5, "a number"), (True, "a boolean"), ([], "a list")],
)
def test_step__no_object(row: Any, said: str) -> None:
    """A step that is not an object can't have passed, and is a problem."""
    step, problems = read(row)

    assert step.outcome is ERROR
    assert problems == [f"step 1 is {said}, not an object"]


@pytest.mark.parametrize("field", ["input", "event", "outputs", "actualOutput", "status", "duration"])
@pytest.mark.parametrize("value", [None, ...])
def test_step__missing(field: str, value: Any) -> None:
    """Nothing that is missing or null is a problem."""
    row = {"input": "a", "event": "b", "outputs": [], "actualOutput": [], "status": "passed", "duration": 1}
    row |= {field: value}
    if value is ...:
        del row[field]

    _, problems = read(row)

    assert problems == []


@pytest.mark.parametrize(
    ("output", "text", "node"),
    [
        ({"text": "Hello", "nodeId": "n", "nodeName": "Greet"}, "Hello", "Greet"),
        ({"text": "Hello", "nodeId": "n", "nodeName": ""}, "Hello", "n"),
        ({"text": "Hello", "nodeId": "", "nodeName": ""}, "Hello", ""),
        (
            {"text": "Hello", "category": "Confirmation", "isStandardResponse": True, "userPrompts": []},
            "Hello",
            "Confirmation",
        ),
        ({"text": {"type": "template"}}, '{"type": "template"}', ""),
        ({"text": '{"type":"template"}'}, '{"type":"template"}', ""),
        ({"text": 5}, "5", ""),
        ({"text": ""}, "", ""),
        ({"text": None, "contains": "part"}, "part", ""),
        ({"contains": {"oneOf": ["a", "b"]}}, '{"oneOf": ["a", "b"]}', ""),
        ({}, "", ""),
        ("Hello", "Hello", ""),
    ],
)
def test_reply__forms(output: Any, text: str, node: str) -> None:
    """Both documented forms, and older ones, are replies."""
    reply = reply_of(output)

    assert (reply.text, reply.node, reply.actual, reply.assertions) == (text, node, None, ())


@pytest.mark.parametrize("output", [None, 5, True, ["Hello"]])
def test_reply__no_object(output: Any) -> None:
    """A reply that is neither object nor text is a problem."""
    step, [problem] = read({"outputs": [output]})

    assert problem.startswith("step 1, reply 1 is ")
    assert len(step.replies) == 1


@pytest.mark.parametrize("field", ["outputs", "actualOutput"])
@pytest.mark.parametrize("value", ["text", 5, True, {"0": {}}])
def test_replies__no_list(field: str, value: Any) -> None:
    """Replies that are not a list are a problem."""
    _, [problem] = read({field: value})

    assert problem.startswith(f"step 1: {field} is ")


@pytest.mark.parametrize("value", ["text", 5, True, [{}]])
def test_assertions__no_object(value: Any) -> None:
    """Groups that are not objects are a problem, around all and one by one."""
    _, [all_groups] = read({"outputs": [{"assertions": value}]})
    step, [one_group] = read({"outputs": [{"assertions": {"text": value}}]})

    assert all_groups.startswith("step 1, reply 1: assertions is ")
    assert one_group.startswith("step 1, reply 1: text is ")
    assert step.replies[0].assertions[0].outcome is ERROR


def test_actual__fewer_replies() -> None:
    """A reply that did not come is an empty one; where nothing is known of replies, none is made up."""
    step, _ = read({"outputs": [{"text": "a"}, {"text": "b"}], "actualOutput": [{"text": "a"}]})
    unknown, _ = read({"outputs": [{"text": "a"}]})

    assert [reply.actual for reply in step.replies] == ["a", ""]
    assert unknown.replies[0].actual is None


@pytest.mark.parametrize(
    ("contains", "checks"),
    [
        ([{"text": "a"}], [("text", "a")]),
        ([{"text": "a"}, {"text": "b"}], [("text", "a"), ("text", "b")]),
        ([{"nodeId": "n"}], [("nodeId", "n")]),
        ([{"key": "balance", "value": 5}], [("balance", "5")]),
        ([{"name": "balance", "value": "5"}], [("balance", "5")]),
        ([{"variable": "balance", "value": None}], [("balance", "")]),
        ([{"key": "balance"}], [("key", "balance")]),
        ([{"value": "5"}], [("value", "5")]),
        ([{"balance": "0.00", "account": "a"}], [("balance", "0.00"), ("account", "a")]),
        (["a", 5, None, True], [("text", "a"), ("text", "5"), ("text", ""), ("text", "true")]),
        ("a", [("text", "a")]),
        ({"text": "a"}, [("text", "a")]),
        ({"key": "k", "value": {"x": [1]}}, [("k", '{"x": [1]}')]),
        ([{"status": "on hold"}], [("status", "on hold")]),
        ([{}], []),
        ([], []),
        (None, []),
    ],
)
def test_checks__forms(contains: Any, checks: list[tuple[str, str]]) -> None:
    """What an assertion expects is read from every form."""
    made = assertion({"enabled": True, "contains": contains})

    assert [(check.field, check.value) for check in made.checks] == checks
    assert made.outcome is PENDING


@pytest.mark.parametrize(
    ("name", "group"), [("text", "text"), ("flowLevel", "flow"), ("context", "context"), ("sentiment", "sentiment")]
)
def test_group__names(name: str, group: str) -> None:
    """Known groups have our names, unknown ones keep their own; they are assertions all the same."""
    made = assertion({"enabled": True, "contains": [{"x": "1"}], "status": "failed"}, name)

    assert (made.group, made.outcome) == (group, FAILED)


@pytest.mark.parametrize(
    ("given", "enabled"),
    [
        ({"enabled": True}, True),
        ({"enabled": False}, False),
        ({"enabled": "true"}, True),
        ({"enabled": "False"}, False),
        ({"enabled": 1}, True),
        ({"enabled": 0}, False),
        ({"enabled": None}, False),
        ({}, False),
        ({"status": "passed"}, True),
        ({"contains": [{"text": "a", "status": "passed"}]}, True),
        ({"contains": [{"text": "a"}]}, False),
        ({"enabled": None, "contains": [{"text": "a", "status": "failed"}]}, True),
        ({"enabled": False, "contains": [{"text": "a"}]}, False),
        ({"enabled": False, "status": "passed"}, False),
        ({"enabled": False, "status": "failed"}, True),
    ],
)
def test_enabled(given: Any, enabled: bool) -> None:
    """A group says whether it counts; where it does not, one that was judged does, and so does one that failed."""
    made = assertion(given)

    assert made.enabled == enabled
    assert enabled or made.outcome is SKIPPED


@pytest.mark.parametrize("value", ["perhaps", 2, 1.0, [], {}])
def test_enabled__no_truth(value: Any) -> None:
    """Where it is unclear whether a group counts, it does, and that is a problem."""
    step, [problem] = read({"outputs": [{"assertions": {"text": {"enabled": value}}}]})

    assert step.replies[0].assertions[0].enabled
    assert problem.startswith("step 1, reply 1: text: enabled is ")


def item(*words: str | None) -> list[dict[str, Any]]:
    return [{"text": "a", **({} if word is None else {"status": word})} for word in words]


@pytest.mark.parametrize(
    ("group", "again", "outcome"),
    [
        ({"status": "passed"}, {}, PASSED),
        ({"status": "failed"}, {}, FAILED),
        ({"status": "Error"}, {}, ERROR),
        ({"status": "not executed"}, {}, SKIPPED),
        ({"status": "inprogress"}, {}, SKIPPED),
        ({"status": "huh"}, {}, ERROR),
        ({"status": ["passed"]}, {}, ERROR),
        ({"status": True}, {}, ERROR),
        ({}, {}, PENDING),
        ({"contains": item("passed", "passed")}, {}, PASSED),
        ({"contains": item("passed", "failed")}, {}, FAILED),
        ({"contains": item("passed", None)}, {}, PASSED),
        ({"contains": item("huh")}, {}, ERROR),
        ({"status": "passed", "contains": item("failed")}, {}, FAILED),
        ({"status": "failed", "contains": item("passed")}, {}, FAILED),
        ({"status": "passed", "contains": item("passed")}, {"status": "failed"}, FAILED),
        ({"status": "passed"}, {"contains": item("failed")}, FAILED),
        ({"status": "passed"}, {"status": "passed", "contains": item("passed")}, PASSED),
        ({}, {"status": "passed"}, PASSED),
        ({"status": "passed"}, {"status": "huh"}, ERROR),
    ],
)
def test_outcome__worst(group: dict[str, Any], again: dict[str, Any], outcome: Outcome) -> None:
    """Group, items and their repetition under the actual reply are all asked; the worst answer counts."""
    actual = {"text": "Hello", "assertions": {"text": {"enabled": True, **again}}}

    assert assertion({"enabled": True, **group}, actual=actual).outcome is outcome


@pytest.mark.parametrize(
    "row",
    [
        {"outputs": [], "actualOutput": [{"assertions": {"text": {"status": "failed"}}}]},
        {"outputs": [{}], "actualOutput": [{"assertions": {"text": {"contains": item("failed")}}}]},
        {"outputs": [{"assertions": {}}], "actualOutput": [{"assertions": {"new": {"status": "huh"}}}]},
        {"outputs": [{"status": "failed"}]},
        {"outputs": [{}], "actualOutput": [{}, {"status": "failed"}]},
    ],
)
def test_step__something_says_failed(row: dict[str, Any]) -> None:
    """Whatever part of a step says failed, the step has, even where no assertion of ours can show it."""
    step, _ = read({**row, "status": "passed"})

    assert step.outcome is FAILED
    assert step.reason.startswith("Kore.ai's response contradicts it: ")


@pytest.mark.parametrize(
    ("status", "outcome", "reason"),
    [
        ("passed", PASSED, ""),
        ("FAILED", FAILED, ""),
        ("not executed", SKIPPED, ""),
        ("running", SKIPPED, "not finished: running"),
        ("huh", ERROR, "unknown status: huh"),
        (None, PENDING, ""),
        ("", PENDING, ""),
    ],
)
def test_step__word(status: Any, outcome: Outcome, reason: str) -> None:
    """A step's own word is read; one that is not known is an error, and named."""
    step, _ = read({"status": status})

    assert (step.outcome, step.reason) == (outcome, reason)


@pytest.mark.parametrize("key", ["reason", "errorMessage", "error", "message", "msg", "comments", "errorDetails"])
def test_reason(key: str) -> None:
    """Why something failed is read under each likely name, at steps and assertions."""
    step, _ = read({"status": "failed", key: "no such node"})
    made = assertion({"status": "failed", key: {"code": 7}})

    assert step.reason == "no such node"
    assert made.reason == '{"code": 7}'


# --- what came instead


def test_actual__text_and_flow() -> None:
    """What a text or flow assertion met is the actual reply's text and node."""
    actual = {"text": "Bye", "nodeName": "End", "nodeId": "n"}

    assert assertion({"enabled": True, "status": "failed"}, "text", actual).actual == "Bye"
    assert assertion({"enabled": True, "status": "failed"}, "flowLevel", actual).actual == "End"
    assert assertion({"enabled": True, "status": "failed"}, "flowLevel", {"text": "x"}).actual is None
    assert assertion({"enabled": True, "status": "failed"}, "text").actual is None


@pytest.mark.parametrize(
    ("expected", "found", "actual"),
    [
        ([{"key": "balance", "value": "5"}], [{"key": "balance", "value": "0"}], "0"),
        ([{"balance": "5"}], [{"balance": 0}], "0"),
        (
            [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}],
            [{"key": "a", "value": "1"}, {"key": "b", "value": "3"}],
            "a = 1, b = 3",
        ),
        ([{"key": "balance", "value": "5"}], [{"key": "balance", "value": "5"}], None),
        ([{"key": "balance", "value": "5"}], [], None),
        ([{"key": "balance", "value": "5"}], None, None),
        ([{"key": "balance", "value": "5"}], [{"key": "balance", "value": None}], ""),
    ],
)
@pytest.mark.parametrize("name", ["context", "sentiment"])
def test_actual__context(name: str, expected: Any, found: Any, actual: str | None) -> None:
    """The actual reply's own assertions hold what a context variable was; an echo of the expected says nothing."""
    tree = {"assertions": {name: {"enabled": True, "status": "failed", "contains": found}}}

    made = assertion({"enabled": True, "status": "failed", "contains": expected}, name, tree)

    assert made.actual == actual


def test_checks__a_list_in_a_list() -> None:
    """An expected value that is a list is a problem: it can't be shown as one."""
    _, problems = read({"outputs": [{"assertions": {"text": {"enabled": True, "contains": [["a"]]}}}]})

    assert problems == ["step 1, reply 1: text: an expected value is a list"]


def test_disabled() -> None:
    """A group that is switched off is skipped, with what it would expect."""
    assert assertion({"enabled": False, "contains": []}) == Assertion(group="text", enabled=False, outcome=SKIPPED)
    assert assertion({"enabled": False, "contains": item(None)}).checks == (Check(field="text", value="a"),)


def test_problems__bounded() -> None:
    """Of very many faults the first ones are named, each once."""
    problems = payloads.import_job({"status": "SUCCESS", "testSteps": [None] * 1000}).problems

    assert len(problems) == 20
    assert len(set(problems)) == 20


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [(14364, 14.364), ("250", 0.25), (0, 0.0), (-1, None), ("long", None), (None, None), ([], None), (10**12, None)],
)
def test_duration(duration: Any, seconds: float | None) -> None:
    """Durations are milliseconds, in any type; a bad one is left out."""
    step, _ = read({"duration": duration})

    assert step.duration == seconds
