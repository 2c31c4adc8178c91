"""The JUnit file of a suite: built by junit-xml, then corrected where readers or schemas need it."""

import collections
import datetime
import io
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from xml.etree import ElementTree as ET
from xml.parsers import expat

import junit_xml

from kore_gate import errors, text
from kore_gate.errors import Ending
from kore_gate.model import Evidence, Outcome, Result, SuiteResult, replace
from kore_gate.reports import cases, labels

DETAILS = "kore-result.json"

# GitLab drops reports above 30 MB.
_SIZE_LIMIT = 28 * 2**20
_USUAL_CASE = 200  # bytes, about: a little less than suites of passing and disabled assertions come to

_YEAR = 365 * 86_400.0  # readers stop at a year
_BATCH = 100
_ELEMENTS = {"testcase": "tests", "failure": "failures", "error": "errors", "skipped": "skipped"}


class _Room(NamedTuple):
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


def render(result: SuiteResult, call: Result, title: tuple[int, str] | None = None) -> bytes:
    """Write the JUnit file of one suite; where one test case an assertion is too much, it is one a step.

    `title` is the suite's own of `titles`, for those who render many.
    """
    title = title or next(itertools.compress(titles(call), (suite is result for suite in call.suites)))
    # What can't fit is not tried: writing it twice takes an interrupted call's five seconds.
    numbers = _numbers(result, call.junit_granularity)
    if call.junit_granularity == "assertion":
        is_tried = int(numbers["tests"]) * _USUAL_CASE < _SIZE_LIMIT
        if is_tried and (data := _render(result, call, title, "assertion", numbers, _SIZE_LIMIT)):
            return data
        numbers = _numbers(result, "step")
    return _render(result, call, title, "step", numbers, math.inf)


def render_lint(checked: Sequence[cases.Case], now: datetime.datetime, *, rich: bool) -> bytes:
    """Write the JUnit file of the lint: one suite, with these test cases."""
    body = _body(cases.numbered(checked), math.inf, rich=rich)
    outcomes = collections.Counter(case.outcome for case in checked)
    numbers = (len(checked), outcomes[Outcome.FAILED], outcomes[Outcome.ERROR], outcomes[Outcome.SKIPPED])
    totals = dict(zip(_ELEMENTS.values(), map(str, numbers), strict=True)) | {"time": _seconds(0)}
    suite = junit_xml.TestSuite(
        "kore_gate lint",
        hostname="localhost",
        id="0",
        package=None if rich else "kore",
        timestamp=_timestamp(now.isoformat()),
        properties={"kore.granularity": "rule"},
    )
    return _framed(suite.build_xml_doc(), body.getvalue(), totals, rich=rich)


def verify(data: bytes, result: SuiteResult, call: Result) -> None:
    """Parse a written file again and raise ReportError unless it says what the result says."""
    file = f"The JUnit file of {result.name!r}"
    tags: collections.Counter[str] = collections.Counter()
    attributes: dict[str, dict[str, str]] = {}  # of the last element of each tag; there is one suite
    granularity = call.junit_granularity

    def start(tag: str, values: dict[str, str]) -> None:
        nonlocal granularity
        tags[tag] += 1
        attributes[tag] = values
        if values.get("name") == "kore.granularity":
            granularity = values["value"]

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    try:
        parser.Parse(data, True)
    except expat.ExpatError as exc:
        raise errors.ReportError(f"{file} cannot be read back: {exc}") from exc
    expected = _numbers(result, granularity)
    elements = {name: str(tags[tag]) for tag, name in _ELEMENTS.items()}
    if elements != expected:
        raise errors.ReportError(f"{file} has {elements}, but should have {expected}.")
    for tag in ("testsuites", "testsuite"):
        stated = {name: value for name, value in attributes.get(tag, {}).items() if name in expected}
        # The strict dialect counts in its suites only.
        if stated != expected and (stated or tag == "testsuite"):
            raise errors.ReportError(f"{file} states {stated}, but should state {expected}.")
    if result.verdict.ending is not Ending.PASSED and expected["failures"] == expected["errors"] == "0":
        raise errors.ReportError(f"{file} is green, but the suite {result.verdict.ending}.")


