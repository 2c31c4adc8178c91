import datetime
import os
import pathlib
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kore_gate import text
from kore_gate.errors import Ending
from kore_gate.gate.policy import Place
from kore_gate.model import Mark, Origin, Outcome, Part, Phase, Policy, Result, SuiteResult
from kore_gate.reports import history, result
from kore_gate.reports.history import Trend
from tests import builders


def save(path: pathlib.Path, *suites: Any, **changes: Any) -> Result:
    """Save the result of a call."""
    call = builders.make_call(*suites, **changes)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(result.render(call))
    return call


def read(*paths: object) -> tuple[list[Result], list[str]]:
    """Return the results that are read, and the problems."""
    problems: list[str] = []
    return list(history.read([str(path) for path in paths], problems)), problems


def load(*paths: pathlib.Path) -> tuple[Callable[[str, Phase], float | None], list[str]]:
    """Return what tells how long jobs take, and the warnings."""
    warnings: list[str] = []
    return history.load([str(path) for path in paths], warnings.append), warnings


def measured(seconds: float, ending: Ending = Ending.PASSED, **changes: Any) -> Any:
    """Return a suite whose run took so long."""
    return builders.make_result(ending, phase=Phase.RUN, phases={Phase.RUN: seconds}, **changes)


def test_load__nothing() -> None:
    """Without paths there is no history, and no problem."""
    expect, warnings = load()

    assert expect("Banking regression", Phase.RUN) is None
    assert warnings == []


def test_load__files_and_folders(tmp_path: pathlib.Path) -> None:
    """Files are read as named, folders with all below them; each file once, the newest call first."""
    old = save(tmp_path / "runs/1/kore-result.json", started="2026-01-01T00:00:00Z")
    new = save(tmp_path / "runs/2/deeper/results.json", started="2026-01-03T00:00:00Z")
    single = save(tmp_path / "single", started="2026-01-02T00:00:00Z")
    (tmp_path / "runs/notes.txt").write_text("no result", encoding="utf-8")

    assert read(tmp_path / "runs", tmp_path / "single", tmp_path / "runs/1") == ([new, single, old], [])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is not a readable kore-result.json"),
        (b"\xff\xfe\x00", "is not a readable kore-result.json"),
        (b'{"schema": 7}', "is not a kore-result.json of schema 1"),
        (b"[1, 2]", "is not a kore-result.json of schema 1"),
        (b"[" * 100_000, "is not a readable kore-result.json"),
        (b'{"schema": 1, "suites": "x"}', "is not a readable kore-result.json"),
        (b'{"schema": 1, "n": ' + b"9" * 5000 + b"}", "is not a readable kore-result.json"),
    ],
)
def test_load__foreign(tmp_path: pathlib.Path, content: bytes, problem: str) -> None:
    """What is no saved result is named and left out; the others are read."""
    good = save(tmp_path / "good.json")
    (tmp_path / "bad.json").write_bytes(content)

    results, problems = read(tmp_path)

    assert results == [good]
    assert len(problems) == 1
    assert str(tmp_path / "bad.json") in problems[0]
    assert problem in problems[0]


def test_load__odd_entries(tmp_path: pathlib.Path) -> None:
    """Links in a circle, pipes and folders called like files end nothing, and are not waited for."""
    good = save(tmp_path / "good.json")
    (tmp_path / "circle").symlink_to(tmp_path)
    (tmp_path / "self.json").symlink_to(tmp_path / "self.json")
    (tmp_path / "nowhere.json").symlink_to(tmp_path / "missing")
    (tmp_path / "folder.json").mkdir()
    os.mkfifo(tmp_path / "pipe.json")

    results, problems = read(tmp_path, tmp_path / "missing", tmp_path / "self.json", "a\x00b")

    assert results == [good]
    assert len(problems) == 3


