import os
import pathlib
import shutil
import subprocess
import sys

import pytest
import yaml

from tests.container.containers import ROOT
from tests.needs import need

IMAGE = f"ghcr.io/your-org/kore_gate@sha256:{'0123456789abcdef' * 4}"
PINNED = f"  image: docker://{IMAGE}"
ACTION = (ROOT / "action.yml").read_text(encoding="utf-8")


@pytest.fixture
def checkout(tmp_path: pathlib.Path) -> pathlib.Path:
    """Copy what the release changes, and with what."""
    root = tmp_path / "checkout"
    (root / "script").mkdir(parents=True)
    shutil.copy(ROOT / "script" / "pin-image", root / "script")
    shutil.copy(ROOT / "action.yml", root)
    return root


def pin(checkout: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Call the script."""
    command = [str(checkout / "script" / "pin-image"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_pin_image__one_line(checkout: pathlib.Path) -> None:
    """The action runs the image, and nothing else of it changes; pinned again, the other image takes its place."""
    expected = [PINNED if line.startswith("  image: ") else line for line in ACTION.splitlines()]

    assert pin(checkout, IMAGE.replace("0123", "4567")).returncode == 0
    assert pin(checkout, IMAGE).returncode == 0

    pinned = (checkout / "action.yml").read_text(encoding="utf-8")
    assert pinned == "\n".join(expected) + "\n"
    assert yaml.safe_load(pinned)["runs"] == {"using": "docker", "image": f"docker://{IMAGE}"}


@pytest.mark.parametrize(
    "command",
    [
        ("check-jsonschema", "--builtin-schema=vendor.github-actions"),
        ("zizmor", "--offline", "--no-progress"),
    ],
    ids=lambda command: command[0],
)
def test_pin_image__is_valid(checkout: pathlib.Path, command: tuple[str, ...]) -> None:
    """The action that runs the image holds GitHub's schema and has no weakness that zizmor knows."""
    beside = pathlib.Path(sys.executable).with_name(command[0])
    program = str(beside) if beside.is_file() else shutil.which(command[0])
    need(program, command[0], "script/examples")
    pin(checkout, IMAGE)

    done = subprocess.run(
        [str(program), *command[1:], checkout / "action.yml"], capture_output=True, text=True, check=False, timeout=100
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("",),
        ("Dockerfile",),
        ("ghcr.io/your-org/kore_gate:0.1.0",),
        (IMAGE[:-1],),
        (IMAGE + "0",),
        (IMAGE.replace("abcdef", "ABCDEF"),),
        (IMAGE.replace("sha256", "md5"),),
        (IMAGE.replace("ghcr.io/", ""),),
        (IMAGE.replace("your-org", "your|org"),),
        (IMAGE.replace("your-org", "your&org"),),
        ("docker://" + IMAGE,),
        (IMAGE + "\n  entrypoint: sh",),
        ("x\n" + IMAGE,),
    ],
)
def test_pin_image__malformed(checkout: pathlib.Path, arguments: tuple[str, ...]) -> None:
    """What is not an image with its digest is refused, and the action stays as it was."""
    done = pin(checkout, *arguments)

    assert done.returncode == 2
    assert "is not an image with its digest" in done.stderr
    assert (checkout / "action.yml").read_text(encoding="utf-8") == ACTION


@pytest.mark.parametrize("line", ["", "  image: a\n  image: b\n"], ids=["none", "two"])
def test_pin_image__unclear_place(checkout: pathlib.Path, line: str) -> None:
    """An action without a single place for the image is left alone."""
    action = f"runs:\n  using: docker\n{line}"
    (checkout / "action.yml").write_text(action, encoding="utf-8")

    assert pin(checkout, IMAGE).returncode == 2

    assert (checkout / "action.yml").read_text(encoding="utf-8") == action


def git(folder: pathlib.Path, *words: str) -> str:
    """Run Git, away from the settings of whoever runs the tests."""
    environ = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", "-c", "user.name=Tester", "-c", "user.email=tester@example.com", *words]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


def test_release__tag(checkout: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """The workflow's own commands tag a child of the released commit in which one line differs, once and for all."""
    need(shutil.which("git"), "git", "your system's package")
    workflow = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))
    (step,) = [step for step in workflow["jobs"]["tag"]["steps"] if step.get("name") == "Commit and tag"]
    git(tmp_path, "init", "--quiet", "--bare", "owner/repository")
    git(checkout, "init", "--quiet", "--initial-branch=main")
    git(checkout, "add", ".")
    git(checkout, "commit", "--quiet", "--message=Released")
    released = git(checkout, "rev-parse", "HEAD")
    git(checkout, "push", "--quiet", str(tmp_path / "owner/repository"), "main")

    def tag(image: str) -> int:
        environ = {
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GITHUB_SERVER_URL": f"file://{tmp_path}",
            "GITHUB_REPOSITORY": "owner/repository",
            **dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), "1700000000 +0000"),
            "GH_TOKEN": "none",
            "IMAGE": image,
            "TAG": "v1.2.3",
        }
        git(checkout, "reset", "--quiet", "--hard", released)
        command = ["bash", "-eo", "pipefail", "-c", step["run"]]
        return subprocess.run(
            command, cwd=checkout, env=environ, capture_output=True, check=False, timeout=60
        ).returncode

    assert tag(IMAGE) == 0
    assert tag(IMAGE) == 0, "the job can be started anew"
    assert tag(IMAGE.replace("0123", "4567")) != 0, "a tag never moves"

    remote = tmp_path / "owner/repository"
    assert git(remote, "rev-parse", "main") == released
    assert git(remote, "rev-parse", "v1.2.3^") == released
    assert git(remote, "diff", "--name-only", "main", "v1.2.3") == "action.yml"
    assert PINNED in git(remote, "show", "v1.2.3:action.yml").splitlines()
    assert set(step["env"]) == {"GH_TOKEN", "IMAGE", "TAG", "GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"}
