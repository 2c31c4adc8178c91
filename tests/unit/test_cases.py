from typing import Any

import hypothesis
import pytest
from hypothesis import strategies

from kore_gate.errors import Ending
from kore_gate.model import Counts, Evidence, Outcome, Phase, Source, Suite
from kore_gate.reports import cases, labels
from tests import builders
from tests.fakes import conversations


def _one(result_overrides: dict[str, Any] | None = None, **step: Any) -> list[cases.Case]:
    suite = builders.make_suite(steps=(builders.make_step(**step),))
    return [*cases.each(builders.make_result(suite=suite, **(result_overrides or {})))]


def _assertion_step(**assertion: Any) -> dict[str, Any]:
    return {"replies": (builders.make_reply(assertions=(builders.make_assertion(**assertion),)),)}


@pytest.mark.parametrize(
    ("assertion", "outcome", "message"),
    [
        pytest.param({}, Outcome.PASSED, "", id="passed"),
        pytest.param(
            {"outcome": Outcome.FAILED, "actual": "Sorry"},
            Outcome.FAILED,
            "text equals \"Hello\", but got 'Sorry'",
            id="failed",
        ),
        pytest.param(
            {"outcome": Outcome.FAILED}, Outcome.FAILED, 'text equals "Hello": failed', id="failed, actual unknown"
        ),
        pytest.param({"outcome": Outcome.ERROR}, Outcome.ERROR, "could not be judged", id="error"),
        pytest.param({"outcome": Outcome.ERROR, "reason": "no answer"}, Outcome.ERROR, "no answer", id="reason"),
        pytest.param(
            {"outcome": Outcome.PENDING},
            Outcome.SKIPPED,
            "not executed: 1 of 1 assertions passed.",
            id="pending",
        ),
        pytest.param(
            {"outcome": Outcome.SKIPPED, "reason": "step 1 failed"}, Outcome.SKIPPED, "step 1 failed", id="skipped"
        ),
        pytest.param({"enabled": False}, Outcome.SKIPPED, "disabled in the suite", id="disabled"),
        pytest.param(
            {"enabled": False, "outcome": Outcome.FAILED}, Outcome.SKIPPED, "disabled in the suite", id="disabled, red"
        ),
    ],
)
def test_each__assertion(assertion: dict[str, Any], outcome: Outcome, message: str) -> None:
    """Each assertion is a test case that says why it ended as it did."""
    case = _one(**_assertion_step(**assertion))[0]

    assert (case.classname, case.name) == (
        "kore.Banking regression.01 Hi",
        labels.label(builders.make_assertion(**assertion)),
    )
    assert (case.outcome, case.message) == (outcome, message)
    assert case.text.startswith(message)


def test_each__difference() -> None:
    """A false assertion shows expected and actual, each on a line of its own, and the reason."""
    checks = (builders.make_check(), builders.make_check(value="Hi"))
    case = _one(**_assertion_step(checks=checks, outcome=Outcome.FAILED, actual="Sorry", reason="wrong node"))[0]

    assert case.text.splitlines() == [
        'text equals "Hello" or "Hi", but got \'Sorry\'',
        "",
        "expected: Hello",
        "     or   Hi",
        "actual:   Sorry",
        "reason:   wrong node",
    ]


def test_each__long_difference() -> None:
    """The line about a false assertion shows expected and actual however long they are."""
    checks = (builders.make_check(value="x" * 10_000),)
    case = _one(**_assertion_step(checks=checks, outcome=Outcome.FAILED, actual="y" * 10_000))[0]

    assert len(case.message) <= 300
    assert "xxx…, but got 'yyy" in case.message
    assert "x" * 10_000 in case.text
    assert "y" * 10_000 in case.text


def test_each__context_difference() -> None:
    """An expectation on the context names the variable; what the bot said is not its value."""
    check = builders.make_check(field="balance", value="5")
    assertion = builders.make_assertion(group="context", checks=(check,), outcome=Outcome.FAILED)
    case = _one(replies=(builders.make_reply(assertions=(assertion,), actual="Bye"),))[0]

    assert "expected: balance = 5\nactual:   (not reported by Kore.ai)" in case.text


