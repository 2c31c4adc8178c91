"""The report directory: which files a call leaves, in what order, each whole or not at all."""

import contextlib
import json
import pathlib
import re
import tempfile
import urllib.parse
from collections.abc import Callable, Container, Iterable, Iterator, Mapping

from kore_gate import errors, text
from kore_gate.ci import outputs
from kore_gate.model import Result, SuiteResult
from kore_gate.reports import cases, html, junit, result, summary


def name(suite: str, link: str, taken: Container[str] = ()) -> str:
    """Return `kore-results-<suite>.<ext>` as no file of the call is named: `taken` holds those names in lower case."""
    base, ending, number = text.file_name(suite), _ending(link), 1
    made = f"kore-results-{base}.{ending}"
    while made.casefold() in taken:
        number += 1
        made = f"kore-results-{base}-{number}.{ending}"
    return made


def _ending(link: str) -> str:
    """Take a file's ending from its link, where that has a plain one."""
    parts = urllib.parse.urlsplit(link)
    query = urllib.parse.parse_qs(parts.query)
    for candidate in (*query.get("clientfilename", ()), parts.path):
        ending = re.search(r"\.([A-Za-z0-9]{1,8})$", candidate)
        if ending:
            return ending[1].lower()
    return "bin"


RESULT, PAGE = "kore-result.json", "kore-report.html"
FIXED_NAMES = (RESULT, PAGE, "kore-summary.md", "kore-annotations.json", "kore.env")

_READABLE_BY_ALL = 0o644

# Bytes; more than any file system takes for one name can be no name of ours.
_LONGEST_NAME = 255

# What an earlier result says of files is believed only where the names are such as the gate gives.
_DOWNLOAD = re.compile(r"kore-results-[\w.-]+")
_JUNIT = re.compile(r"TEST-kore-[\w.-]+\.xml")


