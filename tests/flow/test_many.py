import collections
import itertools
import pathlib
from collections.abc import Iterable

import httpx
import pytest
from junitparser import JUnitXml

from kore_gate.commands import gate
from kore_gate.errors import Ending, ExitCode
from kore_gate.kore.client import KoreClient
from kore_gate.model import Result
from kore_gate.simulator.service import Call
from tests.fakes.files import write_named
from tests.fakes.pipeline import Ended, Pipeline

HUNDRED = tuple(f"suite {number:03d}" for number in range(1, 101))


def keys(entries: Iterable[Call]) -> dict[str, list[float]]:
    """Return the times of all calls by whom they count for: an id, or the bot."""
    times = collections.defaultdict(list)
    for entry in entries:
        about_one = entry.kind in {"import-status", "run-status"}
        times[f"{entry.kind} {entry.id}" if about_one else "bot"].append(entry.time)
    return times


def most(times: list[float], seconds: float) -> int:
    """Return the largest number of calls within any so many seconds."""
    largest, first = 0, 0
    for last, time in enumerate(times):
        while times[first] <= time - seconds:
            first += 1
        largest = max(largest, last - first + 1)
    return largest


def check_limits(pipeline: Pipeline) -> None:
    """See that no limit was ever reached, Kore.ai's and the gate's own, by count and by Kore.ai's own word."""
    for times in keys(pipeline.simulator.log).values():
        assert most(times, 60) <= 60
        assert most(times, 3600) <= 1800
    assert most([entry.time for entry in pipeline.simulator.log], 1) <= 20
    assert 429 not in {entry.status for entry in pipeline.simulator.log}


def endings(ended: Ended) -> dict[str, str]:
    return {one.name: str(one.verdict.ending) for one in ended.result.suites}


@pytest.mark.slow
def test_test__a_hundred_suites(tmp_path: pathlib.Path) -> None:
    """A hundred suites come to one verdict, each with its own result and reports, within every limit."""
    write_named(tmp_path, HUNDRED)
    special = {
        HUNDRED[3]: "failing-tests",
        HUNDRED[10]: "stuck",
        HUNDRED[42]: "failing",
        HUNDRED[50]: "vanishing",
        HUNDRED[77]: "run-error",
        HUNDRED[99]: "flapping",
    }
    pipeline = Pipeline(tmp_path / "reports", by_suite=special)

    ended = pipeline.run(command="test", files=("*.json",), timeout=3600.0)

    expected = {
        HUNDRED[3]: "failed",
        HUNDRED[10]: "unavailable",  # after a quarter of an hour Kore.ai forgets it
        HUNDRED[42]: "job-failed",
        HUNDRED[50]: "unavailable",
        HUNDRED[77]: "job-failed",
    }
    assert ended.code == ExitCode.UNAVAILABLE
    assert endings(ended) == dict.fromkeys(HUNDRED, "passed") | expected
    assert [one.name for one in ended.result.suites] == list(HUNDRED)
    check_limits(pipeline)
    read = [JUnitXml.fromfile(str(path)) for path in ended.reports.glob("TEST-kore-*.xml")]
    assert len(read) == 100
    assert sum(any(suite.failures or suite.errors for suite in one) for one in read) == len(expected)
    started = collections.Counter(entry.id for entry in pipeline.simulator.log if entry.kind == "run")
    assert set(started.values()) == {1}
    assert sum(entry.kind == "import" for entry in pipeline.simulator.log) == 100


@pytest.mark.parametrize(
    ("suites", "least", "most"),
    [
        (25, 60, 240),  # seventy-five calls take a minute and more; each suite takes two
        pytest.param(100, 240, 480, marks=pytest.mark.slow),  # three hundred take four
    ],
)
def test_test__limit_of_the_bot(tmp_path: pathlib.Path, suites: int, least: int, most: int) -> None:
    """However much may go on at once, a bot's sixty calls a minute are kept."""
    write_named(tmp_path, HUNDRED[:suites])
    pipeline = Pipeline(tmp_path / "reports")

    ended = pipeline.run(command="test", files=("*.json",), max_parallel=100)

    assert ended.code == 0
    check_limits(pipeline)
    assert least <= ended.seconds <= most


