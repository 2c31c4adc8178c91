"""Reads the results of earlier calls: within bounds, each file on its own, whatever else is in the folders."""

import collections
import itertools
import math
import pathlib
import re
import statistics
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from kore_gate import errors, text
from kore_gate.errors import Ending
from kore_gate.gate.policy import Judged, Place
from kore_gate.model import Fact, Phase, Result, SuiteResult
from kore_gate.reports import cases, result

MOST_FILES, MOST_BYTES = 200, 64 * 2**20
MOST_RUNS = 20  # of a suite, with that of the call itself
# So many files of a folder are looked at to find the newest results.
MOST_CANDIDATES = 10_000

# When a call began stands near the end of its file, behind its suites.
_STARTED = re.compile(rb'"started":"([0-9TZ:.+-]{1,40})","duration":[^,]*,"machine":')
_TAIL = 64 * 1024

_Key = tuple[str, ...]
_Outcomes = Mapping[Place, bool]  # whether a test failed, if it was judged

# A suite that ended otherwise may have left its job before it was over.
_WHOLE = (Ending.PASSED, Ending.FAILED, Ending.NOTHING_TO_TEST)


class Run(NamedTuple):
    """How a suite ended in one call."""

    began: float
    ids: tuple[str, str]  # of import and run
    started: str
    commit: str
    duration: float
    ending: Ending


class Test(NamedTuple):
    """Whether a test failed in each run of its suite, the last run first; None where nobody judged it."""

    step: str
    name: str
    failed: tuple[bool | None, ...]

    @property
    def judged(self) -> list[bool]:
        """Return whether it failed in the runs that judged it."""
        return [failed for failed in self.failed if failed is not None]

    @property
    def failures(self) -> int:
        """Count the runs in which it failed."""
        return self.failed.count(True)

    @property
    def changes(self) -> int:
        """Count how often it ended otherwise than in the run before."""
        return sum(one != other for one, other in itertools.pairwise(self.judged))


class Trend(Fact, frozen=True, kw_only=True):
    """The last runs of a suite, that of the call first, and its tests that failed in one of them."""

    runs: tuple[Run, ...] = ()  # none where there is no earlier one
    tests: Mapping[Place, Test] = {}

    def since(self, place: Place) -> str:
        """Say since when the test at this place of the suite fails, "" where it does not."""
        test = self.tests.get(place)
        if not test or not test.failed[0]:
            return ""
        passed = test.failed.index(False) if False in test.failed else len(test.failed)
        first = max(number for number, failed in enumerate(test.failed[:passed]) if failed)
        if first:
            run = self.runs[first]
            when = f"in {run.commit}" if run.commit else f"on {text.line(run.started[:10])}"
            bound = "" if passed < len(test.failed) else " or earlier"
            return f"failed first {when}{bound} ({text.plural(first, 'run')} ago)"
        return f"again: failed in {test.failures} of {len(test.judged)} runs" if test.failures > 1 else "new"


def load(paths: Sequence[str], warn: Callable[[str], None]) -> Callable[[str, Phase], float | None]:
    """Return what tells the median length of a suite's import or run, None where it is not known.

    It comes from the newest results among these files, and in and below these folders.
    """
    problems: list[str] = []
    lengths = _lengths(read(paths, problems))
    for warning in warnings(problems):
        warn(warning)
    return lambda suite, phase: lengths.get((_folded(suite), phase))


def read(paths: Sequence[str], problems: list[str]) -> Iterator[Result]:
    """Read the newest results one by one, and add to the problems which files could not be read."""
    candidates: dict[pathlib.Path, pathlib.Path] = {}  # by what they really are
    for path in paths:
        try:
            candidates |= {file.resolve(): file for file in _candidates(pathlib.Path(path))}
        except (OSError, RuntimeError, ValueError) as exc:
            problems.append(f"{path} {_reason(exc)}.")
    used = 0
    for file in itertools.islice(_newest(candidates.values(), problems), MOST_FILES):
        try:
            size = file.stat().st_size
            if used + size > MOST_BYTES:
                if size > MOST_BYTES:
                    problems.append(f"{file} is larger than 64 MiB.")
                continue
            used += size
            with file.open("rb") as stream:
                content = stream.read(size)
            yield result.load(content)[0]
        except errors.SettingsError as error:
            problems.append(f"{file}: {error.details[0]}")
        except OSError as exc:
            problems.append(f"{file} {_reason(exc)}.")


