import json
import os
import pathlib
import signal

import pytest
import yaml

from kore_gate import text
from kore_gate.simulator import scenarios
from kore_gate.simulator.scenarios import USER_EMAIL
from tests.container import containers
from tests.container.containers import OWNER, ROOT, Engine, Serve, folder, mounts, owners, settings
from tests.reports import Reports

WORKSPACE = "/github/workspace"
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
INPUTS = [*ACTION["inputs"]]
LOCKED_DOWN = {"read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges"]}


def reports(workspace: pathlib.Path) -> Reports:
    """Return the reports that a container left in its workspace."""
    return Reports(workspace / "junit-reports")


@pytest.mark.parametrize(
    ("scenario", "more", "code", "ending"),
    [
        pytest.param("passing", {}, 0, "passed", id="passed"),
        pytest.param("failing", {}, 3, "job-failed", id="job-failed"),
        pytest.param("stuck", {"KORE_TIMEOUT": "2s"}, 4, "timed-out", id="timed-out"),
        pytest.param("refused", {}, 6, "refused", id="refused"),
    ],
)
def test_run__ways_to_end(
    engine: Engine,
    serve: Serve,
    workspace: pathlib.Path,
    scenario: str,
    more: dict[str, str],
    code: int,
    ending: str,
) -> None:
    """However it ends, the container exits with the contract's code and leaves its reports."""
    url, simulator = serve(scenario)
    environment = settings(url, simulator, **more)

    how = engine.run("wait", environment=environment, volumes=mounts(workspace=workspace), working_dir=WORKSPACE)

    assert how.code == code, how.err
    assert str(code) in how.last_words[1]
    assert reports(workspace).ending == ending
    assert ("<error" in reports(workspace).junit) is (code != 0)


def test_run__documented_sample(engine: Engine, serve: Serve, workspace: pathlib.Path) -> None:
    """The suite of Kore.ai's own documentation becomes a JUnit file of its one enabled assertion."""
    url, simulator = serve("passing")
    sample = json.loads((ROOT / "tests/samples/conversation-import-status-success.json").read_text(encoding="utf-8"))
    simulator.add_import(sample["_id"], sample["response"])
    environment = settings(url, simulator, KORE_DS_ID=sample["_id"])

    how = engine.run("wait", environment=environment, volumes=mounts(workspace=workspace), working_dir=WORKSPACE)

    assert how.code == 0, how.err
    assert f"TEST-kore-{sample['response']['name']}.xml" in reports(workspace).names
    assert 'tests="1" failures="0" errors="0" skipped="0"' in reports(workspace).junit
    assert 'name="text equals &quot;asdasd&quot;"' in reports(workspace).junit
    assert "01 Start_Flow" in reports(workspace).junit


def test_run__sigterm(engine: Engine, serve: Serve, workspace: pathlib.Path) -> None:
    """A container that is stopped while it waits writes its reports and exits 143 before it would be killed."""
    url, simulator = serve("stuck")
    environment = settings(url, simulator)

    with engine.started(
        "wait", environment=environment, volumes=mounts(workspace=workspace), working_dir=WORKSPACE
    ) as container:
        assert simulator.asked.wait(containers.PATIENCE)
        container.stop(timeout=5)  # SIGTERM, and SIGKILL (137) five seconds later
        how = containers.ended(container)

    assert how.code == 143, how.err
    assert "kore-gate wait --ds-id" in how.err
    assert reports(workspace).ending == "interrupted"
    assert "<error" in reports(workspace).junit


def test_run__sigint(engine: Engine, serve: Serve) -> None:
    """The gate as PID 1 hears SIGINT too, which is what GitHub sends first."""
    url, simulator = serve("stuck")

    with engine.started(environment=settings(url, simulator, KORE_REPORT_DIR="/tmp/reports")) as container:
        assert simulator.asked.wait(containers.PATIENCE)
        container.kill(signal.SIGINT)
        how = containers.ended(container)

    assert how.code == 130, how.err


@pytest.mark.parametrize("roots_files", [False, True], ids=["runners-files", "roots-files"])
def test_github__as_its_runner_does(
    engine: Engine, serve: Serve, tmp_path: pathlib.Path, workspace: pathlib.Path, roots_files: bool
) -> None:
    """Started as root with inputs and file commands, the gate tells GitHub everything and leaves nothing to root."""
    commands = folder(tmp_path / "file_commands")
    for name in ("output", "summary"):
        (commands / name).touch(mode=0o644)
        if os.geteuid() == 0 and not roots_files:
            containers.give(commands / name)
    environment = {
        **containers.inputs(settings(*serve()), INPUTS),
        "HOME": "/github/home",
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": WORKSPACE,
        "GITHUB_OUTPUT": "/github/file_commands/output",
        "GITHUB_STEP_SUMMARY": "/github/file_commands/summary",
    }

    how = engine.run(
        environment=environment,
        volumes=mounts(workspace=workspace, file_commands=commands, home=folder(tmp_path / "home")),
        working_dir=WORKSPACE,
    )

    assert how.code == 0, how.err
    said = (commands / "output").read_text(encoding="utf-8")
    assert all(
        output in said for output in ACTION["outputs"] if output not in ("download-url", "flaky", "known", "tolerated")
    )
    assert (commands / "summary").read_text(encoding="utf-8").strip()
    assert owners(workspace) == owners(commands) == {OWNER}
    assert "::add-mask::" not in how.out


