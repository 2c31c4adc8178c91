import contextlib
import json
import os
import pathlib
import re
import resource
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from junitparser import JUnitXml

from kore_gate.errors import MEANINGS, ExitCode
from kore_gate.simulator import scenarios
from tests.fakes.files import write_demo

pytestmark = pytest.mark.socket

ROOT = pathlib.Path(__file__).parents[2]
DOORS = {"entrypoint": ["-Iu", str(ROOT / "entrypoint.py")], "module": ["-m", "kore_gate"]}
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "COVERAGE_")
SETTINGS = {
    "KORE_STREAM_ID": scenarios.STREAM_ID,
    "KORE_CLIENT_ID": scenarios.CLIENT_ID,
    "KORE_CLIENT_SECRET": scenarios.CLIENT_SECRET,
    "KORE_USER_EMAIL": scenarios.USER_EMAIL,
    "KORE_POLL_INTERVAL": "100ms",
    "KORE_CI": "none",
}
WAIT = ("wait", "--ds-id", scenarios.DS_IDS[0])

Serve = Callable[..., str]


def _limited(size: int) -> Callable[[], None]:
    """Let a process write no file larger than this."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


class Gate:
    """Starts gates as separate processes in a working directory of their own."""

    def __init__(self, folder: pathlib.Path, processes: contextlib.ExitStack) -> None:
        self.folder = folder
        self.reports = folder / "junit-reports"
        self._processes = processes

    def start(
        self,
        *words: str,
        host: str = "",
        door: list[str] | None = None,
        limit: int = 0,
        measured: bool = True,
        **environ: str,
    ) -> "subprocess.Popen[str]":
        own = {name: value for name, value in os.environ.items() if name.startswith(KEPT)}
        if not measured:
            # Coverage catches SIGTERM itself, and writes a file of its own.
            own = {name: value for name, value in own.items() if not name.startswith("COV")}
        process = subprocess.Popen(
            [sys.executable, *(door or DOORS["module"]), *words],
            cwd=self.folder,
            env={**own, **SETTINGS, "KORE_HOST": host, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            preexec_fn=_limited(limit) if limit else None,  # noqa: PLW1509 the tests have no threads
        )
        self._processes.enter_context(process)
        self._processes.callback(process.kill)
        return process

    def run(self, *words: str, **how: object) -> tuple[int, str, str]:
        """Run a gate to its end; return exit code, stdout and stderr."""
        process = self.start(*words, **how)  # type: ignore[arg-type]
        stdout, stderr = process.communicate()
        return process.returncode, stdout, stderr

    def script(self, text: str) -> list[str]:
        """Write a program that does something to the gate before it starts it."""
        path = self.folder / "wrapper.py"
        path.write_text(f"{text}\nfrom kore_gate.__main__ import main\nmain()\n")
        return [str(path)]


@pytest.fixture
def gate(tmp_path: pathlib.Path) -> Iterator[Gate]:
    with contextlib.ExitStack() as processes:
        yield Gate(tmp_path, processes)


@pytest.fixture(scope="module")
def serve() -> Iterator[Serve]:
    """Serve a scenario from a process of its own; the same one for every test that asks alike."""
    served: dict[tuple[str, float], str] = {}
    with contextlib.ExitStack() as processes:

        def start(scenario: str, job_seconds: float = 0.3) -> str:
            key = (scenario, job_seconds)
            if key not in served:
                words = ["simulate", "--scenario", scenario, "--port", "0", "--job-seconds", str(job_seconds)]
                process = subprocess.Popen(
                    [sys.executable, "-m", "kore_gate", *words], stderr=subprocess.PIPE, text=True
                )
                processes.enter_context(process)
                processes.callback(process.terminate)
                found = re.search(r"http://127\.0\.0\.1:\d+", read_until(process, "is running on"))
                assert found
                served[key] = found[0]
            return served[key]

        yield start


def read_until(process: "subprocess.Popen[str]", words: str) -> str:
    """Return the first line on stderr that has these words in it."""
    assert process.stderr
    for line in process.stderr:
        if words in line:
            return line
    raise AssertionError(f"ended without a line with {words!r}")


def check_ending(code: ExitCode, ended: tuple[int, str, str]) -> None:
    """See that process and last lines say the same."""
    returned, _, stderr = ended
    assert returned == code, stderr
    verdict, last = stderr.splitlines()[-2:]
    assert verdict.startswith("Verdict: ")
    assert last == f"Exit code: {code.value} ({MEANINGS[code]})"


def check_reports(gate: Gate, code: ExitCode) -> None:
    """See that the reports are there, and say what the exit code says."""
    assert json.loads((gate.reports / "kore-result.json").read_bytes())["verdict"]["exit_code"] == code
    read = [suite for path in gate.reports.glob("TEST-kore-*.xml") for suite in JUnitXml.fromfile(str(path))]
    assert bool(sum(suite.failures + suite.errors for suite in read)) is (code != 0)
    assert (gate.reports / "kore-report.html").stat().st_size
    assert (gate.reports / "kore-summary.md").stat().st_size
    assert not list(gate.reports.glob(".*"))


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_gate__passes(gate: Gate, serve: Serve, door: list[str]) -> None:
    """A good import ends with 0 through both doors."""
    ended = gate.run(*WAIT, host=serve("passing"), door=door)

    check_ending(ExitCode.PASSED, ended)
    check_reports(gate, ExitCode.PASSED)


ENDINGS: dict[ExitCode, tuple[str, tuple[str, ...]]] = {
    ExitCode.JOB_FAILED: ("failing", WAIT),
    ExitCode.TIMED_OUT: ("stuck", (*WAIT, "--timeout", "1s")),
    ExitCode.NOTHING_TO_TEST: ("empty", WAIT),
    ExitCode.REFUSED: ("refused", WAIT),
    ExitCode.UNAVAILABLE: ("vanishing", WAIT),
}


@pytest.mark.parametrize(("code", "how"), ENDINGS.items(), ids=lambda value: getattr(value, "name", ""))
def test_gate__ends(gate: Gate, serve: Serve, code: ExitCode, how: tuple[str, tuple[str, ...]]) -> None:
    """Each way an import can end has its exit code and its reports."""
    scenario, words = how

    ended = gate.run(*words, host=serve(scenario), door=DOORS["entrypoint"])

    check_ending(code, ended)
    check_reports(gate, code)


def test_gate__failing_tests(gate: Gate, serve: Serve) -> None:
    """The whole chain over real sockets; failing assertions are 1."""
    write_demo(gate.folder)

    ended = gate.run("test", "*.json", host=serve("failing-tests"))

    check_ending(ExitCode.FAILED, ended)
    check_reports(gate, ExitCode.FAILED)
    assert len(list(gate.reports.glob("TEST-kore-*.xml"))) == 2


def test_gate__whole_chain(gate: Gate, serve: Serve) -> None:
    """Three files go up, are imported, run and judged, all at once."""
    write_demo(gate.folder, 3)

    ended = gate.run("test", "*.json", host=serve("passing"), door=DOORS["entrypoint"])

    check_ending(ExitCode.PASSED, ended)
    check_reports(gate, ExitCode.PASSED)


def test_gate__bad_settings(gate: Gate) -> None:
    """What is missing is told all at once, and reported, with 2."""
    ended = gate.run("wait", KORE_CLIENT_ID="")

    check_ending(ExitCode.USAGE, ended)
    check_reports(gate, ExitCode.USAGE)
    assert all(f"{name} is missing" in ended[2] for name in ("host", "ds-id", "client-id"))


def test_gate__nobody_listens(gate: Gate) -> None:
    """A host that nobody serves is waited for as long as is allowed, then 7."""
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{port.getsockname()[1]}"

        ended = gate.run(*WAIT, "--outage-limit", "1s", host=host)

    check_ending(ExitCode.UNAVAILABLE, ended)
    check_reports(gate, ExitCode.UNAVAILABLE)


def test_gate__report_dir_is_a_file(gate: Gate) -> None:
    """Where no report can be left nothing is sent, and that is 8."""
    gate.reports.write_text("in the way")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)

        ended = gate.run(*WAIT, host=f"http://127.0.0.1:{server.getsockname()[1]}")

        with pytest.raises(BlockingIOError):
            server.accept()
    check_ending(ExitCode.REPORT, ended)


def test_gate__full_disk(gate: Gate, serve: Serve) -> None:
    """Reports that do not fit are 8, and nothing half-written is left."""
    ended = gate.run(*WAIT, host=serve("passing"), limit=4096, measured=False)

    check_ending(ExitCode.REPORT, ended)
    assert "otherwise: Import: accepted by Kore.ai" in ended[2]
    assert not list(gate.reports.glob(".*"))
    assert not (gate.reports / "kore-report.html").exists()


def test_gate__a_bug(gate: Gate, serve: Serve) -> None:
    """A bug is 70, without a stack trace, and with reports."""
    door = gate.script(
        "from kore_gate.kore.client import KoreClient\n"
        "async def broken(self, ds_id):\n    raise ZeroDivisionError('on purpose')\n"
        "KoreClient.import_job = broken"
    )

    ended = gate.run(*WAIT, host=serve("passing"), door=door)

    check_ending(ExitCode.BUG, ended)
    check_reports(gate, ExitCode.BUG)
    assert "Traceback" not in ended[2]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_gate__interrupted(gate: Gate, serve: Serve, number: signal.Signals, door: list[str]) -> None:
    """A signal ends the wait with its own code, reports, and the way to go on."""
    process = gate.start(*WAIT, host=serve("stuck"), door=door)
    read_until(process, "IN_PROGRESS")

    process.send_signal(number)
    stdout, stderr = process.communicate()

    code = ExitCode(128 + number)
    check_ending(code, (process.returncode, stdout, stderr))
    check_reports(gate, code)
    assert "kore-gate wait --ds-id ds-demo-1" in stderr


def test_gate__resumes_after_a_signal(gate: Gate, serve: Serve) -> None:
    """The command that an interrupted chain prints brings it to the end."""
    write_demo(gate.folder, 1)
    host = serve("passing", 2.0)
    process = gate.start("test", "suite-1.json", host=host)
    read_until(process, "inprogress")
    process.terminate()
    _, stderr = process.communicate()
    found = re.search(r"kore-gate (run .* --run-id \S+)", stderr)
    assert found

    ended = gate.run(*shlex.split(found[1]), host=host)

    assert process.returncode == ExitCode.SIGTERM
    check_ending(ExitCode.PASSED, ended)


def test_gate__signal_at_the_very_start(gate: Gate, serve: Serve) -> None:
    """From the moment signals are caught, one of them leaves a report behind, before anything is sent."""
    process = gate.start(*WAIT, host=serve("passing"), door=DOORS["entrypoint"], measured=False)
    status = pathlib.Path(f"/proc/{process.pid}/status")
    while not int(re.findall(r"SigCgt:\s+(\w+)", status.read_text())[0], 16) >> (signal.SIGTERM - 1) & 1:
        assert process.poll() is None

    process.terminate()
    ended = process.communicate()

    check_ending(ExitCode.SIGTERM, (process.returncode, *ended))
    check_reports(gate, ExitCode.SIGTERM)


def test_gate__second_signal_leaves_at_once(gate: Gate, serve: Serve) -> None:
    """Who can't wait for the reports sends a second signal."""
    door = gate.script(
        "import sys, threading\n"
        "from kore_gate.reports import bundle\n"
        "def stuck(*args):\n    print('writing', file=sys.stderr, flush=True)\n    threading.Event().wait()\n"
        "bundle.write = stuck"
    )
    process = gate.start(*WAIT, host=serve("stuck"), door=door)
    read_until(process, "IN_PROGRESS")
    process.terminate()
    read_until(process, "writing")

    process.send_signal(signal.SIGINT)

    assert process.wait() == ExitCode.SIGINT


