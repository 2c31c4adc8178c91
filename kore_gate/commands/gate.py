"""One call of the gate, from settings to reports: what every remote command has in common."""

import contextlib
import dataclasses
import secrets
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from kore_gate import __version__, errors
from kore_gate.ci import outputs
from kore_gate.ci.dialects import Surroundings
from kore_gate.clock import Clock
from kore_gate.errors import Ending, ExitCode, gravest
from kore_gate.gate import suite_files, suite_run, verdict
from kore_gate.gate.runner import Gate
from kore_gate.gate.suite_run import Track, Work
from kore_gate.kore import transport
from kore_gate.kore.auth import Signer
from kore_gate.kore.client import KoreClient
from kore_gate.model import Event, Happening, Phase, Result, SuiteResult, Verdict
from kore_gate.reports import cases, junit, result, summary, write
from kore_gate.reports.console import Console
from kore_gate.reports.write import RESULT, Writer
from kore_gate.settings.sources import Settings

if TYPE_CHECKING:
    import httpx

# GitHub drops a step's summary of more than a mebibyte whole.
_SUMMARY_LIMIT = 1_000_000

# Ids are written the moment they are known; with very many suites not after each of them.
_MOST_SINGLE_NOTES = 20


class Interrupted(BaseException):
    """A signal came while reports were written."""


class Cut(BaseException):
    """The time to write reports is over."""


