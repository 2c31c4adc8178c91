"""Reports of every kind a reader may meet, with the counts that each should find in them."""

import dataclasses
import itertools
from pathlib import Path

from kore_gate.errors import Ending
from kore_gate.gate.lint import RULES
from kore_gate.model import Attempt, Evidence, LintFinding, Outcome, Phase, Reply, Result, Step, SuiteResult, replace
from kore_gate.reports import junit, lint
from tests import builders
from tests.fakes.screens import START

HOSTILE = (
    "\x1b[31mred\x1b[0m \x00\x08\ud83d\ufffe ]]> <![CDATA[ <!-- &#x1b; &amp; </testcase><testcase name='x'/>"
    " \"quoted\" 'single' [[ATTACHMENT|/etc/passwd]] \r\n\t é 漢 🙂 \u2028\u202e ::error::x ##vso[task.complete]"
)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Numbers:
    """How many test cases a reader should find, and how they ended."""

    tests: int
    failures: int = 0
    errors: int = 0
    skipped: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One report: a suite's result in a dialect and a granularity."""

    result: SuiteResult
    dialect: str
    granularity: str
    numbers: Numbers

    def write(self, folder: Path, name: str) -> Path:
        """Write the report as the gate does, and say where."""
        call: Result = builders.make_call(self.result, junit_dialect=self.dialect, junit_granularity=self.granularity)
        data = junit.render(self.result, call)
        junit.verify(data, self.result, call)
        path = folder / f"TEST-kore-{name}.xml"
        path.write_bytes(data)
        return path


class LintSample(Sample):
    """The report of the lint on a suite file of the result."""

    def write(self, folder: Path, name: str) -> Path:
        """Write the report as the gate does, and say where."""
        checked = list(lint.checked_cases([self.result], strict=False))
        path = folder / f"TEST-kore-{name}.xml"
        path.write_bytes(junit.render_lint(checked, START, rich=self.dialect == "rich"))
        return path


def _reply(text: str, *outcomes: Outcome, enabled: bool = True) -> Reply:
    assertions = tuple(
        builders.make_assertion(
            outcome=outcome, enabled=enabled, actual=text, reason=text, checks=(builders.make_check(value=text),)
        )
        for outcome in outcomes
    )
    return builders.make_reply(text=text, actual=text, assertions=assertions)


def _steps(text: str) -> tuple[Step, ...]:
    """Make five steps: passed; failed in one assertion of three; not judged; not reached; without an assertion."""
    return (
        builders.make_step(
            input=text, source=builders.make_source(), duration=1.2, replies=(_reply("Hi", Outcome.PASSED),)
        ),
        builders.make_step(
            number=2,
            input=text,
            outcome=Outcome.FAILED,
            duration=3.1,
            source=builders.make_source(line=9),
            replies=(_reply(text, Outcome.PASSED, Outcome.FAILED), _reply(text, Outcome.PASSED, enabled=False)),
        ),
        builders.make_step(number=3, input=text, outcome=Outcome.ERROR, reason=text, replies=()),
        builders.make_step(
            number=4, input=text, outcome=Outcome.SKIPPED, reason=text, replies=(_reply(text, Outcome.PENDING),)
        ),
        builders.make_step(number=5, input=text, replies=()),
    )


def _result(ending: Ending, steps: tuple[Step, ...] | None, name: str = "Banking regression") -> SuiteResult:
    return builders.make_result(
        ending,
        name=name,
        phase=Phase.RUN,
        evidence=Evidence.EXECUTION if steps else Evidence.NONE,
        suite=builders.make_suite(steps=steps) if steps else None,
        notes=("A note.",),
        resume="kore-gate wait --ds-id ds-1",
    )


def _red(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    return tuple(replace(step, outcome=Outcome.FAILED, replies=(_reply("Hi", Outcome.FAILED),)) for step in steps)


def _run_again(result: SuiteResult, failures: tuple[Step, ...]) -> SuiteResult:
    """Have a suite be run three times, of which the result shows the last."""
    attempts = tuple(
        Attempt(
            run_id=run_id, started="", duration=1.0, verdict=builders.make_verdict(Ending.FAILED), failures=failures
        )
        for run_id in ("ctr-1", "ctr-2")
    )
    last = Attempt(run_id="ctr-3", started="", duration=1.0, verdict=result.verdict)
    return replace(result, run_id="ctr-3", attempts=(*attempts, last))


_RESULTS = {
    "passing": (_result(Ending.PASSED, _steps("Hello")[:1]), Numbers(tests=1), Numbers(tests=1)),
    "failing": (
        _result(Ending.FAILED, _steps("Send 5")),
        Numbers(tests=7, failures=1, errors=1, skipped=3),
        Numbers(tests=5, failures=1, errors=1, skipped=2),
    ),
    "flaky": (
        _run_again(_result(Ending.PASSED, _steps("Hello")[:1]), _red(_steps("Hello")[:1])),
        Numbers(tests=1),
        Numbers(tests=1),
    ),
    "run-again": (
        _run_again(_result(Ending.FAILED, _steps("Send 5")), _steps("Send 5")[1:3]),
        Numbers(tests=7, failures=1, errors=1, skipped=3),
        Numbers(tests=5, failures=1, errors=1, skipped=2),
    ),
    "timed-out": (_result(Ending.TIMED_OUT, None), Numbers(tests=1, errors=1), Numbers(tests=1, errors=1)),
    "interrupted": (
        _result(Ending.INTERRUPTED, _steps("Hello")[3:]),
        Numbers(tests=3, errors=1, skipped=2),
        Numbers(tests=3, errors=1, skipped=2),
    ),
    "hostile": (
        _result(Ending.UNAVAILABLE, _steps(HOSTILE), HOSTILE),
        Numbers(tests=8, failures=1, errors=2, skipped=3),
        Numbers(tests=6, failures=1, errors=2, skipped=2),
    ),
}

SAMPLES = {
    f"{name}-{dialect}-{granularity}": Sample(
        result=result,
        dialect=dialect,
        granularity=granularity,
        numbers=by_assertion if granularity == "assertion" else by_step,
    )
    for (name, (result, by_assertion, by_step)), dialect, granularity in itertools.product(
        _RESULTS.items(), ("rich", "strict"), ("assertion", "step")
    )
}
SAMPLES |= {
    f"lint-{dialect}-rule": LintSample(
        result=builders.make_result(
            name=HOSTILE,
            file=HOSTILE,
            lint=(
                LintFinding(rule="empty-text", severity="error", message=HOSTILE, step=1, line=3),
                LintFinding(rule="dynamic-text", severity="warning", message=HOSTILE, step=2, line=9),
            ),
        ),
        dialect=dialect,
        granularity="rule",
        numbers=Numbers(tests=len(RULES), failures=1, skipped=1),
    )
    for dialect in ("rich", "strict")
}
