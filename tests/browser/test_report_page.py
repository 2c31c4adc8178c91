"""The report in a real browser: what people see, what assistive technology hears, what never happens."""

import pathlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from kore_gate.model import Result, replace
from tests.fakes import conversations

if TYPE_CHECKING:
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.socket


def many() -> Result:
    """Build a call of several suites, most of them red."""
    failing = conversations.failing()
    names = ("Balance", "Cards", "रक़म की जानकारी", "رصيد الحساب", "A name that goes on and on and on and on")
    suites = [replace(suite, name=f"{name}, {suite.name}") for name in names for suite in failing.suites]
    return replace(failing, suites=tuple(suites))


CALLS: dict[str, Callable[[], Result]] = {
    "passing": conversations.passing,
    "imported": conversations.imported,
    "failing": conversations.failing,
    "many": many,
    "timed-out": conversations.timed_out,
    "hostile": conversations.hostile,
    "long": lambda: conversations.long(2_000, red_every=97),
}

Open = Callable[..., "Page"]


class Watched:
    """Opens pages and notes everything they say on the console or ask of the network."""

    def __init__(self, browser: "Browser") -> None:
        self._browser = browser
        self.said: list[str] = []
        self.asked: list[str] = []

    def open(self, url: str, **context: Any) -> "Page":
        """Open a page, by default as on a laptop's screen."""
        page = self._browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **context}).new_page()
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("dialog", lambda dialog: self.said.append(dialog.message))
        page.goto(url)
        return page

    def close(self) -> None:
        """Close all pages."""
        for context in self._browser.contexts:
            context.close()


@pytest.fixture
def watched(browser: "Browser") -> Iterator[Watched]:
    """Watch what pages do."""
    watched = Watched(browser)
    yield watched
    watched.close()


@pytest.mark.parametrize("name", CALLS)
def test_page__quiet(name: str, watched: Watched, serve: Callable[..., str]) -> None:
    """The page fetches nothing but itself, logs nothing, and runs nothing that a text brings along."""
    url = serve(CALLS[name]())

    page = watched.open(url)
    page.mouse.wheel(0, 5_000)
    page.wait_for_load_state("networkidle")

    assert watched.asked == [url]
    assert watched.said == []
    assert page.locator("h1").count() == 1


@pytest.mark.parametrize(
    ("name", "width", "scheme"),
    [
        *((name, 1280, "light") for name in CALLS),
        *((name, 360, "light") for name in CALLS),
        ("many", 1280, "dark"),
        ("failing", 360, "dark"),
        ("hostile", 1280, "dark"),
    ],
)
def test_page__looks(
    name: str, width: int, scheme: str, watched: Watched, serve: Callable[..., str], tmp_path: pathlib.Path
) -> None:
    """The page fits its window, wide or narrow, light or dark, and a picture of it is kept for people to look at."""
    page = watched.open(serve(CALLS[name]()), viewport={"width": width, "height": 1200}, color_scheme=scheme)

    page.screenshot(path=tmp_path / f"{name}-{width}-{scheme}.png")

    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(overflow) == 0
    assert page.evaluate(
        "[...document.querySelectorAll('.top *')].every(part => part.getBoundingClientRect().right <= innerWidth)"
    )
    light = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(245, 246, 248)"
    assert light is (scheme == "light")


@pytest.mark.parametrize(
    ("name", "scheme", "width"),
    [
        *((name, "light", 1280) for name in CALLS if name != "long"),
        ("failing", "dark", 1280),
        ("many", "dark", 360),
        ("timed-out", "dark", 360),
    ],
)
def test_page__accessible(
    name: str, scheme: str, width: int, axe: "Axe", watched: Watched, serve: Callable[..., str]
) -> None:
    """axe-core finds nothing serious, with every folded part open as well."""
    viewport = {"width": width, "height": 900}
    page = watched.open(serve(CALLS[name]()), color_scheme=scheme, viewport=viewport, bypass_csp=True)

    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true })")
    found = axe.run(page).response["violations"]

    grave = [
        (violation["id"], [node["html"] for node in violation["nodes"]])
        for violation in found
        if violation["impact"] in ("serious", "critical")
    ]
    assert grave == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_page__history(
    width: int, scheme: str, axe: "Axe", watched: Watched, serve: Callable[..., str], tmp_path: pathlib.Path
) -> None:
    """With the last runs of each suite the page fits its window, is quiet, and axe-core finds nothing serious."""
    call = conversations.failing()
    page = watched.open(
        serve(call, trends=conversations.trends(call)),
        viewport={"width": width, "height": 1200},
        color_scheme=scheme,
        bypass_csp=True,
    )

    assert page.get_by_role("img", name="5 of the last 20 runs passed").count() == 2
    box = page.locator(".runs").first.bounding_box()
    assert box is not None
    assert 0 < box["x"] < box["x"] + box["width"] < width
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true })")
    page.screenshot(path=tmp_path / f"history-{width}-{scheme}.png")
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    assert watched.said == []
    grave = [one for one in axe.run(page).response["violations"] if one["impact"] in ("serious", "critical")]
    assert grave == []


