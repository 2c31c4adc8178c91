"""What the caller wants: read from flags, inputs and variables, with every problem told at once."""

import dataclasses
import difflib
import urllib.parse
from collections.abc import Callable, Mapping

from kore_gate import catalogue, errors, values

_OWN_NAMES = {
    "KORE_COMMAND", "KORE_GATE_BASE_IMAGE", "KORE_VERDICT", "KORE_EXIT_CODE", "KORE_STATUS", "KORE_TEST_SUITE_ID",
    "KORE_SUITE_NAME", "KORE_STEPS", "KORE_ASSERTIONS", "KORE_PASSED", "KORE_FAILED", "KORE_SKIPPED", "KORE_ERRORS",
    "KORE_DURATION", "KORE_JUNIT_PATH", "KORE_REPORT_PATH", "KORE_DOWNLOAD_URL",
}  # fmt: skip


# What is enough to leave a report where the other settings are no good.
REPORTING = ("report-dir", "junit-granularity", "junit-dialect", "ci", "output", "verbose")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Every setting of one call, read and checked. Durations are in seconds, sizes in bytes; "" and None are unset.

    `sources` says for each setting that was given where its value came from.
    """

    command: str
    host: str = ""
    stream_id: str = ""
    ds_id: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    suites: tuple[str, ...] = ()
    run_id: tuple[str, ...] = ()
    name: str = ""
    tags: tuple[str, ...] = ()
    description: str = ""
    client_id: str = ""
    client_secret: str = dataclasses.field(default="", repr=False)
    jwt_algorithm: str = "HS256"
    private_key: str = dataclasses.field(default="", repr=False)
    jwt: str = dataclasses.field(default="", repr=False)
    user_email: str = ""
    bot_language: str = "en"
    bot_version: str = "inDevelopment"
    timeout: float = 1800.0
    outage_limit: float = 180.0
    request_timeout: float = 30.0
    poll_interval: float | None = None
    report_dir: str = "junit-reports"
    junit_granularity: str = "assertion"
    junit_dialect: str = "rich"
    download: bool = True
    allow_empty: bool = False
    soft_fail: frozenset[int] = frozenset()
    max_response: int = 64 * 2**20
    ca_file: str = ""
    allow_http: bool = False
    max_parallel: int = 20
    fail_fast: bool = False
    ci: str = "auto"
    output: str = "text"
    verbose: bool = False
    sources: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return what must never be shown."""
        return tuple(secret for secret in (self.client_secret, self.private_key, self.jwt) if secret)


class _Given:
    """The texts that were given, with where each came from."""

    def __init__(self, flags: Mapping[str, str], environ: Mapping[str, str], read_file: Callable[[str], str]) -> None:
        self.texts: dict[str, str] = {}
        self.sources: dict[str, str] = {}
        self.problems: list[str] = []
        for setting in catalogue.SETTINGS:
            places = [
                (flags.get(setting.name, ""), f"flag --{setting.name}"),
                (environ.get(setting.input, ""), f"input {setting.name}"),
                (environ.get(setting.variable, ""), f"variable {setting.variable}"),
            ]
            found = [(text.strip(), source) for text, source in places if text.strip()]
            if setting.secret:
                self._add_file(found, f"{setting.variable}_FILE", environ, read_file)
            if found:
                self.texts[setting.name], self.sources[setting.name] = found[0]

    def _add_file(
        self,
        found: list[tuple[str, str]],
        variable: str,
        environ: Mapping[str, str],
        read_file: Callable[[str], str],
    ) -> None:
        path = environ.get(variable, "").strip()
        if not path:
            return
        name = variable.removesuffix("_FILE")
        if found:
            self.problems.append(f"{name} is given twice: as {found[0][1]} and as a file in {variable}; keep one.")
            return
        try:
            secret = read_file(path).strip()
        except (OSError, ValueError) as problem:
            reason = getattr(problem, "strerror", None) or "it is not text"
            self.problems.append(f"{variable} names a file that can't be read ({path}): {reason}.")
            found.append(("", variable))
            return
        if secret:
            found.append((secret, f"file in {variable}"))
        else:
            self.problems.append(f"{variable} names an empty file ({path}).")


def is_reporting(variable: str) -> bool:
    """Tell whether an environment variable is one of the settings of REPORTING."""
    known = [catalogue.BY_NAME[name] for name in REPORTING]
    return any(variable in (setting.variable, setting.input) for setting in known)


def command_of(environ: Mapping[str, str]) -> str:
    """Return the command for a command line that names none."""
    return (environ.get("INPUT_COMMAND") or environ.get("KORE_COMMAND") or "wait").strip().lower() or "wait"


