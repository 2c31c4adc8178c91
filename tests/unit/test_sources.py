import base64
import dataclasses
import json
import pathlib
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kore_gate import errors
from kore_gate.settings import options, sources
from kore_gate.settings.sources import Settings

GOOD = {
    "KORE_HOST": "platform.kore.ai",
    "KORE_STREAM_ID": "st-1",
    "KORE_DS_ID": "ds-1",
    "KORE_CLIENT_ID": "cs-1",
    "KORE_CLIENT_SECRET": "geheim-geheim",
}
TOKEN = base64.urlsafe_b64encode(b'{"alg": "HS256"}').decode().rstrip("=") + ".e30.c2ln"
PEM = "-----BEGIN PRIVATE KEY-----\ngeheim\n-----END PRIVATE KEY-----"

NAMES = [setting.name for setting in options.SETTINGS]
SECRETS = [setting for setting in options.SETTINGS if setting.secret]


def read(command: str = "wait", flags: Mapping[str, str] | None = None, /, **environ: str) -> Settings:
    """Read settings from what is good and these."""
    return valid(command, flags or {}, {**GOOD, **environ})


def valid(command: str, flags: Mapping[str, str], environ: Mapping[str, str]) -> Settings:
    """Return settings that have no problem."""
    settings, error = sources.read(command, flags, environ)
    assert error is None
    return settings


def invalid(command: str, flags: Mapping[str, str], environ: Mapping[str, str]) -> errors.SettingsError:
    """Return the error of settings that have problems."""
    _, error = sources.read(command, flags, environ)
    assert error
    return error


def problems(command: str = "wait", flags: Mapping[str, str] | None = None, /, **environ: str) -> tuple[str, ...]:
    """Return what is wrong with settings."""
    return invalid(command, flags or {}, {**GOOD, **environ}).details


def other(setting: options.Setting, number: int) -> str:
    """Return one of three values that such a setting can have."""
    special = {
        "host": ["a.example", "b.example", "c.example"],
        "jwt-algorithm": ["RS256", "HS512", "RS512"],
        "bot-version": ["published", "inDevelopment", "published"],
        "junit-granularity": ["step", "assertion", "step"],
        "pass-if": ["all", "majority", "any"],
        "junit-dialect": ["strict", "rich", "strict"],
        "soft-fail": ["1", "3", "4"],
        "lint-ignore": ["flow-off", "empty-text", "dynamic-text"],
        "ci": ["github", "gitlab", "jenkins"],
        "output": ["json", "text", "json"],
        "jwt": [f"{TOKEN}{number}" for number in range(3)],
        "private-key": [PEM.replace("geheim", f"geheim{number}") for number in range(3)],
    }
    if isinstance(setting.parse("1") if setting.name not in special else None, bool):
        return ["true", "false", "true"][number]
    return special.get(setting.name, ["1", "2", "3"])[number]


@pytest.mark.parametrize("setting", options.SETTINGS, ids=lambda setting: setting.name)
def test_read__precedence(setting: options.Setting) -> None:
    """A flag goes before the action's input, that before the variable, that before the default."""
    texts = [other(setting, number) for number in range(3)]
    flags = {} if setting.secret else {setting.name: texts[0]}
    variables = {setting.variable: texts[2]} if setting.inherited else {}
    seen = []

    for flag, environ in [
        (flags, {setting.input: texts[1], **variables}),
        ({}, {setting.input: texts[1], **variables}),
        ({}, variables),
        ({}, {}),
    ]:
        settings = valid("simulate", flag, environ)
        seen.append((getattr(settings, setting.field), settings.sources.get(setting.name)))

    default = getattr(Settings(command=""), setting.field)
    by_input, by_variable = f"input {setting.name}", f"variable {setting.variable}"
    assert seen == [
        (setting.parse(texts[0 if flags else 1]), f"option --{setting.name}" if flags else by_input),
        (setting.parse(texts[1]), by_input),
        (setting.parse(texts[2]), by_variable) if variables else (default, None),
        (default, None),
    ]


