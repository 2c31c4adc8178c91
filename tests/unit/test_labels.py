"""Facts in words: outcomes, evidence, and how templates of the bot read."""

import json
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies

from kore_gate.errors import Ending
from kore_gate.model import Evidence, Origin, Outcome
from kore_gate.reports import labels
from tests import builders
from tests.fakes import conversations


@pytest.mark.parametrize(
    ("assertion", "label"),
    [
        pytest.param({}, 'text equals "Hello"', id="text"),
        pytest.param(
            {"checks": (builders.make_check(), builders.make_check(value="Hi"))}, 'text equals "Hello" or "Hi"', id="or"
        ),
        pytest.param(
            {"group": "flow", "checks": (builders.make_check(value="Confirmation"),)},
            "flow reaches Confirmation",
            id="flow",
        ),
        pytest.param(
            {"group": "context", "checks": (builders.make_check(field="balance", value="5"),)},
            "context balance = 5",
            id="context",
        ),
        pytest.param(
            {
                "group": "context",
                "checks": (builders.make_check(field="a", value="5"), builders.make_check(field="b", value="6")),
            },
            "context a = 5 and b = 6",
            id="all variables",
        ),
        pytest.param(
            {"checks": (builders.make_check(value=conversations.QUICK_REPLIES),)},
            'text equals "Please choose a language:\n[English] [Deutsch]"',
            id="template",
        ),
        pytest.param({"group": "tone"}, 'tone matches "Hello"', id="unknown group"),
        pytest.param({"checks": ()}, "text equals (nothing)", id="no checks"),
    ],
)
def test_label__table(assertion: dict[str, Any], label: str) -> None:
    """An assertion is named by what it expects."""
    assert labels.label(builders.make_assertion(**assertion)) == label


@pytest.mark.parametrize(
    ("step", "label"),
    [
        pytest.param({}, "01 Hi", id="input"),
        pytest.param({"input": "", "event": "welcome", "number": 12}, "12 welcome", id="event"),
        pytest.param({"input": "", "number": 123}, "123 (no input)", id="neither"),
    ],
)
def test_step_label__table(step: dict[str, Any], label: str) -> None:
    """A step is named by its number and what the user said."""
    assert labels.step_label(builders.make_step(**step)) == label


@pytest.mark.parametrize("ending", Ending)
def test_titles(ending: Ending) -> None:
    """Every ending has a title."""
    assert labels.TITLES[ending]


@pytest.mark.parametrize(
    ("outcome", "outcomes", "evidence", "label"),
    [
        (Outcome.PASSED, [Outcome.PASSED], Evidence.EXECUTION, "passed"),
        (Outcome.PASSED, [Outcome.PASSED], Evidence.IMPORT_VALIDATION, "accepted"),
        (Outcome.FAILED, [Outcome.PASSED], Evidence.EXECUTION, "failed"),
        (Outcome.PASSED, [Outcome.PASSED, Outcome.FAILED], Evidence.EXECUTION, "failed"),
        (Outcome.PASSED, [Outcome.ERROR, Outcome.FAILED], Evidence.EXECUTION, "error"),
        (Outcome.ERROR, [], Evidence.EXECUTION, "error"),
        (Outcome.PASSED, [Outcome.PASSED, Outcome.PENDING], Evidence.EXECUTION, "unreached"),
        (Outcome.SKIPPED, [Outcome.SKIPPED], Evidence.EXECUTION, "unreached"),
        (Outcome.PENDING, [], Evidence.NONE, "unreached"),
        (Outcome.PASSED, [], Evidence.EXECUTION, "unchecked"),
        (Outcome.SKIPPED, [], Evidence.EXECUTION, "unreached"),
        (Outcome.SKIPPED, [], Evidence.NONE, "unreached"),
        (Outcome.SKIPPED, [], Evidence.IMPORT_VALIDATION, "unchecked"),
        (Outcome.PENDING, [], Evidence.IMPORT_VALIDATION, "unreached"),
    ],
)
def test_step_outcome(outcome: Outcome, outcomes: list[Outcome], evidence: Evidence, label: str) -> None:
    """A step is as good as its worst enabled assertion, and never green without one that held."""
    assertions = tuple(builders.make_assertion(outcome=one) for one in outcomes)
    disabled = builders.make_assertion(enabled=False, outcome=Outcome.FAILED)
    step = builders.make_step(outcome=outcome, replies=(builders.make_reply(assertions=(*assertions, disabled)),))

    named = labels.step_outcome(builders.make_result(evidence=evidence), step)

    assert named == label
    assert named in labels.OUTCOMES
    assert step.is_red == (label in ("failed", "error"))


@pytest.mark.parametrize(
    ("outcomes", "actual", "evidence", "text"),
    [
        ([Outcome.PASSED], None, Evidence.EXECUTION, "Executed: Kore.ai ran this conversation against the bot and"),
        ([Outcome.PASSED, Outcome.SKIPPED], None, Evidence.EXECUTION, "Partly executed: "),
        ([Outcome.PENDING], None, Evidence.EXECUTION, "Partly executed: "),
        ([Outcome.PENDING], "Hi", Evidence.EXECUTION, "Executed: Kore.ai ran this conversation against the bot and"),
        ([], None, Evidence.EXECUTION, "Executed: Kore.ai ran this conversation against the bot, but reported"),
        ([Outcome.SKIPPED], None, Evidence.IMPORT_VALIDATION, "Accepted by Kore.ai, not executed"),
        ([Outcome.SKIPPED], None, Evidence.NONE, "No evidence"),
    ],
)
def test_evidence(outcomes: list[Outcome], actual: str | None, evidence: Evidence, text: str) -> None:
    """No step is said to have been executed that was not."""
    steps = tuple(
        builders.make_step(outcome=outcome, replies=(builders.make_reply(actual=actual),)) for outcome in outcomes
    )
    result = builders.make_result(suite=builders.make_suite(steps=steps), evidence=evidence)

    assert labels.evidence(result).startswith(text)


