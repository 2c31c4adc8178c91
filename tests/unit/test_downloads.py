import pytest

from kore_gate.reports import downloads

LINKS = {
    "by its path": ("https://kore.example/media/f-1.csv?e=1", "csv"),
    "by the name for the client": ("https://kore.example/media?clientfilename=results.JSON&s=1", "json"),
    "the client's name without an ending": ("https://kore.example/f.zip?clientfilename=results", "zip"),
    "no ending": ("https://kore.example/media/f-1", "bin"),
    "an ending that is none": ("https://kore.example/f.c%2Fsv/x.y-z", "bin"),
    "too long": ("https://kore.example/f.abcdefghi", "bin"),
}


@pytest.mark.parametrize(("link", "ending"), LINKS.values(), ids=LINKS)
def test_name__ending(link: str, ending: str) -> None:
    """A results file has the ending that its link gives it, where that is a plain one."""
    assert downloads.name("A b/c", link) == f"kore-results-A-b-c.{ending}"


def test_name__taken() -> None:
    """No file overwrites another, even where upper and lower case are one."""
    taken = {"kore-results-a.csv", "kore-results-a-2.csv"}

    assert downloads.name("A", "https://kore.example/f.csv", taken) == "kore-results-A-3.csv"
