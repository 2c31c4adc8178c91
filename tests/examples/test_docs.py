import re

import pytest

from kore_gate import model
from tests.container.containers import ROOT

SCHEMA = (ROOT / "docs" / "result-schema.md").read_text(encoding="utf-8")
PAGES = [
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "tests/README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
SECTIONS = {
    "The call": model.Result,
    "Forgiveness": model.Forgiveness,
    "Verdict": model.Verdict,
    "A suite's result": model.SuiteResult,
    "Part": model.Part,
    "Lint finding": model.LintFinding,
    "Counts": model.Counts,
    "Suite": model.Suite,
    "Step": model.Step,
    "Reply": model.Reply,
    "Assertion": model.Assertion,
    "Mark": model.Mark,
    "Check": model.Check,
    "Source": model.Source,
}
# What the file has beyond the facts.
ADDED = {"The call": {"schema", "files"}, "A suite's result": {"counts"}}
# What only a running call needs.
NOT_SAVED = {"only_tests_failed"}


def _documented(section: str) -> set[str]:
    (body,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", SCHEMA, re.MULTILINE | re.DOTALL)
    return set(re.findall(r"^\| `(\w+)` \|", body, re.MULTILINE))


@pytest.mark.parametrize("section", SECTIONS)
def test_result_schema__names_every_field(section: str) -> None:
    """The page on kore-result.json has a row for each field, and none for a field that is not there."""
    fields = set(SECTIONS[section].__struct_fields__) - NOT_SAVED

    assert _documented(section) == fields | ADDED.get(section, set())


def test_pages__links_lead_somewhere() -> None:
    """Every file that a page links to exists."""
    links = [
        (page, target)
        for page in PAGES
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    ]

    assert [(page.name, target) for page, target in links if not (page.parent / target).exists()] == []


def test_decisions__are_listed() -> None:
    """The list of decisions names each of them."""
    folder = ROOT / "docs" / "adr"
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text(encoding="utf-8"))

    assert listed == sorted(path.name for path in folder.glob("[0-9]*.md"))
