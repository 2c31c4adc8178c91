import datetime
import json
import math
import os
import tracemalloc
from pathlib import Path
from typing import Any

import junit_xml
import pytest
from lxml import etree

from kore_gate import errors
from kore_gate.errors import Ending
from kore_gate.model import Assertion, Counts, Evidence, Outcome, Phase, Result, Step, SuiteResult, replace
from kore_gate.reports import cases, junit
from tests import builders

SNAPSHOTS = Path(__file__).parents[1] / "snapshots" / "junit"


def _parse(data: bytes) -> Any:
    """Parse a file as libxml2 does: strictly. The stubs know too many types for what an XPath finds."""
    return etree.fromstring(data, etree.XMLParser(huge_tree=True))


def _render(result: SuiteResult, **call: Any) -> Any:
    """Render and verify one suite, and parse it."""
    whole = builders.make_call(result, **call)
    data = junit.render(result, whole)
    junit.verify(data, result, whole)
    return _parse(data)


def _red(**assertion: Any) -> SuiteResult:
    """Build a suite whose only assertion failed."""
    assertion = {"outcome": Outcome.FAILED, "actual": "Sorry"} | assertion
    reply = builders.make_reply(assertions=(builders.make_assertion(**assertion),))
    step = builders.make_step(replies=(reply,), outcome=Outcome.FAILED, source=builders.make_source(), duration=3.1454)
    return builders.make_result(Ending.FAILED, suite=builders.make_suite(steps=(step,)))


def _mixed(ending: Ending = Ending.FAILED) -> SuiteResult:
    """Build a suite in which something of everything happened."""
    how_much = (builders.make_check(value="How much?"), builders.make_check(value="Which amount?"))
    asked: tuple[Assertion, ...] = (
        builders.make_assertion(checks=how_much, outcome=Outcome.FAILED, actual='Sorry, <b>no</b> & "never"\nBye'),
        builders.make_assertion(group="flow", checks=(builders.make_check(field="node", value="AskAmount"),)),
        builders.make_assertion(group="context", enabled=False, checks=(builders.make_check(field="a", value="5"),)),
    )
    steps: tuple[Step, ...] = (
        builders.make_step(source=builders.make_source(), duration=1.2, replies=(builders.make_reply(actual="Hello"),)),
        builders.make_step(
            number=2,
            input="Send 5",
            outcome=Outcome.FAILED,
            duration=3.1454,
            source=builders.make_source(line=9),
            replies=(
                builders.make_reply(text="How much?", actual="Sorry, <b>no</b>", assertions=asked),
                builders.make_reply(text="Anything else?", assertions=()),
            ),
            unexpected=("Goodbye",),
        ),
        builders.make_step(
            number=3, input="crash", outcome=Outcome.ERROR, reason="the bot did not answer in 30 s", replies=()
        ),
        builders.make_step(
            number=4,
            input="confirm",
            outcome=Outcome.SKIPPED,
            reason="not reached: step 3 failed",
            replies=(builders.make_reply(assertions=(builders.make_assertion(outcome=Outcome.PENDING),)),),
        ),
        builders.make_step(number=5, input="bye", replies=()),
    )
    return builders.make_result(
        ending,
        suite=builders.make_suite(steps=steps),
        phase=Phase.RUN,
        evidence=Evidence.EXECUTION,
        status="COMPLETED",
        run_id="tsr-99",
        notes=("The status word came late.",),
    )


def _timed_out() -> SuiteResult:
    """Build a suite that nothing is known of yet."""
    verdict = builders.make_verdict(
        Ending.TIMED_OUT, cause="a long suite.", hint="Raise timeout.", details=("last status: IN_PROGRESS",)
    )
    return builders.make_result(
        suite=None,
        name="ds-1",
        verdict=verdict,
        evidence=Evidence.NONE,
        status="IN_PROGRESS",
        file="suites/banking.json",
        test_suite_id="",
        resume="kore-gate wait --ds-id ds-1",
    )