@pytest.mark.parametrize("empty", ["", " ", "\n\t "])
def test_read__empty(empty: str) -> None:
    """Empty means unset, wherever it stands, and hides nothing."""
    environ: dict[str, str] = {}
    for setting in options.SETTINGS:
        environ |= {setting.input: empty, setting.variable: empty, f"{setting.variable}_FILE": empty}

    settings = valid("simulate", dict.fromkeys(NAMES, empty), environ)

    assert settings == Settings(command="simulate")


@pytest.mark.parametrize("name", ["INPUT_STREAM_ID", "INPUT_stream-id", "KORE_STREAM-ID", "STREAM_ID"])
def test_read__other_spellings(name: str) -> None:
    """GitHub keeps the hyphens of an input's name, and only its form is read."""
    assert "stream-id" in problems(KORE_STREAM_ID="", **{name: "st-2"})[0]


def test_read__white_space_around() -> None:
    """White space around a value is not part of it."""
    settings = read(KORE_STREAM_ID="  st-2\n", KORE_CLIENT_SECRET="geheim\n")

    assert (settings.stream_id, settings.client_secret) == ("st-2", "geheim")


def test_read__all_problems_at_once() -> None:
    """Each problem names its setting and where the value came from; what is missing is told as well."""
    details = settings_problems(
        "run",
        {"timeout": "soon", "max-parallel": "0"},
        {"INPUT_HOST": "ftp://x", "KORE_MAX_RESPONSE": "big", "INPUT_POLL-INTERVAL": "often", "KORE_CI": "travis"},
    )

    assert details == (
        "host 'ftp://x' must be a host name or an http(s) URL (input host).",
        "timeout 'soon' is not a duration: use 90, 90s, 15m or 1h30m (option --timeout).",
        "poll-interval 'often' is not a duration: use 90, 90s, 15m or 1h30m (input poll-interval).",
        "max-response 'big' is not a size: use 64MiB or a number of bytes (variable KORE_MAX_RESPONSE).",
        "max-parallel '0' must be a whole number greater than 0 (option --max-parallel).",
        (
            "ci 'travis' must be one of auto, github, gitlab, jenkins, azure, circleci, buildkite, bitbucket, "
            "teamcity, none (variable KORE_CI)."
        ),
        "stream-id is missing: the bot's id. Use --stream-id, the input stream-id or KORE_STREAM_ID.",
        "suites is missing: suite names, one per line. Use --suites, the input suites or KORE_SUITES.",
        (
            "user-email is missing: e-mail of a bot owner or developer. "
            "Use --user-email, the input user-email or KORE_USER_EMAIL."
        ),
        (
            "client-id is missing: the JWT app's client id, unless jwt is set. "
            "Use --client-id, the input client-id or KORE_CLIENT_ID."
        ),
        (
            "client-secret is missing: the JWT app's client secret, unless jwt is set. "
            "Use the input client-secret, KORE_CLIENT_SECRET or KORE_CLIENT_SECRET_FILE."
        ),
    )


