"""What a log says while the gate waits: what it is going to do, why it waits, and until when."""

import pathlib
import re
import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from kore_gate import __version__
from kore_gate.simulator import scenarios
from tests.fakes.files import write_demo, write_named
from tests.fakes.pipeline import HOST, Ended, Pipeline

THIRTY = tuple(f"suite {number:02d}" for number in range(1, 31))
SECRETS = (scenarios.CLIENT_SECRET, "userEmailId", scenarios.USER_EMAIL, "auth", "bot-language", "testSteps")


def lost(_: httpx.Request, __: httpx.Response) -> httpx.Response:
    """Lose each request to a host that DNS does not know."""
    raise httpx.ConnectError("[Errno -2] Name or service not known") from socket.gaierror(-2, "Name not known")


def answered(*answers: httpx.Response | None) -> Callable[[httpx.Request, httpx.Response], httpx.Response]:
    """Answer the first requests so (None: as the simulator does), and all others as the simulator does."""
    left = list(answers)

    def edit(_: httpx.Request, response: httpx.Response) -> httpx.Response:
        return (left.pop(0) if left else None) or response

    return edit


def seconds_of(line: str) -> int:
    """Return how long after the call's start Jenkins' log has a line."""
    hours, minutes, seconds = map(int, line[:8].split(":"))
    return hours * 3600 + minutes * 60 + seconds - (3 * 3600 + 4 * 60 + 5)


def waits(ended: Ended) -> list[str]:
    """Return the lines that say why suites wait, without the regular one of each minute."""
    return [line for line in ended.stderr.splitlines() if ": waiting: " in line]


def test_waiting__host_is_misspelt(tmp_path: pathlib.Path) -> None:
    """A host that DNS does not know is named within seconds, and again each minute, with when the gate gives up."""
    pipeline = Pipeline(tmp_path / "reports", ci="jenkins")
    pipeline.kore.edit = lost

    ended = pipeline.run()

    [line] = waits(ended)
    assert seconds_of(line) <= 15
    assert re.search(
        r"ds-demo-1: waiting: DNS cannot resolve kore\.example \(misspelt\?\); attempt \d+ in \S+, "
        r"giving up at 03:07:0\d UTC$",
        line,
    )
    minutes = [line for line in ended.stderr.splitlines() if "still waiting: ds-demo-1; " in line]
    assert 2 <= len(minutes) <= 3
    assert all("DNS cannot resolve kore.example (misspelt?); attempt " in line for line in minutes)
    assert "import started" not in ended.stderr
    *_, verdict, _ = ended.stderr.splitlines()
    assert verdict == (
        "Verdict: unavailable. Import: Kore.ai (kore.example) was unavailable for 3m: "
        "DNS cannot resolve kore.example (misspelt?)."
    )
    assert "Usual cause: a misspelt host, or DNS that does not work (yet)." in ended.stderr


def test_waiting__thirty_suites_for_one_reason(tmp_path: pathlib.Path) -> None:
    """Thirty suites that wait for the same reason are one line."""
    pipeline = Pipeline(tmp_path / "reports")
    pipeline.kore.edit = lost

    ended = pipeline.run(ds_id=THIRTY, max_parallel=30)

    [line] = waits(ended)
    assert line.startswith("30 suites: waiting: DNS cannot resolve kore.example (misspelt?); attempt ")
    minutes = [line for line in ended.stderr.splitlines() if line.startswith("still waiting: ")]
    assert 2 <= len(minutes) <= 3
    assert "suite 01, suite 02, suite 03 and 27 more; 29m" in minutes[0]
    assert "; 30 of 30: DNS cannot resolve" in minutes[0]
    assert ended.stderr.splitlines()[-2].startswith(
        "Verdict: unavailable. 30 of 30 suites ended as unavailable (Import: "
    )
    assert ended.stderr.splitlines()[-2].endswith("suite 01, suite 02, suite 03, suite 04, suite 05 and 25 more.")


@pytest.mark.parametrize(
    ("headers", "source"),
    [({"retry-after": "50"}, "rate limit of Kore.ai, by its Retry-After"), ({}, "rate limit of Kore.ai")],
    ids=["Retry-After", "without"],
)
def test_waiting__rate_limit_of_kore(tmp_path: pathlib.Path, headers: dict[str, str], source: str) -> None:
    """Whose limit it is, and until when."""
    pipeline = Pipeline(tmp_path / "reports", ci="jenkins")
    pipeline.kore.edit = answered(None, httpx.Response(429, headers=headers, text="Too many requests"))

    ended = pipeline.run(timeout=120.0)

    [line] = waits(ended)
    assert seconds_of(line) <= 15
    assert f"ds-demo-1: waiting: {source} (HTTP 429, " in line
    until = seconds_of(line.partition("; until ")[2])
    assert until >= (50 if headers else 20)
    assert ended.code == 0


