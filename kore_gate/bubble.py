"""A reply of the bot as people read it: templates become text, buttons and lists."""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

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
