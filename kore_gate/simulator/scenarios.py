"""The ways a pipeline can end, as data."""

import dataclasses
import enum
from collections.abc import Callable, Mapping

from kore_gate.errors import ExitCode
from kore_gate.simulator import faults, shapes
from kore_gate.simulator.faults import Fault
from kore_gate.simulator.messages import Json

STATUS_CALLS = frozenset({"import-status", "run-status"})
SAFE_CALLS = STATUS_CALLS | {"upload"}
ALL_CALLS = SAFE_CALLS | {"import", "run", "delete", "download"}


class RunEnd(enum.Enum):
    """How the runs of a scenario end."""

    PASSED = enum.auto()
    FAILED = enum.auto()  # by a step in the middle and the last one
    ALL_FAILED = enum.auto()  # by every step that asserts anything
    NOT_EXECUTED = enum.auto()  # failed in the middle; the later steps were not reached
    CONTRADICTION = enum.auto()  # says passed, though a step says failed
    FLAKY = enum.auto()  # passes two times of three
    ERROR = enum.auto()  # ended by an error, without results


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """One behaviour of Kore.ai, and the exit codes the gate should end with."""

    name: str
    description: str
    wait: ExitCode = ExitCode.PASSED  # how `wait` and `import` end
    tests: ExitCode = ExitCode.PASSED  # how the tests of a run end
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)  # what shows it without a long wait
    running: str = "IN_PROGRESS"  # the import's status word before its end …
    ended: str | None = "SUCCESS"  # … and at its end; None: it never ends
    reasons: tuple[str, ...] = ()  # rows of the import's log
    run: RunEnd = RunEnd.PASSED
    short: bool = False  # runs give counts only
    link: bool = False  # answers carry a link to a results file
    shape: Callable[[list[Json]], list[Json]] = shapes.as_given
    wrong_text: str = "I'm sorry, something went wrong. Please try again later."
    faults: tuple[Fault | None, ...] = ()  # repeated over the calls of one id; None: the honest answer
    after: int = 0  # honest answers before the faults begin
    calls: frozenset[str] = STATUS_CALLS  # which calls the faults befall

    @property
    def test(self) -> ExitCode:
        """Return how `test` ends: as its import, or else as its run."""
        return self.wait or self.tests

    def fault(self, number: int) -> Fault | None:
        """Return the fault that befalls the call with this number, counted from 0."""
        if not self.faults or number < self.after:
            return None
        return self.faults[(number - self.after) % len(self.faults)]


_SOON = {"timeout": "20s"}
_IMPATIENT = {"outage-limit": "10s", "request-timeout": "2s"}

