import pathlib
import re
import shlex
import signal
import socket
from collections.abc import Callable

import pytest

from kore_gate.errors import ExitCode
from tests.e2e.program import DOORS, DS_ID, WAIT, Program, ended, interrupt, read_until
from tests.fakes.files import write_demo
from tests.reports import Reports

pytestmark = pytest.mark.socket

Serve = Callable[..., str]


@pytest.mark.parametrize("door", DOORS)
def test_gate__passes(gate: Program, serve: Serve, door: str) -> None:
    """A good import ends with 0 through both doors."""
    end = gate.run(*WAIT, host=serve("passing"), door=door)

    end.check(ExitCode.PASSED)
    gate.reports.check(ExitCode.PASSED)
    assert end.stdout == ""


def test_gate__job_fails(gate: Program, serve: Serve) -> None:
    """An import that fails is 3 at the image's door."""
    end = gate.run(*WAIT, host=serve("failing"), door="entrypoint")

    end.check(ExitCode.JOB_FAILED)
    gate.reports.check(ExitCode.JOB_FAILED)


def test_gate__whole_chain(gate: Program, serve: Serve) -> None:
    """Files go up, are imported, run and judged, over real sockets; failing assertions are 1."""
    write_demo(gate.folder, 3)

    end = gate.run("test", "*.json", host=serve("failing-tests"), door="entrypoint")

    end.check(ExitCode.FAILED)
    gate.reports.check(ExitCode.FAILED)
    assert len(gate.reports.files) == 3


def test_gate__nobody_listens(gate: Program) -> None:
    """A host that nobody serves is waited for as long as is allowed, then 7."""
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))

        end = gate.run(*WAIT, "--outage-limit", "200ms", host=f"http://127.0.0.1:{port.getsockname()[1]}")

    end.check(ExitCode.UNAVAILABLE)
    gate.reports.check(ExitCode.UNAVAILABLE)


def test_gate__full_disk(gate: Program, serve: Serve) -> None:
    """Reports that do not fit are 8, and nothing half-written is left."""
    end = gate.run(*WAIT, host=serve("passing"), limit=4096, measured=False)

    end.check(ExitCode.REPORT)
    assert "otherwise: Import: accepted by Kore.ai" in end.stderr
    assert [name for name in gate.reports.names if name.startswith(".") or name == "kore-report.html"] == []


def test_gate__a_bug(gate: Program, serve: Serve) -> None:
    """A bug is 70, without a stack trace, and with reports."""
    end = gate.run(*WAIT, host=serve("passing"), patch="a bug")

    end.check(ExitCode.BUG)
    gate.reports.check(ExitCode.BUG)
    assert "Traceback" not in end.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_gate__interrupted(gate: Program, serve: Serve, number: signal.Signals) -> None:
    """A signal ends the wait with its own code, reports, and the way to go on."""
    process = gate.start(*WAIT, host=serve("stuck"), door="entrypoint")

    end = interrupt(process, "IN_PROGRESS", number)

    code = ExitCode(128 + number)
    end.check(code)
    gate.reports.check(code)
    assert "kore-gate wait --ds-id ds-demo-1" in end.stderr


def test_gate__resumes_after_a_signal(gate: Program, serve: Serve) -> None:
    """The command that an interrupted chain prints brings it to the end."""
    write_demo(gate.folder, 1)
    host = serve("passing", 0.5)
    first = interrupt(gate.start("test", "suite-1.json", host=host), "inprogress")
    [command] = re.findall(r"kore-gate (run .* --run-id \S+)", first.stderr)

    end = gate.run(*shlex.split(command), host=host)

    assert first.code == ExitCode.SIGTERM
    end.check(ExitCode.PASSED)


def test_gate__signal_at_the_very_start(gate: Program, serve: Serve) -> None:
    """From the moment signals are caught, one of them leaves a report behind, before anything is sent."""
    process = gate.start(*WAIT, host=serve("passing"), door="entrypoint", measured=False)
    status = pathlib.Path(f"/proc/{process.pid}/status")
    while not int(re.findall(r"SigCgt:\s+(\w+)", status.read_text())[0], 16) >> (signal.SIGTERM - 1) & 1:
        assert process.poll() is None

    process.terminate()

    ended(process).check(ExitCode.SIGTERM)
    gate.reports.check(ExitCode.SIGTERM)


def test_gate__second_signal_leaves_at_once(gate: Program, serve: Serve) -> None:
    """Who can't wait for the reports sends a second signal."""
    process = gate.start(*WAIT, host=serve("stuck"), patch="reports that never end")
    read_until(process, "IN_PROGRESS")
    process.terminate()

    end = interrupt(process, "writing", signal.SIGINT)

    assert end.code == ExitCode.SIGINT


def test_gate__signal_when_all_is_over(gate: Program, serve: Serve) -> None:
    """A signal that comes when the verdict is being printed changes nothing of it."""
    end = gate.run(*WAIT, host=serve("failing"), patch="a signal with the verdict")

    end.check(ExitCode.JOB_FAILED)


