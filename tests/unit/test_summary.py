"""What the summary page says, that it fits its limit, and that texts from outside stay texts."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import hypothesis
import markdown_it
import pytest
from hypothesis import strategies
from markdown_it.token import Token

from kore_gate.errors import Ending
from kore_gate.model import Origin, Outcome, Phase, Result, SuiteResult, replace
from kore_gate.reports import summary
from tests import builders
from tests.fakes import conversations

SNAPSHOTS = Path(__file__).parents[1] / "snapshots" / "summary"

CALLS: dict[str, Callable[[], Result]] = {
    "passing": conversations.passing,
    "imported": conversations.imported,
    "failing": conversations.failing,
    "timed-out": conversations.timed_out,
    "hostile": conversations.hostile,
}


def tokens_of(page: str) -> list[Token]:
    """Read a page with a parser of Markdown that takes tables and raw HTML, as GitHub does."""
    parsed = markdown_it.MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(page)
    return [token for block in parsed for token in (block, *(block.children or ()))]


@pytest.mark.parametrize("name", CALLS)
def test_render__snapshot(name: str) -> None:
    """The whole page is as it was seen and found good (KORE_GATE_UPDATE_SNAPSHOTS=1 takes a new one)."""
    call = CALLS[name]()
    expected = SNAPSHOTS / f"{name}.md"

    page = summary.render(call)

    if os.environ.get("KORE_GATE_UPDATE_SNAPSHOTS") == "1":
        expected.parent.mkdir(parents=True, exist_ok=True)
        expected.write_text(page, encoding="utf-8")
    assert page == expected.read_text(encoding="utf-8")
    assert page == summary.render(call)


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        *(("hostile", limit) for limit in (0, 1, 60, 300, 900, 2_000, 3_000, 5_000, 10_000, 1_000_000)),
        *((name, 2_000) for name in ("failing", "long", "many")),
    ],
)
def test_render__limit(name: str, limit: int) -> None:
    """The page never exceeds its limit, says when it was cut, and closes what it opened."""
    green = conversations.passing().suites[0]
    more: dict[str, Callable[[], Result]] = {
        "long": lambda: conversations.long(3_000, red_every=2),
        "many": lambda: builders.make_call(*(replace(green, name=f"S {n}") for n in range(500))),
    }
    call = (CALLS | more)[name]()

    page = summary.render(call, limit)

    assert len(page.encode()) <= limit
    assert page.count("<details>") == page.count("</details>")
    assert page.count("<pre>") == page.count("</pre>")
    if 300 <= limit <= 2_000:
        assert page.startswith("## ❌" if name != "many" else "## ✅")
        assert page.endswith("*This summary is shortened to fit its page; `kore-report.html` has all of it.*\n")


def test_render__room_goes_to_what_matters() -> None:
    """When room is short, the verdict and the way to resume stay and the details go."""
    page = summary.render(conversations.timed_out(), 900)

    assert "**What happened:** Timed out after 30m" in page
    assert "kore-gate wait --ds-id ds-1" in page


def test_render__more_failures_than_fit() -> None:
    """The first thirty failures are shown and the others counted."""
    page = summary.render(conversations.long(60, red_every=1))

    assert page.count(" - Expected text:") == 30
    assert "30 more failed steps in `kore-report.html`." in page


@pytest.mark.parametrize("number", [9, 10, 20])
def test_render__list_of_failures(number: int) -> None:
    """The list of failures stays one list, and what belongs to a failure stands within it."""
    red = builders.make_assertion(outcome=Outcome.FAILED, actual="Sorry")
    suite = builders.make_suite(
        steps=tuple(
            builders.make_step(number=place, replies=(builders.make_reply(assertions=(red,)),), outcome=Outcome.FAILED)
            for place in range(1, number + 1)
        )
    )

    page = summary.render(builders.make_call(conversations.run(Ending.FAILED, suite=suite)))

    failures = page.partition("### Failures")[2].partition("<details>")[0]
    kinds = [token.type for token in tokens_of(failures)]
    assert kinds.count("ordered_list_open") == 1
    assert kinds.count("bullet_list_open") == number
    assert kinds.count("list_item_open") == 3 * number


def test_render__settings() -> None:
    """A problem of the settings is not a suite: none is counted, and none is in the table."""
    wrong = builders.make_result(Ending.ERROR, key="settings", name="settings", phase=Phase.SETTINGS, suite=None)

    page = summary.render(builders.make_call(wrong))

    assert "1 suite" not in page
    assert "| settings |" not in page
    assert "No suite was started." in page
    assert "**What happened:** This is a bug" in page


def test_render__failed_steps_are_kept() -> None:
    """Of a long conversation the failed steps are in the table, whatever else is left out."""
    page = summary.render(conversations.long(1_000, red_every=500))

    assert "| 500 checking | ✗ failed | 0.8s |" in page
    assert "| 1000 checking | ✗ failed | 0.8s |" in page
    assert page.count("✓ passed") + page.count("○ not checked") == 198
    assert "800 more steps in `kore-report.html`." in page


def test_render__many_suites() -> None:
    """A table of very many suites ends, and says how many it left out."""
    late = builders.make_result(Ending.TIMED_OUT, suite=None, resume="kore-gate wait --ds-id a")
    suites = [replace(late, ds_id=f"ds-{number}") for number in range(250)]

    page = summary.render(builders.make_call(*suites))

    assert page.count("❌&nbsp;timed out |") == 200
    assert "50 more suites in `kore-report.html`." in page
    assert page.count("kore-gate wait --ds-id ds-0,ds-1,ds-2") == 1
    assert "ds-248,ds-249</code></pre>" in page


def test_render__no_suite() -> None:
    """A call that ended before any suite says so."""
    page = summary.render(replace(conversations.timed_out(), suites=()))

    assert "No suite was started." in page


def test_render__many_details() -> None:
    """Very many reasons are cut to fifty."""
    verdict = builders.make_verdict(Ending.JOB_FAILED, details=tuple(f"Row {number}" for number in range(80)))

    page = summary.render(builders.make_call(builders.make_result(Ending.JOB_FAILED, suite=None, verdict=verdict)))

    assert page.count("- Row ") == 50
    assert "- 30 more in `kore-report.html`" in page


def test_render__step_failed_without_assertion() -> None:
    """A step that failed on its own is a failure like any other, with its reason; nothing expected reads so."""
    alone = builders.make_step(outcome=Outcome.FAILED, replies=(), reason="The bot timed out.")
    empty = builders.make_assertion(checks=(), outcome=Outcome.FAILED)
    bare = builders.make_step(number=2, outcome=Outcome.FAILED, replies=(builders.make_reply(assertions=(empty,)),))
    suite = builders.make_suite(steps=(alone, bare))

    page = summary.render(builders.make_call(conversations.run(Ending.FAILED, suite=suite)))

    assert "1. **01 Hi** (Banking regression)\n   - Reason: The bot timed out.\n" in page
    assert "   - Expected text: (nothing)\n   - Actual text: (not reported by Kore.ai)\n" in page


def red_suite(name: str, failures: int) -> SuiteResult:
    """Build the result of a suite in which so many steps failed."""
    steps = tuple(
        builders.make_step(
            number=number,
            replies=(builders.make_reply(assertions=(builders.make_assertion(outcome=Outcome.FAILED),)),),
            outcome=Outcome.FAILED,
            source=builders.make_source(file=f"suites/{name}.json", line=number),
        )
        for number in range(1, failures + 1)
    )
    return conversations.run(Ending.FAILED, name=name, key=name, suite=builders.make_suite(name=name, steps=steps))


def entries(page: str) -> list[str]:
    """Return the suite of each failure that is listed."""
    return re.findall(r"^\d+\. .*\((.*)\)$", page, re.MULTILINE)


def test_render__failures_in_turn() -> None:
    """Each suite's first failure comes before any suite's second: one suite doesn't use up the list."""
    page = summary.render(builders.make_call(red_suite("A", 40), red_suite("B", 2), red_suite("C", 1)))

    assert entries(page) == ["A", "B", "C", "A", "B", *["A"] * 25]


