"""Buildkite's agent as a program of its own: what it receives, and what its faults do."""

import os
import pathlib
import stat

import pytest

from kore_gate import cli
from kore_gate.ci import outputs
from kore_gate.simulator import scenarios, service
from kore_gate.simulator.server import Server

pytestmark = pytest.mark.socket


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """Return the folder in which the agent is looked for."""
    path = tmp_path / "bin"
    path.mkdir()
    return path


def make_agent(folder: pathlib.Path, script: str) -> str:
    """Write an agent that does what a shell script says."""
    path = folder / "buildkite-agent"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_annotate__hands_the_summary_over(folder: pathlib.Path) -> None:
    """The agent gets the text whole, half an emoji as an escape, with a style and a context."""
    program = make_agent(folder, f'cat >"{folder}/text"; echo "$*" >"{folder}/words"')

    problem = outputs.annotate(program, "# Failed 🙂 \ud83d\n", passed=False)

    assert problem == ""
    assert (folder / "text").read_text() == "# Failed 🙂 \\ud83d\n"
    assert (folder / "words").read_text() == "annotate --context kore-gate --style error\n"


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        pytest.param("echo 'no such job' >&2; exit 4", "rejected the summary (exit code 4): no such job", id="no"),
        pytest.param("exec sleep 60", "pass the summary to buildkite-agent: TimeoutExpired.", id="hangs"),
    ],
)
def test_annotate__faults(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch, script: str, problem: str) -> None:
    """An agent that fails or hangs is reported in time."""
    monkeypatch.setattr(outputs, "AGENT_SECONDS", 0.3)

    assert outputs.annotate(make_agent(folder, script), "text", passed=True).endswith(problem)


def test_annotate__missing(folder: pathlib.Path) -> None:
    """An agent that is missing is reported."""
    assert "FileNotFoundError" in outputs.annotate(str(folder / "buildkite-agent"), "text", passed=True)


@pytest.mark.parametrize(("exit_code", "warned"), [(0, False), (1, True)])
def test_cli__buildkite(
    tmp_path: pathlib.Path,
    folder: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    exit_code: int,
    warned: bool,
) -> None:
    """Under Buildkite the summary is on the page of the build; an agent that fails fails nothing."""
    make_agent(folder, f'cat >"{folder}/text"; exit {exit_code}')
    for name in [name for name in os.environ if name.startswith(("KORE_", "INPUT_", "GITHUB_", "GITLAB_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BUILDKITE", "true")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("KORE_CLIENT_SECRET", scenarios.CLIENT_SECRET)

    with Server(service.Simulator(job_seconds=0.001)) as server:
        words = ["--host", server.url, "--stream-id", scenarios.STREAM_ID, "--client-id", scenarios.CLIENT_ID]
        code = cli.main(["wait", *words, "--ds-id", scenarios.DS_IDS[0], "--report-dir", str(tmp_path / "reports")])

    assert code == 0
    assert (folder / "text").read_text() == (tmp_path / "reports/kore-summary.md").read_text()
    assert ("buildkite-agent rejected the summary" in capsys.readouterr().err) is warned