def test_waiting__limit_kept_by_the_gate(tmp_path: pathlib.Path) -> None:
    """Where the gate itself holds calls back, it says so, once for all suites."""
    write_named(tmp_path, THIRTY)
    pipeline = Pipeline(tmp_path / "reports", ci="jenkins", job_seconds=5.0)

    ended = pipeline.run(command="test", files=("*.json",), max_parallel=30)

    [line, *_] = waits(ended)
    assert re.search(r"\d+ suites: waiting: rate limit kept by kore_gate: .*; until 03:05:\d\d UTC$", line)
    assert len(waits(ended)) <= 3
    assert ended.code == 0


def test_waiting__reasons_that_are_all_different(tmp_path: pathlib.Path) -> None:
    """However many reasons there are, a minute has only a few lines of them."""
    write_named(tmp_path, THIRTY)
    pipeline = Pipeline(tmp_path / "reports", ci="jenkins")
    pipeline.kore.edit = lambda _, __: httpx.Response(503, text=f"request {len(pipeline.kore.requests)}")

    ended = pipeline.run(command="test", files=("*.json",), max_parallel=30)

    assert 4 <= len(waits(ended)) <= 16
    assert seconds_of(waits(ended)[0]) <= 15


def test_waiting__what_passes_at_once(tmp_path: pathlib.Path) -> None:
    """A single bad response in between is no line."""
    pipeline = Pipeline(tmp_path / "reports")
    pipeline.kore.edit = answered(None, httpx.Response(503), None)

    ended = pipeline.run()

    assert ended.code == 0
    assert waits(ended) == []


def test_waiting__outage_again(tmp_path: pathlib.Path) -> None:
    """An outage that comes back after some minutes is a line again."""
    pipeline = Pipeline(tmp_path / "reports", scenario="stuck", ci="jenkins")
    start = pipeline.clock.monotonic()

    def edit(_: httpx.Request, response: httpx.Response) -> httpx.Response:
        is_out = 80 <= (pipeline.clock.monotonic() - start) % 300 < 140
        return httpx.Response(503) if is_out else response

    pipeline.kore.edit = edit

    ended = pipeline.run(timeout=500.0)

    times = [seconds_of(line) for line in ended.stderr.splitlines() if "; HTTP 503" in line or ": HTTP 503" in line]
    assert [any(start <= time <= start + 15 for time in times) for start in (80, 380)] == [True, True]
    assert len(waits(ended)) <= 2


def test_waiting__record_that_is_not_there_yet(tmp_path: pathlib.Path) -> None:
    """A record that does not appear is named while it is waited for."""
    pipeline = Pipeline(tmp_path / "reports", ci="jenkins")

    ended = pipeline.run(ds_id=("ds-typo",))

    [line] = waits(ended)
    assert seconds_of(line) <= 15
    assert "ds-typo: waiting: Kore.ai does not show the import yet (HTTP 404, " in line
    assert line.endswith("; asking again for 30s")


def test_waiting__for_a_turn(tmp_path: pathlib.Path) -> None:
    """A suite that waits for another one says so, also when its time is over."""
    write_named(tmp_path, THIRTY[:3])
    pipeline = Pipeline(tmp_path / "reports", scenario="stuck")

    ended = pipeline.run(command="test", files=("*.json",), max_parallel=1, timeout=60.0)

    assert waits(ended) == ["2 suites: waiting: for a turn, when another suite has ended; max-parallel: 1"]
    assert [one.verdict.message.partition(". ")[2] for one in ended.result.suites] == [
        "",
        "It was waiting: for a turn, when another suite has ended.",
        "It was waiting: for a turn, when another suite has ended.",
    ]