def settings_problems(command: str, flags: Mapping[str, str], environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return what is wrong with settings that are read from nothing else."""
    return invalid(command, flags, environ).details


def test_read__problems_known_before() -> None:
    """What the command line found is told together with the rest."""
    _, error = sources.read("wait", {}, {**GOOD, "KORE_TIMEOUT": "x"}, ["Unknown option --tmeout for wait."])

    assert error
    assert [problem.split()[0] for problem in error.details] == ["Unknown", "timeout"]
    assert error.message == "2 invalid settings: Unknown option --tmeout for wait, timeout 'x' is not a duration."


def test_read__long_value() -> None:
    """A value of any length is told in a line."""
    (problem,) = problems(KORE_TIMEOUT="x" * 5000)

    assert len(problem) < 200
    assert "…" in problem


@pytest.mark.parametrize(
    ("command", "needed"),
    [
        ("wait", ["host", "stream-id", "ds-id", "client-id", "client-secret"]),
        ("doctor", ["host", "stream-id", "client-id", "client-secret"]),
        ("import", ["host", "stream-id", "files", "user-email", "client-id", "client-secret"]),
        ("test", ["host", "stream-id", "files", "user-email", "client-id", "client-secret"]),
        ("run", ["host", "stream-id", "suites", "user-email", "client-id", "client-secret"]),
        ("report", ["files"]),
    ],
)
def test_read__needed(command: str, needed: list[str]) -> None:
    """Each command says what it can't do without."""
    assert [problem.split()[0] for problem in settings_problems(command, {}, {})] == needed


@pytest.mark.parametrize("command", ["demo", "simulate"])
def test_read__nothing_needed(command: str) -> None:
    """What talks to nobody needs nothing."""
    assert valid(command, {}, {}) == Settings(command=command)


def test_read__token_instead() -> None:
    """A ready-made token stands for client id and secret."""
    settings = read(KORE_CLIENT_ID="", KORE_CLIENT_SECRET="", KORE_JWT=TOKEN)

    assert settings.secrets == (TOKEN,)


def test_read__key_instead() -> None:
    """With an algorithm of two keys, the private one is needed."""
    environ = {**GOOD, "KORE_CLIENT_SECRET": "", "KORE_JWT_ALGORITHM": "RS256"}

    (problem,) = settings_problems("wait", {}, environ)
    settings = valid("wait", {}, {**environ, "KORE_PRIVATE_KEY": PEM})

    assert problem.startswith("private-key is missing")
    assert settings.secrets == (PEM,)


def test_read__bad_is_not_missing() -> None:
    """A value that can't be used is told once: neither as missing nor as a contradiction."""
    details = problems(KORE_HOST="a b", KORE_DS_ID="..", KORE_JWT_ALGORITHM="RS25", KORE_CLIENT_SECRET="a\x00b")

    assert [problem.split()[0] for problem in details] == ["host", "ds-id", "client-secret", "jwt-algorithm"]


def test_read__fork() -> None:
    """Where a pull request from a fork got no secrets, the hint says so."""
    environ = {**GOOD, "KORE_CLIENT_SECRET": "", "GITHUB_EVENT_NAME": "pull_request"}

    assert "forks" in invalid("wait", {}, environ).hint


CONTRADICTIONS: dict[str, tuple[dict[str, str], str]] = {
    "token and secret": (
        {"KORE_JWT": TOKEN},
        (
            "jwt (variable KORE_JWT) and client-secret (variable KORE_CLIENT_SECRET) are both set; "
            "keep one: the ready-made token, or the key to sign new ones."
        ),
    ),
    "token and key": (
        {"INPUT_JWT": TOKEN, "KORE_CLIENT_SECRET": "", "KORE_PRIVATE_KEY": PEM, "KORE_JWT_ALGORITHM": "RS256"},
        (
            "jwt (input jwt) and private-key (variable KORE_PRIVATE_KEY) are both set; "
            "keep one: the ready-made token, or the key to sign new ones."
        ),
    ),
    "key without its algorithm": (
        {"KORE_PRIVATE_KEY": PEM},
        "private-key (variable KORE_PRIVATE_KEY) needs jwt-algorithm RS256 or RS512.",
    ),
    "http": (
        {"KORE_HOST": "http://bots.example"},
        (
            "host 'http://bots.example' (variable KORE_HOST) would send the token unencrypted; "
            "use https, or set allow-http to accept this."
        ),
    ),
}


@pytest.mark.parametrize(("environ", "problem"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_read__contradiction(environ: dict[str, str], problem: str) -> None:
    """Settings that can't all be meant are refused."""
    assert problems(**environ) == (problem,)


@pytest.mark.parametrize(
    "environ",
    [
        {"KORE_HOST": "http://bots.example", "KORE_ALLOW_HTTP": "true"},
        {"KORE_HOST": "http://localhost:8080"},
        {"KORE_HOST": "http://[::1]"},
        {"KORE_HOST": "http://127.0.0.1"},
    ],
)
def test_read__http(environ: dict[str, str]) -> None:
    """Plain http is for this machine, or for who really means it."""
    assert read(**environ).host == environ["KORE_HOST"]


@pytest.mark.parametrize(("runs", "suites"), [("ctr-1", "a\nb"), ("ctr-1,ctr-2", "a"), ('["ctr-1", ""]', "a\nb")])
def test_read__runs_and_suites(runs: str, suites: str) -> None:
    """A run that is resumed belongs to one suite."""
    (problem,) = problems("run", {"run-id": runs, "suites": suites}, KORE_USER_EMAIL="a@b.example")

    assert problem.startswith("run-id (option --run-id) must have one id ")


def test_read__runs_are_resumed() -> None:
    """As many runs as suites are taken, also in the form in which the gate puts them out."""
    flags = {"run-id": '["ctr-1", "ctr-2"]', "suites": '["a", "b, c"]'}

    settings = read("run", flags, KORE_USER_EMAIL="a@b.example")

    assert settings.run_id == ("ctr-1", "ctr-2")
    assert settings.suites == ("a", "b, c")


def test_read__inherited_run() -> None:
    """A run that an earlier job put out is never taken for the one that is asked for; a warning says so."""
    environ = {**GOOD, "KORE_RUN_ID": "ctr-1", "KORE_SUITES": "a", "KORE_USER_EMAIL": "a@b.example"}

    settings = valid("run", {}, environ)

    assert settings.run_id == ()
    assert "--run-id" in sources.unknown_variables("run", environ)[0]
    assert sources.unknown_variables("test", environ) == []


def test_read__run_of_another_command() -> None:
    """What another command has no use for does not stop it."""
    assert read("wait", {"run-id": "ctr-1"}).run_id == ("ctr-1",)


@pytest.mark.parametrize("setting", SECRETS, ids=lambda setting: setting.name)
def test_read__secret_file(tmp_path: pathlib.Path, setting: options.Setting) -> None:
    """Each secret may come from a file, without the line break at its end."""
    text = other(setting, 0)
    (tmp_path / "secret").write_text(f"\ufeff{text}\n", encoding="utf-8")

    settings = valid("simulate", {}, {f"{setting.variable}_FILE": f" {tmp_path}/secret "})

    assert getattr(settings, setting.field) == text
    assert settings.sources == {setting.name: f"file in {setting.variable}_FILE"}


@pytest.mark.parametrize("setting", options.SETTINGS, ids=lambda setting: setting.name)
@pytest.mark.parametrize("text", ["$(NAME)", "$(kore.name)", "${NAME}", "${env.NAME}", "${{ secrets.NAME }}", "$NAME"])
def test_read__variable_of_the_ci(setting: options.Setting, text: str) -> None:
    """A variable's name that a CI left in place of its value is an error; only words of people may be a dollar word."""
    _, error = sources.read("simulate", {}, {setting.input: text})

    shown = "" if setting.secret else f" {text!r}"
    expected = f"{setting.name}{shown} holds the name of a variable that is not set in the CI: set it, or check its "
    if setting.free and text == "$NAME":
        assert error is None
    else:
        assert error is not None
        assert error.details == (f"{expected}spelling (input {setting.name}).",)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("suites", "Balance $(USD)"),
        ("suites", '["$(Balance)"]'),
        ("suites", "$(A) $(B)"),
        ("description", "${A} and ${B}"),
        ("client-secret", "$ecret-secret"),
        ("client-secret", "$1234-secret"),
        ("files", "$(DIR)/a.json"),
        ("tags", "$"),
        ("client-id", "$()"),
    ],
)
def test_read__dollar_signs(name: str, text: str) -> None:
    """A value that has a dollar sign somewhere, or that a variable's name is only a part of, is taken as it is."""
    _, error = sources.read("simulate", {}, {options.BY_NAME[name].input: text})

    assert error is None


def test_read__secret_of_the_ci(tmp_path: pathlib.Path) -> None:
    """A variable's name in the file of a secret is an error too, and neither is shown."""
    (tmp_path / "secret").write_text("$(GEHEIM)\n", encoding="utf-8")

    details = invalid("wait", {}, {**GOOD, "KORE_CLIENT_SECRET": "", "KORE_CLIENT_SECRET_FILE": f"{tmp_path}/secret"})

    assert details.details == (
        (
            "client-secret holds the name of a variable that is not set in the CI: set it, or check its spelling "
            "(file in KORE_CLIENT_SECRET_FILE)."
        ),
    )


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("ds-id", "ctr-1", "is a run's id, which belongs in run-id"),
        ("ds-id", "ds-1, ctr-2", "holds ctr-2, a run's id, which belongs in run-id"),
        ("ds-id", '["ds-1", "ctc-2"]', "holds ctc-2, a suite's id, which no setting takes: suites has names"),
        ("run-id", "ds-1", "is an import's id, which belongs in ds-id"),
        ("run-id", "- ds-1", "holds ds-1, an import's id, which belongs in ds-id"),
        ("stream-id", "cs-1", "is a client id, which belongs in client-id"),
        ("client-id", "st-1", "is a bot's id, which belongs in stream-id"),
    ],
)
def test_read__id_of_another_kind(name: str, text: str, problem: str) -> None:
    """An id in the wrong setting is named with the setting where it belongs."""
    _, error = sources.read("simulate", {name: text}, {})

    assert error
    assert error.details == (f"{name} {text!r} {problem} (option --{name}).",)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ds-id", "dx-1"),
        ("ds-id", "1234"),
        ("stream-id", "bxx-1"),
        ("stream-id", "STREAM"),
        ("client-id", "app-ds-1"),
        ("run-id", "-"),
        ("suites", "ds-1"),
        ("name", "ctr-1"),
    ],
)
def test_read__unknown_ids(name: str, text: str) -> None:
    """An id that could be of the kind is taken: Kore.ai documents no form."""
    _, error = sources.read("simulate", {name: text}, {})

    assert error is None


