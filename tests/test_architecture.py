"""Floors and homes: which module may import which, and where each library lives."""

import ast
import dataclasses
import pathlib
import sys
from collections.abc import Iterator

import pytest

PACKAGE = pathlib.Path(__file__).parents[1] / "kore_gate"

# A module imports from lower floors only; `name/*` is a package folder, whose modules share their floor and import
# each other without going round in a circle. A new module gets its floor here first: below everything that needs it,
# above everything it needs.
FLOORS = (
    # Ground: errors with their exit codes, time, and the doors for foreign text.
    ("__init__", "clock", "errors", "text"),
    # Facts; what the caller wants; Kore.ai in a box.
    ("model", "settings/*", "simulator/*"),
    # The two outer worlds: Kore.ai's API, and the CI system.
    ("kore/*", "ci/*"),
    # Suites as tasks: wait and judge.
    ("gate/*",),
    # What people and machines read.
    ("reports/*",),
    # Whole commands.
    ("commands/*",),
    # The process: arguments, environment, signals, exit.
    ("cli",),
    ("__main__",),
)

# Where a library may be imported: anywhere in the file, lazily and for types alone as well. One home makes it
# replaceable, or keeps what it does to the world in one place.
HOMES = {
    "argparse": {"cli"},
    "httpx": {"kore/transport"},
    "jinja2": {"reports/html"},
    "junit_xml": {"reports/junit"},
    "jwt": {"kore/auth", "simulator/service"},
    "markupsafe": {"reports/html"},
    "msgspec": {"reports/result"},
    "os": {"cli", "__main__"},
    "rich": {"reports/console"},
    "signal": {"cli", "__main__"},
    "socket": {"commands/doctor", "simulator/server"},
    "subprocess": {"ci/outputs"},
    "ssl": {"kore/transport", "simulator/server"},
    "sys": {"cli", "__main__", "simulator/server"},
    "tenacity": {"kore/retries", "gate/poller"},
    "time": {"clock"},
}

# Imports for types alone, which no running program sees, each with its reason.
TYPES_ONLY = {
    ("commands/gate", "httpx"): "hands a transport on to kore/transport: where the tests put their fake",
    ("commands/doctor", "httpx"): "likewise, and is shown answers by a hook to look at their TLS",
}

VAGUE = {"base", "common", "core", "helper", "helpers", "lib", "manager", "misc", "shared", "util", "utils"}


@dataclasses.dataclass(frozen=True)
class Import:
    """One import of one module."""

    of: str
    line: int
    types_only: bool


def name_of(path: pathlib.Path) -> str:
    """Return a module's name as the tables have it: `settings`, `kore/client`, `kore/__init__`."""
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


SOURCES = {name_of(path): path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}


def imports(source: str) -> Iterator[Import]:
    """Find every import in a module, lazy ones too; one of our own is named as the tables do, with `/` in front."""
    tree = ast.parse(source)
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for part in node.body
        for inner in ast.walk(part)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in found:
            yield Import(of=_known_as(name), line=node.lineno, types_only=node in for_types)


def _known_as(name: str) -> str:
    """Turn `kore_gate.kore.client.Client` into `/kore/client`, and `rich.table` into `rich`."""
    first, *rest = name.split(".")
    if first != "kore_gate":
        return first
    for length in range(len(rest), 0, -1):
        for candidate in ("/".join(rest[:length]), "/".join([*rest[:length], "__init__"])):
            if candidate in SOURCES:
                return f"/{candidate}"
    return "/__init__"


def floor_of(module: str) -> int | None:
    """Return the floor of a module, None where the table has none."""
    folder = f"{module.rpartition('/')[0]}/*"
    return next((number for number, names in enumerate(FLOORS) if module in names or folder in names), None)


def same_folder(one: str, other: str) -> bool:
    """Tell whether two modules are in the same package folder."""
    return "/" in one and one.rpartition("/")[0] == other.rpartition("/")[0]


def wrong_ways(module: str, source: str) -> list[str]:
    """List a module's imports that don't point down."""
    own = floor_of(module)
    assert own is not None
    found = []
    for each in imports(source):
        target = each.of.removeprefix("/")
        if each.of == target or same_folder(module, target):
            continue
        floor = floor_of(target)
        if floor is None or floor >= own:
            found.append(f"{module}:{each.line} (floor {own}) imports {target} (floor {floor})")
    return found


