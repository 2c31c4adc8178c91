import json
import os
import pathlib
from typing import Any

import pytest

from kore_gate import errors
from kore_gate.gate import suite_files
from kore_gate.gate.suite_run import SuiteRun
from kore_gate.model import Phase

STORED = {"name": "Banking", "testSteps": [{"input": "Hi"}, {"input": "Bye"}]}
RECORDED = {
    "botName": "Bot",
    "testCases": [
        {"name": "one", "messages": [{"input": "Hi", "outputs": ["Hello"]}]},
        {"name": "two", "messages": [{"input": "a"}, {"input": "b"}]},
    ],
}


def write(folder: pathlib.Path, name: str, content: Any) -> pathlib.Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content, indent=2).encode())
    return path


def load(folder: pathlib.Path, *patterns: str, name: str = "") -> list[SuiteRun]:
    return suite_files.load(patterns, name, folder)


def problems(folder: pathlib.Path, *patterns: str, name: str = "") -> tuple[str, ...]:
    with pytest.raises(errors.SettingsError) as caught:
        load(folder, *patterns, name=name)
    return caught.value.details


def test_load__a_file(tmp_path: pathlib.Path) -> None:
    """A file becomes a suite to import: its content as it is, its suite's name, the line of each step."""
    path = write(tmp_path, "kore/banking.json", STORED)

    [spec] = load(tmp_path, "kore/banking.json")

    assert spec == SuiteRun(
        key="kore/banking.json",
        name="Banking",
        phase=Phase.UPLOAD,
        file="kore/banking.json",
        data=path.read_bytes(),
        lines=(4, 7),
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"testSteps": [{}]}, "a-suite"),
        ({"name": "  ", "testSteps": [{}]}, "a-suite"),
        ({"name": 7, "testSteps": [{}]}, "a-suite"),
        ({"name": " A/b. c ü ", "testSteps": [{}]}, "A/b. c ü"),
        ({"name": "import", "testSteps": [{}]}, "import"),
        ({"some other": "form"}, "a-suite"),
    ],
    ids=["no name", "blank", "a number", "slash, dot, space, umlaut", "a command's name", "a form nobody knows"],
)
def test_load__name(tmp_path: pathlib.Path, content: object, expected: str) -> None:
    """A suite is called as its file says, else as the file is."""
    write(tmp_path, "a-suite.json", content)

    [spec] = load(tmp_path, "a-suite.json")

    assert spec.name == expected


def test_load__name_given(tmp_path: pathlib.Path) -> None:
    """A single file's suite can be given another name."""
    write(tmp_path, "a.json", STORED)

    [spec] = load(tmp_path, "a.json", name="Nightly")

    assert spec.name == "Nightly"


def test_load__name_given_for_many(tmp_path: pathlib.Path) -> None:
    """One name is not for several files."""
    write(tmp_path, "a.json", {"name": "A", "testSteps": [{}]})
    write(tmp_path, "b.json", {"name": "B", "testSteps": [{}]})

    details = problems(tmp_path, "*.json", name="Nightly")

    assert details[0] == "name ('Nightly') is for a single file, not for 2."


@pytest.mark.parametrize("name", [".", "..", "a\nb", "a\x00b", "\ud800"], ids=ascii)
def test_load__name_that_is_no_address(tmp_path: pathlib.Path, name: str) -> None:
    """A name that could not be one segment of an address is refused before anything is sent."""
    write(tmp_path, "a.json", {"name": name, "testSteps": [{}]})

    [problem] = problems(tmp_path, "a.json")

    assert problem.startswith("a.json has a suite name that cannot be part of a URL: ")


def test_load__globs(tmp_path: pathlib.Path) -> None:
    """Patterns name files in order, each file once, folders never."""
    for name in ("b.json", "a.json", "deep/er/c.json", "[x].json", "note.txt"):
        write(tmp_path, name, {"testSteps": [{}]})
    (tmp_path / "folder.json").mkdir()

    specs = load(tmp_path, "b.json", "*.json", "./a.json", "**/*.json")

    assert [spec.key for spec in specs] == ["b.json", "[x].json", "a.json", "deep/er/c.json"]


def test_load__name_with_glob_characters(tmp_path: pathlib.Path) -> None:
    """A file that is there is meant as it is called."""
    write(tmp_path, "[x].json", {"testSteps": [{}]})
    write(tmp_path, "x.json", {"testSteps": [{}]})

    assert [spec.key for spec in load(tmp_path, "[x].json")] == ["[x].json"]


