"""All reports of a call, from one result: which files there are, and in what order they are written."""

from collections.abc import Callable, Iterator

from kore_gate import errors, text
from kore_gate.ci import outputs
from kore_gate.model import Result, SuiteResult
from kore_gate.reports import html, junit, result, summary
from kore_gate.reports.writer import RESULT, Writer


def junit_names(call: Result) -> list[str]:
    """Name the JUnit file of each suite, unique also where upper and lower case are one."""
    names: list[str] = []
    taken: set[str] = set()
    for suite in call.suites:
        base = text.file_name(suite.name)
        number, name = 1, base
        while name.casefold() in taken:
            number += 1
            name = f"{base}-{number}"
        taken.add(name.casefold())
        names.append(f"TEST-kore-{name}.xml")
    return names


def write(call: Result, writer: Writer, directory: str) -> list[errors.ReportError]:
    """Write every report, and go on when one fails; return what failed."""
    failures: list[errors.ReportError] = []
    for name, write_one in _reports(call, writer, directory):
        try:
            write_one()
        except errors.ReportError as error:
            failures.append(error)
        except Exception as exc:  # noqa: BLE001 one report's bug must not lose the others
            failures.append(errors.ReportError(f"{name} could not be made: {type(exc).__name__}: {exc}."))
    return failures


def _reports(call: Result, writer: Writer, directory: str) -> Iterator[tuple[str, Callable[[], None]]]:
    names = junit_names(call)
    for name, suite in zip(names, call.suites, strict=True):

        def write_junit(name: str = name, suite: SuiteResult = suite) -> None:
            writer.write(name, junit.render(suite, call))
            junit.verify(writer.read_back(name), suite, call)

        yield name, write_junit
    yield "kore-report.html", lambda: writer.write("kore-report.html", html.render(call))
    yield "kore-summary.md", lambda: writer.write("kore-summary.md", summary.render(call).encode())
    if call.ci == "gitlab":
        told = outputs.outputs_of(call, directory, names)
        yield "kore.env", lambda: writer.write("kore.env", outputs.dotenv(told).encode())
        links = [("Kore.ai results file", suite.download_url) for suite in call.suites if suite.download_url]
        yield (
            "kore-annotations.json",
            lambda: writer.write("kore-annotations.json", outputs.gitlab_annotations(links).encode()),
        )
    yield RESULT, lambda: writer.write(RESULT, result.render(call, sorted({*writer.written, RESULT})))
