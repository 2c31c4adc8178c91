"""The command line in process, from arguments and environment to exit code, last lines and reports."""

import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import shutil
import signal
import types
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

import kore_gate
from kore_gate import cli, errors
from kore_gate.commands import demo, gate
from kore_gate.commands.gate import Call
from kore_gate.errors import ExitCode
from kore_gate.reports import html
from kore_gate.settings import options
from kore_gate.simulator import scenarios, service
from tests.fakes.clock import FakeClock
from tests.fakes.kore import FakeKore

GOOD = {
    "KORE_HOST": "https://kore.example",
    "KORE_STREAM_ID": scenarios.STREAM_ID,
    "KORE_DS_ID": scenarios.DS_IDS[0],
    "KORE_CLIENT_ID": scenarios.CLIENT_ID,
    "KORE_CLIENT_SECRET": scenarios.CLIENT_SECRET,
    "KORE_USER_EMAIL": scenarios.USER_EMAIL,
}


NONE: Mapping[str, str] = {}


@dataclasses.dataclass
class Ended:
    """What one run of the program left."""

    code: int
    out: str
    err: str
    requests: int

    @property
    def last_lines(self) -> list[str]:
        """Return the last two lines for people."""
        return self.err.splitlines()[-2:]


class Program:
    """Runs the command line against a simulator, on a clock whose time moves when code sleeps."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: pathlib.Path
    ) -> None:
        self.monkeypatch = monkeypatch
        self.capsys = capsys
        self.reports = folder / "junit-reports"

    def run(
        self, *argv: str, scenario: str = "passing", pending: list[int] | None = None, environ: Mapping[str, str] = NONE
    ) -> Ended:
        """Run it once, with these variables beside the search path and no others."""
        clock = FakeClock()
        fake = FakeKore(service.Simulator(scenario=scenario, now=lambda: clock.now().timestamp()))

        self.monkeypatch.setattr(gate, "Call", functools.partial(Call, transport=fake))
        self.monkeypatch.setattr("kore_gate.clock.Clock", lambda: clock)
        self.monkeypatch.setattr("asyncio.run", clock.run)
        hints = {f"KORE_{name.upper()}": text for name, text in scenarios.SCENARIOS[scenario].settings.items()}
        with self.monkeypatch.context() as patch:
            for name in os.environ:
                patch.delenv(name)
            for name, text in {"PATH": os.defpath, **hints, **environ}.items():
                patch.setenv(name, text)
            code = cli.main(argv, pending)
        said = self.capsys.readouterr()
        return Ended(code=code, out=said.out, err=said.err, requests=len(fake.requests))

    def junit(self) -> str:
        """Return the JUnit files' text, one after the other."""
        return "\n".join(path.read_text(encoding="utf-8") for path in sorted(self.reports.glob("TEST-kore-*.xml")))

    def result(self) -> Any:
        """Return the saved result."""
        return json.loads((self.reports / "kore-result.json").read_bytes())


@pytest.fixture
def program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path
) -> Iterator[Program]:
    """Return the program, started in an empty directory; the test runner gets its signal handlers back."""
    monkeypatch.chdir(tmp_path)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield Program(monkeypatch, capsys, tmp_path)
    for number, handler in before.items():
        signal.signal(number, handler)


def suite_file(folder: pathlib.Path) -> None:
    """Leave a suite file in a directory."""
    (folder / "greeting.json").write_text(json.dumps(scenarios.DEMO_SUITES[0]), encoding="utf-8")


