"""A step as turns of a conversation: everything the page shows of it, cleaned, cut and compared."""

import collections
import dataclasses
import difflib
import itertools
import re
import unicodedata
from collections.abc import Iterable, Sequence

from kore_gate import text
from kore_gate.model import Assertion, Check, Evidence, Outcome, Reply, Step, SuiteResult
from kore_gate.reports import cases, labels

Parts = tuple[tuple[bool, str], ...]  # pieces of a text, each with whether it differs

_WORDS = re.compile(r"\w+|\s+|[^\w\s]")

# A comparison costs about the product of both lengths: above this, only what both texts begin and end with is shared.
_LARGEST = 40_000
_ALTOGETHER = 4_000_000

# Below this share of equal words, marks on single words help nobody.
_ALIKE = 0.35

_BRIEF = {"text": "text of the reply", "flow": "flow: the node that replies", "context": "context variables"}

_REPLIES = 40
_ASSERTIONS = 12
_CHECKS = 20


class Marker:
    """Marks differences, and turns coarser when a report holds very many of them."""

    def __init__(self, effort: int = _ALTOGETHER) -> None:
        self._effort = effort

    def mark(self, expected: str, actual: str) -> tuple[Parts, Parts]:
        """Split both texts into pieces that are the same and pieces that differ."""
        ours, theirs = _WORDS.findall(expected), _WORDS.findall(actual)
        head = _shared(ours, theirs)
        tail = _shared(ours[head:][::-1], theirs[head:][::-1])
        start, end = "".join(ours[:head]), "".join(ours[len(ours) - tail :])
        ours, theirs = ours[head : len(ours) - tail], theirs[head : len(theirs) - tail]
        left, right = [(True, "".join(ours))], [(True, "".join(theirs))]
        cost = len(ours) * len(theirs)
        if 0 < cost <= min(_LARGEST, self._effort):
            self._effort -= cost
            matcher = difflib.SequenceMatcher(None, ours, theirs, autojunk=False)
            if head + tail or matcher.ratio() >= _ALIKE:
                pieces = [(tag, "".join(ours[i:j]), "".join(theirs[k:m])) for tag, i, j, k, m in matcher.get_opcodes()]
                # A lone space between two changed words belongs to the change.
                left = [(tag != "equal" or not ours.strip(), ours) for tag, ours, _ in pieces]
                right = [(tag != "equal" or not ours.strip(), theirs) for tag, ours, theirs in pieces]
        return _joined([(False, start), *left, (False, end)]), _joined([(False, start), *right, (False, end)])


def _shared(ours: Sequence[str], theirs: Sequence[str]) -> int:
    """Count the words that both begin with."""
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(ours, theirs, strict=False)))


def _joined(pieces: Iterable[tuple[bool, str]]) -> Parts:
    """Join neighbours of the same kind and drop empty pieces."""
    kinds = itertools.groupby((piece for piece in pieces if piece[1]), key=lambda piece: piece[0])
    return tuple((changed, "".join(piece for _, piece in group)) for changed, group in kinds)


def closest(candidates: Sequence[str], actual: str) -> int:
    """Return the place of the candidate that shares most words with a text."""
    words = collections.Counter(_WORDS.findall(actual))
    counts = [collections.Counter(_WORDS.findall(candidate)) for candidate in candidates]
    shared = [(count & words).total() / max(count.total(), words.total(), 1) for count in counts]
    return shared.index(max(shared))


def subtle(expected: str, actual: str) -> str:
    """Say how two texts differ where the eye would see no difference, else nothing."""
    if expected == actual:
        return "Both texts look the same here: Kore.ai compares more than it reports."
    if "".join(expected.split()) == "".join(actual.split()):
        return "They differ in spaces or line breaks only."
    if expected.casefold() == actual.casefold():
        return "They differ in upper and lower case only."
    if _visible(expected) == _visible(actual):
        return "They differ only in characters that look alike or are invisible."
    return ""


def _visible(value: str) -> str:
    composed = unicodedata.normalize("NFKC", value)
    return "".join(char for char in composed if unicodedata.category(char) not in ("Cf", "Zs"))


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One assertion of a reply; expected and actual (None: not known) only where it failed."""

    css: str
    label: str
    expected: tuple[Parts, ...] = ()
    actual: Parts | None = None
    reason: str = ""
    note: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One reply: what the bot said, or (`spoken` is false) what it was expected to say."""

    shown: labels.Bubble
    spoken: bool
    node: str
    lines: tuple[Line, ...]
    expected: labels.Bubble | None  # where the bot said something else, and no assertion on the text says so
    more: int


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """One step: the user's turn and the bot's."""

    css: str
    user: str
    turns: tuple[Turn, ...]
    unexpected: tuple[labels.Bubble, ...]
    reason: str
    more: int


