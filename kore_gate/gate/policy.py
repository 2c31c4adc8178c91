"""Which failures do not count, and why: known ones, those of a baseline, those within a threshold. Pure."""

import collections
import datetime
import itertools
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from kore_gate import text
from kore_gate.errors import Ending, ExitCode
from kore_gate.gate import verdict
from kore_gate.model import Fact, Forgiveness, Mark, Outcome, Policy, Reply, Result, Step, SuiteResult, Verdict, replace

MOST_BYTES = 2 * 2**20
_DAYS = 14
_MILLION = 10**6
_TEXTS = ("suite", "step", "assertion", "reason")
_HEADER = re.compile(r"""[ \t]*\[\[[ \t]*(?:known|"known"|'known')[ \t]*\]\]""")


class Identity(NamedTuple):
    """What one test is called in the JUnit files."""

    suite: str
    classname: str
    name: str

    def __str__(self) -> str:
        """Name it for people: suite, step, assertion."""
        return " / ".join((self.suite, self.classname.rpartition(".")[2], self.name))


class Place(NamedTuple):
    """Where a test stands in a call, counted from 0; -1: the step as a whole."""

    suite: int
    step: int
    reply: int = -1
    assertion: int = -1


class Judged(NamedTuple):
    """One test of a call, with its names and what Kore.ai reported."""

    identity: Identity
    step: str  # as people read it
    outcome: Outcome
    place: Place
    mark: Mark | None = None


class Entry(Fact, frozen=True, kw_only=True):
    """One known failure: names or globs of suite, step and assertion."""

    suite: str
    step: str
    assertion: str
    reason: str
    until: datetime.date  # the last day on which it counts, in UTC
    source: str  # file and line

    def __str__(self) -> str:
        """Say where it stands and what it is about."""
        names = " / ".join(text.line(name, 80) for name in (self.suite, self.step, self.assertion))
        return f"{self.source} ({names})"


class Policies(Fact, frozen=True, kw_only=True):
    """What the user tolerates; None: not set. The baseline has for each test that was judged whether it failed."""

    known: Sequence[Entry] | None = None
    baseline: Mapping[Identity, bool] | None = None
    min_pass_rate: int | None = None  # in millionths of a percent
    max_failures: int | None = None
    min_assertions: int = 0  # a suite with fewer is not forgiven anything