@pytest.mark.parametrize(
    ("name", "result", "call"),
    [
        pytest.param("passing-rich", builders.make_result(), {}, id="passing rich"),
        pytest.param("passing-strict", builders.make_result(), {"junit_dialect": "strict"}, id="passing strict"),
        pytest.param("failing-rich", _mixed(), {}, id="failing rich"),
        pytest.param("failing-strict", _mixed(), {"junit_dialect": "strict"}, id="failing strict"),
        pytest.param("failing-rich-steps", _mixed(), {"junit_granularity": "step"}, id="failing rich steps"),
        pytest.param(
            "failing-strict-steps",
            _mixed(),
            {"junit_granularity": "step", "junit_dialect": "strict"},
            id="failing strict steps",
        ),
        pytest.param("timed-out-rich", _timed_out(), {}, id="timed out rich"),
        pytest.param("timed-out-strict", _timed_out(), {"junit_dialect": "strict"}, id="timed out strict"),
        pytest.param("interrupted-rich", _mixed(Ending.INTERRUPTED), {}, id="interrupted rich"),
    ],
)
def test_render__snapshot(name: str, result: SuiteResult, call: dict[str, Any]) -> None:
    """The whole file is as it was seen and found good (KORE_GATE_UPDATE_SNAPSHOTS=1 takes a new one)."""
    whole = builders.make_call(result, **call)
    expected = SNAPSHOTS / f"{name}.xml"

    data = junit.render(result, whole)

    if os.environ.get("KORE_GATE_UPDATE_SNAPSHOTS") == "1":
        expected.parent.mkdir(parents=True, exist_ok=True)
        expected.write_bytes(data)
    junit.verify(data, result, whole)
    assert data == junit.render(result, whole)
    assert data.decode() == expected.read_text(encoding="utf-8")


# What junit-xml does on its own, and must not come through: one test for each of its known defects.


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.ERROR])
@pytest.mark.parametrize("granularity", ["assertion", "step"])
def test_render__red_without_text(outcome: Outcome, granularity: str) -> None:
    """A failure that has nothing to say is still a failure; junit-xml would leave it out and count it as passed."""
    reply = builders.make_reply(assertions=(builders.make_assertion(outcome=outcome, checks=(), reason="\x1b[0m"),))
    suite = builders.make_suite(steps=(builders.make_step(replies=(reply,), outcome=outcome),))

    root = _render(builders.make_result(Ending.FAILED, suite=suite), junit_granularity=granularity)

    (element,) = root.xpath("//testcase/*[self::failure or self::error]")
    assert element.get("message").strip()
    assert element.text.strip()


@pytest.mark.parametrize(("ending", "tag"), [(Ending.ERROR, "error"), (Ending.PASSED, "skipped")])
def test_render__verdict_without_message(ending: Ending, tag: str) -> None:
    """Even a verdict without a word gives an element with a message and the same text."""
    verdict = builders.make_verdict(ending, message=" \n\x1b[0m")

    root = _render(builders.make_result(suite=None, verdict=verdict))

    (element,) = root.xpath(f"//testcase/{tag}")
    assert element.get("message") == element.text.strip() == "no reason given"


def test_render__one_result_a_case() -> None:
    """A test case has one result at most; a second one given to junit-xml would mix with the first."""
    root = _render(_mixed(), junit_granularity="step")

    for case in root.iter("testcase"):
        assert sum(child.tag in {"failure", "error", "skipped"} for child in case) <= 1


@pytest.mark.parametrize("text", ["\ud83d", "\ufffe", "\uffff", "\x00", "\x08", "\x7f", "\x85"])
def test_render__characters_xml_has_not(text: str) -> None:
    """What XML can't hold is shown as an escape; junit-xml raises, drops it or writes what no parser reads."""
    root = _render(_red(actual=f"a{text}b", checks=(builders.make_check(value=f"c{text}d"),)))

    code = f"\\x{ord(text):02x}" if ord(text) < 0x100 else f"\\u{ord(text):04x}"
    (failure,) = root.xpath("//failure")
    assert f"a{code}b" in failure.text
    assert f'c{code}d"' in root.xpath("//testcase")[0].get("name")


def test_render__colours() -> None:
    """A terminal's sequence goes as a whole; junit-xml takes only the escape and leaves `[31m`."""
    root = _render(_red(actual="\x1b[31mSorry\x1b[0m"))

    assert root.xpath("//failure")[0].text.endswith("actual:   Sorry")


@pytest.mark.parametrize("dialect", ["rich", "strict"])
def test_render__no_disabled(dialect: str) -> None:
    """Nothing states `disabled`, which the schemas forbid and junit-xml always writes."""
    assert not _render(_mixed(), junit_dialect=dialect).xpath("//@disabled")