def test_gate__signal_when_all_is_over(gate: Gate, serve: Serve) -> None:
    """A signal that comes when the verdict is being told changes nothing of it."""
    door = gate.script(
        "import os\n"
        "from kore_gate.console import Console\n"
        "tell = Console.verdict\n"
        "def late(*args):\n    os.kill(os.getpid(), 15)\n    tell(*args)\n"
        "Console.verdict = late"
    )

    ended = gate.run(*WAIT, host=serve("failing"), door=door)

    check_ending(ExitCode.JOB_FAILED, ended)


def test_gate__streams_are_apart(gate: Gate, serve: Serve) -> None:
    """People read stderr; without being asked for, nothing is on stdout."""
    _, stdout, stderr = gate.run(*WAIT, host=serve("passing"))

    assert stdout == ""
    assert "Verdict: passed." in stderr


@pytest.mark.parametrize(("scenario", "code"), [("passing", 0), ("failing", 3)])
def test_gate__json(gate: Gate, serve: Serve, scenario: str, code: int) -> None:
    """With `--output json` stdout is one JSON text, whatever the verdict, and stderr is as ever."""
    ended = gate.run(*WAIT, "--output", "json", host=serve(scenario))

    check_ending(ExitCode(code), ended)
    told = json.loads(ended[1])
    assert (told["schema"], told["verdict"]["exit_code"]) == (1, code)


