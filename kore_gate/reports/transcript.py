"""A step as turns of a conversation: everything the page shows of it, cleaned, cut and compared."""

import collections
import dataclasses
import difflib
import re
import unicodedata
from collections.abc import Sequence

from kore_gate import text
from kore_gate.model import Assertion, Check, Evidence, Outcome, Reply, Step, SuiteResult
from kore_gate.reports import cases, labels

Parts = tuple[tuple[bool, str], ...]  # pieces of a text, each with whether it differs

_WORDS = re.compile(r"\w+|\s+|[^\w\s]")

# A comparison costs about the product of both lengths: above this, only what both texts begin and end with is shared.
_LARGEST = 40_000
_ALTOGETHER = 4_000_000

# Below this share of equal words, marking single words is confetti.
_ALIKE = 0.35


class Marker:
    """Marks differences, and turns coarser when a report holds very many of them."""

    def __init__(self, effort: int = _ALTOGETHER) -> None:
        self._effort = effort

    def mark(self, expected: str, actual: str) -> tuple[Parts, Parts]:
        """Split both texts into pieces that are the same and pieces that differ."""
        ours, theirs = _WORDS.findall(expected), _WORDS.findall(actual)
        head = _shared(ours, theirs)
        tail = _shared(ours[head:][::-1], theirs[head:][::-1])
        middle = ours[head : len(ours) - tail], theirs[head : len(theirs) - tail]
        left, right = self._compare(*middle, alone=head + tail == 0)
        start, end = (False, "".join(ours[:head])), (False, "".join(ours[len(ours) - tail :]))
        return _joined([start, *left, end]), _joined([start, *right, end])

    def _compare(
        self, ours: Sequence[str], theirs: Sequence[str], *, alone: bool
    ) -> tuple[list[tuple[bool, str]], list[tuple[bool, str]]]:
        cost = len(ours) * len(theirs)
        whole = [(True, "".join(ours))], [(True, "".join(theirs))]
        if not cost or cost > _LARGEST or cost > self._effort:
            return whole
        self._effort -= cost
        matcher = difflib.SequenceMatcher(None, ours, theirs, autojunk=False)
        if alone and matcher.ratio() < _ALIKE:
            return whole
        left: list[tuple[bool, str]] = []
        right: list[tuple[bool, str]] = []
        for tag, i, j, k, m in matcher.get_opcodes():
            # A lone space between two changed words belongs to the change.
            changed = tag != "equal" or not "".join(ours[i:j]).strip()
            left.append((changed, "".join(ours[i:j])))
            right.append((changed, "".join(theirs[k:m])))
        return left, right


def closest(candidates: Sequence[str], actual: str) -> int:
    """Return the place of the candidate that shares most words with a text."""
    words = collections.Counter(_WORDS.findall(actual))
    shared = [
        (counted & words).total() / max(counted.total(), words.total(), 1)
        for counted in (collections.Counter(_WORDS.findall(candidate)) for candidate in candidates)
    ]
    return shared.index(max(shared))


def subtle(expected: str, actual: str) -> str:
    """Say how two texts differ where the eye would see no difference, else nothing."""
    if expected == actual:
        return "Both texts look the same here: Kore.ai compares more than it reports."
    if "".join(expected.split()) == "".join(actual.split()):
        return "They differ in spaces or line breaks only."
    if expected.casefold() == actual.casefold():
        return "They differ in upper and lower case only."
    if _looks(expected) == _looks(actual):
        return "They differ only in characters that look alike or are invisible."
    return ""


def _looks(text: str) -> str:
    composed = unicodedata.normalize("NFKC", text)
    return "".join(char for char in composed if unicodedata.category(char) not in ("Cf", "Zs"))


def _shared(ours: Sequence[str], theirs: Sequence[str]) -> int:
    """Count the words that both begin with."""
    length = 0
    for one, other in zip(ours, theirs, strict=False):
        if one != other:
            break
        length += 1
    return length


def _joined(parts: Sequence[tuple[bool, str]]) -> Parts:
    """Join neighbours of the same kind and drop empty pieces."""
    joined: list[tuple[bool, str]] = []
    for changed, piece in parts:
        if not piece:
            continue
        if joined and joined[-1][0] is changed:
            joined[-1] = (changed, joined[-1][1] + piece)
        else:
            joined.append((changed, piece))
    return tuple(joined)


UNSAID = "(not reported by Kore.ai)"

_BRIEF = {"text": "text of the reply", "flow": "flow: the node that replies", "context": "context variables"}

_REPLIES = 40
_ASSERTIONS = 12
_CHECKS = 20


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One assertion of a reply; the long form (`expected`, `actual`) only where it did not hold.

    `brief` says what was compared, for a place where the long form follows.
    """

    css: str
    label: str
    brief: str = ""
    expected: tuple[Parts, ...] = ()
    actual: Parts = ()
    said: bool = True
    reason: str = ""
    note: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One reply: what the bot said, or (`spoken` is false) what it was expected to say."""

    shown: labels.Bubble
    spoken: bool
    node: str = ""
    lines: tuple[Line, ...] = ()
    wanted: labels.Bubble | None = None
    more: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """One step: the user's turn and the bot's."""

    anchor: str
    number: int
    css: str
    user: str
    event: str
    turns: tuple[Turn, ...]
    unexpected: tuple[labels.Bubble, ...] = ()
    reason: str = ""
    duration: str = ""
    where: str = ""
    more: int = 0


class Allowance:
    """Hands out room for the texts of one step: a step may not fill the page alone."""

    def __init__(self, characters: int = 60_000) -> None:
        self._left = characters

    def take(self, value: str, limit: int = 5_000) -> str:
        """Return the text, cleaned and cut to what is left."""
        shown = text.cut(value, max(min(limit, self._left), 60))
        self._left -= len(shown)
        return shown


