"""What each answer means: status code and form of the body."""

import datetime
import gc
import json
import re
from collections.abc import Mapping
from typing import NamedTuple

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kore_gate.errors import Gone, Refused, Rejected
from kore_gate.kore import responses
from kore_gate.kore.retries import TryAgain
from kore_gate.settings.redact import Redactor
from kore_gate.simulator import scenarios, service
from tests.fakes.caller import SAMPLES, sample

NOW = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
RUNNING = b'{"_id": "ds-1", "status": "IN_PROGRESS"}'
DEEP = b"[" * 20_000

GOOD, ABSENT, TRANSIENT, LIMITED = "good", "absent", "transient", "limited"
HOURLY, REFUSED, REJECTED = "hourly", "refused", "rejected"


class Understood(NamedTuple):
    """What became of a response to a request for a job."""

    meaning: str
    message: str = ""
    body: Mapping[str, object] | None = None


def understand(status: int, data: bytes, redactor: Redactor | None = None) -> Understood:
    """Read a response; tell how that ended, and with which words of Kore.ai's."""
    response = httpx.Response(status, content=data)
    try:
        body = responses.read(response, redactor or Redactor(), NOW, is_job=True)
    except TryAgain as failure:
        limit = HOURLY if failure.wait >= 300 else LIMITED
        return Understood(limit if failure.limited else TRANSIENT, failure.message.partition(", ")[2])
    except (Gone, Refused, Rejected) as error:
        meaning = {Gone: ABSENT, Refused: REFUSED, Rejected: REJECTED}[type(error)]
        return Understood(meaning, re.split(r"HTTP \d+\)?[,:] ", error.message, maxsplit=1)[-1])
    return Understood(GOOD, body=body)


def errors(*rows: object) -> bytes:
    return json.dumps({"errors": rows}).encode()


def error(said: str, code: object) -> bytes:
    return errors({"msg": said, "code": code})


