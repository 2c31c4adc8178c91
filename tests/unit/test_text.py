import re
import unicodedata
import xml.etree.ElementTree as ET

import hypothesis
import pytest
from hypothesis import strategies

from kore_gate import text

# Any JSON text: JSON can spell lone surrogates and controls, and so can a bot.
ANY_TEXT = strategies.text(strategies.characters(codec=None), max_size=60) | strategies.text(
    strategies.sampled_from("\x1b[]31mK;\x9b\x07\\\x00\r\n\t\ud83d\udc4d\ufffe:#-A|<&>_ é漢🙂"), max_size=60
)

XML_CHAR = re.compile("[\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        pytest.param("héllo 漢 🙂", "héllo 漢 🙂", id="printable"),
        pytest.param("a\tb\nc", "a\tb\nc", id="white space"),
        pytest.param("a\r\nb\rc", "a\nb\nc", id="line ends"),
        pytest.param("\x1b[1;31mred\x1b[0m", "red", id="colours"),
        pytest.param("\x9b31mred", "red", id="eight-bit colours"),
        pytest.param("\x1b]0;title\x07x", "x", id="title ended by BEL"),
        pytest.param("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link", id="link ended by ST"),
        pytest.param("\x1b(Bx", "x", id="character set"),
        pytest.param("end\x1b", "end\\x1b", id="lone escape"),
        pytest.param("\x1b\x1b[31m[31m", "\\x1b[31m", id="nested"),
        pytest.param("a\x00b\x08c\x7f\x85", "a\\x00b\\x08c\\x7f\\x85", id="controls"),
        pytest.param("\ud83d", "\\ud83d", id="lone surrogate"),
        pytest.param("\ufffe\uffff", "\\ufffe\\uffff", id="no characters"),
        pytest.param("a\u202eb", "a\\u202eb", id="turned around"),
        pytest.param("", "", id="empty"),
    ],
)
def test_plain__table(raw: str, shown: str) -> None:
    """Terminal sequences go, other controls are shown as escapes, the rest stays."""
    assert text.plain(raw) == shown


@hypothesis.given(ANY_TEXT)
def test_plain__any_text(raw: str) -> None:
    """What is left is characters of XML, and doing it again changes nothing."""
    shown = text.plain(raw)

    assert XML_CHAR.fullmatch(shown)
    assert text.plain(shown) == shown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        pytest.param("  a\n\n b\t", "a b", id="white space"),
        pytest.param("x" * 10, "x" * 10, id="just fits"),
        pytest.param("x" * 11, "x" * 9 + "…", id="one too many"),
        pytest.param("x" * 8 + "  yyy", "x" * 8 + "…", id="no space before the ellipsis"),
        pytest.param("\n" * 1000 + "far", "…", id="only white space looked at"),
    ],
)
def test_line__table(raw: str, shown: str) -> None:
    """A line has no line break and at most so many characters."""
    assert text.line(raw, 10) == shown


def test_cut__says_how_much() -> None:
    """A long text is cut, and says so."""
    assert text.cut("x" * 10, 10) == "x" * 10
    assert text.cut("x" * 15, 10) == "x" * 10 + "\n… 5 characters cut"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        pytest.param("[[ATTACHMENT|/etc/passwd]]", "[ [ATTACHMENT|/etc/passwd]]", id="link"),
        pytest.param("[[[attachment|x]]", "[[ [attachment|x]]", id="any case"),
        pytest.param("[\x1b[m[ATTACHMENT|x]]", "[ [ATTACHMENT|x]]", id="hidden by a sequence"),
        pytest.param("[[1, 2]]", "[[1, 2]]", id="brackets"),
    ],
)
def test_xml__attachments(raw: str, shown: str) -> None:
    """GitLab's link to an attachment is broken up, nothing else is."""
    assert text.xml(raw) == shown


@hypothesis.given(ANY_TEXT)
def test_xml__any_text(raw: str) -> None:
    """Any text survives the way through an XML file, and doing it again changes nothing."""
    element = ET.Element("text", name=text.xml(raw))
    element.text = text.xml(raw)

    back = ET.fromstring(ET.tostring(element, encoding="utf-8"))

    assert (back.text or "") == back.attrib["name"] == text.xml(raw)
    assert text.xml(text.xml(raw)) == text.xml(raw)


