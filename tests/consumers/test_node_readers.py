import dataclasses
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.consumers.samples import SAMPLES
from tests.needs import need

NODE = Path(__file__).parent / "node"


def _run(*command: str | Path, cwd: Path, **environ: str) -> str:
    """Run a program without our environment, and with a home of its own."""
    clean = {"PATH": os.environ["PATH"], "HOME": str(cwd), **environ}
    done = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def node() -> str:
    """Name the program, once it and the readers are there."""
    program = shutil.which("node")
    need(program, "Node 20 or newer", "script/consumers")
    need((NODE / "node_modules" / "test-results-parser").is_dir(), "the readers in Node", "script/consumers")
    return str(program)


@pytest.fixture(scope="session")
def counts(node: str, folder: Path) -> Mapping[str, Mapping[str, Mapping[str, int]]]:
    """Let every reader read all samples."""
    answer: dict[str, dict[str, dict[str, int]]] = json.loads(
        _run(node, NODE / "read.cjs", *sorted(folder.glob("*.xml")), cwd=folder)
    )
    return answer


@pytest.mark.parametrize("reader", ["xml2js", "xml-js", "fast-xml-parser"])
def test_node__counts(counts: Mapping[str, Mapping[str, Mapping[str, int]]], reader: str) -> None:
    """The XML readers of the GitHub actions and of Datadog find our counts, and words in every result."""
    assert {file: readers[reader] for file, readers in counts.items()} == {
        f"TEST-kore-{name}.xml": {
            **dataclasses.asdict(sample.numbers),
            "told": sample.numbers.failures + sample.numbers.errors + sample.numbers.skipped,
        }
        for name, sample in SAMPLES.items()
    }


def test_node__test_results_parser(counts: Mapping[str, Mapping[str, Mapping[str, int]]]) -> None:
    """A reader that believes the stated counts finds ours, and the same in the test cases."""
    assert {file: readers["test-results-parser"] for file, readers in counts.items()} == {
        f"TEST-kore-{name}.xml": {
            **dataclasses.asdict(sample.numbers),
            "red": sample.numbers.failures + sample.numbers.errors,
            "passed": sample.numbers.tests - sample.numbers.failures - sample.numbers.errors - sample.numbers.skipped,
        }
        for name, sample in SAMPLES.items()
    }


def test_node__several_suites(node: str, folder: Path) -> None:
    """Of a folder with several suites every skipped case is known as skipped, and none counts as passed."""
    names = [name for name in SAMPLES if name.endswith("rich-assertion")]
    numbers = [SAMPLES[name].numbers for name in names]

    read = json.loads(
        _run(node, NODE / "read.cjs", "--together", *(folder / f"TEST-kore-{name}.xml" for name in names), cwd=folder)
    )

    red = sum(one.failures + one.errors for one in numbers)
    skipped = sum(one.skipped for one in numbers)
    passed = sum(one.tests for one in numbers) - red - skipped
    assert (read["suites"], read["skipped"]) == (len(names), skipped)
    assert (read["passed"], read["passing"]) == (passed, passed)


def test_node__datadog(node: str, folder: Path) -> None:
    """Datadog's uploader finds every file valid; it has no counts to show."""
    program = NODE / "node_modules" / ".bin" / "datadog-ci"
    arguments = ("junit", "upload", "--dry-run", "--skip-git-metadata-upload", "--service", "kore-gate", folder)

    output = _run(node, program, *arguments, cwd=folder, DD_API_KEY="none", HTTPS_PROXY="http://127.0.0.1:9")

    assert "Invalid" not in output
    assert sorted(line.rpartition("/")[2] for line in output.splitlines() if "Uploading jUnit XML" in line) == sorted(
        f"TEST-kore-{name}.xml" for name in SAMPLES
    )