def parse_known(source: str, file: str) -> tuple[list[Entry], list[str]]:
    """Read a file of known failures; return its valid entries, and every problem with its line."""
    import tomllib

    try:
        content = tomllib.loads(source)
    except (ValueError, RecursionError) as exc:
        return [], [f"{file} is not valid TOML: {text.line(str(exc) or 'nested too deeply')}."]
    keys = sorted(content.keys() - {"known"})
    problems = [f"{file}: unknown key {text.line(key, 40)!r}; entries begin with [[known]]." for key in keys]
    rows = content.get("known", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return [], [*problems, f"{file}: known must be a list of tables; each begins with [[known]]."]
    # Python's parser gives no lines; headers stand in the order of the entries.
    places = [f"line {number}" for number, line in enumerate(source.split("\n"), 1) if _HEADER.match(line)]
    if len(places) != len(rows):  # a header within a text, or an array
        places = [f"entry {number}" for number in range(1, len(rows) + 1)]
    entries = []
    for row, place in zip(rows, places, strict=True):
        wrong = list(_problems(row))
        problems += [f"{file}, {place}: {problem}." for problem in wrong]
        if not wrong:
            entries.append(Entry(**row, source=f"{file}, {place}"))
    return entries, problems


def _problems(row: Mapping[str, object]) -> Iterable[str]:
    """Name everything that is wrong with an entry."""
    for key in sorted(row.keys() - {*_TEXTS, "until"}):
        yield f"unknown key {text.line(key, 40)!r}; an entry has {', '.join(_TEXTS)} and until"
    for key in _TEXTS:
        value = row.get(key)
        if not isinstance(value, str):
            yield f"{key} is missing" if value is None else f"{key} must be a text in quotes"
        elif not value.strip():
            yield f"{key} is empty: " + (
                "say why this failure does not count" if key == "reason" else "* stands for any"
            )
    until = row.get("until")
    if type(until) is not datetime.date:  # a time of day is a date as well
        yield "until is missing" if until is None else "until must be a date without quotes, such as 2026-12-31"


def known_file(failures: Iterable[Judged], today: datetime.date) -> str:
    """Write a file of known failures, whose reasons are still to be filled in."""
    until = today + datetime.timedelta(days=_DAYS)
    blocks = ["# Known failures, see docs/policies.md. Each needs a reason: an empty one is an error.\n"]
    for failure in failures:
        names = (failure.identity.suite, failure.step, failure.identity.name)
        rows = [f"{key} = {_quoted(name)}\n" for key, name in zip(_TEXTS, names, strict=False)]
        blocks.append(f'[[known]]\n{"".join(rows)}reason = ""\nuntil = {until}\n')
    return "\n".join(blocks)


def _quoted(name: str) -> str:
    # A question mark stands for one character, and that may be itself.
    exact = re.sub(r"[*\[]", r"[\g<0>]", name)
    return json.dumps(exact, ensure_ascii=False).replace("\x7f", "\\u007f")


def apply(call: Result, judged: Iterable[Judged], policies: Policies, today: datetime.date) -> Result:
    """Return the call with a mark at each failure that a policy forgives, and with the verdicts that follow.

    Outcomes stay as they are. Only runs with nothing against them but failed steps are touched.
    """
    if policies == Policies(min_assertions=policies.min_assertions):
        return call
    tests, least = list(judged), policies.min_assertions
    forgivable = {number for number, suite in enumerate(call.suites) if _is_forgivable(suite, least)}
    not_passed = (number for number, suite in enumerate(call.suites) if suite.verdict.ending is not Ending.PASSED)
    unclear = [call.suites[number] for number in not_passed if number not in forgivable]
    red = [test for test in tests if test.outcome.is_red]
    marks, remarks = _known(policies.known or (), tests, today, is_whole=not unclear)
    if policies.baseline is not None:
        mark = Mark(policy=Policy.BASELINE, reason="it failed in the baseline as well")
        marks = {test.place: mark for test in red if policies.baseline.get(test.identity)} | marks
        remarks += _changes(policies.baseline, tests, {text.line(one.name, 180) for one in unclear})
    marks = {place: mark for place, mark in marks.items() if place.suite in forgivable}
    left = [test for test in red if test.place not in marks]
    within, unmet = _thresholds(policies, tests, left)
    if within and unclear:
        name, ending = text.line(unclear[0].name, 80), unclear[0].verdict.ending
        unmet = [f"Nothing is tolerated, because {name} ended as {ending} for another reason than its tests."]
    if within and not unmet:
        marks |= {test.place: Mark(policy=Policy.TOLERATED, reason=within) for test in left}
        left = []
    counts = collections.Counter(mark.policy for mark in marks.values())
    sums = {kind.value: counts[kind] for kind in Policy}
    call = replace(call, forgiveness=Forgiveness(**sums, remarks=(*remarks, *unmet)))
    return _judged_again(call, marks, {test.place.suite for test in left}) if marks else call


def _is_forgivable(suite: SuiteResult, least: int) -> bool:
    has_enough = sum(len(step.enabled_outcomes) for step in suite.steps) >= least
    return suite.verdict.ending is Ending.FAILED and suite.only_tests_failed and has_enough


def _known(
    entries: Iterable[Entry], tests: Sequence[Judged], today: datetime.date, *, is_whole: bool
) -> tuple[dict[Place, Mark], list[str]]:
    """Mark known failures, and name the entries that are over; `is_whole`: every suite has a result."""
    marks: dict[Place, Mark] = {}
    remarks = []
    for entry in entries:
        if entry.until < today:
            remarks.append(f"Expired on {entry.until}: {entry} no longer counts.")
            continue
        matched = _matching(entry, tests)
        failed = [test for test in matched if test.outcome.is_red]
        mark = Mark(policy=Policy.KNOWN, reason=entry.reason, until=str(entry.until))
        for test in failed:
            marks.setdefault(test.place, mark)
        if not failed and any(test.outcome is Outcome.PASSED for test in matched):
            remarks.append(f"To be removed: {entry} passes now.")
        elif not matched and is_whole:
            remarks.append(f"To be removed: {entry} matches no test of this call.")
    return marks, remarks


def _matching(entry: Entry, tests: Iterable[Judged]) -> list[Judged]:
    """Return the tests that an entry names, as they are or as globs."""
    import fnmatch

    def fits(name: str, pattern: str) -> bool:
        return name == pattern or fnmatch.fnmatchcase(name, pattern)

    groups = itertools.groupby(tests, key=lambda test: (test.identity.suite, test.step))
    return [
        test
        for names, group in groups
        if fits(names[0], entry.suite) and fits(names[1], entry.step)
        for test in group
        if fits(test.identity.name, entry.assertion)
    ]


def _changes(baseline: Mapping[Identity, bool], tests: Sequence[Judged], unclear: AbstractSet[str]) -> Iterable[str]:
    """Name what passes now, and what was judged in the baseline and is not judged any more."""
    judged = {test.identity for test in tests if test.outcome.is_judged}
    yield from (
        f"Fixed since the baseline: {test.identity}."
        for test in tests
        if test.outcome is Outcome.PASSED and baseline.get(test.identity)
    )
    suites = {test.identity.suite for test in tests} | unclear
    for suite in dict.fromkeys(identity.suite for identity in baseline):
        if suite not in suites:
            yield f"Only in the baseline: the suite {suite}."
    for identity in baseline:
        if identity not in judged and identity.suite in suites and identity.suite not in unclear:
            yield f"Not judged any more, but in the baseline: {identity}."


def _thresholds(policies: Policies, tests: Iterable[Judged], left: Sequence[Judged]) -> tuple[str, list[str]]:
    """Compare the failures that are left with each threshold: say how they compare, and name those that are not met."""
    passed = sum(test.outcome is Outcome.PASSED and test.place.assertion >= 0 for test in tests)
    total = passed + len(left)
    compared: list[tuple[str, bool]] = []
    if left and policies.min_pass_rate is not None:
        tenths = passed * 1000 // total  # rounded down, so that it never reads as met where it is not
        rate = f"min-pass-rate {policies.min_pass_rate / _MILLION:.10g}%: {tenths // 10}.{tenths % 10}%"
        compared.append((rate, passed * 100 * _MILLION >= policies.min_pass_rate * total))
    if left and policies.max_failures is not None:
        compared.append((f"max-failures {policies.max_failures}: {len(left)}", len(left) <= policies.max_failures))
    if compared and not passed and all(test.place.assertion < 0 for test in left):
        compared.append(("no assertion was judged", False))
    return "; ".join(one for one, _ in compared), [f"Not met: {one}." for one, is_met in compared if not is_met]


def _judged_again(call: Result, marks: Mapping[Place, Mark], red: Collection[int]) -> Result:
    """Put the marks in, and give the suites, of which `red` ones stay so, and the call the verdicts that follow."""
    by_suite = collections.defaultdict[int, dict[Place, Mark]](dict)
    for place, mark in marks.items():
        by_suite[place.suite][place] = mark
    suites = list(call.suites)
    for at, own in by_suite.items():
        result = suites[at]
        steps = tuple(_marked(step, at, number, own) for number, step in enumerate(result.steps))
        words = _words(own.values())
        judged = verdict.of(ExitCode.PASSED, f"Run: passed with {words}.")
        if at in red:
            message = f"{result.verdict.message.rstrip('.')}; forgiven: {words}."
            judged = replace(result.verdict, message=message)
        suite = replace(result.suite, steps=steps) if result.suite else None
        suites[at] = replace(result, suite=suite, verdict=judged)
    return replace(call, suites=tuple(suites), verdict=overall(suites))


def overall(suites: Sequence[SuiteResult]) -> Verdict:
    """Return the one verdict of all suites, which counts what is forgiven where it is passed."""
    judged = verdict.overall(suites)
    steps = [step for suite in suites for step in suite.steps if step.is_red]
    marks = [one.mark for step in steps for reply in step.replies for one in reply.assertions if one.mark]
    marks += [step.mark for step in steps if step.mark]
    if not marks or judged.ending is not Ending.PASSED:
        return judged
    flaky = sum(suite.is_flaky for suite in suites)
    return verdict.of(ExitCode.PASSED, f"Passed with {_words(marks)}{f'; {flaky} flaky' if flaky else ''}.")


def _marked(step: Step, suite: int, number: int, marks: Mapping[Place, Mark]) -> Step:
    """Put the marks of a step in."""

    def marked(reply: Reply, place: int) -> Reply:
        assertions = (
            replace(one, mark=marks.get(Place(suite, number, place, position)))
            for position, one in enumerate(reply.assertions)
        )
        return replace(reply, assertions=tuple(assertions))

    if not step.is_red:
        return step
    replies = tuple(marked(reply, place) for place, reply in enumerate(step.replies))
    return replace(step, replies=replies, mark=marks.get(Place(suite, number)))


def _words(marks: Collection[Mark]) -> str:
    """Count what is forgiven: `1 known failure and 2 tolerated failures (max-failures 5: 2)`."""
    counts = collections.Counter(mark.policy for mark in marks)
    names = {Policy.KNOWN: "known failure", Policy.BASELINE: "baseline failure", Policy.TOLERATED: "tolerated failure"}
    parts = [text.plural(counts[one], name) for one, name in names.items() if counts[one]]
    words = " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))
    within = dict.fromkeys(mark.reason for mark in marks if mark.policy is Policy.TOLERATED)
    return f"{words} ({'; '.join(within)})" if within else words
