import json
import os
import pathlib
import shutil
from collections.abc import Callable

import pytest

from kore_gate import text
from kore_gate.simulator import scenarios
from tests.container.conftest import client as client
from tests.container.conftest import engine as engine
from tests.container.conftest import serve as serve

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "kore-gate" / "examples"

Need = Callable[[object, str], None]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what starts containers, and skip it unless it is asked for."""
    for item in items:
        if HERE in item.path.parents and "engine" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.container)
            item.add_marker(pytest.mark.timeout(300))
            if not config.getoption("--run-container"):
                item.add_marker(pytest.mark.skip(reason="builds the image: --run-container"))


@pytest.fixture(scope="session")
def need() -> Need:
    """Skip what asks for a tool that is not installed; fail instead where all of them are required."""

    def check(there: object, what: str) -> None:
        if there:
            return
        said = f"not installed, so not tried: {what} (see script/examples)"
        if os.environ.get("KORE_GATE_REQUIRE_EXAMPLES") == "1":
            pytest.fail(said)
        pytest.skip(said)

    return check


@pytest.fixture(scope="session")
def node(need: Need) -> str:
    """Name a Node.js that is new enough for the packages."""
    brought = CACHE / "node_modules" / "node" / "bin" / "node"
    found = str(brought) if brought.is_file() else shutil.which("node")
    need(found, "Node.js 22")
    return str(found)


@pytest.fixture(scope="session")
def package(need: Need) -> Callable[[str], pathlib.Path]:
    """Find a file of the npm packages that are installed for these tests."""

    def find(name: str) -> pathlib.Path:
        path = CACHE / "node_modules" / name
        need(path.is_file(), name)
        return path

    return find


@pytest.fixture
def checkout(tmp_path: pathlib.Path) -> pathlib.Path:
    """Make a repository with suite files, and the script that some examples call."""
    root = tmp_path / "checkout"
    suites = root / "tests" / "conversations"
    suites.mkdir(parents=True)
    for suite in scenarios.demo_suites():
        path = suites / f"{text.file_name(suite['name'])}.json"
        path.write_text(json.dumps(suite, indent=2), encoding="utf-8")
    (root / "ci").mkdir()
    shutil.copy(ROOT / "examples" / "docker" / "run.sh", root / "ci" / "kore-gate.sh")
    return root