def test_load__unreadable(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that cannot be opened is named with the reason, wherever that happens."""
    save(tmp_path / "a.json")
    opened = pathlib.Path.open

    def refuse(path: pathlib.Path, *arguments: Any, **options: Any) -> Any:
        if path.suffix == ".json":
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **options)

    monkeypatch.setattr(pathlib.Path, "open", refuse)

    _, warnings = load(tmp_path)

    assert warnings == [f"history: {tmp_path / 'a.json'} cannot be read: Permission denied. It is left out."]


def test_load__vanishes(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is removed while the history is read is named like any other."""
    monkeypatch.setattr(history, "_newest", lambda *_: iter([tmp_path / "gone.json"]))

    _, warnings = load(tmp_path)

    assert warnings == [f"history: {tmp_path / 'gone.json'} cannot be read: No such file or directory. It is left out."]


def test_load__newest_files(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the newest calls are read, by when they began: dates and names of files say nothing."""
    monkeypatch.setattr(history, "MOST_FILES", 2)
    calls = [save(tmp_path / f"{9 - day}.json", started=f"2026-01-0{day}T00:00:00Z") for day in range(1, 6)]
    os.utime(tmp_path / "8.json", (2e9, 2e9))
    (tmp_path / "foreign.json").write_text("{}", encoding="utf-8")

    assert read(tmp_path) == ([calls[4], calls[3]], [])


def test_load__bytes(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit into the bytes that are read in all is left out; a file that never fits is named."""
    calls = [save(tmp_path / f"{day}.json", started=f"2026-01-0{day}T00:00:00Z") for day in range(1, 5)]
    size = (tmp_path / "1.json").stat().st_size
    monkeypatch.setattr(history, "MOST_BYTES", 2 * size)
    (tmp_path / "large.json").write_bytes(b" " * 3 * size)

    assert read(tmp_path) == ([calls[3], calls[2]], [f"{tmp_path / 'large.json'} is larger than 64 MiB."])


def test_load__huge_folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with very many files is not searched to its end: which of them were read would be chance."""
    monkeypatch.setattr(history, "MOST_CANDIDATES", 2)
    for number in range(3):
        save(tmp_path / f"{number}.json")

    assert read(tmp_path) == ([], [f"{tmp_path} has more than 2 JSON files: name a smaller folder."])


def test_seconds__median(tmp_path: pathlib.Path) -> None:
    """A job's length is the median of the earlier ones; unknown suites and phases have none."""
    for number, seconds in enumerate((10.0, 70.0, 30.0)):
        save(tmp_path / f"{number}.json", measured(seconds, name="खाता"))

    expect, _ = load(tmp_path)

    assert expect("खाता", Phase.RUN) == 30.0
    assert expect("खाता", Phase.IMPORT) is None
    assert expect("खात", Phase.RUN) is None


def test_seconds__forms_of_a_name(tmp_path: pathlib.Path) -> None:
    """A name is the same however its accents are written, and whatever a merge added to it."""
    save(tmp_path / "a.json", measured(8.0, name=unicodedata.normalize("NFD", "Café (fr)"), variant="fr"))

    assert load(tmp_path)[0]("Café", Phase.RUN) == 8.0


@pytest.mark.parametrize("ending", Ending)
def test_seconds__jobs_that_ended(tmp_path: pathlib.Path, ending: Ending) -> None:
    """A job that was left early or ended in failure says nothing of its length; what came before it does."""
    suite = builders.make_result(ending, phase=Phase.RUN, phases={Phase.IMPORT: 5.0, Phase.RUN: 1.0})
    save(tmp_path / "a.json", suite)

    expect, _ = load(tmp_path)

    is_whole = ending in (Ending.PASSED, Ending.FAILED, Ending.NOTHING_TO_TEST)
    assert expect(suite.name, Phase.IMPORT) == 5.0
    assert expect(suite.name, Phase.RUN) == (1.0 if is_whole else None)


def test_seconds__impossible(tmp_path: pathlib.Path) -> None:
    """Lengths that cannot be are left out."""
    for number, seconds in enumerate((float("inf"), float("nan"), -1.0, 4.0)):
        save(tmp_path / f"{number}.json", measured(seconds))

    assert load(tmp_path)[0]("Banking regression", Phase.RUN) == 4.0


def test_load__older_schema_without_phases(tmp_path: pathlib.Path) -> None:
    """A result that an earlier version saved is read: its suites have no lengths."""
    saved = result.render(builders.make_call())
    for field in (b'"phases":{},', b'"bot_language":"",', b'"bot_version":"",', b',"part":null,"variant":""'):
        assert field in saved
        saved = saved.replace(field, b"")
    (tmp_path / "a.json").write_bytes(saved)

    assert read(tmp_path) == ([builders.make_call()], [])
    expect, warnings = load(tmp_path)
    assert all(expect("Banking regression", phase) is None for phase in Phase)
    assert warnings == []


@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode(errors="ignore")))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_load__any_bytes(tmp_path: pathlib.Path, content: bytes) -> None:
    """Whatever a file holds, reading it raises nothing, and its problem is safe to print."""
    (tmp_path / "a.json").write_bytes(content)

    _, warnings = load(tmp_path)

    assert len(warnings) == 1
    assert all(warning.isprintable() for warning in warnings)


