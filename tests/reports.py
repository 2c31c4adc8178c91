"""What one call left for people and machines to read."""

import dataclasses
import json
import pathlib
from typing import Any

from junitparser import JUnitXml

from kore_gate.errors import ExitCode


@dataclasses.dataclass(frozen=True, slots=True)
class Reports:
    """A folder of reports."""

    folder: pathlib.Path

    @property
    def names(self) -> list[str]:
        """Return the names of all files, drafts that were left behind among them."""
        return sorted(path.name for path in self.folder.iterdir())

    @property
    def result(self) -> Any:
        """Return the saved result."""
        return json.loads((self.folder / "kore-result.json").read_bytes())

    @property
    def ending(self) -> str:
        """Return the verdict's word in the saved result."""
        return str(self.result["verdict"]["ending"])

    @property
    def files(self) -> list[pathlib.Path]:
        """Return the JUnit files."""
        return sorted(self.folder.glob("TEST-kore-*.xml"))

    @property
    def junit(self) -> str:
        """Return the JUnit files' text, one after the other."""
        return "\n".join(path.read_text("utf-8") for path in self.files)

    @property
    def suites(self) -> list[Any]:
        """Return the suites of all JUnit files, as junitparser reads them."""
        return [suite for path in self.files for suite in list[Any](JUnitXml.fromfile(str(path)))]

    @property
    def red(self) -> list[bool]:
        """Tell of each suite whether its file has a failure or an error."""
        return [bool(suite.failures or suite.errors) for suite in self.suites]

    def check(self, code: ExitCode) -> None:
        """See that every report is there, and that all of them say what the exit code says."""
        result = self.result
        verdict = result["verdict"]
        assert verdict["exit_code"] == code
        assert self.red == [suite["verdict"]["exit_code"] != 0 for suite in result["suites"]] or not result["suites"]
        assert any(self.red) is (code != 0)
        assert all(suite.tests for suite in self.suites)
        assert verdict["ending"].replace("-", " ") in (self.folder / "kore-summary.md").read_text("utf-8")
        assert "</html>" in (self.folder / "kore-report.html").read_text("utf-8")
        assert sorted(result["files"]) == self.names


def check_last_lines(stderr: str, code: ExitCode) -> None:
    """See that the last two lines are the verdict and the exit code."""
    verdict, last = stderr.rstrip("\n").split("\n")[-2:]
    assert verdict.startswith("Verdict: ")
    assert last == f"Exit code: {code.value} ({code.meaning})"