@pytest.mark.parametrize(
    ("duration", "shown"),
    [
        pytest.param(0.1 + 0.2, "0.300", id="sum"),
        pytest.param(1e-5, "0.000", id="exponent"),
        pytest.param(0.0, "0.000", id="zero"),
        pytest.param(-0.0, "0.000", id="negative zero"),
        pytest.param(math.nan, "0.000", id="nan"),
        pytest.param(math.inf, "0.000", id="infinite"),
        pytest.param(-1.0, "0.000", id="negative"),
        pytest.param(1234.5678, "1234.568", id="thousands"),
        pytest.param(1e300, "31536000.000", id="absurd"),
    ],
)
def test_render__times(duration: float, shown: str) -> None:
    """Times have three decimals everywhere; junit-xml writes `1e-05`, `nan`, six decimals or none at all."""
    suite = builders.make_suite(steps=(builders.make_step(duration=duration),))

    root = _render(builders.make_result(suite=suite, duration=duration))

    assert root.xpath("//@time") == [shown] * 3


def test_render__suites_attributes() -> None:
    """The rich dialect's root has a name and the totals: a reader that finds no `skipped` there takes it for 0."""
    root = _render(_mixed())

    counts = {"tests": "7", "failures": "1", "errors": "1", "skipped": "3"}
    assert dict(root.attrib) == {"name": "kore_gate", **counts, "time": "7.345"}
    assert {name: root[0].get(name) for name in counts} == counts


def test_render__suites_attributes_strict() -> None:
    """The strict dialect's root has none: the Jenkins schema knows `skipped` on a suite alone."""
    assert not _render(_mixed(), junit_dialect="strict").attrib


@pytest.mark.parametrize("dialect", ["rich", "strict"])
def test_render__skipped_has_no_type(dialect: str) -> None:
    """`skipped` has a message and the same text, and no `type`, which the Ant schema forbids."""
    skipped = _render(_mixed(), junit_dialect=dialect).xpath("//skipped")

    assert [dict(element.attrib) for element in skipped] == [{"message": element.text} for element in skipped]


@pytest.mark.parametrize(
    ("dialect", "order"),
    [
        ("rich", ["properties", *["testcase"] * 7, "system-out"]),
        ("strict", ["properties", *["testcase"] * 7, "system-out", "system-err"]),
    ],
)
def test_render__order_in_suite(dialect: str, order: list[str]) -> None:
    """Properties come first and output last; junit-xml puts the suite's output before its test cases."""
    root = _render(_mixed(), junit_dialect=dialect)

    assert [child.tag for child in root[0]] == order


def test_render__nothing_to_remark() -> None:
    """The strict dialect has its output elements also where there is nothing to say: the Ant schema wants them."""
    verdict = builders.make_verdict(Ending.FAILED, message="")

    root = _render(builders.make_result(suite=None, verdict=verdict, evidence=Evidence.NONE), junit_dialect="strict")

    assert [(child.tag, child.text) for child in root[0]][-2:] == [("system-out", None), ("system-err", None)]


def test_render__order_in_case() -> None:
    """A red test case of the rich dialect has properties, result and output in this order."""
    root = _render(_mixed())

    assert [child.tag for child in root.xpath("//failure/..")[0]] == ["properties", "failure", "system-out"]
    assert root.xpath("//failure/../properties/property/@value") == ["2"]


def test_render__line_breaks() -> None:
    """A message is one line; a name with line breaks too; the text keeps its lines and the file its declaration."""
    result = _red(reason="first\nsecond", checks=(builders.make_check(value="a\nb"),))
    data = junit.render(result, builders.make_call(result))

    root = _parse(data)
    assert data.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n')
    assert root.xpath("//testcase/@name") == ['text equals "a b"']
    assert root.xpath("//failure")[0].text.splitlines()[-1] == "second"
    assert all("\n" not in value for element in root.iter() for value in element.attrib.values())


def test_render__disabled_assertion() -> None:
    """A disabled assertion says so; junit-xml's own `is_enabled` leaves no trace on the case."""
    reply = builders.make_reply(assertions=(builders.make_assertion(), builders.make_assertion(enabled=False)))
    root = _render(builders.make_result(suite=builders.make_suite(steps=(builders.make_step(replies=(reply,)),))))

    assert root.xpath("//testcase[2]/skipped/text()") == ["disabled in the suite"]


