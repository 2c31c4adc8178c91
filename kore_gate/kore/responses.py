"""What an HTTP response means for its request: its body, without secrets, or an error; and how its values are read."""

import datetime
import email.utils
import json
import random
import re
from collections.abc import Mapping

from kore_gate import errors, text
from kore_gate.kore.retries import TryAgain
from kore_gate.kore.transport import HttpResponse
from kore_gate.settings.redact import Redactor

# Where Kore.ai gives the reason of a failure.
REASON_KEYS = ("reason", "errorMessage", "error", "message", "msg", "comments", "errorDetails")

_MESSAGE_KEYS = ("msg", "message", "errorMessage", "error_description", "detail", "error", "errors")
_CODE_KEYS = ("code", "statusCode", "errorCode")
_ID_KEYS = ("_id", "dsId", "testRunId", "fileId")
_REFUSED_CODES = frozenset({"4002", "401", "403"})
_RATE_LIMIT = re.compile(r"rate[ _-]?limit", re.IGNORECASE)
# In quotes stands the name of something else, such as a suite's.
_QUOTED = re.compile(r"(?<!\w)'[^']*'(?!\w)|\"[^\"]*\"|\u2018[^\u2019]*\u2019|\u201c[^\u201d]*\u201d|«[^»]*»|`[^`]*`")
_LIMIT_TEXT_LENGTH = 2000
# What nginx and Apache, and servers in Go, answer on a port for https.
_PLAIN_HTTP = re.compile(r"plain HTTP\b.{0,40}\b(?:HTTPS|SSL)|HTTP request to an HTTPS server", re.IGNORECASE)
_TEN_YEARS = 10 * 365 * 86_400.0


def read(response: HttpResponse, redactor: Redactor, now: datetime.datetime, *, is_job: bool) -> Mapping[str, object]:
    """Return the body of a good response, to a request for a job or another; it holds no secrets.

    Raises TryAgain for what may pass, Gone for a job whose record is not there, Refused or Rejected for the rest.
    """
    status, headers, data = response.status_code, response.headers, response.content
    body, fault = _decode(data, redactor)
    rows = error_rows(body)
    message = text.line("; ".join(worded(rows)) or fault) or "no reason given"
    is_failure = status >= 400 or not isinstance(body, Mapping) or _is_error(body, rows)
    codes = {str(status), *(code for code, _ in rows)} if is_failure else set()
    # A gateway may say it in plain text or HTML; in a long page the words prove nothing.
    is_page = not rows and len(data) < _LIMIT_TEXT_LENGTH
    words = data.decode("utf-8", "replace") if is_page else message
    wait = retry_after(headers, now)
    # A status or a code goes before words, which may be a suite's name.
    if "429" in codes or (is_failure and not codes & {"401", "4002", "404"} and _is_rate_limit(words)):
        source = "rate limit of Kore.ai, by its Retry-After"
        if wait is None:
            source = "rate limit of Kore.ai"
            least = 300.0 if "hour" in message.casefold() else 20.0
            wait = least * random.uniform(1, 2)  # noqa: S311 spreads callers, guards nothing
        raise TryAgain(f"{source} (HTTP {status}, {message})", arrived=False, limited=True, wait=wait)
    if codes & _REFUSED_CODES:
        refusal = errors.Refused(f"Kore.ai refused the credentials (HTTP {status}): {message}")
        refusal.is_forbidden = "403" in codes
        raise refusal
    if status == 400 and _PLAIN_HTTP.search(words):
        raise errors.Unavailable(
            f"The host expects https, not http (HTTP {status}): {message}",
            cause="http:// in host, for a port that expects https.",
            hint="Write host with https://, or with the port that expects http.",
        )
    is_absent = status == 404 or (status < 300 and ("404" in codes or body in (None, {})))
    if is_absent and is_job:
        raise errors.Gone(f"HTTP {status}, {message}")
    is_unreadable = status < 300 and not isinstance(body, Mapping)
    if status in (408, 425) or status >= 500 or is_unreadable or (is_absent and status < 300):
        raise TryAgain(f"HTTP {status}, {message}", arrived=status != 503, wait=wait or 0.0)
    if is_failure or status >= 300:
        raise _rejection(status, message, redactor.text(headers.get("location", "nowhere")))
    assert isinstance(body, Mapping)
    return body


