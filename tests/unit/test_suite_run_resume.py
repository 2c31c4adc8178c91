import json
import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kore_gate import cli, text
from kore_gate.gate import suite_run
from kore_gate.model import Phase, SuiteResult
from kore_gate.settings import sources
from tests.builders import make_result
from tests.fakes import runners

DEFAULT = ("wait", "default")

names = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=20).filter(
    lambda name: name.strip() and name not in (".", "..")
)
MARKERS = ("::error::x", "a##[stop-commands]x", "##vso[task.complete]", "##teamcity[x", "section_start:1:x", "#'##[x]'")


def waiting(number: int, **changes: Any) -> SuiteResult:
    return make_result(name=f"suite {number}", phase=Phase.IMPORT, ds_id=f"ds-{number}", run_id="", **changes)


def running(number: int, **changes: Any) -> SuiteResult:
    return make_result(**{"name": f"suite {number}", "phase": Phase.RUN, "run_id": f"ctr-{number}", **changes})


@pytest.mark.parametrize(
    ("call", "suites", "command"),
    [
        ("wait", [], ""),
        ("wait", [waiting(1)], "kore-gate wait --ds-id ds-1"),
        ("wait", [waiting(1), waiting(2)], "kore-gate wait --ds-id ds-1,ds-2"),
        ("import", [waiting(1), waiting(2)], "kore-gate wait --ds-id ds-1,ds-2"),
        ("run", [running(1)], "kore-gate run 'suite 1' --run-id ctr-1"),
        ("run", [running(1), running(2)], "kore-gate run 'suite 1' 'suite 2' --run-id ctr-1,ctr-2"),
        (
            "test",
            [running(1), waiting(2), running(3)],
            "kore-gate wait --ds-id ds-2 && kore-gate run 'suite 1' 'suite 2' 'suite 3' --run-id ctr-1,-,ctr-3",
        ),
        ("test", [waiting(1)], "kore-gate wait --ds-id ds-1 && kore-gate run 'suite 1'"),
    ],
)
def test_command(call: str, suites: list[SuiteResult], command: str) -> None:
    """One command takes up all suites of a call."""
    assert suite_run.resume_command(call, suites) == command


def given_again(command: str) -> sources.Settings:
    """Read a printed command as a shell and the gate do."""
    arguments = cli.parse(shlex.split(command)[1:], DEFAULT)
    assert arguments.error is None
    assert arguments.problems == []
    environ = {f"KORE_{name}": "x" for name in ("HOST", "STREAM_ID", "CLIENT_ID", "CLIENT_SECRET", "USER_EMAIL")}
    settings, error = sources.read(arguments.command, arguments.settings, environ)
    assert error is None
    return settings


@given(st.lists(names, min_size=1, max_size=4, unique=True))
def test_command__exact_names(suites: list[str]) -> None:
    """Names survive the round trip through a shell, two spaces and characters of no width too."""
    command = suite_run.resume_command("run", [running(at, name=name) for at, name in enumerate(suites)])

    assert given_again(command).suites == tuple(suites)


@pytest.mark.parametrize(
    "name", ["two  spaces", "a\u200bb", " edges ", "[1]", '["a"]', "--x", "-", "--", "a\u202eb", *MARKERS]
)
def test_command__odd_names(name: str) -> None:
    """A name of any kind is exact, and no command to any CI system, nor to a terminal."""
    command = suite_run.resume_command("run", [running(1, name=name), running(2)])

    assert given_again(command).suites == (name, "suite 2")
    assert given_again(command).run_id == ("ctr-1", "ctr-2")
    assert text.plain(command) == command
    assert all(not read(command) for read in runners.READERS.values())


@pytest.mark.parametrize("ds_id", ["a b", "a,b", "[x", "-d", "a\tb", "$(x)"])
def test_command__odd_ids(ds_id: str) -> None:
    """Ids are opaque as well."""
    command = suite_run.resume_command("wait", [waiting(1), make_result(phase=Phase.IMPORT, ds_id=ds_id)])

    words = shlex.split(command)
    value = words[-1].removeprefix("--ds-id=")
    assert ds_id in (json.loads(value) if value.startswith("[") else value.split(","))
