"""The report for people: the conversations as one self-contained page that needs neither network nor scripts."""

import base64
import collections
import dataclasses
import functools
import hashlib
import itertools
import pathlib
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from kore_gate import text
from kore_gate.errors import Ending
from kore_gate.gate import suite_run
from kore_gate.gate.policy import Place
from kore_gate.model import Assertion, Outcome, Reply, Result, Step, SuiteResult
from kore_gate.reports import cases, labels, lint, transcript

if TYPE_CHECKING:
    import jinja2
    import markupsafe

    from kore_gate.reports.history import Trend

STEPS = 2_500  # of one suite, shown whole: failed ones and what leads to them …
OTHERS = 1_000  # … and others, as long as there are no more of all
LINES = 25_000  # of one suite, shown at least as a line
SUITES = 300
FAILURES = 30  # listed at the top
BYTES = 8_000_000  # for the whole steps of all suites, and as many again for the lines

_CHUNK = 100
_BEFORE = 3  # turns that lead to a failure stay beside it

# Ids that the template itself gives to elements.
_IDS = ["top", "verdict", "failures", "failures-title", "results", "all", "only-passed", "only-failed", "only-skipped"]
_POLICY_IDS = ["policies", "policies-title"]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Section:
    """One suite on the page; steps, as far as there is room for them, and their ids are known by their place."""

    result: SuiteResult
    anchor: str
    outcomes: collections.Counter[str]  # of all steps: keys of `labels.OUTCOMES`
    disabled: collections.Counter[str]  # in how many steps a group of assertions is disabled
    trend: "Trend | None" = None
    steps: dict[int, "markupsafe.Markup"] = dataclasses.field(default_factory=dict)
    anchors: dict[int, str] = dataclasses.field(default_factory=dict)

    @property
    def red(self) -> int:
        """Count the failed steps."""
        return self.outcomes["failed"] + self.outcomes["error"]

    @property
    def is_red(self) -> bool:
        """Tell whether something of the suite failed."""
        return self.result.verdict.ending is not Ending.PASSED or self.red > 0

    def since(self, step: int, reply: int = -1, assertion: int = -1) -> str:
        """Say since when a test fails, by its place, "" where that is not known."""
        return self.trend.since(Place(0, step, reply, assertion)) if self.trend else ""

    def assertions(self, reply: Reply) -> list[Assertion]:
        """Choose what to show of a reply: what is disabled in most steps stands above them, once."""
        common = [group for group, number in self.disabled.items() if number * 2 > self.outcomes.total()]
        return [part for part in reply.assertions if part.enabled or (part.checks and part.group not in common)]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Group:
    """The first failures of a suite, or the suites that ended for one reason before any step did."""

    sections: list[_Section]
    failures: list[tuple[str, cases.Finding, transcript.Pair | None]]  # by the id of the step
    more: int = 0


def render(call: Result, trends: "Sequence[Trend]" = ()) -> bytes:
    """Render the page, the same bytes for the same facts; `trends` are those of the tested suites, if any."""
    env = environment()
    rows = list(itertools.zip_longest(call.tested_suites, (trend if trend.runs else None for trend in trends)))
    rows.sort(key=lambda row: row[0].verdict.ending is Ending.PASSED)
    suites = [result for result, _ in rows]
    ids = dict.fromkeys([*_IDS, *(_POLICY_IDS if call.forgiveness else ())], 1)
    sections = [
        _Section(
            result=result,
            anchor=text.unique(text.file_name(text.line(result.name)), ids),
            outcomes=collections.Counter(labels.step_outcome(result, step) for step in result.steps),
            disabled=collections.Counter(group for step in result.steps for group in _disabled(step)),
            trend=trend,
        )
        for result, trend in rows[:SUITES]
    ]
    marker = transcript.Marker()
    _render_steps(env, call, sections, ids, marker)
    css, script = _read("report.css"), _read("report.js")
    if any(section.trend for section in sections):
        css += _read("history.css")
    page = env.get_template("report.html.j2").render(
        call=call,
        css=css,
        lint_rows=lint.rows,
        script=script,
        hashes={name: _digest(content) for name, content in (("style", css), ("script", script))},
        unjudged=sum(cases.unjudged(result, call.junit_granularity) for result in suites),
        suites=len(suites),
        sections=sections,
        groups=_groups(sections, marker),
        evidence=collections.Counter(labels.evidence(section.result) for section in sections).most_common(1),
        forgiven=_forgiven(call, sections),
        outcomes=sum((section.outcomes for section in sections), collections.Counter()),
        large=sum(len(section.steps) for section in sections) > 50 * _CHUNK,
    )
    return page.encode("utf-8", "backslashreplace")


def _digest(content: str) -> str:
    return base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


def _disabled(step: Step) -> set[str]:
    """Name the groups of assertions that expect something and are disabled in a step."""
    assertions = (assertion for reply in step.replies for assertion in reply.assertions)
    return {assertion.group for assertion in assertions if not assertion.enabled and assertion.checks}


