import json
import pathlib
import random
import statistics
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kore_gate import errors
from kore_gate.commands import shard
from kore_gate.model import Phase
from kore_gate.reports import result
from kore_gate.settings import parsers, sources
from kore_gate.settings.sources import Settings
from tests import builders
from tests.fakes.screens import Screen

SECONDS = st.none() | st.floats(min_value=0, max_value=1e6)
LENGTHS = st.dictionaries(st.text("abcक/ .-", min_size=1, max_size=6), SECONDS, max_size=40)
TOTALS = st.integers(min_value=1, max_value=60)


def loads(shards: list[list[str]], lengths: Mapping[str, float | None]) -> list[float]:
    """Return how long each shard is, an unknown file counting as the median of the known ones."""
    known = [seconds for seconds in lengths.values() if seconds is not None]
    usual = statistics.median(known) if known else 1.0
    seconds = {file: usual if length is None else length for file, length in lengths.items()}
    return [sum(seconds[file] for file in files) for files in shards]


@given(lengths=LENGTHS, total=TOTALS)
def test_split__partition(lengths: dict[str, float | None], total: int) -> None:
    """There are as many shards as asked for, and each file is in exactly one."""
    shards = shard.split(lengths, total)

    assert len(shards) == total
    assert sorted(file for files in shards for file in files) == sorted(lengths)


@given(lengths=LENGTHS, total=TOTALS, rng=st.randoms(use_true_random=False))
def test_split__stable(lengths: dict[str, float | None], total: int, rng: random.Random) -> None:
    """The order in which files are named makes no difference."""
    shuffled = list(lengths.items())
    rng.shuffle(shuffled)

    assert shard.split(dict(shuffled), total) == shard.split(lengths, total)


@given(lengths=LENGTHS.filter(bool), total=TOTALS)
def test_split__balance(lengths: dict[str, float | None], total: int) -> None:
    """No shard is longer than the mean of all and the longest file together."""
    shards = shard.split(lengths, total)

    each = loads(shards, lengths)
    longest = max(loads([[file] for file in lengths], lengths))
    assert max(each) <= statistics.fmean(each) + longest + 1e-6 * max(each)


@given(files=st.sets(st.text("abcक", min_size=1, max_size=6), max_size=40), total=TOTALS)
def test_split__nothing_known(files: set[str], total: int) -> None:
    """Without known durations, numbers of files differ by one at most."""
    sizes = [len(each) for each in shard.split(dict.fromkeys(files), total)]

    assert max(sizes) - min(sizes) <= 1


def test_split__instant_suites() -> None:
    """Suites that take no time are spread as well."""
    assert shard.split({"a": 0.0, "b": 0.0, "c": 0.0}, 3) == [["a"], ["b"], ["c"]]


def test_split__longest_first() -> None:
    """The longest goes first, to the shortest shard; an unknown one counts as the median."""
    lengths = {"short 1": 10.0, "short 2": 10.0, "short 3": 10.0, "long": 30.0, "new": None}

    assert shard.split(lengths, 2) == [["long", "short 3"], ["new", "short 1", "short 2"]]


@pytest.fixture
def root(tmp_path: pathlib.Path) -> pathlib.Path:
    """Make a folder with suite files, names with spaces and in Hindi among them."""
    for name in ("a b", "खाता शेष", "-x", "~y", "[z]"):
        path = tmp_path / "suites" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"name": f"Suite {name}", "testCases": [{}]}), encoding="utf-8")
    return tmp_path


def settings(**changes: object) -> Settings:
    """Return the settings of one shard."""
    given_: dict[str, object] = {"command": "shard", "files": ("suites/*.json",), "total": 2, "index": 1}
    return Settings(**{**given_, **changes})  # type: ignore[arg-type] # texts and numbers


def printed(root: pathlib.Path, **changes: object) -> tuple[list[str], str]:
    """Return what one shard prints on stdout, line by line, and on stderr."""
    screen = Screen()
    assert shard.run(settings(**changes), screen.console, root) == 0
    return screen.stdout.splitlines(), screen.stderr


def test_run__all_of_them(root: pathlib.Path) -> None:
    """The shards together print each file once, as `files` takes it again, and say how many they are."""
    first, said = printed(root)
    second, _ = printed(root, index=2)

    assert sorted(first + second) == [f"suites/{name}.json" for name in ("-x", "[z]", "a b", "~y", "खाता शेष")]
    assert said == "Shard 1 of 2: 3 of 5 files.\n"
    assert parsers.paths("\n".join(first)) == tuple(first)


def test_run__odd_names(root: pathlib.Path) -> None:
    """A name that would be read as an option, a home directory or an array begins with the folder it is in."""
    lines, _ = printed(root / "suites", files=("*.json",), total=1)

    assert lines == ["./-x.json", "./[z].json", "a b.json", "./~y.json", "खाता शेष.json"]


def test_run__more_shards_than_files(root: pathlib.Path) -> None:
    """A shard without a file prints nothing, and that is no error."""
    assert printed(root, total=9, index=9) == ([], "Shard 9 of 9: 0 of 5 files.\n")


