from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kore_gate import errors
from kore_gate.errors import Ending, ExitCode
from kore_gate.gate import suite_run, verdict
from kore_gate.model import Origin, Part, Phase, Result, replace
from kore_gate.reports import junit, result
from tests import builders

NAMES = st.sampled_from(["Balance", "Transfer", "खाता शेष", "a (en)"])
TIMES = st.sampled_from(["2026-01-02T03:04:05Z", "2026-01-02T03:09:00Z", "2025-12-31T23:59:59Z", "", "yesterday"])


def suite(name: str = "Balance", ending: Ending = Ending.PASSED, **changes: Any) -> Any:
    """Return the result of one suite."""
    return builders.make_result(ending, name=name, key=name, **changes)


def merge(*calls: Result) -> Result:
    """Merge results that are in files of these numbers, as they are after they were saved."""
    saved = {f"{number}.json": result.load(result.render(call))[0] for number, call in enumerate(calls)}
    return result.merge(saved)


@st.composite
def calls(draw: st.DrawFn) -> list[Result]:
    """Make calls that can be merged: no suite is in two of them for the same bot, language and version."""
    places = st.tuples(NAMES, st.sampled_from(["st-1", "st-2"]), st.sampled_from(["en", "hi"]))
    drawn = draw(st.lists(places, min_size=1, max_size=8, unique=True))
    made = [
        builders.make_call(
            suite(name, draw(st.sampled_from(Ending))),
            stream_id=bot,
            bot_language=language,
            command=draw(st.sampled_from(["test", "run"])),
            started=draw(TIMES),
            duration=draw(st.integers(min_value=0, max_value=9_999_999)) / 1000,
            ci=draw(st.sampled_from(["github", "gitlab"])),
            junit_granularity=draw(st.sampled_from(["assertion", "step"])),
        )
        for name, bot, language in drawn
    ]
    return draw(st.permutations(made))


@given(calls=calls(), place=st.integers(min_value=0))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_merge__associative(calls: list[Result], place: int) -> None:
    """Merging some first, and the rest later, comes to the same."""
    cut = place % len(calls)
    first, last = calls[:cut], calls[cut:]

    expected = merge(*calls)

    assert merge(*([merge(*first)] if first else []), merge(*last)) == expected
    assert merge(*([merge(*first)] if first else []), *last) == expected


@given(calls=calls())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_merge__idempotent(calls: list[Result]) -> None:
    """A merged result that is merged alone stays as it is."""
    merged = merge(*calls)

    assert merge(merged) == merged


@given(calls=calls())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_merge__order(calls: list[Result]) -> None:
    """The order of the files changes the order of the suites, and neither verdict, counts nor times."""
    merged, turned = merge(*calls), merge(*reversed(calls))

    assert turned.verdict.exit_code is merged.verdict.exit_code
    assert sorted(each.name for each in turned.suites) == sorted(each.name for each in merged.suites)
    assert (turned.started, turned.duration) == (merged.started, merged.duration)


@given(calls=calls())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_merge__never_greener(calls: list[Result]) -> None:
    """The verdict is as grave as the gravest call, and every suite keeps its own; no two names are the same."""
    merged = merge(*calls)

    assert merged.verdict.exit_code.gravity == max(call.verdict.exit_code.gravity for call in calls)
    assert [each.verdict for each in merged.suites] == [each.verdict for call in calls for each in call.suites]
    assert len({each.name for each in merged.suites}) == len(merged.suites)


def test_merge__one_call_in_parts() -> None:
    """Shards of one call come to what the whole call would have been."""
    whole = builders.make_call(suite("a"), suite("b", Ending.FAILED), suite("c"), bot_language="en")
    shards = [replace(whole, suites=(each,), verdict=each.verdict) for each in whole.suites]

    merged = merge(*shards)

    assert merged == replace(whole, verdict=verdict.overall(whole.suites))


def test_merge__wall_time() -> None:
    """The duration is the time from the first start to the last end."""
    first = builders.make_call(suite("a"), started="2026-01-02T03:04:05Z", duration=600.5)
    second = builders.make_call(suite("b"), started="2026-01-02T03:05:05Z", duration=10.0)

    assert (merge(second, first).started, merge(second, first).duration) == ("2026-01-02T03:04:05Z", 600.5)


@pytest.mark.parametrize("started", ["", "soon", "2026-01-02T03:04:05", "99999-01-01T00:00:00Z"])
def test_merge__unknown_times(started: str) -> None:
    """Where no start is known, the longest call is how long it took."""
    calls = [
        builders.make_call(suite(name), started=started, duration=seconds) for name, seconds in (("a", 3), ("b", 9))
    ]

    assert (merge(*calls).started, merge(*calls).duration) == ("", 9)


def test_merge__impossible_duration() -> None:
    """A duration that is no number does not spread."""
    calls = [builders.make_call(suite("a"), duration=float("inf")), builders.make_call(suite("b"), duration=2.0)]

    assert merge(*calls).duration == 2.0


def test_merge__draft() -> None:
    """A call that was killed is what its draft says: interrupted, whatever the others came to."""
    draft = builders.make_call(suite("b", verdict=verdict.UNFINISHED, suite=None), verdict=verdict.UNFINISHED)

    merged = merge(builders.make_call(suite("a")), draft)

    assert (merged.verdict.ending, merged.verdict.exit_code) == (Ending.INTERRUPTED, ExitCode.SIGTERM)


def test_merge__graver_than_its_suites() -> None:
    """A call that could not write a report is red although all its suites passed, and so is the merge."""
    before = builders.make_verdict()
    broken = verdict.missing_reports([errors.ReportError("no space")], before)

    merged = merge(builders.make_call(suite("a"), verdict=broken), builders.make_call(suite("b")))

    assert merged.verdict == broken


