"""The report for people: the conversations as one self-contained page that needs neither network nor scripts."""

import base64
import dataclasses
import functools
import hashlib
import importlib.resources
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kore_gate import errors, text
from kore_gate.errors import Ending
from kore_gate.gate import suite_run
from kore_gate.model import Counts, Result, Step, SuiteResult
from kore_gate.reports import cases, labels, transcript

if TYPE_CHECKING:
    import jinja2
    import markupsafe

STEPS = 2_500  # shown of one suite
SUITES = 300
BYTES = 8_000_000  # for the steps of all suites

_OPEN = 30  # a longer conversation that passed starts folded
_TICKED = re.compile(r"`([^`\n]+)`")

_LISTED = 30  # failures in the list at the top
_CHUNK = 100

# Names that the template itself gives to elements.
_RESERVED = (
    "top",
    "verdict",
    "verdict-title",
    "failures",
    "failures-title",
    "only-failures",
    "results",
    "suites-title",
)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Section:
    """One suite on the page; `entries` are rendered steps and, as numbers, how many were left out between them."""

    result: SuiteResult
    counts: Counts
    unjudged: int
    anchor: str
    title: str
    entries: Sequence["markupsafe.Markup | int"]
    total: int
    shown: int
    red: int
    red_shown: int

    @property
    def folded(self) -> bool:
        """Tell whether the conversation starts folded."""
        return not self.red and self.total > _OPEN


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Failure:
    """One line of the list of failures."""

    anchor: str
    suite: str
    label: str


class _Anchors:
    """Gives out the page's ids, each once."""

    def __init__(self) -> None:
        self._taken = set(_RESERVED)

    def claim(self, wanted: str) -> str:
        """Return the wanted id, numbered where it is taken."""
        name, number = wanted, 1
        while name in self._taken:
            number += 1
            name = f"{wanted}-{number}"
        self._taken.add(name)
        return name


def render(call: Result) -> bytes:
    """Render the page, the same bytes for the same facts."""
    env = _environment()
    anchors = _Anchors()
    suites = call.tested_suites
    by_weight = sorted(range(len(suites)), key=lambda place: suites[place].verdict.ending is Ending.PASSED)
    results = [suites[place] for place in sorted(by_weight[:SUITES])]
    slugs = [anchors.claim(text.file_name(text.line(result.name))) for result in results]
    titles = [anchors.claim(f"{slug}-title") for slug in slugs]
    scenes, failures = _scenes(env, results, slugs, anchors)
    css = _read("report.css")
    page = env.get_template("report.html.j2").render(
        call=call,
        title=labels.TITLES[call.verdict.ending],
        css=css,
        policy=_policy(css),
        meaning=errors.MEANINGS[call.verdict.exit_code],
        counts=cases.total(call),
        resume=suite_run.resume_call(call),
        unjudged=sum(cases.unjudged(result, call.junit_granularity) for result in suites),
        suites=len(suites),
        sections=[
            _section(result, call, slug, title, shown)
            for result, slug, title, shown in zip(results, slugs, titles, scenes, strict=True)
        ],
        left_out=len(suites) - len(results),
        failures=failures[:_LISTED],
        more_failures=max(len(failures) - _LISTED, 0),
        large=sum(map(len, scenes)) > 2 * _CHUNK,
    )
    return page.encode("utf-8", "backslashreplace")


