import datetime
from typing import Any

import lxml.html
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kore_gate.commands import policies as files
from kore_gate.errors import Ending, ExitCode
from kore_gate.gate import policy, verdict
from kore_gate.gate.policy import Entry, Identity, Policies
from kore_gate.model import Evidence, Mark, Outcome, Phase, Policy, Result, Step, SuiteResult, replace
from kore_gate.reports import html, junit, result, summary
from kore_gate.settings import parsers
from tests.builders import make_assertion, make_call, make_check, make_reply, make_result, make_step, make_suite
from tests.fakes.screens import Screen

TODAY = datetime.date(2026, 6, 30)
FAST = settings(suppress_health_check=[HealthCheck.too_slow])

P, F, E, S = Outcome.PASSED, Outcome.FAILED, Outcome.ERROR, Outcome.SKIPPED


def make_run(*steps: tuple[Outcome, ...], name: str = "Banking", **overrides: Any) -> SuiteResult:
    """Build a run with these outcomes of the assertions of each step, judged as the gate does."""
    rows = [_step(number, outcomes) for number, outcomes in enumerate(steps, 1)]
    is_red = any(row.is_red for row in rows)
    base = make_result(
        Ending.FAILED if is_red else Ending.PASSED,
        key=name,
        name=name,
        phase=Phase.RUN,
        evidence=Evidence.EXECUTION,
        suite=make_suite(name=name, steps=tuple(rows)),
        only_tests_failed=is_red,
    )
    return replace(base, **overrides)


def _step(number: int, outcomes: tuple[Outcome, ...]) -> Step:
    assertions = tuple(
        make_assertion(outcome=outcome, checks=(make_check(value=f"text {place}"),))
        for place, outcome in enumerate(outcomes)
    )
    worst = next((one for one in (E, F, S) if one in outcomes), P)
    return make_step(number=number, replies=(make_reply(assertions=assertions),), outcome=worst)


def make_entry(**overrides: Any) -> Entry:
    """Build an entry that is about everything, until the end of the year."""
    base = Entry(
        suite="*",
        step="*",
        assertion="*",
        reason="BOT-1",
        until=datetime.date(2026, 12, 31),
        source="known.toml, line 1",
    )
    return replace(base, **overrides)


def judged_call(*suites: SuiteResult) -> Result:
    """Build a call with the verdict of its suites."""
    return make_call(*suites, verdict=verdict.overall(suites))


def applied(*suites: SuiteResult, **policies: Any) -> Result:
    """Apply policies to a call of these suites."""
    call = judged_call(*suites)
    return policy.apply(call, files.judged(call), Policies(**policies), TODAY)


def remarks(call: Result) -> list[str]:
    """Return what the policies report."""
    return list(call.forgiveness.remarks) if call.forgiveness else []


def marks(call: Result) -> list[str]:
    """Return what forgives each failed assertion, in order; - for one that counts."""
    return [
        one.mark.policy if one.mark else "-"
        for suite in call.suites
        for step in suite.steps
        for reply in step.replies
        for one in reply.assertions
        if one.outcome.is_red
    ]


def baseline_of(*suites: SuiteResult) -> dict[Identity, bool]:
    """Return the baseline that a call of these suites is."""
    return {test.identity: test.outcome.is_red for test in files.judged(judged_call(*suites)) if test.outcome.is_judged}


def test_apply__known() -> None:
    """A known failure passes with words, and what Kore.ai reported stays beside its mark."""
    call = applied(make_run((P,), (F, P)), known=[make_entry(step="02 Hi", assertion='text equals "text 0"')])

    assert call.verdict.exit_code is ExitCode.PASSED
    assert call.verdict.message == "Passed with 1 known failure."
    assert call.suites[0].verdict.message == "Run: passed with 1 known failure."
    first = call.suites[0].steps[1].replies[0].assertions[0]
    assert first.outcome is Outcome.FAILED
    assert first.mark == Mark(policy=Policy.KNOWN, reason="BOT-1", until="2026-12-31")
    assert remarks(call) == []


