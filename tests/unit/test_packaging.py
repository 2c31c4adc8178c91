import importlib.metadata
import pathlib
import re
import subprocess
import sys
import tomllib
import zipfile

import pytest
import yaml

import kore_gate
from kore_gate.reports import result
from tests import builders

ROOT = pathlib.Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
BASE_IMAGE = "python:3.13-slim-trixie@sha256:9d2e5553305c7c7b0097999bb17187c69b921ccd6bc9d40e4bb5ebe652c00285"
LOCKS = sorted(path.name for path in ROOT.glob("requirements*.lock"))
WORKFLOWS = sorted(path.name for path in (ROOT / ".github/workflows").glob("*.yml"))


def instructions(name: str) -> list[str]:
    """Return the arguments of each such instruction of the Dockerfile, continued lines joined."""
    joined = re.sub(r"\\\n", " ", DOCKERFILE)
    return re.findall(rf"^{name}\s+(.*)$", joined, flags=re.MULTILINE)


def pins(lock: str) -> dict[str, list[str]]:
    """Return what a lock file pins: each `name==version` line's name with its hashes."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / lock).read_text(encoding="utf-8").splitlines():
        if pinned := re.match(r"([a-z0-9-]+)==", line):
            found[pinned[1]] = []
        elif digest := re.match(r"    --hash=sha256:([0-9a-f]{64})", line):
            found[[*found][-1]].append(digest[1])
    return found


def requirement(text: str) -> str:
    """Return the normalised name that a requirement begins with."""
    named = re.match(r"[A-Za-z0-9._-]+", text)
    assert named
    return re.sub(r"[-_.]+", "-", named[0]).lower()


def test_dockerfile__version() -> None:
    """The image's label names the package's version."""
    assert f"VERSION={kore_gate.__version__}" in instructions("ARG")


def test_dockerfile__base_image() -> None:
    """Every stage builds on the one base image, by digest, and it can be replaced."""
    assert instructions("ARG")[0] == f"BASE_IMAGE={BASE_IMAGE}"
    assert instructions("FROM") == ["${BASE_IMAGE} AS build", "${BASE_IMAGE}"]


def test_dockerfile__entrypoint() -> None:
    """The entrypoint is in exec form, absolute, and isolated from the user's checkout."""
    assert instructions("ENTRYPOINT") == ['["/opt/kore_gate/venv/bin/python", "-Iu", "/opt/kore_gate/entrypoint.py"]']


@pytest.mark.parametrize("name", ["USER", "HEALTHCHECK", "VOLUME", "ONBUILD", "SHELL", "CMD"])
def test_dockerfile__leaves_out(name: str) -> None:
    """CI systems choose the user, the folder and the command themselves."""
    assert instructions(name) == []


@pytest.mark.parametrize("syntax", ["# syntax=", "--mount", "<<", "--chmod", "--link"])
def test_dockerfile__classic_builder(syntax: str) -> None:
    """Nothing in it needs BuildKit."""
    assert syntax not in DOCKERFILE


@pytest.mark.parametrize("lock", LOCKS)
def test_lock__hashes(lock: str) -> None:
    """Each pinned package has its hashes."""
    locked = pins(lock)

    assert locked
    assert [name for name, hashes in locked.items() if not hashes] == []


def test_lock__complete() -> None:
    """The locks pin what pyproject.toml asks for, and the extra's lock differs only by the extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    needed = {requirement(text) for text in project["project"]["dependencies"]}
    extra = {requirement(text) for text in project["project"]["optional-dependencies"]["rsa"]}
    backend = {requirement(text) for text in project["build-system"]["requires"]}

    plain, rsa, build = (pins(f"requirements{part}.lock") for part in ("", "-rsa", "-build"))

    assert needed <= plain.keys()
    assert not extra & plain.keys()
    assert extra <= rsa.keys()
    assert plain.items() <= rsa.items()
    assert backend <= build.keys()


def test_package__version() -> None:
    """What is installed says the version that the code says."""
    assert importlib.metadata.version("kore-gate") == kore_gate.__version__


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflow__pinned(name: str) -> None:
    """Every action is pinned by its full commit hash, with the version beside it."""
    text = (ROOT / ".github/workflows" / name).read_text(encoding="utf-8")
    used = [line.split("uses:")[1].strip() for line in text.splitlines() if "uses:" in line]

    foreign = [action for action in used if not action.startswith("./")]

    assert foreign
    assert [action for action in foreign if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", action)] == []


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflow__permissions(name: str) -> None:
    """No job gets a permission it does not name, and no checkout keeps its credentials."""
    workflow = yaml.safe_load((ROOT / ".github/workflows" / name).read_text(encoding="utf-8"))

    steps = [step for job in workflow["jobs"].values() for step in job.get("steps", [])]
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]

    assert workflow["permissions"] == {}
    assert all("permissions" in job for job in workflow["jobs"].values())
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Build the wheel with this environment's tools, and unpack it."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    how = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert how.returncode == 0, how.stderr
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder / "package")
    return folder / "package"


RENDER = """
import sys
import jinja2
from kore_gate.reports import html, result, summary
if sys.argv[2] == "compiled":
    jinja2.Environment.compile = None  # who needs it now fails
call, _ = result.load(open(sys.argv[1], "rb").read())
sys.stdout.buffer.write(html.__file__.encode() + b"\\n" + html.render(call) + summary.render(call).encode())
"""


def test_wheel__compiled_templates(wheel: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """The wheel renders with the modules it holds, without compiling, and writes the same bytes as the checkout."""
    saved = tmp_path / "kore-result.json"
    saved.write_bytes(result.render(builders.make_call(builders.make_result())))
    pages = []
    for package, kind in ((wheel, "compiled"), (ROOT, "source")):
        script = [sys.executable, "-c", RENDER, str(saved), kind]
        how = subprocess.run(script, env={"PYTHONPATH": str(package)}, cwd=tmp_path, capture_output=True, check=False)
        assert how.returncode == 0, how.stderr
        place, _, page = how.stdout.partition(b"\n")
        assert place.decode() == str(package / "kore_gate" / "reports" / "html.py")
        pages.append(page)

    assert pages[0] == pages[1]
    assert b"<html" in pages[0]
