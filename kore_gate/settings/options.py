"""Every command and every setting: the one table that options, inputs, variables and the README are checked against."""

import dataclasses
from collections.abc import Callable, Sequence

from kore_gate.settings import parsers

COMMANDS = {
    "wait": "wait for one or more imports, by ds-id",
    "import": "upload suite files, start their imports, wait for them",
    "run": "run suites by name, wait, report their results",
    "test": "import suite files, then run the suites",
    "report": "render a saved kore-result.json again, offline",
    "demo": "test against a built-in Kore.ai simulator; needs no account",
    "simulate": "serve the simulator on a local port",
    "doctor": "check settings, credentials, clock, proxy, certificate, host and scope",
}

JUDGING_COMMANDS = ("wait", "import", "run", "test")  # leave reports, whatever happens
REMOTE_COMMANDS = (*JUDGING_COMMANDS, "doctor")

CI_NAMES = ("auto", "github", "gitlab", "jenkins", "azure", "circleci", "buildkite", "bitbucket", "teamcity", "none")

# What console and reports need: it is read also where other settings are invalid.
REPORTING = ("report-dir", "junit-granularity", "junit-dialect", "ci", "output", "verbose")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One setting: its kebab-case name, how its text is read, what it means."""

    name: str
    help: str
    parse: Callable[[str], object] = parsers.text
    default: str = ""
    secret: bool = False
    many: bool = False  # its option repeats
    inherited: bool = True  # read from KORE_<NAME>, which in GitLab an earlier job may have set

    @property
    def variable(self) -> str:
        """Return the name of its environment variable."""
        return "KORE_" + self.name.upper().replace("-", "_")

    @property
    def input(self) -> str:
        """Return the variable that a GitHub action's input arrives in: hyphens are kept."""
        return "INPUT_" + self.name.upper()

    @property
    def field(self) -> str:
        """Return its name in Python."""
        return self.name.replace("-", "_")

    @property
    def ways(self) -> str:
        """Name every way to set it."""
        if self.secret:
            return f"the input {self.name}, {self.variable} or {self.variable}_FILE"
        return f"--{self.name}, the input {self.name} or {self.variable}"


SETTINGS: Sequence[Setting] = (
    Setting(name="host", parse=parsers.host, help="platform.kore.ai or a URL, with optional port and base path"),
    Setting(name="stream-id", parse=parsers.identifier, help="the bot's id"),
    Setting(name="ds-id", parse=parsers.ids, many=True, help="import ids, separated by commas, spaces or newlines"),
    Setting(name="files", parse=parsers.lines, many=True, help="suite files, one per line, globs allowed"),
    Setting(name="suites", parse=parsers.lines, many=True, help="suite names, one per line"),
    # An inherited KORE_RUN_ID would pass an earlier run off as the one that was asked for.
    Setting(
        name="run-id",
        parse=parsers.run_ids,
        many=True,
        inherited=False,
        help="ids of runs to resume, one for each suite; - starts a new run; option or input only",
    ),
    Setting(name="name", parse=parsers.identifier, help="the suite's name, if a single file is imported"),
    Setting(name="tags", parse=parsers.words, help="tags for imported suites, separated by commas"),
    Setting(name="description", help="description for imported suites"),
    Setting(name="client-id", help="the JWT app's client id"),
    Setting(name="client-secret", secret=True, help="the JWT app's client secret"),
    Setting(
        name="jwt-algorithm",
        parse=parsers.choice("HS256", "HS512", "RS256", "RS512"),
        default="HS256",
        help="how tokens are signed; RS256 and RS512 need private-key and the extra kore-gate[rsa]",
    ),
    Setting(name="private-key", parse=parsers.private_key, secret=True, help="the key (PEM) for RS256 and RS512"),
    Setting(name="jwt", parse=parsers.token, secret=True, help="a ready-made token, instead of client-secret"),
    Setting(name="user-email", help="e-mail of a bot owner or developer; import, run, test need it"),
    Setting(name="bot-language", parse=parsers.language, default="en", help="the bot-language header"),
    Setting(
        name="bot-version",
        parse=parsers.choice("inDevelopment", "published"),
        default="inDevelopment",
        help="bot version that run and test use: inDevelopment or published",
    ),
    Setting(name="timeout", parse=parsers.duration, default="30m", help="limit of the whole command: 90s, 15m, 1h30m"),
    Setting(
        name="outage-limit",
        parse=parsers.duration,
        default="3m",
        help="how long Kore.ai may be unreachable before kore_gate gives up",
    ),
    Setting(
        name="request-timeout",
        parse=parsers.duration,
        default="30s",
        help="time limit for one request, from first byte sent to last byte read",
    ),
    Setting(name="poll-interval", parse=parsers.interval, default="auto", help="auto, or a duration"),
    Setting(name="report-dir", default="junit-reports", help="directory for the reports"),
    Setting(
        name="junit-granularity",
        parse=parsers.choice("assertion", "step"),
        default="assertion",
        help="one test case per assertion or per step",
    ),
    Setting(
        name="junit-dialect",
        parse=parsers.choice("rich", "strict"),
        default="rich",
        help="rich, or strict (valid against the Ant and Jenkins xUnit schemas)",
    ),
    Setting(
        name="download",
        parse=parsers.flag,
        default="true",
        help="save the results file that Kore.ai's response links to",
    ),
    Setting(
        name="allow-empty",
        parse=parsers.flag,
        default="false",
        help="let a suite without steps or without an enabled assertion pass",
    ),
    Setting(name="soft-fail", parse=parsers.exit_codes, help="exit codes to turn into 0, such as 1,4"),
    Setting(name="max-response", parse=parsers.size, default="64MiB", help="maximum size of one response"),
    Setting(name="ca-file", help="extra certificate authority (PEM)"),
    Setting(name="allow-http", parse=parsers.flag, default="false", help="allow http to hosts other than localhost"),
    Setting(name="max-parallel", parse=parsers.number, default="20", help="maximum number of suites at a time"),
    Setting(
        name="fail-fast", parse=parsers.flag, default="false", help="stop the other suites after the first failure"
    ),
    Setting(name="ci", parse=parsers.choice(*CI_NAMES), default="auto", help="CI system to write output for"),
    Setting(
        name="output", parse=parsers.choice("text", "json"), default="text", help="json prints the result on stdout"
    ),
    Setting(name="verbose", parse=parsers.flag, default="false", help="print more; also on with the CI's debug flag"),
)

BY_NAME = {setting.name: setting for setting in SETTINGS}
