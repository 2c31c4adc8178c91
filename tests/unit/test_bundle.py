import json
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kore_gate import errors
from kore_gate.errors import Ending
from kore_gate.reports import html, junit, summary, write
from kore_gate.reports.write import RESULT, Writer
from tests import builders


@pytest.fixture
def writer(tmp_path: pathlib.Path) -> Writer:
    """Return a writer into an empty directory."""
    return Writer(str(tmp_path))


def names(*suites: str) -> list[str]:
    """Return the JUnit files of suites with these names."""
    return write.junit_names(builders.make_call(*(builders.make_result(name=name) for name in suites)))


@pytest.mark.parametrize(
    ("suites", "files"),
    [
        (["Banking regression"], ["TEST-kore-Banking-regression.xml"]),
        (["a/b", "a b", "a-b"], ["TEST-kore-a-b.xml", "TEST-kore-a-b-2.xml", "TEST-kore-a-b-3.xml"]),
        (["Loans", "loans"], ["TEST-kore-Loans.xml", "TEST-kore-loans-2.xml"]),
        (["a-2", "a", "a"], ["TEST-kore-a-2.xml", "TEST-kore-a.xml", "TEST-kore-a-3.xml"]),
        (["..", "/", ""], ["TEST-kore-suite.xml", "TEST-kore--.xml", "TEST-kore-suite-2.xml"]),
    ],
    ids=str,
)
def test_junit_names(suites: list[str], files: list[str]) -> None:
    """Each suite has a file of its own, also where upper and lower case are one."""
    assert names(*suites) == files


@given(st.lists(st.text(max_size=300), min_size=1, max_size=5))
def test_junit_names__any_text(suites: list[str]) -> None:
    """Whatever suites are called, their files are in the directory, apart, and of a length disks allow."""
    made = names(*suites)

    assert len({name.casefold() for name in made}) == len(suites)
    assert all(pathlib.PurePath(name).name == name and len(name.encode()) < 240 for name in made)


def test_write__all(writer: Writer) -> None:
    """Every report is written, the page last; the result names all of them."""
    call = builders.make_call(builders.make_result(name="a"), builders.make_result(name="b"))

    failures = write.write(call, writer, "reports")

    expected = ["TEST-kore-a.xml", "TEST-kore-b.xml", "kore-summary.md", RESULT, "kore-report.html"]
    assert failures == []
    assert writer.written == expected
    assert sorted(path.name for path in writer.directory.iterdir()) == sorted(expected)
    assert json.loads(writer.read_back(RESULT))["files"] == sorted(expected)


def test_write__again(writer: Writer) -> None:
    """Written again, the files are the same, the result's own list of them included."""
    call = builders.make_call(builders.make_result(Ending.FAILED))

    write.write(call, writer, "reports")
    before = {path.name: path.read_bytes() for path in writer.directory.iterdir()}
    write.write(call, writer, "reports")

    assert {path.name: path.read_bytes() for path in writer.directory.iterdir()} == before


def test_write__gitlab(writer: Writer) -> None:
    """GitLab gets a dotenv report, and links for the page of the job."""
    linked = builders.make_result(download_url="https://files.example/x.csv")
    call = builders.make_call(linked, builders.make_result(name="b"), ci="gitlab")

    failures = write.write(call, writer, "reports")

    links = json.loads(writer.read_back("kore-annotations.json"))
    assert failures == []
    assert "KORE_VERDICT=passed\n" in writer.read_back("kore.env").decode()
    assert "KORE_JUNIT_PATH=reports/TEST-kore-*.xml\n" in writer.read_back("kore.env").decode()
    assert [link["external_link"]["url"] for link in links["kore_gate"]] == ["https://files.example/x.csv"]


def test_write__gitlab_links_the_page(writer: Writer) -> None:
    """Where the job's own page is known, it gets a link to the report among its artifacts."""
    write.write(builders.make_call(ci="gitlab"), writer, "reports", "https://gitlab.example/-/jobs/7")

    [link] = json.loads(writer.read_back("kore-annotations.json"))["kore_gate"]
    assert link["external_link"]["url"] == "https://gitlab.example/-/jobs/7/artifacts/file/reports/kore-report.html"


def test_write__one_can_not_be_written(writer: Writer) -> None:
    """A report that can't be written is told, and costs no other."""
    (writer.directory / "kore-report.html").mkdir()

    failures = write.write(builders.make_call(), writer, "reports")

    assert [failure.message for failure in failures] == [
        f"{writer.directory}/kore-report.html could not be written: Is a directory."
    ]
    assert len(writer.written) == 3


@pytest.mark.parametrize(("module", "name"), [(html, "kore-report.html"), (summary, "kore-summary.md")])
def test_write__one_can_not_be_made(writer: Writer, monkeypatch: pytest.MonkeyPatch, module: object, name: str) -> None:
    """A bug in one report is told by the report's name, and costs no other."""

    def fail(*_: object) -> str:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(module, "render", fail)

    failures = write.write(builders.make_call(), writer, "reports")

    assert [failure.message for failure in failures] == [
        f"{name} could not be created: ZeroDivisionError: division by zero."
    ]
    assert len(writer.written) == 3


def test_write__junit_is_read_again(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A JUnit file that says other than the verdict is an error."""
    other = builders.make_result(Ending.FAILED, suite=None)
    wrong = junit.render(other, builders.make_call(other))
    monkeypatch.setattr(junit, "render", lambda *_: wrong)

    (failure,) = write.write(builders.make_call(), writer, "reports")

    assert isinstance(failure, errors.ReportError)
    assert "TEST-kore-Banking-regression.xml" in writer.written
