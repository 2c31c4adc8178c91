"""Remove secrets from text of others, in every form in which they can stand there."""

import base64
import functools
import json
import re
import urllib.parse
from collections.abc import Callable, Iterable, Iterator

from kore_gate import text

MASK = "***"

# A shorter secret looks like ordinary words: masking it would show what it is.
_SHORTEST = 8

# A token is known by its looks as well, for each request has one of its own: header, payload and mostly a signature.
_TOKEN = re.compile(r"(eyJ[A-Za-z0-9_-]{8,})(?:\.[A-Za-z0-9_-]+)+")

_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)


class Redactor:
    """Removes secrets, and whatever is a token, from text of others; text of our own needs none of it."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> bool:
        """Remove this secret from now on, and each line of it; return whether it is long enough for that."""
        for line in {secret, secret.strip(), *secret.replace("\r", "\n").split("\n")}:
            if len(line.strip()) < _SHORTEST or (line.startswith("-----") and "\n" not in line):
                continue  # the frame of a PEM block is not secret
            plain = text.plain(line)
            self._forms |= {line, plain, " ".join(plain.split()), *_quoted(line), *_in_base64(line)}
        longest_first = sorted(self._forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
        return len(secret.strip()) >= _SHORTEST

    def text(self, raw: str) -> str:
        """Return the text with its secrets masked, also those that escapes of some kind hide or pull apart."""
        shown = self._mask(raw)
        for decode in (_unescaped, urllib.parse.unquote, text.plain):
            decoded = decode(shown)
            if decoded != shown and (masked := self._mask(decoded)) != decoded:
                shown = masked
        return shown

    def json(self, value: object) -> object:
        """Mask the secrets in every key and every text of a decoded JSON value, in place where it can; return it."""
        clean = functools.cache(self.text)  # the same few words stand in an answer hundreds of thousands of times
        if isinstance(value, str):
            return clean(value)
        containers = [value]
        while containers:
            container = containers.pop()
            entries: Iterable[tuple[object, object]] = ()
            if isinstance(container, dict):
                if any(clean(key) != key for key in container):
                    _rename(container, clean)
                entries = container.items()
            elif isinstance(container, list):
                entries = enumerate(container)
            for key, entry in entries:
                if isinstance(entry, str):
                    masked = clean(entry)
                    if masked is not entry:
                        container[key] = masked  # type: ignore[index] # a key of a dict, or an index of a list
                elif isinstance(entry, dict | list):
                    containers.append(entry)
        return value

    def data(self, raw: bytes) -> bytes:
        """Return the content of a file with its secrets masked, as far as it is text."""
        return self._mask(raw.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def _mask(self, raw: str) -> str:
        if not (self._pattern and self._pattern.search(raw)) and not _TOKEN.search(raw) and not _WRAPPED.search(raw):
            return raw
        spans = [(at, at + len(form)) for form in self._forms for at in _places(raw, form)]
        spans += [match.span() for match in _TOKEN.finditer(raw) if _is_header(match[1])]
        spans += [match.span() for match in _WRAPPED.finditer(raw)]
        kept: list[str] = []
        end = 0
        for start, stop in sorted(spans):
            if start > end or not kept:
                kept += [raw[end:start], MASK]
            end = max(end, stop)
        return "".join([*kept, raw[end:]])


def _quoted(secret: str) -> Iterator[str]:
    """Give a secret as it stands in JSON and in addresses."""
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield urllib.parse.quote(secret, safe="", errors="replace")
    yield urllib.parse.quote_plus(secret, errors="replace")


def _in_base64(secret: str) -> Iterator[str]:
    """Give what of a secret stands in Base64, wherever in the encoded text it begins."""
    data = secret.encode("utf-8", "surrogatepass")
    for before, unsure in ((0, 0), (1, 2), (2, 3)):
        whole = (before + len(data)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(b"\0" * before + data)[unsure:whole].decode()


# A token within Base64 begins as each begins that names its algorithm first; so do all of ours.
_WRAPPED = re.compile(rf"(?:{'|'.join(sorted(set(_in_base64('eyJhbGciOi'))))})[A-Za-z0-9+/_=-]*")


def _unescaped(raw: str) -> str:
    """Undo the escapes of JSON, as far as they hide printable characters."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)) if match[1] else match[2], raw)


def _is_header(part: str) -> bool:
    """Tell whether the first part of what looks like a token is a token's."""
    try:
        return b'"alg"' in base64.urlsafe_b64decode(part[: len(part) // 4 * 4])
    except ValueError:
        return False


def _rename(container: dict[str, object], clean: Callable[[str], str]) -> None:
    """Mask secrets in keys; no entry is lost where two become the same."""
    entries = list(container.items())
    taken = {key.casefold() for key in container if clean(key) == key}
    container.clear()
    for key, value in entries:
        masked = clean(key)
        container[key if masked == key else text.unique(masked, taken, " ")] = value


def _places(raw: str, form: str) -> Iterator[int]:
    at = raw.find(form)
    while at >= 0:
        yield at
        at = raw.find(form, at + 1)
