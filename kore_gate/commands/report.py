"""Renders the reports of a saved result again, offline: the same bytes."""

import dataclasses
import pathlib

from kore_gate import errors
from kore_gate.errors import ExitCode
from kore_gate.reports import result, write
from kore_gate.reports.console import Console
from kore_gate.reports.write import Writer
from kore_gate.settings.sources import Settings

_HINT = "Name the kore-result.json of an earlier call: `kore-gate report junit-reports/kore-result.json`."


def run(settings: Settings, console: Console) -> int:
    """Write the reports of the one saved result in `files`; return 0. Raises SettingsError, ReportError."""
    if len(settings.files) > 1:
        raise errors.SettingsError([f"report takes one saved result, not {len(settings.files)}."], hint=_HINT)
    path = pathlib.Path(settings.files[0])
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise errors.SettingsError([f"{path} cannot be read: {exc.strerror or exc}."], hint=_HINT) from exc
    saved, files = result.load(data)
    if "junit-granularity" in settings.sources:
        saved = dataclasses.replace(saved, junit_granularity=settings.junit_granularity)
    if "junit-dialect" in settings.sources:
        saved = dataclasses.replace(saved, junit_dialect=settings.junit_dialect)
    # By default beside the file, where they were written first.
    directory = settings.report_dir if "report-dir" in settings.sources else str(path.parent)
    writer = Writer(directory)
    writer.make()
    writer.keep(files)
    failures = write.write(saved, writer, directory)
    for failure in failures[1:]:
        console.error(failure)
    if failures:
        raise failures[0]
    if settings.output == "json":
        console.json(result.render(saved, writer.written).decode())
    paths = [(writer.directory / name).as_posix() for name in writer.written]
    console.result(saved, paths, ExitCode.PASSED, again=True)
    return 0
