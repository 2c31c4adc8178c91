"""What the status words in an answer say of its steps, replies and assertions."""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence

from kore_gate.kore import words
from kore_gate.kore.fields import as_text
from kore_gate.model import Outcome, State

RED = (Outcome.FAILED, Outcome.ERROR)


def against(replies: Iterable[object]) -> Iterator[str]:
    """Name what a reply, expected or actual, says against its step apart from the expected one's assertions."""
    for reply in replies:
        if not isinstance(reply, dict):
            continue
        told: list[tuple[str, Outcome | None]] = [("a reply", of(as_text(reply.get("status")))[0])]
        groups = reply.get("assertions")
        for name, group in groups.items() if isinstance(groups, dict) else ():
            if isinstance(group, dict):
                told.append((name, of(as_text(group.get("status")))[0]))
                expected = rows(group.get("contains"))
                told += [(name, of_row(row)) for row in expected if isinstance(row, dict)]
        yield from (f"Kore.ai's answer calls {name} {outcome}" for name, outcome in told if outcome in RED)


def rows(contains: object) -> Sequence[object]:
    """Return the expected values of an assertion: one alone need not stand in a list."""
    if isinstance(contains, list):
        return contains
    return () if contains is None else (contains,)


def of_row(row: Mapping[str, object]) -> Outcome | None:
    """Return how one expected value ended; None if it is no more than a context variable that is called `status`."""
    outcome, unclear = of(as_text(row.get("status")))
    return None if unclear and len(row) == 1 else outcome


@functools.lru_cache(maxsize=256)
def of(status: str) -> tuple[Outcome, str]:
    """Read the status word of a step or an assertion; one that is not known judges it as an error, and is named."""
    outcome = words.outcome(status)
    if outcome is not Outcome.PENDING or not status:
        return outcome, ""
    if words.state(status) is State.RUNNING:
        return Outcome.SKIPPED, f"not finished: {status}"
    return Outcome.ERROR, f"Kore.ai's word for this is not known: {status}"


def worst(told: Iterable[Outcome]) -> Outcome:
    """Return what counts of several judgements."""
    order = (Outcome.ERROR, Outcome.FAILED, Outcome.SKIPPED, Outcome.PASSED)
    return min(told, key=order.index, default=Outcome.PENDING)