def _scenes(
    env: "jinja2.Environment", results: Sequence[SuiteResult], slugs: Sequence[str], anchors: _Anchors
) -> tuple[list[dict[int, "markupsafe.Markup"]], list[_Failure]]:
    """Render as many steps as the page has room for: the red ones first, then a piece of each suite in turn."""
    macro: Any = env.get_template("step.html.j2").make_module({"words": labels}).step  # type: ignore[attr-defined] # a macro of the template
    marker = transcript.Marker()
    shown: list[dict[int, markupsafe.Markup]] = [{} for _ in results]
    failures: list[tuple[int, int, _Failure]] = []
    left = BYTES
    for is_green, _, suite, place in _in_order(results):
        if len(shown[suite]) >= STEPS or left <= 0:
            continue
        step = _steps(results[suite])[place]
        anchor = anchors.claim(f"{slugs[suite]}-step-{step.number}")
        scene = transcript.scene(results[suite], step, anchor, marker)
        markup = macro(scene)
        left -= len(markup.encode("utf-8", "backslashreplace"))
        shown[suite][place] = markup
        if not is_green:
            failures.append((suite, place, _failure(results[suite], step, scene)))
    for suite, result in enumerate(results):
        told = any(place == suite for place, _, _ in failures)
        if len(results) > 1 and result.verdict.ending not in (
            (Ending.PASSED, Ending.FAILED) if told else (Ending.PASSED,)
        ):
            failures.append((suite, -1, _suite_failure(result, slugs[suite])))
    return shown, [failure for _, _, failure in sorted(failures, key=lambda found: found[:2])]


def _in_order(results: Sequence[SuiteResult]) -> list[tuple[bool, int, int, int]]:
    return sorted(
        (not step.is_red, place // _CHUNK, suite, place)
        for suite, result in enumerate(results)
        for place, step in enumerate(_steps(result))
    )


def _section(
    result: SuiteResult, call: Result, slug: str, title: str, shown: dict[int, "markupsafe.Markup"]
) -> _Section:
    entries: list[markupsafe.Markup | int] = []
    after = 0
    for place in sorted(shown):
        if place > after:
            entries.append(place - after)
        entries.append(shown[place])
        after = place + 1
    steps = _steps(result)
    if after < len(steps):
        entries.append(len(steps) - after)
    red = [place for place, step in enumerate(steps) if step.is_red]
    return _Section(
        result=result,
        counts=cases.count(result, call.junit_granularity),
        unjudged=cases.unjudged(result, call.junit_granularity),
        anchor=slug,
        title=title,
        entries=entries,
        total=len(steps),
        shown=len(shown),
        red=len(red),
        red_shown=sum(place in shown for place in red),
    )


def _suite_failure(result: SuiteResult, slug: str) -> _Failure:
    label = f"{labels.TITLES[result.verdict.ending]}: {result.verdict.message}"
    return _Failure(anchor=slug, suite=text.line(result.name), label=text.line(label))


def _failure(result: SuiteResult, step: Step, scene: transcript.Scene) -> _Failure:
    label = next((line.label for turn in scene.turns for line in turn.lines if line.css in ("failed", "error")), "")
    said = f"Step {labels.step_label(step)}"
    return _Failure(
        anchor=scene.anchor,
        suite=text.line(result.name),
        label=" · ".join(part for part in (text.line(said, 80), text.line(label or scene.reason, 100)) if part),
    )


def _steps(result: SuiteResult) -> Sequence[Step]:
    return result.suite.steps if result.suite else ()


def _read(name: str) -> str:
    return importlib.resources.files("kore_gate.reports").joinpath(name).read_text(encoding="utf-8")


def _policy(css: str) -> str:
    """Allow the page's own style and its icon, and nothing else: no script, no network."""
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


@functools.cache
def _environment() -> "jinja2.Environment":
    import jinja2
    import markupsafe

    def cleaned(value: object) -> object:
        return text.plain(value) if isinstance(value, str) and not isinstance(value, markupsafe.Markup) else value

    def lines(value: str) -> markupsafe.Markup:
        return markupsafe.escape(text.plain(value)).replace("\n", markupsafe.Markup("<br>"))

    def changed(value: str) -> markupsafe.Markup:
        return lines(value.replace("\n", "↵\n"))

    def code(value: str) -> markupsafe.Markup:
        escaped = str(markupsafe.escape(text.cut(value, 5_000)))
        return markupsafe.Markup(_TICKED.sub(r"<code>\1</code>", escaped))  # noqa: S704 # escaped in the line above

    env = jinja2.Environment(
        loader=jinja2.FunctionLoader(_read),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=cleaned,
    )
    env.filters.update(
        lines=lines, changed=changed, code=code, line=text.line, seconds=text.duration, number="{:,}".format
    )
    env.globals.update(words=labels)
    return env