def test_warnings__few() -> None:
    """A folder full of other files is no flood: the first problems are named, and the others counted."""
    lines = history.warnings([f"{number}.json cannot be read." for number in range(8)])

    assert lines[0] == "history: 0.json cannot be read. It is left out."
    assert lines[5:] == ["history: 3 more files are left out."]


MORNING = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
OUTCOMES = {"P": Outcome.PASSED, "F": Outcome.FAILED, "-": Outcome.PENDING}


def hour(number: int) -> str:
    """Return the time of the morning's call of this number."""
    return (MORNING + datetime.timedelta(hours=number)).strftime("%Y-%m-%dT%H:%M:%SZ")


def judged(number: int, outcomes: str, **changes: Any) -> SuiteResult:
    """Build a suite that ran in this hour: a step for each letter, which passed, failed, or was not judged."""
    steps = tuple(
        builders.make_step(
            number=place,
            outcome=OUTCOMES[letter],
            replies=(builders.make_reply(assertions=(builders.make_assertion(outcome=OUTCOMES[letter]),)),),
        )
        for place, letter in enumerate(outcomes, 1)
    )
    basics: dict[str, Any] = {"started": hour(number), "suite": builders.make_suite(steps=steps), "phase": Phase.RUN}
    return builders.make_result(Ending.FAILED if "F" in outcomes else Ending.PASSED, **(basics | changes))


def ran(number: int, outcomes: str = "P", **changes: Any) -> Result:
    """Build the call of this hour, with one suite."""
    origin = Origin(commit=f"{number:08d}deadbeef")
    basics: dict[str, Any] = {"started": hour(number), "origin": origin}
    return builders.make_call(judged(number, outcomes), **(basics | changes))


def since(call: Result, earlier: Sequence[Result], step: int = 0) -> str:
    """Say since when the assertion of a step of the first suite fails."""
    return history.trends(call, earlier)[0].since(Place(0, step, 0, 0))


def test_trends__runs() -> None:
    """A suite has its last 20 runs, that of the call first, each with its verdict, time, duration and commit."""
    earlier = [ran(number, "F" if number % 2 else "P") for number in range(30)]

    (trend,) = history.trends(ran(30), earlier)

    assert [run.commit for run in trend.runs] == [f"{number:08d}" for number in range(30, 10, -1)]
    assert [run.ending for run in trend.runs[:3]] == [Ending.PASSED, Ending.FAILED, Ending.PASSED]
    assert (trend.runs[1].started, trend.runs[1].duration) == (hour(29), 7.345)