def test_load__absolute(tmp_path: pathlib.Path) -> None:
    """An absolute path is shown from where the gate runs, and in full when it is elsewhere."""
    below, beside = tmp_path / "here", tmp_path / "there"
    inner = write(below, "a.json", {"testSteps": [{}]})
    outer = write(beside, "b.json", {"testSteps": [{}]})

    specs = load(below, str(inner), f"{beside}/*.json")

    assert [spec.key for spec in specs] == ["a.json", outer.as_posix()]


def test_load__nothing_matches(tmp_path: pathlib.Path) -> None:
    """A pattern that matches nothing is a mistake, never an empty success."""
    assert problems(tmp_path, "*.json", "a.json") == (
        f"files: '*.json' matches no file in {tmp_path}.",
        f"files: 'a.json' matches no file in {tmp_path}.",
    )


def test_load__where_it_searched(tmp_path: pathlib.Path) -> None:
    """The folder that was searched is named, and whether it is there; for a relative one, from where."""
    (tmp_path / "suites" / "b").mkdir(parents=True)
    (tmp_path / "file").touch()
    there = f"(working directory: {tmp_path})"
    long = "x" * 300

    assert problems(
        tmp_path,
        "suites/**/*.json",
        "suites/b/c.json",
        "suite/*.json",
        "file/*.json",
        "*/x/a.json",
        "/no/such/*.json",
        f"{long}/a.json",
        "a\ud800/b.json",
    ) == (
        f"files: 'suites/**/*.json' matches no file in {tmp_path}/suites.",
        f"files: 'suites/b/c.json' matches no file in {tmp_path}/suites/b.",
        f"files: 'suite/*.json' matches no file: there is no folder {tmp_path}/suite {there}.",
        f"files: 'file/*.json' matches no file: there is no folder {tmp_path}/file {there}.",
        f"files: '*/x/a.json' matches no file in {tmp_path}.",
        "files: '/no/such/*.json' matches no file: there is no folder /no/such.",
        f"files: '{long}/a.json' matches no file: there is no folder {tmp_path}/{long} {there}.",
        f"files: 'a\\ud800/b.json' matches no file: there is no folder {tmp_path}/a\ud800 {there}.",
    )


def test_load__directory(tmp_path: pathlib.Path) -> None:
    """A directory is not a file, and the message says what would be."""
    (tmp_path / "suites").mkdir()

    assert problems(tmp_path, "suites") == ("files: 'suites' is a directory; use suites/*.json for the files in it.",)


def test_load__name_too_long(tmp_path: pathlib.Path) -> None:
    """A name that no file can have matches none."""
    [problem] = problems(tmp_path, "x" * 300)

    assert problem.endswith(f"matches no file in {tmp_path}.")


def test_load__same_name(tmp_path: pathlib.Path) -> None:
    """Two files can't be the same suite."""
    write(tmp_path, "a.json", STORED)
    write(tmp_path, "b.json", STORED)

    assert problems(tmp_path, "*.json") == ("b.json and a.json have the same suite name: 'Banking'.",)


def test_load__every_problem_at_once(tmp_path: pathlib.Path) -> None:
    """All that is wrong with all files is reported together."""
    write(tmp_path, "a.json", b"")
    write(tmp_path, "b.json", b"[]")

    assert problems(tmp_path, "*.json", "c.json") == (
        f"files: 'c.json' matches no file in {tmp_path}.",
        "a.json is empty.",
        "b.json must be a JSON object.",
    )


BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty."),
    "blank": (b" \r\n\t", "is empty."),
    "byte order mark": (b'\xef\xbb\xbf{"a": 1}', "begins with a byte order mark: save it as UTF-8 without one."),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "is not UTF-8."),
    "Latin-1": (b'{"a": "\xfc"}', "is not UTF-8."),
    "not JSON": (b'{\n  "a": 1,\n  "b" 2\n}', "line 3, column 7."),
    "cut off": (b'{"a": [1,', "line 1, column 10."),
    "two values": (b"{} {}", "line 1, column 4."),
    "single quotes": (b"{'a': 1}", "line 1, column 2."),
    "not a number": (b'{"a": NaN}', "is not usable JSON: NaN is not a JSON value."),
    "infinite": (b'{"a": -Infinity}', "is not usable JSON: -Infinity is not a JSON value."),
    "too deep": (b'{"a": ' + b"[" * 100_000, "is not usable JSON: "),
    "an array": (b"[1]", "must be a JSON object."),
    "a text": (b'"a"', "must be a JSON object."),
    "nothing": (b"null", "must be a JSON object."),
    "an empty object": (b"{}", "has no test cases."),
    "no test cases": (b'{"name": "A", "testCases": []}', "has no test cases."),
    "no test steps": (b'{"name": "A", "testSteps": []}', "has no test cases."),
    "too large": (b" " * (suite_files.MOST_BYTES + 1), "is larger than Kore.ai's limit of 2 MB (2097153 bytes)."),
}


