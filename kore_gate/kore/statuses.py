"""Kore.ai's status words, and everything else in an answer that speaks against its success.

Green needs more than the fields we know: whatever is not clearly good makes an answer red, wherever it stands outside
the bot's own texts. The documentation shows only running and good words; the bad ones are those of neighbouring jobs.
"""

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kore_gate.kore.responses import REASON_KEYS, as_text, digits
from kore_gate.model import Outcome, State, Tally

# What words mean, written in lower case without separators: as a job's status; as a step's or an assertion's.
_MEANINGS = (
    (State.RUNNING, Outcome.PENDING, "inprogress running accepted initiated started processing scheduled created"),
    (State.RUNNING, Outcome.PENDING, "submitted waiting"),
    (State.RUNNING, Outcome.SKIPPED, "pending queued"),
    (State.SUCCEEDED, Outcome.PASSED, "success successful succeeded passed pass"),
    (State.SUCCEEDED, Outcome.PENDING, "completed complete finished done ok"),
    (State.FAILED, Outcome.FAILED, "failed failure fail failtask partialsuccess"),
    (State.FAILED, Outcome.ERROR, "error errored timeout timedout aborted terminated"),
    (State.FAILED, Outcome.SKIPPED, "cancelled canceled stopped"),
    (State.FAILED, Outcome.PENDING, "expired rejected killed"),
    (State.UNKNOWN, Outcome.SKIPPED, "notexecuted skipped notrun"),
)
WORDS = {word: (state, outcome) for state, outcome, words in _MEANINGS for word in words.split()}

_SEPARATORS = str.maketrans("", "", " _-")

# The same few words stand in an answer hundreds of thousands of times.
_cached = functools.lru_cache(maxsize=1024)


def normal(word: str) -> str:
    """Return a status word without case, spaces, hyphens and underscores."""
    # Anything else makes it another word: a list `["passed"]`, similar letters of other scripts, control characters.
    return word.lower().strip().translate(_SEPARATORS) if word.isascii() and word.strip().isprintable() else word


@_cached
def state(word: str) -> State:
    """Tell what a job's status word means."""
    return WORDS.get(normal(word), (State.UNKNOWN, None))[0]


@_cached
def judge(word: str) -> tuple[Outcome, str]:
    """Judge a step or an assertion by its status word; an unknown word is an error, and the reason names it."""
    status, judged = WORDS.get(normal(word), (State.UNKNOWN, Outcome.PENDING))
    if judged is not Outcome.PENDING or not word:
        return judged, ""
    if status is State.RUNNING:
        return Outcome.SKIPPED, f"not finished: {word}"
    return Outcome.ERROR, f"unknown status: {word}"


def judge_value(row: Mapping[str, object], key: str = "status") -> Outcome | None:
    """Judge one expected value; None for a mere context variable that is called `status`."""
    judged, reason = judge(as_text(row.get(key)))
    return None if reason and len(row) == 1 else judged


def miscounted(answer: Mapping[str, object], tally: Tally | None, rows: int) -> Iterator[str]:
    """Name counters that are not zero or don't add up; `rows` is the number of results in the answer itself."""
    result = answer.get("result")
    details = result.get("stepDetails") if isinstance(result, dict) else None
    places = [place for place in (answer, result, details) if isinstance(place, dict)]
    counters = [(key, digits(place[key])) for place in places for key in place if _kind(key) == "total"]
    totals = [(key, int(total)) for key, total in counters if total]
    passed, failed = (tally.passed, tally.failed) if tally else (None, None)
    if failed:
        most = max([failed, *(total for _, total in totals)])
        yield f"its counters show that {failed} of {most} step{'s' if most != 1 else ''} failed"
        return
    judged = rows if passed is None else passed
    for key, total in totals:
        if total > judged:
            yield f"its counters leave {total - judged} of {total} step{'s' if total != 1 else ''} not executed ({key})"
        elif total < judged:
            yield f"{key} is {total}, but {judged} passed"
    if rows > judged:
        yield f"its counters show that {judged} passed, but the response has {rows} results"