def test_waiting__unknown_status_of_all(tmp_path: pathlib.Path) -> None:
    """A word that nobody knows is one warning for all suites, and the cause of the timeout."""
    pipeline = Pipeline(tmp_path / "reports", scenario="unknown-status")

    ended = pipeline.run(ds_id=scenarios.DS_IDS, timeout=100.0)

    assert ended.stderr.count("kore_gate does not know this status") == 1
    assert all(len(one.notes) == 1 for one in ended.result.suites)
    assert "Usual cause: a status that is new at Kore.ai" in ended.stderr
    assert "REINDEXING, 85 %, which kore_gate does not know" in ended.stderr.splitlines()[-2]


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({}, "wait for 1 import, timeout 30m"),
        ({"ds_id": scenarios.DS_IDS, "timeout": 90.0}, "wait for 3 imports, timeout 1m 30s"),
        ({"command": "import", "files": ("suite-1.json",)}, "upload and import 1 suite, timeout 30m"),
        ({"command": "test", "files": ("*.json",)}, "upload, import and run 3 suites, timeout 30m"),
        ({"command": "run", "suites": ("Balance", "Greeting")}, "run 2 suites, timeout 30m"),
        (
            {"command": "run", "suites": ("Balance", "Greeting"), "run_id": ("ctr-1", "-")},
            "run 1 suite, wait for 1 more run, timeout 30m",
        ),
        ({"command": "run", "suites": ("Balance",), "run_id": ("ctr-1",)}, "wait for 1 run, timeout 30m"),
    ],
    ids=lambda value: value.partition(",")[0] if isinstance(value, str) else "",
)
def test_call__first_lines(tmp_path: pathlib.Path, settings: dict[str, Any], what: str) -> None:
    """The first lines say which version does what, where, and within which time."""
    write_demo(tmp_path, 3)
    pipeline = Pipeline(tmp_path / "reports", ci="gitlab")

    ended = pipeline.run(**settings)

    assert ended.stderr.splitlines()[:2] == [
        f"kore_gate {__version__} (CI: gitlab): {what}",
        f"Host {HOST}, bot {scenarios.STREAM_ID}",
    ]
    assert all(len(line) <= 80 for line in ended.stderr.splitlines()[:2])


def test_call__steps_as_they_happen(tmp_path: pathlib.Path) -> None:
    """Nothing is said to have started before it has."""
    write_demo(tmp_path, 1)
    pipeline = Pipeline(tmp_path / "reports")

    ended = pipeline.run(command="test", files=("*.json",))

    only = ended.result.suites[0]
    lines = [line.partition(" (")[0] for line in ended.stderr.splitlines()]
    steps = [f"{only.name}: {what}" for what in ("uploading", f"import started: {only.ds_id}")]
    steps.append(f"{only.name}: run started: {only.run_id}")
    assert [line for line in lines if line in steps] == steps


def test_verbose__a_line_for_each_call(tmp_path: pathlib.Path) -> None:
    """Each request is a line: suite, method, path, attempt, status, time and the wait that follows; no content."""
    write_demo(tmp_path, 1)
    pipeline = Pipeline(tmp_path / "reports")
    pipeline.kore.edit = answered(httpx.Response(503), None, None, httpx.Response(429, headers={"retry-after": "9"}))

    ended = pipeline.run(command="test", files=("*.json",), verbose=True)

    only = ended.result.suites[0]
    base = f"stream/{scenarios.STREAM_ID}/conversation/testsuite/import"
    lines = [line for line in ended.stderr.splitlines() if line.startswith("debug: ")]
    assert len(lines) == len(pipeline.kore.requests)
    expected = [
        r"POST uploadfile, attempt 1: HTTP 503, 50ms; waiting [\d.]+m?s",
        r"POST uploadfile, attempt 2: HTTP 200, 50ms",
        rf"POST {base}, attempt 1: HTTP 200, 50ms",
        rf"GET {base}/{only.ds_id}/status, attempt 1: HTTP 429, 50ms; waiting \S+",
        rf"GET {base}/{only.ds_id}/status, attempt 2: HTTP 200, 50ms",
    ]
    for line, pattern in zip(lines, expected, strict=False):
        assert re.fullmatch(f"debug: {only.name}: {pattern}", line)
    assert not any(secret in line for line in lines for secret in SECRETS)


def test_verbose__results_file(tmp_path: pathlib.Path) -> None:
    """A link to results may hold a secret, so it is not shown."""
    pipeline = Pipeline(tmp_path / "reports", scenario="results-link")

    ended = pipeline.run(verbose=True)

    [line] = [line for line in ended.stderr.splitlines() if "results file: " in line]
    assert line == "debug: ds-demo-1: GET the results file: HTTP 200"


def test_verbose__without(tmp_path: pathlib.Path) -> None:
    """Who does not ask for more gets none of it."""
    ended = Pipeline(tmp_path / "reports").run()

    assert "GET " not in ended.stderr
