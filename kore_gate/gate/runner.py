"""The stages of one suite as a straight line; many suites as tasks; one verdict."""

import asyncio
import contextlib
import contextvars
import dataclasses
import datetime
from collections.abc import Awaitable, Callable, Sequence

from kore_gate import errors, text
from kore_gate.clock import Clock
from kore_gate.errors import Ending
from kore_gate.gate import poller, verdict
from kore_gate.gate.suite_run import Track, Work, located
from kore_gate.kore.client import KoreClient
from kore_gate.model import Event, Happening, Job, Phase, State, Suite, SuiteResult, Verdict
from kore_gate.settings.sources import Settings

HEARTBEAT = 60.0

# The suite that the running task works on: a client serves all of them.
_current: contextvars.ContextVar[Track | None] = contextvars.ContextVar("track", default=None)

_Judged = tuple[Verdict, Suite | None]


class Gate:
    """Takes suites through the chain, all at once, each to a result; nothing that happens to one loses another's.

    `tell` gets the news; `save` keeps a results file (suite, link, content) and returns its name.
    `deadline` is on the clock's monotonic scale.
    """

    def __init__(
        self,
        settings: Settings,
        api: KoreClient,
        clock: Clock,
        *,
        deadline: float,
        save: Callable[[str, str, bytes], str],
        tell: Callable[[Event], None],
        on_bug: Callable[[BaseException], None],
    ) -> None:
        self._settings = settings
        self._api = api
        self._clock = clock
        self._deadline = deadline
        self._save = save
        self._tell = tell
        self._on_bug = on_bug
        self._tasks: list[asyncio.Task[None]] = []
        self._slots = asyncio.Semaphore(settings.max_parallel)
        self._signum = 0
        self._failed_first = ""
        self._warned = False
        self._last_news = clock.monotonic()
        self.tracks: list[Track] = []

    async def run(self, works: Sequence[Work]) -> list[SuiteResult]:
        """Return a result for each suite, in the order given."""
        self.tracks = [Track(work, self._clock, self._settings.command) for work in works]
        heart = asyncio.create_task(self._beat())
        try:
            async with asyncio.TaskGroup() as group:
                self._tasks = [group.create_task(self._one(track)) for track in self.tracks]
                if self._signum:
                    self._cancel()
        finally:
            heart.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await heart
        # A task that is cancelled before its first step has had no chance to say so itself.
        return [track.result or self._cut_short(track) for track in self.tracks]

    def interrupt(self, signum: int) -> None:
        """Stop all suites at once; each keeps what is known of it."""
        self._signum = signum
        self._cancel()

    def _cancel(self) -> None:
        current = asyncio.current_task()
        for task in self._tasks:
            if task is not current:
                task.cancel()

    async def _one(self, track: Track) -> None:
        """Take one suite to its result, whatever happens; the one deadline is the end of this scope."""
        _current.set(track)
        try:
            async with self._clock.limit(self._deadline - self._clock.monotonic()), self._slots:
                track.begin()
                self._news(track, Happening.STARTED)
                result = await self._guarded(track)
        except TimeoutError:
            result = self._too_late(track)
        except asyncio.CancelledError:
            # What came to its verdict keeps it, and only goes without the results file.
            result = track.result or self._cut_short(track)
        self._news(track, Happening.ENDED, result.verdict.message, ending=result.verdict.ending)
        if self._settings.fail_fast and result.verdict.ending is not Ending.PASSED and not self._failed_first:
            self._failed_first = track.name
            self._cancel()

    def _too_late(self, track: Track) -> SuiteResult:
        """End a suite at the deadline by what is known of it."""
        if track.result:
            track.note("The results file that Kore.ai links to could not be saved: the timeout came first.")
            return track.end(track.result.verdict, track.result.suite)
        if track.absence and not track.job:
            track.is_gone = True
            return track.end(verdict.of_error(track.absence, track.phase))
        return track.end(
            verdict.timed_out(
                track.phase,
                track.job,
                track.trouble,
                waited=track.elapsed,
                timeout=self._settings.timeout,
                known=track.is_resumable,
            )
        )

    def note_trouble(self, said: str) -> None:
        """Keep in mind why a call of the suite that is at work has to wait."""
        track = _current.get()
        if track:
            track.trouble = said

    async def _guarded(self, track: Track) -> SuiteResult:
        try:
            judged, suite = await self._chain(track)
            track.end(judged, suite)
            await self._download(track)
            return track.end(judged, suite)
        except errors.GateError as error:
            track.is_gone = isinstance(error, errors.Gone)
            return track.end(verdict.of_error(error, track.phase))
        except Exception as exc:  # noqa: BLE001 one suite's bug must not lose the others' results
            self._on_bug(exc)
            return track.end(verdict.of_bug(exc, track.phase))

    def _cut_short(self, track: Track) -> SuiteResult:
        if self._signum:
            status = track.job.status if track.job else ""
            return track.end(verdict.interrupted(self._signum, track.phase, status, known=track.is_resumable))
        return track.end(verdict.stopped(self._failed_first, known=track.is_resumable), goes_on=True)

    async def _chain(self, track: Track) -> _Judged:
        """Upload, import, wait, run, wait: from where the suite starts to where the command ends."""
        if track.phase is Phase.UPLOAD:
            file_id = await self._api.upload(track.name, track.work.data)
            track.enter(Phase.IMPORT)
            track.ds_id = await self._api.start_import(file_id, track.name)
            self._news(track, Happening.IDENTIFIED, f"import {track.ds_id}")
        if track.phase is Phase.IMPORT:
            judged = await self._import(track)
            if self._settings.command != "test" or judged[0].ending is not Ending.PASSED:
                return judged
            track.enter(Phase.RUN)
        if not track.run_id:
            track.run_id = await self._api.start_run(track.name)
            self._news(track, Happening.IDENTIFIED, f"run {track.run_id}")
        return await self._run(track)

    async def _import(self, track: Track) -> _Judged:
        job = await self._wait(track, lambda: self._api.import_job(track.ds_id))
        track.suite = located(job.suite, track.work)
        if track.suite and track.suite.name and not track.work.file:
            track.name = track.suite.name
        job = dataclasses.replace(job, suite=track.suite)
        return verdict.of_import(job, allow_empty=self._settings.allow_empty)

    async def _run(self, track: Track) -> _Judged:
        job = await self._wait(track, lambda: self._api.run_job(track.name, track.run_id))
        total = job.tally.total or 0 if job.tally else 0
        told = len(job.suite.steps) if job.suite else 0
        if job.state in (State.SUCCEEDED, State.FAILED) and told < total:
            track.note(
                f"Kore.ai reports {told} of {total} steps of this run, and only counts the others."
                if told
                else "Kore.ai reports only counts for this run, and no single step or assertion."
            )
        return verdict.of_run(job, track.suite, allow_empty=self._settings.allow_empty)

    async def _wait(self, track: Track, look: Callable[[], Awaitable[Job]]) -> Job:
        return await poller.wait_for(
            look,
            rhythm=poller.Rhythm(self._settings.poll_interval),
            spacing=lambda left: self._api.spacing(track.run_id or track.ds_id, left),
            deadline=self._deadline,
            clock=self._clock,
            tell=lambda job: self._seen(track, job),
            tell_absent=track.miss,
        )

    def _seen(self, track: Track, job: Job) -> None:
        """Tell what changed since the last look."""
        last, track.job, track.trouble = track.job, job, ""
        if job.state is State.UNKNOWN:
            word = text.line(job.status, 60) or "no status"
            if track.note(f"kore_gate does not know this status, and keeps waiting: {word}"):
                self._news(track, Happening.WARNING, track.notes[-1])
        if last is None or (last.status, last.percent) != (job.status, job.percent):
            self._news(track, Happening.CHANGED)
        if last is None and job.state is State.RUNNING:
            self._warn_of_expiry(track, job)

    def _warn_of_expiry(self, track: Track, job: Job) -> None:
        """Say once that a timeout somebody chose is longer than Kore.ai's memory; the default always is."""
        if self._warned or "timeout" not in self._settings.sources:
            return
        try:
            expiry = datetime.datetime.fromisoformat(job.expires)
            left = (expiry - self._clock.now()).total_seconds()
        except (ValueError, TypeError):
            return
        if 0 < left < self._deadline - self._clock.monotonic():
            self._warned = True
            said = f"Kore.ai forgets this job at {expiry:%H:%M:%S} UTC, before the timeout."
            self._news(track, Happening.WARNING, said)

    async def _download(self, track: Track) -> None:
        """Save the results file an answer links to; a link that fails is said, and fails nothing."""
        link = track.job.download_url if track.job else ""
        if not link or not self._settings.download:
            return
        try:
            name = self._save(track.name, link, await self._api.fetch(link))
        except errors.GateError as error:
            track.note(f"The results file that Kore.ai links to could not be saved: {error.message}")
            self._news(track, Happening.WARNING, track.notes[-1])
        else:
            track.note(f"The results file that Kore.ai links to is saved as {name}.")

    def _news(self, track: Track, happening: Happening, said: str = "", ending: Ending | None = None) -> None:
        self._last_news = self._clock.monotonic()
        job = track.job
        self._say(
            Event(
                happening=happening,
                # One name all along: the suite's own is not known from the start.
                name=track.work.name,
                text=said,
                phase=track.phase,
                status=job.status if job else "",
                percent=job.percent if job else None,
                ending=ending,
                elapsed=track.elapsed,
            )
        )

    async def _beat(self) -> None:
        """Say each minute without news that the gate is still waiting: silent jobs get killed by some CI systems."""
        while True:
            await self._clock.sleep(max(1.0, HEARTBEAT - (self._clock.monotonic() - self._last_news)))
            if self._clock.monotonic() - self._last_news < HEARTBEAT:
                continue
            self._last_news = self._clock.monotonic()
            open_tracks = [track for track in self.tracks if track.result is None]
            shown = ", ".join(
                f"{track.name} {track.job.status if track.job else ''}".strip() for track in open_tracks[:3]
            )
            more = f" and {len(open_tracks) - 3} more" if len(open_tracks) > 3 else ""
            left = text.duration(max(0.0, self._deadline - self._clock.monotonic()))
            self._say(Event(happening=Happening.WAITING, text=f"{shown}{more}; {left} left"))

    def _say(self, event: Event) -> None:
        """Pass news on; a fault in the telling must not end the work."""
        try:
            self._tell(event)
        except Exception as exc:  # noqa: BLE001 reports and exit code still tell
            self._on_bug(exc)
