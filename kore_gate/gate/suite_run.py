"""What is known of one suite, and the command that resumes it."""

import dataclasses
import datetime
import json
import re
from collections.abc import Sequence

from kore_gate import text
from kore_gate.clock import Clock
from kore_gate.errors import Ending
from kore_gate.gate import verdict
from kore_gate.model import (
    Attempt,
    Evidence,
    Job,
    Outcome,
    Part,
    PassIf,
    Phase,
    Result,
    Source,
    State,
    Suite,
    SuiteResult,
    Verdict,
    replace,
)

# Stands for the id of a run that is still to be started, where other runs of the call have one.
TO_START = "-"

# Where a suite ended like this, its job at Kore.ai may go on.
_LASTING = (Ending.TIMED_OUT, Ending.INTERRUPTED, Ending.UNAVAILABLE, Ending.REFUSED)


@dataclasses.dataclass(kw_only=True, slots=True)
class SuiteRun:
    """One suite on its way through the chain, and what is known of it: by an import's id, its name, or its file."""

    key: str
    name: str
    phase: Phase
    ds_id: str = ""
    run_id: str = ""
    later_ids: list[str] = dataclasses.field(default_factory=list)  # of runs to resume as further attempts
    attempts: list[tuple[Attempt, Job]] = dataclasses.field(default_factory=list)  # runs that ended
    reruns: Sequence[str] = ()  # the options that a command to resume it needs
    pass_if: PassIf = PassIf.ANY
    file: str = ""
    data: bytes = dataclasses.field(default=b"", repr=False)
    lines: tuple[int, ...] = ()  # of each step in the file
    job: Job | None = None
    suite: Suite | None = None
    is_gone: bool = False  # Kore.ai does not know the job any more
    trouble: str = ""  # why it has to wait, if its last request was not answered
    outlook: str = ""  # what comes next, and when
    since: float = 0.0  # monotonic: when that began
    phases: dict[Phase, float] = dataclasses.field(default_factory=dict)  # seconds of each job that ended
    notes: list[str] = dataclasses.field(default_factory=list)
    result: SuiteResult | None = None
    command: str = ""
    clock: Clock = dataclasses.field(default_factory=Clock, compare=False)
    began: float = 0.0  # monotonic
    run_began: float = 0.0  # likewise: the attempt
    started: str = ""  # UTC, ISO 8601

    def begin(self, clock: Clock, command: str) -> None:
        """Start the suite's own time, on this clock: it may have waited for its turn."""
        self.clock, self.command = clock, command
        self.began, self.started = clock.monotonic(), _stamp(clock.now())
        self.run_began = self.began

    @property
    def label(self) -> str:
        """Return one name for all its way: without a file, the suite's own is not known from the start."""
        return self.name if self.file else self.key

    def note(self, text: str) -> bool:
        """Keep a remark for the report, also after the end; tell whether it is a new one."""
        if text in self.notes:
            return False
        self.notes.append(text)
        if self.result:
            self.result = replace(self.result, notes=tuple(self.notes))
        return True

    def enter(self, phase: Phase) -> None:
        """Go on to the next phase."""
        self.phase, self.job, self.run_began = phase, None, self.clock.monotonic()

    def keep_attempt(self, judged: Verdict, suite: Suite | None) -> None:
        """Keep the run that ended: another may follow."""
        assert self.job, "it has ended"
        self.attempts.append((self._attempt(judged, suite), self.job))

    def next_attempt(self) -> None:
        """Go on to the next run of the suite, by an id if one is known."""
        self.enter(Phase.RUN)
        self.run_id = self.later_ids.pop(0) if self.later_ids else ""
        self.phases.pop(Phase.RUN, None)

    @property
    def passed(self) -> list[bool]:
        """Tell of each run that ended whether it passed."""
        return [attempt.verdict.ending is Ending.PASSED for attempt, _ in self.attempts]

    def show_attempt(self, *, passed: bool) -> Job:
        """Have the suite show its last run that passed, or did not; return what Kore.ai said of it."""
        number = max(number for number, has_passed in enumerate(self.passed) if has_passed is passed)
        attempt, self.job = self.attempts[number]
        self.run_id, self.phases[Phase.RUN] = attempt.run_id, attempt.duration
        return self.job

    def _attempt(self, judged: Verdict, suite: Suite | None = None) -> Attempt:
        seconds = self.phases.get(Phase.RUN, round(self.clock.monotonic() - self.run_began, 3))
        return Attempt(
            run_id=self.run_id,
            started=_stamp(self.clock.now() - datetime.timedelta(seconds=seconds)),
            duration=seconds,
            verdict=judged,
            failures=tuple(step for step in (suite.steps if suite else ()) if step.is_red),
        )

    def _attempts(self, judged: Verdict) -> tuple[Attempt, ...]:
        """Return all runs of the suite, where there is more than one; what the result itself shows only once."""
        if not (self.attempts or self.later_ids):
            return ()
        attempts = {attempt.run_id: attempt for attempt, _ in self.attempts}
        current = attempts.get(self.run_id) or self._attempt(judged)
        attempts[self.run_id] = replace(current, failures=())
        if judged.ending in _LASTING:  # a command to resume it names them again
            unknown = replace(current, started="", duration=0.0, failures=())
            attempts |= {run_id: replace(unknown, run_id=run_id) for run_id in self.later_ids}
        return tuple(attempts.values()) if len(attempts) > 1 else ()

    def keep_definition(self, suite: Suite | None) -> None:
        """Keep the suite as its import defines it, with the place of each step if the file's steps are the suite's."""
        self.suite = suite
        if not suite:
            return
        if not self.file:
            self.name = suite.name or self.name
        elif len(self.lines) == len(suite.steps):
            pairs = zip(suite.steps, self.lines, strict=True)
            steps = (replace(step, source=Source(file=self.file, line=line)) for step, line in pairs)
            self.suite = replace(suite, steps=tuple(steps))

    def keep_file(self) -> None:
        """Keep the suite as its file defines it, where Kore.ai has not shown it."""
        if self.data and not self._known_suite():
            from kore_gate.kore import payloads  # reports that are rendered again do without the client

            suite, _ = payloads.suite_file(json.loads(self.data), self.name)
            self.keep_definition(suite if suite.steps else None)

    def end(self, verdict: Verdict, suite: Suite | None = None, *, job_continues: bool = False) -> SuiteResult:
        """Close the suite with a verdict; `suite` is the judged one, if there is one. Its job may be known to go on."""
        suite = suite or self._known_suite()
        if suite and not suite.name:
            suite = replace(suite, name=self.name)
        self.result = self._result(verdict, suite, job_continues=job_continues)
        return self.result

    def draft(self) -> SuiteResult:
        """Return the result; without its steps and as unfinished while the suite has not ended."""
        return self.result or self._result(verdict.UNFINISHED, None)

    def _result(self, judged: Verdict, suite: Suite | None, *, job_continues: bool = False) -> SuiteResult:
        job = self.job or Job(status="", state=State.UNKNOWN)
        result = SuiteResult(
            key=self.key,
            name=self.name,
            phase=self.phase,
            verdict=judged,
            evidence=self._evidence(suite),
            suite=suite,
            status=job.status,
            percent=job.percent,
            ds_id=self.ds_id,
            run_id=self.run_id,
            test_suite_id=job.test_suite_id or (suite.id if suite else ""),
            file=self.file,
            started=self.started,
            duration=round(self.clock.monotonic() - self.began, 3),
            phases=dict(self.phases),
            download_url=job.download_url,
            notes=tuple(self.notes),
            only_tests_failed=self._only_tests_failed(suite),
            attempts=self._attempts(judged),
        )
        if self.is_gone or not (job_continues or judged.ending in _LASTING):
            return result
        return replace(result, resume=resume_command(self.command, [result], reruns=self.reruns))

    def _known_suite(self) -> Suite | None:
        """Return the suite as far as it is known: with what a run has shown so far, or as defined."""
        if self.phase is Phase.RUN and self.job:
            return verdict.executed_suite(self.job, self.suite)
        return self.suite or (self.job.suite if self.job else None)

    def _only_tests_failed(self, suite: Suite | None) -> bool:
        """Tell whether only failed tests speak against it: where one pass is not enough, in no attempt any others."""
        if self.phase is not Phase.RUN or not self.job or not verdict.only_tests_failed(self.job, suite):
            return False
        if self.pass_if is PassIf.ANY:
            return True
        failed = [job for attempt, job in self.attempts if attempt.verdict.ending is not Ending.PASSED]
        others = [(job, verdict.executed_suite(job, self.suite)) for job in failed]
        shown = verdict.red_places(suite)
        return all(verdict.only_tests_failed(*other) and verdict.red_places(other[1]) <= shown for other in others)

    def _evidence(self, suite: Suite | None) -> Evidence:
        job, steps = self.job, suite.steps if suite else ()
        if self.phase is not Phase.RUN:
            is_stored = job and job.state is State.SUCCEEDED and suite
            return Evidence.IMPORT_VALIDATION if is_stored else Evidence.NONE
        # A run that is not over, or ended without results, shows nothing.
        counted = job and (job.tally.passed or job.tally.failed)
        has_result = counted or any(step.outcome in (Outcome.PASSED, Outcome.FAILED) for step in steps)
        return Evidence.EXECUTION if job and has_result else Evidence.NONE


