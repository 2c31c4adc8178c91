"""Facts in words, the same in every report: replies, assertions, steps, outcomes, verdicts, durations."""

import functools
import itertools
import json
import pathlib
import typing
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kore_gate.errors import Ending, GateError
from kore_gate.model import Assertion, Check, Evidence, Fact, Mark, Origin, Outcome, Reply, Step, SuiteResult, Verdict

_TITLES = ("title", "text", "heading", "header", "label", "name")
_TEXTS = ("text", "heading", "title", "subtitle", "sub_title", "description", "value", "message", "url")
_BUTTONS = ("buttons", "quick_replies", "quickReplies", "actions", "suggestions")
_LISTS = ("elements", "cards", "items", "list", "listItems", "options", "rows", "radioOptions", "formFields")

_LARGEST = 100_000
_MANY = 40
_DEPTH = 6


class Bubble(Fact, frozen=True, kw_only=True):
    """What a reply shows, or an element of its list or table (its title is the text)."""

    text: str
    lines: tuple[str, ...] = ()
    buttons: tuple[str, ...] = ()
    items: tuple["Bubble", ...] = ()
    kind: str = ""  # of a template
    raw: str = ""  # the JSON of a template


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
        return Bubble(text=_text(payload), kind=kind, raw=raw)
    kind = str(payload.get("template_type") or kind).replace("_", " ")
    lines, buttons = _texts(payload, _TEXTS), _buttons(payload)
    items = tuple(itertools.islice(_items(payload), _MANY))
    if not (lines or buttons or items):
        lines = [f"{key}: {_text(value)}" for key, value in list(payload.items())[:_MANY]]
    return Bubble(text="\n".join(lines), kind=kind, buttons=buttons, items=items, raw=raw)


@functools.lru_cache(maxsize=256)  # the same templates come again and again
def readable(text: str) -> str:
    """Write a template as plain lines, and leave other text as it is."""
    bubble = read(text)
    if not bubble.raw:
        return text
    lines = [bubble.text, " ".join(f"[{button}]" for button in bubble.buttons)]
    for item in bubble.items:
        texts = " · ".join((item.text, *item.lines))
        lines.append(" ".join([f"• {texts}", *(f"[{button}]" for button in item.buttons)]))
    return "\n".join(filter(None, lines))


def _items(parent: Mapping[str, Any], depth: int = 0) -> Iterator[Bubble]:
    """List the elements of a template, each before those within it; rows of a table name their columns."""
    columns = [_text(one[0] if isinstance(one, list) and one else one) for one in _listed(parent.get("columns"))]
    for element in _elements(parent, _LISTS):
        if not isinstance(element, dict):
            yield Bubble(text=_text(element))
        elif columns and "Values" in element:
            cells = zip(columns, _listed(element["Values"]), strict=False)
            yield Bubble(text=" · ".join(f"{name}: {_text(value)}" for name, value in cells))
        else:
            title = next(iter(_texts(element, _TITLES)), "")
            lines = _texts(element, _TEXTS)
            if title in lines:
                lines.remove(title)
            title = title if title or lines else _text(element)
            yield Bubble(text=title, lines=tuple(lines), buttons=_buttons(element))
            if depth < _DEPTH:
                yield from _items(element, depth + 1)


def _buttons(parent: Mapping[str, Any]) -> tuple[str, ...]:
    keys = (*_TITLES, "value", "payload")
    return tuple(
        next(iter(_texts(button, keys)), "(button)") if isinstance(button, dict) else _text(button)
        for button in _elements(parent, _BUTTONS)
    )


def _texts(element: Mapping[str, Any], keys: Sequence[str]) -> list[str]:
    values = (element[key] for key in keys if isinstance(element.get(key), str | int | float))
    return [text for value in values if (text := str(value).strip())]


def _elements(parent: Mapping[str, Any], keys: Sequence[str]) -> Sequence[Any]:
    return [element for key in keys for element in _listed(parent.get(key))][:_MANY]


def _listed(value: object) -> Sequence[Any]:
    """Return a list as it is, and the lists in an object (tabs of a list) one after the other."""
    if isinstance(value, dict):
        return [element for part in value.values() if isinstance(part, list) for element in part]
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


UNKNOWN = "(not reported by Kore.ai)"


def label(assertion: Assertion) -> str:
    """Say in words what an assertion expects: `text equals "Hello"`, `flow reaches Confirmation`."""
    values = expected_values(assertion)
    match assertion.group:
        case "context":
            # Each variable is expected; of texts and nodes one is enough.
            return f"context {' and '.join(values) or '(nothing)'}"
        case "flow":
            return f"flow reaches {' or '.join(values) or '(nothing)'}"
        case group:
            operator = "equals" if group == "text" else "matches"
            quoted = " or ".join(f'"{value}"' for value in values) or "(nothing)"
            return f"{group} {operator} {quoted}".lstrip()


def expected_values(assertion: Assertion) -> Sequence[str]:
    """Return what an assertion expects, each value as people read it."""
    return [_with_field(assertion, check, readable(check.value)) for check in assertion.checks]


def actual_value(assertion: Assertion, reply: Reply) -> str | None:
    """Return the value an assertion met, None where it is not known: the reply's text says nothing of nodes."""
    return reply.actual if assertion.actual is None and assertion.group == "text" else assertion.actual


