"""What each call does."""

import json
import urllib.parse
from collections.abc import Collection

from kore_gate.simulator import forms, messages
from kore_gate.simulator.jobs import Job
from kore_gate.simulator.messages import Json, Response, refusal
from kore_gate.simulator.records import Records
from kore_gate.simulator.routes import Call

# The versions of a bot, and what the status of a run calls them.
VERSIONS = {"inDevelopment": "configured", "published": "published"}
# The address that the documentation's example of this refusal names.
STRANGER = "jane.doe@example.com"
INVALID_BODY = "Invalid values in the body"


class Endpoints:
    """The calls, on the records of one bot."""

    def __init__(self, records: Records, *, emails: Collection[str]) -> None:
        self._records = records
        self._emails = emails

    def answer(self, call: Call, now: float) -> Response:
        """Do what the call asks for."""
        match call.kind:
            case "upload":
                return self._upload(call)
            case "import":
                return self._import(call, now)
            case "import-status":
                return self._import_status(call, now)
            case "run":
                return self._run(call, now)
            case "run-status":
                return self._run_status(call, now)
            case "delete":
                return self._delete(call, now)
            case _:
                return self._download(call, now)

    def _upload(self, call: Call) -> Response:
        request = call.request
        document = forms.suite_file(forms.parse(request.headers.get("content-type", ""), request.body))
        file_id = self._records.keep_file(document)
        return messages.answer(
            {"fileId": file_id, "hash": self._records.hex_id(file_id), "fileName": self._records.new_id("f")}
        )

    def _import(self, call: Call, now: float) -> Response:
        body = _body(call)
        name, file_id = (_text(body, key) for key in ("name", "fileName"))
        self._check_email(body)
        # The id of the upload goes into the field `fileName`; the upload's own `fileName` is something else.
        if file_id not in self._records.files:
            raise refusal("The file was not found: fileName takes the fileId of the upload", 400)
        given = {key: body[key] for key in ("tags", "description") if key in body}
        document: Json = self._records.files[file_id] | given
        job = self._records.start_import(document, now=now, name=name)
        return messages.answer({"status": "IN_PROGRESS", "dsId": job.id})

    def _import_status(self, call: Call, now: float) -> Response:
        job = self._records.imports.get(call.id)
        if job is None or job.is_forgotten(now):
            raise refusal("Not Found", 404)
        return self._status(call, job, job.record(now), ended=job.has_ended(now), now=now)

    def _run(self, call: Call, now: float) -> Response:
        body = _body(call)
        self._check_email(body)
        version = VERSIONS.get(_text(body, "version"))
        if version is None:
            raise refusal(INVALID_BODY, 403)
        source = self._records.stored(call.id, now)
        if source is None:
            raise refusal("Test suite not found", 404)
        run = self._records.start_run(source, now=now, version=version)
        return messages.answer({"status": "IN_PROGRESS", "testRunId": run.id})

    def _run_status(self, call: Call, now: float) -> Response:
        run = self._records.runs.get(call.id)
        if run is None or run.suite.name != call.parts["suite"]:
            raise refusal("Not Found", 404)
        return self._status(call, run, run.record(now), ended=run.has_ended(now), now=now)

    def _delete(self, call: Call, now: float) -> Response:
        names = _body(call).get("testSuiteNames")
        if not isinstance(names, list) or not names:
            raise refusal(INVALID_BODY, 403)
        missing = [str(name) for name in names if not self._records.delete(str(name), now)]
        if missing:
            raise refusal(f"Test suites not found: {', '.join(missing)}", 404)
        return messages.answer({"status": "Success"})

    def _download(self, call: Call, now: float) -> Response:
        query = urllib.parse.parse_qs(call.request.path.partition("?")[2])
        expires, table = self._records.links.get(call.id, (0.0, ""))
        if now >= expires or not query.get("s"):
            raise refusal("The link has expired", 403)
        disposition = ("content-disposition", 'attachment; filename="results.csv"')
        return Response(200, (("content-type", "text/csv; charset=utf-8"), disposition), _utf8(table))

    def _status(self, call: Call, job: Job, record: Json, *, ended: bool, now: float) -> Response:
        if ended and job.scenario.link:
            record["downloadUrl"] = _origin(call) + self._records.link(job, now)
        return messages.answer(record)

    def _check_email(self, body: Json) -> None:
        given = body.get("userEmailId")
        if not given:
            raise refusal("emailIds can't be empty", 400)
        if given == STRANGER:
            raise refusal(f"Emails << {given} >> not associated with your account", 400)
        if given not in self._emails:
            raise refusal("One or more entered emails not found", 400)


def _body(call: Call) -> Json:
    try:
        body = json.loads(call.request.body)
    except (ValueError, RecursionError) as exc:
        raise refusal(INVALID_BODY, 403) from exc
    if not isinstance(body, dict):
        raise refusal(INVALID_BODY, 403)
    return body


def _text(body: Json, key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value.strip():
        raise refusal(INVALID_BODY, 403)
    return value


def _origin(call: Call) -> str:
    headers = call.request.headers
    return f"{headers.get('x-forwarded-proto', 'https')}://{headers.get('host', 'localhost')}"


def _utf8(text: str) -> bytes:
    """Encode text that may hold half characters."""
    return text.encode("utf-8", "replace")
