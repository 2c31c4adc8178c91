"""The report directory: which files a call leaves, in what order, each whole or not at all."""

import contextlib
import functools
import json
import pathlib
import re
import secrets
import tempfile
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from kore_gate import errors, text
from kore_gate.ci import outputs
from kore_gate.ci.dialects import Context
from kore_gate.errors import Ending
from kore_gate.model import Result, SuiteResult
from kore_gate.reports import cases, html, junit, result, summary
from kore_gate.reports.console import Console

if TYPE_CHECKING:
    from kore_gate.reports.history import Trend

RESULT, PAGE, SUMMARY = "kore-result.json", "kore-report.html", "kore-summary.md"
FIXED_NAMES = (RESULT, PAGE, SUMMARY, "kore-annotations.json", "kore.env")

# GitHub drops a step's summary of more than a mebibyte whole.
_SUMMARY_LIMIT = 1_000_000

# What an earlier result says of files is believed only where the names are such as the gate gives.
_DOWNLOAD = re.compile(r"kore-results-.+")
_JUNIT = re.compile(r"TEST-kore-.+\.xml")


def name(suite: str, link: str, taken: Iterable[str] = ()) -> str:
    """Return `kore-results-<suite>.<ext>` as no file of the call is named: `taken` holds those names in lower case."""
    parts = urllib.parse.urlsplit(link)
    candidates = (*urllib.parse.parse_qs(parts.query).get("clientfilename", ()), parts.path)
    endings = (re.search(r"\.[A-Za-z0-9]{1,8}$", candidate) for candidate in candidates)
    ending = next((ending[0].lower() for ending in endings if ending), ".bin")
    stems = {one.removesuffix(ending): 1 for one in taken if one.endswith(ending)}
    return text.unique(f"kore-results-{text.file_name(suite)}", stems) + ending


class Writer:
    """Writes reports into one directory. Every method raises ReportError with what to do about it."""

    def __init__(self, directory: str) -> None:
        self.directory = pathlib.Path(directory)
        self.written: list[str] = []

    def prepare(self, command: str, stream_id: str) -> None:
        """Make the directory, and remove what an earlier run of this gate left; an empty stream id stands for any."""
        self.make()
        for name in self._left_behind(command, stream_id):
            with _reported(self.directory / name):
                (self.directory / name).unlink(missing_ok=True)

    def make(self) -> None:
        """Make the directory, and see that it can be written to."""
        with _reported(self.directory):
            self.directory.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.directory):
                pass

    def keep(self, names: Iterable[str]) -> None:
        """Count downloads that an earlier call saved among the files of this one."""
        own = (name for name in names if _DOWNLOAD.fullmatch(name) and self._is_own(name))
        self.written += [name for name in own if (self.directory / name).is_file()]

    def write(self, name: str, data: bytes) -> None:
        """Write one file, which appears under its name once it is complete."""
        path = self.directory / name
        temporary: pathlib.Path | None = None
        try:  # also a signal may end it, at any moment
            with _reported(path):
                with tempfile.NamedTemporaryFile(dir=self.directory, prefix=".kore-", delete=False) as file:
                    temporary = pathlib.Path(file.name)
                    file.write(data)
                with contextlib.suppress(OSError):  # not every file system knows modes
                    temporary.chmod(0o644)
                temporary.replace(path)
        finally:
            if temporary is not None:
                _remove(temporary)
        if name not in self.written:
            self.written.append(name)

    def discard(self, name: str) -> None:
        """Remove a file of this call, as far as it can be removed."""
        _remove(self.directory / name)
        if name in self.written:
            self.written.remove(name)

    def read_back(self, name: str) -> bytes:
        """Return what a written file holds."""
        with _reported(name):
            return (self.directory / name).read_bytes()

    def append(self, path: str, text: str) -> None:
        """Append to a file of the CI system."""
        with _reported(path), pathlib.Path(path).open("ab") as file:
            file.write(text.encode(errors="backslashreplace"))

    def _left_behind(self, command: str, stream_id: str) -> Iterable[str]:
        """Name the files of an earlier run: those all gates share, and those that were the same gate's."""
        try:
            earlier = json.loads((self.directory / RESULT).read_bytes())
        except (OSError, ValueError, RecursionError):
            return FIXED_NAMES
        if not isinstance(earlier, Mapping) or earlier.get("command") != command:
            return FIXED_NAMES
        files = earlier.get("files") if stream_id in ("", earlier.get("stream_id")) else ()
        return [*FIXED_NAMES, *(name for name in (files if isinstance(files, list) else ()) if self._is_own(name))]

    def _is_own(self, name: object) -> bool:
        if not isinstance(name, str) or not (_JUNIT.fullmatch(name) or _DOWNLOAD.fullmatch(name)):
            return False
        # No file system takes more than 255 bytes for one name.
        return text.file_name(name, 255) == name and not (self.directory / name).is_dir()


