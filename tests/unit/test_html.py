"""What the page for people shows, and that no text from outside becomes part of its markup."""

import base64
import collections
import functools
import hashlib
import itertools
import sys
from collections.abc import Callable, Sequence
from typing import Any

import hypothesis
import lxml.html
import pytest
from hypothesis import strategies

from kore_gate.errors import Ending
from kore_gate.model import Assertion, Check, Evidence, Origin, Outcome, Phase, Result, replace
from kore_gate.reports import html
from kore_gate.reports.history import Run, Trend
from tests import builders
from tests.fakes import conversations

CALLS: dict[str, Callable[[], Result]] = {
    "passing": conversations.passing,
    "imported": conversations.imported,
    "failing": conversations.failing,
    "timed-out": conversations.timed_out,
    "hostile": conversations.hostile,
    "without-suites": lambda: replace(conversations.timed_out(), suites=()),
}


def page_of(call: Result, trends: Sequence[Trend] = ()) -> Any:
    """Render a call and read it as a browser would."""
    return lxml.html.document_fromstring(html.render(call, trends).decode())


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
    """The page holds nothing to fetch, no style on an element, and a policy that allows its own style and script."""
    page = page_of(CALLS[name]())

    style, script = page.xpath("string(//style)"), page.xpath("string(//script)")
    style_digest, script_digest = (
        base64.b64encode(hashlib.sha256(content.encode()).digest()).decode() for content in (style, script)
    )
    policy = page.xpath("string(//meta[@http-equiv='Content-Security-Policy']/@content)")

    assert policy == (
        f"default-src 'none'; style-src 'sha256-{style_digest}'; script-src 'sha256-{script_digest}';"
        " img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert len(page.xpath("//script")) == 1
    assert not page.xpath("//iframe | //img | //object | //form | //base | //@style | //@src")
    assert not [name for name in page.xpath("//@*/..") for name in name.attrib if name.startswith("on")]
    assert all(href.startswith("data:") for href in page.xpath("//link/@href"))
    assert "url(" not in style
    assert "@import" not in style


def test_render__verdict_first() -> None:
    """Where no step failed, the page opens with what happened, what usually causes it, what to do, how to resume."""
    page = page_of(conversations.timed_out())

    verdict = words_of(page.get_element_by_id("verdict"))

    text = [
        "Timed out after 30m: the import was at 85 %.",
        "Usual cause Kore.ai's queue is long",
        "What to do Wait for the same import again, with a longer timeout.",
        "Resume with kore-gate wait --ds-id ds-1",
        "Started 2026-01-02 03:04 UTC",
        "Duration 30m",
        "Exit code 4",
    ]
    places = [verdict.index(part) for part in text]
    assert places == sorted(places)
    assert page.xpath("string(//title)") == "✗ Timed out: Banking regression · kore_gate"
    assert words_of(page.xpath("//h1")[0]) == "✗ Timed out"
    assert not page.xpath("//*[@id='failures']")
    assert "Kore.ai returned no steps for this suite." in words_of(page)
    assert "Progress 85 %" in words_of(page)


def test_render__failures_before_advice() -> None:
    """Where steps failed they come first, then how to resume and what to do."""
    page = words_of(page_of(conversations.hostile("tame")).xpath("//main")[0])

    places = [page.index(part) for part in ("Failures", "Expected", "Resume with", "Usual cause", "What to do")]

    assert places == sorted(places)


def test_render__origin() -> None:
    """Commit, branch and job are named and linked where the CI system gives them, and steps link to their source."""
    origin = Origin(
        commit="a1b2c3d4e5f6a1b2c3d4e5f6",
        branch="feature/x",
        job_url="https://ci.example/jobs/1",
        source_url="https://ci.example/blob/a1b2/{path}#L{line}",
    )
    page = page_of(replace(conversations.failing(), origin=origin))

    facts = words_of(page.xpath("//dl[@class='origin']")[0])
    links = page.xpath("//a[starts-with(@href, 'https:')]")

    assert facts.startswith("Commit a1b2c3d4 Branch feature/x Job gitlab Started 2026-01-02 03:04 UTC")
    assert [(words_of(link), link.get("href")) for link in links] == [
        ("gitlab", "https://ci.example/jobs/1"),
        ("kore/suites/banking.json:58", "https://ci.example/blob/a1b2/kore/suites/banking.json#L58"),
    ]


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


def steps_of(page: Any) -> Any:
    """Return the steps of a page."""
    return page.xpath(".//*[contains(concat(' ', @class, ' '), ' step ')]")


def test_render__turns() -> None:
    """A step is a line that says how it ended; opened, it shows the user's words, the bot's reply and its checks."""
    first, second, *_ = steps_of(page_of(conversations.passing()))

    assert words_of(first) == (
        "✓ Step 1 Passed Start_Flow Welcome to Example Bank. 0.8s"
        " Event Start_Flow Bot Welcome Welcome to Example Bank."
        " ✓ Passed text as shown ✓ Passed flow reaches Welcome Link to step 1"
    )
    assert words_of(second).startswith(
        "✓ Step 2 Passed What's my balance? Which account do you mean? 0.8s User What's my balance?"
        " Bot Ask Which account do you mean? ✓ Passed text as shown"
    )
    assert "open" not in first.attrib


def test_render__imported_turns() -> None:
    """After an import no reply is passed off as something the bot said."""
    page = page_of(conversations.imported())
    steps = steps_of(page)

    assert [words_of(label) for label in steps[1].xpath(".//*[contains(@class, 'bot')]/b")] == [
        "Bot, expected Ask",
        "Bot, expected List",
    ]
    assert words_of(steps[1].xpath("summary/q")[1]) == "expected: Which account do you mean?"
    assert [words_of(state) for state in page.xpath("//summary/*[@class='state']")] == [
        "Accepted",
        "Accepted",
        "Accepted",
        "Not checked",
    ]


def test_render__template() -> None:
    """A template shows as text, elements and buttons; its JSON is folded away."""
    page = page_of(conversations.passing())

    bubble = steps_of(page)[1].xpath(".//*[contains(@class, 'bubble')]")[2]

    assert words_of(bubble.xpath(".//p[@class='kind']")[0]) == "list"
    assert [words_of(item) for item in bubble.xpath(".//ul[@class='items']/li")] == [
        "Checking EUR 1,204.50 Details",
        "Savings EUR 18,000.00",
    ]
    assert [words_of(item) for item in bubble.xpath("./ul[@class='buttons']/li")] == ["Show more"]
    assert '"template_type": "list"' in bubble.xpath("string(details/pre)")


def test_render__expected_beside_actual() -> None:
    """A failed step is open, and shows expected and actual with the differing words marked."""
    page = page_of(conversations.failing())

    step = page.get_element_by_id("Banking-regression-step-3")
    versus = step.xpath(".//dl[@class='versus']")

    assert [[mark.text_content() for mark in one.xpath(".//ins")] for one in versus] == [
        ["204"],
        ["ShowBalance"],
        [],
    ]
    assert [[mark.text_content() for mark in one.xpath(".//mark")] for one in versus] == [
        ["240", ", as of today"],
        ["Fallback"],
        [],
    ]
    assert words_of(versus[2]) == ('Expected ✓ account = checking ✗ balance = 1204.50 Actual {"balance": "1240.50"}')
    assert "kore/suites/banking.json:58" in words_of(step)
    assert "open" in step.attrib


def test_render__context_by_variable() -> None:
    """Context variables are compared one by one, and the one that differs stands out."""
    checks = (
        Check(field="account", value="checking", outcome=Outcome.PASSED),
        Check(field="balance", value="1204.50", outcome=Outcome.FAILED),
        Check(field="limit", value="", outcome=Outcome.PENDING),
    )
    assertion = conversations.context(
        *checks, outcome=Outcome.FAILED, actual="account = checking, balance = 1240.50, EUR"
    )
    step = conversations.step(1, "x", builders.make_reply(assertions=(assertion,)), outcome=Outcome.FAILED)

    page = page_of(builders.make_call(conversations.run(suite=builders.make_suite(steps=(step,)))))

    rows = page.xpath("//table[@class='variables']/tbody/tr")
    assert [(row.get("class"), words_of(row)) for row in rows] == [
        ("same", "= account checking checking"),
        ("differs", "≠ balance 1204.50 1240.50, EUR"),
        ("differs", "≠ limit (empty) (not reported by Kore.ai)"),
    ]
    assert words_of(page.xpath("//*[@id='failures']//dl")[0]) == (
        "Expected balance = 1204.50 Actual balance = 1240.50, EUR"
    )


def test_render__unjudged_and_unreached() -> None:
    """A step that could not be judged and one that was not reached say so, and why."""
    page = page_of(conversations.failing())

    unjudged = words_of(page.get_element_by_id("Banking-regression-step-5"))
    unreached = page.get_element_by_id("Banking-regression-step-6")

    assert "! Not judged text of the reply Kore.ai gave no status" in unjudged
    assert "unreached" in unreached.get("class")
    assert words_of(unreached).count("Not executed") == 1
    assert words_of(unreached).endswith("not reached: step 5 failed Link to step 6")
    assert "Bot, expected" in words_of(unreached)


def test_render__reason_that_says_nothing_new() -> None:
    """A reason that only repeats the outcome is left out."""
    assertion = builders.make_assertion(outcome=Outcome.SKIPPED, reason="not executed")
    step = builders.make_step(
        outcome=Outcome.SKIPPED, reason="not executed", replies=(builders.make_reply(assertions=(assertion,)),)
    )

    page = page_of(builders.make_call(conversations.run(suite=builders.make_suite(steps=(step,)))))

    assert words_of(steps_of(page)[0]).lower().count("not executed") == 1


def test_render__advice_once() -> None:
    """A suite repeats no advice that the whole call has given already, and sentences begin with a capital."""
    verdict = builders.make_verdict(Ending.FAILED, cause="the bot changed", hint="mend it")
    suite = conversations.run(Ending.FAILED, verdict=verdict)
    whole = replace(verdict, message="Both failed.")

    text = words_of(page_of(builders.make_call(suite, suite, verdict=whole)))

    assert text.count("The bot changed") == 1
    assert text.count("Mend it") == 1
    assert text.count(whole.message) == 1
    assert text.count(verdict.message) == 2


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

    versus = steps_of(page_of(call))[0].xpath(".//dl[@class='versus']")

    assert [words_of(one) for one in versus] == [text]


def test_render__templates_alike() -> None:
    """Where two templates read the same, their JSON is compared."""
    other = conversations.QUICK_REPLIES.replace('"payload": "Deutsch"', '"payload": "de"')
    reply = conversations.reply("x", "", conversations.text(conversations.QUICK_REPLIES, Outcome.FAILED, other))
    suite = builders.make_suite(steps=(conversations.step(1, "x", reply, outcome=Outcome.FAILED),))

    page = page_of(builders.make_call(conversations.run(suite=suite)))

    assert [page.xpath("string(//ins)"), page.xpath("string(//mark)")] == ["Deutsch", "de"]


def test_render__failures() -> None:
    """The first failures are listed by suite, with what differs, and each links to its step or suite."""
    page = page_of(conversations.failing())
    failures = page.get_element_by_id("failures")

    links = failures.xpath(".//a")
    texts = [words_of(text) for text in failures.xpath(".//dl[@class='versus'] | .//div/p | .//li/p")]

    assert [(link.get("href"), words_of(link)) for link in links] == [
        ("#Banking-regression", "Banking regression"),
        ("#Banking-regression-step-3", "Step 3: checking"),
        ("#Banking-regression-step-4", "Step 4: Deutsch?"),
        ("#Banking-regression-step-5", "Step 5: block my card"),
        ("#Card-blocking", "Card blocking"),
    ]
    assert texts == [
        (
            "Expected Your account holds EUR 1,204.50. Anything else?"
            " Actual Your account holds EUR 1,240.50, as of today. Anything else?"
        ),
        "Expected Please choose a language:[English] [Deutsch] Actual Please choose a language:[English] [Français]",
        "Kore.ai gave no status",
        "Kore.ai ended the import with the status FAILED.",
    ]
    assert words_of(failures.xpath("h2")[0]) == "Failures"
    assert words_of(failures.xpath("details/summary")[0]) == "Usual cause, and what to do"


def test_render__failures_of_many_suites() -> None:
    """Of many failed suites each has its first failures in the list, and the list says that there are more."""
    suite = conversations.long(40, red_every=4).suites[0]

    page = page_of(builders.make_call(*(replace(suite, name=f"Suite {number}") for number in range(12))))
    failures = page.get_element_by_id("failures")

    assert words_of(failures.xpath("h2")[0]) == "First failures"
    assert [len(group.xpath(".//li")) for group in failures.xpath("div")] == [2] * 12
    assert [words_of(note) for note in failures.xpath("div/p")] == ["8 more failed steps."] * 12


def test_render__failure_late_in_a_long_text() -> None:
    """The list of failures shows where a long text begins to differ, and no more than a few lines of it."""
    expected = "word " * 200 + "right" + " tail" * 200
    reply = conversations.reply(
        expected, "", conversations.text(expected, Outcome.FAILED), actual=expected.replace("right", "wrong")
    )
    suite = builders.make_suite(steps=(conversations.step(1, "x", reply, outcome=Outcome.FAILED),))

    page = page_of(builders.make_call(conversations.run(suite=suite)))

    shown = words_of(page.xpath("//*[@id='failures']//dl")[0])
    assert shown.startswith("Expected … word word")
    assert {"right", "wrong"} <= set(shown.split())
    assert len(shown) < 600


def test_render__filter_only_where_it_filters() -> None:
    """Controls that filter nothing are not there, and all are hidden where neither style nor script can work them."""
    failing, passing = page_of(conversations.failing()), page_of(conversations.passing())

    assert [words_of(label) for label in failing.xpath("//fieldset[@hidden]/label")] == [
        "All 10",
        "✗ Failed 3",
        "✓ Passed 5",
        "○ Skipped 2",
    ]
    assert not passing.xpath("//fieldset[count(label) < 3]")
    assert not page_of(conversations.timed_out()).xpath("//input | //button")
    assert not failing.xpath("//*[self::search or self::fieldset or self::p[.//button]][not(@hidden)]")


def test_render__rail() -> None:
    """Several suites have a list that links to each, those that failed first, with how many steps failed."""
    page = page_of(conversations.failing())

    links = page.xpath("//nav//a")

    assert [(link.get("href"), words_of(link)) for link in links] == [
        ("#Banking-regression", "✗ Banking regression 3/ failed of 6"),
        ("#Card-blocking", "✗ Card blocking Job failed"),
        ("#Small-talk", "✓ Small talk 4"),
    ]
    assert [part.get("id") for part in page.xpath("//details[contains(@class, 'suite')][@open]")] == [
        "Banking-regression",
        "Card-blocking",
    ]
    assert not page_of(conversations.passing()).xpath("//nav")


def test_render__settings() -> None:
    """A problem of the settings is no suite: none is counted, and none is shown."""
    wrong = builders.make_result(Ending.ERROR, key="settings", name="settings", phase=Phase.SETTINGS, suite=None)

    page = page_of(builders.make_call(wrong))

    assert "No suite was started." in words_of(page)
    assert not page.xpath("//nav | //details[contains(@class, 'suite')]")
    assert page.xpath("string(//title)") == "✗ Error · kore_gate"


def test_render__bar() -> None:
    """The bar's parts fill it, and a screen reader hears the numbers."""
    bar = page_of(conversations.failing()).xpath("//*[local-name()='svg']")[0]

    widths = {rect.get("class"): int(rect.get("width")) for rect in bar}

    assert bar.get("aria-label") == "9 passed, 4 failed, 2 not judged, 3 skipped"
    assert widths == {"passed": 562, "failed": 250, "error": 125, "unreached": 62}
    assert bar.get("viewbox") == f"0 0 {sum(widths.values())} 1"


def test_render__bar_of_very_many() -> None:
    """A few failures among very many passed steps can be seen in the bar."""
    bar = page_of(conversations.long(4_000, red_every=2_000)).xpath("//*[local-name()='svg']")[0]

    widths = {rect.get("class"): int(rect.get("width")) for rect in bar}

    assert widths["failed"] == 12
    assert widths["passed"] > 900


def test_render__disabled() -> None:
    """A group that is disabled in most steps is named once, another one in its step; neither is in the bar."""
    disabled = conversations.flow("Bye", Outcome.PENDING, enabled=False)
    rare = replace(conversations.context(Check(field="a", value="1")), enabled=False)
    empty = builders.make_assertion(group="context", enabled=False, checks=(), outcome=Outcome.PENDING)
    text = builders.make_assertion()
    replies = [builders.make_reply(assertions=(text, disabled, last)) for last in (empty, empty, rare)]
    suite = builders.make_suite(steps=tuple(builders.make_step(replies=(reply,)) for reply in replies))

    page = page_of(builders.make_call(conversations.run(suite=suite)))

    assert [words_of(line) for line in page.xpath("//*[@class='checks']/li")] == [
        *["✓ Passed text as shown"] * 3,
        "○ Disabled context a = 1",
    ]
    assert "Disabled: flow assertions in 3 of 3 steps, context assertions in 1 of 3 steps." in words_of(page)
    assert {rect.get("class") for rect in page.xpath("//*[local-name()='rect']")} == {"passed"}


def test_render__unreached_suite() -> None:
    """A suite whose run timed out shows the steps of its definition, and says once that none was reached."""
    steps = conversations.failing_steps()[5:] * 3
    late = conversations.run(Ending.TIMED_OUT, suite=builders.make_suite(steps=steps), evidence=Evidence.NONE)

    page = page_of(builders.make_call(late))

    assert [step.get("class") for step in steps_of(page)] == ["step unreached"] * 3
    assert words_of(page).count("No step was reached.") == 1


def test_render__what_leads_to_a_failure() -> None:
    """The three steps before a failed one are marked, so that they stay beside it when only failures are shown."""
    page = page_of(conversations.long(20, red_every=10))

    near = [index for index, step in enumerate(steps_of(page), 1) if "near" in step.get("class").split()]

    assert near == [7, 8, 9, 17, 18, 19]


def test_render__lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of very many steps those that failed, and what leads to them, are whole; the others are a line each."""
    monkeypatch.setattr(html, "OTHERS", 50)
    page = page_of(conversations.long(180, red_every=20))

    steps = steps_of(page)
    whole = [step for step in steps if step.tag == "details"]
    lines = [step for step in steps if step.tag == "p"]

    assert len(steps) == 180
    assert len(whole) == 50
    assert sum("failed" in step.get("class") for step in whole) == 9
    assert sum("near" in step.get("class") for step in whole) == 27
    assert words_of(lines[0]) == "✓ 15 What's my balance? Which account do you mean? 0.8s"
    assert not page.xpath("//*[@class='notice']")


def test_render__cap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many steps the failed ones and what leads to them are kept; gaps are counted, nothing seems whole."""
    monkeypatch.setattr(html, "LINES", 50)
    page = page_of(conversations.long(180, red_every=20))

    shown = steps_of(page)
    notice = words_of(page.xpath("//*[@class='notice']")[0])
    gaps = [int(words_of(gap).split()[0].replace(",", "")) for gap in page.xpath("//*[@class='gap']")]

    assert len(shown) == 50
    assert sum("failed" in step.get("class") for step in shown) == 9
    assert sum("near" in step.get("class") for step in shown) == 27
    assert notice.startswith("This page shows 50 of 180 steps, including every failed step.")
    assert sum(gaps) == 180 - 50


def test_render__cap_on_red(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even failed steps have an end, and the page says how many it shows."""
    monkeypatch.setattr(html, "LINES", 50)
    page = page_of(conversations.long(60, red_every=1))

    assert words_of(page.xpath("//*[@class='notice']")[0]).startswith(
        "This page shows 50 of 60 steps, 50 of 60 failed steps."
    )
    assert len(page.xpath("//*[@id='failures']//li")) == html.FAILURES
    assert "30 more failed steps." in words_of(page.get_element_by_id("failures"))


def test_render__fair_to_every_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    """When room runs out, a long first suite does not push out the second."""
    monkeypatch.setattr(html, "BYTES", 150_000)
    first, second = conversations.long(2_000).suites[0], conversations.long(50).suites[0]

    page = page_of(builders.make_call(first, replace(second, name="Second")))

    assert len(steps_of(page.get_element_by_id("Second"))) == 50
    assert 0 < len(steps_of(page.get_element_by_id("Banking-regression"))) < 2_000


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
    suites = [replace(green, name=f"Suite {number}") for number in range(html.SUITES + 5)]
    suites[-1] = builders.make_result(Ending.TIMED_OUT, name="Late", suite=None)

    page = page_of(builders.make_call(*suites))

    assert len(page.xpath("//details[contains(@class, 'suite')]")) == html.SUITES
    assert page.get_element_by_id("Late") is not None
    assert "5 more suites" in words_of(page)


def test_render__same_names() -> None:
    """Suites of one name, or with the name of an element of the page, keep their own anchors."""
    green = conversations.passing().suites[0]

    page = page_of(builders.make_call(*(replace(green, name=name) for name in ("top", "a", "a", "a-title"))))

    assert page.xpath("//details[contains(@class, 'suite')]/@id") == ["top-2", "a", "a-2", "a-title"]


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

    step = page_of(builders.make_call(conversations.run(suite=suite))).xpath("//details[contains(@class, 'step')]")[0]

    assert step.xpath(".//*[contains(@class, 'user')]//br")
    assert step.xpath("string(.//ins)") == "↵"
    assert "They differ in spaces or line breaks only." in words_of(step)


@pytest.mark.parametrize("name", CALLS)
def test_render__without_history(name: str) -> None:
    """Where no earlier run is known, the page is byte for byte what it is without history."""
    call = CALLS[name]()

    assert html.render(call, [Trend() for _ in call.tested_suites]) == html.render(call)
    assert b".runs" not in html.render(call)


def test_render__runs() -> None:
    """Each suite has a row of bars, from the oldest run to this one, with its verdict and duration in words."""
    call = conversations.failing()
    page = page_of(call, conversations.trends(call, 3))

    rows = page.xpath("//details[contains(@class, 'suite')]/summary/*[name()='svg']")
    assert len(rows) == 3
    assert rows[0].get("aria-label") == "1 of the last 4 runs passed"
    bars = rows[0].xpath("./*[name()='rect']")
    assert [bar.get("class") for bar in bars] == ["passed", "failed", "failed", "failed"]
    assert [words_of(bar) for bar in bars] == [
        "Passed · 17s · 2026-01-02",
        "Failed · 16s · 00000002",
        "Failed · 15s · 00000001",
        "Failed · 14s · 2026-01-02",
    ]
    heights = [int(bar.get("height")) for bar in bars]
    assert heights == sorted(heights, reverse=True)
    # What did not pass hangs below the line: colour is not all that tells.
    assert [int(bar.get("y")) + height <= 13 for bar, height in zip(bars, heights, strict=True)] == [True] + [False] * 3
    assert [words_of(item) for item in page.xpath("(//ol[@class='history'])[1]/li")] == [
        "Failed 14s 2026-01-02 03:04 UTC",
        "Failed 15s 2026-01-02 02:04 UTC 00000001",
        "Failed 16s 2026-01-02 01:04 UTC 00000002",
        "Passed 17s 2026-01-02 00:04 UTC",
    ]


def test_render__since() -> None:
    """Each failed test says since when it fails: in the list of failures and at its step; the suite counts them all."""
    call = conversations.failing()
    page = page_of(call, conversations.trends(call, 3))

    phrase = "· Failed first in 00000002 (2 runs ago)"
    assert [words_of(item) for item in page.xpath("//section[@id='failures']//small[@class='since']")] == [phrase] * 3
    assert [words_of(item) for item in page.xpath("//ul[@class='checks']//small[@class='since']")] == [phrase] * 5
    tests = page.xpath("(//details[@class='facts'])[1]/ul/li")
    assert len(tests) == 5
    assert words_of(tests[1]) == "03 checking: flow reaches ShowBalance failed in 3 of 4 runs, changed 1 time"


def test_render__odd_durations() -> None:
    """Durations of any size make bars that fit."""
    runs = [
        Run(began=0.0, ids=("", ""), started="x", commit="", duration=seconds, ending=Ending.PASSED)
        for seconds in (0.0, 1e308, 5e-324)
    ]
    page = page_of(conversations.passing(), [Trend(runs=tuple(runs))])

    assert [bar.get("height") for bar in page.xpath("//*[@class='runs']/*[name()='rect']")] == ["3", "13", "3"]


def shape_of(call: Result, trends: Sequence[Trend] = ()) -> collections.Counter[tuple[Any, ...]]:
    """Count the elements with the names of their attributes: what a text must not be able to change."""
    return collections.Counter((element.tag, *sorted(element.attrib)) for element in page_of(call, trends).iter())


def test_render__hostile_history() -> None:
    """Markup in what earlier results hold arrives as text."""

    def shape(value: str) -> set[tuple[Any, ...]]:
        call = conversations.hostile(value)
        run = Run(began=0.0, ids=("", ""), started=value[:20], commit=value, duration=1.0, ending=Ending.ERROR)
        trends = [Trend(runs=(run, *trend.runs), tests=trend.tests) for trend in conversations.trends(call)]
        assert all(trend.tests for trend in trends)
        return set(shape_of(call, trends))

    marks = {("br",), ("code",), ("ins",), ("mark",), ("ins", "class"), ("mark", "class"), ("p", "class")}
    assert shape(conversations.HOSTILE) - shape("tame text") <= marks | {("time", "datetime")}


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
        ("mark",),
        ("ins", "class"),
        ("mark", "class"),
        ("p", "class"),
    }
    page = page_of(conversations.hostile())
    assert not page.xpath("//comment() | //img")
    assert len(page.xpath("//script")) == 1
    assert "<script>alert(1)</script>" in words_of(page)
    assert "{{ 7*7 }}" in words_of(page)
    assert "\x1b" not in words_of(page)
    assert "\u202e" not in words_of(page)


@hypothesis.given(strategies.text(min_size=1, max_size=60))
def test_render__any_text_stays_text(value: str) -> None:
    """No text at all adds an element or attribute that tame text does not have."""
    rendered = shape_of(conversations.hostile(value))

    marks = {("ins",), ("mark",), ("ins", "class"), ("mark", "class")}
    extra = {("br",), ("code",), ("i",), ("p", "class"), ("svg",), ("span", "dir"), ("time", "datetime")}
    assert set(rendered) - tame_shape() <= extra | marks


def test_import__jinja_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing the report costs no template engine: it is loaded when a page is made."""
    monkeypatch.delitem(sys.modules, "kore_gate.reports.html")
    for name in [name for name in sys.modules if name.split(".")[0] == "jinja2"]:
        monkeypatch.delitem(sys.modules, name)

    __import__("kore_gate.reports.html")

    assert "jinja2" not in sys.modules
