"""What each rule of the lint finds, and what it passes over."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kore_gate import text
from kore_gate.gate import lint
from kore_gate.gate.suite_run import SuiteRun
from kore_gate.kore import payloads
from kore_gate.model import LintFinding, Phase, SuiteResult, replace
from kore_gate.settings import options
from kore_gate.simulator.scenarios import DEMO_SUITES, HOSTILE_TEXTS

Json = dict[str, Any]


def reply(expected: str = "Hello!", *, enabled: bool = True, **overrides: Any) -> Json:
    """Build a stored reply with one text assertion."""
    text = {"enabled": enabled, "contains": [{"text": expected}]}
    return {"text": expected, "assertions": {"text": text, **overrides.pop("assertions", {})}, **overrides}


def step(said: str, *replies: Json, **overrides: Any) -> Json:
    """Build a stored step."""
    return {"input": said, "outputs": list(replies), **overrides}


def context(**values: str) -> Json:
    """Build an enabled context assertion."""
    return {"context": {"enabled": True, "contains": [{"key": key, "value": value} for key, value in values.items()]}}


def flow(*, enabled: bool) -> Json:
    """Build a flow assertion."""
    return {"flowLevel": {"enabled": enabled, "contains": [{"nodeId": "Greeting"}] if enabled else []}}


def check(*contents: Any, ignored: tuple[str, ...] = (), least: int = 0) -> list[SuiteResult]:
    """Check suite files with these contents."""
    runs = [
        SuiteRun(key=f"{number}.json", name=f"Suite {number}", phase=Phase.UPLOAD, data=json.dumps(content).encode())
        for number, content in enumerate(contents, 1)
    ]
    return lint.check_files(runs, ignored, least)


def found(*steps: Json, least: int = 0) -> list[tuple[str, int]]:
    """Return rule and step of what is found in a suite of these steps."""
    return [(row.rule, row.step) for row in check({"testSteps": list(steps)}, least=least)[0].lint]


GOOD = step("Hi", reply(nodeName="Greeting", assertions=flow(enabled=True)))
FALLBACK = step("qwer", reply("I didn't get that.", category="Fallback", assertions=flow(enabled=True)))

BROKEN: dict[str, tuple[list[Json], list[tuple[str, int]]]] = {
    "nothing": ([GOOD], []),
    "no reply": ([GOOD, step("Bye")], [("step-without-assertion", 2)]),
    "disabled": ([GOOD, step("Bye", reply("Bye!", enabled=False))], [("step-without-assertion", 2)]),
    "one of two replies": ([step("Hi", reply("Hello!"), reply("Well?", enabled=False))], []),
    "flow alone": (
        [step("Hi", reply(enabled=False, nodeName="Greeting", assertions=flow(enabled=True)))],
        [("suite-without-content", 0)],
    ),
    "context alone": ([step("Hi", reply(enabled=False, assertions=context(stage="open")))], []),
    "empty text": ([step("Hi", reply("  "))], [("empty-text", 1)]),
    "no text": (
        [GOOD, {"input": "x", "outputs": [{"text": "x", "assertions": {"text": {"enabled": True, "contains": []}}}]}],
        [("empty-text", 2)],
    ),
    "flow off": (
        [step("Hi", reply(nodeName="Greeting", assertions=flow(enabled=False)))],
        [("flow-off", 1)],
    ),
    "flow off, node unknown": ([step("Hi", reply(nodeName="", assertions=flow(enabled=False)))], []),
    "fallback": ([FALLBACK, step("Order", reply("I didn't get that."))], [("fallback-reply", 2)]),
    "fallback meant": ([FALLBACK], []),
    "twice": ([GOOD, GOOD], [("duplicate-step", 2)]),
    "twice, other reply": ([step("yes", reply("A?")), step("yes", reply("B!"))], []),
    "twice, an event": ([step("Start", reply(), event="Start_Flow")] * 2, []),
}


@pytest.mark.parametrize(("steps", "expected"), BROKEN.values(), ids=BROKEN)
def test_findings__table(steps: list[Json], expected: list[tuple[str, int]]) -> None:
    """Each rule finds what breaks it, and nothing else."""
    assert found(*steps) == expected


DYNAMIC = {
    "On 3 May 2026 it is due.": "a date literally: 3 May 2026",
    "Due May 3rd, 2026.": "a date literally: May 3rd, 2026",
    "Due 2026-05-03": "a date literally: 2026-05-03",
    "Due 03/05/26": "a date literally: 03/05/26",
    "At 14:30 sharp": "a time literally: 14:30",
    "You owe $1,250.00.": "an amount literally: $1,250.00",
    "You owe 1.250,00 EUR": "an amount literally: 1.250,00 EUR",
    "आपका शेष ₹ 500 है": "an amount literally: ₹ 500",
    "Ticket 20260503": "an id literally: 20260503",
    "Order EX-2041 is on its way": "an id literally: EX-2041",
    "Id 0b9b1f0e-5f1c-4f6e-9a54-2f1e5f0c7d11": "an id literally: 0b9b1f0e-5f1c-4f6e-9a54-2f1e5f0c7d11",
}


@pytest.mark.parametrize("shown", DYNAMIC)
def test_dynamic_text(shown: str) -> None:
    """A text that looks as if it changes is found, with what looks so; and not where the user said it."""
    [result] = check({"testSteps": [step("Hi", reply(shown))]})
    part = DYNAMIC[shown].partition(": ")[2]

    assert [row.message for row in result.lint] == [f"“Hi” compares {DYNAMIC[shown]}."]
    assert found(step(f"It is {part}", reply("Fine.")), step("Well?", reply(shown))) == []


@pytest.mark.parametrize(
    "shown",
    ["Our branches are open Monday to Friday, 9 am to 5 pm.", "You may 2 times", "Type 1 or 2.", "Section 4.1.2", ""],
)
def test_dynamic_text__static(shown: str) -> None:
    """A number alone does not make a text dynamic."""
    rules = {rule for rule, _ in found(step("Hi", reply(shown)))}

    assert "dynamic-text" not in rules


def test_dynamic_text__name_from_context() -> None:
    """A value that the suite expects of a context variable is a name, unless it is an ordinary word."""
    named = step("Hi", reply("Hello Jane Doe!", assertions=context(name="Jane Doe", stage="hello")))
    plain = step("Hi", reply("It is current.", assertions=context(kind="current")))

    assert found(named) == [("dynamic-text", 1)]
    assert found(plain) == []


def test_dynamic_text__amount_as_the_user_says_it() -> None:
    """An amount repeats what the user said, also in another form."""
    assert found(step("200 dollars", reply("Send $200.00?"))) == []


def test_findings__too_few() -> None:
    """A suite with fewer enabled assertions than there must be is an error."""
    [result] = check({"testSteps": [GOOD]}, least=3)

    assert [(row.rule, row.severity, row.message) for row in result.lint] == [
        ("too-few-assertions", "error", "The suite has 2 of at least 3 enabled assertions.")
    ]
    assert found(GOOD, least=2) == []


def test_findings__duplicate_suite() -> None:
    """Of two suites with the same steps the second is found, whatever they are called."""
    first, second, third = check({"testSteps": [GOOD]}, {"testSteps": [GOOD]}, {"testSteps": [FALLBACK]})

    assert (first.lint, third.lint) == ((), ())
    assert [row.message for row in second.lint] == ["The suite has the same steps as Suite 1."]


RECORDED = {
    "testCases": [
        {"name": "one", "messages": [{"input": "Hi", "outputs": ["Hello", {"contains": {"oneOf": ["A", "B"]}}]}]},
        {"name": "two", "messages": [{"input": "Bye", "outputs": [{"contains": "Goodbye"}]}, {"input": "x"}]},
    ]
}


def test_check_files__recorded() -> None:
    """What a recorded reply contains is a text assertion."""
    suite, problems = payloads.suite_file(RECORDED, "Recorded")

    assert problems == ()
    assert [[[check.value for check in one.assertions[0].checks] for one in step.replies] for step in suite.steps] == [
        [["Hello"], ["A", "B"]],
        [["Goodbye"]],
        [],
    ]
    assert [(row.rule, row.step) for row in check(RECORDED)[0].lint] == [("step-without-assertion", 3)]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"conversation": []}, "there are no steps in testSteps, and no messages in testCases"),
        ({"testSteps": "none"}, "testSteps is a string, not a list"),
        ({"testSteps": [GOOD, 7]}, "step 2 is a number, not an object"),
        (
            {"testSteps": [step("Hi", {"contains": {"regex": ".*"}})]},
            "step 1: a reply is neither text nor contains one",
        ),
    ],
)
def test_check_files__not_understood(content: Json, problem: str) -> None:
    """What can't be read as steps is named, as a warning."""
    rows = [row for row in check(content)[0].lint if row.rule == "not-understood"]

    assert {row.severity for row in rows} == {"warning"}
    assert f"The suite cannot be read as a whole: {problem}." in [row.message for row in rows]