def test_gate__nothing_from_the_working_directory(gate: Gate, serve: Serve) -> None:
    """What lies in the user's checkout is not run by the image's door."""
    for name in ("httpx", "json", "kore_gate", "sitecustomize"):
        (gate.folder / f"{name}.py").write_text("open('imported', 'w').close()\n")

    ended = gate.run(*WAIT, host=serve("passing"), door=DOORS["entrypoint"], PYTHONPATH=str(gate.folder))

    check_ending(ExitCode.PASSED, ended)
    assert not (gate.folder / "imported").exists()


def test_gate__reader_that_leaves(gate: Gate, serve: Serve) -> None:
    """That nobody listens any more changes neither reports nor exit code."""
    process = gate.start(*WAIT, "--output", "json", host=serve("failing"))
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    process.stderr.close()

    assert process.wait() == ExitCode.JOB_FAILED
    check_reports(gate, ExitCode.JOB_FAILED)


USERS_OWN = {
    "KORE_HOST": "https://kore.invalid",
    "KORE_CLIENT_SECRET": "",
    "KORE_CLIENT_SECRET_FILE": "/nonexistent",
    "KORE_JWT": "nonsense",
    "KORE_TIMEOUT": "nonsense",
    "INPUT_FILES": "nowhere.json",
    "KORE_REPORT_DIR": "told-so",
}