@pytest.mark.parametrize(
    ("fields", "is_forgiven"),
    [
        ({}, True),
        ({"suite": "Banking"}, True),
        ({"suite": "bank*"}, False),
        ({"step": "01 ?i"}, True),
        ({"step": "01 hi"}, False),
        ({"step": "Hi"}, False),
        ({"assertion": 'text equals "text [0-9]"'}, True),
        ({"assertion": "text"}, False),
        ({"until": TODAY}, True),
        ({"until": TODAY - datetime.timedelta(days=1)}, False),
    ],
    ids=str,
)
def test_apply__known_names(fields: dict[str, Any], *, is_forgiven: bool) -> None:
    """An entry is about what it names exactly or as a glob, case and all, up to its last day."""
    call = applied(make_run((F,)), known=[make_entry(**fields)])

    assert (call.verdict.ending is Ending.PASSED) == is_forgiven


def test_apply__known_brackets() -> None:
    """A name that would mean something else as a glob is also itself."""
    step = replace(_step(1, (F,)), input="[a] *?")
    run = make_run((F,), suite=make_suite(name="Banking", steps=(step,)))

    assert applied(run, known=[make_entry(step="01 [a] *?")]).verdict.ending is Ending.PASSED


def test_apply__entries_to_remove() -> None:
    """Entries that expired, whose test passes, or that are about nothing are named with their place."""
    call = applied(
        make_run((P,), (F,), (S,)),
        known=[
            make_entry(until=datetime.date(2026, 1, 1), source="k, line 1"),
            make_entry(step="01 *", source="k, line 2"),
            make_entry(suite="Gone", source="k, line 3"),
            make_entry(step="03 *", source="k, line 4"),
        ],
    )

    assert call.verdict.ending is Ending.FAILED
    assert remarks(call) == [
        "Expired on 2026-01-01: k, line 1 (* / * / *) no longer counts.",
        "To be removed: k, line 2 (* / 01 * / *) passes now.",
        "To be removed: k, line 3 (Gone / * / *) matches no test of this call.",
    ]


def test_apply__entries_of_a_suite_without_result() -> None:
    """An entry is not to be removed because its suite timed out."""
    late = make_result(Ending.TIMED_OUT, name="Late", suite=None)

    assert remarks(applied(late, known=[make_entry(suite="Late")])) == []


def test_apply__baseline() -> None:
    """Only new failures count; what is fixed and what is not judged any more is listed."""
    baseline = baseline_of(make_run((F,), (F, P), (P,)), make_run((P,), name="Other"))
    call = applied(make_run((F,), (P, F)), baseline=baseline)

    assert marks(call) == ["baseline", "-"]
    assert call.verdict.exit_code is ExitCode.FAILED
    assert call.verdict.message.endswith("; forgiven: 1 baseline failure.")
    assert remarks(call) == [
        'Fixed since the baseline: Banking / 02 Hi / text equals "text 0".',
        "Only in the baseline: the suite Other.",
        'Not judged any more, but in the baseline: Banking / 03 Hi / text equals "text 0".',
    ]


def test_apply__order() -> None:
    """Known failures go first, then the baseline, then thresholds on what is left."""
    run = make_run((F,), (F,), (F,), (P,))
    baseline = baseline_of(make_run((F,), (F,), (P,), (P,)))

    call = applied(run, known=[make_entry(step="01 *")], baseline=baseline, max_failures=1)

    assert marks(call) == ["known", "baseline", "tolerated"]
    assert call.verdict.message == (
        "Passed with 1 known failure, 1 baseline failure and 1 tolerated failure (max-failures 1: 1)."
    )


