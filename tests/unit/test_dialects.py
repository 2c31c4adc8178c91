"""How each CI system is recognised, and its commands, read back the way its runner reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kore_gate import text
from kore_gate.ci import dialects
from kore_gate.ci.dialects import Dialect, dialect_for
from kore_gate.model import Origin, Severity, replace
from tests.fakes import runners

TRICKS = (
    "::error::x",
    "::stop-commands::t",
    "##[group]x",
    "##vso[task.complete result=Succeeded;]",
    "##vso[",
    "##teamcity[buildProblem description='x']",
    "section_start:1:a\r\x1b[0K",
    "\x1b[31m",
    "\x9b2J",
    "\r",
    "\n",
    "--- ",
    "+++ ",
    "%0A",
    "%25",
    "%AZP25",
    "%3B",
    "|n",
    "|",
    "'",
    "]",
    ";",
    ":",
    ",",
    "\u2028",
    "\x85",
    "\ud800",
    "😀",
    " ",
)
foreign = st.lists(st.one_of(st.sampled_from(TRICKS), st.text(max_size=4)), max_size=8).map("".join)


def test_dialect_for__unknown() -> None:
    """An unknown system gets plain text."""
    assert dialect_for("travis") is dialect_for("none")


def _group(dialect: Dialect, title: str) -> tuple[str, str]:
    """Fill in what begins and what ends a group, as the console does."""
    values = {"title": dialect.escape_title(text.terminal(title)), "key": "kore-1", "at": 1767323045}
    begin, end = dialect.group
    return begin.format_map(values), end.format_map(values)


def _annotation(
    dialect: Dialect, severity: Severity, message: str, title: str = "", file: str = "", line: int = 0
) -> str:
    """Pin a message to a place, made printable as the console does."""
    return dialect.annotation(severity, text.plain(message), text.line(title, 200), text.plain(file), line)


def _all_commands(dialect: Dialect) -> dict[str, str]:
    return {
        "open": _group(dialect, "Banking: failed")[0],
        "close": _group(dialect, "Banking: failed")[1],
        "heading": dialect.heading,
        "error": _annotation(dialect, "error", "50 % off; [x]", "Banking, 02: Hi", "suites/a b.json", 7),
        "bare": _annotation(dialect, "warning", "Careful."),
        "output": dialect.output("suite-name", 'a;b]c\n"d"'),
        "summary": dialect.summary("/ws/kore-summary.md"),
    }


NOTHING = dict.fromkeys(("open", "close", "heading", "error", "bare", "output", "summary"), "")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "github",
            {
                "open": "::group::Banking: failed",
                "close": "::endgroup::",
                "error": "::error file=suites/a b.json,line=7,title=Banking%2C 02%3A Hi::50 %25 off; [x]",
                "bare": "::warning::Careful.",
            },
        ),
        (
            "azure",
            {
                "open": "##[group]Banking: failed",
                "close": "##[endgroup]",
                "heading": "##[section]Verdict",
                "error": "##vso[task.logissue type=error;sourcepath=suites/a b.json;linenumber=7;]"
                "Banking, 02: Hi: 50 % off%3B [x%5D",
                "bare": "##vso[task.logissue type=warning;]Careful.",
                "output": '##vso[task.setvariable variable=suite-name;isOutput=true]a%3Bb%5Dc%0A"d"',
                "summary": "##vso[task.uploadsummary]/ws/kore-summary.md",
            },
        ),
        (
            "gitlab",
            {
                "open": "\x1b[0Ksection_start:1767323045:kore-1\r\x1b[0KBanking: failed",
                "close": "\x1b[0Ksection_end:1767323045:kore-1\r\x1b[0K",
            },
        ),
        (
            "teamcity",
            {
                "open": "##teamcity[blockOpened name='kore-1' description='Banking: failed']",
                "close": "##teamcity[blockClosed name='kore-1']",
                "error": "##teamcity[message text='Banking, 02: Hi: 50 % off; |[x|] (suites/a b.json:7)'"
                " status='ERROR']",
                "bare": "##teamcity[message text='Careful.' status='WARNING']",
            },
        ),
        ("buildkite", {"open": "--- Banking: failed", "heading": "+++ Verdict"}),
        ("circleci", {}),
        ("bitbucket", {}),
        ("jenkins", {}),
        ("none", {}),
    ],
)
def test_dialect__commands(name: str, expected: dict[str, str]) -> None:
    """Each command is written in its system's own form; what a system lacks is left out."""
    assert _all_commands(dialect_for(name)) == NOTHING | expected


