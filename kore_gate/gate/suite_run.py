"""What is known of one suite, and the command that resumes it."""

import dataclasses
import json
import re
from collections.abc import Sequence

from kore_gate import text
from kore_gate.clock import Clock
from kore_gate.errors import Ending
from kore_gate.gate import verdict
from kore_gate.model import Evidence, Job, Outcome, Phase, Result, Source, State, Suite, SuiteResult, Verdict

# Stands for the id of a run that is still to be started, where other runs of the call have one.
TO_START = "-"

# Where a suite ended like this, its job at Kore.ai may go on.
_LASTING = (Ending.TIMED_OUT, Ending.INTERRUPTED, Ending.UNAVAILABLE, Ending.REFUSED)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class SuiteSpec:
    """One suite to take through the chain: by an import's id, a suite's name, or a file's content."""

    key: str
    name: str
    phase: Phase
    ds_id: str = ""
    run_id: str = ""
    file: str = ""
    data: bytes = dataclasses.field(default=b"", repr=False)
    lines: tuple[int, ...] = ()  # of each step in the file


class SuiteRun:
    """What is known of one suite; becomes its result when it ends."""

    def __init__(self, spec: SuiteSpec, command: str, clock: Clock) -> None:
        self.spec = spec
        self.phase = spec.phase
        self.name = spec.name
        self.ds_id = spec.ds_id
        self.run_id = spec.run_id
        self.job: Job | None = None
        self.suite: Suite | None = None
        self.is_gone = False  # Kore.ai does not know the job any more
        self.trouble = ""  # why the last request has to wait
        self.notes: list[str] = []
        self.result: SuiteResult | None = None
        self._command = command
        self._clock = clock
        self.begin()

    @property
    def elapsed(self) -> float:
        """Return the seconds since this suite's work began."""
        return self._clock.monotonic() - self._began

    @property
    def is_resumable(self) -> bool:
        """Tell whether another call could go on with this suite's job: its id is known."""
        return not self.is_gone and bool(self.run_id if self.phase is Phase.RUN else self.ds_id)

    def begin(self) -> None:
        """Start the suite's own clock: it may have waited for its turn."""
        self._began = self._clock.monotonic()
        self._started = self._clock.now()

    def note(self, text: str) -> bool:
        """Keep a remark for the report, also after the end; tell whether it is a new one."""
        if text in self.notes:
            return False
        self.notes.append(text)
        if self.result:
            self.result = dataclasses.replace(self.result, notes=tuple(self.notes))
        return True

    def enter(self, phase: Phase) -> None:
        """Go on to the next phase."""
        self.phase, self.job, self.trouble = phase, None, ""

    def keep_definition(self, suite: Suite | None) -> None:
        """Keep the suite as its import defines it, with the place of each step if the file's steps are the suite's."""
        self.suite, spec = suite, self.spec
        if not suite:
            return
        if not spec.file:
            self.name = suite.name or self.name
        elif len(spec.lines) == len(suite.steps):
            pairs = zip(suite.steps, spec.lines, strict=True)
            steps = (dataclasses.replace(step, source=Source(file=spec.file, line=line)) for step, line in pairs)
            self.suite = dataclasses.replace(suite, steps=tuple(steps))

    def end(self, verdict: Verdict, suite: Suite | None = None, *, job_continues: bool = False) -> SuiteResult:
        """Close the suite with a verdict; `suite` is the judged one, if there is one. Its job may be known to go on."""
        suite = suite or self._known_suite()
        if suite and not suite.name:
            suite = dataclasses.replace(suite, name=self.name)
        self.result = self._result(verdict, suite, may_resume=job_continues or verdict.ending in _LASTING)
        return self.result

    def draft(self) -> SuiteResult:
        """Return the result; without its steps and as unfinished while the suite has not ended."""
        return self.result or self._result(verdict.UNFINISHED, None, may_resume=True)

    def _result(self, verdict: Verdict, suite: Suite | None, *, may_resume: bool) -> SuiteResult:
        job = self.job
        result = SuiteResult(
            key=self.spec.key,
            name=self.name,
            phase=self.phase,
            verdict=verdict,
            evidence=self._evidence(suite),
            suite=suite,
            status=job.status if job else "",
            percent=job.percent if job else None,
            ds_id=self.ds_id,
            run_id=self.run_id,
            test_suite_id=(job.test_suite_id if job else "") or (suite.id if suite else ""),
            file=self.spec.file,
            started=self._started.strftime("%Y-%m-%dT%H:%M:%SZ"),
            duration=round(self.elapsed, 3),
            download_url=job.download_url if job else "",
            notes=tuple(self.notes),
        )
        if not (may_resume and self.is_resumable):
            return result
        return dataclasses.replace(result, resume=resume_command(self._command, [result]))

    def _known_suite(self) -> Suite | None:
        """Return the suite as far as it is known: with what a run has shown so far, or as defined."""
        if self.phase is Phase.RUN and self.job:
            return verdict.executed_suite(self.job, self.suite)
        return self.suite or (self.job.suite if self.job else None)

    def _evidence(self, suite: Suite | None) -> Evidence:
        if self.job is None:
            return Evidence.NONE
        if self.phase is not Phase.RUN:
            is_stored = self.job.state is State.SUCCEEDED and suite
            return Evidence.IMPORT_VALIDATION if is_stored else Evidence.NONE
        # A run that is not over, or ended without results, shows nothing.
        tally, steps = self.job.tally, suite.steps if suite else ()
        counted = tally and (tally.passed or tally.failed)
        ran = counted or any(step.outcome in (Outcome.PASSED, Outcome.FAILED) for step in steps)
        return Evidence.EXECUTION if ran else Evidence.NONE


def resume_call(call: Result) -> str:
    """Return the command that resumes all suites of a call that can be; "" if there are none."""
    return resume_command(call.command, [suite for suite in call.suites if suite.resume])


def resume_command(command: str, suites: Sequence[SuiteResult]) -> str:
    """Return the command line that resumes suites of a command (`wait`, `import`, `run`, `test`)."""
    imports = [suite for suite in suites if suite.phase is Phase.IMPORT and suite.ds_id]
    runs = [suite for suite in suites if suite.phase is Phase.RUN and suite.run_id]
    parts = []
    if imports:
        parts.append("kore-gate wait " + _option("ds-id", list(dict.fromkeys(suite.ds_id for suite in imports))))
    to_run = [suite for suite in suites if suite in runs or (command == "test" and suite in imports)]
    if to_run:
        names = _exact([suite.name for suite in to_run], r"^[-\[]|^\s|\s$|[\r\n]")
        ids = [_option("run-id", [suite.run_id or TO_START for suite in to_run])] if runs else []
        parts.append(" ".join(["kore-gate run", *map(text.shell, names), *ids]))
    return " && ".join(parts)


def _option(name: str, ids: Sequence[str]) -> str:
    value = ",".join(_exact(ids, r"^\[|[,\s]"))
    return text.shell(f"--{name}={value}") if value.startswith("-") else f"--{name} {text.shell(value)}"


def _exact(values: Sequence[str], odd: str) -> Sequence[str]:
    """Return the values, as one JSON array if any of them would not come through a command line as it is."""
    is_odd = any(re.search(odd, value) or text.plain(value) != value for value in values)
    return [json.dumps(list(values))] if is_odd else values
