"""What is written in several places says the same in all of them."""

import dataclasses
import json
import pathlib
import re
import tomllib
from typing import Any

import pytest
import yaml

import kore_gate
from kore_gate import cli, model
from kore_gate.ci import outputs
from kore_gate.errors import Ending, ExitCode
from kore_gate.model import Counts
from kore_gate.reports import result
from kore_gate.settings import options
from kore_gate.settings.options import Setting
from kore_gate.settings.sources import Settings
from tests import builders

ROOT = pathlib.Path(__file__).parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
}

COMMAND = Setting(name="command", default="wait", help="what to do")
SETTINGS = {setting.name: setting for setting in (COMMAND, *options.SETTINGS)}

# Flags of other programs that the pages speak of: docker, git, pip, pytest and this repository's own scripts.
FOREIGN_FLAGS = {
    "--build-arg", "--cap-drop", "--dry-run", "--entrypoint", "--env", "--env-file", "--fix", "--network",
    "--read-only", "--rm", "--run-browser", "--run-container", "--run-slow", "--security-opt", "--upgrade", "--user",
    "--volume", "--workdir",
}  # fmt: skip

# The names under which installed distributions are imported, where the two differ.
IMPORTED_AS = {"pyjwt": "jwt"}


def table(page: str, *header: str) -> list[list[str]]:
    """Return the rows of the table with this header."""
    head = re.escape(f"| {' | '.join(header)} |")
    found = re.search(rf"^{head}\n\|[-|: ]+\|\n((?:\|.*\|\n)+)", page, flags=re.MULTILINE)
    assert found, f"there is no table with the header {header}"
    cells = [re.split(r"(?<!\\)\|", line.strip()[1:-1]) for line in found[1].splitlines()]
    return [[cell.strip() for cell in row] for row in cells]


def names(cell: str) -> list[str]:
    """Return the names in code that a cell lists."""
    assert re.fullmatch(r"`[\w-]+`(, `[\w-]+`)*", cell), cell
    return re.findall(r"`([\w-]+)`", cell)


def code(text: str) -> str:
    """Return what is written as code, or nothing."""
    return "" if text in ("", "—") else text.strip("`")


def test_exit_codes__readme() -> None:
    """The README's table of exit codes is the code's."""
    rows = table(README, "code", "meaning")

    assert [(int(number), meaning) for number, meaning in rows] == [(code.value, code.meaning) for code in ExitCode]


def test_settings__page() -> None:
    """The table of settings has every setting once, in the catalogue's order, with its default."""
    rows = [
        (name, code(default))
        for cell, default, _ in table(PAGES["docs/settings.md"], "setting", "default", "meaning")
        for name in names(cell)
    ]

    assert rows == [(setting.name, setting.default) for setting in SETTINGS.values()]


def test_settings__page_meanings() -> None:
    """The page of settings explains every setting, and which of them are secrets."""
    rows = table(PAGES["docs/settings.md"], "setting", "default", "meaning")

    assert all(meaning for _, _, meaning in rows)
    assert [cell.strip("`") for cell, _, meaning in rows if meaning.startswith("secret")] == [
        setting.name for setting in SETTINGS.values() if setting.secret
    ]


def test_settings__page_choices() -> None:
    """Where only some words are taken, the page of settings names each of them."""
    for cell, default, meaning in table(PAGES["docs/settings.md"], "setting", "default", "meaning"):
        setting = SETTINGS[names(cell)[0]]
        if setting.parse.__qualname__.startswith("choice"):
            with pytest.raises(ValueError, match="must be one of") as refused:
                setting.parse("?")
            for choice in str(refused.value).removeprefix("must be one of ").split(", "):
                assert f"`{choice}`" in f"{default} {meaning}", setting.name


def test_settings__fields() -> None:
    """Each setting is a field of the settings, in the same order and with the same default."""
    fields = [field.name for field in dataclasses.fields(Settings)]
    defaults = Settings(command=COMMAND.default)

    assert fields == [*(setting.field for setting in SETTINGS.values()), "sources"]
    for setting in options.SETTINGS:
        if setting.default:
            assert getattr(defaults, setting.field) == setting.parse(setting.default), setting.name
        else:
            assert not getattr(defaults, setting.field), setting.name


def test_action__inputs() -> None:
    """The action has every setting as an input, in the catalogue's order, and no other."""
    assert list(ACTION["inputs"]) == list(SETTINGS)


