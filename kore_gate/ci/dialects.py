"""Each CI system as one row of a table: how it is recognised, and its commands to fold, annotate and pass values on."""

import dataclasses
import json
import pathlib
import re
import string
from collections.abc import Callable, Mapping
from typing import Literal

from kore_gate import text
from kore_gate.model import Origin, Severity


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """Where the call runs: the CI system and what it offers, as far as it offers it, and the machine."""

    ci: str = "none"
    output_file: str = ""  # GitHub's file for outputs
    summary_file: str = ""  # GitHub's file for the summary
    agent: str = ""  # path of Buildkite's agent, which takes the summary
    origin: Origin = dataclasses.field(default_factory=Origin)
    machine: str = ""
    root: pathlib.Path = dataclasses.field(default_factory=pathlib.Path)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """How one CI system is recognised and which commands it reads; what it lacks is empty."""

    name: str
    recognised_by: tuple[str, ...]  # variables that are all set
    group: tuple[str, str] = ("", "")  # what begins and what ends one, with its title, key and time in seconds
    escape_title: Callable[[str], str] = str
    heading: str = ""  # sets off the lines that must stay visible
    output: Callable[[str, str], str] = lambda *_: ""  # name, value: for later steps
    summary: Callable[[str], str] = lambda *_: ""  # path of a Markdown file for the page of the run
    # Severity, message, title, file and line: pins a message to a place in the repository, as far as one is known.
    annotation: Callable[[Severity, str, str, str, int], str] = lambda *_: ""
    renders_ansi: bool = True
    timestamps: bool = False
    # Groups bracket people's text: where the CI reads commands on both streams, they go with that text.
    groups_on: Literal["stdout", "stderr"] = "stderr"
    # Where the fields of an Origin come from: templates over the CI's variables, the first one that can be filled.
    commit: str = ""
    branch: tuple[str, ...] = ()
    job_url: str = ""
    source_url: str = ""


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
    escaped = value.translate(_TEAMCITY)
    return re.sub(r"[^\x00-\x7f]+", lambda match: json.dumps(match[0])[1:-1].replace("\\u", "|0x"), escaped)


def _teamcity_annotation(severity: Severity, message: str, title: str, file: str, line: int) -> str:
    # A message, and no buildProblem: that would fail a build whose exit code was softened.
    place = f" ({file}{f':{line}' if line else ''})" if file else ""
    shown = (f"{title}: {message}" if title else message) + place
    return f"##teamcity[message text='{_teamcity(shown)}' status='{severity.upper()}']"


DEBUG_VARIABLES = ("RUNNER_DEBUG", "ACTIONS_STEP_DEBUG", "CI_DEBUG_TRACE", "SYSTEM_DEBUG", "BUILDKITE_AGENT_DEBUG")