def test_render__red_suites_first() -> None:
    """Of thirty suites those that are red lead the table, each with its first failure."""
    green = conversations.passing().suites[0]
    suites = [red_suite(f"Red {n}", 2) if n % 10 == 7 else replace(green, name=f"Green {n}") for n in range(30)]

    page = summary.render(builders.make_call(*suites))

    rows = re.findall(r"^\| (\w+ \d+) \| [✅❌]", page, re.MULTILINE)
    assert rows[:4] == ["Red 7", "Red 17", "Red 27", "Green 0"]
    assert len(rows) == 30
    assert entries(page) == ["Red 7", "Red 17", "Red 27"] * 2


def test_render__no_empty_columns() -> None:
    """A column that says nothing of any suite is left out; suite and verdict always stay."""
    bare = builders.make_result(Ending.UNAVAILABLE, suite=None, status="", duration=0.0)
    timeless = tuple(replace(step, duration=None) for step in conversations.passing_steps())
    passed = conversations.run(suite=builders.make_suite(steps=timeless), status="passed")

    bare_page = summary.render(builders.make_call(bare))
    page = summary.render(builders.make_call(passed))

    assert "\n| Suite | Verdict | Errors |\n|---|---|--:|\n" in bare_page
    assert "\n| Suite | Verdict | Steps | Assertions | Passed | Skipped | Duration |\n" in page
    assert "\n| Step | Result |\n|---|---|\n| 01 Start&#95;Flow | ✓ passed |\n" in page


