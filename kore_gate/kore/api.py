"""Kore.ai's conversation-test APIs, one method a call.

Sources: Kore.ai's pages "Upload File", "Create (Import) a Conversation Test Suite", "Conversation Test Suite Creation
Status", "Execute a Test Suite" and "Test Suite Execution Status and Summary".
"""

from collections.abc import Mapping

from kore_gate import errors, text
from kore_gate.kore import payloads, words
from kore_gate.kore.client import Client
from kore_gate.kore.fields import as_text
from kore_gate.model import Job, State
from kore_gate.settings import Settings


class Api:
    """The calls of one bot. Every method raises what `Client` raises."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._bot = f"bot {settings.stream_id}"
        self._base = ("stream", settings.stream_id, "conversation", "testsuite")

    async def upload(self, name: str, data: bytes) -> str:
        """Upload a suite file; return its file id."""
        fields = {"fileContext": "bulkImport", "fileExtension": "json"}
        body = await self._client.upload("uploadfile", budget=self._bot, fields=fields, name=name, data=data)
        return self._id(body, "the upload", "fileId")

    async def start_import(self, file_id: str, name: str) -> str:
        """Start the import of an uploaded file under a suite's name; return the job's dsId."""
        settings = self._settings
        # The key says name, the value is the id: the upload's own "fileName" is something else.
        wanted: dict[str, object] = {"fileName": file_id, "name": name, "userEmailId": settings.user_email}
        if settings.tags:
            wanted["tags"] = list(settings.tags)
        if settings.description:
            wanted["description"] = settings.description
        body = await self._client.post(*self._base, "import", budget=self._bot, body=wanted)
        return self._id(body, "the import", "dsId", "_id")

    async def import_job(self, ds_id: str) -> Job:
        """Look at an import."""
        body = await self._client.get(*self._base, "import", ds_id, "status", budget=_looks(ds_id))
        return payloads.import_job(body)

    async def start_run(self, suite: str) -> str:
        """Start a run of a suite; return its testRunId."""
        wanted = {"version": self._settings.bot_version, "userEmailId": self._settings.user_email}
        body = await self._client.post(*self._base, suite, "run", budget=self._bot, body=wanted)
        return self._id(body, "the run", "testRunId", "_id")

    async def run_job(self, suite: str, run_id: str) -> Job:
        """Look at a run."""
        body = await self._client.get(*self._base, suite, run_id, "status", budget=_looks(run_id))
        return payloads.run_job(body)

    def spacing(self, job_id: str, left: float) -> float:
        """Return the seconds to keep between looks at a job, so that its calls last for so many seconds more."""
        return self._client.spacing(_looks(job_id), left)

    async def fetch(self, link: str) -> bytes:
        """Fetch the results file behind a link."""
        return await self._client.fetch(link)

    def _id(self, body: Mapping[str, object], what: str, *keys: str) -> str:
        found = payloads.ids(body, *keys)
        if found:
            return found
        if words.state(as_text(body.get("status"))) is State.FAILED:
            details = "; ".join(payloads.reasons(body, State.FAILED)) or "no reason given"
            raise errors.Rejected(f"Kore.ai turned {what} down: {text.line(details)}")
        said = text.line(as_text(dict(body)), 200)
        raise errors.Unsure(
            f"Kore.ai accepted {what} without the {keys[0]} that is needed to go on: {said}",
            cause="a change of Kore.ai's API, or something in between that alters answers.",
            hint="It is not sent twice. Look in Kore.ai (Regression Testing) what has come of it.",
        )


def _looks(job_id: str) -> str:
    return f"looks at {job_id}"