PATHS: dict[str, tuple[str, str, object]] = {
    "files": ("files", "~/a/*.json\n~\n./~x\nb~", ("/home/me/a/*.json", "/home/me", "./~x", "b~")),
    "a list of files": ("files", '["~/a.json"]', ("/home/me/a.json",)),
    "report-dir": ("report-dir", "~/reports", "/home/me/reports"),
    "ca-file": ("ca-file", "~/ca.pem", "/home/me/ca.pem"),
    "a path of that name": ("report-dir", "./~/x", "./~/x"),
    "no path": ("description", "~/x", "~/x"),
}


@pytest.mark.parametrize(("name", "text", "value"), PATHS.values(), ids=PATHS)
def test_read__home(monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: object) -> None:
    """A tilde at the start of a path is the home directory, wherever no shell has seen it."""
    monkeypatch.setenv("HOME", "/home/me")
    setting = options.BY_NAME[name]

    assert getattr(valid("simulate", {}, {setting.variable: text}), setting.field) == value


@pytest.mark.parametrize("name", ["files", "report-dir", "ca-file"])
def test_read__unknown_home(name: str) -> None:
    """A home directory that nobody has is an error, and not a directory of that name."""
    settings, error = sources.read("simulate", {name: "~nobody-has-this-name/x"}, {})

    assert error
    assert error.details == (
        (
            f"{name} '~nobody-has-this-name/x' begins with an unknown home directory: write it in full, or "
            f"./~nobody-has-this-name for a file of that name (option --{name})."
        ),
    )
    assert settings.report_dir != "~nobody-has-this-name/x"


