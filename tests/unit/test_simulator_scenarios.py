import json
from typing import Any

import pytest

from kore_gate.errors import ExitCode
from kore_gate.simulator import scenarios
from kore_gate.simulator.scenarios import SCENARIOS, Delivery, Response, Scenario, find
from tests.fakes.caller import Caller, payload, sample

NAMES = tuple(SCENARIOS)


def _looks(caller: Caller, number: int) -> list[Response]:
    """Look at an import so many times, a second apart."""
    seen = []
    for _ in range(number):
        seen.append(caller.import_status("ds-demo-1"))
        caller.time += 1
    return seen


def test_scenarios__all_there() -> None:
    """Every way a pipeline can end is there, by name, each with a line that says what happens."""
    assert set(NAMES) == {
        "passing",
        "failing",
        "stuck",
        "flapping",
        "rate-limited",
        "refused",
        "vanishing",
        "malformed",
        "hostile",
        "huge",
        "empty",
        "disabled",
        "unknown-status",
        "results-link",
        "failing-tests",
        "not-executed",
        "short-form",
        "short-form-failing",
        "contradiction",
        "flaky",
        "service-down",
        "drifting-text",
        "run-error",
        "drip",
        "hang",
        "reset",
        "truncated",
    }
    assert all(name == one.name and one.description.endswith(".") for name, one in SCENARIOS.items())


@pytest.mark.parametrize(
    ("name", "wait", "test"),
    [
        ("passing", ExitCode.PASSED, ExitCode.PASSED),
        ("failing", ExitCode.JOB_FAILED, ExitCode.JOB_FAILED),
        ("failing-tests", ExitCode.PASSED, ExitCode.FAILED),
        ("run-error", ExitCode.PASSED, ExitCode.JOB_FAILED),
        ("stuck", ExitCode.TIMED_OUT, ExitCode.TIMED_OUT),
    ],
)
def test_scenarios__exit_codes(name: str, wait: ExitCode, test: ExitCode) -> None:
    """A scenario knows how `wait` and how `test` should end."""
    scenario = find(name)

    assert (scenario.wait, scenario.test) == (wait, test)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "huge"])
def test_scenarios__serve_something(name: str) -> None:
    """Every scenario answers its status calls with a delivery of its own and says so in the log."""
    caller = Caller(scenario=name, job_seconds=4)

    seen = _looks(caller, 6)

    assert [entry.status for entry in caller.simulator.log] == [response.status for response in seen]


@pytest.mark.parametrize("name", ["stuck", "unknown-status"])
@pytest.mark.parametrize("job_seconds", [0, 60])
def test_never_ending(name: str, job_seconds: float) -> None:
    """An import that never ends does not end within its life, however quick jobs are."""
    caller = Caller(scenario=name, job_seconds=job_seconds)
    caller.time += 890

    record = payload(caller.import_status("ds-demo-1"))

    assert record["percentageComplete"] == 85
    assert record["status"] == ("IN_PROGRESS" if name == "stuck" else "REINDEXING")


def test_failing__log_says_why() -> None:
    """A failed import has rows in its log that hold the reason, as other jobs of Kore.ai's do."""
    caller = Caller(scenario="failing")

    before = payload(caller.import_status("ds-demo-1"))
    caller.time += 60
    after = payload(caller.import_status("ds-demo-1"))

    assert before["statusLogs"] == []
    assert after["status"] == "FAILURE"
    assert [row["comments"] for row in after["statusLogs"]] == list(find("failing").reasons)
    assert "response" not in after


def test_flapping__good_answers_between() -> None:
    """Between good answers come HTML, JSON and empty bodies under 5xx; never where a call must not be repeated."""
    caller = Caller(scenario="flapping")

    seen = _looks(caller, 8)
    uploads = [caller.upload({"testSteps": []}).status for _ in range(2)]
    runs = {caller.start_run().status for _ in range(8)}

    assert [response.status for response in seen] == [200, 502, 200, 500, 503, 200, 504, 200]
    assert [response.body[:1] for response in seen[1:5]] == [b"<", b"{", b"{", b""]
    assert uploads == [200, 502]
    assert runs == {200}


def test_rate_limited__with_and_without_retry_after() -> None:
    """Calls are refused with Retry-After in seconds, without it, and with a date."""
    caller = Caller(scenario="rate-limited")

    refused = [response for response in _looks(caller, 7) if response.status == 429]

    assert [dict(response.headers).get("retry-after") for response in refused] == [
        "2",
        None,
        "Tue, 14 Nov 2023 22:13:28 GMT",
    ]
    assert all("per-minute rate limit" in payload(response)["errors"][0]["msg"] for response in refused)


def test_refused__every_call() -> None:
    """No call gets through with a refused token."""
    caller = Caller(scenario="refused")

    seen = [caller.upload({}), caller.start_run(), caller.import_status("ds-demo-1"), caller.import_status("x")]

    assert {response.status for response in seen} == {401}
    assert payload(seen[0]) == sample("error-invalid-jwt-4002")


