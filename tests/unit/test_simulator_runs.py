from typing import Any

import pytest

from kore_gate.simulator import content
from kore_gate.simulator.messages import Request
from tests.fakes.caller import START, Caller, payload, sample, shape

BALANCE = content.demo_suites()[1]


def test_run__accepted() -> None:
    """An accepted run has the documented form."""
    caller = Caller()

    response = caller.start_run()

    assert response.status == 200
    assert shape(payload(response)) == shape(sample("conversation-run-accepted"))
    assert payload(response)["status"] == "IN_PROGRESS"


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        pytest.param({"userEmailId": None}, "error-field-empty-400", id="no e-mail"),
        pytest.param({"userEmailId": "x@example.com"}, "error-email-not-found-400", id="unknown e-mail"),
        pytest.param({"version": "configured"}, "error-invalid-body-values-403", id="unknown version"),
        pytest.param({"version": None}, "error-invalid-body-values-403", id="no version"),
    ],
)
def test_run__invalid_body(overrides: dict[str, Any], expected: str) -> None:
    """An invalid body gets the documented error."""
    caller = Caller()

    response = caller.start_run(**overrides)

    assert payload(response) == sample(expected)


@pytest.mark.parametrize("suite", content.demo_suites(), ids=lambda suite: suite["name"])
def test_run__demo_suites_are_there_from_the_start(suite: dict[str, Any]) -> None:
    """The demo's suites can be run at once, whatever is in their names."""
    caller = Caller()

    record = caller.finished_run(suite["name"])

    assert record["status"] == "passed"
    assert record["totalTestStepsCount"] == len(suite["testSteps"])


@pytest.mark.parametrize("name", ["a b", "a/b", "ä%2F?#", "..", "a\\b", "\U0001f600"])
def test_run__any_name(name: str) -> None:
    """A suite of any name can be imported and run."""
    caller = Caller()
    caller.start_import(BALANCE, name=name)
    caller.time += 60

    record = caller.finished_run(name)

    assert record["status"] == "passed"


def test_run__before_the_suite_exists() -> None:
    """A suite can be run once it is stored, which is before its import says so."""
    caller = Caller()
    caller.start_import(BALANCE, name="New")

    early = caller.start_run("New").status
    caller.time += 15
    stored = caller.start_run("New").status

    assert (early, stored) == (404, 200)


def test_run__outlives_the_import() -> None:
    """A suite stays when the record of its import is forgotten."""
    caller = Caller()
    caller.start_import(BALANCE, name="New")
    caller.time += 7200

    response = caller.start_run("New")

    assert response.status == 200


def test_run__newest_import_counts() -> None:
    """Of two imports of one name, the later one's suite is run."""
    caller = Caller()
    caller.start_import({"testSteps": [{"input": "only one", "outputs": ["x"]}]}, name="Balance")
    caller.time += 60

    record = caller.finished_run("Balance")

    assert record["totalTestStepsCount"] == 1


def test_run_status__in_progress() -> None:
    """A running run has the documented form."""
    caller = Caller()
    run_id = payload(caller.start_run())["testRunId"]
    caller.time += 30

    record = payload(caller.run_status(run_id))

    assert shape(record) == shape(sample("conversation-run-status-inprogress-v10"))
    assert record["percentageCompleted"] == 85
    assert record["result"]["version"] == "configured"


def test_run_status__long_form() -> None:
    """A finished run has the documented long form: steps, groups and single checks with their status."""
    documented = sample("conversation-run-status-passed-full")
    steps = [
        {name: row[name] for name in ("input", "outputs", "event") if name in row}
        for row in documented["result"]["executionResults"]
    ]
    caller = Caller()
    caller.start_import({"testSteps": _without_status(steps)}, name="Documented")
    caller.time += 60

    record = caller.finished_run("Documented")

    assert shape(record) == shape(documented)
    for ours, theirs in zip(
        record["result"]["executionResults"], documented["result"]["executionResults"], strict=True
    ):
        assert _without_ids(ours) == _without_ids(theirs)
    assert record["result"]["duration"] == 60_000
    assert record["result"]["executionResults"][1]["requestId"] == record["_id"] + "1"