class Room:
    """Cuts the texts of one step: a step may not fill the page alone."""

    def __init__(self, characters: int = 60_000) -> None:
        self._left = characters

    def take(self, value: str, limit: int = 5_000) -> str:
        """Return the text, cleaned and cut to what is left."""
        shown = text.cut(value, max(min(limit, self._left), 60))
        self._left -= len(shown)
        return shown


def scene(result: SuiteResult, step: Step, marker: Marker) -> Scene:
    """Make a step ready to be shown."""
    room = Room()
    css = labels.step_outcome(result, step)
    return Scene(
        css=css,
        user="" if step.event and step.event == step.input else room.take(step.input),
        turns=tuple(_turn(result, reply, room, marker) for reply in step.replies[:_REPLIES]),
        unexpected=tuple(_bubble(extra, room) for extra in step.unexpected[:_REPLIES]),
        reason=_new(room.take(step.reason), css),
        more=max(len(step.replies) - _REPLIES, 0) + max(len(step.unexpected) - _REPLIES, 0),
    )


def _turn(result: SuiteResult, reply: Reply, room: Room, marker: Marker) -> Turn:
    actual = reply.actual if result.evidence is Evidence.EXECUTION else None
    assertions = [assertion for assertion in reply.assertions if cases.has_case(assertion)]
    lines = tuple(_line(result, reply, assertion, room, marker) for assertion in assertions[:_ASSERTIONS])
    compared = any(line.expected and line.label == _BRIEF["text"] for line in lines)
    differs = actual not in (None, reply.text) and reply.text != "" and not compared
    return Turn(
        shown=_bubble(reply.text if actual is None else actual, room),
        spoken=actual is not None,
        node=text.line(reply.node),
        lines=lines,
        expected=_bubble(reply.text, room) if differs else None,
        more=max(len(assertions) - _ASSERTIONS, 0),
    )


def _bubble(value: str, room: Room) -> labels.Bubble:
    """Read a reply and cut every text of it."""
    bubble = labels.read(value)
    return labels.Bubble(
        text=room.take(bubble.text),
        kind=text.line(bubble.kind, 40),
        buttons=tuple(text.line(button, 120) for button in bubble.buttons),
        items=tuple(
            labels.Item(
                title=room.take(item.title, 500),
                lines=tuple(room.take(line, 500) for line in item.lines),
                buttons=tuple(text.line(button, 120) for button in item.buttons),
            )
            for item in bubble.items
        ),
        raw=room.take(bubble.raw),
    )


def _line(result: SuiteResult, reply: Reply, assertion: Assertion, room: Room, marker: Marker) -> Line:
    css = labels.assertion_outcome(result, assertion.outcome, enabled=assertion.enabled)
    assertion = dataclasses.replace(assertion, checks=assertion.checks[:_CHECKS])
    if css not in ("failed", "error"):
        # The text of an assertion is mostly the bubble above it.
        as_shown = any(check.value in (reply.text, reply.actual) for check in assertion.checks)
        label = "text as shown" if assertion.group == "text" and as_shown else text.line(labels.label(assertion), 200)
        return Line(css=css, label=label, reason=_new(text.line(assertion.reason), css))
    expected, actual, note = _compared(assertion, reply, room, marker)
    return Line(
        css=css,
        label=_BRIEF.get(assertion.group, text.line(assertion.group, 80)),
        expected=expected,
        actual=actual,
        reason=room.take(assertion.reason),
        note=note,
    )


def _new(reason: str, css: str) -> str:
    """Drop a reason that only repeats the outcome."""
    return "" if reason.strip().casefold() == labels.OUTCOMES[css][1].casefold() else reason


def _compared(
    assertion: Assertion, reply: Reply, room: Room, marker: Marker
) -> tuple[tuple[Parts, ...], Parts | None, str]:
    """Return what was expected (each variant) and what came, with the differences marked."""
    values, actual = labels.compared(assertion, reply)
    heads = [_head(assertion, check) for check in assertion.checks]
    shown = [room.take(value) for value in values]
    expected = [((False, head + value),) for head, value in zip(heads, shown, strict=True)]
    if actual is None:
        return tuple(expected) or (((False, "(nothing)"),),), None, ""
    actual_shown = room.take(actual)
    if not values or (assertion.group == "context" and len(values) > 1):
        return tuple(expected) or (((False, "(nothing)"),),), ((False, actual_shown),), ""
    best = closest(shown, actual_shown)
    left, right = marker.mark(shown[best], actual_shown)
    marked = (*expected[:best], _joined([(False, heads[best]), *left]), *expected[best + 1 :])
    return marked, right, subtle(values[best], actual)


def _head(assertion: Assertion, check: Check) -> str:
    """Put the field before its value where a value alone says too little."""
    if assertion.group != "context":
        return ""
    marks = {Outcome.PASSED: "✓ ", Outcome.FAILED: "✗ "} if len(assertion.checks) > 1 else {}
    return f"{marks.get(check.outcome, '')}{text.line(check.field)} = "