@pytest.mark.parametrize(
    ("passed", "failed", "thresholds", "unmet"),
    [
        (19, 1, {"min_pass_rate": "95"}, []),
        (18, 1, {"min_pass_rate": "95"}, ["Not met: min-pass-rate 95%: 94.7%."]),
        (94_996, 5_004, {"min_pass_rate": "95"}, ["Not met: min-pass-rate 95%: 94.9%."]),
        (2, 1, {"min_pass_rate": "66.666666"}, []),
        (2, 1, {"min_pass_rate": "66.666667"}, ["Not met: min-pass-rate 66.666667%: 66.6%."]),
        (0, 2, {"max_failures": 2}, []),
        (9, 3, {"max_failures": 2}, ["Not met: max-failures 2: 3."]),
        (19, 1, {"min_pass_rate": "95", "max_failures": 0}, ["Not met: max-failures 0: 1."]),
        (1, 1, {"min_pass_rate": "95", "max_failures": 1}, ["Not met: min-pass-rate 95%: 50.0%."]),
    ],
)
def test_apply__thresholds(passed: int, failed: int, thresholds: dict[str, Any], unmet: list[str]) -> None:
    """The arithmetic is exact, and each threshold that is set must hold."""
    if "min_pass_rate" in thresholds:
        thresholds = {**thresholds, "min_pass_rate": parsers.percentage(thresholds["min_pass_rate"])}
    call = applied(make_run((P,) * passed), make_run((F,) * failed, name="Red"), **thresholds)

    assert (call.verdict.exit_code is ExitCode.PASSED) == (not unmet)
    assert remarks(call) == unmet


def test_apply__nothing_judged() -> None:
    """Without a judged assertion no threshold is met."""
    step = make_step(replies=(make_reply(assertions=()),), outcome=F, reason="no reply")
    run = make_run((F,), suite=make_suite(steps=(step,)))

    assert remarks(applied(run, max_failures=5)) == ["Not met: no assertion was judged."]


def test_apply__step_as_a_whole() -> None:
    """A step that failed without an assertion can be known, and has the mark itself."""
    step = make_step(replies=(make_reply(assertions=()),), outcome=F, reason="no reply")
    call = applied(
        make_run((F,), suite=make_suite(name="Banking", steps=(step,))), known=[make_entry(assertion="step")]
    )

    assert call.verdict.ending is Ending.PASSED
    assert call.suites[0].steps[0].mark is not None


@pytest.mark.parametrize("code", [code for code in ExitCode if code > 1])
def test_apply__trouble(code: ExitCode) -> None:
    """What is not a failed test keeps its exit code, and with it in the call no threshold forgives anything."""
    broken = replace(make_run((F,), name="Broken"), only_tests_failed=False)
    broken = replace(broken, verdict=replace(broken.verdict, ending=code.ending, exit_code=code, message="so it is"))
    policies: dict[str, Any] = {"known": [make_entry()], "baseline": baseline_of(broken), "max_failures": 100}

    call = applied(broken, make_run((F,)), **policies)

    assert call.verdict.exit_code is code
    assert marks(call) == ["-", "known"]
    tolerant = applied(broken, make_run((F,)), max_failures=100)
    assert marks(tolerant) == ["-", "-"]
    assert remarks(tolerant) == [
        f"Nothing is tolerated, because Broken ended as {code.ending} for another reason than its tests."
    ]


def test_apply__other_objections() -> None:
    """A suite with more against it than failed tests stays red, although each of these is known."""
    call = applied(make_run((F,), only_tests_failed=False), known=[make_entry()], max_failures=9)

    assert (call.verdict.ending, marks(call)) == (Ending.FAILED, ["-"])


OUTCOMES = st.lists(
    st.lists(st.sampled_from([P, P, F, E, S]), min_size=1, max_size=3).map(tuple), min_size=1, max_size=4
)
RUNS = st.lists(OUTCOMES, min_size=1, max_size=3)
NAMES = st.sampled_from(["*", "01 *", "02 Hi", "0[13]*"])
ENTRIES = st.lists(
    st.builds(
        make_entry,
        suite=st.sampled_from(["*", "suite 0", "suite 1"]),
        step=NAMES,
        assertion=st.sampled_from(["*", '*0"', 'text equals "text 1"']),
        until=st.sampled_from([TODAY, TODAY - datetime.timedelta(days=1)]),
    ),
    max_size=3,
)
POLICIES = st.fixed_dictionaries(
    {},
    optional={
        "known": ENTRIES,
        "baseline": RUNS.map(lambda runs: baseline_of(*build(runs))),
        "min_pass_rate": st.sampled_from(["0.1", "33.3", "50", "80", "100"]).map(parsers.percentage),
        "max_failures": st.integers(0, 5),
    },
)


