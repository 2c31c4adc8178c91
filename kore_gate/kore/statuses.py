"""Kore.ai's status words, and everything else in an answer that speaks against its success.

Green needs more than the fields we know: a word that is not clearly good, a counter that is not zero or counts that
don't add up make it red, wherever they stand outside the bot's own texts. The documentation shows only running and
good words; the bad ones are those of its neighbouring jobs. An unknown word is waited for and named, never green.
"""

import collections
import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from kore_gate.kore.responses import as_text, digits
from kore_gate.model import Outcome, State, Tally

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


RED = (Outcome.FAILED, Outcome.ERROR)

_MORE = (
    "counts?|of|total|num(?:ber)?|tests?|steps?|cases?|assertions?|suites?|is|has|any|all|last|first|run|job|overall|"
    "final|imports?|executions?|results?|data|tasks?|dock|validations?|details?|messages?|msg|codes?|reasons?|texts?|"
    "info|list|logs?|summary|types?|names?|descriptions?"
)
_KINDS = {
    kind: re.compile(pattern)
    for kind, pattern in {
        "status": r".*status",
        "rows": r"status(?:logs?|summary|list|details)|statuses",
        # Said in words of all kinds: only a clearly bad one counts.
        "word": r".*(?:state|outcome|verdict|conclusion|result)|severity|level|message|msg|reason|comments|"
        r"(?:http)?status(?:message|text|reason|code)|(?:http|return)?code",
        # What to do about errors is a setting.
        "bad": rf"(?!on(?:err|fail)|.*(?:continueon|ignore|max|allow|retr|threshold|handler|handling|prompt))"
        rf"(?:.*(?:errors?|exceptions?|failures?)|(?:{_MORE})*(?:err|errored|fail|fails|failed|failtask|faults?|fatal|crash|crashe[sd]|"
        rf"notexecuted|unexecuted|notrun|notpassed|skipped|aborted|rejected|stopped|terminated|killed|expired|timedout|"
        rf"cancell?ed|unsuccessful|incomplete|invalid|missing|pending|remaining))(?:{_MORE}|rates?|percent(?:age)?)*",
        "rate": r"(?:pass|passed|success)(?:rate|percent(?:age)?)",
        "good": r"(?:is|was|has|all)?(?:success|successful|succeeded|passed|pass|ok|valid|completed?|accepted)",
    }.items()
}
# What the bot, its users and its authors say: none of Kore.ai's words.
_OWN_TEXTS = frozenset(
    ["input", "event", "text", "value", "payload", "template", "userprompts", "tags", "recenttags", "context"]
)
_REPLIES = frozenset(["outputs", "actualoutput"])
_NOTHING = frozenset(["", "0", "0.0", "0.00", "false", "no", "none", "null", "{}", "[]"])
_REASONS = ("comments", "message", "msg", "errorMessage", "reason")
# Where a log calls the level of a line its status.
_LEVELS = frozenset(["info", "debug", "notice", "trace"])
_LONGEST_KEY = 60
_MOST = 10

# Where a value stands: anywhere; a step or an assertion, whose own status is read elsewhere; rows of expected values.
_Place = tuple[str, object, str]


def objections(answer: Mapping[str, object]) -> list[str]:
    """Name what in an answer, but for its own status and the steps that are read with their outcomes, is not good."""
    result, response = answer.get("result"), answer.get("response")
    shown: dict[str, object] = {**answer, "status": None}
    if isinstance(result, dict):
        shown["result"] = {**result, "status": None, "executionResults": None}
    if isinstance(response, dict):
        shown["response"] = {**response, "testSteps": None}
    else:
        shown["testSteps"] = None
    found = _sweep(("anywhere", shown, ""))
    return [said for said, _ in zip(found, range(_MOST), strict=False)]


def against_step(row: Mapping[str, object]) -> str:
    """Name the first thing that contradicts a step's success, apart from its outcomes; "" if none."""
    return next(_sweep(("judged", row, "")), "")


def miscounted(answer: Mapping[str, object], tally: Tally | None, rows: int) -> Iterator[str]:
    """Name counters that are not zero or don't add up; `rows` are the results that the answer holds itself."""
    result = answer.get("result")
    details = result.get("stepDetails") if isinstance(result, dict) else None
    places = [place for place in (answer, result, details) if isinstance(place, dict)]
    totals = [(key, int(said)) for place in places for key in place if (said := _total(key, place[key]))]
    if tally and tally.failed:
        yield f"its counters show that {tally.failed} of {_steps(max([tally.failed, *(n for _, n in totals)]))} failed"
        return
    passed = tally.passed if tally else None
    judged = rows if passed is None else passed
    for key, number in totals:
        if number > judged:
            yield f"its counters leave {number - judged} of {_steps(number)} not executed ({key})"
        elif number < judged:
            yield f"{key} is {number}, but {judged} passed"
    if passed is not None and rows > passed:
        yield f"its counters show that {passed} passed, but the response has {rows} results"


def _total(key: str, value: object) -> str:
    plain = _plain(key)
    is_one = plain.startswith("total") and re.fullmatch("(?:total|tests?|steps?|counts?|cases?)+", plain)
    return digits(value) if is_one and value is not None else ""


def _steps(number: int) -> str:
    return f"{number} step{'s' if number != 1 else ''}"


