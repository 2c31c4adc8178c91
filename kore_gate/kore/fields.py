"""Single values of an answer, whatever their type: as text, as a number, as a word for what they are."""

import json


def as_text(found: object) -> str:
    """Return a value as the text it would be in JSON, strings as they are, nothing for null."""
    if found is None:
        return ""
    if isinstance(found, str):
        return found
    try:
        return json.dumps(found, ensure_ascii=False)
    except RecursionError:
        return "(nested too deeply to be shown)"


def seconds(milliseconds: object) -> float | None:
    """Return a duration in seconds; None if it is none."""
    try:
        found = float(as_text(milliseconds)) / 1000
    except ValueError:
        return None
    return round(found, 3) if 0 <= found < 10**7 else None


def name_of_type(found: object) -> str:
    """Name the type of a value."""
    names = {
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(found), "null")


def digits(found: object) -> str:
    """Return the digits of a whole number, in whichever type it came; nothing for what is none."""
    text = as_text(found).strip().removesuffix(".0")
    return text if text.isdecimal() else ""
