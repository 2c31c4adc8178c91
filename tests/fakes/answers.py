"""Kore.ai's answers about jobs, as JSON: each builder has sensible defaults and takes overrides for any field."""

import json
import pathlib
from typing import Any

SAMPLES = pathlib.Path(__file__).parents[1] / "samples"

Json = dict[str, Any]


def sample(name: str) -> Json:
    """Return a published answer."""
    found: Json = json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))
    return found


def group(status: str | None = None, *, enabled: bool = True, contains: list[Any] | None = None) -> Json:
    """Build a group of assertions; with a status as after a run."""
    made: Json = {"enabled": enabled, "contains": [{"text": "Hello"}] if contains is None else contains}
    return made if status is None else {**made, "status": status}


def step(said: str = "Hi", word: str | None = None, *, text: Json | None = None, **overrides: Any) -> Json:
    """Build a step with one reply, its text asserted; with a status word, as after a run, it stands at both."""
    groups = {"text": group(word) if text is None else text}
    made: Json = {"input": said, "outputs": [{"text": "Hello", "assertions": groups}]}
    return {**made, **({} if word is None else {"status": word}), **overrides}


def imported(*steps: Any, status: Any = "SUCCESS", **overrides: Any) -> Json:
    """Build the answer about an import, by default one that ended well with the given steps."""
    response = {"_id": "ctc-1", "name": "Banking", "testSteps": list(steps)}
    return {"_id": "ds-1", "status": status, "percentageComplete": 100, "response": response, **overrides}


def run(*rows: Any, status: Any = "passed", tally: Any = None, **result: Any) -> Json:
    """Build the answer about a run: its long form when rows are given, else its short one."""
    inner: Json = {"status": status, "duration": 4000, **({} if tally is None else {"stepDetails": tally})}
    long = {"executionResults": list(rows), "errorDetails": None} if rows else {}
    return {"_id": "ctr-1", "status": status, "percentageCompleted": 100, "result": {**inner, **long, **result}}


def tally(passed: Any, failed: Any, total: Any) -> Json:
    """Build a run's counters."""
    return {"passed": passed, "failed": failed, "total": total}
