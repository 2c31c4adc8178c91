"""What a start loads: answers that need no library wait for none."""

import os
import pathlib
import subprocess
import sys

import pytest

from kore_gate.simulator import scenarios, service
from kore_gate.simulator.server import Server

PROBE = """
import os, sys
os._exit = sys.exit  # the list is written behind the end of the call
sys.modules["click"] = None  # not among what the gate needs; where it is, httpx loads a command line of its own
before = set(sys.modules)
path = sys.argv.pop(1)
from kore_gate.__main__ import main
try:
    main()
finally:
    print(*set(sys.modules) - before, sep="\\n", file=open(path, "w"))
"""

# Never part of a call that judges or renders.
UNUSED = {"pygments", "markdown_it", "shtab", "rich.console", "rich.table", "rich.live", "http.server"}
UNUSED |= {"kore_gate.simulator", "kore_gate.commands.doctor", "kore_gate.commands.demo"}
NETWORK = {"asyncio", "ssl", "socket", "httpx", "httpcore", "anyio", "jwt", "tenacity"}
REPORTS = {"jinja2", "junit_xml", "xml.etree.ElementTree", "msgspec", "rich", "kore_gate.model", "kore_gate.gate"}
ASIDE = {"concurrent.futures", "logging", "urllib.parse", "pathlib", "difflib", "ipaddress", "traceback", "datetime"}


def loaded(tmp_path: pathlib.Path, *arguments: str, **variables: str) -> set[str]:
    """Return the modules that a call has loaded at its end, beside those of a bare Python."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "KORE_", "INPUT_"))}
    script = [sys.executable, "-c", PROBE, str(tmp_path / "modules"), *arguments]
    how = subprocess.run(script, cwd=tmp_path, env=kept | variables, capture_output=True, text=True, check=False)
    assert how.returncode == 0, how.stderr
    return set((tmp_path / "modules").read_text(encoding="utf-8").split())


def test_version__loads_nothing(tmp_path: pathlib.Path) -> None:
    """Of all our modules, --version needs the one that holds it."""
    modules = loaded(tmp_path, "--version")

    assert {name for name in modules if name.startswith("kore_gate")} == {"kore_gate", "kore_gate.__main__"}
    assert sorted(modules & {"argparse", "dataclasses", "inspect", *UNUSED, *NETWORK, *REPORTS, *ASIDE}) == []


@pytest.mark.parametrize("arguments", [["--help"], ["wait", "--help"], ["wait", "--version"]], ids=" ".join)
def test_help__loads_the_settings_alone(tmp_path: pathlib.Path, arguments: list[str]) -> None:
    """Help needs the table of settings, and nothing that sends, waits or renders."""
    modules = loaded(tmp_path, *arguments)

    assert "kore_gate.settings.options" in modules
    assert sorted(modules & {*UNUSED, *NETWORK, *REPORTS, *ASIDE}) == []


@pytest.mark.socket
def test_wait__loads_what_it_uses(tmp_path: pathlib.Path) -> None:
    """A wait whose log is plain loads no screen, nor what only other commands use; `report` loads no network."""
    simulator = service.Simulator(job_seconds=0.001)
    with Server(simulator) as server:
        waited = loaded(
            tmp_path,
            "wait",
            KORE_HOST=server.url,
            KORE_STREAM_ID=scenarios.STREAM_ID,
            KORE_CLIENT_ID=scenarios.CLIENT_ID,
            KORE_CLIENT_SECRET=scenarios.CLIENT_SECRET,
            KORE_DS_ID=scenarios.DS_IDS[0],
        )
    rendered = loaded(tmp_path, "report", "junit-reports/kore-result.json")

    assert {"httpx", "jinja2", "junit_xml"} <= waited
    assert sorted(waited & UNUSED) == []
    assert {"jinja2", "junit_xml"} <= rendered
    assert sorted(rendered & {*UNUSED, "asyncio", "ssl", "httpx", "httpcore", "anyio", "jwt", "tenacity"}) == []
