import dataclasses
from pathlib import Path
from typing import Any

import junitparser
import pytest
import xmlschema
from junit2htmlreport import parser as junit2html
from lxml import etree

from kore_gate.errors import Ending
from kore_gate.model import replace
from kore_gate.reports import junit
from tests import builders, strict
from tests.consumers.samples import SAMPLES, Numbers

SCHEMAS = Path(__file__).parents[2].parent / "shared" / "schemas"


def _file(folder: Path, name: str) -> Path:
    return folder / f"TEST-kore-{name}.xml"


NUMBERS = {name: sample.numbers for name, sample in SAMPLES.items()}


def test_lxml__counts(folder: Path) -> None:
    """A strict parse by libxml2 finds our counts, in the elements and in what the suite states."""
    tags = {"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}
    suites = {name: etree.parse(_file(folder, name)).getroot()[0] for name in SAMPLES}

    elements = {name: {key: len(list(suite.iter(tag))) for key, tag in tags.items()} for name, suite in suites.items()}
    stated = {name: {key: int(suite.get(key, "")) for key in tags} for name, suite in suites.items()}

    assert elements == {name: dataclasses.asdict(numbers) for name, numbers in NUMBERS.items()}
    assert stated == elements


def test_xmlschema__valid(folder: Path) -> None:
    """The strict dialect is valid against the schemas of Ant and of Jenkins' xUnit plugin."""
    if not SCHEMAS.is_dir():
        pytest.skip("no ../shared/schemas: the rules of tests/strict.py were checked instead")

    for schema in (SCHEMAS / "ant-JUnit.xsd", SCHEMAS / "jenkins-junit-10.xsd"):
        for name in SAMPLES:
            if "strict" in name:
                xmlschema.XMLSchema(schema).validate(_file(folder, name))
                etree.XMLSchema(etree.parse(schema)).assertValid(etree.parse(_file(folder, name)))


def test_strict__no_offences(folder: Path) -> None:
    """The strict dialect keeps the rules that both schemas have in common."""
    offences = {name: strict.offences(_file(folder, name).read_bytes()) for name in SAMPLES if "strict" in name}

    assert offences == {name: [] for name in offences}
    assert len(offences) == 11


def test_junitparser__counts(folder: Path) -> None:
    """What publish-unit-test-result-action reads with finds our counts, and each test case once."""
    suites = {name: list[Any](junitparser.JUnitXml.fromfile(str(_file(folder, name))))[0] for name in SAMPLES}

    assert {name: _stated(suite) for name, suite in suites.items()} == NUMBERS
    assert {name: _counted(suite) for name, suite in suites.items()} == NUMBERS
    results = [result for suite in suites.values() for case in suite for result in case.result]
    assert all(result.message.strip() and result.text.strip() for result in results)


def _stated(suite: Any) -> Numbers:
    return Numbers(tests=suite.tests, failures=suite.failures, errors=suite.errors, skipped=suite.skipped)


def _counted(suite: Any) -> Numbers:
    results = [type(result).__name__ for case in suite for result in case.result]
    return Numbers(
        tests=len({(case.classname, case.name) for case in suite}),
        failures=results.count("Failure"),
        errors=results.count("Error"),
        skipped=results.count("Skipped"),
    )


def test_junit2html__counts(folder: Path) -> None:
    """junit2html, which knows no errors apart from failures, finds our counts and can make a page of the file."""
    read = {name: junit2html.Junit(str(_file(folder, name))) for name in SAMPLES}

    assert {
        name: (len(suite.all()), len(suite.failed()), len(suite.skipped()))
        for name, report in read.items()
        for suite in report.suites
    } == {
        name: (numbers.tests, numbers.failures + numbers.errors, numbers.skipped) for name, numbers in NUMBERS.items()
    }
    assert all("</html>" in report.html() for report in read.values())


def test_junitparser__folder(tmp_path: Path) -> None:
    """A reader that adds up a folder finds each of three suites that timed out as a test case of its own."""
    late = builders.make_result(Ending.TIMED_OUT, suite=None)
    suites = (late, replace(late, key="ds-2"), replace(late, key="ds-3", name="Loans"))
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
