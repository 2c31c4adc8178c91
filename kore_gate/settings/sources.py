"""Read settings from options, inputs, variables and files, and report every problem at once."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from kore_gate import errors
from kore_gate.settings import options, parsers

Settings = options.Settings
NEEDED: Mapping[str, Sequence[str]] = {
    "wait": ["host", "stream-id", "ds-id"],
    "import": ["host", "stream-id", "files", "user-email"],
    "run": ["host", "stream-id", "suites", "user-email"],
    "test": ["host", "stream-id", "files", "user-email"],
    "doctor": ["host", "stream-id"],
    "lint": ["files"],
    "report": ["files"],
    "known-failures": ["files"],
    "shard": ["files", "total", "index"],
}

# Where CI systems number parallel jobs: the number, what it begins with, and how many there are.
_PARALLEL = (
    ("CI_NODE_INDEX", 1, "CI_NODE_TOTAL"),  # GitLab
    ("CIRCLE_NODE_INDEX", 0, "CIRCLE_NODE_TOTAL"),
    ("BUILDKITE_PARALLEL_JOB", 0, "BUILDKITE_PARALLEL_JOB_COUNT"),
    ("BITBUCKET_PARALLEL_STEP", 0, "BITBUCKET_PARALLEL_STEP_COUNT"),
    ("SYSTEM_JOBPOSITIONINPHASE", 1, "SYSTEM_TOTALJOBSINPHASE"),  # Azure
)

# What a CI passes on in place of a variable that it does not know. Words of people may begin with a dollar sign.
_UNSET = re.compile(r"\$\([\w.-]+\)|\$\{[\w.-]+\}|\$\{\{[^{}]*\}\}|(?P<word>\$[A-Z_][A-Z0-9_]*)")

# Kore.ai's ids that are never another kind's, and the setting of each. Others are not documented well enough to reject.
_IDS = {
    "st-": ("stream-id", "a bot's id, which belongs in stream-id"),
    "ds-": ("ds-id", "an import's id, which belongs in ds-id"),
    "ctr-": ("run-id", "a run's id, which belongs in run-id"),
    "cs-": ("client-id", "a client id, which belongs in client-id"),
    "ctc-": ("", "a suite's id, which no setting takes: suites has names"),
}


def default_command(environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the command for a command line without one, and where it came from."""
    for variable, source in (("INPUT_COMMAND", "input command"), ("KORE_COMMAND", "variable KORE_COMMAND")):
        if name := environ.get(variable, "").strip().lower():
            return name, source
    return "wait", "default"


def read(
    command: str, flags: Mapping[str, str], environ: Mapping[str, str], problems: Sequence[str] = ()
) -> tuple[Settings, errors.SettingsError | None]:
    """Read all settings: the option first, then the action's input, the variable, the default.

    The error has every problem, those of the command line (`problems`) included. What is invalid keeps its default.
    """
    from kore_gate.settings.redact import Redactor

    values = {setting: _text(setting, flags, environ) for setting in options.SETTINGS}
    if command == "shard" and not any(values[options.BY_NAME[name]][0] for name in ("index", "total")):
        values |= _parallel_job(environ)
    redactor = Redactor(text for setting, (text, _, _) in values.items() if setting.secret)
    parsed: dict[str, object] = {}
    invalid: dict[str, str] = {}  # the problem by the setting's name
    for setting, (text, source, problem) in values.items():
        if problem:
            invalid[setting.name] = problem
        try:
            if text:
                _check(setting, text)
                parsed[setting.field] = setting.parse(text)
        except ValueError as exc:
            # Addresses may hold credentials and tokens; and a secret may be in another setting by mistake.
            is_private = setting.secret or (setting.name == "host" and set(text) & set("@?#"))
            value = redactor.text(text)
            shown = "" if is_private else f" {value if len(value) <= 80 else value[:79] + '…'!r}"
            invalid.setdefault(setting.name, f"{setting.name}{shown} {redactor.text(str(exc))} ({source}).")
    if "report-dir" in invalid:
        parsed["report_dir"] = ""  # reports must not go where nobody expects them
    sources = {setting.name: source for setting, (text, source, _) in values.items() if text}
    # The types of the fields are those of their parsers.
    settings = Settings(command=command, sources=sources, **parsed)  # type: ignore[arg-type]
    # A secret may be on the command line by mistake.
    details = [*map(redactor.text, problems), *invalid.values()]
    details += [*_missing(settings, invalid), *_contradictions(settings, invalid)]
    is_fork = environ.get("GITHUB_EVENT_NAME") == "pull_request" and not settings.secrets
    hint = f"Run `kore-gate {command} --help` for its settings, or see docs/settings.md."
    if is_fork:
        hint = "GitHub does not pass secrets to workflows of pull requests from forks."
    return settings, errors.SettingsError(details, hint=hint) if details else None


