import dataclasses
import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.consumers.samples import SAMPLES
from tests.needs import need

LIBRARIES = ("-ractive_support", "-rnokogiri")


@pytest.fixture(scope="session")
def counts(folder: Path) -> Mapping[str, Mapping[str, int]]:
    """Let Hash.from_xml read all samples."""
    ruby = shutil.which("ruby")
    need(ruby, "Ruby", "script/consumers")
    libraries = subprocess.run([str(ruby), *LIBRARIES, "-e", ""], capture_output=True, check=False, timeout=60)
    need(libraries.returncode == 0, "Ruby's ActiveSupport and Nokogiri", "script/consumers")
    command = [str(ruby), "-W0", str(Path(__file__).parent / "read.rb"), *map(str, sorted(folder.glob("*.xml")))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    answer: dict[str, dict[str, int]] = json.loads(done.stdout)
    return answer


def test_ruby__counts(counts: Mapping[str, Mapping[str, int]]) -> None:
    """What GitLab reads with finds our counts, a text in every result, no test case twice, and no attachment."""
    assert counts == {
        f"TEST-kore-{name}.xml": {
            **dataclasses.asdict(sample.numbers),
            "told": sample.numbers.failures + sample.numbers.errors + sample.numbers.skipped,
            "attachments": 0,
            "names": sample.numbers.tests,
        }
        for name, sample in SAMPLES.items()
    }
