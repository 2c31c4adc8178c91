"""Shards: what it costs to divide suites over parallel jobs, and to merge what these jobs found.

The files and the results are made up; each measured step is the command itself, in a process of its own. The floor of
a shard is reading the files as JSON; that of a merge is reading the results as JSON, and writing one of them and an XML
file for each suite.
"""

import json
import pathlib
import sys
import tempfile

import measure

TOTAL, FEW, MANY = 50, 1_000, 10_000

FLOOR_MERGE = """
import json, pathlib, sys
import xml.etree.ElementTree as ET
calls = [json.loads(path.read_bytes()) for path in pathlib.Path(sys.argv[1]).rglob("kore-result.json")]
calls[0]["suites"] = [suite for call in calls for suite in call["suites"]]
pathlib.Path(sys.argv[2], "floor").mkdir(exist_ok=True)
pathlib.Path(sys.argv[2], "floor", "all.json").write_text(json.dumps(calls[0]))
for number, suite in enumerate(calls[0]["suites"]):
    root = ET.Element("testsuite", name=suite["name"])
    for step in suite["suite"]["steps"]:
        ET.SubElement(root, "testcase", classname=suite["name"], name=step["input"])
    ET.ElementTree(root).write(pathlib.Path(sys.argv[2], "floor", f"{number}.xml"))
"""
FLOOR_SHARD = """
import json, pathlib, sys
for path in pathlib.Path(sys.argv[1]).glob("*.json"):
    json.loads(path.read_bytes())
"""


def suite_files(folder: pathlib.Path, number: int) -> None:
    """Write so many suite files, of three steps each."""
    from kore_gate.simulator import scenarios

    folder.mkdir()
    for index in range(number):
        suite = {**scenarios.DEMO_SUITES[index % 3], "name": f"suite {index:05d}"}
        (folder / f"suite-{index:05d}.json").write_text(json.dumps(suite), encoding="utf-8")


def results(folder: pathlib.Path, shards: list[list[str]]) -> None:
    """Write the result that each of the shards would have left."""
    from kore_gate.model import Phase
    from kore_gate.reports import result
    from tests import builders

    for number, files in enumerate(shards):
        suites = [
            builders.make_result(
                name=pathlib.Path(file).stem.replace("-", " "),
                key=file,
                file=file,
                phase=Phase.RUN,
                phases={Phase.IMPORT: 14.0, Phase.RUN: length(file)},
                suite=builders.make_suite(steps=tuple(builders.make_step(number=step) for step in range(1, 4))),
            )
            for file in files
        ]
        path = folder / f"shard-{number}" / "kore-result.json"
        path.parent.mkdir(parents=True)
        path.write_bytes(result.render(builders.make_call(*suites)))


def length(file: str) -> float:
    """Return how long a suite takes: from 1 to 240 seconds, most of them short."""
    number = int(pathlib.Path(file).stem.rpartition("-")[2])
    return round(240 ** ((number * 7919 % 1000) / 1000), 3)


def main() -> None:
    """Print rows of the table of `script/bench`."""
    from kore_gate.commands import shard

    for number in (FEW, MANY):
        with tempfile.TemporaryDirectory() as name:
            root = pathlib.Path(name)
            suite_files(root / "suites", number)
            files = [str(path) for path in sorted((root / "suites").iterdir())]
            lengths: dict[str, float | None] = {file: length(file) for file in files}
            shards = shard.split(lengths, TOTAL)
            loads = [sum(map(length, each)) for each in shards]
            results(root / "results", shards)
            python = sys.executable
            gate = [python, "-m", "kore_gate"]
            options = [f"--total={TOTAL}", "--index=7", f"--history={root / 'results'}"]
            costs = measure.in_turn(
                {
                    "shard": [*gate, "shard", str(root / "suites" / "*.json"), *options],
                    "read": [python, "-c", FLOOR_SHARD, str(root / "suites")],
                    "merge": [*gate, "report", str(root / "results"), f"--report-dir={root / 'merged'}"],
                    "join": [python, "-c", FLOOR_MERGE, str(root / "results"), str(root)],
                },
                runs=3,
            )
        balance = max(loads) * TOTAL / sum(loads)
        print(f"| `shard`, {number} files over {TOTAL} jobs | longest {max(loads):.0f} s | mean: ", end="")
        print(f"{sum(loads) / TOTAL:.0f} s | {balance:.3f} times |")
        for what, floor, words in (
            ("shard", "read", "json.loads of the files"),
            ("merge", "join", "json and xml.etree alone"),
        ):
            cpu, least = measure.median(costs[what], "cpu"), measure.median(costs[floor], "cpu")
            peak, low = measure.median(costs[what], "peak"), measure.median(costs[floor], "peak")
            print(f"| `{what}`, {number} suites in {TOTAL} shards | {cpu:.1f} s CPU, {peak:.0f} MB | ", end="")
            print(f"{words}: {least:.1f} s CPU, {low:.0f} MB | {cpu / least:.1f} times, {peak / low:.1f} times |")


if __name__ == "__main__":
    main()
