"""What is said, and to whom, when a report can't be made or written."""

import dataclasses
import json
import pathlib

import pytest

from kore_gate.reports import html
from tests.fakes.pipeline import Pipeline
from tests.fakes.runners import github_outputs


def test_failure__is_told_to_everyone(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that can't be made is 8 in the exit code, the outputs, the result and the summary alike."""

    def fail(*_: object) -> bytes:
        raise KeyError("no such part")

    monkeypatch.setattr(html, "render", fail)
    pipeline = Pipeline(tmp_path / "reports", ci="github")
    output = tmp_path / "output"
    pipeline.context = dataclasses.replace(pipeline.context, output_file=str(output))

    ended = pipeline.run()

    assert ended.code == 8
    assert "kore-report.html could not be created: KeyError" in ended.stderr
    told = github_outputs(output.read_text())
    assert (told["verdict"], told["exit-code"]) == ("error", "8")
    saved = json.loads((ended.reports / "kore-result.json").read_text())
    assert saved["verdict"]["message"].startswith("1 report could not be written; otherwise: Import: accepted")
    assert "1 report could not be written" in (ended.reports / "kore-summary.md").read_text()
    assert list(ended.reports.glob("TEST-kore-*.xml"))


def test_failure__of_the_output_file(tmp_path: pathlib.Path) -> None:
    """Outputs that can't be handed over are 8 as well: a later job would go on without them."""
    pipeline = Pipeline(tmp_path / "reports", ci="github")
    pipeline.context = dataclasses.replace(pipeline.context, output_file=str(tmp_path))

    ended = pipeline.run()

    assert ended.code == 8
    assert json.loads((ended.reports / "kore-result.json").read_text())["verdict"]["exit_code"] == 8


def test_failure__is_graver_than_a_failed_test(tmp_path: pathlib.Path) -> None:
    """What could not be reported counts before what was, and does not hide it."""
    pipeline = Pipeline(tmp_path / "reports", scenario="failing", ci="github")
    pipeline.context = dataclasses.replace(pipeline.context, summary_file=str(tmp_path))

    ended = pipeline.run()

    assert ended.code == 8
    assert "otherwise: Import: Kore.ai ended the job with FAILURE" in ended.stderr
