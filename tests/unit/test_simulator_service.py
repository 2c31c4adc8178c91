import base64
import collections
import datetime
import email.utils
import json
from typing import Any

import pytest

from kore_gate.simulator import scenarios, service
from kore_gate.simulator.service import Request
from tests.fakes.caller import START, Caller, multipart, payload, sample, shape, token

BALANCE = scenarios.DEMO_SUITES[1]
SHORT = {"testSteps": [{"input": "Hi", "outputs": ["Hello"]}]}
MINUTE = "You've exceeded the per-minute rate limit. Please wait for sometime before retrying."
HOUR = "You've exceeded the hourly rate limit. Please wait for sometime before retrying."


def _raw(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


_BAD = {
    "missing": "",
    "no token at all": "not-a-token",
    "bearer prefix": f"Bearer {token()}",
    "wrong secret": token(secret="another-secret-that-is-long-enough-for-everyone"),
    "alg none": f"{_raw({'alg': 'none'})}.{_raw({'appId': scenarios.CLIENT_ID})}.",
    "unsupported algorithm": token(algorithm="HS384"),
    "four parts": f"{token()}.x",
    "header is a list": f"{_raw([])}.{_raw({})}.eA",
    "no base64": "!!.??.**",
    "no ASCII": "é.é.é",
    "exp is a text": token(exp="soon"),
    "exp is a truth": token(exp=True),
}


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


def test_access__other_bot() -> None:
    """Another bot than the app's is refused."""
    caller = Caller()

    response = caller.call("GET", "/api/public/stream/st-other/conversation/testsuite/import/ds-demo-1/status")

    assert response.status == 403
    assert "no access to this bot" in payload(response)["errors"][0]["msg"]


def test_access__scopes() -> None:
    """Each call needs its scope; uploading needs none."""
    caller = Caller(scopes=(service.EXECUTION,))

    run, upload, status = (
        caller.start_run("Balance"),
        caller.upload(BALANCE),
        caller.import_status("ds-demo-1"),
    )

    assert (run.status, upload.status, status.status) == (200, 200, 403)
    assert service.MANAGEMENT in payload(status)["errors"][0]["msg"]


def test_log__tells_every_call() -> None:
    """The log says what was called when, about whom, and what it got."""
    caller = Caller()
    caller.time += 1.5

    response = caller.import_status("ds-demo-2")
    caller.call("PATCH", "/nowhere")

    log = [(entry.time, entry.request.method, entry.kind, entry.id, entry.status) for entry in caller.simulator.log]
    assert log == [
        (START + 1.5, "GET", "import-status", "ds-demo-2", 200),
        (START + 1.5, "PATCH", "unknown", "", 404),
    ]
    assert dict(response.headers)["date"] == email.utils.formatdate(START + 1.5, usegmt=True)


def test_system_clock() -> None:
    """Without a clock of its own, a simulator goes by the machine's."""
    simulator = service.Simulator()

    response = simulator.handle(Request("GET", "/"))

    sent = email.utils.parsedate_to_datetime(dict(response.headers)["date"])
    assert abs((datetime.datetime.now(datetime.UTC) - sent).total_seconds()) < 60


@pytest.mark.parametrize("auth", _BAD.values(), ids=_BAD)
def test_tokens__malformed(auth: str) -> None:
    """What is no token of ours is refused with the documented 4002."""
    caller = Caller()

    response = caller.simulator.handle(_status_request(caller, auth))

    assert response.status == 401
    assert payload(response) == sample("error-invalid-jwt-4002")


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        pytest.param({"appId": "cs-somebody-else"}, "error-invalid-sdk-credentials-4002", id="another app"),
        pytest.param({"appId": None}, "error-invalid-sdk-credentials-4002", id="no app"),
        pytest.param({"exp": int(START) + 3700}, "error-jti-exp-over-one-hour-401", id="jti lives too long"),
        pytest.param({"exp": None}, "error-jti-exp-over-one-hour-401", id="jti lives for ever"),
    ],
)
def test_tokens__documented_refusals(claims: dict[str, Any], expected: str) -> None:
    """Wrong claims get the documented bodies."""
    caller = Caller()

    response = caller.simulator.handle(_status_request(caller, token(**claims)))

    assert response.status == 401
    assert payload(response) == sample(expected)


