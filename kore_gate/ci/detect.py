"""Which CI this is, and what it or the user asked of our output."""

from collections.abc import Mapping

from kore_gate.ci import dialects

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
    return isatty or dialects.dialect_for(ci).renders_ansi


def live(environ: Mapping[str, str], isatty: bool, ci: str) -> bool:
    """Tell whether a display that moves can be shown: on a real terminal, with no CI around it."""
    return isatty and ci == "none" and not _is_set(environ, "CI") and environ.get("TERM") not in ("dumb", "unknown")


def _is_set(environ: Mapping[str, str], name: str) -> bool:
    return environ.get(name, "").strip().lower() not in ("", "0", "false", "no", "off")