class Call:
    """Runs one remote command and leaves its reports, however it ends."""

    def __init__(
        self,
        settings: Settings,
        around: Surroundings,
        console: Console,
        clock: Clock,
        transport: "httpx.AsyncBaseTransport | None" = None,
    ) -> None:
        self._settings = settings
        self._around = around
        self._console = console
        self._clock = clock
        self._transport = transport
        self._writer = Writer(settings.report_dir)
        self._began = clock.monotonic()
        self._started = clock.now()
        self._gate: Gate | None = None
        self._signum = 0
        self._is_writing = False
        self._drafts: dict[int, str] = {}  # the JUnit file of each suite that is not judged yet, by its place
        self._draft_names: set[str] = set()
        self._downloads: set[str] = set()  # names, in lower case

    def interrupt(self, signum: int) -> None:
        """Stop at once; the reports of what is known are still written."""
        self._signum = signum
        if self._gate:
            self._gate.interrupt(signum)

    def note_signal(self, signum: int) -> None:
        """Say in a signal's handler that it came. Raises Interrupted into the writing of reports."""
        first, self._signum = not self._signum, signum
        if self._is_writing and first:
            raise Interrupted

    def cut(self) -> None:
        """Say in a signal's handler that time is up. Raises Cut into the writing of reports."""
        if self._is_writing:
            raise Cut

    async def run(self) -> Result:
        """Take all suites to their results and write every report. Raises ReportError before a call."""
        settings = self._settings
        self._writer.prepare(settings.command, settings.stream_id)
        try:
            works = self._works()
            results = await self._results(works)
        except errors.SettingsError as error:
            results = [settings_result(error)]
        except Exception as exc:  # noqa: BLE001 a bug outside the suites, too, must leave reports, with what is known
            self._tell_bug(exc)
            tracks = self._gate.tracks if self._gate else []
            bug = verdict.of_bug(exc, Phase.SETTINGS)
            results = [*(track.result for track in tracks if track.result), _own_result(bug)]
        return self._finish(results)

    def refuse(self, error: errors.SettingsError) -> None:
        """Leave the reports of a call whose settings can't be used."""
        self._writer.prepare(self._settings.command, self._settings.stream_id)
        made = self._finish([settings_result(error)])
        self._hand_out(made)

    def conclude(self, made: Result) -> int:
        """Say how the call ended, softened where the caller asked for it; return the exit code."""
        settings, code = self._settings, made.verdict.exit_code
        self._hand_out(made)
        softened = code in settings.soft_fail
        if softened:
            self._console.warn(f"soft-fail: exit code {code.value} ({made.verdict.ending}) is turned into 0.")
        self._console.verdict(made, list(self.files.values()), ExitCode.PASSED if softened else None)
        return 0 if softened else int(code)

    async def _results(self, works: Sequence[Work]) -> list[SuiteResult]:
        settings, clock = self._settings, self._clock
        deadline = self._began + settings.timeout
        signer = Signer(settings, clock)
        async with transport.connect(settings, self._around.ci, self._transport) as http:
            client = KoreClient(http, settings, signer, clock, on_trouble=self._note_trouble)
            self._gate = Gate(
                settings,
                client,
                clock,
                deadline=deadline,
                save=self._save,
                tell=self._tell,
                on_bug=self._tell_bug,
            )
            if self._signum:
                self._gate.interrupt(self._signum)
            return await self._gate.run(works)

    def _works(self) -> list[Work]:
        """Return what the command is to take through the chain."""
        settings = self._settings
        match settings.command:
            case "wait":
                return [Work(key=ds_id, name=ds_id, phase=Phase.IMPORT, ds_id=ds_id) for ds_id in settings.ds_id]
            case "run":
                run_ids = settings.run_id or ("",) * len(settings.suites)
                pairs = zip(settings.suites, run_ids, strict=True)
                return [
                    Work(key=name, name=name, phase=Phase.RUN, run_id=run_id if run_id != suite_run.TO_START else "")
                    for name, run_id in pairs
                ]
            case _:
                return suite_files.load(settings.files, settings.name, self._around.root)

    def _save(self, suite: str, link: str, content: bytes) -> str:
        """Keep a results file that Kore.ai links to; return the name it got. Raises ReportError."""
        name = write.name(suite, link, self._downloads)
        self._downloads.add(name.casefold())
        self._writer.write(name, content)
        return name

    def _note_trouble(self, said: str) -> None:
        self._console.debug(said)
        if self._gate:
            self._gate.note_trouble(said)

    def _tell(self, event: Event) -> None:
        self._console.tell(event)
        if event.happening in (Happening.STARTED, Happening.IDENTIFIED):
            self._note_ids()

    def _tell_bug(self, exc: BaseException) -> None:
        for line in "".join(traceback.format_exception(exc)).splitlines():
            self._console.debug(line)

    def _note_ids(self) -> None:
        """Leave red reports and the ids that are known so far: another job can go on, should this one be killed."""
        tracks = self._gate.tracks if self._gate else []
        known = [bool(track.ds_id or track.run_id) for track in tracks]
        with contextlib.suppress(errors.ReportError):  # said at the end, when it matters
            for place, track in enumerate(tracks):
                if known[place] and place not in self._drafts:
                    self._draft(place, track)
            if not any(known) or (len(tracks) > _MOST_SINGLE_NOTES and not all(known)):
                return
            unfinished = self._result([track.result or _sketch(track) for track in tracks], verdict.UNFINISHED)
            told = outputs.outputs_of(
                unfinished, cases.total(unfinished), self._settings.report_dir, list(self._drafts.values())
            )
            told = {name: value for name, value in told.items() if value}
            if self._around.output_file:
                self._writer.append(self._around.output_file, outputs.github_file(told, _delimiter))
            if self._around.ci == "gitlab":
                self._writer.write("kore.env", outputs.dotenv(told).encode())
            if all(known):
                self._console.hand_on(told)
            self._writer.write(RESULT, result.render(unfinished, [*self._drafts.values(), RESULT]))

    def _draft(self, place: int, track: Track) -> None:
        """Write a suite's JUnit file as interrupted, until it has its verdict."""
        name = write.junit_name(track.name, self._draft_names)
        suite = _sketch(track)
        self._writer.write(name, junit.render(suite, self._result([suite], verdict.UNFINISHED)))
        self._drafts[place] = name

    def _result(self, results: Sequence[SuiteResult], judged: Verdict) -> Result:
        settings = self._settings
        return Result(
            version=__version__,
            command=settings.command,
            host=settings.host,
            stream_id=settings.stream_id,
            verdict=judged,
            suites=tuple(results),
            started=self._started.strftime("%Y-%m-%dT%H:%M:%SZ"),
            duration=round(self._clock.monotonic() - self._began, 3),
            machine=self._around.machine,
            ci=self._around.ci,
            junit_granularity=settings.junit_granularity,
            junit_dialect=settings.junit_dialect,
        )

    def _finish(self, results: Sequence[SuiteResult]) -> Result:
        """Write all reports and the CI's own files; a report that fails makes the verdict graver."""
        judged = verdict.overall(results)
        if self._signum:
            # Also where every suite had come to its verdict, and only a results file was cut off.
            judged = verdict.cut_short(self._signum, judged)
        made = self._result(results, judged)
        for _ in range(2):
            try:
                return self._write_while_there_is_time(made)
            except Interrupted:
                made = dataclasses.replace(made, verdict=verdict.cut_short(self._signum, made.verdict))
            except Cut:
                break
        self._is_writing = False
        return self._write_short(made)

    def _write_while_there_is_time(self, made: Result) -> Result:
        try:
            self._is_writing = True
            return self._write(made)
        finally:
            self._is_writing = False

    def _write(self, made: Result) -> Result:
        failures = write.write(made, self._writer, self._settings.report_dir, self._around.job_url)
        self._discard_drafts(write.junit_names(made))
        made = self._with_failures(made, failures)
        failures += self._hand_over(made)
        made = self._with_failures(made, failures)
        for failure in failures:
            self._console.problem(failure)
        return made

    def _write_short(self, made: Result) -> Result:
        """Write what takes no time: reports without steps, and a red JUnit file for each suite that has none yet."""
        names = write.junit_names(made)
        suites = [dataclasses.replace(suite, suite=None) for suite in made.suites]
        made = dataclasses.replace(made, suites=tuple(suites))
        with contextlib.suppress(errors.ReportError):
            for place, (name, suite) in enumerate(zip(names, suites, strict=True)):
                if name in self._writer.written and self._drafts.get(place, name) != name:
                    self._writer.discard(self._drafts[place])
                elif name not in self._writer.written and place not in self._drafts:
                    cut = dataclasses.replace(suite, verdict=verdict.UNFINISHED)
                    self._writer.write(name, junit.render(cut, made))
            self._writer.write("kore-summary.md", summary.render(made).encode())
            self._writer.write(RESULT, result.render(made, sorted({*self._writer.written, RESULT})))
            if made.ci == "gitlab":
                told = outputs.outputs_of(made, cases.total(made), self._settings.report_dir, names)
                self._writer.write("kore.env", outputs.dotenv(told).encode())
        self._hand_over(made)
        return made

    def _discard_drafts(self, names: Collection[str]) -> None:
        """Remove the drafts that no report has replaced: a suite may have got another name since."""
        for draft in self._drafts.values():
            if draft not in names:
                self._writer.discard(draft)
        self._drafts.clear()

    def _with_failures(self, made: Result, failures: Sequence[errors.ReportError]) -> Result:
        """Make the verdict graver where reports are missing; what can still be written is told of it."""
        before = made.verdict
        if not failures or gravest([before.exit_code, ExitCode.REPORT]) is not ExitCode.REPORT:
            return made
        if before.exit_code is not ExitCode.REPORT:
            made = dataclasses.replace(made, verdict=verdict.of_report(failures, before))
            write.write(made, self._writer, self._settings.report_dir, self._around.job_url)
        return made

    def _hand_out(self, made: Result) -> None:
        """Give machines on stdout what they asked for."""
        if self._settings.output == "json":
            self._console.machine(result.render(made, self._writer.written).decode())

    def _hand_over(self, made: Result) -> list[errors.ReportError]:
        """Give the CI system outputs and summary."""
        names = write.junit_names(made)
        told = outputs.outputs_of(made, cases.total(made), self._settings.report_dir, names)
        self._console.hand_on(told)
        summary_path = self._writer.directory / "kore-summary.md"
        if summary_path.is_file():
            self._console.upload_summary(str(summary_path.resolve()))
        if self._around.agent:
            passed = made.verdict.ending is Ending.PASSED
            problem = outputs.annotate(self._around.agent, summary.render(made, _SUMMARY_LIMIT), passed=passed)
            if problem:
                self._console.warn(problem)
        appended: list[tuple[str, Callable[[], str]]] = [
            (self._around.output_file, lambda: outputs.github_file(told, _delimiter)),
            (self._around.summary_file, lambda: summary.render(made, _SUMMARY_LIMIT)),
        ]
        failures = []
        for path, content in appended:
            try:
                if path:
                    self._writer.append(path, content())
            except errors.ReportError as error:
                failures.append(error)
        return failures

    @property
    def files(self) -> Mapping[str, str]:
        """Return the reports that were written, by name, with their paths."""
        return {name: (self._writer.directory / name).as_posix() for name in self._writer.written}


def settings_result(error: errors.SettingsError) -> SuiteResult:
    """Make the settings' problems a result, so that reports tell of them as well."""
    return _own_result(verdict.of_error(error, Phase.SETTINGS))


def _own_result(judged: Verdict) -> SuiteResult:
    return SuiteResult(key="settings", name="settings", phase=Phase.SETTINGS, verdict=judged)


def _delimiter() -> str:
    return secrets.token_hex(16)


def _sketch(track: Track) -> SuiteResult:
    return track.sketch(verdict.UNFINISHED)
