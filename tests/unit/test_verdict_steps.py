from collections.abc import Mapping

import pytest

from kore_gate.gate import verdict
from kore_gate.kore import payloads
from kore_gate.model import Outcome, Source, State, Suite, replace
from tests.fakes.answers import group, imported, run, step, tally


def defined(*steps: object) -> Suite:
    suite = payloads.import_job(imported(*steps)).suite
    assert suite is not None
    return suite


def executed(body: Mapping[str, object], known: Suite | None = None) -> Suite:
    suite = verdict.executed_suite(payloads.run_job(body), known)
    assert suite is not None
    return suite


def accepted(*steps: object) -> Suite:
    _, suite = verdict.judge_import(payloads.import_job(imported(*steps)), allow_empty=True)
    assert suite is not None
    return suite


def shown(suite: Suite) -> list[tuple[str, str, list[tuple[str, str, str]]]]:
    """Return each step's input and outcome, and group, outcome and reason of its assertions."""
    return [
        (
            step.input,
            step.outcome,
            [(one.group, one.outcome, one.reason) for reply in step.replies for one in reply.assertions],
        )
        for step in suite.steps
    ]


def groups(*statuses: str | None) -> dict[str, object]:
    """Build the groups flow, text and context with these status words; None leaves one without."""
    return {
        name: group(status)
        for name, status in zip(("flowLevel", "text", "context"), statuses, strict=False)
        if status != "absent"
    }


def with_groups(words: str, status: str | None, *statuses: str | None) -> dict[str, object]:
    outputs = [{"text": "Hello", "assertions": groups(*statuses)}]
    return {"input": words, "outputs": outputs, **({} if status is None else {"status": status})}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, (Outcome.PASSED, Outcome.PASSED)),
        ("passed", (Outcome.PASSED, Outcome.PASSED)),
        ("failed", (Outcome.FAILED, Outcome.ERROR)),
        ("error", (Outcome.ERROR, Outcome.ERROR)),
        ("skipped", (Outcome.SKIPPED, Outcome.SKIPPED)),
        ("huh", (Outcome.ERROR, Outcome.ERROR)),
    ],
)
def test_accepted__word_of_a_step(status: str | None, expected: tuple[Outcome, Outcome]) -> None:
    """What an import says nothing of was accepted; what it does say counts."""
    suite = accepted(with_groups("Hi", status, None))

    [only] = suite.steps
    assert (only.outcome, only.replies[0].assertions[0].outcome) == expected


def test_accepted__switched_off() -> None:
    """A step without an enabled assertion is neither passed nor failed."""
    suite = accepted(step(text=group(enabled=False)), {"input": "Hm"})

    assert [one.outcome for one in suite.steps] == [Outcome.SKIPPED, Outcome.SKIPPED]


RUN_STEPS: dict[str, tuple[dict[str, object], tuple[str, list[tuple[str, str, str]]]]] = {
    "passed": (with_groups("Hi", "passed", "passed"), ("passed", [("flow", "passed", "")])),
    "passed, one assertion without a word": (
        with_groups("Hi", "passed", "passed", None),
        ("passed", [("flow", "passed", ""), ("text", "passed", "")]),
    ),
    "failed, one assertion without a word": (
        with_groups("Hi", "failed", "failed", None),
        ("failed", [("flow", "failed", ""), ("text", "skipped", "not judged: another assertion of this step failed")]),
    ),
    "failed, no assertion with a word": (
        with_groups("Hi", "failed", None),
        ("failed", [("flow", "error", "Kore.ai reports that the step failed, not which assertion")]),
    ),
    "failed, with a reason": (
        {**with_groups("Hi", "failed", None), "errorMessage": "no answer"},
        ("failed", [("flow", "error", "no answer")]),
    ),
    "error": (
        with_groups("Hi", "error", None),
        ("error", [("flow", "error", "Kore.ai could not execute this step")]),
    ),
    "not executed": (with_groups("Hi", "notExecuted", None), ("skipped", [("flow", "skipped", "not reached")])),
    "no word for the step, one for each assertion": (
        with_groups("Hi", None, "passed", "passed"),
        ("passed", [("flow", "passed", ""), ("text", "passed", "")]),
    ),
    "no word for the step, a bad one for an assertion": (
        with_groups("Hi", None, "passed", "failed"),
        ("failed", [("flow", "passed", ""), ("text", "failed", "")]),
    ),
    "no word at all": (
        with_groups("Hi", None, None),
        ("error", [("flow", "error", "Kore.ai gave no result for this")]),
    ),
    "no word, nothing asserted": ({"input": "Hi"}, ("skipped", [])),
    "passed, an assertion failed": (
        with_groups("Hi", "passed", "failed"),
        ("failed", [("flow", "failed", "")]),
    ),
    "not executed, an assertion failed": (
        with_groups("Hi", "skipped", "failed"),
        ("failed", [("flow", "failed", "")]),
    ),
    "unknown word": (
        with_groups("Hi", "huh", "passed"),
        ("error", [("flow", "passed", "")]),
    ),
}


