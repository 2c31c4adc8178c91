"""Facts in words, the same in every report: replies, assertions, steps, outcomes, verdicts, durations."""

import dataclasses
import json
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kore_gate.errors import Ending, GateError
from kore_gate.model import Assertion, Evidence, Outcome, Reply, Result, Step, SuiteResult, Verdict

_TITLES = ("title", "text", "heading", "header", "label", "name")
_TEXTS = ("text", "heading", "title", "subtitle", "sub_title", "description", "value", "message", "url")
_BUTTONS = ("buttons", "quick_replies", "quickReplies", "actions", "suggestions")
_LISTS = ("elements", "cards", "items", "list", "listItems", "options", "rows", "radioOptions", "formFields")

_LARGEST = 100_000
_MANY = 40
_DEPTH = 6


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One element of a list, card or table."""

    title: str
    lines: tuple[str, ...] = ()
    buttons: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Bubble:
    """What a reply shows; `kind` is empty for plain text, `raw` is the JSON of a template."""

    text: str
    kind: str = ""
    buttons: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()
    raw: str = ""


def read(text: str) -> Bubble:
    """Read a reply: a template if it is one, else the text itself."""
    if not text.lstrip().startswith("{") or len(text) > _LARGEST:
        return Bubble(text=text)
    try:
        message = json.loads(text)
        raw = json.dumps(message, ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return Bubble(text=text)
    if not isinstance(message, dict) or not ({"type", "payload"} <= message.keys() or "template_type" in message):
        return Bubble(text=text)
    payload = message.get("payload", message)
    kind = str(message.get("type", "template"))
    if not isinstance(payload, dict):
        return Bubble(text=_words(payload), kind=kind, raw=raw)
    kind = str(payload.get("template_type") or kind).replace("_", " ")
    shown = "\n".join(_lines(payload, skip=""))
    buttons, items = _buttons(payload), tuple(_table(payload) or _items(payload))
    if not (shown or buttons or items):
        shown = "\n".join(f"{key}: {_words(value)}" for key, value in list(payload.items())[:_MANY])
    return Bubble(text=shown, kind=kind, buttons=buttons, items=items, raw=raw)


def flat(bubble: Bubble) -> str:
    """Write a reply as plain lines, for comparing one with another."""
    lines = [bubble.text] if bubble.text else []
    if bubble.buttons:
        lines.append(" ".join(f"[{button}]" for button in bubble.buttons))
    for item in bubble.items:
        words = " · ".join((item.title, *item.lines))
        lines.append(" ".join([f"• {words}", *(f"[{button}]" for button in item.buttons)]))
    return "\n".join(lines)


def readable(text: str) -> str:
    """Write a template as plain lines, and leave other text as it is."""
    reply = read(text)
    return flat(reply) if reply.raw else text


def _lines(entry: Mapping[str, Any], skip: str) -> Iterator[str]:
    """Give the texts of an element, but for the one that is its title."""
    for key in _TEXTS:
        if key != skip and isinstance(entry.get(key), str | int | float) and str(entry[key]).strip():
            yield str(entry[key]).strip()


def _buttons(entry: Mapping[str, Any]) -> tuple[str, ...]:
    found = [button for key in _BUTTONS for button in _listed(entry.get(key))]
    return tuple(_title(button) for button in found[:_MANY])


def _items(entry: Mapping[str, Any], depth: int = 0) -> list[Item]:
    items: list[Item] = []
    for element in [element for key in _LISTS for element in _listed(entry.get(key))][:_MANY]:
        if not isinstance(element, dict):
            items.append(Item(title=_words(element)))
            continue
        key = next((key for key in _TITLES if isinstance(element.get(key), str) and element[key].strip()), "")
        title = str(element[key]).strip() if key else ""
        lines = tuple(_lines(element, skip=key))
        if not (title or lines):
            title = _words(element)
        items.append(Item(title=title, lines=lines, buttons=_buttons(element)))
        if depth < _DEPTH:
            items.extend(_items(element, depth + 1))
    return items[:_MANY]


def _table(entry: Mapping[str, Any]) -> list[Item]:
    """Read the table template: columns, and elements that hold `Values`."""
    columns = [
        _words(column[0] if isinstance(column, list) and column else column) for column in _listed(entry.get("columns"))
    ]
    rows = [row["Values"] for row in _listed(entry.get("elements")) if isinstance(row, dict) and "Values" in row]
    if not columns or not rows:
        return []
    return [
        Item(
            title=" · ".join(f"{column}: {_words(value)}" for column, value in zip(columns, _listed(row), strict=False))
        )
        for row in rows[:_MANY]
    ]


def _listed(value: object) -> Sequence[Any]:
    """Take a list as it is, and the lists in an object (tabs of a list) one after the other."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return [element for part in value.values() if isinstance(part, list) for element in part]
    return []


