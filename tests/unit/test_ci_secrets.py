"""Secrets stay out of every text, in whatever form they come."""

import json
import string
import urllib.parse

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kore_gate.ci.secrets import Redactor

PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhk\niG9w0BAQEFAASCBKcw\n-----END PRIVATE KEY-----\n"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJhcHBJZCI6ImNzLTEifQ.c2lnbmF0dXJl"

secret_text = st.text(alphabet=string.ascii_letters + string.digits + '+/=-_.~ "\\%', min_size=4, max_size=40).filter(
    lambda text: len(text.strip()) >= 4
)


@pytest.mark.parametrize(
    ("secret", "raw", "shown"),
    [
        pytest.param("s3cret", "auth: s3cret.", "auth: ***.", id="plain"),
        pytest.param("s3cret", "s3crets3cret", "***", id="side by side"),
        pytest.param("s3cret", "s3c\x1b[1mret", "***", id="pulled apart by a colour"),
        pytest.param("s3cret", "s3c\x1b]0;t\x07ret", "***", id="pulled apart by a title"),
        pytest.param("a b/c&d", "q=a%20b%2Fc%26d", "q=***", id="in a URL"),
        pytest.param('pa"ss\\', json.dumps('pa"ss\\'), '"***"', id="in JSON"),
        pytest.param("zürich", json.dumps("zürich"), '"***"', id="in ASCII JSON"),
        pytest.param("s3cret\n", "s3cret", "***", id="from a file with a newline"),
        pytest.param("two  blanks", "two  blanks, two blanks", "***, ***", id="blanks folded"),
        pytest.param(PEM, "line MIIEvQIBADANBgkqhk here", "line *** here", id="a line of a key"),
        pytest.param(PEM, "it begins with -----BEGIN PRIVATE KEY-----", None, id="the frame of a key"),
        pytest.param("abc", "abcabc", None, id="too short to hide"),
        pytest.param("", "nothing", None, id="empty"),
        pytest.param("unused", f"token {TOKEN}!", "token ***!", id="a token nobody announced"),
    ],
)
def test_clean(secret: str, raw: str, shown: str | None) -> None:
    """A secret is masked in each of its forms."""
    assert Redactor([secret]).clean(raw) == (raw if shown is None else shown)


def test_clean__overlapping() -> None:
    """Of two secrets that overlap nothing is left over."""
    redactor = Redactor(["abcdef", "defghi", "cdef"])

    assert redactor.clean("[abcdefghi] [cdefghi]") == "[***] [***]"


def test_exact__keeps_all_else() -> None:
    """Machine output keeps what people's text would lose."""
    redactor = Redactor()
    redactor.add("s3cret")

    assert redactor.exact("\x1b[1m s3cret\r\n") == "\x1b[1m ***\r\n"


@settings(deadline=None)
@given(secret=secret_text, before=st.text(), after=st.text(), cuts=st.lists(st.integers(0, 40), max_size=4))
def test_clean__any_split(secret: str, before: str, after: str, cuts: list[int]) -> None:
    """A secret stays hidden among any text, and when escape sequences split it at any places."""
    split = secret
    for at in sorted(cuts, reverse=True):
        split = f"{split[:at]}\x1b[0m{split[at:]}"

    shown = Redactor([secret]).clean(f"{before}{split}{after} {urllib.parse.quote(secret, safe='')}")

    assert secret not in shown
