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
from tests.needs import need

ROOT = pathlib.Path(__file__).parents[2]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "kore-gate" / "examples"


@pytest.fixture(scope="session")
def node() -> str:
    """Name a Node.js that is new enough for the packages."""
    brought = CACHE / "node_modules" / "node" / "bin" / "node"
    found = str(brought) if brought.is_file() else shutil.which("node")
    need(found, "Node.js 22", "script/examples")
    return str(found)


@pytest.fixture(scope="session")
def package() -> Callable[[str], pathlib.Path]:
    """Find a file of the npm packages that are installed for these tests."""

    def find(name: str) -> pathlib.Path:
        path = CACHE / "node_modules" / name
        need(path.is_file(), name, "script/examples")
        return path

    return find


@pytest.fixture
def checkout(tmp_path: pathlib.Path) -> pathlib.Path:
    """Make a repository with suite files, and the script that some examples call."""
    root = tmp_path / "checkout"
    suites = root / "tests" / "conversations"
    suites.mkdir(parents=True)
    for suite in scenarios.DEMO_SUITES:
        path = suites / f"{text.file_name(suite['name'])}.json"
        path.write_text(json.dumps(suite, indent=2), encoding="utf-8")
    (root / "ci").mkdir()
    shutil.copy(ROOT / "examples" / "docker" / "run.sh", root / "ci" / "kore-gate.sh")
    return root
