"""The report for people: the conversations as one self-contained page that needs neither network nor scripts."""

import base64
import dataclasses
import functools
import hashlib
import pathlib
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from kore_gate import text
from kore_gate.errors import Ending
from kore_gate.gate import suite_run
from kore_gate.model import Counts, Result, SuiteResult
from kore_gate.reports import cases, labels, transcript

if TYPE_CHECKING:
    import jinja2
    import markupsafe

STEPS = 2_500  # shown of one suite
SUITES = 300
BYTES = 8_000_000  # for the steps of all suites

_CHUNK = 100

# Ids that the template itself gives to elements.
_IDS = ["top", "verdict", "verdict-title", "failures", "failures-title", "only-failures", "results", "suites-title"]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Section:
    """One suite on the page; steps, as far as there is room for them, and their ids are known by their place."""

    result: SuiteResult
    counts: Counts
    anchor: str
    title: str
    red: int
    steps: dict[int, "markupsafe.Markup"] = dataclasses.field(default_factory=dict)
    anchors: dict[int, str] = dataclasses.field(default_factory=dict)


def render(call: Result) -> bytes:
    """Render the page, the same bytes for the same facts."""
    env = environment()
    suites = call.tested_suites
    by_weight = sorted(range(len(suites)), key=lambda place: suites[place].verdict.ending is Ending.PASSED)
    results = [suites[place] for place in sorted(by_weight[:SUITES])]
    ids = set(_IDS)
    anchors = [text.unique(text.file_name(text.line(result.name)), ids) for result in results]
    sections = [
        _Section(
            result=result,
            counts=cases.count(result, call.junit_granularity),
            anchor=anchor,
            title=text.unique(f"{anchor}-title", ids),
            red=sum(step.is_red for step in result.steps),
        )
        for result, anchor in zip(results, anchors, strict=True)
    ]
    _render_steps(env, sections, ids)
    css = _read("report.css")
    page = env.get_template("report.html.j2").render(
        call=call,
        css=css,
        style_hash=base64.b64encode(hashlib.sha256(css.encode()).digest()).decode(),
        unjudged=sum(cases.unjudged(result, call.junit_granularity) for result in suites),
        suites=len(suites),
        sections=sections,
        failures=_failures(sections),
        large=sum(len(section.steps) for section in sections) > 2 * _CHUNK,
    )
    return page.encode("utf-8", "backslashreplace")


def _render_steps(env: "jinja2.Environment", sections: Sequence[_Section], ids: set[str]) -> None:
    """Render as many steps as the page has room for: the red ones first, then a piece of each suite in turn."""
    macro: Any = env.get_template("step.html.j2").make_module({"words": labels}).step  # type: ignore[attr-defined] # a macro of the template
    marker = transcript.Marker()
    by_weight = sorted(
        (not step.is_red, place // _CHUNK, number, place)
        for number, section in enumerate(sections)
        for place, step in enumerate(section.result.steps)
    )
    left = BYTES
    for _, _, number, place in by_weight:
        section = sections[number]
        if len(section.steps) >= STEPS or left <= 0:
            continue
        step = section.result.steps[place]
        anchor = text.unique(f"{section.anchor}-step-{step.number}", ids)
        markup = macro(section.result, step, anchor, transcript.Room(marker))
        left -= len(markup.encode("utf-8", "backslashreplace"))
        section.steps[place], section.anchors[place] = markup, anchor


def _failures(sections: Sequence[_Section]) -> list[tuple[str, cases.Finding]]:
    """List the first failure of each step that is shown; before them, where there are several suites, the suite's."""
    failures = []
    for section in sections:
        anchors = section.anchors | ({-1: section.anchor} if len(sections) > 1 else {})
        first = {failure.place: failure for failure in reversed([*cases.failures(section.result)])}
        failures += [(anchors[place], first[place]) for place in sorted(first) if place in anchors]
    return failures


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
    env.filters.update(lines=lines, line=text.line, seconds=text.duration, number="{:,}".format)
    env.filters.update(code=safe(code), md=safe(text.markdown), md_code=safe(md_code), md_exact=safe(text.code))
    env.tests["test_case"] = cases.has_case
    env.globals.update(words=labels, cases=cases, resume_call=suite_run.resume_call)
    return env