def test_xml_block__short() -> None:
    """A text that fits stays whole."""
    assert text.xml_block("漢" * 100, 300, "the file") == "漢" * 100


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param("x" * 1000, id="one byte each"),
        pytest.param("漢" * 200, id="three bytes each"),
        pytest.param("\ud83d" * 100, id="escapes"),
        pytest.param("\x1b[31m" * 400 + "x" * 600, id="sequences"),
    ],
)
def test_xml_block__long(raw: str) -> None:
    """A text that does not fit says how much is missing and where it is."""
    block = text.xml_block(raw, 300, "the file")

    assert len(block.encode()) <= 300
    kept, _, notice = block.rpartition("\n")
    assert re.fullmatch(r"… \d+ characters cut, see the file", notice)
    assert text.xml(raw).startswith(kept)


def test_xml_block__counts_what_is_missing() -> None:
    """The number of missing characters and the kept ones make the whole."""
    block = text.xml_block("x" * 1000, 300, "the file")

    missing = re.search(r"… (\d+) characters", block)
    assert missing
    assert block.count("x") + int(missing[1]) == 1000


@pytest.mark.parametrize(
    "command",
    [
        "::error::x",
        "##vso[task.setvariable variable=x]y",
        "##VSO[task.complete]",
        "##[group]x",
        "##teamcity[blockOpened name='x']",
        "section_start:1:x",
        "section_end:1:x",
        "--- group",
        "+++ group",
        "~~~ group",
        "^^^ +++",
    ],
)
def test_terminal__commands(command: str) -> None:
    """No text can form a command of a CI system, and it still reads the same."""
    shown = text.terminal(command)

    assert not shown.startswith(command)
    assert shown.replace("\u200b", "") == command


def test_terminal__one_line() -> None:
    """A command can't begin on a line of its own."""
    assert "\n" not in text.terminal("a\n::error::b\r\n##[error]c")


@hypothesis.given(ANY_TEXT)
def test_terminal__any_text(raw: str) -> None:
    """What a terminal gets is printable, on one line, and no command."""
    shown = text.terminal(raw)

    assert XML_CHAR.fullmatch(shown)
    assert not re.search(r"\n|::|##\[|##vso|##teamcity|section_(start|end):|^(---|\+\+\+|~~~)", shown, re.IGNORECASE)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        pytest.param("<b>", "&#60;b&#62;", id="html"),
        pytest.param("a|b", "a&#124;b", id="table"),
        pytest.param("`*_~[x](y)", "&#96;&#42;&#95;&#126;&#91;x&#93;(y)", id="marks"),
        pytest.param("@someone #1", "&#64;someone &#35;1", id="mentions"),
        pytest.param("www.x.org", "www&#46;x.org", id="bare link"),
        pytest.param("a\nb", "a b", id="line break"),
    ],
)
def test_markdown__table(raw: str, shown: str) -> None:
    """What means something in Markdown or HTML is written as a reference."""
    assert text.markdown(raw) == shown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        pytest.param("Banking regression 2", "Banking-regression-2", id="spaces"),
        pytest.param("a/b\\c:d*e", "a-b-c-d-e", id="separators"),
        pytest.param("../../etc/passwd", "-..-etc-passwd", id="climbing"),
        pytest.param("Überprüfung_1.0", "Überprüfung_1.0", id="letters"),
        pytest.param("U\u0308", "Ü", id="composed"),
        pytest.param("...", "suite", id="only dots"),
        pytest.param("", "suite", id="empty"),
        pytest.param("\ud83d\n", "--", id="unprintable"),
        pytest.param("बैंकिंग की जाँच", "बैंकिंग-की-जाँच", id="vowel signs"),
        pytest.param("ธนาคารที่ดี", "ธนาคารที่ดี", id="Thai"),
        pytest.param("مُحَمَّد", "مُحَمَّد", id="Arabic vowels"),
        pytest.param("J\u030c", "J\u030c", id="no composed form"),
        pytest.param("\u093f", "-", id="a mark alone"),
        pytest.param("a-\u0301.\u0301_\u0301", "a--.-_-", id="marks on no letter"),
        pytest.param("क\u200d\u200cि", "क---", id="joiners"),
        pytest.param("\u2764\ufe0f", "--", id="emoji"),
        pytest.param("ABC" * 53 + "ee\u0301", "ABC" * 53 + "e", id="a letter that does not fit"),
        pytest.param("ABC" * 53 + "J\u030c", "ABC" * 53, id="a mark that does not fit"),
        pytest.param("k" + "\u0301" * 200, "ḱ" + "\u0301" * 78, id="more marks than fit"),
    ],
)
def test_file_name__table(raw: str, shown: str) -> None:
    """A file name holds letters with their marks, digits, `.`, `_` and `-`, and does not begin with a dot."""
    assert text.file_name(raw) == shown


