"""Each CI system as one row of a table: how it is recognised, and its commands to fold, annotate and pass values on."""

import dataclasses
import json
import pathlib
import re
from collections.abc import Callable, Mapping
from typing import Literal

from kore_gate import text

Severity = Literal["error", "warning"]

# GitHub cuts messages at 4096 characters.
MESSAGE_LIMIT = 4000


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """Where the call runs: the CI system and what it offers, as far as it offers it, and the machine."""

    ci: str = "none"
    output_file: str = ""  # GitHub's file for outputs
    summary_file: str = ""  # GitHub's file for the summary
    agent: str = ""  # path of Buildkite's agent, which takes the summary
    job_url: str = ""  # GitLab's page of the job
    machine: str = ""
    root: pathlib.Path = dataclasses.field(default_factory=pathlib.Path)


def _nothing(*_: object) -> str:
    return ""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """How one CI system is recognised and which commands it reads; what it lacks is empty.

    Groups bracket people's text. Where the CI reads commands on both streams, groups go to stderr with that text,
    because nothing keeps two streams in step.
    """

    name: str
    recognised_by: tuple[str, ...]  # variables that are all set
    debugged_by: tuple[str, ...] = ()  # variables, any of which turns debugging on
    group: tuple[str, str] = ("", "")  # what begins and what ends one, with its title, key and time in seconds
    escape_title: Callable[[str], str] = str
    heading: str = ""  # sets off the lines that must stay visible
    output: Callable[[str, str], str] = _nothing  # name, value: for later steps
    summary: Callable[[str], str] = _nothing  # path of a Markdown file for the page of the run
    annotate: Callable[[Severity, str, str, str, int], str] = _nothing
    renders_ansi: bool = False
    timestamps: bool = False
    groups_on: Literal["stdout", "stderr"] = "stderr"

    def annotation(self, severity: Severity, message: str, title: str = "", file: str = "", line: int = 0) -> str:
        """Return the command that pins a message to a place in the repository, as far as one is known."""
        return self.annotate(severity, text.cut(message, MESSAGE_LIMIT), text.line(title, 200), text.plain(file), line)


_GITHUB = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_GITHUB_PROPERTY = str.maketrans({":": "%3A", ",": "%2C"})


def _github(value: str) -> str:
    """Escape what follows a GitHub command, and break its older form, which is read anywhere in a line."""
    return value.replace("##[", "#\u200b#[").translate(_GITHUB)


def _github_annotation(severity: Severity, message: str, title: str, file: str, line: int) -> str:
    values = {"file": file, "line": str(line or ""), "title": title}
    pairs = [f"{name}={_github(value).translate(_GITHUB_PROPERTY)}" for name, value in values.items() if value]
    return f"::{severity} {','.join(pairs)}".rstrip() + f"::{_github(message)}"


# What an Azure agent would unescape. A lone % is left alone: agents that don't decode it would show the escape.
_AZURE_PERCENT = re.compile(r"%(?=3B|0D|0A|5D|AZP25)", re.IGNORECASE)
_AZURE = str.maketrans({";": "%3B", "\r": "%0D", "\n": "%0A", "]": "%5D"})


def _azure(value: str) -> str:
    return _AZURE_PERCENT.sub("%AZP25", value).translate(_AZURE)


def _azure_annotation(severity: Severity, message: str, title: str, file: str, line: int) -> str:
    values = {"type": severity, "sourcepath": file, "linenumber": str(line or "")}
    properties = "".join(f"{name}={_azure(value)};" for name, value in values.items() if value)
    return f"##vso[task.logissue {properties}]{_azure(f'{title}: {message}' if title else message)}"


_TEAMCITY = str.maketrans({"|": "||", "'": "|'", "\n": "|n", "\r": "|r", "[": "|[", "]": "|]"})