def test_annotation__no_line() -> None:
    """A file without a line is named alone."""
    command = _annotation(dialect_for("github"), "error", "x", file="suite.json")

    assert command == "::error file=suite.json::x"


@pytest.mark.parametrize("name", ["github", "azure", "teamcity"])
@given(message=foreign, title=foreign, file=foreign, severity=st.sampled_from(["error", "warning"]))
def test_annotation__any_text(name: str, message: str, title: str, file: str, severity: Severity) -> None:
    """Foreign text makes one annotation, and arrives in it as it was, but for what can't be printed."""
    command = _annotation(dialect_for(name), severity, message, title, file, 3)

    (read,) = runners.READERS[name](command)
    shown = "\n".join([read.data, *read.properties.values()])
    expected = [text.plain(message), text.line(title, 200), text.plain(file)]
    if name == "github":
        shown, *expected = (value.replace("#\u200b#[", "##[") for value in (shown, *expected))
    assert [value for value in expected if value not in shown] == []
    assert read.name in (severity, "task.logissue", "message")


@pytest.mark.parametrize("raw", ["a##[stop-commands]x", "##[add-mask]x", "####[set-env name=X]y", "##[[error]z"])
def test_annotation__no_older_command(raw: str) -> None:
    """GitHub looks for commands of its older form in the whole line: there is none in what we print."""
    command = _annotation(dialect_for("github"), "error", raw, raw, raw, 3)

    assert command
    assert "##[" not in command


@given(value=st.text())
def test_output__any_text(value: str) -> None:
    """An Azure variable arrives as it was."""
    (read,) = runners.azure(dialect_for("azure").output("suite-name", value))

    assert (read.name, read.data) == ("task.setvariable", value)
    assert read.properties == {"variable": "suite-name", "isOutput": "true"}


@pytest.mark.parametrize("name", ["github", "azure", "teamcity", "gitlab", "buildkite"])
@given(title=foreign)
def test_groups__any_text(name: str, title: str) -> None:
    """Foreign text in a title is one group and nothing else, and its end matches."""
    begin, end = _group(dialect_for(name), title or "x")

    read = runners.READERS[name](f"{begin}\nwithin\n{end}\nafter")
    assert [command.name for command in read] == {
        "github": ["group", "endgroup"],
        "azure": ["##[group]", "##[endgroup]"],
        "teamcity": ["blockOpened", "blockClosed"],
        "gitlab": ["section_start", "section_end"],
        "buildkite": ["---"],
    }[name]
    if name == "gitlab":
        assert read[0].data == read[1].data
    if name == "teamcity":
        assert read[0].properties["name"] == read[1].properties["name"]