def away_from_home(module: str, source: str) -> list[str]:
    """List a module's imports of libraries that live elsewhere."""
    found = []
    for each in imports(source):
        homes = HOMES.get(each.of)
        excused = each.types_only and (module, each.of) in TYPES_ONLY
        if homes is not None and module not in homes and not excused:
            found.append(f"{module}:{each.line} imports {each.of}, whose home is {', '.join(sorted(homes))}")
    return found


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Return modules that import each other in a circle, if there is one."""
    done: set[str] = set()

    def visit(module: str, path: list[str]) -> list[str]:
        if module in path:
            return [*path[path.index(module) :], module]
        if module in done:
            return []
        for target in sorted(graph.get(module, ())):
            if found := visit(target, [*path, module]):
                return found
        done.add(module)
        return []

    return next((found for module in sorted(graph) if (found := visit(module, []))), [])


@pytest.mark.parametrize("module", SOURCES)
def test_module__has_a_floor(module: str) -> None:
    """Each module has its place in the table of floors."""
    assert floor_of(module) is not None, (
        f"kore_gate/{module}.py has no floor. Put it into FLOORS in tests/test_architecture.py: "
        "below everything that needs it, above everything it needs."
    )


@pytest.mark.parametrize("module", SOURCES)
def test_module__imports_point_down(module: str) -> None:
    """Imports point to strictly lower floors, or to a neighbour in the same package folder."""
    assert wrong_ways(module, SOURCES[module]) == []


@pytest.mark.parametrize("module", SOURCES)
def test_module__libraries_at_home(module: str) -> None:
    """Each library is imported in its home only."""
    assert away_from_home(module, SOURCES[module]) == []


def test_package__no_circle() -> None:
    """Neighbours in a package folder import each other in one direction."""
    graph = {
        module: {each.of.removeprefix("/") for each in imports(source) if each.of.startswith("/")}
        for module, source in SOURCES.items()
    }

    assert circle(graph) == []


def test_package__reports_and_kore_do_not_meet() -> None:
    """What Kore.ai says reaches the reports through the model alone."""
    folders = {"kore": "reports", "reports": "kore", "ci": "kore"}

    met = [
        f"{module}:{each.line}"
        for module, source in SOURCES.items()
        for each in imports(source)
        if each.of.startswith(f"/{folders.get(module.partition('/')[0], '-')}/")
    ]

    assert met == []


def test_package__libraries_have_homes() -> None:
    """Each library that is not Python's own has a home, and no home stands empty."""
    used = {each.of for source in SOURCES.values() for each in imports(source)}
    foreign = {name for name in used if not name.startswith("/")} - sys.stdlib_module_names

    assert foreign <= set(HOMES)
    assert set(HOMES) <= used


def test_tables__up_to_date() -> None:
    """The tables name no module that is gone, and none twice."""
    placed = [name for floor in FLOORS for name in floor]
    folders = {f"{module.rpartition('/')[0]}/*" for module in SOURCES if "/" in module}
    single = {module for module in SOURCES if "/" not in module}
    real = {(module, each.of) for module, source in SOURCES.items() for each in imports(source) if each.types_only}

    assert sorted(placed) == sorted(single | folders)
    assert set().union(*HOMES.values()) <= SOURCES.keys()
    assert TYPES_ONLY.keys() <= real


@pytest.mark.parametrize("module", SOURCES)
def test_module__prints_nothing(module: str) -> None:
    """Only the console prints, and nobody below the command line ends the process."""
    called = {ast.unparse(node.func) for node in ast.walk(ast.parse(SOURCES[module])) if isinstance(node, ast.Call)}

    allowed = {"reports/console": {"print"}, "__main__": {"os._exit"}, "cli": {"os._exit"}}.get(module, set())

    assert called & {"print", "input", "exit", "quit", "sys.exit", "os._exit"} <= allowed


@pytest.mark.parametrize("module", SOURCES)
def test_module__runs_the_loop_nowhere_else(module: str) -> None:
    """The command line alone starts the event loop."""
    assert ("asyncio.run(" in SOURCES[module]) is (module == "cli")


@pytest.mark.parametrize("module", SOURCES)
def test_module__named_after_its_matter(module: str) -> None:
    """No module is named after being useful."""
    assert not VAGUE & set(module.replace("_", "/").split("/"))


@pytest.mark.parametrize(
    ("module", "source", "wrong"),
    [
        ("gate/runner", "from kore_gate.model import Result", []),
        (
            "ci/outputs",
            "from kore_gate import errors\nfrom kore_gate.gate import verdict",
            ["ci/outputs:2 (floor 2) imports gate/verdict (floor 3)"],
        ),
        ("model", "def f():\n    import kore_gate.cli", ["model:2 (floor 1) imports cli (floor 6)"]),
        ("model", "from kore_gate.settings import options", ["model:1 (floor 1) imports settings/options (floor 1)"]),
        ("kore/client", "from kore_gate.kore import auth", []),
        ("kore/client", "from kore_gate.ci import outputs", ["kore/client:1 (floor 2) imports ci/outputs (floor 2)"]),
        ("clock", "from kore_gate import __version__", ["clock:1 (floor 0) imports __init__ (floor 0)"]),
    ],
)
def test_wrong_ways(module: str, source: str, wrong: list[str]) -> None:
    """An import that points up, or sideways out of its folder, is found wherever it stands."""
    assert wrong_ways(module, source) == wrong


@pytest.mark.parametrize(
    ("module", "source", "wrong"),
    [
        ("kore/transport", "import httpx", []),
        (
            "gate/runner",
            "def f():\n    import httpx",
            ["gate/runner:2 imports httpx, whose home is kore/transport"],
        ),
        ("cli", "from rich.table import Table", ["cli:1 imports rich, whose home is reports/console"]),
        ("commands/gate", "if TYPE_CHECKING:\n    import httpx", []),
        (
            "commands/gate",
            "import httpx",
            ["commands/gate:1 imports httpx, whose home is kore/transport"],
        ),
        (
            "gate/runner",
            "if TYPE_CHECKING:\n    import jwt",
            ["gate/runner:2 imports jwt, whose home is kore/auth, simulator/service"],
        ),
        ("gate/runner", "import asyncio, json", []),
    ],
)
def test_away_from_home(module: str, source: str, wrong: list[str]) -> None:
    """A library outside its home is found, lazily imported or for types; only what is excused is passed over."""
    assert away_from_home(module, source) == wrong


def test_circle() -> None:
    """A circle is found, and a mere fork is none."""
    assert circle({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set()}) == []
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
