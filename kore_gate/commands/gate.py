"""The commands that talk to Kore.ai (wait, import, run, test): from settings to reports and exit code."""

import asyncio
import contextlib
import dataclasses
import secrets
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kore_gate import __version__, errors, text
from kore_gate.ci import outputs
from kore_gate.ci.dialects import Context
from kore_gate.clock import Clock
from kore_gate.commands import policies
from kore_gate.errors import ExitCode
from kore_gate.gate import lint, policy, suite_files, suite_run, verdict
from kore_gate.gate.runner import Runner
from kore_gate.gate.suite_run import SuiteRun
from kore_gate.kore import transport
from kore_gate.kore.auth import Signer
from kore_gate.kore.client import KoreClient
from kore_gate.model import Event, Happening, PassIf, Phase, Result, SuiteResult, Verdict, replace
from kore_gate.reports import cases, junit, result, summary, write
from kore_gate.reports.console import Console
from kore_gate.reports.write import PAGE, RESULT, SUMMARY, Writer
from kore_gate.settings.sources import Settings

if TYPE_CHECKING:
    import httpx

    from kore_gate.reports.history import Trend

# Ids are written the moment they are known; with very many suites only once all are.
_MOST_SINGLE_NOTES = 20


class Stopped(BaseException):
    """A signal came while reports were written, or the time to write them is over."""


