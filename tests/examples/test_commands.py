import os
import pathlib
import re
import subprocess
from collections.abc import Callable

import pytest
import yaml

from kore_gate.simulator.scenarios import USER_EMAIL
from tests.container import containers
from tests.container.containers import ROOT, Engine, Serve
from tests.examples import catalogue
from tests.examples.catalogue import Example
from tests.reports import Reports


def _settings(serve: Serve, scenario: str = "passing") -> dict[str, str]:
    """Return what a CI system keeps for the gate: the address of a simulator, credentials for it, and some haste."""
    url, simulator = serve(scenario)
    variables = containers.settings(url, simulator, KORE_USER_EMAIL=USER_EMAIL)
    del variables["KORE_DS_ID"]
    return variables


def _shell(command: str, checkout: pathlib.Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command of an example as its CI system's agent does, in the checkout."""
    kept = {name: os.environ[name] for name in ("PATH", "DOCKER_HOST", "HOME") if name in os.environ}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=checkout,
        env={**kept, **variables, "KORE_GATE_DOCKER": "--network=host"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


@pytest.mark.parametrize(
    "read", [catalogue.azure, catalogue.circleci, catalogue.buildkite], ids=lambda read: read.__name__
)
def test_agents__run_the_script(
    read: Callable[[], Example], engine: Engine, serve: Serve, checkout: pathlib.Path
) -> None:
    """The command of a pipeline whose agent has Docker tests every file, and leaves what the pipeline publishes."""
    example = read()
    variables = {**example.variables, **example.signs, **_settings(serve), "KORE_GATE_IMAGE": engine.image}

    done = _shell(example.command, checkout, **variables)

    assert done.returncode == 0, done.stderr
    assert Reports(checkout / "junit-reports").ending == "passed"
    assert len([path for path in checkout.glob(example.published) if path.suffix == ".xml"]) == 3
    assert containers.owners(checkout / "junit-reports") == {os.geteuid()}
    if read is catalogue.azure:
        assert "##vso[task.setvariable variable=verdict;isOutput=true]passed" in done.stdout


def test_run_sh__failing_tests(engine: Engine, serve: Serve, checkout: pathlib.Path) -> None:
    """The script ends with the gate's exit code, and shows no secret in the container's own command."""
    variables = {**_settings(serve, "failing-tests"), "KORE_GATE_IMAGE": engine.image}

    done = _shell("ci/kore-gate.sh test 'tests/conversations/*.json' --junit-dialect strict", checkout, **variables)

    assert done.returncode == 1, done.stderr
    assert Reports(checkout / "junit-reports").ending == "failed"
    assert variables["KORE_CLIENT_SECRET"] not in done.stdout + done.stderr


@pytest.mark.parametrize("read", [catalogue.jenkins, catalogue.bitbucket], ids=lambda read: read.__name__)
def test_agents__exec_in_the_image(
    read: Callable[[], Example], engine: Engine, serve: Serve, checkout: pathlib.Path
) -> None:
    """The command of a pipeline that runs inside the image tests every file, and leaves what the pipeline publishes."""
    example = read()
    owner = checkout.stat()

    with engine.started(
        "cat",
        tty=True,
        user=f"{owner.st_uid}:{owner.st_gid}",
        environment={**example.variables, **example.signs, **_settings(serve)},
        volumes={str(checkout): {"bind": str(checkout), "mode": "rw"}},
        working_dir=str(checkout),
    ) as container:
        code, said = container.exec_run(["sh", "-c", example.command], workdir=str(checkout))

    assert code == 0, said
    assert len([path for path in checkout.glob(example.published) if path.suffix == ".xml"]) == 3


def test_github__step_of_the_workflow(engine: Engine, serve: Serve, checkout: pathlib.Path) -> None:
    """The step of the workflow, run as GitHub's runner does it, tests every file and leaves what is uploaded."""
    workflow = catalogue.read("github/conversation-tests.yml")
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    _, gate, upload = workflow["jobs"]["kore"]["steps"]
    assert upload["if"] == "always()"
    kept = _settings(serve)
    given = {
        name: re.sub(r"\$\{\{ (?:vars|secrets)\.(\w+) \}\}", lambda match: kept[match[1]], value)
        for name, value in (gate["with"] | {"host": kept["KORE_HOST"], "poll-interval": "500ms"}).items()
    }
    inputs = {f"INPUT_{name.upper()}": given.get(name, "") for name in action["inputs"]}
    commands = checkout.parent / "commands"
    commands.mkdir()
    for name in ("output", "summary"):
        (commands / name).touch()

    how = engine.run(
        environment={
            **inputs,
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": "/github/workspace",
            "GITHUB_OUTPUT": "/github/file_commands/output",
            "GITHUB_STEP_SUMMARY": "/github/file_commands/summary",
        },
        volumes=containers.mounts(workspace=checkout, file_commands=commands),
        working_dir="/github/workspace",
    )

    assert action["runs"]["using"] == "docker"
    assert how.code == 0, how.err
    assert gate["with"].keys() <= action["inputs"].keys()
    assert len([*(checkout / upload["with"]["path"]).glob("TEST-kore-*.xml")]) == 3
    assert "passed" in (commands / "output").read_text(encoding="utf-8")
    assert "Balance" in (commands / "summary").read_text(encoding="utf-8")
