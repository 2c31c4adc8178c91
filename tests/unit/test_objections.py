"""What speaks against a green answer, and what does not: each kind in a table."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kore_gate.errors import Ending, ExitCode
from kore_gate.model import Phase, Verdict
from tests.fakes import judging
from tests.fakes.answers import Json, imported, run, sample, step, tally

Edit = Callable[[Json], object]
SUCCESSFUL_IMPORT, PASSED_RUN = "conversation-import-status-success", "conversation-run-status-passed-full"


def judged(body: Json, phase: Phase) -> Verdict:
    """Judge an answer as the gate does."""
    return (judging.judge_import if phase is Phase.IMPORT else judging.judge_run)(body)[0]


def at(*path: Any, **values: Any) -> Edit:
    """Return what puts values into the object at a path of an answer."""

    def edit(body: Json) -> None:
        place: Any = body
        for part in path:
            place = place[part]
        place.update(values)

    return edit


STEP = ("result", "executionResults", 1)
REPLY = (*STEP, "outputs", 0)
TEXT = (*REPLY, "assertions", "text")
CONTEXT = (*REPLY, "assertions", "context")
NESTED = {"contains": [{"text": "a", "status": "failed"}]}

HARMFUL_IMPORTS: dict[str, tuple[Edit, str]] = {
    "a status inside": (at("response", status="FAILED"), "response.status is FAILED"),
    "a summary": (at(statusSummary=[{"status": "FAILED", "resource": "x"}]), "statusSummary[0].status is FAILED"),
    "a summary of words": (at(statusSummary=["FAILED"]), "statusSummary[0] is FAILED"),
    "a summary with an unknown word": (at(statusSummary=[{"status": "SUCCESS"}, {"status": "HALF"}]), "is HALF"),
    "a row with an unknown word": (at(statusLogs=[{"status": "REINDEXED"}]), "statusLogs[0].status is REINDEXED"),
    "a row with an error and no status": (at(statusLogs=[{"error": "no bot"}]), "statusLogs[0].error is no bot"),
    "a row without a status": (at(statusLogs=[{"taskName": "x"}]), "statusLogs[0] (x) is without a status"),
    "rows of words": (at(statusLogs=["Dialog X is gone"]), "statusLogs[0] is Dialog X is gone"),
    "a log that is a word": (at(statusLogs="broken"), "statusLogs is broken"),
    "a flag": (at(success=False), "success is false"),
    "a flag as text": (at("response", isSuccess="false"), "response.isSuccess is false"),
    "a counter": (at(failedSteps=2), "failedSteps is 2"),
    "a counter as text": (at(error_count="3"), "error_count is 3"),
    "another case": (at(Status="FAILED"), "Status is FAILED"),
    "another separator": (at("response", import_status="stopped"), "response.import_status is stopped"),
    "a message": (at(errorMessage="no such node"), "errorMessage is no such node"),
    "a list of errors": (at("response", errors=[{"msg": "no such node"}]), "response.errors is"),
    "a code": (at("response", statusCode=500), "response.statusCode is 500"),
    "an outcome": (at(outcome="failed"), "outcome is failed"),
    "far down": (at(extra={"a": [{"b": {"trainingStatus": "Failed"}}]}), "extra.a[0].b.trainingStatus is Failed"),
    "a skipped part": (at(notExecuted=4), "notExecuted is 4"),
    "errors of a kind": (at("response", validationErrors=["no such node"]), "response.validationErrors is"),
    "a rate": (at(successRate="50 %"), "successRate is 50 %"),
    "another rate": (at(failurePercentage=12), "failurePercentage is 12"),
    "a result in a word": (at(finalResult="FAIL"), "finalResult is FAIL"),
    "a code of HTTP": (at("response", code=500), "response.code is 500"),
    "something left": (at(pending=3), "pending is 3"),
    "letters that look alike": (at("response", status="pa\u017f\u017fed"), "response.status is pa\u017f\u017fed"),
}
HARMFUL_RUNS: dict[str, tuple[Edit, str]] = {
    "a counter beside": (at("result", failed=5), "result.failed is 5"),
    "counters one level up": (at(stepDetails={"failed": 5}), "stepDetails.failed is 5"),
    "a step with an error": (at(*STEP, error="no reply"), "1 step failed"),
    "a step with details": (at(*STEP, errorDetails={"code": 7}), "1 step failed"),
    "a step with another case": (at(*STEP, Status="failed"), "1 step failed"),
    "a reply": (at(*REPLY, status="failed"), "1 step failed"),
    "an assertion with an error": (at(*TEXT, errorMessage="no match"), "1 step failed"),
    "rows in rows": (at(*TEXT, contains=[NESTED]), "1 step failed"),
    "rows in rows of variables": (at(*CONTEXT, contains=[NESTED]), "1 step failed"),
    "a flag": (at(success=False), "success is false"),
    "a flag of a step": (at(*STEP, passed=False), "1 step failed"),
    "a second list": (at(executionResults=[{"status": "failed"}]), "executionResults[0].status is failed"),
    "a second list with a bad assertion": (
        at(executionResults=[{"outputs": [{"assertions": {"text": {"status": "failed"}}}]}]),
        "executionResults[0].outputs[0].assertions.text.status is failed",
    ),
    "another case": (at(Status="FAILED"), "Status is FAILED"),
    "more steps than results": (at(totalTestStepsCount=20), "leave 7 of 20 steps not executed (totalTestStepsCount)"),
    "fewer steps than results": (at(totalTestStepsCount=5), "totalTestStepsCount is 5, but 13 passed"),
    "too many passed": (at("result", "stepDetails", passed=99), "total is 13, but 99 passed"),
    "too few passed": (at("result", "stepDetails", passed=12), "leave 1 of 13 steps not executed"),
    "another total": (at("result", "stepDetails", total=14), "leave 1 of 14 steps not executed (total)"),
    "some not executed": (at("result", "stepDetails", notExecuted=1), "result.stepDetails.notExecuted is 1"),
}
HARMLESS_IMPORTS: dict[str, Edit] = {
    "as documented": lambda _: None,
    "a description": at("response", description="Fails when the error handling is wrong"),
    "nothing done yet": at(percentageComplete=0),
    "a number of records": at(countOfDockStatuses=3),
    "no errors": at(errors=[], error=None, errorMessage="", errorCount=0, failed="0", hasErrors=False),
    "empty details": at(errorDetails={}, failures={"count": 0, "rows": []}),
    "good words": at(statusSummary=[{"status": "SUCCESS"}], statusLogs=["done", {"status": "success"}, {}, ""]),
    "a line of a log": at(statusLogs=[{"status": "INFO", "message": "replayed"}]),
    "a code": at("response", statusCode=200),
    "a message": at(message="ok", statusMessage="The import has ended."),
    "settings": at("response", errorHandling={"retry": 3}, schedule={"enableSchedule": False}, timeout=30_000),
    "a version": at(__v=7, version="failed-logins"),
    "a name": at("response", name="Error: failed payments", tags=["failed", "error"]),
    "rates": at(passRate=100, successRate="100.0 %", failRate=0),
    "what to do about errors": at(onError="stop", maxFailures=3, ignoreErrors=True, errorHandler="x", retryOnFailure=2),
    "a state": at(state="configured", level="info"),
}
HARMLESS_RUNS: dict[str, Edit] = {
    "as documented": lambda _: None,
    "a mismatch": at(*REPLY, textMismatch=True),
    "texts": at(*STEP, input="failed", event="error", description="status: FAILED"),
    "a template": at(*REPLY, text={"type": "template", "payload": {"status": "failed", "error": "x"}}),
    "a variable": at(*CONTEXT, contains=[{"paymentStatus": "FAILED", "error": "none left", "status": "passed"}]),
    "a variable called status": at(*CONTEXT, contains=[{"status": "active"}]),
    "a variable that is an object": at(*CONTEXT, contains=[{"order": {"status": "failed"}, "status": "passed"}]),
    "a pair": at(*CONTEXT, contains=[{"key": "status", "value": "failed", "status": "passed"}]),
    "switched off": at(*CONTEXT, enabled=False, status="skipped", contains=[{"a": 1}]),
    "a group of its own": at(*REPLY, "assertions", error={"enabled": False, "contains": []}),
    "nothing done yet": at(percentageCompleted=0),
    "no counters": lambda body: (body.pop("totalTestStepsCount"), body["result"].pop("stepDetails")),
}


def edited(name: str, edit: Edit) -> Json:
    body = copy.deepcopy(sample(name))
    edit(body)
    return body


@pytest.mark.parametrize(("edit", "said"), HARMFUL_IMPORTS.values(), ids=HARMFUL_IMPORTS)
def test_import__harmful(edit: Edit, said: str) -> None:
    """An import is red for anything in its answer that is not good, and the verdict names where that stands."""
    found = judged(edited(SUCCESSFUL_IMPORT, edit), Phase.IMPORT)

    assert found.exit_code is ExitCode.FAILED
    assert said in "\n".join(found.details)


@pytest.mark.parametrize(("edit", "said"), HARMFUL_RUNS.values(), ids=HARMFUL_RUNS)
def test_run__harmful(edit: Edit, said: str) -> None:
    """A run is red for anything in its answer that is not good, and the verdict names where that stands."""
    found = judged(edited(PASSED_RUN, edit), Phase.RUN)

    assert found.exit_code is ExitCode.FAILED
    assert said in "\n".join(found.details)


@pytest.mark.parametrize("edit", HARMLESS_IMPORTS.values(), ids=HARMLESS_IMPORTS)
def test_import__harmless(edit: Edit) -> None:
    """What says nothing of success or failure turns no import red."""
    found = judged(edited(SUCCESSFUL_IMPORT, edit), Phase.IMPORT)

    assert (found.ending, found.details) == (Ending.PASSED, ())


@pytest.mark.parametrize("edit", HARMLESS_RUNS.values(), ids=HARMLESS_RUNS)
def test_run__harmless(edit: Edit) -> None:
    """What says nothing of success or failure turns no run red."""
    found = judged(edited(PASSED_RUN, edit), Phase.RUN)

    assert (found.ending, found.details) == (Ending.PASSED, ())


@pytest.mark.parametrize("body", [run(step(word="passed")), run(tally=tally(3, 0, 3))], ids=["long", "short"])
def test_run__no_status(body: Json) -> None:
    """Without a status of its own an answer is not the end of a run."""
    found = judged({key: value for key, value in body.items() if key != "status"}, Phase.RUN)

    assert found.ending is Ending.TIMED_OUT


@pytest.mark.parametrize("name", ["x" * 10**6, "count" * 12, "statusstatus", "\x00", "\u017ftatus", ""])
@given(value=st.none() | st.text() | st.integers() | st.lists(st.text()))
def test_key__any(name: str, value: object) -> None:
    """No key is too long or too odd to be looked at."""
    judged(imported(step(), **{name: value}), Phase.IMPORT)
