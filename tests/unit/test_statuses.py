"""Status words, in any case and spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kore_gate.kore import statuses
from kore_gate.model import Outcome, State


def spellings(word: str) -> list[str]:
    """Return ways in which APIs write a word of two."""
    parts = word.split(" ")
    return [
        "".join(parts),
        "_".join(parts),
        "-".join(parts),
        " ".join(parts),
        "_".join(parts).upper(),
        "".join(part.title() for part in parts),
        f"  {' '.join(parts)}\n",
    ]


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("in progress", State.RUNNING),
        ("pending", State.RUNNING),
        ("queued", State.RUNNING),
        ("accepted", State.RUNNING),
        ("scheduled", State.RUNNING),
        ("success", State.SUCCEEDED),
        ("successful", State.SUCCEEDED),
        ("passed", State.SUCCEEDED),
        ("completed", State.SUCCEEDED),
        ("finished", State.SUCCEEDED),
        ("failed", State.FAILED),
        ("failure", State.FAILED),
        ("fail task", State.FAILED),
        ("partial success", State.FAILED),
        ("stopped", State.FAILED),
        ("cancelled", State.FAILED),
        ("canceled", State.FAILED),
        ("timed out", State.FAILED),
        ("expired", State.FAILED),
        ("reindexing", State.UNKNOWN),
        ("un success ful", State.UNKNOWN),
        ("not passed", State.UNKNOWN),
        ("incomplete", State.UNKNOWN),
    ],
)
def test_state__spellings(word: str, state: State) -> None:
    """Case, spaces, hyphens and underscores make no other word."""
    assert {statuses.state(spelling) for spelling in spellings(word)} == {state}


@pytest.mark.parametrize("word", ["", " ", "_", '["passed"]', '{"ok": ""}', "true", "0", "200", "passed?", "pass/fail"])
def test_state__no_word(word: str) -> None:
    """What is not a single word is unknown, whatever it contains."""
    assert statuses.state(word) is State.UNKNOWN


def test_words__apart() -> None:
    """No word has two meanings, and each is written as it is looked up."""
    words = [word for _, _, row in statuses._MEANINGS for word in row.split()]

    assert len(words) == len(set(words)) == len(statuses.WORDS)
    assert [statuses.normal(word) for word in words] == words


@given(st.text())
def test_state__never_well_by_chance(word: str) -> None:
    """Only the words of the table are success."""
    known = statuses.normal(word) in statuses.WORDS

    assert known or statuses.state(word) is State.UNKNOWN


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        ("passed", Outcome.PASSED),
        ("Pass", Outcome.PASSED),
        ("SUCCESS", Outcome.PASSED),
        ("failed", Outcome.FAILED),
        ("FAIL", Outcome.FAILED),
        ("Error", Outcome.ERROR),
        ("timed_out", Outcome.ERROR),
        ("Not Executed", Outcome.SKIPPED),
        ("not-executed", Outcome.SKIPPED),
        ("skipped", Outcome.SKIPPED),
        ("completed", Outcome.PENDING),
        ("done", Outcome.PENDING),
        ("", Outcome.PENDING),
        ("mismatch", Outcome.PENDING),
    ],
)
def test_outcome(word: str, outcome: Outcome) -> None:
    """A step or an assertion passed only where a word says so; that a job has ended says nothing of it."""
    assert statuses.outcome(word) is outcome