@pytest.mark.parametrize(
    ("scenario", "code"), [("passing", ExitCode.PASSED), ("failing-tests", ExitCode.FAILED)], ids=str
)
def test_demo__ends(gate: Gate, scenario: str, code: ExitCode) -> None:
    """The demonstration needs no settings, uses none but where reports go, and ends as its scenario says."""
    ended = gate.run("demo", "--scenario", scenario, **USERS_OWN)

    gate.reports = gate.folder / "told-so"
    check_ending(code, ended)
    check_reports(gate, code)
    assert len(list(gate.reports.glob("TEST-kore-*.xml"))) == 3


def test_demo__flags_win(gate: Gate) -> None:
    """A user's flag goes before what the scenario proposes and what the environment says of reports."""
    words = ("--scenario", "stuck", "--timeout", "1s", "--report-dir", "by-flag")

    ended = gate.run("demo", *words, **USERS_OWN)

    gate.reports = gate.folder / "by-flag"
    check_ending(ExitCode.TIMED_OUT, ended)
    check_reports(gate, ExitCode.TIMED_OUT)


def test_demo__list(gate: Gate) -> None:
    """Every way the demonstration can end is listed with its exit code."""
    code, _, stderr = gate.run("demo", "--scenario", "list")

    assert code == 0
    assert re.search(r"^failing-tests +exit code 1 ", stderr, re.MULTILINE)


def test_demo__unknown_scenario(gate: Gate) -> None:
    """A scenario that does not exist is bad usage."""
    ended = gate.run("demo", "--scenario", "nonsense")

    check_ending(ExitCode.USAGE, ended)
    assert "scenario 'nonsense' must be one of passing, failing" in ended[2]