def test_check_files__lines() -> None:
    """A finding carries the line of its step, where the file's steps are known one by one."""
    run = SuiteRun(key="a.json", name="A", phase=Phase.UPLOAD, file="a.json", lines=(4, 9))
    run.data = json.dumps({"testSteps": [GOOD, step("Bye")]}).encode()

    [result] = lint.check_files([run])

    assert [(row.rule, row.line) for row in result.lint] == [("step-without-assertion", 9)]


def test_demo_suites() -> None:
    """The suites of the demonstration have no error."""
    assert {row.severity for result in check(*DEMO_SUITES) for row in result.lint} == {"warning"}


@pytest.mark.parametrize(
    ("numbers", "strict", "code", "message"),
    [
        ((0, 0), True, 0, "No findings in 1 suite file."),
        ((0, 2), False, 0, "2 warnings in 1 suite file."),
        ((0, 2), True, 1, "2 warnings in 1 suite file."),
        ((1, 0), False, 1, "1 error in 1 suite file."),
        ((2, 1), False, 1, "2 errors and 1 warning in 1 suite file."),
    ],
)
def test_judge(numbers: tuple[int, int], strict: bool, code: int, message: str) -> None:
    """Errors are red; warnings are where they count as errors."""
    [result] = check({"testSteps": [GOOD]})
    rows = [LintFinding(rule="empty-text", severity="error", message="x")] * numbers[0]
    rows += [LintFinding(rule="flow-off", severity="warning", message="x")] * numbers[1]

    judged = lint.judge([replace(result, lint=tuple(rows))], strict=strict)

    assert (judged.exit_code, judged.message) == (code, message)


