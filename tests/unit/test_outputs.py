"""What later jobs can read, written for and read back like each CI system."""

import json
import pathlib
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from kore_gate.ci import outputs
from kore_gate.errors import Ending
from kore_gate.model import Outcome, Phase, Result, replace
from kore_gate.reports import cases, junit
from tests import builders
from tests.fakes import runners

ORDER = [
    "verdict",
    "exit-code",
    "status",
    "ds-id",
    "run-id",
    "test-suite-id",
    "suite-name",
    "steps",
    "assertions",
    "passed",
    "failed",
    "skipped",
    "errors",
    "duration",
    "junit-path",
    "report-path",
]


def _failing() -> Result:
    red = builders.make_assertion(outcome=Outcome.FAILED)
    step = builders.make_step(number=2, replies=(builders.make_reply(assertions=(red,)),))
    suite = builders.make_suite(steps=(builders.make_step(), step))
    failed = builders.make_result(Ending.FAILED, name="Loans", ds_id="ds-2", test_suite_id="ts-2", suite=suite)
    return builders.make_call(builders.make_result(), failed)


def _outputs_of(call: Result, report_dir: str, names: Sequence[str] = ()) -> dict[str, str]:
    return outputs.outputs_of(call, cases.total(call), pathlib.PurePath(report_dir), names)


def test_outputs_of__one_suite() -> None:
    """One suite has plain values, in the contract's order."""
    values = _outputs_of(builders.make_call(), "junit-reports", ["TEST-kore-Banking.xml"])

    assert list(values) == ORDER
    assert values == {
        "verdict": "passed",
        "exit-code": "0",
        "status": "SUCCESS",
        "ds-id": "ds-1",
        "run-id": "",
        "test-suite-id": "ts-1",
        "suite-name": "Banking regression",
        "steps": "1",
        "assertions": "1",
        "passed": "1",
        "failed": "0",
        "skipped": "0",
        "errors": "0",
        "duration": "7.345",
        "junit-path": "junit-reports/TEST-kore-Banking.xml",
        "report-path": "junit-reports/kore-report.html",
    }


def test_outputs_of__several_suites() -> None:
    """Several suites have arrays of ids, names and status words, and sums of counts."""
    values = _outputs_of(_failing(), "out/", ["TEST-kore-a.xml", "TEST-kore-b.xml"])

    assert list(values) == ORDER
    assert (values["verdict"], values["exit-code"]) == ("failed", "1")
    assert values["ds-id"] == '["ds-1", "ds-2"]'
    assert json.loads(values["suite-name"]) == ["Banking regression", "Loans"]
    assert json.loads(values["status"]) == ["SUCCESS", ""]
    assert [values[name] for name in ("steps", "assertions", "passed", "failed")] == ["3", "3", "2", "1"]
    assert values["junit-path"] == "out/TEST-kore-*.xml"


def _unfinished() -> Result:
    """Build a call of three suites that timed out, one of them in the middle of its steps."""
    late = builders.make_result(Ending.TIMED_OUT, suite=None)
    begun = builders.make_step(replies=(builders.make_reply(), builders.make_reply(assertions=())))
    return builders.make_call(
        late,
        replace(late, key="ds-2"),
        builders.make_result(Ending.TIMED_OUT, key="ds-3", suite=builders.make_suite(steps=(begun, begun))),
    )


@pytest.mark.parametrize("granularity", ["assertion", "step"])
@pytest.mark.parametrize("make", [_failing, _unfinished, builders.make_call])
def test_outputs_of__counts(make: Callable[[], Result], granularity: str) -> None:
    """The counts are those of the JUnit files, the gate's own test cases among them."""
    call = replace(make(), junit_granularity=granularity)

    values = _outputs_of(call, "out")

    roots = [etree.fromstring(junit.render(suite, call)) for suite in call.suites]
    stated = {
        key: sum(int(root.get(name, "")) for root in roots)
        for key, name in (("failed", "failures"), ("errors", "errors"), ("skipped", "skipped"))
    }
    stated["passed"] = sum(int(root.get("tests", "")) for root in roots) - sum(stated.values())
    assert {key: int(values[key]) for key in stated} == stated


def test_outputs_of__settings() -> None:
    """A problem of the settings is no suite, and the error it is in its JUnit file."""
    wrong = builders.make_result(Ending.ERROR, key="settings", name="settings", phase=Phase.SETTINGS, suite=None)

    alone = _outputs_of(builders.make_call(wrong), "out", ["TEST-kore-settings.xml"])
    beside = _outputs_of(builders.make_call(builders.make_result(), wrong), "out", ["a.xml", "b.xml"])

    assert (alone["suite-name"], alone["ds-id"], alone["steps"], alone["errors"]) == ("", "", "0", "1")
    assert alone["junit-path"] == "out/TEST-kore-settings.xml"
    assert (beside["suite-name"], beside["ds-id"], beside["errors"]) == ("Banking regression", "ds-1", "1")


def test_outputs_of__no_suite() -> None:
    """A call that never got to a suite still has its verdict."""
    result = Result(
        version="1",
        command="wait",
        host="https://platform.kore.ai",
        stream_id="st-1",
        verdict=builders.make_verdict(Ending.REFUSED),
    )

    values = _outputs_of(result, ".", ["TEST-kore-ds-1.xml"])

    assert (values["verdict"], values["exit-code"], values["ds-id"], values["steps"]) == ("refused", "6", "", "0")
    assert values["junit-path"] == "TEST-kore-ds-1.xml"


def test_outputs_of__download() -> None:
    """The link to a results file is there only when Kore.ai sent one."""
    sent = builders.make_result(download_url="https://kore.example/r.csv")

    assert _outputs_of(builders.make_call(sent), "r")["download-url"] == "https://kore.example/r.csv"


