"""The rules of the strict dialect find what they should."""

import pathlib

import pytest

from tests import strict

SNAPSHOTS = pathlib.Path(__file__).parent / "snapshots" / "junit"

GOOD = """<testsuites>
<testsuite name="s" timestamp="2026-01-02T03:04:05" hostname="h" tests="2" failures="1" errors="0" skipped="1"
 time="7.345" package="kore" id="0">
<properties><property name="kore.verdict" value=""/></properties>
<testcase name="a" classname="c" time="0.000"><failure type="t" message="m">text</failure></testcase>
<testcase name="b" classname="c" time="1.5"><skipped message="m">text</skipped></testcase>
<system-out>text</system-out><system-err/>
</testsuite>
</testsuites>"""


def test_offences__none() -> None:
    """A file that keeps the rules has no offences."""
    assert strict.offences(GOOD.encode()) == []


@pytest.mark.parametrize("path", sorted(SNAPSHOTS.glob("*-strict*.xml")), ids=lambda path: path.stem)
def test_offences__snapshots(path: pathlib.Path) -> None:
    """The strict dialect's snapshots keep the rules."""
    assert strict.offences(path.read_bytes()) == []


@pytest.mark.parametrize(
    ("old", "new", "offence"),
    [
        ("<testsuites>", "<testsuites tests='2'>", "testsuites with tests"),
        ('time="1.5"', 'time="1.5" file="f"', "testcase with file"),
        (
            "<failure",
            "<properties/><failure",
            "testcase holds properties failure ",
        ),
        (
            '<testcase name="a"',
            '<system-out/><testcase name="a"',
            "testsuite holds properties system-out testcase testcase system-out system-err ",
        ),
        ("<system-err/>", "", "testsuite holds properties testcase testcase system-out "),
        ("<failure", "<error type='t'/><failure", "testcase holds error failure "),
        ("<skipped", "<skipped type='t'", "skipped with type"),
        ('<failure type="t"', "<failure", "failure without type"),
        ("03:04:05", "03:04:05Z", "testsuite/@timestamp is '2026-01-02T03:04:05Z'"),
        ("2026-01-02", "2026-13-02", "testsuite/@timestamp is '2026-13-02T03:04:05'"),
        ("7.345", "-7.3", "testsuite/@time is '-7.3'"),
        ('hostname="h"', 'hostname=" "', "testsuite/@hostname is ' '"),
        ("<properties>", "<properties>text", "properties holds text"),
        ("<system-err/>", "<system-err/><more/>", "unknown element more"),
    ],
)
def test_offences__found(old: str, new: str, offence: str) -> None:
    """Each way to break a rule is found."""
    assert offence in strict.offences(GOOD.replace(old, new, 1).encode())


def test_offences__one_each() -> None:
    """One wrong thing is one offence."""
    assert strict.offences(GOOD.replace('"t"', '"t" line="3"', 1).encode()) == ["failure with line"]


def test_offences__another_root() -> None:
    """A file that begins with another element is none of the dialect."""
    assert strict.offences(b"<testsuite/>") == ["the root is testsuite"]
