"""The JUnit file of a suite: built by junit-xml, then corrected where readers or schemas need it."""

import collections
import dataclasses
import datetime
import functools
import io
import itertools
import math
from collections.abc import Iterable, Sequence
from xml.etree import ElementTree as ET
from xml.parsers import expat

import junit_xml

from kore_gate import errors, text
from kore_gate.errors import Ending
from kore_gate.model import Evidence, Outcome, Result, SuiteResult
from kore_gate.reports import cases, labels

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
    lines = [labels.explain(result.verdict), *result.notes]
    if result.evidence is Evidence.IMPORT_VALIDATION:
        lines.append("A test case that passed here was accepted by Kore.ai at import; it was not executed.")
    if result.resume:
        lines.append(f"Resume with: {result.resume}")
    if folded:
        lines.append(f"One test case per step, because one per assertion makes the file too large: see {DETAILS}.")
    if short:
        lines.append(f"The later test cases are shortened to limit the size of the file: see {DETAILS}.")
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
        while cases.suite_part(given) in taken:
            number += 1
            given = f"{shown} #{number}"
        taken.add(cases.suite_part(given))
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


# GitLab drops reports above 30 MB.
_SIZE_LIMIT = 28 * 2**20

# Bytes that a test case takes, about: a little less than what suites of disabled and passing assertions come to.
_USUAL_CASE = 200

_UNTOLD = "no reason given"
_BATCH = 100
_ATTRIBUTES = {Outcome.FAILED: "failures", Outcome.ERROR: "errors", Outcome.SKIPPED: "skipped"}
_RESULTS = {"failure": "failures", "error": "errors", "skipped": "skipped"}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Room:
    """How much a test case may say (characters, bytes, bytes) while the file is not yet so long; 0: nothing."""

    until: float
    message: int
    body: int
    output: int


_ROOMS = (
    _Room(until=8 * 2**20, message=300, body=16 * 1024, output=32 * 1024),
    _Room(until=16 * 2**20, message=300, body=1024, output=0),
    _Room(until=math.inf, message=120, body=0, output=0),
)


class _TooLarge(Exception):
    """Say that a file outgrew what every CI system takes."""


def render(result: SuiteResult, call: Result) -> bytes:
    """Write the JUnit file of one suite; where one test case an assertion is too much, it is one a step."""
    counts = cases.count(result)
    number = counts.passed + counts.failed + counts.errors + counts.skipped
    # What can't fit is not tried: it would be written twice.
    if call.junit_granularity == "assertion" and number * _USUAL_CASE < _SIZE_LIMIT:
        try:
            return _render(result, call, "assertion", _SIZE_LIMIT)
        except _TooLarge:
            pass
    return _render(result, call, "step", math.inf)


def verify(data: bytes, result: SuiteResult, call: Result) -> None:
    """Parse a written file again and raise ReportError unless it says what the result says."""
    try:
        elements, attributes, granularity = _read_back(data)
    except expat.ExpatError as exc:
        raise errors.ReportError(f"The JUnit file of {result.name!r} cannot be read back: {exc}") from exc
    wanted = _counts(case.outcome for case in cases.each(result, granularity or call.junit_granularity))
    if elements != wanted:
        raise errors.ReportError(f"The JUnit file of {result.name!r} has {elements}, but should have {wanted}.")
    for stated in attributes:
        if any(number != wanted[name] for name, number in stated.items()):
            raise errors.ReportError(f"The JUnit file of {result.name!r} states {stated}, but should state {wanted}.")
    if result.verdict.ending is not Ending.PASSED and wanted["failures"] == wanted["errors"] == "0":
        raise errors.ReportError(f"The JUnit file of {result.name!r} is green, but the suite {result.verdict.ending}.")


def _render(result: SuiteResult, call: Result, granularity: str, limit: float) -> bytes:
    rich = call.junit_dialect != "strict"
    name = suite_name(result, call)
    outcomes: list[Outcome] = []
    body = io.BytesIO()
    remaining = cases.each(dataclasses.replace(result, name=name), granularity)
    while batch := list(itertools.islice(remaining, _BATCH)):
        room = next(room for room in _ROOMS if body.tell() < room.until)
        outcomes.extend(case.outcome for case in batch)
        # junit-xml keeps many times the size of what it builds: small batches keep memory flat.
        built = junit_xml.TestSuite("batch", [_build(case, room, rich=rich) for case in batch]).build_xml_doc()
        for element, case in zip(built, batch, strict=True):
            _mend(element, case, rich=rich and room.output > 0)
        body.write(_inside(built))
        if body.tell() > limit:
            raise _TooLarge
    folded, short = granularity != call.junit_granularity, body.tell() > _ROOMS[0].until
    suite = junit_xml.TestSuite(
        name,
        hostname=text.line(text.xml(call.machine), 255) or "localhost",
        id=str(position(result, call)),
        package=None if rich else "kore",
        timestamp=timestamp(result.started or call.started) or (None if rich else "1970-01-01T00:00:00"),
        properties=properties(result, call, granularity),
        stdout=remarks(result, folded=folded, short=short),
    )
    totals = _counts(outcomes) | {"time": seconds(result.duration)}
    head, tail = _frame(suite.build_xml_doc(), totals, rich=rich)
    return head + body.getvalue() + tail


