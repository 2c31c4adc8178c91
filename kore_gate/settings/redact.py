"""Remove secrets from text of others, in every form in which they can stand there."""

import base64
import functools
import json
import re
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from kore_gate import text

MASK = "***"

# A shorter secret looks like ordinary words: masking it would show what it is.
_SHORTEST = 8

# The escapes of JSON without which hardly any document does.
_LINE_ESCAPES = {'"': '"', "/": "/", "n": "\n", "r": "\r", "t": "\t"}
_LINE_ESCAPE = re.compile(r'\\(["/nrt])')

_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)


class Redactor:
    """Removes secrets, and whatever is a token, from text of others; text of our own needs none of it."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: set[str] = set()
        self._pattern = _one_of(self._forms)
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> bool:
        """Remove this secret from now on, and each line of it; return whether it is long enough for that."""
        for line in {secret, secret.strip(), *secret.replace("\r", "\n").split("\n")}:
            if len(line.strip()) < _SHORTEST or (line.startswith("-----") and "\n" not in line):
                continue  # the frame of a PEM block is not secret
            plain = text.plain(line)
            self._forms |= {line, plain, " ".join(plain.split()), *_in_base64(line)}
        self._pattern = _one_of(self._forms)
        return len(secret.strip()) >= _SHORTEST

    def text(self, raw: str) -> str:
        """Return the text with its secrets masked, also those that escapes of some kind hide or pull apart."""
        shown = self._mask(raw)
        for decode in (_unescaped, urllib.parse.unquote, urllib.parse.unquote_plus, text.plain):
            decoded = decode(shown)
            if decoded != shown and (masked := self._mask(decoded)) != decoded:
                shown = masked
        return shown

    def json(self, data: bytes) -> object:
        """Read JSON, and mask the secrets in each of its keys and texts. Raises what `json.loads` does."""
        raw = data.decode(json.detect_encoding(data), "surrogatepass")
        value = json.loads(raw)
        if self._has_none(raw):
            return value
        clean = functools.cache(self.text)  # the same few words stand in an answer hundreds of thousands of times
        root = [value]
        containers: list[Any] = [root]
        while containers:
            container = containers.pop()
            if isinstance(container, dict):
                _rename(container, clean)
            for key, entry in container.items() if isinstance(container, dict) else enumerate(container):
                if isinstance(entry, str):
                    container[key] = clean(entry)
                elif isinstance(entry, dict | list):
                    containers.append(entry)
        return root[0]

    def data(self, raw: bytes) -> bytes:
        """Return the content of a file with its secrets masked, as far as it is text."""
        return self.text(raw.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def _has_none(self, raw: str) -> bool:
        """Tell whether no text of a JSON document can hold a secret: large ones are searched once, as a whole."""
        shown = _LINE_ESCAPE.sub(lambda match: _LINE_ESCAPES[match[1]], raw)
        if "\\" in shown or not text.is_plain(shown):
            return False  # what else is escaped, or cut by a control sequence, shows in single texts only
        forms = {shown, urllib.parse.unquote(shown), urllib.parse.unquote_plus(shown)}
        return not any(part in form for form in forms for part in (*self._forms, *_TOKEN_PARTS))

    def _mask(self, raw: str) -> str:
        if not any(pattern.search(raw) for pattern in (self._pattern, *_TOKENS)):
            return raw
        # Looking ahead, for secrets may overlap.
        spans = [match.span(1) for match in re.finditer(f"(?=({self._pattern.pattern}))", raw)]
        spans += [match.span() for pattern in _TOKENS for match in pattern.finditer(raw)]
        kept: list[str] = []
        end = 0
        for start, stop in sorted(spans):
            if start > end or not kept:
                kept += [raw[end:start], MASK]
            end = max(end, stop)
        return "".join([*kept, raw[end:]])


def _one_of(forms: Iterable[str]) -> re.Pattern[str]:
    """Return the pattern of these texts, the longest first; without any it never matches."""
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    return re.compile("|".join(map(re.escape, longest_first)) or "(?!)")


def _in_base64(secret: str) -> Iterator[str]:
    """Give what of a secret stands in Base64, wherever in the encoded text it begins."""
    data = secret.encode("utf-8", "surrogatepass")
    for before, unsure in ((0, 0), (1, 2), (2, 3)):
        whole = (before + len(data)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(b"\0" * before + data)[unsure:whole].decode()


# A token is known by its looks as well, for each request has one of its own: a header that names an algorithm, payload
# and mostly a signature. Within Base64 it begins as each begins that names the algorithm first; so do all of ours.
_ALGORITHM, _BEGINNING = (_one_of(_in_base64(known)).pattern for known in ('"alg"', "eyJhbGciOi"))
_TOKEN_PARTS = ("eyJ", *_in_base64("eyJhbGciOi"))
_TOKENS = (
    re.compile(rf"ey(?=J)[A-Za-z0-9_-]{{0,500}}?(?:{_ALGORITHM})[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)+"),
    re.compile(rf"(?:{_BEGINNING})[A-Za-z0-9+/_=-]*"),
)


def _unescaped(raw: str) -> str:
    """Undo the escapes of JSON, as far as they hide printable characters."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)) if match[1] else match[2], raw)


def _rename(container: dict[str, object], clean: Callable[[str], str]) -> None:
    """Mask secrets in keys; no entry is lost where two become the same."""
    taken = {key.casefold(): 1 for key in container if clean(key) == key}
    if len(taken) == len(container):
        return
    entries = list(container.items())
    container.clear()
    for key, value in entries:
        masked = clean(key)
        container[key if masked == key else text.unique(masked, taken, " ")] = value
