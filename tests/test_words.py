"""Plain words: no text of the project uses those that style.md replaces, and no name says nothing."""

import ast
import io
import pathlib
import re
import tokenize
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).parents[1]
SOURCES = sorted((ROOT / "kore_gate").rglob("*.py"))
TEXTS = [
    ROOT / "action.yml",
    ROOT / "README.md",
    *sorted((ROOT / "kore_gate").rglob("*.j2")),
    *sorted((ROOT / "docs").rglob("*.md")),
]

# What is not written, as an expression over a text on one line, and what is written instead.
WORDS = {
    r"mend(s|ed|ing)?": "fix, invalid",
    r"told": "reported, shown; a name says what it holds: message, status, rows",
    r"turn(s|ed|ing)?( [\w'-]+){0,3} down": "reject",
    r"put(s|ting)? out": "print, output",
    r"wait(s|ed|ing)?( \w+)? out": "wait for, still waiting",
    r"loudly": "with a warning",
    r"could work": "all checks passed",
    r"(is|are) none of": "must be one of",
    r"names? none": "is empty",
    r"(a|one) word too many": "unexpected argument",
    r"not so": "failed, invalid",
    r"(?<!there )is no(?= \w)(?! longer\b| more\b)": "is not a, unknown, invalid",
    r"known where": "the place itself",
    r"(whisper|pulse|heartbeat)s?": "the field's term",
}
NAMES = {
    "found": "rows, match, problem, value",
    "given": "value, options",
    "made": "report, what was built",
    "said": "message, text, output",
    "told": "message, status, rows",
    "wanted": "expected, interval",
}


def offences_in_text(text: str) -> list[str]:
    """List the words of a text that are not ours."""
    line = " ".join(text.split())
    return [
        f"{match[0]!r}: {instead}"
        for word, instead in WORDS.items()
        for match in re.finditer(rf"\b(?:{word})(?!\w)", line, re.IGNORECASE)
    ]


def offences_in_source(source: str) -> list[str]:
    """List the words in a module's texts and comments that are not ours, and the names that say nothing."""
    return [
        f"line {line}: {offence}"
        for line, text in sorted([*_texts(source), *_comments(source)])
        for offence in offences_in_text(text)
    ] + [f"line {line}: {name}: {NAMES[name]}" for line, name in sorted(_names(source)) if name in NAMES]


def _texts(source: str) -> Iterator[tuple[int, str]]:
    tree = ast.parse(source)
    parts = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            # As it will read: a letter for each part that is filled in.
            texts = [str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values]
            yield node.lineno, "".join(texts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in parts:
            yield node.lineno, node.value


def _comments(source: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def _names(source: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.arg(arg=name):
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield node.lineno, name
            case _:
                pass


def test_sources__plain_words() -> None:
    """Every module's texts, comments and names are in plain words."""
    offences = {path: offences_in_source(path.read_text(encoding="utf-8")) for path in SOURCES}

    assert [f"{path.relative_to(ROOT)}, {each}" for path, found in offences.items() for each in found] == []


def test_texts__plain_words() -> None:
    """What people read is in plain words."""
    offences = {path: offences_in_text(path.read_text(encoding="utf-8")) for path in TEXTS}

    assert [f"{path.relative_to(ROOT)}, {each}" for path, found in offences.items() for each in found] == []


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("2 settings to mend.", "mend"),
        ("Kore.ai turned the import down: no.", "turned the import down"),
        ("the wait is waited\n out", "waited out"),
        ("'x' is none of rich, strict", "is none of"),
        ("--x is no flag of wait.", "is no"),
        ("It is said Loudly.", "Loudly"),
        ("one word too many: x", "one word too many"),
    ],
)
def test_offences__in_text(text: str, word: str) -> None:
    """A word is found in any form, across line breaks."""
    [offence] = offences_in_text(text)

    assert offence.startswith(f"{word!r}: ")


@pytest.mark.parametrize("text", ["amended, recommended", "It is no longer there.", "There is no suite.", "untold"])
def test_offences__in_text_none(text: str) -> None:
    """Other words that have one of them in them are none."""
    assert offences_in_text(text) == []


@pytest.mark.parametrize(
    "source",
    [
        '"""Mend it."""',
        "# told so",
        'x = f"{x} is no {y}"',
        "told = 1",
        "def said(): ...",
        "def f(*, wanted): ...",
        "if found := 1: ...",
        "[made for made in x]",
        "class A:\n    given: int",
    ],
)
def test_offences__in_source(source: str) -> None:
    """Docstrings, comments, texts with gaps, and every kind of name are looked at."""
    assert len(offences_in_source(source)) == 1
