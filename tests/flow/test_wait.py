import dataclasses
import itertools
import json
import pathlib
import re
from collections.abc import Sequence

import pytest
from junitparser import JUnitXml

from kore_gate import text
from kore_gate.errors import Ending, ExitCode
from kore_gate.gate.runner import Runner
from kore_gate.gate.suite_run import SuiteRun
from kore_gate.kore.client import KoreClient
from kore_gate.model import Job, SuiteResult, replace
from kore_gate.simulator import scenarios
from kore_gate.simulator.scenarios import SCENARIOS, Json, Scenario
from tests.fakes.files import write_demo
from tests.fakes.pipeline import Pipeline, make_settings

EXPIRY = re.compile("Kore.ai forgets this job at")


def named(name: str) -> Json:
    return {**scenarios.DEMO_SUITES[0], "name": name}


def looks(pipeline: Pipeline, ds_id: str = scenarios.DS_IDS[0]) -> list[float]:
    """Return the times at which an import was asked for, from the first on."""
    times = [entry.time for entry in pipeline.simulator.log if entry.id == ds_id]
    return [time - times[0] for time in times]


def test_wait__several(tmp_path: pathlib.Path) -> None:
    """Several imports are waited for at once: one verdict, a JUnit file each."""
    pipeline = Pipeline(tmp_path / "reports")

    ended = pipeline.run(ds_id=scenarios.DS_IDS)

    assert ended.code == 0
    assert ended.stderr.splitlines()[-2] == "Verdict: passed. All 3 suites passed."
    assert ended.seconds < 75  # a job takes a minute
    assert sorted(path.name for path in ended.reports.glob("*.xml")) == [
        "TEST-kore-Balance.xml",
        "TEST-kore-Greeting-and-FAQ.xml",
        "TEST-kore-Transfer---confirmation.xml",
    ]


def test_wait__gravest_counts(tmp_path: pathlib.Path) -> None:
    """One import that failed and one that got stuck make the whole call a timeout; the good one stays good."""
    pipeline = Pipeline(tmp_path / "reports", by_suite={"bad": "failing", "stuck": "stuck"})
    for name in ("good", "bad", "stuck"):
        pipeline.simulator.add_import(name, named(name))

    ended = pipeline.run(ds_id=("good", "bad", "stuck"), timeout=120.0)

    assert ended.code == ExitCode.TIMED_OUT
    assert [one.verdict.ending for one in ended.result.suites] == [Ending.PASSED, Ending.JOB_FAILED, Ending.TIMED_OUT]


def test_wait__keeps_its_rhythm(tmp_path: pathlib.Path) -> None:
    """A minute's job is looked at often in the beginning, then every few seconds, and its end is seen soon."""
    pipeline = Pipeline(tmp_path / "reports")

    ended = pipeline.run()

    times = looks(pipeline)
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert sum(gaps[:3]) < 8
    assert max(gaps) < 10
    assert len(times) < 60
    assert ended.seconds < 64


def test_wait__chosen_rhythm_keeps_the_limits(tmp_path: pathlib.Path) -> None:
    """However often somebody wants to look, Kore.ai's limit for one id is kept."""
    pipeline = Pipeline(tmp_path / "reports", job_seconds=150.0)

    ended = pipeline.run(poll_interval=0.2)

    times = looks(pipeline)
    assert ended.code == 0
    assert all(sum(start <= time < start + 60 for time in times) <= 60 for start in times)
    assert {entry.status for entry in pipeline.simulator.log} == {200}


@pytest.mark.parametrize("scenario", ["stuck", "hang", "drip", "malformed", "reset"])
def test_wait__deadline_is_never_overshot(tmp_path: pathlib.Path, scenario: str) -> None:
    """Whatever Kore.ai does, the call is over when its time is."""
    pipeline = Pipeline(tmp_path / "reports", scenario=scenario)

    ended = pipeline.run(timeout=47.0, outage_limit=600.0, request_timeout=30.0)

    assert ended.code == ExitCode.TIMED_OUT
    assert 20 <= ended.seconds <= 47.001
    assert "kore-gate wait --ds-id ds-demo-1" in ended.stderr