def _build(case: cases.Case, room: _Room, *, rich: bool) -> junit_xml.TestCase:
    """Say a test case in junit-xml's words; a result without a text would count as passed there."""
    source = case.source if rich else None
    told = _told(case.transcript, room.output if rich else min(room.output, 4096))
    made = junit_xml.TestCase(
        case.name,
        classname=case.classname,
        file=text.xml(source.file) if source else None,
        line=str(source.line) if source else None,
        stdout=told if rich else None,
    )
    if case.outcome is Outcome.PASSED:
        return made
    message = text.line(text.xml(case.message[: 8 * room.message + 1]), room.message) or _UNTOLD
    full = case.text if case.text.startswith(case.message) else f"{case.message}\n\n{case.text}"
    if told and not rich:
        body = f"{text.xml_block(full, room.body - len(told.encode()) - 2, DETAILS)}\n\n{told}"
    else:
        body = text.xml_block(full, room.body, DETAILS) if room.body else message
    body = body if body.strip() else message
    if case.outcome is Outcome.FAILED:
        made.add_failure_info(message, body, case.type)
    elif case.outcome is Outcome.SKIPPED:
        made.add_skipped_info(message, body)
    else:
        made.add_error_info(message, body, case.type)
    return made


def _mend(element: ET.Element, case: cases.Case, *, rich: bool) -> None:
    """Give a test case its time always, and its properties; take what the schemas forbid."""
    element.set("time", seconds(case.duration))
    element.tail = "\n    "
    for skipped in element.iterfind("skipped"):
        del skipped.attrib["type"]
    if case.outcome not in (Outcome.FAILED, Outcome.ERROR):
        return
    if rich and case.step:
        properties = ET.Element("properties")
        ET.SubElement(properties, "property", name="kore.step", value=str(case.step))
        element.insert(0, properties)
    ET.indent(element, level=2)


def _inside(built: ET.Element) -> bytes:
    """Write the test cases of a batch without the suite around them."""
    built.attrib.clear()
    built.text, built[-1].tail = "    ", "\n"
    written: bytes = ET.tostring(built, encoding="utf-8")
    return written.removeprefix(b"<testsuite>").removesuffix(b"</testsuite>")


def _told(transcript: tuple[str, ...], limit: int) -> str:
    """Write a dialogue down, as many of its latest turns as there is room for."""
    kept: list[str] = []
    left = limit - 100
    for turn in reversed(transcript):
        shown = text.xml_block(turn, 2048, DETAILS)
        left -= len(shown.encode()) + 1
        if left < 0:
            break
        kept.append(shown)
    if len(kept) < len(transcript) and limit:
        kept.append(f"… {len(transcript) - len(kept)} earlier lines cut, see {DETAILS}")
    return "\n".join(reversed(kept))


def _frame(suite: ET.Element, totals: dict[str, str], *, rich: bool) -> tuple[bytes, bytes]:
    """Write what stands before and after the test cases."""
    name = suite.attrib["name"]
    said = {key: value for key, value in suite.attrib.items() if key not in {"name", "disabled", *totals}}
    suite.attrib.clear()
    suite.attrib.update({"name": name} | totals | said)
    suite.insert(1, ET.Element("here"))
    root = ET.Element("testsuites")
    if rich:
        # Without `skipped` here some readers take what was skipped for passed; the Jenkins schema knows it not.
        root.attrib.update({"name": "kore_gate"} | totals)
    else:
        for tag in ("system-out", "system-err"):  # the Ant schema wants both; junit-xml leaves out what is empty
            if suite.find(tag) is None:
                ET.SubElement(suite, tag)
    root.append(suite)
    ET.indent(root)
    head, tail = ET.tostring(root, encoding="utf-8").split(b"    <here />\n")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + head, tail + b"\n"


def _counts(outcomes: Iterable[Outcome]) -> dict[str, str]:
    found = collections.Counter(outcomes)
    return {"tests": str(found.total())} | {name: str(found[outcome]) for outcome, name in _ATTRIBUTES.items()}


def _read_back(data: bytes) -> tuple[dict[str, str], list[dict[str, str]], str]:
    """Count the elements of a file, and collect the counts and the granularity that it states."""
    found: collections.Counter[str] = collections.Counter(dict.fromkeys(("tests", *_ATTRIBUTES.values()), 0))
    stated: list[dict[str, str]] = []
    granularity = ""

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal granularity
        if tag == "testcase":
            found["tests"] += 1
        elif tag in _RESULTS:
            found[_RESULTS[tag]] += 1
        elif tag == "testsuite":
            stated.append({name: attributes.get(name, "nothing") for name in found})
        elif tag == "testsuites":
            stated.append({name: attributes[name] for name in found if name in attributes})
        elif attributes.get("name") == "kore.granularity":
            granularity = attributes["value"]

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.Parse(data, True)
    return {name: str(number) for name, number in found.items()}, stated, granularity
