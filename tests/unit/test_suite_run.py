import shlex
from typing import Any

import pytest

from kore_gate.errors import Ending
from kore_gate.gate.suite_run import SuiteRun
from kore_gate.model import Evidence, Job, Outcome, Phase, Source, State, Suite, SuiteResult, Tally, Verdict, replace
from tests.builders import make_step, make_suite, make_verdict
from tests.fakes.clock import FakeClock

NEVER_RUN = make_step(number=2, outcome=Outcome.SKIPPED, replies=())


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def new_run(clock: FakeClock, *, command: str = "wait", **overrides: Any) -> SuiteRun:
    one = SuiteRun(**{"key": "ds-1", "name": "ds-1", "phase": Phase.IMPORT, "ds_id": "ds-1", **overrides})
    one.begin(clock, command)
    return one


def job(state: State = State.SUCCEEDED, **overrides: object) -> Job:
    return replace(Job(status=state.upper(), state=state), **overrides)


def test_suite_run__nothing_known(clock: FakeClock) -> None:
    """What ends before anything is known still has a result."""
    result = new_run(clock).end(make_verdict(Ending.REFUSED))

    assert result == SuiteResult(
        key="ds-1",
        name="ds-1",
        phase=Phase.IMPORT,
        verdict=make_verdict(Ending.REFUSED),
        ds_id="ds-1",
        started="2026-01-02T03:04:05Z",
        resume="kore-gate wait --ds-id ds-1",
    )


def test_suite_run__all_known(clock: FakeClock) -> None:
    """A result holds the last status, and the judged suite under a name."""
    one = new_run(clock)
    one.name = "Banking"
    one.note("a remark")
    one.job = job(percent=100.0, test_suite_id="ctc-outer", download_url="https://kore.example/f.csv")

    result = one.end(make_verdict(), Suite(name="", id="ctc-inner"))

    assert result.suite == Suite(name="Banking", id="ctc-inner")
    assert (result.status, result.percent, result.test_suite_id) == ("SUCCEEDED", 100.0, "ctc-outer")
    assert (result.download_url, result.notes, result.resume) == ("https://kore.example/f.csv", ("a remark",), "")


def test_suite_run__id_of_the_suite(clock: FakeClock) -> None:
    """Where the job names no suite, the suite names itself."""
    one = new_run(clock)
    one.job = job()

    assert one.end(make_verdict(), make_suite(id="ctc-inner")).test_suite_id == "ctc-inner"


@pytest.mark.parametrize(
    ("phase", "seen", "evidence"),
    [
        (Phase.IMPORT, job(), Evidence.IMPORT_VALIDATION),
        (Phase.IMPORT, job(State.RUNNING), Evidence.NONE),
        (Phase.IMPORT, job(State.FAILED), Evidence.NONE),
        (Phase.IMPORT, None, Evidence.NONE),
        (Phase.RUN, job(), Evidence.EXECUTION),
        (Phase.RUN, job(State.RUNNING), Evidence.EXECUTION),
        (Phase.RUN, None, Evidence.NONE),
    ],
)
def test_suite_run__evidence(clock: FakeClock, phase: Phase, seen: Job | None, evidence: Evidence) -> None:
    """A suite proves what its phase proves, once Kore.ai has answered."""
    one = new_run(clock, phase=phase)
    one.job = seen

    assert one.end(make_verdict(), make_suite()).evidence is evidence


def test_suite_run__no_evidence_without_a_suite(clock: FakeClock) -> None:
    """Without test cases there is nothing to be proved."""
    one = new_run(clock)
    one.job = job()

    assert one.end(make_verdict()).evidence is Evidence.NONE


def test_suite_run__unfinished_import(clock: FakeClock) -> None:
    """An import that did not end keeps the suite that it holds."""
    one = new_run(clock)
    one.job = job(State.RUNNING, suite=make_suite())

    assert one.end(make_verdict(Ending.TIMED_OUT)).suite == make_suite()


