from collections.abc import Mapping
from typing import Any

import pytest

from kore_gate import errors
from kore_gate.errors import Ending, ExitCode
from kore_gate.gate import verdict
from kore_gate.kore import payloads
from kore_gate.model import Job, Outcome, Phase, State, Suite, SuiteResult, Tally, Verdict, replace
from tests.builders import make_result, make_step, make_suite, make_verdict
from tests.fakes import judging
from tests.fakes.answers import group, imported, run, sample, step, tally

PASSED, DISABLED = step("Hi", "passed"), step("Hi", text=group(enabled=False))
TWO = (step("Hi", "passed"), step("Bye", "passed"))
SAYS_OTHERWISE = "but its response contradicts that"


def judge_import(body: Mapping[str, object], *, allow_empty: bool = False) -> tuple[Verdict, Suite | None]:
    return judging.judge_import(body, allow_empty=allow_empty)


def judge_run(body: Mapping[str, object], known: Suite | None = None) -> tuple[Verdict, Suite | None]:
    return judging.judge_run(body, known)


def defined(*steps: Any) -> Suite | None:
    return payloads.import_job(imported(*steps)).suite


def text_of(judged: Verdict) -> str:
    return " | ".join([judged.message, *judged.details])


IMPORTS: dict[str, tuple[Mapping[str, object], ExitCode, str]] = {
    "accepted": (imported(step()), ExitCode.PASSED, "accepted by Kore.ai: 1 step, 1 assertion."),
    "accepted in the published form": (
        sample("conversation-import-status-success"),
        ExitCode.PASSED,
        "1 step, 1 assertion.",
    ),
    "no response": ({"status": "SUCCESS"}, ExitCode.NOTHING_TO_TEST, "the suite has no steps"),
    "an empty response": ({"status": "SUCCESS", "response": {}}, ExitCode.NOTHING_TO_TEST, "the suite has no steps"),
    "no steps": (
        {"status": "SUCCESS", "response": {"name": "Banking"}},
        ExitCode.NOTHING_TO_TEST,
        "the suite has no steps",
    ),
    "null steps": (
        {"status": "SUCCESS", "response": {"name": "Banking", "testSteps": None}},
        ExitCode.NOTHING_TO_TEST,
        "the suite has no steps",
    ),
    "empty steps": (imported(), ExitCode.NOTHING_TO_TEST, "the suite has no steps"),
    "a step without replies": (
        imported({"input": "Hi"}),
        ExitCode.NOTHING_TO_TEST,
        "none of its 1 step has an enabled assertion",
    ),
    "every assertion disabled": (
        imported(DISABLED, DISABLED),
        ExitCode.NOTHING_TO_TEST,
        "none of its 2 steps has an enabled assertion",
    ),
    "a response that is a text": (
        {"status": "SUCCESS", "response": "ok"},
        ExitCode.UNAVAILABLE,
        "response is a string, not an object",
    ),
    "steps that are no list": (
        {"status": "SUCCESS", "response": {"testSteps": {"0": {}}}},
        ExitCode.UNAVAILABLE,
        "testSteps is an object, not a list",
    ),
    "a step that is a text": (imported(step(), "Hi"), ExitCode.UNAVAILABLE, "step 2 is a string, not an object"),
    "assertions that are a list": (
        imported({"input": "Hi", "outputs": [{"text": "x", "assertions": [1]}]}),
        ExitCode.UNAVAILABLE,
        "step 1, reply 1: assertions is a list, not an object",
    ),
    "enabled that is no flag": (
        imported(step(text={"enabled": [], "contains": []})),
        ExitCode.UNAVAILABLE,
        "enabled is a list, not true or false",
    ),
    "a failed assertion": (imported(step(), step(text=group("failed"))), ExitCode.FAILED, "1 step failed"),
    "a failed assertion that is switched off": (
        imported(step(), step(text=group("failed", enabled=False))),
        ExitCode.FAILED,
        "1 step failed",
    ),
    "a failed step": (imported(step(), step(status="failed")), ExitCode.FAILED, "1 step failed"),
    "a step in an unknown word": (imported(step(), step(status="MAYBE")), ExitCode.FAILED, "1 step failed"),
    "a step not executed": (
        imported(step(), step(status="notExecuted")),
        ExitCode.FAILED,
        "its results leave 1 step of the suite not executed",
    ),
    "a log that says failed": (
        imported(step(), statusLogs=[{"status": "SUCCESS"}, {"status": "FAILURE", "comments": "no bot"}]),
        ExitCode.FAILED,
        "statusLogs[1].status is FAILURE: no bot",
    ),
    "a log that says nothing bad": (
        imported(step(), statusLogs=["done", {"status": "INFO", "message": "replayed"}], message="ok"),
        ExitCode.PASSED,
        "accepted",
    ),
    "failed with a reason": (
        imported(status="FAILED", statusLogs=[{"status": "FAILED", "comments": "no such node"}]),
        ExitCode.JOB_FAILED,
        "Kore.ai ended the job with FAILED. | no such node",
    ),
    "failed without a reason": (
        {"status": "Failure"},
        ExitCode.JOB_FAILED,
        "Kore.ai ended the job with Failure. It gave no reason.",
    ),
    "partly successful": ({"status": "PARTIAL_SUCCESS"}, ExitCode.JOB_FAILED, "PARTIAL_SUCCESS"),
    "still running": (
        imported(status="IN_PROGRESS", percentageComplete=85, response=None),
        ExitCode.TIMED_OUT,
        "timed out after 30m (timeout: 30m); last status: IN_PROGRESS, 85 %.",
    ),
    "an unknown word": (
        imported(step(), status="REINDEXING"),
        ExitCode.TIMED_OUT,
        "last status: REINDEXING, 100 %, which kore_gate does not know",
    ),
    "no status": ({"_id": "ds-1"}, ExitCode.TIMED_OUT, "last status: no status."),
    "an empty status": ({"status": ""}, ExitCode.TIMED_OUT, "last status: no status."),
    "a status that is no text": ({"status": {"success": True}}, ExitCode.TIMED_OUT, '{"success": true}'),
}


