"""What must never be read in a log, also where the CI does not know it."""

import json
import re
import urllib.parse
from collections.abc import Iterable

from kore_gate import text

SHORTEST = 4
MASK = "***"

# Tokens are hidden by their looks as well: a fresh one is signed for every request.
_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")


class Redactor:
    """Takes known secrets out of any text, in every form they may have come to."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: dict[str, None] = {}
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """Hide a secret from now on, and each line of it."""
        for line in dict.fromkeys((secret, secret.strip(), *secret.replace("\r", "\n").split("\n"))):
            if line.startswith("-----") and "\n" not in line:
                continue  # the frame of a PEM block is no secret, and stands in messages about one
            forms = (line, text.plain(line), " ".join(text.plain(line).split()), urllib.parse.quote(line, safe=""))
            for form in (*forms, json.dumps(line)[1:-1], json.dumps(line, ensure_ascii=False)[1:-1]):
                if len(form.strip()) >= SHORTEST:
                    self._forms[form] = None

    def clean(self, raw: str) -> str:
        """Return the text with every secret masked, overlapping ones and those that escape sequences pull apart too."""
        seen = text.plain(self._mask(raw))
        return self._mask(seen)

    def exact(self, raw: str) -> str:
        """Return the text with every secret masked and all else as it was."""
        return self._mask(raw)

    def _mask(self, raw: str) -> str:
        spans = sorted(
            [
                *((at, at + len(form)) for form in self._forms if form in raw for at in _places(raw, form)),
                *(match.span() for match in _TOKEN.finditer(raw)),
            ]
        )
        kept: list[str] = []
        end = 0
        for start, stop in spans:
            if start > end or not kept:
                kept += [raw[end:start], MASK]
            end = max(end, stop)
        return "".join([*kept, raw[end:]])


def _places(raw: str, form: str) -> Iterable[int]:
    at = raw.find(form)
    while at >= 0:
        yield at
        at = raw.find(form, at + 1)
