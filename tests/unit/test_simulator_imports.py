import datetime
import email.utils
from typing import Any

import pytest

from kore_gate.simulator import content, kore
from kore_gate.simulator.messages import Request
from tests.fakes.caller import START, Caller, payload, sample, shape

SUITE = content.demo_suites()[1]
NOT_FOUND = {"errors": [{"msg": "Not Found", "code": 404}]}


def test_import__accepted() -> None:
    """An accepted import has the documented form."""
    caller = Caller()

    response = caller.start_import(SUITE)

    assert response.status == 200
    assert shape(payload(response)) == shape(sample("conversation-import-accepted"))
    assert payload(response)["status"] == "IN_PROGRESS"


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        pytest.param({"userEmailId": ""}, "error-field-empty-400", id="no e-mail"),
        pytest.param({"userEmailId": "x@example.com"}, "error-email-not-found-400", id="unknown e-mail"),
        pytest.param({"userEmailId": "jane.doe@example.com"}, "error-email-not-in-account-400", id="stranger"),
        pytest.param({"name": ""}, "error-invalid-body-values-403", id="no name"),
        pytest.param({"name": ["x"]}, "error-invalid-body-values-403", id="name is a list"),
        pytest.param({"fileName": None}, "error-invalid-body-values-403", id="no file"),
    ],
)
def test_import__invalid_body(overrides: dict[str, Any], expected: str) -> None:
    """An invalid body gets the documented error."""
    caller = Caller()

    response = caller.start_import(SUITE, **overrides)

    assert payload(response) == sample(expected)
    assert response.status == sample(expected)["errors"][0]["code"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"[" * 100_000, b"\xff"], ids=["empty", "cut", "list", "deep", "bytes"]
)
def test_import__no_json_object(body: bytes) -> None:
    """A body that is no JSON object gets the documented error."""
    caller = Caller()

    response = caller.call("POST", f"{caller.bot}/import", body)

    assert payload(response) == sample("error-invalid-body-values-403")


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


def test_add_import__odd_id_and_own_scenario() -> None:
    """Imports can be added under any id, with a scenario of their own."""
    caller = Caller()
    caller.simulator.add_import("ds/with ä and %", SUITE, scenario="failing")
    caller.time += 60

    added, preset = (payload(caller.import_status(ds_id)) for ds_id in ("ds/with ä and %", "ds-demo-1"))

    assert (added["status"], preset["status"]) == ("FAILURE", "SUCCESS")


def test_by_suite__own_scenario() -> None:
    """Suites can have scenarios of their own, by name."""
    caller = Caller(by_suite={"Bad": "failing", "Balance": "empty"})
    ids = [payload(caller.start_import(SUITE, name=name))["dsId"] for name in ("Good", "Bad")]
    caller.time += 60

    good, bad, preset = (payload(caller.import_status(ds_id)) for ds_id in (*ids, "ds-demo-2"))

    assert (good["status"], bad["status"]) == ("SUCCESS", "FAILURE")
    assert preset["response"]["testSteps"] == []


def test_import__tags_and_description() -> None:
    """Tags and description of the request count more than the file's."""
    caller = Caller()
    file = {**SUITE, "tags": "none", "description": None}
    ids = [
        payload(caller.start_import(file))["dsId"],
        payload(caller.start_import(SUITE, tags=["a"], description="b"))["dsId"],
    ]
    caller.time += 60

    plain, given = (payload(caller.import_status(ds_id))["response"] for ds_id in ids)

    assert (plain["tags"], plain["description"]) == ([], "")
    assert (given["tags"], given["description"]) == (["a"], "b")


def test_delete__by_name() -> None:
    """A deleted suite can't be run; deleting what is not there is an error."""
    caller = Caller()

    deleted = caller.call(
        "DELETE", caller.bot, sample("conversation-suite-delete-request") | {"testSuiteNames": ["Balance"]}
    )
    run = caller.start_run("Balance")
    again = caller.call("DELETE", caller.bot, {"testSuiteNames": ["Balance"]})

    assert payload(deleted) == sample("conversation-suite-delete-success")
    assert run.status == 404
    assert again.status == 404