def test_wait__resumes_after_a_timeout(tmp_path: pathlib.Path) -> None:
    """What one call did not wait out, the next one does."""
    pipeline = Pipeline(tmp_path / "reports")

    first = pipeline.run(timeout=20.0)
    second = pipeline.run(ds_id=(first.result.suites[0].ds_id,))

    assert (first.code, second.code) == (4, 0)
    assert first.result.suites[0].resume == "kore-gate wait --ds-id ds-demo-1"


def test_wait__unknown_word_is_said_once(tmp_path: pathlib.Path) -> None:
    """A status word that nobody knows is told once, and named in the verdict."""
    pipeline = Pipeline(tmp_path / "reports", scenario="unknown-status")

    ended = pipeline.run(timeout=100.0)

    warnings = [line for line in ended.stderr.splitlines() if line.startswith("Warning:")]
    assert warnings == ["Warning: ds-demo-1: kore_gate does not know this status, and keeps waiting: REINDEXING"]
    assert "last status: REINDEXING, 85 %, which kore_gate does not know." in ended.stderr.splitlines()[-2]


def test_wait__says_each_minute_that_it_waits(tmp_path: pathlib.Path) -> None:
    """A long wait is never silent for more than a minute, and never noisy."""
    pipeline = Pipeline(tmp_path / "reports", scenario="stuck")

    ended = pipeline.run(timeout=600.0)

    beats = [line for line in ended.stderr.splitlines() if "still waiting" in line]
    assert 8 <= len(beats) <= 10
    assert re.search(r"still waiting: ds-demo-1 IN_PROGRESS; \d+m( \d+s)? left", beats[0])
    assert len(ended.stderr.splitlines()) < 50


def test_wait__gone(tmp_path: pathlib.Path) -> None:
    """A record that vanishes is said to be gone, with when it was due to be; nothing is left to resume."""
    pipeline = Pipeline(tmp_path / "reports", scenario="vanishing")

    ended = pipeline.run()

    [only] = ended.result.suites
    assert ended.code == ExitCode.UNAVAILABLE
    assert re.search(r"The record is gone .* it was due to expire at 2026-01-02T03:19:05", only.verdict.message)
    assert only.resume == ""


@pytest.mark.slow
def test_wait__forgotten_after_a_quarter_of_an_hour(tmp_path: pathlib.Path) -> None:
    """Kore.ai forgets an import that takes too long; that is no success."""
    pipeline = Pipeline(tmp_path / "reports", scenario="stuck")

    ended = pipeline.run()

    assert ended.code == ExitCode.UNAVAILABLE
    assert 900 <= ended.seconds < 910
    assert "The record is gone" in ended.stderr.splitlines()[-2]


def test_wait__never_there(tmp_path: pathlib.Path) -> None:
    """An id that does not exist is given half a minute to appear."""
    pipeline = Pipeline(tmp_path / "reports")

    ended = pipeline.run(ds_id=("ds-typo",))

    assert ended.code == ExitCode.UNAVAILABLE
    assert 30 <= ended.seconds < 40
    assert "The record did not appear within 3" in ended.stderr


def test_wait__appears_late(tmp_path: pathlib.Path) -> None:
    """A record that is not to be seen at first is waited for."""
    hidden = Scenario(name="late", description="", faults=(scenarios.FAULTS["not-found"],) * 3 + (None,) * 100)
    pipeline = Pipeline(tmp_path / "reports", scenario=hidden)

    ended = pipeline.run()

    assert ended.code == 0
    assert [entry.status for entry in pipeline.simulator.log][:4] == [404, 404, 404, 200]


@pytest.mark.parametrize(
    ("sources", "warnings"), [({}, 0), ({"timeout": "option --timeout"}, 1)], ids=["default", "set"]
)
def test_wait__warns_of_expiry_once(tmp_path: pathlib.Path, sources: dict[str, str], warnings: int) -> None:
    """Who chose a timeout longer than Kore.ai's memory is told so once; who chose none is not bothered."""
    pipeline = Pipeline(tmp_path / "reports")

    ended = pipeline.run(ds_id=scenarios.DS_IDS, timeout=1800.0, sources=sources)

    assert len(EXPIRY.findall(ended.stderr)) == warnings
    assert not any(EXPIRY.search(note) for one in ended.result.suites for note in one.notes)


