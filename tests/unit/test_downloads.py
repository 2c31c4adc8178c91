import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kore_gate.reports import write


@pytest.mark.parametrize(
    ("link", "ending"),
    [
        ("https://files.example/results.csv?sig=1", "csv"),
        ("https://files.example/Results.XLSX", "xlsx"),
        ("https://files.example/results.tar.gz#top", "gz"),
        ("https://files.example/x?clientfilename=results.json", "json"),
        ("https://files.example/x.csv?clientfilename=results", "csv"),
        ("https://files.example/x.csv?clientfilename=results.json", "json"),
        ("https://files.example/results", "bin"),
        ("https://files.example/v1.0/results", "bin"),
        ("https://files.example/results.c%2Fsv", "bin"),
        ("https://files.example/results.äöü", "bin"),
        ("https://files.example/results.csv/", "bin"),
        ("https://files.example", "bin"),
    ],
)
def test_name__ending(link: str, ending: str) -> None:
    """A results file keeps the ending its link gives, where that is a plain one."""
    assert write.name("Banking / loans", link) == f"kore-results-Banking---loans.{ending}"


def test_name__taken() -> None:
    """Two suites never share a file, also where upper and lower case are one."""
    taken = {"kore-results-a.csv", "kore-results-a-2.csv"}

    assert write.name("A", "https://files.example/x.csv", taken) == "kore-results-A-3.csv"


@given(suite=st.text(), path=st.text())
def test_name__any_text(suite: str, path: str) -> None:
    """No suite and no link lead out of the directory."""
    made = write.name(suite, f"https://files.example/{path}")

    assert re.fullmatch(r"kore-results-[\w.-]+\.[a-z0-9]{1,8}", made)
    assert len(made.encode()) < 255