@pytest.mark.parametrize(("body", "code", "words"), IMPORTS.values(), ids=IMPORTS)
def test_judge_import__table(body: Mapping[str, object], code: ExitCode, words: str) -> None:
    """Each way an import can end has its exit code, and says why."""
    judged, _ = judge_import(body)

    assert judged.exit_code is code
    assert words in text_of(judged)


@pytest.mark.parametrize("name", ["no response", "empty steps", "every assertion disabled"])
def test_judge_import__allow_empty(name: str) -> None:
    """What has nothing to test passes where that is allowed."""
    judged, _ = judge_import(IMPORTS[name][0], allow_empty=True)

    assert judged.ending is Ending.PASSED


@pytest.mark.parametrize("name", ["failed with a reason", "an unknown word", "a step that is a text", "a failed step"])
def test_judge_import__allow_empty_allows_nothing_else(name: str) -> None:
    """Allowing empty suites turns no other ending green."""
    judged, _ = judge_import(IMPORTS[name][0], allow_empty=True)

    assert judged.exit_code is IMPORTS[name][1]


def test_judge_import__expiry() -> None:
    """A verdict of a timeout says until when Kore.ai knows the job."""
    body = imported(status="IN_PROGRESS", expireAt="2023-08-23T10:18:21.820Z")

    judged, _ = judge_import(body)

    assert "Kore.ai forgets this job at 2023-08-23T10:18:21.820Z" in judged.cause


