"""How templates of the bot read."""

import json
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies

from kore_gate.reports import labels


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

    assert labels.flat(read) == flat
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
    """What is no template stays as it is."""
    assert labels.read(text) == labels.Bubble(text=text)


def test_read__elements_in_elements() -> None:
    """Elements within elements are followed so far and no further."""
    element: dict[str, object] = {"title": "level 9"}
    for level in range(8, -1, -1):
        element = {"title": f"level {level}", "elements": [element]}

    read = labels.read(template(template_type="list", elements=[element]))

    assert [item.title for item in read.items] == [f"level {level}" for level in range(7)]


json_values = strategies.recursive(
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


@hypothesis.given(json_values)
def test_read__any_payload(payload: object) -> None:
    """Any payload at all reads as something."""
    read = labels.read(json.dumps({"type": "template", "payload": payload}))

    assert read.raw
    assert isinstance(labels.flat(read), str)
