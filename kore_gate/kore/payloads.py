"""Kore.ai's answers → model: jobs, errors, ids, links."""

import dataclasses
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence

from kore_gate.kore import suites, words
from kore_gate.kore.suites import as_text
from kore_gate.model import Job, Outcome, State, Suite, Tally

REFUSED_CODES = frozenset({"4002", "401", "403"})

_ERROR_KEYS = ("errorMessage", "error", "errors")
_REASON_KEYS = ("comments", "message", "msg", "errorMessage", "error", "reason", "description", "errors")
_LINK_KEYS = frozenset({"downloadurl", "fileurl", "downloadlink", "resultsurl", "resulturl", "reporturl"})
_MOST_REASONS = 10


def import_job(body: Mapping[str, object]) -> Job:
    """Read the answer about an import: dock fields, and once complete the stored suite."""
    reader = suites.Reader()
    suite, problems = _stored_suite(body, reader)
    return _job(body, suite, problems + reader.problems)


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
    said = [as_text(place["status"]) for place in (body, inner) if place.get("status") is not None]
    order = (State.FAILED, State.UNKNOWN, State.RUNNING, State.SUCCEEDED)
    word = min(said, key=lambda word: order.index(words.state(word)), default="")
    state = words.state(word)
    failed_tests = words.outcome(word) is Outcome.FAILED
    return dataclasses.replace(
        job, status=word, state=state, failed_tests=failed_tests, reasons=tuple(reasons(body, state))
    )


def ids(body: Mapping[str, object], *keys: str) -> str:
    """Return the id an accepting answer gave, under the first of the keys that has one."""
    return next((as_text(body[key]) for key in keys if body.get(key) and not isinstance(body[key], dict | list)), "")


def error_rows(body: object) -> list[tuple[str, str]]:
    """Return code and text of every error an answer names, whatever its form."""
    if isinstance(body, list):
        return [row for part in body for row in error_rows(part)]
    if not isinstance(body, Mapping):
        return [("", body)] if isinstance(body, str) and body else []
    found = body.get("errors", body.get("error"))
    if isinstance(found, list | Mapping):
        rows = error_rows(found)
        if rows:
            return rows
    text = next((as_text(body[key]) for key in ("msg", "message", "error", "errors") if body.get(key)), "")
    code = as_text(body.get("code", body.get("statusCode", "")))
    return [(code, text)] if text or code else []


def is_error(body: Mapping[str, object]) -> bool:
    """Tell whether an answer under 200 is an error all the same: errors, and no status."""
    return body.get("status") is None and bool(body.get("errors") or body.get("error"))


def is_rate_limit(text: str) -> bool:
    """Tell whether a text speaks of a rate limit."""
    return "rate limit" in text.casefold() or "rate_limit" in text.casefold()


def is_hourly(text: str) -> bool:
    """Tell whether it is the hour's limit that is used up."""
    return "hour" in text.casefold()


def download_url(found: object, depth: int = 6) -> str:
    """Return the first link to a results file, under any of the known keys, at any level."""
    children: list[object] = []
    if isinstance(found, Mapping):
        for key, value in found.items():
            if key.replace("_", "").replace("-", "").lower() in _LINK_KEYS and isinstance(value, str):
                scheme = value.strip().split(":", 1)[0].lower()
                if scheme in {"http", "https"} and urllib.parse.urlsplit(value.strip()).netloc:
                    return value.strip()
        # The steps hold the bot's own texts: a link in there is none of ours.
        children = [value for key, value in found.items() if key not in {"testSteps", "executionResults"}]
    elif isinstance(found, list):
        children = found[:100]
    if depth == 0:
        return ""
    return next((link for child in children if (link := download_url(child, depth - 1))), "")


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
        duration=suites.seconds(inner.get("duration")),
        problems=tuple(problems),
    )


def reasons(body: Mapping[str, object], state: State) -> list[str]:
    """Collect what an answer says of why a job went wrong: its log's bad rows, then messages elsewhere.

    Of a job that ended well: only what contradicts that, a row that says failed or details of an error.
    """
    if state is State.RUNNING:
        return []
    found = []
    logs = body.get("statusLogs")
    for row in logs if isinstance(logs, list) else []:
        if isinstance(row, Mapping):
            said = words.state(as_text(row.get("status")))
            if said is State.SUCCEEDED or (state is State.SUCCEEDED and said is not State.FAILED):
                continue
            name = " ".join(as_text(row[key]) for key in ("taskType", "taskName") if row.get(key))
            text = "; ".join(_texts(row)) or as_text(row.get("status"))
            found.append(f"{name}: {text}" if name and text else name or text)
        elif state is not State.SUCCEEDED:
            found.append(as_text(row))
    for place in (body, body.get("response"), body.get("result")):
        if isinstance(place, Mapping):
            found += _texts(place, _ERROR_KEYS if state is State.SUCCEEDED else _REASON_KEYS)
            found += [as_text(place["errorDetails"])] if place.get("errorDetails") else []
    return list(dict.fromkeys(text for text in found if text))[:_MOST_REASONS]


def _texts(row: Mapping[str, object], keys: Sequence[str] = _REASON_KEYS) -> Iterator[str]:
    for key in keys:
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
            percent = float(as_text(body.get(key)))
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
