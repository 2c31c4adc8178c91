"""Suite files in a folder, as a repository has them."""

import json
import pathlib
from collections.abc import Iterable

from kore_gate.simulator import scenarios


def write_demo(folder: pathlib.Path, number: int = 2) -> list[str]:
    """Write so many of the demo's suites as files; return the suites' names."""
    suites = scenarios.DEMO_SUITES[:number]
    for position, suite in enumerate(suites, 1):
        (folder / f"suite-{position}.json").write_text(json.dumps(suite, indent=2), "utf-8")
    return [str(suite["name"]) for suite in suites]


def write_named(folder: pathlib.Path, names: Iterable[str], steps: int = 1) -> None:
    """Write a file for each of these suites, all alike but for their names."""
    for position, name in enumerate(names, 1):
        said = [{"input": f"Question {number}", "outputs": ["Answer"]} for number in range(1, steps + 1)]
        suite = {"name": name, "testSteps": said}
        (folder / f"suite-{position:03d}.json").write_text(json.dumps(suite, indent=2), "utf-8")
