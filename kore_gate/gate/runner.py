"""Runs suites: each a task that goes through its stages in a straight line, to one result."""

import asyncio
import dataclasses
import functools
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from kore_gate import errors, text
from kore_gate.clock import Clock
from kore_gate.errors import Ending
from kore_gate.gate import poller, suite_run, verdict
from kore_gate.gate.pace import Pace
from kore_gate.gate.suite_run import SuiteRun
from kore_gate.kore.client import KoreClient
from kore_gate.model import Event, Happening, Job, PassIf, Phase, State, Suite, SuiteResult, Verdict, replace
from kore_gate.settings.sources import Settings

# Some CI systems end jobs that print nothing for a while.
_SILENCE_LIMIT = 60.0
# How often to look for waits to report, and how long they last at least: by then it is known who waits as well.
_LOOK_EVERY = 5.0
# Reports of new reasons within a minute.
_MOST_REASONS = 4

# What a suite begins with, by its phase and whether the job is known already.
_DOING = {
    (Phase.UPLOAD, False): "uploading",
    (Phase.IMPORT, True): "waiting for the import",
    (Phase.RUN, False): "starting the run",
    (Phase.RUN, True): "waiting for the run",
}

# How a run ends that counts as an attempt; whatever else comes of it is the verdict.
_DECIDABLE = (Ending.PASSED, Ending.FAILED, Ending.JOB_FAILED)


