"""How a results file that Kore.ai links to is named."""

import re
import urllib.parse
from collections.abc import Container

from kore_gate import text


def name(suite: str, link: str, taken: Container[str] = ()) -> str:
    """Return `kore-results-<suite>.<ext>` as no file of the call is named: `taken` holds those names in lower case."""
    base, ending, number = text.file_name(suite), _ending(link), 1
    made = f"kore-results-{base}.{ending}"
    while made.casefold() in taken:
        number += 1
        made = f"kore-results-{base}-{number}.{ending}"
    return made


def _ending(link: str) -> str:
    """Take a file's ending from its link, where that has a plain one."""
    parts = urllib.parse.urlsplit(link)
    query = urllib.parse.parse_qs(parts.query)
    for candidate in (*query.get("clientfilename", ()), parts.path):
        ending = re.search(r"\.([A-Za-z0-9]{1,8})$", candidate)
        if ending:
            return ending[1].lower()
    return "bin"
