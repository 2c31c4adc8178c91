"""Puts files into the report directory: whole, or not at all."""

import contextlib
import json
import pathlib
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping

from kore_gate import errors

RESULT, PAGE = "kore-result.json", "kore-report.html"
FIXED_NAMES = (RESULT, PAGE, "kore-summary.md", "kore-annotations.json", "kore.env")

_READABLE_BY_ALL = 0o644

# Bytes; more than any file system takes for one name can be no name of ours.
_LONGEST_NAME = 255

# What an earlier result says of files is believed only where the names are such as the gate gives.
_DOWNLOAD = re.compile(r"kore-results-[\w.-]+")
_JUNIT = re.compile(r"TEST-kore-[\w.-]+\.xml")


class Writer:
    """Writes reports into one directory. Every method raises ReportError with what to do about it."""

    def __init__(self, directory: str) -> None:
        self.directory = pathlib.Path(directory)
        self.written: list[str] = []

    def prepare(self, command: str, stream_id: str) -> None:
        """Make the directory, and remove what an earlier run of this gate left; an empty stream id stands for any."""
        self.make()
        for name in self._left_behind(command, stream_id):
            try:
                (self.directory / name).unlink(missing_ok=True)
            except OSError as exc:
                raise self._failed(str(self.directory / name), exc) from exc

    def make(self) -> None:
        """Make the directory, and see that it can be written to."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.directory):
                pass
        except OSError as exc:
            raise self._failed(str(self.directory), exc) from exc

    def keep(self, names: Iterable[str]) -> None:
        """Count downloads that an earlier call saved among the files of this one."""
        self.written += [
            name
            for name in names
            if _DOWNLOAD.fullmatch(name) and self._is_own(name) and (self.directory / name).is_file()
        ]

    def write(self, name: str, data: bytes) -> None:
        """Write one file under its name once it is complete."""
        with self.open(name) as write:
            write(data)

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[Callable[[bytes], object]]:
        """Give a function that takes a file's content piece by piece; the file appears when all of it is there."""
        path = self.directory / name
        temporary: pathlib.Path | None = None
        try:
            with tempfile.NamedTemporaryFile(dir=self.directory, prefix=".kore-", delete=False) as file:
                temporary = pathlib.Path(file.name)
                yield file.write
            with contextlib.suppress(OSError):  # not every file system knows modes
                temporary.chmod(_READABLE_BY_ALL)
            temporary.replace(path)
            temporary = None
        except OSError as exc:
            raise self._failed(str(path), exc) from exc
        finally:
            if temporary:
                with contextlib.suppress(OSError):
                    temporary.unlink(missing_ok=True)
        if name not in self.written:
            self.written.append(name)

    def discard(self, name: str) -> None:
        """Remove a file of this call, as far as it can be removed."""
        with contextlib.suppress(OSError):
            (self.directory / name).unlink(missing_ok=True)
        if name in self.written:
            self.written.remove(name)

    def read_back(self, name: str) -> bytes:
        """Return what a written file holds."""
        try:
            return (self.directory / name).read_bytes()
        except OSError as exc:
            raise self._failed(name, exc) from exc

    def append(self, path: str, text: str) -> None:
        """Append to a file that the CI system gave."""
        try:
            with pathlib.Path(path).open("a", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
                file.write(text)
        except OSError as exc:
            raise self._failed(path, exc) from exc

    def _left_behind(self, command: str, stream_id: str) -> Iterable[str]:
        """Name the files of an earlier run: those all gates share, and those that were the same gate's."""
        try:
            earlier = json.loads((self.directory / RESULT).read_bytes())
        except (OSError, ValueError, RecursionError):
            return FIXED_NAMES
        told = earlier if isinstance(earlier, Mapping) else {}
        same = told.get("command") == command and stream_id in ("", told.get("stream_id"))
        files = told.get("files") if same else ()
        return [*FIXED_NAMES, *(name for name in (files if isinstance(files, list) else ()) if self._is_own(name))]

    def _is_own(self, name: object) -> bool:
        if not isinstance(name, str) or not (_JUNIT.fullmatch(name) or _DOWNLOAD.fullmatch(name)):
            return False
        return len(name.encode(errors="replace")) <= _LONGEST_NAME and not (self.directory / name).is_dir()

    @staticmethod
    def _failed(what: str, exc: OSError) -> errors.ReportError:
        return errors.ReportError(
            f"{what} could not be written: {exc.strerror or exc}.",
            cause="a directory that is a file, belongs to another user, is read-only, or a full disk.",
            hint="Set report-dir to a directory that this user can write to.",
        )