def test_run__history(root: pathlib.Path) -> None:
    """Known durations balance the shards; a suite that is not known counts as a usual one."""
    suites = [
        builders.make_result(name=f"Suite {name}", phase=Phase.RUN, phases={Phase.IMPORT: 5.0, Phase.RUN: seconds})
        for name, seconds in (("a b", 95.0), ("खाता शेष", 15.0), ("-x", 15.0), ("~y", 15.0))
    ]
    (root / "earlier.json").write_bytes(result.render(builders.make_call(*suites)))

    first, said = printed(root, history=(str(root / "earlier.json"),))
    second, other = printed(root, history=(str(root / "earlier.json"),), index=2)

    assert first == ["suites/a b.json"]
    assert sorted(second) == [f"suites/{name}.json" for name in ("-x", "[z]", "~y", "खाता शेष")]
    assert said == "Shard 1 of 2: 1 of 5 files, 1m 40s of imports and runs.\n"
    assert other == "Shard 2 of 2: 4 of 5 files, 1m of imports and runs, 1 without a known duration.\n"


def test_run__history_missing(root: pathlib.Path) -> None:
    """On the first call there is no history: a warning, and the same shards as without."""
    lines, said = printed(root, history=("nowhere",))

    assert lines == printed(root)[0]
    assert "Warning: history: nowhere is neither a file nor a folder. It is left out." in said


@pytest.mark.parametrize("name", ["a\nb.json", "a.json\n.json", "##vso[task.complete]x.json", "\x1b[2Jx.json"])
def test_run__hostile_names(tmp_path: pathlib.Path, name: str) -> None:
    """A name that cannot stand on a line, or would act on a terminal or a CI system, is an error and is not printed."""
    (tmp_path / name).write_text('{"name": "one", "testCases": [{}]}', encoding="utf-8")
    screen = Screen()

    with pytest.raises(errors.SettingsError) as refused:
        shard.run(settings(files=("*",), total=1), screen.console, tmp_path)

    assert len(refused.value.details) == 1
    assert screen.stdout == ""


def test_run__bad_files(root: pathlib.Path) -> None:
    """Files are checked as `test` checks them: all problems at once."""
    (root / "suites" / "bad.json").write_text("{", encoding="utf-8")
    (root / "suites" / "empty.json").touch()

    with pytest.raises(errors.SettingsError) as refused:
        printed(root, files=("suites/*.json", "no/*.json"))

    assert len(refused.value.details) == 3


@pytest.mark.parametrize(
    ("environ", "index", "total", "source"),
    [
        ({"CI_NODE_INDEX": "2", "CI_NODE_TOTAL": "5"}, 2, 5, "variable CI_NODE_INDEX"),
        ({"CIRCLE_NODE_INDEX": "0", "CIRCLE_NODE_TOTAL": "5"}, 1, 5, "variable CIRCLE_NODE_INDEX"),
        ({"BUILDKITE_PARALLEL_JOB": "4", "BUILDKITE_PARALLEL_JOB_COUNT": "5"}, 5, 5, "variable BUILDKITE_PARALLEL_JOB"),
        (
            {"BITBUCKET_PARALLEL_STEP": "1", "BITBUCKET_PARALLEL_STEP_COUNT": "2"},
            2,
            2,
            "variable BITBUCKET_PARALLEL_STEP",
        ),
        (
            {"SYSTEM_JOBPOSITIONINPHASE": "1", "SYSTEM_TOTALJOBSINPHASE": "3"},
            1,
            3,
            "variable SYSTEM_JOBPOSITIONINPHASE",
        ),
        (
            {"KORE_INDEX": "3", "KORE_TOTAL": "4", "CI_NODE_INDEX": "2", "CI_NODE_TOTAL": "5"},
            3,
            4,
            "variable KORE_INDEX",
        ),
    ],
)
def test_settings__parallel_job(environ: dict[str, str], index: int, total: int, source: str) -> None:
    """Index and total are those of the CI system's parallel jobs, counted from 1, unless they are set."""
    read, error = sources.read("shard", {"files": "a.json"}, environ)

    assert error is None
    assert (read.index, read.total, read.sources["index"]) == (index, total, source)


@pytest.mark.parametrize(
    ("environ", "problems"),
    [
        ({}, ["total is missing", "index is missing"]),
        # GitLab sets the total in every job, and the index in parallel ones.
        ({"CI_NODE_TOTAL": "1"}, ["total is missing", "index is missing"]),
        # A total of one's own does not go with the index of other jobs.
        ({"KORE_TOTAL": "5", "CI_NODE_INDEX": "2", "CI_NODE_TOTAL": "3"}, ["index is missing"]),
        ({"KORE_TOTAL": "5", "KORE_INDEX": "6"}, ["index 6 (variable KORE_INDEX) must be at most total, which is 5"]),
        ({"KORE_TOTAL": "5", "KORE_INDEX": "0"}, ["index '0' must be a whole number greater than 0"]),
        ({"KORE_TOTAL": "0", "KORE_INDEX": "-1"}, ["total '0' must be", "index '-1' must be"]),
        ({"CI_NODE_INDEX": "4", "CI_NODE_TOTAL": "3"}, ["index 4 (variable CI_NODE_INDEX) must be at most total"]),
        ({"CI_NODE_INDEX": "4", "CI_NODE_TOTAL": "x"}, ["total 'x' must be"]),
    ],
)
def test_settings__bad_place(environ: dict[str, str], problems: list[str]) -> None:
    """Half a place, or one that is not there, is an error: a guess would leave files out."""
    _, error = sources.read("shard", {"files": "a.json"}, environ)

    assert error
    assert len(error.details) == len(problems)
    assert all(problem in detail for problem, detail in zip(problems, error.details, strict=True))


def test_settings__other_commands() -> None:
    """No other command is a part of something because its job runs in parallel."""
    read, _ = sources.read("test", {}, {"CI_NODE_INDEX": "2", "CI_NODE_TOTAL": "5"})

    assert not {"index", "total"} & read.sources.keys()
