"""What the page for people shows, and that no text from outside becomes part of its markup."""

import base64
import collections
import dataclasses
import functools
import hashlib
import itertools
import sys
from collections.abc import Callable
from typing import Any

import hypothesis
import lxml.html
import pytest
from hypothesis import strategies

from kore_gate.errors import Ending
from kore_gate.model import Assertion, Outcome, Phase, Result
from kore_gate.reports import html
from tests import builders
from tests.fakes import conversations

CALLS: dict[str, Callable[[], Result]] = {
    "passing": conversations.passing,
    "imported": conversations.imported,
    "failing": conversations.failing,
    "timed-out": conversations.timed_out,
    "hostile": conversations.hostile,
    "without-suites": lambda: dataclasses.replace(conversations.timed_out(), suites=()),
}


def page_of(call: Result) -> Any:
    """Render a call and read it as a browser would."""
    return lxml.html.document_fromstring(html.render(call).decode())


def words_of(element: Any) -> str:
    """Return an element's text on one line."""
    return " ".join(element.text_content().split())


@pytest.mark.parametrize("name", CALLS)
def test_render__deterministic(name: str) -> None:
    """The same facts give the same bytes."""
    call = CALLS[name]()

    assert html.render(call) == html.render(call)


@pytest.mark.parametrize("name", CALLS)
def test_render__ids(name: str) -> None:
    """Every id is unique, and every link within the page leads somewhere."""
    page = page_of(CALLS[name]())

    ids = page.xpath("//@id")
    targets = {str(href)[1:] for href in page.xpath("//a/@href") if str(href).startswith("#")}
    labels = {part for value in page.xpath("//@aria-labelledby") for part in str(value).split()}

    assert len(ids) == len(set(ids))
    assert targets | labels <= set(ids)


@pytest.mark.parametrize("name", CALLS)
def test_render__headings(name: str) -> None:
    """One h1, and no heading skips a level."""
    page = page_of(CALLS[name]())

    levels = [int(heading.tag[1]) for heading in page.xpath("//h1 | //h2 | //h3 | //h4")]

    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(later - earlier <= 1 for earlier, later in itertools.pairwise(levels))


@pytest.mark.parametrize("name", CALLS)
def test_render__self_contained(name: str) -> None:
    """The page holds no script, no inline style, nothing to fetch, and a policy that allows only its own style."""
    page = page_of(CALLS[name]())

    style = page.xpath("string(//style)")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = page.xpath("string(//meta[@http-equiv='Content-Security-Policy']/@content)")

    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert not page.xpath("//script | //iframe | //img | //object | //form | //base | //@style | //@src")
    assert all(href.startswith("data:") for href in page.xpath("//link/@href"))
    assert "url(" not in style
    assert "@import" not in style


def test_render__verdict_first() -> None:
    """The page opens with what happened, what it usually means, what to do, how to resume, and the exit code."""
    page = page_of(conversations.timed_out())

    verdict = words_of(page.get_element_by_id("verdict"))

    text = [
        "Timed out",
        "Timed out after 30m: the import was at 85 %.",
        "Usual cause Kore.ai's queue is long",
        "What to do Wait for the same import again, with a longer timeout.",
        "Resume with kore-gate wait --ds-id ds-1",
        "Exit code 4 timed out",
        "Suites 1",
        "Duration 30m",
    ]
    places = [verdict.index(part) for part in text]
    assert places == sorted(places)
    assert page.xpath("string(//title)") == "✗ Timed out: Banking regression · kore_gate"
    assert "Kore.ai returned no steps for this suite." in words_of(page)
    assert "Progress 85 %" in words_of(page)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("passing", "Executed: Kore.ai ran this conversation against the bot"),
        ("imported", "Accepted by Kore.ai, not executed"),
        ("timed-out", "No evidence: Kore.ai gave no result"),
    ],
)
def test_render__evidence(name: str, text: str) -> None:
    """What a green result proves is text in words."""
    assert text in words_of(page_of(CALLS[name]()).xpath("//*[@class='evidence']")[0])


