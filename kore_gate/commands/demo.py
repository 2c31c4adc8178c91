"""The simulator at work: the demonstration, and a server for trying a pipeline out."""

import contextlib
import json
import pathlib
import tempfile
import threading
from collections.abc import Iterator, Mapping

from kore_gate import errors, text
from kore_gate.reports.console import Console
from kore_gate.settings import options, sources
from kore_gate.settings.sources import Settings
from kore_gate.simulator import scenarios, service
from kore_gate.simulator.server import Server

_ACCESS = {"stream-id": scenarios.STREAM_ID, "client-id": scenarios.CLIENT_ID, "user-email": scenarios.USER_EMAIL}


def list_scenarios() -> str:
    """List every way in which the demonstration can end."""
    listed = [
        (name, f"exit code {scenario.test.value}", scenario.description)
        for name, scenario in scenarios.SCENARIOS.items()
    ]
    return "\n".join([*text.columns(listed), ""])


@contextlib.contextmanager
def stage(
    scenario: str, flags: Mapping[str, str], variables: Mapping[str, str], console: Console
) -> Iterator[tuple[Settings, pathlib.Path]]:
    """Start a simulator, and give settings and a folder of suite files for it. Raises SettingsError."""
    chosen = scenarios.find(scenario)
    # People watch a demonstration while it runs.
    simulator = service.Simulator(scenario=chosen, job_seconds=1.5)
    with tempfile.TemporaryDirectory(prefix="kore-demo-") as folder, Server(simulator) as server:
        root = pathlib.Path(folder)
        for suite in scenarios.DEMO_SUITES:
            path = root / f"{text.file_name(suite['name'])}.json"
            path.write_text(json.dumps(suite, indent=2, ensure_ascii=False), encoding="utf-8")
        # What a user says goes before what the scenario needs to end soon.
        values = {"client-secret": scenarios.CLIENT_SECRET, "poll-interval": "500ms", **chosen.settings}
        variables = {**variables, **{options.BY_NAME[name].variable: value for name, value in values.items()}}
        flags = {**flags, "host": server.url, "files": str(root / "*.json"), **_ACCESS}
        settings, error = sources.read("test", flags, variables)
        if error:
            raise error
        console.info(f"A simulated Kore.ai is running on {server.url}; scenario {scenario}: {chosen.description}")
        yield settings, root


def simulate(scenario: str, port: int, job_seconds: float, console: Console, stop: threading.Event) -> None:
    """Serve a simulator until a signal comes."""
    simulator = service.Simulator(scenario=scenario, job_seconds=job_seconds, evergreen=True)
    try:
        server = Server(simulator, port=port)
    except (OSError, OverflowError) as exc:
        hint = "Use another --port, or none: then it is a free one."
        raise errors.SettingsError([f"cannot listen on port {port}: {exc}."], hint=hint) from exc
    with server:
        console.info(f"A simulated Kore.ai is running on {server.url}, scenario {scenario}. Ctrl-C stops it. Try:")
        settings = {"host": server.url, **_ACCESS, "client-secret": scenarios.CLIENT_SECRET}
        for name, value in settings.items():
            console.info(f"  export {options.BY_NAME[name].variable}={value}")
        console.info(f"  kore-gate wait --ds-id {scenarios.DS_IDS[0]}")
        stop.wait()