def unknown_variables(command: str, environ: Mapping[str, str]) -> list[str]:
    """Warn of variables close to a setting's name; other KORE_* names may belong to someone else."""
    variables = {setting.variable for setting in options.SETTINGS}
    variables |= {f"{setting.variable}_FILE" for setting in options.SETTINGS if setting.secret}
    unknown = sorted(name for name in environ.keys() - variables if name.startswith("KORE_"))
    # Less similar ones may be outputs of an earlier job, such as KORE_STEPS.
    suggestions = {name: did_you_mean(name, variables, 0.9) for name in unknown}
    warnings = [f"{name} is an unknown setting.{text}" for name, text in suggestions.items() if text]
    if command == "run" and environ.get("KORE_RUN_ID", "").strip():
        warnings.append("KORE_RUN_ID comes from an earlier job and is ignored: use --run-id to resume its run.")
    return warnings


def did_you_mean(name: str, known: Iterable[str], similarity: float = 0.75) -> str:
    """Suggest the known name that is most similar, if there is one."""
    import difflib  # takes a moment to import, and is for typing errors alone

    close = difflib.get_close_matches(name, sorted(known), n=1, cutoff=similarity)
    return f" Did you mean {close[0]}?" if close else ""


def _text(setting: options.Setting, flags: Mapping[str, str], environ: Mapping[str, str]) -> tuple[str, str, str]:
    """Return a setting's text, its source, and the problem with the source."""
    texts = {
        f"option --{setting.name}": flags.get(setting.name, "").strip(),
        f"input {setting.name}": environ.get(setting.input, "").strip(),
        f"variable {setting.variable}": environ.get(setting.variable, "").strip() if setting.inherited else "",
    }
    text, source = next(((text, source) for source, text in texts.items() if text), ("", ""))
    variable = f"{setting.variable}_FILE"
    path = environ.get(variable, "").strip() if setting.secret else ""
    if not path:
        return text, source, ""
    if text:
        return text, source, f"{setting.variable} is set twice: as {source} and as a file in {variable}; keep one."
    import pathlib

    try:
        text = pathlib.Path(parsers.path(path)).read_text(encoding="utf-8-sig").strip()
    except (OSError, ValueError) as exc:
        reason = "it is not text" if isinstance(exc, UnicodeError) else getattr(exc, "strerror", "its path is invalid")
        # Without the path: it may be the secret itself, in the wrong variable.
        return "", "", f"{variable} names a file that cannot be read: {reason}."
    return text, f"file in {variable}", "" if text else f"{variable} names an empty file."


def _parallel_job(environ: Mapping[str, str]) -> dict[options.Setting, tuple[str, str, str]]:
    """Return index and total as the CI system numbers its parallel jobs."""
    for index, first, total in _PARALLEL:
        number, count = environ.get(index, "").strip(), environ.get(total, "").strip()
        if re.fullmatch(r"\d{1,6}", number, re.ASCII) and count:
            return {
                options.BY_NAME["index"]: (str(int(number) + 1 - first), f"variable {index}", ""),
                options.BY_NAME["total"]: (count, f"variable {total}", ""),
            }
    return {}


