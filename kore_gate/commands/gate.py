"""The commands that talk to Kore.ai (wait, import, run, test): from settings to reports and exit code."""

import contextlib
import dataclasses
import secrets
import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from kore_gate import __version__, errors
from kore_gate.ci import outputs
from kore_gate.ci.dialects import Surroundings
from kore_gate.clock import Clock
from kore_gate.errors import Ending, ExitCode, gravest
from kore_gate.gate import suite_files, suite_run, verdict
from kore_gate.gate.runner import Runner
from kore_gate.gate.suite_run import SuiteRun
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

# Ids are written the moment they are known; with very many suites only once all are.
_MOST_SINGLE_NOTES = 20


class Interrupted(BaseException):
    """A signal came while reports were written."""


class Cut(BaseException):
    """The time to write reports is over."""


class Call:
    """One remote command, which leaves its reports however it ends."""

    def __init__(
        self,
        settings: Settings,
        surroundings: Surroundings,
        console: Console,
        clock: Clock,
        transport: "httpx.AsyncBaseTransport | None" = None,
    ) -> None:
        self._settings = settings
        self._surroundings = surroundings
        self._console = console
        self._clock = clock
        self._transport = transport
        self._began = clock.monotonic()
        self._started = clock.now()
        self._reports = Reports(settings, surroundings, console)
        self._runner = Runner(
            settings,
            clock,
            deadline=self._began + settings.timeout,
            on_event=self._on_event,
            save_file=self._reports.save_file,
        )
        self._known: dict[str, SuiteResult] = {}  # of each suite, by its key
        self._signum = 0
        self._is_writing = False

    def interrupt(self, signum: int) -> None:
        """Stop at once; the reports of what is known are still written."""
        self._signum = signum
        self._runner.interrupt(signum)

    def note_signal(self, signum: int) -> None:
        """Note in a signal's handler that it came. Raises Interrupted into the writing of reports."""
        is_first, self._signum = not self._signum, signum
        if self._is_writing and is_first:
            raise Interrupted

    def cut(self) -> None:
        """End the writing of reports from a signal's handler: time is up. Raises Cut into it."""
        if self._is_writing:
            raise Cut

    async def run(self) -> Result:
        """Take all suites to their results and write every report. Raises ReportError before the first request."""
        self._reports.prepare()
        try:
            results = await self._run_suites(self._suites())
        except errors.SettingsError as error:
            results = [_result_without_suite(verdict.from_error(error, Phase.SETTINGS))]
        except Exception as exc:  # noqa: BLE001 a bug outside the suites, too, must leave reports, with what is known
            self._debug("".join(traceback.format_exception(exc)))
            ended = [suite for suite in self._known.values() if suite.verdict is not verdict.UNFINISHED]
            results = [*ended, _result_without_suite(verdict.from_bug(exc, Phase.SETTINGS))]
        return self._finish(results)

    def refuse(self, error: errors.SettingsError) -> None:
        """Leave the reports of a call whose settings can't be used."""
        self._reports.prepare()
        self._reports.print_json(self._finish([_result_without_suite(verdict.from_error(error, Phase.SETTINGS))]))

    def conclude(self, call: Result) -> int:
        """Report how the call ended, softened where the caller asked for it; return the exit code."""
        code = call.verdict.exit_code
        self._reports.print_json(call)
        softened = code in self._settings.soft_fail
        if softened:
            self._console.warn(f"soft-fail: exit code {code.value} ({call.verdict.ending}) is turned into 0.")
        self._console.verdict(call, self._reports.paths, ExitCode.PASSED if softened else None)
        return 0 if softened else int(code)

    def _suites(self) -> list[SuiteRun]:
        """Return the suites that the command takes through the chain."""
        settings = self._settings
        match settings.command:
            case "wait":
                return [SuiteRun(key=ds_id, name=ds_id, phase=Phase.IMPORT, ds_id=ds_id) for ds_id in settings.ds_id]
            case "run":
                run_ids = ["" if run_id == suite_run.TO_START else run_id for run_id in settings.run_id]
                pairs = zip(settings.suites, run_ids or [""] * len(settings.suites), strict=True)
                return [SuiteRun(key=name, name=name, phase=Phase.RUN, run_id=run_id) for name, run_id in pairs]
            case _:
                return suite_files.load(settings.files, settings.name, self._surroundings.root)

    async def _run_suites(self, runs: Sequence[SuiteRun]) -> list[SuiteResult]:
        settings, clock = self._settings, self._clock
        signer = Signer(settings, clock)
        async with transport.connect(settings, self._surroundings.ci, self._transport) as http:
            client = KoreClient(http, settings, signer, clock, on_trouble=self._runner.note_trouble)
            return await self._runner.run(runs, client)

    def _on_event(self, event: Event) -> None:
        """Pass an event on to the console, and leave drafts of the reports once an id is known."""
        if event.result:
            self._known[event.result.key] = event.result
        try:
            if event.happening is Happening.DEBUG:
                self._debug(event.text)
            elif event.happening is not Happening.QUEUED:
                self._console.tell(event)
            if event.happening in (Happening.STARTED, Happening.IDENTIFIED):
                self._reports.write_drafts(self._result(list(self._known.values()), verdict.UNFINISHED))
        except Exception as exc:  # noqa: BLE001 a fault in the output must not end the work; reports remain
            self._debug("".join(traceback.format_exception(exc)))

    def _debug(self, lines: str) -> None:
        for line in lines.splitlines():
            self._console.debug(line)

    def _finish(self, suites: Sequence[SuiteResult]) -> Result:
        """Write all reports and the CI's own files, as far as there is time after a signal."""
        judged = verdict.overall(suites)
        if self._signum:
            # Also where every suite had come to its verdict, and only a results file was cut off.
            judged = verdict.interrupted_call(self._signum, judged)
        call = self._result(suites, judged)
        for _ in range(2):
            try:
                return self._write_all(call)
            except Interrupted:
                judged = verdict.interrupted_call(self._signum, call.verdict)
                call = dataclasses.replace(call, verdict=judged)
            except Cut:
                break
        return self._reports.write_short(call)

    def _write_all(self, call: Result) -> Result:
        # Signals may come at any moment, also while an exception of theirs is handled: the flag is off by then.
        try:
            self._is_writing = True
            return self._reports.write_all(call)
        finally:
            self._is_writing = False

    def _result(self, suites: Sequence[SuiteResult], judged: Verdict) -> Result:
        settings = self._settings
        return Result(
            version=__version__,
            command=settings.command,
            host=settings.host,
            stream_id=settings.stream_id,
            verdict=judged,
            suites=tuple(suites),
            started=self._started.strftime("%Y-%m-%dT%H:%M:%SZ"),
            duration=round(self._clock.monotonic() - self._began, 3),
            machine=self._surroundings.machine,
            ci=self._surroundings.ci,
            junit_granularity=settings.junit_granularity,
            junit_dialect=settings.junit_dialect,
        )