def test_action__defaults() -> None:
    """The description of each input names the setting's default and is a sentence."""
    descriptions = {name: given["description"] for name, given in ACTION["inputs"].items()}
    defaults = {name: re.search(r"Default: `([^`]+)`\.$", text) for name, text in descriptions.items()}

    assert {name: found[1] if found else "" for name, found in defaults.items()} == {
        name: setting.default for name, setting in SETTINGS.items()
    }
    assert [name for name, text in descriptions.items() if not text.endswith(".")] == []


def test_action__no_default_of_its_own() -> None:
    """No input is required or has a default, for that would win over a variable."""
    inputs = ACTION["inputs"]

    assert [name for name, given in inputs.items() if given["required"] is not False or "default" in given] == []


def test_action__secrets() -> None:
    """Each secret's description says where it is to come from."""
    told = [name for name, given in ACTION["inputs"].items() if "pass it from a secret" in given["description"]]

    assert told == [setting.name for setting in options.SETTINGS if setting.secret]


def test_action__commands() -> None:
    """The input `command` names every command that makes sense in a workflow."""
    named = re.findall(r"`(\w+)`", ACTION["inputs"]["command"]["description"].rpartition("Default")[0])

    assert named == [name for name in options.COMMANDS if name not in ("simulate", "completion", "known-failures")]


def put_out() -> dict[str, str]:
    """Return the outputs of a call that has all of them."""
    suite = builders.make_result(download_url="https://x")
    call = builders.make_call(suite, forgiveness=model.Forgiveness(), rerun_failed=1)
    return outputs.outputs_of(call, Counts(), "junit-reports")


def test_action__outputs() -> None:
    """The action declares every output, in the order in which they are written."""
    assert list(ACTION["outputs"]) == list(put_out())
    assert all(given["description"].endswith(".") for given in ACTION["outputs"].values())


def test_outputs__page() -> None:
    """The table of outputs has every output once, in the same order."""
    listed = [name for cell, _ in table(PAGES["docs/reports.md"], "output", "what it is") for name in names(cell)]

    assert listed == list(put_out())


@pytest.mark.parametrize(
    "text",
    [ACTION["outputs"]["verdict"]["description"], PAGES["docs/reports.md"], PAGES["docs/result-schema.md"]],
    ids=["action", "reports", "schema"],
)
def test_endings__named(text: str) -> None:
    """The words of the output `verdict` are listed wherever it is explained."""
    assert ", ".join(f"`{ending}`" for ending in list(Ending)[:-1]) + f" or `{Ending.ERROR}`" in text


def test_action__runs_the_image() -> None:
    """The action is the image, with nothing between: built from a branch, prebuilt on a release's tag."""
    runs = ACTION["runs"]

    assert runs.keys() == {"using", "image"}
    assert runs["using"] == "docker"
    assert re.fullmatch(r"Dockerfile|docker://[\w.:/-]+@sha256:[0-9a-f]{64}", runs["image"])


def test_version__changelog() -> None:
    """The newest entry of the changelog is the version, or what comes after it."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.findall(r"^## \[?([^\]\s]+)\]?", changelog, flags=re.MULTILINE)[0]

    assert newest in {kore_gate.__version__, "Unreleased"}


def test_version__form() -> None:
    """The version is one that packages and images can have."""
    assert re.fullmatch(r"\d+\.\d+\.\d+", kore_gate.__version__)
    assert PROJECT["project"]["dynamic"] == ["version"]


def distributions(requirements: list[str]) -> set[str]:
    """Return the normalised names that requirements begin with."""
    found = [re.match(r"[\w.-]+", text) for text in requirements]
    return {re.sub(r"[-_.]+", "-", name[0]).lower() for name in found if name}


def test_dependencies__locked() -> None:
    """The image installs what the package declares, each at one version."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pinned = re.findall(r"^([a-z0-9-]+)==\S+", lock, flags=re.MULTILINE)

    assert distributions(PROJECT["project"]["dependencies"]) <= set(pinned)
    assert len(pinned) == len(set(pinned))


def test_dependencies__imported() -> None:
    """Nothing is installed that is not used."""
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "kore_gate").rglob("*.py")]
    used = {name for source in sources for name in re.findall(r"^ *(?:import|from) (\w+)", source, re.MULTILINE)}

    declared = distributions(PROJECT["project"]["dependencies"])

    assert {IMPORTED_AS.get(name, name.replace("-", "_")) for name in declared} <= used


def test_dockerfile__entrypoint() -> None:
    """The image starts the program itself: in exec form, by absolute paths, apart from the user's checkout."""
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    (line,) = re.findall(r"^ENTRYPOINT (.*)$", dockerfile, flags=re.MULTILINE)
    python, options, script = json.loads(line)

    assert python.startswith("/")
    assert script.startswith("/")
    assert options == "-Iu"