def test_render__turns() -> None:
    """A step shows the event or the user's words, then the bot's reply and its checks."""
    first, second, *_ = page_of(conversations.passing()).xpath("//article")

    assert words_of(first) == (
        "Step 1 ✓ Passed 0.8s Event Start_Flow Bot Welcome Welcome to Example Bank."
        " ✓ Passed text as shown ✓ Passed flow reaches Welcome"
    )
    assert words_of(second).startswith(
        "Step 2 ✓ Passed 0.8s User What's my balance? Bot Ask Which account do you mean? ✓ Passed text as shown"
    )


def test_render__imported_turns() -> None:
    """After an import no reply is passed off as something the bot said."""
    page = page_of(conversations.imported())

    assert [words_of(label) for label in page.xpath("//article[2]//*[contains(@class, 'bot')]/b")] == [
        "Bot, expected Ask",
        "Bot, expected List",
    ]
    assert {words_of(badge) for badge in page.xpath("//article//h4/span")} == {"✓ Accepted", "○ Not checked"}


def test_render__template() -> None:
    """A template shows as text, elements and buttons; its JSON is folded away."""
    page = page_of(conversations.passing())

    bubble = page.xpath("//article[2]//*[contains(@class, 'bubble')]")[2]

    assert words_of(bubble.xpath(".//p[@class='kind']")[0]) == "list"
    assert [words_of(item) for item in bubble.xpath(".//ul[@class='items']/li")] == [
        "Checking EUR 1,204.50 Details",
        "Savings EUR 18,000.00",
    ]
    assert [words_of(item) for item in bubble.xpath("./ul[@class='buttons']/li")] == ["Show more"]
    assert '"template_type": "list"' in bubble.xpath("string(details/pre)")


def test_render__expected_beside_actual() -> None:
    """A failed assertion shows expected and actual with the differing words marked."""
    page = page_of(conversations.failing())

    step = page.get_element_by_id("Banking-regression-step-3")
    versus = step.xpath(".//dl[@class='versus']")

    assert [[mark.text_content() for mark in one.xpath(".//ins")] for one in versus] == [
        ["204"],
        ["ShowBalance"],
        [],
    ]
    assert [[mark.text_content() for mark in one.xpath(".//del")] for one in versus] == [
        ["240", ", as of today"],
        ["Fallback"],
        [],
    ]
    assert words_of(versus[2]) == ('Expected ✓ account = checking ✗ balance = 1204.50 Actual {"balance": "1240.50"}')
    assert "kore/suites/banking.json:58" in words_of(step)


def test_render__unjudged_and_unreached() -> None:
    """A step that could not be judged and one that was not reached say so, and why."""
    page = page_of(conversations.failing())

    unjudged = words_of(page.get_element_by_id("Banking-regression-step-5"))
    unreached = page.get_element_by_id("Banking-regression-step-6")

    assert "! Not judged text of the reply Kore.ai gave no status" in unjudged
    assert "unreached" in unreached.get("class")
    assert words_of(unreached).endswith("○ Not executed text as shown not reached: step 5 failed")
    assert "Bot, expected" in words_of(unreached)


def test_render__reason_that_says_nothing_new() -> None:
    """A reason that only repeats the outcome is left out."""
    assertion = builders.make_assertion(outcome=Outcome.SKIPPED, reason="not executed")
    step = builders.make_step(
        outcome=Outcome.SKIPPED, reason="not executed", replies=(builders.make_reply(assertions=(assertion,)),)
    )

    page = page_of(builders.make_call(conversations.run(suite=builders.make_suite(steps=(step,)))))

    assert words_of(page.xpath("//article")[0]).lower().count("not executed") == 2


def test_render__advice_once() -> None:
    """A suite repeats no advice that the whole call has given already, and sentences begin with a capital."""
    verdict = builders.make_verdict(Ending.FAILED, cause="the bot changed", hint="mend it")
    suite = conversations.run(Ending.FAILED, verdict=verdict)
    whole = dataclasses.replace(verdict, message="Both failed.")

    text = words_of(page_of(builders.make_call(suite, suite, verdict=whole)))

    assert text.count("The bot changed") == 1
    assert text.count("Mend it") == 1
    assert text.count(verdict.message) == 4


def test_render__unexpected_reply() -> None:
    """What the bot said beyond the expected replies is shown as such."""
    page = page_of(conversations.failing())

    extra = page.xpath("//*[contains(@class, 'extra')]")

    assert [words_of(turn) for turn in extra] == ["Bot, unexpected reply Have you tried our app?"]


