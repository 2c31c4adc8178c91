"""The Markdown of a CI system's summary page: the verdict, a table of suites, the first failures, what to do next."""

import collections
import re
from collections.abc import Sequence

from kore_gate.model import Result, Step
from kore_gate.reports import cases, html, labels

LIMIT = 1_000_000

# How much the page has of each list; a page that is too long is rendered with less. Without details it is a title.
_SIZES = (
    {"details": 50, "suites": 200, "entries": 20, "rows": 200},
    {"details": 50, "suites": 200, "entries": 20, "rows": 20},
    {"details": 50, "suites": 200, "entries": 20, "rows": 0},
    {"details": 3, "suites": 20, "entries": 5, "rows": 0},
    {"details": 3, "suites": 5, "entries": 1, "rows": 0},
    {"details": 3, "suites": 0, "entries": 0, "rows": 0},
    {"details": 0, "suites": 0, "entries": 0, "rows": 0},
)


def render(call: Result, limit: int = LIMIT) -> str:
    """Render the summary in at most so many bytes of UTF-8."""
    facts = {
        "call": call,
        "evidence": collections.Counter(map(labels.evidence, call.tested_suites)),
        "failures": [failure for result in call.suites for failure in cases.failures(result) if failure.step],
        "red_first": _red_first,
    }
    template = html.environment().get_template("summary.md.j2")
    page = b""
    for sizes in _SIZES:
        rendered = template.render(facts, shortened=sizes is not _SIZES[0], **sizes)
        page = re.sub(r"\n{3,}", "\n\n", rendered).rstrip().encode() + b"\n"
        if len(page) <= limit:
            break
    return page[: max(limit, 0)].decode("utf-8", "ignore")


def _red_first(steps: Sequence[Step], number: int) -> Sequence[Step]:
    """Choose so many steps, failed ones first, and return them in their order."""
    places = sorted(range(len(steps)), key=lambda place: not steps[place].is_red)
    return [steps[place] for place in sorted(places[:number])]
