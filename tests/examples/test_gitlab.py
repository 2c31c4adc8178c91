import io
import os
import pathlib
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping

import docker
import docker.errors
import junitparser
import pytest

from tests.container import containers
from tests.container.containers import ROOT, Engine, Serve
from tests.needs import need

GITLAB = ROOT / "examples" / "gitlab"
HELPER = "kore-gate-test-helper:rsync"
LATER = """
later:
  stage: .post
  image:
    name: $KORE_GATE_IMAGE
    entrypoint: [""]
  script:
    - echo "the verdict was <$KORE_VERDICT>"
"""


@pytest.fixture(scope="session")
def helper(client: docker.DockerClient) -> str:
    """Build the image that gitlab-ci-local copies files with; it stays, for the next run."""
    base = os.environ.get("KORE_GATE_BASE_IMAGE")
    if not base:
        dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
        (base,) = re.findall(r"^ARG BASE_IMAGE=(.*)$", dockerfile, re.MULTILINE)
    install = "apt-get update && apt-get install --yes --no-install-recommends rsync"
    recipe = io.BytesIO(f"FROM {base}\nRUN {install}\n".encode())
    try:
        client.images.build(fileobj=recipe, tag=HELPER, network_mode="host", rm=True, forcerm=True)
    except docker.errors.BuildError as error:
        pytest.fail("\n".join(str(line.get("stream") or line.get("error") or "") for line in error.build_log))
    return HELPER


@pytest.fixture
def pipeline(
    engine: Engine, helper: str, checkout: pathlib.Path, node: str, package: Callable[[str], pathlib.Path]
) -> Callable[[Mapping[str, str]], subprocess.CompletedProcess[str]]:
    """Run the checkout's pipeline as gitlab-ci-local does."""
    for program in ("docker", "git", "rsync"):
        need(shutil.which(program), program, "script/examples")
    runner = package("gitlab-ci-local/dist/index.js")
    # It takes the whole of its caller's home and Git for its own.
    environ = {name: os.environ[name] for name in ("PATH", "DOCKER_HOST") if name in os.environ}
    environ |= {"HOME": str(checkout.parent), "GIT_CONFIG_GLOBAL": os.devnull, "NO_COLOR": "1"}

    def run(variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        shown = {**variables, "KORE_GATE_IMAGE": engine.image, "KORE_CI": "gitlab"}
        identity = ["-c", "user.name=Tester", "-c", "user.email=tester@example.com"]
        for command in (
            ["init", "--quiet", "--initial-branch=main"],
            ["remote", "add", "origin", "git@gitlab.example.com:bots/bank.git"],
            ["add", "."],
            [*identity, "commit", "--quiet", "--message=all"],
        ):
            subprocess.run(["git", *command], cwd=checkout, env=environ, check=True, timeout=60)
        options = ["--cwd=.", f"--helper-image={helper}", "--pull-policy=if-not-present", "--network=host"]
        given = [word for name, value in shown.items() for word in ("--variable", f"{name}={value}")]
        return subprocess.run(
            [node, runner, *options, *given],
            cwd=checkout,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )

    return run


Pipeline = Callable[[Mapping[str, str]], "subprocess.CompletedProcess[str]"]


def _settings(serve: Serve, scenario: str) -> dict[str, str]:
    url, simulator = serve(scenario)
    variables = containers.settings(url, simulator, KORE_USER_EMAIL="john.doe@example.com")
    del variables["KORE_DS_ID"]
    return variables


def _counts(folder: pathlib.Path) -> tuple[int, int, int]:
    """Count files, test cases and failures."""
    files = sorted(folder.glob("TEST-kore-*.xml"))
    suites = [suite for file in files for suite in junitparser.JUnitXml.fromfile(str(file))]
    return len(files), sum(suite.tests for suite in suites), sum(suite.failures for suite in suites)


def test_gitlab__job_passes(pipeline: Pipeline, serve: Serve, checkout: pathlib.Path) -> None:
    """The job of the example tests every file of the repository, and hands on reports and outputs."""
    job = (GITLAB / ".gitlab-ci.yml").read_text(encoding="utf-8")
    (checkout / ".gitlab-ci.yml").write_text(job + LATER, encoding="utf-8")

    done = pipeline(_settings(serve, "passing"))

    assert done.returncode == 0, done.stdout + done.stderr
    artifacts = checkout / ".gitlab-ci-local" / "artifacts" / "kore" / "junit-reports"
    files, cases, failures = _counts(artifacts)
    assert (files, failures) == (3, 0)
    assert cases > 0
    assert (artifacts / "kore-annotations.json").is_file()
    assert "the verdict was <passed>" in done.stdout + done.stderr


def test_gitlab__component_fails(pipeline: Pipeline, serve: Serve, checkout: pathlib.Path) -> None:
    """The component fails its job when tests fail, and its reports are there all the same."""
    (checkout / "templates").mkdir()
    shutil.copy(GITLAB / "templates" / "kore-gate.yml", checkout / "templates")
    include = """
include:
  - local: templates/kore-gate.yml
    inputs:
      job-name: conversations
      image: $KORE_GATE_IMAGE
      host: {host}
      stream-id: {stream}
      files: tests/conversations/*.json
"""
    variables = _settings(serve, "failing-tests")
    filled = include.format(host=variables.pop("KORE_HOST"), stream=variables.pop("KORE_STREAM_ID"))
    (checkout / ".gitlab-ci.yml").write_text(filled, encoding="utf-8")

    done = pipeline(variables)

    assert done.returncode == 1, done.stdout + done.stderr
    files, _, failures = _counts(checkout / ".gitlab-ci-local" / "artifacts" / "conversations" / "junit-reports")
    assert files == 3
    assert failures > 0
    assert "Exit code: 1" in done.stdout + done.stderr
