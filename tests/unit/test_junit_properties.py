import functools
import io
import math
from pathlib import Path
from typing import Any

import hypothesis
import junitparser
from hypothesis import strategies
from lxml import etree

from kore_gate.errors import Ending
from kore_gate.model import (
    Assertion,
    Check,
    Evidence,
    Outcome,
    Phase,
    Reply,
    Result,
    Source,
    Step,
    Suite,
    SuiteResult,
    replace,
)
from kore_gate.reports import cases, junit
from tests import builders, strict

SCHEMAS = Path(__file__).parents[2].parent / "shared" / "schemas"

# Any JSON text: every code point, lone surrogates and controls among them, and what parsers stumble over.
TRAPS = ("\x1b[31m", "\x00", "\ud83d", "\udc4d", "\ufffe", "]]>", "<![CDATA[", "&#x1b;", "<!--", "\r\n", "\t", " ", "")
MORE_TRAPS = ("[[ATTACHMENT|", "a" * 250, ".", "/", "::", "\u2028", "\u202e", "🙂", "é", "<here />", "</testsuites>")
TEXT = strategies.text(strategies.characters(codec=None), max_size=25) | strategies.lists(
    strategies.sampled_from(TRAPS + MORE_TRAPS), max_size=6
).map("".join)

OUTCOMES = strategies.sampled_from(Outcome)
DURATIONS = strategies.none() | strategies.floats()


def _tuples(of: strategies.SearchStrategy[object]) -> strategies.SearchStrategy[object]:
    return strategies.lists(of, max_size=3).map(tuple)


CHECKS = strategies.builds(Check, field=TEXT, value=TEXT, outcome=OUTCOMES)
ASSERTIONS = strategies.builds(
    Assertion,
    group=strategies.sampled_from(["text", "flow", "context"]) | TEXT,
    enabled=strategies.booleans(),
    checks=_tuples(CHECKS),
    outcome=OUTCOMES,
    actual=strategies.none() | TEXT,
    reason=TEXT,
)
REPLIES = strategies.builds(
    Reply, text=TEXT, actual=strategies.none() | TEXT, node=TEXT, assertions=_tuples(ASSERTIONS)
)
STEPS = strategies.builds(
    Step,
    number=strategies.integers(1, 3),
    input=TEXT,
    event=TEXT,
    replies=_tuples(REPLIES),
    unexpected=_tuples(TEXT),
    outcome=OUTCOMES,
    reason=TEXT,
    duration=DURATIONS,
    source=strategies.none() | strategies.builds(Source, file=TEXT, line=strategies.integers(0, 99)),
)
SUITES = strategies.builds(Suite, name=TEXT, steps=_tuples(STEPS))
VERDICTS = strategies.builds(
    builders.make_verdict,
    strategies.sampled_from([ending for ending in Ending if ending is not Ending.PASSED]),
    message=TEXT,
    cause=TEXT,
    hint=TEXT,
    details=_tuples(TEXT),
)
RESULTS = strategies.builds(
    SuiteResult,
    key=TEXT,
    name=TEXT,
    phase=strategies.sampled_from(Phase),
    verdict=VERDICTS | strategies.just(builders.make_verdict()),
    evidence=strategies.sampled_from(Evidence),
    suite=strategies.none() | SUITES,
    status=TEXT,
    ds_id=TEXT,
    run_id=TEXT,
    test_suite_id=TEXT,
    file=TEXT,
    started=strategies.datetimes().map(lambda when: f"{when.isoformat()}Z") | TEXT,
    duration=strategies.floats(),
    notes=_tuples(TEXT),
    resume=TEXT,
)
CALLS = strategies.builds(
    builders.make_call,
    RESULTS,
    junit_granularity=strategies.sampled_from(["assertion", "step"]),
    junit_dialect=strategies.sampled_from(["rich", "strict"]),
    machine=TEXT,
    stream_id=TEXT,
    started=TEXT,
)

STRICT_CALLS = CALLS.map(lambda call: replace(call, junit_dialect="strict"))

settings = hypothesis.settings(suppress_health_check=[hypothesis.HealthCheck.too_slow])


def _rendered(call: Result) -> tuple[SuiteResult, bytes]:
    result = call.suites[0]
    data = junit.render(result, call)
    junit.verify(data, result, call)
    return result, data


@hypothesis.given(call=CALLS)
@settings
def test_render__any_result(call: Result) -> None:
    """Whatever Kore.ai answers, libxml2 parses the file strictly, and it shows what the verdict says."""
    result, data = _rendered(call)

    root = etree.fromstring(data)

    expected = [case.outcome for case in cases.each(result, call.junit_granularity)]
    for tag, outcome in (("failure", Outcome.FAILED), ("error", Outcome.ERROR), ("skipped", Outcome.SKIPPED)):
        elements = list(root.iter(tag))
        assert len(elements) == expected.count(outcome)
        assert all(element.get("message") and (element.text or "").strip() for element in elements)
        assert all(len(element.get("message", "")) <= 300 for element in elements)
    assert len(list(root.iter("testcase"))) == len(expected) >= 1
    assert (result.verdict.ending is Ending.PASSED) or Outcome.FAILED in expected or Outcome.ERROR in expected
    assert b"[[attachment|" not in data.lower()
    check_names(root)
    if call.junit_granularity == "assertion":
        check_counts(result, data)


def check_names(root: Any) -> None:
    """See that names are short, on one line, and that no two are the same."""
    found = list(root.iter("testcase"))
    names = [(case.get("classname", ""), case.get("name", "")) for case in found]
    assert len(set(names)) == len(names)
    for each in (part for name in names for part in name):
        assert 0 < len(each) <= 200
        assert each == " ".join(each.split())
    assert all(math.isfinite(float(case.get("time", ""))) for case in found)


def check_counts(result: SuiteResult, data: bytes) -> None:
    """See that junitparser reads the counts of the verdict, the gate's own test case among them."""
    suite: Any = next(iter(junitparser.JUnitXml.fromstring(data)))
    counts = cases.count(result)
    judged = (counts.failed, counts.errors, counts.skipped)
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (counts.passed + sum(judged), *judged)
    suite.update_statistics()
    assert (suite.failures, suite.errors) == judged[:2]


@functools.cache
def _schemas() -> list[etree.XMLSchema]:
    """Read the schemas of Ant and of Jenkins' xUnit plugin, where they are."""
    return [etree.XMLSchema(etree.parse(path)) for path in sorted(SCHEMAS.glob("*.xsd"))]


@hypothesis.given(call=STRICT_CALLS)
@settings
def test_render__any_result_strict(call: Result) -> None:
    """Whatever Kore.ai answers, the strict dialect keeps the rules that both schemas have in common."""
    _, data = _rendered(call)

    assert strict.offences(data) == []
    for schema in _schemas():
        schema.assertValid(etree.parse(io.BytesIO(data)))
