"""The Markdown of a CI system's summary page: the verdict, a table of suites, the first failures, what to do next."""

import collections
import dataclasses
import functools
import itertools
import re
from collections.abc import Callable, Iterator, Sequence

from kore_gate import errors, text
from kore_gate.errors import Ending
from kore_gate.gate import suite_run
from kore_gate.model import Assertion, Reply, Result, Step, SuiteResult, Verdict
from kore_gate.reports import cases, labels, transcript

LIMIT = 1_000_000

_FAILURES = 20
_NOTES = 50
_CUT = "*This summary is shortened to fit its page; `kore-report.html` has all of it.*"


@dataclasses.dataclass(frozen=True, slots=True)
class _Block:
    """A part of the page: where it stands, and how many entries it may show, most first."""

    place: int
    make: Callable[[int], str]
    sizes: Sequence[int] = (_NOTES, 3)


def render(call: Result, limit: int = LIMIT) -> str:
    """Render the summary in at most so many bytes of UTF-8."""
    by_importance = [
        _Block(0, lambda size: _heading(call, brief=not size), (1, 0)),
        _Block(1, lambda size: _explanation(call.verdict, size)),
        _Block(7, lambda _: _resume(call), (1,)),
        _Block(8, lambda _: _next(call), (1,)),
        _Block(2, lambda size: _table(call, size), (200, 20, 5)),
        _Block(3, lambda _: _evidence(call), (1,)),
        _Block(5, lambda size: _failures(call, size), (_FAILURES, 5, 1)),
        _Block(4, lambda size: _remarks(call, size)),
        *(_Block(6, functools.partial(_conversation, result), (200, 20)) for result in call.suites),
    ]
    left = limit - _bytes(_CUT)
    made: list[tuple[int, str]] = []
    cut = False
    for block in by_importance:
        form, shortened = _fitting(block, left)
        cut = cut or shortened
        left -= _bytes(form)
        made.append((block.place, form))
    page = [form for _, form in sorted(made, key=lambda item: item[0]) if form]
    whole = "\n\n".join([*page, _CUT] if cut else page) + "\n"
    return whole.encode()[: max(limit, 0)].decode("utf-8", "ignore")


def _fitting(block: _Block, left: int) -> tuple[str, bool]:
    """Return the longest form of a block that fits, and whether something had to go."""
    for size in block.sizes:
        form = block.make(size)
        if _bytes(form) <= left:
            return form, size != block.sizes[0]
    return "", True


def _bytes(block: str) -> int:
    """Count a block and the empty line after it."""
    return len(block.encode()) + 2 if block else 0


def _heading(call: Result, *, brief: bool) -> str:
    passed = call.verdict.ending is Ending.PASSED
    title = f"## {'✅' if passed else '❌'} Conversation tests: {labels.TITLES[call.verdict.ending].lower()}"
    code = call.verdict.exit_code
    facts = f"Exit code **{int(code)}**: {errors.MEANINGS[code]}"
    number = len(call.tested_suites)
    parts = [facts, *([labels.plural(number, "suite")] if number else []), text.duration(call.duration)]
    return title if brief else f"{title}\n\n{' · '.join(parts)}"


def _explanation(verdict: Verdict, size: int) -> str:
    """Say what happened, what it usually means and what to do."""
    told = [f"**What happened:** {_marked(verdict.message)}"]
    if verdict.details:
        shown = [f"- {_marked(detail)}" for detail in verdict.details[:size]]
        more = [f"- {len(verdict.details) - size} more in `kore-report.html`"] if len(verdict.details) > size else []
        told.append("\n".join(shown + more))
    told += [f"**{label}:** {_marked(labels.sentence(value))}" for label, value in labels.advice(verdict)]
    return "\n\n".join(told)


