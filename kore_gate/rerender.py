"""Renders the reports of a saved result again, offline: the same bytes."""

import dataclasses
import pathlib

from kore_gate import errors
from kore_gate.console import Console
from kore_gate.exit_codes import ExitCode
from kore_gate.reports import bundle, result
from kore_gate.reports.writer import Writer
from kore_gate.settings import Settings


def run(path: pathlib.Path, settings: Settings, console: Console) -> int:
    """Write the reports of the result in `path`; return 0. Raises SettingsError, ReportError."""
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise errors.SettingsError([f"{path} can't be read: {exc.strerror or exc}."]) from exc
    saved, _ = result.load(data)
    for name in ("junit-granularity", "junit-dialect"):
        if name in settings.sources:
            field = name.replace("-", "_")
            saved = dataclasses.replace(saved, **{field: getattr(settings, field)})
    # Without another place named, beside the file: it is where they were written first.
    directory = settings.report_dir if "report-dir" in settings.sources else str(path.parent)
    writer = Writer(directory)
    failures = bundle.write(saved, writer, directory)
    for failure in failures:
        console.problem(failure)
    if failures:
        raise failures[0]
    if settings.output == "json":
        console.machine(result.render(saved, writer.written).decode())
    console.verdict(saved, [(writer.directory / name).as_posix() for name in writer.written], ExitCode.PASSED)
    return 0
