"""A step as turns of a conversation: everything the page shows of it, cleaned, cut and compared."""

import dataclasses

from kore_gate import bubble, phrases, testcases, text
from kore_gate.model import Assertion, Check, Evidence, Outcome, Reply, Step, SuiteResult
from kore_gate.reports import difference, words

UNSAID = "(Kore.ai did not say)"

_BRIEF = {"text": "text of the reply", "flow": "flow: the node that answers", "context": "context variables"}

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
    expected: tuple[difference.Parts, ...] = ()
    actual: difference.Parts = ()
    said: bool = True
    reason: str = ""
    note: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One reply: what the bot said, or (`spoken` is false) what it was expected to say."""

    shown: bubble.Bubble
    spoken: bool
    node: str = ""
    lines: tuple[Line, ...] = ()
    wanted: bubble.Bubble | None = None
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
    unexpected: tuple[bubble.Bubble, ...] = ()
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


def scene(result: SuiteResult, step: Step, anchor: str, marker: difference.Marker) -> Scene:
    """Make a step ready to be shown."""
    room = Allowance()
    where = f"{text.line(step.source.file)}:{step.source.line}" if step.source else ""
    css = words.step_outcome(result, step)
    return Scene(
        anchor=anchor,
        number=step.number,
        css=css,
        user="" if step.event and step.event == step.input else room.take(step.input),
        event=text.line(step.event),
        turns=tuple(_turn(result, reply, room, marker) for reply in step.replies[:_REPLIES]),
        unexpected=tuple(_bubble(extra, room) for extra in step.unexpected[:_REPLIES]),
        reason=_new(room.take(step.reason), words.OUTCOMES[css]),
        duration=words.seconds(step.duration) if step.duration is not None else "",
        where=where,
        more=max(len(step.replies) - _REPLIES, 0) + max(len(step.unexpected) - _REPLIES, 0),
    )


def _turn(result: SuiteResult, reply: Reply, room: Allowance, marker: difference.Marker) -> Turn:
    actual = reply.actual if result.evidence is Evidence.EXECUTION else None
    spoken = actual is not None
    assertions = [assertion for assertion in reply.assertions if testcases.has_case(assertion)]
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


def _bubble(value: str, room: Allowance) -> bubble.Bubble:
    """Read a reply and cut every text of it."""
    read = bubble.read(value)
    return bubble.Bubble(
        text=room.take(read.text),
        kind=text.line(read.kind, 40),
        buttons=tuple(text.line(button, 120) for button in read.buttons),
        items=tuple(
            bubble.Item(
                title=room.take(item.title, 500),
                lines=tuple(room.take(line, 500) for line in item.lines),
                buttons=tuple(text.line(button, 120) for button in item.buttons),
            )
            for item in read.items
        ),
        raw=room.take(read.raw),
    )


def _line(result: SuiteResult, reply: Reply, assertion: Assertion, room: Allowance, marker: difference.Marker) -> Line:
    css = words.assertion_outcome(result, assertion.outcome, enabled=assertion.enabled)
    if css not in ("failed", "error"):
        return Line(
            css=css, label=_label(assertion, reply), reason=_new(text.line(assertion.reason), words.OUTCOMES[css])
        )
    actual = words.actual(reply, assertion)
    expected, marked, note = _compared(assertion, actual, room, marker)
    return Line(
        css=css,
        label=text.line(phrases.label(_cut(assertion))),
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
    return text.line(phrases.label(_cut(assertion)), 200)


def _cut(assertion: Assertion) -> Assertion:
    """Leave out what no label has room for."""
    checks = tuple(
        dataclasses.replace(check, value=bubble.readable(check.value)[:2_000]) for check in assertion.checks[:_CHECKS]
    )
    return dataclasses.replace(assertion, checks=checks)


def _compared(
    assertion: Assertion, actual: str | None, room: Allowance, marker: difference.Marker
) -> tuple[tuple[difference.Parts, ...], difference.Parts, str]:
    """Give what was expected (each variant) and what came, with the differences marked."""
    checks = assertion.checks[:_CHECKS]
    wanted = [bubble.readable(check.value) for check in checks]
    came = bubble.readable(actual) if actual is not None else None
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
    best = difference.closest(shown, cut)
    left, right = marker.mark(shown[best], cut)
    head: difference.Parts = ((False, heads[best]),) if heads[best] else ()
    note = difference.subtle(wanted[best], came)
    return (*plain[:best], head + left, *plain[best + 1 :]), right, note


def _head(assertion: Assertion, check: Check) -> str:
    """Put the field before its value where a value alone says too little."""
    if assertion.group != "context":
        return ""
    marks = {Outcome.PASSED: "✓ ", Outcome.FAILED: "✗ "} if len(assertion.checks) > 1 else {}
    return f"{marks.get(check.outcome, '')}{text.line(check.field)} = "