def test_render__origin() -> None:
    """Commit, branch and job stand in one line, and the lines of the suite file lead to the commit."""
    origin = Origin(
        commit="0123456789abcdef0123",
        branch="fix/#7",
        job_url="https://github.com/o/r/actions/runs/7?a=1&b=(2)",
        source_url="https://github.com/o/r/blob/0123456789abcdef0123/{path}#L{line}",
    )
    suite = red_suite("Karte (gesperrt) #1", 1)

    page = summary.render(builders.make_call(suite, origin=origin))

    assert (
        "Tested: commit <code>0123456789ab</code> · branch <code>fix/&#35;7</code> · "
        "[job](https://github.com/o/r/actions/runs/7?a=1&amp;b=%282%29)\n"
    ) in page
    links = [str(token.attrs["href"]) for token in tokens_of(page) if token.type == "link_open"]
    assert links == [
        "https://github.com/o/r/actions/runs/7?a=1&b=%282%29",
        "https://github.com/o/r/blob/0123456789abcdef0123/suites/Karte%20%28gesperrt%29%20%231.json#L1",
    ]


@pytest.mark.parametrize(
    ("file", "source_url"),
    [
        ("a.json", ""),
        ("/tmp/a.json", "https://ci.example.com/{path}#L{line}"),
        ("../a.json", "https://ci.example.com/{path}#L{line}"),
        ("a.json", "javascript:alert(1)//{path}{line}"),
    ],
    ids=["unknown", "absolute", "outside", "no web page"],
)
def test_render__source_without_link(file: str, source_url: str) -> None:
    """A source line that no web page shows is named, and leads nowhere."""
    suite = red_suite("A", 1)
    step = replace(suite.steps[0], source=builders.make_source(file=file, line=1))
    suite = replace(suite, suite=builders.make_suite(steps=(step,)))

    page = summary.render(builders.make_call(suite, origin=Origin(source_url=source_url)))

    assert f"   - Source: {file}&#58;1\n" in page
    assert "link_open" not in {token.type for token in tokens_of(page)}


@pytest.mark.parametrize("name", CALLS)
def test_render__without_page(name: str) -> None:
    """Where the page could not be written, nothing leads to it."""
    assert "kore-report.html" not in summary.render(CALLS[name](), has_page=False)


ALLOWED_HTML = {"<details>", "<summary>", "</summary>", "</details>", "<pre>", "</pre>", "<code>", "</code>"}


HOME = "https://ci.example.com/"


def with_origin(call: Result, value: str) -> Result:
    """Let the CI system name what was tested with this text, in every place that can hold one."""
    origin = Origin(commit=value, branch=value, job_url=HOME + value, source_url=f"{HOME}{value}/{{path}}#L{{line}}")
    return replace(call, origin=origin)


def check_inert(page: str, call: Result) -> None:
    """See that a page holds no markup but its own, and no link but those of the CI system."""
    tokens = tokens_of(page)
    assert {token.type for token in tokens}.isdisjoint({"image", "code_block", "fence", "s_open", "hr"})
    assert all(str(token.attrs["href"]).startswith(HOME) for token in tokens if token.type == "link_open")
    assert not re.search(r"\[(?!job\]|[^\]]*\]\()", page)
    tags = {tag for token in tokens if token.type.startswith("html_") for tag in re.findall(r"<[^>]*>?", token.content)}
    assert tags <= ALLOWED_HTML
    headings = [token.tag for token in tokens if token.type == "heading_open"]
    assert headings == ["h2", "h3", "h3", "h3"]
    assert len([token for token in tokens if token.type == "table_open"]) == 1 + len(call.suites)


def test_render__hostile_text_stays_text() -> None:
    """Markdown and HTML in any text do nothing, as a real parser sees it."""
    call = with_origin(conversations.hostile(), conversations.HOSTILE)

    page = summary.render(call)

    check_inert(page, call)
    assert "http://" not in page
    assert "<script" not in page


@hypothesis.given(
    strategies.text(min_size=1, max_size=60) | strategies.text("<>[]()!`*_~|#-+=:/.\\&\n \t1ax", min_size=1)
)
def test_render__any_text_stays_text(value: str) -> None:
    """No text at all becomes a link, an image, a heading, a table or HTML."""
    call = with_origin(conversations.hostile(value), value)

    check_inert(summary.render(call), call)