def test_each__several_variables() -> None:
    """Every variable of the context is expected, not one of them."""
    checks = (builders.make_check(field="a", value="1"), builders.make_check(field="b", value="2"))
    case = _one(**_assertion_step(group="context", checks=checks, outcome=Outcome.FAILED))[0]

    assert case.message == "context a = 1 and b = 2: failed"
    assert "expected: a = 1\n     and  b = 2\nactual: " in case.text


def test_each__template() -> None:
    """A template is named, compared and retold by its readable text."""
    other = conversations.QUICK_REPLIES.replace("Deutsch", "Español")
    assertion = builders.make_assertion(
        checks=(builders.make_check(value=conversations.QUICK_REPLIES),), outcome=Outcome.FAILED
    )
    reply = builders.make_reply(text=conversations.QUICK_REPLIES, actual=other, assertions=(assertion,))
    (case,) = _one({"evidence": Evidence.EXECUTION}, replies=(reply,), unexpected=(other,))

    assert case.name == 'text equals "Please choose a language: [English] [Deutsch]"'
    assert "expected: Please choose a language:\n[English] [Deutsch]\n" in case.text
    assert case.text.endswith("actual:   Please choose a language:\n[English] [Español]")
    assert case.transcript[1:] == ("bot:  Please choose a language:\n[English] [Español]",) * 2
    assert "template_type" not in case.name + case.text + case.message


def test_each__templates_that_read_alike() -> None:
    """Templates that differ in what nobody reads are compared as they were sent."""
    other = conversations.QUICK_REPLIES.replace('"payload": "Deutsch"', '"payload": "de"')
    checks = (builders.make_check(value=conversations.QUICK_REPLIES),)
    (case,) = _one(**_assertion_step(checks=checks, outcome=Outcome.FAILED, actual=other))

    assert case.name == 'text equals "Please choose a language: [English] [Deutsch]"'
    assert f"expected: {conversations.QUICK_REPLIES}\nactual:   {other}" in case.text


def test_each__several_replies() -> None:
    """With several replies, each name says which."""
    flat = _one(replies=(builders.make_reply(), builders.make_reply()))

    assert [case.name for case in flat] == ['reply 1 · text equals "Hello"', 'reply 2 · text equals "Hello"']


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        pytest.param({"replies": ()}, (Outcome.SKIPPED, "no assertion enabled"), id="no reply"),
        pytest.param(
            {"replies": (), "outcome": Outcome.FAILED},
            (Outcome.FAILED, "Kore.ai reports that this step failed"),
            id="red without reason",
        ),
        pytest.param(
            {"outcome": Outcome.ERROR, "reason": "no reply in 30 s"},
            (Outcome.ERROR, "no reply in 30 s"),
            id="red while its assertions are green",
        ),
        pytest.param(
            _assertion_step(enabled=False), (Outcome.SKIPPED, "no assertion enabled"), id="all assertions disabled"
        ),
    ],
)
def test_each__step_itself(step: dict[str, Any], expected: tuple[Outcome, str]) -> None:
    """A step has a test case of its own where no assertion says what there is to say."""
    case = _one(**step)[-1]

    assert case.name == "step"
    assert (case.outcome, case.message) == expected


EMPTY = builders.make_assertion(enabled=False, checks=(), outcome=Outcome.SKIPPED)
DISABLED = builders.make_assertion(enabled=False)


@pytest.mark.parametrize(
    ("assertions", "names"),
    [
        pytest.param((builders.make_assertion(), EMPTY, EMPTY), ['text equals "Hello"'], id="beside an enabled one"),
        pytest.param((EMPTY, EMPTY), ["step"], id="nothing else"),
        pytest.param((EMPTY, DISABLED), ['text equals "Hello"', "step"], id="beside one that expects something"),
        pytest.param((builders.make_assertion(checks=()),), ["text equals (nothing)"], id="enabled"),
    ],
)
def test_each__empty_assertion(assertions: tuple[Any, ...], names: list[str]) -> None:
    """A disabled assertion that expects nothing is not a test case; every reply of Kore.ai carries some."""
    step = builders.make_step(replies=(builders.make_reply(assertions=assertions),))
    result = builders.make_result(suite=builders.make_suite(steps=(step,)))

    assert [case.name for case in [*cases.each(result)]] == names
    assert len([*cases.each(result, "step")]) == 1
    counts = cases.count(result)
    assert counts.passed + counts.failed + counts.errors + counts.skipped == len(names)


