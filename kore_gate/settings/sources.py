"""Read settings from options, inputs, variables and files, and report every problem at once."""

import dataclasses
import difflib
import urllib.parse
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from kore_gate import errors
from kore_gate.settings import options, parsers
from kore_gate.settings.redact import Redactor

_LONGEST_SHOWN = 80

# Outputs of an earlier job whose names are close to those of settings.
_OUTPUTS = {"KORE_DOWNLOAD_URL", "KORE_FAILED", "KORE_STEPS"}

_SIGNING = {"client-secret", "private-key", "jwt", "jwt-algorithm"}

# Which commands need which setting, and why.
_NEEDED: Sequence[tuple[Collection[str], str, str]] = (
    (options.REMOTE_COMMANDS, "host", "your Kore.ai host, such as platform.kore.ai"),
    (options.REMOTE_COMMANDS, "stream-id", "the bot's id"),
    (["report"], "files", "a saved kore-result.json"),
    (["wait"], "ds-id", "the id of the import"),
    (["import", "test"], "files", "the suite files"),
    (["run"], "suites", "the suites' names"),
    (["import", "test", "run"], "user-email", "the e-mail of an owner or developer of the bot"),
)


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


def default_command(environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the command for a command line without one, and where it came from."""
    for variable, source in (("INPUT_COMMAND", "input command"), ("KORE_COMMAND", "variable KORE_COMMAND")):
        name = environ.get(variable, "").strip().lower()
        if name:
            return name, source
    return "wait", "default"


def read(
    command: str,
    flags: Mapping[str, str],
    environ: Mapping[str, str],
    read_file: Callable[[str], str],
    problems: Sequence[str] = (),
) -> Settings:
    """Read all settings: the option first, then the action's input, the variable, the default.

    Raises SettingsError with every problem, those of the command line (`problems`) included.
    """
    texts: dict[str, str] = {}
    sources: dict[str, str] = {}
    invalid: dict[str, str] = {}  # the problem by the setting's name
    for setting in options.SETTINGS:
        text, source, problem = _text(setting, flags, environ, read_file)
        if text:
            texts[setting.name], sources[setting.name] = text, source
        if problem:
            invalid[setting.name] = problem
    redactor = Redactor(texts.get(setting.name, "") for setting in options.SETTINGS if setting.secret)
    parsed: dict[str, object] = {}
    for setting in options.SETTINGS:
        text = texts.get(setting.name, setting.default)
        try:
            if text:
                parsed[setting.field] = setting.parse(text)
        except ValueError as exc:
            shown = _shown(setting, text, redactor)
            invalid.setdefault(setting.name, f"{setting.name}{shown} {exc} ({sources[setting.name]}).")
    # The table and the fields are held together by a test; their types, by the parsers.
    settings = Settings(command=command, sources=sources, **parsed)  # type: ignore[arg-type]
    # A secret may be on the command line by mistake.
    all_problems = [*map(redactor.text, problems), *invalid.values()]
    all_problems += [*_missing(settings, texts, invalid), *_contradictions(settings, invalid)]
    if all_problems:
        is_fork = environ.get("GITHUB_EVENT_NAME") == "pull_request" and not settings.secrets
        hint = "GitHub does not pass secrets to workflows of pull requests from forks." if is_fork else ""
        raise errors.SettingsError(all_problems, hint=hint)
    return settings


def read_reporting(command: str, flags: Mapping[str, str], environ: Mapping[str, str]) -> Settings:
    """Read only what console and reports need, with defaults for what is invalid; an invalid report-dir is empty."""
    parsed: dict[str, object] = {}
    for setting in map(options.BY_NAME.__getitem__, options.REPORTING):
        for text, _ in _values(setting, flags, environ)[:1]:
            try:
                parsed[setting.field] = setting.parse(text)
            except ValueError:
                if setting.name == "report-dir":
                    parsed[setting.field] = ""  # reports must not go where nobody expects them
    return Settings(command=command, **parsed)  # type: ignore[arg-type] # as above


def unknown_variables(command: str, environ: Mapping[str, str]) -> list[str]:
    """Warn of variables close to a setting's name; other KORE_* names may belong to someone else."""
    variables = {setting.variable for setting in options.SETTINGS}
    variables |= {f"{setting.variable}_FILE" for setting in options.SETTINGS if setting.secret}
    warnings = []
    for name in sorted(environ.keys() - variables - _OUTPUTS):
        suggestion = did_you_mean(name, variables, 0.85) if name.startswith("KORE_") else ""
        if suggestion:
            warnings.append(f"{name} is an unknown setting.{suggestion}")
    if command == "run" and environ.get("KORE_RUN_ID", "").strip():
        warnings.append("KORE_RUN_ID comes from an earlier job and is ignored: use --run-id to resume its run.")
    return warnings


def did_you_mean(name: str, known: Iterable[str], similarity: float = 0.75) -> str:
    """Suggest the known name that is most similar, if there is one."""
    close = difflib.get_close_matches(name, sorted(known), n=1, cutoff=similarity)
    return f" Did you mean {close[0]}?" if close else ""


def _values(setting: options.Setting, flags: Mapping[str, str], environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the texts that are set for a setting, the one that counts first, each with its source."""
    values = [
        (flags.get(setting.name, ""), f"option --{setting.name}"),
        (environ.get(setting.input, ""), f"input {setting.name}"),
        (environ.get(setting.variable, "") if setting.inherited else "", f"variable {setting.variable}"),
    ]
    return [(text.strip(), source) for text, source in values if text.strip()]


def _text(
    setting: options.Setting, flags: Mapping[str, str], environ: Mapping[str, str], read_file: Callable[[str], str]
) -> tuple[str, str, str]:
    """Return a setting's text, its source, and the problem with the source."""
    text, source = next(iter(_values(setting, flags, environ)), ("", ""))
    variable = f"{setting.variable}_FILE"
    path = environ.get(variable, "").strip() if setting.secret else ""
    if not path:
        return text, source, ""
    if text:
        return text, source, f"{setting.variable} is set twice: as {source} and as a file in {variable}; keep one."
    try:
        text = read_file(path).strip()
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or "it is not text"
        # Without the path: it may be the secret itself, in the wrong variable.
        return "", "", f"{variable} names a file that cannot be read: {reason}."
    return text, f"file in {variable}", "" if text else f"{variable} names an empty file."


def _shown(setting: options.Setting, text: str, redactor: Redactor) -> str:
    """Return an invalid value as a message may show it."""
    # Addresses may hold credentials and tokens.
    if setting.secret or (setting.name == "host" and set(text) & set("@?#")):
        return ""
    text = redactor.text(text)  # a secret may be in another setting by mistake
    return f" {text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + '…'!r}"


def _missing(settings: Settings, texts: Collection[str], invalid: Collection[str]) -> list[str]:
    """List what the command needs and does not have."""
    needed = {name: reason for commands, name, reason in _NEEDED if settings.command in commands}
    # An invalid value may have been meant for any way of signing.
    if settings.command in options.REMOTE_COMMANDS and not settings.jwt and not _SIGNING & {*invalid}:
        needed["client-id"] = "the JWT app's client id, unless jwt holds a ready-made token"
        key = "private-key" if settings.jwt_algorithm.startswith("RS") else "client-secret"
        needed[key] = "the key that signs tokens, unless jwt holds a ready-made one"
    return [
        f"{name} is missing: {reason}. Use {options.BY_NAME[name].ways}."
        for name, reason in needed.items()
        if name not in texts and name not in invalid
    ]


def _contradictions(settings: Settings, invalid: Collection[str]) -> list[str]:
    """List settings that contradict each other."""
    if settings.command not in options.REMOTE_COMMANDS:
        return []
    problems = []
    sources = settings.sources
    algorithm = "" if "jwt-algorithm" in invalid else settings.jwt_algorithm
    if settings.jwt and (settings.client_secret or settings.private_key):
        other = "client-secret" if settings.client_secret else "private-key"
        problems.append(
            f"jwt ({sources['jwt']}) and {other} ({sources[other]}) are both set; "
            "keep one: the ready-made token, or the key to sign new ones."
        )
    if settings.private_key and algorithm.startswith("HS"):
        problems.append(f"private-key ({sources['private-key']}) needs jwt-algorithm RS256 or RS512.")
    if settings.client_secret and algorithm.startswith("RS"):
        problems.append(f"client-secret ({sources['client-secret']}) does not work with {algorithm}; use private-key.")
    parts = urllib.parse.urlsplit(settings.host)
    if (
        parts.scheme == "http"
        and not settings.allow_http
        and "allow-http" not in invalid
        and not parsers.is_loopback(parts.hostname or "")
    ):
        problems.append(
            f"host {settings.host!r} ({sources['host']}) would send the token unencrypted; "
            "use https, or set allow-http to accept this."
        )
    runs, suites = len(settings.run_id), len(settings.suites)
    if settings.command == "run" and runs not in (0, suites) and "suites" not in invalid:
        problems.append(f"run-id ({sources['run-id']}) must have one id for each suite: {runs} for {suites} suites.")
    return problems
