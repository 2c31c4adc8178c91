"""Every way in which one call of the chain can go wrong: what Kore.ai answers, in which form, at which point."""

import dataclasses
import json
import pathlib

import httpx
import pytest

from kore_gate.simulator import content
from tests.fakes.pipeline import Ended, Pipeline

HTML = b"<html><body><h1>Something went wrong</h1></body></html>"

# How an answer's body can look; CODE stands for the HTTP status.
BODIES = {
    "errors": b'{"errors":[{"msg":"No, thank you","code":CODE}]}',
    "message": b'{"message":"No, thank you"}',
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
    suite = content.demo_suites()[0]
    (tmp_path / "suite.json").write_text(json.dumps(suite))
    pipeline = Pipeline(tmp_path / "reports")
    faulty = Faulty(pipeline.kore, phase, status, body.replace(b"CODE", str(status).encode()))
    pipeline.kore = faulty  # type: ignore[assignment]  # stands before the one it asks
    return pipeline.run(command="test", ds_id=(), files=("suite.json",)), faulty


# What a call ends in when every try of one phase, in PHASES' order, is answered with this status and body; the second
# row says which phases are asked only once.
ENDS: dict[tuple[int, str], tuple[str, str]] = {
    (200, "errors"): ("3 3 7 3 7", "1 1 1 1 1"),
    (200, "message"): ("7 7 4 7 4", "1 1 n 1 n"),
    (200, "HTML"): ("7 7 7 7 7", "n 1 n 1 n"),
    (200, "nothing"): ("7 7 7 7 7", "n 1 n 1 n"),
    (400, "errors"): ("3 3 7 3 7", "1 1 1 1 1"),
    (401, "text"): ("6 6 6 6 6", "1 1 1 1 1"),
    (404, "errors"): ("3 3 7 3 7", "1 1 n 1 n"),
    (429, "errors"): ("4 4 4 4 4", "n n n n n"),
    (500, "HTML"): ("7 7 7 7 7", "n 1 n 1 n"),
    (503, "cut off"): ("7 7 7 7 7", "n n n n n"),
}
ROWS = [
    pytest.param(status, form, phase, int(code), asked == "1", id=f"{status} {form}, {phase}")
    for (status, form), (codes, often) in ENDS.items()
    for phase, code, asked in zip(PHASES, codes.split(), often.split(), strict=True)
]


@pytest.mark.parametrize(("status", "form", "phase", "code", "once"), ROWS)
def test_fault__ends_as_the_contract_says(
    tmp_path: pathlib.Path, status: int, form: str, phase: str, code: int, once: bool
) -> None:
    """Whatever answers whichever call, it is red, in the right way, with a report, and no job is started twice."""
    ended, faulty = run(tmp_path, phase, status, BODIES[form])

    assert ended.code == code, ended.stderr
    (report,) = ended.reports.glob("TEST-kore-*.xml")
    assert 'failures="0" errors="1"' in report.read_text()
    assert "What to do: " in ended.stderr
    assert (faulty.asked == 1) is once


@pytest.mark.parametrize("phase", PHASES)
def test_fault__refused_by_the_code_in_the_body(tmp_path: pathlib.Path, phase: str) -> None:
    """Code 4002 means refused under any HTTP status, and is asked for once."""
    ended, faulty = run(tmp_path, phase, 200, b'{"errors":[{"msg":"Invalid JWT token","code":4002}]}')

    assert (ended.code, faulty.asked) == (6, 1)


@pytest.mark.parametrize("phase", PHASES)
def test_fault__rate_limit_by_its_text(tmp_path: pathlib.Path, phase: str) -> None:
    """A rate limit is one under any HTTP status: the call goes on until the deadline."""
    body = b'{"errors":[{"msg":"Rate limit for this API has been reached. Please try again after some time."}]}'

    ended, faulty = run(tmp_path, phase, 400, body)

    assert ended.code == 4
    assert faulty.asked > 20