@dataclasses.dataclass
class Call:
    """One remote command, which leaves its reports however it ends."""

    settings: Settings
    context: Context
    console: Console
    clock: Clock
    transport: "httpx.AsyncBaseTransport | None" = None

    def __post_init__(self) -> None:
        """Start the call's time."""
        self._began = self.clock.monotonic()
        self._started = self.clock.now()
        self._writer = Writer(self.settings.report_dir)
        deadline = self._began + self.settings.timeout
        self._runner = Runner(self.settings, self.clock, deadline, self._on_event, self._save_file)
        self._runs: list[SuiteRun] = []
        self._policies = policy.Policies()
        self._next_drafts = 0.0  # monotonic
        self._coming_drafts: asyncio.TimerHandle | None = None
        self._drafts: dict[str, str] = {}  # the JUnit file of each suite that has no verdict yet, by its key
        self._trends: Sequence[Trend] = ()
        self._signum = 0
        self._is_writing = False
        self._is_late = False

    def interrupt(self, signum: int) -> None:
        """Stop at once; the reports of what is known are still written."""
        self._signum = signum
        self._runner.interrupt(signum)

    def note_signal(self, signum: int) -> None:
        """Note in a signal's handler that it came. Raises Stopped into the writing of reports, to begin again."""
        is_first, self._signum = not self._signum, signum
        if self._is_writing and is_first:
            raise Stopped

    def cut(self) -> None:
        """End the writing of reports from a signal's handler: time is up. Raises Stopped into it."""
        if self._is_writing:
            self._is_late = True
            raise Stopped

    async def run(self) -> Result:
        """Take all suites to their results and write every report. Raises ReportError before the first request."""
        refusal: Exception | None = None
        try:  # first, for an earlier result that is the baseline may be removed next
            self._policies = policies.load(self.settings)
        except Exception as exc:  # noqa: BLE001 reports say it
            refusal = exc
        self._writer.prepare(self.settings.command, self.settings.stream_id)
        if refusal:
            return self._finish([_result_without_suite(refusal)])
        try:
            self._runs = self._suites()
            self._read_history()
            signer = Signer(self.settings, self.clock)
            async with transport.connect(self.settings, self.context.ci, self.transport) as http:
                self._print_plan()
                runner = self._runner
                client = KoreClient(
                    http, self.settings, signer, self.clock, on_wait=runner.note_wait, on_call=runner.note_call
                )
                suites = await runner.run(self._runs, client)
        except errors.SettingsError as error:
            suites = [_result_without_suite(error)]
        except Exception as exc:  # noqa: BLE001 a bug outside the suites, too, must leave reports, with what is known
            self.console.debug(traceback.format_exc())
            suites = [*(run.result for run in self._runs if run.result), _result_without_suite(exc)]
        return self._finish(suites)

    def refuse(self, error: errors.SettingsError) -> None:
        """Leave the reports of a call whose settings can't be used."""
        self._writer.prepare(self.settings.command, self.settings.stream_id)
        self._print_json(self._finish([_result_without_suite(error)]))

    def conclude(self, call: Result) -> int:
        """Report how the call ended, softened where the caller asked for it; return the exit code."""
        self._print_json(call)
        code = self.console.soften(call.verdict, self.settings.soft_fail)
        paths = [(self._writer.directory / name).as_posix() for name in self._writer.written]
        self.console.result(call, paths, code)
        return int(code)

    def _suites(self) -> list[SuiteRun]:
        """Return the suites that the command takes through the chain."""
        settings = self.settings
        match settings.command:
            case "wait":
                return [SuiteRun(key=ds_id, name=ds_id, phase=Phase.IMPORT, ds_id=ds_id) for ds_id in settings.ds_id]
            case "run":
                run_ids = ["" if run_id == suite_run.TO_START else run_id for run_id in settings.run_id]
                pairs = zip(settings.suites, run_ids or [""] * len(settings.suites), strict=True)
                return [
                    SuiteRun(key=name, name=name, phase=Phase.RUN, run_id=first, later_ids=later)
                    for name, (first, *later) in ((name, run_id.split("+")) for name, run_id in pairs)
                ]
            case _:
                return suite_files.load(settings.files, settings.name, self.context.root)

    def _read_history(self) -> None:
        """Learn from earlier results how long the suites take; what cannot be read there is a warning."""
        if self.settings.history:
            from kore_gate.reports import history  # it takes a moment to load

            self._runner.expect = history.load(self.settings.history, self.console.warning)

    def _print_plan(self) -> None:
        """Print what is going to be done, where, and within which time."""
        settings, known = self.settings, sum(bool(run.ds_id or run.run_id) for run in self._runs)
        new = text.plural(len(self._runs) - known, "suite") if known < len(self._runs) else ""
        verbs = {"import": "upload and import", "test": "upload, import and run"}
        job = "import" if settings.command == "wait" else "more run" if new else "run"
        plan = [f"{verbs.get(settings.command, 'run')} {new}"] if new else []
        plan += [f"wait for {text.plural(known, job)}"] if known else []
        self.console.info(
            f"kore_gate {__version__} (CI: {self.context.ci}): {', '.join(plan)},"
            f" timeout {text.duration(settings.timeout)}\nHost {settings.host}, bot {settings.stream_id}"
        )

    def _on_event(self, event: Event) -> None:
        """Pass an event on to the console, and leave drafts of the reports once an id is known."""
        try:
            if event.happening is Happening.DEBUG:
                self.console.debug(event.text)
            else:
                self.console.event(event)
            if event.happening in (Happening.STARTED, Happening.IDENTIFIED):
                self._leave_drafts()
        except Exception:  # noqa: BLE001 a fault in the output must not end the work; reports remain
            self.console.debug(traceback.format_exc())

    def _leave_drafts(self) -> None:
        """Write drafts of the reports; with very many suites a tenth of the time is all that goes into them."""
        began = self.clock.monotonic()
        if began < self._next_drafts:
            if not self._coming_drafts:
                later = asyncio.get_running_loop().call_later
                self._coming_drafts = later(self._next_drafts - began, self._leave_coming_drafts)
            return
        self._write_drafts(self._result([run.draft() for run in self._runs], verdict.UNFINISHED))
        ended = self.clock.monotonic()
        self._next_drafts = ended + 9 * (ended - began)

    def _leave_coming_drafts(self) -> None:
        self._coming_drafts = None
        with contextlib.suppress(Exception):  # likewise
            self._leave_drafts()

    def _save_file(self, suite: str, link: str, content: bytes) -> str:
        """Keep a results file that Kore.ai links to; return the name it got. Raises ReportError."""
        name = write.name(suite, link, {written.casefold() for written in self._writer.written})
        self._writer.write(name, content)
        return name

    def _result(self, suites: Sequence[SuiteResult], judged: Verdict) -> Result:
        return Result(
            version=__version__,
            command=self.settings.command,
            host=self.settings.host,
            stream_id=self.settings.stream_id,
            verdict=judged,
            bot_language=self.settings.bot_language,
            bot_version=self.settings.bot_version if self.settings.command in ("run", "test") else "",
            suites=tuple(suites),
            started=self._started.strftime("%Y-%m-%dT%H:%M:%SZ"),
            duration=round(self.clock.monotonic() - self._began, 3),
            machine=self.context.machine,
            ci=self.context.ci,
            origin=self.context.origin,
            junit_granularity=self.settings.junit_granularity,
            junit_dialect=self.settings.junit_dialect,
            rerun_failed=self.settings.rerun_failed,
            pass_if=PassIf(self.settings.pass_if),
        )

    def _write_drafts(self, call: Result) -> None:
        """Leave red reports and the ids that are known so far: another job can resume, should this one be killed."""
        with contextlib.suppress(errors.ReportError):  # reported at the end, when it matters
            for name, suite in zip(write.junit_names(call), call.suites, strict=True):
                if (suite.ds_id or suite.run_id) and suite.key not in self._drafts:
                    self._write_unfinished(name, suite, call)
                    self._drafts[suite.key] = name
            names = list(self._drafts.values())
            all_known = len(names) == len(call.suites)
            if not names or (len(call.suites) > _MOST_SINGLE_NOTES and not all_known):
                return
            values = {name: value for name, value in self._outputs(call, names).items() if value}
            if self.context.output_file:
                self._writer.append(self.context.output_file, outputs.github_file(values, secrets.token_hex))
            if call.ci == "gitlab":
                self._writer.write("kore.env", outputs.dotenv(values).encode())
            if all_known:
                self.console.outputs(values)
            self._writer.write(RESULT, result.render(call, [*names, RESULT]))

    def _write_unfinished(self, name: str, suite: SuiteResult, call: Result) -> None:
        """Write the JUnit file that says of a suite only that it came to no verdict."""
        draft = replace(suite, verdict=verdict.UNFINISHED, suite=None)
        self._writer.write(name, junit.render(draft, replace(call, suites=(draft,))))

    def _finish(self, suites: Sequence[SuiteResult]) -> Result:
        """Write all reports, again where a signal comes meanwhile; once time is up, what takes no time."""
        if self._coming_drafts:
            self._coming_drafts.cancel()
        call = self._result(suites, verdict.overall(suites))
        try:
            if not self._signum:
                call = policy.apply(call, policies.judged(call), self._policies, self.clock.now().date())
        except Exception as exc:  # noqa: BLE001 nothing is forgiven by a bug
            self.console.debug(traceback.format_exc())
            suites = [*suites, _result_without_suite(exc)]
            call = self._result(suites, verdict.overall(suites))
        while not self._is_late:
            if self._signum:
                # Also where every suite had come to its verdict, and only a results file was cut off.
                call = replace(call, verdict=verdict.interrupted_call(self._signum, call.verdict))
            with contextlib.suppress(Stopped):
                return self._write_all(call)
        return self._write_short(call)

    def _write_all(self, call: Result) -> Result:
        """Write everything and pass it on to the CI system; a report that fails makes the verdict graver."""
        # Signals may come at any moment, also while an exception of theirs is handled: the flag is off by then.
        try:
            self._is_writing = True
            if not self._signum:  # then there is no time for more than the results
                call = self._linted(call)
            self._trends = () if self._signum else self._find_trends(call)
            failures: list[errors.ReportError] = []
            for deliver in (self._write_reports, self._hand_over):
                failures += deliver(call)
                if failures and call.verdict.exit_code.gravity < ExitCode.REPORT.gravity:
                    call = replace(call, verdict=verdict.missing_reports(failures, call.verdict))
                    self._write_reports(call)
            self._discard_drafts(call)
            for failure in failures:
                self.console.error(failure)
            return call
        finally:
            self._is_writing = False

    def _linted(self, call: Result) -> Result:
        """Add what the lint finds; whatever happens to it, reports are written."""
        settings = self.settings
        try:
            suites = lint.annotated(call.suites, settings.lint_ignore, settings.min_assertions)
        except Exception:  # noqa: BLE001 no bug of it may cost the results
            self.console.debug(traceback.format_exc())
            return call
        return replace(call, suites=tuple(suites))

    def _find_trends(self, call: Result) -> "Sequence[Trend]":
        """Compare with earlier results, one file at a time; whatever happens to it, reports are written."""
        if not self.settings.history:
            return ()
        try:
            from kore_gate.reports import history

            return history.trends(call, history.read(self.settings.history, []))
        except Exception:  # noqa: BLE001 likewise
            self.console.debug(traceback.format_exc())
            return ()

    def _write_short(self, call: Result) -> Result:
        """Write what takes no time: reports without steps, and a red JUnit file for each suite that has none yet."""
        names = write.junit_names(call)
        call = replace(call, suites=tuple(map(_without_steps, call.suites)))
        with contextlib.suppress(errors.ReportError):
            for name, suite in zip(names, call.suites, strict=True):
                if name not in self._writer.written:
                    self._write_unfinished(name, suite, call)
            self._discard_drafts(call)
            self._writer.write(SUMMARY, summary.render(call, has_page=PAGE in self._writer.written).encode())
            self._writer.write(RESULT, result.render(call, sorted({*self._writer.written, RESULT})))
            if call.ci == "gitlab":
                self._writer.write("kore.env", outputs.dotenv(self._outputs(call, names)).encode())
        self._hand_over(call)
        return call

    def _write_reports(self, call: Result) -> list[errors.ReportError]:
        return write.write(call, self._writer, call.origin.job_url, self._trends)

    def _discard_drafts(self, call: Result) -> None:
        """Remove the drafts of suites that have got another name since."""
        for name in set(self._drafts.values()) - set(write.junit_names(call)):
            self._writer.discard(name)

    def _hand_over(self, call: Result) -> list[errors.ReportError]:
        return write.hand_over(call, self._writer, self.context, self.console)

    def _outputs(self, call: Result, junit_names: Sequence[str]) -> dict[str, str]:
        return outputs.outputs_of(call, cases.total(call), self._writer.directory, junit_names)

    def _print_json(self, call: Result) -> None:
        """Give machines on stdout the result, if they asked for it."""
        if self.settings.output == "json":
            self.console.json(result.render(call, self._writer.written).decode())


def _without_steps(suite: SuiteResult) -> SuiteResult:
    attempts = tuple(replace(attempt, failures=()) for attempt in suite.attempts)
    return replace(suite, suite=None, attempts=attempts)


def _result_without_suite(error: Exception) -> SuiteResult:
    """Make a problem of the whole call a result, so that reports show it as well."""
    judged = verdict.from_error(error, Phase.SETTINGS)
    return SuiteResult(key="settings", name="settings", phase=Phase.SETTINGS, verdict=judged)