def test_trends__no_earlier_run() -> None:
    """Where no earlier result has the suite there is nothing to compare: a failure is not even new."""
    assert history.trends(ran(1, "F"), []) == [Trend()]


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ("PPF", "new"),
        ("--F", "new"),
        ("PFF", "failed first in 00000001 (1 run ago)"),
        ("PFFF", "failed first in 00000001 (2 runs ago)"),
        ("PF-F", "failed first in 00000001 (2 runs ago)"),
        ("P-FF", "failed first in 00000002 (1 run ago)"),
        ("FF", "failed first in 00000000 or earlier (1 run ago)"),
        ("-FF", "failed first in 00000001 or earlier (1 run ago)"),
        ("FPF", "again: failed in 2 of 3 runs"),
        ("FFP-F", "again: failed in 3 of 4 runs"),
        ("FPFF", "failed first in 00000002 (1 run ago)"),
        ("FFP", ""),
        ("PF-", ""),
        ("PPP", ""),
    ],
)
def test_since(runs: str, expected: str) -> None:
    """A failure is new, one again, or goes back to the first of an unbroken row; not judged breaks no row."""
    *earlier, call = (ran(number, outcome) for number, outcome in enumerate(runs))

    assert since(call, earlier) == expected


def test_since__date() -> None:
    """Where the commit is not known, the date says in which run a test failed first."""
    earlier = [ran(0), ran(1, "F", origin=Origin())]

    assert since(ran(2, "F"), earlier) == "failed first on 2026-01-02 (1 run ago)"


def test_since__bounded() -> None:
    """What lies beyond the last 20 runs is not looked at, and the phrase says that it may have begun there."""
    earlier = [ran(0, "P"), *(ran(number, "F") for number in range(1, 30))]

    assert since(ran(30, "F"), earlier) == "failed first in 00000011 or earlier (19 runs ago)"


def test_since__forgiven() -> None:
    """A failure that a policy forgave is a failure."""
    mark = Mark(policy=Policy.KNOWN, reason="BOT-1", until="2026-12-31")
    assertion = builders.make_assertion(outcome=Outcome.FAILED, mark=mark)
    step = builders.make_step(outcome=Outcome.FAILED, replies=(builders.make_reply(assertions=(assertion,)),))
    forgiven = judged(1, "P", suite=builders.make_suite(steps=(step,)))

    assert since(ran(2, "F"), [ran(0), ran(1, suites=(forgiven,))]) == "failed first in 00000001 (1 run ago)"
    assert since(ran(1, suites=(forgiven,)), [ran(0)]) == "new"


def test_since__whole_step() -> None:
    """A step that failed as a whole is a test of its own."""
    step = builders.make_step(outcome=Outcome.FAILED, replies=())
    calls = [ran(number, suites=(judged(number, "P", suite=builders.make_suite(steps=(step,))),)) for number in (1, 2)]
    (trend,) = history.trends(calls[1], [ran(0), calls[0]])

    assert trend.since(Place(0, 0)) == "failed first in 00000001 or earlier (1 run ago)"


def test_tests__flakiness() -> None:
    """Each test that failed is counted: failures, the runs that judged it, and how often it ended otherwise."""
    runs = ["PPFP", "PFFP", "P-FP", "PPPP", "PFFP"]
    *earlier, call = (ran(number, outcomes) for number, outcomes in enumerate(runs))

    (trend,) = history.trends(call, earlier)

    assert [(test.step, test.failures, len(test.judged), test.changes) for test in trend.tests.values()] == [
        ("02 Hi", 2, 4, 3),
        ("03 Hi", 4, 5, 2),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"stream_id": "st-2"},
        {"bot_language": "hi"},
        {"bot_version": "published"},
        {"suites": (judged(0, "F", name="Another"),)},
        {"suites": (judged(0, "F", part=Part(command="test", host="h", stream_id="st-2")),)},
        {"suites": (judged(0, "F", started="yesterday"),)},
        {"suites": (judged(0, "F", started="2026-01-01T00:00:00"),)},
        {"suites": (judged(0, "F", started=""),), "started": ""},
        {"suites": (judged(2, "F"),)},
        {"suites": (judged(1, "F"),)},
        {"suites": ()},
    ],
)
def test_trends__other_runs(changes: dict[str, Any]) -> None:
    """Other bots, languages, versions and suites, later runs, the call's own, and those without a time do not count."""
    assert history.trends(ran(1, "F"), [ran(0, "F", **changes)]) == [Trend()]


def test_trends__of_a_call_without_a_time() -> None:
    """Nothing is earlier than a call that does not say when it began."""
    call = ran(1, suites=(judged(1, "F", started=""),), started="")

    assert history.trends(call, [ran(0)]) == [Trend()]


