"""All reports of a call, from one result: which files there are, and in what order they are written."""

from collections.abc import Callable, Iterator

from kore_gate import errors, text
from kore_gate.ci import outputs
from kore_gate.model import Result, SuiteResult
from kore_gate.reports import html, junit, result, summary
from kore_gate.reports.writer import PAGE, RESULT, Writer


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
            failures.append(errors.ReportError(f"{name} could not be made: {type(exc).__name__}: {exc}."))
    return failures


def _reports(call: Result, writer: Writer, directory: str, job_url: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """Give every report with what writes it, those that take long last: an interrupted call has five seconds."""
    names = junit_names(call)
    if call.ci == "gitlab":
        told = outputs.outputs_of(call, directory, names)
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
