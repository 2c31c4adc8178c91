import dataclasses
import json
import pathlib
import re
from collections import Counter

import pytest
from junitparser import JUnitXml

from kore_gate.errors import Ending, ExitCode
from kore_gate.model import Evidence, Phase
from kore_gate.simulator import scenarios
from kore_gate.simulator.scenarios import SCENARIOS, Response, Scenario, error
from tests.fakes.files import write_demo, write_named
from tests.fakes.pipeline import Ended, Pipeline

REFUSED_FILE = error("The file was not found", 400)


def sent(pipeline: Pipeline, kind: str) -> list[int]:
    """Return the answers' codes of every call of a kind."""
    return [entry.status for entry in pipeline.simulator.log if entry.kind == kind]


def cases(ended: Ended) -> list[tuple[str, str, str, str]]:
    """Return class, name, file and line of every test case."""
    found = []
    for path in sorted(ended.reports.glob("*.xml")):
        for suite in JUnitXml.fromfile(str(path)):
            for case in suite:
                attributes = case._elem.attrib
                found.append((case.classname, case.name, attributes.get("file", ""), attributes.get("line", "")))
    return found


def test_test__whole_chain(tmp_path: pathlib.Path) -> None:
    """Files go up, are imported and run, each once; the reports tell of an execution, with the place of every step."""
    pipeline = Pipeline(tmp_path / "reports")
    names = write_demo(tmp_path, 3)

    ended = pipeline.run(command="test", files=("*.json",))

    assert ended.code == 0
    assert [one.name for one in ended.result.suites] == names
    assert {one.evidence for one in ended.result.suites} == {Evidence.EXECUTION}
    assert all(one.ds_id and one.run_id for one in ended.result.suites)
    counted = Counter(entry.kind for entry in pipeline.simulator.log)
    assert (counted["upload"], counted["import"], counted["run"]) == (3, 3, 3)
    lines = (tmp_path / "suite-1.json").read_text("utf-8").splitlines()
    assert all(lines[int(line) - 1].strip() == "{" for _, _, file, line in cases(ended) if file == "suite-1.json")
    assert {file for _, _, file, _ in cases(ended)} == {"suite-1.json", "suite-2.json", "suite-3.json"}


def test_import__stops_after_the_import(tmp_path: pathlib.Path) -> None:
    """An import runs nothing, and says that nothing was executed."""
    pipeline = Pipeline(tmp_path / "reports")
    write_demo(tmp_path)

    ended = pipeline.run(command="import", files=("*.json",), tags=("smoke",), description="From the repository")

    assert ended.code == 0
    assert {one.evidence for one in ended.result.suites} == {Evidence.IMPORT_VALIDATION}
    assert sent(pipeline, "run") == []
    assert ended.result.suites[0].suite is not None
    assert ended.result.suites[0].suite.tags == ("smoke",)


def test_import__sends_the_file_id_as_file_name(tmp_path: pathlib.Path) -> None:
    """The import is told the upload's id under the key that says name, and the suite's own name."""
    pipeline = Pipeline(tmp_path / "reports")
    [name] = write_demo(tmp_path, 1)

    pipeline.run(command="import", files=("*.json",))

    [body] = [json.loads(request.content) for request in pipeline.kore.requests if request.url.path.endswith("/import")]
    assert body.keys() == {"fileName", "name", "userEmailId"}
    assert (body["name"], body["fileName"]) in {(name, file_id) for file_id in pipeline.simulator.records.files}


def test_run__by_name(tmp_path: pathlib.Path) -> None:
    """Suites that Kore.ai has are run by their names, whatever is in them."""
    pipeline = Pipeline(tmp_path / "reports")
    names = tuple(str(suite["name"]) for suite in scenarios.DEMO_SUITES)

    ended = pipeline.run(command="run", suites=names)

    assert ended.code == 0
    assert "Transfer / confirmation" in names
    assert [one.name for one in ended.result.suites] == list(names)
    assert sent(pipeline, "upload") == []


def test_run__no_such_suite(tmp_path: pathlib.Path) -> None:
    """A suite that does not exist is a failure that says so."""
    pipeline = Pipeline(tmp_path / "reports")

    ended = pipeline.run(command="run", suites=("Nobody's",))

    assert ended.code == ExitCode.JOB_FAILED
    assert "Test suite not found" in ended.stderr


