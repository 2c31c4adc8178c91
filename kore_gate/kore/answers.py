"""What an HTTP answer means for the call that asked: a table, apart from any waiting or retrying."""

import contextlib
import dataclasses
import datetime
import email.utils
import enum
import gc
import json
from collections.abc import Iterator, Mapping

from kore_gate import text
from kore_gate.kore import payloads
from kore_gate.redact import Redactor


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


_TRANSIENT = frozenset({408, 425})
_LIMIT_TEXT_LENGTH = 2000
_MOST_SKEW = 10 * 365 * 86_400.0
_NO_SECRETS = Redactor()


def understand(status: int, data: bytes, redactor: Redactor = _NO_SECRETS) -> Answer:
    """Tell what an answer means, from its status and its body; no secret gets beyond this point."""
    body, fault = _decode(data, redactor)
    rows = payloads.error_rows(body) if fault == "" else []
    failing = status >= 400 or not isinstance(body, Mapping) or payloads.is_error(body)
    told = "; ".join(f"{words} (code {code})" if code else words for code, words in rows) or fault
    if not told and not isinstance(body, Mapping | None):
        told = "JSON that is no object"

    def answer(meaning: Meaning) -> Answer:
        found = body if isinstance(body, Mapping) and meaning is Meaning.GOOD else {}
        return Answer(meaning=meaning, status=status, said=text.line(told), body=found)

    if failing:
        codes = {code for code, _ in rows}
        # What a status or a code says goes before words, which may be a suite's name.
        limit = Meaning.LIMITED_HOURLY if payloads.is_hourly(told) else Meaning.LIMITED
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
    return payloads.is_rate_limit(told) or payloads.is_rate_limit(raw)


def _decode(data: bytes, redactor: Redactor) -> tuple[object, str]:
    """Read a body as JSON; say what it is instead if it is no object."""
    if not data.strip():
        return None, "an empty answer"
    try:
        with _without_gc():
            return redactor.json(json.loads(data)), ""
    except RecursionError:
        return "", "JSON nested too deeply"
    except ValueError:
        start = text.line(redactor.text(data[:_LIMIT_TEXT_LENGTH].decode("utf-8", "replace")), 80)
        kind = "HTML" if data.lstrip()[:1] == b"<" else "something that is no JSON"
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
