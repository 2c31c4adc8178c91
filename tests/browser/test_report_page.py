"""The report in a real browser: what people see, what assistive technology hears, what never happens."""

import pathlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from kore_gate.model import Result
from tests.fakes import conversations

if TYPE_CHECKING:
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.socket

CALLS: dict[str, Callable[[], Result]] = {
    "passing": conversations.passing,
    "imported": conversations.imported,
    "failing": conversations.failing,
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
        ("long", 420, "light"),
        ("hostile", 420, "light"),
        ("failing", 1280, "dark"),
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
    light = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(245, 246, 248)"
    assert light is (scheme == "light")


@pytest.mark.parametrize(
    ("name", "scheme"), [*((name, "light") for name in CALLS if name != "long"), ("failing", "dark")]
)
def test_page__accessible(name: str, scheme: str, axe: "Axe", watched: Watched, serve: Callable[..., str]) -> None:
    """axe-core finds nothing serious, with every folded part open as well."""
    page = watched.open(serve(CALLS[name]()), color_scheme=scheme, bypass_csp=True)

    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true })")
    found = axe.run(page).response["violations"]

    grave = [
        (violation["id"], [node["html"] for node in violation["nodes"]])
        for violation in found
        if violation["impact"] in ("serious", "critical")
    ]
    assert grave == []


def test_page__without_scripts(watched: Watched, serve: Callable[..., str]) -> None:
    """With scripts disabled nothing is missing: folded parts open, links lead to steps, the filter filters."""
    page = watched.open(serve(conversations.failing()), java_script_enabled=False)

    page.get_by_text("Ids and status").first.click()
    page.get_by_role("link", name="Step 04 Deutsch?").click()

    assert page.get_by_text("ctr-8f3a").first.is_visible()
    assert page.url.endswith("#Banking-regression-step-4")
    assert page.locator("#Banking-regression-step-4").is_visible()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_page__filter(scripts: bool, watched: Watched, serve: Callable[..., str]) -> None:
    """The filter leaves the failed steps and suites, and nothing else; the keyboard works it."""
    page = watched.open(serve(conversations.failing()), java_script_enabled=scripts)
    box = page.get_by_label("Failures only")

    before = page.locator("article:visible").count()
    box.focus()
    page.keyboard.press("Space")
    after = [step.get_attribute("id") for step in page.locator("article:visible").all()]

    assert box.is_checked()
    assert before == 10
    assert after == [f"Banking-regression-step-{number}" for number in (3, 4, 5)]
    assert page.locator("section.suite:visible").evaluate_all("found => found.map(one => one.id)") == [
        "Banking-regression",
        "Card-blocking",
    ]


def test_page__styles_blocked(watched: Watched, serve: Callable[..., str]) -> None:
    """As Jenkins serves it, without any style, the page reads in order and hides what can't work."""
    page = watched.open(serve(conversations.failing(), "jenkins"))

    text = page.locator("body").inner_text()

    said = [
        "Job failed",
        "What to do",
        "Exit code",
        "What failed",
        "Banking regression",
        "Step 3",
        "checking",
        "Expected",
    ]
    place = 0
    for part in said:
        place = text.index(part, place)
    assert page.locator("#only-failures").is_hidden()
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


def test_page__link_into_a_folded_conversation(watched: Watched, serve: Callable[..., str]) -> None:
    """A link to a step opens the conversation that is folded around it, below the head that stays in place."""
    url = serve(conversations.long(200))

    page = watched.open(f"{url}#Banking-regression-step-120")
    page.wait_for_function("scrollY > 0")

    box = page.locator("#Banking-regression-step-120").bounding_box()
    head = page.locator("header").bounding_box()
    assert box is not None
    assert head is not None
    assert head["y"] == 0
    assert head["height"] <= box["y"] < 900


def test_page__print(watched: Watched, serve: Callable[..., str]) -> None:
    """On paper folded conversations are open and ink is dark, also where the screen is."""
    page = watched.open(serve(conversations.long(60)), color_scheme="dark")
    last = page.locator("article").last

    on_screen = last.bounding_box()
    page.emulate_media(media="print")
    on_paper = last.bounding_box()

    assert on_screen is None or on_screen["height"] == 0
    assert on_paper is not None
    assert on_paper["height"] > 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(23, 27, 33)"


def test_page__two_thousand_steps(watched: Watched, serve: Callable[..., str]) -> None:
    """A page of two thousand steps opens whole, and lays out only what is in view."""
    page = watched.open(serve(CALLS["long"]()))

    last = page.locator("#Banking-regression-step-2000")
    laid_out = page.evaluate(
        "[...document.querySelectorAll('article')].filter(step => step.querySelector('h4').checkVisibility("
        "{contentVisibilityAuto: true})).length"
    )
    last.scroll_into_view_if_needed()

    assert page.locator("article").count() == 2_000
    assert laid_out < 200
    assert last.bounding_box() is not None
