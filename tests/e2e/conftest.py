import contextlib
import pathlib
import re
import subprocess
import sysconfig
import venv
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.program import ROOT, Program, read_until


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Make a Python whose processes import this tree, whatever tree the tests' own environment was installed for."""
    folder = tmp_path_factory.mktemp("python")
    venv.create(folder, symlinks=True)
    program = str(folder / "bin" / "python")
    places = {"base": str(folder), "platbase": str(folder)}
    own = pathlib.Path(sysconfig.get_path("purelib", vars=places))
    # The second line brings the libraries, and coverage's start.
    libraries = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})"
    (own / "tree.pth").write_text(f"{ROOT}\n{libraries}\n", encoding="utf-8")
    imported = subprocess.run(
        [program, "-I", "-c", "import kore_gate; print(kore_gate.__file__)"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert pathlib.Path(imported).is_relative_to(ROOT), f"the processes would test another tree: {imported}"
    return program


@pytest.fixture
def gate(python: str, tmp_path: pathlib.Path) -> Iterator[Program]:
    """Return the program, its working directory a fresh one."""
    with contextlib.ExitStack() as processes:
        yield Program(python, tmp_path, processes)


@pytest.fixture(scope="module")
def serve(python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Serve a scenario from a process of its own; the same one for every test that asks alike."""
    served: dict[tuple[str, float], str] = {}
    with contextlib.ExitStack() as processes:
        program = Program(python, tmp_path_factory.mktemp("simulators"), processes)

        def start(scenario: str, job_seconds: float = 0.3) -> str:
            key = (scenario, job_seconds)
            if key not in served:
                words = ("--scenario", scenario, "--port", "0", "--job-seconds", str(job_seconds))
                line = read_until(program.start("simulate", *words), "is running on")
                served[key] = re.findall(r"http://127\.0\.0\.1:\d+", line)[0]
            return served[key]

        yield start
