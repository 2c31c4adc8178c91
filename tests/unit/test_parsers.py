import base64
import json
import re
from collections.abc import Callable

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kore_gate.settings import parsers


def encoded(header: object) -> str:
    """Return the first part of a token."""
    return base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")


HEADER = encoded({"alg": "HS256", "typ": "JWT"})

HOSTS = {
    "bare": ("platform.kore.ai", "https://platform.kore.ai"),
    "bare with port": ("bots.example:8443", "https://bots.example:8443"),
    "bare with base path": ("bots.example/kore/api", "https://bots.example/kore/api"),
    "trailing slash": ("https://platform.kore.ai/", "https://platform.kore.ai"),
    "trailing slashes": ("https://bots.example/kore//", "https://bots.example/kore"),
    "upper case": ("HTTPS://Platform.Kore.AI/Base", "https://platform.kore.ai/Base"),
    "port and path": ("https://bots.example:8443/kore/", "https://bots.example:8443/kore"),
    "http": ("http://bots.example", "http://bots.example"),
    "localhost": ("localhost:8080", "http://localhost:8080"),
    "localhost in upper case": ("LOCALHOST:8080", "http://localhost:8080"),
    "below localhost": ("kore.localhost", "http://kore.localhost"),
    "loopback by number": ("127.0.0.1:9", "http://127.0.0.1:9"),
    "loopback with https": ("https://localhost", "https://localhost"),
    "not loopback": ("localhost.example", "https://localhost.example"),
    "address": ("10.1.2.3", "https://10.1.2.3"),
    "IPv6 loopback": ("[::1]:8080", "http://[::1]:8080"),
    "IPv6": ("https://[2001:DB8::1]/kore", "https://[2001:db8::1]/kore"),
    "underscore": ("my_host.example", "https://my_host.example"),
    "root dot": ("platform.kore.ai.", "https://platform.kore.ai."),
    "xn--": ("xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    "one word": ("kore", "https://kore"),
}

NO_HOSTS = {
    "user": ("user@bots.example", "credentials"),
    "user and password": ("https://user:geheim@bots.example", "credentials"),
    "at sign behind a backslash": ("https://evil.example\\@bots.example", "credentials"),
    "query": ("https://bots.example/?a=b", "query"),
    "empty query": ("bots.example?", "query"),
    "fragment": ("bots.example#top", "fragment"),
    "space": ("bots .example", "space"),
    "space in path": ("bots.example/a b", "space"),
    "unusual space": ("bots.example\u3000", "space"),
    "backslash": ("bots.example\\path", "backslash"),
    "line break": ("bots.example\n.evil.example", "control character"),
    "control character": ("bots.example/\x01", "control character"),
    "half an emoji": ("bots.example/\ud83d", "UTF-8"),
    "script": ("javascript:alert(1)", "not a host"),
    "file": ("file:///etc/passwd", "http(s)"),
    "other scheme": ("ftp://bots.example", "http(s)"),
    "no name": ("https://", "not a host"),
    "path alone": ("/kore", "not a host"),
    "port alone": (":8080", "not a host"),
    "lost slash": ("http:/bots.example", "port"),
    "no port": ("bots.example:", "port"),
    "port 0": ("bots.example:0", "port"),
    "port too large": ("bots.example:65536", "not a host"),
    "port in words": ("bots.example:https", "not a host"),
    "letters beyond ASCII": ("pl\u0430tform.kore.ai", "xn--"),
    "wide digits": ("\uff11\uff12\uff17.0.0.1", "xn--"),
    "broken xn--": ("xn--0.example", "not a host"),
    "empty label": ("bots..example", "not a host"),
    "first dot": (".localhost", "not a host"),
    "hyphen first": ("-bots.example", "not a host"),
    "hyphen last": ("bots-.example", "not a host"),
    "percent": ("bots%2eexample", "not a host"),
    "long label": (f"{'a' * 64}.example", "not a host"),
    "long name": (".".join(["a" * 60] * 5), "not a host"),
    "short address": ("127.1", "not a host"),
    "address out of range": ("999.1.1.1", "not a host"),
    "IPv6 without brackets": ("::1", "not a host"),
    "IPv6 with a zone": ("[fe80::1%25eth0]", "not a host"),
    "brackets around a name": ("[localhost]", "not a host"),
    "open bracket": ("[::1", "not a host"),
}


@pytest.mark.parametrize(("raw", "base"), HOSTS.values(), ids=HOSTS)
def test_host__good(raw: str, base: str) -> None:
    """A host is read in every form people write it in, as the base of all addresses."""
    assert parsers.host(raw) == base


@pytest.mark.parametrize(("raw", "reason"), NO_HOSTS.values(), ids=NO_HOSTS)
def test_host__bad(raw: str, reason: str) -> None:
    """What could send the token elsewhere, or nowhere, is refused, and nothing of a password is repeated."""
    with pytest.raises(ValueError, match=re.escape(reason)) as refused:
        parsers.host(raw)

    assert "geheim" not in str(refused.value)


@given(
    st.one_of(
        st.text(),
        st.text("abz019.-_:/[]@?#%\\xn- é\u0430"),
        st.from_regex(r"(https?://)?[a-z0-9.-]{1,20}(:[0-9]{0,6})?(/[!-~]*)?", fullmatch=True),
        st.from_regex(r"xn--[a-z0-9-]{1,8}(\.example)?", fullmatch=True),
    )
)
def test_host__any_text(raw: str) -> None:
    """Each text is refused or becomes an address that the client can call, at that very host."""
    try:
        base = parsers.host(raw)
    except ValueError:
        return

    url = httpx.URL(f"{base}/api/public")

    assert url.scheme in {"http", "https"}
    assert url.raw_host.decode() in raw.lower()
    assert not url.userinfo
    assert not url.query
    assert parsers.host(base) == base


@pytest.mark.parametrize(
    ("name", "loopback"),
    [
        ("localhost", True),
        ("a.localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("notlocalhost", False),
        ("localhost.example", False),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("", False),
    ],
)
def test_is_loopback(name: str, loopback: bool) -> None:
    """Only names and addresses of this machine are loopback."""
    assert parsers.is_loopback(name) is loopback


@pytest.mark.parametrize(
    ("raw", "seconds"),
    [
        ("90", 90),
        ("0.5", 0.5),
        ("90s", 90),
        ("15m", 900),
        ("1h30m", 5400),
        ("1h", 3600),
        ("1h1m1.5s", 3661.5),
        ("500ms", 0.5),
        ("1s500ms", 1.5),
    ],
)
def test_duration__good(raw: str, seconds: float) -> None:
    """A duration is read in seconds or in units."""
    assert parsers.duration(raw) == seconds


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "0",
        "0s",
        "0h0m",
        "-1",
        "m",
        "5 m",
        "1m30",
        "30m1h",
        "1e3",
        "inf",
        "nan",
        "٣",
        "5min",
        "1d",
        "99999999",
        "1.s",
    ],
)
def test_duration__bad(raw: str) -> None:
    """What is no duration is refused, and so is one of no length."""
    with pytest.raises(ValueError, match=r"duration|greater"):
        parsers.duration(raw)


