"""Odd values in Kore.ai's answers end in a note or in words, never in a crash."""

import json
import pathlib
from typing import Any

import httpx
import pytest

from kore_gate.errors import ExitCode
from tests.fakes.pipeline import Ended, Pipeline

LINKS = (
    *(f"https://kore.example:{port}/results.csv" for port in (99999, 65536, -1, 0, "x", "\u0661")),
    "https://[::1/results.csv",
    "https://exa mple/results.csv",
    "https://\ud83d.example/results.csv",
    "https://xn--zz.example/results.csv",
    "https://kore.example/?" + "&".join(f"a{number}=1" for number in range(5000)),
)


def finished(tmp_path: pathlib.Path, ci: str = "gitlab", **changes: Any) -> Ended:
    """Run a call whose answers have other values in them."""
    pipeline = Pipeline(tmp_path / "reports", ci=ci)

    def edit(_: httpx.Request, response: httpx.Response) -> httpx.Response:
        body = response.json() if response.headers["content-type"].startswith("application/json") else None
        if body is None:
            return response
        inner = {**body.get("response", {}), **changes.get("response", {})}
        return httpx.Response(response.status_code, content=json.dumps({**body, **changes, "response": inner}))

    pipeline.kore.edit = edit
    return pipeline.run()


@pytest.mark.parametrize("link", LINKS)
def test_link__any(tmp_path: pathlib.Path, link: str) -> None:
    """A link that leads nowhere is noted, and fails nothing."""
    ended = finished(tmp_path, downloadUrl=link)

    assert ended.code == 0, ended.stderr
    [suite] = ended.result.suites
    assert suite.notes or not suite.download_url


@pytest.mark.parametrize("link", LINKS[:3])
def test_link__noted(tmp_path: pathlib.Path, link: str) -> None:
    """What comes of a link with an impossible port is said."""
    ended = finished(tmp_path, downloadUrl=link)

    [note] = ended.result.suites[0].notes
    assert "could not be saved: The request cannot be sent: an invalid URL" in note


@pytest.mark.parametrize("ci", ["gitlab", "github", "azure", "none"])
def test_suite_name__half_a_character(tmp_path: pathlib.Path, ci: str) -> None:
    """Half an emoji in a suite's name and in its link breaks no file of the CI system."""
    name = "Banking \ud83d"

    ended = finished(tmp_path, ci, response={"name": name}, downloadUrl=f"https://kore.example/{name}.csv")

    assert ended.code == 0, ended.stderr
    assert ended.result.suites[0].name == name


@pytest.mark.parametrize("date", ["Fri, 31 Dec 9999 23:59:59 -2359", "Mon, 01 Jan 0001 00:00:00 +2359", "x"])
def test_date__out_of_this_world(tmp_path: pathlib.Path, date: str) -> None:
    """A clock that can't be right is not compared with, also where Kore.ai asks to wait until then."""
    pipeline = Pipeline(tmp_path / "reports")

    pipeline.kore.edit = lambda *_: httpx.Response(503, headers={"date": date, "retry-after": date})

    assert pipeline.run(timeout=60.0).code in (ExitCode.TIMED_OUT, ExitCode.UNAVAILABLE)
