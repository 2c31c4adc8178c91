"""Judges an answer as the gate does: a job that has not ended has timed out."""

from collections.abc import Mapping

from kore_gate.gate import verdict
from kore_gate.kore import payloads
from kore_gate.model import Job, Phase, State, Suite, Verdict
from tests.builders import make_result

PENDING = (State.RUNNING, State.UNKNOWN)


def judge_import(body: Mapping[str, object], *, allow_empty: bool = False) -> tuple[Verdict, Suite | None]:
    """Judge the answer about an import."""
    job = payloads.import_job(body)
    if job.state in PENDING:
        return _timed_out(Phase.IMPORT, job), job.suite
    return verdict.judge_import(job, allow_empty=allow_empty)


def judge_run(
    body: Mapping[str, object], known: Suite | None = None, *, allow_empty: bool = False
) -> tuple[Verdict, Suite | None]:
    """Judge the answer about a run of a suite that may be known."""
    job = payloads.run_job(body)
    if job.state in PENDING:
        return _timed_out(Phase.RUN, job), known
    return verdict.judge_run(job, known, allow_empty=allow_empty)


def _timed_out(phase: Phase, job: Job) -> Verdict:
    draft = make_result(phase=phase, duration=1800.0, resume="kore-gate wait --ds-id ds-1")
    return verdict.timed_out(draft, job, "", timeout=1800.0)
