import datetime
import json
from typing import Any

import pytest

from kore_gate.simulator import jobs, scenarios
from tests.fakes.caller import START, Caller, payload, sample, shape

BALANCE = scenarios.DEMO_SUITES[1]
NOT_FOUND = {"errors": [{"msg": "Not Found", "code": 404}]}


def test_ids__same_in_every_simulator() -> None:
    """Two simulators give the same ids."""
    first, second = (payload(Caller().start_import(BALANCE))["dsId"] for _ in range(2))

    assert first == second


def test_import_status__in_progress() -> None:
    """A running import has the documented form."""
    caller = Caller()
    caller.time += 20

    response = caller.import_status("ds-demo-1")

    assert shape(payload(response)) == shape(sample("conversation-import-status-in-progress"))
    assert payload(response)["percentageComplete"] == 85
    assert payload(response)["status"] == "IN_PROGRESS"


def test_import_status__success() -> None:
    """A finished import has the documented form, down to the fields of a step."""
    caller = Caller()
    ds_id = payload(caller.start_import({"testSteps": [{"input": "Start_Flow", "outputs": ["test"]}]}))["dsId"]
    caller.time += 60

    record = payload(caller.import_status(ds_id))

    documented = sample("conversation-import-status-success-xo11")
    assert shape(record) == shape(documented)
    assert record["response"]["testSteps"] == documented["response"]["testSteps"]
    assert (record["status"], record["percentageComplete"]) == ("SUCCESS", 100)
    assert record["testSuiteId"] != record["response"]["_id"]


def test_import_status__moves() -> None:
    """Progress climbs to 85 % within the first quarter, stays there, and jumps to 100 at the end."""
    caller = Caller()
    seen = []

    for _ in range(14):
        seen.append(payload(caller.import_status("ds-demo-1"))["percentageComplete"])
        caller.time += 5

    assert seen == [0, 28, 56, 85, 85, 85, 85, 85, 85, 85, 85, 85, 100, 100]


def test_import_status__times() -> None:
    """Times are ISO 8601 with milliseconds and Z; the record expires 15 minutes after its creation."""
    caller = Caller()
    caller.time += 60

    record = payload(caller.import_status("ds-demo-1"))

    created, expires, changed = (
        datetime.datetime.strptime(record[name], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.UTC).timestamp()
        for name in ("createdOn", "expireAt", "lMod")
    )
    assert (created, expires, changed) == (START, START + 900, START + 60)
    assert record["createdOn"] == "2023-11-14T22:13:20.000Z"


def test_import_status__forgotten() -> None:
    """After 15 minutes the record is gone."""
    caller = Caller()

    caller.time += 899.9
    before = caller.import_status("ds-demo-1").status
    caller.time += 0.1
    after = caller.import_status("ds-demo-1")

    assert before == 200
    assert after.status == 404
    assert payload(after) == NOT_FOUND


def test_import_status__evergreen() -> None:
    """A simulator that is left running starts its preset imports anew."""
    caller = Caller(evergreen=True)
    caller.time += 3600

    preset = payload(caller.import_status("ds-demo-1"))
    unknown = caller.import_status("ds-unknown").status

    assert (preset["status"], preset["percentageComplete"]) == ("IN_PROGRESS", 0)
    assert unknown == 404


def test_import_status__unknown() -> None:
    """An id nobody knows is not found."""
    caller = Caller()

    response = caller.import_status("ds-unknown")

    assert response.status == 404
    assert payload(response) == NOT_FOUND


@pytest.mark.parametrize("job_seconds", [0, 1000])
def test_import_status__job_time(job_seconds: float) -> None:
    """Jobs can be quick or slow."""
    caller = Caller(job_seconds=job_seconds)

    record = payload(caller.import_status("ds-demo-1"))

    assert record["status"] == ("SUCCESS" if job_seconds == 0 else "IN_PROGRESS")


def test_add_import__odd_id() -> None:
    """Imports can be added under any id."""
    caller = Caller(by_suite={"Balance": "failing"})
    caller.simulator.add_import("ds/with ä and %", BALANCE)
    caller.time += 60

    added, preset = (payload(caller.import_status(ds_id)) for ds_id in ("ds/with ä and %", "ds-demo-1"))

    assert (added["status"], preset["status"]) == ("FAILURE", "SUCCESS")


def test_by_suite__own_scenario() -> None:
    """Suites can have scenarios of their own, by name."""
    caller = Caller(by_suite={"Bad": "failing", "Balance": "empty"})
    ids = [payload(caller.start_import(BALANCE, name=name))["dsId"] for name in ("Good", "Bad")]
    caller.time += 60

    good, bad, preset = (payload(caller.import_status(ds_id)) for ds_id in (*ids, "ds-demo-2"))

    assert (good["status"], bad["status"]) == ("SUCCESS", "FAILURE")
    assert preset["response"]["testSteps"] == []