@dataclasses.dataclass(slots=True)
class Runner:
    """Takes suites through the chain, all at once; whatever happens to one, the others keep their results.

    `on_event` receives everything that happens; `save_file` keeps a results file (suite, link, content) and returns its
    name. `deadline` is on the clock's monotonic scale, `expect` returns how long a suite's job usually takes.
    """

    settings: Settings
    clock: Clock
    deadline: float
    on_event: Callable[[Event], None]
    save_file: Callable[[str, str, bytes], str]
    expect: Callable[[str, Phase], float | None] = lambda _suite, _phase: None
    _tasks: dict[asyncio.Task[Any], SuiteRun] = dataclasses.field(default_factory=dict)
    _judge_stopped: Callable[[SuiteResult], Verdict] | None = None  # once a signal or fail-fast has come
    _has_warned_of_expiry: bool = False
    _last_event: float = 0.0
    _reported: dict[str, float] = dataclasses.field(default_factory=dict)  # reasons to wait, and when they last held
    _unknown: set[str] = dataclasses.field(default_factory=set)  # status words that were warned of

    async def run(self, runs: Sequence[SuiteRun], client: KoreClient) -> list[SuiteResult]:
        """Return a result for each suite, in their order."""
        for run in runs:
            run.begin(self.clock, self.settings.command)
            run.pass_if = PassIf(self.settings.pass_if)
            run.reruns = suite_run.rerun_options(self.settings.rerun_failed, run.pass_if)
        self._last_event = self.clock.monotonic()
        slots = asyncio.Semaphore(self.settings.max_parallel)
        waiting = asyncio.create_task(self._report_waiting(runs))
        try:
            async with asyncio.TaskGroup() as group:
                self._tasks = {group.create_task(self._run_suite(run, client, slots)): run for run in runs}
                if self._judge_stopped:
                    self._cancel()
        finally:
            waiting.cancel()
            await asyncio.wait([waiting])
        # A task that is cancelled before its first step never reaches its own handling of that.
        return [run.result or self._end_stopped(run) for run in runs]

    def interrupt(self, signum: int) -> None:
        """Stop all suites at once; each keeps what is known of it."""
        self._judge_stopped = functools.partial(verdict.interrupted, signum)
        self._cancel()

    def note_wait(self, reason: str, outlook: str) -> None:
        """Keep why a request of the running suite waits, "" once it is answered: one client serves all suites."""
        if run := self._current():
            self._wait_for(run, reason, outlook)

    def note_call(self, line: str) -> None:
        """Report a request of the running suite to those who ask for more."""
        run = self._current()
        self.on_event(Event(happening=Happening.DEBUG, text=f"{run.label}: {line}" if run else line))

    def _current(self) -> SuiteRun | None:
        task = asyncio.current_task()
        return self._tasks.get(task) if task else None

    def _wait_for(self, run: SuiteRun, reason: str, outlook: str) -> None:
        before, run.trouble, run.outlook = run.trouble, reason, outlook
        if not before:
            run.since = self.clock.monotonic()
        if reason:
            self._emit(run, Happening.TROUBLE, reason)
        elif before:
            self._emit(run, Happening.CHANGED, is_news=False)

    def _cancel(self) -> None:
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()

    async def _run_suite(self, run: SuiteRun, client: KoreClient, slots: asyncio.Semaphore) -> None:
        """Take one suite to its result, whatever happens; the one deadline is the end of this scope."""
        try:
            if slots.locked():
                self._wait_for(
                    run, "for a turn, when another suite has ended", f"max-parallel: {self.settings.max_parallel}"
                )
            async with self.clock.limit(self.deadline - self.clock.monotonic()), slots:
                run.begin(self.clock, self.settings.command)
                run.trouble = run.outlook = ""
                self._emit(run, Happening.STARTED, _DOING[run.phase, bool(run.ds_id or run.run_id)])
                judged, suite = await self._chain(run, client)
                run.end(verdict.require_assertions(judged, suite, self.settings.min_assertions), suite)
                await self._download(run, client)
        except TimeoutError:
            if run.result:
                run.note("The results file that Kore.ai links to could not be saved: the timeout came first.")
            else:
                run.keep_file()
                run.end(verdict.timed_out(run.draft(), run.job, run.trouble, self.settings.timeout))
        except asyncio.CancelledError:
            self._end_stopped(run)
        except errors.GateError as error:
            run.is_gone = isinstance(error, errors.Gone)
            run.end(verdict.from_error(error, run.phase))
        except Exception as exc:  # noqa: BLE001 one suite's bug must not lose the others' results
            self.on_event(Event(happening=Happening.DEBUG, text="".join(traceback.format_exception(exc))))
            run.end(verdict.from_error(exc, run.phase))
        judged = run.draft().verdict
        # Of a single suite, the verdict of the call says it.
        self._emit(run, Happening.ENDED, judged.message if len(self._tasks) > 1 else "")
        if self.settings.fail_fast and judged.ending is not Ending.PASSED and not self._judge_stopped:
            self._judge_stopped = functools.partial(verdict.stopped_by_fail_fast, run.name)
            self._cancel()

    async def _chain(self, run: SuiteRun, client: KoreClient) -> tuple[Verdict, Suite | None]:
        """Upload, import, wait, run, wait: from where the suite starts to where the command ends."""
        allow_empty = self.settings.allow_empty
        if run.phase is Phase.UPLOAD:
            file_id = await client.upload(run.name, run.data)
            run.enter(Phase.IMPORT)
            run.ds_id = await client.start_import(file_id, run.name)
            self._emit(run, Happening.IDENTIFIED, run.ds_id)
        if run.phase is Phase.IMPORT:
            job = await self._wait(run, client, lambda: client.import_job(run.ds_id))
            run.keep_definition(job.suite)
            judged, suite = verdict.judge_import(replace(job, suite=run.suite), allow_empty=allow_empty)
            if self.settings.command != "test" or judged.ending is not Ending.PASSED:
                return judged, suite
            run.enter(Phase.RUN)
        most = 1 + self.settings.rerun_failed
        while True:
            if not run.run_id:
                run_id = await client.start_run(run.name)
                if any(attempt.run_id == run_id for attempt, _ in run.attempts):
                    raise errors.Unavailable(
                        f"Kore.ai accepted another run, but returned the id of an earlier one: {text.line(run_id, 80)}",
                        cause="a run that Kore.ai has not started, or a proxy that repeats responses.",
                        hint="No run is counted twice. Check in Kore.ai (Regression Testing) which runs there are.",
                    )
                run.run_id = run_id
                number = f" (attempt {len(run.attempts) + 1} of {most})" if run.attempts else ""
                self._emit(run, Happening.IDENTIFIED, run.run_id + number)
            job = await self._wait(run, client, lambda: client.run_job(run.name, run.run_id))
            judged, suite = verdict.judge_run(job, run.suite, allow_empty=allow_empty)
            run.keep_attempt(judged, suite)
            passed = verdict.passed_by(run.passed, most, run.pass_if)
            if judged.ending not in _DECIDABLE or passed is not None or not self._begin_attempt(run, most):
                break
        if len(run.attempts) > 1 and judged.ending in _DECIDABLE:
            # It shows the last attempt that ended as the suite does.
            job = run.show_attempt(passed=passed is True)
            judged, suite = verdict.judge_run(job, run.suite, allow_empty=allow_empty)
            judged = verdict.judge_attempts(judged, run.passed, most, run.pass_if)
        answered, total = len(job.suite.steps) if job.suite else 0, job.tally.total or 0
        if answered < total:
            run.note(f"Kore.ai reports {answered} of {total} steps of this run, and only counts the others.")
        return judged, suite

    def _begin_attempt(self, run: SuiteRun, most: int) -> bool:
        """Go on to the next attempt at a suite, if there is time for it."""
        number = f"attempt {len(run.attempts) + 1} of {most}"
        took, left = run.phases[Phase.RUN], self.deadline - self.clock.monotonic()
        if left < took and not run.later_ids:
            times = f"the last one took {text.duration(took)}, and {text.duration(left)} was left"
            run.note(f"There was no time for {number}: {times}.")
            return False
        run.next_attempt()
        self._emit(run, Happening.STARTED, f"{number}: {_DOING[run.phase, bool(run.run_id)]}")
        return True

    async def _wait(self, run: SuiteRun, client: KoreClient, fetch: Callable[[], Awaitable[Job]]) -> Job:
        async def visible() -> Job:
            try:
                return await fetch()
            except errors.Gone as error:
                since, seconds = ("any more", poller.GONE_AFTER) if run.job else ("yet", poller.VISIBLE_WITHIN)
                reason = f"Kore.ai does not show the {run.phase} {since} ({error.message})"
                self._wait_for(run, reason, f"asking again for {text.duration(seconds)}")
                raise

        began = self.clock.monotonic()
        job = await poller.wait_for(
            visible,
            pace=Pace(
                lambda left: client.spacing(run.run_id or run.ds_id, left),
                self.settings.poll_interval,
                self.expect(run.name, run.phase),
            ),
            deadline=self.deadline,
            clock=self.clock,
            on_status=lambda job: self._note_status(run, job),
        )
        run.phases[run.phase] = round(self.clock.monotonic() - began, 3)
        return job

    def _note_status(self, run: SuiteRun, job: Job) -> None:
        """Keep the job, and report what has changed."""
        last, run.job = run.job, job
        if job.state is State.UNKNOWN:
            status = text.line(job.status, 60) or "no status"
            message = f"kore_gate does not know this status, and keeps waiting: {status}"
            if run.note(message) and status not in self._unknown:
                self._unknown.add(status)
                self._emit(run, Happening.WARNING, message)
        if last is None or (last.status, last.percent) != (job.status, job.percent):
            self._emit(run, Happening.CHANGED, is_news=last is None or last.status != job.status)
        # A timeout that somebody chose may be longer than Kore.ai's memory; the default always is.
        if last is None and job.state is State.RUNNING and job.expiry and "timeout" in self.settings.sources:
            left = (job.expiry - self.clock.now()).total_seconds()
            if 0 < left < self.deadline - self.clock.monotonic() and not self._has_warned_of_expiry:
                self._has_warned_of_expiry = True
                message = f"Kore.ai forgets this job at {job.expiry:%H:%M:%S} UTC, before the timeout."
                self._emit(run, Happening.WARNING, message)

    async def _download(self, run: SuiteRun, client: KoreClient) -> None:
        """Save the results file an answer links to; a link that fails is a warning, and fails nothing."""
        link = run.job.download_url if run.job else ""
        if not link or not self.settings.download:
            return
        try:
            name = self.save_file(run.name, link, await client.fetch(link))
            run.note(f"The results file that Kore.ai links to is saved as {name}.")
        except errors.GateError as error:
            message = f"The results file that Kore.ai links to could not be saved: {error.message}"
            run.note(message)
            self._emit(run, Happening.WARNING, message)

    def _end_stopped(self, run: SuiteRun) -> SuiteResult:
        """End a suite that a signal or fail-fast has cancelled; one that has its verdict keeps it."""
        assert self._judge_stopped, "nothing else cancels a suite"
        return run.result or run.end(self._judge_stopped(run.draft()), job_continues=True)

    def _emit(self, run: SuiteRun, happening: Happening, text: str = "", *, is_news: bool = True) -> None:
        if is_news and happening is not Happening.TROUBLE:
            self._last_event = self.clock.monotonic()
        draft = run.draft()
        self.on_event(
            Event(
                happening=happening,
                key=run.key,
                name=run.label,
                text=text,
                outlook=run.outlook,
                phase=draft.phase,
                status=draft.status,
                percent=draft.percent,
                ending=run.result.verdict.ending if run.result else None,
                elapsed=draft.duration,
            )
        )

    async def _report_waiting(self, runs: Sequence[SuiteRun]) -> None:
        """Report soon why suites have to wait, once for all with the same reason, and each minute that they do."""
        while True:
            await self.clock.sleep(_LOOK_EVERY)
            now = self.clock.monotonic()
            pending = [run for run in runs if run.result is None]
            waits: dict[str, list[SuiteRun]] = {}
            for run in pending:
                if run.trouble:
                    waits.setdefault(run.trouble, []).append(run)
            recent = {reason: at for reason, at in self._reported.items() if now - at < _SILENCE_LIMIT}
            self._reported = recent | {reason: now for reason in waits if reason in recent}
            if now - self._last_event >= _SILENCE_LIMIT:
                self._last_event = now
                self._reported |= dict.fromkeys(waits, now)
                self.on_event(Event(happening=Happening.WAITING, text=self._summary(pending, waits)))
            for reason, waiting in waits.items():
                is_long = any(now - run.since >= _LOOK_EVERY for run in waiting)
                if is_long and reason not in self._reported and len(self._reported) < _MOST_REASONS:
                    self._reported[reason] = now
                    name = waiting[0].label if len(waiting) == 1 else f"{len(waiting)} suites"
                    outlook = waiting[0].outlook
                    self.on_event(Event(happening=Happening.TROUBLE, name=name, text=reason, outlook=outlook))

    def _summary(self, pending: Sequence[SuiteRun], waits: Mapping[str, Sequence[SuiteRun]]) -> str:
        """Say which suites have not ended, how long there is, and why they wait."""
        suites = [f"{run.label} {run.job.status if run.job else ''}".strip() for run in pending]
        left = text.duration(max(0.0, self.deadline - self.clock.monotonic()))
        # The reason of most suites.
        waiting = max(waits.values(), key=len, default=())
        count = f"{len(waiting)} of {len(pending)}: " if len(pending) > 1 else ""
        reasons = [f"{count}{run.trouble}; {run.outlook}" for run in waiting[:1]]
        return "; ".join([text.listed(suites, 3), f"{left} left", *reasons])
