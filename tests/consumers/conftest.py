import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.consumers import samples


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write all samples into a folder, under the names that the gate would give them."""
    folder = tmp_path_factory.mktemp("junit-reports")
    for name, sample in samples.SAMPLES.items():
        sample.write(folder, name)
    return folder


@pytest.fixture(scope="session")
def need() -> Callable[[object, str], None]:
    """Skip what asks for a reader that is not installed; fail instead where all of them are required."""

    def check(there: object, what: str) -> None:
        if there:
            return
        said = f"not installed, so not tried: {what} (see script/consumers)"
        if os.environ.get("KORE_GATE_REQUIRE_CONSUMERS") == "1":
            pytest.fail(said)
        pytest.skip(said)

    return check
