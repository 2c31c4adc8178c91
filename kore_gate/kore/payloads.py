"""Kore.ai's answers → model: jobs, errors, ids, links."""

import collections
import dataclasses
import re
import urllib.parse
from collections.abc import Iterator, Mapping

from kore_gate.kore import evidence, suites, words
from kore_gate.kore.fields import as_text, digits, seconds
from kore_gate.model import Job, Outcome, State, Suite, Tally

REFUSED_CODES = frozenset({"4002", "401", "403"})

_REASON_KEYS = (
    "comments",
    "message",
    "msg",
    "errorMessage",
    "error",
    "reason",
    "description",
    "errors",
    "errorDetails",
)
_SAID_KEYS = ("msg", "message", "errorMessage", "error_description", "detail", "error", "errors")
_CODE_KEYS = ("code", "statusCode", "errorCode")
_ID_KEYS = ("_id", "dsId", "testRunId", "fileId")
_LINK_KEYS = frozenset({"downloadurl", "fileurl", "downloadlink", "resultsurl", "resulturl", "reporturl"})
_RATE_LIMIT = re.compile(r"rate[ _-]?limit", re.IGNORECASE)
_QUOTED = re.compile(r"(?<!\w)'[^']*'(?!\w)|\"[^\"]*\"|\u2018[^\u2019]*\u2019|\u201c[^\u201d]*\u201d|«[^»]*»|`[^`]*`")
_MOST_REASONS = 10
_LONGEST_REASON = 2000


def import_job(body: Mapping[str, object]) -> Job:
    """Read the answer about an import: dock fields, and once complete the stored suite."""
    reader = suites.Reader()
    suite, problems = _stored_suite(body, reader)
    job = _job(body, suite, problems + reader.problems)
    if job.state is not State.SUCCEEDED:
        return job
    return dataclasses.replace(job, objections=tuple(evidence.objections(body)))


def run_job(body: Mapping[str, object]) -> Job:
    """Read the answer about a run, in its long form or (without executionResults) its short one."""
    reader = suites.Reader()
    problems = []
    result = body.get("result")
    if result is not None and not isinstance(result, Mapping):
        problems.append("result is no object")
    inner = result if isinstance(result, Mapping) else {}
    rows = inner.get("executionResults")
    suite = None
    if isinstance(rows, list):
        steps = tuple(reader.step(row, number) for number, row in enumerate(rows, 1))
        suite = Suite(name="", id=as_text(body.get("testSuiteId")), steps=steps)
    elif rows is not None:
        problems.append("executionResults is no list")
    job = _job(body, suite, problems + reader.problems, inner)
    # Two places carry the same word; if they ever differ, the worse one counts.
    said = [as_text(body.get("status")), *([as_text(inner["status"])] if inner.get("status") is not None else [])]
    order = (State.FAILED, State.UNKNOWN, State.RUNNING, State.SUCCEEDED)
    word = min(said, key=lambda word: order.index(words.state(word)), default="")
    state = words.state(word)
    failed_tests = words.outcome(word) is Outcome.FAILED
    told: list[str] = []
    if state is State.SUCCEEDED:
        told = [*evidence.miscounted(body, job.tally, len(suite.steps) if suite else 0), *evidence.objections(body)]
    return dataclasses.replace(
        job,
        status=word,
        state=state,
        failed_tests=failed_tests,
        reasons=tuple(reasons(body, state)),
        objections=tuple(told),
    )


def ids(body: Mapping[str, object], *keys: str) -> str:
    """Return the id an accepting answer gave, under the first of the keys that has one."""
    found = (body.get(key) for key in keys)
    return next((as_text(one) for one in found if one and isinstance(one, str | int) and one is not True), "")


def error_rows(body: object, depth: int = 5) -> list[tuple[str, str]]:
    """Return code and text of every error an answer names, whatever its form."""
    if isinstance(body, list):
        return [row for part in body for row in error_rows(part, depth - 1)] if depth else []
    if not isinstance(body, Mapping):
        return [("", body)] if isinstance(body, str) and body else []
    code = _code(body)
    found = body.get("errors") or body.get("error")
    if depth and isinstance(found, list | Mapping):
        rows = [(own or code, said) for own, said in error_rows(found, depth - 1)]
        if rows:
            return rows
    said = next((as_text(body[key]) for key in _SAID_KEYS if body.get(key)), "")
    return [(code, said)] if said or code else []


def is_error(body: Mapping[str, object]) -> bool:
    """Tell whether an answer under 200 is an error all the same: errors and no status, or none of a job's fields."""
    worded = body.get("status") is not None and not digits(body["status"])
    if not worded and (body.get("errors") or body.get("error")):
        return True
    if any(body.get(key) for key in _ID_KEYS):
        return False
    rows = error_rows(body)
    if any(code in REFUSED_CODES or is_rate_limit(said) for code, said in rows):
        return True
    return not worded and any("400" <= code <= "599" and len(code) == 3 for code, _ in rows)