# What the readers ask for.


def test_render__strict_has_only_what_the_schemas_know() -> None:
    """The strict dialect leaves out what the schemas forbid and moves the dialogue into the failure's text."""
    root = _render(_mixed(), junit_dialect="strict")

    assert not root.attrib
    assert set(root[0].keys()) == {
        *("name", "tests", "failures", "errors", "skipped", "time", "hostname", "id", "package", "timestamp")
    }
    for case in root.iter("testcase"):
        assert set(case.keys()) == {"name", "classname", "time"}
        assert {child.tag for child in case} <= {"failure", "error", "skipped"}
    assert root.xpath("//failure")[0].text.splitlines()[-5:] == [
        "bot:  Hello",
        "user: Send 5",
        "bot:  Sorry, <b>no</b>",
        "bot:  (expected) Anything else?",
        "bot:  Goodbye",
    ]


def test_render__suite_properties() -> None:
    """A suite's properties say what is known, and nothing of what is not."""
    root = _render(_mixed(), stream_id="st-1234")

    properties = {element.get("name"): element.get("value") for element in root.xpath("//testsuite/properties/*")}
    assert properties == {
        "kore.evidence": "execution",
        "kore.verdict": "failed",
        "kore.exit_code": "1",
        "kore.status": "COMPLETED",
        "kore.stream_id": "st-1234",
        "kore.test_suite_id": "ts-1",
        "kore.ds_id": "ds-1",
        "kore.run_id": "tsr-99",
        "kore.granularity": "assertion",
    }


def test_render__attachments() -> None:
    """Nothing a bot says becomes a link to a file of the build."""
    result = _red(actual="[[ATTACHMENT|/etc/passwd]]", checks=(builders.make_check(value="[[ATTACHMENT|a]]"),))

    for dialect in ("rich", "strict"):
        assert b"[[ATTACHMENT|" not in junit.render(result, builders.make_call(result, junit_dialect=dialect))


@pytest.mark.parametrize("kind", ["date", "symbol", "yaml", "array"])
def test_render__types_are_ours(kind: str) -> None:
    """No `type` comes from Kore.ai: Rails would take some of them for commands."""
    root = _render(_red(group=kind))

    assert root.xpath("//@type") == ["kore.AssertionFailed"]


@pytest.mark.parametrize(
    ("started", "shown"),
    [
        pytest.param("2026-01-02T03:04:05Z", "2026-01-02T03:04:05", id="UTC"),
        pytest.param("2026-01-02T03:04:05.678+02:00", "2026-01-02T01:04:05", id="zone and fraction"),
        pytest.param("2026-01-02T03:04:05", "2026-01-02T03:04:05", id="no zone"),
        pytest.param("", "2025-12-31T23:59:59", id="the call's"),
        pytest.param("yesterday", None, id="unreadable"),
        pytest.param("0001-01-01T00:00:00+10:00", None, id="before time"),
    ],
)
def test_render__timestamp(started: str, shown: str | None) -> None:
    """A timestamp is in UTC, without zone or fraction; where none is known, only the strict dialect has one."""
    result = builders.make_result(started=started)

    rich = _render(result, started="2025-12-31T23:59:59Z")
    strict = _render(result, started="2025-12-31T23:59:59Z", junit_dialect="strict")

    assert rich[0].get("timestamp") == shown
    assert datetime.datetime.fromisoformat(strict[0].get("timestamp", "")).isoformat() == (
        shown or "1970-01-01T00:00:00"
    )


def test_render__place() -> None:
    """In the rich dialect a test case knows its file and line, and the gate's own the file it was about."""
    assert dict(_render(_red()).xpath("//testcase")[0].attrib) == {
        "name": 'text equals "Hello"',
        "classname": "kore.Banking regression.01 Hi",
        "file": "kore/suites/banking.json",
        "line": "3",
        "time": "3.145",
    }
    assert _render(_timed_out()).xpath("//testcase/@file") == ["suites/banking.json"]


def test_render__machine_unknown() -> None:
    """A machine without a name is `localhost`: the Ant schema wants one."""
    assert _render(builders.make_result(), machine="")[0].get("hostname") == "localhost"


