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
    """A response, understood: `message` is Kore.ai's own words, or what is wrong with them, in one line."""

    meaning: Meaning
    status: int
    message: str = ""
    body: Mapping[str, object] = dataclasses.field(default_factory=dict)


_MESSAGE_KEYS = ("msg", "message", "errorMessage", "error_description", "detail", "error", "errors")
_CODE_KEYS = ("code", "statusCode", "errorCode")
_ID_KEYS = ("_id", "dsId", "testRunId", "fileId")
_REFUSED_CODES = frozenset({"4002", "401", "403"})
_RATE_LIMIT = re.compile(r"rate[ _-]?limit", re.IGNORECASE)
# In quotes stands the name of something else, such as a suite's.
_QUOTED = re.compile(r"(?<!\w)'[^']*'(?!\w)|\"[^\"]*\"|\u2018[^\u2019]*\u2019|\u201c[^\u201d]*\u201d|«[^»]*»|`[^`]*`")
_LIMIT_TEXT_LENGTH = 2000
_MAX_ERROR_DEPTH = 5
_MAX_SKEW = 10 * 365 * 86_400.0
_NO_SECRETS = Redactor()


def understand(status: int, data: bytes, redactor: Redactor = _NO_SECRETS) -> Answer:
    """Tell what a response means, from its status and its body; no secret gets beyond this point."""
    body, fault = _decode(data, redactor)
    rows = [] if fault else error_rows(body)
    message = "; ".join(worded(rows)) or fault
    if not message and not isinstance(body, Mapping | None):
        message = "JSON that is not an object"
    failing = status >= 400 or not isinstance(body, Mapping) or _is_error(body, rows)
    meaning = _of_failure(status, rows, message, data) if failing else None
    meaning = meaning or _of_status(status, body, failing)
    good = body if isinstance(body, Mapping) and meaning is Meaning.GOOD else {}
    return Answer(meaning=meaning, status=status, message=text.line(message), body=good)


def _of_failure(status: int, rows: list[tuple[str, str]], message: str, data: bytes) -> Meaning | None:
    """Tell what a failure's codes and words mean, None where the status alone decides."""
    codes = {code for code, _ in rows}
    limit = Meaning.LIMITED_HOURLY if "hour" in message.casefold() else Meaning.LIMITED
    # A gateway may say it in plain text or HTML; in a long page the words prove nothing.
    page = data.decode("utf-8", "replace") if not rows and len(data) < _LIMIT_TEXT_LENGTH else ""
    # A status or a code goes before words, which may be a suite's name.
    if status == 429 or "429" in codes:
        return limit
    if status == 401 or codes & {"401", "4002"}:
        return Meaning.REFUSED
    if status != 404 and "404" not in codes and (_is_rate_limit(message) or _is_rate_limit(page)):
        return limit
    if status == 403 or "403" in codes:
        return Meaning.REFUSED
    if status == 404 or (status < 300 and "404" in codes):
        return Meaning.ABSENT
    return None


def _of_status(status: int, body: object, failing: bool) -> Meaning:
    if status in (408, 425) or status >= 500:
        return Meaning.TRANSIENT
    if not 200 <= status < 300:
        return Meaning.REJECTED
    if body in (None, {}):
        return Meaning.ABSENT
    if not isinstance(body, Mapping):
        return Meaning.TRANSIENT
    return Meaning.REJECTED if failing else Meaning.GOOD


def _decode(data: bytes, redactor: Redactor) -> tuple[object, str]:
    """Read a body as JSON; say what it is instead if it is none."""
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
    """Return the seconds that a Retry-After header asks to wait, as a number or as a date."""
    if header and header.strip().replace(".", "", 1).isdecimal():
        return float(header)
    seconds = _until(header, now)
    return None if seconds is None else max(0.0, seconds)


def skew(date: str | None, now: datetime.datetime) -> float | None:
    """Return how many seconds Kore.ai's clock is ahead of ours, by its Date header; None if it can't be a clock's."""
    seconds = _until(date, now)
    return seconds if seconds is not None and abs(seconds) < _MAX_SKEW else None


def _until(date: str | None, now: datetime.datetime) -> float | None:
    try:
        then = email.utils.parsedate_to_datetime(date or "")
        return (then if then.tzinfo else then.replace(tzinfo=datetime.UTC)).timestamp() - now.timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def error_rows(body: object, depth: int = _MAX_ERROR_DEPTH) -> list[tuple[str, str]]:
    """Return code and message of every error an answer holds, whatever its form."""
    if isinstance(body, list):
        return [row for part in body for row in error_rows(part, depth - 1)] if depth else []
    if not isinstance(body, Mapping):
        return [("", body)] if isinstance(body, str) and body else []
    code = _code(body)
    inner = body.get("errors") or body.get("error")
    if depth and isinstance(inner, list | Mapping):
        rows = [(own or code, message) for own, message in error_rows(inner, depth - 1)]
        if rows:
            return rows
    message = next((as_text(body[key]) for key in _MESSAGE_KEYS if body.get(key)), "")
    return [(code, message)] if message or code else []


def worded(rows: list[tuple[str, str]]) -> list[str]:
    """Write errors as text, with their codes."""
    return [f"{message} (code {code})" if code else message for code, message in rows]


def _is_error(body: Mapping[str, object], rows: list[tuple[str, str]]) -> bool:
    """Tell whether an answer under 200 is an error all the same: errors without a status, or without a job's fields."""
    has_word = body.get("status") is not None and not digits(body["status"])
    if not has_word and (body.get("errors") or body.get("error")):
        return True
    if any(body.get(key) for key in _ID_KEYS):
        return False
    if any(code in _REFUSED_CODES or _is_rate_limit(message) for code, message in rows):
        return True
    return not has_word and any("400" <= code <= "599" and len(code) == 3 for code, _ in rows)


def _code(body: Mapping[str, object]) -> str:
    """Return an error's code; a status that is a number is one, too."""
    code = next((body[key] for key in _CODE_KEYS if body.get(key)), "")
    return digits(code) or as_text(code).strip() or digits(body.get("status"))


def _is_rate_limit(message: str) -> bool:
    return bool(_RATE_LIMIT.search(_QUOTED.sub("", message)))


def as_text(value: object) -> str:
    """Return a value as the text it would be in JSON, strings as they are, nothing for null."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "(nested too deeply to show)"


def digits(value: object) -> str:
    """Return the digits of a whole number, in whichever type it came; nothing for anything else."""
    number = as_text(value).strip().removesuffix(".0")
    return number if number.isdecimal() else ""


def seconds(milliseconds: object) -> float | None:
    """Return a duration in seconds; None if it is not one."""
    try:
        duration = float(as_text(milliseconds)) / 1000
    except ValueError:
        return None
    return round(duration, 3) if 0 <= duration < 10**7 else None


def name_of_type(value: object) -> str:
    """Name the type of a value."""
    names = {str: "a string", bool: "a boolean", int: "a number", float: "a number", list: "a list"}
    return "an object" if isinstance(value, dict) else names.get(type(value), "null")