def test_suite_run__unfinished_run(clock: FakeClock) -> None:
    """A run that did not end keeps the outcomes so far, the rest of the suite as not executed."""
    pending = make_step(number=2, input="Bye", outcome=Outcome.PENDING)
    one = new_run(clock, phase=Phase.RUN, run_id="ctr-1")
    one.suite = make_suite(steps=(make_step(outcome=Outcome.PENDING), pending))
    one.job = job(State.RUNNING, suite=make_suite(name="", steps=(make_step(),)))

    result = one.end(make_verdict(Ending.INTERRUPTED))

    assert result.suite is not None
    assert [(step.input, step.outcome) for step in result.suite.steps] == [
        ("Hi", Outcome.PASSED),
        ("Bye", Outcome.SKIPPED),
    ]


def test_suite_run__run_without_a_status(clock: FakeClock) -> None:
    """Between import and the run's first status, the suite is known as defined."""
    one = new_run(clock)
    one.suite = make_suite()
    one.job = job()
    one.enter(Phase.RUN)

    result = one.end(make_verdict(Ending.INTERRUPTED))

    assert (result.phase, result.suite, result.status) == (Phase.RUN, make_suite(), "")


def test_suite_run__its_own_time(clock: FakeClock) -> None:
    """A suite's time begins when its work does, not when it was queued."""

    async def work() -> SuiteResult:
        one = new_run(clock)
        await clock.sleep(60)
        one.begin(clock, "wait")
        await clock.sleep(2.5)
        return one.end(make_verdict())

    result = clock.run(work())

    assert (result.started, result.duration) == ("2026-01-02T03:05:05Z", 2.5)


def test_suite_run__note_once(clock: FakeClock) -> None:
    """The same remark is kept once."""
    one = new_run(clock)

    assert [one.note("a"), one.note("b"), one.note("a")] == [True, True, False]
    assert one.notes == ["a", "b"]


def test_suite_run__draft_ends_nothing(clock: FakeClock) -> None:
    """A draft holds what is known so far, in short, and leaves the suite open."""
    one = new_run(clock)
    one.job = job(State.RUNNING, suite=make_suite())

    draft = one.draft()

    assert (draft.verdict.message, draft.suite) == ("kore_gate has not finished, or was killed.", None)
    assert (draft.ds_id, draft.resume, one.result) == ("ds-1", "kore-gate wait --ds-id ds-1", None)


def test_suite_run__draft_of_an_ended_suite(clock: FakeClock) -> None:
    """Once a suite has ended, its result is the draft."""
    one = new_run(clock)

    assert one.end(make_verdict()) is one.draft()


IMPORT, RUN = Phase.IMPORT, Phase.RUN
RESUMES: dict[str, tuple[dict[str, object], bool, list[str]]] = {
    "an import": ({"phase": IMPORT, "ds_id": "ds-1"}, False, ["kore-gate", "wait", "--ds-id", "ds-1"]),
    "an import of a chain": (
        {"phase": IMPORT, "ds_id": "ds-1", "name": "A b"},
        True,
        ["kore-gate", "wait", "--ds-id", "ds-1", "&&", "kore-gate", "run", "A b"],
    ),
    "a run": ({"phase": RUN, "run_id": "r 1", "name": "A/b"}, True, ["kore-gate", "run", "A/b", "--run-id", '["r 1"]']),
    "names like flags": (
        {"phase": RUN, "run_id": "-r", "name": "--x $(y)"},
        False,
        ["kore-gate", "run", '["--x $(y)"]', "--run-id=-r"],
    ),
    "an id like a flag": ({"phase": IMPORT, "ds_id": "-d"}, False, ["kore-gate", "wait", "--ds-id=-d"]),
    "an upload": ({"phase": Phase.UPLOAD, "ds_id": ""}, True, []),
    "an import without an id": ({"phase": IMPORT, "ds_id": ""}, True, []),
    "a run without an id": ({"phase": RUN, "ds_id": "ds-1"}, True, []),
}


