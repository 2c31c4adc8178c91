"""The facts that all parts of the gate share: suites, jobs, verdicts, results, and events on the way to them."""

import datetime
import enum
from collections.abc import Mapping
from typing import Literal, TypeVar

import msgspec
from msgspec import structs

from kore_gate.errors import Ending, ExitCode

F = TypeVar("F", bound="Fact")

Severity = Literal["error", "warning"]


class Fact(msgspec.Struct, frozen=True, gc=False):
    """A value that never changes; large suites have hundreds of thousands, and msgspec makes them in little time."""


def replace(fact: F, /, **changes: object) -> F:
    """Return a copy with other values in these fields."""
    return structs.replace(fact, **changes)


class Outcome(enum.StrEnum):
    """How a step or an assertion ended."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"
    PENDING = "pending"  # nobody judged it (yet); in a report it reads as not executed

    def __init__(self, word: str) -> None:
        # Large suites are asked this a million times: attributes take a tenth of a property's time.
        self.is_red = word in ("failed", "error")  # it keeps a bot from shipping
        self.is_judged = word not in ("skipped", "pending")


class State(enum.StrEnum):
    """What a job's status word means."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Phase(enum.StrEnum):
    """Which part of the chain a suite is in."""

    SETTINGS = "settings"
    UPLOAD = "upload"
    IMPORT = "import"
    RUN = "run"


class Evidence(enum.StrEnum):
    """What a passing test case of this suite proves."""

    NONE = "none"
    IMPORT_VALIDATION = "import-validation"
    EXECUTION = "execution"


class Policy(enum.StrEnum):
    """What forgives a failure, in the order in which they are asked."""

    KNOWN = "known"
    BASELINE = "baseline"
    TOLERATED = "tolerated"


class PassIf(enum.StrEnum):
    """How many of its attempts have to pass for a suite that failed at first."""

    ANY = "any"
    MAJORITY = "majority"
    ALL = "all"