def test_run__resumes_by_id(tmp_path: pathlib.Path) -> None:
    """A run that one call did not wait out is waited for by the next, without a second run."""
    pipeline = Pipeline(tmp_path / "reports")

    first = pipeline.run(command="run", suites=("Balance",), timeout=20.0)
    [run_id] = [one.run_id for one in first.result.suites]
    second = pipeline.run(command="run", suites=("Balance",), run_id=(run_id,))

    assert (first.code, second.code) == (4, 0)
    assert first.result.suites[0].resume == f"kore-gate run Balance --run-id {run_id}"
    assert sent(pipeline, "run") == [200]


def test_run__flaky(tmp_path: pathlib.Path) -> None:
    """Each call judges its own run, not the one before."""
    pipeline = Pipeline(tmp_path / "reports", scenario="flaky")

    codes = [pipeline.run(command="run", suites=("Balance",)).code for _ in range(3)]

    assert codes == [1, 0, 0]


def test_test__short_form_lists_every_step(tmp_path: pathlib.Path) -> None:
    """Where a run gives counts only, the definition from the import still lists every step, and a note says so."""
    pipeline = Pipeline(tmp_path / "reports", scenario="short-form")
    write_demo(tmp_path, 1)

    ended = pipeline.run(command="test", files=("*.json",))

    [only] = ended.result.suites
    assert ended.code == 0
    assert only.suite is not None
    assert len(only.suite.steps) == 4
    assert only.notes == ("Kore.ai reports 0 of 4 steps of this run, and only counts the others.",)


def test_run__short_form_of_an_unknown_suite(tmp_path: pathlib.Path) -> None:
    """Without a definition, counts are all the report has; it has a test case all the same."""
    pipeline = Pipeline(tmp_path / "reports", scenario="short-form")

    ended = pipeline.run(command="run", suites=("Balance",))

    assert ended.code == 0
    assert ended.result.verdict.message == "Run: 3 steps passed."
    assert len(cases(ended)) == 1


def test_test__failing_steps_are_located(tmp_path: pathlib.Path) -> None:
    """A failed assertion is told with expected and actual, and where its step stands."""
    pipeline = Pipeline(tmp_path / "reports", scenario="failing-tests")
    write_demo(tmp_path, 1)

    ended = pipeline.run(command="test", files=("*.json",))

    assert ended.code == 1
    assert ended.result.verdict.message == "Run: 2 of 4 steps failed (Kore.ai: failed)."
    text = next(ended.reports.glob("*.xml")).read_text("utf-8")
    assert re.search(r'<testcase[^>]*file="suite-1\.json"[^>]*line="\d+"', text)


def test_test__failed_import_is_not_run(tmp_path: pathlib.Path) -> None:
    """What Kore.ai did not take is not run."""
    pipeline = Pipeline(tmp_path / "reports", scenario="failing")
    write_demo(tmp_path, 1)

    ended = pipeline.run(command="test", files=("*.json",))

    assert (ended.code, ended.result.suites[0].phase, sent(pipeline, "run")) == (3, Phase.IMPORT, [])


def test_test__file_that_is_no_suite(tmp_path: pathlib.Path) -> None:
    """Kore.ai's own reason for turning a file down is passed on."""
    pipeline = Pipeline(tmp_path / "reports")
    (tmp_path / "a.json").write_text('{"neither": "nor"}')

    ended = pipeline.run(command="test", files=("a.json",))

    assert ended.code == ExitCode.JOB_FAILED
    assert "The file has neither testCases nor testSteps" in ended.stderr


@pytest.mark.parametrize("email", ["stranger@example.com", "jane.doe@example.com"])
def test_test__email_nobody_knows(tmp_path: pathlib.Path, email: str) -> None:
    """An e-mail that Kore.ai does not accept ends the chain at once, with Kore.ai's words."""
    pipeline = Pipeline(tmp_path / "reports")
    write_demo(tmp_path, 1)

    ended = pipeline.run(command="test", files=("*.json",), user_email=email)

    assert ended.code == ExitCode.JOB_FAILED
    assert sent(pipeline, "import") == [400]
    assert "email" in ended.stderr.lower()


