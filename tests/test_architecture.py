"""Floors and homes: which module may import which, and where each library lives."""

import ast
import dataclasses
import pathlib
import sys
from collections.abc import Iterable, Iterator

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
    "msgspec": {"model", "reports/result"},
    "os": {"cli", "__main__"},
    "rich": {"reports/console"},
    "shtab": {"cli"},
    "signal": {"cli", "__main__"},
    "socket": {"commands/doctor", "kore/transport", "simulator/server"},
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


def imports(tree: ast.AST) -> Iterator[Import]:
    """Find every import in a module, lazy ones too; one of our own is named as the tables do, with `/` in front."""
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for part in node.body
        for inner in ast.walk(part)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            yield Import(of=_known_as(name), line=node.lineno, types_only=node in for_types)


TREES = {module: ast.parse(source) for module, source in SOURCES.items()}
IMPORTS = {module: tuple(imports(tree)) for module, tree in TREES.items()}


def floor_of(module: str) -> int | None:
    """Return the floor of a module, None where the table has none."""
    folder = f"{module.rpartition('/')[0]}/*"
    return next((number for number, names in enumerate(FLOORS) if module in names or folder in names), None)


def same_folder(one: str, other: str) -> bool:
    """Tell whether two modules are in the same package folder."""
    return "/" in one and one.rpartition("/")[0] == other.rpartition("/")[0]


def wrong_ways(module: str, imported: Iterable[Import]) -> list[str]:
    """List a module's imports that don't point down."""
    own = floor_of(module)
    assert own is not None
    offences = []
    for each in imported:
        target = each.of.removeprefix("/")
        if each.of == target or same_folder(module, target):
            continue
        floor = floor_of(target)
        if floor is None or floor >= own:
            offences.append(f"{module}:{each.line} (floor {own}) imports {target} (floor {floor})")
    return offences


def away_from_home(module: str, imported: Iterable[Import]) -> list[str]:
    """List a module's imports of libraries that live elsewhere."""
    offences = []
    for each in imported:
        homes = HOMES.get(each.of)
        excused = each.types_only and (module, each.of) in TYPES_ONLY
        if homes is not None and module not in homes and not excused:
            offences.append(f"{module}:{each.line} imports {each.of}, whose home is {', '.join(sorted(homes))}")
    return offences


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Return modules that import each other in a circle, if there is one."""
    done: set[str] = set()

    def visit(module: str, path: list[str]) -> list[str]:
        if module in path:
            return [*path[path.index(module) :], module]
        if module in done:
            return []
        for target in sorted(graph.get(module, ())):
            if way := visit(target, [*path, module]):
                return way
        done.add(module)
        return []

    return next((way for module in sorted(graph) if (way := visit(module, []))), [])


def test_modules__have_a_floor() -> None:
    """Each module has its place in FLOORS: below everything that needs it, above everything it needs."""
    assert [module for module in SOURCES if floor_of(module) is None] == []


def test_modules__imports_point_down() -> None:
    """Imports point to strictly lower floors, or to a neighbour in the same package folder."""
    placed = {module: imported for module, imported in IMPORTS.items() if floor_of(module) is not None}

    assert [offence for module, imported in placed.items() for offence in wrong_ways(module, imported)] == []


def test_modules__libraries_at_home() -> None:
    """Each library is imported in its home only."""
    assert [offence for module, imported in IMPORTS.items() for offence in away_from_home(module, imported)] == []


def test_package__no_circle() -> None:
    """Neighbours in a package folder import each other in one direction."""
    graph = {
        module: {each.of.removeprefix("/") for each in imported if each.of.startswith("/")}
        for module, imported in IMPORTS.items()
    }

    assert circle(graph) == []


def test_package__reports_and_kore_do_not_meet() -> None:
    """What Kore.ai says reaches the reports through the model alone."""
    folders = {"kore": "reports", "reports": "kore", "ci": "kore"}

    met = [
        f"{module}:{each.line}"
        for module, imported in IMPORTS.items()
        for each in imported
        if each.of.startswith(f"/{folders.get(module.partition('/')[0], '-')}/")
    ]

    assert met == []


def test_package__libraries_have_homes() -> None:
    """Each library that is not Python's own has a home, and no home stands empty."""
    used = {each.of for imported in IMPORTS.values() for each in imported}
    foreign = {name for name in used if not name.startswith("/")} - sys.stdlib_module_names

    assert foreign <= set(HOMES)
    assert set(HOMES) <= used


def test_package__can_be_overlooked() -> None:
    """The tree stays small: twelve entries at the top, fifty modules, eight floors."""
    entries = {path.name for path in PACKAGE.iterdir()} - {"__init__.py", "__main__.py", "py.typed", "__pycache__"}
    modules = [module for module in SOURCES if not module.endswith("__init__")]

    assert len(entries) <= 12, sorted(entries)
    assert len(modules) <= 50, modules
    assert len(FLOORS) <= 8


def test_tables__up_to_date() -> None:
    """The tables name no module that is gone, and none twice."""
    placed = [name for floor in FLOORS for name in floor]
    folders = {f"{module.rpartition('/')[0]}/*" for module in SOURCES if "/" in module}
    single = {module for module in SOURCES if "/" not in module}
    real = {(module, each.of) for module, imported in IMPORTS.items() for each in imported if each.types_only}

    assert sorted(placed) == sorted(single | folders)
    assert set().union(*HOMES.values()) <= SOURCES.keys()
    assert TYPES_ONLY.keys() <= real


def test_modules__print_nothing() -> None:
    """Only the console prints, and nobody below the command line ends the process."""
    ends = {"print", "input", "exit", "quit", "sys.exit", "os._exit"}
    allowed = {("reports/console", "print"), ("__main__", "os._exit"), ("cli", "os._exit")}
    calls = {
        (module, ast.unparse(node.func))
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    }

    assert {call for call in calls if call[1] in ends} - allowed == set()


def test_modules__one_event_loop() -> None:
    """The command line alone starts the event loop."""
    assert [module for module, source in SOURCES.items() if "asyncio.run(" in source] == ["cli"]


def test_modules__named_after_their_matter() -> None:
    """No module is named after being useful."""
    assert [module for module in SOURCES if VAGUE & set(module.replace("_", "/").split("/"))] == []


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
    assert wrong_ways(module, imports(ast.parse(source))) == wrong


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
    assert away_from_home(module, imports(ast.parse(source))) == wrong


def test_circle() -> None:
    """A circle is found, and a mere fork is none."""
    assert circle({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set()}) == []
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