class Mark(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """Why a failure does not count: the outcome beside it stays what Kore.ai reported."""

    policy: Policy
    reason: str
    until: str = ""  # a date, for known failures


class Check(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """One item of an assertion: a field and the value it should have."""

    field: str
    value: str
    outcome: Outcome = Outcome.PENDING


class Assertion(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """One expectation on one reply of the bot."""

    group: str  # `text`, `flow`, `context`, or the name Kore.ai sent for a group we do not know
    enabled: bool
    checks: tuple[Check, ...] = ()
    outcome: Outcome = Outcome.PENDING
    actual: str | None = None
    reason: str = ""
    mark: Mark | None = None


class Reply(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """One expected reply of the bot, and what it said instead; texts are as sent, a template is its JSON text."""

    text: str
    actual: str | None = None  # None: not known
    node: str = ""
    assertions: tuple[Assertion, ...] = ()


class Source(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """Where a step stands in the repository."""

    file: str
    line: int


class Step(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """One input of the user and the replies that are expected to it."""

    number: int
    input: str
    event: str = ""
    replies: tuple[Reply, ...] = ()
    unexpected: tuple[str, ...] = ()  # replies beyond the expected ones
    outcome: Outcome = Outcome.PENDING
    reason: str = ""
    duration: float | None = None
    source: Source | None = None
    mark: Mark | None = None  # of a step that failed as a whole

    @property
    def enabled_outcomes(self) -> list[Outcome]:
        """Return the outcome of each enabled assertion."""
        return [assertion.outcome for reply in self.replies for assertion in reply.assertions if assertion.enabled]

    @property
    def is_red(self) -> bool:
        """Tell whether the step, or an enabled assertion of it, failed or could not be judged."""
        return self.outcome.is_red or any(outcome.is_red for outcome in self.enabled_outcomes)

    @property
    def is_forgiven(self) -> bool:
        """Tell whether it is red, and policies forgave all that is."""
        red = [one.mark for reply in self.replies for one in reply.assertions if one.enabled and one.outcome.is_red]
        return self.is_red and None not in (red or [self.mark])

    @property
    def was_executed(self) -> bool:
        """Tell whether something shows that this step of a run was executed."""
        has_reply = bool(self.unexpected) or any(reply.actual is not None for reply in self.replies)
        return self.outcome.is_judged or has_reply


class Suite(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A conversation test suite."""

    name: str
    id: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()


class Tally(Fact, frozen=True, kw_only=True):
    """The counters Kore.ai itself gives for a run; None where it gave none."""

    passed: int | None = None
    failed: int | None = None
    total: int | None = None


class Job(Fact, frozen=True, kw_only=True):
    """The status of an import or a run, as one answer gives it; one with problems or objections is never green."""

    status: str
    state: State
    percent: float | None = None
    reasons: tuple[str, ...] = ()
    suite: Suite | None = None
    test_suite_id: str = ""
    expires: str = ""
    download_url: str = ""
    tally: Tally = Tally()
    failed_tests: bool = False  # the status word says that tests failed, not that the job did
    problems: tuple[str, ...] = ()  # places of the answer that could not be read
    objections: tuple[str, ...] = ()  # what in the answer contradicts its success

    @property
    def has_ended(self) -> bool:
        """Tell whether Kore.ai is done with it."""
        return self.state in (State.SUCCEEDED, State.FAILED)

    @property
    def expiry(self) -> datetime.datetime | None:
        """Return when Kore.ai forgets it; None where the answer gives no time with a zone."""
        try:
            expiry = datetime.datetime.fromisoformat(self.expires)
        except ValueError:
            return None
        return expiry if expiry.tzinfo else None


class Verdict(Fact, frozen=True, kw_only=True):
    """How something ended: what happened, what it usually means, what to do."""

    ending: Ending
    exit_code: ExitCode
    message: str
    cause: str = ""
    hint: str = ""
    details: tuple[str, ...] = ()


class LintFinding(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """What a rule of the lint says of a suite, or of one of its steps."""

    rule: str
    severity: Severity
    message: str
    step: int = 0  # its number; 0: the suite as a whole
    line: int = 0  # of the suite's file, 0 if it is not known


class Part(Fact, frozen=True, kw_only=True):
    """The call that a suite's result comes from, where the results of different calls are merged."""

    command: str
    host: str
    stream_id: str
    bot_language: str = ""
    bot_version: str = ""


class Attempt(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """One run of a suite that was run more than once."""

    run_id: str
    started: str  # UTC, ISO 8601
    duration: float  # in seconds
    verdict: Verdict
    failures: tuple[Step, ...] = ()  # its failed steps; none where the suite's result shows them


class SuiteResult(Fact, frozen=True, kw_only=True):
    """How one suite of the call ended."""

    key: str  # how the caller named it: ds-id, file or suite name
    name: str  # the suite's own once known, else the key (for a file its stem)
    phase: Phase
    verdict: Verdict
    evidence: Evidence = Evidence.NONE
    suite: Suite | None = None
    status: str = ""
    percent: float | None = None
    ds_id: str = ""
    run_id: str = ""
    test_suite_id: str = ""
    file: str = ""
    started: str = ""  # UTC, ISO 8601
    duration: float = 0.0  # in seconds
    phases: Mapping[Phase, float] = msgspec.field(default_factory=dict)  # seconds of each job that ended
    download_url: str = ""
    notes: tuple[str, ...] = ()
    resume: str = ""
    only_tests_failed: bool = False  # nothing else speaks against it: policies may forgive; not saved
    lint: tuple[LintFinding, ...] = ()
    part: Part | None = None
    variant: str = ""  # what a merge added to the name, to tell it from a suite with the same one
    # All runs in their order, if there is more than one: the result is that of the last which ended as the suite did.
    attempts: tuple[Attempt, ...] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """Return the steps of the suite, as far as it is known."""
        return self.suite.steps if self.suite else ()

    @property
    def own_name(self) -> str:
        """Return the name that the suite has in Kore.ai."""
        return self.name.removesuffix(f" ({self.variant})") if self.variant else self.name

    @property
    def run_ids(self) -> str:
        """Return the ids of all attempts, as `run-id` takes them."""
        return "+".join(attempt.run_id for attempt in self.attempts if attempt.run_id) or self.run_id

    @property
    def is_flaky(self) -> bool:
        """Tell whether it passed, and only some of its attempts did."""
        attempts = {attempt.verdict.ending is Ending.PASSED for attempt in self.attempts}
        return self.verdict.ending is Ending.PASSED and len(attempts) > 1


class Origin(Fact, frozen=True, kw_only=True):
    """What was tested, and where: as far as the CI system names it, else empty."""

    commit: str = ""
    branch: str = ""
    job_url: str = ""
    source_url: str = ""  # of a line of a file in this commit, with `{path}` and `{line}` in their place


class Forgiveness(Fact, frozen=True, kw_only=True):
    """How many failures of a call each policy forgave, and what else the policies report."""

    known: int = 0
    baseline: int = 0
    tolerated: int = 0
    remarks: tuple[str, ...] = ()


class Result(Fact, frozen=True, kw_only=True):
    """The outcome of one call: what every report is made from."""

    version: str
    command: str
    host: str
    stream_id: str
    verdict: Verdict
    bot_language: str = ""
    bot_version: str = ""  # of runs
    suites: tuple[SuiteResult, ...] = ()
    started: str = ""
    duration: float = 0.0
    machine: str = ""
    ci: str = "none"
    origin: Origin = Origin()
    junit_granularity: str = "assertion"
    junit_dialect: str = "rich"
    forgiveness: Forgiveness | None = None  # None: no policy is set
    rerun_failed: int = 0
    pass_if: PassIf = PassIf.ANY

    @property
    def tested_suites(self) -> tuple[SuiteResult, ...]:
        """Return the suites; a problem of the whole call is reported as one of them, and is not one."""
        return tuple(suite for suite in self.suites if suite.phase is not Phase.SETTINGS)


class Counts(Fact, frozen=True, kw_only=True):
    """Steps, enabled assertions, and how the test cases made from them ended."""

    steps: int = 0
    assertions: int = 0
    passed: int = 0
    failed: int = 0
    errors: int = 0
    skipped: int = 0


class Happening(enum.StrEnum):
    """What an event is about."""

    STARTED = "started"
    CHANGED = "changed"
    IDENTIFIED = "identified"  # an id became known
    WARNING = "warning"
    TROUBLE = "trouble"  # a call to Kore.ai has to wait, and why
    WAITING = "waiting"  # nothing else has happened for a minute
    ENDED = "ended"
    DEBUG = "debug"  # for people who ask for more


class Event(Fact, frozen=True, kw_only=True):
    """Something that happened to one suite (or, with an empty key, to the call)."""

    happening: Happening
    key: str = ""  # the suite's own; names may be the same
    name: str = ""
    text: str = ""
    outlook: str = ""  # what follows on trouble, and when
    phase: Phase | None = None
    status: str = ""
    percent: float | None = None
    ending: Ending | None = None
    elapsed: float = 0.0