def test_rules__named() -> None:
    """The settings know the rules' ids, and each rule says why in a sentence."""
    assert tuple(lint.BY_ID) == options.LINT_RULES
    assert all(rule.why.endswith(".") and len(rule.why.split()) <= 25 for rule in lint.RULES)


TEXT = st.text(max_size=40) | st.sampled_from([*HOSTILE_TEXTS[:8], *DYNAMIC, "", " ", "Start_Flow"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
WORDS = (
    "testSteps testCases messages outputs input event contains oneOf text assertions"
    " flowLevel context enabled nodeName category key value status"
)
KEYS = st.sampled_from(WORDS.split())
LIKELY = st.recursive(
    st.booleans() | TEXT | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=40,
)
OUTPUT = (
    TEXT | LIKELY | st.builds(reply, TEXT, enabled=st.booleans(), nodeName=TEXT, assertions=st.just(context(a="Jo")))
)
STEP = LIKELY | st.fixed_dictionaries({"input": TEXT | JSON, "outputs": st.lists(OUTPUT, max_size=3)})
SUITES = st.fixed_dictionaries(
    {}, optional={"name": JSON, "testSteps": st.lists(STEP, max_size=4) | JSON, "testCases": LIKELY}
)


@given(SUITES | st.dictionaries(KEYS, JSON, max_size=5))
def test_check_files__any_json(content: Json) -> None:
    """No JSON makes the lint crash, and whatever is not a suite earns a finding."""
    [result] = check(content)
    suite, _ = payloads.suite_file(content, "Suite 1")

    assert result.lint or suite.steps
    assert all(row.rule in lint.BY_ID and text.line(row.message, 2000) == row.message for row in result.lint)


@given(st.lists(SUITES, min_size=1, max_size=3), st.sets(st.sampled_from(options.LINT_RULES)))
def test_check_files__ignored(contents: list[Json], ignored: set[str]) -> None:
    """Switching rules off removes exactly their findings."""
    everything = check(*contents, least=2)
    rest = check(*contents, least=2, ignored=tuple(ignored))

    expected = [tuple(row for row in result.lint if row.rule not in ignored) for result in everything]
    assert [result.lint for result in rest] == expected