def test_render__other_text_that_no_check_minds() -> None:
    """A reply that differs from the expected one without failing shows both."""
    reply = builders.make_reply(actual="Good day", assertions=())
    call = builders.make_call(
        conversations.run(suite=builders.make_suite(steps=(builders.make_step(replies=(reply,)),)))
    )

    details = page_of(call).xpath("//details[@class='wanted']")

    assert [words_of(one) for one in details] == [
        "A different text was expected, but no assertion on the text failed Hello"
    ]


@pytest.mark.parametrize(
    ("assertion", "text"),
    [
        (conversations.text("Hello", Outcome.FAILED), "Expected Hello Actual (not reported by Kore.ai)"),
        (
            builders.make_assertion(checks=(), outcome=Outcome.FAILED),
            "Expected (nothing) Actual (not reported by Kore.ai)",
        ),
        (builders.make_assertion(checks=(), outcome=Outcome.FAILED, actual="Hi"), "Expected (nothing) Actual Hi"),
        (conversations.text("Hello", Outcome.FAILED, ""), "Expected Hello Actual (empty)"),
        (
            builders.make_assertion(
                checks=(builders.make_check(value="Bye"), builders.make_check(value="Hello you")),
                outcome=Outcome.FAILED,
                actual="Hello",
            ),
            "Expected Bye Hello you Actual Hello",
        ),
    ],
    ids=["nothing-said", "nothing-known", "nothing-expected", "empty", "variants"],
)
def test_render__what_is_not_there(assertion: Assertion, text: str) -> None:
    """Where expected or actual is missing, the page says so."""
    reply = builders.make_reply(actual=None, assertions=(assertion,))
    step = builders.make_step(outcome=Outcome.FAILED, replies=(reply,))
    call = builders.make_call(conversations.run(suite=builders.make_suite(steps=(step,))))

    versus = page_of(call).xpath("//dl[@class='versus']")

    assert [words_of(one) for one in versus] == [text]


def test_render__templates_alike() -> None:
    """Where two templates read the same, their JSON is compared."""
    other = conversations.QUICK_REPLIES.replace('"payload": "Deutsch"', '"payload": "de"')
    reply = conversations.reply("x", "", conversations.text(conversations.QUICK_REPLIES, Outcome.FAILED, other))
    suite = builders.make_suite(steps=(conversations.step(1, "x", reply, outcome=Outcome.FAILED),))

    page = page_of(builders.make_call(conversations.run(suite=suite)))

    assert [page.xpath("string(//ins)"), page.xpath("string(//del)")] == ["Deutsch", "de"]


def test_render__failures() -> None:
    """All failures are listed at the top, those of whole suites among them, each with a link."""
    page = page_of(conversations.failing())

    links = page.xpath("//nav//a")

    assert [(link.get("href"), words_of(link)) for link in links] == [
        (
            "#Banking-regression-step-3",
            'Banking regression: Step 03 checking · text equals "Your account holds EUR 1,204.50. Anything else?"',
        ),
        (
            "#Banking-regression-step-4",
            'Banking regression: Step 04 Deutsch? · text equals "Please choose a language: [English] [Deutsch]"',
        ),
        ("#Banking-regression-step-5", 'Banking regression: Step 05 block my card · text equals "Done."'),
        ("#Card-blocking", "Card blocking: Job failed: Kore.ai ended the import with the status FAILED."),
    ]


def test_render__filter_only_with_failures() -> None:
    """The filter is there when it can filter something, and hidden where styles are blocked."""
    assert page_of(conversations.failing()).xpath("//label[@hidden]/input[@id='only-failures']")
    assert not page_of(conversations.passing()).xpath("//input")
    assert not page_of(conversations.timed_out()).xpath("//input")


def test_render__suites_table() -> None:
    """Several suites have a table that links to each."""
    page = page_of(conversations.failing())

    rows = [words_of(row) for row in page.xpath("//tbody/tr")]

    assert [row.split(" ")[0] for row in rows] == ["Banking", "Small", "Card"]
    assert page.xpath("//tbody//a/@href") == ["#Banking-regression", "#Small-talk", "#Card-blocking"]
    assert not page_of(conversations.passing()).xpath("//table")