def _render(
    result: SuiteResult,
    call: Result,
    title: tuple[int, str],
    granularity: str,
    numbers: Mapping[str, str],
    limit: float,
) -> bytes:
    """Write the file, or nothing where its test cases are longer than the limit."""
    rich = call.junit_dialect != "strict"
    place, name = title
    body = _body(cases.each(replace(result, name=name), granularity), limit, rich=rich)
    if body.tell() > limit:
        return b""
    folded, short = granularity != call.junit_granularity, body.tell() > _ROOMS[0].until
    suite = junit_xml.TestSuite(
        name,
        hostname=text.line(text.xml(call.machine), 255) or "localhost",
        id=str(place),
        package=None if rich else "kore",
        timestamp=_timestamp(result.started or call.started) or (None if rich else "1970-01-01T00:00:00"),
        properties=_properties(result, call, granularity),
        stdout=_remarks(result, folded=folded, short=short),
    )
    totals = {**numbers, "time": _seconds(result.duration)}
    return _framed(suite.build_xml_doc(), body.getvalue(), totals, rich=rich)


def _body(remaining: Iterator[cases.Case], limit: float, *, rich: bool) -> io.BytesIO:
    """Write test cases, as far as they are not longer than the limit."""
    body = io.BytesIO()
    while body.tell() <= limit and (batch := list(itertools.islice(remaining, _BATCH))):
        room = next(room for room in _ROOMS if body.tell() < room.until)
        # junit-xml keeps many times the size of what it builds: small batches keep memory flat.
        built = junit_xml.TestSuite("batch", [_build(case, room, rich=rich) for case in batch]).build_xml_doc()
        for element, case in zip(built, batch, strict=True):
            _adjust(element, case, room if rich and room.output > 0 else None)
        built.attrib.clear()
        built.text, built[-1].tail = "    ", "\n"
        # As bytes it would pass through two more layers of streams, piece by piece.
        batch_text = ET.tostring(built, encoding="unicode").removeprefix("<testsuite>").removesuffix("</testsuite>")
        body.write(batch_text.encode("utf-8", "xmlcharrefreplace"))
    return body


def titles(call: Result) -> list[tuple[int, str]]:
    """Return place and name of each suite, a name unlike the others also in what its test cases are called."""
    taken: dict[str, int] = {}
    names = (text.line(text.xml(suite.name or suite.key), 180) or "suite" for suite in call.suites)
    return list(enumerate(text.unique(name, taken, " #", read=cases.segment) for name in names))


def _properties(result: SuiteResult, call: Result, granularity: str) -> dict[str, str]:
    """Return the facts of a suite that machines ask for, where they are known."""
    facts = {
        "kore.evidence": result.evidence,
        "kore.verdict": result.verdict.ending,
        "kore.exit_code": str(int(result.verdict.exit_code)),
        "kore.status": result.status,
        "kore.stream_id": (result.part or call).stream_id,
        "kore.test_suite_id": result.test_suite_id,
        "kore.ds_id": result.ds_id,
        "kore.run_id": result.run_id,
        "kore.granularity": granularity,
    }
    return {name: shown for name, value in facts.items() if (shown := text.line(text.xml(value)))}


def _remarks(result: SuiteResult, *, folded: bool, short: bool) -> str:
    """Say in the suite's output what no test case says."""
    lines = [labels.explain(result.verdict), *result.notes, *(line for line, _ in cases.attempts(result))]
    if result.evidence is Evidence.IMPORT_VALIDATION:
        lines.append("A test case that passed here was accepted by Kore.ai at import; it was not executed.")
    if result.resume:
        lines.append(f"Resume with: {result.resume}")
    if folded:
        lines.append(f"One test case per step, because one per assertion makes the file too large: see {DETAILS}.")
    if short:
        lines.append(f"The later test cases are shortened to limit the size of the file: see {DETAILS}.")
    return text.xml_block("\n".join(lines), 32 * 1024, DETAILS)


def _seconds(duration: float) -> str:
    """Write seconds as every schema takes them."""
    return f"{min(max(0.0, duration), _YEAR) if math.isfinite(duration) else 0.0:.3f}"


def _timestamp(started: str) -> str:
    """Write a time in UTC without zone or fraction, or nothing where there is none."""
    try:
        moment = datetime.datetime.fromisoformat(started)
        utc = moment.astimezone(datetime.UTC) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        return ""
    return utc.replace(tzinfo=None).isoformat(timespec="seconds")