@pytest.mark.slow
def test_wait__limit_of_the_hour(tmp_path: pathlib.Path) -> None:
    """An hour's limit is kept as well, over all calls about one id, less a tenth for others."""
    pipeline = Pipeline(tmp_path / "reports", job_seconds=5000.0)

    ended = pipeline.run(command="run", suites=("Balance",), timeout=7200.0, poll_interval=1.0)

    assert ended.code == 0
    check_limits(pipeline)
    looks = keys(pipeline.simulator.log)[f"run-status {ended.result.suites[0].run_id}"]
    assert 1500 < most(looks, 3600) <= 1620
    assert max(later - earlier for earlier, later in itertools.pairwise(looks)) < 5


@pytest.mark.parametrize("timeout", [30.0, pytest.param(45 * 60.0, marks=pytest.mark.slow)])
def test_wait__budget_lasts_to_the_deadline(tmp_path: pathlib.Path, timeout: float) -> None:
    """However often a pipeline wants to look, it looks until its deadline, and says only then that it timed out."""
    pipeline = Pipeline(tmp_path / "reports", job_seconds=50_000.0)

    ended = pipeline.run(command="run", suites=("Balance",), timeout=timeout, poll_interval=0.1)

    [looks] = [times for key, times in keys(pipeline.simulator.log).items() if key.startswith("run-status")]
    assert (ended.code, ended.seconds) == (4, timeout)
    assert max(later - earlier for earlier, later in itertools.pairwise(looks)) < 5
    check_limits(pipeline)


@pytest.mark.parametrize(
    "parallel", [3, pytest.param(1, marks=pytest.mark.slow), pytest.param(20, marks=pytest.mark.slow)]
)
def test_test__max_parallel(tmp_path: pathlib.Path, parallel: int) -> None:
    """No more suites are in work at a time than are allowed, and all of them come to their turn."""
    write_named(tmp_path, HUNDRED[:24])
    pipeline = Pipeline(tmp_path / "reports", job_seconds=10.0)

    ended = pipeline.run(command="test", files=("*.json",), max_parallel=parallel)

    assert ended.code == 0
    assert in_work(ended) == parallel


def in_work(ended: Ended) -> int:
    """Return how many suites were in work at the busiest moment, by what was said on screen."""
    now = largest = 0
    for line in ended.stderr.splitlines():
        if line.endswith(": uploading"):
            now += 1
        elif ": passed: Run" in line:
            now -= 1
        largest = max(largest, now)
    return largest


def test_test__a_turn_that_never_comes(tmp_path: pathlib.Path) -> None:
    """Who waits for a turn until the deadline has timed out as well, and has a report."""
    write_named(tmp_path, HUNDRED[:3])
    pipeline = Pipeline(tmp_path / "reports", scenario="stuck")

    ended = pipeline.run(command="test", files=("*.json",), max_parallel=1, timeout=60.0)

    assert ended.code == ExitCode.TIMED_OUT
    assert endings(ended) == dict.fromkeys(HUNDRED[:3], "timed-out")
    assert ended.seconds <= 60
    assert len(list(ended.reports.glob("*.xml"))) == 3


def test_test__fail_fast(tmp_path: pathlib.Path) -> None:
    """The first suite that does not pass stops the rest, which are reported as not executed; what had passed stays."""
    write_named(tmp_path, HUNDRED[:6])
    # The fourth is still being imported when the third fails.
    scenarios = {HUNDRED[2]: "failing", HUNDRED[3]: "stuck"}
    pipeline = Pipeline(tmp_path / "reports", by_suite=scenarios, job_seconds=30.0)

    ended = pipeline.run(command="test", files=("*.json",), fail_fast=True, max_parallel=2)

    assert ended.code == ExitCode.JOB_FAILED
    assert endings(ended) == {
        HUNDRED[0]: "passed",
        HUNDRED[1]: "passed",
        HUNDRED[2]: "job-failed",
        **dict.fromkeys(HUNDRED[3:6], "failed"),
    }
    begun, *left_out = ended.result.suites[3:]
    assert "still running" in begun.verdict.hint
    assert "kore-gate run 'suite 004'" in begun.resume
    assert (begun.run_id or begun.ds_id) in begun.resume
    assert {one.verdict.message for one in (begun, *left_out)} == {"Stopped by fail-fast: suite 003 did not pass."}
    assert {one.verdict.hint for one in left_out} == {""}
    assert {one.resume for one in left_out} == {""}
    assert len(list(ended.reports.glob("*.xml"))) == 6
    assert sum(entry.kind == "import" for entry in pipeline.simulator.log) == 4


