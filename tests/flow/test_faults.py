"""Every way in which one call of the chain can go wrong: what Kore.ai answers, in which form, at which point."""

import pathlib

import httpx
import pytest

from tests.fakes.files import write_demo
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

PHASES = ("upload", "import", "import-status", "run", "run-status")


def run(tmp_path: pathlib.Path, phase: str, status: int, body: bytes) -> tuple[Ended, int]:
    """Take a suite through the chain, one kind of call answered like that; count how often that call was made."""
    write_demo(tmp_path, 1)
    pipeline = Pipeline(tmp_path / "reports")
    log = pipeline.simulator.log

    def edit(_: httpx.Request, response: httpx.Response) -> httpx.Response:
        answer = httpx.Response(status, content=body.replace(b"CODE", str(status).encode()))
        return answer if log[-1].kind == phase else response

    pipeline.kore.edit = edit
    ended = pipeline.run(command="test", ds_id=(), files=("*.json",))
    return ended, sum(entry.kind == phase for entry in log)


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
    pytest.param(status, form, phase, int(code), times == "1", id=f"{status} {form}, {phase}")
    for (status, form), (codes, often) in ENDS.items()
    for phase, code, times in zip(PHASES, codes.split(), often.split(), strict=True)
]


@pytest.mark.parametrize(("status", "form", "phase", "code", "once"), ROWS)
def test_fault__ends_as_the_contract_says(
    tmp_path: pathlib.Path, status: int, form: str, phase: str, code: int, once: bool
) -> None:
    """Whatever answers whichever call, it is red, in the right way, with a report, and no job is started twice."""
    ended, asked = run(tmp_path, phase, status, BODIES[form])

    assert ended.code == code, ended.stderr
    (report,) = ended.reports.glob("TEST-kore-*.xml")
    assert 'failures="0" errors="1"' in report.read_text()
    assert "What to do: " in ended.stderr
    assert (asked == 1) is once


@pytest.mark.parametrize("phase", PHASES)
def test_fault__refused_by_the_code_in_the_body(tmp_path: pathlib.Path, phase: str) -> None:
    """Code 4002 means refused under any HTTP status, and is asked for once."""
    ended, asked = run(tmp_path, phase, 200, b'{"errors":[{"msg":"Invalid JWT token","code":4002}]}')

    assert (ended.code, asked) == (6, 1)


@pytest.mark.parametrize("phase", PHASES)
def test_fault__rate_limit_by_its_text(tmp_path: pathlib.Path, phase: str) -> None:
    """A rate limit is one under any HTTP status: the call goes on until the deadline."""
    body = b'{"errors":[{"msg":"Rate limit for this API has been reached. Please try again after some time."}]}'

    ended, asked = run(tmp_path, phase, 400, body)

    assert ended.code == 4
    assert asked > 20