@pytest.mark.parametrize(
    ("group", "own", "actual"),
    [("text", None, "Bye"), ("text", "Hi", "Hi"), ("flow", "Fallback", "Fallback"), ("context", None, None)],
)
def test_actual(group: str, own: str | None, actual: str | None) -> None:
    """A reply's text stands for the actual value of a text assertion only."""
    reply = builders.make_reply(actual="Bye")

    assert labels.actual_value(builders.make_assertion(group=group, actual=own), reply) == actual


def template(**payload: Any) -> str:
    """Write a template as Kore.ai sends it."""
    return json.dumps({"type": "template", "payload": payload})


@pytest.mark.parametrize(
    ("text", "flat", "kind"),
    [
        pytest.param(
            template(
                template_type="button", text="Sure?", buttons=[{"type": "postback", "title": "Yes"}, {"payload": "no"}]
            ),
            "Sure?\n[Yes] [no]",
            "button",
            id="buttons",
        ),
        pytest.param(
            template(template_type="quick_replies", text="Pick\n", quick_replies=[{"title": "A"}, "B", {}]),
            "Pick\n[A] [B] [(button)]",
            "quick replies",
            id="quick-replies",
        ),
        pytest.param(
            template(
                template_type="carousel", elements=[{"title": "One", "subtitle": "first", "buttons": [{"title": "Go"}]}]
            ),
            "• One · first [Go]",
            "carousel",
            id="carousel",
        ),
        pytest.param(
            template(template_type="listView", heading="All", elements={"Tab1": [{"title": "x", "value": 3}], "n": 1}),
            "All\n• x · 3",
            "listView",
            id="tabs",
        ),
        pytest.param(
            template(template_type="table", columns=[["Name", "left"], ["Age"]], elements=[{"Values": ["Ana", 5]}]),
            "• Name: Ana · Age: 5",
            "table",
            id="table",
        ),
        pytest.param(
            template(template_type="list", elements=[{"title": "a", "elements": [{"title": "b"}]}, "c", {"x": 1}]),
            '• a\n• b\n• c\n• {"x": 1}',
            "list",
            id="nested",
        ),
        pytest.param(template(template_type="odd", speed=3), "template_type: odd\nspeed: 3", "odd", id="unknown"),
        pytest.param('{"type": "text", "payload": "Hi"}', "Hi", "text", id="text-payload"),
        pytest.param('{"type": "text", "payload": [1]}', "[1]", "text", id="list-payload"),
        pytest.param('{"template_type": "list", "title": "Hi"}', "Hi", "list", id="bare-payload"),
    ],
)
def test_read__template(text: str, flat: str, kind: str) -> None:
    """A template reads as its texts, elements and buttons."""
    read = labels.read(text)

    assert labels.readable(text) == flat
    assert read.kind == kind
    assert json.loads(read.raw) == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        "Hello",
        "{not json",
        "[1]",
        '{"balance": 5}',
        '{"type": "template", "payload": ' + "[" * 50_000,
        '{"type": "template", "payload": {"text": "' + "x" * 100_000 + '"}}',
        '{"type": "template", "payload": ' + "9" * 5_000 + "}",
    ],
    ids=["text", "broken", "list", "other-object", "deep", "huge", "huge-number"],
)
def test_read__other_text(text: str) -> None:
    """What is not a template stays as it is."""
    assert labels.read(text) == labels.Bubble(text=text)
    assert labels.readable(text) == text


def test_read__elements_in_elements() -> None:
    """Elements within elements are followed so far and no further."""
    element: dict[str, object] = {"title": "level 9"}
    for level in range(8, -1, -1):
        element = {"title": f"level {level}", "elements": [element]}

    read = labels.read(template(template_type="list", elements=[element]))

    assert [item.text for item in read.items] == [f"level {level}" for level in range(7)]


JSON = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.floats()
    | strategies.integers()
    | strategies.text(max_size=9),
    lambda inner: (
        strategies.lists(inner, max_size=4)
        | strategies.dictionaries(
            strategies.sampled_from(
                ["title", "text", "elements", "buttons", "columns", "Values", "payload", "value", "x"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@hypothesis.given(JSON)
def test_read__any_payload(payload: object) -> None:
    """Any payload at all reads as something."""
    text = json.dumps({"type": "template", "payload": payload})

    assert labels.read(text).raw
    assert isinstance(labels.readable(text), str)


@pytest.mark.parametrize(
    ("template", "file", "address"),
    [
        ("https://x.example/blob/a1/{path}#L{line}", "kore/a.json", "https://x.example/blob/a1/kore/a.json#L7"),
        ("https://x.example/?p={path}&l={line}", "कि {line} ?#.json", None),
        ("https://x.example/{path}", "/etc/a.json", ""),
        ("https://x.example/{path}", "../a.json", ""),
        ("javascript:{path}", "a.json", ""),
        ("", "a.json", ""),
    ],
    ids=["plain", "escaped", "absolute", "outside", "no-web-address", "unknown"],
)
def test_source_link(template: str, file: str, address: str | None) -> None:
    """A source line has an address where the commit's files have one, and its path cannot change that address."""
    escaped = "https://x.example/?p=%E0%A4%95%E0%A4%BF%20%7Bline%7D%20%3F%23.json&l=7"

    link = labels.source_link(Origin(source_url=template), file, 7)

    assert link == (escaped if address is None else address)