def _table(call: Result, size: int) -> str:
    suites = call.tested_suites
    rows = [
        "| Suite | Verdict | Steps | Assertions | Passed | Failed | Errors | Skipped | Duration | Status |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|---|",
    ]
    for result in suites[:size]:
        count = cases.count(result, call.junit_granularity)
        numbers = (count.steps, count.assertions, count.passed, count.failed, count.errors, count.skipped)
        cells = [
            text.markdown(result.name, 120),
            f"{_mark(result)} {labels.TITLES[result.verdict.ending].lower()}",
            *map("{:,}".format, numbers),
            text.duration(result.duration),
            text.markdown(result.status, 60),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    if len(suites) > size:
        rows.append(
            f"\n{labels.plural(len(suites) - size, 'more suite')} in `kore-report.html` and `kore-result.json`."
        )
    return "\n".join(rows) if suites else "No suite was started."


def _evidence(call: Result) -> str:
    """Say what the results prove, each kind of evidence once."""
    told = collections.Counter(map(labels.evidence, call.tested_suites))
    if len(told) == 1:
        return f"**Evidence:** {next(iter(told))}"
    return "\n".join(f"- **Evidence ({labels.plural(number, 'suite')}):** {said}" for said, number in told.items())


def _remarks(call: Result, size: int) -> str:
    """Repeat what was noted about suites, and why a suite ended as it did where the whole call says something else."""
    lines: list[str] = []
    for result in call.suites:
        name = text.markdown(result.name, 120)
        if result.verdict.ending is not Ending.PASSED and result.verdict != call.verdict:
            lines.append(f"- {_mark(result)} **{name}:** {_marked(result.verdict.message)}")
            lines.extend(f"  - {_marked(detail)}" for detail in result.verdict.details[:size])
            if result.verdict.hint and result.verdict.hint != call.verdict.hint:
                lines.append(f"  - What to do: {_marked(result.verdict.hint)}")
        lines.extend(f"- **{name}:** {_marked(note)}" for note in result.notes)
    if len(lines) > size:
        lines = [*lines[:size], f"- {len(lines) - size} more in `kore-report.html`"]
    return "\n".join(["### Suites", "", *lines]) if lines else ""


def _failures(call: Result, size: int) -> str:
    found = _red(call)
    shown = list(itertools.islice(found, size))
    if not shown:
        return ""
    more = sum(1 for _ in found)
    entries = [_failure(number, *failure) for number, failure in enumerate(shown, 1)]
    rest = [f"{more:,} more in `kore-report.html`."] if more else []
    return "\n\n".join(["### First failures" if more else "### Failures", "\n".join(entries), *rest])


def _red(call: Result) -> Iterator[tuple[SuiteResult, Step, Reply | None, Assertion | None]]:
    """Find every assertion that did not hold, and every step that failed for another reason."""
    for result in call.suites:
        for step in result.suite.steps if result.suite else ():
            told = False
            for reply in step.replies:
                for assertion in reply.assertions:
                    if assertion.enabled and assertion.outcome in labels.RED:
                        told = True
                        yield result, step, reply, assertion
            if step.outcome in labels.RED and not told:
                yield result, step, None, None


def _failure(number: int, result: SuiteResult, step: Step, reply: Reply | None, assertion: Assertion | None) -> str:
    # What belongs to an entry stands below its first word, and numbers get longer.
    indent = " " * len(f"{number}. ")
    lines = [f"{number}. **{text.markdown(labels.step_label(step), 120)}** ({text.markdown(result.name, 120)})"]
    reason = step.reason
    if reply and assertion:
        lines[0] += f": {text.markdown(assertion.group, 40)}"
        lines[0] += " could not be judged" if assertion.outcome.value == "error" else ""
        actual = labels.actual(reply, assertion)
        lines.append(f"{indent}- Expected: {_expected(assertion)}")
        lines.append(f"{indent}- Actual: {_readable(actual) if actual is not None else transcript.UNSAID}")
        reason = assertion.reason
    if reason:
        lines.append(f"{indent}- Reason: {text.markdown(reason, 500)}")
    if step.source:
        lines.append(f"{indent}- Source: {text.markdown(f'{step.source.file}:{step.source.line}')}")
    return "\n".join(lines)


def _expected(assertion: Assertion) -> str:
    if assertion.group == "context":
        return (
            " *and* ".join(text.markdown(f"{check.field} = {check.value}") for check in assertion.checks[:20])
            or "(nothing)"
        )
    return " *or* ".join(_readable(check.value) for check in assertion.checks[:20]) or "(nothing)"


def _readable(value: str) -> str:
    return text.markdown(labels.readable(value), 500) or "(empty)"


def _conversation(result: SuiteResult, size: int) -> str:
    """Fold the steps of a suite; those that failed are kept first when there is no room for all."""
    steps = result.suite.steps if result.suite else ()
    if not steps:
        return ""
    by_weight = sorted(range(len(steps)), key=lambda place: (not steps[place].is_red, place))
    summary = f"{text.markdown(result.name, 120)}: {labels.plural(len(steps), 'step')}"
    rows = ["| Step | Result | Time |", "|---|---|--:|"]
    for place in sorted(by_weight[:size]):
        step = steps[place]
        css = labels.step_outcome(result, step)
        spent = text.duration(step.duration) if step.duration is not None else ""
        label = text.markdown(labels.step_label(step), 120)
        rows.append(f"| {label} | {labels.MARKS[css]} {labels.OUTCOMES[css].lower()} | {spent} |")
    ids = [("dsId", result.ds_id), ("run", result.run_id), ("test suite", result.test_suite_id), ("file", result.file)]
    told = " · ".join(f"{name}: {text.markdown(value, 120)}" for name, value in ids if value)
    more = f"{labels.plural(len(steps) - size, 'more step')} in `kore-report.html`." if len(steps) > size else ""
    inner = "\n\n".join(part for part in ("\n".join(rows), more, told) if part)
    return f"<details><summary>{summary}</summary>\n\n{inner}\n\n</details>"


def _resume(call: Result) -> str:
    command = suite_run.of_call(call)
    return f"### Resume\n\n<pre><code>{text.code(command)}</code></pre>" if command else ""


def _next(call: Result) -> str:
    steps = [*labels.next_steps(call), "Open `kore-report.html` in the job's artifacts: it has the full conversations."]
    return "\n".join(["### Next", "", *(f"- {step}" for step in steps)])


def _mark(result: SuiteResult) -> str:
    return "✅" if result.verdict.ending is Ending.PASSED else "❌"


def _marked(value: str) -> str:
    """Make a text inert but for pieces between backticks, which become code."""
    # A list item without words could be taken for the underline of a heading.
    return re.sub("&#96;(.+?)&#96;", r"<code>\1</code>", text.markdown(value, 2_000)) or "(empty)"
