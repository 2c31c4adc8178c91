"""Checks suite files for what they fail to test, offline."""

import pathlib
import posixpath

from kore_gate.ci.dialects import Context
from kore_gate.clock import Clock
from kore_gate.gate import lint, suite_files
from kore_gate.reports import junit
from kore_gate.reports import lint as forms
from kore_gate.reports.console import Console
from kore_gate.reports.write import Writer
from kore_gate.settings.sources import Settings


def run(settings: Settings, console: Console, clock: Clock, context: Context) -> int:
    """Check the files, write and print what was found; return the exit code. Raises SettingsError, ReportError."""
    root = context.root
    writer = Writer(settings.report_dir)
    writer.make()
    for name in (forms.JUNIT, forms.SARIF, forms.QUALITY):  # an older one would look like this call's
        writer.discard(name)
    files = lint.check_files(suite_files.load(settings.files, "", root), settings.lint_ignore, settings.min_assertions)
    repository = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)

    def place(file: str) -> str:
        path = pathlib.PurePosixPath(posixpath.normpath(root / file))
        return path.relative_to(repository).as_posix() if path.is_relative_to(repository) else path.as_posix()

    cases = list(forms.checked_cases(files, strict=settings.lint_strict))
    report = forms.sarif(files, place)
    writer.write(forms.JUNIT, junit.render_lint(cases, clock.now(), rich=settings.junit_dialect != "strict"))
    writer.write(forms.SARIF, report)
    if context.ci == "gitlab":
        writer.write(forms.QUALITY, forms.code_quality(files, place))
    if settings.output == "json":
        console.json(report.decode())
    console.lint(files, [(writer.directory / name).as_posix() for name in writer.written])
    judged = lint.judge(files, strict=settings.lint_strict)
    code = console.soften(judged, settings.soft_fail)
    console.verdict(judged, code)
    return int(code)
