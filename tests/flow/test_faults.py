"""Every way in which one call of the chain can go wrong: what Kore.ai answers, in which form, at which point."""

import dataclasses
import json
import pathlib

import httpx
import pytest

from kore_gate.simulator import scenarios
from tests.fakes.pipeline import Ended, Pipeline

HTML = b"<html><body><h1>Something went wrong</h1></body></html>"

# How an answer's body can look; CODE stands for the HTTP status.
BODIES = {
    "errors": b'{"errors":[{"msg":"No, thank you","code":CODE}]}',
    "error": b'{"error":{"message":"No, thank you","code":"CODE"}}',
    "message": b'{"message":"No, thank you"}',
    "list": b'[{"msg":"No, thank you","code":CODE}]',
    "text": b"No, thank you",
    "HTML": HTML,
    "nothing": b"",
    "cut off": b'{"errors":[{"msg":"No, th',
}

PHASES = {
    "upload": ("POST", "/uploadfile"),
    "start of the import": ("POST", "/import"),
    "import status": ("GET", "/import/"),
    "start of the run": ("POST", "/run"),
    "run status": ("GET", "/status"),
}

STARTS = ("start of the import", "start of the run")
ASKED_ONCE = ("upload", *STARTS)


@dataclasses.dataclass
class Faulty(httpx.AsyncBaseTransport):
    """Answers one kind of call always the same way, and all others as Kore.ai would."""

    inner: httpx.AsyncBaseTransport
    phase: str
    status: int
    body: bytes
    asked: int = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        method, end = PHASES[self.phase]
        path = request.url.path
        of_import = "/import/" in path
        mine = path.endswith(end) if method == "POST" else path.endswith("/status")
        if request.method != method or not mine or (method == "GET" and of_import != (self.phase == "import status")):
            return await self.inner.handle_async_request(request)
        self.asked += 1
        await request.aread()
        return httpx.Response(self.status, content=self.body)


def run(tmp_path: pathlib.Path, phase: str, status: int, body: bytes) -> tuple[Ended, Faulty]:
    """Take one suite through the chain, one call of which is answered like that."""
    suite = scenarios.demo_suites()[0]
    (tmp_path / "suite.json").write_text(json.dumps(suite))
    pipeline = Pipeline(tmp_path / "reports")
    faulty = Faulty(pipeline.kore, phase, status, body.replace(b"CODE", str(status).encode()))
    pipeline.kore = faulty  # type: ignore[assignment]  # stands before the one it asks
    return pipeline.run(command="test", ds_id=(), files=("suite.json",)), faulty


def expected(phase: str, status: int, form: str) -> int:
    """Say what a call ends in, by the contract's rules, where every try is answered alike."""
    if status in (401, 403):
        return 6  # credentials, whatever the body says
    if status == 429:
        return 4  # waited out until the deadline
    if status >= 500 or status in (408, 425):
        return 7
    if status < 300:
        if form in ("errors", "error") and phase in ASKED_ONCE:
            return 3  # it said no, politely
        if form == "message" and phase not in ASKED_ONCE:
            return 4  # an answer without a status is waited out
        return 7
    return 3 if phase in ASKED_ONCE else 7


@pytest.mark.parametrize("form", BODIES)
@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 405, 408, 409, 422, 425, 429, 500, 502, 503])
@pytest.mark.parametrize("phase", PHASES)
def test_fault__ends_as_the_contract_says(tmp_path: pathlib.Path, phase: str, status: int, form: str) -> None:
    """Whatever answers whichever call, it is red, in the right way, with a report, and no job is started twice."""
    ended, faulty = run(tmp_path, phase, status, BODIES[form])

    assert ended.code == expected(phase, status, form), ended.stderr
    (report,) = ended.reports.glob("TEST-kore-*.xml")
    assert 'failures="0" errors="1"' in report.read_text()
    assert "What to do: " in ended.stderr
    if phase in STARTS and status not in (429, 503):
        assert faulty.asked == 1
    if status in (400, 401, 403, 405, 409, 422):
        assert faulty.asked == 1


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("status", [200, 400, 500])
def test_fault__refused_by_the_code_in_the_body(tmp_path: pathlib.Path, phase: str, status: int) -> None:
    """Code 4002 means refused under any HTTP status, and is asked for once."""
    ended, faulty = run(tmp_path, phase, status, b'{"errors":[{"msg":"Invalid JWT token","code":4002}]}')

    assert (ended.code, faulty.asked) == (6, 1)


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("status", [200, 400, 500])
def test_fault__rate_limit_by_its_text(tmp_path: pathlib.Path, phase: str, status: int) -> None:
    """A rate limit is one under any HTTP status: it is waited out."""
    said = b'{"errors":[{"msg":"Rate limit for this API has been reached. Please try again after some time."}]}'

    ended, faulty = run(tmp_path, phase, status, said)

    assert ended.code == 4
    assert faulty.asked > 20