def test_each__red_step_with_red_assertion() -> None:
    """A step that failed because of an assertion is not counted twice."""
    flat = _one(outcome=Outcome.FAILED, **_assertion_step(outcome=Outcome.FAILED))

    assert [case.outcome for case in flat] == [Outcome.FAILED]


def test_each__time_and_place() -> None:
    """The time of a step stands on the first of its cases that was judged, its place on all."""
    disabled = builders.make_assertion(enabled=False)
    assertions = (disabled, builders.make_assertion(), builders.make_assertion())
    source = builders.make_source()
    flat = _one(duration=1.5, source=source, replies=(builders.make_reply(assertions=assertions),))

    assert [case.duration for case in flat] == [0.0, 1.5, 0.0]
    assert {case.source for case in flat} == {source}
    assert {case.step for case in flat} == {1}


@pytest.mark.parametrize(
    ("evidence", "line"),
    [
        pytest.param(Evidence.EXECUTION, "bot:  Sorry", id="executed"),
        pytest.param(Evidence.IMPORT_VALIDATION, "bot:  (expected) Hello", id="imported"),
    ],
)
def test_each__transcript(evidence: Evidence, line: str) -> None:
    """A red case retells the last ten turns up to its step; what the bot line counts only if it was asked."""
    red = (builders.make_assertion(outcome=Outcome.FAILED),)
    steps = [
        builders.make_step(
            number=number,
            input=f"input {number}",
            replies=(builders.make_reply(actual="Sorry", assertions=red if number == 12 else ()),),
            unexpected=("Goodbye",) if number == 12 else (),
        )
        for number in range(1, 14)
    ]
    suite = builders.make_suite(steps=tuple(steps))
    flat = [*cases.each(builders.make_result(suite=suite, evidence=evidence))]

    transcript = flat[11].transcript
    assert transcript[0] == "user: input 3"
    assert transcript[-3:] == ("user: input 12", line, "bot:  Goodbye")
    assert not any(case.transcript for case in flat if case.step != 12)


def test_each__transcript_of_steps_not_executed() -> None:
    """A step that a run did not execute is not retold as if it had been."""
    red = builders.make_assertion(outcome=Outcome.FAILED)
    steps = (
        builders.make_step(input="left out", outcome=Outcome.SKIPPED),
        builders.make_step(number=2, input="asked", replies=(builders.make_reply(assertions=(red,), actual="Sorry"),)),
    )
    suite = builders.make_suite(steps=steps)

    flat = [*cases.each(builders.make_result(Ending.FAILED, suite=suite, evidence=Evidence.EXECUTION))]

    assert flat[-1].transcript == (
        "user: (not executed) left out",
        "bot:  (expected) Hello",
        "user: asked",
        "bot:  Sorry",
    )


