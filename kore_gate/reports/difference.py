"""What differs between two texts, word by word and within bounds."""

import collections
import difflib
import re
import unicodedata
from collections.abc import Sequence

Parts = tuple[tuple[bool, str], ...]  # pieces of a text, each with whether it differs

_WORDS = re.compile(r"\w+|\s+|[^\w\s]")

# A comparison costs about the product of both lengths: above this, only what both texts begin and end with is shared.
_LARGEST = 40_000
_ALTOGETHER = 4_000_000

# Below this share of equal words, marking single words is confetti.
_ALIKE = 0.35


class Marker:
    """Marks differences, and turns coarser when a report holds very many of them."""

    def __init__(self, effort: int = _ALTOGETHER) -> None:
        self._effort = effort

    def mark(self, expected: str, actual: str) -> tuple[Parts, Parts]:
        """Split both texts into pieces that are the same and pieces that differ."""
        ours, theirs = _WORDS.findall(expected), _WORDS.findall(actual)
        head = _shared(ours, theirs)
        tail = _shared(ours[head:][::-1], theirs[head:][::-1])
        middle = ours[head : len(ours) - tail], theirs[head : len(theirs) - tail]
        left, right = self._compare(*middle, alone=head + tail == 0)
        start, end = (False, "".join(ours[:head])), (False, "".join(ours[len(ours) - tail :]))
        return _joined([start, *left, end]), _joined([start, *right, end])

    def _compare(
        self, ours: Sequence[str], theirs: Sequence[str], *, alone: bool
    ) -> tuple[list[tuple[bool, str]], list[tuple[bool, str]]]:
        cost = len(ours) * len(theirs)
        whole = [(True, "".join(ours))], [(True, "".join(theirs))]
        if not cost or cost > _LARGEST or cost > self._effort:
            return whole
        self._effort -= cost
        matcher = difflib.SequenceMatcher(None, ours, theirs, autojunk=False)
        if alone and matcher.ratio() < _ALIKE:
            return whole
        left: list[tuple[bool, str]] = []
        right: list[tuple[bool, str]] = []
        for tag, i, j, k, m in matcher.get_opcodes():
            # A lone space between two changed words belongs to the change.
            changed = tag != "equal" or not "".join(ours[i:j]).strip()
            left.append((changed, "".join(ours[i:j])))
            right.append((changed, "".join(theirs[k:m])))
        return left, right


def closest(candidates: Sequence[str], actual: str) -> int:
    """Return the place of the candidate that shares most words with a text."""
    words = collections.Counter(_WORDS.findall(actual))
    shared = [
        (counted & words).total() / max(counted.total(), words.total(), 1)
        for counted in (collections.Counter(_WORDS.findall(candidate)) for candidate in candidates)
    ]
    return shared.index(max(shared))


def subtle(expected: str, actual: str) -> str:
    """Say how two texts differ where the eye would see no difference, else nothing."""
    if expected == actual:
        return "Both texts read the same here: Kore.ai compares more than it shows."
    if "".join(expected.split()) == "".join(actual.split()):
        return "They differ in spaces or line breaks only."
    if expected.casefold() == actual.casefold():
        return "They differ in upper and lower case only."
    if _looks(expected) == _looks(actual):
        return "They differ only in characters that look alike or are invisible."
    return ""


def _looks(text: str) -> str:
    composed = unicodedata.normalize("NFKC", text)
    return "".join(char for char in composed if unicodedata.category(char) not in ("Cf", "Zs"))


def _shared(ours: Sequence[str], theirs: Sequence[str]) -> int:
    """Count the words that both begin with."""
    length = 0
    for one, other in zip(ours, theirs, strict=False):
        if one != other:
            break
        length += 1
    return length


def _joined(parts: Sequence[tuple[bool, str]]) -> Parts:
    """Join neighbours of the same kind and drop empty pieces."""
    joined: list[tuple[bool, str]] = []
    for changed, text in parts:
        if not text:
            continue
        if joined and joined[-1][0] is changed:
            joined[-1] = (changed, joined[-1][1] + text)
        else:
            joined.append((changed, text))
    return tuple(joined)