def test_gate__nothing_from_the_working_directory(gate: Program, serve: Serve) -> None:
    """What lies in the user's checkout is not run by the image's door."""
    for name in ("httpx", "json", "kore_gate", "sitecustomize"):
        (gate.folder / f"{name}.py").write_text("open('imported', 'w').close()\n")

    end = gate.run(*WAIT, host=serve("passing"), door="entrypoint", PYTHONPATH=str(gate.folder))

    end.check(ExitCode.PASSED)
    assert not (gate.folder / "imported").exists()


def test_gate__reader_that_leaves(gate: Program, serve: Serve) -> None:
    """That nobody listens any more changes neither reports nor exit code."""
    process = gate.start(*WAIT, "--output", "json", host=serve("failing"))
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    process.stderr.close()

    assert process.wait() == ExitCode.JOB_FAILED
    gate.reports.check(ExitCode.JOB_FAILED)


USERS_OWN = {
    "KORE_HOST": "https://kore.invalid",
    "KORE_CLIENT_SECRET": "",
    "KORE_CLIENT_SECRET_FILE": "/nonexistent",
    "KORE_JWT": "nonsense",
    "KORE_TIMEOUT": "nonsense",
    "INPUT_FILES": "nowhere.json",
    "KORE_REPORT_DIR": "by-variable",
}


def test_demo__ends(gate: Program) -> None:
    """The demonstration needs no settings, uses none but where reports go, and ends as its scenario says."""
    end = gate.run("demo", "--scenario", "failing-tests", **USERS_OWN)

    end.check(ExitCode.FAILED)
    reports = Reports(gate.folder / "by-variable")
    reports.check(ExitCode.FAILED)
    assert len(reports.files) == 3


def test_simulate__port_is_taken(gate: Program) -> None:
    """A port that is taken is bad usage."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = str(server.getsockname()[1])

        end = gate.run("simulate", "--port", taken)

    end.check(ExitCode.USAGE)
    assert f"cannot listen on port {taken}" in end.stderr


def test_simulate__says_how_to_try_it(gate: Program) -> None:
    """What the simulator prints is enough to pass its first import; a signal ends it well."""
    process = gate.start("simulate", "--job-seconds", "0.1")
    lines = [read_until(process, "export KORE_HOST")]
    while "kore-gate wait" not in lines[-1]:
        assert process.stderr
        lines.append(process.stderr.readline())
    exports = dict(re.findall(r"export (\w+)=(\S+)", "".join(lines)))

    end = gate.run(*shlex.split(lines[-1].split("kore-gate", 1)[1]), **exports)
    process.terminate()

    end.check(ExitCode.PASSED)
    assert process.wait() == ExitCode.SIGTERM


def test_gate__killed(gate: Program, serve: Serve) -> None:
    """From the moment an id is known a red report stands there: a gate that is killed leaves it, and its outputs."""
    output = gate.folder / "output"
    output.touch()
    process = gate.start(*WAIT, host=serve("stuck"), KORE_CI="github", GITHUB_OUTPUT=str(output))

    interrupt(process, "IN_PROGRESS", signal.SIGKILL)

    assert gate.reports.red == [True]
    assert "kore_gate.Interrupted" in gate.reports.junit
    result = gate.reports.result
    assert (result["verdict"]["ending"], result["suites"][0]["ds_id"]) == ("interrupted", DS_ID)
    outputs = dict(re.findall(r"^(\S+)<<\S+\n(.*)$", output.read_text(), re.MULTILINE))
    assert (outputs["verdict"], outputs["exit-code"], outputs["ds-id"]) == ("interrupted", "143", DS_ID)


@pytest.mark.parametrize(
    ("words", "shown", "number"),
    [(WAIT, "waiting for the import", signal.SIGTERM), (("doctor",), "proxy", signal.SIGINT)],
)
def test_gate__interrupted_in_a_hung_lookup(
    gate: Program, words: tuple[str, ...], shown: str, number: signal.Signals
) -> None:
    """A name lookup that never ends holds nothing up."""
    process = gate.start(*words, "--verbose", host="https://kore.example", patch="a lookup that never ends")

    interrupt(process, shown, number).check(ExitCode(128 + number))


def test_gate__interrupted_doctor(gate: Program, serve: Serve) -> None:
    """The doctor stops like any other command."""
    process = gate.start("doctor", "--outage-limit", "60s", host=serve("hang"))

    interrupt(process, "token").check(ExitCode.SIGTERM)


def test_gate__interrupted_while_reports_are_written(gate: Program, serve: Serve) -> None:
    """A report that takes too long is cut off; the others are there, and say that the call was interrupted."""
    process = gate.start(*WAIT, host=serve("passing"), patch="a slow page")

    interrupt(process, "the page").check(ExitCode.SIGTERM)

    result = gate.reports.result
    assert (result["verdict"]["exit_code"], result["suites"][0]["verdict"]["ending"]) == (143, "passed")
    assert gate.reports.names == ["TEST-kore-Greeting-and-FAQ.xml", "kore-result.json", "kore-summary.md"]


def test_gate__interrupted_where_nothing_helps(gate: Program, serve: Serve) -> None:
    """Work that can't be cut off is left to itself."""
    process = gate.start(*WAIT, host=serve("passing"), patch="a page that can't be cut off")

    assert interrupt(process, "the page").code == ExitCode.SIGTERM
