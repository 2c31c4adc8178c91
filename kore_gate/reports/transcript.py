"""The texts of a step on the page: cut to what the page has room for, and compared word by word."""

import collections
import difflib
import itertools
import re
import unicodedata
from collections.abc import Iterable, Sequence

from kore_gate import text
from kore_gate.model import Assertion, Check, Outcome, Reply, replace
from kore_gate.reports import labels

Parts = tuple[tuple[bool, str], ...]  # pieces of a text, each with whether it differs
Pair = tuple[Parts, Parts | None]  # expected, and actual (None: not known)

_WORDS = re.compile(r"\w+|\s+|[^\w\s]")

# A comparison costs about the product of both lengths: above this, only what both texts begin and end with is shared.
_LARGEST = 40_000
_ALTOGETHER = 4_000_000

# Below this share of equal words, marks on single words help nobody.
_ALIKE = 0.35

_STEP = 60_000  # characters, about
_CHECKS = 20  # compared of one assertion


class Marker:
    """Marks differences, and turns coarser when a report holds very many of them."""

    def __init__(self) -> None:
        self._effort = _ALTOGETHER

    def mark(self, expected: str, actual: str) -> tuple[Parts, Parts]:
        """Split both texts into pieces that are the same and pieces that differ."""
        ours, theirs = _WORDS.findall(expected), _WORDS.findall(actual)
        head = _shared(ours, theirs)
        tail = _shared(ours[head:][::-1], theirs[head:][::-1])
        start, end = "".join(ours[:head]), "".join(ours[len(ours) - tail :])
        ours, theirs = ours[head : len(ours) - tail], theirs[head : len(theirs) - tail]
        left, right = [(True, "".join(ours))], [(True, "".join(theirs))]
        cost = len(ours) * len(theirs)
        if 0 < cost <= min(_LARGEST, self._effort):
            self._effort -= cost
            matcher = difflib.SequenceMatcher(None, ours, theirs, autojunk=False)
            if head + tail or matcher.ratio() >= _ALIKE:
                pieces = [(tag, "".join(ours[i:j]), "".join(theirs[k:m])) for tag, i, j, k, m in matcher.get_opcodes()]
                # A lone space between two changed words belongs to the change.
                left = [(tag != "equal" or not ours.strip(), ours) for tag, ours, _ in pieces]
                right = [(tag != "equal" or not ours.strip(), theirs) for tag, ours, theirs in pieces]
        return _joined([(False, start), *left, (False, end)]), _joined([(False, start), *right, (False, end)])


def _shared(ours: Sequence[str], theirs: Sequence[str]) -> int:
    """Count the words that both begin with."""
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(ours, theirs, strict=False)))


def _joined(pieces: Iterable[tuple[bool, str]]) -> Parts:
    """Join neighbours of the same kind and drop empty pieces."""
    kinds = itertools.groupby((piece for piece in pieces if piece[1]), key=lambda piece: piece[0])
    return tuple((changed, "".join(piece for _, piece in group)) for changed, group in kinds)


def closest(candidates: Sequence[str], actual: str) -> int:
    """Return the place of the candidate that shares most words with a text."""
    words = collections.Counter(_WORDS.findall(actual))
    counts = [collections.Counter(_WORDS.findall(candidate)) for candidate in candidates]
    shared = [(count & words).total() / max(count.total(), words.total(), 1) for count in counts]
    return shared.index(max(shared))


def subtle(expected: str, actual: str) -> str:
    """Say how two texts differ where the eye would see no difference, else nothing."""
    if expected == actual:
        return "Both texts look the same here: Kore.ai compares more than it reports."
    if "".join(expected.split()) == "".join(actual.split()):
        return "They differ in spaces or line breaks only."
    if expected.casefold() == actual.casefold():
        return "They differ in upper and lower case only."
    if _visible(expected) == _visible(actual):
        return "They differ only in characters that look alike or are invisible."
    return ""


def _visible(value: str) -> str:
    composed = unicodedata.normalize("NFKC", value)
    return "".join(char for char in composed if unicodedata.category(char) not in ("Cf", "Zs"))