def _teamcity(value: str) -> str:
    """Escape the value of a TeamCity attribute; what is not ASCII goes as UTF-16 units, as its parser takes it."""
    return re.sub(
        r"[^\x00-\x7f]+", lambda match: json.dumps(match[0])[1:-1].replace("\\u", "|0x"), value.translate(_TEAMCITY)
    )


def _teamcity_annotation(severity: Severity, message: str, title: str, file: str, line: int) -> str:
    # A message, and no buildProblem: that would fail a build whose exit code was softened.
    place = f" ({file}{f':{line}' if line else ''})" if file else ""
    shown = (f"{title}: {message}" if title else message) + place
    return f"##teamcity[message text='{_teamcity(shown)}' status='{severity.upper()}']"


# The most specific first. gitlab-ci-local sets GITLAB_CI=false.
DIALECTS = (
    Dialect(
        name="github",
        recognised_by=("GITHUB_ACTIONS",),
        debugged_by=("RUNNER_DEBUG", "ACTIONS_STEP_DEBUG"),
        group=("::group::{title}", "::endgroup::"),
        escape_title=_github,
        annotate=_github_annotation,
        renders_ansi=True,
    ),
    Dialect(
        name="gitlab",
        recognised_by=("GITLAB_CI",),
        debugged_by=("CI_DEBUG_TRACE",),
        group=("\x1b[0Ksection_start:{at}:{key}\r\x1b[0K{title}", "\x1b[0Ksection_end:{at}:{key}\r\x1b[0K"),
        renders_ansi=True,
    ),
    Dialect(
        name="azure",
        recognised_by=("TF_BUILD",),
        debugged_by=("SYSTEM_DEBUG",),
        group=("##[group]{title}", "##[endgroup]"),
        heading="##[section]Verdict",
        output=lambda name, value: f"##vso[task.setvariable variable={name};isOutput=true]{_azure(value)}",
        summary=lambda path: f"##vso[task.uploadsummary]{_azure(path)}",
        annotate=_azure_annotation,
        renders_ansi=True,
    ),
    Dialect(name="circleci", recognised_by=("CIRCLECI",), renders_ansi=True),
    Dialect(
        name="buildkite",
        recognised_by=("BUILDKITE",),
        debugged_by=("BUILDKITE_AGENT_DEBUG",),
        group=("--- {title}", ""),
        heading="+++ Verdict",  # a group lasts until the next one, so what must stay visible opens one of its own
        renders_ansi=True,
    ),
    Dialect(name="bitbucket", recognised_by=("BITBUCKET_COMMIT",)),
    Dialect(name="bitbucket", recognised_by=("BITBUCKET_BUILD_NUMBER",)),
    Dialect(
        name="teamcity",
        recognised_by=("TEAMCITY_VERSION",),
        group=("##teamcity[blockOpened name='{key}' description='{title}']", "##teamcity[blockClosed name='{key}']"),
        escape_title=_teamcity,
        annotate=_teamcity_annotation,
        groups_on="stdout",  # the only stream it reads service messages from
    ),
    Dialect(name="jenkins", recognised_by=("JENKINS_URL", "BUILD_ID"), timestamps=True),
    Dialect(name="none", recognised_by=()),
)


def dialect_for(name: str) -> Dialect:
    """Return the dialect of a CI system; an unknown one gets plain text."""
    return next((dialect for dialect in DIALECTS if dialect.name == name), DIALECTS[-1])


def detect(environ: Mapping[str, str]) -> str:
    """Name the CI system the environment belongs to, or `none`."""
    return next(dialect.name for dialect in DIALECTS if all(_is_set(environ, name) for name in dialect.recognised_by))


def debug(environ: Mapping[str, str]) -> bool:
    """Tell whether the CI's own debug flag is on."""
    return any(_is_set(environ, name) for dialect in DIALECTS for name in dialect.debugged_by)


def colour(environ: Mapping[str, str], isatty: bool, ci: str) -> bool:
    """Tell whether people's text may be coloured: what the user set counts, then what can show it."""
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
