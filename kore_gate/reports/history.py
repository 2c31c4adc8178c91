"""Reads the results of earlier calls: within bounds, each file on its own, whatever else is in the folders."""

import dataclasses
import itertools
import math
import pathlib
import re
import statistics
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence

from kore_gate import errors, text
from kore_gate.errors import Ending
from kore_gate.model import Phase, Result
from kore_gate.reports import result

MOST_FILES, MOST_BYTES = 200, 64 * 2**20
# So many files of a folder are looked at to find the newest results.
MOST_CANDIDATES = 10_000

# When a call began stands near the end of its file, behind its suites.
_STARTED = re.compile(rb'"started":"([0-9TZ:.+-]{1,40})","duration":[^,]*,"machine":')
_TAIL = 64 * 1024

# A suite that ended otherwise may have left its job before it was over.
_WHOLE = (Ending.PASSED, Ending.FAILED, Ending.NOTHING_TO_TEST)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """Earlier results, the newest first, what could not be read, and how long jobs took."""

    results: tuple[Result, ...] = ()
    problems: tuple[str, ...] = ()
    lengths: Mapping[tuple[str, Phase], float] = dataclasses.field(default_factory=dict)

    def seconds(self, suite: str, phase: Phase) -> float | None:
        """Return the median length of a suite's import or run; None where it is not known."""
        return self.lengths.get((_folded(suite), phase))


def load(paths: Sequence[str]) -> History:
    """Read the newest results among these files, and the JSON files in and below these folders."""
    problems: list[str] = []
    candidates: dict[pathlib.Path, pathlib.Path] = {}  # by what they really are
    for path in paths:
        try:
            candidates |= {file.resolve(): file for file in _candidates(pathlib.Path(path))}
        except (OSError, RuntimeError, ValueError) as exc:
            problems.append(f"{path} {_reason(exc)}.")
    results: list[Result] = []
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
                results.append(result.load(stream.read(size))[0])
        except errors.SettingsError as error:
            problems.append(f"{file}: {error.details[0]}")
        except OSError as exc:
            problems.append(f"{file} {_reason(exc)}.")
    results.sort(key=lambda call: call.started, reverse=True)
    return History(results=tuple(results), problems=tuple(problems), lengths=_lengths(results))


def warnings(history: History, most: int = 5) -> list[str]:
    """Say what could not be read: the first few problems, and how many more there are."""
    lines = [f"history: {text.line(problem)} It is left out." for problem in history.problems[:most]]
    more = len(history.problems) - most
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
