"""The house has five rooms and one direction; these tests walk the imports and hold it to that."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("teachers", "judge", "distill", "workbench", "ui")
MAY_IMPORT = {
    "teachers": {"teachers"},
    "judge": {"judge"},
    "distill": {"distill"},
    "workbench": {"workbench", "teachers", "judge", "distill"},
    "ui": {"ui", "workbench"},
}
HEAVY = ("torch", "z3", "cvc5", "streamlit", "transformers", "trl", "peft", "pandas", "sqlmodel")


def sources(room: str) -> Iterator[Path]:
    return (path for path in (ROOT / room).rglob("*.py") if "__pycache__" not in path.parts)


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.AST, *, top_level_only: bool = False) -> Iterator[str]:
    """Yield the dotted names that a module imports, skipping ``if TYPE_CHECKING`` blocks."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            todo.extend(node.orelse)
        elif top_level_only and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        else:
            todo.extend(ast.iter_child_nodes(node))


def violations(room: str, text: str, where: str) -> list[str]:
    return [
        f"{where} imports {name}"
        for name in imported(ast.parse(text))
        if name.split(".")[0] in ROOMS and name.split(".")[0] not in MAY_IMPORT[room]
    ]


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_only_in_the_allowed_direction(room: str) -> None:
    found = [
        line
        for path in sources(room)
        for line in violations(room, path.read_text("utf-8"), str(path.relative_to(ROOT)))
    ]
    assert found == []


def test_the_direction_check_sees_a_wrong_import_even_inside_a_function() -> None:
    seeded = "def f():\n    from workbench.store import tables\n"
    assert violations("judge", seeded, "seeded.py") != []


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the import circles between modules (strongly connected components of two or more)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            component = []
            while True:
                component.append(stack.pop())
                if component[-1] == node:
                    break
            if len(component) > 1:
                found.append(sorted(component))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def test_no_circles_between_files() -> None:
    modules = {module_name(path): path for room in ROOMS for path in sources(room)}
    graph: dict[str, set[str]] = {}
    for name, path in modules.items():
        if path.name == "__init__.py":
            continue  # a front door re-exports what is behind it
        tree = ast.parse(path.read_text("utf-8"))
        graph[name] = {
            other
            for other in imported(tree, top_level_only=True)
            if other in modules and other != name and modules[other].name != "__init__.py"
        }
    assert cycles(graph) == []


def test_the_circle_check_sees_a_circle() -> None:
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def loaded_by(*command: str) -> set[str]:
    """Return the heavy libraries that a fresh interpreter has loaded after ``command``."""
    code = (
        "import sys\n"
        f"sys.argv = ['workbench', *{list(command[1:])!r}]\n"
        "try:\n"
        f"    {command[0]}\n"
        "except SystemExit:\n"
        "    pass\n"
        f"print('LOADED', *[name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.rsplit("LOADED", 1)[1].split())


@pytest.mark.parametrize(
    "command",
    [
        ("import workbench",),
        ("import teachers",),
        ("import judge",),
        ("import distill",),
        ("from workbench.cli import main; main()", "--help"),
    ],
    ids=lambda command: " ".join(command),
)
def test_front_doors_stay_light(command: tuple[str, ...]) -> None:
    assert loaded_by(*command) == set()


def test_the_weight_check_sees_a_heavy_import() -> None:
    assert loaded_by("import sqlmodel") == {"sqlmodel"}
