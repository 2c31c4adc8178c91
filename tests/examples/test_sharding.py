import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest

from kore_gate.model import Result
from kore_gate.reports import result
from kore_gate.simulator import scenarios, service
from kore_gate.simulator.server import Server
from tests.container.containers import ROOT
from tests.examples import catalogue
from tests.needs import need

pytestmark = [pytest.mark.socket, pytest.mark.slow]

IMAGE = "ghcr.io/your-org/kore_gate:0.1.0"
# What stands for Docker runs the gate of this tree in the place of its image.
PROGRAMS = {
    "kore-gate": f'#!/bin/sh\nexec "{sys.executable}" -m kore_gate "$@"\n',
    "docker": f'#!/bin/sh\nwhile [ "$1" != "{IMAGE}" ]; do shift; done\nshift\nexec kore-gate "$@"\n',
}


class Agent:
    """A machine of a CI system: a checkout, an environment, and the gate on its path."""

    def __init__(self, checkout: pathlib.Path, url: str) -> None:
        self.checkout = checkout
        programs = checkout.parent / "bin"
        programs.mkdir()
        for name, script in PROGRAMS.items():
            (programs / name).write_text(script, encoding="utf-8")
            (programs / name).chmod(0o755)
        self.environ = {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "KORE_STREAM_ID": scenarios.STREAM_ID,
            "KORE_CLIENT_ID": scenarios.CLIENT_ID,
            "KORE_CLIENT_SECRET": scenarios.CLIENT_SECRET,
            "KORE_USER_EMAIL": scenarios.USER_EMAIL,
            "KORE_POLL_INTERVAL": "100ms",
        }
        self.url = url

    def run(self, script: str, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a script as an agent does; what is for Kore.ai goes to the simulator."""
        host = {"KORE_HOST": self.url} if "INPUT_HOST" not in variables else {"INPUT_HOST": self.url}
        return subprocess.run(
            ["bash", "-eo", "pipefail", "-c", script],
            cwd=self.checkout,
            env={**self.environ, **variables, **host},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def merged(self) -> Result:
        """Return the result of the merge."""
        return result.load((self.checkout / "junit-reports" / "kore-result.json").read_bytes())[0]

    def junit_files(self) -> list[str]:
        """Name the JUnit files of the merge."""
        return sorted(path.name for path in (self.checkout / "junit-reports").glob("TEST-kore-*.xml"))


@pytest.fixture
def scenario() -> str:
    """Name the scenario, unless the test does."""
    return "passing"


@pytest.fixture
def agent(checkout: pathlib.Path, scenario: str) -> Iterator[Agent]:
    """Make a machine beside a simulator; one suite's name has a space and Hindi in it."""
    suite = {**scenarios.DEMO_SUITES[0], "name": "खाता शेष"}
    (checkout / "tests" / "conversations" / "my खाता.json").write_text(json.dumps(suite), encoding="utf-8")
    with Server(service.Simulator(scenario=scenario, job_seconds=0.3)) as server:
        yield Agent(checkout, server.url)


def inputs(step: Mapping[str, str], **values: str) -> dict[str, str]:
    """Return the inputs of a step that uses the action, with the values of its expressions."""
    filled = {name: re.sub(r"\$\{\{ (.*?) \}\}", lambda match: values[match[1]], text) for name, text in step.items()}
    return {f"INPUT_{name.upper()}": text for name, text in filled.items()}


@pytest.mark.parametrize(("scenario", "code"), [("passing", 0), ("failing-tests", 1)])
def test_github__matrix(agent: Agent, code: int) -> None:
    """The files are divided once, every job tests its own, and the last one has the verdict over all."""
    need(shutil.which("jq"), "jq", "your package manager")
    jobs = catalogue.read("github/sharded-tests.yml")["jobs"]
    (agent.checkout / "tests" / "conversations" / "my खाता.json").unlink()  # fewer files than jobs
    outputs = agent.checkout.parent / "outputs"

    plan = agent.run(jobs["plan"]["steps"][-1]["run"], {"GITHUB_OUTPUT": str(outputs)})
    planned = dict(line.split("=", 1) for line in outputs.read_text(encoding="utf-8").splitlines())
    shards = json.loads(planned["shards"])
    _, test, upload = jobs["shard"]["steps"]
    kept = {f"vars.{name}": value for name, value in agent.environ.items()}
    kept["secrets.KORE_CLIENT_SECRET"] = scenarios.CLIENT_SECRET
    for shard in shards:
        done = agent.run("kore-gate", inputs(test["with"], **kept, **{"matrix.files": shard["files"]}))
        assert done.returncode == code, done.stderr
        artifact = upload["with"]["name"].replace("${{ matrix.index }}", shard["index"])
        shutil.move(agent.checkout / upload["with"]["path"], agent.checkout / "results" / artifact)
    report = jobs["verdict"]["steps"][1]["with"]
    merged = agent.run("kore-gate", inputs(report, **{"needs.plan.outputs.total": planned["total"]}))
    first = agent.merged()
    shutil.rmtree(agent.checkout / "results" / "kore-results-1")
    incomplete = agent.run("kore-gate", inputs(report, **{"needs.plan.outputs.total": planned["total"]}))

    assert plan.returncode == 0, plan.stderr
    assert planned["total"] == "3"
    assert merged.returncode == code, merged.stderr
    assert len(first.suites) == 3
    assert incomplete.returncode == 8, incomplete.stderr
    assert "2 results are there, total is 3" in incomplete.stderr


def test_github__history(agent: Agent) -> None:
    """The last steps keep the merged result for the next plan."""
    steps = catalogue.read("github/sharded-tests.yml")["jobs"]["verdict"]["steps"]
    (agent.checkout / "junit-reports").mkdir()
    (agent.checkout / "junit-reports" / "kore-result.json").touch()
    (script,) = (step["run"] for step in steps if "run" in step)

    done = agent.run(script, {"GITHUB_RUN_ID": "77", "GITHUB_RUN_ATTEMPT": "2"})

    assert done.returncode == 0, done.stderr
    assert [path.name for path in (agent.checkout / "history").iterdir()] == ["77-2.json"]


def test_gitlab__parallel_matrix(agent: Agent) -> None:
    """Each language is tested in two jobs, and the merged reports say which suite is of which language."""
    jobs = catalogue.read("gitlab/sharded.gitlab-ci.yml")
    (matrix,) = jobs["shard"]["parallel"]["matrix"]

    for language in matrix["KORE_BOT_LANGUAGE"]:
        for index in matrix["KORE_INDEX"]:
            place = {"KORE_BOT_LANGUAGE": language, "KORE_INDEX": index}
            folder = jobs["shard"]["variables"]["KORE_REPORT_DIR"]
            for name, value in place.items():
                folder = folder.replace(f"${name}", value)
            done = agent.run("\n".join(jobs["shard"]["script"]), {**place, "KORE_REPORT_DIR": folder})
            assert done.returncode == 0, done.stderr
    done = agent.run("\n".join(jobs["verdict"]["script"]), {"GITLAB_CI": "true"})

    assert done.returncode == 0, done.stderr
    assert len(agent.merged().suites) == 8
    assert "TEST-kore-खाता-शेष--hi-.xml" in agent.junit_files()
    assert "TEST-kore-Balance--en-.xml" in agent.junit_files()


@pytest.mark.parametrize("scenario", ["failing-tests"])
def test_circleci__parallelism(agent: Agent) -> None:
    """Containers that find failures are green, so that their results are kept, and the verdict is red."""
    jobs = catalogue.read("circleci/sharded.yml")["jobs"]
    _, test, _ = jobs["shard"]["steps"]
    total = jobs["shard"]["parallelism"]

    for index in range(total):
        node = {"CIRCLE_NODE_INDEX": str(index), "CIRCLE_NODE_TOTAL": str(total), "CIRCLECI": "true"}
        done = agent.run(test["run"]["command"], {**jobs["shard"]["environment"], **node})
        assert done.returncode == 0, done.stderr
    done = agent.run(jobs["verdict"]["steps"][2]["run"]["command"], {"CIRCLECI": "true"})

    assert done.returncode == 1, done.stderr
    assert len(agent.junit_files()) == 4


def test_docs__recipe(agent: Agent) -> None:
    """The lines of the page on suites test each file once, and end well where a job has none."""
    page = (ROOT / "docs" / "suites.md").read_text(encoding="utf-8")
    (recipe,) = re.findall(r"```sh\n(KORE_FILES=.*?)```", page, re.DOTALL)
    merge = next(line for line in (ROOT / "docs" / "reports.md").read_text("utf-8").splitlines() if "--total 4" in line)

    codes = []
    for index in range(1, 7):
        place = recipe.replace("--total 4 --index 1", f"--total 6 --index {index}")
        codes.append(agent.run(place.replace("results/1", f"results/{index}"), {}).returncode)
    merged = agent.run(merge, {})

    assert codes == [0] * 6
    assert merged.returncode == 0, merged.stderr
    assert len(agent.merged().suites) == 4
