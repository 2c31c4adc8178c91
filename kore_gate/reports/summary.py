"""The Markdown of a CI system's summary page: the verdict, a table of suites, the first failures, what to do next."""

import collections
import itertools
import re
import urllib.parse
from collections.abc import Iterator, Sequence

from kore_gate import text
from kore_gate.errors import Ending
from kore_gate.model import Evidence, Result, Step, SuiteResult
from kore_gate.reports import cases, html, labels, lint

_Column = tuple[str, list[str]]  # its header and its cells

LIMIT = 1_000_000

# How much the page has of each list; a page that is too long is rendered with less. Without details it is a title.
_SIZES = (
    {"details": 50, "suites": 200, "entries": 30, "rows": 200},
    {"details": 50, "suites": 200, "entries": 30, "rows": 20},
    {"details": 50, "suites": 200, "entries": 30, "rows": 0},
    {"details": 3, "suites": 20, "entries": 5, "rows": 0},
    {"details": 3, "suites": 5, "entries": 1, "rows": 0},
    {"details": 3, "suites": 0, "entries": 0, "rows": 0},
    {"details": 0, "suites": 0, "entries": 0, "rows": 0},
)

# What could end an address in Markdown, or a cell of a table, stands in it as an escape.
_IN_ADDRESS = "/:?#@!$&'*+,;=%-._~"


def render(call: Result, limit: int = LIMIT, *, has_page: bool = True) -> str:
    """Render the summary in at most so many bytes of UTF-8; without a page it points to the saved result."""
    suites = sorted(call.tested_suites, key=lambda suite: suite.verdict.ending is Ending.PASSED)
    failures = cases.in_turn([*_failed_steps(suite)] for suite in suites)
    facts = {
        "call": call,
        "tested": suites,
        "evidence": collections.Counter(
            labels.evidence(suite) for suite in suites if suite.evidence is not Evidence.NONE
        ),
        "failures": failures,
        "forgiven": [finding for suite in suites for finding in cases.forgiven(suite)] if call.forgiveness else [],
        "file": "kore-report.html" if has_page else "kore-result.json",
        "has_page": has_page,
        "tables": _tables,
        "link": _link,
        "lint_rows": lint.rows,
        "red_first": _red_first,
        "source_link": lambda *place: _link(labels.source_link(*place)),
    }
    template = html.environment().get_template("summary.md.j2")
    page = b""
    for sizes in _SIZES:
        rendered = template.render(facts, shortened=sizes is not _SIZES[0], **sizes)
        page = re.sub(r"\n{3,}", "\n\n", rendered).rstrip().encode() + b"\n"
        if len(page) <= limit:
            break
    return page[: max(limit, 0)].decode("utf-8", "ignore")


def _failed_steps(suite: SuiteResult) -> Iterator[list[cases.Finding]]:
    """List what failed, step by step."""
    failures = (finding for finding in cases.failures(suite) if finding.step)
    return (list(findings) for _, findings in itertools.groupby(failures, key=lambda finding: finding.place))


def _tables(call: Result, suites: Sequence[SuiteResult]) -> list[tuple[Sequence[SuiteResult], list[_Column]]]:
    """Part suites that passed from the others, each part with the columns that say something of it."""
    parts = (list(part) for _, part in itertools.groupby(suites, key=lambda suite: suite.verdict.ending == "passed"))
    return [(part, _columns(call, part)) for part in parts]


def _columns(call: Result, suites: Sequence[SuiteResult]) -> list[_Column]:
    counts = [cases.count(suite, call.junit_granularity) for suite in suites]
    names = ("steps", "assertions", "passed", "failed", "errors", "skipped")
    columns = [(name.capitalize(), [f"{getattr(count, name):,}" for count in counts]) for name in names]
    columns.append(("Duration", [text.duration(suite.duration) if suite.duration else "" for suite in suites]))
    # Kore.ai's own word, where it isn't the verdict's.
    statuses = ["" if suite.status.lower() == suite.verdict.ending else suite.status for suite in suites]
    columns.append(("Status", [text.markdown(status, 60) for status in statuses]))
    return [(name, cells) for name, cells in columns if any(cell not in ("", "0") for cell in cells)]


def _link(address: str) -> str:
    """Return an address that Markdown takes as a whole, "" for one that is unsafe to link to."""
    return urllib.parse.quote(labels.web_link(address), safe=_IN_ADDRESS)


def _red_first(steps: Sequence[Step], number: int) -> Sequence[Step]:
    """Choose so many steps, failed ones first, and return them in their order."""
    places = sorted(range(len(steps)), key=lambda place: not steps[place].is_red)
    return [steps[place] for place in sorted(places[:number])]
