import os
import pathlib
import unicodedata
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kore_gate.errors import Ending
from kore_gate.model import Phase, Result
from kore_gate.reports import history, result
from kore_gate.reports.history import History
from tests import builders


def save(path: pathlib.Path, *suites: Any, **changes: Any) -> Result:
    """Save the result of a call."""
    call = builders.make_call(*suites, **changes)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(result.render(call))
    return call


def measured(seconds: float, ending: Ending = Ending.PASSED, **changes: Any) -> Any:
    """Return a suite whose run took so long."""
    return builders.make_result(ending, phase=Phase.RUN, phases={Phase.RUN: seconds}, **changes)


def test_load__nothing() -> None:
    """Without paths there is no history, and no problem."""
    assert history.load(()) == History()


def test_load__files_and_folders(tmp_path: pathlib.Path) -> None:
    """Files are read as named, folders with all below them; each file once, the newest call first."""
    old = save(tmp_path / "runs/1/kore-result.json", started="2026-01-01T00:00:00Z")
    new = save(tmp_path / "runs/2/deeper/results.json", started="2026-01-03T00:00:00Z")
    single = save(tmp_path / "single", started="2026-01-02T00:00:00Z")
    (tmp_path / "runs/notes.txt").write_text("no result", encoding="utf-8")

    earlier = history.load([str(tmp_path / "runs"), str(tmp_path / "single"), str(tmp_path / "runs/1")])

    assert earlier.results == (new, single, old)
    assert earlier.problems == ()


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

    earlier = history.load([str(tmp_path)])

    assert earlier.results == (good,)
    assert len(earlier.problems) == 1
    assert str(tmp_path / "bad.json") in earlier.problems[0]
    assert problem in earlier.problems[0]


def test_load__odd_entries(tmp_path: pathlib.Path) -> None:
    """Links in a circle, pipes and folders called like files end nothing, and are not waited for."""
    good = save(tmp_path / "good.json")
    (tmp_path / "circle").symlink_to(tmp_path)
    (tmp_path / "self.json").symlink_to(tmp_path / "self.json")
    (tmp_path / "nowhere.json").symlink_to(tmp_path / "missing")
    (tmp_path / "folder.json").mkdir()
    os.mkfifo(tmp_path / "pipe.json")

    earlier = history.load([str(tmp_path), str(tmp_path / "missing"), str(tmp_path / "self.json"), "a\x00b"])

    assert earlier.results == (good,)
    assert len(earlier.problems) == 3


