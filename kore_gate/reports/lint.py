"""What the lint found, in the forms that CI systems show beside the code, and in short for the other reports."""

import collections
import hashlib
import json
import pathlib
import re
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from kore_gate import __version__, text
from kore_gate.gate import lint
from kore_gate.model import LintFinding, Outcome, Severity, Source, SuiteResult
from kore_gate.reports import cases

JUNIT, SARIF, QUALITY = "TEST-kore-lint.xml", "kore-lint.sarif", "gl-code-quality.json"

# GitHub takes no more results of one file.
_MOST_RESULTS = 25_000
# What SARIF's readers take for a link, or for a place to fill in.
_SARIF_MARKUP = re.compile(r"\](?=\()|\{(?=\d)")
_STEP = re.compile(r"step \d+")
_QUALITY_LEVELS: dict[Severity, str] = {"error": "major", "warning": "minor"}


class Row(NamedTuple):
    """What one rule found in one suite, for people."""

    rule: str
    severity: Severity
    why: str
    where: str


def rows(result: SuiteResult) -> list[Row]:
    """Fold the findings on a suite, by rule."""
    by_rule = collections.defaultdict[str, list[LintFinding]](list)
    for finding in result.lint:
        by_rule[finding.rule].append(finding)
    whys = {rule: lint.BY_ID[rule].why if rule in lint.BY_ID else by_rule[rule][0].message for rule in by_rule}
    return [Row(rule, matches[0].severity, whys[rule], _steps(matches)) for rule, matches in by_rule.items()]


def _steps(matches: Sequence[LintFinding]) -> str:
    numbers = list(dict.fromkeys(str(finding.step) for finding in matches if finding.step))
    return f"step{'s' if len(numbers) > 1 else ''} {text.listed(numbers, 10)}" if numbers else ""


def sarif(files: Sequence[SuiteResult], place: Callable[[str], str]) -> bytes:
    """Write the findings as SARIF 2.1.0; `place` names a file as the repository does, or by its whole path."""
    results = [
        {
            "ruleId": finding.rule,
            "ruleIndex": list(lint.BY_ID).index(finding.rule),
            "level": finding.severity,
            "message": {"text": _SARIF_MARKUP.sub("\\g<0>\u200b", text.terminal(finding.message, 1000))},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": _artifact(path),
                        "region": {"startLine": finding.line or 1},
                    }
                }
            ],
            "partialFingerprints": {"koreLint/v1": fingerprint},
        }
        for path, finding, fingerprint in _findings(files, place)
    ]
    # Errors first, should it be too many.
    results.sort(key=lambda result: result["level"] != "error")
    rules = [
        {
            "id": rule.id,
            "shortDescription": {"text": rule.why},
            "fullDescription": {"text": rule.why},
            "help": {"text": f"{rule.why} To switch the rule off, add {rule.id} to lint-ignore."},
            "defaultConfiguration": {"level": rule.severity},
        }
        for rule in lint.RULES
    ]
    driver = {"name": "kore_gate", "semanticVersion": __version__, "rules": rules}
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "columnKind": "utf16CodeUnits", "results": results[:_MOST_RESULTS]}],
    }
    return json.dumps(log, indent=1).encode() + b"\n"


def code_quality(files: Sequence[SuiteResult], place: Callable[[str], str]) -> bytes:
    """Write the findings as GitLab's code quality report."""
    entries = [
        {
            "description": text.terminal(finding.message, 1000),
            "check_name": finding.rule,
            "fingerprint": fingerprint,
            "severity": _QUALITY_LEVELS[finding.severity],
            "location": {"path": text.terminal(path, 4096), "lines": {"begin": finding.line or 1}},
        }
        for path, finding, fingerprint in _findings(files, place)
    ]
    return json.dumps(entries, indent=1).encode() + b"\n"


def checked_cases(files: Sequence[SuiteResult], *, strict: bool) -> Iterator[cases.Case]:
    """Make a test case of each rule on each file: failed by what counts as an error, skipped by a warning."""
    for file in files:
        for rule in lint.RULES:
            matches = [finding for finding in file.lint if finding.rule == rule.id]
            is_red = any(strict or finding.severity == "error" for finding in matches)
            outcome = Outcome.FAILED if is_red else Outcome.SKIPPED if matches else Outcome.PASSED
            lines = [f"line {finding.line or 1}: {finding.severity}: {finding.message}" for finding in matches]
            yield cases.Case(
                classname=f"kore_gate.lint.{cases.segment(file.file, 150)}",
                name=rule.id,
                outcome=outcome,
                type="kore.Lint" if matches else "",
                message=f"{text.plural(len(matches), 'finding')}: {lines[0]}" if matches else "",
                text="\n".join([*lines, "", rule.why]) if matches else "",
                source=Source(file=file.file, line=matches[0].line or 1 if matches else 1),
            )


def _findings(files: Sequence[SuiteResult], place: Callable[[str], str]) -> Iterator[tuple[str, LintFinding, str]]:
    """Give each finding with its path, and a fingerprint that stays when lines and steps before it come or go."""
    seen: collections.Counter[tuple[str, str, str]] = collections.Counter()
    for file in files:
        path = place(file.file)
        for finding in file.lint:
            key = (path, finding.rule, _STEP.sub("step", finding.message))
            seen[key] += 1
            identity = json.dumps([*key, seen[key]]).encode()
            yield path, finding, hashlib.sha256(identity).hexdigest()


def _artifact(path: str) -> dict[str, str]:
    if path.startswith("/"):
        return {"uri": pathlib.PurePosixPath(path).as_uri()}
    return {"uri": urllib.parse.quote(path.encode("utf-8", "surrogateescape")), "uriBaseId": "%SRCROOT%"}