def _code(body: Mapping[str, object]) -> str:
    """Return an error's code; a status that is a number is one, too."""
    found = next((body[key] for key in _CODE_KEYS if body.get(key)), "")
    return digits(found) or as_text(found).strip() or digits(body.get("status"))


def is_rate_limit(text: str) -> bool:
    """Tell whether an error speaks of a rate limit; in quotes stands the name of something else."""
    return bool(_RATE_LIMIT.search(_QUOTED.sub("", text)))


def is_hourly(text: str) -> bool:
    """Tell whether it is the hour's limit that is used up."""
    return "hour" in text.casefold()


def download_url(body: Mapping[str, object]) -> str:
    """Return the first link to a results file, under any of the known keys, at any level."""
    places: collections.deque[object] = collections.deque([body])
    while places:
        found = places.popleft()
        if isinstance(found, list):
            places += found[:100]
        elif isinstance(found, Mapping):
            for key, value in found.items():
                if key.replace("_", "").replace("-", "").lower() in _LINK_KEYS and _is_link(value):
                    return as_text(value).strip()
            # The steps hold the bot's own texts: a link in there is none of ours.
            places += (value for key, value in found.items() if key not in {"testSteps", "executionResults"})
    return ""


def _is_link(found: object) -> bool:
    try:
        parts = urllib.parse.urlsplit(found.strip() if isinstance(found, str) else "")
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def _job(
    body: Mapping[str, object], suite: Suite | None, problems: list[str], inner: Mapping[str, object] | None = None
) -> Job:
    status = as_text(body.get("status"))
    state = words.state(status)
    inner = inner or {}
    return Job(
        status=status,
        state=state,
        percent=_percent(body),
        reasons=tuple(reasons(body, state)),
        suite=suite,
        test_suite_id=as_text(body.get("testSuiteId")),
        expires=as_text(body.get("expireAt")),
        download_url=download_url(body),
        tally=_tally(body, inner, problems),
        duration=seconds(inner.get("duration")),
        problems=tuple(problems),
    )


def reasons(body: Mapping[str, object], state: State) -> list[str]:
    """Collect what an answer says of why a job went wrong: its log's bad rows, then messages elsewhere."""
    if state in (State.RUNNING, State.SUCCEEDED):
        return []
    found = []
    logs = body.get("statusLogs")
    for row in logs if isinstance(logs, list) else []:
        if isinstance(row, Mapping):
            said = words.state(as_text(row.get("status")))
            if said is State.SUCCEEDED:
                continue
            name = " ".join(as_text(row[key]) for key in ("taskType", "taskName") if row.get(key))
            text = "; ".join(_texts(row)) or as_text(row.get("status"))
            found.append(f"{name}: {text}" if name and text else name or text)
        else:
            found.append(as_text(row))
    for place in (body, body.get("response"), body.get("result")):
        if isinstance(place, Mapping):
            found += _texts(place)
    return list(dict.fromkeys(text[:_LONGEST_REASON] for text in found if text))[:_MOST_REASONS]


def _texts(row: Mapping[str, object]) -> Iterator[str]:
    for key in _REASON_KEYS:
        value = row.get(key)
        # A suite's own description, beside its steps, is no reason.
        if not value or (key == "description" and "testSteps" in row):
            continue
        rows = error_rows(value) if isinstance(value, Mapping | list) else []
        yield "; ".join(f"{text} (code {code})" if code else text for code, text in rows) or as_text(value)


def _stored_suite(body: Mapping[str, object], reader: suites.Reader) -> tuple[Suite | None, list[str]]:
    response = body.get("response")
    if isinstance(response, Mapping):
        return (reader.suite(response) if "testSteps" in response or response.get("name") else None), []
    if response is not None:
        return None, ["response is no object"]
    return (reader.suite(body) if "testSteps" in body else None), []


def _percent(body: Mapping[str, object]) -> float | None:
    for key in ("percentageComplete", "percentageCompleted", "percentage"):
        try:
            percent = float(as_text(body.get(key)).rstrip(" %"))
        except ValueError:
            continue
        if 0 <= percent <= 100:
            return percent
    return None


def _tally(body: Mapping[str, object], inner: Mapping[str, object], problems: list[str]) -> Tally | None:
    details = inner.get("stepDetails")
    if details is not None and not isinstance(details, Mapping):
        problems.append("stepDetails is no object")
    details = details if isinstance(details, Mapping) else {}
    counted = {key: _count(details.get(key), f"stepDetails.{key}", problems) for key in ("passed", "failed", "total")}
    if counted["total"] is None:
        counted["total"] = _count(body.get("totalTestStepsCount"), "totalTestStepsCount", problems)
    return None if set(counted.values()) == {None} else Tally(**counted)


def _count(found: object, where: str, problems: list[str]) -> int | None:
    if found is None:
        return None
    try:
        number = float(as_text(found))
    except ValueError:
        number = -1
    if number < 0 or number != number // 1 or number > 10**9:
        problems.append(f"{where} is no count")
        return None
    return int(number)
