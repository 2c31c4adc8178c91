import json
from typing import Any

import pytest

from kore_gate.simulator import forms, kore, suites
from kore_gate.simulator.messages import RefusalError
from tests.fakes.caller import Caller, multipart, payload, sample, shape

SUITE = {"testSteps": [{"input": "Hi", "outputs": ["Hello"]}]}


def test_upload__documented_shape() -> None:
    """An upload is answered with the documented fields, each upload with an id of its own."""
    caller = Caller()

    first, second = (payload(caller.upload(SUITE)) for _ in range(2))

    assert shape(first) == shape(sample("uploadfile-response-v10"))
    assert len(first["fileId"]) == len(sample("uploadfile-response-v10")["fileId"])
    assert len(first["hash"]) == len(sample("uploadfile-response-v10")["hash"])
    assert first["fileId"] != second["fileId"]


@pytest.mark.parametrize("extension", ["json", ".json"])
def test_upload__extension(extension: str) -> None:
    """Both documented spellings of the extension are taken."""
    caller = Caller()

    response = caller.upload(SUITE, fileExtension=extension)

    assert response.status == 200


@pytest.mark.parametrize(
    ("content", "options", "reason"),
    [
        pytest.param(b"{}", {}, "not empty", id="empty object"),
        pytest.param(b"[1]", {}, "JSON object", id="list"),
        pytest.param(b"input,output", {}, "not valid JSON", id="CSV"),
        pytest.param(b"", {}, "not valid JSON", id="empty"),
        pytest.param(b"[" * 100_000, {}, "not valid JSON", id="deep"),
        pytest.param(b"\xff\xfe\x00", {}, "not valid JSON", id="binary"),
        pytest.param(b'{"x":"%s"}' % (b"x" * 2 * 1024 * 1024), {}, "2 MB", id="large"),
        pytest.param(b'{"x":1}', {"fileContext": "findly"}, "fileContext", id="context"),
        pytest.param(b'{"x":1}', {"fileContext": None}, "fileContext", id="no context"),
        pytest.param(b'{"x":1}', {"fileExtension": "csv"}, "fileExtension", id="extension"),
        pytest.param(b'{"x":1}', {"fileExtension": None}, "fileExtension", id="no extension"),
        pytest.param(b'{"x":1}', {"filename": None}, "no file", id="no file"),
    ],
)
def test_upload__refused(content: bytes, options: dict[str, Any], reason: str) -> None:
    """A form that Kore.ai could not take is refused with a reason."""
    caller = Caller()

    response = caller.upload(content, **options)

    assert response.status == 400
    assert reason in payload(response)["errors"][0]["msg"]


@pytest.mark.parametrize(
    "content_type", ["", "application/json", "multipart/form-data", "multipart/form-data; boundary=other"]
)
def test_upload__no_form(content_type: str) -> None:
    """A body that is no multipart form, or whose boundary is not the one announced, is refused."""
    caller, (_, body) = Caller(), multipart(b'{"x":1}')

    response = caller.call("POST", "/api/public/uploadfile", body, headers={"content-type": content_type})

    assert response.status == 400
    assert "multipart/form-data" in payload(response)["errors"][0]["msg"]


def test_forms__keeps_every_byte() -> None:
    """A file's bytes come out of the form as they went in."""
    content = bytes(range(256)) + b"\r\n--\r\n\n\r" + "ä\u2028".encode()
    headers, body = multipart(content)

    fields = forms.parse(headers["content-type"], body)

    assert fields["file"] == forms.Part(content=content, filename="suite.json")
    assert fields["fileContext"].content == b"bulkImport"


def test_forms__parts_without_a_name() -> None:
    """A part that has no name is no field."""
    parts = (b"form-data\r\n\r\n1", b"form-data; name=a\r\n\r\n2")
    body = b"".join(b"--x\r\nContent-Disposition: %s\r\n" % part for part in parts) + b"--x--"

    fields = forms.parse("multipart/form-data; boundary=x", body)

    assert fields == {"a": forms.Part(content=b"2")}


def test_forms__size_limit_is_inclusive() -> None:
    """A file of exactly 2 MB is taken."""
    content = b'{"x":"' + b"x" * (2 * 1024 * 1024 - 8) + b'"}'

    fields = {
        "file": forms.Part(content=content, filename="x.json"),
        "fileContext": forms.Part(content=b"bulkImport"),
        "fileExtension": forms.Part(content=b"json"),
    }

    assert len(content) == forms.MAX_FILE
    assert forms.suite_file(fields).keys() == {"x"}
    fields["file"] = forms.Part(content=content + b" ", filename="x.json")
    with pytest.raises(RefusalError):
        forms.suite_file(fields)


def test_suites__recorded() -> None:
    """A recorded dialogue becomes stored steps with the texts asserted, whatever form its outputs have."""
    steps = suites.steps_of(sample("recorded-suite-file-legacy"))

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

    [step] = suites.steps_of({"testCases": [{"messages": [{"input": "Start_Flow", "outputs": ["asdasd"]}]}]})

    assert step == documented


def test_suites__stored_form_stays_as_it_is() -> None:
    """Steps that are already in the stored form are stored as given."""
    documented = [
        {name: row[name] for name in ("input", "outputs", "event") if name in row}
        for row in sample("conversation-run-status-passed-full")["result"]["executionResults"]
    ]

    steps = suites.steps_of({"testSteps": documented})

    assert steps == documented


def test_suites__completes_short_steps() -> None:
    """What a stored step leaves out gets Kore.ai's defaults."""
    given = {"testSteps": [{"event": "Start_Flow", "outputs": [{"text": "Hi", "isStandardResponse": True}]}]}

    [step] = suites.steps_of(given)

    assert step == {
        "input": "Start_Flow",
        "event": "Start_Flow",
        "outputs": [
            {
                "text": "Hi",
                "category": "",
                "isStandardResponse": True,
                "userPrompts": [],
                "assertions": suites.assertions(text=[{"text": "Hi"}]),
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
    [step] = suites.steps_of({"testSteps": [{"input": "x", "outputs": [{"text": "y", "assertions": None}]}]})

    assert step["outputs"][0]["assertions"] == suites.assertions(text=[{"text": "y"}])


def test_import__wants_the_file_id() -> None:
    """The upload's own fileName is not what the import's fileName takes."""
    caller = Caller()
    uploaded = payload(caller.upload(SUITE))

    body = {"fileName": uploaded["fileName"], "name": "x", "userEmailId": kore.USER_EMAIL}
    trapped = caller.call("POST", f"{caller.bot}/import", body)
    right = caller.call("POST", f"{caller.bot}/import", body | {"fileName": uploaded["fileId"]})

    assert trapped.status == 400
    assert "fileId" in payload(trapped)["errors"][0]["msg"]
    assert right.status == 200
