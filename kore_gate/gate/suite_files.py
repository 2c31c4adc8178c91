"""Reads suite files: found by pattern, checked before anything is sent, each step's line known."""

import codecs
import glob
import json
import json.decoder
import json.scanner
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kore_gate import errors
from kore_gate.gate.suite_run import Work
from kore_gate.model import Phase
from kore_gate.settings import parsers

MOST_BYTES = 2 * 2**20  # Kore.ai's own limit; source: the page "Create a Test Suite"


def load(patterns: Sequence[str], name: str, root: pathlib.Path) -> list[Work]:
    """Read every file that the patterns name, relative to `root`; `name` overrides the suite's, for a single file.

    Raises SettingsError with every problem of every file.
    """
    problems: list[str] = []
    paths: dict[pathlib.Path, None] = {}
    for pattern in patterns:
        try:
            found = _find(pattern, root)
        except OSError as exc:
            problems.append(f"files: {pattern!r} cannot be searched: {exc.strerror or exc}.")
            continue
        if not found:
            problems.append(f"files: {pattern!r} {_why_nothing(root / pattern)}.")
        paths.update(dict.fromkeys(found))
    if name and len(paths) > 1:
        problems.append(f"name ({name!r}) is for a single file, not for {len(paths)}.")
    works: dict[str, Work] = {}
    for path in paths:
        try:
            work = _read(path, root, name)
        except ValueError as problem:
            problems.append(f"{_shown(path, root)} {problem}")
            continue
        if work.name in works:
            problems.append(f"{work.key} and {works[work.name].key} have the same suite name: {work.name!r}.")
        works[work.name] = work
    if problems:
        raise errors.SettingsError(problems, hint="Fix the files, or the list of files; see the README, suite files.")
    return list(works.values())


def _find(pattern: str, root: pathlib.Path) -> list[pathlib.Path]:
    literal = root / pattern
    if literal.is_file():
        return [literal]
    matches = glob.glob(pattern, root_dir=root, recursive=True)  # noqa: PTH207 takes absolute patterns as well
    return [root / match for match in sorted(matches) if (root / match).is_file()]


def _why_nothing(path: pathlib.Path) -> str:
    return f"is a directory; use {path.name}/*.json for the files in it" if path.is_dir() else "matches no file"


def _read(path: pathlib.Path, root: pathlib.Path, name: str) -> Work:
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
    decoder = _Decoder()
    content = _content(data, decoder)
    own_name = content.get("name")
    own_name = own_name.strip() if isinstance(own_name, str) else ""
    used_name = name or own_name or path.stem
    try:
        parsers.identifier(used_name).encode()
    except ValueError:
        raise ValueError(
            f"has a suite name that cannot be part of a URL: {used_name!r}. Set name to another one."
        ) from None
    return Work(
        key=_shown(path, root),
        name=used_name,
        phase=Phase.UPLOAD,
        file=_shown(path, root),
        data=data,
        lines=decoder.lines(data.decode(), list(_steps(content))),
    )


def _content(data: bytes, decoder: "_Decoder") -> Mapping[str, object]:
    if not data.strip():
        raise ValueError("is empty.")
    if data.startswith(codecs.BOM_UTF8):
        raise ValueError("begins with a byte order mark: save it as UTF-8 without one.")
    try:
        content = decoder.decode(data.decode())
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
    return content


class _Decoder(json.JSONDecoder):
    """Decodes JSON as the standard library does, and notes where each object stood."""

    def __init__(self) -> None:
        super().__init__(parse_constant=_no_constant)
        self._places: dict[int, int] = {}
        self.parse_object = self._note_object
        # The scanner in C does not call parse_object; the one in Python has been beside it since 3.1, without a stub.
        self.scan_once = json.scanner.py_make_scanner(self)  # type: ignore[attr-defined]

    def lines(self, source: str, found: Sequence[object]) -> tuple[int, ...]:
        """Give the line that each of the objects begins at; none at all if one of them is no object."""
        places = [self._places.get(id(one)) for one in found]
        made: list[int] = []
        line, last = 1, 0
        for place in places:
            if place is None:
                return ()
            line, last = line + source.count("\n", last, place), place
            made.append(line)
        return tuple(made)

    def _note_object(self, begin: tuple[str, int], *rest: Any) -> tuple[Any, int]:
        found, end = json.decoder.JSONObject(begin, *rest)  # type: ignore[attr-defined]
        self._places[id(found)] = begin[1] - 1
        return found, end


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not a JSON value")


def _steps(content: Mapping[str, object]) -> Iterator[object]:
    """Give each step: of a recorded conversation, or in the form that Kore.ai stores."""
    cases = content.get("testCases")
    for case in cases if isinstance(cases, list) else []:
        messages = case.get("messages") if isinstance(case, dict) else None
        yield from messages if isinstance(messages, list) else []
    steps = content.get("testSteps")
    yield from steps if isinstance(steps, list) else []


def _shown(path: pathlib.Path, root: pathlib.Path) -> str:
    """Name a file as people of the repository do: relative to where the gate runs, if it is below."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
