import dataclasses
import pathlib
import shutil

import docker
import pytest

import kore_gate
from tests.container.conftest import build
from tests.container.containers import ROOT, Engine, Serve, folder, mounts, settings
from tests.reports import Reports

MEGABYTE = 1000 * 1000


def test_image__configuration(engine: Engine) -> None:
    """The image starts the gate by an absolute command, as whoever the CI system chooses, and says what it is."""
    image = engine.client.images.get(engine.image)

    configuration = image.attrs["Config"]

    assert configuration["Entrypoint"] == ["/opt/kore_gate/venv/bin/python", "-Iu", "/opt/kore_gate/entrypoint.py"]
    assert configuration["User"] == ""
    assert configuration["WorkingDir"] in ("", "/")
    assert configuration.get("Healthcheck") is None
    assert image.labels["org.opencontainers.image.version"] == kore_gate.__version__
    assert image.labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert {"title", "description", "source", "documentation", "base.name"} <= {
        label.removeprefix("org.opencontainers.image.") for label in image.labels
    }


def test_image__size(engine: Engine, client: docker.DockerClient) -> None:
    """What we add to the base image stays small."""
    image = client.images.get(engine.image)
    base = client.images.get(image.labels["org.opencontainers.image.base.name"])

    # 10 MB, and 4 MB of bytecode of the standard library where the base has none.
    assert (image.attrs["Size"] - base.attrs["Size"]) / MEGABYTE < 15