def test_read__secret_file_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """The file of a secret may be named from the home directory as well."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "secret").write_text("geheim-geheim", encoding="utf-8")

    assert valid("simulate", {}, {"KORE_CLIENT_SECRET_FILE": "~/secret"}).client_secret == "geheim-geheim"


UNREADABLE: dict[str, tuple[str, bytes | None, str]] = {
    "missing": ("KORE_CLIENT_SECRET", None, "cannot be read: No such file or directory."),
    "binary": ("KORE_CLIENT_SECRET", b"geheim\xff", "it is not text."),
    "empty": ("KORE_CLIENT_SECRET", b"", "an empty file."),
    "blank": ("KORE_CLIENT_SECRET", b" \n", "an empty file."),
    "token missing": ("KORE_JWT", None, "cannot be read: No such file or directory."),
    "token empty": ("KORE_JWT", b"", "an empty file."),
}


@pytest.mark.parametrize(("variable", "content", "reason"), UNREADABLE.values(), ids=UNREADABLE)
def test_read__secret_file_bad(tmp_path: pathlib.Path, variable: str, content: bytes | None, reason: str) -> None:
    """A file without a secret is one problem; its path may be the secret itself, and is not shown."""
    environ = {**GOOD, "KORE_CLIENT_SECRET": "", f"{variable}_FILE": str(tmp_path / "geheim")}
    if content is not None:
        (tmp_path / "geheim").write_bytes(content)

    (problem,) = invalid("wait", {}, environ).details

    assert problem.startswith(f"{variable}_FILE names ")
    assert problem.endswith(reason)
    assert "geheim" not in problem


@pytest.mark.parametrize("path", ["~geheim-nobody/x", "geheim\x00"])
def test_read__secret_file_nowhere(path: str) -> None:
    """A path that can't be one is a problem of its own, and is not shown either."""
    environ = {**GOOD, "KORE_CLIENT_SECRET": "", "KORE_CLIENT_SECRET_FILE": path}

    assert invalid("wait", {}, environ).details[0] == (
        "KORE_CLIENT_SECRET_FILE names a file that cannot be read: its path is invalid."
    )