def scene(result: SuiteResult, step: Step, anchor: str, marker: Marker) -> Scene:
    """Make a step ready to be shown."""
    room = Allowance()
    where = f"{text.line(step.source.file)}:{step.source.line}" if step.source else ""
    css = labels.step_outcome(result, step)
    return Scene(
        anchor=anchor,
        number=step.number,
        css=css,
        user="" if step.event and step.event == step.input else room.take(step.input),
        event=text.line(step.event),
        turns=tuple(_turn(result, reply, room, marker) for reply in step.replies[:_REPLIES]),
        unexpected=tuple(_bubble(extra, room) for extra in step.unexpected[:_REPLIES]),
        reason=_new(room.take(step.reason), labels.OUTCOMES[css]),
        duration=text.duration(step.duration) if step.duration is not None else "",
        where=where,
        more=max(len(step.replies) - _REPLIES, 0) + max(len(step.unexpected) - _REPLIES, 0),
    )


def _turn(result: SuiteResult, reply: Reply, room: Allowance, marker: Marker) -> Turn:
    actual = reply.actual if result.evidence is Evidence.EXECUTION else None
    spoken = actual is not None
    assertions = [assertion for assertion in reply.assertions if cases.has_case(assertion)]
    lines = tuple(_line(result, reply, assertion, room, marker) for assertion in assertions[:_ASSERTIONS])
    compared = any(line.brief == _BRIEF["text"] for line in lines)
    differs = spoken and actual != reply.text and reply.text != "" and not compared
    return Turn(
        shown=_bubble(reply.text if actual is None else actual, room),
        spoken=spoken,
        node=text.line(reply.node),
        lines=lines,
        wanted=_bubble(reply.text, room) if differs else None,
        more=max(len(assertions) - _ASSERTIONS, 0),
    )


def _bubble(value: str, room: Allowance) -> labels.Bubble:
    """Read a reply and cut every text of it."""
    read = labels.read(value)
    return labels.Bubble(
        text=room.take(read.text),
        kind=text.line(read.kind, 40),
        buttons=tuple(text.line(button, 120) for button in read.buttons),
        items=tuple(
            labels.Item(
                title=room.take(item.title, 500),
                lines=tuple(room.take(line, 500) for line in item.lines),
                buttons=tuple(text.line(button, 120) for button in item.buttons),
            )
            for item in read.items
        ),
        raw=room.take(read.raw),
    )


def _line(result: SuiteResult, reply: Reply, assertion: Assertion, room: Allowance, marker: Marker) -> Line:
    css = labels.assertion_outcome(result, assertion.outcome, enabled=assertion.enabled)
    if css not in ("failed", "error"):
        return Line(
            css=css, label=_label(assertion, reply), reason=_new(text.line(assertion.reason), labels.OUTCOMES[css])
        )
    actual = labels.actual(reply, assertion)
    expected, marked, note = _compared(assertion, actual, room, marker)
    return Line(
        css=css,
        label=text.line(labels.label(_cut(assertion))),
        brief=_BRIEF.get(assertion.group, text.line(assertion.group, 80)),
        expected=expected,
        actual=marked,
        said=actual is not None,
        reason=room.take(assertion.reason),
        note=note,
    )


def _new(reason: str, said: str) -> str:
    """Drop a reason that only repeats the outcome."""
    return "" if reason.strip().casefold() == said.casefold() else reason


def _label(assertion: Assertion, reply: Reply) -> str:
    """Name an assertion, briefly where its text is the bubble above it."""
    shown = (reply.text, reply.actual)
    if assertion.group == "text" and any(check.value in shown for check in assertion.checks):
        return "text as shown"
    return text.line(labels.label(_cut(assertion)), 200)


def _cut(assertion: Assertion) -> Assertion:
    """Leave out what no label has room for."""
    checks = tuple(
        dataclasses.replace(check, value=labels.readable(check.value)[:2_000]) for check in assertion.checks[:_CHECKS]
    )
    return dataclasses.replace(assertion, checks=checks)


def _compared(
    assertion: Assertion, actual: str | None, room: Allowance, marker: Marker
) -> tuple[tuple[Parts, ...], Parts, str]:
    """Give what was expected (each variant) and what came, with the differences marked."""
    checks = assertion.checks[:_CHECKS]
    wanted = [labels.readable(check.value) for check in checks]
    came = labels.readable(actual) if actual is not None else None
    if actual is not None and came in wanted and actual not in (check.value for check in checks):
        wanted, came = [check.value for check in checks], actual  # the templates differ in what people don't see
    shown = [room.take(value) for value in wanted]
    heads = [_head(assertion, check) for check in checks]
    plain = tuple(((False, head + value),) if head + value else () for head, value in zip(heads, shown, strict=True))
    if came is None or not checks:
        return plain or (((False, "(nothing)"),),), ((False, room.take(came if came is not None else UNSAID)),), ""
    cut = room.take(came)
    if assertion.group == "context" and len(checks) > 1:
        return plain, ((False, cut),), ""
    best = closest(shown, cut)
    left, right = marker.mark(shown[best], cut)
    head: Parts = ((False, heads[best]),) if heads[best] else ()
    note = subtle(wanted[best], came)
    return (*plain[:best], head + left, *plain[best + 1 :]), right, note


def _head(assertion: Assertion, check: Check) -> str:
    """Put the field before its value where a value alone says too little."""
    if assertion.group != "context":
        return ""
    marks = {Outcome.PASSED: "✓ ", Outcome.FAILED: "✗ "} if len(assertion.checks) > 1 else {}
    return f"{marks.get(check.outcome, '')}{text.line(check.field)} = "
