"""Which words of two texts are marked as different."""

import hypothesis
import pytest
from hypothesis import strategies

from kore_gate.model import Outcome
from kore_gate.reports import transcript
from tests import builders
from tests.fakes import conversations


def shown(parts: transcript.Parts) -> str:
    """Write what differs between square brackets."""
    return "".join(f"[{piece}]" if changed else piece for changed, piece in parts)


@pytest.mark.parametrize(
    ("expected", "actual", "left", "right"),
    [
        pytest.param("Hello you", "Hello you", "Hello you", "Hello you", id="same"),
        pytest.param("EUR 1.50 left", "EUR 1.70 left", "EUR 1.[50] left", "EUR 1.[70] left", id="one-word"),
        pytest.param("a b c", "a c", "a [b ]c", "a c", id="missing"),
        pytest.param(
            "red green tea", "blue black tea", "[red green] tea", "[blue black] tea", id="two-words-one-change"
        ),
        pytest.param("", "Hello", "", "[Hello]", id="nothing-expected"),
        pytest.param("Hello", "", "[Hello]", "", id="nothing-came"),
        pytest.param("one two three", "x y z", "[one two three]", "[x y z]", id="unlike"),
        pytest.param("a  b", "a b", "a[  ]b", "a[ ]b", id="spaces"),
    ],
)
def test_mark(expected: str, actual: str, left: str, right: str) -> None:
    """What differs is marked in both texts, word by word."""
    ours, theirs = transcript.Marker().mark(expected, actual)

    assert (shown(ours), shown(theirs)) == (left, right)


def test_mark__long_texts_share_only_their_ends() -> None:
    """Texts too long to be compared word by word still share their beginning and end."""
    middle = " ".join(f"w{number} same" for number in range(300))
    other = " ".join(f"v{number} same" for number in range(300))

    ours, theirs = transcript.Marker().mark(f"Dear you, {middle} bye", f"Dear you, {other} bye")

    assert [changed for changed, _ in ours] == [False, True, False]
    assert ours[0] == (False, "Dear you, ")
    assert theirs[-1] == (False, " same bye")


def test_mark__many_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the whole page's effort is spent, comparisons turn coarse."""
    monkeypatch.setattr(transcript, "_ALTOGETHER", 40)
    marker = transcript.Marker()

    fine = marker.mark("a b c d", "x b y d")
    coarse = marker.mark("a b c d", "x b y d")

    assert shown(fine[0]) == "[a] b [c] d"
    assert shown(coarse[0]) == "[a b c] d"


@hypothesis.given(strategies.text(max_size=80), strategies.text(max_size=80))
def test_mark__nothing_is_lost(expected: str, actual: str) -> None:
    """Put together again, the pieces are the texts."""
    ours, theirs = transcript.Marker().mark(expected, actual)

    assert "".join(piece for _, piece in ours) == expected
    assert "".join(piece for _, piece in theirs) == actual


def test_closest() -> None:
    """Of several variants the one that shares most words is compared."""
    assert transcript.closest(["Bye now", "Hello my friend", ""], "Hello friend") == 1


@pytest.mark.parametrize(
    ("expected", "actual", "note"),
    [
        ("a", "a", "Both texts look the same here: Kore.ai compares more than it reports."),
        ("a b", "a  b\n", "They differ in spaces or line breaks only."),
        ("Hello", "hello", "They differ in upper and lower case only."),
        ("caf\u00e9", "cafe\u0301", "They differ only in characters that look alike or are invisible."),
        ("a\u200bb", "ab", "They differ only in characters that look alike or are invisible."),
        ("a", "b", ""),
    ],
)
def test_subtle(expected: str, actual: str, note: str) -> None:
    """Where the eye sees no difference, words say what it is."""
    assert transcript.subtle(expected, actual) == note


def rows(actual: str | None, **expected: str) -> list[tuple[str, str, str | None]]:
    """Compare context variables, each with its expected and its actual value."""
    checks = [
        builders.make_check(field=field, value=value, outcome=Outcome.FAILED) for field, value in expected.items()
    ]
    assertion = conversations.context(*checks, outcome=Outcome.FAILED, actual=actual)
    compared = transcript.Room(transcript.Marker()).rows(assertion)
    return [(name, shown(left), None if right is None else shown(right)) for name, _, (left, right) in compared]


@pytest.mark.parametrize(
    ("actual", "expected", "compared"),
    [
        pytest.param("a = 1, b = 3", {"a": "1", "b": "2"}, [("a", "1", "1"), ("b", "[2]", "[3]")], id="both"),
        pytest.param("b = 3, a = 1", {"a": "1", "b": "2"}, [("a", "1", "1"), ("b", "[2]", "[3]")], id="other-order"),
        pytest.param("a = 1", {"a": "1", "b": "2"}, [("a", "1", "1"), ("b", "2", None)], id="one-missing"),
        pytest.param("3", {"a": "1"}, [("a", "[1]", "[3]")], id="value-alone"),
        pytest.param("a = 3", {"a": "1"}, [("a", "[1]", "[3]")], id="single"),
        pytest.param("x, y", {"a": "1"}, [("a", "[1]", "[x, y]")], id="value-with-comma"),
        pytest.param("a.b = 1, c", {"a.b": "1, c", "a": "2"}, [("a.b", "1, c", "1, c"), ("a", "2", None)], id="prefix"),
        pytest.param("3", {"a": "1", "b": "2"}, [], id="unclear"),
        pytest.param(None, {"a": "1"}, [], id="unknown"),
    ],
)
def test_rows(actual: str | None, expected: dict[str, str], compared: list[tuple[str, str, str | None]]) -> None:
    """Each context variable stands beside its actual value, as far as the values can be told apart."""
    assert rows(actual, **expected) == compared


TRICKY = strategies.text("ab=, .", max_size=9)


@hypothesis.given(strategies.dictionaries(TRICKY, TRICKY, max_size=5), TRICKY)
def test_rows__any_names(values: dict[str, str], rest: str) -> None:
    """Whatever variables are called, each keeps its place, and only what was reported is shown."""
    actual = ", ".join(f"{name} = {value}" for name, value in values.items()) + rest
    checks = [builders.make_check(field=name, value=value) for name, value in values.items()]
    assertion = conversations.context(*checks, outcome=Outcome.FAILED, actual=actual)

    compared = transcript.Room(transcript.Marker()).rows(assertion)

    assert len(compared) in (0, len(values))
    assert all("".join(piece for _, piece in right or ()) in actual for _, _, (_, right) in compared)


def test_excerpt__first_variable_that_differs() -> None:
    """In short, of context variables the first that did not pass is shown."""
    checks = (
        builders.make_check(field="a", value="1", outcome=Outcome.PASSED),
        builders.make_check(field="b", value="2", outcome=Outcome.FAILED),
    )
    assertion = conversations.context(*checks, outcome=Outcome.FAILED, actual="a = 1")

    expected, actual = transcript.Room(transcript.Marker()).excerpt(assertion, builders.make_reply())

    assert shown(expected) == "b = 2"
    assert actual is None


def test_excerpt__variant_that_was_nearest() -> None:
    """In short, of several texts that would do the nearest is shown."""
    checks = (builders.make_check(value="Bye"), builders.make_check(value="Hello you"))
    assertion = builders.make_assertion(checks=checks, outcome=Outcome.FAILED, actual="Hello")

    expected, actual = transcript.Room(transcript.Marker()).excerpt(assertion, builders.make_reply())

    assert shown(expected) == "Hello[ you]"
    assert actual == ((False, "Hello"),)