def test_wait__no_warning_of_a_time_that_is_long_enough(tmp_path: pathlib.Path) -> None:
    """A timeout within Kore.ai's memory needs no warning."""
    pipeline = Pipeline(tmp_path / "reports")

    ended = pipeline.run(timeout=600.0, sources={"timeout": "option --timeout"})

    assert not EXPIRY.search(ended.stderr)


def test_wait__expiry_that_is_no_time(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A date that can't be read is passed over."""
    look = KoreClient.import_job

    async def bad_date(self: KoreClient, ds_id: str) -> Job:
        return replace(await look(self, ds_id), expires="soon")

    monkeypatch.setattr(KoreClient, "import_job", bad_date)
    pipeline = Pipeline(tmp_path / "reports")

    ended = pipeline.run(sources={"timeout": "option --timeout"})

    assert ended.code == 0


def test_wait__expiry_in_the_verdict_of_a_timeout(tmp_path: pathlib.Path) -> None:
    """Who ran out of time is told how long the job can still be had."""
    pipeline = Pipeline(tmp_path / "reports", scenario="stuck")

    ended = pipeline.run(timeout=60.0)

    assert EXPIRY.search(ended.result.verdict.cause)


def test_wait__two_suites_of_one_name(tmp_path: pathlib.Path) -> None:
    """Two imports of suites with the same name overwrite nothing of each other."""
    pipeline = Pipeline(tmp_path / "reports", scenario="results-link")
    for number, suite in enumerate((named("Same"), named("Same"), named("same"))):
        pipeline.simulator.add_import(f"ds-{number}", suite)

    ended = pipeline.run(ds_id=("ds-0", "ds-1", "ds-2"))

    junit, tables = (sorted(path.name for path in ended.reports.glob(f"*.{ending}")) for ending in ("xml", "csv"))
    assert ended.code == 0
    assert junit == ["TEST-kore-Same-2.xml", "TEST-kore-Same.xml", "TEST-kore-same-3.xml"]
    # They are numbered in the order in which they come; no two are one where upper and lower case are.
    assert sorted(name.casefold() for name in tables) == [
        "kore-results-same-2.csv",
        "kore-results-same-3.csv",
        "kore-results-same.csv",
    ]
    notes = [note for one in ended.result.suites for note in one.notes]
    assert sorted(re.findall(r"kore-results-\S+\.csv", " ".join(notes))) == tables
    read = [JUnitXml.fromfile(str(path)) for path in ended.reports.glob("*.xml")]
    assert len({suite.name for one in read for suite in one}) == 3


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("import", "TEST-kore-import.xml"),
        ("a/b\\c", "TEST-kore-a-b-c.xml"),
        ("..", "TEST-kore-suite.xml"),
        ("with  spaces and. dots", "TEST-kore-with--spaces-and.-dots.xml"),
        ("Überweisung 振込 🏦", "TEST-kore-Überweisung-振込--.xml"),
        ("--help", "TEST-kore---help.xml"),
    ],
)
def test_wait__names_of_suites(tmp_path: pathlib.Path, name: str, file: str) -> None:
    """Whatever a suite is called, its report has a name that every system takes."""
    pipeline = Pipeline(tmp_path / "reports")
    pipeline.simulator.add_import("ds-1", named(name))

    ended = pipeline.run(ds_id=("ds-1",))

    assert ended.code == 0
    assert [path.name for path in ended.reports.glob("*.xml")] == [file]
    assert ended.result.suites[0].name == name


def test_wait__ids_are_any_text(tmp_path: pathlib.Path) -> None:
    """An id is one segment of an address, whatever is in it."""
    pipeline = Pipeline(tmp_path / "reports")
    pipeline.simulator.add_import("../a b?c#d%2e", named("A"))

    ended = pipeline.run(ds_id=("../a b?c#d%2e",))

    assert ended.code == 0
    assert "--ds-id" not in ended.stderr


