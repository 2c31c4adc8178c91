"""Whole calls as a reader of the reports meets them: passing, failing, timed out, hostile, and very long."""

import datetime
import itertools
import json

from kore_gate.errors import Ending
from kore_gate.model import (
    Assertion,
    Check,
    Evidence,
    Origin,
    Outcome,
    Phase,
    Reply,
    Result,
    Step,
    SuiteResult,
    replace,
)
from kore_gate.reports import history
from kore_gate.reports.history import Trend
from tests import builders

BEGIN = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)

QUICK_REPLIES = json.dumps(
    {
        "type": "template",
        "payload": {
            "template_type": "quick_replies",
            "text": "Please choose a language:",
            "quick_replies": [
                {"content_type": "text", "title": "English", "payload": "English"},
                {"content_type": "text", "title": "Deutsch", "payload": "Deutsch"},
            ],
        },
    }
)

ACCOUNTS = json.dumps(
    {
        "type": "template",
        "payload": {
            "template_type": "list",
            "elements": [
                {"title": "Checking", "subtitle": "EUR 1,204.50", "buttons": [{"title": "Details"}]},
                {"title": "Savings", "subtitle": "EUR 18,000.00"},
            ],
            "buttons": [{"title": "Show more"}],
        },
    }
)

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)> \"quoted\" 'single' </style></title></details>--> {{ 7*7 }}"
    " \x1b[31mred\x1b[0m \u202eturned ::error::x ##vso[x] [link](http://evil.example) ![i](http://evil.example/i.png)"
    " <http://evil.example> https://evil.example www.evil.example `code` &amp; | # * _ ~ \ud800\x00"
)


def text(value: str, outcome: Outcome = Outcome.PASSED, actual: str | None = None) -> Assertion:
    """Build an assertion that a reply reads so."""
    checks = (builders.make_check(value=value),)
    return builders.make_assertion(checks=checks, outcome=outcome, actual=actual)


def flow(node: str, outcome: Outcome = Outcome.PASSED, actual: str | None = None, *, enabled: bool = True) -> Assertion:
    """Build an assertion that a node answers."""
    checks = (Check(field="nodeId", value=node),)
    return Assertion(group="flow", enabled=enabled, checks=checks, outcome=outcome, actual=actual)


def context(*checks: Check, outcome: Outcome = Outcome.PASSED, actual: str | None = None) -> Assertion:
    """Build an assertion on context variables."""
    return Assertion(group="context", enabled=True, checks=checks, outcome=outcome, actual=actual)


def step(number: int, said: str, *replies: Reply, outcome: Outcome = Outcome.PASSED, duration: float = 0.8) -> Step:
    """Build a step with its replies."""
    return builders.make_step(number=number, input=said, replies=replies, outcome=outcome, duration=duration)


def reply(value: str, node: str, *assertions: Assertion, actual: str | None = None) -> Reply:
    """Build a reply that came as expected, or with another text."""
    return Reply(text=value, actual=value if actual is None else actual, node=node, assertions=assertions)


def passing_steps() -> tuple[Step, ...]:
    """Build a short conversation that went well."""
    welcome, ask = "Welcome to Example Bank.", "Which account do you mean?"
    start = step(1, "Start_Flow", reply(welcome, "Welcome", text(welcome), flow("Welcome")))
    return (
        replace(start, event="Start_Flow"),
        step(2, "What's my balance?", reply(ask, "Ask", text(ask)), reply(ACCOUNTS, "List", text(ACCOUNTS))),
        step(3, "Sprechen Sie Deutsch?", reply(QUICK_REPLIES, "Language", text(QUICK_REPLIES))),
        step(4, "thanks", reply("You're welcome.", "Bye", flow("Bye", enabled=False))),
    )