def test_interval() -> None:
    """An interval is a duration, or left to the gate."""
    assert parsers.interval("auto") is None
    assert parsers.interval("5s") == 5
    with pytest.raises(ValueError, match="not a duration"):
        parsers.interval("fast")


@pytest.mark.parametrize(
    ("raw", "size"),
    [
        ("1", 1),
        ("10B", 10),
        ("500kB", 500_000),
        ("64MiB", 64 * 2**20),
        ("64 mib", 64 * 2**20),
        ("2GB", 2 * 10**9),
        ("1GiB", 2**30),
        ("3KiB", 3072),
        ("3MB", 3 * 10**6),
    ],
)
def test_size__good(raw: str, size: int) -> None:
    """A size is read in bytes or in units of either kind."""
    assert parsers.size(raw) == size


@pytest.mark.parametrize("raw", ["", "0", "0MiB", "-1", "1.5MB", "64M", "MiB", "٣", "1_000", "1" * 13])
def test_size__bad(raw: str) -> None:
    """What is no size is refused."""
    with pytest.raises(ValueError, match="not a size"):
        parsers.size(raw)


@pytest.mark.parametrize("raw", ["true", "TRUE", "yes", "on", "1"])
def test_flag__yes(raw: str) -> None:
    """Yes is said in the ways of YAML and shells."""
    assert parsers.flag(raw) is True


