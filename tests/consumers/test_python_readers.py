import dataclasses
from pathlib import Path
from typing import Any

import junitparser
import pytest
import xmlschema
from junit2htmlreport import parser as junit2html
from lxml import etree

from kore_gate.errors import Ending
from kore_gate.reports import junit
from tests import builders
from tests.consumers.samples import SAMPLES, Numbers

SCHEMAS = Path(__file__).parents[2].parent / "shared" / "schemas"


def _file(folder: Path, name: str) -> Path:
    return folder / f"TEST-kore-{name}.xml"


@pytest.mark.parametrize("name", SAMPLES)
def test_lxml__counts(folder: Path, name: str) -> None:
    """A strict parse by libxml2 finds our counts, in the elements and in what the suite states."""
    root = etree.parse(_file(folder, name)).getroot()

    (suite,) = root
    tags = {"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}
    found = {key: len(list(suite.iter(tag))) for key, tag in tags.items()}
    assert found == dataclasses.asdict(SAMPLES[name].numbers)
    assert {key: int(suite.get(key, "")) for key in tags} == found


@pytest.mark.parametrize("name", [name for name in SAMPLES if "strict" in name])
@pytest.mark.parametrize("schema", ["ant-JUnit.xsd", "jenkins-junit-10.xsd"])
def test_xmlschema__valid(folder: Path, name: str, schema: str) -> None:
    """The strict dialect is valid against the schemas of Ant and of Jenkins' xUnit plugin."""
    if not SCHEMAS.is_dir():
        pytest.skip(f"no schemas in {SCHEMAS}: the strict dialect was not validated")

    xmlschema.XMLSchema(SCHEMAS / schema).validate(_file(folder, name))

    etree.XMLSchema(etree.parse(SCHEMAS / schema)).assertValid(etree.parse(_file(folder, name)))


@pytest.mark.parametrize("name", SAMPLES)
def test_junitparser__counts(folder: Path, name: str) -> None:
    """What publish-unit-test-result-action reads with finds our counts, and each test case once."""
    (suite,) = list[Any](junitparser.JUnitXml.fromfile(str(_file(folder, name))))

    stated = Numbers(tests=suite.tests, failures=suite.failures, errors=suite.errors, skipped=suite.skipped)
    assert stated == SAMPLES[name].numbers
    cases: list[Any] = list(suite)
    results = [type(result).__name__ for case in cases for result in case.result]
    assert (
        Numbers(
            tests=len({(case.classname, case.name) for case in cases}),
            failures=results.count("Failure"),
            errors=results.count("Error"),
            skipped=results.count("Skipped"),
        )
        == stated
    )
    assert all(result.message.strip() and result.text.strip() for case in cases for result in case.result)


@pytest.mark.parametrize("name", SAMPLES)
def test_junit2html__counts(folder: Path, name: str) -> None:
    """junit2html finds our counts and can make a page of the file."""
    read = junit2html.Junit(str(_file(folder, name)))

    (suite,) = read.suites
    found = Numbers(
        tests=len(suite.all()),
        failures=len(suite.failed()),
        errors=0,
        skipped=len(suite.skipped()),
    )
    wanted = SAMPLES[name].numbers
    assert found == dataclasses.replace(wanted, failures=wanted.failures + wanted.errors, errors=0)
    assert "</html>" in read.html()


def test_junitparser__folder(tmp_path: Path) -> None:
    """A reader that adds up a folder finds each of three suites that timed out as a test case of its own."""
    late = builders.make_result(Ending.TIMED_OUT, suite=None)
    suites = (late, dataclasses.replace(late, key="ds-2"), dataclasses.replace(late, key="ds-3", name="Loans"))
    call = builders.make_call(*suites)
    for number, suite in enumerate(suites):
        (tmp_path / f"TEST-kore-{number}.xml").write_bytes(junit.render(suite, call))

    files = [junitparser.JUnitXml.fromfile(str(path)) for path in sorted(tmp_path.iterdir())]
    cases: list[Any] = [case for file in files for suite in list[Any](file) for case in suite]

    assert [(case.classname, case.name) for case in cases] == [
        ("kore_gate.import", "import succeeds: Banking regression"),
        ("kore_gate.import", "import succeeds: Banking regression #2"),
        ("kore_gate.import", "import succeeds: Loans"),
    ]