def _with_field(assertion: Assertion, check: Check, value: str) -> str:
    """Put the field before its value where a value alone says too little."""
    return f"{check.field} = {value}" if assertion.group == "context" else value


def step_label(step: Step) -> str:
    """Name a step by its number and what the user said."""
    return f"{step.number:02d} {step.input or step.event or '(no input)'}"


def compared(assertion: Assertion, reply: Reply) -> tuple[list[str], str | None]:
    """Return the expected values and the actual one (None: not known), in a form in which they differ."""
    expected, actual = [check.value for check in assertion.checks], actual_value(assertion, reply)
    readable_expected = [readable(value) for value in expected]
    if actual is None:
        return readable_expected, None
    if readable(actual) in readable_expected and actual not in expected:
        return expected, actual  # templates may differ in what people don't see
    return readable_expected, readable(actual)


def difference(assertion: Assertion, reply: Reply) -> tuple[str, str]:
    """Put expected and actual side by side, in a line and at length."""
    values, actual = compared(assertion, reply)
    expectation = shorten(label(assertion), 140)
    message = f"{expectation}, but got {shorten(actual, 120)!r}" if actual is not None else f"{expectation}: failed"
    joint = "\n     and  " if assertion.group == "context" else "\n     or   "
    pairs = zip(assertion.checks, values, strict=True)
    expected = joint.join(_with_field(assertion, check, value) for check, value in pairs)
    lines = [message, "", f"expected: {expected}", f"actual:   {UNKNOWN if actual is None else actual}"]
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


def mark(of: Mark) -> str:
    """Say in a line why a failure does not count: `known until 2026-12-31: ticket 7`."""
    until = f" until {of.until}" if of.until else ""
    return f"{of.policy}{until}: {of.reason}"


def shorten(name: str, limit: int) -> str:
    """Cut a text at so many characters, and show that it was."""
    return name if len(name) <= limit else name[: limit - 1].rstrip() + "…"


TITLES = {ending: ending.replace("-", " ").capitalize() for ending in Ending}

# The mark and the title of each way a step or an assertion can end.
OUTCOMES = {
    "passed": ("✓", "Passed"),
    "accepted": ("✓", "Accepted"),
    "failed": ("✗", "Failed"),
    "error": ("!", "Not judged"),
    "unreached": ("○", "Not executed"),
    "unchecked": ("○", "Not checked"),
    "disabled": ("○", "Disabled"),
    "forgiven": ("~", "Forgiven"),
}


def evidence(result: SuiteResult) -> str:
    """Say what a passing test case of this suite proves."""
    match result.evidence:
        case Evidence.NONE:
            return "No evidence: Kore.ai gave no result for this suite."
        case Evidence.IMPORT_VALIDATION:
            return (
                "Accepted by Kore.ai, not executed: the import was validated, and only a run shows whether it passes."
            )
        case Evidence.EXECUTION if not result.steps:
            return "Executed: Kore.ai ran this conversation against the bot, but reported only counts."
        case Evidence.EXECUTION if all(step.was_executed for step in result.steps):
            return "Executed: Kore.ai ran this conversation against the bot and judged its replies."
        case Evidence.EXECUTION:
            return (
                "Partly executed: Kore.ai ran this conversation against the bot, but gave no result for the steps"
                " marked as not executed."
            )
        case _:
            typing.assert_never(result.evidence)


def step_outcome(result: SuiteResult, step: Step) -> str:
    """Name how a step ended, as its assertions show it: a key of `OUTCOMES`."""
    outcomes = set(step.enabled_outcomes)
    if step.is_forgiven:
        return "forgiven"
    if step.is_red:
        return "error" if Outcome.ERROR in (*outcomes, step.outcome) else "failed"
    if outcomes:
        return _outcome(result, Outcome.PASSED if outcomes == {Outcome.PASSED} else Outcome.SKIPPED)
    was_accepted = result.evidence is Evidence.IMPORT_VALIDATION and step.outcome is not Outcome.PENDING
    return "unchecked" if was_accepted or step.was_executed else "unreached"


def assertion_outcome(result: SuiteResult, assertion: Assertion) -> str:
    """Name how an assertion ended: a key of `OUTCOMES`."""
    if assertion.mark:
        return "forgiven"
    return _outcome(result, assertion.outcome) if assertion.enabled else "disabled"


def _outcome(result: SuiteResult, outcome: Outcome) -> str:
    if outcome is Outcome.PASSED and result.evidence is Evidence.IMPORT_VALIDATION:
        return "accepted"
    return outcome.value if outcome.is_judged else "unreached"


def sentence(value: str) -> str:
    """Begin a text with a capital letter."""
    return value[:1].upper() + value[1:]


def web_link(url: str) -> str:
    """Return an address that is safe to link to, else nothing."""
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        return ""
    printable = url.isprintable() and " " not in url and len(url) <= 4000
    return url if printable and parts.scheme in ("http", "https") and parts.netloc else ""


def source_link(origin: Origin, file: str, line: int) -> str:
    """Return the address of a line of the commit that was tested, "" where there is none."""
    path = pathlib.PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts:  # not a file of the repository
        return ""
    address = origin.source_url.replace("{line}", str(line))
    return web_link(address.replace("{path}", urllib.parse.quote(file, errors="replace")))
