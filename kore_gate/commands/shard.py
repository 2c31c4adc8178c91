"""Prints which suite files one of several jobs tests: each file in exactly one of them, about equally long."""

import heapq
import pathlib
import statistics
from collections.abc import Mapping

from kore_gate import errors, text
from kore_gate.gate import suite_files
from kore_gate.model import Phase
from kore_gate.reports import history
from kore_gate.reports.console import Console
from kore_gate.settings import parsers
from kore_gate.settings.sources import Settings


def run(settings: Settings, console: Console, root: pathlib.Path) -> int:
    """Print the files of the shard on stdout, one a line; return 0. Raises SettingsError."""
    suites = suite_files.load(settings.files, "", root)
    lines = {suite.file: _line(suite.file) for suite in suites}
    if problems := [problem for line in lines.values() if (problem := _problem(line))]:
        raise errors.SettingsError(problems, hint="Rename the files.")
    expect = history.load(settings.history, console.warning)
    lengths: dict[str, float | None] = {}
    for suite in suites:
        phases = [expect(suite.name, phase) for phase in (Phase.IMPORT, Phase.RUN)]
        known = [seconds for seconds in phases if seconds is not None]
        lengths[suite.file] = sum(known) if known else None
    shard = split(lengths, settings.total)[settings.index - 1]
    console.info(_summary(shard, lengths, settings))
    console.write_out("".join(f"{lines[file]}\n" for file in shard))
    return 0


def split(lengths: Mapping[str, float | None], total: int) -> list[list[str]]:
    """Divide files, whose seconds may be unknown, into so many shards: the longest first, to the shortest shard.

    The order of the files does not matter: every machine comes to the same shards.
    """
    known = [seconds for seconds in lengths.values() if seconds is not None]
    usual = statistics.median(known) if known else 1.0
    seconds = {file: usual if length is None else length for file, length in lengths.items()}
    shards: list[list[str]] = [[] for _ in range(total)]
    loads = [(0.0, 0, number) for number in range(total)]
    for file in sorted(seconds, key=lambda file: (-seconds[file], file)):
        load, count, number = heapq.heappop(loads)
        shards[number].append(file)
        heapq.heappush(loads, (load + seconds[file], count + 1, number))
    return [sorted(shard) for shard in shards]


def _summary(shard: list[str], lengths: Mapping[str, float | None], settings: Settings) -> str:
    """Say how large the shard is, and how long it will probably take one suite after the other."""
    known = [seconds for file in shard if (seconds := lengths[file]) is not None]
    summary = f"Shard {settings.index} of {settings.total}: {len(shard)} of {len(lengths)} files"
    if known:
        summary += f", {text.duration(sum(known))} of imports and runs"
    if settings.history and len(known) < len(shard):
        summary += f", {len(shard) - len(known)} without a known duration"
    return f"{summary}."


def _line(file: str) -> str:
    """Return the file's name as `files` takes it, and no program takes it for an option."""
    return file if file[:1].isalnum() or file[:1] in "/_" else f"./{file}"


def _problem(line: str) -> str:
    """Say why a name cannot stand on a line of its own, if it cannot."""
    try:
        is_read_back = parsers.paths(line) == (line,)
    except ValueError:
        is_read_back = False
    is_inert = text.terminal(line, len(line) + 1) == " ".join(line.split())
    if is_read_back and is_inert:
        return ""
    return (
        f"{line!r} cannot be printed: it has a line break, a control character or a command of a CI system in its name."
    )