@pytest.mark.parametrize(
    ("ending", "red", "gate"),
    [
        pytest.param(Ending.PASSED, False, False, id="passed"),
        pytest.param(Ending.FAILED, True, False, id="failed"),
        pytest.param(Ending.FAILED, False, True, id="failed, but no case says so"),
        pytest.param(Ending.TIMED_OUT, False, True, id="timed out"),
        pytest.param(Ending.INTERRUPTED, True, True, id="interrupted after a failure"),
        pytest.param(Ending.NOTHING_TO_TEST, False, True, id="nothing to test"),
    ],
)
@pytest.mark.parametrize("granularity", ["assertion", "step"])
def test_each__gate_case(ending: Ending, red: bool, gate: bool, granularity: str) -> None:
    """The gate adds a case of its own unless the others already say how it ended."""
    step = builders.make_step(**_assertion_step(outcome=Outcome.FAILED if red else Outcome.PASSED))
    suite = builders.make_suite(steps=(step,))
    flat = [*cases.each(builders.make_result(ending, suite=suite), granularity)]

    assert (flat[-1].classname == "kore_gate.import") is gate
    assert len(flat) == 1 + gate


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        (Ending.FAILED, "kore_gate.Failed"),
        (Ending.JOB_FAILED, "kore_gate.JobFailed"),
        (Ending.TIMED_OUT, "kore_gate.TimedOut"),
        (Ending.NOTHING_TO_TEST, "kore_gate.NothingToTest"),
        (Ending.REFUSED, "kore_gate.Refused"),
        (Ending.UNAVAILABLE, "kore_gate.Unavailable"),
        (Ending.INTERRUPTED, "kore_gate.Interrupted"),
        (Ending.ERROR, "kore_gate.Error"),
    ],
)
def test_each__gate_outcomes(ending: Ending, kind: str) -> None:
    """Each way a suite can end without results is an error under a name of its own."""
    verdict = builders.make_verdict(ending, details=("row 1",), cause="a slow bot", hint="wait longer")
    result = builders.make_result(suite=None, verdict=verdict, phase=Phase.RUN, file="suites/a.json")

    (case,) = [*cases.each(result)]

    assert case == cases.Case(
        classname="kore_gate.run",
        name="run succeeds: Banking regression",
        outcome=Outcome.ERROR,
        type=kind,
        message=verdict.message,
        text=f"{verdict.message}\n  - row 1\nUsual cause: a slow bot\nWhat to do: wait longer",
        source=Source(file="suites/a.json", line=1),
    )


@pytest.mark.parametrize(
    ("overrides", "classname", "name"),
    [
        pytest.param({}, "kore_gate.import", "import succeeds: Banking regression", id="import"),
        pytest.param(
            {"phase": Phase.UPLOAD}, "kore_gate.upload", "suite file is uploaded: Banking regression", id="up"
        ),
        pytest.param({"name": " a.b/c\n\x1b[1m::d "}, "kore_gate.import", "import succeeds: a.b/c ::d", id="any text"),
        pytest.param({"name": ""}, "kore_gate.import", "import succeeds: ds-1", id="no name"),
        pytest.param({"name": "", "key": ""}, "kore_gate.import", "import succeeds:", id="nothing"),
        pytest.param({"name": "x" * 300}, "kore_gate.import", f"import succeeds: {'x' * 182}…", id="long"),
        pytest.param(
            {"name": f"{'x' * 300} #2"}, "kore_gate.import", f"import succeeds: {'x' * 179}… #2", id="long, numbered"
        ),
        pytest.param(
            {"phase": Phase.SETTINGS, "name": "settings"}, "kore_gate.settings", "settings are complete", id="no suite"
        ),
    ],
)
def test_each__gate_case_names_the_suite(overrides: dict[str, Any], classname: str, name: str) -> None:
    """The gate's own test case names its suite, so that readers can tell those of several suites apart."""
    (case,) = [*cases.each(builders.make_result(Ending.TIMED_OUT, suite=None, **overrides))]

    assert (case.classname, case.name) == (classname, name)


@pytest.mark.parametrize("granularity", ["assertion", "step"])
@pytest.mark.parametrize(
    "suite",
    [None, builders.make_suite(steps=()), builders.make_suite(steps=(builders.make_step(replies=()),))],
    ids=["no suite", "no steps", "no replies"],
)
def test_each__counts_only(suite: Suite | None, granularity: str) -> None:
    """A run that passed, and whose answer only counts, has one passed case that says what is known."""
    verdict = builders.make_verdict(message="Run: 3 steps passed.")
    result = builders.make_result(suite=suite, verdict=verdict, phase=Phase.RUN, evidence=Evidence.EXECUTION)

    own = [*cases.each(result, granularity)][-1]

    assert (own.classname, own.name, own.outcome) == (
        "kore_gate.run",
        "run succeeds: Banking regression",
        Outcome.PASSED,
    )
    assert own.transcript == ("Run: 3 steps passed.",)
    assert cases.count(result, granularity).passed == 1