def build(runs: list[list[tuple[Outcome, ...]]]) -> list[SuiteResult]:
    """Build the suites of a call."""
    return [make_run(*steps, name=f"suite {number}") for number, steps in enumerate(runs)]


def allowed(call: Result, before: Result, policies: dict[str, Any]) -> bool:
    """Work out by counting alone whether a call may be green."""
    tests = list(files.judged(before))
    red = [test for test in tests if test.outcome.is_red]
    entries = [entry for entry in policies.get("known", ()) if entry.until >= TODAY]
    known = {test.identity for entry in entries for test in policy._matching(entry, tests)}
    baseline = policies.get("baseline", {})
    left = [test for test in red if test.identity not in known and not baseline.get(test.identity)]
    passed = sum(test.outcome is P for test in tests)
    rate, most = policies.get("min_pass_rate"), policies.get("max_failures")
    within = (rate is None or passed / (passed + len(left) or 1) * 10**8 >= rate) and (
        most is None or len(left) <= most
    )
    return not left or (within and (rate, most) != (None, None))


@given(runs=RUNS, policies=POLICIES)
@FAST
def test_apply__never_greener_than_its_arithmetic(
    runs: list[list[tuple[Outcome, ...]]], policies: dict[str, Any]
) -> None:
    """A call is green exactly where counting says so; outcomes never change, and each suite agrees with its marks."""
    before = judged_call(*build(runs))
    after = policy.apply(before, files.judged(before), Policies(**policies), TODAY)

    assert (after.verdict.ending is Ending.PASSED) == allowed(after, before, policies)
    assert [t[:4] for t in files.judged(after)] == [t[:4] for t in files.judged(before)]
    for suite in after.suites:
        counts = any(step.is_red and not step.is_forgiven for step in suite.steps)
        assert (suite.verdict.ending is Ending.FAILED) == counts
    assert result.load(result.render(after))[0].forgiveness == after.forgiveness


@given(runs=RUNS, policies=POLICIES, data=st.data())
@FAST
def test_apply__another_failure(
    runs: list[list[tuple[Outcome, ...]]], policies: dict[str, Any], data: st.DataObject
) -> None:
    """One more failure never turns red into green."""
    places = [(r, s, a) for r, run in enumerate(runs) for s, step in enumerate(run) for a in range(len(step))]
    at = data.draw(st.sampled_from(places))
    worse = [
        [tuple(F if (r, s, a) == at else one for a, one in enumerate(step)) for s, step in enumerate(run)]
        for r, run in enumerate(runs)
    ]

    is_green = applied(*build(runs), **policies).verdict.ending is Ending.PASSED
    is_green_after = applied(*build(worse), **policies).verdict.ending is Ending.PASSED

    assert is_green or not is_green_after


@given(runs=RUNS)
@FAST
def test_apply__all_off(runs: list[list[tuple[Outcome, ...]]]) -> None:
    """Without policies a call stays the very same."""
    call = judged_call(*build(runs))

    assert policy.apply(call, files.judged(call), Policies(), TODAY) is call


@given(runs=RUNS, entries=ENTRIES)
@FAST
def test_apply__expired(runs: list[list[tuple[Outcome, ...]]], entries: list[Entry]) -> None:
    """Entries that expired forgive nothing."""
    expired = [replace(entry, until=datetime.date(2026, 6, 29)) for entry in entries]
    call = applied(*build(runs), known=expired)

    assert replace(call, forgiveness=None) == judged_call(*build(runs))
    assert len(remarks(call)) == len(expired)