@pytest.mark.parametrize("raw", ["false", "False", "no", "OFF", "0"])
def test_flag__no(raw: str) -> None:
    """And so is no."""
    assert parsers.flag(raw) is False


@pytest.mark.parametrize("raw", ["", "maybe", "2", "y"])
def test_flag__neither(raw: str) -> None:
    """Nothing else is taken for either."""
    with pytest.raises(ValueError, match="must be true or false"):
        parsers.flag(raw)


def test_count() -> None:
    """A count may be zero, and is nothing else that a number is not."""
    assert [parsers.count(raw) for raw in ("0", "000", "7")] == [0, 0, 7]
    with pytest.raises(ValueError, match=r"whole number$"):
        parsers.count("-1")


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ("flow-of", "is unknown: did you mean flow-off?"),
        ("empty-text, flow-of", "holds 'flow-of', which is unknown: did you mean flow-off?"),
        ("x", "is unknown: it must be one of flow-off, empty-text"),
    ],
)
def test_some_of__bad(raw: str, problem: str) -> None:
    """An unknown word is named, with the one that may be meant."""
    with pytest.raises(ValueError, match="unknown") as caught:
        parsers.some_of("flow-off", "empty-text")(raw)

    assert str(caught.value) == problem


def test_some_of() -> None:
    """Some of the words, separated by commas, spaces or lines, each once."""
    assert parsers.some_of("a", "b", "c")("c, a\nc") == ("c", "a")


def test_number() -> None:
    """A number is whole and above zero."""
    assert parsers.number("20") == 20


@pytest.mark.parametrize("raw", ["0", "-1", "1.5", "", "٣", "1234567", "1_0"])
def test_number__bad(raw: str) -> None:
    """Nothing else is one."""
    with pytest.raises(ValueError, match="whole number"):
        parsers.number(raw)


@pytest.mark.parametrize(
    ("raw", "ids"),
    [
        ("ds-1", ("ds-1",)),
        ("ds-1,ds-2", ("ds-1", "ds-2")),
        ("ds-1 ds-2\tds-3", ("ds-1", "ds-2", "ds-3")),
        ("ds-1\r\nds-2\n\n", ("ds-1", "ds-2")),
        (", ds-1 ,, ds-1,", ("ds-1",)),
        ('["ds-1", "ds-2"]', ("ds-1", "ds-2")),
        ('["ds-1", "", "ds-1"]', ("ds-1",)),
        ('["with space"]', ("with space",)),
        ("[ds-1]", ("[ds-1]",)),
        ("[" * 100_000, ("[" * 100_000,)),
        ("ds/1?x=%2e", ("ds/1?x=%2e",)),
    ],
    ids=str,
)
def test_ids(raw: str, ids: tuple[str, ...]) -> None:
    """Ids are opaque, apart by commas and white space or in an array such as the gate puts out, each taken once."""
    assert parsers.ids(raw) == ids


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (",", "is empty"),
        ("[]", "is empty"),
        ('["", ""]', "is empty"),
        ("[1, 2]", "must be a JSON array of strings"),
        ('["a", null]', "must be a JSON array of strings"),
        ("ds-1,..", "not an id"),
        (".", "not an id"),
        ('["a\\u0000b"]', "control character"),
        ("ds-\udcff", "UTF-8"),
    ],
)
def test_ids__bad(raw: str, reason: str) -> None:
    """No id at all, or what can't be one, is refused."""
    with pytest.raises(ValueError, match=reason):
        parsers.ids(raw)