_FILLERS = (
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
        rf"(?:.*(?:errors?|exceptions?|failures?)|(?:{_FILLERS})*(?:err|errored|fail|fails|failed|failtask|faults?|"
        rf"fatal|crash|crashe[sd]|notexecuted|unexecuted|notrun|notpassed|skipped|aborted|rejected|stopped|terminated|"
        rf"killed|expired|timedout|cancell?ed|unsuccessful|incomplete|invalid|missing|pending|remaining))"
        rf"(?:{_FILLERS}|rates?|percent(?:age)?)*",
        "rate": r"(?:pass|passed|success)(?:rate|percent(?:age)?)",
        "good": r"(?:is|was|has|all)?(?:success|successful|succeeded|passed|pass|ok|valid|completed?|accepted)",
        "total": r"total(?:total|tests?|steps?|counts?|cases?)*",
        "link": r"(?:download|file|results?|report)url|downloadlink",
    }.items()
}
# What the bot, its users and its authors say, not Kore.ai.
_OWN_TEXTS = frozenset(
    ["input", "event", "text", "value", "payload", "template", "userprompts", "tags", "recenttags", "context"]
)
_STEPS = frozenset(["teststeps", "executionresults", "outputs", "actualoutput"])
_LINK = re.compile(r"\s*https?://[^/?#\s]\S*\s*", re.IGNORECASE)
_NOTHING = frozenset(["", "0", "0.0", "0.00", "false", "no", "none", "null", "{}", "[]"])
# Where a log calls the level of a line its status.
_LEVELS = frozenset(["info", "debug", "notice", "trace"])
_MAX_KEY_LENGTH = 60
_MAX_OBJECTIONS = 10

# What a sweep finds: "objection" or "link", the path, the value, and the object it stands in.
_Finding = tuple[str, str, object, Mapping[str, object]]


def sweep(answer: Mapping[str, object]) -> tuple[tuple[str, ...], str]:
    """Return what is not good in an answer, apart from its status and its steps, and the link to a results file."""
    steps = "response.testSteps" if isinstance(answer.get("response"), dict) else "testSteps"
    findings = list(_sweep("job", answer, frozenset(["status", "result.status", "result.executionResults", steps])))
    objections = [finding for finding in findings if finding[0] == "objection"]
    link = next((as_text(value).strip() for kind, _, value, _ in findings if kind == "link"), "")
    return tuple(_remark(*finding[1:]) for finding in objections[:_MAX_OBJECTIONS]), link


def against_step(row: Mapping[str, object]) -> str:
    """Name the first thing that contradicts a step's success, apart from its outcomes; "" if none."""
    return next((_remark(*finding[1:]) for finding in _sweep("step", row) if finding[0] == "objection"), "")


def task(row: Mapping[str, object]) -> str:
    """Return the task that a row of a log is about."""
    return " ".join(as_text(row[key]) for key in ("taskType", "taskName") if row.get(key))


def _sweep(start: str, answer: Mapping[str, object], skipped: frozenset[str] = frozenset()) -> Iterator[_Finding]:
    """Walk through an answer, outermost parts first; give each objection, and each link outside the steps.

    A part is "job"; "step", in which a status is an outcome; "names" of assertions; "row", an expected value; or "own".
    """
    places: list[tuple[str, Any, str]] = [(start, answer, "")]
    for part, value, where in places:  # which grow on the way
        if isinstance(value, list):
            places += [(part, entry, f"{where}[{index}]") for index, entry in enumerate(value)]
        for key, entry in value.items() if isinstance(value, dict) else ():
            path = f"{where}.{key[:_MAX_KEY_LENGTH]}".lstrip(".")
            if entry is None or entry == "" or path in skipped:
                continue
            if _is_objection(part, key, entry, value):
                yield "objection", path, entry, value
            if _kind(key) == "rows" and isinstance(entry, list) and part in ("job", "step"):
                yield from _bad_rows(path, entry)
            # The steps hold the bot's own links.
            if _kind(key) == "link" and _LINK.fullmatch(as_text(entry)) and part in ("job", "own"):
                yield "link", path, entry, value
            if isinstance(entry, dict | list):
                places.append((_part(part, key), entry, path))