def test_test__bad_files_send_nothing(tmp_path: pathlib.Path) -> None:
    """Files are checked before anything is sent; the report names all of them."""
    pipeline = Pipeline(tmp_path / "reports")
    write_demo(tmp_path, 1)
    (tmp_path / "bad.json").write_text("[1]")
    (tmp_path / "worse.json").write_text("")

    ended = pipeline.run(command="test", files=("*.json",))

    assert ended.code == ExitCode.USAGE
    assert ended.result.verdict.details == ("bad.json must be a JSON object.", "worse.json is empty.")
    assert pipeline.kore.requests == []
    assert len(cases(ended)) == 1


def faulty(kind: str, *befalling: Response | None) -> Scenario:
    """Return a scenario in which these befall the calls of one kind, and after them nothing does."""
    return Scenario(name="faulty", description="", faults=(*befalling, *[None] * 1000), calls=frozenset({kind}))


UNCLEAR = {
    "reset": scenarios.FAULTS["resetting"],
    "server error": scenarios.FAULTS["server-error"],
    "no id": Response(200, (scenarios.JSON,), b'{"status": "IN_PROGRESS"}'),
}


@pytest.mark.parametrize(("kind", "name"), [("import", "reset"), ("run", "no id")])
def test_test__never_sent_twice(tmp_path: pathlib.Path, kind: str, name: str) -> None:
    """An import or a run that may have arrived is not sent again; the message says how to find out."""
    pipeline = Pipeline(tmp_path / "reports", scenario=faulty(kind, UNCLEAR[name]))
    write_demo(tmp_path, 1)

    ended = pipeline.run(command="test", files=("*.json",))

    assert ended.code == ExitCode.UNAVAILABLE
    assert len(sent(pipeline, kind)) == 1
    assert "does not send it twice" in ended.result.verdict.hint
    assert ended.result.suites[0].resume == ""


@pytest.mark.parametrize("kind", ["import", "run"])
@pytest.mark.parametrize(
    "fault",
    [scenarios.FAULTS["unavailable"], scenarios.FAULTS["rate-limited"], scenarios.FAULTS["rate-limited-seconds"]],
    ids=["503", "429", "429 with a wait"],
)
def test_test__turned_away_is_sent_again(tmp_path: pathlib.Path, kind: str, fault: Response) -> None:
    """What Kore.ai turned away has not begun, and is sent again until it has, once."""
    pipeline = Pipeline(tmp_path / "reports", scenario=faulty(kind, fault, fault))
    write_demo(tmp_path, 1)

    ended = pipeline.run(command="test", files=("*.json",))

    assert ended.code == 0
    status = fault.status
    assert sent(pipeline, kind) == [status, status, 200]


@pytest.mark.parametrize("name", ["reset", "server error"])
def test_test__upload_is_sent_again(tmp_path: pathlib.Path, name: str) -> None:
    """An upload alone changes nothing, and is sent again until it is known to have arrived."""
    pipeline = Pipeline(tmp_path / "reports", scenario=faulty("upload", UNCLEAR[name]))
    write_demo(tmp_path, 1)

    ended = pipeline.run(command="test", files=("*.json",))

    assert ended.code == 0
    assert len(sent(pipeline, "upload")) == 2


@pytest.mark.parametrize("scenario", ["flapping", "rate-limited", "stuck", "hang"])
def test_test__started_once_whatever_comes(tmp_path: pathlib.Path, scenario: str) -> None:
    """However often status calls fail, each suite is imported once and run once at most."""
    pipeline = Pipeline(tmp_path / "reports", scenario=scenario)
    names = write_demo(tmp_path, 3)

    pipeline.run(command="test", files=("*.json",), timeout=300.0)

    assert sent(pipeline, "import").count(200) == 3
    runs = Counter(entry.id for entry in pipeline.simulator.log if entry.kind == "run" and entry.status == 200)
    assert all(runs[name] <= 1 for name in names)


def test_test__ids_are_known_at_once(tmp_path: pathlib.Path) -> None:
    """Each id is in the outputs and in the result from the moment Kore.ai gives it."""
    pipeline = Pipeline(tmp_path / "reports", ci="github")
    pipeline.context = dataclasses.replace(pipeline.context, output_file=str(tmp_path / "output"))
    write_demo(tmp_path, 1)

    ended = pipeline.run(command="test", files=("suite-1.json",))

    [only] = ended.result.suites
    noted = re.findall(r"^(ds-id|run-id)<<(\S+)\n(.*)\n\2$", (tmp_path / "output").read_text(), re.MULTILINE)
    assert [(name, value) for name, _, value in noted] == [
        ("ds-id", only.ds_id),
        ("ds-id", only.ds_id),
        ("run-id", only.run_id),
        ("ds-id", only.ds_id),
        ("run-id", only.run_id),
    ]


