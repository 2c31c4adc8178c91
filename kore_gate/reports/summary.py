"""The Markdown of a CI system's summary page: the verdict, a table of suites, the first failures, what to do next."""

import collections
import itertools
import re
from collections.abc import Iterable

from kore_gate import errors, text
from kore_gate.errors import Ending
from kore_gate.gate import suite_run
from kore_gate.model import Result, SuiteResult, Verdict
from kore_gate.reports import cases, labels

LIMIT = 1_000_000

_CUT = "*This summary is shortened to fit its page; `kore-report.html` has all of it.*"


def render(call: Result, limit: int = LIMIT) -> str:
    """Render the summary in at most so many bytes of UTF-8."""
    # Each block with its place on the page and its forms: the longest first, and what must not be missing first.
    blocks: list[tuple[int, Iterable[str]]] = [
        (0, (_heading(call, brief=brief) for brief in (False, True))),
        (1, (_explanation(call.verdict, size) for size in (50, 3))),
        (7, [_resume(call)]),
        (8, [_next(call)]),
        (2, (_table(call, size) for size in (200, 20, 5))),
        (3, [_evidence(call)]),
        (5, (_failures(call, size) for size in (20, 5, 1))),
        (4, (_remarks(call, size) for size in (50, 3))),
        *((6, _conversation(result)) for result in call.suites),
    ]
    left = limit - _bytes(_CUT)
    page: list[tuple[int, str]] = []
    cut: list[str] = []
    for place, forms in blocks:
        for form in itertools.chain(forms, [""]):
            if _bytes(form) <= left or not form:
                break
            cut = [_CUT]
        left -= _bytes(form)
        page.append((place, form))
    in_order = [form for _, form in sorted(page, key=lambda block: block[0]) if form]
    whole = "\n\n".join([*in_order, *cut]) + "\n"
    return whole.encode()[: max(limit, 0)].decode("utf-8", "ignore")


def _bytes(block: str) -> int:
    """Count a block and the empty line after it."""
    return len(block.encode()) + 2 if block else 0


def _heading(call: Result, *, brief: bool) -> str:
    title = f"## {_mark(call.verdict)} Conversation tests: {labels.TITLES[call.verdict.ending].lower()}"
    code = call.verdict.exit_code
    facts = f"Exit code **{int(code)}**: {errors.MEANINGS[code]}"
    number = len(call.tested_suites)
    parts = [facts, *([labels.plural(number, "suite")] if number else []), text.duration(call.duration)]
    return title if brief else f"{title}\n\n{' · '.join(parts)}"


def _explanation(verdict: Verdict, size: int) -> str:
    """Say what happened, what it usually means and what to do."""
    details = [f"- {_marked(detail)}" for detail in verdict.details]
    return "\n\n".join(
        [
            f"**What happened:** {_marked(verdict.message)}",
            *(["\n".join(_first(details, size))] if details else []),
            *(f"**{label}:** {_marked(labels.sentence(value))}" for label, value in labels.advice(verdict)),
        ]
    )


def _first(lines: list[str], size: int) -> list[str]:
    """Cut a list, and say so in its last line."""
    more = [f"- {len(lines) - size} more in `kore-report.html`"] if len(lines) > size else []
    return lines[:size] + more


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
            f"{_mark(result.verdict)} {labels.TITLES[result.verdict.ending].lower()}",
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
    kinds = collections.Counter(map(labels.evidence, call.tested_suites))
    if len(kinds) == 1:
        return f"**Evidence:** {next(iter(kinds))}"
    return "\n".join(f"- **Evidence ({labels.plural(number, 'suite')}):** {kind}" for kind, number in kinds.items())


def _remarks(call: Result, size: int) -> str:
    """Repeat what was noted about suites, and why a suite ended as it did where the whole call says something else."""
    lines: list[str] = []
    for result in call.suites:
        name = text.markdown(result.name, 120)
        if result.verdict.ending is not Ending.PASSED and result.verdict != call.verdict:
            lines.append(f"- {_mark(result.verdict)} **{name}:** {_marked(result.verdict.message)}")
            lines.extend(f"  - {_marked(detail)}" for detail in result.verdict.details[:size])
            if result.verdict.hint and result.verdict.hint != call.verdict.hint:
                lines.append(f"  - What to do: {_marked(result.verdict.hint)}")
        lines.extend(f"- **{name}:** {_marked(note)}" for note in result.notes)
    return "\n".join(["### Suites", "", *_first(lines, size)]) if lines else ""