def test_run_status__short_form() -> None:
    """The short form has the documented fields: counts only."""
    caller = Caller(scenario="short-form")
    run_id = payload(caller.start_run())["testRunId"]

    running = payload(caller.run_status(run_id))
    caller.time += 60
    ended = payload(caller.run_status(run_id))

    assert shape(running) == shape(sample("conversation-run-status-inprogress-current"))
    assert shape(ended) == shape(sample("conversation-run-status-passed-current"))
    assert ended["result"]["stepDetails"] == {"passed": 3, "failed": 0, "total": 3}


def test_run_status__published() -> None:
    """A run of the published bot says so."""
    caller = Caller()
    run_id = payload(caller.start_run(version="published"))["testRunId"]

    record = payload(caller.run_status(run_id))

    assert record["result"]["version"] == "published"


@pytest.mark.parametrize(("run_id", "name"), [("ctr-unknown", "Balance"), (None, "Other")], ids=["id", "name"])
def test_run_status__unknown(run_id: str | None, name: str) -> None:
    """A run that is not there, or not of this suite, is not found."""
    caller = Caller()
    started = payload(caller.start_run())["testRunId"]

    response = caller.run_status(run_id or started, name)

    assert response.status == 404


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


def test_flaky__two_of_three() -> None:
    """Each suite passes two times of three, whatever the others do."""
    caller = Caller(scenario="flaky")

    balance = [caller.finished_run("Balance")["status"] for _ in range(6)]
    greeting = caller.finished_run("Greeting and FAQ")["status"]

    assert balance == ["passed", "failed", "passed", "passed", "failed", "passed"]
    assert greeting == "passed"


def test_run_error__says_why() -> None:
    """A run that ended by an error has no results, and a reason."""
    caller = Caller(scenario="run-error")

    record = caller.finished_run()

    assert record["status"] == "error"
    assert record["result"]["executionResults"] == []
    assert "no answer" in record["result"]["errorDetails"]["message"]


def test_results_link__serves_a_csv() -> None:
    """The link in an answer leads to a results file, without a token, until it expires."""
    caller = Caller(scenario="results-link")
    caller.time += 60
    headers = {"host": "kore.example:8443"}
    status = caller.call("GET", f"{caller.bot}/import/ds-demo-2/status", headers=headers)

    link = payload(status)["downloadUrl"]
    path = link.removeprefix("https://kore.example:8443")
    served = caller.simulator.handle(Request("GET", path))
    unsigned = caller.simulator.handle(Request("GET", path.partition("?")[0]))
    caller.time += 900
    expired = caller.simulator.handle(Request("GET", path))

    assert served.status == 200
    assert dict(served.headers)["content-type"].startswith("text/csv")
    assert served.body.decode().splitlines() == [
        "step,input,expected,result",
        "1,What is my balance?,For which account: current or savings?,passed",
        '2,current,"The balance of your current account is $1,250.00.",passed',
        '3,and savings?,"The balance of your savings account is $8,400.50.",passed',
    ]
    assert (unsigned.status, expired.status) == (403, 403)


def test_results_link__in_runs_too() -> None:
    """A finished run carries the link as well, in plain http where the server speaks that."""
    caller = Caller(scenario="results-link")
    run_id = payload(caller.start_run())["testRunId"]
    path = f"{caller.bot}/Balance/{run_id}/status"

    before = payload(caller.run_status(run_id))
    caller.time += 60
    after = payload(caller.call("GET", path, headers={"host": "localhost:1", "x-forwarded-proto": "http"}))

    assert "downloadUrl" not in before
    assert after["downloadUrl"].startswith("http://localhost:1/api/getMediaStream/media/f-")
    assert f"e={START + 960:.0f}&" in after["downloadUrl"]


def _without_status(value: Any) -> Any:
    """Return what was stored before the run put its verdicts in."""
    if isinstance(value, dict):
        return {name: _without_status(one) for name, one in value.items() if name not in {"status", "textMismatch"}}
    return [_without_status(one) for one in value] if isinstance(value, list) else value


def _without_ids(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "requestId"}