# What a body means under 200.
FORMS: dict[str, tuple[bytes, str]] = {
    "object": (RUNNING, GOOD),
    "object in UTF-16": (RUNNING.decode().encode("utf-16"), GOOD),
    "object with BOM": (b"\xef\xbb\xbf" + RUNNING, GOOD),
    "object of unknown fields": (b'{"x": 1}', GOOD),
    "a status of its own and errors": (b'{"status": "FAILED", "errors": ["x"]}', GOOD),
    "not a number": (b'{"status": "SUCCESS", "percentageComplete": NaN}', GOOD),
    "lone surrogate": (b'{"status": "\\ud800"}', GOOD),
    "a good answer that has a message": (b'{"fileId": "f", "message": "ok"}', GOOD),
    "a good answer that has a code": (b'{"fileId": "f", "code": 200}', GOOD),
    "errors of nothing": (b'{"status": "SUCCESS", "errors": []}', GOOD),
    "empty": (b"", ABSENT),
    "blank": (b" \r\n ", ABSENT),
    "null": (b"null", ABSENT),
    "empty object": (b"{}", ABSENT),
    "array": (b'["SUCCESS"]', TRANSIENT),
    "empty array": (b"[]", TRANSIENT),
    "text": (b'"SUCCESS"', TRANSIENT),
    "number": (b"42", TRANSIENT),
    "huge number": (b"9" * 5000, TRANSIENT),
    "truth": (b"true", TRANSIENT),
    "HTML": (b"<!DOCTYPE html><h1>Sign in</h1>", TRANSIENT),
    "plain text": (b"upstream connect error", TRANSIENT),
    "half a text": (b'{"_id": "ds-1", "status": "SUCC', TRANSIENT),
    "no UTF-8": (b'{"status": "\xff\xfe"}', TRANSIENT),
    "nested too deeply": (DEEP, TRANSIENT),
    "nested deeply": (b"[" * 400 + b"]" * 400, TRANSIENT),
    "errors": (error("x", 400), REJECTED),
    "errors as texts": (errors("x"), REJECTED),
    "errors as object": (b'{"errors": {"msg": "x"}}', REJECTED),
    "errors as text": (b'{"errors": "x"}', REJECTED),
    "error": (b'{"error": "x"}', REJECTED),
    "error in one": (b'{"error": {"message": "x", "code": "E1"}}', REJECTED),
    "error and a number for status": (b'{"status": 500, "error": "x"}', REJECTED),
    "error code alone": (b'{"code": 500, "message": "x"}', REJECTED),
    "method not allowed": (error("Method Not Allowed", 405), REJECTED),
    "not found": (error("Not Found", 404), ABSENT),
    "invalid token": (error("Invalid JWT token", 4002), REFUSED),
    "code as text": (error("x", "4002"), REFUSED),
    "code with blanks": (error("x", " 401 "), REFUSED),
    "code as fraction": (error("x", 403.0), REFUSED),
    "code outside": (b'{"code": 4002, "errors": [{"msg": "x"}]}', REFUSED),
    "code of the second": (errors({"msg": "a"}, {"msg": "b", "code": 401}), REFUSED),
    "errors in an array": (b'[{"msg": "x", "code": 4002}]', REFUSED),
    "no errors around": (b'{"message": "x", "code": 4002}', REFUSED),
    "statusCode": (b'{"statusCode": 401, "error": "Unauthorized"}', REFUSED),
    "status as code": (b'{"status": 401, "error": "Unauthorized"}', REFUSED),
    "word and code": (b'{"status": "error", "code": 4002, "message": "x"}', REFUSED),
    "minute's limit": (error(scenarios.MINUTE_TEXT, 429), LIMITED),
    "old limit": (error("Rate limit for this API has been reached", 400), LIMITED),
    "limit in plain text": (b"Rate limit exceeded", LIMITED),
    "limit in HTML": (b"<h1>RATE LIMIT</h1>", LIMITED),
    "limit in a message": (b'{"message": "rate limit exceeded"}', LIMITED),
    "limit as a key": (b'{"error": "rate_limit_exceeded"}', LIMITED),
    "limit before refusal": (error("rate limit", 403), LIMITED),
    "limit and a word": (b'{"status": "error", "message": "rate limit"}', LIMITED),
    "a suite called so": (error("suite 'Rate limit banner' not found", 400), REJECTED),
    "a suite in other quotes": (errors('no "rate limit" here'), REJECTED),
    "not found, and called so": (error("Rate limit banner not found", 404), ABSENT),
    "hour's limit": (error(service.HOUR_TEXT, 429), HOURLY),
    "a job that met a limit": (
        b'{"_id": "ds-1", "status": "FAILURE", "message": "rate limit of the CRM"}', GOOD,
    ),
    "a job that met a refusal": (
        b'{"_id": "ds-1", "status": "FAILURE", "error": {"code": 401}}', GOOD,
    ),
}  # fmt: skip

# What the forms mean under other statuses.
OTHERS = [
    ("object", 201, GOOD),
    ("object", 400, REJECTED),
    ("object", 404, ABSENT),
    ("object", 500, TRANSIENT),
    ("object", 503, TRANSIENT),
    ("HTML", 400, REJECTED),
    ("HTML", 404, ABSENT),
    ("HTML", 500, TRANSIENT),
    ("empty", 400, REJECTED),
    ("empty", 404, ABSENT),
    ("empty", 500, TRANSIENT),
    ("errors", 400, REJECTED),
    ("errors", 404, ABSENT),
    ("errors", 500, TRANSIENT),
    ("not found", 400, REJECTED),
    ("invalid token", 400, REFUSED),
    ("invalid token", 404, REFUSED),
    ("invalid token", 500, REFUSED),
    ("status as code", 400, REFUSED),
    ("status as code", 404, REFUSED),
    ("status as code", 500, REFUSED),
    ("old limit", 400, LIMITED),
    ("old limit", 404, ABSENT),
    ("old limit", 500, LIMITED),
    ("limit in HTML", 500, LIMITED),
    ("a suite called so", 400, REJECTED),
    ("a job that met a limit", 400, LIMITED),
    ("a job that met a refusal", 400, REFUSED),
    ("hour's limit", 400, HOURLY),
    ("hour's limit", 404, HOURLY),
    # 401 and 403 are a refusal, unless a code says that it is a limit, or words do under 403.
    ("object", 401, REFUSED),
    ("object", 403, REFUSED),
    ("HTML", 401, REFUSED),
    ("HTML", 403, REFUSED),
    ("empty", 401, REFUSED),
    ("empty", 403, REFUSED),
    ("errors", 401, REFUSED),
    ("errors", 403, REFUSED),
    ("old limit", 401, REFUSED),
    ("old limit", 403, LIMITED),
    ("minute's limit", 401, LIMITED),
    ("minute's limit", 403, LIMITED),
    ("hour's limit", 401, HOURLY),
    ("hour's limit", 403, HOURLY),
    ("invalid token", 401, REFUSED),
    ("invalid token", 403, REFUSED),
    # 429 is a limit, whatever comes along.
    ("object", 429, LIMITED),
    ("empty", 429, LIMITED),
    ("invalid token", 429, LIMITED),
    ("hour's limit", 429, HOURLY),
]