def test_wait__download_off(tmp_path: pathlib.Path) -> None:
    """Without `download` the link is given out, and nothing is fetched."""
    pipeline = Pipeline(tmp_path / "reports", scenario="results-link")

    ended = pipeline.run(download=False)

    assert ended.result.suites[0].download_url.startswith("https://kore.example/api/getMediaStream/")
    assert [entry.kind for entry in pipeline.simulator.log if entry.kind == "download"] == []


def test_wait__download_fails(tmp_path: pathlib.Path) -> None:
    """A link that does not work is said, and fails nothing."""
    broken = dataclasses.replace(
        SCENARIOS["results-link"], faults=(scenarios.FAULTS["bad-gateway"],), calls=frozenset({"download"})
    )
    pipeline = Pipeline(tmp_path / "reports", scenario=broken)

    ended = pipeline.run()

    assert ended.code == 0
    assert ended.result.suites[0].notes == (
        "The results file that Kore.ai links to could not be saved: the response was HTTP 502",
    )
    assert "could not be saved" in ended.stderr
    assert list(ended.reports.glob("kore-results-*")) == []


def test_wait__a_bug_loses_one_suite_only(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault nobody foresaw costs the suite that it happens to, and is never green."""
    look = KoreClient.import_job

    async def buggy(self: KoreClient, ds_id: str) -> Job:
        if ds_id == scenarios.DS_IDS[1]:
            raise LookupError("a bug")
        return await look(self, ds_id)

    monkeypatch.setattr(KoreClient, "import_job", buggy)
    pipeline = Pipeline(tmp_path / "reports")

    ended = pipeline.run(ds_id=scenarios.DS_IDS, verbose=True)

    assert ended.code == ExitCode.BUG
    assert [one.verdict.ending for one in ended.result.suites] == [Ending.PASSED, Ending.ERROR, Ending.PASSED]
    assert "LookupError" in ended.stderr
    assert len(list(ended.reports.glob("*.xml"))) == 3


def test_wait__a_bug_outside_the_suites(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault that belongs to no suite leaves a report as well, and loses no result."""
    pipeline = Pipeline(tmp_path / "reports")
    run = Runner.run

    async def buggy(self: Runner, specs: Sequence[SuiteRun], client: KoreClient) -> list[SuiteResult]:
        await run(self, specs, client)
        raise ZeroDivisionError

    monkeypatch.setattr(Runner, "run", buggy)

    ended = pipeline.run()

    assert ended.code == ExitCode.BUG
    assert [one.verdict.ending for one in ended.result.suites] == [Ending.PASSED, Ending.ERROR]
    assert len(list(ended.reports.glob("*.xml"))) == 2


def test_wait__a_fault_in_telling_ends_nothing(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """News that can't be told are no reason not to wait."""
    pipeline = Pipeline(tmp_path / "reports")
    call = pipeline.prepare(make_settings())

    def broken(console: object, event: object) -> None:
        raise LookupError("a bug")

    monkeypatch.setattr("kore_gate.reports.console.Console.event", broken)
    result = pipeline.clock.run(call.run())

    assert result.verdict.ending is Ending.PASSED


@pytest.mark.parametrize("scenario", ["empty", "disabled"])
def test_wait__allow_empty(tmp_path: pathlib.Path, scenario: str) -> None:
    """An empty suite passes where that is wanted, and still has a test case."""
    pipeline = Pipeline(tmp_path / "reports", scenario=scenario)

    ended = pipeline.run(allow_empty=True)

    [path] = ended.reports.glob("*.xml")
    assert ended.code == 0
    assert sum(suite.tests for suite in JUnitXml.fromfile(str(path))) > 0


def test_wait__soft_fail(tmp_path: pathlib.Path) -> None:
    """A softened exit code is 0, loudly; the reports keep the verdict."""
    pipeline = Pipeline(tmp_path / "reports", scenario="failing")

    ended = pipeline.run(soft_fail=frozenset({3}))

    assert ended.code == 0
    assert ended.stderr.splitlines()[-2].startswith("Verdict: job-failed.")
    assert ended.stderr.splitlines()[-1].startswith("Exit code: 0 ")
    assert json.loads((ended.reports / "kore-result.json").read_bytes())["verdict"]["exit_code"] == 3


def test_wait__ids_are_kept_from_the_start(tmp_path: pathlib.Path) -> None:
    """Should the gate be killed, its ids are in outputs and result already, and the result is not green."""
    pipeline = Pipeline(tmp_path / "reports", ci="github")
    pipeline.context = dataclasses.replace(pipeline.context, output_file=str(tmp_path / "output"))
    call = pipeline.prepare(make_settings())

    async def look_in_between() -> tuple[str, Json]:
        work = pipeline.clock.loop.create_task(call.run())
        await pipeline.clock.sleep(30)
        seen = (tmp_path / "output").read_text(), json.loads((tmp_path / "reports/kore-result.json").read_bytes())
        await work
        return seen

    output, result = pipeline.clock.run(look_in_between())

    noted = dict(re.findall(r"^(\S+)<<\S+\n(.*)$", output, re.MULTILINE))
    assert noted.items() >= {"ds-id": "ds-demo-1", "verdict": "interrupted", "exit-code": "143"}.items()
    assert (result["suites"][0]["ds_id"], result["verdict"]["exit_code"]) == ("ds-demo-1", 143)


@pytest.mark.parametrize("timeout", [2.0, 10.0, 20.0])
def test_wait__uses_the_whole_timeout(tmp_path: pathlib.Path, timeout: float) -> None:
    """The verdict comes at the timeout, names it, and rests on a look shortly before."""
    pipeline = Pipeline(tmp_path / "reports", scenario="stuck")

    ended = pipeline.run(timeout=timeout)

    shown = text.duration(timeout)
    assert (ended.code, ended.seconds) == (4, timeout)
    assert f"Import: timed out after {shown} (timeout: {shown}); last status: " in ended.result.verdict.message
    assert timeout - 2 < looks(pipeline)[-1] < timeout


def test_wait__ends_just_before_the_timeout(tmp_path: pathlib.Path) -> None:
    """A job that ends in the last second is seen."""
    pipeline = Pipeline(tmp_path / "reports", job_seconds=9.4)

    assert pipeline.run(timeout=10.0, poll_interval=60.0).code == 0


@pytest.mark.parametrize("timeout", [1.0, 5.0, 20.0])
def test_wait__never_appeared_by_the_timeout(tmp_path: pathlib.Path, timeout: float) -> None:
    """An id that nobody knows is no timeout, however short that is, or however often it is asked for."""
    pipeline = Pipeline(tmp_path / "reports")

    ended = pipeline.run(ds_id=("ds-nobody",), timeout=timeout, poll_interval=0.1)

    assert ended.code == 7
    assert "The record did not appear" in ended.result.verdict.message
    assert ended.result.suites[0].resume == ""


def test_wait__outage_at_the_timeout(tmp_path: pathlib.Path) -> None:
    """An outage that lasts until the timeout is named as the reason."""
    down = Scenario(name="down", description="", faults=(scenarios.FAULTS["bad-gateway"],), after=1)
    pipeline = Pipeline(tmp_path / "reports", scenario=down)

    ended = pipeline.run(timeout=30.0)

    assert ended.code == 4
    assert "last status: IN_PROGRESS, 0 %. It was waiting: HTTP 502" in ended.result.verdict.message


@pytest.mark.parametrize("call", ["import", "run"])
def test_test__start_in_flight_at_the_timeout(tmp_path: pathlib.Path, call: str) -> None:
    """A start that the timeout cuts off may have arrived, and that is said."""
    write_demo(tmp_path, 1)
    hangs = Scenario(name="hangs", description="", faults=(scenarios.FAULTS["hanging"],), calls=frozenset({call}))
    pipeline = Pipeline(tmp_path / "reports", scenario=hangs, job_seconds=1.0)

    ended = pipeline.run(command="test", files=("*.json",), timeout=20.0)

    assert ended.code == 4
    assert "may have started: check Kore.ai" in ended.result.verdict.hint
    assert [entry.kind for entry in pipeline.simulator.log].count(call) == 1
