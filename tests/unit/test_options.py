import re

import pytest

from kore_gate.errors import ExitCode
from kore_gate.settings import options, parsers


def test_setting__form() -> None:
    """Each setting has a kebab-case name, a description, a name in Python, and a default that can be read."""
    for setting in options.SETTINGS:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", setting.name), setting
        assert setting.help, setting
        assert not setting.help.endswith("."), setting
        assert setting.field.isidentifier(), setting
        assert options.BY_NAME[setting.name] is setting
        if setting.default:
            setting.parse(setting.default)


def test_setting__names() -> None:
    """A name is raw once, and makes flag, input and variable in their own forms."""
    stream = options.BY_NAME["stream-id"]

    assert len(options.BY_NAME) == len(options.SETTINGS)
    assert (stream.field, stream.input, stream.variable) == ("stream_id", "INPUT_STREAM-ID", "KORE_STREAM_ID")
    assert stream.ways == "--stream-id, the input stream-id or KORE_STREAM_ID"
    assert options.BY_NAME["jwt"].ways == "the input jwt, KORE_JWT or KORE_JWT_FILE"


def test_setting__secrets() -> None:
    """What signs and what is signed is secret, and nothing else."""
    secret = [setting.name for setting in options.SETTINGS if setting.secret]

    assert secret == ["client-secret", "private-key", "jwt"]


def test_soft__codes() -> None:
    """Neither success nor bad usage, a bug or an interruption can be softened."""
    assert parsers.SOFT == [1, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize(
    ("raw", "codes"), [("1", (1,)), ("1,4", (1, 4)), ("4 1\n1", (4, 1)), ("8,3,5,6,7", (8, 3, 5, 6, 7))]
)
def test_soft_fail__good(raw: str, codes: tuple[int, ...]) -> None:
    """Codes are separated as ids are."""
    assert options.BY_NAME["soft-fail"].parse(raw) == codes


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("failed", "must be one of 1, 3, 4, 5, 6, 7, 8"),
        ("1;4", "must be one of 1, 3, 4, 5, 6, 7, 8"),
        ("-1", "must be one of 1, 3, 4, 5, 6, 7, 8"),
        ("٤", "must be one of 1, 3, 4, 5, 6, 7, 8"),
        ("1_0", "must be one of 1, 3, 4, 5, 6, 7, 8"),
        ("1000", "must be one of 1, 3, 4, 5, 6, 7, 8"),
        (",", "is empty"),
        ("0", "must be one of 1, 3, 4, 5, 6, 7, 8"),
        ("1,2", "must be one of 1, 3, 4, 5, 6, 7, 8"),
        ("70", "must be one of 1, 3, 4, 5, 6, 7, 8"),
        ("143", "must be one of 1, 3, 4, 5, 6, 7, 8"),
        ("9", "must be one of 1, 3, 4, 5, 6, 7, 8"),
    ],
)
def test_soft_fail__bad(raw: str, reason: str) -> None:
    """A code that is none, or must never pass, is refused."""
    with pytest.raises(ValueError, match=re.escape(reason)):
        options.BY_NAME["soft-fail"].parse(raw)


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("jwt-algorithm", "rs512", "RS512"),
        ("bot-version", "INDEVELOPMENT", "inDevelopment"),
        ("junit-dialect", "Strict", "strict"),
        ("ci", "GitHub", "github"),
    ],
)
def test_choice__any_case(name: str, raw: str, value: str) -> None:
    """A choice is read in any case, and known by its own spelling."""
    assert options.BY_NAME[name].parse(raw) == value


@pytest.mark.parametrize("name", ["jwt-algorithm", "bot-version", "junit-granularity", "junit-dialect", "ci", "output"])
def test_choice__other(name: str) -> None:
    """Anything else is refused with what could be chosen."""
    with pytest.raises(ValueError, match="must be one of .*" + re.escape(options.BY_NAME[name].default)):
        options.BY_NAME[name].parse("none of these")


def test_commands__remote() -> None:
    """Those that talk to Kore.ai are commands."""
    assert set(options.REMOTE_COMMANDS) < options.COMMANDS.keys()
    assert ExitCode.USAGE not in parsers.SOFT
    assert options.BY_NAME["allow-http"].parse is parsers.flag