def test_test__without_fail_fast_all_run(tmp_path: pathlib.Path) -> None:
    """By default a failure stops nothing else."""
    write_named(tmp_path, HUNDRED[:4])
    pipeline = Pipeline(tmp_path / "reports", by_suite={HUNDRED[0]: "failing-tests"})

    ended = pipeline.run(command="test", files=("*.json",))

    assert list(endings(ended).values()) == ["failed", "passed", "passed", "passed"]


def test_test__a_bug_loses_one_suite_only(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault nobody foresaw in one suite leaves the others' results alone."""
    write_named(tmp_path, HUNDRED[:5])
    start = KoreClient.start_run

    async def buggy(self: KoreClient, suite: str) -> str:
        if suite == HUNDRED[1]:
            raise ZeroDivisionError
        return await start(self, suite)

    monkeypatch.setattr(KoreClient, "start_run", buggy)
    pipeline = Pipeline(tmp_path / "reports")

    ended = pipeline.run(command="test", files=("*.json",))

    assert ended.code == ExitCode.BUG
    assert [one.verdict.ending for one in ended.result.suites] == [
        Ending.PASSED,
        Ending.ERROR,
        Ending.PASSED,
        Ending.PASSED,
        Ending.PASSED,
    ]


@pytest.mark.slow
def test_test__ids_of_many_are_noted(tmp_path: pathlib.Path) -> None:
    """With very many suites the ids are noted once all are known, and the result holds them."""
    write_named(tmp_path, HUNDRED[:30])
    pipeline = Pipeline(tmp_path / "reports")

    ended = pipeline.run(command="test", files=("*.json",), max_parallel=30)

    assert all(one.ds_id and one.run_id for one in ended.result.suites)
    assert len({one.run_id for one in ended.result.suites}) == 30


def test_test__drafts_cost_a_tenth_of_the_time(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drafts that take long are written seldom; the last one knows every id, and none replaces the final reports."""
    write_named(tmp_path, HUNDRED[:18])
    pipeline = Pipeline(tmp_path / "reports")
    drafts: list[tuple[float, int]] = []
    write = gate.Call._write_drafts

    def slow(call: gate.Call, draft: Result) -> None:
        drafts.append((pipeline.clock.monotonic(), sum(bool(suite.ds_id) for suite in draft.suites)))
        write(call, draft)
        pipeline.clock.loop.jumping.now += 0.5

    monkeypatch.setattr(gate.Call, "_write_drafts", slow)

    ended = pipeline.run(command="import", files=("*.json",))

    assert ended.code == 0
    assert ended.result.verdict.message == "All 18 suites passed."
    assert all(after - before >= 5 for (before, _), (after, _) in itertools.pairwise(drafts))
    assert drafts[-1][1] == 18


def test_wait__connections(tmp_path: pathlib.Path) -> None:
    """However slow the answers of many suites, no more than fifty requests are on their way."""
    ds_ids = tuple(f"ds-{number:03d}" for number in range(150))
    pipeline = Pipeline(tmp_path / "reports")
    for ds_id in ds_ids:
        pipeline.simulator.add_import(ds_id, {"name": ds_id, "testSteps": [{"input": "Hi", "outputs": ["Hello"]}]})
    pipeline.kore.seconds = 4.0
    on_their_way, largest = 0, 0
    handle = pipeline.kore.handle_async_request

    async def counted(request: httpx.Request) -> httpx.Response:
        nonlocal on_their_way, largest
        on_their_way += 1
        largest = max(largest, on_their_way)
        try:
            return await handle(request)
        finally:
            on_their_way -= 1

    pipeline.kore.handle_async_request = counted  # type: ignore[method-assign]

    ended = pipeline.run(ds_id=ds_ids, max_parallel=150)

    assert ended.result.verdict.message == "All 150 suites passed."
    assert largest == 50