RUNS: dict[str, tuple[Mapping[str, object], ExitCode, str]] = {
    "passed, long form": (run(*TWO, tally=tally(2, 0, 2)), ExitCode.PASSED, "Run: executed: 2 steps, 2 assertions."),
    "passed, published long form with rows left out": (
        sample("conversation-run-status-passed-full"),
        ExitCode.PASSED,
        "executed",
    ),
    "passed, published short form": (
        sample("conversation-run-status-passed-current"),
        ExitCode.PASSED,
        "Run: 13 steps passed.",
    ),
    "passed, counts and no rows": (
        run(tally=tally(2, 0, 2), executionResults=[]),
        ExitCode.PASSED,
        "Run: 2 steps passed.",
    ),
    "passed, rows without counters": (run(*TWO), ExitCode.PASSED, "2 steps, 2 assertions"),
    "passed, counters as texts": (run(*TWO, tally=tally("2", "0", "2.0")), ExitCode.PASSED, "2 steps"),
    "passed, in the words of a job": (run(*TWO, status="COMPLETED"), ExitCode.PASSED, "2 steps"),
    "passed, though the text differs": (
        run(
            step("Hi", "passed", outputs=[{"text": "x", "textMismatch": True, "assertions": {"text": group("passed")}}])
        ),
        ExitCode.PASSED,
        "1 step, 1 assertion",
    ),
    "passed, with a step that asserts nothing": (run(PASSED, {"input": "Hm", "status": "passed"}), ExitCode.PASSED, ""),
    "failed, by a step": (
        run(PASSED, step("Bye", "failed"), status="failed", tally=tally(1, 1, 2)),
        ExitCode.FAILED,
        "Run: 1 of 2 steps failed (Kore.ai: failed).",
    ),
    "failed, counts only": (run(status="failed", tally=tally(10, 3, 13)), ExitCode.FAILED, "3 of 13 steps failed"),
    "failed, nothing else": (run(status="FAILED"), ExitCode.FAILED, "failed, without naming a step"),
    "failed, with error details": (
        run(PASSED, status="failed", errorDetails={"message": "bot unreachable"}),
        ExitCode.FAILED,
        "bot unreachable",
    ),
    "passed, a counter says failed": (
        run(*TWO, tally=tally(2, 1, 2)),
        ExitCode.FAILED,
        f"Kore.ai reports passed, {SAYS_OTHERWISE}. | its counters show that 1 of 2 steps failed",
    ),
    "passed, counts only and one failed": (run(tally=tally(12, 1, 13)), ExitCode.FAILED, SAYS_OTHERWISE),
    "passed, a counter as text says failed": (run(*TWO, tally=tally(1, "1", 2)), ExitCode.FAILED, SAYS_OTHERWISE),
    "passed, a step says failed": (
        run(PASSED, step("Bye", "passed", status="Failed")),
        ExitCode.FAILED,
        "its results show that 1 step failed",
    ),
    "passed, an assertion says failed": (
        run(PASSED, step("Bye", "passed", text=group("failed"))),
        ExitCode.FAILED,
        "its results show that 1 step failed",
    ),
    "passed, a check says failed": (
        run(step("Hi", "passed", text=group("passed", contains=[{"text": "Hello", "status": "failed"}]))),
        ExitCode.FAILED,
        "its results show that 1 step failed",
    ),
    "passed, a switched-off assertion says failed": (
        run(PASSED, step("Bye", "passed", text=group("failed", enabled=False))),
        ExitCode.FAILED,
        "its results show that 1 step failed",
    ),
    "passed, an assertion of the actual reply says failed": (
        run(step("Hi", "passed", actualOutput=[{"text": "Hm", "assertions": {"text": group("failed")}}])),
        ExitCode.FAILED,
        "its results show that 1 step failed",
    ),
    "passed, a check of the actual reply says failed": (
        run(
            step(
                "Hi",
                "passed",
                actualOutput=[{"assertions": {"text": group("passed", contains=[{"text": "x", "status": "failed"}])}}],
            )
        ),
        ExitCode.FAILED,
        "its results show that 1 step failed",
    ),
    "passed, another group of the actual reply says failed": (
        run(step("Hi", "passed", actualOutput=[{"text": "Hello", "assertions": {"flowLevel": group("failed")}}])),
        ExitCode.FAILED,
        "its results show that 1 step failed",
    ),
    "passed, a reply too many says failed": (
        run(step("Hi", "passed", actualOutput=["Hello", {"text": "Hm", "status": "failed"}])),
        ExitCode.FAILED,
        "its results show that 1 step failed",
    ),
    "passed, a step in an unknown word": (
        run(PASSED, step("Bye", "passed", status="WEIRD")),
        ExitCode.FAILED,
        "its results show that 1 step failed",
    ),
    "passed, an assertion in an unknown word": (
        run(PASSED, step("Bye", "passed", text=group("WEIRD"))),
        ExitCode.FAILED,
        "its results show that 1 step failed",
    ),
    "passed, a check in an unknown word": (
        run(step("Hi", "passed", text=group("passed", contains=[{"text": "Hello", "status": "WEIRD"}]))),
        ExitCode.FAILED,
        "its results show that 1 step failed",
    ),
    "passed, a step not executed": (
        run(PASSED, step("Bye", "notExecuted")),
        ExitCode.FAILED,
        "its results leave 1 step of the suite not executed or not judged",
    ),
    "passed, a step still running": (
        run(PASSED, step("Bye", status="inprogress")),
        ExitCode.FAILED,
        "its results leave 1 step of the suite not executed or not judged",
    ),
    "passed, an assertion still pending": (
        run(PASSED, step("Bye", "passed", text=group("pending"))),
        ExitCode.FAILED,
        "its results leave 1 step of the suite not executed or not judged",
    ),
    "passed, a step without any word": (
        run(PASSED, step("Bye", text=group())),
        ExitCode.FAILED,
        "its results show that 1 step failed",
    ),
    "passed, counters that leave steps out": (
        run(*TWO, tally=tally(2, 0, 5)),
        ExitCode.FAILED,
        "its counters leave 3 of 5 steps not executed",
    ),
    "passed, a total and nothing else": (
        {**run(), "totalTestStepsCount": 13},
        ExitCode.FAILED,
        "its counters leave 13 of 13 steps not executed",
    ),
    "passed, fewer rows than steps, no counters": (
        {**run(*TWO), "totalTestStepsCount": 13},
        ExitCode.FAILED,
        "its counters leave 11 of 13 steps not executed",
    ),
    "passed, with error details": (
        run(*TWO, errorDetails={"message": "bot unreachable"}),
        ExitCode.FAILED,
        'result.errorDetails is {"message": "bot unreachable"}',
    ),
    "passed outside, failed inside": (
        {**run(*TWO, status="failed"), "status": "passed"},
        ExitCode.FAILED,
        "failed, without naming a step (Kore.ai: failed)",
    ),
    "failed outside, passed inside": ({**run(*TWO), "status": "failed"}, ExitCode.FAILED, "(Kore.ai: failed)"),
    "passed outside, running inside": (
        {**run(*TWO, status="inprogress"), "status": "passed"},
        ExitCode.TIMED_OUT,
        "last status: inprogress",
    ),
    "passed outside, unknown inside": (
        {**run(*TWO, status="HUH"), "status": "passed"},
        ExitCode.TIMED_OUT,
        "last status: HUH, 100 %, which kore_gate does not know",
    ),
    "stopped": (run(status="stopped"), ExitCode.JOB_FAILED, "Kore.ai ended the job with stopped. It gave no reason."),
    "stopped after a failed step": (
        run(PASSED, step("Bye", "failed"), status="STOPPED", tally=tally(1, 1, 5)),
        ExitCode.JOB_FAILED,
        "Kore.ai ended the job with STOPPED",
    ),
    "cancelled": (run(*TWO, status="cancelled"), ExitCode.JOB_FAILED, "cancelled"),
    "ended by an error": (
        run(status="error", errorDetails={"code": "BOT", "message": "no answer"}),
        ExitCode.JOB_FAILED,
        "no answer",
    ),
    "running": (
        sample("conversation-run-status-inprogress-v10"),
        ExitCode.TIMED_OUT,
        "Run: timed out after 30m (timeout: 30m); last status: inprogress, 85 %.",
    ),
    "no status": ({"result": {}}, ExitCode.TIMED_OUT, "no status"),
    "passed, and nothing more": ({"status": "passed"}, ExitCode.NOTHING_TO_TEST, "the suite has no steps"),
    "passed, with counters of zero": (run(tally=tally(0, 0, 0)), ExitCode.NOTHING_TO_TEST, "the suite has no steps"),
    "passed, every assertion disabled": (
        run({**DISABLED, "status": "passed"}, tally=tally(1, 0, 1)),
        ExitCode.NOTHING_TO_TEST,
        "none of its 1 step has an enabled assertion",
    ),
    "passed, results that are no list": (
        run(*TWO, executionResults={"0": "passed"}),
        ExitCode.UNAVAILABLE,
        "executionResults is an object, not a list",
    ),
    "passed, a result that is a list": (
        {"status": "passed", "result": ["passed"]},
        ExitCode.UNAVAILABLE,
        "result is a list, not an object",
    ),
    "passed, counters that are no numbers": (
        run(*TWO, tally=tally("many", 0, 2)),
        ExitCode.UNAVAILABLE,
        "stepDetails.passed is not a count",
    ),
    "passed, counters below zero": (run(*TWO, tally=tally(3, -1, 2)), ExitCode.UNAVAILABLE, "failed is not a count"),
    "passed, counters that are a list": (
        run(*TWO, tally=[2, 0, 2]),
        ExitCode.UNAVAILABLE,
        "stepDetails is a list, not an object",
    ),
    "passed, a row that is null": (run(PASSED, None), ExitCode.UNAVAILABLE, "step 2 is null, not an object"),
}