def test_page__history_on_paper(watched: Watched, serve: Callable[..., str]) -> None:
    """On paper, and where scripts and the page's style are blocked, each bar has its colour."""
    call = conversations.failing()
    trends = conversations.trends(call)
    paper = watched.open(serve(call, trends=trends), color_scheme="dark")
    paper.emulate_media(media="print")
    jenkins = watched.open(serve(call, "jenkins", trends), java_script_enabled=False)

    for page in (paper, jenkins):
        bars = page.locator(".runs rect")
        assert bars.count() == 60
        assert page.locator(".runs .failed").first.evaluate("bar => getComputedStyle(bar).fill") == "rgb(196, 35, 45)"


def test_page__first_screen(watched: Watched, serve: Callable[..., str]) -> None:
    """On a laptop the first failures and all suites are in view at once; on a phone the failures come first."""
    url = serve(many())
    laptop = watched.open(url, viewport={"width": 1280, "height": 800})
    phone = watched.open(url, viewport={"width": 390, "height": 844})

    for page in (laptop, phone):
        last = page.locator("#failures .versus").nth(1).bounding_box()
        assert last is not None
        assert last["y"] + last["height"] < 800
    assert laptop.locator("nav li").nth(9).is_visible()
    assert not phone.locator("nav li").first.is_visible()


def test_page__without_scripts(watched: Watched, serve: Callable[..., str]) -> None:
    """With scripts disabled nothing is missing: folded parts open, links lead to steps, suites are listed."""
    page = watched.open(serve(conversations.failing()), java_script_enabled=False)

    page.get_by_text("Ids and status").first.click()
    page.get_by_role("link", name="Step 4: Deutsch?").click()

    assert page.get_by_text("ctr-8f3a").first.is_visible()
    assert page.url.endswith("#Banking-regression-step-4")
    assert page.locator("#Banking-regression-step-4").is_visible()
    assert page.get_by_role("navigation").get_by_role("link", name="Small talk").is_visible()
    assert not page.get_by_role("button").count()
    assert not page.get_by_role("searchbox").count()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_page__state(scripts: bool, watched: Watched, serve: Callable[..., str]) -> None:
    """By state, failed steps stay with what leads to them, and suites without one go; the keyboard works it."""
    page = watched.open(serve(conversations.failing()), java_script_enabled=scripts)
    visible = page.locator(".step:visible")

    page.get_by_label("All").focus()
    page.keyboard.press("ArrowRight")
    failed = [step.get_attribute("id") for step in visible.all()]
    suites = page.locator(".suite:visible").evaluate_all("suites => suites.map(suite => suite.id)")
    page.keyboard.press("ArrowRight")
    passed = {step.get_attribute("id") for step in page.locator("#Banking-regression .step:visible").all()}

    assert failed == [f"Banking-regression-step-{number}" for number in (1, 2, 3, 4, 5)]
    assert suites == ["Banking-regression", "Card-blocking"]
    assert passed == {"Banking-regression-step-1", "Banking-regression-step-2"}


def test_page__text(watched: Watched, serve: Callable[..., str]) -> None:
    """A text leaves the steps and suites that have it, opens what is folded, and counts them; Escape clears it."""
    page = watched.open(serve(conversations.failing()))
    box = page.get_by_role("searchbox")
    before = page.locator(".step:visible").count()

    box.fill("sprechen")
    page.wait_for_selector("output:has-text('1 step')")
    steps = [step.get_attribute("id") for step in page.locator(".step:visible").all()]
    suites = page.locator("nav li:visible").count()
    box.fill("small TALK")
    page.wait_for_selector("output:has-text('4 steps')")
    whole = page.locator(".step:visible").count()
    box.press("Escape")

    assert steps == ["Small-talk-step-3"]
    assert suites == 1
    assert whole == 4
    assert page.locator(".step:visible").count() == before
    assert page.locator("output").inner_text() == ""


def test_page__text_in_any_script(watched: Watched, serve: Callable[..., str]) -> None:
    """Suites are found by their names in any script, beside the conversations as well."""
    page = watched.open(serve(many()))

    page.get_by_role("searchbox").fill("रक़म")
    page.wait_for_selector("output:has-text('10 steps')")

    assert page.locator(".suite:visible").count() == 3
    assert page.locator("nav li:visible").count() == 3


