"""Kore.ai's status words, in any case and spelling.

The documentation shows only running and good values; the bad ones are those of its neighbouring jobs. A word in none of
the sets is waited out and named, never taken for success.
"""

import functools

from kore_gate.model import Outcome, State

RUNNING = frozenset(
    [
        "inprogress",
        "running",
        "pending",
        "queued",
        "accepted",
        "initiated",
        "started",
        "processing",
        "scheduled",
        "created",
        "submitted",
        "waiting",
    ]
)
ENDED_WELL = frozenset(
    ["success", "successful", "succeeded", "passed", "pass", "completed", "complete", "finished", "done", "ok"]
)
ENDED_BADLY = frozenset(
    [
        "failed",
        "failure",
        "fail",
        "failtask",
        "error",
        "errored",
        "partialsuccess",
        "stopped",
        "cancelled",
        "canceled",
        "aborted",
        "terminated",
        "expired",
        "timeout",
        "timedout",
        "rejected",
        "killed",
    ]
)

_PASSED = frozenset(["passed", "pass", "success", "successful", "succeeded"])
_FAILED = frozenset(["failed", "failure", "fail", "failtask", "partialsuccess"])
_ERROR = frozenset(["error", "errored", "timeout", "timedout", "aborted", "terminated"])
_SKIPPED = frozenset(["notexecuted", "skipped", "notrun", "cancelled", "canceled", "stopped", "pending", "queued"])


_SEPARATORS = str.maketrans("", "", " _-")

# The same few words stand in an answer hundreds of thousands of times.
_cached = functools.lru_cache(maxsize=256)


def normal(word: str) -> str:
    """Return a status word without case, spaces, hyphens and underscores."""
    # What else there is makes it another word: a list `["passed"]`, letters that look alike, control characters.
    return word.lower().strip().translate(_SEPARATORS) if word.isascii() and word.strip().isprintable() else word


@_cached
def state(word: str) -> State:
    """Tell what a job's status word means."""
    plain = normal(word)
    if plain in RUNNING:
        return State.RUNNING
    if plain in ENDED_WELL:
        return State.SUCCEEDED
    return State.FAILED if plain in ENDED_BADLY else State.UNKNOWN


@_cached
def outcome(word: str) -> Outcome:
    """Tell what the status word of a step or an assertion means; one that is not known judges nothing."""
    plain = normal(word)
    for known, meant in (
        (_PASSED, Outcome.PASSED),
        (_FAILED, Outcome.FAILED),
        (_ERROR, Outcome.ERROR),
        (_SKIPPED, Outcome.SKIPPED),
    ):
        if plain in known:
            return meant
    return Outcome.PENDING
