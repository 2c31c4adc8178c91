"""What an HTTP response means for its request, decoded, bounded and without secrets; and how its values are read."""

import contextlib
import dataclasses
import datetime
import email.utils
import enum
import gc
import json
import re
from collections.abc import Iterator, Mapping

from kore_gate import text
from kore_gate.settings.redact import Redactor


class Meaning(enum.StrEnum):
    """What to do about an answer."""

    GOOD = "good"
    ABSENT = "absent"  # 404, or nothing at all: not visible yet, or gone
    TRANSIENT = "transient"
    LIMITED = "limited"
    LIMITED_HOURLY = "limited-hourly"
    REFUSED = "refused"
    REJECTED = "rejected"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """One answer, understood: `said` is Kore.ai's own words, or what is wrong with them, in one line."""

    meaning: Meaning
    status: int
    said: str = ""
    body: Mapping[str, object] = dataclasses.field(default_factory=dict)


REFUSED_CODES = frozenset({"4002", "401", "403"})
_SAID_KEYS = ("msg", "message", "errorMessage", "error_description", "detail", "error", "errors")
_CODE_KEYS = ("code", "statusCode", "errorCode")
_ID_KEYS = ("_id", "dsId", "testRunId", "fileId")
_RATE_LIMIT = re.compile(r"rate[ _-]?limit", re.IGNORECASE)
_QUOTED = re.compile(r"(?<!\w)'[^']*'(?!\w)|\"[^\"]*\"|\u2018[^\u2019]*\u2019|\u201c[^\u201d]*\u201d|«[^»]*»|`[^`]*`")
_TRANSIENT = frozenset({408, 425})
_LIMIT_TEXT_LENGTH = 2000
_MOST_SKEW = 10 * 365 * 86_400.0
_NO_SECRETS = Redactor()


def understand(status: int, data: bytes, redactor: Redactor = _NO_SECRETS) -> Answer:
    """Tell what an answer means, from its status and its body; no secret gets beyond this point."""
    body, fault = _decode(data, redactor)
    rows = error_rows(body) if fault == "" else []
    failing = status >= 400 or not isinstance(body, Mapping) or is_error(body)
    told = "; ".join(f"{words} (code {code})" if code else words for code, words in rows) or fault
    if not told and not isinstance(body, Mapping | None):
        told = "JSON that is not an object"

    def answer(meaning: Meaning) -> Answer:
        found = body if isinstance(body, Mapping) and meaning is Meaning.GOOD else {}
        return Answer(meaning=meaning, status=status, said=text.line(told), body=found)

    if failing:
        codes = {code for code, _ in rows}
        # What a status or a code says goes before words, which may be a suite's name.
        limit = Meaning.LIMITED_HOURLY if is_hourly(told) else Meaning.LIMITED
        if status == 429 or "429" in codes:
            return answer(limit)
        if status == 401 or codes & {"401", "4002"}:
            return answer(Meaning.REFUSED)
        if status != 404 and "404" not in codes and _speaks_of_limit(told, b"" if rows else data):
            return answer(limit)
        if status == 403 or "403" in codes:
            return answer(Meaning.REFUSED)
        if status == 404 or (status < 300 and "404" in codes):
            return answer(Meaning.ABSENT)
    return answer(_by_status(status, body, failing))


def _by_status(status: int, body: object, failing: bool) -> Meaning:
    if status in _TRANSIENT or status >= 500:
        return Meaning.TRANSIENT
    if not 200 <= status < 300:
        return Meaning.REJECTED
    if body in (None, {}):
        return Meaning.ABSENT
    if not isinstance(body, Mapping):
        return Meaning.TRANSIENT
    return Meaning.REJECTED if failing else Meaning.GOOD


def _speaks_of_limit(told: str, data: bytes) -> bool:
    # A gateway may say it in plain text or HTML; in a long page the words prove nothing.
    raw = data.decode("utf-8", "replace") if len(data) < _LIMIT_TEXT_LENGTH else ""
    return is_rate_limit(told) or is_rate_limit(raw)