@contextlib.contextmanager
def _reported(path: object) -> Iterator[None]:
    """Turn an operating system's error into a ReportError that names the path."""
    try:
        yield
    except OSError as exc:
        raise errors.ReportError(
            f"{path} could not be written: {exc.strerror or exc}.",
            cause="report-dir is a file, belongs to another user or is read-only, or the disk is full.",
            hint="Set report-dir to a directory that this user can write to.",
        ) from exc


def _remove(path: pathlib.Path) -> None:
    """Remove a file if it is there and can be removed."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def junit_names(call: Result) -> list[str]:
    """Name the JUnit file of each suite, unique also where upper and lower case are one."""
    taken = {"lint": 1}  # the lint's own file, which may be in the same folder
    return [f"TEST-kore-{text.unique(text.file_name(suite.name), taken)}.xml" for suite in call.suites]


def write(call: Result, writer: Writer, job_url: str = "", trends: "Sequence[Trend]" = ()) -> list[errors.ReportError]:
    """Write every report, and go on when one fails; return what failed. GitLab's page of the job gets links."""
    failures: list[errors.ReportError] = []
    for name, render, suite in _reports(call, writer, job_url, trends):
        try:
            writer.write(name, render())
            if suite:
                junit.verify(writer.read_back(name), suite, call)
        except errors.ReportError as error:
            failures.append(error)
        except Exception as exc:  # noqa: BLE001 one report's bug must not lose the others
            failures.append(errors.ReportError(f"{name} could not be created: {type(exc).__name__}: {exc}."))
    return failures


def _reports(
    call: Result, writer: Writer, job_url: str, trends: "Sequence[Trend]"
) -> Iterator[tuple[str, Callable[[], bytes], SuiteResult | None]]:
    """Name every report with what renders it and the suite of a JUnit file."""
    # Those that take long come last: an interrupted call has five seconds.
    names = junit_names(call)
    if call.ci == "gitlab":
        values = outputs.outputs_of(call, cases.total(call), writer.directory, names)
        yield "kore.env", lambda: outputs.dotenv(values).encode(), None
        links = outputs.gitlab_report(job_url, values["report-path"])
        links += [("Kore.ai results file", suite.download_url) for suite in call.suites if suite.download_url]
        yield "kore-annotations.json", lambda: outputs.gitlab_annotations(links).encode(), None
    rows = zip(names, call.suites, junit.titles(call), strict=True)
    for name, suite, title in sorted(rows, key=lambda row: len(row[1].steps)):
        yield name, functools.partial(junit.render, suite, call, title), suite
    yield SUMMARY, lambda: summary.render(call).encode(), None
    files = sorted({*(name for name in writer.written if not name.startswith("TEST-kore-")), *names, RESULT, PAGE})
    yield RESULT, lambda: result.render(call, files), None
    yield PAGE, lambda: html.render(call, trends), None
    if PAGE not in writer.written:
        yield SUMMARY, lambda: summary.render(call, has_page=False).encode(), None


def hand_over(call: Result, writer: Writer, context: Context, console: Console) -> list[errors.ReportError]:
    """Give the CI system outputs and summary; return what failed."""
    values = outputs.outputs_of(call, cases.total(call), writer.directory, junit_names(call))
    console.outputs(values)
    summary_path = writer.directory / SUMMARY
    if summary_path.is_file():
        console.summary(str(summary_path.resolve()))
    has_page = PAGE in writer.written
    page = summary.render(call, _SUMMARY_LIMIT, has_page=has_page) if context.agent or context.summary_file else ""
    if context.agent:
        problem = outputs.annotate(context.agent, page, passed=call.verdict.ending is Ending.PASSED)
        if problem:
            console.warning(problem)
    failures = []
    written_values = outputs.github_file(values, secrets.token_hex)
    for path, addition in ((context.output_file, written_values), (context.summary_file, page)):
        try:
            if path:
                writer.append(path, addition)
        except errors.ReportError as error:
            failures.append(error)
    return failures