class Room:
    """Cuts and compares the texts of one step: a step may not fill the page alone."""

    def __init__(self, marker: Marker) -> None:
        self._marker = marker
        self._left = _STEP

    def take(self, value: str, limit: int = 5_000) -> str:
        """Return the text, cleaned and cut to what is left."""
        shown = text.cut(value, max(min(limit, self._left), 60))
        self._left -= len(shown)
        return shown

    def compare(self, assertion: Assertion, reply: Reply) -> tuple[list[Parts], Parts | None, str]:
        """Return what was expected (each variant) and what came (None: not known), with a note on the difference."""
        assertion = replace(assertion, checks=assertion.checks[:_CHECKS])
        values, actual = labels.compared(assertion, reply)
        heads = [_head(assertion, check) for check in assertion.checks]
        shown = [self.take(value) for value in values]
        expected: list[Parts] = [((False, head + value),) for head, value in zip(heads, shown, strict=True)]
        expected = expected or [((False, "(nothing)"),)]
        if actual is None:
            return expected, None, ""
        actual_shown = self.take(actual)
        if not values or (assertion.group == "context" and len(values) > 1):
            return expected, ((False, actual_shown),), ""
        best = closest(shown, actual_shown)
        left, right = self._marker.mark(shown[best], actual_shown)
        expected[best] = _joined([(False, heads[best]), *left])
        return expected, right, subtle(values[best], actual)

    def excerpt(self, assertion: Assertion, reply: Reply) -> Pair:
        """Return expected beside actual in short: what stands around the first difference."""
        rows = [(name, pair) for name, outcome, pair in self.rows(assertion) if outcome is not Outcome.PASSED]
        if rows:
            name, (expected, actual) = rows[0]
            head = ((False, f"{name} = "),)
            return _around(head + expected), None if actual is None else _around(head + actual)
        variants, actual, _ = self.compare(assertion, reply)
        marked = (variant for variant in variants if any(differs for differs, _ in variant))
        return _around(next(marked, variants[0])), None if actual is None else _around(actual)

    def rows(self, assertion: Assertion) -> list[tuple[str, Outcome, Pair]]:
        """Return each context variable that is expected, with its outcome and both values; [] if none is known."""
        checks = assertion.checks[:_CHECKS] if assertion.group == "context" else ()
        values = _variables([check.field for check in checks], assertion.actual or "")
        rows: list[tuple[str, Outcome, Pair]] = []
        for check in checks if values else ():
            expected, actual = self.take(check.value), values.get(check.field)
            pair: Pair = ((False, expected),), None
            if actual is not None:
                pair = self._marker.mark(expected, self.take(actual))
            rows.append((text.line(check.field), check.outcome, pair))
        return rows


def _variables(names: Sequence[str], actual: str) -> dict[str, str]:
    """Tell the values of these variables apart in `name = value, name = value`, or in a value alone."""
    known = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True) if name)
    starts = [*re.finditer(rf"(?:^|, )({known}) = ", actual)] if known else []
    if actual and not starts and len(names) == 1:
        return {names[0]: actual}
    ends = [*(start.start() for start in starts[1:]), len(actual)]
    return {start[1]: actual[start.end() : end] for start, end in zip(starts, ends, strict=False)}


def _around(parts: Parts, before: int = 48, limit: int = 240) -> Parts:
    """Cut a text to what stands around its first difference."""
    if len(parts) > 1 and not parts[0][0] and len(parts[0][1]) > 2 * before:
        end = parts[0][1][-before:]
        parts = ((False, f"… {end[end.find(' ') + 1 :]}"), *parts[1:])
    shown = []
    for differs, piece in parts:
        shown.append((differs, labels.shorten(piece, max(limit, 1))))
        limit -= len(piece)
        if limit <= 0:
            break
    return tuple(shown)


def _head(assertion: Assertion, check: Check) -> str:
    """Put the field before its value where a value alone says too little."""
    if assertion.group != "context":
        return ""
    marks = {Outcome.PASSED: "✓ ", Outcome.FAILED: "✗ "} if len(assertion.checks) > 1 else {}
    return f"{marks.get(check.outcome, '')}{text.line(check.field)} = "