def failing_steps() -> tuple[Step, ...]:
    """Build a conversation that went wrong in each way there is, and stopped."""
    expected = "Your account holds EUR 1,204.50. Anything else?"
    actual = "Your account holds EUR 1,240.50, as of today. Anything else?"
    changed = QUICK_REPLIES.replace("Deutsch", "Français")
    variables = (
        Check(field="account", value="checking", outcome=Outcome.PASSED),
        Check(field="balance", value="1204.50", outcome=Outcome.FAILED),
    )
    balance = reply(
        expected,
        "ShowBalance",
        text(expected, Outcome.FAILED, actual),
        flow("ShowBalance", Outcome.FAILED, "Fallback"),
        context(*variables, outcome=Outcome.FAILED, actual='{"balance": "1240.50"}'),
        actual=actual,
    )
    lost = reply("Done.", "Done", replace(text("Done.", Outcome.ERROR), reason="Kore.ai gave no status"))
    unreached = Reply(text="Bye!", assertions=(text("Bye!", Outcome.PENDING),))
    return (
        *passing_steps()[:2],
        replace(step(3, "checking", balance, outcome=Outcome.FAILED), source=builders.make_source(line=58)),
        replace(
            step(
                4,
                "Deutsch?",
                reply(QUICK_REPLIES, "Language", text(QUICK_REPLIES, Outcome.FAILED), actual=changed),
                outcome=Outcome.FAILED,
            ),
            unexpected=("Have you tried our app?",),
        ),
        step(5, "block my card", lost, outcome=Outcome.ERROR),
        replace(step(6, "bye", unreached, outcome=Outcome.PENDING), duration=None, reason="not reached: step 5 failed"),
    )


def run(ending: Ending = Ending.PASSED, **overrides: object) -> SuiteResult:
    """Build the result of one executed suite."""
    executed = {"phase": Phase.RUN, "evidence": Evidence.EXECUTION, "run_id": "ctr-8f3a"}
    return builders.make_result(ending, **{**executed, **overrides})


def passing() -> Result:
    """Build the call of one suite that passed."""
    suite = builders.make_suite(steps=passing_steps(), description="Everyday questions.", tags=("smoke", "banking"))
    link = "https://platform.kore.ai/files/results.json?a=1&b=2"
    return builders.make_call(
        run(suite=suite, download_url=link, verdict=builders.make_verdict(message="5 of 5 assertions passed.")),
        command="run",
    )


def imported() -> Result:
    """Build the call of a `wait` whose suite was accepted, not executed."""
    steps = tuple(
        replace(one, replies=tuple(replace(said, actual=None) for said in one.replies)) for one in passing_steps()
    )
    return builders.make_call(builders.make_result(suite=builders.make_suite(steps=steps)))


def failing() -> Result:
    """Build the call of three suites: one failed, one passed, one was not imported."""
    verdict = builders.make_verdict(
        Ending.FAILED,
        message="5 of 9 assertions failed in 3 of 6 steps.",
        cause="The bot changed: a dialog, a prompt or the data behind it.",
        hint="Compare expected and actual in `kore-report.html`, then mend the bot or record the suite again.",
    )
    refused = builders.make_verdict(
        Ending.JOB_FAILED,
        details=("Row 3: the intent `Block card` doesn't exist in this bot.",),
        hint="Record the suite again.",
    )
    suites = (
        run(
            Ending.FAILED,
            suite=builders.make_suite(steps=failing_steps()),
            verdict=verdict,
            notes=("Kore.ai itself counted 2 passed and 3 failed steps.",),
            status="failed",
            duration=14.364,
        ),
        run(name="Small talk", key="b", suite=builders.make_suite(name="Small talk", steps=passing_steps())),
        builders.make_result(
            Ending.JOB_FAILED,
            name="Card blocking",
            key="c",
            suite=None,
            evidence=Evidence.NONE,
            verdict=refused,
            status="FAILED",
        ),
    )
    whole = builders.make_verdict(
        Ending.JOB_FAILED, message="1 of 3 suites passed; the import of Card blocking failed.", hint=verdict.hint
    )
    return builders.make_call(*suites, command="test", verdict=whole, duration=184.9, ci="gitlab")


def timed_out() -> Result:
    """Build the call whose import did not end in time."""
    verdict = builders.make_verdict(
        Ending.TIMED_OUT,
        message="Timed out after 30m: the import was at 85 %.",
        cause="Kore.ai's queue is long, or the bot takes minutes to answer a step.",
        hint="Wait for the same import again, with a longer `timeout`.",
    )
    late = builders.make_result(
        Ending.TIMED_OUT,
        suite=None,
        evidence=Evidence.NONE,
        verdict=verdict,
        percent=85.0,
        status="IN_PROGRESS",
        duration=1800.2,
        notes=("Kore.ai forgets an import 15 minutes after it was made.",),
        resume="kore-gate wait --ds-id ds-1",
    )
    return builders.make_call(late, verdict=verdict, duration=1800.4)


