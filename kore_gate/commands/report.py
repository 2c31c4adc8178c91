"""Renders the reports of a saved result again, or merges several into one verdict; offline."""

import glob
import pathlib
from collections.abc import Iterable, Mapping, Sequence

from kore_gate import errors
from kore_gate.ci.dialects import Context
from kore_gate.errors import ExitCode
from kore_gate.gate import verdict
from kore_gate.model import Result, Verdict, replace
from kore_gate.reports import history, result, write
from kore_gate.reports.console import Console
from kore_gate.reports.history import Trend
from kore_gate.reports.write import RESULT, Writer
from kore_gate.settings.sources import Settings

_HINT = (
    "Name the kore-result.json of an earlier call: `kore-gate report junit-reports/kore-result.json`; "
    "of several calls, name all of them, a pattern, or the folder they are in."
)


def run(settings: Settings, console: Console, context: Context) -> int:
    """Write the reports of the saved results in `files`. Raises SettingsError, ReportError.

    Return 0 where they are those of one call, rendered again; else the exit code of the merged verdict.
    """
    files = _find(settings.files)
    saved, downloads = _read(files)
    # A folder or a pattern is a merge also where it holds one result: its verdict counts.
    if len(settings.files) > 1 or files != [pathlib.Path(settings.files[0])]:
        return _merge(settings, console, context, saved)
    (call,) = saved.values()
    call = _formed(call, settings)
    # By default beside the file, where they were written first.
    writer = Writer(settings.report_dir if "report-dir" in settings.sources else str(files[0].parent))
    writer.make()
    writer.keep(downloads)
    _check(write.write(call, writer, trends=_trends(call, settings, console)), console)
    _print(call, writer, settings, console, ExitCode.PASSED, again=True)
    return 0


def _merge(settings: Settings, console: Console, context: Context, saved: Mapping[str, Result]) -> int:
    """Write the reports of several calls as those of one, and hand them over to the CI system as such."""
    writer = Writer(settings.report_dir)
    target = writer.directory / RESULT
    if target.resolve() in [pathlib.Path(file).resolve() for file in saved]:
        problem = f"{target} is one of the results to merge, and would be replaced by the merged one."
        raise errors.SettingsError([problem], hint="Set report-dir to another directory, such as merged.")
    call = _formed(result.merge(saved), settings)
    if settings.total and len(saved) != settings.total:
        call = replace(call, verdict=_incomplete(len(saved), settings.total, call.verdict))
    writer.prepare(call.command, call.stream_id)
    failures = write.write(call, writer, context.origin.job_url, _trends(call, settings, console))
    _check([*failures, *write.hand_over(call, writer, context, console)], console)
    code = console.soften(call.verdict, settings.soft_fail)
    _print(call, writer, settings, console, code)
    return int(code)


def _formed(call: Result, settings: Settings) -> Result:
    """Return the result with the form of its JUnit files, where one was chosen."""
    if "junit-granularity" in settings.sources:
        call = replace(call, junit_granularity=settings.junit_granularity)
    if "junit-dialect" in settings.sources:
        call = replace(call, junit_dialect=settings.junit_dialect)
    return call


def _trends(call: Result, settings: Settings, console: Console) -> Sequence[Trend]:
    """Compare with earlier results, as far as they can be read."""
    problems: list[str] = []
    trends = history.trends(call, history.read(settings.history, problems)) if settings.history else ()
    for warning in history.warnings(problems):
        console.warning(warning)
    return trends


def _check(failures: Sequence[errors.ReportError], console: Console) -> None:
    """Name each report that could not be written, one of them by the error that ends the program."""
    for failure in failures[1:]:
        console.error(failure)
    if failures:
        raise failures[0]


def _print(
    call: Result, writer: Writer, settings: Settings, console: Console, code: ExitCode, *, again: bool = False
) -> None:
    if settings.output == "json":
        console.json(result.render(call, writer.written).decode())
    console.result(call, [(writer.directory / name).as_posix() for name in writer.written], code, again=again)


def _find(names: Sequence[str]) -> list[pathlib.Path]:
    """Return each saved result once: files, those that a pattern matches, and those in and below a folder."""
    problems: list[str] = []
    files: dict[pathlib.Path, pathlib.Path] = {}  # by what they really are
    for name in names:
        path = pathlib.Path(name)
        # A file that exists is meant even if its name reads as a pattern.
        matched = [] if path.exists() else glob.glob(name, recursive=True)  # noqa: PTH207 pathlib takes no absolute ones
        matches = [path] if path.exists() else sorted(map(pathlib.Path, matched), key=_order)
        results = [file for match in matches for file in _results(match)]
        if not results and matches:
            problems.append(f"{name} has no {RESULT} in it.")
        # What is neither there nor a pattern is named when it is read.
        for file in results or ([] if matches else [path]):
            files.setdefault(file.resolve(), file)
    if problems:
        raise errors.SettingsError(problems, hint=_HINT)
    return list(files.values())


def _results(path: pathlib.Path) -> Iterable[pathlib.Path]:
    return sorted(path.rglob(RESULT), key=_order) if path.is_dir() else [path]


def _order(path: pathlib.Path) -> str:
    return history.natural(path.as_posix())


def _read(files: Sequence[pathlib.Path]) -> tuple[Mapping[str, Result], list[str]]:
    """Read all results, by their files, and the names of the files of the last one."""
    saved: dict[str, Result] = {}
    names: list[str] = []
    problems: list[str] = []
    for file in files:
        try:
            saved[str(file)], names = result.load(file.read_bytes())
        except OSError as exc:
            problems.append(f"{file} cannot be read: {exc.strerror or exc}.")
        except errors.SettingsError as error:
            if len(files) == 1:
                raise
            problems.append(f"{file}: {error.details[0]}")
    if problems:
        raise errors.SettingsError(problems, hint=_HINT)
    return saved, names


def _incomplete(number: int, total: int, before: Verdict) -> Verdict:
    """Judge a merge of more or fewer results than there must be, unless its verdict is graver already."""
    if before.exit_code.gravity >= ExitCode.REPORT.gravity:
        return before
    return verdict.of(
        ExitCode.REPORT,
        f"{number} results are there, total is {total}; otherwise: {before.message}",
        cause="a job that ended before it wrote its result, or whose result was not kept; or an older result.",
        hint="Look at the jobs that the results come from, and at how they are kept.",
        details=before.details,
    )