def test_load__unreadable(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that cannot be opened is named with the reason, wherever that happens."""
    save(tmp_path / "a.json")
    opened = pathlib.Path.open

    def refuse(path: pathlib.Path, *arguments: Any, **options: Any) -> Any:
        if path.suffix == ".json":
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **options)

    monkeypatch.setattr(pathlib.Path, "open", refuse)

    earlier = history.load([str(tmp_path)])

    assert earlier == History(problems=(f"{tmp_path / 'a.json'} cannot be read: Permission denied.",))


def test_load__vanishes(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is removed while the history is read is named like any other."""
    monkeypatch.setattr(history, "_newest", lambda *_: iter([tmp_path / "gone.json"]))

    earlier = history.load([str(tmp_path)])

    assert earlier == History(problems=(f"{tmp_path / 'gone.json'} cannot be read: No such file or directory.",))


def test_load__newest_files(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the newest calls are read, by when they began: dates and names of files say nothing."""
    monkeypatch.setattr(history, "MOST_FILES", 2)
    calls = [save(tmp_path / f"{9 - day}.json", started=f"2026-01-0{day}T00:00:00Z") for day in range(1, 6)]
    os.utime(tmp_path / "8.json", (2e9, 2e9))
    (tmp_path / "foreign.json").write_text("{}", encoding="utf-8")

    earlier = history.load([str(tmp_path)])

    assert earlier == History(results=(calls[4], calls[3]))


def test_load__bytes(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit into the bytes that are read in all is left out; a file that never fits is named."""
    calls = [save(tmp_path / f"{day}.json", started=f"2026-01-0{day}T00:00:00Z") for day in range(1, 5)]
    size = (tmp_path / "1.json").stat().st_size
    monkeypatch.setattr(history, "MOST_BYTES", 2 * size)
    (tmp_path / "large.json").write_bytes(b" " * 3 * size)

    earlier = history.load([str(tmp_path)])

    assert earlier.results == (calls[3], calls[2])
    assert earlier.problems == (f"{tmp_path / 'large.json'} is larger than 64 MiB.",)


def test_load__huge_folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with very many files is not searched to its end: which of them were read would be chance."""
    monkeypatch.setattr(history, "MOST_CANDIDATES", 2)
    for number in range(3):
        save(tmp_path / f"{number}.json")

    earlier = history.load([str(tmp_path)])

    assert earlier.results == ()
    assert earlier.problems == (f"{tmp_path} has more than 2 JSON files: name a smaller folder.",)


def test_seconds__median(tmp_path: pathlib.Path) -> None:
    """A job's length is the median of the earlier ones; unknown suites and phases have none."""
    for number, seconds in enumerate((10.0, 70.0, 30.0)):
        save(tmp_path / f"{number}.json", measured(seconds, name="खाता"))

    earlier = history.load([str(tmp_path)])

    assert earlier.seconds("खाता", Phase.RUN) == 30.0
    assert earlier.seconds("खाता", Phase.IMPORT) is None
    assert earlier.seconds("खात", Phase.RUN) is None


def test_seconds__forms_of_a_name(tmp_path: pathlib.Path) -> None:
    """A name is the same however its accents are written, and whatever a merge added to it."""
    save(tmp_path / "a.json", measured(8.0, name=unicodedata.normalize("NFD", "Café (fr)"), variant="fr"))

    assert history.load([str(tmp_path)]).seconds("Café", Phase.RUN) == 8.0


@pytest.mark.parametrize("ending", Ending)
def test_seconds__jobs_that_ended(tmp_path: pathlib.Path, ending: Ending) -> None:
    """A job that was left early or ended in failure says nothing of its length; what came before it does."""
    suite = builders.make_result(ending, phase=Phase.RUN, phases={Phase.IMPORT: 5.0, Phase.RUN: 1.0})
    save(tmp_path / "a.json", suite)

    earlier = history.load([str(tmp_path)])

    is_whole = ending in (Ending.PASSED, Ending.FAILED, Ending.NOTHING_TO_TEST)
    assert earlier.seconds(suite.name, Phase.IMPORT) == 5.0
    assert earlier.seconds(suite.name, Phase.RUN) == (1.0 if is_whole else None)


def test_seconds__impossible(tmp_path: pathlib.Path) -> None:
    """Lengths that cannot be are left out."""
    for number, seconds in enumerate((float("inf"), float("nan"), -1.0, 4.0)):
        save(tmp_path / f"{number}.json", measured(seconds))

    assert history.load([str(tmp_path)]).seconds("Banking regression", Phase.RUN) == 4.0


def test_load__older_schema_without_phases(tmp_path: pathlib.Path) -> None:
    """A result that an earlier version saved is read: its suites have no lengths."""
    saved = result.render(builders.make_call())
    for field in (b'"phases":{},', b'"bot_language":"",', b'"bot_version":"",', b',"part":null,"variant":""'):
        assert field in saved
        saved = saved.replace(field, b"")
    (tmp_path / "a.json").write_bytes(saved)

    earlier = history.load([str(tmp_path)])

    assert earlier == History(results=(builders.make_call(),))


@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode(errors="ignore")))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_load__any_bytes(tmp_path: pathlib.Path, content: bytes) -> None:
    """Whatever a file holds, reading it raises nothing, and its problem is safe to print."""
    (tmp_path / "a.json").write_bytes(content)

    earlier = history.load([str(tmp_path)])

    assert (len(earlier.results), len(earlier.problems)) == (0, 1)
    assert all(warning.isprintable() for warning in history.warnings(earlier))


def test_warnings__few() -> None:
    """A folder full of other files is no flood: the first problems are named, and the others counted."""
    lines = history.warnings(History(problems=tuple(f"{number}.json cannot be read." for number in range(8))))

    assert lines[0] == "history: 0.json cannot be read. It is left out."
    assert lines[5:] == ["history: 3 more files are left out."]