def _build(case: cases.Case, room: _Room, *, rich: bool) -> junit_xml.TestCase:
    """Say a test case in junit-xml's words; a result without a text would count as passed there."""
    source = case.source if rich else None
    dialogue = _dialogue(case.transcript, room.output if rich else min(room.output, 4096))
    built = junit_xml.TestCase(
        case.name,
        classname=case.classname,
        file=text.xml(source.file) if source else None,
        line=str(source.line) if source else None,
        stdout=dialogue if rich else None,
    )
    if case.outcome is Outcome.PASSED:
        return built
    message, body = _words(case, room, f"\n\n{dialogue}" if dialogue and not rich else "")
    if case.outcome is Outcome.FAILED:
        built.add_failure_info(message, body, case.type)
    elif case.outcome is Outcome.SKIPPED:
        built.add_skipped_info(message, body)
    else:
        built.add_error_info(message, body, case.type)
    return built


def _words(case: cases.Case, room: _Room, after: str = "") -> tuple[str, str]:
    """Say in a line and at length why a test case ended as it did."""
    message = text.line(text.xml(case.message[: 8 * room.message + 1]), room.message) or "no reason given"
    body = text.xml_block(case.text, room.body - len(after.encode()), DETAILS) + after if room.body else ""
    return message, body if body.strip() else message


def _dialogue(transcript: Sequence[str], limit: int) -> str:
    """Write a dialogue down, as many of its latest turns as there is room for."""
    lines: list[str] = []
    left = limit - 100
    for turn in reversed(transcript):
        line = text.xml_block(turn, 2048, DETAILS)
        left -= len(line.encode()) + 1
        if left < 0:
            break
        lines.append(line)
    if len(lines) < len(transcript) and limit:
        lines.append(f"… {len(transcript) - len(lines)} earlier lines cut, see {DETAILS}")
    return "\n".join(reversed(lines))


def _adjust(element: ET.Element, case: cases.Case, room: _Room | None) -> None:
    """Give a test case its time always, and properties and attempts where there is room; take what schemas forbid."""
    element.set("time", _seconds(case.duration))
    element.tail = "\n    "
    if case.outcome is Outcome.SKIPPED:
        for skipped in element.iterfind("skipped"):
            del skipped.attrib["type"]
    others = case.others if room and case.outcome is not Outcome.SKIPPED else ()
    for other in reversed(others):
        # In the form of Maven Surefire, whose readers count neither kind.
        kind = "flaky" if case.outcome is Outcome.PASSED else "rerun"
        ending = "Failure" if other.outcome is Outcome.FAILED else "Error"
        message, body = _words(other, room or _ROOMS[-1])
        again = ET.Element(kind + ending, message=message, type=other.type)
        ET.SubElement(again, "stackTrace").text = body
        element.insert(int(case.outcome.is_red), again)  # behind its own failure, before its output
    if case.outcome.is_red or case.mark or others:
        if room and case.step and (case.outcome.is_red or case.mark):
            properties = ET.Element("properties")
            facts = {"kore.step": str(case.step)}
            if case.mark:
                facts |= {"kore.policy": case.mark.policy, "kore.policy.reason": case.mark.reason}
                facts |= {"kore.policy.until": case.mark.until} if case.mark.until else {}
            for name, value in facts.items():
                ET.SubElement(properties, "property", name=name, value=text.line(text.xml(value)))
            element.insert(0, properties)
        ET.indent(element, level=2)


def _framed(suite: ET.Element, body: bytes, totals: dict[str, str], *, rich: bool) -> bytes:
    """Write the file: the test cases, and what stands before and after them."""
    name = suite.attrib.pop("name")
    others = {key: value for key, value in suite.attrib.items() if key not in {"disabled", *totals}}
    suite.attrib.clear()
    suite.attrib.update({"name": name} | totals | others)
    suite.insert(1, ET.Element("here"))
    # Without `skipped` here some readers take what was skipped for passed; the Jenkins schema knows it not.
    root = ET.Element("testsuites", {"name": "kore_gate"} | totals if rich else {})
    if not rich:
        for tag in ("system-out", "system-err"):  # the Ant schema wants both; junit-xml leaves out what is empty
            if suite.find(tag) is None:
                ET.SubElement(suite, tag)
    root.append(suite)
    ET.indent(root)
    framed: bytes = ET.tostring(root, encoding="utf-8").replace(b"    <here />\n", body)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + framed + b"\n"


def _numbers(result: SuiteResult, granularity: str) -> dict[str, str]:
    """Count test cases under the names that the file has for them."""
    counts = cases.count(result, granularity)
    tests = counts.passed + counts.failed + counts.errors + counts.skipped
    numbers = {"tests": tests, "failures": counts.failed, "errors": counts.errors, "skipped": counts.skipped}
    return {name: str(number) for name, number in numbers.items()}
