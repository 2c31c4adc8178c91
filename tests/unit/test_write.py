import errno
import json
import os
import pathlib
import re
import resource
import signal
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kore_gate import errors
from kore_gate.errors import Ending
from kore_gate.reports import html, junit, lint, summary, write
from kore_gate.reports.write import FIXED_NAMES, RESULT, Writer
from tests import builders


@pytest.fixture
def writer(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Writer:
    """Return a writer into a directory that is there."""
    monkeypatch.chdir(tmp_path)
    reports = Writer("reports")
    reports.make()
    return reports


def files(directory: pathlib.Path) -> dict[str, str]:
    """Return what every file of a directory holds."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(directory.iterdir()) if path.is_file()}


def leave(writer: Writer, **changes: object) -> None:
    """Leave the files of an earlier run, and those of the user."""
    result = {"command": "wait", "stream_id": "st-1", "files": ["TEST-kore-a.xml", "kore-results-a.csv", RESULT]}
    for name in (*FIXED_NAMES, "TEST-kore-a.xml", "kore-results-a.csv", "TEST-kore-mine.xml", "mine.xml"):
        (writer.directory / name).write_text("old", encoding="utf-8")
    (writer.directory / RESULT).write_text(json.dumps({**result, **changes}), encoding="utf-8")


def test_write__whole(writer: Writer) -> None:
    """A file appears with all of its content, readable by everyone, and is counted once."""
    writer.write("a.txt", b"old")
    writer.write("a.txt", "new ä".encode())

    assert files(writer.directory) == {"a.txt": "new ä"}
    assert (writer.directory / "a.txt").stat().st_mode & 0o777 == 0o644
    assert writer.written == ["a.txt"]
    assert writer.read_back("a.txt") == "new ä".encode()


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), errors.Unavailable("x")], ids=repr)
def test_write__interrupted(writer: Writer, monkeypatch: pytest.MonkeyPatch, failure: BaseException) -> None:
    """A file that is not complete leaves the old one and no other: it has no name until all of it is there."""
    writer.write("a.txt", b"old")

    def fail(path: pathlib.Path, _: int) -> None:
        assert path.read_bytes() == b"new"
        raise failure

    monkeypatch.setattr(pathlib.Path, "chmod", fail)

    with pytest.raises(type(failure)):
        writer.write("a.txt", b"new")

    assert files(writer.directory) == {"a.txt": "old"}


@pytest.fixture
def small_files() -> Iterator[None]:
    """Let no file grow beyond 64 KiB, as on a full disk."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.usefixtures("small_files")
def test_write__disk_full(writer: Writer) -> None:
    """A disk that is full leaves the old file and no half of the new one, and is reported with what to do."""
    writer.write("a.txt", b"old")

    with pytest.raises(errors.ReportError) as failed:
        writer.write("a.txt", bytes(10**6))

    assert files(writer.directory) == {"a.txt": "old"}
    assert failed.value.message == f"{writer.directory}/a.txt could not be written: File too large."
    assert failed.value.hint == "Set report-dir to a directory that this user can write to."
    assert writer.written == ["a.txt"]


@pytest.mark.parametrize("step", ["replace", "unlink"])
def test_write__fails_at_the_end(writer: Writer, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """A file that can't get its name is an error, also where what is left can't be removed."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(pathlib.Path, "replace", refuse)
    if step == "unlink":
        monkeypatch.setattr(pathlib.Path, "unlink", refuse)

    with pytest.raises(errors.ReportError, match="Read-only file system"):
        writer.write("a.txt", b"x")

    assert len(files(writer.directory)) == (step == "unlink")
    assert writer.written == []


def test_write__modes_unknown(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without modes is good enough."""

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(pathlib.Path, "chmod", refuse)

    writer.write("a.txt", b"x")

    assert files(writer.directory) == {"a.txt": "x"}


def test_write__name_is_a_directory(writer: Writer) -> None:
    """A directory in the way of a report stays where it is."""
    (writer.directory / "a.txt").mkdir()

    with pytest.raises(errors.ReportError, match=r"a\.txt could not be written: Is a directory"):
        writer.write("a.txt", b"x")

    assert [path.name for path in writer.directory.iterdir()] == ["a.txt"]


def test_write__link(writer: Writer, tmp_path: pathlib.Path) -> None:
    """A link in the place of a report is replaced; what it points to is not touched."""
    (tmp_path / "secret").write_text("mine", encoding="utf-8")
    (writer.directory / "a.txt").symlink_to(tmp_path / "secret")

    writer.write("a.txt", b"x")

    assert (tmp_path / "secret").read_text(encoding="utf-8") == "mine"
    assert files(writer.directory) == {"a.txt": "x"}


def test_read_back__gone(writer: Writer) -> None:
    """A report that is gone right after it was written is an error."""
    with pytest.raises(errors.ReportError, match="No such file"):
        writer.read_back("a.txt")


def test_make__deep(tmp_path: pathlib.Path) -> None:
    """Missing directories are made, and nothing is left in them."""
    writer = Writer(str(tmp_path / "a" / "b"))

    writer.make()

    assert list((tmp_path / "a" / "b").iterdir()) == []


@pytest.mark.parametrize("below", ["", "/sub"])
def test_make__is_a_file(tmp_path: pathlib.Path, below: str) -> None:
    """A file in the place of the directory, or on the way to it, is reported."""
    (tmp_path / "file").write_text("mine", encoding="utf-8")

    with pytest.raises(errors.ReportError) as failed:
        Writer(f"{tmp_path}/file{below}").prepare("wait", "st-1")

    assert failed.value.message.startswith(f"{tmp_path}/file{below} could not be written: ")
    assert "report-dir is a file" in failed.value.cause


def test_make__read_only(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that is there and can't be written to is reported before anything is sent."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)

    with pytest.raises(errors.ReportError, match="Permission denied"):
        Writer(str(tmp_path)).prepare("wait", "st-1")


@pytest.mark.parametrize("stream", ["st-1", ""], ids=["same bot", "bot not known"])
def test_prepare__same_gate(writer: Writer, stream: str) -> None:
    """What an earlier run of this gate left is removed, and nothing else."""
    leave(writer)

    writer.prepare("wait", stream)

    assert files(writer.directory) == {"TEST-kore-mine.xml": "old", "mine.xml": "old"}


@pytest.mark.parametrize(("command", "stream"), [("run", "st-1"), ("wait", "st-2"), ("run", "")])
def test_prepare__another_gate(writer: Writer, command: str, stream: str) -> None:
    """Another gate's JUnit files in the same directory stay; what is named alike for all is replaced."""
    leave(writer)

    writer.prepare(command, stream)

    assert sorted(files(writer.directory)) == [
        "TEST-kore-a.xml",
        "TEST-kore-mine.xml",
        "kore-results-a.csv",
        "mine.xml",
    ]


@pytest.mark.parametrize("content", [b"", b"no json", b"[]", b"\xff", b"[" * 100_000, b'"files"', b"null"])
def test_prepare__unreadable_result(writer: Writer, content: bytes) -> None:
    """A result that can't be read names no files."""
    leave(writer)
    (writer.directory / RESULT).write_bytes(content)

    writer.prepare("wait", "st-1")

    assert len(files(writer.directory)) == 4
    assert not (writer.directory / RESULT).exists()


@pytest.mark.parametrize(
    "listed",
    [
        "mine.xml",
        ["../outside.xml", "TEST-kore-/../../outside.xml", "/etc/TEST-kore-x.xml", "TEST-kore-..\\outside.xml"],
        ["mine.xml", "kore-results-", "TEST-kore-x.html", "kore-results-x y"],
        ["TEST-kore-\x00.xml", "TEST-kore-\ud800.xml", f"TEST-kore-{'x' * 300}.xml", f"kore-results-{'x' * 5000}"],
        [1, None, {"name": "mine.xml"}, ["mine.xml"]],
        {"mine.xml": 1},
        None,
        ["TEST-kore-folder.xml", "kore-results-folder"],
    ],
)
def test_prepare__hostile_result(writer: Writer, tmp_path: pathlib.Path, listed: object) -> None:
    """Whatever a result names, only files as the gate names them are removed, in its own directory."""
    (tmp_path / "outside.xml").write_text("mine", encoding="utf-8")
    for name in ("TEST-kore-folder.xml", "kore-results-folder"):
        (writer.directory / name).mkdir()
    leave(writer, files=listed)

    writer.prepare("wait", "st-1")

    assert (tmp_path / "outside.xml").exists()
    assert sorted(path.name for path in writer.directory.iterdir()) == [
        "TEST-kore-a.xml",
        "TEST-kore-folder.xml",
        "TEST-kore-mine.xml",
        "kore-results-a.csv",
        "kore-results-folder",
        "mine.xml",
    ]


def test_prepare__fixed_name_is_a_directory(writer: Writer) -> None:
    """A directory in the way of a report is reported by name before anything is sent."""
    (writer.directory / "kore-report.html").mkdir()

    with pytest.raises(errors.ReportError, match=r"kore-report\.html could not be written"):
        writer.prepare("wait", "st-1")


@given(
    listed=st.recursive(
        st.none() | st.text() | st.integers(), lambda part: st.lists(part) | st.dictionaries(st.text(), part)
    )
)
def test_prepare__any_result(tmp_path_factory: pytest.TempPathFactory, listed: object) -> None:
    """No list of files makes anything happen to the user's own."""
    writer = Writer(str(tmp_path_factory.mktemp("reports")))
    leave(writer, files=listed)

    writer.prepare("wait", "st-1")

    assert {"TEST-kore-mine.xml", "mine.xml"} <= files(writer.directory).keys()


def test_keep(writer: Writer) -> None:
    """Downloads of an earlier call that are still there count among the files."""
    leave(writer)

    writer.keep(["TEST-kore-a.xml", "kore-results-a.csv", "kore-results-b.csv", "../kore-results-a.csv", RESULT])

    assert writer.written == ["kore-results-a.csv"]


def test_keep__marks(writer: Writer) -> None:
    """A name of letters with marks is one of the gate's own, as it writes it."""
    name = write.name("की जाँच", "https://files.example/x.csv")
    (writer.directory / name).write_bytes(b"x")

    writer.keep([name, "kore-results- .csv", "kore-results-\u0940.csv"])

    assert writer.written == [name] == ["kore-results-की-जाँच.csv"]


def test_append(writer: Writer, tmp_path: pathlib.Path) -> None:
    """What the CI system's file holds already is kept, and no text can fail to be written."""
    path = tmp_path / "output"
    path.write_text("a=1\n", encoding="utf-8")

    writer.append(str(path), "b=\ud83d ä\n")

    assert path.read_bytes() == "a=1\nb=\\ud83d ä\n".encode()
    assert writer.written == []


def test_append__fails(writer: Writer, tmp_path: pathlib.Path) -> None:
    """A file of the CI system that can't be written to is an error as well."""
    with pytest.raises(errors.ReportError, match="Is a directory"):
        writer.append(str(tmp_path), "x")


@pytest.mark.parametrize(
    ("link", "ending"),
    [
        ("https://files.example/results.csv?sig=1", "csv"),
        ("https://files.example/Results.XLSX", "xlsx"),
        ("https://files.example/results.tar.gz#top", "gz"),
        ("https://files.example/x?clientfilename=results.json", "json"),
        ("https://files.example/x.csv?clientfilename=results", "csv"),
        ("https://files.example/x.csv?clientfilename=results.json", "json"),
        ("https://files.example/results", "bin"),
        ("https://files.example/v1.0/results", "bin"),
        ("https://files.example/results.c%2Fsv", "bin"),
        ("https://files.example/results.äöü", "bin"),
        ("https://files.example/results.csv/", "bin"),
        ("https://files.example", "bin"),
    ],
)
def test_name__ending(link: str, ending: str) -> None:
    """A results file keeps the ending its link gives, where that is a plain one."""
    assert write.name("Banking / loans", link) == f"kore-results-Banking---loans.{ending}"


def test_name__taken() -> None:
    """Two suites never share a file, also where upper and lower case are one."""
    taken = {"kore-results-a.csv", "kore-results-a-2.csv"}

    assert write.name("A", "https://files.example/x.csv", taken) == "kore-results-A-3.csv"


@given(suite=st.text(), path=st.text())
def test_name__any_text(suite: str, path: str) -> None:
    """No suite and no link lead out of the directory."""
    file = write.name(suite, f"https://files.example/{path}")

    assert re.fullmatch(r"kore-results-[\w.-]+\.[a-z0-9]{1,8}", file)
    assert len(file.encode()) < 255


def junit_files(*suites: str) -> list[str]:
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
    assert junit_files(*suites) == files


@given(st.lists(st.text(max_size=300), min_size=1, max_size=5))
def test_junit_names__any_text(suites: list[str]) -> None:
    """Whatever suites are called, their files are in the directory, apart, and of a length disks allow."""
    paths = junit_files(*suites)

    assert len({name.casefold() for name in paths}) == len(suites)
    assert all(pathlib.PurePath(name).name == name and len(name.encode()) < 240 for name in paths)


@pytest.mark.parametrize("name", ["lint", "Lint"])
def test_junit_names__not_the_lints(name: str) -> None:
    """A suite takes no file from the lint, which may report into the same folder."""
    assert junit_files(name) == [f"TEST-kore-{name}-2.xml"]
    assert lint.JUNIT.casefold() == f"TEST-kore-{name}.xml".casefold()


def test_write_all__order(writer: Writer) -> None:
    """Every report is written, the page last; the result names all of them."""
    call = builders.make_call(builders.make_result(name="a"), builders.make_result(name="b"))

    failures = write.write(call, writer)

    expected = ["TEST-kore-a.xml", "TEST-kore-b.xml", "kore-summary.md", RESULT, "kore-report.html"]
    assert failures == []
    assert writer.written == expected
    assert sorted(path.name for path in writer.directory.iterdir()) == sorted(expected)
    assert json.loads(writer.read_back(RESULT))["files"] == sorted(expected)


def test_write_all__again(writer: Writer) -> None:
    """Written again, the files are the same, the result's own list of them included."""
    call = builders.make_call(builders.make_result(Ending.FAILED))

    write.write(call, writer)
    before = {path.name: path.read_bytes() for path in writer.directory.iterdir()}
    write.write(call, writer)

    assert {path.name: path.read_bytes() for path in writer.directory.iterdir()} == before


def test_write_all__gitlab(writer: Writer) -> None:
    """GitLab gets a dotenv report, and links for the page of the job."""
    linked = builders.make_result(download_url="https://files.example/x.csv")
    call = builders.make_call(linked, builders.make_result(name="b"), ci="gitlab")

    failures = write.write(call, writer)

    links = json.loads(writer.read_back("kore-annotations.json"))
    assert failures == []
    assert "KORE_VERDICT=passed\n" in writer.read_back("kore.env").decode()
    assert "KORE_JUNIT_PATH=reports/TEST-kore-*.xml\n" in writer.read_back("kore.env").decode()
    assert [link["external_link"]["url"] for link in links["kore_gate"]] == ["https://files.example/x.csv"]


def test_write_all__gitlab_links_the_page(writer: Writer) -> None:
    """Where the job's own page is known, it gets a link to the report among its artifacts."""
    write.write(builders.make_call(ci="gitlab"), writer, "https://gitlab.example/-/jobs/7")

    [link] = json.loads(writer.read_back("kore-annotations.json"))["kore_gate"]
    assert link["external_link"]["url"] == "https://gitlab.example/-/jobs/7/artifacts/file/reports/kore-report.html"


def test_write_all__one_can_not_be_written(writer: Writer) -> None:
    """A report that can't be written is reported, and costs no other."""
    (writer.directory / "kore-report.html").mkdir()

    failures = write.write(builders.make_call(), writer)

    assert [failure.message for failure in failures] == [
        f"{writer.directory}/kore-report.html could not be written: Is a directory."
    ]
    assert len(writer.written) == 3


def test_write_all__summary_without_page(writer: Writer) -> None:
    """A summary does not lead to a page that could not be written."""
    (writer.directory / "kore-report.html").mkdir()

    write.write(builders.make_call(), writer)

    assert "kore-report.html" not in writer.read_back("kore-summary.md").decode()


@pytest.mark.parametrize(("module", "name"), [(html, "kore-report.html"), (summary, "kore-summary.md")])
def test_write_all__one_can_not_be_made(
    writer: Writer, monkeypatch: pytest.MonkeyPatch, module: object, name: str
) -> None:
    """A bug in one report is reported by the report's name, and costs no other."""

    def fail(*_: object) -> str:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(module, "render", fail)

    failures = write.write(builders.make_call(), writer)

    assert [failure.message for failure in failures] == [
        f"{name} could not be created: ZeroDivisionError: division by zero."
    ]
    assert len(writer.written) == 3


def test_write_all__junit_is_read_again(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A JUnit file that says other than the verdict is an error."""
    other = builders.make_result(Ending.FAILED, suite=None)
    wrong = junit.render(other, builders.make_call(other))
    monkeypatch.setattr(junit, "render", lambda *_: wrong)

    (failure,) = write.write(builders.make_call(), writer)

    assert isinstance(failure, errors.ReportError)
    assert "TEST-kore-Banking-regression.xml" in writer.written