ENVIRONMENTS = {
    "github": {"CI": "true", "GITHUB_ACTIONS": "true"},
    "gitlab": {"CI": "true", "GITLAB_CI": "true"},
    "azure": {"TF_BUILD": "True"},
    "circleci": {"CI": "true", "CIRCLECI": "true"},
    "buildkite": {"CI": "true", "BUILDKITE": "true"},
    "bitbucket": {"CI": "true", "BITBUCKET_COMMIT": "1234abcd"},
    "teamcity": {"TEAMCITY_VERSION": "2024.12"},
    "jenkins": {"JENKINS_URL": "https://ci.example.org/", "BUILD_ID": "7"},
    "none": {"HOME": "/root"},
}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_detect__known_system(name: str) -> None:
    """Each system is known by its own variables."""
    assert dialects.detect(ENVIRONMENTS[name]) == name


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param({}, "none", id="nothing set"),
        pytest.param({"CI": "true"}, "none", id="some CI"),
        pytest.param({"GITHUB_ACTIONS": ""}, "none", id="set but empty"),
        pytest.param({"GITLAB_CI": "false"}, "none", id="set to false"),
        pytest.param({"BUILD_ID": "7"}, "none", id="half of Jenkins"),
        pytest.param({"BITBUCKET_BUILD_NUMBER": "3"}, "bitbucket", id="Bitbucket without a commit"),
        pytest.param(
            {"GITHUB_ACTIONS": "true", "JENKINS_URL": "x", "BUILD_ID": "1"}, "github", id="the specific first"
        ),
    ],
)
def test_detect__edge(environ: dict[str, str], expected: str) -> None:
    """A variable that is empty or false does not count."""
    assert dialects.detect(environ) == expected


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param({"RUNNER_DEBUG": "1"}, True, id="GitHub"),
        pytest.param({"CI_DEBUG_TRACE": "true"}, True, id="GitLab"),
        pytest.param({"SYSTEM_DEBUG": "True"}, True, id="Azure"),
        pytest.param({"BUILDKITE_AGENT_DEBUG": "true"}, True, id="Buildkite"),
        pytest.param({"SYSTEM_DEBUG": "False"}, False, id="Azure, off"),
        pytest.param({"DEBUG": "1"}, False, id="somebody else's"),
        pytest.param({}, False, id="nothing set"),
    ],
)
def test_debug__flag(environ: dict[str, str], expected: bool) -> None:
    """The CI's own debug flag is recognised, and no other."""
    assert dialects.debug(environ) is expected