@pytest.mark.parametrize("first", ["INPUT_JWT", "KORE_JWT"])
def test_read__secret_twice(first: str) -> None:
    """A secret that is given both ways is refused, for one of them is stale."""
    environ = {**GOOD, "KORE_CLIENT_SECRET": "", first: TOKEN, "KORE_JWT_FILE": "path"}
    source = {"INPUT_JWT": "input jwt", "KORE_JWT": "variable KORE_JWT"}[first]

    details = invalid("wait", {}, environ).details

    assert details == (f"KORE_JWT is set twice: as {source} and as a file in KORE_JWT_FILE; keep one.",)


def test_read__secret_elsewhere() -> None:
    """A secret put into another setting as well is not shown there."""
    details = problems(KORE_TIMEOUT="geheim-geheim", KORE_CI="xgeheim-geheimx")

    assert [problem.split()[1] for problem in details] == ["'***'", "'x***x'"]


def test_read__credentials_in_host() -> None:
    """A password in the address is refused without being shown."""
    (problem,) = problems(KORE_HOST="https://user:geheim@bots.example")

    assert problem.startswith("host must not contain credentials")
    assert "geheim" not in problem


def test_settings__commands() -> None:
    """Each setting says which commands have a use for it, and what a command needs is among them."""
    for setting in options.SETTINGS:
        assert setting.commands
        assert set(setting.commands) <= options.COMMANDS.keys(), setting.name
    for command, names in sources.NEEDED.items():
        assert all(command in options.BY_NAME[name].commands for name in names), command


def test_settings__hides_secrets() -> None:
    """Settings that are printed by accident don't give away secrets."""
    settings = Settings(command="wait", client_secret="geheim1", private_key="geheim2", jwt="geheim3")

    assert "geheim" not in repr(settings)
    assert settings.secrets == ("geheim1", "geheim2", "geheim3")


def test_settings__fields() -> None:
    """The table of settings and what is read from it are one, defaults included."""
    defaults = Settings(command="wait")
    fields = [field.name for field in dataclasses.fields(Settings)]

    assert fields == ["command", *(setting.field for setting in options.SETTINGS), "sources"]
    for setting in options.SETTINGS:
        value = getattr(defaults, setting.field)
        assert value == (setting.parse(setting.default) if setting.default else type(value)()), setting.name