def test_parse_known__valid() -> None:
    """Each entry has its place; comments and line ends of any system are taken."""
    source = '# why\n\n[[known]]\nsuite = "A"\nstep = "*"\nassertion = "*"\nreason = "r"\nuntil = 2026-12-31\n'

    entries, problems = policy.parse_known(source * 1 + source, "k.toml")

    assert problems == []
    assert [entry.source for entry in entries] == ["k.toml, line 3", "k.toml, line 11"]
    assert entries[0] == make_entry(suite="A", reason="r", source="k.toml, line 3")
    assert policy.parse_known("# all gone\n", "k.toml") == ([], [])


def test_parse_known__every_problem() -> None:
    """All problems of a file are named at once, each with the line of its entry."""
    source = """version = 1
[[known]]
suite = "A"
step = 3
assertion = ""
reason = " "
until = "2026-12-31"

  [[ "known" ]]  # another
suite = "A"
step = "*"
untill = 2026-12-31
until = 2026-12-31T10:00:00Z
"""

    entries, problems = policy.parse_known(source, "k.toml")

    assert entries == []
    assert problems == [
        "k.toml: unknown key 'version'; entries begin with [[known]].",
        "k.toml, line 2: step must be a text in quotes.",
        "k.toml, line 2: assertion is empty: * stands for any.",
        "k.toml, line 2: reason is empty: say why this failure does not count.",
        "k.toml, line 2: until must be a date without quotes, such as 2026-12-31.",
        "k.toml, line 9: unknown key 'untill'; an entry has suite, step, assertion, reason and until.",
        "k.toml, line 9: assertion is missing.",
        "k.toml, line 9: reason is missing.",
        "k.toml, line 9: until must be a date without quotes, such as 2026-12-31.",
    ]


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("[[known]]\nsuite = A", "k is not valid TOML: Invalid value (at line 2, column 9)."),
        ("a = " + "[" * 5000, "k is not valid TOML: "),
        ("known = 3", "k: known must be a list of tables; each begins with [[known]]."),
        ("known = [1]", "k: known must be a list of tables; each begins with [[known]]."),
        ("known = [{}]", "k, entry 1: suite is missing."),
        ('[[known]]\nreason = """\n[[known]]\n"""', "k, entry 1: suite is missing."),
        ("\x1b[31m = 1", "k is not valid TOML: "),
    ],
    ids=["syntax", "deep", "number", "numbers", "inline", "a header in a text", "control"],
)
def test_parse_known__unusable(source: str, problem: str) -> None:
    """What is not a list of entries is an error, never an empty list."""
    entries, problems = policy.parse_known(source, "k")

    assert entries == []
    assert problems[0].startswith(problem)
    assert problems[0].isprintable()


FOREIGN = st.text(st.characters(codec=None, exclude_categories=()), max_size=30)


@given(name=FOREIGN, words=FOREIGN, value=FOREIGN)
@FAST
def test_known_file__reads_back(name: str, words: str, value: str) -> None:
    """The file that is printed forgives the failure it was printed for, whatever its names, once it has a reason."""
    step = replace(
        _step(1, (F,)),
        input=words,
        replies=(make_reply(assertions=(make_assertion(outcome=F, checks=(make_check(value=value),)),)),),
    )
    run = make_run((F,), name=name, suite=make_suite(name=name, steps=(step,)))
    printed = policy.known_file(files.judged(judged_call(run)), TODAY)

    assert "reason is empty" in policy.parse_known(printed, "k")[1][0]
    entries, problems = policy.parse_known(printed.replace('reason = ""', 'reason = "r"'), "k")
    assert problems == []
    assert entries[0].until == TODAY + datetime.timedelta(days=14)
    assert applied(run, known=entries).verdict.ending is Ending.PASSED