def hostile(value: str = HOSTILE) -> Result:
    """Build a call with a text in every place that can hold one."""
    template = json.dumps(
        {
            "type": value,
            "payload": {
                "template_type": value,
                "text": value,
                "buttons": [{"title": value}, value],
                "elements": [{"title": value, "subtitle": value, "buttons": [{"title": value}]}, value],
            },
        }
    )
    failed = replace(text(value, Outcome.FAILED, f"not {value}"), reason=value)
    unknown = Assertion(group=value, enabled=True, checks=(Check(field=value, value=value),), outcome=Outcome.ERROR)
    variable = context(Check(field=value, value=value), outcome=Outcome.FAILED, actual=value)
    bad = replace(
        step(
            1,
            value,
            reply(value, value, failed, unknown, variable, text(value), flow(value), actual=f"not {value}"),
            reply(template, value, text(template, Outcome.FAILED, template + " ")),
            outcome=Outcome.FAILED,
        ),
        event=value,
        reason=value,
        unexpected=(value, template),
        source=builders.make_source(file=value),
    )
    verdict = builders.make_verdict(Ending.FAILED, message=value, cause=value, hint=value, details=(value, value))
    suite = run(
        Ending.FAILED,
        name=value,
        key=value,
        suite=builders.make_suite(name=value, description=value, tags=(value,), steps=(bad, step(2, value))),
        verdict=verdict,
        status=value,
        ds_id=value,
        run_id=value,
        test_suite_id=value,
        file=value,
        started=value,
        notes=(value,),
        resume=f"kore-gate wait --ds-id {value}",
        download_url=f"javascript:{value}",
    )
    return builders.make_call(
        suite,
        replace(suite, verdict=builders.make_verdict(Ending.JOB_FAILED, message=value, hint=value)),
        command=value,
        verdict=verdict,
        host=value,
        stream_id=value,
        machine=value,
        ci=value,
        version=value,
        started=value,
    )


def long(steps: int, *, red_every: int = 0) -> Result:
    """Build a call of one suite of very many steps, all green but each so-manieth."""
    green, red = passing_steps()[1:], failing_steps()[2]
    made = tuple(
        replace(red if red_every and number % red_every == 0 else green[number % len(green)], number=number)
        for number in range(1, steps + 1)
    )
    ending = Ending.FAILED if red_every else Ending.PASSED
    return builders.make_call(run(ending, suite=builders.make_suite(steps=made)), command="run")


def trends(call: Result, number: int = 24) -> list[Trend]:
    """Compare a call with those of the hours before it, which ended in turns like it, passed, and timed out."""
    ends = itertools.cycle((Ending.FAILED, Ending.FAILED, Ending.PASSED, Ending.TIMED_OUT))
    calls = []
    for hours, ending in zip(range(1, number + 1), ends, strict=False):
        started = (BEGIN - datetime.timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
        suites = tuple(
            replace(
                suite,
                verdict=builders.make_verdict(ending),
                started=started,
                duration=suite.duration + hours,
                suite=suite.suite and replace(suite.suite, steps=tuple(_ended(one, ending) for one in suite.steps)),
            )
            for suite in call.suites
        )
        commit = f"{hours:08x}beef" if hours % 3 else ""
        calls.append(replace(call, suites=suites, started=started, origin=Origin(commit=commit)))
    now = BEGIN.strftime("%Y-%m-%dT%H:%M:%SZ")
    call = replace(call, suites=tuple(replace(suite, started=now) for suite in call.suites))
    return history.trends(call, calls)


def _ended(step: Step, ending: Ending) -> Step:
    """Let a step and what is asserted of it end as its suite does: as they are, passed, or not judged."""
    if ending is Ending.FAILED:
        return step
    outcome = Outcome.PASSED if ending is Ending.PASSED else Outcome.PENDING
    replies = (
        replace(reply, assertions=tuple(replace(one, outcome=outcome) for one in reply.assertions))
        for reply in step.replies
    )
    return replace(step, outcome=outcome, replies=tuple(replies))