def test_each__allowed_empty_run() -> None:
    """A run of an empty suite proves nothing: its one case stays skipped."""
    result = builders.make_result(suite=builders.make_suite(steps=()), phase=Phase.RUN, evidence=Evidence.NONE)

    (case,) = [*cases.each(result)]

    assert (case.outcome, case.type) == (Outcome.SKIPPED, "kore_gate.NothingToTest")


def test_each__allowed_empty_suite() -> None:
    """An empty suite that may pass has one case, skipped: no file is without a test case, and none is green for it."""
    (case,) = [*cases.each(builders.make_result(suite=builders.make_suite(steps=())))]

    assert (case.outcome, case.type) == (Outcome.SKIPPED, "kore_gate.NothingToTest")


def test_each__step_granularity() -> None:
    """A step as one case lists its assertions, ends like the worst of them, and takes its message from that."""
    assertions = (
        builders.make_assertion(),
        builders.make_assertion(enabled=False),
        builders.make_assertion(outcome=Outcome.FAILED, actual="Sorry"),
        builders.make_assertion(outcome=Outcome.ERROR, reason="no context"),
    )
    step = builders.make_step(replies=(builders.make_reply(assertions=assertions),), duration=2.0)
    result = builders.make_result(Ending.FAILED, suite=builders.make_suite(steps=(step,)))

    (case,) = [*cases.each(result, "step")]

    assert (case.classname, case.name) == ("kore.Banking regression", "01 Hi")
    assert (case.outcome, case.type, case.message) == (Outcome.ERROR, "kore.StepError", "no context")
    assert case.duration == 2.0
    assert case.text.splitlines() == [
        "no context",
        "",
        'passed: text equals "Hello"',
        'skipped: text equals "Hello": disabled in the suite',
        "failed: text equals \"Hello\", but got 'Sorry'",
        'error: text equals "Hello": no context',
    ]


@pytest.mark.parametrize(
    ("assertions", "outcome", "message"),
    [
        pytest.param(({"enabled": False},), Outcome.SKIPPED, "no assertion enabled", id="disabled"),
        pytest.param(({}, {"enabled": False}), Outcome.PASSED, "", id="passed"),
        pytest.param(({"outcome": Outcome.FAILED}, {}), Outcome.FAILED, 'text equals "Hello": failed', id="failed"),
        pytest.param(
            ({"enabled": False}, {"outcome": Outcome.SKIPPED, "reason": "not reached"}),
            Outcome.SKIPPED,
            "not reached",
            id="not reached",
        ),
    ],
)
def test_each__step_granularity_outcome(assertions: tuple[dict[str, Any], ...], outcome: Outcome, message: str) -> None:
    """The most telling part of a step speaks for it."""
    reply = builders.make_reply(assertions=tuple(builders.make_assertion(**each) for each in assertions))
    suite = builders.make_suite(steps=(builders.make_step(replies=(reply,)),))

    case = next(cases.each(builders.make_result(suite=suite), "step"))

    assert (case.outcome, case.message) == (outcome, message)


@pytest.mark.parametrize(
    ("suite_name", "text", "classname"),
    [
        pytest.param("a.b/c\\d::e", "v1.0 / x", "kore.a_b_c_d__e.01 v1_0 _ x", id="separators"),
        pytest.param(" a \n b ", "\x1b[31mred\x1b[0m", "kore.a b.01 red", id="white space and colours"),
        pytest.param("", "x", "kore._.01 x", id="empty"),
    ],
)
def test_each__classname(suite_name: str, text: str, classname: str) -> None:
    """A class name has exactly the dots and separators that the gate put there."""
    assert _one({"name": suite_name}, input=text)[0].classname == classname


def test_each__long_names() -> None:
    """Long names are cut so that suite and step both stay recognisable, and stay unique."""
    steps = tuple(
        builders.make_step(
            number=number, input="i" * 500, **_assertion_step(checks=(builders.make_check(value="v" * 500),))
        )
        for number in (1, 2)
    )
    result = builders.make_result(name="s" * 500, suite=builders.make_suite(steps=steps))

    for granularity in ("assertion", "step"):
        flat = [*cases.each(result, granularity)]

        assert len({(case.classname, case.name) for case in flat}) == 2
        assert all(len(case.classname) <= 200 and len(case.name) <= 200 for case in flat)