@pytest.mark.parametrize(("data", "meaning"), FORMS.values(), ids=FORMS)
def test_read__form(data: bytes, meaning: str) -> None:
    """Each form of a body has one meaning under 200."""
    assert understand(200, data).meaning == meaning


@pytest.mark.parametrize(("form", "status", "meaning"), OTHERS)
def test_read__form_under_another_status(form: str, status: int, meaning: str) -> None:
    """Status, codes and words together say what to do, in this order where they differ."""
    assert understand(status, FORMS[form][0]).meaning == meaning


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (204, ABSENT),
        (205, ABSENT),
        (301, REJECTED),
        (304, REJECTED),
        (400, REJECTED),
        (407, REJECTED),
        (408, TRANSIENT),
        (409, REJECTED),
        (425, TRANSIENT),
        (499, REJECTED),
        (500, TRANSIENT),
        (599, TRANSIENT),
    ],
)
def test_read__status_code(status: int, meaning: str) -> None:
    """Without a body the status code alone decides."""
    assert understand(status, b"").meaning == meaning


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_read__redirect(status: int) -> None:
    """A redirect is not an answer of Kore.ai's, however good its body looks."""
    assert understand(status, RUNNING).meaning == REJECTED


REFUSALS = {
    "error-invalid-body-values-403",
    "error-invalid-jwt-4002",
    "error-invalid-sdk-credentials-4002",
    "error-jti-exp-over-one-hour-401",
    "error-jti-replay-401",
}


@pytest.mark.parametrize("name", [path.stem for path in sorted(SAMPLES.glob("error-*.json"))])
def test_read__documented_errors(name: str) -> None:
    """No documented error is ever good, and codes of a refusal are one."""
    body = sample(name)

    answer = understand(200, json.dumps(body).encode())

    row = body["errors"][0]
    assert answer.meaning == (REFUSED if name in REFUSALS else REJECTED)
    assert answer.message == f"{row['msg']} (code {row['code']})"


@pytest.mark.parametrize(
    "name",
    [path.stem for path in sorted(SAMPLES.glob("*.json")) if "request" not in path.stem and "error" not in path.stem],
)
def test_read__documented_answers(name: str) -> None:
    """Every documented answer is good, and handed on whole."""
    body = sample(name)

    answer = understand(200, json.dumps(body).encode())

    assert answer.meaning == GOOD
    assert answer.body == body


