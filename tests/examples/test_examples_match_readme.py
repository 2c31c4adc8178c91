import re

import pytest

from tests.container.containers import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = [block.strip() for block in re.findall(r"^```\w*\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)]


@pytest.mark.parametrize("file", ["github/conversation-tests.yml", "gitlab/.gitlab-ci.yml"], ids=str)
def test_readme__shows_the_file(file: str) -> None:
    """What the README shows for a CI system is the file that the tests execute."""
    shown = (ROOT / "examples" / file).read_text(encoding="utf-8").strip()

    assert shown in BLOCKS


def test_readme__links_every_example() -> None:
    """No example is there that the README does not lead to; GitHub's it shows as a whole."""
    folders = {path.name for path in (ROOT / "examples").iterdir()} - {"github"}

    assert [name for name in folders if f"examples/{name}/" not in README] == []


def test_readme__is_short() -> None:
    """The README is read in one go; everything else is in docs/."""
    assert len(README.splitlines()) <= 250


def test_readme__links_lead_somewhere() -> None:
    """Every file that the README links to exists."""
    targets = set(re.findall(r"\]\((?!https?:|#)([^)#]+)", README))

    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_readme__anchors_lead_somewhere() -> None:
    """Every section that the README links to exists."""
    headings = re.findall(r"^#+ (.*)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}

    assert set(re.findall(r"\]\(#([^)]+)\)", README)) - anchors == set()


def test_readme__pictures() -> None:
    """Each picture the README shows is there, small, and loads nothing from elsewhere."""
    pictures = [ROOT / path for path in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)]

    assert [path.name for path in pictures] == ["page.png", "terminal.svg"]
    assert all(path.stat().st_size <= 60_000 for path in pictures)
    svg = (ROOT / "docs" / "terminal.svg").read_text(encoding="utf-8")
    assert not re.search(r"@import|url\((?!#)|href=|<script|<image", svg)