# The most specific first. gitlab-ci-local sets GITLAB_CI=false.
DIALECTS = (
    Dialect(
        name="github",
        recognised_by=("GITHUB_ACTIONS",),
        group=("::group::{title}", "::endgroup::"),
        escape_title=_github,
        annotation=_github_annotation,
        commit="$GITHUB_SHA",
        branch=("$GITHUB_HEAD_REF", "$GITHUB_REF_NAME"),  # of a pull request, and of anything else
        job_url="$GITHUB_SERVER_URL/$GITHUB_REPOSITORY/actions/runs/$GITHUB_RUN_ID",
        source_url="$GITHUB_SERVER_URL/$GITHUB_REPOSITORY/blob/$GITHUB_SHA/{path}#L{line}",
    ),
    Dialect(
        name="gitlab",
        recognised_by=("GITLAB_CI",),
        group=("\x1b[0Ksection_start:{at}:{key}\r\x1b[0K{title}", "\x1b[0Ksection_end:{at}:{key}\r\x1b[0K"),
        commit="$CI_COMMIT_SHA",
        branch=("$CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "$CI_COMMIT_REF_NAME"),
        job_url="$CI_JOB_URL",
        source_url="$CI_PROJECT_URL/-/blob/$CI_COMMIT_SHA/{path}#L{line}",
    ),
    Dialect(
        name="azure",
        recognised_by=("TF_BUILD",),
        group=("##[group]{title}", "##[endgroup]"),
        heading="##[section]Verdict",
        output=lambda name, value: f"##vso[task.setvariable variable={name};isOutput=true]{_azure(value)}",
        summary=lambda path: f"##vso[task.uploadsummary]{_azure(path)}",
        annotation=_azure_annotation,
        commit="$BUILD_SOURCEVERSION",
        branch=("$SYSTEM_PULLREQUEST_SOURCEBRANCH", "$BUILD_SOURCEBRANCH"),
        job_url="$SYSTEM_COLLECTIONURI$SYSTEM_TEAMPROJECT/_build/results?buildId=$BUILD_BUILDID",
    ),
    Dialect(
        name="circleci",
        recognised_by=("CIRCLECI",),
        commit="$CIRCLE_SHA1",
        branch=("$CIRCLE_BRANCH",),
        job_url="$CIRCLE_BUILD_URL",
    ),
    Dialect(
        name="buildkite",
        recognised_by=("BUILDKITE",),
        group=("--- {title}", ""),
        heading="+++ Verdict",  # a group lasts until the next one, so what must stay visible opens one of its own
        commit="$BUILDKITE_COMMIT",
        branch=("$BUILDKITE_BRANCH",),
        job_url="$BUILDKITE_BUILD_URL#$BUILDKITE_JOB_ID",
    ),
    Dialect(
        name="bitbucket",
        recognised_by=("BITBUCKET_COMMIT",),
        renders_ansi=False,
        commit="$BITBUCKET_COMMIT",
        branch=("$BITBUCKET_BRANCH",),
        job_url="$BITBUCKET_GIT_HTTP_ORIGIN/pipelines/results/$BITBUCKET_BUILD_NUMBER",
        source_url="$BITBUCKET_GIT_HTTP_ORIGIN/src/$BITBUCKET_COMMIT/{path}#lines-{line}",
    ),
    Dialect(name="bitbucket", recognised_by=("BITBUCKET_BUILD_NUMBER",), renders_ansi=False),
    Dialect(
        name="teamcity",
        recognised_by=("TEAMCITY_VERSION",),
        group=("##teamcity[blockOpened name='{key}' description='{title}']", "##teamcity[blockClosed name='{key}']"),
        escape_title=_teamcity,
        annotation=_teamcity_annotation,
        renders_ansi=False,
        groups_on="stdout",  # the only stream it reads service messages from
        commit="$BUILD_VCS_NUMBER",
    ),
    Dialect(
        name="jenkins",
        recognised_by=("JENKINS_URL", "BUILD_ID"),
        renders_ansi=False,
        timestamps=True,
        commit="$GIT_COMMIT",
        branch=("$CHANGE_BRANCH", "$BRANCH_NAME", "$GIT_BRANCH"),
        job_url="$BUILD_URL",
    ),
    Dialect(name="none", recognised_by=(), renders_ansi=False),
)


def dialect_for(name: str) -> Dialect:
    """Return the dialect of a CI system; an unknown one gets plain text."""
    return next((dialect for dialect in DIALECTS if dialect.name == name), DIALECTS[-1])


def detect(environ: Mapping[str, str]) -> str:
    """Name the CI system the environment belongs to, or `none`."""
    return next(dialect.name for dialect in DIALECTS if all(_is_set(environ, name) for name in dialect.recognised_by))


def origin(environ: Mapping[str, str], ci: str) -> Origin:
    """Return what the CI system tests and where, as its variables name it.

    Sources: the pages on predefined variables of GitHub, GitLab, Azure Pipelines, CircleCI, Buildkite, Bitbucket,
    TeamCity and Jenkins.
    """
    dialect = dialect_for(ci)
    known = {name: text.line(value, 1000) for name, value in environ.items() if value}

    def filled(*templates: str) -> str:
        for template in map(string.Template, templates):
            if template.template and all(name in known for name in template.get_identifiers()):
                return template.substitute(known)
        return ""

    return Origin(
        commit=filled(dialect.commit),
        branch=filled(*dialect.branch).removeprefix("refs/heads/"),
        job_url=filled(dialect.job_url).replace(" ", "%20"),
        source_url=filled(dialect.source_url).replace(" ", "%20"),
    )


def debug(environ: Mapping[str, str]) -> bool:
    """Tell whether the CI's own debug flag is on."""
    return any(_is_set(environ, name) for name in DEBUG_VARIABLES)


def colour(environ: Mapping[str, str], isatty: bool, ci: str) -> bool:
    """Tell whether people's text may be coloured: what the user set counts, then what can show it."""
    if environ.get("NO_COLOR"):
        return False
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE"):
        if environ.get(name):
            return _is_set(environ, name)
    is_plain = environ.get("CLICOLOR") == "0" or environ.get("TERM") == "dumb"
    return not is_plain and (isatty or dialect_for(ci).renders_ansi)


def live(environ: Mapping[str, str], isatty: bool, ci: str) -> bool:
    """Tell whether a display that moves can be shown: on a real terminal, with no CI around it."""
    return isatty and ci == "none" and not _is_set(environ, "CI") and environ.get("TERM") not in ("dumb", "unknown")


def _is_set(environ: Mapping[str, str], name: str) -> bool:
    return environ.get(name, "").strip().lower() not in ("", "0", "false", "no", "off")