def test_page__from_failure_to_failure(watched: Watched, serve: Callable[..., str]) -> None:
    """Keys and buttons lead from failure to failure, around the end; a letter typed into the filter is a letter."""
    page = watched.open(serve(conversations.failing()))
    place = page.locator(".place")
    focused = "document.activeElement.parentElement.id"

    seen = []
    for key in ("n", "j", "n", "n", "n", "p", "k"):
        page.keyboard.press(key)
        seen.append(page.evaluate(focused))
    page.keyboard.press("Control+n")
    page.get_by_role("button", name="Next failure").click()
    ids = [*(f"Banking-regression-step-{number}" for number in (3, 4, 5)), "Card-blocking"]

    assert seen == [*ids, ids[0], ids[3], ids[2]]
    assert page.evaluate(focused) == ids[3]
    assert place.inner_text() == "4 of 4"
    page.get_by_role("searchbox").press_sequentially("np")
    assert page.get_by_role("searchbox").input_value() == "np"
    assert place.inner_text() == "4 of 4"


def test_page__local_time(watched: Watched, serve: Callable[..., str]) -> None:
    """Times are the reader's own; without scripts they are UTC."""
    url = serve(conversations.failing())

    page = watched.open(url, timezone_id="Asia/Kolkata", locale="en-GB")
    plain = watched.open(url, java_script_enabled=False)

    assert page.locator("time").first.inner_text() == "2 Jan 2026, 08:34"
    assert plain.locator("time").first.inner_text() == "2026-01-02 03:04 UTC"


def test_page__styles_blocked(watched: Watched, serve: Callable[..., str]) -> None:
    """As Jenkins serves it, without any style, the page reads in order and hides what can't work."""
    page = watched.open(serve(conversations.failing(), "jenkins"))

    text = page.locator("body").inner_text()

    parts = ["Job failed", "9 passed", "Exit code", "Failures", "Step 3: checking", "Expected", "what to do"]
    parts += ["Suites", "Banking regression", "Step 3", "checking", "Expected"]
    place = 0
    for part in parts:
        place = text.index(part, place)
    assert page.locator("fieldset").is_hidden()
    assert page.get_by_role("button").count() == 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(245, 246, 248)"
    assert page.locator("svg").first.bounding_box() is not None


def test_page__keyboard(watched: Watched, serve: Callable[..., str]) -> None:
    """The first stop of the keyboard is the way past the head of the page, and it can be seen."""
    page = watched.open(serve(conversations.failing()))
    skip = page.get_by_role("link", name="Skip to the conversations")

    page.keyboard.press("Tab")
    box = skip.bounding_box()
    page.keyboard.press("Enter")

    assert box is not None
    assert box["x"] >= 0
    assert page.url.endswith("#results")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_page__link_into_a_folded_suite(scripts: bool, watched: Watched, serve: Callable[..., str]) -> None:
    """A link to a step opens it and the suite that is folded around it, below the head that stays in place."""
    suite = conversations.long(120).suites[0]
    other = replace(suite, name="Other")
    url = serve(replace(conversations.long(1), suites=(suite, other)))

    page = watched.open(f"{url}#Other-step-110", java_script_enabled=scripts)
    step = page.locator("#Other-step-110")
    step.get_by_text("User").wait_for()

    box, head = step.bounding_box(), page.locator("header").bounding_box()
    assert box is not None
    assert head is not None
    assert head["y"] == 0
    assert head["height"] <= box["y"] < 900


def test_page__print(watched: Watched, serve: Callable[..., str]) -> None:
    """On paper folded conversations are open and ink is dark, also where the screen is."""
    page = watched.open(serve(conversations.long(60)), color_scheme="dark")
    last = page.locator(".suite .step .bubble").last

    is_shown = "element => element.checkVisibility()"

    on_screen = last.evaluate(is_shown)
    page.emulate_media(media="print")
    on_paper = last.bounding_box()

    assert not on_screen
    assert last.evaluate(is_shown)
    assert on_paper is not None
    assert on_paper["height"] > 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(23, 27, 33)"


def test_page__two_thousand_steps(watched: Watched, serve: Callable[..., str]) -> None:
    """A page of two thousand steps opens whole, and lays out only what is in view."""
    page = watched.open(serve(CALLS["long"]()))

    last = page.locator("#Banking-regression-step-2000")
    laid_out = page.evaluate(
        "[...document.querySelectorAll('.step')].filter(step => step.querySelector('q').checkVisibility("
        "{contentVisibilityAuto: true})).length"
    )
    last.scroll_into_view_if_needed()

    assert page.locator(".step").count() == 2_000
    assert laid_out < 500
    assert last.bounding_box() is not None