def _result_without_suite(judged: Verdict) -> SuiteResult:
    """Make a problem of the whole call a result, so that reports show it as well."""
    return SuiteResult(key="settings", name="settings", phase=Phase.SETTINGS, verdict=judged)


class Reports:
    """The files of one call, and what its CI system gets: drafts on the way, all in the end, less without time."""

    def __init__(self, settings: Settings, surroundings: Surroundings, console: Console) -> None:
        self._settings = settings
        self._surroundings = surroundings
        self._console = console
        self._writer = Writer(settings.report_dir)
        self._drafts: dict[str, str] = {}  # the JUnit file of each suite that has no verdict yet, by its key
        self._draft_names: set[str] = set()
        self._downloads: set[str] = set()

    @property
    def paths(self) -> list[str]:
        """Return where each report was written."""
        return [(self._writer.directory / name).as_posix() for name in self._writer.written]

    def prepare(self) -> None:
        """Make the directory ready for this call. Raises ReportError."""
        self._writer.prepare(self._settings.command, self._settings.stream_id)

    def save_file(self, suite: str, link: str, content: bytes) -> str:
        """Keep a results file that Kore.ai links to; return the name it got. Raises ReportError."""
        name = write.name(suite, link, self._downloads)
        self._downloads.add(name.casefold())
        self._writer.write(name, content)
        return name

    def write_drafts(self, call: Result) -> None:
        """Leave red reports and the ids that are known so far: another job can resume, should this one be killed."""
        with contextlib.suppress(errors.ReportError):  # reported at the end, when it matters
            known = [suite for suite in call.suites if suite.ds_id or suite.run_id]
            for suite in known:
                if suite.key not in self._drafts:
                    name = write.junit_name(suite.name, self._draft_names)
                    draft = dataclasses.replace(suite, verdict=verdict.UNFINISHED, suite=None)
                    self._writer.write(name, junit.render(draft, dataclasses.replace(call, suites=(draft,))))
                    self._drafts[suite.key] = name
            all_known = len(known) == len(call.suites)
            if not known or (len(call.suites) > _MOST_SINGLE_NOTES and not all_known):
                return
            names = list(self._drafts.values())
            values = {name: value for name, value in self._outputs(call, names).items() if value}
            if self._surroundings.output_file:
                self._writer.append(self._surroundings.output_file, outputs.github_file(values, _delimiter))
            if self._surroundings.ci == "gitlab":
                self._writer.write("kore.env", outputs.dotenv(values).encode())
            if all_known:
                self._console.hand_on(values)
            self._writer.write(RESULT, result.render(call, [*names, RESULT]))

    def write_all(self, call: Result) -> Result:
        """Write everything; a report that fails makes the verdict graver."""
        failures = self._write(call)
        for draft in set(self._drafts.values()) - set(write.junit_names(call)):
            self._writer.discard(draft)  # the suite has got another name since
        self._drafts.clear()
        call = self._with_failures(call, failures)
        failures += self._hand_over(call)
        call = self._with_failures(call, failures)
        for failure in failures:
            self._console.problem(failure)
        return call

    def write_short(self, call: Result) -> Result:
        """Write what takes no time: reports without steps, and a red JUnit file for each suite that has none yet."""
        names = write.junit_names(call)
        call = dataclasses.replace(call, suites=tuple(dataclasses.replace(suite, suite=None) for suite in call.suites))
        with contextlib.suppress(errors.ReportError):
            for name, suite in zip(names, call.suites, strict=True):
                draft = self._drafts.get(suite.key)
                if name not in self._writer.written and not draft:
                    unfinished = dataclasses.replace(suite, verdict=verdict.UNFINISHED)
                    self._writer.write(name, junit.render(unfinished, call))
                elif name in self._writer.written and draft and draft != name:
                    self._writer.discard(draft)
            self._writer.write("kore-summary.md", summary.render(call).encode())
            self._writer.write(RESULT, result.render(call, sorted({*self._writer.written, RESULT})))
            if call.ci == "gitlab":
                self._writer.write("kore.env", outputs.dotenv(self._outputs(call, names)).encode())
        self._hand_over(call)
        return call

    def print_json(self, call: Result) -> None:
        """Give machines on stdout the result, if they asked for it."""
        if self._settings.output == "json":
            self._console.machine(result.render(call, self._writer.written).decode())

    def _write(self, call: Result) -> list[errors.ReportError]:
        return write.write(call, self._writer, self._settings.report_dir, self._surroundings.job_url)

    def _with_failures(self, call: Result, failures: Sequence[errors.ReportError]) -> Result:
        """Make the verdict graver where reports are missing, and write it into those that can still be written."""
        code = call.verdict.exit_code
        if not failures or gravest([code, ExitCode.REPORT]) is code:
            return call
        call = dataclasses.replace(call, verdict=verdict.missing_reports(failures, call.verdict))
        self._write(call)
        return call

    def _hand_over(self, call: Result) -> list[errors.ReportError]:
        """Give the CI system outputs and summary; return what failed."""
        surroundings = self._surroundings
        values = self._outputs(call, write.junit_names(call))
        self._console.hand_on(values)
        summary_path = self._writer.directory / "kore-summary.md"
        if summary_path.is_file():
            self._console.upload_summary(str(summary_path.resolve()))
        if surroundings.agent:
            passed = call.verdict.ending is Ending.PASSED
            problem = outputs.annotate(surroundings.agent, summary.render(call, _SUMMARY_LIMIT), passed=passed)
            if problem:
                self._console.warn(problem)
        appended: tuple[tuple[str, Callable[[], str]], ...] = (
            (surroundings.output_file, lambda: outputs.github_file(values, _delimiter)),
            (surroundings.summary_file, lambda: summary.render(call, _SUMMARY_LIMIT)),
        )
        failures = []
        for path, render in appended:
            try:
                if path:
                    self._writer.append(path, render())
            except errors.ReportError as error:
                failures.append(error)
        return failures

    def _outputs(self, call: Result, junit_names: Sequence[str]) -> dict[str, str]:
        return outputs.outputs_of(call, cases.total(call), self._settings.report_dir, junit_names)


def _delimiter() -> str:
    return secrets.token_hex(16)