@pytest.mark.parametrize(("body", "code", "words"), RUNS.values(), ids=RUNS)
def test_judge_run__table(body: Mapping[str, object], code: ExitCode, words: str) -> None:
    """Each way a run can end has its exit code, and says why."""
    judged, _ = judge_run(body)

    assert judged.exit_code is code
    assert words in text_of(judged)


def test_judge_run__short_form_of_a_known_suite() -> None:
    """Counters that leave no doubt judge every step of a suite that is known from its import."""
    judged, suite = judge_run(run(tally=tally(2, 0, 2)), defined(step("Hi"), step("Bye")))

    assert judged.message == "Run: executed: 2 steps, 2 assertions."
    assert suite is not None
    assert [one.outcome for one in suite.steps] == [Outcome.PASSED, Outcome.PASSED]


@pytest.mark.parametrize(
    "body",
    [run(), run(tally=tally(1, 0, 1)), run(tally=tally(0, 0, 2)), run(step("Hi", "passed"))],
    ids=["no counters", "counters of another suite", "counters of nothing", "a row left out"],
)
def test_judge_run__known_steps_without_a_result(body: Mapping[str, object]) -> None:
    """A run that does not speak of every known step is not green."""
    judged, _ = judge_run(body, defined(step("Hi"), step("Bye")))

    assert judged.ending is Ending.FAILED
    assert "not executed" in text_of(judged)