@pytest.mark.parametrize(
    ("environ", "isatty", "ci", "expected"),
    [
        pytest.param({}, True, "none", True, id="terminal"),
        pytest.param({}, False, "none", False, id="pipe"),
        pytest.param({}, False, "gitlab", True, id="log page that renders colours"),
        pytest.param({}, False, "jenkins", False, id="log page that does not"),
        pytest.param({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, "github", False, id="NO_COLOR beats all"),
        pytest.param({"NO_COLOR": ""}, True, "none", True, id="empty NO_COLOR says nothing"),
        pytest.param({"FORCE_COLOR": "1"}, False, "none", True, id="FORCE_COLOR"),
        pytest.param({"CLICOLOR_FORCE": "1", "TERM": "dumb"}, False, "none", True, id="CLICOLOR_FORCE"),
        pytest.param({"FORCE_COLOR": "0"}, True, "none", False, id="FORCE_COLOR=0"),
        pytest.param({"CLICOLOR": "0"}, True, "none", False, id="CLICOLOR=0"),
        pytest.param({"TERM": "dumb"}, True, "none", False, id="dumb terminal"),
    ],
)
def test_colour__precedence(environ: dict[str, str], isatty: bool, ci: str, expected: bool) -> None:
    """What the user says about colour counts before what the log can show."""
    assert dialects.colour(environ, isatty, ci) is expected


@pytest.mark.parametrize(
    ("environ", "isatty", "ci", "expected"),
    [
        pytest.param({"TERM": "xterm"}, True, "none", True, id="terminal"),
        pytest.param({}, True, "none", True, id="terminal that does not say its kind"),
        pytest.param({"TERM": "xterm"}, False, "none", False, id="pipe"),
        pytest.param({"TERM": "xterm"}, True, "circleci", False, id="CI with a terminal"),
        pytest.param({"TERM": "xterm", "CI": "1"}, True, "none", False, id="unknown CI"),
        pytest.param({"TERM": "dumb"}, True, "none", False, id="dumb terminal"),
    ],
)
def test_live__terminal(environ: dict[str, str], isatty: bool, ci: str, expected: bool) -> None:
    """Bars move on a real terminal only."""
    assert dialects.live(environ, isatty, ci) is expected


GITHUB = {
    "GITHUB_SHA": "3f2a",
    "GITHUB_REF_NAME": "main",
    "GITHUB_SERVER_URL": "https://github.example",
    "GITHUB_REPOSITORY": "bots/bank",
    "GITHUB_RUN_ID": "77",
}
GITHUB_ORIGIN = Origin(
    commit="3f2a",
    branch="main",
    job_url="https://github.example/bots/bank/actions/runs/77",
    source_url="https://github.example/bots/bank/blob/3f2a/{path}#L{line}",
)
AZURE = {
    "BUILD_SOURCEVERSION": "3f2a",
    "BUILD_SOURCEBRANCH": "refs/heads/feature/new",
    "SYSTEM_COLLECTIONURI": "https://dev.azure.example/bots/",
    "SYSTEM_TEAMPROJECT": "The bank",
    "BUILD_BUILDID": "77",
}
ORIGINS = {
    "github": (GITHUB, GITHUB_ORIGIN),
    "github pull request": (
        GITHUB | {"GITHUB_REF_NAME": "5/merge", "GITHUB_HEAD_REF": "feature/new"},
        replace(GITHUB_ORIGIN, branch="feature/new"),
    ),
    "github without a server": (
        {name: value for name, value in GITHUB.items() if name != "GITHUB_SERVER_URL"},
        Origin(commit="3f2a", branch="main"),
    ),
    "gitlab merge request": (
        {
            "CI_COMMIT_SHA": "3f2a",
            "CI_COMMIT_REF_NAME": "refs/merge-requests/5/head",
            "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "feature/new",
            "CI_JOB_URL": "https://gitlab.example/bots/bank/-/jobs/7",
            "CI_PROJECT_URL": "https://gitlab.example/bots/bank",
        },
        Origin(
            commit="3f2a",
            branch="feature/new",
            job_url="https://gitlab.example/bots/bank/-/jobs/7",
            source_url="https://gitlab.example/bots/bank/-/blob/3f2a/{path}#L{line}",
        ),
    ),
    "azure": (
        AZURE,
        Origin(
            commit="3f2a",
            branch="feature/new",
            job_url="https://dev.azure.example/bots/The%20bank/_build/results?buildId=77",
        ),
    ),
    "bitbucket": (
        {
            "BITBUCKET_COMMIT": "3f2a",
            "BITBUCKET_BRANCH": "main",
            "BITBUCKET_GIT_HTTP_ORIGIN": "https://bitbucket.example/bots/bank",
            "BITBUCKET_BUILD_NUMBER": "7",
        },
        Origin(
            commit="3f2a",
            branch="main",
            job_url="https://bitbucket.example/bots/bank/pipelines/results/7",
            source_url="https://bitbucket.example/bots/bank/src/3f2a/{path}#lines-{line}",
        ),
    ),
    "jenkins": (
        {"GIT_COMMIT": "3f2a", "GIT_BRANCH": "origin/main", "BUILD_URL": "https://jenkins.example/job/bank/7/"},
        Origin(commit="3f2a", branch="origin/main", job_url="https://jenkins.example/job/bank/7/"),
    ),
    "none": (GITHUB | AZURE, Origin()),
    "teamcity of another line": ({"BUILD_VCS_NUMBER": "3f2a\n##teamcity[x]"}, Origin(commit="3f2a ##teamcity[x]")),
}


@pytest.mark.parametrize("name", ORIGINS)
def test_origin__as_the_ci_names_it(name: str) -> None:
    """Commit, branch, job and source lines' address come from the CI's own variables, each as far as it is set."""
    environ, expected = ORIGINS[name]

    assert dialects.origin(environ, name.partition(" ")[0]) == expected