def test_render__suites_of_one_name() -> None:
    """Suites of the same name within a call are told apart, or readers would merge them."""
    suites = (builders.make_result(), builders.make_result(key="ds-2"), builders.make_result(name="", key="\x1b[0m"))
    call = builders.make_call(*suites)

    roots = [_parse(junit.render(result, call)) for result in suites]

    assert [root[0].get("name") for root in roots] == ["Banking regression", "Banking regression #2", "suite"]
    assert [root[0].get("id") for root in roots] == ["0", "1", "2"]
    assert roots[1].xpath("//testcase/@classname") == ["kore.Banking regression #2.01 Hi"]


@pytest.mark.parametrize(
    "names",
    [
        ["A", "A", "A"],
        ["A", "A #2", "A", "A"],
        ["a.b", "a/b", "a_b"],
        ["x" * 500, "x" * 501, f"{'x' * 90} end"],
    ],
    ids=["same", "number taken", "separators", "long"],
)
@pytest.mark.parametrize("granularity", ["assertion", "step"])
def test_render__identity_over_files(names: list[str], granularity: str) -> None:
    """No two files have a test case of one class name and name, nor a suite of one name: readers merge them."""
    suites = [
        *(replace(_mixed(Ending.INTERRUPTED), name=name) for name in names),
        *(replace(_timed_out(), name=name) for name in names),
    ]
    call = builders.make_call(*suites, junit_granularity=granularity)

    roots = [_parse(junit.render(result, call)) for result in suites]

    cases = [(case.get("classname"), case.get("name")) for root in roots for case in root.iter("testcase")]
    assert len(set(cases)) == len(cases)
    assert len({root[0].get("name") for root in roots}) == len(suites)
    assert all(len(part) <= 200 for case in cases for part in case)


@pytest.mark.parametrize("value", ["&quot;", "&amp;quot;", "&#34;", "%20", "\\u0022"])
def test_render__decodes_nothing(value: str) -> None:
    """A text that looks escaped is escaped once more, and reads as it was."""
    result = _red(checks=(builders.make_check(value=value),), actual=value)

    data = junit.render(result, builders.make_call(result))

    assert f'name="text equals &quot;{value.replace("&", "&amp;")}&quot;"'.encode() in data
    assert f"actual:   {value}" in _parse(data).xpath("string(//failure)")


def test_render__remarks() -> None:
    """The suite's output says what the verdict is, what was noted, what a pass means and how to resume."""
    result = builders.make_result(notes=("a note",), resume="kore-gate wait --ds-id ds-1")

    assert _render(result).xpath("string(//testsuite/system-out)").splitlines() == [
        "1 of 1 assertions passed.",
        "a note",
        "A test case that passed here was accepted by Kore.ai at import; it was not executed.",
        "Resume with: kore-gate wait --ds-id ds-1",
    ]


# Sizes.


@pytest.mark.parametrize("dialect", ["rich", "strict"])
@pytest.mark.parametrize("letter", ["x", "漢", "\ud83d"])
def test_render__long_texts(dialect: str, letter: str) -> None:
    """Long texts are cut to what readers keep, and say so."""
    reply = builders.make_reply(
        actual=letter * 100_000,
        assertions=(
            builders.make_assertion(outcome=Outcome.FAILED, checks=(builders.make_check(value=letter * 9000),)),
        ),
    )
    step = builders.make_step(replies=(reply,), unexpected=(letter * 10_000,) * 40)
    result = builders.make_result(Ending.FAILED, suite=builders.make_suite(steps=(step,)), evidence=Evidence.EXECUTION)

    root = _render(result, junit_dialect=dialect)

    (failure,) = root.xpath("//failure")
    assert len(failure.get("message")) <= 300
    assert len(failure.text.encode()) <= 16 * 1024
    assert "characters cut, see kore-result.json" in failure.text
    dialogue = failure.text if dialect == "strict" else root.xpath("string(//testcase/system-out)")
    assert len(dialogue.encode()) <= 32 * 1024
    assert "earlier lines cut, see kore-result.json" in dialogue