def _part(part: str, key: str) -> str:
    """Say as what part of an answer the value of a key is to be swept."""
    plain = _plain(key)
    if part in ("own", "names"):
        return "own" if part == "own" else "step"
    if plain == "contains" and part != "job":
        return "row"
    if part == "row" or plain in _OWN_TEXTS:
        return "own"
    if plain == "assertions":
        return "names"
    return "step" if part == "step" or plain in _STEPS else "job"


def _is_objection(part: str, key: str, value: object, beside: Mapping[str, object]) -> bool:
    """Tell whether the value of a key is not good."""
    if part in ("step", "row") and _plain(key) == "status":
        judged = judge_value(beside, key) if part == "row" else judge(as_text(value))[0]
        return judged is not None and judged.is_red
    if part not in ("job", "step"):
        return False
    word = "" if isinstance(value, dict | list) else as_text(value)
    match _kind(key):
        case "status" | "rows":
            return bool(word) and _meaning(word) is not State.SUCCEEDED
        case "word":
            return _meaning(word) is State.FAILED
        case "bad":
            return _means_something(value)
        case "rate":
            return bool(re.fullmatch(r"[0-9.]+ ?%?", word)) and float(word.rstrip(" %") or 0) not in (1.0, 100.0)
        case "good":
            return word.strip().lower() in ("false", "no")
        case _:
            return False


def _bad_rows(path: str, log: Sequence[object]) -> Iterator[_Finding]:
    """Name the rows of a log that don't say that they are good; the sweep names those that say something else."""
    for index, row in enumerate(log):
        if isinstance(row, dict):
            if row and not any(row[key] and _kind(key) in ("status", "bad") for key in row):
                yield "objection", f"{path}[{index}]", "without a status", row
        elif _means_something(row) and _meaning(as_text(row)) is not State.SUCCEEDED:
            yield "objection", f"{path}[{index}]", row, {}


def _remark(path: str, value: object, beside: Mapping[str, object]) -> str:
    reasons = (as_text(beside[key])[:500] for key in REASON_KEYS if beside.get(key) and beside[key] is not value)
    name = f"{path} ({task(beside)})" if task(beside) else path
    return ": ".join([f"{name} is {as_text(value)[:500]}", *reasons])


def _meaning(word: str) -> State:
    """Tell what a status means that may be a number of HTTP's, or a level of a log."""
    if number := digits(word)[:9]:
        is_good, is_bad = 200 <= int(number) < 300, 400 <= int(number) < 600
        return State.SUCCEEDED if is_good else State.FAILED if is_bad else State.UNKNOWN
    return State.SUCCEEDED if normal(word) in _LEVELS else state(word)


def _means_something(value: object) -> bool:
    """Tell whether there is an error in what stands for one: a text, a number that is not zero, or either inside."""
    places = [value]
    for place in places:  # which grow on the way
        if isinstance(place, dict | list):
            places += place.values() if isinstance(place, dict) else place
        elif as_text(place).strip().lower() not in _NOTHING:
            return True
    return False


@_cached
def _plain(key: str) -> str:
    """Return a key without case and separators; nothing for one that is too long to be a field's."""
    return re.sub(r"[^a-z0-9]", "", key.lower()) if len(key) <= _MAX_KEY_LENGTH else ""


@_cached
def _kind(key: str) -> str:
    return next((kind for kind, pattern in _KINDS.items() if pattern.fullmatch(_plain(key))), "")