def test_image__release_changes_one_layer(engine: Engine, tmp_path: pathlib.Path) -> None:
    """Another version of the gate changes the last layer alone: machines that have this image fetch a megabyte."""
    for name in ("Dockerfile", ".dockerignore", "hatch_build.py", "entrypoint.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    for path in (ROOT / "LICENSE", *ROOT.glob("requirements*.lock")):
        shutil.copy(path, tmp_path)
    shutil.copytree(ROOT / "kore_gate", tmp_path / "kore_gate", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "kore_gate" / "__init__.py").write_text('__version__ = "99.0.0"\n', encoding="utf-8")
    tag = f"{engine.image}-next"

    build(engine.client, tag, tmp_path, VERSION="99.0.0")
    ours, theirs = (engine.client.images.get(name).attrs["RootFS"]["Layers"] for name in (engine.image, tag))
    said = dataclasses.replace(engine, image=tag).run("--version").out
    engine.client.images.remove(tag, force=True)

    assert said == "kore_gate 99.0.0\n"
    assert ours[:-1] == theirs[:-1]
    assert ours[-1] != theirs[-1]


PLAY = """
import os, sys
from kore_gate import cli
code = cli.main(["demo", "--scenario=failing-tests", "--report-dir=/tmp/reports"])
cached = [(name, getattr(module, "__cached__", None)) for name, module in sys.modules.items()]
print(*sorted(name for name, path in cached if path and not os.path.exists(path)))
sys.exit(code)
"""


def test_image__bytecode(engine: Engine) -> None:
    """A whole demo finds the bytecode of every module it needs: nothing is compiled at a start."""
    how = engine.run("/opt/kore_gate/venv/bin/python", "-IBc", PLAY)

    assert (how.code, how.out.strip()) == (1, ""), how.err


def test_image__compiled_templates(engine: Engine) -> None:
    """The pages' templates are in the image as modules, and the gate takes them from there."""
    script = "from kore_gate.reports import html; print(type(html.environment().loader).__name__)"

    assert engine.run("/opt/kore_gate/venv/bin/python", "-Ic", script).out == "ModuleLoader\n"


def test_image__demo_on_a_terminal(engine: Engine, workspace: pathlib.Path) -> None:
    """On a terminal there are bars and colours, and every report is written; it can be rendered again."""
    place = {"volumes": mounts(workspace=workspace), "working_dir": "/github/workspace"}

    how = engine.run("demo", "--scenario=failing-tests", tty=True, environment={"TERM": "xterm-256color"}, **place)
    names = Reports(workspace / "junit-reports").names
    again = engine.run("report", "junit-reports/kore-result.json", "--report-dir=again", **place)

    assert how.code == 1, how.out
    assert "\x1b[31m" in how.out
    assert "\u2501" in how.out  # what bars are drawn with
    assert {"kore-result.json", "kore-report.html", "kore-summary.md"} < set(names)
    assert again.code == 0, again.err
    assert Reports(workspace / "again").names == names


def test_image__doctor(engine: Engine, serve: Serve) -> None:
    """The doctor's whole examination works."""
    how = engine.run("doctor", environment=settings(*serve()))

    assert how.code == 0, how.err
    assert "Verdict: passed." in how.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_image__completion(engine: Engine, shell: str) -> None:
    """The script for a shell's completion is printed."""
    how = engine.run("completion", shell)

    assert how.code == 0, how.err
    assert "junit-granularity" in how.out


BREAK = """
from kore_gate import cli
cli._completion = lambda shell: 1 / 0
raise SystemExit(cli.main(["completion", "bash", "--verbose=true"]))
"""


def test_image__bug(engine: Engine) -> None:
    """A bug ends with its stack trace, where that is asked for, and with its own exit code."""
    how = engine.run("/opt/kore_gate/venv/bin/python", "-Ic", BREAK)

    assert how.code == 70
    assert "debug: ZeroDivisionError" in how.err
    assert how.last_words[1].startswith("Exit code: 70")


def test_image__leaves_no_tools(engine: Engine) -> None:
    """The environment holds the gate and what it needs: no installer, no build tool."""
    how = engine.run(
        "/opt/kore_gate/venv/bin/python",
        "-Ic",
        "import importlib.metadata as m, sys; print(*(one.name for one in m.distributions(path=sys.path[-1:])))",
    )

    installed = how.out.lower().split()
    assert {"kore-gate", "httpx"} <= set(installed)
    unused = {"pip", "setuptools", "hatchling", "cryptography", "pygments", "markdown-it-py", "mdurl"}
    assert not unused & set(installed)


def test_image__extra_rsa(engine_with_rsa: Engine) -> None:
    """A build with the extra brings the library that RS256 needs, and it loads."""
    how = engine_with_rsa.run(
        "/opt/kore_gate/venv/bin/python", "-Ic", "import jwt; print('RS256' in jwt.algorithms.get_default_algorithms())"
    )

    assert (how.code, how.out.strip()) == (0, "True")


@pytest.mark.parametrize("user", ["0:0", "1234:1234"])
def test_image__every_file_can_be_read(engine: Engine, user: str) -> None:
    """The gate's files belong to root, and any user can read them and change none."""
    how = engine.run(
        "sh", "-c", "find /opt/kore_gate ! -type l '(' ! -user root -o ! -perm -444 -o -perm /022 ')' -print", user=user
    )

    assert (how.code, how.out, how.err) == (0, "", "")


@pytest.mark.parametrize("name", ["kore-gate", "/usr/local/bin/kore-gate"])
def test_image__command_in_a_shell(engine: Engine, name: str) -> None:
    """A script in the container finds the gate by its name."""
    how = engine.run("sh", "-c", f"{name} --version")

    assert how.code == 0
    assert kore_gate.__version__ in how.out + how.err


@pytest.mark.parametrize(
    ("command", "said"),
    [
        pytest.param(["sh", "-c", "echo from sh"], "from sh\n", id="sh"),
        pytest.param(["bash", "-c", "echo from bash"], "from bash\n", id="bash"),
        pytest.param(["cat", "/opt/kore_gate/venv/.gitignore"], "# Created by venv", id="cat"),
        pytest.param(["/bin/echo", "absolute"], "absolute\n", id="absolute"),
    ],
)
@pytest.mark.parametrize("path", [None, "utter-nonsense"], ids=["path", "nonsense"])
def test_image__programs_get_through(engine: Engine, command: list[str], said: str, path: str | None) -> None:
    """A first argument that is a program is run instead of the gate, whatever PATH says."""
    how = engine.run(*command, environment={"PATH": path} if path else {})

    assert how.code == 0
    assert how.out.startswith(said)


def test_image__program_gets_ordinary_signals(engine: Engine) -> None:
    """A program started through the gate's door is not deaf to a broken pipe, which Python is."""
    how = engine.run("sh", "-c", "grep '^SigIgn:' /proc/self/status")

    assert int(how.out.split()[1], 16) == 0


def test_image__script_on_stdin(engine: Engine) -> None:
    """A shell in the image reads a script from its standard input."""
    how = engine.talk("echo from the script\nexit 3\n", "sh")

    assert (how.code, how.out) == (3, "from the script\n")


@pytest.mark.parametrize("name", ["no-such-command", "./kore-gate"])
def test_image__unknown_command(engine: Engine, name: str) -> None:
    """What is neither a command nor a program is a usage error of the gate."""
    how = engine.run(name)

    assert how.code == 2
    assert name in how.err


def test_image__steps_down_before_a_program(engine: Engine, tmp_path: pathlib.Path) -> None:
    """Root becomes the owner of the place for reports: user, group, and no other groups."""
    workspace = folder(tmp_path / "workspace")
    facts = workspace.stat()

    how = engine.run(
        "sh",
        "-c",
        "id -u; id -g; id -G",
        volumes={str(workspace): {"bind": "/work", "mode": "rw"}},
        working_dir="/work",
    )

    assert how.out.split() == [str(facts.st_uid), str(facts.st_gid), str(facts.st_gid)]


def test_image__cannot_step_down(engine: Engine, workspace: pathlib.Path) -> None:
    """Root without capabilities can't become anyone else, and goes on."""
    how = engine.run(
        "sh",
        "-c",
        "id -u",
        volumes={str(workspace): {"bind": "/work", "mode": "rw"}},
        working_dir="/work",
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
    )

    assert how.out.split() == ["0"]