def _render_steps(
    env: "jinja2.Environment",
    call: Result,
    sections: Sequence[_Section],
    ids: dict[str, int],
    marker: transcript.Marker,
) -> None:
    """Render as many steps as there is room for: failed ones, what leads to them, then a piece of each suite in turn.

    The first ones are whole, the others a line.
    """
    macros: Any = env.get_template("step.html.j2").make_module()
    by_weight = sorted(
        (_distance(section.result.steps, place), place // _CHUNK, number, place)
        for number, section in enumerate(sections)
        for place in range(len(section.result.steps))
    )
    left = {macros.step: BYTES, macros.line: BYTES}
    for distance, _, number, place in by_weight:
        section = sections[number]
        shown = len(section.steps)
        limit = STEPS if distance <= _BEFORE else OTHERS
        macro = macros.step if shown < limit and left[macros.step] > 0 else macros.line
        if shown >= LINES or left[macro] <= 0:
            continue
        anchor = text.unique(f"{section.anchor}-step-{section.result.steps[place].number}", ids)
        markup = macro(call, section, place, anchor, transcript.Room(marker), 0 < distance <= _BEFORE)
        left[macro] -= len(markup.encode("utf-8", "backslashreplace"))
        section.steps[place], section.anchors[place] = markup, anchor


def _distance(steps: Sequence[Step], place: int) -> int:
    """Count the turns from a step to a failure that follows soon, 0 for a failed step itself."""
    following = (distance for distance, step in enumerate(steps[place : place + _BEFORE + 1]) if step.is_red)
    return next(following, _BEFORE + 1)


def _groups(sections: Sequence[_Section], marker: transcript.Marker) -> list[_Group]:
    """List the first failure of a few steps of each suite, as far as they are shown, or why the suite has none."""
    red = [section for section in sections if section.is_red]
    limit = FAILURES if len(red) == 1 else max(1, min(3, FAILURES // max(len(red), 1)))
    groups: dict[object, _Group] = {}
    for section in red[:FAILURES]:
        first = {failure.place: failure for failure in reversed([*cases.failures(section.result)])}
        places = sorted(place for place in first if place in section.anchors)
        failures = [(section.anchors[place], first[place], _pair(first[place], marker)) for place in places[:limit]]
        if failures:
            groups[section.anchor, ""] = _Group(sections=[section], failures=failures, more=section.red - len(failures))
        elif len(sections) > 1:
            verdict = section.result.verdict
            groups.setdefault((verdict.message, verdict.details), _Group(sections=[], failures=[])).sections.append(
                section
            )
    # Where all ended for one reason, the verdict says it.
    return list(groups.values()) if len(groups) > 1 or any(group.failures for group in groups.values()) else []


def _forgiven(call: Result, sections: Sequence[_Section]) -> list[tuple[str, cases.Finding]]:
    """List what policies forgave, each with the id of its step, "" where that is not shown."""
    shown = sections if call.forgiveness else ()
    return [(one.anchors.get(failure.place, ""), failure) for one in shown for failure in cases.forgiven(one.result)]


def _pair(failure: cases.Finding, marker: transcript.Marker) -> transcript.Pair | None:
    if not failure.assertion or not failure.reply or failure.outcome is Outcome.ERROR:
        return None
    return transcript.Room(marker).excerpt(failure.assertion, failure.reply)


def _read(name: str) -> str:
    return pathlib.Path(__file__).with_name(name).read_text(encoding="utf-8")


@functools.cache
def environment() -> "jinja2.Environment":
    """Return the environment of all templates: it escapes, and knows each target's filters."""
    import jinja2
    import markupsafe

    def cleaned(value: object) -> object:
        return text.plain(value) if isinstance(value, str) and not isinstance(value, markupsafe.Markup) else value

    def lines(value: str) -> markupsafe.Markup:
        return markupsafe.escape(text.plain(value)).replace("\n", markupsafe.Markup("<br>"))

    def code(value: str) -> str:
        return re.sub(r"`([^`\n]+)`", r"<code>\1</code>", str(markupsafe.escape(text.cut(value, 5_000))))

    def md_code(value: str) -> str:
        # A list item without words could be taken for the underline of a heading.
        return re.sub("&#96;(.+?)&#96;", r"<code>\1</code>", text.markdown(value, 2_000)) or "(empty)"

    def safe(escape: Callable[..., str]) -> Callable[..., markupsafe.Markup]:
        return lambda *arguments: markupsafe.Markup(escape(*arguments))  # noqa: S704 # that is what `escape` is for

    # The package as built holds the templates compiled, for the Jinja that compiled them.
    here = pathlib.Path(__file__).parent
    compiled = here / f"compiled-{jinja2.__version__}"
    env = jinja2.Environment(
        loader=jinja2.ModuleLoader(compiled) if compiled.is_dir() else jinja2.FileSystemLoader(here),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=cleaned,
    )
    env.filters.update(
        evidence=labels.evidence, lines=lines, line=text.line, seconds=text.duration, number="{:,}".format
    )
    env.filters.update(code=safe(code), md=safe(text.markdown), md_code=safe(md_code), md_exact=safe(text.code))
    env.globals.update(plural=text.plural, words=labels, cases=cases, resume_call=suite_run.resume_call)
    return env