def test_vanishing__seen_then_gone() -> None:
    """The record is seen twice, then gone."""
    caller = Caller(scenario="vanishing")

    seen = [response.status for response in _looks(caller, 5)]

    assert seen == [200, 200, 404, 404, 404]


def test_malformed__never_an_object() -> None:
    """No answer is a JSON object, though all say 200."""
    caller = Caller(scenario="malformed")

    seen = _looks(caller, 12)

    assert {response.status for response in seen} == {200}
    assert not any(_is_object(response.body) for response in seen)
    assert all(response.body for response in seen)


@pytest.mark.parametrize("name", ["drip", "hang", "reset", "truncated"])
def test_deliveries(name: str) -> None:
    """What goes wrong on the wire goes wrong on every status call."""
    caller = Caller(scenario=name)

    seen = {response.delivery for response in _looks(caller, 3)}

    assert seen == {Delivery(name)}
    assert caller.upload({"testSteps": []}).delivery is Delivery.NORMAL


def test_hostile__texts_arrive_as_they_are() -> None:
    """Hostile texts are in every place of a step, and the JSON is plain ASCII all the same."""
    caller = Caller(scenario="hostile")
    caller.time += 60

    response = caller.import_status("ds-demo-2")

    steps = payload(response)["response"]["testSteps"][-len(scenarios.HOSTILE_TEXTS) :]
    assert response.body.isascii()
    assert b"\\ud83d" in response.body
    assert [step["input"] for step in steps] == list(scenarios.HOSTILE_TEXTS)
    assert [step["outputs"][0]["text"] for step in steps] == list(scenarios.HOSTILE_TEXTS)


@pytest.mark.parametrize(
    "attack",
    [
        "\x1b[",
        "\x00",
        "]]>",
        "<script>",
        "::error",
        "##vso[",
        "##teamcity[",
        "section_start:",
        "[[ATTACHMENT|",
        "\u202e",
        "|---|",
        "\ud83d",
    ],
)
def test_hostile__known_attacks(attack: str) -> None:
    """Every kind of text that a report or a log could take for its own is there."""
    assert any(attack in text for text in scenarios.HOSTILE_TEXTS)


def test_hostile__run_fails_with_hostile_actual() -> None:
    """Every step fails, in all it asserts, and what the bot said instead is hostile too."""
    caller = Caller(scenario="hostile")

    rows = caller.finished_run()["result"]["executionResults"]

    hostile = rows[-len(scenarios.HOSTILE_TEXTS) :]
    failed = [
        {name for name, group in row["outputs"][0]["assertions"].items() if group["status"] == "failed"}
        for row in hostile
    ]
    assert {row["status"] for row in rows} == {"failed"}
    assert failed == [{"flowLevel", "text", "context"}] * len(hostile)
    assert {row["actualOutput"][0]["text"] for row in hostile} == {find("hostile").wrong_text}


@pytest.mark.slow
def test_huge__many_steps() -> None:
    """The huge suite has 50,000 steps, each with an input of its own, and stays below the default cap of an answer."""
    caller = Caller(scenario="huge")
    caller.time += 60

    stored = caller.import_status("ds-demo-2")
    run_id = payload(caller.start_run())["testRunId"]
    caller.time += 60
    run = caller.run_status(run_id)

    assert len({step["input"] for step in payload(stored)["response"]["testSteps"]}) == 50_000
    assert payload(run)["result"]["stepDetails"]["passed"] == 50_000
    assert max(len(stored.body), len(run.body)) < 64 * 1024 * 1024


def test_disabled__keeps_the_steps() -> None:
    """Every assertion is disabled, and the steps are there; the suite itself is left alone."""
    caller = Caller(by_suite={"Balance": "disabled"})
    caller.time += 60

    record = payload(caller.import_status("ds-demo-2"))

    groups = [
        group
        for step in record["response"]["testSteps"]
        for reply in step["outputs"]
        for group in reply["assertions"].values()
    ]
    assert groups
    assert not any(group["enabled"] for group in groups)


@pytest.mark.parametrize("name", ["empty", "disabled", "failing-tests"])
def test_run__of_what_cannot_fail(name: str) -> None:
    """A run without an enabled assertion has nothing that could fail."""
    caller = Caller(by_suite={"Bare": Scenario(name="x", description="x.", shape=find(name).shape, run=find(name).run)})
    caller.start_import({"testSteps": [{"input": "Hi", "outputs": []}]}, name="Bare")
    caller.time += 60

    record = caller.finished_run("Bare")

    assert record["status"] == "passed"


