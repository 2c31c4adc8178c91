"""The commands of each CI system, read back the way its runner reads them."""

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kore_gate import text
from kore_gate.ci import dialects
from kore_gate.ci.dialects import Dialect, Severity, dialect_for
from tests.fakes import runners

NAMES = ("github", "gitlab", "jenkins", "azure", "circleci", "buildkite", "bitbucket", "teamcity", "none")
WHEN = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)

TRICKS = (
    "::error::x",
    "::stop-commands::t",
    "##[group]x",
    "##vso[task.complete result=Succeeded;]",
    "##vso[",
    "##teamcity[buildProblem description='x']",
    "section_start:1:a\r\x1b[0K",
    "\x1b[31m",
    "\x9b2J",
    "\r",
    "\n",
    "--- ",
    "+++ ",
    "%0A",
    "%25",
    "%AZP25",
    "%3B",
    "|n",
    "|",
    "'",
    "]",
    ";",
    ":",
    ",",
    "\u2028",
    "\x85",
    "\ud800",
    "😀",
    " ",
)
foreign = st.lists(st.one_of(st.sampled_from(TRICKS), st.text(max_size=4)), max_size=8).map("".join)


@pytest.mark.parametrize("name", NAMES)
def test_dialect_for__known(name: str) -> None:
    """Every system of the contract has a dialect."""
    assert dialect_for(name).name == name


def test_dialect_for__unknown() -> None:
    """A system nobody knows gets plain text."""
    assert dialect_for("travis") is dialect_for("none")


def _all_commands(dialect: Dialect) -> dict[str, str | None]:
    return {
        "open": dialect.open_group("Banking: failed", WHEN, "kore-1"),
        "close": dialect.close_group(WHEN, "kore-1"),
        "heading": dialect.heading("Verdict"),
        "error": dialect.annotation("error", "50 % off; [x]", "Banking, 02: Hi", "suites/a b.json", 7),
        "bare": dialect.annotation("warning", "Careful."),
        "notice": dialect.annotation("notice", "By the way."),
        "output": dialect.output("suite-name", 'a;b]c\n"d"'),
        "summary": dialect.upload_summary("/ws/kore-summary.md"),
    }


NOTHING = {
    "open": "",
    "close": "",
    "heading": "",
    "error": None,
    "bare": None,
    "notice": None,
    "output": None,
    "summary": None,
}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "github",
            {
                "open": "::group::Banking: failed",
                "close": "::endgroup::",
                "error": "::error file=suites/a b.json,line=7,title=Banking%2C 02%3A Hi::50 %25 off; [x]",
                "bare": "::warning::Careful.",
                "notice": "::notice::By the way.",
            },
        ),
        (
            "azure",
            {
                "open": "##[group]Banking: failed",
                "close": "##[endgroup]",
                "heading": "##[section]Verdict",
                "error": "##vso[task.logissue type=error;sourcepath=suites/a b.json;linenumber=7;]"
                "Banking, 02: Hi: 50 % off%3B [x%5D",
                "bare": "##vso[task.logissue type=warning;]Careful.",
                "output": '##vso[task.setvariable variable=suite-name;isOutput=true]a%3Bb%5Dc%0A"d"',
                "summary": "##vso[task.uploadsummary]/ws/kore-summary.md",
            },
        ),
        (
            "gitlab",
            {
                "open": "\x1b[0Ksection_start:1767323045:kore-1\r\x1b[0KBanking: failed",
                "close": "\x1b[0Ksection_end:1767323045:kore-1\r\x1b[0K",
            },
        ),
        (
            "teamcity",
            {
                "open": "##teamcity[blockOpened name='kore-1' description='Banking: failed']",
                "close": "##teamcity[blockClosed name='kore-1']",
                "error": "##teamcity[message text='Banking, 02: Hi: 50 % off; |[x|] (suites/a b.json:7)'"
                " status='ERROR']",
                "bare": "##teamcity[message text='Careful.' status='WARNING']",
                "notice": "##teamcity[message text='By the way.' status='NORMAL']",
            },
        ),
        ("buildkite", {"open": "--- Banking: failed", "heading": "+++ Verdict"}),
        ("circleci", {}),
        ("bitbucket", {}),
        ("jenkins", {}),
        ("none", {}),
    ],
)
def test_dialect__commands(name: str, expected: dict[str, str]) -> None:
    """Each command is written in its system's own form; what a system lacks is left out."""
    assert _all_commands(dialect_for(name)) == NOTHING | expected


@pytest.mark.parametrize("line", [0, -3])
def test_annotation__no_line(line: int) -> None:
    """A file without a line is named alone."""
    command = dialect_for("github").annotation("error", "x", file="suite.json", line=line)

    assert command == "::error file=suite.json::x"


def test_annotation__very_long() -> None:
    """A message is cut to what GitHub shows, and says so."""
    command = dialect_for("github").annotation("error", "x" * 10_000)

    assert command == f"::error::{'x' * dialects.MESSAGE_LIMIT}%0A… 6000 characters cut"


@pytest.mark.parametrize("name", ["github", "azure", "teamcity"])
@settings(deadline=None)
@given(message=foreign, title=foreign, file=foreign, severity=st.sampled_from(["error", "warning"]))
def test_annotation__any_text(name: str, message: str, title: str, file: str, severity: Severity) -> None:
    """Foreign text makes one annotation, and arrives in it as it was, but for what can't be printed."""
    command = dialect_for(name).annotation(severity, message, title, file, 3)

    (read,) = runners.READERS[name](command or "")
    told = "\n".join([read.data, *read.properties.values()])
    if name == "github":
        told = told.replace("#\u200b#[", "##[")
    assert text.plain(message) in told
    assert text.line(title, 200) in told
    assert text.plain(file) in told
    assert read.name in (severity, "task.logissue", "message")


@pytest.mark.parametrize("raw", ["a##[stop-commands]x", "##[add-mask]x", "####[set-env name=X]y", "##[[error]z"])
def test_annotation__no_older_command(raw: str) -> None:
    """GitHub looks for commands of its older form in the whole line: there is none in what we print."""
    command = dialect_for("github").annotation("error", raw, raw, raw, 3)

    assert command
    assert "##[" not in command


@settings(deadline=None)
@given(value=st.text())
def test_output__any_text(value: str) -> None:
    """An Azure variable arrives as it was."""
    (read,) = runners.azure(dialect_for("azure").output("suite-name", value) or "")

    assert (read.name, read.data) == ("task.setvariable", value)
    assert read.properties == {"variable": "suite-name", "isOutput": "true"}


@pytest.mark.parametrize("name", ["github", "azure", "teamcity", "gitlab", "buildkite"])
@settings(deadline=None)
@given(title=foreign, key=foreign)
def test_groups__any_text(name: str, title: str, key: str) -> None:
    """Foreign text in a title or a key is one group and nothing else, and its end matches."""
    dialect = dialect_for(name)

    log = f"{dialect.open_group(title, WHEN, key)}\nwithin\n{dialect.close_group(WHEN, key)}\nafter"

    read = runners.READERS[name](log)
    assert [command.name for command in read] == {
        "github": ["group", "endgroup"],
        "azure": ["##[group]", "##[endgroup]"],
        "teamcity": ["blockOpened", "blockClosed"],
        "gitlab": ["section_start", "section_end"],
        "buildkite": ["---"],
    }[name]
    if name == "gitlab":
        assert read[0].data == read[1].data
    if name == "teamcity":
        assert read[0].properties["name"] == read[1].properties["name"]