def test_script__entry_points() -> None:
    """The command is the module's own start."""
    assert PROJECT["project"]["scripts"] == {"kore-gate": "kore_gate.__main__:main"}


@pytest.mark.parametrize("page", PAGES)
def test_pages__flags(page: str) -> None:
    """Each flag a page names exists."""
    flags = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", PAGES[page]))
    own = {f"--{setting.name}" for setting in options.SETTINGS if not setting.secret}
    own |= {"--help", "--version", "--scenario", "--port", "--job-seconds"}

    assert flags - own <= FOREIGN_FLAGS


@pytest.mark.parametrize("page", PAGES)
def test_pages__commands(page: str) -> None:
    """Each command a page shows exists."""
    shown = re.findall(r"(?:^|[`\s])kore-gate ([a-z][\w-]*)", PAGES[page])

    assert {name for name in shown if name not in options.COMMANDS} == set()


def command_lines() -> list[str]:
    """Return the lines in the README's blocks of code that call the gate."""
    blocks = re.findall(r"```(?:sh|bash|console|shell)\n(.*?)```", README, flags=re.DOTALL)
    joined = "\n".join(blocks).replace("\\\n", " ")
    found = [line.strip().removeprefix("$ ").split("#")[0].strip() for line in joined.splitlines()]
    return [line for line in found if re.match(r"kore-gate( |$)", line)]


def test_readme__command_lines() -> None:
    """Each command line of the README can be read."""
    for line in command_lines():
        parsed = cli.parse(line.split()[1:], ("wait", "default"))
        assert (parsed.problems, parsed.error) == ([], None), line


@pytest.mark.parametrize("page", PAGES)
def test_pages__variables(page: str) -> None:
    """Each `KORE_…` variable a page names is a setting's, an output's, or its own repository's."""
    put = {f"KORE_{name.upper().replace('-', '_')}" for name in put_out()}
    known = {setting.variable for setting in SETTINGS.values()} | put
    known |= {f"{setting.variable}_FILE" for setting in options.SETTINGS if setting.secret}
    own = r"KORE_GATE_\w+|KORE_X_FILE|KORE_NAME|KORE_"

    named = set(re.findall(r"(?<!\w)KORE_[A-Z_]*", PAGES[page]))

    assert {name for name in named - known if not re.fullmatch(own, name)} == set()


@pytest.mark.parametrize("page", [*PAGES, "CHANGELOG.md", "tests/README.md", "docs/adr"])
def test_pages__links(page: str) -> None:
    """Each file and heading a page links to is there."""
    paths = sorted((ROOT / page).glob("*.md")) or [ROOT / page]
    folder = paths[0].parent
    content = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    for text, target in re.findall(r"\[([^\]]+)\]\(([^)\s]+)\)", content):
        path, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        linked = (folder / path) if path else ROOT / page
        assert linked.exists(), f"{text}: {target}"
        if anchor and linked.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), flags=re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in slugs, f"{text}: {target}"


FACTS: dict[str, Any] = {
    "Forgiveness": model.Forgiveness,
    "Verdict": model.Verdict,
    "A suite's result": model.SuiteResult,
    "Attempt": model.Attempt,
    "Part": model.Part,
    "Lint finding": model.LintFinding,
    "Counts": model.Counts,
    "Suite": model.Suite,
    "Step": model.Step,
    "Reply": model.Reply,
    "Assertion": model.Assertion,
    "Mark": model.Mark,
    "Check": model.Check,
    "Source": model.Source,
}


def documented(heading: str) -> list[str]:
    """Return the fields the page of the saved result lists under a heading."""
    part = PAGES["docs/result-schema.md"].split(f"\n## {heading}\n")[1]
    return [name for cell, *_ in table(part.split("\n## ")[0], "field", "type", "meaning") for name in names(cell)]


@pytest.mark.parametrize("heading", FACTS)
def test_schema__facts(heading: str) -> None:
    """The page of the saved result lists each field of each fact."""
    fields = [name for name in FACTS[heading].__struct_fields__ if name != "only_tests_failed"]

    expected = [*fields, "counts"] if heading == "A suite's result" else fields

    assert sorted(documented(heading)) == sorted(expected)


def test_schema__top() -> None:
    """The page of the saved result lists each field of a call, and the number of the schema."""
    saved = json.loads(result.render(builders.make_call(forgiveness=model.Forgiveness(), rerun_failed=1)))

    assert sorted(documented("The call")) == sorted(saved)
    assert f"`schema` is **{result.SCHEMA}**" in PAGES["docs/result-schema.md"]