@pytest.mark.parametrize("name", ["sign-in-page", "cut-json", "array", "number", "no-utf8", "deep"])
def test_read__the_simulators_faults(name: str) -> None:
    """What a broken gateway sends under 200 is tried again."""
    assert understand(200, scenarios.FAULTS[name].body).meaning == TRANSIENT


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (error("Invalid JWT token", 4002), "Invalid JWT token (code 4002)"),
        (errors({"msg": "a"}, "b", {"message": "c", "code": 7}), "a; b; c (code 7)"),
        (b'{"message": "x", "code": 5}', "x (code 5)"),
        (b'{"detail": "x"}', "x"),
        (b'{"code": 5}', "(code 5)"),
        (b'{"error": true, "message": "x"}', "x"),
        (b'{"errors": [], "message": "x"}', "x"),
        (b'{"errors": [{}], "message": "x"}', "x"),
        (b'{"message": {"a": [1]}}', '{"a": [1]}'),
        (b"", "an empty response"),
        (b"null", "no reason given"),
        (b"42", "JSON that is not an object"),
        (b"<html>  <h1>Bad\nGateway</h1>", "HTML: <html> <h1>Bad Gateway</h1>"),
        (b"no healthy upstream", "something that is not JSON: no healthy upstream"),
        (b"\x1b[31mred\x00", "something that is not JSON: red\\x00"),
        (DEEP, "JSON nested too deeply"),
        (error("x" * 400, 1), "x" * 299 + "…"),
        (error("two\nlines", 1), "two lines (code 1)"),
    ],
)
def test_read__message(data: bytes, message: str) -> None:
    """What Kore.ai says becomes one printable line of bounded length."""
    assert understand(500, data).message == message


def test_read__hides_before_it_cuts() -> None:
    """A secret at the place where a text is cut is hidden, too."""
    secret = "s3cret" * 20
    bodies = [error("x" * (290 - lead) + secret, 1) for lead in range(50)]
    bodies += [b"y" * (70 - lead) + secret.encode() for lead in range(50)]

    messages = [understand(500, body, Redactor([secret])).message for body in bodies]

    assert not any("s3c" in message for message in messages)


def test_read__a_long_page_about_limits() -> None:
    """In a page of many words, a rate limit among them proves nothing."""
    page = b"<html>" + b"terms and conditions " * 200 + b"rate limit"

    assert understand(200, page).meaning == TRANSIENT


@pytest.mark.parametrize("data", [RUNNING, b"{"])
def test_read__garbage_collector(data: bytes) -> None:
    """What is switched off for the parser is switched on again."""
    understand(200, data)

    assert gc.isenabled()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(
            st.sampled_from(["status", "errors", "error", "message", "msg", "code", "statusCode", "_id"]) | st.text(),
            children,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@given(st.integers(200, 599), st.binary(max_size=50) | json_values.map(lambda value: json.dumps(value).encode()))
def test_read__anything(status: int, data: bytes) -> None:
    """Whatever comes is understood somehow; only an object under 2xx is ever good."""
    answer = understand(status, data)

    if answer.meaning == GOOD:
        assert 200 <= status < 300
        assert isinstance(json.loads(data), dict)
    assert "\n" not in answer.message


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0.0),
        ("120", 120.0),
        (" 5 ", 5.0),
        ("1.5", 1.5),
        ("-5", None),
        ("soon", None),
        ("1e9", None),
        ("inf", None),
        ("nan", None),
        ("²", None),
        ("Fri, 02 Jan 2026 03:06:05 GMT", 120.0),
        ("Fri, 02 Jan 2026 04:06:05 +0100", 120.0),
        ("Friday, 02-Jan-26 03:06:05 GMT", 120.0),
        ("Fri Jan  2 03:06:05 2026", 120.0),
        ("Fri, 02 Jan 2026 03:06:05 -0000", 120.0),
        ("Fri, 02 Jan 2026 03:00:00 GMT", 0.0),
        ("Fri, 99 Jan 2026 03:00:00 GMT", None),
        ("Fri, 02 Jan 99999999 03:00:00 GMT", None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    """Both forms are read, and neither a wait before now nor nonsense counts for one."""
    assert responses.retry_after({} if header is None else {"retry-after": header}, NOW) == seconds


@given(st.text())
def test_retry_after__anything(header: str) -> None:
    """Whatever the header says, it is a wait or none."""
    found = responses.retry_after({"retry-after": header}, NOW)

    assert found is None or found >= 0


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        (None, None),
        ("", None),
        ("nonsense", None),
        ("Fri, 02 Jan 2026 03:04:05 GMT", 0.0),
        ("Fri, 02 Jan 2026 03:14:05 GMT", 600.0),
        ("Fri, 02 Jan 2026 02:54:05 GMT", -600.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
    ],
)
def test_skew(date: str | None, seconds: float | None) -> None:
    """How far Kore.ai's clock is ahead is read from the Date header, in both directions."""
    assert responses.skew(date, NOW) == seconds