@pytest.mark.parametrize(
    "name", ["a/b\\c", "with  spaces. and dots", "Überweisung 振込 🏦", "--help", "50%", "a?b#c;d&e=f"]
)
def test_test__names_of_suites(tmp_path: pathlib.Path, name: str) -> None:
    """Whatever a suite is called, it is imported and run under that name."""
    pipeline = Pipeline(tmp_path / "reports")
    write_named(tmp_path, [name])

    ended = pipeline.run(command="test", files=("*.json",))

    assert ended.code == 0
    assert [entry.id for entry in pipeline.simulator.log if entry.kind == "run"] == [name]


def test_test__suite_called_import(tmp_path: pathlib.Path) -> None:
    """A suite whose run has the address of an import is never green by mistake."""
    pipeline = Pipeline(tmp_path / "reports")
    write_named(tmp_path, ["import"])

    ended = pipeline.run(command="test", files=("*.json",))

    assert ended.code == ExitCode.UNAVAILABLE
    assert sent(pipeline, "run") == [200]


def test_test__results_link(tmp_path: pathlib.Path) -> None:
    """The results files of several suites are saved side by side."""
    pipeline = Pipeline(tmp_path / "reports", scenario="results-link")
    write_demo(tmp_path, 3)

    ended = pipeline.run(command="test", files=("*.json",))

    assert ended.code == 0
    assert sorted(path.name for path in ended.reports.glob("*.csv")) == [
        "kore-results-Balance.csv",
        "kore-results-Greeting-and-FAQ.csv",
        "kore-results-Transfer---confirmation.csv",
    ]


def test_test__allow_empty_goes_on_to_the_run(tmp_path: pathlib.Path) -> None:
    """A suite that may be empty is run as well."""
    pipeline = Pipeline(tmp_path / "reports", scenario=SCENARIOS["disabled"])
    write_demo(tmp_path, 1)

    ended = pipeline.run(command="test", files=("*.json",), allow_empty=True)

    assert (ended.result.verdict.ending, sent(pipeline, "run")) == (Ending.PASSED, [200])


def test_run__trimmed_answer(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that tells some of the steps only says so in a note."""
    pipeline = Pipeline(tmp_path / "reports")
    handle = pipeline.simulator.handle

    def trimmed(request: object) -> Response:
        response = handle(request)  # type: ignore[arg-type]
        body = json.loads(response.body)
        rows = body.get("result", {}).get("executionResults", [])
        del rows[1:]
        return dataclasses.replace(response, body=json.dumps(body).encode())

    monkeypatch.setattr(pipeline.simulator, "handle", trimmed)

    ended = pipeline.run(command="run", suites=("Balance",))

    assert ended.code == 0
    assert ended.result.suites[0].notes == ("Kore.ai reports 1 of 3 steps of this run, and only counts the others.",)


def test_test__import_out_of_time(tmp_path: pathlib.Path) -> None:
    """An import that never ends leaves the steps of its file in the reports, each with its line and not reached."""
    pipeline = Pipeline(tmp_path / "reports", scenario="stuck")
    write_demo(tmp_path, 1)

    ended = pipeline.run(command="test", files=("*.json",), timeout=100.0)

    (suite,) = ended.result.suites
    assert (ended.code, suite.verdict.ending, suite.evidence) == (ExitCode.TIMED_OUT, Ending.TIMED_OUT, Evidence.NONE)
    written = json.loads((tmp_path / "suite-1.json").read_text(encoding="utf-8"))
    assert [step.input for step in suite.steps] == [step["input"] for step in written["testSteps"]]
    assert all(step.source and step.source.file == "suite-1.json" for step in suite.steps)
    assert not any(step.was_executed or step.is_red for step in suite.steps)
    page = (ended.reports / "kore-report.html").read_text(encoding="utf-8")
    assert page.count("No step was reached.") == 1