def test_import__tags_and_description() -> None:
    """Tags and description of the request count more than the file's."""
    caller = Caller()
    file = {**BALANCE, "tags": "none", "description": None}
    ids = [
        payload(caller.start_import(file))["dsId"],
        payload(caller.start_import(BALANCE, tags=["a"], description="b"))["dsId"],
    ]
    caller.time += 60

    plain, given = (payload(caller.import_status(ds_id))["response"] for ds_id in ids)

    assert (plain["tags"], plain["description"]) == ([], "")
    assert (given["tags"], given["description"]) == (["a"], "b")


def test_suites__recorded() -> None:
    """A recorded dialogue becomes stored steps with the texts asserted, whatever form its outputs have."""
    steps = jobs.steps_of(sample("recorded-suite-file-legacy"))

    texts = [(step["input"], step["outputs"][0]["assertions"]["text"]["contains"]) for step in steps]

    assert texts == [
        ("hello", [{"text": "Hi there"}]),
        ("thanks", [{"text": "welcome"}]),
        ("pick a card", [{"text": "Which card?"}, {"text": "Debit card"}, {"text": "Credit card"}]),
        ("hi", [{"text": "Hi!"}, {"text": "Hello"}, {"text": "Hey"}]),
    ]


def test_suites__recorded_step_has_the_documented_form() -> None:
    """A stored step has exactly the fields of the documentation's."""
    [documented] = sample("conversation-import-status-success")["response"]["testSteps"]

    [step] = jobs.steps_of({"testCases": [{"messages": [{"input": "Start_Flow", "outputs": ["asdasd"]}]}]})

    assert step == documented


def test_suites__stored_form_stays_as_it_is() -> None:
    """Steps that are already in the stored form are stored as given."""
    documented = [
        {name: row[name] for name in ("input", "outputs", "event") if name in row}
        for row in sample("conversation-run-status-passed-full")["result"]["executionResults"]
    ]

    steps = jobs.steps_of({"testSteps": documented})

    assert steps == documented


def test_suites__completes_short_steps() -> None:
    """What a stored step leaves out gets Kore.ai's defaults."""
    given = {"testSteps": [{"event": "Start_Flow", "outputs": [{"text": "Hi", "isStandardResponse": True}]}]}

    [step] = jobs.steps_of(given)

    assert step == {
        "input": "Start_Flow",
        "event": "Start_Flow",
        "outputs": [
            {
                "text": "Hi",
                "isStandardResponse": True,
                "assertions": scenarios.assertions(text=[{"text": "Hi"}]),
            }
        ],
    }


@pytest.mark.parametrize(
    "document",
    [
        {"steps": []},
        {"testSteps": "x"},
        {"testSteps": ["x"]},
        {"testSteps": [{"outputs": []}]},
        {"testSteps": [{"input": 5}]},
        {"testSteps": [{"input": "x", "outputs": "y"}]},
        {"testSteps": [{"input": "x", "outputs": [5]}]},
        {"testSteps": [{"input": "x", "outputs": [{"assertions": {"text": 5}}]}]},
        {"testSteps": [{"input": "x", "outputs": [{"assertions": {"text": {"contains": 5}}}]}]},
        {"testCases": ["x"]},
        {"testCases": [{"name": "no messages"}]},
        {"testCases": [{"messages": [{"input": "x", "outputs": [{"contains": {"oneOf": []}}]}]}]},
        {"testCases": [{"messages": [{"input": "x", "outputs": [None]}]}]},
    ],
    ids=json.dumps,
)
def test_suites__no_suite(document: dict[str, Any]) -> None:
    """A file in no known form is taken, and its import ends in failure with the reason in the log."""
    caller = Caller()
    ds_id = payload(caller.start_import(document))["dsId"]

    caller.time += 60
    record = payload(caller.import_status(ds_id))

    assert record["status"] == "FAILURE"
    assert record["statusLogs"][0]["comments"]
    assert "response" not in record


def test_suites__unreadable_assertions_fall_back() -> None:
    """Assertions that are no object count as not given."""
    [step] = jobs.steps_of({"testSteps": [{"input": "x", "outputs": [{"text": "y", "assertions": None}]}]})

    assert step["outputs"][0]["assertions"] == scenarios.assertions(text=[{"text": "y"}])


@pytest.mark.parametrize("suite", scenarios.DEMO_SUITES, ids=lambda suite: suite["name"])
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


def _without_status(value: Any) -> Any:
    """Return what was stored before the run put its verdicts in."""
    if isinstance(value, dict):
        return {name: _without_status(one) for name, one in value.items() if name not in {"status", "textMismatch"}}
    return [_without_status(one) for one in value] if isinstance(value, list) else value


def _without_ids(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "requestId"}
