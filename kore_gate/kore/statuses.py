"""Kore.ai's status words, and everything else in an answer that speaks against its success.

Green needs more than the fields we know: a word that is not clearly good, a counter that is not zero or counts that
don't add up make it red, wherever they stand outside the bot's own texts. The documentation shows only running and
good words; the bad ones are those of its neighbouring jobs. An unknown word is waited for and named, never green.
"""

import collections
import functools
import re
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence

from kore_gate import text
from kore_gate.kore.responses import as_text, digits
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

# The same few words stand in an answer hundreds of thousands of times.
_cached = functools.lru_cache(maxsize=1024)


def normal(word: str) -> str:
    """Return a status word without case, spaces, hyphens and underscores."""
    # Anything else makes it another word: a list `["passed"]`, similar letters of other scripts, control characters.
    return re.sub("[ _-]", "", word.lower().strip()) if word.isascii() and word.strip().isprintable() else word


@_cached
def state(word: str) -> State:
    """Tell what a job's status word means."""
    return WORDS.get(normal(word), (State.UNKNOWN, None))[0]


@_cached
def outcome(word: str) -> Outcome:
    """Tell what the status word of a step or an assertion means; an unknown one judges nothing."""
    return WORDS.get(normal(word), (None, Outcome.PENDING))[1]


@_cached
def judge(word: str) -> tuple[Outcome, str]:
    """Judge a step or an assertion by its status word; an unknown word is an error, and the reason names it."""
    judged = outcome(word)
    if judged is not Outcome.PENDING or not word:
        return judged, ""
    if state(word) is State.RUNNING:
        return Outcome.SKIPPED, f"not finished: {word}"
    return Outcome.ERROR, f"unknown status: {word}"


def judge_value(row: Mapping[str, object]) -> Outcome | None:
    """Judge one expected value; None for a mere context variable that is called `status`."""
    judged, reason = judge(as_text(row.get("status")))
    return None if reason and len(row) == 1 else judged


def miscounted(answer: Mapping[str, object], tally: Tally, rows: int) -> Iterator[str]:
    """Name counters that are not zero or don't add up; `rows` is the number of results in the answer itself."""
    result = answer.get("result")
    details = result.get("stepDetails") if isinstance(result, dict) else None
    places = [place for place in (answer, result, details) if isinstance(place, dict)]
    totals = [(key, int(total)) for place in places for key in place if (total := _total(key, place[key]))]
    if tally.failed:
        steps = text.plural(max([tally.failed, *(number for _, number in totals)]), "step")
        yield f"its counters show that {tally.failed:,} of {steps} failed"
        return
    judged = rows if tally.passed is None else tally.passed
    for key, number in totals:
        if number > judged:
            yield f"its counters leave {number - judged:,} of {text.plural(number, 'step')} not executed ({key})"
        elif number < judged:
            yield f"{key} is {number}, but {judged} passed"
    if tally.passed is not None and rows > tally.passed:
        yield f"its counters show that {tally.passed} passed, but the response has {rows} results"


def _total(key: str, value: object) -> str:
    plain = _plain(key)
    is_one = plain.startswith("total") and re.fullmatch("(?:total|tests?|steps?|counts?|cases?)+", plain)
    return digits(value) if is_one and value is not None else ""


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
        "link": r"(?:download|file|results?|report)url|downloadlink",
    }.items()
}
# What the bot, its users and its authors say, not Kore.ai.
_OWN_TEXTS = re.compile("input|event|text|value|payload|template|userprompts|(?:recent)?tags|context")
_STEPS = re.compile(r"\b(?:testSteps|executionResults)\b")
_NOTHING = frozenset(["", "0", "0.0", "0.00", "false", "no", "none", "null", "{}", "[]"])
_REASONS = ("comments", "message", "msg", "errorMessage", "reason")
# Where a log calls the level of a line its status.
_LEVELS = frozenset(["info", "debug", "notice", "trace"])
_MAX_KEY_LENGTH = 60
_MAX_OBJECTIONS = 10

_CONTAINERS = (dict, list)

# Where a value stands: the path of what it is in, and its own key there; None for the answer itself.
_Path = tuple["_Path", str | int] | None

# A value to be swept: what it is a part of, the value, and its path. Parts are: "anything"; "judged" and "context", a
# step or an assertion, whose own status is read as an outcome; "names" of assertions; "reply"; "row" and "context row",
# expected values; "own", texts of the bot.
_Place = tuple[str, object, _Path]

# What a sweep finds: "objection" or "link", the path, the value, and the object it stands in.
_Finding = tuple[str, str, object, Mapping[str, object]]


def sweep(answer: Mapping[str, object]) -> tuple[tuple[str, ...], str]:
    """Return what is not good in an answer, apart from its status and its steps, and the link to a results file."""
    result, response = answer.get("result"), answer.get("response")
    shown: dict[str, object] = {**answer, "status": None}
    if isinstance(result, dict):
        shown["result"] = {**result, "status": None, "executionResults": None}
    if isinstance(response, dict):
        shown["response"] = {**response, "testSteps": None}
    else:
        shown["testSteps"] = None
    findings = list(_sweep(("anything", shown, None)))
    objections = [finding for finding in findings if finding[0] == "objection"]
    link = next((as_text(value).strip() for kind, _, value, _ in findings if kind == "link"), "")
    return tuple(_remark(*finding[1:]) for finding in objections[:_MAX_OBJECTIONS]), link


