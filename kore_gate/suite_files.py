"""Reads suite files: found by pattern, checked before anything is sent, each step's line known."""

import glob
import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence

from kore_gate import errors
from kore_gate.model import Phase
from kore_gate.track import Work

MOST_BYTES = 2 * 2**20  # Kore.ai's own limit; source: the page "Create a Test Suite"


def load(patterns: Sequence[str], name: str, root: pathlib.Path) -> list[Work]:
    """Read every file that the patterns name, relative to `root`; `name` overrides the suite's, for a single file.

    Raises SettingsError with every problem of every file.
    """
    problems: list[str] = []
    paths: dict[pathlib.Path, None] = {}
    for pattern in patterns:
        found = _find(pattern, root)
        if not found:
            problems.append(f"files: {pattern!r} matches no file.")
        paths.update(dict.fromkeys(found))
    if name and len(paths) > 1:
        problems.append(f"name ({name!r}) is for a single file, and {len(paths)} are given.")
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
        raise errors.SettingsError(problems, hint="Mend the files, or the list of them; see the README, suite files.")
    return list(works.values())


def _find(pattern: str, root: pathlib.Path) -> list[pathlib.Path]:
    literal = root / pattern
    if literal.is_file():
        return [literal]
    matches = glob.glob(pattern, root_dir=root, recursive=True)  # noqa: PTH207 takes absolute patterns as well
    return [root / match for match in sorted(matches) if (root / match).is_file()]


def _read(path: pathlib.Path, root: pathlib.Path, name: str) -> Work:
    """Check one file; raises ValueError with what is wrong with it."""
    if path.suffix.lower() == ".csv":
        raise ValueError("is CSV: Kore.ai imports conversation suites as JSON only (CSV is for batch suites).")
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= MOST_BYTES else b""
    except OSError as exc:
        raise ValueError(f"can't be read: {exc.strerror or exc}.") from None
    if size > MOST_BYTES:
        raise ValueError(f"is larger than the 2 MB that Kore.ai takes ({size} bytes).")
    content = _content(data)
    own_name = content.get("name")
    own_name = own_name.strip() if isinstance(own_name, str) else ""
    return Work(
        key=_shown(path, root),
        name=name or own_name or path.stem,
        phase=Phase.UPLOAD,
        file=_shown(path, root),
        data=data,
        lines=tuple(_lines(data.decode(), content)),
    )


def _content(data: bytes) -> Mapping[str, object]:
    if not data.strip():
        raise ValueError("is empty.")
    if data.startswith(b"\xef\xbb\xbf"):
        raise ValueError("begins with a byte order mark: save it as UTF-8 without one.")
    try:
        content = json.loads(data.decode())
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8.") from None
    except json.JSONDecodeError as exc:
        raise ValueError(f"is no JSON: {exc.msg}, line {exc.lineno}, column {exc.colno}.") from None
    except (ValueError, RecursionError) as exc:
        raise ValueError(f"is no usable JSON: {exc}.") from None
    if not isinstance(content, dict):
        raise ValueError("holds no JSON object.")  # noqa: TRY004 one kind of problem for the caller
    if not content or any(content.get(key) == [] for key in ("testCases", "testSteps")):
        raise ValueError("has no test cases in it.")
    return content


def _lines(source: str, content: Mapping[str, object]) -> Iterator[int]:
    """Give the line that each step begins at, in the order in which Kore.ai lists the steps."""
    pointers = list(_pointers(content))
    if not pointers:
        return
    import json_source_map

    places = json_source_map.calculate(source)
    for pointer in pointers:
        yield places[pointer].value_start.line + 1


def _pointers(content: Mapping[str, object]) -> Iterator[str]:
    """Point at each step: of a recorded conversation, or in the form that Kore.ai stores."""
    cases = content.get("testCases")
    for number, case in enumerate(cases if isinstance(cases, list) else []):
        messages = case.get("messages") if isinstance(case, dict) else None
        for index in range(len(messages) if isinstance(messages, list) else 0):
            yield f"/testCases/{number}/messages/{index}"
    steps = content.get("testSteps")
    for index in range(len(steps) if isinstance(steps, list) else 0):
        yield f"/testSteps/{index}"


def _shown(path: pathlib.Path, root: pathlib.Path) -> str:
    """Name a file as people of the repository do: relative to where the gate runs, if it is below."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