def test_file_name__vowel_signs() -> None:
    """Words that differ in their vowel signs alone are different files."""
    assert len({text.file_name(name) for name in ("क", "कि", "की", "के", "कु", "को")}) == 6


MARKED = strategies.text(
    strategies.sampled_from("kक漢é.-_ /\\\u0301\u0308\u093f\u0940\u094d\u0e34\u064e\u20e3\ufe0f\u200d"), max_size=60
)


@hypothesis.given(ANY_TEXT.map(lambda raw: raw * 10) | MARKED.map(lambda raw: raw * 5))
def test_file_name__any_text(raw: str) -> None:
    """Any text gives a name that fits every disk, in whole letters, however its letters are composed."""
    name = text.file_name(raw)

    assert 0 < len(name.encode()) <= 160
    assert all(char.isalnum() or char in "._-" or unicodedata.category(char) in ("Mn", "Mc") for char in name)
    assert unicodedata.category(name[0])[0] != "M"
    assert not re.search(r"[._-][^\w.-]", name)
    assert not name.startswith(".")
    assert name == text.file_name(name) == text.file_name(unicodedata.normalize("NFD", raw))


@hypothesis.given(MARKED)
def test_file_name__cut(raw: str) -> None:
    """A name that is cut loses whole letters, unless one letter alone is too long."""
    name, whole = text.file_name(raw, 20), text.file_name(raw, 10_000)

    follows = whole[len(name) :][:1]
    assert whole.startswith(name)
    assert follows.isalnum() or follows in "._-" or len(re.findall(r"[\w.-]", name)) == 1


def test_columns() -> None:
    """Cells stand below each other, and a long last one goes on below itself."""
    rows = [("a", "x", "one two three four five"), ("bbb", "", "unbreakable-word-of-more"), ("c", "yy", "")]

    assert text.columns(rows, least=(0, 4), width=33) == [
        "  a    x     one two three four",
        "             five",
        "  bbb        unbreakable-word-of-",
        "             more",
        "  c    yy",
    ]
    assert text.columns([]) == []
    assert text.columns([("a", "漢" * 12)], width=27) == ["  a  " + "漢" * 11, "     漢"]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0.0s"),
        (0.004, "4ms"),
        (0.84, "0.8s"),
        (9.96, "10s"),
        (14.364, "14s"),
        (59.7, "1m"),
        (65, "1m 5s"),
        (3600, "1h"),
        (3785, "1h 3m"),
        (float("nan"), "?"),
        (float("inf"), "?"),
        (-1, "?"),
    ],
)
def test_duration__table(seconds: float, shown: str) -> None:
    """A duration is written in the two units that matter."""
    assert text.duration(seconds) == shown


def test_unique() -> None:
    """A name that is taken in either case gets a number, and so does a number that is taken."""
    taken: dict[str, int] = {}

    names = [text.unique(name, taken) for name in ("Suite", "suite", "suite-2", "SUITE")]

    assert names == ["Suite", "suite-2", "suite-2-2", "SUITE-3"]


def test_unique__numbers_of_others_are_not_tried_again() -> None:
    """However many have a name, the next one looks up few candidates: thousands of suites may have one name."""

    class Counting(dict[str, int]):
        lookups = 0

        def __contains__(self, key: object) -> bool:
            self.lookups += 1
            return super().__contains__(key)

    taken = Counting()

    names = [text.unique("Suite", taken) for _ in range(1000)]

    assert (names[1], names[-1], len(set(names))) == ("Suite-2", "Suite-1000", 1000)
    assert taken.lookups <= 3 * 1000