def _rejection(status: int, message: str, location: str) -> errors.Rejected:
    """Return the error for a response that rejects a request, with what is usually behind it."""
    cause = "an e-mail or stream-id that Kore.ai does not know, or a file that is not a conversation suite."
    hint = "Fix what the message names; check user-email, stream-id and file (`kore-gate doctor` checks the rest)."
    moved = ""
    if status in (404, 405):
        cause = "a wrong host, base path, stream-id or suite name."
        hint = "Check host and stream-id, and that a suite of this name exists."
    elif 300 <= status < 400:
        moved = f", a redirect to {text.line(location, 120)} that kore_gate does not follow"
        cause = "a wrong host, or http where https is needed."
        hint = "Set host to the redirect's target, if that is Kore.ai."
    return errors.Rejected(f"Kore.ai returned HTTP {status}{moved}: {message}", cause=cause, hint=hint, status=status)


def _decode(data: bytes, redactor: Redactor) -> tuple[object, str]:
    """Read a body as JSON; say what it is instead if it is not an object."""
    if not data.strip():
        return None, "an empty response"
    try:
        body = redactor.json(data)
    except RecursionError:
        return "", "JSON nested too deeply"
    except ValueError:
        start = text.line(redactor.text(data[:_LIMIT_TEXT_LENGTH].decode("utf-8", "replace")), 80)
        kind = "HTML" if data.lstrip()[:1] == b"<" else "something that is not JSON"
        return "", f"{kind}: {start}"
    return body, "" if isinstance(body, Mapping | None) else "JSON that is not an object"


def retry_after(headers: Mapping[str, str], now: datetime.datetime) -> float | None:
    """Return the seconds that a Retry-After header asks to wait, as a number or as a date."""
    header = headers.get("retry-after", "").strip()
    if header.replace(".", "", 1).isdecimal():
        return float(header)
    ahead = skew(header, now)
    # A date is one of the clock that wrote it.
    return None if ahead is None else max(0.0, ahead - (skew(headers.get("date"), now) or 0.0))


def skew(date: str | None, now: datetime.datetime) -> float | None:
    """Return how many seconds a date of Kore.ai's is ahead of ours; None if it is not a date that a clock can show."""
    try:
        then = email.utils.parsedate_to_datetime(date or "")
        seconds = (then.replace(tzinfo=then.tzinfo or datetime.UTC) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return seconds if abs(seconds) < _TEN_YEARS else None


def error_rows(body: object, depth: int = 5) -> list[tuple[str, str]]:
    """Return code and message of every error an answer holds, whatever its form."""
    if isinstance(body, list):
        return [row for part in body for row in error_rows(part, depth - 1)] if depth else []
    if not isinstance(body, Mapping):
        return [("", body)] if isinstance(body, str) and body else []
    code = _code(body)
    inner = body.get("errors") or body.get("error")
    if depth and isinstance(inner, list | Mapping) and (rows := error_rows(inner, depth - 1)):
        return [(own or code, message) for own, message in rows]
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


def number(value: object, most: float) -> float | None:
    """Return a number from zero to so many, in whichever type it came; None if it is not one."""
    if value is None:
        return None
    try:
        amount = float(as_text(value))
    except ValueError:
        return None
    return amount if 0 <= amount <= most else None


def name_of_type(value: object) -> str:
    """Name the type of a value."""
    names = {str: "a string", bool: "a boolean", int: "a number", float: "a number", list: "a list"}
    return "an object" if isinstance(value, dict) else names.get(type(value), "null")
