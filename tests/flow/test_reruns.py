import asyncio
import dataclasses
import html
import json
import pathlib
import shlex
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest

from kore_gate import cli, errors
from kore_gate.ci.dialects import Context
from kore_gate.commands import report
from kore_gate.errors import Ending, ExitCode
from kore_gate.model import Phase, Result, SuiteResult
from kore_gate.settings import sources
from kore_gate.settings.sources import Settings
from kore_gate.simulator import scenarios
from kore_gate.simulator.jobs import Job
from kore_gate.simulator.scenarios import RunEnd
from tests.fakes.files import write_named
from tests.fakes.pipeline import HOST, Ended, Pipeline
from tests.fakes.screens import Screen
from tests.reports import Reports, check_last_lines

# How each run of a suite ends; one that is stuck never does.
ENDS: Mapping[str, RunEnd | None] = {
    "P": RunEnd.PASSED,
    "F": RunEnd.FAILED,
    "E": RunEnd.ERROR,
    "C": RunEnd.CONTRADICTION,
    "D": RunEnd.DRIFTED,  # fails at the last step, where F fails as well
    "stuck": None,
}
FAILED = "Run: 2 of 3 steps failed (Kore.ai: failed)"
ENDED = "Run: Kore.ai ended the job with error"


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with the file of one suite, `Balance`."""
    monkeypatch.chdir(tmp_path)
    suite = next(suite for suite in scenarios.DEMO_SUITES if suite["name"] == "Balance")
    pathlib.Path("suite-1.json").write_text(json.dumps(suite), "utf-8")


def pipeline(ends: str = "", *, by_suite: Mapping[str, str] | None = None, **options: Any) -> Pipeline:
    """Make a call whose suites' runs end so, one after the other; those of some suites in their own way."""
    new = Pipeline(pathlib.Path("reports").absolute(), **options)
    started: dict[str, int] = {}

    def decide(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        if request.url.path.endswith("/run") and response.status_code == 200:
            run = newest(new)
            own = (by_suite or {}).get(run.name, ends)
            words = own.split() if " " in own else list(own)
            number = started[run.name] = started.get(run.name, 0) + 1
            new.simulator.records.runs[run.id] = dataclasses.replace(run, end=ENDS[words[number - 1]])
        return response

    new.kore.edit = decide
    return new


def newest(of: Pipeline) -> Job:
    """Return the run that was started last."""
    return next(reversed(of.simulator.records.runs.values()))


def read(command: str = "test", **flags: str) -> Settings:
    """Read settings as a user's."""
    basics = {"host": HOST, "stream-id": scenarios.STREAM_ID, "client-id": scenarios.CLIENT_ID}
    basics |= {"user-email": scenarios.USER_EMAIL} | ({"files": "*.json"} if command == "test" else {})
    flags = {name.replace("_", "-"): value for name, value in flags.items()}
    settings, error = sources.read(command, basics | flags, {"KORE_CLIENT_SECRET": scenarios.CLIENT_SECRET})
    assert error is None, error.details
    return settings


def gate(ends: str, rerun_failed: int = 2, pass_if: str = "any", **flags: str) -> tuple[Ended, Pipeline]:
    """Run a call of one suite to its end."""
    made = pipeline(ends)
    return made.run(read(rerun_failed=str(rerun_failed), pass_if=pass_if, **flags)), made


def calls(of: Pipeline, kind: str) -> int:
    """Count the calls of a kind that Kore.ai answered."""
    return sum(call.kind == kind and call.status == 200 for call in of.simulator.log)


def endings(suite: SuiteResult) -> list[str]:
    """Return how each attempt at a suite ended."""
    return [str(attempt.verdict.ending) for attempt in suite.attempts]


def resumed(of: Pipeline, suite: SuiteResult) -> Ended:
    """Run the command that a suite is resumed with, against the same Kore.ai."""
    arguments = cli.parse(shlex.split(suite.resume)[1:], ("wait", "default"))
    assert arguments.command == "run"
    return of.run(read("run", **arguments.settings))


@pytest.mark.parametrize(
    ("rerun_failed", "pass_if", "ends", "code", "message"),
    [
        (0, "any", "F", 1, f"{FAILED}."),
        (0, "all", "P", 0, "Run: executed: 3 steps, 5 assertions."),
        (2, "any", "P", 0, "Run: executed: 3 steps, 5 assertions."),
        (2, "majority", "P", 0, "Run: executed: 3 steps, 5 assertions."),
        (2, "all", "P", 0, "Run: executed: 3 steps, 5 assertions."),
        (1, "any", "FP", 0, "Run: passed in attempt 2 of 2; flaky."),
        (2, "any", "FP", 0, "Run: passed in attempt 2 of 3; flaky."),
        (2, "any", "FFP", 0, "Run: passed in attempt 3 of 3; flaky."),
        (2, "any", "FFF", 1, f"{FAILED}; 0 of 3 attempts passed."),
        (5, "any", "FFFFFP", 0, "Run: passed in attempt 6 of 6; flaky."),
        (2, "any", "CP", 0, "Run: passed in attempt 2 of 3; flaky."),
        (2, "any", "EP", 0, "Run: passed in attempt 2 of 3; flaky."),
        (2, "any", "EFE", 3, f"{ENDED}; 0 of 3 attempts passed."),
        (2, "any", "EEF", 1, f"{FAILED}; 0 of 3 attempts passed."),
        (2, "majority", "FPP", 0, "Run: passed in 2 of 3 attempts; flaky."),
        (2, "majority", "FPF", 1, f"{FAILED}; 1 of 3 attempts passed."),
        (2, "majority", "FF", 1, f"{FAILED}; 0 of 2 attempts passed."),
        (1, "majority", "F", 1, f"{FAILED}."),
        (4, "majority", "FPFPP", 0, "Run: passed in 3 of 5 attempts; flaky."),
        (2, "all", "FPP", 1, f"{FAILED}; 2 of 3 attempts passed."),
        (2, "all", "FFF", 1, f"{FAILED}; 0 of 3 attempts passed."),
    ],
)
def test_reruns__arithmetic(rerun_failed: int, pass_if: str, ends: str, code: int, message: str) -> None:
    """A suite is imported once and run until its verdict is decided; it shows an attempt that ended as it does."""
    ended, one = gate(ends, rerun_failed, pass_if, junit_dialect="strict")

    suite = ended.result.suites[0]
    assert (ended.code, suite.verdict.message, ended.result.verdict) == (code, message, suite.verdict)
    assert (calls(one, "import"), calls(one, "run")) == (1, len(ends))
    runs = list(one.simulator.records.runs.values())
    assert [attempt.run_id for attempt in suite.attempts] == [run.id for run in runs] * (len(ends) > 1)
    assert [ending == "passed" for ending in endings(suite)] == [end == "P" for end in ends] * (len(ends) > 1)
    shown = max(at for at, end in enumerate(ends) if (end == "P") == (code == 0))
    assert (suite.run_id, suite.status) == (runs[shown].id, suite.status)
    assert any(step.is_red for step in suite.steps) == (code == 1)
    assert suite.phases[Phase.RUN] == (suite.attempts[shown].duration if suite.attempts else suite.phases[Phase.RUN])
    assert suite.is_flaky == ("flaky" in message)
    Reports(ended.reports).check(ExitCode(code))
    check_last_lines(ended.stderr, ExitCode(code))


def test_reruns__every_report() -> None:
    """Log, page, summary, saved result and outputs say that a suite is flaky, and what failed in which attempt."""
    new = pipeline("FP", ci="gitlab")
    ended = new.run(read(rerun_failed="2"))

    reports = Reports(ended.reports)
    first, second = ended.result.suites[0].attempts
    page = (ended.reports / "kore-report.html").read_text("utf-8")
    summary = (ended.reports / "kore-summary.md").read_text("utf-8")
    for shown in (ended.stderr, page, html.unescape(summary)):
        assert "flaky" in shown
        assert f"Attempt 1: failed (run {first.run_id}, " in shown
        assert f"Attempt 2: passed (run {second.run_id}, " in shown
        assert "but got" in shown
    assert "Balance: attempt 2 of 3: starting the run" in ended.stderr
    assert "KORE_FLAKY=1\n" in (ended.reports / "kore.env").read_text("utf-8")
    assert f"KORE_RUN_ID={first.run_id}+{second.run_id}\n" in (ended.reports / "kore.env").read_text("utf-8")
    assert (reports.result["rerun_failed"], reports.result["pass_if"]) == (2, "any")
    saved = reports.result["suites"][0]["attempts"]
    assert [len(attempt.get("failures", [])) for attempt in saved] == [2, 0]


def test_reruns__off() -> None:
    """Without reruns no report and no output speaks of them."""
    new = pipeline("F", ci="gitlab")
    ended = new.run(read(pass_if="all"))

    result = Reports(ended.reports).result
    assert not {"rerun_failed", "pass_if"} & set(result)
    assert "attempts" not in result["suites"][0]
    texts = [ended.stderr, *(path.read_text("utf-8") for path in ended.reports.glob("*") if path.suffix != ".html")]
    assert not [shown for shown in texts if "flaky" in shown.lower() or "attempt" in shown.lower()]


def test_reruns__min_assertions() -> None:
    """A suite that asserts too little is not run again; one that passes at last stays red for it."""
    first, one = gate("P", min_assertions="99")
    second, two = gate("FP", min_assertions="99")

    assert (first.code, calls(one, "run")) == (1, 1)
    assert (second.code, calls(two, "run")) == (1, 2)
    assert second.result.verdict.message.endswith("otherwise: Run: passed in attempt 2 of 3; flaky.")
    assert not second.result.suites[0].is_flaky


@pytest.mark.parametrize(
    ("ends", "pass_if", "timeout", "message"),
    [
        ("FP", "any", "3m", f"{FAILED}."),
        ("FPP", "majority", "4m", f"{FAILED}; 1 of 2 attempts passed."),
    ],
)
def test_reruns__no_time(ends: str, pass_if: str, timeout: str, message: str) -> None:
    """No attempt begins that would not end in time: a note says so, and what is not decided is red."""
    ended, one = gate(ends, 2, pass_if, timeout=timeout)

    suite = ended.result.suites[0]
    made = calls(one, "run")
    assert (ended.code, made, suite.verdict.message) == (1, len(ends) - 1, message)
    assert f"There was no time for attempt {made + 1} of 3: the last one took 1m" in suite.notes[0]
    assert "There was no time for attempt" in ended.stderr


def test_reruns__timeout_in_attempt_2() -> None:
    """A timeout in attempt 2 is the verdict; attempt 1 is kept, and the command that resumes it names both runs."""
    ended, one = gate("F stuck P", 2, timeout="6m")

    suite = ended.result.suites[0]
    first, second = one.simulator.records.runs
    assert (ended.code, endings(suite)) == (4, ["failed", "timed-out"])
    assert suite.resume == f"kore-gate run Balance --run-id {first}+{second} --rerun-failed 2 --pass-if any"
    assert [len(attempt.failures) for attempt in suite.attempts] == [2, 0]
    assert Phase.RUN not in suite.phases

    one.simulator.records.runs[second] = dataclasses.replace(one.simulator.records.runs[second], end=RunEnd.FAILED)
    again = resumed(one, suite)

    assert (again.code, again.result.verdict.message) == (0, "Run: passed in attempt 3 of 3; flaky.")
    assert endings(again.result.suites[0]) == ["failed", "failed", "passed"]
    assert calls(one, "run") == 3


def stopped(of: Pipeline, settings: Settings, when: Callable[[], bool]) -> Result:
    """Run a call, and send it SIGTERM once something is so."""
    call = of.prepare(settings)

    async def run() -> Result:
        work = asyncio.create_task(call.run())
        while not when():
            await of.clock.sleep(0.01)
        call.interrupt(15)
        return await work

    result = of.clock.run(run())
    call.conclude(result)
    return result


@pytest.mark.parametrize("pass_if", ["any", "majority", "all"])
def test_reruns__sigterm_in_attempt_2(pass_if: str) -> None:
    """A call that is stopped in attempt 2 is resumed with both runs, and its policy: nothing is run twice."""
    new = pipeline("FPP")

    def is_second_seen() -> bool:
        looks = [call for call in new.simulator.log if call.kind == "run-status"]
        return calls(new, "run") == 2 and looks[-1].id == newest(new).id

    result = stopped(new, read(rerun_failed="2", pass_if=pass_if), is_second_seen)

    suite = result.suites[0]
    assert (result.verdict.exit_code, endings(suite)) == (143, ["failed", "interrupted"])
    assert new.stderr.getvalue().count(f"Resume with: {suite.resume}\n") == 1
    assert Reports(new.reports).result["suites"][0]["attempts"][0]["failures"]

    again = resumed(new, suite)

    attempts = again.result.suites[0].attempts
    assert again.code == (1 if pass_if == "all" else 0)
    assert [attempt.run_id for attempt in attempts] == list(new.simulator.records.runs)[: len(attempts)]
    assert calls(new, "run") == (2 if pass_if == "any" else 3)


def test_reruns__sigterm_while_starting_attempt_2() -> None:
    """Where attempt 2 has no id yet, attempt 1 is what a call is resumed with."""
    new = pipeline("FP")

    def is_asked() -> bool:
        return sum(request.url.path.endswith("/run") for request in new.kore.requests) == 2

    result = stopped(new, read(rerun_failed="1"), is_asked)

    suite = result.suites[0]
    first = suite.attempts[0].run_id
    assert endings(suite) == ["failed", "interrupted"]
    assert suite.resume == f"kore-gate run Balance --run-id {first} --rerun-failed 1 --pass-if any"


def test_reruns__stopped_twice() -> None:
    """A resumed call that is stopped before it has seen all attempts names them all again."""
    new = Pipeline(pathlib.Path("reports").absolute())
    settings = read("run", suites="Balance", run_id="ctr-1+ctr-2+ctr-3", rerun_failed="2")

    result = stopped(new, settings, lambda: bool(new.kore.requests))

    assert result.suites[0].resume == "kore-gate run Balance --run-id ctr-1+ctr-2+ctr-3 --rerun-failed 2 --pass-if any"


def test_reruns__killed_in_attempt_2() -> None:
    """A job that is killed in attempt 2 leaves a saved result and outputs that name both runs."""
    new = pipeline("FP", ci="github")
    drafts: list[Any] = []
    new.set_context(output_file=str(pathlib.Path("outputs").absolute()))

    def note(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        if calls(new, "run") == 2 and request.url.path.endswith("/status"):
            drafts.append(Reports(new.reports).result)
        return edit(request, response)

    edit, new.kore.edit = new.kore.edit, note
    ended = new.run(read(rerun_failed="1"))

    assert ended.code == 0
    [suite] = drafts[0]["suites"]
    first, second = new.simulator.records.runs
    assert [attempt["run_id"] for attempt in suite["attempts"]] == [first, second]
    assert suite["resume"] == f"kore-gate run Balance --run-id {first}+{second} --rerun-failed 1 --pass-if any"
    assert f"\n{first}+{second}\n" in pathlib.Path("outputs").read_text("utf-8")


def test_reruns__outage_in_attempt_2() -> None:
    """Whatever else than a run's end ends attempt 2 is the verdict, with attempt 1 kept, and is not run again."""
    new = pipeline("FP")

    def fail(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        is_second = calls(new, "run") == 2 and request.url.path.endswith("/status")
        return httpx.Response(502) if is_second else edit(request, response)

    edit, new.kore.edit = new.kore.edit, fail
    ended = new.run(read(rerun_failed="5"))

    assert (ended.code, endings(ended.result.suites[0])) == (7, ["failed", "unavailable"])
    assert calls(new, "run") == 2


def test_reruns__fail_fast(tmp_path: pathlib.Path) -> None:
    """A suite that is run again has not failed yet; once it has, fail-fast stops the others, also in an attempt."""
    write_named(tmp_path, ["good", "bad", "worse"])
    (tmp_path / "suite-1.json").unlink()
    new = pipeline("F stuck", by_suite={"good": "FP", "bad": "FF"})

    ended = new.run(read(rerun_failed="1", fail_fast="true", timeout="20m"))

    results = {suite.name: suite for suite in ended.result.suites}
    assert (ended.code, results["good"].is_flaky) == (1, True)
    assert results["bad"].verdict.message.endswith("; 0 of 2 attempts passed.")
    assert results["worse"].verdict.message == "Stopped by fail-fast: bad did not pass."
    assert endings(results["worse"]) == ["failed", "failed"]
    assert "+" in results["worse"].resume


def test_reruns__thirty_suites(tmp_path: pathlib.Path) -> None:
    """Thirty suites that fail at once are run again at once, each in its turn, and counted."""
    (tmp_path / "suite-1.json").unlink()
    write_named(tmp_path, [f"s{number:02d}" for number in range(30)])
    by_suite = {f"s{number:02d}": "FF" if number == 7 else "FP" if number % 2 else "P" for number in range(30)}
    new = pipeline(by_suite=by_suite)

    ended = new.run(read(rerun_failed="1"))

    assert ended.code == 1
    assert ended.result.verdict.message == "1 of 30 suites failed: s07 (1 of 1 step); 14 flaky."
    assert sum(suite.is_flaky for suite in ended.result.suites) == 14
    assert calls(new, "run") == 45
    assert ended.seconds < 600
    Reports(ended.reports).check(ExitCode.FAILED)


def test_reruns__known_failures() -> None:
    """Known failures are those of the attempt that is shown; what is forgiven without a pass is not flaky."""
    pathlib.Path("known.toml").write_text(
        '[[known]]\nsuite = "*"\nstep = "*"\nassertion = "*"\nreason = "BOT-1"\nuntil = 2026-12-31\n', "utf-8"
    )
    broken, _ = gate("FF", 1, known_failures="known.toml")
    mixed, _ = gate("FP", 1, "all", known_failures="known.toml")

    assert (broken.code, mixed.code) == (0, 0)
    assert broken.result.verdict.message == "Passed with 3 known failures."
    assert mixed.result.verdict.message == "Passed with 3 known failures; 1 flaky."


@pytest.mark.parametrize(
    ("ends", "pass_if", "code"),
    [
        ("FD", "any", 0),
        ("FD", "all", 1),
        ("CD", "all", 1),
        ("ED", "all", 1),
        ("PFD", "all", 0),
        ("DD", "all", 0),
        ("DPD", "majority", 0),
        ("FPD", "majority", 1),
        ("ED", "majority", 1),
    ],
)
@pytest.mark.parametrize("policy", ["known", "baseline", "threshold"])
def test_reruns__policies(ends: str, pass_if: str, code: int, policy: str) -> None:
    """Where one pass is not enough, nothing is forgiven that failed in any attempt, and the one that is shown lacks."""
    flags = {"max_failures": "2"}
    if policy == "known":
        known = '[[known]]\nsuite = "*"\nstep = "03 *"\nassertion = "*"\nreason = "BOT-1"\nuntil = 2026-12-31\n'
        pathlib.Path("known.toml").write_text(known, "utf-8")
        flags = {"known_failures": "known.toml"}
    elif policy == "baseline":
        gate("D", 0)
        flags = {"baseline": str(pathlib.Path("reports/kore-result.json").rename("before"))}

    ended, _ = gate(ends, 2 if pass_if == "majority" else len(ends) - 1, pass_if, **flags)

    assert ended.code == code, ended.stderr
    Reports(ended.reports).check(ExitCode(code))


@pytest.mark.parametrize("pass_if", ["any", "majority", "all"])
def test_reruns__same_run_again(pass_if: str) -> None:
    """A start that is answered with the run of attempt 1 starts nothing: one run never counts twice."""
    new = pipeline("FP")
    answers: list[httpx.Response] = []

    def repeat(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        response = edit(request, response)
        if request.url.path.endswith("/run"):
            answers.append(response)
            return answers[0]
        return response

    edit, new.kore.edit = new.kore.edit, repeat
    ended = new.run(read(rerun_failed="2", pass_if=pass_if))

    suite = ended.result.suites[0]
    assert (ended.code, len(answers), endings(suite)) == (7, 2, ["failed", "unavailable"])
    assert "returned the id of an earlier one" in suite.verdict.message
    assert suite.resume == (
        f"kore-gate run Balance --run-id {suite.attempts[0].run_id} --rerun-failed 2 --pass-if {pass_if}"
    )
    Reports(ended.reports).check(ExitCode.UNAVAILABLE)


def rendered(files: list[str], **changes: Any) -> tuple[int, dict[str, bytes]]:
    """Render saved results again, or merge them; return the exit code and the files."""
    settings = Settings(command="report", files=tuple(files), report_dir="again", **changes)
    code = report.run(settings, Screen().console, Context(ci="none"))
    folder = pathlib.Path("again" if "report-dir" in settings.sources or len(files) > 1 else "reports")
    return code, {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("dialect", ["rich", "strict"])
@pytest.mark.parametrize("granularity", ["assertion", "step"])
def test_report__same_bytes(dialect: str, granularity: str) -> None:
    """Reports are rendered again from the saved attempts."""
    ended, _ = gate("FFP", junit_dialect=dialect, junit_granularity=granularity)
    before = {path.name: path.read_bytes() for path in ended.reports.iterdir()}

    assert rendered(["reports/kore-result.json"]) == (0, before)


def test_report__merge(tmp_path: pathlib.Path) -> None:
    """A merge keeps the attempts, counts the flaky suites, and is resumed with the stricter policy."""
    gate("FP", 2, "any")
    pathlib.Path("reports").rename("one")
    (tmp_path / "suite-1.json").unlink()
    write_named(tmp_path, ["other"])
    new = pipeline("F stuck")
    new.run(read(rerun_failed="1", pass_if="all", timeout="5m"))
    pathlib.Path("reports").rename("two")

    code, files = rendered(["one/kore-result.json", "two/kore-result.json"])

    saved = json.loads(files["kore-result.json"])
    assert (code, saved["rerun_failed"], saved["pass_if"]) == (4, 2, "all")
    assert [len(suite["attempts"]) for suite in saved["suites"]] == [2, 2]
    assert saved["verdict"]["message"].endswith("; 1 flaky.")
    assert b" --rerun-failed 2 --pass-if all</code>" in files["kore-report.html"]


@pytest.mark.parametrize("schema", [1, 2])
def test_report__older_schemas(schema: int) -> None:
    """Results without attempts are read as before."""
    gate("F", 0)
    path = pathlib.Path("reports/kore-result.json")
    saved = json.loads(path.read_bytes())
    path.write_text(json.dumps(saved | {"schema": schema}), "utf-8")

    code, files = rendered([str(path)])

    assert code == 0
    assert json.loads(files["kore-result.json"]) == saved


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        ({"run-id": "ctr-1+ctr-2"}, "names 2 attempts of a suite, rerun-failed 0 allows 1:"),
        ({"run-id": "ctr-1+ctr-2+ctr-3", "rerun-failed": "1"}, "names 3 attempts of a suite, rerun-failed 1 allows 2:"),
        ({"run-id": "ctr-1+ctr-1", "rerun-failed": "1"}, "must join different ids by +: 'ctr-1+ctr-1'."),
        ({"run-id": "ctr-1+", "rerun-failed": "1"}, "must join different ids by +: 'ctr-1+'."),
        ({"run-id": "ctr-1+-", "rerun-failed": "1"}, "must join different ids by +: 'ctr-1+-'."),
        ({"rerun-failed": "6"}, "must be at most 5"),
        ({"rerun-failed": "-1"}, "must be a whole number"),
        ({"pass-if": "most"}, "must be one of any, majority, all"),
    ],
)
def test_settings__refused(flags: Mapping[str, str], problem: str) -> None:
    """Attempts that the policy does not allow are refused before anything is sent."""
    _, error = sources.read("run", {"suites": "Balance", **flags}, {})

    assert isinstance(error, errors.SettingsError)
    assert any(problem in detail for detail in error.details), error.details


def test_resume__passed_at_first() -> None:
    """Where the first of the named runs passed, the others are not looked at."""
    new = pipeline("PF")
    for _ in range(2):
        new.run(read("run", suites="Balance"))
    again = "+".join(new.simulator.records.runs)
    looks = calls(new, "run-status")

    ended = new.run(read("run", suites="Balance", run_id=again, rerun_failed="1"))

    assert (ended.code, calls(new, "run-status") - looks) == (0, 1)
    assert ended.result.suites[0].verdict.ending is Ending.PASSED
    assert ended.result.suites[0].attempts == ()


def test_reruns__reports_in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call without time for its reports keeps ids and verdicts of the attempts, not their steps."""
    new = pipeline("FP")
    call = new.prepare(read(rerun_failed="1"))
    monkeypatch.setattr("kore_gate.reports.write.write", lambda *_: call.cut())

    new.clock.run(call.run())

    attempts = Reports(new.reports).result["suites"][0]["attempts"]
    assert [attempt["run_id"] for attempt in attempts] == list(new.simulator.records.runs)
    assert not [attempt for attempt in attempts if "failures" in attempt]