def _many(number: int, text: str) -> SuiteResult:
    """Build a suite of so many steps, each with three failed assertions of long texts."""
    assertions = tuple(
        builders.make_assertion(outcome=Outcome.FAILED, actual=text, checks=(builders.make_check(value=group),))
        for group in ("a", "b", "c")
    )
    reply = builders.make_reply(assertions=assertions, actual=text)
    steps = tuple(builders.make_step(number=each, replies=(reply,)) for each in range(1, number + 1))
    return builders.make_result(Ending.FAILED, suite=builders.make_suite(steps=steps), evidence=Evidence.EXECUTION)


def test_render__large_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The longer the file, the shorter its test cases, and it says so."""
    rooms = tuple(room._replace(until=room.until / 10) for room in junit._ROOMS)
    monkeypatch.setattr(junit, "_ROOMS", rooms)

    root = _render(_many(600, "long answer " * 50))

    early, later, last = (root.xpath("//failure")[number] for number in (0, 250, -1))
    assert early.xpath("string(../system-out)").count("bot:") == 1
    assert "actual:   long answer" in early.text
    assert not later.xpath("../system-out")
    assert 300 < len(later.text.encode()) <= 1024
    assert last.text == last.get("message")
    assert len(last.text) == 120
    assert "shortened to limit" in root.xpath("string(//testsuite/system-out)")


@pytest.mark.slow
def test_render__stays_below_the_limit() -> None:
    """However much the bot says, the file stays below what GitLab takes."""
    result = _many(1500, "long answer " * 2000)

    assert len(junit.render(result, builders.make_call(result))) < 30_000_000


def test_render__too_large_for_assertions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one case an assertion would make too large a file, it is one a step, and the file says so."""
    monkeypatch.setattr(junit, "_SIZE_LIMIT", 20_000)
    result = _many(50, "no")
    call = builders.make_call(result)

    data = junit.render(result, call)

    junit.verify(data, result, call)
    root = _parse(data)
    assert root[0].get("tests") == "50"
    assert root.xpath("//property[@name='kore.granularity']/@value") == ["step"]
    assert "One test case per step" in root.xpath("string(//testsuite/system-out)")


@pytest.mark.slow
def test_render__memory() -> None:
    """Memory is for the file and the names in it, not for a tree of elements, which takes many times that."""
    steps = tuple(builders.make_step(number=number) for number in range(1, 5001))
    result = builders.make_result(suite=builders.make_suite(steps=steps))
    call = builders.make_call(result)

    tracemalloc.start()
    data = junit.render(result, call)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 5 * len(data)


# Reading back.


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        pytest.param(b"</testsuites>", b"", "cannot be read back", id="torn"),
        pytest.param(b"<failure ", b"<error ", "cannot be read back", id="broken"),
        pytest.param(b'failures="1"', b'failures="0"', "should state", id="count"),
        pytest.param(b' skipped="0"', b"", "states", id="count missing"),
        pytest.param(b"<testcase ", b"<testcase/><testcase ", "should have", id="one more"),
    ],
)
def test_verify__damaged(old: bytes, new: bytes, complaint: str) -> None:
    """A file that does not say what the result says is not let through."""
    result = _red()
    call = builders.make_call(result)
    data = junit.render(result, call).replace(old, new)

    with pytest.raises(errors.ReportError, match=complaint):
        junit.verify(data, result, call)


def test_verify__failure_lost() -> None:
    """A failure without its element, as junit-xml would write it, is found."""
    result = _red()
    case = junit_xml.TestCase("a", "b", 1)
    case.add_failure_info()
    written = junit_xml.to_xml_report_string([junit_xml.TestSuite("c", [case])])

    with pytest.raises(errors.ReportError, match="should have"):
        junit.verify(written.encode(), result, builders.make_call(result))


def test_verify__green_file_for_a_red_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    """A suite that did not pass never has a green file, whatever the test cases say."""
    passed = [*cases.each(builders.make_result())]
    monkeypatch.setattr(cases, "each", lambda *_: iter(passed))
    monkeypatch.setattr(cases, "count", lambda *_: Counts(passed=1))
    result = builders.make_result(Ending.TIMED_OUT)
    call: Result = builders.make_call(result)

    with pytest.raises(errors.ReportError, match="is green"):
        junit.verify(junit.render(result, call), result, call)


def test_render__json_surrogates() -> None:
    """What JSON can spell, a report can hold: half an emoji."""
    root = _render(_red(actual=json.loads('"\\ud83d"')))

    assert root.xpath("//failure")[0].text.endswith("\\ud83d")