def test_merge__counts_what_each_call_forgave() -> None:
    """A merged result sums what its calls forgave, and says so in its verdict."""
    first = applied(make_run((F,), name="A"), known=[make_entry(), make_entry(suite="Gone")])
    second = applied(make_run((F,), (P,), name="B"), max_failures=1)

    merged = result.merge({"a.json": first, "b.json": second, "c.json": judged_call(make_run((P,), name="C"))})

    assert merged.verdict.message == "Passed with 1 known failure and 1 tolerated failure (max-failures 1: 1)."
    assert merged.forgiveness
    assert (merged.forgiveness.known, merged.forgiveness.tolerated, len(merged.forgiveness.remarks)) == (1, 1, 1)
    assert result.merge({"c.json": judged_call(make_run((P,), name="C"))}).forgiveness is None


def test_page__forgiven() -> None:
    """The page lists what is forgiven with a link to its step, shows the reason there, and what is to be removed."""
    call = applied(make_run((P,), (F, P)), known=[make_entry(step="02 *"), make_entry(suite="<b>Gone")])
    page: Any = lxml.html.fromstring(html.render(call))

    section = page.get_element_by_id("policies").text_content()
    (link,) = page.get_element_by_id("policies").iter("a")
    step = page.get_element_by_id(link.get("href").removeprefix("#"))
    assert "Banking: 02 Hi" in section
    assert "known until 2026-12-31: BOT-1" in section
    assert "To be removed: known.toml, line 1 (<b>Gone / * / *) matches no test of this call." in section
    assert "Forgiven" in step.text_content()
    assert "known until 2026-12-31: BOT-1" in step.text_content()
    assert page.find_class("badge")[0].text_content() == "✓ Passed"


def test_page__forgiven_step_without_assertion() -> None:
    """The reason stands at a step that failed as a whole, too."""
    step = make_step(replies=(make_reply(assertions=()),), outcome=F, reason="no reply")
    call = applied(make_run((F,), suite=make_suite(name="Banking", steps=(step,))), known=[make_entry()])

    assert html.render(call).decode().count("known until 2026-12-31: BOT-1") == 2


@pytest.mark.parametrize("granularity", ["assertion", "step"])
@pytest.mark.parametrize("dialect", ["rich", "strict"])
def test_reports__very_many(dialect: str, granularity: str) -> None:
    """Thousands of forgiven failures and remarks are counted everywhere, and listed as far as there is room."""
    run = make_run(*[(F, P)] * 3000)
    entries = [make_entry(), *(make_entry(suite=f"Gone {number}") for number in range(300))]
    call = replace(applied(run, known=entries), junit_granularity=granularity, junit_dialect=dialect)
    screen = Screen()
    screen.console.result(call, [])

    data = junit.render(call.suites[0], call)
    junit.verify(data, call.suites[0], call)
    assert data.count(b"<skipped") == 3000
    assert "Policies: 3000 failures forgiven" in screen.stderr.replace(",", "")
    assert "… and 250 more: see kore-result.json" in screen.stderr
    page = html.render(call).decode()
    assert "2,970 more forgiven failures." in page
    assert "200 more are in kore-result.json." in page
    shown = summary.render(call)
    assert "2,970 more forgiven failures in `kore-report.html`" in shown
    assert "- 250 more in `kore-report.html`" in shown
    assert len(summary.render(call, 20_000).encode()) <= 20_000


@pytest.mark.parametrize(
    ("raw", "millionths"),
    [("95%", 95_000_000), ("95", 95_000_000), ("99.5 %", 99_500_000), ("100%", 10**8), ("0.000001%", 1)],
)
def test_percentage(raw: str, millionths: int) -> None:
    """A percentage is read exactly."""
    assert parsers.percentage(raw) == millionths


@pytest.mark.parametrize("raw", ["0", "0%", "100.000001%", "101", "-5%", "95%%", "95,5%", "٩٥%", "0.0000001", ""])
def test_percentage__invalid(raw: str) -> None:
    """What is not a percentage from above 0 to 100 is an error."""
    with pytest.raises(ValueError, match="must be a percentage"):
        parsers.percentage(raw)


def test_count() -> None:
    """A number of failures may be zero, and nothing below."""
    assert [parsers.count(raw) for raw in ("0", "12")] == [0, 12]
    with pytest.raises(ValueError, match="whole number"):
        parsers.count("-1")