def test_judge_run__failed_counts_of_a_known_suite() -> None:
    """When counts are all there is, no known step is said to have failed or passed."""
    judged, suite = judge_run(run(status="failed", tally=tally(1, 1, 2)), defined(step("Hi"), step("Bye")))

    assert judged.message == "Run: 1 of 2 steps failed (Kore.ai: failed)."
    assert suite is not None
    assert [(one.outcome, one.reason) for one in suite.steps] == [
        (Outcome.SKIPPED, "not known: Kore.ai reports only counts")
    ] * 2


@pytest.mark.parametrize(
    ("kind", "code", "ending"),
    [
        (errors.Refused, ExitCode.REFUSED, Ending.REFUSED),
        (errors.Unavailable, ExitCode.UNAVAILABLE, Ending.UNAVAILABLE),
        (errors.Gone, ExitCode.UNAVAILABLE, Ending.UNAVAILABLE),
        (errors.ReportError, ExitCode.REPORT, Ending.ERROR),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_from_error__every_kind(kind: type[errors.GateError], code: ExitCode, ending: Ending) -> None:
    """What stopped the gate from knowing becomes a verdict with all it has to say."""
    error = kind("What happened.", cause="why", hint="what to do", details=["more"])

    judged = verdict.from_error(error, Phase.UPLOAD)

    assert judged == Verdict(
        ending=ending,
        exit_code=code,
        message="Upload: What happened.",
        cause="why",
        hint="what to do",
        details=("more",),
    )


def test_from_error__rejected() -> None:
    """A request that Kore.ai turns down is a job it ended in failure."""
    judged = verdict.from_error(errors.Rejected("No such suite.", status=404), Phase.RUN)

    assert (judged.exit_code, judged.ending) == (ExitCode.JOB_FAILED, Ending.JOB_FAILED)


def test_from_error__bug_names_the_exception_alone() -> None:
    """A bug is named by its kind: what it says may hold anything."""
    judged = verdict.from_error(KeyError("secret"), Phase.RUN)

    assert judged.exit_code is ExitCode.BUG
    assert judged.message == "Run: kore_gate itself failed (KeyError)."


@pytest.mark.parametrize(
    ("signum", "code", "message"),
    [
        (2, ExitCode.SIGINT, "Run: interrupted by SIGINT; last status: inprogress."),
        (15, ExitCode.SIGTERM, "Run: interrupted by SIGTERM; last status: inprogress."),
    ],
    ids=["SIGINT", "SIGTERM"],
)
def test_interrupted__signals(signum: int, code: ExitCode, message: str) -> None:
    """Each signal has its own exit code."""
    draft = make_result(phase=Phase.RUN, status="inprogress", resume="kore-gate run A --run-id r")

    judged = verdict.interrupted(signum, draft)

    assert (judged.exit_code, judged.message) == (code, message)
    assert "resume with the command below" in judged.hint


def test_interrupted__without_an_id() -> None:
    """Where no id is known there is nothing to resume, and nothing is promised."""
    judged = verdict.interrupted(15, make_result(phase=Phase.UPLOAD, status=""))

    assert judged.message == "Upload: interrupted by SIGTERM."
    assert "command below" not in judged.hint


def test_missing_reports__keeps_what_was_known() -> None:
    """A report that could not be written does not hide the verdict there would have been."""
    failures = [errors.ReportError("a.xml could not be written.", cause="full", hint="make room")]

    judged = verdict.missing_reports(failures, make_verdict(Ending.FAILED))

    assert judged.exit_code is ExitCode.REPORT
    assert judged.message == "1 report could not be written; otherwise: 1 of 1 assertions failed."
    assert (judged.cause, judged.hint, judged.details) == ("full", "make room", ("a.xml could not be written.",))


def result_of(code: ExitCode, name: str = "suite") -> SuiteResult:
    judged = Verdict(ending=code.ending, exit_code=code, message=f"It was {code.name}.")
    return make_result(name=name, verdict=judged)


def test_overall__gravest() -> None:
    """The gravest suite counts, in whatever order they come."""
    codes = [ExitCode.FAILED, ExitCode.TIMED_OUT, ExitCode.PASSED]

    assert verdict.overall([result_of(code) for code in codes]).exit_code is ExitCode.TIMED_OUT
    assert verdict.overall([result_of(code) for code in reversed(codes)]).exit_code is ExitCode.TIMED_OUT


def test_overall__one_suite() -> None:
    """The verdict of a single suite is the call's, word for word."""
    result = result_of(ExitCode.FAILED)

    assert verdict.overall([result]) is result.verdict


def test_overall__no_suite() -> None:
    """No suite at all is never green."""
    with pytest.raises(ValueError, match="empty"):
        verdict.overall([])


def test_overall__all_passed() -> None:
    """Several suites pass together."""
    judged = verdict.overall([result_of(ExitCode.PASSED), result_of(ExitCode.PASSED)])

    assert judged.message == "All 2 suites passed."


def _failed(name: str, red: int, steps: int) -> SuiteResult:
    parts = [make_step(number=n, outcome=Outcome.FAILED if n <= red else Outcome.PASSED) for n in range(1, steps + 1)]
    judged = make_verdict(Ending.FAILED, message=f"Run: {red} of {steps} steps failed (Kore.ai: failed).")
    return make_result(Ending.FAILED, name=name, suite=make_suite(name=name, steps=tuple(parts)), verdict=judged)


def test_overall__says_whose_failure_it_is() -> None:
    """Each suite that counts is named with its own numbers, and the others are counted."""
    contradicted = make_verdict(Ending.FAILED, message="Import: its response contradicts that.")
    greeting = replace(_failed("Greeting", 1, 4), verdict=contradicted)
    counted = replace(_failed("Cards", 2, 5), suite=None)
    results = [_failed("Balance", 2, 3), greeting, counted, result_of(ExitCode.NOTHING_TO_TEST)]

    judged = verdict.overall([*results, result_of(ExitCode.PASSED)])

    assert judged.exit_code is ExitCode.FAILED
    assert judged.message == (
        "3 of 5 suites failed: Balance (2 of 3 steps), Greeting (1 of 4 steps), Cards (2 of 5 steps); "
        "1 nothing-to-test."
    )


def test_overall__one_reason_for_all() -> None:
    """What is the same for all suites is said once, and so many names as can be read."""
    codes = [ExitCode.PASSED, *[ExitCode.FAILED] * 7]

    judged = verdict.overall([result_of(code, f"s{number}") for number, code in enumerate(codes)])

    assert judged.message == "7 of 8 suites failed (It was FAILED): s1, s2, s3, s4, s5 and 2 more."


def test_overall__is_bounded() -> None:
    """However many suites there are, and however long their names and reasons, the verdict can be read."""
    results = [
        make_result(
            Ending.UNAVAILABLE,
            name=f"{number} {'name ' * 100}",
            verdict=make_verdict(Ending.UNAVAILABLE, message=f"{number} {'reason ' * 100}"),
        )
        for number in range(100)
    ]

    judged = verdict.overall(results)

    assert judged.message.startswith("100 of 100 suites ended as unavailable: 0 name")
    assert judged.message.endswith(" and 95 more.")
    assert len(judged.message) < 1000


def test_overall__fail_fast_is_no_reason() -> None:
    """The reason is what a suite found, not that others were left out for it."""
    left_out = make_result(name="left out", verdict=verdict.stopped_by_fail_fast("broken", make_result()))

    judged = verdict.overall([left_out, result_of(ExitCode.FAILED, "broken")])

    assert judged.message == "1 of 2 suites failed: broken (It was FAILED); 1 stopped by fail-fast."


def test_overall__only_left_out_is_not_green() -> None:
    """Suites that were left out are red, whatever else passed."""
    left_out = make_result(name="left out", verdict=verdict.stopped_by_fail_fast("broken", make_result()))

    judged = verdict.overall([left_out, result_of(ExitCode.PASSED)])

    assert judged.exit_code is ExitCode.FAILED


def test_judge_run__no_replies_to_compare() -> None:
    """Where the response holds no reply, nobody is sent to compare expected and actual."""
    counted = Job(status="failed", state=State.FAILED, failed_tests=True, tally=Tally(passed=1, failed=2, total=3))

    judged, _ = verdict.judge_run(counted, None, allow_empty=False)

    assert "Compare" not in judged.hint
    assert "Regression Testing" in judged.hint


def test_timed_out__unknown_word() -> None:
    """A status that nobody knows is the cause itself, not a busy platform."""
    job = Job(status="REINDEXING", state=State.UNKNOWN)

    judged = verdict.timed_out(make_result(resume="kore-gate wait --ds-id ds-1"), job, "", 60.0)

    assert judged.message.endswith("last status: REINDEXING, which kore_gate does not know.")
    assert "new at Kore.ai" in judged.cause
    assert "timeout" not in judged.hint


@pytest.mark.parametrize("status", ["IN_PROGRESS", "REINDEXING"])
def test_judge_import__not_ended(status: str) -> None:
    """A job that has not ended has no verdict, and is never green by mistake."""
    with pytest.raises(ValueError, match="has not ended"):
        verdict.judge_import(payloads.import_job(imported(step(), status=status)), allow_empty=True)


FAILED_STEP = step("Bye", "failed")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (run(step("Hi", "passed"), FAILED_STEP, status="failed"), True),
        (run(step("Hi", "passed"), FAILED_STEP, status="failed", tally=tally(1, 1, 2)), True),
        (run(step("Hi", "passed"), FAILED_STEP, status="failed", tally=tally(0, 2, 2)), False),
        (run(step("Hi", "passed"), FAILED_STEP, status="failed", tally=tally(1, 1, 3)), False),
        (run(step("Hi", "skipped"), FAILED_STEP, status="failed"), False),
        (run(step("Hi", "passed"), status="failed"), False),
        (run(status="failed", tally=tally(1, 1, 2)), False),
        (run(step("Hi", "passed"), "?", FAILED_STEP, status="failed"), False),
        (run(step("Hi", "passed"), FAILED_STEP, status="passed"), False),
        (run(step("Hi", "passed"), FAILED_STEP, status="aborted"), False),
        (run(step("Hi", "passed"), status="passed"), False),
    ],
    ids=[
        *("named", "counted", "more counted", "more steps", "skipped", "not named", "counts only", "unreadable"),
        *("contradiction", "stopped", "passed"),
    ],
)
def test_only_tests_failed(body: Mapping[str, object], *, expected: bool) -> None:
    """Only where steps that are named failed, and every other one was judged, may a policy forgive them."""
    job = payloads.run_job(body)

    assert verdict.only_tests_failed(job, verdict.executed_suite(job, None)) is expected


def test_only_tests_failed__steps_left_out() -> None:
    """A step of the file that the run did not reach keeps a policy away."""
    job = payloads.run_job(run(FAILED_STEP, status="failed"))

    assert not verdict.only_tests_failed(job, verdict.executed_suite(job, defined(step("Bye"), step("Later"))))
    assert verdict.only_tests_failed(job, verdict.executed_suite(job, defined(step("Bye"))))