@pytest.mark.parametrize(("row", "expected"), RUN_STEPS.values(), ids=RUN_STEPS)
def test_executed__step(row: dict[str, object], expected: tuple[str, list[tuple[str, str, str]]]) -> None:
    """What a run leaves open in a step is settled by its word for the step, the worst word counting."""
    [(_, outcome, assertions)] = shown(executed(run(row)))

    assert (outcome, assertions) == expected


def test_executed__running() -> None:
    """While a run goes on, what has no word yet stays open."""
    suite = executed(run(with_groups("Hi", "passed", "passed"), with_groups("Bye", None, None), status="inprogress"))

    assert shown(suite) == [
        ("Hi", "passed", [("flow", "passed", "")]),
        ("Bye", "pending", [("flow", "pending", "")]),
    ]


def test_executed__nothing_known() -> None:
    """Without an answer's rows and without a definition there is no suite."""
    assert verdict.executed_suite(payloads.run_job(run()), None) is None


def test_executed__completed_by_the_definition() -> None:
    """The definition fills in what the answer leaves out: name, texts, replies, assertions, place in the file."""
    known = defined(
        {
            "input": "Hi",
            "event": "Start_Flow",
            "outputs": [
                {"text": "Hello", "assertions": {**groups(None), "context": group(enabled=False)}},
                {"text": "How are you?", "assertions": groups("absent", None)},
            ],
        }
    )
    known = replace(known, steps=(replace(known.steps[0], source=Source(file="a.json", line=7)),))
    row = {"status": "passed", "outputs": [{"text": "Hello", "assertions": groups("passed")}]}

    suite = executed(run(row), known)

    assert suite.name == "Banking"
    assert suite.id == "ctc-1"
    assert [(one.input, one.event, one.source) for one in suite.steps] == [
        ("Hi", "Start_Flow", Source(file="a.json", line=7))
    ]
    assert shown(suite)[0][2] == [("flow", "passed", ""), ("context", "skipped", ""), ("text", "passed", "")]


def test_executed__words_of_the_import_prove_nothing() -> None:
    """What an import said of an assertion is no result of the run that leaves it out."""
    known = defined(with_groups("Hi", "passed", "passed", "passed"), with_groups("Bye", "passed", "passed"))

    suite = executed(run(with_groups("Hi", "notExecuted", None)), known)

    assert shown(suite) == [
        ("Hi", "skipped", [("flow", "skipped", "not reached"), ("text", "skipped", "not reached")]),
        ("Bye", "skipped", [("flow", "skipped", "not executed")]),
    ]


