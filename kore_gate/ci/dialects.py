"""Each CI system as data: how to recognise it, and its commands to fold, annotate and pass values on."""

import dataclasses
import datetime
import pathlib
import re
from collections.abc import Callable, Mapping
from typing import Literal

from kore_gate import text


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """Where the call runs: which CI, the files it reads, the machine's name."""

    ci: str = "none"
    output_file: str = ""
    summary_file: str = ""
    agent: str = ""  # Buildkite's, to hand the summary to
    machine: str = ""
    job_url: str = ""  # GitLab's page of the job
    root: pathlib.Path = dataclasses.field(default_factory=pathlib.Path)


# What an Azure agent would unescape. A lone % is left alone: agents that don't decode it would show the escape.
_AZURE_PERCENT = re.compile(r"%(?=3B|0D|0A|5D|AZP25)", re.IGNORECASE)

_TEAMCITY = str.maketrans({"|": "||", "'": "|'", "\n": "|n", "\r": "|r", "[": "|[", "]": "|]"})


def github(value: str) -> str:
    """Escape what follows a GitHub command, itself no command in the older form, which is read anywhere in a line."""
    inert = value.replace("##[", "#\u200b#[")
    return inert.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def github_property(value: str) -> str:
    """Escape the value of a GitHub command's property."""
    return github(value).replace(":", "%3A").replace(",", "%2C")


def azure(value: str) -> str:
    """Escape the value or the property of an Azure command."""
    value = _AZURE_PERCENT.sub("%AZP25", value)
    return value.replace(";", "%3B").replace("\r", "%0D").replace("\n", "%0A").replace("]", "%5D")


def teamcity(value: str) -> str:
    """Escape the value of a TeamCity attribute; what is not ASCII goes as UTF-16 units, as its parser takes it."""
    escaped = value.translate(_TEAMCITY)
    return "".join(char if char.isascii() else _units(char) for char in escaped)


def gitlab_key(value: str) -> str:
    """Return a name GitLab takes for a section."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", value) or "section"


def group_title(value: str) -> str:
    """Return the one line that stands behind a group's marker: it can't be a command in its own right."""
    return text.terminal(value, 200) or "…"


def _units(char: str) -> str:
    code = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"|0x{code[at : at + 4]}" for at in range(0, len(code), 4))


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
    escape_title: Callable[[str], str] = group_title
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
    properties = ",".join(f"{name}={github_property(str(value))}" for name, value in given.items() if value)
    return f"::{note.severity}{' ' if properties else ''}{properties}::{github(note.message)}"


def _azure_annotation(note: Note) -> str | None:
    if note.severity == "notice":
        return None
    given = {"type": note.severity, "sourcepath": note.file, "linenumber": note.line}
    properties = "".join(f"{name}={azure(str(value))};" for name, value in given.items() if value)
    return f"##vso[task.logissue {properties}]{azure(_titled(note))}"


def _teamcity_annotation(note: Note) -> str:
    # A message, and no buildProblem: that would fail a build whose exit code was softened.
    status = {"error": "ERROR", "warning": "WARNING", "notice": "NORMAL"}[note.severity]
    place = f" ({note.file}{f':{note.line}' if note.line else ''})" if note.file else ""
    return f"##teamcity[message text='{teamcity(_titled(note) + place)}' status='{status}']"


def _titled(note: Note) -> str:
    return f"{note.title}: {note.message}" if note.title else note.message


_SECTION = "\x1b[0Ksection_{edge}:{{at}}:{{key}}\r\x1b[0K"

_DIALECTS = {
    dialect.name: dialect
    for dialect in (
        Dialect(
            name="github",
            escape=github,
            escape_title=lambda title: github(group_title(title)),
            open_form="::group::{title}",
            close_form="::endgroup::",
            annotate=_github_annotation,
            renders_ansi=True,
        ),
        Dialect(
            name="gitlab",
            escape_key=gitlab_key,
            open_form=_SECTION.format(edge="start") + "{title}",
            close_form=_SECTION.format(edge="end"),
            renders_ansi=True,
        ),
        Dialect(
            name="azure",
            escape=azure,
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
            escape_title=lambda title: teamcity(text.line(title, 200)),
            escape_key=lambda key: teamcity(text.plain(key)),
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


# The most specific first; each is told by variables that are all set. gitlab-ci-local says GITLAB_CI=false.
_SIGNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("github", ("GITHUB_ACTIONS",)),
    ("gitlab", ("GITLAB_CI",)),
    ("azure", ("TF_BUILD",)),
    ("circleci", ("CIRCLECI",)),
    ("buildkite", ("BUILDKITE",)),
    ("bitbucket", ("BITBUCKET_COMMIT",)),
    ("bitbucket", ("BITBUCKET_BUILD_NUMBER",)),
    ("teamcity", ("TEAMCITY_VERSION",)),
    ("jenkins", ("JENKINS_URL", "BUILD_ID")),
)

_DEBUG = ("RUNNER_DEBUG", "ACTIONS_STEP_DEBUG", "CI_DEBUG_TRACE", "SYSTEM_DEBUG", "BUILDKITE_AGENT_DEBUG")


def detect(environ: Mapping[str, str]) -> str:
    """Name the CI system the environment belongs to, or `none`."""
    for name, signs in _SIGNS:
        if all(_is_set(environ, sign) for sign in signs):
            return name
    return "none"


def debug(environ: Mapping[str, str]) -> bool:
    """Tell whether the CI's own debug flag is on."""
    return any(_is_set(environ, name) for name in _DEBUG)


def colour(environ: Mapping[str, str], isatty: bool, ci: str) -> bool:
    """Tell whether people's text may be coloured: what the user says counts, then what will show it."""
    if environ.get("NO_COLOR"):
        return False
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE"):
        if environ.get(name):
            return _is_set(environ, name)
    if environ.get("CLICOLOR") == "0" or environ.get("TERM") == "dumb":
        return False
    return isatty or dialect_for(ci).renders_ansi


def live(environ: Mapping[str, str], isatty: bool, ci: str) -> bool:
    """Tell whether a display that moves can be shown: on a real terminal, with no CI around it."""
    return isatty and ci == "none" and not _is_set(environ, "CI") and environ.get("TERM") not in ("dumb", "unknown")


def _is_set(environ: Mapping[str, str], name: str) -> bool:
    return environ.get(name, "").strip().lower() not in ("", "0", "false", "no", "off")
