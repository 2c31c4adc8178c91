"""Reads suite files: found by pattern, checked before anything is sent, each step's line known."""

import bisect
import codecs
import contextlib
import functools
import glob
import itertools
import json
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence

from kore_gate import errors
from kore_gate.gate.suite_run import SuiteRun
from kore_gate.model import Phase
from kore_gate.settings import parsers

MOST_BYTES = 2 * 2**20  # Kore.ai's own limit; source: the page "Create a Test Suite"


def load(patterns: Sequence[str], name: str, root: pathlib.Path) -> list[SuiteRun]:
    """Read every file that matches, relative to `root`; `name` overrides the suite's, for a single file.

    Raises SettingsError with every problem of every file.
    """
    problems: list[str] = []
    paths: dict[pathlib.Path, None] = {}
    search = functools.partial(glob.glob, root_dir=root, recursive=True)
    for pattern in patterns:
        # A file that exists is meant even if its name reads as a pattern.
        matches = [root / match for match in search(glob.escape(pattern)) or sorted(search(pattern))]
        files = [match for match in matches if match.is_file()]
        if not files:
            is_directory = any(match.is_dir() for match in matches)
            advice = f"is a directory; use {pattern.rstrip('/')}/*.json for the files in it"
            problems.append(f"files: {pattern!r} {advice if is_directory else _searched(pattern, root)}.")
        paths.update(dict.fromkeys(files))
    if name and len(paths) > 1:
        problems.append(f"name ({name!r}) is for a single file, not for {len(paths)}.")
    suites: dict[str, SuiteRun] = {}
    for path in paths:
        # As people of the repository name it: relative to where the gate runs, if it is below.
        key = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
        try:
            suite = _read(path, key, name)
        except ValueError as problem:
            problems.append(f"{key} {problem}")
            continue
        if suite.name in suites:
            problems.append(f"{key} and {suites[suite.name].key} have the same suite name: {suite.name!r}.")
        suites[suite.name] = suite
    if problems:
        raise errors.SettingsError(problems, hint="Fix the files, or the list of files; see docs/suites.md.")
    return list(suites.values())


def _searched(pattern: str, root: pathlib.Path) -> str:
    """Say in which folder a pattern found no file, or that there is no such folder."""
    parts = itertools.takewhile(lambda part: not re.search(r"[*?[]", part), pathlib.PurePath(pattern).parts[:-1])
    folder = root.joinpath(*parts)
    with contextlib.suppress(OSError):  # its name may be too long for any folder
        if folder.is_dir():
            return f"matches no file in {folder}"
    is_relative = not pathlib.PurePath(pattern).is_absolute()
    return f"matches no file: there is no folder {folder}" + (f" (working directory: {root})" if is_relative else "")


def _read(path: pathlib.Path, key: str, name: str) -> SuiteRun:
    """Check one file; raises ValueError with what is wrong with it."""
    if path.suffix.lower() == ".csv":
        raise ValueError("is CSV: Kore.ai imports conversation suites as JSON only (CSV is for batch suites).")
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= MOST_BYTES else b""
    except OSError as exc:
        raise ValueError(f"cannot be read: {exc.strerror or exc}.") from None
    if size > MOST_BYTES:
        raise ValueError(f"is larger than Kore.ai's limit of 2 MB ({size} bytes).")
    content, lines = _content(data)
    own_name = content.get("name")
    name = name or (own_name.strip() if isinstance(own_name, str) else "") or path.stem
    try:
        parsers.identifier(name).encode()
    except ValueError:
        raise ValueError(f"has a suite name that cannot be part of a URL: {name!r}. Set name to another one.") from None
    return SuiteRun(key=key, name=name, phase=Phase.UPLOAD, file=key, data=data, lines=lines)


def _content(data: bytes) -> tuple[Mapping[str, object], tuple[int, ...]]:
    """Return a suite file's object, and the line of each of its steps."""
    if not data.strip():
        raise ValueError("is empty.")
    if data.startswith(codecs.BOM_UTF8):
        raise ValueError("begins with a byte order mark: save it as UTF-8 without one.")
    try:
        source = data.decode()
        content = json.loads(source, parse_constant=_reject_constant)
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8.") from None
    except json.JSONDecodeError as exc:
        raise ValueError(f"is not valid JSON: {exc.msg}, line {exc.lineno}, column {exc.colno}.") from None
    except (ValueError, RecursionError) as exc:
        raise ValueError(f"is not usable JSON: {exc}.") from None
    if not isinstance(content, dict):
        raise ValueError("must be a JSON object.")  # noqa: TRY004 one kind of problem for the caller
    if not content or any(content.get(key) == [] for key in ("testCases", "testSteps")):
        raise ValueError("has no test cases.")
    return content, _step_lines(source)


def _reject_constant(name: str) -> object:
    raise ValueError(f"{name} is not a JSON value")


def _step_lines(source: str) -> tuple[int, ...]:
    """Return the line that each step of a valid file begins at; none at all if one of them is not an object.

    Steps are the messages of recorded test cases, or stand at the top in the form that Kore.ai stores.
    """
    root, paths = source.index("{"), (("testCases", "", "messages", ""), ("testSteps", ""))
    steps = [step for path in paths for step in _places(source, root, path)]
    if any(source[step] != "{" for step in steps):
        return ()
    newlines = [match.start() for match in re.finditer("\n", source)]
    return tuple(bisect.bisect(newlines, step) + 1 for step in steps)


def _places(source: str, place: int, path: Sequence[str]) -> Iterator[int]:
    """Give where each value begins that a path of keys leads to from a value; "" stands for each element of a list."""
    if not path:
        yield place
        return
    if source[place] != ("{" if path[0] else "["):
        return
    key: object = ""
    place = _skip(source, place + 1)
    while source[place] not in "]}":
        if path[0]:
            key, place = _DECODE(source, place)
            place = _skip(source, place)
        if key == path[0]:
            yield from _places(source, place, path[1:])
        _, place = _DECODE(source, place)
        place = _skip(source, place)


_DECODE = json.JSONDecoder().raw_decode


def _skip(source: str, place: int) -> int:
    """Return where the next token of valid JSON begins, from here on."""
    while source[place] in " \t\r\n,:":
        place += 1
    return place
