import dataclasses
import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.consumers.samples import SAMPLES

LIBRARIES = ("-ractive_support", "-rnokogiri")


@pytest.fixture(scope="session")
def found(need: Callable[[object, str], None], folder: Path) -> Mapping[str, Mapping[str, int]]:
    """Let Hash.from_xml read all samples."""
    ruby = shutil.which("ruby")
    need(ruby, "Ruby")
    there = subprocess.run([str(ruby), *LIBRARIES, "-e", ""], capture_output=True, check=False, timeout=60)
    need(there.returncode == 0, "Ruby's ActiveSupport and Nokogiri")
    command = [str(ruby), "-W0", str(Path(__file__).parent / "read.rb"), *map(str, sorted(folder.glob("*.xml")))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    answer: dict[str, dict[str, int]] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("name", SAMPLES)
def test_ruby__counts(found: Mapping[str, Mapping[str, int]], name: str) -> None:
    """What GitLab reads with finds our counts, a text in every result, no test case twice, and no attachment."""
    wanted = SAMPLES[name].numbers

    assert found[f"TEST-kore-{name}.xml"] == {
        **dataclasses.asdict(wanted),
        "told": wanted.failures + wanted.errors + wanted.skipped,
        "attachments": 0,
        "names": wanted.tests,
    }