def _check(setting: options.Setting, text: str) -> None:
    """Raise ValueError for what only looks like a value: a variable's name, an id of another kind."""
    match = _UNSET.fullmatch(text)
    if match and not (setting.free and match["word"]):
        raise ValueError("holds the name of a variable that is not set in the CI: set it, or check its spelling")
    if any(setting.name == home for home, _ in _IDS.values()):
        for entry in re.split(r'[\s,"\[\]]+', text):
            for prefix, (home, kind) in _IDS.items():
                if entry.startswith(prefix) and home != setting.name:
                    raise ValueError(f"is {kind}" if entry == text else f"holds {entry[:50]}, {kind}")


def _missing(settings: Settings, invalid: Collection[str]) -> list[str]:
    """List what the command needs and does not have."""
    needed = list(NEEDED.get(settings.command, []))
    # An invalid value may have been meant for any way of signing.
    is_unclear = not {"client-secret", "private-key", "jwt", "jwt-algorithm"}.isdisjoint(invalid)
    if settings.command in options.REMOTE_COMMANDS and not settings.jwt and not is_unclear:
        needed += ["client-id", "private-key" if settings.jwt_algorithm.startswith("RS") else "client-secret"]
    missing = [options.BY_NAME[name] for name in needed if name not in settings.sources and name not in invalid]
    return [f"{setting.name} is missing: {setting.help}. Use {setting.ways}." for setting in missing]


def _contradictions(settings: Settings, invalid: Collection[str]) -> list[str]:
    """List settings that contradict each other."""
    sources = settings.sources
    is_placed = {"index", "total"} <= sources.keys() - invalid
    if settings.command == "shard" and is_placed and settings.index > settings.total:
        index, total = sources["index"], sources["total"]
        return [f"index {settings.index} ({index}) must be at most total, which is {settings.total} ({total})."]
    if settings.command not in options.REMOTE_COMMANDS:
        return []
    import urllib.parse

    problems = []
    if settings.jwt and (settings.client_secret or settings.private_key):
        other = "client-secret" if settings.client_secret else "private-key"
        problems.append(
            f"jwt ({sources['jwt']}) and {other} ({sources[other]}) are both set; "
            "keep one: the ready-made token, or the key to sign new ones."
        )
    if settings.private_key and settings.jwt_algorithm.startswith("HS") and "jwt-algorithm" not in invalid:
        problems.append(f"private-key ({sources['private-key']}) needs jwt-algorithm RS256 or RS512.")
    host = urllib.parse.urlsplit(settings.host)
    is_open = host.scheme == "http" and not parsers.is_loopback(host.hostname or "")
    if is_open and not settings.allow_http and "allow-http" not in invalid:
        problems.append(
            f"host {settings.host!r} ({sources['host']}) would send the token unencrypted; "
            "use https, or set allow-http to accept this."
        )
    runs, suites = len(settings.run_id), len(settings.suites)
    if settings.command == "run" and runs not in (0, suites) and "suites" not in invalid:
        problems.append(f"run-id ({sources['run-id']}) must have one id for each suite: {runs} for {suites} suites.")
    for attempts in (run_id.split("+") for run_id in settings.run_id if "+" in run_id):
        if len({*attempts} - {"", "-"}) < len(attempts):
            problems.append(f"run-id ({sources['run-id']}) must join different ids by +: {'+'.join(attempts)!r}.")
        elif len(attempts) > 1 + settings.rerun_failed and "rerun-failed" not in invalid:
            problems.append(
                f"run-id ({sources['run-id']}) names {len(attempts)} attempts of a suite, "
                f"rerun-failed {settings.rerun_failed} allows {1 + settings.rerun_failed}: "
                "set it as in the call to be resumed."
            )
    return problems
