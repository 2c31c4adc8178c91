import re

import pytest

from tests.container.containers import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = [block.strip() for block in re.findall(r"^```\w*\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)]


@pytest.mark.parametrize(
    "file", ["github/conversation-tests.yml", "gitlab/.gitlab-ci.yml", "jenkins/Jenkinsfile"], ids=str
)
def test_readme__shows_the_file(file: str) -> None:
    """What the README shows for a CI system is the file that the tests execute."""
    shown = (ROOT / "examples" / file).read_text(encoding="utf-8").strip()

    assert shown in BLOCKS


@pytest.mark.parametrize("folder", sorted(path.name for path in (ROOT / "examples").iterdir()))
def test_readme__links_every_example(folder: str) -> None:
    """No example is there that the README does not lead to."""
    assert f"examples/{folder}/" in README or f"({folder}/" in README or folder in ("github", "jenkins")


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!https?:|#)([^)#]+)", README))))
def test_readme__links_lead_somewhere(target: str) -> None:
    """Every file that the README links to exists."""
    assert (ROOT / target).exists()


@pytest.mark.parametrize("anchor", sorted(set(re.findall(r"\]\(#([^)]+)\)", README))))
def test_readme__anchors_lead_somewhere(anchor: str) -> None:
    """Every section that the README links to exists."""
    headings = re.findall(r"^#+ (.*)$", README, re.MULTILINE)

    assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
