import re

import pytest

from kore_gate.errors import ExitCode
from kore_gate.settings import options, parsers
from kore_gate.settings.options import Setting


@pytest.mark.parametrize("setting", options.SETTINGS, ids=lambda setting: setting.name)
def test_setting__form(setting: Setting) -> None:
    """Each setting has a kebab-case name, a description, a home in Python, and a default that can be read."""
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", setting.name)
    assert setting.help
    assert not setting.help.endswith(".")
    assert setting.field.isidentifier()
    assert options.BY_NAME[setting.name] is setting
    if setting.default:
        setting.parse(setting.default)


def test_setting__names() -> None:
    """A name is given once, and makes flag, input and variable in their own forms."""
    stream = options.BY_NAME["stream-id"]

    assert len(options.BY_NAME) == len(options.SETTINGS)
    assert (stream.field, stream.input, stream.variable) == ("stream_id", "INPUT_STREAM-ID", "KORE_STREAM_ID")


def test_setting__secrets() -> None:
    """What signs and what is signed is secret, and nothing else."""
    secret = [setting.name for setting in options.SETTINGS if setting.secret]

    assert secret == ["client-secret", "private-key", "jwt"]


def test_soft__codes() -> None:
    """Neither success nor bad usage, a bug or an interruption can be softened."""
    assert options.SOFT == [1, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize(
    ("given", "codes"), [("1", {1}), ("1,4", {1, 4}), ("4 1\n1", {1, 4}), ("8,3,5,6,7", {3, 5, 6, 7, 8})]
)
def test_soft_fail__good(given: str, codes: set[int]) -> None:
    """Codes are separated as ids are."""
    assert options.BY_NAME["soft-fail"].parse(given) == codes


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("failed", "not a list of exit codes"),
        ("1;4", "not a list of exit codes"),
        ("-1", "not a list of exit codes"),
        ("٤", "not a list of exit codes"),
        ("1_0", "not a list of exit codes"),
        ("1000", "not a list of exit codes"),
        (",", "is empty"),
        ("0", "must not contain 0"),
        ("1,2", "must not contain 2"),
        ("70", "must not contain 70"),
        ("143", "must not contain 143"),
        ("9", "must not contain 9"),
    ],
)
def test_soft_fail__bad(given: str, reason: str) -> None:
    """A code that is none, or must never pass, is refused."""
    with pytest.raises(ValueError, match=reason):
        options.BY_NAME["soft-fail"].parse(given)


@pytest.mark.parametrize(
    ("name", "given", "read"),
    [
        ("jwt-algorithm", "rs512", "RS512"),
        ("bot-version", "INDEVELOPMENT", "inDevelopment"),
        ("junit-dialect", "Strict", "strict"),
        ("ci", "GitHub", "github"),
    ],
)
def test_choice__any_case(name: str, given: str, read: str) -> None:
    """A choice is read in any case, and known by its own spelling."""
    assert options.BY_NAME[name].parse(given) == read


@pytest.mark.parametrize("name", ["jwt-algorithm", "bot-version", "junit-granularity", "junit-dialect", "ci", "output"])
def test_choice__other(name: str) -> None:
    """Anything else is refused with what could be chosen."""
    with pytest.raises(ValueError, match="must be one of .*" + re.escape(options.BY_NAME[name].default)):
        options.BY_NAME[name].parse("none of these")


def test_commands__remote() -> None:
    """Those that talk to Kore.ai are commands."""
    assert set(options.REMOTE_COMMANDS) < options.COMMANDS.keys()
    assert ExitCode.USAGE not in options.SOFT
    assert options.BY_NAME["allow-http"].parse is parsers.flag