@pytest.mark.parametrize(
    ("values", "names"),
    [
        pytest.param(["a", "a", "a"], ["a", "a #2", "a #3"], id="repeats"),
        pytest.param(["a", "a #2", "a"], ["a", "a #2", "a #3"], id="number taken"),
        pytest.param(["a", "a", "a #2"], ["a", "a #2", "a #2 #2"], id="number taken later"),
        pytest.param(["a", "\x1b[1ma", " a"], ["a", "a #2", "a #3"], id="alike once printable"),
    ],
)
def test_each__repeats(values: list[str], names: list[str]) -> None:
    """Test cases of the same name are numbered, in the same way in every run."""
    assertions = tuple(
        builders.make_assertion(group="flow", checks=(builders.make_check(value=value),)) for value in values
    )

    flat = _one(replies=(builders.make_reply(assertions=assertions),))

    assert [case.name.removeprefix("flow reaches ") for case in flat] == names


@hypothesis.given(strategies.lists(strategies.sampled_from(["a", "a #2", "a #2 #2", "a #3", "b" * 300, "b" * 301])))
def test_each__names_are_unique(values: list[str]) -> None:
    """Whatever the assertions are called, no two test cases share a name, and none is too long."""
    assertions = tuple(builders.make_assertion(checks=(builders.make_check(value=value),)) for value in values)

    names = [case.name for case in _one(replies=(builders.make_reply(assertions=assertions),))]

    assert len(set(names)) == len(names) == max(1, len(values))
    assert all(len(name) <= cases.NAME_LIMIT for name in names)


def test_each__long_suite_names_keep_their_numbers() -> None:
    """The number that tells two suites of one name apart is in every class name."""
    flat = [_one({"name": f"{'s' * 500}{end}"})[0] for end in ("", " #2", " #3")]

    assert len({case.classname for case in flat}) == 3
    assert all(len(case.classname) <= 200 for case in flat)


def test_count__all_kinds() -> None:
    """Counts are those of the cases, the gate's own among them."""
    assertions = (
        builders.make_assertion(),
        builders.make_assertion(outcome=Outcome.FAILED),
        builders.make_assertion(outcome=Outcome.ERROR),
        builders.make_assertion(outcome=Outcome.PENDING),
        builders.make_assertion(enabled=False),
    )
    steps = (
        builders.make_step(replies=(builders.make_reply(assertions=assertions),), outcome=Outcome.FAILED),
        builders.make_step(number=2, replies=(), outcome=Outcome.ERROR),
        builders.make_step(number=3, replies=()),
    )
    result = builders.make_result(Ending.TIMED_OUT, suite=builders.make_suite(steps=steps))

    counts = cases.count(result)

    assert counts == Counts(steps=3, assertions=4, passed=1, failed=1, errors=3, skipped=3)
    assert cases.total(builders.make_call(result, result)) == Counts(
        steps=6, assertions=8, passed=2, failed=2, errors=6, skipped=6
    )
    by_step = cases.count(result, "step")
    assert by_step == Counts(steps=3, assertions=4, passed=0, failed=0, errors=3, skipped=1)


def test_count__no_suite() -> None:
    """Where no suite is known, the gate's own test case is all there is to count."""
    assert cases.count(builders.make_result(Ending.REFUSED, suite=None)) == Counts(errors=1)


@pytest.mark.parametrize(
    ("outcomes", "outcome", "by_assertion", "by_step"),
    [
        ([Outcome.PASSED, Outcome.PENDING], Outcome.PASSED, 1, 0),
        ([Outcome.SKIPPED, Outcome.PENDING], Outcome.SKIPPED, 2, 1),
        ([Outcome.SKIPPED], Outcome.ERROR, 1, 0),
        ([], Outcome.SKIPPED, 0, 0),
    ],
)
def test_unjudged(outcomes: list[Outcome], outcome: Outcome, by_assertion: int, by_step: int) -> None:
    """Test cases are unjudged whose enabled assertions nobody judged; disabled ones never were to be."""
    assertions = (*(builders.make_assertion(outcome=one) for one in outcomes), DISABLED)
    step = builders.make_step(outcome=outcome, replies=(builders.make_reply(assertions=assertions),))
    result = builders.make_result(suite=builders.make_suite(steps=(step,)))

    assert cases.unjudged(result) == by_assertion
    assert cases.unjudged(result, "step") == by_step
    assert cases.unjudged(builders.make_result(suite=None)) == 0