def test_render__settings() -> None:
    """A problem of the settings is no suite: none is counted, and none is shown."""
    wrong = builders.make_result(Ending.ERROR, key="settings", name="settings", phase=Phase.SETTINGS, suite=None)

    page = page_of(builders.make_call(wrong))

    assert "Suites" not in words_of(page)
    assert "No suite was started." in words_of(page)
    assert not page.xpath("//section[contains(@class, 'suite')]")
    assert page.xpath("string(//title)") == "✗ Error · kore_gate"


def test_render__bar() -> None:
    """The bar's parts add up to the whole, and a screen reader hears them."""
    bar = page_of(conversations.failing()).xpath("//section[@id='Banking-regression']/*[local-name()='svg']")[0]

    widths = {rect.get("class"): int(rect.get("width")) for rect in bar}

    assert bar.get("aria-label") == "4 passed, 4 failed, 1 not judged, 1 skipped"
    assert widths == {"passed": 4, "failed": 4, "error": 1, "unreached": 1}


def test_render__disabled() -> None:
    """A disabled assertion is named, and takes no part in the bar; one that expects nothing is not there."""
    disabled = conversations.flow("Bye", Outcome.PENDING, enabled=False)
    empty = builders.make_assertion(group="context", enabled=False, checks=(), outcome=Outcome.PENDING)
    reply = builders.make_reply(assertions=(builders.make_assertion(), disabled, empty))
    suite = builders.make_suite(steps=(builders.make_step(replies=(reply,)),))

    page = page_of(builders.make_call(conversations.run(suite=suite)))

    assert [words_of(line) for line in page.xpath("//*[@class='checks']/li")] == [
        "✓ Passed text as shown",
        "○ Disabled flow reaches Bye",
    ]
    assert {rect.get("class") for rect in page.xpath("//*[local-name()='rect']")} == {"passed"}


@pytest.mark.parametrize(
    ("steps", "red_every", "is_open"),
    [(30, 0, True), (31, 0, False), (31, 31, True)],
    ids=["short", "long", "long-and-red"],
)
def test_render__long_green_conversation_is_folded(steps: int, red_every: int, is_open: bool) -> None:
    """Only a long conversation without a failure starts folded."""
    page = page_of(conversations.long(steps, red_every=red_every))

    assert (page.xpath("//details[@class='conversation']")[0].get("open") is not None) is is_open


def test_render__cap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many steps all red ones are kept, the gaps are told, and nothing is said to be whole that isn't."""
    monkeypatch.setattr(html, "STEPS", 50)
    page = page_of(conversations.long(180, red_every=20))

    shown = page.xpath("//article")
    notice = words_of(page.xpath("//*[@class='notice']")[0])
    gaps = [int(words_of(gap).split()[0].replace(",", "")) for gap in page.xpath("//*[@class='gap']")]

    assert len(shown) == 50
    assert len(page.xpath("//article[contains(@class, 'failed')]")) == 9
    assert notice.startswith("This page shows 50 of 180 steps, including every failed step.")
    assert sum(gaps) == 180 - 50


