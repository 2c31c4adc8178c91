"""Make text from outside safe to show, one function per target."""

import itertools
import re
import shlex
import unicodedata
from collections.abc import Callable, Sequence

# Control sequences of terminals: CSI (colours, cursor), OSC (titles, links; ended by BEL or ST), two-character ones.
_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x9b[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]")

# What XML 1.0 does not allow, what it discourages (C1), and what turns text around on screen (bidi controls).
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)

# What a CI system would take for a command of its own: anywhere in a line, or (Buildkite's log groups) at its start.
_COMMANDS = re.compile(
    r"#(?=#(?:vso|teamcity|\[))|section_(?=start:|end:)|:(?=:)|^(?=---|\+\+\+|~~~|\^\^\^)",
    re.IGNORECASE,
)

# GitLab takes this in a test case's output for a link to a screenshot.
_ATTACHMENT = re.compile(r"\[(?=\[ATTACHMENT\|)", re.IGNORECASE)

# At the start of a line a dash, a plus, an equals sign or a number would begin a list, a rule or a heading.
_MARKDOWN = re.compile(r"[\\`*_\[\]#|<>&~@:$^!]|(?<=www)\.|^[-+=]|(?<=^\d)[.)]", re.IGNORECASE)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def plain(text: str) -> str:
    """Make every character printable: terminal sequences go, what is left of controls is shown as an escape."""
    if text.isprintable():  # most texts are, and large suites have hundreds of thousands of them
        return text
    text = _ANSI.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _UNPRINTABLE.sub(_escape, text)


def is_plain(text: str) -> bool:
    """Tell whether every character is printable, or ends a line."""
    return "\r" not in text and not _UNPRINTABLE.search(text)


def line(text: str, limit: int = 300) -> str:
    """Return printable text on one line, at most so many characters."""
    # What is cut anyway need not be cleaned: texts of many megabytes do occur.
    joined = " ".join(plain(text[: limit * 8]).split())
    shortened = len(text) > limit * 8 or len(joined) > limit
    return joined[: limit - 1].rstrip() + "…" if shortened else joined


def cut(text: str, limit: int) -> str:
    """Return printable text of about so many characters, saying how many were left out."""
    if len(text) <= limit:
        return plain(text)
    return f"{plain(text[:limit])}\n… {len(text) - limit} characters cut"


def xml(text: str) -> str:
    """Return text that any XML 1.0 parser takes and no reader of JUnit mistakes for a link."""
    return _ATTACHMENT.sub("[ ", plain(text))


def xml_block(text: str, limit: int, see: str) -> str:
    """Return text for XML of at most so many bytes (200 or more), saying what was left out and where it is."""
    shown = xml(text[:limit])
    encoded = shown.encode()
    if len(text) <= limit and len(encoded) <= limit:
        return shown
    kept = encoded[: limit - 60 - len(see)].decode(errors="ignore")
    missing = len(text) - min(len(text), limit) + len(shown) - len(kept)
    return f"{kept}\n… {missing} characters cut, see {see}"


def terminal(text: str, limit: int = 300) -> str:
    """Return one line that can act neither on a terminal nor on a CI system."""
    return _COMMANDS.sub(lambda match: match[0] + "\u200b", line(text, limit))


def shell(text: str) -> str:
    """Quote printable text as one word of a shell's command line, inert on a terminal and for a CI system."""
    return _COMMANDS.sub(lambda match: match[0] + "''", shlex.quote(text))


def markdown(text: str, limit: int = 300) -> str:
    """Return one line that Markdown and HTML show as it is."""
    return code(line(text, limit))


def code(text: str) -> str:
    """Return printable text of one line for a code element in Markdown, exact when it is copied from the page."""
    return _MARKDOWN.sub(lambda match: f"&#{ord(match[0])};", text)


def file_name(name: str, limit: int = 160) -> str:
    """Return a name that every file system and artifact store takes: letters with their marks, digits, `.`, `_`, `-`.

    It has at most so many bytes: names end up in globs and on disks that allow 255, with a prefix, an ending and more.
    """
    kept = ""
    for char in unicodedata.normalize("NFC", name)[: limit + 1]:
        # A mark is kept on a letter, where it makes another word: की is not कि, and neither is क.
        is_mark = unicodedata.category(char) in ("Mn", "Mc") and kept[-1:] not in ("", ".", "_", "-")
        kept += char if char.isalnum() or char in "._-" or is_mark else "-"
    short = kept.encode()[:limit].decode(errors="ignore")
    if re.match(r"[^\w.-]", kept[len(short) :]):  # a mark, whose letter goes with it
        short = re.sub(r"\w[^\w.-]*\Z", "", short) or short
    return short.lstrip(".") or "suite"


def columns(rows: Sequence[Sequence[str]], least: Sequence[int] = (), width: int = 80) -> list[str]:
    """Return the lines of rows in aligned columns, indented; what is too long in the last one goes on below.

    `least` has the least width of each column but the last.
    """
    import textwrap

    cells = [least, *(map(len, row[:-1]) for row in rows)]
    widths = [max(column) for column in itertools.zip_longest(*cells, fillvalue=0)]
    lines: list[str] = []
    for row in rows:
        head = "  " + "".join(f"{cell:<{wide}}  " for cell, wide in zip(row[:-1], widths, strict=True))
        room = max(width - len(head), 20)
        if any(unicodedata.east_asian_width(char) in "WF" for char in row[-1]):
            room //= 2  # such a character takes two columns
        for part in textwrap.wrap(row[-1], room, break_on_hyphens=False) or [""]:
            lines.append((head + part).rstrip())
            head = " " * len(head)
    return lines


def duration(seconds: float) -> str:
    """Write a duration as settings take it, but spaced: `80ms`, `4.2s`, `12s`, `1m 5s`, `1h 3m`; `?` if it is none."""
    if not 0 <= seconds < 1e9:
        return "?"
    if seconds < 9.95:
        return f"{seconds * 1000:.0f}ms" if 0 < seconds < 0.05 else f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = (f"{hours}h" if hours else "", f"{minutes}m" if minutes else "", f"{rest}s" if rest and not hours else "")
    return " ".join(filter(None, parts))


def plural(number: int, noun: str) -> str:
    """Count things: `1 step`, `1,250 steps`."""
    return f"{number:,} {noun}{'s' if number != 1 else ''}"


def listed(names: Sequence[str], most: int) -> str:
    """Name the first few, and say how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def unique(name: str, taken: dict[str, int], joint: str = "-", *, read: Callable[[str], str] = str.casefold) -> str:
    """Return the name, numbered where `taken` (names as readers `read` them, by default without case) has it.

    It is taken then, each with the last number that was tried for it: thousands may have one name.
    """
    candidate, own = name, read(name)
    number = taken.get(own, 1)
    while read(candidate) in taken:
        number += 1
        candidate = f"{name}{joint}{number}"
    taken[own] = number
    taken[read(candidate)] = 1
    return candidate
