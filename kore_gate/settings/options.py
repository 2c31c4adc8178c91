"""Every command and every setting: the one table that options, inputs, variables and the README are checked against."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from kore_gate.settings import parsers

COMMANDS = {
    "wait": "wait for one or more imports, by ds-id",
    "import": "upload suite files, start their imports, wait for them",
    "run": "run suites by name, wait, report their results",
    "test": "import suite files, then run the suites",
    "lint": "check suite files for what they fail to test, offline",
    "report": "render a saved kore-result.json again, or merge several, offline",
    "known-failures": "print a file of known failures from a kore-result.json, offline",
    "shard": "print which suite files one of several parallel jobs tests, offline",
    "demo": "test against a built-in Kore.ai simulator; needs no account",
    "simulate": "serve the simulator on a local port",
    "doctor": "check settings, credentials, clock, proxy, certificate, host and scope",
    "completion": "print what completes commands and options in bash, zsh or fish",
}

JUDGING_COMMANDS = ("wait", "import", "run", "test")  # leave reports, whatever happens
REMOTE_COMMANDS = (*JUDGING_COMMANDS, "doctor")
# Commands that share settings. The demo has access, bot and files of its own.
_FILES = ("import", "test")
_LINTS = ("lint", "wait", "import", "run", "test", "demo")
_CALLS = (*REMOTE_COMMANDS, "demo")
_JUDGES = (*JUDGING_COMMANDS, "demo")
_REPORTS = (*_JUDGES, "lint", "report")
_PRINTS = (*_CALLS, "lint", "report", "known-failures", "shard", "simulate")
_RUNS = ("run", "test", "demo")

CI_NAMES = ("auto", "github", "gitlab", "jenkins", "azure", "circleci", "buildkite", "bitbucket", "teamcity", "none")

# Ids of the lint's rules, as gate/lint has them.
LINT_RULES = (
    "suite-without-content",
    "empty-text",
    "too-few-assertions",
    "step-without-assertion",
    "dynamic-text",
    "flow-off",
    "fallback-reply",
    "duplicate-step",
    "duplicate-suite",
    "not-understood",
)

# How a demonstration reports is the user's to choose; other settings could send it to a real bot.
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
    # The commands that have a use for it; the others take it as well, for pipelines set variables for all their jobs.
    commands: tuple[str, ...] = REMOTE_COMMANDS
    choices: tuple[str, ...] = ()
    free: bool = False  # people's own words, which may begin with a dollar sign
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


def _setting(help_: str, parse: Callable[[str], object] = parsers.text, default: str = "", **facts: Any) -> Any:
    """Declare a field of Settings as a setting; without a default it is `unset`, or else empty."""
    unset = facts.pop("unset", () if facts.get("many") else "")
    value = parse(default) if default else unset
    metadata = {"help": help_, "parse": parse, "default": default, **facts}
    return dataclasses.field(default=value, repr=not facts.get("secret"), metadata=metadata)


def _choice(help_: str, choices: tuple[str, ...], default: str, **facts: Any) -> Any:
    """Declare a field of Settings that is one of these words."""
    return _setting(help_, parsers.choice(*choices), default, choices=choices, **facts)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Every setting of one command, read and checked. Durations are in seconds, sizes in bytes.

    `sources` has for each setting that is not at its default where its value came from.
    """

    command: str
    host: str = _setting("platform.kore.ai or a URL, with optional port and base path", parsers.host)
    stream_id: str = _setting("the bot's id", parsers.identifier)
    ds_id: tuple[str, ...] = _setting(
        "import ids, separated by commas, spaces or newlines", parsers.ids, many=True, commands=("wait",)
    )
    files: tuple[str, ...] = _setting(
        "suite files (of report and known-failures: kore-result.json), one per line",
        parsers.paths,
        many=True,
        commands=(*_FILES, "lint", "report", "known-failures", "shard"),
    )
    total: int = _setting(
        "number of parallel jobs; report: how many results there must be", parsers.number, commands=("shard", "report")
    )
    index: int = _setting("number of this job, from 1 to total", parsers.number, commands=("shard",))
    suites: tuple[str, ...] = _setting(
        "suite names, one per line", parsers.lines, many=True, free=True, commands=("run",)
    )
    # An inherited KORE_RUN_ID would pass an earlier run off as the one that was asked for.
    run_id: tuple[str, ...] = _setting(
        "ids of runs to resume, one for each suite; - starts a new run",
        parsers.run_ids,
        many=True,
        inherited=False,
        commands=("run",),
    )
    name: str = _setting(
        "the suite's name, if a single file is imported", parsers.identifier, free=True, commands=_FILES
    )
    tags: tuple[str, ...] = _setting(
        "tags for imported suites, separated by commas", parsers.words, many=True, free=True, commands=_FILES
    )
    description: str = _setting("description for imported suites", free=True, commands=_FILES)
    client_id: str = _setting("the JWT app's client id, unless jwt is set")
    client_secret: str = _setting("the JWT app's client secret, unless jwt is set", secret=True)
    jwt_algorithm: str = _choice(
        "how tokens are signed; RS256 and RS512 need private-key and the extra kore-gate[rsa]",
        ("HS256", "HS512", "RS256", "RS512"),
        "HS256",
    )
    private_key: str = _setting(
        "the key (PEM) for RS256 and RS512, unless jwt is set", parsers.private_key, secret=True
    )
    jwt: str = _setting("a ready-made token, instead of client-secret", parsers.token, secret=True)
    user_email: str = _setting("e-mail of a bot owner or developer", commands=("import", "run", "test", "doctor"))
    bot_language: str = _setting("the bot-language header", parsers.language, "en", commands=_CALLS)
    bot_version: str = _choice(
        "bot version that run and test use",
        ("inDevelopment", "published"),
        "inDevelopment",
        commands=("run", "test", "demo"),
    )
    timeout: float = _setting("limit of the whole command: 90s, 15m, 1h30m", parsers.duration, "30m", commands=_CALLS)
    outage_limit: float = _setting("how long Kore.ai may be unreachable", parsers.duration, "3m", commands=_CALLS)
    request_timeout: float = _setting(
        "limit of one request, first byte sent to last byte read", parsers.duration, "30s", commands=_CALLS
    )
    poll_interval: float | None = _setting("auto, or a duration", parsers.interval, "auto", commands=_JUDGES)
    history: tuple[str, ...] = _setting(
        "earlier kore-result.json files, or folders of them: how long suites take, since when tests fail",
        parsers.paths,
        many=True,
        commands=(*_JUDGES, "report", "shard"),
    )
    report_dir: str = _setting("directory for the reports", parsers.path, "junit-reports", commands=_REPORTS)
    junit_granularity: str = _choice(
        "one test case per assertion or step", ("assertion", "step"), "assertion", commands=_REPORTS
    )
    junit_dialect: str = _choice(
        "strict is valid in the Ant and Jenkins schemas", ("rich", "strict"), "rich", commands=_REPORTS
    )
    download: bool = _setting(
        "save the results file that Kore.ai's response links to", parsers.flag, "true", commands=_JUDGES
    )
    allow_empty: bool = _setting(
        "let a suite without steps or enabled assertions pass", parsers.flag, "false", commands=_JUDGES
    )
    known_failures: str = _setting(
        "TOML file of failures that do not count, each with a reason and an end date", parsers.path, commands=_RUNS
    )
    baseline: str = _setting(
        "kore-result.json of an earlier call: only failures that are new count", parsers.path, commands=_RUNS
    )
    min_pass_rate: int | None = _setting(  # in millionths of a percent
        "share of judged assertions that has to pass, such as 95%", parsers.percentage, unset=None, commands=_RUNS
    )
    max_failures: int | None = _setting("number of failures to tolerate", parsers.count, unset=None, commands=_RUNS)
    min_assertions: int = _setting("least number of enabled assertions of a suite", parsers.count, "0", commands=_LINTS)
    lint_ignore: tuple[str, ...] = _setting(
        "rules of the lint to switch off",
        parsers.some_of(*LINT_RULES),
        many=True,
        choices=LINT_RULES,
        commands=_LINTS,
    )
    lint_strict: bool = _setting("let warnings of the lint count as errors", parsers.flag, "false", commands=("lint",))
    soft_fail: tuple[int, ...] = _setting(
        "exit codes to turn into 0, such as 1,4", parsers.exit_codes, many=True, commands=_REPORTS
    )
    max_response: int = _setting("maximum size of one response", parsers.size, "64MiB", commands=_CALLS)
    ca_file: str = _setting("extra certificate authority (PEM)", parsers.path)
    allow_http: bool = _setting("allow http to hosts other than localhost", parsers.flag, "false")
    max_parallel: int = _setting("maximum number of suites at a time", parsers.parallel, "auto", commands=_JUDGES)
    fail_fast: bool = _setting("stop the other suites after the first failure", parsers.flag, "false", commands=_JUDGES)
    ci: str = _choice("CI system to write output for", CI_NAMES, "auto", commands=_PRINTS)
    output: str = _choice("json prints the result on stdout", ("text", "json"), "text", commands=_REPORTS)
    verbose: bool = _setting("print more; also on with the CI's debug flag", parsers.flag, "false", commands=_PRINTS)
    sources: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return what must never be shown."""
        return tuple(secret for secret in (self.client_secret, self.private_key, self.jwt) if secret)


SETTINGS = tuple(
    Setting(name=field.name.replace("_", "-"), **field.metadata)
    for field in dataclasses.fields(Settings)
    if field.metadata
)
BY_NAME = {setting.name: setting for setting in SETTINGS}
