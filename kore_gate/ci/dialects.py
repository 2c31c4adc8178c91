"""The commands of each CI system, as data: what to print to fold, annotate and hand on."""

import dataclasses
import datetime
from collections.abc import Callable
from typing import Literal

from kore_gate import text
from kore_gate.ci import escapes

Severity = Literal["error", "warning", "notice"]
Stream = Literal["stdout", "stderr"]

# GitHub cuts messages at 4096 characters.
MESSAGE_LIMIT = 4000


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """What is pinned to a place in the repository."""

    severity: Severity
    message: str
    title: str = ""
    file: str = ""
    line: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """How one CI system is spoken to; a form that is empty says that it has no such command.

    Groups bracket people's text. Where the CI reads commands on both streams they go along with it on stderr, because
    nothing keeps two streams in step.
    """

    name: str
    escape: Callable[[str], str] = str
    escape_title: Callable[[str], str] = escapes.title
    escape_key: Callable[[str], str] = str
    open_form: str = ""
    close_form: str = ""
    heading_form: str = ""
    output_form: str = ""
    summary_form: str = ""
    annotate: Callable[[Note], str | None] | None = None
    renders_ansi: bool = False
    timestamps: bool = False
    commands_on: Stream = "stdout"
    groups_on: Stream = "stderr"

    def open_group(self, title: str, when: datetime.datetime, key: str) -> str:
        """Return what begins a group of lines; the key is the same at its end, and no other group's."""
        shown, name = self.escape_title(title), self.escape_key(key)
        return self.open_form.format(title=shown, key=name, at=int(when.timestamp()))

    def close_group(self, when: datetime.datetime, key: str) -> str:
        """Return what ends a group of lines."""
        return self.close_form.format(key=self.escape_key(key), at=int(when.timestamp()))

    def heading(self, title: str) -> str:
        """Return what sets off lines that must stay visible."""
        return self.heading_form.format(title=self.escape_title(title))

    def annotation(
        self, severity: Severity, message: str, title: str = "", file: str = "", line: int = 0
    ) -> str | None:
        """Return the command that pins a message to a place in the repository, as far as one is given."""
        note = Note(
            severity=severity,
            message=text.cut(message, MESSAGE_LIMIT),
            title=text.line(title, 200),
            file=text.plain(file),
            line=line if file and line > 0 else 0,
        )
        return self.annotate(note) if self.annotate else None

    def output(self, name: str, value: str) -> str | None:
        """Return the command that hands a value to later steps."""
        return self.output_form.format(name=self.escape(name), value=self.escape(value)) or None

    def upload_summary(self, path: str) -> str | None:
        """Return the command that shows a Markdown file on the page of the run."""
        return self.summary_form.format(path=self.escape(path)) or None


def _github_annotation(note: Note) -> str:
    given = {"file": note.file, "line": note.line, "title": note.title}
    properties = ",".join(f"{name}={escapes.github_property(str(value))}" for name, value in given.items() if value)
    return f"::{note.severity}{' ' if properties else ''}{properties}::{escapes.github(note.message)}"


def _azure_annotation(note: Note) -> str | None:
    if note.severity == "notice":
        return None
    given = {"type": note.severity, "sourcepath": note.file, "linenumber": note.line}
    properties = "".join(f"{name}={escapes.azure(str(value))};" for name, value in given.items() if value)
    return f"##vso[task.logissue {properties}]{escapes.azure(_titled(note))}"


def _teamcity_annotation(note: Note) -> str:
    # A message, and no buildProblem: that would fail a build whose exit code was softened.
    status = {"error": "ERROR", "warning": "WARNING", "notice": "NORMAL"}[note.severity]
    place = f" ({note.file}{f':{note.line}' if note.line else ''})" if note.file else ""
    return f"##teamcity[message text='{escapes.teamcity(_titled(note) + place)}' status='{status}']"


def _titled(note: Note) -> str:
    return f"{note.title}: {note.message}" if note.title else note.message


_SECTION = "\x1b[0Ksection_{edge}:{{at}}:{{key}}\r\x1b[0K"

_DIALECTS = {
    dialect.name: dialect
    for dialect in (
        Dialect(
            name="github",
            escape=escapes.github,
            escape_title=lambda title: escapes.github(escapes.title(title)),
            open_form="::group::{title}",
            close_form="::endgroup::",
            annotate=_github_annotation,
            renders_ansi=True,
        ),
        Dialect(
            name="gitlab",
            escape_key=escapes.gitlab_key,
            open_form=_SECTION.format(edge="start") + "{title}",
            close_form=_SECTION.format(edge="end"),
            renders_ansi=True,
        ),
        Dialect(
            name="azure",
            escape=escapes.azure,
            open_form="##[group]{title}",
            close_form="##[endgroup]",
            heading_form="##[section]{title}",
            output_form="##vso[task.setvariable variable={name};isOutput=true]{value}",
            summary_form="##vso[task.uploadsummary]{path}",
            annotate=_azure_annotation,
            renders_ansi=True,
        ),
        Dialect(
            name="teamcity",
            escape_title=lambda title: escapes.teamcity(text.line(title, 200)),
            escape_key=lambda key: escapes.teamcity(text.plain(key)),
            open_form="##teamcity[blockOpened name='{key}' description='{title}']",
            close_form="##teamcity[blockClosed name='{key}']",
            annotate=_teamcity_annotation,
            groups_on="stdout",  # the only stream it reads service messages from
        ),
        # A group of Buildkite's lasts until the next one, so what must stay visible opens one of its own.
        Dialect(name="buildkite", open_form="--- {title}", heading_form="+++ {title}", renders_ansi=True),
        Dialect(name="circleci", renders_ansi=True),
        Dialect(name="bitbucket"),
        Dialect(name="jenkins", timestamps=True),
        Dialect(name="none"),
    )
}


def dialect_for(name: str) -> Dialect:
    """Return the dialect of a CI system; one that is not known gets plain text."""
    return _DIALECTS.get(name, _DIALECTS["none"])