def test_github__whole_chain_on_three_files(
    engine: Engine, serve: Serve, tmp_path: pathlib.Path, workspace: pathlib.Path
) -> None:
    """Three suite files of the checkout are imported and run in one step, and failures point into them."""
    commands = folder(tmp_path / "file_commands")
    files = folder(workspace / "conversations")
    for suite in scenarios.DEMO_SUITES:
        path = files / f"{text.file_name(suite['name'])}.json"
        path.write_text(json.dumps(suite, indent=2), encoding="utf-8")
    url, simulator = serve("failing-tests")
    given = settings(url, simulator, KORE_COMMAND="test", KORE_FILES="conversations/*.json", KORE_USER_EMAIL=USER_EMAIL)
    del given["KORE_DS_ID"]
    environment = {
        **containers.inputs(given, INPUTS),
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": WORKSPACE,
        "GITHUB_OUTPUT": "/github/file_commands/output",
        "GITHUB_STEP_SUMMARY": "/github/file_commands/summary",
    }

    how = engine.run(
        environment=environment,
        volumes=mounts(workspace=workspace, file_commands=commands),
        working_dir=WORKSPACE,
    )

    assert how.code == 1, how.err
    assert len([name for name in reports(workspace).names if name.startswith("TEST-kore-")]) == 3
    assert "::error file=conversations/Balance.json,line=54," in how.out
    started = [entry.kind for entry in simulator.log if entry.request.method == "POST"]
    assert sorted(started) == ["import"] * 3 + ["run"] * 3 + ["upload"] * 3
    said = (commands / "output").read_text(encoding="utf-8")
    assert said.count('["ds-') > 0
    assert "\nfailed\n" in said
    assert owners(workspace / "junit-reports") == {OWNER}


def test_jenkins__runs_cat_and_execs(engine: Engine, serve: Serve, tmp_path: pathlib.Path) -> None:
    """Held open by `cat` under a user nobody knows, without a home, the gate runs in it by name."""
    workspace = folder(tmp_path / "workspace", owner=1234, group=1234)
    environment = settings(*serve(), JENKINS_URL="https://ci.example.com/", BUILD_ID="7")

    with engine.started(
        "cat", tty=True, user="1234:1234", environment=environment, volumes=mounts(workspace=workspace)
    ) as container:
        running = any(container.top()["Processes"][0][-1] == "cat" for _ in range(100))
        code, _ = container.exec_run(["sh", "-c", "unset HOME; exec kore-gate wait"], workdir=WORKSPACE)

    assert running
    assert code == 0
    assert reports(workspace).ending == "passed"
    assert owners(workspace) == {1234}


@pytest.mark.parametrize("user", ["1234:1234", "0:0"])
def test_jenkins__aborts(engine: Engine, serve: Serve, tmp_path: pathlib.Path, user: str) -> None:
    """The plugin finds an aborted step by its cookie and kills it; the gate leaves its reports."""
    owner = int(user.split(":", maxsplit=1)[0])
    workspace = folder(tmp_path / "workspace", owner=owner, group=owner)
    url, simulator = serve("stuck")
    environment = settings(url, simulator, JENKINS_URL="https://ci.example.com/", BUILD_ID="7")
    name, cookie = "JENKINS_SERVER_COOKIE", "durable-0123456789abcdef"

    with engine.started(
        "cat", entrypoint="", tty=True, user=user, environment=environment, volumes=mounts(workspace=workspace)
    ) as container:
        step = ["sh", "-c", "kore-gate wait 2>said.txt"]
        container.exec_run(step, workdir=WORKSPACE, environment={name: cookie}, detach=True)
        assert simulator.asked.wait(containers.PATIENCE)
        code, listed = container.exec_run(["ps", "-A", "-o", "pid,command", "e"])
        assert isinstance(listed, bytes)
        found = [line.split()[0] for line in listed.decode().splitlines() if f"{name}={cookie}" in line]
        killed, _ = container.exec_run(["kill", *found])
        while any("kore-gate" in process[-1] for process in container.top()["Processes"]):
            pass
        container.stop(timeout=1)

    assert (code, killed) == (0, 0)
    assert found
    assert "Exit code: 143 (interrupted (SIGTERM))" in (workspace / "said.txt").read_text(encoding="utf-8")
    assert reports(workspace).ending == "interrupted"
    assert "kore_gate.Interrupted" in reports(workspace).junit


