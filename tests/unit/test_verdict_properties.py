import io
import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

import hypothesis
from hypothesis import strategies as st
from junitparser import JUnitXml

from kore_gate.errors import Ending
from kore_gate.kore import payloads
from kore_gate.model import Evidence, Phase, Result, State, Suite, SuiteResult, Verdict
from kore_gate.reports import html, junit, result, summary
from tests.builders import make_call, make_result
from tests.fakes import judging
from tests.fakes.answers import imported, run

FAST = hypothesis.settings(suppress_health_check=[hypothesis.HealthCheck.too_slow])

TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)

GOOD = ("passed", "PASSED", "Success", "succeeded")
BAD = ("failed", "FAIL", "Error", "timed out", "aborted", "partial_success")
UNKNOWN: tuple[object, ...] = ("huh", "not passed", "passed!", "PASSED?", 0, 7, True, ["passed"], {"passed": True})
WORDS = st.sampled_from([*GOOD * 4, *BAD, *UNKNOWN])
MAYBE = st.none() | WORDS
COUNTS = st.none() | st.integers(0, 4) | st.sampled_from(["0", "1", "2", "3", "x", -1, 1.5, [], 10**12])


def fields(**given: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Build objects in which any of the fields may be left out."""
    return st.fixed_dictionaries({}, optional=given)


# Each with a text: an item with nothing but a `status` of some other word expects the value of a variable.
ITEMS = st.lists(st.fixed_dictionaries({"text": TEXT}, optional={"status": MAYBE}) | TEXT, max_size=2)
GROUPS = fields(enabled=st.booleans(), contains=ITEMS, status=MAYBE)
ASSERTIONS = st.dictionaries(st.sampled_from(["flowLevel", "text", "context", "tone"]), GROUPS, max_size=3)
REPLIES = st.lists(fields(text=TEXT, assertions=ASSERTIONS, textMismatch=st.booleans()), max_size=2)
STEPS = fields(input=TEXT, event=TEXT, outputs=REPLIES, actualOutput=st.none() | REPLIES, status=MAYBE, duration=JSON)
TALLIES = st.none() | fields(passed=COUNTS, failed=COUNTS, total=COUNTS)
RUNS = st.builds(
    lambda status, inner, total, rows, tally, errors: {
        **({} if status is None else {"status": status}),
        **({} if total is None else {"totalTestStepsCount": total}),
        "result": {
            **({} if inner is None else {"status": inner}),
            **({} if tally is None else {"stepDetails": tally}),
            **({} if rows is None else {"executionResults": rows}),
            **({} if errors is None else {"errorDetails": errors}),
        },
    },
    MAYBE,
    MAYBE,
    COUNTS,
    st.none() | st.lists(STEPS, max_size=3),
    TALLIES,
    st.none() | st.just({}) | st.just({"message": "no answer"}),
)
IMPORTS = st.builds(lambda status, steps: imported(*steps, status=status), MAYBE, st.lists(STEPS, max_size=3))


def said(rows: Any) -> Iterator[object]:
    """Give every status word that stands in steps, their assertions and checks, expected and actual."""
    for row in rows or []:
        yield row.get("status")
        for reply in itertools.chain(row.get("outputs") or [], row.get("actualOutput") or []):
            for group in (reply.get("assertions") or {}).values():
                yield group.get("status")
                yield from (item.get("status") for item in group.get("contains") or [] if isinstance(item, dict))


def objections(body: Mapping[str, Any]) -> list[object]:
    """List every word and counter of an answer that speaks against its success."""
    inner = body.get("result") or {}
    words = [body.get("status"), inner.get("status")]
    words += said(inner.get("executionResults"))
    words += said((body.get("response") or {}).get("testSteps"))
    failed = (inner.get("stepDetails") or {}).get("failed")
    bad = [word for word in words if word is not None and word not in GOOD]
    return [*bad, *([failed] if failed not in (None, 0, "0") else []), *filter(None, [inner.get("errorDetails")])]


def judge_run(body: Mapping[str, Any], known: Suite | None = None) -> SuiteResult:
    job = payloads.run_job(body)
    judged, suite = judging.judge_run(body, known)
    return told(judged, suite, Phase.RUN, job.state)


def judge_import(body: Mapping[str, Any]) -> SuiteResult:
    job = payloads.import_job(body)
    judged, suite = judging.judge_import(body)
    return told(judged, suite, Phase.IMPORT, job.state)


def told(judged: Verdict, suite: Suite | None, phase: Phase, state: State) -> SuiteResult:
    evidence = Evidence.EXECUTION if phase is Phase.RUN else Evidence.IMPORT_VALIDATION
    evidence = evidence if state is State.SUCCEEDED and suite else Evidence.NONE
    return make_result(verdict=judged, suite=suite, phase=phase, evidence=evidence)


def check_reports(one: SuiteResult) -> None:
    """See that every report of a suite can be made, and that a test case is red exactly when the suite is."""
    for granularity, dialect in itertools.product(("assertion", "step"), ("rich", "strict")):
        call: Result = make_call(one, junit_granularity=granularity, junit_dialect=dialect)
        made = junit.render(one, call)
        junit.verify(made, one, call)
        read = list(JUnitXml.fromfile(io.BytesIO(made)))
        assert sum(suite.tests for suite in read) > 0
        red = sum(suite.failures + suite.errors for suite in read)
        assert bool(red) is (one.verdict.ending is not Ending.PASSED)
    assert summary.render(call).encode()
    assert html.render(call).rstrip().endswith(b"</html>")
    assert json.loads(result.render(call))["verdict"]["ending"] == one.verdict.ending


@FAST
@hypothesis.given(RUNS)
def test_run__never_green_against_any_word(body: dict[str, Any]) -> None:
    """A run is green only if no status, counter, step, assertion or check of its answer speaks against it."""
    one = judge_run(body)

    hypothesis.target(float(one.verdict.ending is Ending.PASSED))
    assert not (one.verdict.ending is Ending.PASSED and objections(body))


@FAST
@hypothesis.given(RUNS, IMPORTS)
def test_run__never_green_with_a_known_suite(body: dict[str, Any], definition: dict[str, Any]) -> None:
    """What is known of a suite from its import turns no objection of its run green."""
    one = judge_run(body, payloads.import_job(definition).suite)

    assert not (one.verdict.ending is Ending.PASSED and objections(body))


@FAST
@hypothesis.given(IMPORTS)
def test_import__never_green_against_any_word(body: dict[str, Any]) -> None:
    """An import is green only if its status says so and nothing in its suite speaks against it."""
    one = judge_import(body)

    assert not (one.verdict.ending is Ending.PASSED and objections(body))


def green(words: list[str], status: str, *, counted: bool) -> dict[str, Any]:
    """Build a run in which everything says passed, each step in a word of its own."""

    def groups(word: str) -> dict[str, Any]:
        return {"text": {"enabled": True, "contains": [{"text": "Hello", "status": word}], "status": word}}

    rows = [
        {"input": "Hi", "status": word, **{key: [{"assertions": groups(word)}] for key in ("outputs", "actualOutput")}}
        for word in words
    ]
    tally = {"passed": len(words), "failed": 0, "total": len(words)} if counted else None
    return run(*rows, status=status, tally=tally)


def worded(found: Any) -> Iterator[dict[str, Any]]:
    """Give every object of an answer that has a status."""
    if isinstance(found, dict):
        if "status" in found:
            yield found
        found = list(found.values())
    for inner in found if isinstance(found, list) else []:
        yield from worded(inner)


GREEN = st.builds(
    green, st.lists(st.sampled_from(GOOD), min_size=1, max_size=4), st.sampled_from(GOOD), counted=st.booleans()
)


@FAST
@hypothesis.given(GREEN)
def test_run__green_when_all_say_so(body: dict[str, Any]) -> None:
    """A run in which every word is good is green: the gate is no wall."""
    one = judge_run(body)

    assert one.verdict.ending is Ending.PASSED
    assert not objections(body)


@FAST
@hypothesis.given(GREEN, st.sampled_from(BAD + UNKNOWN), st.data())
def test_run__one_bad_word_is_enough(body: dict[str, Any], word: object, data: st.DataObject) -> None:
    """Wherever one bad or unknown word is put into a green answer, it is red."""
    place = data.draw(st.sampled_from(list(worded(body))))
    place["status"] = word

    one = judge_run(body)

    assert one.verdict.ending is not Ending.PASSED


@FAST
@hypothesis.given(st.dictionaries(TEXT | st.sampled_from(["status", "result", "testSuiteId"]), JSON, max_size=4))
def test_run__any_json(body: dict[str, Any]) -> None:
    """Any object at all as a run's answer has a verdict and every report, and is not green."""
    one = judge_run(body)

    assert one.verdict.ending is not Ending.PASSED
    check_reports(one)


ROWS = st.lists(JSON | fields(input=JSON, outputs=JSON, status=JSON), max_size=3)


@FAST
@hypothesis.given(st.sampled_from(GOOD), JSON, JSON | ROWS, JSON)
def test_run__any_json_inside(status: str, tally: object, rows: object, errors: object) -> None:
    """Whatever stands where counters, steps and errors should be, there is a verdict, and it is not green."""
    one = judge_run(run(status=status, tally=tally, executionResults=rows, errorDetails=errors))

    assert one.verdict.ending is not Ending.PASSED


@FAST
@hypothesis.given(JSON, JSON, ROWS)
def test_import__any_json(status: object, name: object, steps: list[Any]) -> None:
    """Whatever stands in an import's answer, there is a verdict and every report."""
    one = judge_import({"status": status, "response": {"name": name, "testSteps": steps}})

    assert one.verdict.ending is not Ending.PASSED
    check_reports(one)


def test_objections__finds_each_place() -> None:
    """The oracle itself sees a bad word wherever there can be one."""
    bad = {"text": {"status": "failed", "contains": [{"text": "a", "status": "failed"}, "b"]}}
    row = {"status": "failed", "outputs": [{"assertions": bad}], "actualOutput": [{"assertions": bad}]}
    body = run(row, status="failed", tally={"failed": 1}, errorDetails={"message": "no"})

    assert len(objections(body)) == 2 + 5 + 2
    assert judge_run(body).verdict.ending is Ending.FAILED
