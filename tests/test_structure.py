"""The rooms of the design: who may import whom, and what is not imported before it is needed."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import networkx as nx
import pytest

import nassurrogate

CONSOLE = "nassurrogate.cli"
COMMAND_LINE = (CONSOLE, "nassurrogate.__main__")
"""The command line may import every room."""
KIT = "nassurrogate.testing"
"""The contract suites ask of every room, too; no room imports them."""
TOP = ("console", "kit")
PUBLIC = {"nassurrogate.benchmarks", "nassurrogate.benchmarks.oracle"}
"""What a search may import of the benchmarks: the names in `__all__`, and the oracle that stands in for a surrogate."""
MOST_FILES, MOST_LINES = 15, 400
"""Modules in a folder, `__init__` apart, and lines in a file; more are usually two ideas."""
HEAVY = {"torch", "pandas", "pyarrow", "optuna", "matplotlib", "lightgbm", "networkx", "sklearn", "scipy"}


def _folders() -> dict[str, Path]:
    rooms = ("nassurrogate", "nassurrogate.search", "nassurrogate.benchmarks")
    specs = {room: importlib.util.find_spec(room) for room in rooms}
    return {room: Path(spec.origin).parent for room, spec in specs.items() if spec is not None and spec.origin}


def _modules() -> dict[str, Path]:
    """Every module of the installed packages by its dotted name; in a wheel one folder lies in the other."""
    found: dict[str, Path] = {}
    for room, folder in _folders().items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            found[".".join((room, *parts)).removesuffix(".__init__")] = path
    return found


MODULES = _modules()


def _imports(module: str, *, of_types: bool = True) -> Iterator[tuple[str, int]]:
    """Absolute names of everything a module imports, anywhere in it, with the line; or not for types alone."""
    path = MODULES[module]
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in _nodes(ast.parse(path.read_text(encoding="utf-8")), of_types=of_types):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            yield source, node.lineno
            yield from ((f"{source}.{alias.name}", node.lineno) for alias in node.names)


def _nodes(tree: ast.AST, *, of_types: bool) -> Iterator[ast.AST]:
    """All nodes of a tree; or without what stands under `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        if of_types or not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield node
            yield from _nodes(node, of_types=of_types)


def _imported(module: str) -> set[str]:
    """The modules of ours that a module imports, anywhere in it."""
    found = {name for name, _ in _imports(module, of_types=False) if name in MODULES and name != module}
    # `from package import module` is of the module; to import a module runs its package, but needs nothing of it.
    return found - {name for name in found if any(other.startswith(f"{name}.") for other in found)}


IMPORTED = {module: _imported(module) for module in MODULES}


def _room(module: str) -> str:
    if module in COMMAND_LINE or module.startswith(tuple(f"{part}." for part in COMMAND_LINE)):
        return "console"
    if module == KIT or module.startswith(f"{KIT}."):
        return "kit"
    for room in ("search", "benchmarks"):
        if module == f"nassurrogate.{room}" or module.startswith(f"nassurrogate.{room}."):
            return room
    return "core"


def _in_room(room: str) -> list[str]:
    return [module for module in MODULES if _room(module) == room]


def test_all_rooms_are_found() -> None:
    assert set(_folders()) == {"nassurrogate", "nassurrogate.search", "nassurrogate.benchmarks"}
    assert "nassurrogate.graphs.canonical" in _in_room("core")
    assert "nassurrogate.benchmarks.tabular.table" in _in_room("benchmarks")


@pytest.mark.parametrize("module", _in_room("core"))
def test_core_imports_neither_search_nor_benchmarks(module: str) -> None:
    assert [(name, line) for name, line in _imports(module) if _room(name) in ("search", "benchmarks", *TOP)] == []


@pytest.mark.parametrize("module", _in_room("benchmarks"))
def test_benchmarks_do_not_import_search(module: str) -> None:
    assert [(name, line) for name, line in _imports(module) if _room(name) in ("search", *TOP)] == []


@pytest.mark.parametrize("module", _in_room("search"))
def test_search_knows_benchmarks_by_their_public_names(module: str) -> None:
    public = {f"{name}.{export}" for name in PUBLIC for export in _exports(name)} | PUBLIC
    taken = [(name, line) for name, line in _imports(module) if _room(name) in ("benchmarks", *TOP)]
    assert [(name, line) for name, line in taken if name not in public] == []


def _exports(module: str) -> list[str]:
    loaded = importlib.import_module(module)
    return getattr(loaded, "__all__", None) or [name for name in vars(loaded) if not name.startswith("_")]


def test_nothing_imports_in_a_circle() -> None:
    """Imports inside functions count; those that only a type checker makes do not."""
    graph = nx.DiGraph((module, name) for module, found in IMPORTED.items() for name in found)
    assert "nassurrogate.architecture" in graph
    assert _circles(graph) == []


@pytest.mark.parametrize("folder", sorted({name.rpartition(".")[0] for name in MODULES if "." in name}))
def test_parts_of_a_folder_import_in_one_direction(folder: str) -> None:
    """The folders and modules in a folder, each as a whole: which of two rooms is below the other is never in doubt."""
    inside = {module: found for module, found in IMPORTED.items() if _is_in(folder, module)}
    edges = {
        (_part(folder, module), _part(folder, name))
        for module, found in inside.items()
        for name in found
        if _is_in(folder, name)
    }
    assert _circles(nx.DiGraph([(part, other) for part, other in edges if part != other])) == []


def _is_in(folder: str, module: str) -> bool:
    return module == folder or module.startswith(f"{folder}.")


def _part(folder: str, module: str) -> str:
    """The folder or module in a folder that a module belongs to."""
    return "__init__" if module == folder else module.removeprefix(f"{folder}.").split(".")[0]


def _circles(graph: nx.DiGraph) -> list[list[str]]:
    return [sorted(circle) for circle in nx.strongly_connected_components(graph) if len(circle) > 1]


def test_no_folder_is_crowded() -> None:
    """Of the packages, the tests and, in a checkout, the examples."""
    checkout = Path(__file__).parents[1]
    places = [*_folders().values(), checkout / "tests", checkout / "examples"]
    # In a wheel one place lies in another.
    paths = {path.resolve() for place in places for path in place.rglob("*.py") if path.name != "__init__.py"}
    files = Counter(path.parent for path in paths)
    assert {str(folder): n for folder, n in files.items() if n > MOST_FILES} == {}


def test_no_file_is_long() -> None:
    paths = [*MODULES.values(), *Path(__file__).parent.rglob("*.py")]
    lines = {str(path): path.read_text(encoding="utf-8").count("\n") for path in paths}
    assert {path: n for path, n in lines.items() if n > MOST_LINES} == {}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_rooms_are_imported_under_the_name_of_the_package(module: str) -> None:
    tops = {name.split(".")[0] for name, _ in _imports(module)}
    assert not tops & {"search", "benchmarks", "tests"}


def _loaded_by(statement: str, tmp_path: Path) -> set[str]:
    script = f"import sys\n{statement}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module", ["nassurrogate", "nassurrogate.spaces", "nassurrogate.search", "nassurrogate.benchmarks", CONSOLE]
)
def test_importing_a_room_loads_nothing_heavy(module: str, tmp_path: Path) -> None:
    assert _loaded_by(f"import {module}", tmp_path) & HEAVY == set()


def test_cells_need_nothing_heavy(tmp_path: Path) -> None:
    assert _loaded_by("import nassurrogate; nassurrogate.get_space('nb201').parse(0).key", tmp_path) & HEAVY == set()


def test_public_names_are_there() -> None:
    for name in nassurrogate.__all__:
        assert getattr(nassurrogate, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = nassurrogate.nonsense
    assert (_folders()["nassurrogate"] / "py.typed").is_file()