def trends(call: Result, earlier: Iterable[Result]) -> list[Trend]:
    """Return the trend of each tested suite of a call, from earlier results in any order.

    A run counts if it was of the same suite, bot, language and version, and began before that of the call; once, also
    where a merged result has it as well.
    """
    own = [(key, run, list(cases.judged(suite, 0, ""))) for key, run, suite in _runs(call)]
    begun = {key: run.began for key, run, _ in own}
    places = {key: {test.identity[1:]: test.place for test in tests} for key, _, tests in own}
    kept: dict[_Key, dict[tuple[object, ...], tuple[Run, _Outcomes]]] = {key: {} for key in begun}
    for one in earlier:
        for key, run, suite in _runs(one):
            if key not in kept or not run.began < begun[key]:
                continue
            runs, moment = kept[key], run[:2]
            if len(runs) == MOST_RUNS - 1 and moment < min(runs):
                continue
            if moment not in runs or runs[moment][0] < run:
                runs[moment] = run, _outcomes(cases.judged(suite, 0, ""), places[key])
            if len(runs) == MOST_RUNS:
                del runs[min(runs)]
    return [
        _trend([(run, _outcomes(tests, places[key])), *sorted(kept[key].values(), reverse=True)], tests)
        if kept[key]
        else Trend()
        for key, run, tests in own
    ]


def _runs(call: Result) -> Iterator[tuple[_Key, Run, SuiteResult]]:
    """List the suites of a call, each with what makes it the same one in another call."""
    numbers: collections.Counter[tuple[str, ...]] = collections.Counter()
    for suite in call.tested_suites:
        of = suite.part or call
        key = (_folded(suite.own_name), of.stream_id, of.bot_language, of.bot_version)
        numbers[key] += 1
        started, seconds = suite.started or call.started, suite.duration
        run = Run(
            began=result.moment(started),
            ids=(suite.ds_id, suite.run_id),
            started=started,
            commit=text.line(call.origin.commit[:8]),
            duration=seconds if math.isfinite(seconds) and seconds > 0 else 0.0,
            ending=suite.verdict.ending,
        )
        yield (*key, str(numbers[key])), run, suite


def _outcomes(tests: Iterable[Judged], places: Mapping[tuple[str, str], Place]) -> _Outcomes:
    """Return of each test that was judged, and that the call has as well, whether it failed."""
    judged = ((places.get(test.identity[1:]), test.outcome) for test in tests if test.outcome.is_judged)
    return {place: outcome.is_red for place, outcome in judged if place}


def _trend(runs: Sequence[tuple[Run, _Outcomes]], tests: Iterable[Judged]) -> Trend:
    """Put runs, the last one first, and what they say of each test side by side."""
    failed = {test.place: tuple(outcomes.get(test.place) for _, outcomes in runs) for test in tests}
    return Trend(
        runs=tuple(run for run, _ in runs),
        tests={
            test.place: Test(test.step, test.identity.name, failed[test.place])
            for test in tests
            if True in failed[test.place]
        },
    )


def warnings(problems: Sequence[str], most: int = 5) -> list[str]:
    """Say what could not be read: the first few problems, and how many more there are."""
    lines = [f"history: {text.line(problem)} It is left out." for problem in problems[:most]]
    more = len(problems) - most
    return [*lines, f"history: {more} more files are left out."] if more > 0 else lines


def _candidates(path: pathlib.Path) -> Iterable[pathlib.Path]:
    """Return the file, or the JSON files below the folder, whose links to other folders are not followed."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise ValueError("is neither a file nor a folder")
    files = [file for file in itertools.islice(path.rglob("*.json"), MOST_CANDIDATES + 1) if file.is_file()]
    if len(files) > MOST_CANDIDATES:
        raise ValueError(f"has more than {MOST_CANDIDATES} JSON files: name a smaller folder")
    return files


def _newest(files: Iterable[pathlib.Path], problems: list[str]) -> Iterator[pathlib.Path]:
    """Give the files by when their calls began: a date of the file itself differs from machine to machine."""
    dated: list[tuple[bytes, str, pathlib.Path]] = []
    for file in files:
        try:
            with file.open("rb") as stream:
                stream.seek(max(0, file.stat().st_size - _TAIL))
                times = _STARTED.findall(stream.read(_TAIL))
        except OSError as exc:
            problems.append(f"{file} {_reason(exc)}.")
            continue
        dated.append((times[-1] if times else b"", natural(file.as_posix()), file))
    yield from (file for *_, file in sorted(dated, reverse=True))


def natural(path: str) -> str:
    """Return what sorts paths as people do: `shard-10` after `shard-2`."""
    return re.sub(r"[0-9]+", lambda match: match[0].zfill(20), path)


def _reason(exc: Exception) -> str:
    if isinstance(exc, ValueError):
        return str(exc)
    return f"cannot be read: {getattr(exc, 'strerror', None) or exc}"


def _folded(name: str) -> str:
    """Return one form of a name: files and Kore.ai may write its accents and vowel signs in different ways."""
    return unicodedata.normalize("NFC", name.strip())


def _lengths(results: Iterable[Result]) -> Mapping[tuple[str, Phase], float]:
    measured: dict[tuple[str, Phase], list[float]] = {}
    for suite in itertools.chain.from_iterable(call.suites for call in results):
        for phase, seconds in suite.phases.items():
            is_whole = phase is not suite.phase or suite.verdict.ending in _WHOLE
            if is_whole and math.isfinite(seconds) and seconds >= 0:
                measured.setdefault((_folded(suite.own_name), phase), []).append(seconds)
    return {key: statistics.median(lengths) for key, lengths in measured.items()}
