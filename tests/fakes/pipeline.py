"""A whole call in process: the real gate over the fake transport, on the clock whose time moves when code sleeps."""

import dataclasses
import io
import pathlib
from typing import Any

from kore_gate.ci import dialects
from kore_gate.ci.dialects import Context
from kore_gate.commands.gate import Call
from kore_gate.model import Result
from kore_gate.reports.console import Console
from kore_gate.settings.sources import Settings
from kore_gate.simulator import scenarios, service
from kore_gate.simulator.scenarios import Scenario
from tests.fakes.clock import FakeClock
from tests.fakes.kore import FakeKore

HOST = "https://kore.example"


def make_settings(**changes: Any) -> Settings:
    """Return settings that fit the simulator."""
    given: dict[str, Any] = {
        "command": "wait",
        "host": HOST,
        "stream_id": scenarios.STREAM_ID,
        "ds_id": scenarios.DS_IDS[:1],
        "client_id": scenarios.CLIENT_ID,
        "client_secret": scenarios.CLIENT_SECRET,
        "user_email": scenarios.USER_EMAIL,
    }
    return Settings(**{**given, **changes})


@dataclasses.dataclass
class Ended:
    """What one call left: its result and exit code, what it said, how long it took on its own clock."""

    result: Result
    code: int
    stderr: str
    stdout: str
    seconds: float
    reports: pathlib.Path


class Pipeline:
    """One call against one simulator."""

    def __init__(
        self, reports: pathlib.Path, *, scenario: str | Scenario = "passing", ci: str = "none", **options: Any
    ) -> None:
        self.clock = FakeClock()
        self.simulator = service.Simulator(scenario=scenario, now=lambda: self.clock.now().timestamp(), **options)
        self.kore = FakeKore(self.simulator)
        self.reports = reports
        self.context = Context(ci=ci, machine="runner-1", root=reports.parent)
        self.stderr, self.stdout = io.StringIO(), io.StringIO()
        self.call: Call | None = None

    def set_context(self, **changes: str) -> None:
        """Say more of where the call runs."""
        self.context = dataclasses.replace(self.context, **changes)  # type: ignore[arg-type] # texts only

    def prepare(self, settings: Settings) -> Call:
        """Make the call, for a test that wants a hand on it while it runs."""
        console = Console(
            stderr=self.stderr,
            stdout=self.stdout,
            dialect=dialects.dialect_for(self.context.ci),
            colour=False,
            verbose=settings.verbose,
            live=False,
            quiet_stdout=settings.output == "json",
            now=self.clock.now,
        )
        settings = dataclasses.replace(settings, report_dir=str(self.reports))
        self.call = Call(settings, self.context, console, self.clock, self.kore)
        return self.call

    def run(self, settings: Settings | None = None, **changes: Any) -> Ended:
        """Run a call to its end."""
        call = self.prepare(settings or make_settings(**changes))
        result = self.clock.run(call.run())
        code = call.conclude(result)
        return Ended(
            result=result,
            code=code,
            stderr=self.stderr.getvalue(),
            stdout=self.stdout.getvalue(),
            seconds=self.clock.monotonic(),
            reports=self.reports,
        )
