"""Secrets stay out of every text, in whatever form they come."""

import base64
import json
import string
import urllib.parse

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kore_gate import text
from kore_gate.settings.redact import Redactor

PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhk\niG9w0BAQEFAASCBKcw\n-----END PRIVATE KEY-----\n"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJhcHBJZCI6ImNzLTEifQ.c2lnbmF0dXJl"

secret_text = st.text(alphabet=string.ascii_letters + string.digits + '+/=-_.~ "\\%', min_size=8, max_size=40).filter(
    lambda one: len(one.strip()) >= 8
)


@pytest.mark.parametrize(
    ("secret", "raw", "shown"),
    [
        pytest.param("s3cret-1", "auth: s3cret-1.", "auth: ***.", id="plain"),
        pytest.param("s3cret-1", "s3cret-1s3cret-1", "***", id="side by side"),
        pytest.param("s3cret-1", "s3c\x1b[1mret-1", "***", id="pulled apart by a colour"),
        pytest.param("s3cret-1", "s3c\x1b]0;t\x07ret-1", "***", id="pulled apart by a title"),
        pytest.param("a b/c&d&e", "q=a%20b%2Fc%26d%26e, a+b%2Fc%26d%26e", "q=***, ***", id="in a URL"),
        pytest.param('pa"ssword\\', json.dumps('pa"ssword\\'), '"***"', id="in JSON"),
        pytest.param("s3cret-1", r"\u0073\u0033cret-1 \u0053", "*** S", id="in escapes of JSON"),
        pytest.param("s3cret-1", "%733cret%2D1", "***", id="in escapes of addresses"),
        pytest.param("s3cret-1", "xxczNjcmV0LTE=", "xx***E=", id="in Base64"),
        pytest.param("s3cret-1", "eHMzY3JldC0xeHg=", "eH***eHg=", id="in Base64, elsewhere"),
        pytest.param("wrong", "Something went wrong.", None, id="a word like others"),
        pytest.param("zürich-8", json.dumps("zürich-8"), '"***"', id="in ASCII JSON"),
        pytest.param("s3cret-1\n", "s3cret-1", "***", id="from a file with a newline"),
        pytest.param("two  blanks", "two  blanks, two blanks", "***, ***", id="blanks folded"),
        pytest.param(PEM, "line MIIEvQIBADANBgkqhk here", "line *** here", id="a line of a key"),
        pytest.param(PEM, "it begins with -----BEGIN PRIVATE KEY-----", None, id="the frame of a key"),
        pytest.param("abc", "abcabc", None, id="too short to hide"),
        pytest.param("", "nothing", None, id="empty"),
        pytest.param("unused", f"token {TOKEN}!", "token ***!", id="a token nobody announced"),
        pytest.param("unused", base64.b64encode(f"x{TOKEN}".encode()).decode(), "eG***", id="a token in Base64"),
        pytest.param("unused", "eyJournals.and keyJson_values.json, keyboard-shortcuts.json", None, id="no token"),
    ],
)
def test_text(secret: str, raw: str, shown: str | None) -> None:
    """A secret is masked in each of its forms."""
    assert Redactor([secret]).text(raw) == (raw if shown is None else shown)


@pytest.mark.parametrize(
    ("secret", "is_masked"), [("s3cret-1", True), ("s3cret-", False), (" s3cret-  ", False), ("", False)]
)
def test_add__shortest(secret: str, is_masked: bool) -> None:
    """Whoever adds a secret learns whether it is long enough to be masked."""
    redactor = Redactor()

    assert redactor.add(secret) is is_masked
    assert (redactor.text(f"x {secret} x") != f"x {secret} x") is is_masked


def test_text__overlapping() -> None:
    """Of two secrets that overlap nothing is left over."""
    redactor = Redactor(["abcdefgh", "efghijkl", "cdefghij"])

    assert redactor.text("[abcdefghijkl] [cdefghijkl]") == "[***] [***]"


def test_text__keeps_all_else() -> None:
    """What is no secret stays as it was, what can't be printed too."""
    assert Redactor(["s3cret-1"]).text("\x1b[1m s3cret-1\r\n") == "\x1b[1m ***\r\n"


@given(secret=secret_text, before=st.text(), after=st.text(), cuts=st.lists(st.integers(0, 40), max_size=4))
def test_text__any_split(secret: str, before: str, after: str, cuts: list[int]) -> None:
    """A secret stays hidden among any text, and when escape sequences split it at any places."""
    split = secret
    for at in sorted(cuts, reverse=True):
        split = f"{split[:at]}\x1b[0m{split[at:]}"

    shown = Redactor([secret]).text(f"{before}{split}{after} {urllib.parse.quote(secret, safe='')}")

    assert secret not in text.plain(shown)


def test_json__every_place() -> None:
    """Keys and texts are cleaned at every depth, numbers stay, and no entry is lost where two keys become one."""
    redactor = Redactor(["s3cret-1", "s3cret-2"])
    found = {"s3cret-1": [{"a": "s3cret-2!", "n": 12345678}], "s3cret-2": "failed", "b": None}

    assert redactor.json(json.dumps(found).encode()) == {
        "***": [{"a": "***!", "n": 12345678}],
        "*** 2": "failed",
        "b": None,
    }
    assert redactor.json(b'"s3cret-1"') == "***"


def test_json__keys_keep_their_case() -> None:
    """Only a key that was masked gets another name."""
    found = {"ID": 1, "id": 2, "***": 3, "s3cret-1": 4}

    assert Redactor(["s3cret-1"]).json(json.dumps(found).encode()) == {"ID": 1, "id": 2, "***": 3, "*** 2": 4}


def test_json__deep() -> None:
    """No depth that the parser allows is too deep."""
    found = b"[" * 900 + b'"s3cret-1"' + b"]" * 900

    assert "s3cret" not in json.dumps(Redactor(["s3cret-1"]).json(found))


HIDDEN = (
    *(
        "s3c ret-1",
        "s3c+ret-1",
        "s3c%20ret-1",
        "s3c\x1b[0m ret-1",
        "s3c\\u0020ret-1",
        "s3c\\ ret-1",
        "s3c \tret-1",
        "czNjIHJldC0x",
        TOKEN,
    ),
    *(
        "s3c",
        " ret-1",
        "\x1b]0;",
        "\x07",
        "\\",
        "%",
        "+",
        '"',
        "\n",
        "\r\n",
        "/",
        "é",
        "\ud83d",
        "100 % of it",
        "Hello",
    ),
)


@given(
    texts=st.lists(st.lists(st.sampled_from(HIDDEN), max_size=4).map("".join), min_size=1, max_size=4),
    secret=st.sampled_from(["s3c ret-1", "s3c \tret-1"]),
    in_ascii=st.booleans(),
)
@example(texts=["s3c \tret-1"], secret="s3c \tret-1", in_ascii=True)
def test_json__as_each_text_alone(texts: list[str], secret: str, in_ascii: bool) -> None:
    """A text of a document reads as it would alone, however a secret is hidden in it and whatever stands around."""
    redactor = Redactor([secret])
    document = json.dumps(texts, ensure_ascii=in_ascii).encode(errors="surrogatepass")

    assert redactor.json(document) == [redactor.text(one) for one in texts]


def test_data() -> None:
    """A file keeps its bytes, whatever they are, but for the secrets in them."""
    redactor = Redactor(["s3cret-1"])

    assert redactor.data(b"\xff\x00 s3cret-1 \xfe") == b"\xff\x00 *** \xfe"
    assert redactor.data(b"\xff\xfe") == b"\xff\xfe"