def test_tokens__expired() -> None:
    """An expired token is refused with code 401."""
    caller = Caller()

    response = caller.simulator.handle(_status_request(caller, token(now=START - 1000)))

    assert response.status == 401
    assert payload(response)["errors"][0]["code"] == 401


@pytest.mark.parametrize("algorithm", ["HS256", "HS512"])
@pytest.mark.parametrize("claims", [{}, {"jti": None, "exp": None, "sub": None, "iat": None}], ids=["ours", "smallest"])
def test_tokens__accepted(algorithm: str, claims: dict[str, Any]) -> None:
    """Both shared-secret algorithms are taken, and `appId` alone is enough."""
    caller = Caller()

    response = caller.simulator.handle(_status_request(caller, token(algorithm=algorithm, **claims)))

    assert response.status == 200


def test_tokens__replay() -> None:
    """A token with a jti serves one request only."""
    caller, auth = Caller(), token()

    first, second = (caller.simulator.handle(_status_request(caller, auth)) for _ in range(2))

    assert first.status == 200
    assert second.status == 401
    assert payload(second) == sample("error-jti-replay-401")


def test_tokens__without_jti_may_be_used_again() -> None:
    """A token without a jti serves any number of requests."""
    caller, auth = Caller(), token(jti=None)

    statuses = [caller.simulator.handle(_status_request(caller, auth)).status for _ in range(3)]

    assert statuses == [200, 200, 200]


def test_limits__minute() -> None:
    """The 61st status call about an id within a minute is refused; one fits again once the first is a minute old."""
    caller = Caller()

    within = [caller.import_status("ds-demo-1").status for _ in range(60)]
    over = caller.import_status("ds-demo-1")
    caller.time += 60
    later = caller.import_status("ds-demo-1")

    assert set(within) == {200}
    assert over.status == 429
    assert payload(over) == {"errors": [{"msg": MINUTE, "code": 429}]}
    assert "retry-after" not in dict(over.headers)
    assert later.status == 200


def test_limits__window_rolls() -> None:
    """The window counts the last 60 seconds, not the calendar's minute."""
    caller = Caller()
    for _ in range(30):
        caller.import_status("ds-demo-1")
    caller.time += 40
    for _ in range(30):
        caller.import_status("ds-demo-1")

    caller.time += 19.9
    over = caller.import_status("ds-demo-1").status
    caller.time += 0.1
    fitting = [caller.import_status("ds-demo-1").status for _ in range(31)]

    assert over == 429
    assert fitting == [200] * 30 + [429]


def test_limits__hour() -> None:
    """After 1,800 calls within an hour every call is refused with the hourly text, though the minute is free."""
    caller = Caller(evergreen=True)
    for _ in range(30):
        for _ in range(60):
            caller.import_status("ds-demo-1")
        caller.time += 60

    over = caller.import_status("ds-demo-1")
    caller.time += 1800
    later = caller.import_status("ds-demo-1")

    assert collections.Counter(entry.status for entry in caller.simulator.log[:-2]) == {200: 1800}
    assert payload(over) == {"errors": [{"msg": HOUR, "code": 429}]}
    assert later.status == 200


def test_limits__each_id_has_its_own() -> None:
    """Calls about one import do not count for another."""
    caller = Caller()
    for _ in range(61):
        caller.import_status("ds-demo-1")

    other = caller.import_status("ds-demo-2")

    assert other.status == 200


def test_limits__one_for_the_bot() -> None:
    """Uploads, imports and runs share one limit."""
    caller = Caller()
    for _ in range(20):
        caller.upload({"testSteps": []})
        caller.start_run()
        caller.start_run("unknown")

    over = caller.start_run()

    assert over.status == 429
    assert caller.import_status("ds-demo-1").status == 200


def test_limits__refused_calls_do_not_count() -> None:
    """Hammering on a closed door does not keep it closed."""
    caller = Caller()
    for _ in range(200):
        caller.import_status("ds-demo-1")
        caller.time += 0.25

    caller.time += 10
    later = caller.import_status("ds-demo-1")

    assert later.status == 200