@pytest.mark.parametrize("granularity", ["assertion", "step"])
@hypothesis.given(
    ending=strategies.sampled_from(Ending),
    phase=strategies.sampled_from(Phase),
    evidence=strategies.sampled_from(Evidence),
    steps=strategies.lists(
        strategies.builds(
            builders.make_step,
            outcome=strategies.sampled_from(Outcome),
            replies=strategies.lists(
                strategies.builds(
                    builders.make_reply,
                    assertions=strategies.lists(
                        strategies.builds(
                            builders.make_assertion,
                            enabled=strategies.booleans(),
                            checks=strategies.sampled_from([(), (builders.make_check(),)]),
                            outcome=strategies.sampled_from(Outcome),
                        ),
                        max_size=3,
                    ).map(tuple),
                ),
                max_size=2,
            ).map(tuple),
        ),
        max_size=3,
    ).map(tuple),
)
def test_count__agrees_with_cases(
    granularity: str, ending: Ending, phase: Phase, evidence: Evidence, steps: tuple[object, ...]
) -> None:
    """Counting and making test cases never disagree."""
    suite = builders.make_suite(steps=steps)
    result = builders.make_result(ending, suite=suite, phase=phase, evidence=evidence)

    counts = cases.count(result, granularity)

    outcomes = [case.outcome for case in [*cases.each(result, granularity)]]
    kinds = (Outcome.PASSED, Outcome.FAILED, Outcome.ERROR, Outcome.SKIPPED)
    assert [outcomes.count(outcome) for outcome in kinds] == [
        counts.passed,
        counts.failed,
        counts.errors,
        counts.skipped,
    ]


def test_failures__lines() -> None:
    """What failed is listed step by step with its place, and last the suite where its verdict says more."""
    assertions = (
        builders.make_assertion(),
        builders.make_assertion(outcome=Outcome.FAILED, actual="Sorry", reason="wrong node"),
        builders.make_assertion(outcome=Outcome.ERROR, reason="no context"),
        builders.make_assertion(enabled=False, outcome=Outcome.FAILED),
    )
    steps = (
        builders.make_step(replies=(builders.make_reply(), builders.make_reply(assertions=assertions))),
        builders.make_step(number=2, input="a/b", replies=(), outcome=Outcome.ERROR, source=builders.make_source()),
    )
    verdict = builders.make_verdict(Ending.TIMED_OUT, details=("at step 2",))
    result = builders.make_result(suite=builders.make_suite(steps=steps), verdict=verdict, file="suites/a.json")

    failures = [*cases.failures(result)]

    assert [(one.where, one.what, one.source.file, one.source.line) for one in failures] == [
        ("01 Hi", "text equals \"Hello\", but got 'Sorry'", "suites/a.json", 0),
        ("01 Hi", 'reply 2 · text equals "Hello": no context', "suites/a.json", 0),
        ("02 a_b", "Kore.ai reports that this step failed", "kore/suites/banking.json", 3),
        ("", "Timed out after 30m, at 85 %; at step 2", "suites/a.json", 0),
    ]
    assert [one.outcome for one in failures] == [Outcome.FAILED, Outcome.ERROR, Outcome.ERROR, Outcome.ERROR]
    assert (failures[0].title, failures[-1].title) == ("Banking regression: 01 Hi", "Banking regression")


def test_failures__none() -> None:
    """A suite that passed, or that its red steps speak for, adds nothing."""
    red = builders.make_step(**_assertion_step(outcome=Outcome.FAILED))

    assert [*cases.failures(builders.make_result())] == []
    assert len([*cases.failures(builders.make_result(Ending.FAILED, suite=builders.make_suite(steps=(red,))))]) == 1