def test_github_file__form() -> None:
    """Each output is a block of its own."""
    file = outputs.github_file({"verdict": "passed", "ds-id": ""}, lambda: "1")

    assert file == ("verdict<<ghadelimiter_1\npassed\nghadelimiter_1\nds-id<<ghadelimiter_1\n\nghadelimiter_1\n")


@given(value=st.text(), name=st.sampled_from(ORDER))
def test_github_file__any_text(value: str, name: str) -> None:
    """The runner reads back any text, and no output but the one that was written."""
    file = outputs.github_file({name: value, "verdict": "failed"}, lambda: "4f2c")

    read = runners.github_outputs(file.encode().decode())
    expected = value.encode("utf-8", "replace").decode()
    assert read == {name: expected, "verdict": "failed"}


def test_dotenv__form() -> None:
    """One line per value that is not empty, under a name that can't clash."""
    file = outputs.dotenv(_outputs_of(builders.make_call(), "junit-reports", ["TEST-kore-a.xml"]))

    assert file == (
        "KORE_VERDICT=passed\nKORE_EXIT_CODE=0\nKORE_STATUS=SUCCESS\nKORE_DS_ID=ds-1\nKORE_TEST_SUITE_ID=ts-1\n"
        "KORE_SUITE_NAME=Banking regression\nKORE_STEPS=1\nKORE_ASSERTIONS=1\nKORE_PASSED=1\nKORE_FAILED=0\n"
        "KORE_SKIPPED=0\nKORE_ERRORS=0\nKORE_DURATION=7.345\nKORE_JUNIT_PATH=junit-reports/TEST-kore-a.xml\n"
        "KORE_REPORT_PATH=junit-reports/kore-report.html\n"
    )


@given(values=st.dictionaries(st.sampled_from(ORDER), st.text()))
def test_dotenv__any_text(values: dict[str, str]) -> None:
    """Any text makes a file GitLab takes, in which nothing is left for it to expand."""
    file = outputs.dotenv(values)

    read = runners.gitlab_dotenv(file)
    assert set(read) <= {f"KORE_{name.upper().replace('-', '_')}" for name in values}
    assert "$" not in file


def test_dotenv__too_large() -> None:
    """The longest values give way, and the verdict never does."""
    ids = json.dumps([f"ds-{number:032}" for number in range(500)])

    read = runners.gitlab_dotenv(outputs.dotenv({"verdict": "failed", "exit-code": "1", "ds-id": ids, "steps": "9"}))

    assert read == {"KORE_VERDICT": "failed", "KORE_EXIT_CODE": "1", "KORE_STEPS": "9"}


def test_dotenv__too_many() -> None:
    """No more variables than GitLab takes are written."""
    many = {f"n{number}": "x" * number for number in range(1, 30)}

    read = runners.gitlab_dotenv(outputs.dotenv({"verdict": "failed", **many}))

    assert len(read) == 20
    assert read["KORE_VERDICT"] == "failed"


def test_dotenv__dollar_in_a_link() -> None:
    """A link keeps working where GitLab would expand a dollar sign."""
    file = outputs.dotenv({"download-url": "https://kore.example/r.csv?sig=a%2Fb&x=$HOME"})

    assert file == "KORE_DOWNLOAD_URL=https://kore.example/r.csv?sig=a%2Fb&x=%24HOME\n"


def test_gitlab_annotations__web_pages_only() -> None:
    """Links to web pages are on the job page, and nothing else is."""
    links = [
        ("Report", "https://gitlab.example/report.html"),
        ("Two\nlines \x1b[31m", "http://a.example/"),
        ("Script", "javascript:alert(1)"),
        ("Break", "https://a.example/\n"),
        ("Long", "https://a.example/" + "x" * 3000),
    ]

    file = json.loads(outputs.gitlab_annotations(links))

    assert file == {
        "kore_gate": [
            {"external_link": {"label": "Report", "url": "https://gitlab.example/report.html"}},
            {"external_link": {"label": "Two lines", "url": "http://a.example/"}},
        ]
    }


@pytest.mark.parametrize(
    ("job_url", "path", "address"),
    [
        pytest.param(
            "https://gitlab.example/a/b/-/jobs/7",
            "junit-reports/kore-report.html",
            "https://gitlab.example/a/b/-/jobs/7/artifacts/file/junit-reports/kore-report.html",
            id="usual",
        ),
        pytest.param(
            "https://gitlab.example/jobs/7/",
            "my reports/ä#?/kore-report.html",
            "https://gitlab.example/jobs/7/artifacts/file/my%20reports/%C3%A4%23%3F/kore-report.html",
            id="any name",
        ),
        pytest.param(
            "https://gitlab.example/jobs/7",
            "./r.html",
            "https://gitlab.example/jobs/7/artifacts/file/r.html",
            id="here",
        ),
    ],
)
def test_gitlab_report__link(job_url: str, path: str, address: str) -> None:
    """The job page links to the report, as GitLab shows it among the job's artifacts."""
    links = outputs.gitlab_report(job_url, path)

    assert links == [("Conversation test report", address)]
    assert address in outputs.gitlab_annotations(links)


@pytest.mark.parametrize(
    ("job_url", "path"),
    [
        ("", "r.html"),
        ("https://gitlab.example/jobs/7", "/tmp/r.html"),
        ("https://gitlab.example/jobs/7", "a/../../r.html"),
    ],
    ids=["no job", "absolute", "outside"],
)
def test_gitlab_report__no_artifact(job_url: str, path: str) -> None:
    """Outside the project's folder nothing becomes an artifact, so there is nothing to link to."""
    assert outputs.gitlab_report(job_url, path) == []