class Writer:
    """Writes reports into one directory. Every method raises ReportError with what to do about it."""

    def __init__(self, directory: str) -> None:
        self.directory = pathlib.Path(directory)
        self.written: list[str] = []

    def prepare(self, command: str, stream_id: str) -> None:
        """Make the directory, and remove what an earlier run of this gate left; an empty stream id stands for any."""
        self.make()
        for name in self._left_behind(command, stream_id):
            try:
                (self.directory / name).unlink(missing_ok=True)
            except OSError as exc:
                raise self._failed(str(self.directory / name), exc) from exc

    def make(self) -> None:
        """Make the directory, and see that it can be written to."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.directory):
                pass
        except OSError as exc:
            raise self._failed(str(self.directory), exc) from exc

    def keep(self, names: Iterable[str]) -> None:
        """Count downloads that an earlier call saved among the files of this one."""
        self.written += [
            name
            for name in names
            if _DOWNLOAD.fullmatch(name) and self._is_own(name) and (self.directory / name).is_file()
        ]

    def write(self, name: str, data: bytes) -> None:
        """Write one file under its name once it is complete."""
        with self.open(name) as write:
            write(data)

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[Callable[[bytes], object]]:
        """Give a function that takes a file's content piece by piece; the file appears when all of it is there."""
        path = self.directory / name
        temporary: pathlib.Path | None = None
        try:
            with tempfile.NamedTemporaryFile(dir=self.directory, prefix=".kore-", delete=False) as file:
                temporary = pathlib.Path(file.name)
                yield file.write
            with contextlib.suppress(OSError):  # not every file system knows modes
                temporary.chmod(_READABLE_BY_ALL)
            temporary.replace(path)
            temporary = None
        except OSError as exc:
            raise self._failed(str(path), exc) from exc
        finally:
            if temporary:
                with contextlib.suppress(OSError):
                    temporary.unlink(missing_ok=True)
        if name not in self.written:
            self.written.append(name)

    def discard(self, name: str) -> None:
        """Remove a file of this call, as far as it can be removed."""
        with contextlib.suppress(OSError):
            (self.directory / name).unlink(missing_ok=True)
        if name in self.written:
            self.written.remove(name)

    def read_back(self, name: str) -> bytes:
        """Return what a written file holds."""
        try:
            return (self.directory / name).read_bytes()
        except OSError as exc:
            raise self._failed(name, exc) from exc

    def append(self, path: str, text: str) -> None:
        """Append to a file that the CI system gave."""
        try:
            with pathlib.Path(path).open("a", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
                file.write(text)
        except OSError as exc:
            raise self._failed(path, exc) from exc

    def _left_behind(self, command: str, stream_id: str) -> Iterable[str]:
        """Name the files of an earlier run: those all gates share, and those that were the same gate's."""
        try:
            earlier = json.loads((self.directory / RESULT).read_bytes())
        except (OSError, ValueError, RecursionError):
            return FIXED_NAMES
        told = earlier if isinstance(earlier, Mapping) else {}
        same = told.get("command") == command and stream_id in ("", told.get("stream_id"))
        files = told.get("files") if same else ()
        return [*FIXED_NAMES, *(name for name in (files if isinstance(files, list) else ()) if self._is_own(name))]

    def _is_own(self, name: object) -> bool:
        if not isinstance(name, str) or not (_JUNIT.fullmatch(name) or _DOWNLOAD.fullmatch(name)):
            return False
        return len(name.encode(errors="replace")) <= _LONGEST_NAME and not (self.directory / name).is_dir()

    @staticmethod
    def _failed(what: str, exc: OSError) -> errors.ReportError:
        return errors.ReportError(
            f"{what} could not be written: {exc.strerror or exc}.",
            cause="report-dir is a file, belongs to another user or is read-only, or the disk is full.",
            hint="Set report-dir to a directory that this user can write to.",
        )


def junit_names(call: Result) -> list[str]:
    """Name the JUnit file of each suite, unique also where upper and lower case are one."""
    taken: set[str] = set()
    return [junit_name(suite.name, taken) for suite in call.suites]


def junit_name(suite: str, taken: set[str]) -> str:
    """Name a suite's JUnit file unlike those whose stems are `taken`, in lower case; the new one is added to them."""
    base = text.file_name(suite)
    number, name = 1, base
    while name.casefold() in taken:
        number += 1
        name = f"{base}-{number}"
    taken.add(name.casefold())
    return f"TEST-kore-{name}.xml"


def write(call: Result, writer: Writer, directory: str, job_url: str = "") -> list[errors.ReportError]:
    """Write every report, and go on when one fails; return what failed. GitLab's page of the job gets links."""
    failures: list[errors.ReportError] = []
    for name, write_one in _reports(call, writer, directory, job_url):
        try:
            write_one()
        except errors.ReportError as error:
            failures.append(error)
        except Exception as exc:  # noqa: BLE001 one report's bug must not lose the others
            failures.append(errors.ReportError(f"{name} could not be created: {type(exc).__name__}: {exc}."))
    return failures


def _reports(call: Result, writer: Writer, directory: str, job_url: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """Give every report with what writes it, those that take long last: an interrupted call has five seconds."""
    names = junit_names(call)
    if call.ci == "gitlab":
        told = outputs.outputs_of(call, cases.total(call), directory, names)
        yield "kore.env", lambda: writer.write("kore.env", outputs.dotenv(told).encode())
        links = outputs.gitlab_report(job_url, told["report-path"])
        links += [("Kore.ai results file", suite.download_url) for suite in call.suites if suite.download_url]
        yield (
            "kore-annotations.json",
            lambda: writer.write("kore-annotations.json", outputs.gitlab_annotations(links).encode()),
        )
    for name, suite in sorted(zip(names, call.suites, strict=True), key=lambda one: _size(one[1])):

        def write_junit(name: str = name, suite: SuiteResult = suite) -> None:
            writer.write(name, junit.render(suite, call))
            junit.verify(writer.read_back(name), suite, call)

        yield name, write_junit
    yield "kore-summary.md", lambda: writer.write("kore-summary.md", summary.render(call).encode())
    files = sorted({*(name for name in writer.written if not name.startswith("TEST-kore-")), *names, RESULT, PAGE})
    yield RESULT, lambda: writer.write(RESULT, result.render(call, files))
    yield PAGE, lambda: writer.write(PAGE, html.render(call))


def _size(suite: SuiteResult) -> int:
    return len(suite.suite.steps) if suite.suite else 0