def test_load__huge_file_is_not_read(tmp_path: pathlib.Path) -> None:
    """A file that is far too large, such as a dump that a pattern matches, costs no memory."""
    with (tmp_path / "dump.json").open("wb") as file:
        file.truncate(2**33)  # a hole: it takes no room on the disk, and would take eight gigabytes of memory

    with pytest.raises(errors.SettingsError) as caught:
        suite_files.load(["*.json"], "", tmp_path)

    assert caught.value.details == ("dump.json is larger than Kore.ai's limit of 2 MB (8589934592 bytes).",)


@pytest.mark.parametrize(("content", "expected"), BAD.values(), ids=BAD)
def test_load__bad_content(tmp_path: pathlib.Path, content: bytes, expected: str) -> None:
    """What is no suite is rejected before anything is sent, with the place where that helps."""
    write(tmp_path, "a.json", content)

    [problem] = problems(tmp_path, "a.json")

    assert problem.startswith("a.json ")
    assert expected in problem


def test_load__csv(tmp_path: pathlib.Path) -> None:
    """The message about CSV says what conversation suites are."""
    write(tmp_path, "a.CSV", b"input,intent")

    assert problems(tmp_path, "a.CSV") == (
        "a.CSV is CSV: Kore.ai imports conversation suites as JSON only (CSV is for batch suites).",
    )


def test_load__largest(tmp_path: pathlib.Path) -> None:
    """A file of exactly two megabytes may go."""
    content = json.dumps(STORED).encode()
    write(tmp_path, "a.json", content + b" " * (suite_files.MOST_BYTES - len(content)))

    [spec] = load(tmp_path, "a.json")

    assert len(spec.data) == suite_files.MOST_BYTES


def test_load__unreadable(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that may not be read is named with the reason."""
    write(tmp_path, "a.json", STORED)

    def refuse(path: pathlib.Path) -> bytes:
        raise PermissionError(13, os.strerror(13), str(path))

    monkeypatch.setattr(pathlib.Path, "read_bytes", refuse)

    assert problems(tmp_path, "a.json") == ("a.json cannot be read: Permission denied.",)


LINES: dict[str, tuple[bytes, tuple[int, ...]]] = {
    "recorded": (json.dumps(RECORDED, indent=2).encode(), (7, 18, 21)),
    "on one line": (json.dumps(RECORDED).encode(), (1, 1, 1)),
    "CRLF": (json.dumps(STORED, indent=2).replace("\n", "\r\n").encode(), (4, 7)),
    "characters of several bytes": (
        '{"name": "Ünïcödé 🏦",\n"testSteps": [{"input": "héé\\n 🏦"},\n\n{"input": "b"}]}'.encode(),
        (2, 4),
    ),
    "escapes in the keys": (b'{"test\\u0053teps": [\n{"input": "a"}]}', (2,)),
    "brackets in texts": (b'{"name": "{[}\\"]",\n"testSteps": [{"a": "}\\\\"},\n{"b": "{"}]}', (2, 3)),
    "nested": (b'{"testSteps": [\n{"outputs": [{"a": {}},\n{}]},\n{}]}', (2, 4)),
    "steps that are no objects": (b'{"testSteps": [\n{"input": "a"},\n"b"]}', ()),
    "messages that are no list": (b'{"testCases": [{"messages": {}}, 3]}', ()),
    "cases that are no list": (b'{"testCases": {"a": 1}}', ()),
}


@pytest.mark.parametrize(("content", "lines"), LINES.values(), ids=LINES)
def test_load__lines(tmp_path: pathlib.Path, content: bytes, lines: tuple[int, ...]) -> None:
    """Each step's line is the one it begins at, however the file is written."""
    write(tmp_path, "a.json", content)

    [spec] = load(tmp_path, "a.json")

    assert spec.lines == lines
