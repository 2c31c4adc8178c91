"""How a results file that Kore.ai links to is named."""

import re
import urllib.parse

from kore_gate import text


def name(suite: str, link: str) -> str:
    """Return `kore-results-<suite>.<ext>`, the ending taken from the link, where it has a plain one."""
    parts = urllib.parse.urlsplit(link)
    query = urllib.parse.parse_qs(parts.query)
    for candidate in (*query.get("clientfilename", ()), parts.path):
        ending = re.search(r"\.([A-Za-z0-9]{1,8})$", candidate)
        if ending:
            return f"kore-results-{text.file_name(suite)}.{ending[1].lower()}"
    return f"kore-results-{text.file_name(suite)}.bin"
