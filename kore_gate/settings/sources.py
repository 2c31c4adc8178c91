"""What the caller wants: read from options, inputs, variables and files, with every problem reported at once."""

import dataclasses
import difflib
import urllib.parse
from collections.abc import Callable, Collection, Mapping, Sequence

from kore_gate import errors
from kore_gate.settings import options, parsers
from kore_gate.settings.redact import SHORTEST, Redactor

_CLIP = 80


def places(setting: options.Setting, flags: Mapping[str, str], environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the texts given for a setting, the one that counts first, each with where it came from."""
    given = [
        (flags.get(setting.name, ""), f"option --{setting.name}"),
        (environ.get(setting.input, ""), f"input {setting.name}"),
        (environ.get(setting.variable, "") if setting.inherited else "", f"variable {setting.variable}"),
    ]
    return [(text.strip(), source) for text, source in given if text.strip()]


class Given:
    """The texts that were given, with where each came from; `bad` are the settings that can't be used."""

    def __init__(self, flags: Mapping[str, str], environ: Mapping[str, str], read_file: Callable[[str], str]) -> None:
        self.texts: dict[str, str] = {}
        self.sources: dict[str, str] = {}
        self.problems: list[str] = []
        self.bad: set[str] = set()
        self.redactor = Redactor()  # of what was given as a secret
        for setting in options.SETTINGS:
            found = places(setting, flags, environ)
            path = environ.get(f"{setting.variable}_FILE", "").strip() if setting.secret else ""
            if path and found:
                name = setting.variable
                self.blame(setting, f"{name} is set twice: as {found[0][1]} and as a file in {name}_FILE; keep one.")
            elif path:
                found = [(self._content(setting, path, read_file), f"file in {setting.variable}_FILE")]
            if found:
                self.texts[setting.name], self.sources[setting.name] = found[0]
                if setting.secret:
                    self.redactor.add(found[0][0])

    def blame(self, setting: options.Setting, problem: str) -> None:
        """Note what is wrong with a setting."""
        self.problems.append(problem)
        self.bad.add(setting.name)

    def _content(self, setting: options.Setting, path: str, read_file: Callable[[str], str]) -> str:
        variable = f"{setting.variable}_FILE"
        try:
            secret = read_file(path).strip()
        except (OSError, ValueError) as problem:
            reason = getattr(problem, "strerror", None) or "it is not text"
            # Without the path: it may be the secret itself, put into the wrong variable.
            self.blame(setting, f"{variable} names a file that cannot be read: {reason}.")
            return ""
        if not secret:
            self.blame(setting, f"{variable} names an empty file.")
        return secret

    def parse(self, settings: Sequence[options.Setting]) -> dict[str, object]:
        """Return the values of those settings that are given, or have a default, and can be read."""
        parsed: dict[str, object] = {}
        for setting in settings:
            text = self.texts.get(setting.name, "") or setting.default
            if not text:
                continue
            try:
                parsed[setting.field] = setting.parse(text)
            except ValueError as problem:
                self.blame(
                    setting, f"{setting.name}{self._shown(setting, text)} {problem} ({self.sources[setting.name]})."
                )
        return parsed

    def _shown(self, setting: options.Setting, text: str) -> str:
        # Credentials and tokens stand in addresses as well.
        if setting.secret or (setting.name == "host" and set(text) & set("@?#")):
            return ""
        text = self.redactor.text(text)  # a secret may have been given as something else as well
        return f" {text if len(text) <= _CLIP else text[: _CLIP - 1] + '…'!r}"


_OWN_NAMES = {
    "KORE_COMMAND", "KORE_GATE_BASE_IMAGE", "KORE_VERDICT", "KORE_EXIT_CODE", "KORE_STATUS", "KORE_TEST_SUITE_ID",
    "KORE_SUITE_NAME", "KORE_STEPS", "KORE_ASSERTIONS", "KORE_PASSED", "KORE_FAILED", "KORE_SKIPPED", "KORE_ERRORS",
    "KORE_DURATION", "KORE_JUNIT_PATH", "KORE_REPORT_PATH", "KORE_DOWNLOAD_URL",
}  # fmt: skip


# What is enough to leave a report where the other settings are no good.
REPORTING = ("report-dir", "junit-granularity", "junit-dialect", "ci", "output", "verbose")

_SIGNING = {"client-secret", "private-key", "jwt", "jwt-algorithm"}


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


def command_of(environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the command for a command line that names none, and where it came from."""
    places = (("INPUT_COMMAND", "input command"), ("KORE_COMMAND", "variable KORE_COMMAND"))
    given = ((environ.get(name, "").strip().lower(), source) for name, source in places)
    return next(((name, source) for name, source in given if name), ("wait", "default"))


def read(
    command: str,
    flags: Mapping[str, str],
    environ: Mapping[str, str],
    read_file: Callable[[str], str],
    problems: Sequence[str] = (),
) -> Settings:
    """Read all settings, the flag first, then the action's input, then the variable, then the default.

    Raises SettingsError with every problem there is; `problems` are those that are known before.
    """
    given = Given(flags, environ, read_file)
    parsed = given.parse(options.SETTINGS)
    # The table and the fields are held together by a test; their types, by the parsers.
    settings = Settings(command=command, sources=given.sources, **parsed)  # type: ignore[arg-type]
    # A secret may have been given as a word of the command line as well.
    found = [*map(given.redactor.text, problems), *given.problems, *_missing(settings, given)]
    if command in options.REMOTE_COMMANDS:
        found += _contradictions(settings, given.bad)
    if found:
        hint = ""
        if environ.get("GITHUB_EVENT_NAME") == "pull_request" and not settings.secrets:
            hint = "GitHub does not pass secrets to workflows of pull requests from forks."
        raise errors.SettingsError(found, hint=hint)
    return settings


def read_for_reports(
    command: str, flags: Mapping[str, str], environ: Mapping[str, str], read_file: Callable[[str], str]
) -> Settings | None:
    """Read only what is needed to leave a report of settings that are no good; None if it is not known where."""
    given = Given(flags, environ, read_file)
    parsed = given.parse([options.BY_NAME[name] for name in REPORTING])
    if "report-dir" in given.bad:
        return None
    return Settings(command=command, **parsed)  # type: ignore[arg-type] # as above


def unknown(command: str, environ: Mapping[str, str]) -> list[str]:
    """Warn of variables that look like a setting misspelt; others' KORE_* names are none of our business."""
    variables = [setting.variable for setting in options.SETTINGS]
    variables += [f"{setting.variable}_FILE" for setting in options.SETTINGS if setting.secret]
    warnings = []
    for name in sorted(environ):
        if not name.startswith("KORE_") or name in variables or name in _OWN_NAMES:
            continue
        close = difflib.get_close_matches(name, variables, n=1, cutoff=0.85)
        if close:
            warnings.append(f"{name} is an unknown setting. Did you mean {close[0]}?")
    if command == "run" and environ.get("KORE_RUN_ID", "").strip():
        warnings.append("KORE_RUN_ID comes from an earlier job and is ignored: use --run-id to resume its run.")
    return warnings


def short_secrets(settings: Settings) -> list[str]:
    """Warn of secrets that are too short to be removed from text: ordinary words would go with them."""
    return [
        f"{setting.name} has only {len(value)} characters: too short to be removed from what Kore.ai sends back. "
        "Use a longer one, such as Kore.ai generates."
        for setting in options.SETTINGS
        if setting.secret and 0 < len(value := str(getattr(settings, setting.field))) < SHORTEST
    ]


def _missing(settings: Settings, given: Given) -> list[str]:
    """List what the command needs and was not given."""
    needed = {}
    if settings.command in options.REMOTE_COMMANDS:
        needed = {"host": "your Kore.ai host, such as platform.kore.ai", "stream-id": "the bot's id"}
    match settings.command:
        case "report":
            needed["files"] = "a saved kore-result.json"
        case "wait":
            needed["ds-id"] = "the id of the import"
        case "import" | "test":
            needed |= {"files": "the suite files", "user-email": "the e-mail of an owner or developer of the bot"}
        case "run":
            needed["suites"] = "the suites' names"
            needed["user-email"] = "the e-mail of an owner or developer of the bot"
    # What can't be read may have been meant for any way of signing.
    if settings.command in options.REMOTE_COMMANDS and not given.bad & _SIGNING and "jwt" not in given.texts:
        needed["client-id"] = "the JWT app's client id, unless jwt holds a ready-made token"
        key = "private-key" if settings.jwt_algorithm.startswith("RS") else "client-secret"
        needed[key] = "the key that signs tokens, unless jwt holds a ready-made one"
    return [
        f"{name} is missing: {reason}. Use {_ways(options.BY_NAME[name])}."
        for name, reason in needed.items()
        if name not in given.texts
    ]


def _ways(setting: options.Setting) -> str:
    if setting.secret:
        return f"the input {setting.name}, {setting.variable} or {setting.variable}_FILE"
    return f"--{setting.name}, the input {setting.name} or {setting.variable}"


def _contradictions(settings: Settings, bad: Collection[str]) -> list[str]:
    """List settings that can't all be meant."""
    found = []
    sources = settings.sources
    algorithm = "" if "jwt-algorithm" in bad else settings.jwt_algorithm
    if settings.jwt and (settings.client_secret or settings.private_key):
        other = "client-secret" if settings.client_secret else "private-key"
        found.append(
            f"jwt ({sources['jwt']}) and {other} ({sources[other]}) are both set; "
            "keep one: the ready-made token, or the key to sign new ones."
        )
    if settings.private_key and algorithm.startswith("HS"):
        found.append(f"private-key ({sources['private-key']}) needs jwt-algorithm RS256 or RS512.")
    if settings.client_secret and algorithm.startswith("RS"):
        found.append(f"client-secret ({sources['client-secret']}) does not work with {algorithm}; use private-key.")
    parts = urllib.parse.urlsplit(settings.host)
    if (
        parts.scheme == "http"
        and not settings.allow_http
        and "allow-http" not in bad
        and not parsers.is_loopback(parts.hostname or "")
    ):
        found.append(
            f"host {settings.host!r} ({sources['host']}) would send the token unencrypted; "
            "use https, or set allow-http to accept this."
        )
    runs, suites = len(settings.run_id), len(settings.suites)
    if settings.command == "run" and runs not in (0, suites) and "suites" not in bad:
        found.append(f"run-id ({sources['run-id']}) must have one id for each suite: {runs} for {suites} suites.")
    return found