_ALL = (
    Scenario(name="passing", description="The import succeeds and every test passes."),
    Scenario(
        name="failing",
        description="The import ends in failure; its log says why.",
        wait=ExitCode.JOB_FAILED,
        ended="FAILURE",
        reasons=(
            "'Validation failed: the dialog Transfer Funds is not in the bot'",
            "'Step 3: the bot gave no reply within 30 seconds'",
        ),
    ),
    Scenario(
        name="stuck",
        description="The import stays at 85 % forever.",
        settings=_SOON,
        ended=None,
        wait=ExitCode.TIMED_OUT,
    ),
    Scenario(
        name="flapping",
        description="Errors with HTML, JSON and empty bodies come between valid responses.",
        faults=(
            None,
            faults.BAD_GATEWAY,
            None,
            faults.SERVER_ERROR,
            faults.UNAVAILABLE,
            None,
            faults.GATEWAY_TIMEOUT,
        ),
        calls=SAFE_CALLS,
    ),
    Scenario(
        name="rate-limited",
        description="Requests sometimes exceed the rate limit, with and without Retry-After.",
        faults=(faults.RATE_LIMITED_SECONDS, None, faults.RATE_LIMITED, None, None, faults.RATE_LIMITED_DATE, None),
        calls=ALL_CALLS,
    ),
    Scenario(
        name="refused",
        description="The token is refused.",
        wait=ExitCode.REFUSED,
        faults=(faults.INVALID_TOKEN,),
        calls=ALL_CALLS,
    ),
    Scenario(
        name="vanishing",
        description="The import is seen, then its record is gone.",
        ended=None,
        faults=(faults.NOT_FOUND,),
        after=2,
        wait=ExitCode.UNAVAILABLE,
    ),
    Scenario(
        name="malformed",
        description="The responses are invalid: HTML, cut-off JSON, JSON that is not an object.",
        settings={"outage-limit": "10s"},
        faults=(
            faults.SIGN_IN_PAGE,
            faults.CUT_JSON,
            faults.ARRAY,
            faults.NO_UTF8,
            faults.NUMBER,
            faults.DEEP,
        ),
        wait=ExitCode.UNAVAILABLE,
    ),
    Scenario(
        name="hostile",
        description="Every text tries to break out of reports, logs and terminals.",
        tests=ExitCode.FAILED,
        shape=shapes.hostile,
        run=RunEnd.ALL_FAILED,
        wrong_text="\x1b[31m::error::]]><script>alert(1)</script>##vso[task.complete]\x00\ud83d\ufffe",
    ),
    Scenario(name="huge", description="The suite has 50,000 steps.", shape=shapes.huge),
    Scenario(
        name="empty",
        description="The import succeeds without a single step.",
        shape=shapes.none,
        wait=ExitCode.NOTHING_TO_TEST,
    ),
    Scenario(
        name="disabled",
        description="The suite has steps, but no enabled assertion.",
        shape=shapes.without_assertions,
        wait=ExitCode.NOTHING_TO_TEST,
    ),
    Scenario(
        name="unknown-status",
        description="The import has an unknown status forever.",
        settings=_SOON,
        running="REINDEXING",
        ended=None,
        wait=ExitCode.TIMED_OUT,
    ),
    Scenario(name="results-link", description="The responses contain a link to a results file.", link=True),
    Scenario(
        name="failing-tests",
        description="The import succeeds; in the run, assertions fail.",
        tests=ExitCode.FAILED,
        run=RunEnd.FAILED,
    ),
    Scenario(
        name="not-executed",
        description="A step of the run fails, and the later ones are not reached.",
        tests=ExitCode.FAILED,
        run=RunEnd.NOT_EXECUTED,
    ),
    Scenario(name="short-form", description="The run passes, and reports only counts.", short=True),
    Scenario(
        name="short-form-failing",
        description="The run fails, and reports only counts.",
        tests=ExitCode.FAILED,
        run=RunEnd.FAILED,
        short=True,
    ),
    Scenario(
        name="contradiction",
        description="The run reports passed, but one of its steps reports failed.",
        tests=ExitCode.FAILED,
        run=RunEnd.CONTRADICTION,
    ),
    Scenario(
        name="flaky",
        description="Each suite passes two times out of three: the second run fails.",
        run=RunEnd.FLAKY,
    ),
    Scenario(
        name="run-error",
        description="A bot error ends the run without results.",
        tests=ExitCode.JOB_FAILED,
        run=RunEnd.ERROR,
    ),
    Scenario(
        name="drip",
        description="Responses arrive in tiny pieces and never end.",
        settings=_IMPATIENT,
        faults=(faults.DRIPPING,),
        wait=ExitCode.UNAVAILABLE,
    ),
    Scenario(
        name="hang",
        description="Connections are accepted and never answered.",
        settings=_IMPATIENT,
        faults=(faults.HANGING,),
        wait=ExitCode.UNAVAILABLE,
    ),
    Scenario(
        name="reset",
        description="Connections are reset.",
        settings=_IMPATIENT,
        faults=(faults.RESETTING,),
        wait=ExitCode.UNAVAILABLE,
    ),
    Scenario(
        name="truncated",
        description="Responses end before they are complete.",
        settings=_IMPATIENT,
        faults=(faults.TRUNCATED,),
        wait=ExitCode.UNAVAILABLE,
    ),
)

SCENARIOS: Mapping[str, Scenario] = {scenario.name: scenario for scenario in _ALL}


def find(name: str) -> Scenario:
    """Return the scenario of this name."""
    if name not in SCENARIOS:
        message = f"there is no scenario {name!r}; there are: {', '.join(SCENARIOS)}"
        raise ValueError(message)
    return SCENARIOS[name]
