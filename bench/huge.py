"""Takes an answer of fifty thousand steps to a verified JUnit file, or, for comparison, only parses it."""

import datetime
import json
import pathlib
import sys
import tempfile

STEPS = 50_000


def answer() -> bytes:
    """Return what Kore.ai would say of a suite of so many steps, in the form of its documented sample."""
    blank = dict.fromkeys(("nodeId", "componentType", "intentId", "nodeName", "intentType", "taskId", "dialogName"), "")
    lists: dict[str, list[str]] = {"transitions": [], "transitionNodeNames": [], "transitionNodeType": []}

    def step(number: int) -> dict[str, object]:
        text = f"This is what the bot should answer to question number {number}."
        off: dict[str, object] = {"enabled": False, "contains": []}
        groups = {"flowLevel": off, "text": {"enabled": True, "contains": [{"text": text}]}, "context": off}
        return {"input": f"question {number}", "outputs": [{"text": text, **blank, **lists, "assertions": groups}]}

    steps = [step(number) for number in range(STEPS)]
    body = {"status": "SUCCESS", "percentageComplete": 100, "response": {"name": "huge", "testSteps": steps}}
    return json.dumps(body).encode()


def main() -> None:
    """Do what the argument says with an answer from a file, so that making it up costs neither side anything."""
    path = pathlib.Path(tempfile.gettempdir()) / f"kore-gate-bench-{STEPS}.json"
    if not path.exists():
        path.write_bytes(answer())
    data = path.read_bytes()
    if sys.argv[1] == "parse":
        json.loads(data)
        return
    import httpx

    from kore_gate.gate import verdict
    from kore_gate.kore import payloads, responses
    from kore_gate.model import Phase, Result, SuiteResult
    from kore_gate.reports import junit
    from kore_gate.settings.redact import Redactor

    now = datetime.datetime.now(datetime.UTC)
    body = responses.read(httpx.Response(200, content=data), Redactor(), now, is_job=True)
    judged, suite = verdict.judge_import(payloads.import_job(body), allow_empty=False)
    result = SuiteResult(key="huge", name="huge", phase=Phase.IMPORT, verdict=judged, suite=suite)
    call = Result(version="0", command="wait", host="", stream_id="", verdict=judged, suites=(result,))
    made = junit.render(result, call)
    junit.verify(made, result, call)


if __name__ == "__main__":
    main()
