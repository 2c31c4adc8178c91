"""Small things that the reports for people say."""

import pytest

from kore_gate.errors import Ending
from kore_gate.model import Evidence, Outcome
from kore_gate.reports import labels
from tests import builders


@pytest.mark.parametrize("ending", Ending)
def test_titles(ending: Ending) -> None:
    """Every ending has a title."""
    assert labels.TITLES[ending]


@pytest.mark.parametrize(
    ("outcome", "outcomes", "evidence", "said"),
    [
        (Outcome.PASSED, [Outcome.PASSED], Evidence.EXECUTION, "passed"),
        (Outcome.PASSED, [Outcome.PASSED], Evidence.IMPORT_VALIDATION, "accepted"),
        (Outcome.FAILED, [Outcome.PASSED], Evidence.EXECUTION, "failed"),
        (Outcome.PASSED, [Outcome.PASSED, Outcome.FAILED], Evidence.EXECUTION, "failed"),
        (Outcome.PASSED, [Outcome.ERROR, Outcome.FAILED], Evidence.EXECUTION, "error"),
        (Outcome.ERROR, [], Evidence.EXECUTION, "error"),
        (Outcome.PASSED, [Outcome.PASSED, Outcome.PENDING], Evidence.EXECUTION, "unreached"),
        (Outcome.SKIPPED, [Outcome.SKIPPED], Evidence.EXECUTION, "unreached"),
        (Outcome.PENDING, [], Evidence.NONE, "unreached"),
        (Outcome.PASSED, [], Evidence.EXECUTION, "unchecked"),
        (Outcome.SKIPPED, [], Evidence.EXECUTION, "unreached"),
        (Outcome.SKIPPED, [], Evidence.NONE, "unreached"),
        (Outcome.SKIPPED, [], Evidence.IMPORT_VALIDATION, "unchecked"),
        (Outcome.PENDING, [], Evidence.IMPORT_VALIDATION, "unreached"),
    ],
)
def test_step_outcome(outcome: Outcome, outcomes: list[Outcome], evidence: Evidence, said: str) -> None:
    """A step is as good as its worst enabled assertion, and never green without one that held."""
    assertions = tuple(builders.make_assertion(outcome=one) for one in outcomes)
    disabled = builders.make_assertion(enabled=False, outcome=Outcome.FAILED)
    step = builders.make_step(outcome=outcome, replies=(builders.make_reply(assertions=(*assertions, disabled)),))

    named = labels.step_outcome(builders.make_result(evidence=evidence), step)

    assert named == said
    assert named in labels.OUTCOMES.keys() & labels.MARKS.keys()
    assert step.is_red == (said in ("failed", "error"))


@pytest.mark.parametrize(
    ("outcomes", "actual", "evidence", "said"),
    [
        ([Outcome.PASSED], None, Evidence.EXECUTION, "Executed: Kore.ai ran this conversation against the bot and"),
        ([Outcome.PASSED, Outcome.SKIPPED], None, Evidence.EXECUTION, "Partly executed: "),
        ([Outcome.PENDING], None, Evidence.EXECUTION, "Partly executed: "),
        ([Outcome.PENDING], "Hi", Evidence.EXECUTION, "Executed: Kore.ai ran this conversation against the bot and"),
        ([], None, Evidence.EXECUTION, "Executed: Kore.ai ran this conversation against the bot, but reported"),
        ([Outcome.SKIPPED], None, Evidence.IMPORT_VALIDATION, "Accepted by Kore.ai, not executed"),
        ([Outcome.SKIPPED], None, Evidence.NONE, "No evidence"),
    ],
)
def test_evidence(outcomes: list[Outcome], actual: str | None, evidence: Evidence, said: str) -> None:
    """No step is said to have been executed that was not."""
    steps = tuple(
        builders.make_step(outcome=outcome, replies=(builders.make_reply(actual=actual),)) for outcome in outcomes
    )
    result = builders.make_result(suite=builders.make_suite(steps=steps), evidence=evidence)

    assert labels.evidence(result).startswith(said)


@pytest.mark.parametrize(
    ("group", "own", "actual"),
    [("text", None, "Bye"), ("text", "Hi", "Hi"), ("flow", "Fallback", "Fallback"), ("context", None, None)],
)
def test_actual(group: str, own: str | None, actual: str | None) -> None:
    """A reply's text stands for the actual value of a text assertion only."""
    reply = builders.make_reply(actual="Bye")

    assert labels.actual(reply, builders.make_assertion(group=group, actual=own)) == actual