@pytest.mark.parametrize("body", [{}, {"testSuiteNames": []}, {"testSuiteNames": "x"}], ids=str)
def test_delete__invalid(body: dict[str, Any]) -> None:
    """Deleting nothing is invalid."""
    caller = Caller()

    response = caller.call("DELETE", caller.bot, body)

    assert payload(response) == sample("error-invalid-body-values-403")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/public/stream/st-1/file/upload"),
        ("POST", "/api/public/bot/st-1/file/upload"),
        ("POST", "/api/public/file/upload"),
        ("GET", "/api/public/uploadfile"),
        ("POST", "/api/public/stream/st-1/conversation/testsuite/import/ds-1/status"),
        ("GET", "/api/public/"),
    ],
)
def test_unknown_path(method: str, path: str) -> None:
    """What Kore.ai does not have is answered with 405, as it does, before the token is looked at."""
    caller = Caller()

    response = caller.call(method, path, auth="")

    assert response.status == 405
    assert payload(response) == sample("error-method-not-allowed-405")


def test_unknown_path__outside_the_api() -> None:
    """Outside the API there are pages, not JSON."""
    caller = Caller()

    response = caller.call("GET", "/")

    assert response.status == 404
    assert b"<h1>" in response.body


def test_base_path() -> None:
    """The API can live below a path, as behind a gateway; then it is nowhere else."""
    caller = Caller(base_path="/kore/")
    path = f"{caller.bot}/import/ds-demo-1/status"

    below, beside = (caller.call("GET", prefix + path).status for prefix in ("/kore", ""))

    assert below == 200
    assert beside == 404


def test_access__other_bot() -> None:
    """Another bot than the app's is refused."""
    caller = Caller()

    response = caller.call("GET", "/api/public/stream/st-other/conversation/testsuite/import/ds-demo-1/status")

    assert response.status == 403
    assert "no access to this bot" in payload(response)["errors"][0]["msg"]


def test_access__scopes() -> None:
    """Each call needs its scope; uploading needs none."""
    caller = Caller(scopes=(kore.EXECUTION,))

    run, upload, status = (
        caller.start_run("Balance"),
        caller.upload(SUITE),
        caller.import_status("ds-demo-1"),
    )

    assert (run.status, upload.status, status.status) == (200, 200, 403)
    assert kore.MANAGEMENT in payload(status)["errors"][0]["msg"]


def test_log__tells_every_call() -> None:
    """The log says what was called when, about whom, and what it got."""
    caller = Caller()
    caller.time += 1.5

    response = caller.import_status("ds-demo-2")
    caller.call("PATCH", "/nowhere")

    assert caller.simulator.log == [
        kore.LogEntry(
            time=START + 1.5,
            method="GET",
            path=f"{caller.bot}/import/ds-demo-2/status",
            kind="import-status",
            id="ds-demo-2",
            status=200,
        ),
        kore.LogEntry(time=START + 1.5, method="PATCH", path="/nowhere", kind="unknown", id="", status=404),
    ]
    assert dict(response.headers)["date"] == email.utils.formatdate(START + 1.5, usegmt=True)


def test_seed__same_ids() -> None:
    """Two simulators with one seed give the same ids, two with different seeds do not."""
    callers = (Caller(), Caller(), Caller(seed="other"))

    first, second, third = (payload(caller.start_import(SUITE))["dsId"] for caller in callers)

    assert first == second != third


def test_system_clock() -> None:
    """Without a clock of its own, a simulator goes by the machine's."""
    simulator = kore.Simulator()

    response = simulator.handle(Request("GET", "/"))

    sent = email.utils.parsedate_to_datetime(dict(response.headers)["date"])
    assert abs((datetime.datetime.now(datetime.UTC) - sent).total_seconds()) < 60


def test_scenario__unknown() -> None:
    """An unknown scenario is an error that names those there are."""
    with pytest.raises(ValueError, match="no scenario 'sunny'; there are: passing, failing"):
        kore.Simulator(scenario="sunny")