def test_trends__merged() -> None:
    """A suite that a merge renamed is the suite, and a run that is in the merge and in its own file counts once."""
    parts = [ran(0, "F", bot_language=language) for language in ("en", "hi")]
    merged = result.merge({str(number): part for number, part in enumerate(parts)})
    later = result.merge(
        {str(number): ran(1, "F", bot_language=language) for number, language in enumerate(("en", "hi"))}
    )

    assert {suite.name for suite in merged.suites} == {"Banking regression (en)", "Banking regression (hi)"}
    for earlier in ([merged], parts, [merged, *parts], [*parts, merged]):
        assert [len(trend.runs) for trend in history.trends(later, earlier)] == [2, 2]
        assert since(ran(1, "F", bot_language="hi"), earlier) == "failed first in 00000000 or earlier (1 run ago)"
    assert history.trends(merged, parts) == [Trend(), Trend()]


def test_trends__same_names() -> None:
    """Of suites with one name in a call, the first is compared with the first, the second with the second."""
    calls = [ran(number, suites=(judged(number, "F"), judged(number, "P"))) for number in (0, 1)]
    call = ran(2, suites=(judged(2, "F"), judged(2, "F")))

    first, second = history.trends(call, calls)

    assert first.since(Place(0, 0, 0, 0)) == "failed first in 00000000 or earlier (2 runs ago)"
    assert second.since(Place(0, 0, 0, 0)) == "new"


def test_trends__forms_of_a_name() -> None:
    """A name is the same however its accents are written."""
    names = (unicodedata.normalize(form, "Café खाता") for form in ("NFC", "NFD"))
    earlier, call = (ran(number, suites=(judged(number, "F", name=name),)) for number, name in enumerate(names))

    assert len(history.trends(call, [earlier])[0].runs) == 2


RUNS = st.lists(st.tuples(st.integers(0, 40), st.text("PF-", min_size=3, max_size=3)), max_size=50)


@given(runs=RUNS, own=st.text("PF-", min_size=3, max_size=3), data=st.data())
def test_trends__any_order(runs: list[tuple[int, str]], own: str, data: st.DataObject) -> None:
    """In whatever order results come, and however often: what is counted is the last runs before the call's own."""
    by_hour = dict(runs)
    files = [ran(number, outcomes) for number, outcomes in by_hour.items()]
    files = data.draw(st.permutations(files + files[::2]))

    (trend,) = history.trends(ran(30, own), files)

    last = [own, *(by_hour[number] for number in sorted(by_hour, reverse=True) if number < 30)][: history.MOST_RUNS]
    assert len(trend.runs) == (len(last) if len(last) > 1 else 0)
    for step in range(3):
        letters = [run[step] for run in last]
        test = trend.tests.get(Place(0, step, 0, 0))
        assert (test is not None) is ("F" in letters and len(last) > 1)
        if test:
            assert "".join({True: "F", False: "P", None: "-"}[failed] for failed in test.failed) == "".join(letters)
        assert bool(trend.since(Place(0, step, 0, 0))) is (letters[0] == "F" and len(last) > 1)


@given(name=st.text(max_size=60), said=st.text(max_size=60), commit=st.text(max_size=60), value=st.text(max_size=60))
def test_trends__any_text(name: str, said: str, commit: str, value: str) -> None:
    """Whatever suites, steps and commits are called, a test is recognized, and what is said of it is one line."""
    assertion = builders.make_assertion(outcome=Outcome.FAILED, checks=(builders.make_check(value=value),))
    step = builders.make_step(
        input=said, outcome=Outcome.FAILED, replies=(builders.make_reply(assertions=(assertion,)),)
    )
    suite = builders.make_suite(name=name, steps=(step, step))
    earlier, call = (
        ran(number, suites=(judged(number, "", name=name, suite=suite),), origin=Origin(commit=commit))
        for number in (0, 1)
    )

    words = [since(call, [earlier], place) for place in (0, 1)]

    assert all(phrase.startswith("failed first") and text.line(phrase) == phrase for phrase in words)
