"""What a JUnit file says around the test cases of a suite, in the forms that readers and schemas ask for."""

import datetime
import functools
import math
from collections.abc import Sequence

from kore_gate import phrases, testcases, text
from kore_gate.model import Evidence, Result, SuiteResult

DETAILS = "kore-result.json"

_YEAR = 365 * 86_400.0


def properties(result: SuiteResult, call: Result, granularity: str) -> dict[str, str]:
    """Give the facts of a suite that machines ask for, where they are known."""
    known = {
        "kore.evidence": result.evidence,
        "kore.verdict": result.verdict.ending,
        "kore.exit_code": str(int(result.verdict.exit_code)),
        "kore.status": result.status,
        "kore.stream_id": call.stream_id,
        "kore.test_suite_id": result.test_suite_id,
        "kore.ds_id": result.ds_id,
        "kore.run_id": result.run_id,
        "kore.granularity": granularity,
    }
    return {name: shown for name, value in known.items() if (shown := text.line(text.xml(value)))}


def remarks(result: SuiteResult, *, folded: bool, short: bool) -> str:
    """Say in the suite's output what no test case says."""
    lines = [phrases.explain(result.verdict), *result.notes]
    if result.evidence is Evidence.IMPORT_VALIDATION:
        lines.append("A test case that passed here was accepted by Kore.ai at import; it was not executed.")
    if result.resume:
        lines.append(f"To resume: {result.resume}")
    if folded:
        lines.append(f"One test case a step, as one an assertion makes too large a file: the rest is in {DETAILS}.")
    if short:
        lines.append(f"The later test cases are told in short, or the file would be too large: see {DETAILS}.")
    return text.xml_block("\n".join(lines), 32 * 1024, DETAILS)


def suite_name(result: SuiteResult, call: Result) -> str:
    """Name a suite as no earlier suite of the call is named: readers merge what has the same name."""
    place = position(result, call)
    return _unique(tuple(one.name or one.key for one in (*call.suites[:place], result)))


@functools.lru_cache(maxsize=2)
def _unique(names: Sequence[str]) -> str:
    """Return the last of the names, numbered until its test cases, too, are called unlike those of the others."""
    taken: set[str] = set()
    given = ""
    for name in names:
        shown = given = text.line(text.xml(name), 180) or "suite"
        number = 1
        while testcases.suite_part(given) in taken:
            number += 1
            given = f"{shown} #{number}"
        taken.add(testcases.suite_part(given))
    return given


def position(result: SuiteResult, call: Result) -> int:
    """Return which suite of the call this is, 0 being the first."""
    same = (number for number, one in enumerate(call.suites) if one is result)
    alike = (number for number, one in enumerate(call.suites) if one.key == result.key)
    return next(same, next(alike, 0))


def seconds(duration: float) -> str:
    """Write seconds as every schema takes them; readers stop at a year."""
    return f"{min(max(0.0, duration), _YEAR) if math.isfinite(duration) else 0.0:.3f}"


def timestamp(started: str) -> str:
    """Write a time in UTC without zone or fraction, or nothing where there is none."""
    try:
        when = datetime.datetime.fromisoformat(started)
        utc = when.astimezone(datetime.UTC) if when.tzinfo else when
    except (ValueError, OverflowError):
        return ""
    return utc.replace(tzinfo=None).isoformat(timespec="seconds")