def against_step(row: Mapping[str, object]) -> str:
    """Name the first thing that contradicts a step's success, apart from its outcomes; "" if none."""
    findings = _sweep(("judged", row, None))
    return next((_remark(path, value, beside) for kind, path, value, beside in findings if kind == "objection"), "")


def _sweep(start: _Place) -> Iterator[_Finding]:
    """Walk through a value, outermost parts first; give each objection and each link."""
    places: collections.deque[_Place] = collections.deque([start])
    while places:
        part, value, where = places.popleft()
        if isinstance(value, list):
            places += [(part, entry, (where, index)) for index, entry in enumerate(value)]
        elif isinstance(value, dict):
            for key, entry in value.items():
                # Most keys of a large answer are of no kind, and most values have nothing inside.
                if _kind(key) and entry is not None and entry != "":
                    yield from _findings(part, key, value, _path((where, key)))
                if entry and isinstance(entry, _CONTAINERS):
                    places.append((_part(part, key), entry, (where, key)))


def _findings(part: str, key: str, beside: Mapping[str, object], path: str) -> Iterator[_Finding]:
    """Give the objection and the link that the value of a key is, whose key is of a kind that may be one."""
    value, kind = beside[key], _kind(key)
    # The name of an assertion is its author's.
    is_word = part != "names" or not isinstance(value, dict)
    if is_word and _is_objection("anything" if part == "names" else part, key, value, beside, path):
        yield "objection", path, value, {} if part == "names" else beside
    if kind == "rows" and isinstance(value, list) and part not in ("names", "own"):
        yield from _bad_rows(path, value)
    # The steps hold the bot's own texts, and its links.
    if kind == "link" and _is_link(value) and not _STEPS.search(path):
        yield "link", path, value, beside


def _path(where: _Path) -> str:
    """Write down where a value stands: `result.stepDetails[2].status`."""
    keys: list[str] = []
    while where:  # as deep as JSON may be
        where, key = where
        keys.append(f"[{key}]" if isinstance(key, int) else f".{key[:_MAX_KEY_LENGTH]}")
    return "".join(reversed(keys)).removeprefix(".")


@_cached
def _part(part: str, key: str) -> str:
    """Say as what part of an answer the value of a key is to be swept."""
    plain = _plain(key)
    if part in ("names", "own"):
        return "own" if part == "own" else "context" if key == "context" else "judged"
    if plain == "contains" and part != "anything":
        return "context row" if part == "context" else part if "row" in part else "row"
    if part == "context row" or _OWN_TEXTS.fullmatch(plain):
        return "own"
    if plain == "assertions":
        return "names"
    return "reply" if part == "reply" or plain in ("outputs", "actualoutput") else "anything"


def _is_objection(part: str, key: str, value: object, beside: Mapping[str, object], path: str) -> bool:
    """Tell whether the value of a key is not good."""
    if part == "own":
        return False
    if key == "status" and part in ("judged", "context", "row", "context row"):
        judged = judge_value(beside) if "row" in part else judge(as_text(value))[0]
        return judged is not None and judged.is_red
    if part == "context row":
        # Anything else in there may be a variable of the bot's.
        return _plain(key) == "status" and judge(as_text(value))[0] is not Outcome.PASSED
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


def _bad_rows(path: str, log: Sequence[object]) -> Iterator[_Finding]:
    """Name the rows of a log that don't say that they are good; the sweep names those that say something else."""
    for index, row in enumerate(log):
        if isinstance(row, dict):
            if row and not any(row[key] and _kind(key) in ("status", "bad") for key in row):
                yield "objection", f"{path}[{index}]", "without a status", row
        elif _means_something(row) and not _is_good(as_text(row)):
            yield "objection", f"{path}[{index}]", row, {}


def _remark(path: str, value: object, beside: Mapping[str, object]) -> str:
    reasons = (as_text(beside[key]) for key in _REASONS if beside.get(key) and beside[key] is not value)
    task = " ".join(as_text(beside[key]) for key in ("taskType", "taskName") if beside.get(key))
    name = f"{path} ({task})" if task else path
    return ": ".join([f"{name} is {as_text(value)[:500]}", *(reason[:500] for reason in reasons)])


def _is_link(value: object) -> bool:
    try:
        parts = urllib.parse.urlsplit(value.strip() if isinstance(value, str) else "")
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def _is_good(word: str) -> bool:
    if number := digits(word):
        return 200 <= int(number[:9]) < 300
    return state(word) is State.SUCCEEDED or outcome(word) is Outcome.PASSED


def _is_bad(word: str) -> bool:
    number = digits(word)
    return 400 <= int(number[:9]) < 600 if number else state(word) is State.FAILED


def _means_something(value: object) -> bool:
    """Tell whether there is an error in what stands for one: a text, a number that is not zero, or either inside."""
    places: list[object] = [value]
    while places:
        place = places.pop()
        if isinstance(place, dict):
            places += place.values()
        elif isinstance(place, list):
            places += place
        elif as_text(place).strip().lower() not in _NOTHING:
            return True
    return False


@_cached
def _plain(key: str) -> str:
    """Return a key without case and separators."""
    return re.sub(r"[^a-z0-9]", "", key.lower()) if len(key) <= _MAX_KEY_LENGTH else key


@_cached
def _kind(key: str) -> str:
    plain = _plain(key)
    if len(plain) > _MAX_KEY_LENGTH:
        return ""
    return next((kind for kind, pattern in _KINDS.items() if pattern.fullmatch(plain)), "")
