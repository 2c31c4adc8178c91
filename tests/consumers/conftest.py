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