def test_merge__without_suites() -> None:
    """A result without suites has the verdict it has."""
    empty = replace(builders.make_call(), suites=(), verdict=builders.make_verdict(Ending.TIMED_OUT))

    assert merge(empty).verdict.ending is Ending.TIMED_OUT
    assert merge(empty, builders.make_call()).verdict.ending is Ending.TIMED_OUT


def test_merge__invalid_settings_twice() -> None:
    """A problem of a whole call is no suite: several calls may have had it."""
    refused = builders.make_call(suite("settings", Ending.ERROR, phase=Phase.SETTINGS, suite=None))

    assert len(merge(refused, refused).suites) == 2


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ([{"bot_language": "en"}, {"bot_language": "hi"}], ["Balance (en)", "Balance (hi)"]),
        (
            [{"bot_version": "inDevelopment"}, {"bot_version": "published"}],
            ["Balance (inDevelopment)", "Balance (published)"],
        ),
        ([{"stream_id": "st-1"}, {"stream_id": "st-2"}], ["Balance (st-1)", "Balance (st-2)"]),
        ([{"host": "https://a"}, {"host": "https://b"}], ["Balance (https://a)", "Balance (https://b)"]),
        # As little as is enough.
        (
            [{"bot_language": "en", "stream_id": "st-1"}, {"bot_language": "hi", "stream_id": "st-2"}],
            ["Balance (en)", "Balance (hi)"],
        ),
        (
            [
                {"bot_language": "en", "stream_id": "st-1"},
                {"bot_language": "hi", "stream_id": "st-1"},
                {"bot_language": "hi", "stream_id": "st-2"},
            ],
            ["Balance (en, st-1)", "Balance (hi, st-1)", "Balance (hi, st-2)"],
        ),
    ],
)
def test_merge__names(changes: list[dict[str, str]], names: list[str]) -> None:
    """A suite that was tested in several ways is named after what tells them apart; others keep their names."""
    other = builders.make_call(suite("Transfer"))

    merged = merge(*(builders.make_call(suite(), **change) for change in changes), other)

    assert [each.name for each in merged.suites] == [*names, "Transfer"]
    assert {each.own_name for each in merged.suites[:-1]} == {"Balance"}


@pytest.mark.parametrize(
    ("one", "other"),
    [({}, {}), ({"bot_language": "hi"}, {}), ({"command": "run", "bot_version": "published"}, {"command": "import"})],
    ids=["same", "unknown language", "import and run"],
)
def test_merge__same_suite_twice(one: dict[str, str], other: dict[str, str]) -> None:
    """The same suite in two files is an error that names the files and the suite: a version not known is no other."""
    with pytest.raises(errors.SettingsError) as refused:
        merge(builders.make_call(suite(), **one), builders.make_call(suite("x")), builders.make_call(suite(), **other))

    assert refused.value.details == ("0.json and 2.json have the same suite: 'Balance'.",)


def test_merge__many_suites_twice() -> None:
    """Two files with the same suites are one problem, however many suites they have."""
    call = builders.make_call(*(suite(f"s{number}") for number in range(5)))

    with pytest.raises(errors.SettingsError) as refused:
        merge(call, call)

    assert refused.value.details == ("0.json and 1.json have the same suites: 's0', 's1', 's2' and 2 more.",)


def test_merge__one_call_with_namesakes() -> None:
    """Two imports of one suite in one call are what they were."""
    call = builders.make_call(suite(ds_id="ds-1"), suite(ds_id="ds-2"))

    assert merge(call).suites == call.suites


def test_merge__facts_of_the_call() -> None:
    """What all calls have in common is kept; of bots and commands all are named; the rest is not known."""
    here, there = Origin(commit="c0ffee", job_url="https://ci/1"), Origin(commit="c0ffee", job_url="https://ci/2")
    calls = [
        builders.make_call(suite("a"), command="test", bot_language="en", machine="one", ci="gitlab", origin=here),
        builders.make_call(suite("b"), command="run", bot_language="hi", machine="two", ci="gitlab", origin=there),
    ]

    merged = merge(*calls)

    assert (merged.command, merged.bot_language, merged.stream_id) == ("test, run", "en, hi", "st-1234")
    assert (merged.machine, merged.ci, merged.origin) == ("", "gitlab", Origin(commit="c0ffee"))
    assert [each.part for each in merged.suites] == [
        Part(command=call.command, host=call.host, stream_id=call.stream_id, bot_language=call.bot_language)
        for call in calls
    ]


def test_merge__resume() -> None:
    """The command that resumes goes to the bot and the language of each suite, under the name it has there."""
    stuck = {"phase": Phase.IMPORT, "resume": "kore-gate wait --ds-id …"}
    calls = [
        builders.make_call(suite(ending=Ending.TIMED_OUT, ds_id="ds-1", **stuck), command="test", bot_language="en"),
        builders.make_call(suite(ending=Ending.TIMED_OUT, ds_id="ds-2", **stuck), command="wait", bot_language="hi"),
    ]

    assert suite_run.resume_call(merge(*calls)) == (
        "kore-gate wait --ds-id ds-1 --bot-language en && kore-gate run Balance --bot-language en"
        " && kore-gate wait --ds-id ds-2 --bot-language hi"
    )


def test_merge__junit_names_the_bot() -> None:
    """The JUnit file of a suite names the bot that it was tested on, and not all of them."""
    merged = merge(*(builders.make_call(suite(), stream_id=bot) for bot in ("st-1", "st-2")))

    assert b'name="kore.stream_id" value="st-2"' in junit.render(merged.suites[1], merged)