def test_render__cap_on_red(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even red steps have an end, and the page says how many it shows."""
    monkeypatch.setattr(html, "STEPS", 50)
    page = page_of(conversations.long(60, red_every=1))

    assert words_of(page.xpath("//*[@class='notice']")[0]).startswith(
        "This page shows 50 of 60 steps, 50 of 60 failed steps."
    )
    assert len(page.xpath("//nav//li")) == 30
    assert "20 more below." in words_of(page.xpath("//nav")[0])


def test_render__fair_to_every_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    """When room runs out, a long first suite does not push out the second."""
    monkeypatch.setattr(html, "BYTES", 250_000)
    first, second = conversations.long(2_000).suites[0], conversations.long(50).suites[0]

    page = page_of(builders.make_call(first, dataclasses.replace(second, name="Second")))

    assert len(page.xpath("//section[@id='Second']//article")) == 50
    assert 0 < len(page.xpath("//section[@id='Banking-regression']//article")) < 2_000


@pytest.mark.slow
def test_render__size() -> None:
    """A page of long texts in very many steps stays below ten megabytes."""
    said = "<&'\"" * 5_000
    bad = conversations.reply(said, "", conversations.text(said, Outcome.FAILED), actual=said[1:])
    steps = tuple(conversations.step(number, said, bad, bad, bad, outcome=Outcome.FAILED) for number in range(1, 200))

    page = html.render(builders.make_call(conversations.run(suite=builders.make_suite(steps=steps))))

    assert len(page) < 10_000_000


@pytest.mark.slow
def test_render__many_suites() -> None:
    """Of too many suites those that failed are kept."""
    green = conversations.passing().suites[0]
    suites = [dataclasses.replace(green, name=f"Suite {number}") for number in range(html.SUITES + 5)]
    suites[-1] = builders.make_result(Ending.TIMED_OUT, name="Late", suite=None)

    page = page_of(builders.make_call(*suites))

    assert len(page.xpath("//section[contains(@class, 'suite')]")) == html.SUITES
    assert page.get_element_by_id("Late") is not None
    assert "5 more suites" in words_of(page)


def test_render__same_names() -> None:
    """Suites of one name, or with the name of an element of the page, keep their own anchors."""
    green = conversations.passing().suites[0]

    page = page_of(
        builders.make_call(*(dataclasses.replace(green, name=name) for name in ("top", "a", "a", "a-title")))
    )

    assert page.xpath("//section[contains(@class, 'suite')]/@id") == ["top-2", "a", "a-2", "a-title"]


@pytest.mark.parametrize(
    ("url", "links"),
    [
        ("https://x.example/a?b=1&c=2", True),
        ("http://x.example", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//x.example", False),
        ("https://", False),
        ("https://x.example/a b", False),
        ("https://x.example/\x00", False),
        ("https://[x", False),
    ],
)
def test_render__download_link(url: str, links: bool) -> None:
    """The results file is a link only where the address is one of the web."""
    page = page_of(builders.make_call(builders.make_result(download_url=url)))

    assert page.xpath("//a[not(starts-with(@href, '#'))]/@href") == ([url] if links else [])
    assert "Results file" in words_of(page)


def test_render__whitespace_is_kept() -> None:
    """Line breaks of a reply stay, and a line break that differs is made visible."""
    reply = conversations.reply("a\nb", "", conversations.text("a\nb", Outcome.FAILED), actual="a b")
    suite = builders.make_suite(steps=(conversations.step(1, "x\ny", reply, outcome=Outcome.FAILED),))

    step = page_of(builders.make_call(conversations.run(suite=suite))).xpath("//article")[0]

    assert step.xpath(".//*[contains(@class, 'user')]//br")
    assert step.xpath("string(.//ins)") == "↵"
    assert "They differ in spaces or line breaks only." in words_of(step)


def shape_of(call: Result) -> collections.Counter[tuple[Any, ...]]:
    """Count the elements with the names of their attributes: what a text must not be able to change."""
    return collections.Counter((element.tag, *sorted(element.attrib)) for element in page_of(call).iter())


@functools.cache
def tame_shape() -> set[tuple[Any, ...]]:
    """Return the elements that a page has where no text holds markup."""
    return set(shape_of(conversations.hostile("tame text")))


def test_render__hostile_text_stays_text() -> None:
    """Markup in any text arrives as text: no element, attribute, link or comment comes of it."""
    assert set(shape_of(conversations.hostile())) - tame_shape() <= {
        ("br",),
        ("code",),
        ("ins",),
        ("del",),
        ("p", "class"),
    }
    page = page_of(conversations.hostile())
    assert not page.xpath("//comment() | //script | //img")
    assert "<script>alert(1)</script>" in words_of(page)
    assert "{{ 7*7 }}" in words_of(page)
    assert "\x1b" not in words_of(page)
    assert "\u202e" not in words_of(page)


@hypothesis.given(strategies.text(min_size=1, max_size=60))
def test_render__any_text_stays_text(value: str) -> None:
    """No text at all adds an element or attribute that tame text does not have."""
    rendered = shape_of(conversations.hostile(value))

    extra = {("br",), ("code",), ("ins",), ("del",), ("i",), ("p", "class"), ("svg",), ("span", "dir")}
    assert set(rendered) - tame_shape() <= extra


def test_import__jinja_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing the report costs no template engine: it is loaded when a page is made."""
    monkeypatch.delitem(sys.modules, "kore_gate.reports.html")
    for name in [name for name in sys.modules if name.split(".")[0] == "jinja2"]:
        monkeypatch.delitem(sys.modules, name)

    __import__("kore_gate.reports.html")

    assert "jinja2" not in sys.modules