def _decode(data: bytes, redactor: Redactor) -> tuple[object, str]:
    """Read a body as JSON; say what it is instead if it is no object."""
    if not data.strip():
        return None, "an empty response"
    try:
        with _without_gc():
            return redactor.json(json.loads(data)), ""
    except RecursionError:
        return "", "JSON nested too deeply"
    except ValueError:
        start = text.line(redactor.text(data[:_LIMIT_TEXT_LENGTH].decode("utf-8", "replace")), 80)
        kind = "HTML" if data.lstrip()[:1] == b"<" else "something that is not JSON"
        return "", f"{kind}: {start}"


@contextlib.contextmanager
def _without_gc() -> Iterator[None]:
    """Spare the parser the search for cycles: JSON has none, and in a large answer it takes most of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def retry_after(header: str | None, now: datetime.datetime) -> float | None:
    """Return the seconds that a Retry-After header asks to wait, given as a number or as a date."""
    if not header:
        return None
    try:
        return max(0.0, float(header)) if header.strip().replace(".", "", 1).isdigit() else _until(header, now)
    except (ValueError, TypeError, OverflowError):
        return None


def skew(date: str | None, now: datetime.datetime) -> float | None:
    """Return how many seconds Kore.ai's clock is ahead of ours, by its Date header; None if it can't be a clock's."""
    try:
        seconds = _until(date, now, floor=None) if date else None
    except (ValueError, TypeError, OverflowError):
        return None
    return seconds if seconds is not None and abs(seconds) < _MOST_SKEW else None


def _until(date: str, now: datetime.datetime, floor: float | None = 0.0) -> float:
    then = email.utils.parsedate_to_datetime(date)
    if then.tzinfo is None:
        then = then.replace(tzinfo=datetime.UTC)
    seconds = (then - now).total_seconds()
    return seconds if floor is None else max(floor, seconds)


def error_rows(body: object, depth: int = 5) -> list[tuple[str, str]]:
    """Return code and text of every error an answer names, whatever its form."""
    if isinstance(body, list):
        return [row for part in body for row in error_rows(part, depth - 1)] if depth else []
    if not isinstance(body, Mapping):
        return [("", body)] if isinstance(body, str) and body else []
    code = _code(body)
    found = body.get("errors") or body.get("error")
    if depth and isinstance(found, list | Mapping):
        rows = [(own or code, said) for own, said in error_rows(found, depth - 1)]
        if rows:
            return rows
    said = next((as_text(body[key]) for key in _SAID_KEYS if body.get(key)), "")
    return [(code, said)] if said or code else []


def is_error(body: Mapping[str, object]) -> bool:
    """Tell whether an answer under 200 is an error all the same: errors and no status, or none of a job's fields."""
    worded = body.get("status") is not None and not digits(body["status"])
    if not worded and (body.get("errors") or body.get("error")):
        return True
    if any(body.get(key) for key in _ID_KEYS):
        return False
    rows = error_rows(body)
    if any(code in REFUSED_CODES or is_rate_limit(said) for code, said in rows):
        return True
    return not worded and any("400" <= code <= "599" and len(code) == 3 for code, _ in rows)


def _code(body: Mapping[str, object]) -> str:
    """Return an error's code; a status that is a number is one, too."""
    found = next((body[key] for key in _CODE_KEYS if body.get(key)), "")
    return digits(found) or as_text(found).strip() or digits(body.get("status"))


def is_rate_limit(text: str) -> bool:
    """Tell whether an error speaks of a rate limit; in quotes stands the name of something else."""
    return bool(_RATE_LIMIT.search(_QUOTED.sub("", text)))


def is_hourly(text: str) -> bool:
    """Tell whether it is the hour's limit that is used up."""
    return "hour" in text.casefold()


def as_text(found: object) -> str:
    """Return a value as the text it would be in JSON, strings as they are, nothing for null."""
    if found is None:
        return ""
    if isinstance(found, str):
        return found
    try:
        return json.dumps(found, ensure_ascii=False)
    except RecursionError:
        return "(nested too deeply to show)"


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
        str: "a string",
        bool: "a boolean",
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