def test_upload__documented_shape() -> None:
    """An upload is answered with the documented fields, each upload with an id of its own."""
    caller = Caller()

    first, second = (payload(caller.upload(BALANCE)) for _ in range(2))

    assert shape(first) == shape(sample("uploadfile-response-v10"))
    assert len(first["fileId"]) == len(sample("uploadfile-response-v10")["fileId"])
    assert len(first["hash"]) == len(sample("uploadfile-response-v10")["hash"])
    assert first["fileId"] != second["fileId"]


@pytest.mark.parametrize("extension", ["json", ".json"])
def test_upload__extension(extension: str) -> None:
    """Both documented spellings of the extension are taken."""
    caller = Caller()

    response = caller.upload(BALANCE, fileExtension=extension)

    assert response.status == 200


@pytest.mark.parametrize(
    ("content", "options", "reason"),
    [
        pytest.param(b"{}", {}, "JSON object", id="empty object"),
        pytest.param(b"[1]", {}, "JSON object", id="list"),
        pytest.param(b"input,output", {}, "JSON object", id="CSV"),
        pytest.param(b"", {}, "JSON object", id="empty"),
        pytest.param(b"[" * 100_000, {}, "JSON object", id="deep"),
        pytest.param(b"\xff\xfe\x00", {}, "JSON object", id="binary"),
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


def test_upload__keeps_every_byte() -> None:
    """A file's content is stored as it was sent."""
    document = {"name": "ä\u2028\x7f --x \U0001f600"}
    content = json.dumps(document, ensure_ascii=False).encode()
    caller = Caller()

    file_id = payload(caller.upload(content + b"\r\n\n\r"))["fileId"]

    assert caller.simulator.records.files[file_id] == document


def test_upload__parts_without_a_name() -> None:
    """A part of the form that has no name is not a field."""
    caller, (headers, body) = Caller(), multipart(b'{"x":1}')
    boundary = body.partition(b"\r\n")[0]
    unnamed = boundary + b"\r\nContent-Disposition: form-data\r\n\r\n1\r\n"

    response = caller.call("POST", "/api/public/uploadfile", unnamed + body, headers=headers)

    assert response.status == 200


def test_upload__size_limit_is_inclusive() -> None:
    """A file of exactly 2 MB is accepted, and one byte more is not."""
    caller = Caller()
    content = b'{"x":"' + b"x" * (2 * 1024 * 1024 - 8) + b'"}'

    statuses = [caller.upload(content).status, caller.upload(content + b" ").status]

    assert len(content) == service.MAX_FILE
    assert statuses == [200, 400]


def test_import__wants_the_file_id() -> None:
    """The upload's own fileName is not what the import's fileName takes."""
    caller = Caller()
    uploaded = payload(caller.upload(BALANCE))

    body = {"fileName": uploaded["fileName"], "name": "x", "userEmailId": scenarios.USER_EMAIL}
    trapped = caller.call("POST", f"{caller.bot}/import", body)
    right = caller.call("POST", f"{caller.bot}/import", body | {"fileName": uploaded["fileId"]})

    assert trapped.status == 400
    assert "fileId" in payload(trapped)["errors"][0]["msg"]
    assert right.status == 200


def test_import__accepted() -> None:
    """An accepted import has the documented form."""
    caller = Caller()

    response = caller.start_import(BALANCE)

    assert response.status == 200
    assert shape(payload(response)) == shape(sample("conversation-import-accepted"))
    assert payload(response)["status"] == "IN_PROGRESS"


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        pytest.param({"userEmailId": ""}, "error-field-empty-400", id="no e-mail"),
        pytest.param({"userEmailId": "x@example.com"}, "error-email-not-found-400", id="unknown e-mail"),
        pytest.param({"name": ""}, "error-invalid-body-values-403", id="no name"),
        pytest.param({"name": ["x"]}, "error-invalid-body-values-403", id="name is a list"),
        pytest.param({"fileName": None}, "error-invalid-body-values-403", id="no file"),
    ],
)
def test_import__invalid_body(overrides: dict[str, Any], expected: str) -> None:
    """An invalid body gets the documented error."""
    caller = Caller()

    response = caller.start_import(BALANCE, **overrides)

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


def _status_request(caller: Caller, auth: str) -> Request:
    return Request("GET", f"{caller.bot}/import/ds-demo-1/status", {"auth": auth} if auth else {})