def test_jenkins__stops_the_hard_way(engine: Engine, serve: Serve, tmp_path: pathlib.Path) -> None:
    """A container that is killed leaves red reports all the same."""
    workspace = folder(tmp_path / "workspace", owner=1234, group=1234)
    url, simulator = serve("stuck")

    with engine.started(
        "wait",
        user="1234:1234",
        working_dir=WORKSPACE,
        environment=settings(url, simulator),
        volumes=mounts(workspace=workspace),
    ) as container:
        assert simulator.asked.wait(containers.PATIENCE)
        container.kill("SIGKILL")
        container.wait()

    assert reports(workspace).ending == "interrupted"
    assert "kore_gate.Interrupted" in reports(workspace).junit


def test_jenkins__sees_cat_at_once(engine: Engine) -> None:
    """With an empty entrypoint, as in the example, what runs is `cat` from the first look on."""
    for _ in range(10):
        with engine.started("cat", entrypoint="", tty=True) as container:
            assert container.top()["Processes"][0][-1] == "cat"


def test_gitlab__script_on_stdin(engine: Engine, serve: Serve, workspace: pathlib.Path) -> None:
    """With a shell as command and the job's script on its standard input, the job runs, and its code counts."""
    probe = "if [ -x /usr/local/bin/bash ]; then exec /usr/local/bin/bash; elif [ -x /bin/sh ]; then exec /bin/sh; fi"
    script = f"cd {WORKSPACE}\nkore-gate wait\ncode=$?\necho job went on with $code\nexit $code\n"
    environment = settings(*serve("failing"), GITLAB_CI="true", CI_PROJECT_DIR=WORKSPACE)

    how = engine.talk(script, "sh", "-c", probe, environment=environment, volumes=mounts(workspace=workspace))

    assert how.code == 3, how.err
    assert "job went on with 3" in how.out
    assert reports(workspace).ending == "job-failed"


@pytest.mark.parametrize("user", ["owner", "stranger"])
def test_run__locked_down(engine: Engine, serve: Serve, tmp_path: pathlib.Path, user: str) -> None:
    """Nothing more is needed than the workspace: no capability, no writable root, no new privilege, no known user."""
    number = OWNER if user == "owner" else 54321
    workspace = folder(tmp_path / "workspace", owner=number, group=number)

    how = engine.run(
        "wait",
        environment=settings(*serve()),
        volumes=mounts(workspace=workspace),
        working_dir=WORKSPACE,
        user=f"{number}:{number}",
        **LOCKED_DOWN,
    )

    assert how.code == 0, how.err
    assert reports(workspace).ending == "passed"


def test_run__hostile_checkout(engine: Engine, serve: Serve, workspace: pathlib.Path) -> None:
    """Modules in the user's checkout, or on a PYTHONPATH, are never the gate's."""
    for name in ("httpx", "kore_gate", "sitecustomize", "usercustomize", "json", "entrypoint"):
        (workspace / f"{name}.py").write_text("raise SystemExit(99)\n")

    how = engine.run(
        "wait",
        environment=settings(*serve(), PYTHONPATH=WORKSPACE, PYTHONSTARTUP=f"{WORKSPACE}/httpx.py"),
        volumes=mounts(workspace=workspace),
        working_dir=WORKSPACE,
    )

    assert how.code == 0, how.err


def test_run__path_is_nonsense(engine: Engine, serve: Serve, workspace: pathlib.Path) -> None:
    """The gate doesn't need PATH."""
    how = engine.run(
        "wait",
        environment=settings(*serve(), PATH="utter-nonsense"),
        volumes=mounts(workspace=workspace),
        working_dir=WORKSPACE,
    )

    assert how.code == 0, how.err


def test_run__report_dir_elsewhere(
    engine: Engine, serve: Serve, workspace: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """It is the place the reports go to whose owner counts, not the working directory."""
    elsewhere = folder(tmp_path / "elsewhere", owner=4321, group=4321)

    how = engine.run(
        "wait",
        "--report-dir=/github/elsewhere/deep/reports",
        environment=settings(*serve()),
        volumes=mounts(workspace=workspace, elsewhere=elsewhere),
        working_dir=WORKSPACE,
    )

    assert how.code == 0, how.err
    assert owners(workspace) == set()
    assert owners(elsewhere) == {4321}
