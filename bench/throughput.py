"""Takes answers of many steps to every report, and compares with the least that Python can do: parse it, write XML."""

import datetime
import gc
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import TypeVar
from xml.etree import ElementTree as ET

T = TypeVar("T")

SIZES = (1_000, 10_000, 100_000)
TO_JUNIT = ("read", "model", "judge", "JUnit")


def answer(steps: int) -> pathlib.Path:
    """Write down what Kore.ai would say of a suite of so many steps, in the form of its documented sample."""
    blank = dict.fromkeys(("nodeId", "componentType", "intentId", "nodeName", "intentType", "taskId", "dialogName"), "")
    lists: dict[str, list[str]] = {"transitions": [], "transitionNodeNames": [], "transitionNodeType": []}

    def step(number: int) -> dict[str, object]:
        text = f"This is what the bot should answer to question number {number}."
        off: dict[str, object] = {"enabled": False, "contains": []}
        groups = {"flowLevel": off, "text": {"enabled": True, "contains": [{"text": text}]}, "context": off}
        return {"input": f"question {number}", "outputs": [{"text": text, **blank, **lists, "assertions": groups}]}

    body = {"name": "huge", "testSteps": [step(number) for number in range(steps)]}
    path = pathlib.Path(tempfile.gettempdir()) / f"kore-gate-bench-{steps}.json"
    path.write_text(json.dumps({"status": "SUCCESS", "percentageComplete": 100, "response": body}))
    return path


class Stopwatch:
    """Collects the CPU seconds of each part."""

    def __init__(self) -> None:
        self.parts: dict[str, float] = {}

    def time(self, part: str, work: Callable[[], T]) -> T:
        """Do a part of the work, and note what it took."""
        start = time.process_time()
        done = work()
        self.parts[part] = time.process_time() - start
        return done


def floor(data: bytes, watch: Stopwatch) -> None:
    """Parse the answer, and write the test cases of our JUnit file without a check of any kind."""

    def xml() -> bytes:
        root = ET.Element("testsuites", name="kore_gate")
        suite = ET.SubElement(root, "testsuite", name="huge", tests=str(len(body["response"]["testSteps"])))
        for number, step in enumerate(body["response"]["testSteps"], 1):
            for output in step["outputs"]:
                name = f'text equals "{output["assertions"]["text"]["contains"][0]["text"]}"'
                place = f"kore.huge.{number:02d} {step['input']}"
                ET.SubElement(suite, "testcase", name=name, classname=place, time="0.000")
        return ET.tostring(root, encoding="utf-8")

    body = watch.time("parse", lambda: json.loads(data))
    watch.time("XML", xml)


def gate(data: bytes, watch: Stopwatch, *, everything: bool) -> None:
    """Do what the gate does with the answer."""
    import httpx

    gc.set_threshold(100_000)  # as __main__ does

    from kore_gate.gate import verdict
    from kore_gate.kore import payloads, responses
    from kore_gate.model import Phase, Result, SuiteResult
    from kore_gate.reports import html, junit, result
    from kore_gate.settings.redact import Redactor

    now, response = datetime.datetime.now(datetime.UTC), httpx.Response(200, content=data)
    body = watch.time("read", lambda: responses.read(response, Redactor(), now, is_job=True))
    job = watch.time("model", lambda: payloads.import_job(body))
    body = {}  # as the gate does: nothing holds the answer any longer
    judged, suite = watch.time("judge", lambda: verdict.judge_import(job, allow_empty=False))
    own = SuiteResult(key="huge", name="huge", phase=Phase.IMPORT, verdict=judged, suite=suite)
    call = Result(version="0", command="wait", host="", stream_id="", verdict=judged, suites=(own,))
    file = watch.time("JUnit", lambda: junit.render(own, call))
    watch.time("read back", lambda: junit.verify(file, own, call))
    if everything:
        watch.time("page", lambda: html.render(call))
        watch.time("result", lambda: result.render(call))


def measured(mode: str, path: pathlib.Path, runs: int) -> dict[str, float]:
    """Return the medians of what a mode takes, each run in a process of its own."""
    command = [sys.executable, __file__, mode, str(path)]
    costs = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(runs)]
    return {part: statistics.median(cost[part] for cost in costs) for part in costs[0]}


def main() -> None:
    """Print both tables; with a mode and a file, do that work alone and print what it took."""
    if len(sys.argv) == 3:
        watch, data = Stopwatch(), pathlib.Path(sys.argv[2]).read_bytes()
        if sys.argv[1] == "floor":
            floor(data, watch)
        else:
            gate(data, watch, everything=sys.argv[1] == "everything")
        print(json.dumps({**watch.parts, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
        return
    print(
        "| steps | floor: parse + XML | read | model | judge | JUnit | answer to JUnit | JUnit alone to floor's XML |",
        end="",
    )
    print(" read back | page | result | peak: floor | to JUnit | everything |")
    print("|--:" * 14 + "|")
    for steps in SIZES:
        path = answer(steps)
        runs = 3
        least, short, whole = (measured(mode, path, runs) for mode in ("floor", "junit", "everything"))
        path.unlink()
        bound = least["parse"] + least["XML"]
        total = sum(whole[part] for part in TO_JUNIT)
        parts = [f"{whole[part] / bound:.1f}" for part in TO_JUNIT]
        others = [f"{whole[part] / bound:.1f}" for part in ("read back", "page", "result")]
        peaks = [f"{cost['peak'] / least['peak']:.1f}" for cost in (short, whole)]
        shares = [f"{least['parse']:.3f} + {least['XML']:.3f} s", *parts, f"{total / bound:.1f}"]
        cells = [
            f"{steps:,}",
            *shares,
            f"{whole['JUnit'] / least['XML']:.1f}",
            *others,
            f"{least['peak']:.0f} MB",
            *peaks,
        ]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
