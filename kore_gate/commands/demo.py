"""The simulator at work: the demonstration, and a server for trying a pipeline out."""

import contextlib
import dataclasses
import json
import pathlib
import tempfile
import threading
from collections.abc import Iterator, Mapping

from kore_gate import errors, text
from kore_gate.reports.console import Console
from kore_gate.simulator import scenarios, service
from kore_gate.simulator.server import Server

_DEMO_JOB_SECONDS = 1.5
# People watch a demonstration while it runs.
_QUICK = {"poll-interval": "500ms"}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """A running simulator, suite files for it, and the settings that bring the two together."""

    introduction: str
    flags: Mapping[str, str]
    variables: Mapping[str, str]
    root: pathlib.Path


def list_scenarios(console: Console) -> int:
    """List every way in which the demonstration can end."""
    for name, scenario in scenarios.SCENARIOS.items():
        console.say(f"{name:<16} exit code {scenario.test.value}  {scenario.description}")
    return 0


@contextlib.contextmanager
def stage(scenario: str) -> Iterator[Stage]:
    """Start a simulator and write suite files for it. Raises SettingsError for a scenario that is not known."""
    simulator = service.Simulator(scenario=_known(scenario), job_seconds=_DEMO_JOB_SECONDS)
    with tempfile.TemporaryDirectory(prefix="kore-demo-") as folder, Server(simulator) as server:
        root = pathlib.Path(folder)
        for suite in scenarios.demo_suites():
            path = root / f"{text.file_name(suite['name'])}.json"
            path.write_text(json.dumps(suite, indent=2, ensure_ascii=False), encoding="utf-8")
        chosen = scenarios.SCENARIOS[scenario]
        settings = {**_QUICK, **chosen.settings}
        hints = {f"KORE_{name.upper().replace('-', '_')}": value for name, value in settings.items()}
        yield Stage(
            introduction=f"A simulated Kore.ai is running on {server.url}; scenario {scenario}: {chosen.description}",
            flags={
                "host": server.url,
                "stream-id": scenarios.STREAM_ID,
                "client-id": scenarios.CLIENT_ID,
                "files": str(root / "*.json"),
                "user-email": scenarios.USER_EMAIL,
            },
            # What a user says goes before what the scenario needs to end soon.
            variables={"KORE_CLIENT_SECRET": scenarios.CLIENT_SECRET, **hints},
            root=root,
        )


def simulate(scenario: str, port: int, job_seconds: float, console: Console, stop: threading.Event) -> int:
    """Serve a simulator until a signal comes."""
    simulator = service.Simulator(scenario=_known(scenario), job_seconds=job_seconds, evergreen=True)
    try:
        server = Server(simulator, port=port)
    except (OSError, OverflowError) as exc:
        raise errors.SettingsError([f"cannot listen on port {port}: {exc}."]) from exc
    with server:
        console.say(f"A simulated Kore.ai is running on {server.url}, scenario {scenario}. Ctrl-C stops it. Try:")
        console.say(f"  export KORE_HOST={server.url}")
        console.say(f"  export KORE_STREAM_ID={scenarios.STREAM_ID}")
        console.say(f"  export KORE_CLIENT_ID={scenarios.CLIENT_ID}")
        console.say(f"  export KORE_CLIENT_SECRET={scenarios.CLIENT_SECRET}")
        console.say(f"  export KORE_USER_EMAIL={scenarios.USER_EMAIL}")
        console.say(f"  kore-gate wait --ds-id {scenarios.DS_IDS[0]}")
        stop.wait()
    return 0


def _known(scenario: str) -> str:
    if scenario not in scenarios.SCENARIOS:
        raise errors.SettingsError(
            [f"scenario {scenario!r} must be one of {', '.join(scenarios.SCENARIOS)}."],
            hint="`kore-gate demo --scenario list` shows what each does.",
        )
    return scenario