@pytest.mark.parametrize("port", ["1", "70000"])
def test_simulate__port_that_can_not_be_had(gate: Gate, port: str) -> None:
    """A port that is taken, or none, is bad usage."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = str(server.getsockname()[1]) if port == "1" else port

        ended = gate.run("simulate", "--port", taken)

    check_ending(ExitCode.USAGE, ended)
    assert f"cannot listen on port {taken}" in ended[2]


def test_simulate__says_how_to_try_it(gate: Gate) -> None:
    """What the simulator prints is enough to pass its first import; a signal ends it well."""
    process = gate.start("simulate", "--job-seconds", "0.1")
    lines = [read_until(process, "export KORE_HOST")]
    while "kore-gate wait" not in lines[-1]:
        assert process.stderr
        lines.append(process.stderr.readline())
    exports = dict(re.findall(r"export (\w+)=(\S+)", "".join(lines)))

    ended = gate.run(*shlex.split(lines[-1].split("kore-gate", 1)[1]), **exports)
    process.terminate()

    check_ending(ExitCode.PASSED, ended)
    assert process.wait() == ExitCode.SIGTERM


def wait_for(path: pathlib.Path, process: "subprocess.Popen[str]") -> None:
    """Wait until a file is there."""
    while not path.exists():
        assert process.poll() is None


def test_gate__killed(gate: Gate, serve: Serve) -> None:
    """From the moment an id is known a red report stands there: a gate that is killed leaves it, and its outputs."""
    output = gate.folder / "output"
    output.touch()
    process = gate.start(*WAIT, host=serve("stuck"), KORE_CI="github", GITHUB_OUTPUT=str(output))
    read_until(process, "IN_PROGRESS")

    process.kill()
    process.communicate()

    [path] = gate.reports.glob("TEST-kore-*.xml")
    assert sum(suite.errors for suite in JUnitXml.fromfile(str(path))) == 1
    assert "kore_gate.Interrupted" in path.read_text()
    saved = json.loads((gate.reports / "kore-result.json").read_bytes())
    assert (saved["verdict"]["ending"], saved["suites"][0]["ds_id"]) == ("interrupted", scenarios.DS_IDS[0])
    noted = dict(re.findall(r"^(\S+)<<\S+\n(.*)$", output.read_text(), re.MULTILINE))
    assert (noted["verdict"], noted["exit-code"], noted["ds-id"]) == ("interrupted", "143", scenarios.DS_IDS[0])


def test_gate__drafts_are_replaced(gate: Gate, serve: Serve) -> None:
    """Of the red reports that stand in for others while the gate works, none is left."""
    ended = gate.run(*WAIT, host=serve("passing"))

    check_ending(ExitCode.PASSED, ended)
    assert [path.name for path in gate.reports.glob("TEST-kore-*.xml")] == ["TEST-kore-Greeting-and-FAQ.xml"]


HANGS = "import socket, threading\nsocket.getaddrinfo = lambda *args, **kwargs: threading.Event().wait()"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("command", ["wait", "doctor"])
def test_gate__interrupted_in_a_hung_lookup(gate: Gate, command: str, number: signal.Signals) -> None:
    """A name lookup that never ends holds nothing up."""
    words = WAIT if command == "wait" else ("doctor",)
    process = gate.start(*words, "--verbose", host="https://kore.example", door=gate.script(HANGS))
    read_until(process, "started" if command == "wait" else "proxy")

    process.send_signal(number)
    ended = process.communicate(timeout=5)

    check_ending(ExitCode(128 + number), (process.returncode, *ended))


def test_gate__interrupted_doctor(gate: Gate, serve: Serve) -> None:
    """The doctor stops like any other command."""
    process = gate.start("doctor", "--outage-limit", "60s", host=serve("hang"))
    read_until(process, "token")

    process.terminate()
    ended = process.communicate(timeout=5)

    check_ending(ExitCode.SIGTERM, (process.returncode, *ended))


SLOW_PAGE = (
    "import sys, time\n"
    "from kore_gate.reports import html\n"
    "def slow(call):\n    print('the page', file=sys.stderr, flush=True)\n    time.sleep(600)\n"
    "html.render = slow"
)


def test_gate__interrupted_while_reports_are_written(gate: Gate, serve: Serve) -> None:
    """A report that takes too long is cut off; the others are there, and say that the call was interrupted."""
    process = gate.start(*WAIT, host=serve("passing"), door=gate.script(SLOW_PAGE))
    read_until(process, "the page")

    process.terminate()
    ended = process.communicate(timeout=5)

    check_ending(ExitCode.SIGTERM, (process.returncode, *ended))
    saved = json.loads((gate.reports / "kore-result.json").read_bytes())
    assert (saved["verdict"]["exit_code"], saved["suites"][0]["verdict"]["ending"]) == (143, "passed")
    assert {path.name for path in gate.reports.iterdir()} == {
        "TEST-kore-Greeting-and-FAQ.xml",
        "kore-result.json",
        "kore-summary.md",
    }


def test_gate__interrupted_report(gate: Gate, serve: Serve) -> None:
    """Rendering a saved result again can be interrupted as well."""
    gate.run(*WAIT, host=serve("passing"))
    process = gate.start("report", str(gate.reports / "kore-result.json"), door=gate.script(SLOW_PAGE))
    read_until(process, "the page")

    process.terminate()
    ended = process.communicate(timeout=5)

    check_ending(ExitCode.SIGTERM, (process.returncode, *ended))


def test_gate__interrupted_where_nothing_helps(gate: Gate, serve: Serve) -> None:
    """Work that can't be cut off is left to itself before five seconds are over."""
    busy = SLOW_PAGE.replace(
        "time.sleep(600)", "\n    while True:\n        try: time.sleep(600)\n        except BaseException: pass"
    )
    process = gate.start(*WAIT, host=serve("passing"), door=gate.script(busy))
    read_until(process, "the page")

    process.terminate()

    assert process.wait(timeout=6) == ExitCode.SIGTERM