def _title(button: object) -> str:
    if isinstance(button, dict):
        texts = (button.get(key) for key in (*_TITLES, "value", "payload"))
        return next((text.strip() for text in texts if isinstance(text, str) and text.strip()), "(button)")
    return _words(button)


def _words(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


_OPERATORS = {"text": "equals", "flow": "reaches", "context": ""}


def label(assertion: Assertion) -> str:
    """Say in words what an assertion expects: `text equals "Hello"`, `flow reaches Confirmation`."""
    group = assertion.group
    values = [readable(check.value) for check in assertion.checks]
    if group == "context":
        # Each variable is expected; of texts and nodes one is enough.
        wanted = " and ".join(f"{check.field} = {value}" for check, value in zip(assertion.checks, values, strict=True))
    elif group == "flow":
        wanted = " or ".join(values)
    else:
        wanted = " or ".join(f'"{value}"' for value in values)
    return " ".join(part for part in (group, _OPERATORS.get(group, "matches"), wanted or "(nothing)") if part)


def step_label(step: Step) -> str:
    """Name a step by its number and what the user said."""
    return f"{step.number:02d} {step.input or step.event or '(no input)'}"


def difference(assertion: Assertion, reply: Reply) -> tuple[str, str]:
    """Put expected and actual side by side, in a line and at length."""
    actual = assertion.actual
    if actual is None and assertion.group == "text":
        actual = reply.actual
    values = [check.value for check in assertion.checks]
    read = [readable(value) for value in values]
    came = readable(actual) if actual is not None else None
    if actual is None or actual in values or came not in read:
        values, actual = read, came  # else the templates differ in what people don't see
    wanted = shorten(label(assertion), 140)
    message = f"{wanted}, but got {shorten(actual, 120)!r}" if actual is not None else f"{wanted}: failed"
    joint = "\n     or   "
    if assertion.group == "context":
        joint = "\n     and  "
        values = [f"{check.field} = {value}" for check, value in zip(assertion.checks, values, strict=True)]
    expected = joint.join(values)
    shown = actual if actual is not None else "(not reported by Kore.ai)"
    lines = [message, "", f"expected: {expected}", f"actual:   {shown}"]
    if assertion.reason:
        lines.append(f"reason:   {assertion.reason}")
    return message, "\n".join(lines)


def advice(source: Verdict | GateError) -> list[tuple[str, str]]:
    """Return what usually causes this and what to do, each with its label, as far as they are known."""
    labelled = (("Usual cause", source.cause), ("What to do", source.hint))
    return [(label, value) for label, value in labelled if value]


def explain(verdict: Verdict) -> str:
    """Write a verdict out: what happened, what usually causes it, what to do."""
    details = (f"  - {detail}" for detail in verdict.details)
    return "\n".join([verdict.message, *details, *(f"{label}: {value}" for label, value in advice(verdict))])


def shorten(name: str, limit: int) -> str:
    """Cut a text at so many characters, and show that it was."""
    return name if len(name) <= limit else name[: limit - 1].rstrip() + "…"


TITLES = {
    Ending.PASSED: "Passed",
    Ending.FAILED: "Failed",
    Ending.JOB_FAILED: "Job failed",
    Ending.TIMED_OUT: "Timed out",
    Ending.NOTHING_TO_TEST: "Nothing to test",
    Ending.REFUSED: "Refused",
    Ending.UNAVAILABLE: "Unavailable",
    Ending.INTERRUPTED: "Interrupted",
    Ending.ERROR: "Error",
}

MARKS = {
    "passed": "✓",
    "accepted": "✓",
    "failed": "✗",
    "error": "!",
    "unreached": "○",
    "unchecked": "○",
    "disabled": "○",
}

OUTCOMES = {
    "passed": "Passed",
    "accepted": "Accepted",
    "failed": "Failed",
    "error": "Not judged",
    "unreached": "Not executed",
    "unchecked": "Not checked",
    "disabled": "Disabled",
}

_EVIDENCE = {
    Evidence.EXECUTION: "Executed: Kore.ai ran this conversation against the bot and judged its replies.",
    Evidence.IMPORT_VALIDATION: (
        "Accepted by Kore.ai, not executed: the import was validated, and only a run shows whether it passes."
    ),
    Evidence.NONE: "No evidence: Kore.ai gave no result for this suite.",
}

_IN_PART = (
    "Partly executed: Kore.ai ran this conversation against the bot, but gave no result for the steps marked"
    " as not executed."
)
_COUNTED = "Executed: Kore.ai ran this conversation against the bot, but reported only counts."

RED = frozenset({Outcome.FAILED, Outcome.ERROR})


def evidence(result: SuiteResult) -> str:
    """Say what a passing test case of this suite proves."""
    steps = result.suite.steps if result.suite else ()
    if result.evidence is Evidence.EXECUTION:
        if not steps:
            return _COUNTED
        if not all(step.was_executed for step in steps):
            return _IN_PART
    return _EVIDENCE[result.evidence]


def step_outcome(result: SuiteResult, step: Step) -> str:
    """Name how a step ended, as its assertions show it: a key of `OUTCOMES`."""
    outcomes = {assertion.outcome for reply in step.replies for assertion in reply.assertions if assertion.enabled}
    if Outcome.ERROR in outcomes or step.outcome is Outcome.ERROR:
        return "error"
    if Outcome.FAILED in outcomes or step.outcome is Outcome.FAILED:
        return "failed"
    if not outcomes:
        accepted = result.evidence is Evidence.IMPORT_VALIDATION and step.outcome is not Outcome.PENDING
        return "unchecked" if accepted or step.was_executed else "unreached"
    return assertion_outcome(result, Outcome.PASSED if outcomes == {Outcome.PASSED} else Outcome.SKIPPED)


def assertion_outcome(result: SuiteResult, outcome: Outcome, *, enabled: bool = True) -> str:
    """Name how an assertion ended: a key of `OUTCOMES`."""
    if not enabled:
        return "disabled"
    if outcome is Outcome.PASSED and result.evidence is Evidence.IMPORT_VALIDATION:
        return "accepted"
    return "unreached" if outcome in (Outcome.SKIPPED, Outcome.PENDING) else outcome.value


def sentence(value: str) -> str:
    """Begin a text with a capital letter."""
    return value[:1].upper() + value[1:]


def plural(number: int, noun: str) -> str:
    """Count things: `1 step`, `1,250 steps`."""
    return f"{number:,} {noun}{'s' if number != 1 else ''}"


def actual(reply: Reply, assertion: Assertion) -> str | None:
    """Return what came instead of the expected, None where it is not known: the reply's text says nothing of nodes."""
    if assertion.actual is not None or assertion.group != "text":
        return assertion.actual
    return reply.actual


def web_link(url: str) -> str:
    """Return an address that is safe to link to, else nothing."""
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        return ""
    printable = url.isprintable() and " " not in url and len(url) <= 4000
    return url if printable and parts.scheme in ("http", "https") and parts.netloc else ""


def next_steps(call: Result) -> Sequence[str]:
    """Say what a reader can do now, in the order it helps."""
    steps: list[str] = []
    if any(result.verdict.ending is Ending.FAILED for result in call.suites):
        steps.append("Compare expected and actual: fix the bot, or the suite where the new reply is correct.")
    if any(result.evidence is Evidence.IMPORT_VALIDATION for result in call.suites):
        steps.append(
            "An import only shows that Kore.ai accepted the suite; `kore-gate run` or `kore-gate test` executes it."
        )
    return steps