def test_fault__plain_strings_among_the_checks() -> None:
    """Assertions in a file may hold plain texts and groups nobody knows; they are carried along."""
    odd: dict[str, Any] = {
        "context": {"enabled": True, "contains": ["plain"]},
        "mood": {"enabled": True},
    }
    caller = Caller(scenario="not-executed")
    suite = {"testSteps": [{"input": "Hi", "outputs": [{"text": "x", "assertions": odd}]}]}
    caller.start_import(suite, name="Odd")
    caller.time += 60

    [step] = caller.finished_run("Odd")["result"]["executionResults"]

    assert step["status"] == "failed"
    assert step["outputs"][0]["assertions"]["context"] == {"enabled": True, "contains": ["plain"], "status": "failed"}
    assert step["outputs"][0]["assertions"]["mood"]["status"] == "passed"


def test_scenario__faults_begin_and_repeat() -> None:
    """Faults begin after so many honest answers and are repeated from there."""
    faults = (scenarios.FAULTS["server-error"], None)
    caller = Caller(scenario=Scenario(name="x", description="x.", faults=faults, after=2))

    statuses = [response.status for response in _looks(caller, 6)]

    assert statuses == [200, 200, 500, 200, 500, 200]


def test_failing_tests__expected_and_actual() -> None:
    """A failing step says so at step, group and check, and shows what the bot said instead."""
    caller = Caller(scenario="failing-tests")

    result = caller.finished_run("Transfer / confirmation")["result"]

    assert result["status"] == "failed"
    assert result["stepDetails"] == {"passed": 3, "failed": 2, "total": 5}
    assert [step["status"] for step in result["executionResults"]] == ["passed", "passed", "failed", "passed", "failed"]
    failed = result["executionResults"][2]
    expected, actual = failed["outputs"][0], failed["actualOutput"][0]
    assert expected["assertions"]["text"]["status"] == "failed"
    assert expected["assertions"]["text"]["contains"][0]["status"] == "failed"
    assert (expected["text"], actual["text"]) == (
        "Send $200.00 to Anna Berg. Is that right?",
        "I'm sorry, something went wrong. Please try again later.",
    )
    assert (expected["category"], actual["category"]) == ("Confirmation", "DefaultFallback")


def test_failing_tests__context() -> None:
    """Where a step asserts context, that alone fails."""
    caller = Caller(scenario="failing-tests")

    step = caller.finished_run("Balance")["result"]["executionResults"][1]

    groups = step["outputs"][0]["assertions"]
    assert {name: group.get("status") for name, group in groups.items()} == {
        "flowLevel": None,
        "text": "passed",
        "context": "failed",
    }
    assert groups["context"]["contains"][0] == {"key": "balance", "value": "1250.00", "status": "failed"}
    assert step["actualOutput"][0]["assertions"]["context"]["contains"][0]["value"] == "0.00"


def test_not_executed__stops_in_the_middle() -> None:
    """Steps after the failed one are not reached, and the counters do not add up to the total."""
    caller = Caller(scenario="not-executed")

    record = caller.finished_run("Greeting and FAQ")

    assert record["result"]["stepDetails"] == {"passed": 2, "failed": 1, "total": 4}
    assert len(record["result"]["executionResults"]) == 3
    assert record["totalTestStepsCount"] == 4


def test_contradiction__passed_with_a_failed_step() -> None:
    """The run and its counters say passed, one step says failed."""
    caller = Caller(scenario="contradiction")

    record = caller.finished_run()

    assert (record["status"], record["result"]["status"]) == ("passed", "passed")
    assert record["result"]["stepDetails"]["failed"] == 0
    assert [step["status"] for step in record["result"]["executionResults"]].count("failed") == 1


def test_drifting_text__other_values() -> None:
    """The recorded day and amount are never those of the run, which fails by that step alone."""
    caller = Caller(scenario="drifting-text")

    records = [caller.finished_run("Balance")["result"] for _ in range(2)]

    rows = [record["executionResults"] for record in records]
    assert [[row["status"] for row in steps] for steps in rows] == [["passed", "passed", "passed", "failed"]] * 2
    texts = {steps[-1][part][0]["text"] for steps in rows for part in ("outputs", "actualOutput")}
    assert len(texts) == 3


def test_flaky__two_of_three() -> None:
    """Each suite passes two times of three, whatever the others do."""
    caller = Caller(scenario="flaky")

    balance = [caller.finished_run("Balance")["status"] for _ in range(6)]
    greeting = caller.finished_run("Greeting and FAQ")["status"]

    assert balance == ["failed", "passed", "passed", "failed", "passed", "passed"]
    assert greeting == "failed"


def test_service_down__at_first() -> None:
    """Kore.ai ends the first run of each suite; all later ones pass."""
    caller = Caller(scenario="service-down")

    assert [caller.finished_run("Balance")["status"] for _ in range(4)] == ["error", *["passed"] * 3]
    assert caller.finished_run("Greeting and FAQ")["status"] == "error"


def test_run_error__says_why() -> None:
    """A run that ended by an error has no results, and a reason."""
    caller = Caller(scenario="run-error")

    record = caller.finished_run()

    assert record["status"] == "error"
    assert record["result"]["executionResults"] == []
    assert "no answer" in record["result"]["errorDetails"]["message"]


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False
