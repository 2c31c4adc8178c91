"""What suites fail to prove: rules as data, each a pure function on a suite, and what they find in several suites."""

import collections
import functools
import itertools
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from kore_gate import text
from kore_gate.errors import ExitCode
from kore_gate.gate import verdict
from kore_gate.gate.suite_run import SuiteRun
from kore_gate.model import LintFinding, Reply, Severity, Step, Suite, SuiteResult, Verdict, replace

# What a rule finds: in a step or in the suite as a whole, and a sentence on it.
_Hit = tuple[Step | None, str]
_Check = Callable[[Suite], Iterable[_Hit]]

# Of a value from context, of how many of them, of a text; and how long ago the user may have said a value.
_LEAST_NAME = 3
_MOST_NAMES = 200
_LONGEST = 2000
_TURNS = 10

_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)"
)
_CURRENCY = r"(?:[$€£¥₹]|\b(?:EUR|USD|GBP|INR|JPY|CHF|AUD|CAD|Rs\.?)(?!\w))"
# Each with what it looks like; the first that matches names the text. Bounded, so that no text takes long.
_DYNAMIC = (
    ("a date", re.compile(r"\b\d{4}-\d{1,2}-\d{1,2}\b|\b\d{1,2}([./-])\d{1,2}\1\d{2,4}\b")),
    ("a date", re.compile(rf"\b{_DAY}\.? {_MONTH}\b(?:,? \d{{4}}\b)?|\b{_MONTH}\.? {_DAY}\b(?:,? \d{{4}}\b)?")),
    ("a time", re.compile(r"\b\d{1,2}:\d{2}(?::\d{2})?\b")),
    ("an amount", re.compile(rf"{_CURRENCY}\s?\d[\d.,]{{0,30}}(?<=\d)|\b\d[\d.,]{{0,30}}\s?{_CURRENCY}")),
    ("an amount", re.compile(r"\b\d{1,3}(?:[.,]\d{3}){0,5}[.,]\d{2}\b|\b\d{1,3}(?:,\d{2,3}){0,5},\d{3}\b")),
    ("an id", re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b\d{6,}\b", re.IGNORECASE)),
    ("an id", re.compile(r"\b(?=[A-Z0-9-]{0,30}[A-Z])(?=(?:[A-Z-]{0,10}\d){3})[A-Z0-9][A-Z0-9-]{4,60}\b")),
)
_CENTS = re.compile(r"[.,]00$")


class Rule(NamedTuple):
    """One rule: its stable id, how grave it is, why it matters, and what finds where a suite breaks it."""

    id: str
    severity: Severity
    why: str
    check: _Check = lambda _: ()


def _rule(name: str, severity: Severity, why: str) -> Callable[[_Check], Rule]:
    """Make a rule of what checks it."""
    return functools.partial(Rule, name, severity, why)


@_rule("step-without-assertion", "warning", "A step without an enabled assertion passes whatever the bot replies.")
def _step_without_assertion(suite: Suite) -> Iterator[_Hit]:
    yield from ((step, "has no enabled assertion") for step in suite.steps if not step.enabled_outcomes)


@_rule("suite-without-content", "error", "A suite without a text or context assertion does not test what the bot says.")
def _suite_without_content(suite: Suite) -> Iterator[_Hit]:
    groups = {group for step in suite.steps for reply in step.replies for group in _enabled(reply)}
    if suite.steps and not groups & {"text", "context"}:
        yield None, "has no enabled text or context assertion"


@_rule("empty-text", "error", "An empty expected text says nothing of the reply.")
def _empty_text(suite: Suite) -> Iterator[_Hit]:
    for step in suite.steps:
        if any(not values or not all(value.strip() for value in values) for values in _texts(step)):
            yield step, "expects an empty text"


@_rule(
    "dynamic-text", "warning", "A text that holds a date, an amount, a time, an id or a name changes from run to run."
)
def _dynamic_text(suite: Suite) -> Iterator[_Hit]:
    names = _context_values(suite)
    for place, step in enumerate(suite.steps):
        # What the user has just said may be repeated.
        inputs = [earlier.input for earlier in suite.steps[max(0, place - _TURNS) : place + 1]]
        parts = (part for values in _texts(step) for value in values for part in _dynamic_parts(value, names))
        for kind, part in parts:
            number = _CENTS.sub("", part.strip("$€£¥₹ "))
            if not any(number in words for words in inputs):
                yield step, f"compares {kind} literally: {text.line(part, 60)}"
                break


@_rule("duplicate-step", "warning", "The same step twice proves nothing more, and takes twice the time.")
def _duplicate_step(suite: Suite) -> Iterator[_Hit]:
    first: dict[object, Step] = {}
    for step in suite.steps:
        key = (step.input, step.event, _content([step]))
        # An event such as the start of a conversation is the same in each of them.
        if not step.event and step.replies and first.setdefault(key, step) is not step:
            yield step, f"says and expects what step {first[key].number} does"


@_rule("flow-off", "warning", "The node that replies is known, but the step passes if another one does.")
def _flow_off(suite: Suite) -> Iterator[_Hit]:
    for step in suite.steps:
        for reply in step.replies:
            off = any(part.group == "flow" and not part.enabled for part in reply.assertions)
            if off and reply.node and reply.assertions:
                yield step, f"has its flow assertion off, although the node is known: {text.line(reply.node, 60)}"
                break


@_rule("fallback-reply", "warning", "The bot was probably not able to answer when this step was recorded.")
def _fallback_reply(suite: Suite) -> Iterator[_Hit]:
    replies = [(step, reply) for step in suite.steps for reply in step.replies]
    fallbacks = {reply.text: step for step, reply in reversed(replies) if "fallback" in reply.node.lower()}
    for step, reply in replies:
        origin = fallbacks.get(reply.text) if reply.text.strip() else None
        # Whoever asserts the node means to test the fallback.
        if origin and origin is not step and "flow" not in _enabled(reply):
            yield step, f"expects the fallback text of step {origin.number}"


# Rules that something else than a suite breaks.
_TOO_FEW_ASSERTIONS = Rule(
    "too-few-assertions", "error", "The suite has fewer enabled assertions than min-assertions asks for."
)
_DUPLICATE_SUITE = Rule(
    "duplicate-suite", "warning", "The same suite twice proves nothing more, and takes twice the time."
)
_NOT_UNDERSTOOD = Rule("not-understood", "warning", "A file or a part of one that the gate cannot read is not checked.")

RULES = (
    _suite_without_content,
    _empty_text,
    _TOO_FEW_ASSERTIONS,
    _step_without_assertion,
    _dynamic_text,
    _flow_off,
    _fallback_reply,
    _duplicate_step,
    _DUPLICATE_SUITE,
    _NOT_UNDERSTOOD,
)
BY_ID = {rule.id: rule for rule in RULES}


def findings(
    suites: Sequence[Suite | None], ignored: Collection[str] = (), min_assertions: int = 0
) -> list[tuple[LintFinding, ...]]:
    """Check several suites by all rules but the ignored ones; return what was found in each."""
    first: dict[object, Suite] = {}
    rows = []
    for suite in suites:
        hits = [(rule, hit) for rule in RULES for hit in (rule.check(suite) if suite else ())]
        if suite and suite.steps:
            number = sum(len(step.enabled_outcomes) for step in suite.steps)
            if number < min_assertions:
                few = f"has {number} of at least {min_assertions} enabled assertions"
                hits.append((_TOO_FEW_ASSERTIONS, (None, few)))
            twin = first.setdefault(_content(suite.steps), suite)
            if twin is not suite:
                same = f"has the same steps as {text.line(twin.name, 60)}"
                hits.append((_DUPLICATE_SUITE, (None, same)))
        rows.append(tuple(finding(rule, *hit) for rule, hit in hits if rule.id not in ignored))
    return rows


def finding(rule: Rule, step: Step | None, message: str) -> LintFinding:
    """Say what a rule found."""
    subject = f"“{text.line(step.input or step.event, 60)}”" if step else "The suite"
    return LintFinding(
        rule=rule.id,
        severity=rule.severity,
        message=f"{subject} {message}.",
        step=step.number if step else 0,
        line=step.source.line if step and step.source else 0,
    )


def annotated(results: Sequence[SuiteResult], ignored: Collection[str], min_assertions: int) -> list[SuiteResult]:
    """Put into results what the rules find in their suites."""
    rows = findings([result.suite for result in results], ignored, min_assertions)
    return [replace(result, lint=row) for result, row in zip(results, rows, strict=True)]


def check_files(runs: Sequence[SuiteRun], ignored: Collection[str] = (), min_assertions: int = 0) -> list[SuiteResult]:
    """Check suite files, of which nothing is known but what is in them; findings are in the order of their lines."""
    from kore_gate.kore import payloads

    unread = []
    for run in runs:
        suite, problems = payloads.suite_file(json.loads(run.data), run.name)
        run.keep_definition(suite)
        messages = [f"cannot be read as a whole: {text.line(problem)}" for problem in problems]
        rows = [finding(_NOT_UNDERSTOOD, None, message) for message in messages]
        unread.append([] if _NOT_UNDERSTOOD.id in ignored else rows)
    checked = findings([run.suite for run in runs], ignored, min_assertions)
    return [
        replace(run.draft(), lint=tuple(sorted([*rows, *own], key=lambda row: row.line)))
        for run, rows, own in zip(runs, unread, checked, strict=True)
    ]


def judge(files: Sequence[SuiteResult], *, strict: bool) -> Verdict:
    """Judge checked files: errors are red, warnings only where they count as errors."""
    numbers = collections.Counter(row.severity for file in files for row in file.lint)
    counts = " and ".join(text.plural(number, kind) for kind, number in sorted(numbers.items()))
    is_red = numbers["error"] or (strict and numbers["warning"])
    code = ExitCode.FAILED if is_red else ExitCode.PASSED
    return verdict.of(code, f"{counts or 'No findings'} in {text.plural(len(files), 'suite file')}.")


def _enabled(reply: Reply) -> set[str]:
    return {assertion.group for assertion in reply.assertions if assertion.enabled}


def _texts(step: Step) -> Iterator[list[str]]:
    """Give what each enabled text assertion of a step expects."""
    for part in (part for reply in step.replies for part in reply.assertions):
        if part.enabled and part.group == "text":
            yield [check.value for check in part.checks]


def _context_values(suite: Suite) -> re.Pattern[str] | None:
    """Return what matches a value that the suite expects of a context variable, as a whole word."""
    parts = (part for step in suite.steps for reply in step.replies for part in reply.assertions)
    values = (check.value.strip() for part in parts if part.group == "context" for check in part.checks)
    # A word in small letters is a choice rather than a name.
    names = {value: None for value in values if _LEAST_NAME <= len(value) <= 100 and not value.islower()}
    alternatives = "|".join(map(re.escape, itertools.islice(names, _MOST_NAMES)))
    return re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)") if alternatives else None


def _dynamic_parts(value: str, names: re.Pattern[str] | None) -> Iterator[tuple[str, str]]:
    """Give what in a text looks as if it changes, with its kind."""
    patterns = [*_DYNAMIC, ("a value from context", names)] if names else _DYNAMIC
    return ((kind, match[0]) for kind, pattern in patterns for match in pattern.finditer(value[:_LONGEST]))


def _content(steps: Iterable[Step]) -> object:
    """Return what steps say and expect, apart from how they ended."""
    return tuple(
        (step.input, step.event, tuple((reply.text, _expected(reply)) for reply in step.replies)) for step in steps
    )


def _expected(reply: Reply) -> object:
    return tuple(
        (part.group, part.enabled, tuple((check.field, check.value) for check in part.checks))
        for part in reply.assertions
    )