@pytest.mark.parametrize(
    ("raw", "lines"),
    [
        ("a b, c.json\n  d.json \r\n\n", ("a b, c.json", "d.json")),
        ("[ab]*.json", ("[ab]*.json",)),
        ('["A, B", "C\u2028D"]', ("A, B", "C\u2028D")),
        ("Konto\u2028stand", ("Konto\u2028stand",)),
    ],
)
def test_lines(raw: str, lines: tuple[str, ...]) -> None:
    """Names may hold spaces and commas; only line breaks part them."""
    assert parsers.lines(raw) == lines


def test_words() -> None:
    """Words may hold spaces; commas and line breaks part them."""
    assert parsers.words("smoke, regression test\nsmoke,,") == ("smoke", "regression test")
    with pytest.raises(ValueError, match="is empty"):
        parsers.words(",")
    with pytest.raises(ValueError, match="control"):
        parsers.words("a,b\x00")


@pytest.mark.parametrize("raw", [f"{HEADER}.e30.c2ln", f"{HEADER}.e30.", f"{HEADER}.a.b.c.d"])
def test_token__good(raw: str) -> None:
    """A token is signed or encrypted; what it says is Kore.ai's to judge."""
    assert parsers.token(raw) == raw


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "geheim",
        "a.b.c",
        f"{HEADER}.e30",
        f"{HEADER}.e30.c2ln.x",
        f"{HEADER}.e30.c2ln.x.y.z",
        f"{HEADER}.e30.c2ln\n",
        f"{HEADER}.e30.ç",
        f"{HEADER}.e30.c2 ln",
        f"{HEADER}.e30.c2ln,",
        f"{encoded([1])}.e30.c2ln",
    ],
)
def test_token__bad(raw: str) -> None:
    """What is no JSON web token is told so without repeating it."""
    with pytest.raises(ValueError, match="not a JSON web token") as refused:
        parsers.token(raw)

    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize("prefix", ["Bearer ", "bearer "])
def test_token__bearer(prefix: str) -> None:
    """A common mistake has a message of its own."""
    with pytest.raises(ValueError, match="Bearer"):
        parsers.token(f"{prefix}{HEADER}.e30.c2ln")


PEM = "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize("raw", [PEM, PEM.replace("\n", "\\n")], ids=["lines", "one line"])
def test_private_key__good(raw: str) -> None:
    r"""A key is PEM, its line breaks real or written as \n."""
    assert parsers.private_key(raw) == PEM


@pytest.mark.parametrize(
    "raw",
    [
        "geheim",
        "-----BEGIN CERTIFICATE-----\ngeheim\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----\ngeheim\n-----END PUBLIC KEY-----",
        "-----BEGIN PRIVATE KEY-----\ngeheim",
        "-----BEGIN PRIVATE KEY-----geheim-----END PRIVATE KEY-----",
    ],
)
def test_private_key__bad(raw: str) -> None:
    """What is no private key is told so without repeating it."""
    with pytest.raises(ValueError, match="PEM form") as refused:
        parsers.private_key(raw)

    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize("raw", ["en", "EN", "en_US", "zh-Hans-CN"])
def test_language__good(raw: str) -> None:
    """A language is its code."""
    assert parsers.language(raw) == raw


@pytest.mark.parametrize("raw", ["", "français", "en;q=1", "en us", "-", "en\r\nauth: x"])
def test_language__bad(raw: str) -> None:
    """What could not stand in a header is refused."""
    with pytest.raises(ValueError, match="language"):
        parsers.language(raw)


@pytest.mark.parametrize("read", [parsers.text, parsers.identifier])
@pytest.mark.parametrize("raw", ["a\nb", "a\x00", "\x7f", "a\x85b", "a\ud800"])
def test_text__bad(read: Callable[[str], str], raw: str) -> None:
    """No text has control characters or halves of characters in it, and none is repeated in the message."""
    with pytest.raises(ValueError, match=r"^must not contain line breaks, control characters or invalid UTF-8$"):
        read(raw)


def test_text__any_other() -> None:
    """All other characters are the user's business."""
    assert parsers.text("Käse 🧀 \u2028 <&>") == "Käse 🧀 \u2028 <&>"