@pytest.mark.parametrize(("work", "runs", "words"), RESUMES.values(), ids=RESUMES)
def test_suite_run__resume(clock: FakeClock, work: dict[str, Any], runs: bool, words: list[str]) -> None:
    """The command that goes on is one that a shell reads as it is meant; without an id there is none."""
    one = new_run(clock, command="test" if runs else "wait", **work)

    assert shlex.split(one.end(make_verdict(Ending.INTERRUPTED)).resume) == words


@pytest.mark.parametrize("ending", list(Ending), ids=str)
def test_suite_run__resume_by_ending(clock: FakeClock, ending: Ending) -> None:
    """There is a way to go on wherever Kore.ai's job may do so."""
    result = new_run(clock).end(Verdict(ending=ending, exit_code=make_verdict(ending).exit_code, message=""))

    lasting = {Ending.TIMED_OUT, Ending.INTERRUPTED, Ending.UNAVAILABLE, Ending.REFUSED}
    assert bool(result.resume) is (ending in lasting)


def test_suite_run__gone_is_not_resumed(clock: FakeClock) -> None:
    """A job that Kore.ai has forgotten can't be waited for again."""
    one = new_run(clock)
    one.is_gone = True

    assert one.end(make_verdict(Ending.UNAVAILABLE)).resume == ""


def test_keep_definition__places(clock: FakeClock) -> None:
    """Each step gets its place in its file; the suite keeps the name that its file gave."""
    one = new_run(clock, file="a.json", lines=(3, 9))

    one.keep_definition(make_suite(steps=(make_step(), make_step(number=2))))

    assert one.suite is not None
    assert [step.source for step in one.suite.steps] == [Source(file="a.json", line=3), Source(file="a.json", line=9)]
    assert one.name == "ds-1"


@pytest.mark.parametrize(
    "changes", [{"file": "a.json", "lines": (3,)}, {"lines": (3, 9)}], ids=["other steps", "no file"]
)
def test_keep_definition__places_not_known(clock: FakeClock, changes: dict[str, Any]) -> None:
    """Where Kore.ai's steps are not the file's, no line is guessed."""
    suite = make_suite(steps=(make_step(), make_step(number=2)))
    one = new_run(clock, **changes)

    one.keep_definition(suite)

    assert one.suite == suite


def test_keep_definition__name(clock: FakeClock) -> None:
    """A suite that was named by an id gets its own name, if the import has one."""
    named, nameless = new_run(clock), new_run(clock)

    named.keep_definition(make_suite(name="Banking"))
    nameless.keep_definition(None)

    assert (named.name, nameless.name, nameless.suite) == ("Banking", "ds-1", None)


RUNS: dict[str, tuple[Job, Suite | None, Evidence]] = {
    "not over": (job(State.RUNNING, tally=Tally(total=4)), make_suite(steps=(NEVER_RUN,)), Evidence.NONE),
    "ended without results": (job(State.FAILED), make_suite(steps=(NEVER_RUN,)), Evidence.NONE),
    "counts only": (job(tally=Tally(passed=3, failed=0, total=3)), None, Evidence.EXECUTION),
    "failed by its counts": (job(State.FAILED, tally=Tally(failed=1)), None, Evidence.EXECUTION),
    "some steps": (job(State.RUNNING), make_suite(steps=(make_step(), NEVER_RUN)), Evidence.EXECUTION),
    "no result of any kind": (job(), None, Evidence.NONE),
    "an empty result": (job(), make_suite(steps=()), Evidence.NONE),
}


@pytest.mark.parametrize(("seen", "suite", "evidence"), RUNS.values(), ids=RUNS)
def test_suite_run__evidence_of_a_run(clock: FakeClock, seen: Job, suite: Suite | None, evidence: Evidence) -> None:
    """Only a run that shows some result is evidence of an execution."""
    one = new_run(clock, phase=Phase.RUN, run_id="ctr-1")
    one.job = seen

    assert one.end(make_verdict(Ending.INTERRUPTED), suite).evidence is evidence
