"""Which CI this is, told by the variables each is known to set."""

import pytest

from kore_gate.ci import dialects

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
        pytest.param({"GITLAB_CI": "false"}, "none", id="said to be false"),
        pytest.param({"BUILD_ID": "7"}, "none", id="half of Jenkins"),
        pytest.param({"BITBUCKET_BUILD_NUMBER": "3"}, "bitbucket", id="Bitbucket without a commit"),
        pytest.param(
            {"GITHUB_ACTIONS": "true", "JENKINS_URL": "x", "BUILD_ID": "1"}, "github", id="the specific first"
        ),
    ],
)
def test_detect__edge(environ: dict[str, str], expected: str) -> None:
    """A variable that is empty or false says nothing."""
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
def test_debug(environ: dict[str, str], expected: bool) -> None:
    """The CI's own debug flag is found, and no other."""
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
def test_colour(environ: dict[str, str], isatty: bool, ci: str, expected: bool) -> None:
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
def test_live(environ: dict[str, str], isatty: bool, ci: str, expected: bool) -> None:
    """Bars move on a real terminal only."""
    assert dialects.live(environ, isatty, ci) is expected
