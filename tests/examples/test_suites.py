import json
import os
import pathlib
import re
import subprocess
from collections.abc import Iterator

import pytest

from kore_gate.gate import suite_files
from kore_gate.simulator import jobs
from tests.container.containers import ROOT
from tests.e2e.conftest import python as python
from tests.e2e.program import read_until
from tests.reports import Reports

README = (ROOT / "README.md").read_text(encoding="utf-8")
SUITES = sorted((ROOT / "examples" / "suites").glob("*.json"))


def command(start: str) -> str:
    """Return the command of the README that begins so."""
    (line,) = re.findall(rf"^({re.escape(start)}.*?) +#", README, re.MULTILINE)
    return str(line)


@pytest.fixture
def environ(python: str, tmp_path: pathlib.Path) -> dict[str, str]:
    """Put this tree's `kore-gate` on the path, as an installation does."""
    program = tmp_path / "bin" / "kore-gate"
    program.parent.mkdir()
    program.write_text(f"#!{python}\nfrom kore_gate.__main__ import main\nmain()\n", encoding="utf-8")
    program.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if name.startswith(("HOME", "LANG", "COVERAGE_"))}
    return {**kept, "KORE_POLL_INTERVAL": "100ms", "PATH": f"{program.parent}:{os.environ['PATH']}"}


@pytest.fixture(params=["passing", "failing-tests"])
def simulated(request: pytest.FixtureRequest, environ: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Serve a scenario as the README does, with less patience; give its name and the variables it prints."""
    shown = command("kore-gate simulate").replace("--job-seconds 3", "--job-seconds 0.5")
    process = subprocess.Popen(
        ["bash", "-c", f"exec {shown} --scenario {request.param}"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        printed = [read_until(process, "export") for _ in range(5)]
        yield request.param, "\n".join(printed)
        process.terminate()


def test_readme__sample_suites(simulated: tuple[str, str], environ: dict[str, str], tmp_path: pathlib.Path) -> None:
    """In a shell with the variables that `simulate` prints, the README's command tests the sample suites."""
    scenario, exports = simulated
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    script = exports + command("kore-gate test 'examples")

    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False, timeout=100
    )

    assert done.returncode == (0 if scenario == "passing" else 1), done.stderr
    reports = Reports(tmp_path / "junit-reports")
    assert reports.ending == ("passed" if scenario == "passing" else "failed")
    assert [name for name in reports.names if name.startswith("TEST-kore-")] == [
        "TEST-kore-Order-status.xml",
        "TEST-kore-Return-an-item.xml",
        "TEST-kore-small-talk.xml",
    ]
    if scenario == "failing-tests":
        assert re.search(r"at examples/suites/order-status\.json:\d+", done.stderr)


@pytest.mark.parametrize("file", SUITES, ids=lambda file: file.name)
def test_suites__are_suites(file: pathlib.Path) -> None:
    """A sample suite is what the gate takes and the simulator stores, with something to test in each step."""
    (suite,) = suite_files.load([str(file)], "", ROOT)

    steps = jobs.steps_of(json.loads(suite.data))

    assert len(suite.lines) == len(steps)
    for step in steps:
        groups = [group for output in step["outputs"] for group in output["assertions"].values()]
        assert any(group["enabled"] and group["contains"] for group in groups), step["input"]