def _failures(call: Result, size: int) -> str:
    failures = (failure for result in call.suites for failure in cases.failures(result) if failure.step)
    entries = [_failure(number, failure) for number, failure in enumerate(itertools.islice(failures, size), 1)]
    if not entries:
        return ""
    more = sum(1 for _ in failures)
    rest = [f"{more:,} more in `kore-report.html`."] if more else []
    return "\n\n".join(["### First failures" if more else "### Failures", "\n".join(entries), *rest])


def _failure(number: int, failure: cases.Finding) -> str:
    # What belongs to an entry stands below its first word, and numbers get longer.
    indent = " " * len(f"{number}. ")
    step, reply, assertion = failure.step, failure.reply, failure.assertion
    label = text.markdown(labels.step_label(step), 120) if step else ""
    lines = [f"{number}. **{label}** ({text.markdown(failure.result.name, 120)})"]
    if reply and assertion:
        joint, limit = (" *and* ", 300) if assertion.group == "context" else (" *or* ", 500)
        expected = joint.join(_value(value, limit) for value in labels.expected_values(assertion)[:20])
        actual = labels.actual_value(assertion, reply)
        lines[0] += f": {text.markdown(assertion.group, 40)}"
        lines[0] += " could not be judged" if assertion.outcome.value == "error" else ""
        lines.append(f"{indent}- Expected: {expected or '(nothing)'}")
        lines.append(f"{indent}- Actual: {labels.UNKNOWN if actual is None else _value(labels.readable(actual), 500)}")
    if failure.reason:
        lines.append(f"{indent}- Reason: {text.markdown(failure.reason, 500)}")
    if failure.line:
        lines.append(f"{indent}- Source: {text.markdown(f'{failure.file}:{failure.line}')}")
    return "\n".join(lines)


def _value(value: str, limit: int) -> str:
    return text.markdown(value, limit) or "(empty)"


def _conversation(result: SuiteResult) -> Iterable[str]:
    """Fold the steps of a suite; those that failed are kept first when there is no room for all."""
    steps = result.steps
    by_weight = sorted(range(len(steps)), key=lambda place: (not steps[place].is_red, place))
    summary = f"{text.markdown(result.name, 120)}: {labels.plural(len(steps), 'step')}"
    ids = [("dsId", result.ds_id), ("run", result.run_id), ("test suite", result.test_suite_id), ("file", result.file)]
    facts = " · ".join(f"{name}: {text.markdown(value, 120)}" for name, value in ids if value)
    for size in (200, 20) if steps else ():
        rows = ["| Step | Result | Time |", "|---|---|--:|"]
        for step in (steps[place] for place in sorted(by_weight[:size])):
            mark, title = labels.OUTCOMES[labels.step_outcome(result, step)]
            time = text.duration(step.duration) if step.duration is not None else ""
            rows.append(f"| {text.markdown(labels.step_label(step), 120)} | {mark} {title.lower()} | {time} |")
        more = f"{labels.plural(len(steps) - size, 'more step')} in `kore-report.html`." if len(steps) > size else ""
        inner = "\n\n".join(part for part in ("\n".join(rows), more, facts) if part)
        yield f"<details><summary>{summary}</summary>\n\n{inner}\n\n</details>"


def _resume(call: Result) -> str:
    command = suite_run.resume_call(call)
    return f"### Resume\n\n<pre><code>{text.code(command)}</code></pre>" if command else ""


def _next(call: Result) -> str:
    steps = [*labels.next_steps(call), "Open `kore-report.html` in the job's artifacts: it has the full conversations."]
    return "\n".join(["### Next", "", *(f"- {step}" for step in steps)])


def _mark(verdict: Verdict) -> str:
    return "✅" if verdict.ending is Ending.PASSED else "❌"


def _marked(value: str) -> str:
    """Make a text inert but for pieces between backticks, which become code."""
    # A list item without words could be taken for the underline of a heading.
    return re.sub("&#96;(.+?)&#96;", r"<code>\1</code>", text.markdown(value, 2_000)) or "(empty)"