ENDS: dict[str, tuple[str, list[str], ExitCode, str]] = {
    "passing": ("passing", ["wait"], ExitCode.PASSED, "passed"),
    "run passes": ("passing", ["run", "Balance"], ExitCode.PASSED, "passed"),
    "whole chain": ("passing", ["test", "greeting.json"], ExitCode.PASSED, "passed"),
    "tests fail": ("failing-tests", ["run", "Balance"], ExitCode.FAILED, "failed"),
    "job fails": ("failing", ["import", "*.json"], ExitCode.JOB_FAILED, "job-failed"),
    "stuck": ("stuck", ["wait"], ExitCode.TIMED_OUT, "timed-out"),
    "empty": ("empty", ["wait"], ExitCode.NOTHING_TO_TEST, "nothing-to-test"),
    "refused": ("refused", ["wait"], ExitCode.REFUSED, "refused"),
    "gone": ("vanishing", ["wait"], ExitCode.UNAVAILABLE, "unavailable"),
}


@pytest.mark.parametrize(("scenario", "argv", "code", "ending"), ENDS.values(), ids=ENDS)
def test_main__ends(
    program: Program, tmp_path: pathlib.Path, scenario: str, argv: list[str], code: ExitCode, ending: str
) -> None:
    """Each end has its exit code, says so in the last two lines, and leaves its reports."""
    suite_file(tmp_path)

    ended = program.run(*argv, scenario=scenario, environ=GOOD)

    assert ended.code == code
    assert ended.last_lines[0].startswith(f"Verdict: {ending}. ")
    assert ended.last_lines[1] == f"Exit code: {code.value} ({code.meaning})"
    assert ended.out == ""
    assert program.result()["verdict"]["exit_code"] == code.value
    assert program.junit().count("<testsuite ") == len(program.result()["suites"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_main__signal_before(program: Program, number: signal.Signals) -> None:
    """A signal that came while the program started stops the call, with reports and without a request."""
    ended = program.run("wait", pending=[int(number)], environ=GOOD)

    assert ended.code == 128 + number
    assert ended.last_lines[1] == f"Exit code: {ended.code} (interrupted ({number.name}))"
    assert f"{number.name}: stopping, and writing reports of the results so far." in ended.err
    assert "Resume with: kore-gate wait " in ended.err
    assert "kore_gate.Interrupted" in program.junit()


def test_main__signal_midway(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal during the wait stops it; a second one leaves at once."""

    class Left(BaseException):
        pass

    def leave(code: int) -> None:
        raise Left(code)

    monkeypatch.setattr(os, "_exit", leave)
    news = Call._on_event

    def interrupt(self: Call, event: Any) -> None:
        news(self, event)
        if event.percent and not seen:
            signal.raise_signal(signal.SIGTERM)
            with pytest.raises(Left) as left:
                signal.raise_signal(signal.SIGINT)
            seen.append(left.value.args[0])

    seen: list[int] = []
    monkeypatch.setattr(Call, "_on_event", interrupt)

    ended = program.run("wait", environ=GOOD)

    assert ended.code == 143
    assert seen == [130]
    assert program.result()["suites"][0]["resume"].startswith("kore-gate wait ")


def test_main__bug(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug ends in a message and its own exit code; only who asks for more sees a stack trace."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(Call, "run", fail)

    quiet = program.run("wait", environ=GOOD)
    verbose = program.run("wait", "--verbose", environ=GOOD)

    assert (quiet.code, verbose.code) == (70, 70)
    assert quiet.last_lines[0] == "Verdict: error. kore_gate itself failed (ZeroDivisionError)."
    assert quiet.last_lines[1] == "Exit code: 70 (a bug in kore_gate)"
    assert "division by zero" in quiet.err
    assert "Traceback" not in quiet.err
    assert "Traceback" in verbose.err


def test_main__report_fails(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report that can't be made takes the green away."""

    def fail(*_: object) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(html, "render", fail)

    ended = program.run("wait", environ=GOOD)

    assert ended.code == 8
    assert ended.last_lines[0].startswith("Verdict: error. 1 report could not be written; otherwise: Import: accepted")
    assert ended.last_lines[1] == "Exit code: 8 (a report could not be written)"


def test_main__report_directory_is_a_file(program: Program) -> None:
    """Where no reports can be left, nothing is sent."""
    program.reports.write_text("mine", encoding="utf-8")

    ended = program.run("wait", environ=GOOD)

    assert (ended.code, ended.requests) == (8, 0)
    assert ended.last_lines[1] == "Exit code: 8 (a report could not be written)"
    assert program.reports.read_text(encoding="utf-8") == "mine"


USAGE: dict[str, tuple[list[str], dict[str, str], str]] = {
    "no settings": (["wait"], {}, "host is missing"),
    "no arguments": ([], {}, "There is neither a command nor a setting: nothing was checked."),
    "empty arguments": (["", ""], {"INPUT_COMMAND": ""}, "There is neither a command nor a setting"),
    "no variables in a CI": ([], {"BITBUCKET_BUILD_NUMBER": "7"}, "ds-id is missing"),
    "no command": ([], {"KORE_HOST": "kore.example"}, "ds-id is missing"),
    "no command, an option": (["--host", "kore.example"], {}, "ds-id is missing"),
    "only a command": ([], {"KORE_COMMAND": "wait"}, "ds-id is missing"),
    "variable of the CI": (["wait"], {**GOOD, "KORE_HOST": "$(KORE_HOST)"}, "a variable that is not set in the CI"),
    "id of another kind": (["wait", "--ds-id", "ctr-1"], GOOD, "ds-id 'ctr-1' is a run's id, which belongs in run-id"),
    "unknown flag": (["wait", "--tmeout", "5m"], GOOD, "Unknown option --tmeout for wait. Did you mean --timeout?"),
    "flag without its value": (["wait", "--timeout"], GOOD, "Argument --timeout: expected one argument."),
    "bad value": (["wait", "--timeout", "soon"], GOOD, "timeout 'soon' is not a duration"),
    "bad dialect": (["wait", "--junit-dialect", "x"], GOOD, "junit-dialect 'x' must be one of rich, strict"),
    "no file": (["test", "no-*.json"], GOOD, "'no-*.json' matches no file"),
    "key that can't sign": (
        ["wait"],
        {**GOOD, "KORE_CLIENT_SECRET": "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ"},
        "client-secret (variable KORE_CLIENT_SECRET) cannot sign",
    ),
}


@pytest.mark.parametrize(("argv", "environ", "told"), USAGE.values(), ids=USAGE)
def test_main__usage(program: Program, argv: list[str], environ: dict[str, str], told: str) -> None:
    """Bad settings or usage: said at once, in a report as well, and nothing is sent."""
    ended = program.run(*argv, environ=environ)

    assert (ended.code, ended.requests, ended.out) == (2, 0, "")
    assert told in ended.err
    assert ended.last_lines[0].startswith("Verdict: error. ")
    assert told.partition(":")[0] in ended.last_lines[0]
    assert ended.last_lines[1] == "Exit code: 2 (invalid settings or usage; nothing was sent)"
    assert [path.name for path in program.reports.glob("*.xml")] == ["TEST-kore-settings.xml"]
    assert 'classname="kore_gate.settings"' in program.junit()
    assert '<error type="kore_gate.Error"' in program.junit()
    assert program.result()["verdict"]["exit_code"] == 2


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["wiat"], "command 'wiat' (command line) must be one of wait, import"),
        (["report"], "files is missing: suite files (of report and known-failures: kore-result.json), one per line."),
        (["report", "missing.json"], "missing.json cannot be read: No such file or directory."),
        (["doctor"], "host is missing"),
        (["demo", "--zzz"], "Unknown option --zzz for demo."),
        (["demo", "--scenario", "none"], "scenario 'none' must be one of passing, failing"),
        (["simulate", "--port", "x"], "Argument --port: invalid int value: 'x'."),
        (
            ["wait", "--report-dir", "a\x00b"],
            "report-dir 'a\\x00b' must not contain line breaks, control characters or",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_main__usage_without_report(program: Program, argv: list[str], told: str) -> None:
    """What judges nothing, or does not know where, leaves no reports, and touches none."""
    ended = program.run(*argv)

    assert ended.code == 2
    assert told in ended.err
    assert ended.last_lines[1] == "Exit code: 2 (invalid settings or usage; nothing was sent)"
    assert list(program.reports.parent.iterdir()) == []


def test_main__unknown_default_command(program: Program) -> None:
    """A command that came as a variable is named with it."""
    ended = program.run(environ={"KORE_COMMAND": "tset"})

    assert ended.code == 2
    assert "command 'tset' (variable KORE_COMMAND) must be one of wait, import" in ended.err


def test_main__usage_replaces_older_reports(program: Program) -> None:
    """Green reports of an earlier run are not left beside the news that this one could not start."""
    program.run("wait", environ=GOOD)
    before = program.junit()

    program.run("wait", "--timeout", "soon", environ=GOOD)

    assert 'errors="1"' not in before
    assert [path.name for path in program.reports.glob("*.xml")] == ["TEST-kore-settings.xml"]


def test_main__usage_where_asked(program: Program, tmp_path: pathlib.Path) -> None:
    """The report of bad settings goes where reports were asked for, as far as that is known."""
    program.run("wait", "--report-dir", "there", "--timeout", environ=GOOD)
    program.run("wait", "--timeout", "x", "--report-dir=here", environ={"INPUT_JUNIT-DIALECT": "y"})

    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "there"]


def test_main__usage_and_no_place_for_reports(program: Program) -> None:
    """Bad settings are told as such also where no report can be left."""
    program.reports.write_text("mine", encoding="utf-8")

    ended = program.run("wait", "--verbose")

    assert ended.code == 2
    assert "debug: no report written: junit-reports could not be written: File exists." in ended.err


@pytest.mark.parametrize(
    "argv", [["--client-secret", "geheim"], ["--jwt=geheim"], ["--host", "https://u:geheim@h.example"]]
)
def test_main__secrets(program: Program, argv: list[str]) -> None:
    """A secret in the wrong place is shown nowhere."""
    ended = program.run("wait", *argv, environ=GOOD)

    told = ended.out + ended.err + program.junit() + json.dumps(program.result())
    assert ended.code == 2
    assert "geheim" not in told
    assert scenarios.CLIENT_SECRET not in told


def test_main__secret_file(program: Program, tmp_path: pathlib.Path) -> None:
    """A secret may come from a file, also from one that begins with a byte order mark."""
    (tmp_path / "secret").write_text(f"\ufeff{scenarios.CLIENT_SECRET}\r\n", encoding="utf-8")

    ended = program.run("wait", environ={**GOOD, "KORE_CLIENT_SECRET": "", "KORE_CLIENT_SECRET_FILE": "secret"})

    assert ended.code == 0


def test_main__short_secret(program: Program) -> None:
    """A secret that is too short to be masked earns a warning, which does not show it."""
    ended = program.run("wait", environ={**GOOD, "KORE_CLIENT_SECRET": "geheim"})

    assert "Warning: client-secret has only 6 characters: too short to be removed from what Kore.ai" in ended.err
    assert "geheim" not in ended.err


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00"], ids=["missing", "empty", "binary"])
def test_main__secret_file_bad(program: Program, tmp_path: pathlib.Path, content: bytes | None) -> None:
    """A file without a secret in it is bad usage."""
    if content is not None:
        (tmp_path / "secret").write_bytes(content)

    ended = program.run("wait", environ={**GOOD, "KORE_CLIENT_SECRET": "", "KORE_CLIENT_SECRET_FILE": "secret"})

    assert (ended.code, ended.requests) == (2, 0)
    assert ended.last_lines[0].startswith("Verdict: error. KORE_CLIENT_SECRET_FILE names ")
    assert "KORE_CLIENT_SECRET_FILE names " in ended.err


def test_main__soft_fail(program: Program) -> None:
    """A code that may pass is turned into 0, loudly; the reports stay red."""
    ended = program.run("wait", "--soft-fail", "1,3", scenario="failing", environ=GOOD)

    assert ended.code == 0
    assert "Warning: soft-fail: exit code 3 (job-failed) is turned into 0." in ended.err
    assert ended.last_lines[0].startswith("Verdict: job-failed. ")
    assert ended.last_lines[1].startswith("Exit code: 0 (soft-fail turned 3 into 0; ")
    assert program.result()["verdict"]["exit_code"] == 3
    assert "<error " in program.junit()


def test_main__soft_fail_of_another_code(program: Program) -> None:
    """Only the codes that are named pass."""
    assert program.run("wait", "--soft-fail", "1,4", scenario="failing", environ=GOOD).code == 3


@pytest.mark.parametrize("ci", options.CI_NAMES)
def test_main__json(program: Program, ci: str) -> None:
    """With `--output json` stdout holds the result and nothing else, whichever CI it runs in."""
    ended = program.run("wait", "--output", "json", "--ci", ci, environ=GOOD)

    assert json.loads(ended.out) == program.result() | {"files": json.loads(ended.out)["files"]}
    assert ended.last_lines[1] == "Exit code: 0 (passed)"


@pytest.mark.parametrize("argv", [["--timeout", "x"], ["--zzz"], ["--timeout"]])
def test_main__json_of_bad_usage(program: Program, argv: list[str]) -> None:
    """Machines are told of bad settings as well."""
    ended = program.run("wait", "--output", "json", "--ci", "github", *argv, environ=GOOD)

    assert json.loads(ended.out)["verdict"]["exit_code"] == 2
    assert ended.code == 2


def test_main__misspelt_variable(program: Program) -> None:
    """A variable that is close to a setting's earns a warning, and no error."""
    ended = program.run("wait", environ={**GOOD, "KORE_STREAMID": "geheim"})

    assert ended.code == 0
    assert "Warning: KORE_STREAMID is an unknown setting. Did you mean KORE_STREAM_ID?" in ended.err
    assert "geheim" not in ended.err


def test_main__inputs(program: Program, tmp_path: pathlib.Path) -> None:
    """As a GitHub action: inputs with hyphens, empty arguments, outputs and summary in the files GitHub names."""
    inputs = {f"INPUT_{name.removeprefix('KORE_').replace('_', '-')}": text for name, text in GOOD.items()}
    files = {"GITHUB_OUTPUT": str(tmp_path / "output"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}

    more = {"INPUT_TIMEOUT": "", "INPUT_COMMAND": "Wait", "GITHUB_ACTIONS": "true"}

    ended = program.run("", "", environ={**inputs, **files, **more})

    assert ended.code == 0
    assert "verdict<<" in (tmp_path / "output").read_text(encoding="utf-8")
    assert "passed" in (tmp_path / "summary").read_text(encoding="utf-8")
    assert program.result()["ci"] == "github"


def test_main__other_ci_leaves_githubs_files(program: Program, tmp_path: pathlib.Path) -> None:
    """The files GitHub names are GitHub's."""
    ended = program.run("wait", "--ci", "jenkins", environ={**GOOD, "GITHUB_OUTPUT": str(tmp_path / "output")})

    assert ended.code == 0
    assert not (tmp_path / "output").exists()


def test_main__switch_before_a_file(program: Program, tmp_path: pathlib.Path) -> None:
    """`--verbose` takes no file for its value."""
    suite_file(tmp_path)

    ended = program.run("import", "--verbose", "greeting.json", environ=GOOD)

    assert ended.code == 0
    assert program.result()["suites"][0]["file"] == "greeting.json"


def test_main__debug_flag_of_the_ci(program: Program) -> None:
    """The CI's own debug flag makes the gate say more."""
    ended = program.run("wait", scenario="flapping", environ={**GOOD, "RUNNER_DEBUG": "1"})

    assert "debug: " in ended.err


@pytest.mark.parametrize(("argv", "shown"), [(["--help"], "exit codes:"), (["--version"], kore_gate.__version__)])
def test_main__help(program: Program, argv: list[str], shown: str) -> None:
    """Help and version go to stdout, and need nothing."""
    with pytest.raises(SystemExit) as left:
        program.run(*argv)

    said = program.capsys.readouterr()
    assert left.value.code == 0
    assert shown in said.out
    assert said.err == ""


def test_main__report(program: Program) -> None:
    """A saved result is rendered again, by its path or as the action's input."""
    program.run("wait", scenario="failing", environ=GOOD)
    before = {path.name: path.read_bytes() for path in program.reports.iterdir()}

    by_path = program.run("report", "junit-reports/kore-result.json")
    by_input = program.run("", environ={"INPUT_COMMAND": "report", "INPUT_FILES": "junit-reports/kore-result.json"})

    assert (by_path.code, by_input.code) == (0, 0)
    assert {path.name: path.read_bytes() for path in program.reports.iterdir()} == before


def test_main__known_failures(program: Program) -> None:
    """The failures of a saved result are printed as a file of known failures, and nothing is sent."""
    program.run("run", "Balance", scenario="failing-tests", environ=GOOD)

    ended = program.run("known-failures", "junit-reports/kore-result.json")

    assert (ended.code, ended.requests) == (0, 0)
    assert ended.out.count("[[known]]") == ended.out.count('reason = ""') > 0


def test_main__doctor(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor's answer is the exit code."""

    async def answer(*_: object) -> int:
        return 6

    monkeypatch.setattr("kore_gate.commands.doctor.Doctor.run", answer)

    assert program.run("doctor", environ=GOOD).code == 6


BARE = """\
The gate that stops a bad Kore.ai bot from shipping.
Commands:
  wait            wait for one or more imports, by ds-id
  import          upload suite files, start their imports, wait for them
  run             run suites by name, wait, report their results
  test            import suite files, then run the suites
  lint            check suite files for what they fail to test, offline
  report          render a saved kore-result.json again, or merge several,
                  offline
  known-failures  print a file of known failures from a kore-result.json,
                  offline
  shard           print which suite files one of several parallel jobs tests,
                  offline
  demo            test against a built-in Kore.ai simulator; needs no account
  simulate        serve the simulator on a local port
  doctor          check settings, credentials, clock, proxy, certificate, host
                  and scope
  completion      print what completes commands and options in bash, zsh or fish
Examples:
  kore-gate demo                  see it work, without an account
  kore-gate test 'suites/*.json'  import these suites and run them
"""


@pytest.mark.parametrize("argv", [[], [""]])
def test_main__bare(program: Program, argv: list[str]) -> None:
    """Without a command and any setting it says what it can do; nothing was checked, so that is no success."""
    ended = program.run(*argv)

    assert ended.code == 2
    assert ended.out == ""
    assert ended.err.startswith(BARE)
    assert "What to do: Run `kore-gate demo`, or `kore-gate COMMAND --help`." in ended.err
    assert max(map(len, BARE.splitlines())) <= 80


def test_main__default_command(program: Program) -> None:
    """Settings without a command are those of `wait`, as in a job that sets variables only."""
    ended = program.run(environ=GOOD)

    assert ended.code == 0
    assert program.result()["command"] == "wait"


def test_main__home(program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """Paths from the home directory are the same in variables, options and arguments that no shell has seen."""
    suite_file(tmp_path)
    environ = {**GOOD, "HOME": str(tmp_path), "KORE_REPORT_DIR": "~/there"}

    ended = program.run("test", "~/greet*.json", environ=environ)

    assert ended.code == 0
    assert (tmp_path / "there" / "kore-result.json").exists()
    assert not (tmp_path / "~").exists()


def test_main__scenarios(program: Program) -> None:
    """The demonstration lists on stdout, in columns, each way it can end."""
    ended = program.run("demo", "--scenario", "list")

    lines = ended.out.splitlines()
    assert (ended.code, ended.err) == (0, "")
    assert lines[0] == "  passing             exit code 0  The import succeeds and every test passes."
    assert [line.split()[0] for line in lines if "  exit code " in line] == [*scenarios.SCENARIOS]
    assert max(map(len, lines)) <= 80


def test_main__demo(program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """The demonstration talks to its own simulator, whatever the user's settings say; they say where reports go."""
    server = types.SimpleNamespace(url=GOOD["KORE_HOST"])
    monkeypatch.setattr(demo, "Server", lambda _: contextlib.nullcontext(server))
    own = {"KORE_HOST": "other.example", "KORE_JWT": "x", "INPUT_TIMEOUT": "x", "KORE_REPORT_DIR": "there"}

    ended = program.run("demo", environ=own)

    assert ended.code == 0
    assert "scenario passing: " in ended.err
    assert (tmp_path / "there" / "kore-result.json").exists()

    late = program.run("demo", "--scenario", "stuck", "--timeout", "1s", "--report-dir", "by-flag", environ=own)

    assert late.code == 4
    assert (tmp_path / "by-flag" / "kore-result.json").exists()


@pytest.mark.parametrize(("command", "is_known"), [("wait", True), ("demo", False)])
def test_main__origin(program: Program, monkeypatch: pytest.MonkeyPatch, command: str, is_known: bool) -> None:
    """What a call tests belongs to the commit that the CI checked out; what a demonstration tests does not."""
    server = types.SimpleNamespace(url=GOOD["KORE_HOST"])
    monkeypatch.setattr(demo, "Server", lambda _: contextlib.nullcontext(server))

    program.run(command, environ={**GOOD, "GITHUB_ACTIONS": "true", "GITHUB_SHA": "abc"})

    assert program.result()["origin"]["commit"] == ("abc" if is_known else "")


def test_main__report_interrupted(program: Program) -> None:
    """Rendering a saved result again stops at a signal as well."""
    program.run("wait", environ=GOOD)

    ended = program.run("report", "junit-reports/kore-result.json", pending=[int(signal.SIGTERM)])

    assert ended.code == 143


@pytest.mark.socket
def test_main__simulate(program: Program) -> None:
    """The simulator says how to reach it, and serves until it is told to stop."""
    ended = program.run("simulate", pending=[int(signal.SIGTERM)])

    assert ended.code == 143
    assert ended.last_lines[0] == "Verdict: interrupted. Interrupted by SIGTERM."
    assert "export KORE_HOST=http://127.0.0.1:" in ended.err


def test_package__errors_have_codes() -> None:
    """Each kind of error ends in an exit code of its own kind."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.GateError)]

    assert len(kinds) > 5
    assert all(kind.exit_code in ExitCode and kind.exit_code is not ExitCode.PASSED for kind in kinds)


def test_main__shard(program: Program, tmp_path: pathlib.Path) -> None:
    """On stdout are the files of the shard and nothing else, also where the CI system reads warnings there."""
    suite_file(tmp_path)
    files = str(tmp_path / "*.json")
    environ = {"GITHUB_ACTIONS": "true", "KORE_HISTORY": "nowhere", "KORE_STREAM_DI": "st-1"}

    ended = program.run("shard", files, "--total", "2", "--index", "1", environ=environ)
    none = program.run("shard", files, "--total", "2", "--index", "2", environ=environ)

    assert (ended.code, none.code) == (0, 0)
    assert (ended.out, none.out) == ("greeting.json\n", "")
    assert "Warning: history: nowhere is neither a file nor a folder." in ended.err


def test_main__merge(program: Program, tmp_path: pathlib.Path) -> None:
    """A merge needs no settings of Kore.ai's, ends with its verdict, and gives GitHub its outputs."""
    program.run(environ=GOOD)
    shutil.copytree(program.reports, tmp_path / "results" / "1")
    output = tmp_path / "output"

    ended = program.run(
        "report", str(tmp_path / "results"), environ={"KORE_CI": "github", "GITHUB_OUTPUT": str(output)}
    )

    assert (ended.code, ended.requests) == (0, 0)
    assert ended.err.splitlines()[-1] == "Exit code: 0 (passed)"
    assert "passed" in output.read_text(encoding="utf-8")