def resume_call(call: Result) -> str:
    """Return the command that resumes all suites of a call that can be; "" if there are none."""
    own = Part(command=call.command, host=call.host, stream_id=call.stream_id)
    parts: dict[Part, list[SuiteResult]] = {}
    for suite in call.suites:
        if suite.resume:
            parts.setdefault(suite.part or own, []).append(suite)
    # One bot's settings are those of the environment; of several, each command names its own.
    names = ("host", "stream_id", "bot_language", "bot_version")
    differing = [name for name in names if len({getattr(part, name) for part in parts}) > 1]
    commands = []
    for part, suites in parts.items():
        values = {name.replace("_", "-"): getattr(part, name) for name in differing}
        options = [_option(name, [value]) for name, value in values.items() if value]
        reruns = rerun_options(call.rerun_failed, call.pass_if)
        commands.append(resume_command(part.command, suites, options, reruns))
    return " && ".join(commands)


def rerun_options(rerun_failed: int, pass_if: PassIf) -> Sequence[str]:
    """Return the options that have a call which is resumed count attempts as before."""
    return [f"--rerun-failed {rerun_failed}", f"--pass-if {pass_if}"] if rerun_failed else []


def resume_command(
    command: str, suites: Sequence[SuiteResult], options: Sequence[str] = (), reruns: Sequence[str] = ()
) -> str:
    """Return the command line that resumes suites of a command (`wait`, `import`, `run`, `test`)."""
    imports = [suite for suite in suites if suite.phase is Phase.IMPORT and suite.ds_id]
    runs = [suite for suite in suites if suite.phase is Phase.RUN and suite.run_ids]
    parts = []
    if imports:
        ids = [_option("ds-id", list(dict.fromkeys(suite.ds_id for suite in imports)))]
        parts.append(" ".join(["kore-gate wait", *ids, *options]))
    to_run = [suite for suite in suites if suite in runs or (command == "test" and suite in imports)]
    if to_run:
        names = _exact([suite.own_name for suite in to_run], r"^[-\[]|^\s|\s$|[\r\n]")
        ids = [_option("run-id", [suite.run_ids or TO_START for suite in to_run])] if runs else []
        parts.append(" ".join(["kore-gate run", *map(text.shell, names), *ids, *options, *reruns]))
    return " && ".join(parts)


def _stamp(moment: datetime.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _option(name: str, ids: Sequence[str]) -> str:
    value = ",".join(_exact(ids, r"^\[|[,\s]"))
    return text.shell(f"--{name}={value}") if value.startswith("-") else f"--{name} {text.shell(value)}"


def _exact(values: Sequence[str], odd: str) -> Sequence[str]:
    """Return the values, as one JSON array if any of them would not come through a command line as it is."""
    is_odd = any(re.search(odd, value) or text.plain(value) != value for value in values)
    return [json.dumps(list(values))] if is_odd else values