@pytest.mark.parametrize(
    ("environ", "command"),
    [
        ({}, ("wait", "default")),
        ({"INPUT_COMMAND": "", "KORE_COMMAND": " "}, ("wait", "default")),
        ({"KORE_COMMAND": "Test"}, ("test", "variable KORE_COMMAND")),
        ({"INPUT_COMMAND": " run ", "KORE_COMMAND": "test"}, ("run", "input command")),
        ({"INPUT_COMMAND": " ", "KORE_COMMAND": "test"}, ("test", "variable KORE_COMMAND")),
    ],
)
def test_default_command(environ: dict[str, str], command: tuple[str, str]) -> None:
    """The command may come from the action's input or a variable."""
    assert sources.default_command(environ) == command


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("KORE_STREAMID", "KORE_STREAM_ID"),
        ("KORE_CLIENT_SECERT", "KORE_CLIENT_SECRET"),
        ("KORE_CLIENT_SECRET_FLIE", "KORE_CLIENT_SECRET_FILE"),
        ("KORE_TIMEOUTS", "KORE_TIMEOUT"),
        ("KORE_REPORT_DIRECTORY", ""),
        ("KORE_DURATION", ""),
        ("KORE_DOWNLOAD_URL", ""),
        ("KORE_FAILED", ""),
        ("KORE_STEPS", ""),
        ("KORE_STATUS", ""),
        ("KORE_TIMEOUT", ""),
        ("KORE_JWT_FILE", ""),
        ("KOREA_HOST", ""),
        ("KORE_", ""),
    ],
)
def test_unknown_variables(name: str, meant: str) -> None:
    """A name close to a setting's earns a warning, and never shows its value; other names are someone else's."""
    warnings = sources.unknown_variables("wait", {name: "geheim", "PATH": "/bin"})

    expected = [f"{name} is an unknown setting. Did you mean {meant}?"] if meant else []
    assert warnings == expected


def test_read__keeps_what_is_valid() -> None:
    """What is invalid keeps its default, and all else is read: reports of the problem go where they should."""
    environ = {"KORE_HOST": "a b", "KORE_REPORT_DIR": "there", "KORE_CI": "travis", "KORE_JUNIT_DIALECT": "strict"}

    settings, error = sources.read("wait", {"output": "json"}, environ)

    assert error
    assert dataclasses.replace(settings, sources={}) == Settings(
        command="wait", report_dir="there", junit_dialect="strict", output="json"
    )


def test_read__nowhere() -> None:
    """Reports never go to a place that was not meant."""
    settings, error = sources.read("wait", {"report-dir": "a\x00b"}, GOOD)

    assert error
    assert settings.report_dir == ""


TEXTS = st.one_of(
    st.text(),
    st.text("0123456789.,-:[]{}\"'hms@/?#%\\ \n\x00\ud800"),
    st.sampled_from(["auto", "true", "1h", "[", "[]", '["a"]', TOKEN, PEM, "http://x", "x" * 5000, "9" * 5000]),
    st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps),
)


@given(command=st.sampled_from([*options.COMMANDS]), texts=st.dictionaries(st.sampled_from(NAMES), TEXTS))
def test_read__any_text(command: str, texts: dict[str, str]) -> None:
    """No text for any setting raises anything."""
    environ = {options.BY_NAME[name].input: text for name, text in texts.items()}

    settings, error = sources.read(command, {}, {**GOOD, **environ})

    assert settings.command == command
    assert error is None or all(len(detail) < 1000 for detail in error.details)


@given(
    secret=st.text("abcdefXYZ0189+/=-_.", min_size=8).map(lambda text: f"geheim-{text}"),
    setting=st.sampled_from(SECRETS),
    texts=st.dictionaries(st.sampled_from(NAMES), TEXTS),
)
def test_read__any_secret(secret: str, setting: options.Setting, texts: dict[str, str]) -> None:
    """A secret is in no message, whatever else is wrong."""
    environ = {options.BY_NAME[name].input: text for name, text in texts.items() if name != setting.name}
    environ |= {"KORE_HOST": f"user:{secret}@host", "KORE_TIMEOUT": secret, setting.input: secret}

    error = invalid("wait", {}, environ)

    assert secret not in "\n".join([str(error), error.hint, *error.details])