LEFT_OUT = ("skipped", [("text", "skipped", "not executed")])
DONE = ("passed", [("text", "passed", "")])


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (["a", "b", "c", "d"], [DONE, DONE, DONE, DONE]),
        (["a", "b"], [DONE, DONE, LEFT_OUT, LEFT_OUT]),
        (["c", "d"], [LEFT_OUT, LEFT_OUT, DONE, DONE]),
        (["a", "d"], [DONE, LEFT_OUT, LEFT_OUT, DONE]),
        (["", ""], [DONE, DONE, LEFT_OUT, LEFT_OUT]),
        (["c", ""], [LEFT_OUT, LEFT_OUT, DONE, DONE]),
        (["d", ""], [LEFT_OUT, LEFT_OUT, LEFT_OUT, DONE, DONE]),
        (["a", "x"], [DONE, DONE, LEFT_OUT, LEFT_OUT, LEFT_OUT]),
        (["a", "a"], [DONE, DONE, LEFT_OUT, LEFT_OUT, LEFT_OUT]),
    ],
    ids=["all", "first", "last", "ends", "unnamed", "named and unnamed", "one too many", "foreign", "repeated"],
)
def test_executed__rows_left_out(inputs: list[str], expected: list[object]) -> None:
    """A row goes with the definition that it names, wherever an answer leaves rows out."""
    known = defined(*(step(one) for one in "abcd"))

    suite = executed(run(*(step(one, "passed") for one in inputs)), known)

    assert [(outcome, assertions) for _, outcome, assertions in shown(suite)] == expected


def test_executed__numbers_of_the_definition() -> None:
    """A step keeps its number when the rows before it are left out."""
    suite = executed(run(step("c", "passed")), defined(*(step(one) for one in "abcd")))

    assert [(one.number, one.input) for one in suite.steps] == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]


def test_executed__event_names_a_step() -> None:
    """A step that an event began is found by it."""
    known = defined(step("Hi"), {**step(""), "event": "Start_Flow"}, step("Bye"))

    suite = executed(run({**step("Start_Flow", "passed")}), known)

    assert [outcome for _, outcome, _ in shown(suite)] == ["skipped", "passed", "skipped"]


@pytest.mark.parametrize(
    ("counted", "outcomes"),
    [
        (tally(3, 0, 3), ["passed"] * 3),
        (tally(3, None, None), ["passed"] * 3),
        (tally(2, 0, 3), ["passed", "skipped", "skipped"]),
        (tally(2, 0, 2), ["passed", "skipped", "skipped"]),
        (tally(3, 1, 3), ["passed", "skipped", "skipped"]),
        (tally(3, 0, 9), ["passed", "skipped", "skipped"]),
        (None, ["passed", "skipped", "skipped"]),
    ],
    ids=["all", "passed alone", "fewer", "another total", "one failed", "more in total", "none"],
)
def test_executed__counters(counted: object, outcomes: list[str]) -> None:
    """Only counters that leave no doubt make a step green that the answer does not mention."""
    known = defined(*(step(one) for one in "abc"))

    suite = executed(run(step("a", "passed"), tally=counted), known)

    assert [outcome for _, outcome, _ in shown(suite)] == outcomes


def test_executed__counters_of_a_run_that_ended_badly() -> None:
    """Counters of a run that was stopped make nothing green."""
    suite = executed(run(status="stopped", tally=tally(2, 0, 2)), defined(step("a"), step("b")))

    assert {outcome for _, outcome, _ in shown(suite)} == {"skipped"}


@pytest.mark.slow
def test_executed__large_suite_shortened() -> None:
    """Fifty thousand steps of which the answer leaves one out are put together in the blink of an eye."""
    known = defined(*({"input": f"q{number}"} for number in range(50_000)))
    job = payloads.run_job(run(*({"input": f"q{number}", "status": "passed"} for number in range(1, 50_000))))

    suite = verdict.executed_suite(job, known)

    assert suite is not None
    assert [one.outcome for one in suite.steps[:2]] == [Outcome.SKIPPED, Outcome.PASSED]
    assert len(suite.steps) == 50_000
    assert job.state is State.SUCCEEDED