def read(
    command: str, flags: Mapping[str, str], environ: Mapping[str, str], read_file: Callable[[str], str]
) -> Settings:
    """Read all settings, the flag first, then the action's input, then the variable, then the default.

    Raises SettingsError with every problem there is.
    """
    given = _Given(flags, environ, read_file)
    problems = given.problems
    if command not in catalogue.COMMANDS:
        problems.append(f"command {command!r} is none of {', '.join(catalogue.COMMANDS)}.")
    parsed: dict[str, object] = {}
    for setting in catalogue.SETTINGS:
        text = given.texts.get(setting.name, "") or setting.default
        if not text:
            continue
        try:
            parsed[setting.field] = setting.parse(text)
        except ValueError as problem:
            shown = "" if setting.secret else f" {_clip(text)!r}"
            problems.append(f"{setting.name}{shown} {problem} ({given.sources[setting.name]}).")
    # The table and the fields are held together by a test; their types, by the parsers.
    settings = Settings(command=command, sources=given.sources, **parsed)  # type: ignore[arg-type]
    if command in catalogue.REMOTE_COMMANDS:
        known_bad = {problem.split(" ", 1)[0] for problem in problems}
        problems += [
            problem
            for name, problem in _missing(settings, given.texts)
            if name not in known_bad and f"KORE_{name.upper().replace('-', '_')}_FILE" not in known_bad
        ]
        problems += _contradictions(settings)
    if problems:
        hint = ""
        if environ.get("GITHUB_EVENT_NAME") == "pull_request" and not settings.secrets:
            hint = "Secrets are not given to workflows of pull requests from forks."
        raise errors.SettingsError(problems, hint=hint)
    return settings


def unknown(environ: Mapping[str, str]) -> list[str]:
    """Warn of variables that look like a setting misspelt; others' KORE_* names are none of our business."""
    variables = [setting.variable for setting in catalogue.SETTINGS]
    variables += [f"{setting.variable}_FILE" for setting in catalogue.SETTINGS if setting.secret]
    warnings = []
    for name in sorted(environ):
        if not name.startswith("KORE_") or name in variables or name in _OWN_NAMES:
            continue
        close = difflib.get_close_matches(name, variables, n=1, cutoff=0.85)
        if close:
            warnings.append(f"{name} is not a setting of the gate. Did you mean {close[0]}?")
    return warnings


def _missing(settings: Settings, texts: Mapping[str, str]) -> list[tuple[str, str]]:
    """List what the command needs and was not given."""
    needed = {"host": "where your bot lives, such as platform.kore.ai", "stream-id": "the bot's id"}
    match settings.command:
        case "wait":
            needed["ds-id"] = "the id that the import gave out"
        case "import" | "test":
            needed |= {"files": "the suite files", "user-email": "Kore.ai asks for an owner or developer of the bot"}
        case "run":
            needed["suites"] = "the suites' names"
            needed["user-email"] = "Kore.ai asks for an owner or developer of the bot"
    if "jwt" not in texts:
        needed["client-id"] = "or a ready-made token as jwt"
        key = "private-key" if settings.jwt_algorithm.startswith("RS") else "client-secret"
        needed[key] = "or a ready-made token as jwt"
    return [
        (name, f"{name} is missing: {reason}. Give {_ways(catalogue.BY_NAME[name])}.")
        for name, reason in needed.items()
        if name not in texts
    ]


def _ways(setting: catalogue.Setting) -> str:
    if setting.secret:
        return f"the input {setting.name}, {setting.variable} or {setting.variable}_FILE"
    return f"--{setting.name}, the input {setting.name} or {setting.variable}"


def _contradictions(settings: Settings) -> list[str]:
    """List settings that can't all be meant."""
    found = []
    sources = settings.sources
    if settings.jwt and (settings.client_secret or settings.private_key):
        other = "client-secret" if settings.client_secret else "private-key"
        found.append(
            f"jwt ({sources['jwt']}) and {other} ({sources[other]}) are both given; "
            "keep one: the ready-made token, or what the gate signs its own with."
        )
    if settings.private_key and settings.jwt_algorithm.startswith("HS"):
        found.append(f"private-key ({sources['private-key']}) is for RS256 and RS512; set jwt-algorithm as well.")
    if settings.client_secret and settings.jwt_algorithm.startswith("RS"):
        found.append(f"client-secret ({sources['client-secret']}) does not go with {settings.jwt_algorithm}.")
    parts = urllib.parse.urlsplit(settings.host)
    if parts.scheme == "http" and not settings.allow_http and not values.is_loopback(parts.hostname or ""):
        found.append(
            f"host {settings.host!r} ({sources['host']}) would send the token in the clear; "
            "use https, or set allow-http if that is really meant."
        )
    if settings.run_id and len(settings.run_id) != len(settings.suites):
        found.append(f"run-id names {len(settings.run_id)} runs for {len(settings.suites)} suites; give one for each.")
    return found


def _clip(text: str) -> str:
    return text if len(text) <= 80 else text[:79] + "…"