def _sweep(start: _Place) -> Iterator[str]:
    places: collections.deque[_Place] = collections.deque([start])
    while places:
        mode, found, where = places.popleft()
        if not mode or not isinstance(found, dict | list):
            continue
        if isinstance(found, list):
            places += ((mode, value, f"{where}[{index}]") for index, value in enumerate(found))
        elif mode == "names":  # of assertions: whatever they are called, no words of Kore.ai's
            for name, group in filter(_is_given, found.items()):
                places.append(("judged", group, _path(where, name)))
                if not isinstance(group, dict) and _speaks_against("anywhere", name, group, found, where):
                    yield _said(_path(where, name), group, {})
        else:
            for key, value in filter(_is_given, found.items()):
                path = _path(where, key)
                if _speaks_against(mode, key, value, found, path):
                    yield _said(path, value, found)
                if _kind(key) == "rows" and isinstance(value, list):
                    yield from _bad_rows(path, value)
                places.append((_inside(mode, key, where), value, path))


def _is_given(entry: tuple[str, object]) -> bool:
    return entry[1] is not None and entry[1] != ""


def _inside(mode: str, key: str, where: str) -> str:
    """Say as what the value of a key is to be swept; "" for what is none of Kore.ai's."""
    plain = _plain(key)
    if plain == "contains" and mode != "anywhere":
        return "context row" if where.endswith("assertions.context") else mode if "row" in mode else "row"
    if mode == "context row" or plain in _OWN_TEXTS:
        return ""
    if plain == "assertions":
        return "names"
    return "reply" if mode == "reply" or plain in _REPLIES else "anywhere"


def _speaks_against(mode: str, key: str, value: object, beside: Mapping[str, object], path: str) -> bool:
    """Tell whether the value of a key is not good."""
    if key == "status" and mode in ("judged", "row", "context row"):
        return (of(as_text(value))[0] if mode == "judged" else of_row(beside)) in RED
    if mode == "context row":
        # Anything else in there may be a variable of the bot's.
        return _plain(key) == "status" and of(as_text(value))[0] is not Outcome.PASSED
    word = "" if isinstance(value, dict | list) else as_text(value)
    match _kind(key):
        case "status":
            is_level = path.startswith("statusLogs[") and normal(word) in _LEVELS
            return bool(word) and not is_level and not _is_good(word)
        case "rows":
            return bool(word) and not _is_good(word)
        case "word":
            return _is_bad(word)
        case "bad":
            return _means_something(value)
        case "rate":
            return bool(re.fullmatch(r"[0-9.]+ ?%?", word)) and float(word.rstrip(" %") or 0) not in (1.0, 100.0)
        case "good":
            return value is False or word.strip().lower() in ("false", "no")
        case _:
            return False


def _bad_rows(path: str, log: Sequence[object]) -> Iterator[str]:
    """Name the rows of a log that don't say that they are good; those that say something else are found anyway."""
    for index, row in enumerate(log):
        if isinstance(row, dict):
            if row and not any(row[key] and _kind(key) in ("status", "bad") for key in row):
                yield _said(f"{path}[{index}]", "without a status", row)
        elif _means_something(row) and not _is_good(as_text(row)):
            yield _said(f"{path}[{index}]", row, {})


def _said(path: str, value: object, beside: Mapping[str, object]) -> str:
    reasons = (as_text(beside[key]) for key in _REASONS if beside.get(key) and beside[key] is not value)
    task = " ".join(as_text(beside[key]) for key in ("taskType", "taskName") if beside.get(key))
    named = f"{path} ({task})" if task else path
    return ": ".join([f"{named} is {as_text(value)[:500]}", *(reason[:500] for reason in reasons)])


def _is_good(word: str) -> bool:
    number = digits(word)
    if number:
        return 200 <= int(number[:9]) < 300
    return state(word) is State.SUCCEEDED or outcome(word) is Outcome.PASSED


def _is_bad(word: str) -> bool:
    number = digits(word)
    return 400 <= int(number[:9]) < 600 if number else state(word) is State.FAILED


def _means_something(value: object) -> bool:
    """Tell whether there is an error in what stands for one: a text, a number that is not zero, or either inside."""
    places: list[object] = [value]
    while places:
        found = places.pop()
        if isinstance(found, dict):
            places += found.values()
        elif isinstance(found, list):
            places += found
        elif as_text(found).strip().lower() not in _NOTHING:
            return True
    return False


def _path(where: str, key: str) -> str:
    return f"{where}.{key[:_LONGEST_KEY]}" if where else key[:_LONGEST_KEY]


@functools.lru_cache(maxsize=1024)
def _plain(key: str) -> str:
    """Return a key without case and separators."""
    return re.sub(r"[^a-z0-9]", "", key.lower()) if len(key) <= _LONGEST_KEY else key


@functools.lru_cache(maxsize=1024)
def _kind(key: str) -> str:
    plain = _plain(key)
    if len(plain) > _LONGEST_KEY:
        return ""
    return next((kind for kind, pattern in _KINDS.items() if pattern.fullmatch(plain)), "")


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
    judged = outcome(status)
    if judged is not Outcome.PENDING or not status:
        return judged, ""
    if state(status) is State.RUNNING:
        return Outcome.SKIPPED, f"not finished: {status}"
    return Outcome.ERROR, f"unknown status: {status}"


def worst(told: Iterable[Outcome]) -> Outcome:
    """Return what counts of several judgements."""
    order = (Outcome.ERROR, Outcome.FAILED, Outcome.SKIPPED, Outcome.PASSED)
    return min(told, key=order.index, default=Outcome.PENDING)
