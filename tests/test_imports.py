"""Rules about the source that no linter knows, each tried on a planted breach first."""

import ast
import importlib
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

ROOT = Path(__file__).resolve().parent.parent
KNOWS = {
    "records": set[str](),
    "sandbox": {"records"},
    "monitors": {"records"},
    "environments": {"records", "sandbox", "monitors"},
    "tasks": {"records", "sandbox", "monitors", "environments"},
    "agents": {"records", "sandbox", "monitors", "environments", "tasks"},
    "runner": {"records", "sandbox", "monitors", "environments", "tasks", "agents"},
    "analysis": {"records"},
    "benchmarks": {"records", "sandbox", "environments", "tasks", "analysis"},
}
"""The table of docs/design/architecture.md §2; the front door knows all of them and none of them knows it."""
FRONT_DOOR = "offswitch"
PLUGIN_FOLDERS = {
    "environments/gateways",
    "environments/mechanisms",
    "monitors/integrity",
    "monitors/protocols",
    "monitors/suspicion",
    "tasks",
}
"""Where a new file is a new plug-in, known by its file's name."""
T = TypeVar("T")
MAX_FUNCTION_LINES = 70
MAX_FILE_LINES = 400


def python_files(*folders: str) -> list[Path]:
    """Python files of root folders; what tasks put into a container is not ours."""
    found = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    return sorted(file for file in found if "world" not in file.parts and ".namespace" not in file.parts)


LIBRARY = python_files(*KNOWS, FRONT_DOOR)
EVERYTHING = LIBRARY + python_files("tests", ".ci")


def named(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def of_files(files: Iterable[Path], look: Callable[[Path], list[T]]) -> dict[str, list[T]]:
    """What a look finds, by file; a file in which it finds nothing is left out."""
    return {named(file): found for file in files if (found := look(file))}


def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(), str(file))


def absolute_imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import that is not relative, wherever it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module


def relative_imports(tree: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The dotted path of every relative import in a module of `package`, wherever it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            yield from ((*base, *name.split(".")) for name in names)


def package_of(file: Path) -> tuple[str, ...]:
    folders = file.relative_to(ROOT).parts[:-1]
    return folders if folders[0] == FRONT_DOOR else (FRONT_DOOR, *folders)


def breaches(source: str, package: tuple[str, ...]) -> list[str]:
    """What a module of `package` imports relatively and may not know."""
    if package == (FRONT_DOOR,):
        return []
    own = package[1]
    targets = {path[1] for path in relative_imports(ast.parse(source), package) if len(path) > 1}
    return sorted(targets - KNOWS[own] - {own})


@pytest.mark.parametrize(
    ("source", "package", "breach"),
    [
        ("from ..runner import run", "offswitch.records", ["runner"]),
        ("from ...sandbox._engine import Engine", "offswitch.monitors.integrity", ["sandbox"]),
        ("def f():\n    from .. import sandbox", "offswitch.analysis", ["sandbox"]),
        ("from ..cli import main", "offswitch.runner", ["cli"]),
        ("from .. import __version__", "offswitch.runner", ["__version__"]),
        ("from ._base import Model\nfrom ..records import Verdict", "offswitch.analysis", []),
    ],
)
def test_a_planted_arrow_that_points_down_is_seen(source: str, package: str, breach: list[str]) -> None:
    assert breaches(source, tuple(package.split("."))) == breach


def test_arrows_only_point_up() -> None:
    assert of_files(LIBRARY, lambda file: breaches(file.read_text(), package_of(file))) == {}


def own_names(file: Path) -> list[str]:
    """Modules of ours that a file imports by an absolute name."""
    # The front door lies beside the folders and not above them: a type checker finds them by their full name only.
    own = {*KNOWS} if file.parent.name == FRONT_DOOR else {*KNOWS, FRONT_DOOR}
    return [name for _, name in absolute_imports(tree_of(file)) if name.split(".")[0] in own]


def test_the_library_never_names_itself_nor_a_bare_folder() -> None:
    """``python -m pytest`` puts the root on the path, where ``import sandbox`` would load a second copy."""
    assert of_files(LIBRARY, own_names) == {}


def test_no_folder_is_loaded_under_its_bare_name() -> None:
    for name in KNOWS:
        importlib.import_module(f"offswitch.{name}")
    assert set(KNOWS) & set(sys.modules) == set()


def test_langchain_is_used_by_agents_and_one_suspicion_monitor_only() -> None:
    users = [
        named(file)
        for file in LIBRARY
        if any(name.startswith("langchain") for _, name in absolute_imports(tree_of(file)))
    ]
    elsewhere = [name for name in users if not name.startswith("agents/")]
    assert users
    assert [name for name in elsewhere if not name.startswith("monitors/suspicion/")] == []
    assert len(elsewhere) <= 1


@pytest.mark.parametrize("name", ["offswitch", *(f"offswitch.{folder}" for folder in sorted(KNOWS))])
def test_importing_a_package_loads_no_model_library(name: str) -> None:
    heavy = "{'langchain', 'langchain_core', 'openai', 'xllamacpp', 'docker', 'ray'}"
    code = f"import sys, {name}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_importing_the_front_door_loads_neither_gymnasium_nor_pydantic() -> None:
    code = "import sys, offswitch; print(sorted({'gymnasium', 'pydantic', 'numpy', 'rich'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def inits() -> list[Path]:
    return [file for file in LIBRARY if file.name == "__init__.py"]


def exports(tree: ast.Module) -> set[str]:
    """Public names that an ``__init__`` takes from modules of its own folder or defines itself."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module:
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return {name for name in names if not name.startswith("_")}


def export_order(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions: the order that ruff keeps in ``__all__``."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


@pytest.mark.parametrize("file", inits(), ids=named)
def test_a_package_exports_exactly_what_its_all_names_in_order(file: Path) -> None:
    module = importlib.import_module(".".join(package_of(file)))
    exported: list[str] = module.__all__
    assert exports(tree_of(file)) == {name for name in exported if not name.startswith("_")}
    assert sorted(exported, key=export_order) == exported
    assert [name for name in exported if not hasattr(module, name)] == []
    assert module.__doc__


def test_modules_are_private_where_they_are_not_plugins() -> None:
    public = [
        named(file)
        for file in LIBRARY
        if not file.name.startswith("_")
        and file.parent != ROOT / FRONT_DOOR
        and not any(named(file).startswith(f"{folder}/") for folder in PLUGIN_FOLDERS)
    ]
    assert public == []


def comments(source: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


SUPPRESSION = re.compile(r"#\s*(?:ruff:\s*)?(?:noqa|(?:type|pyright|mypy):\s*(?:ignore|basic|standard))\b")
NOQA = r"(?:ruff:\s*)?noqa:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*"
IGNORE = r"(?:type|pyright):\s*ignore\[[\w, -]+\]"
REASONED = re.compile(rf"#\s*(?:{NOQA}|{IGNORE})[\s#(–:-]+[A-Za-z][a-z]+")


def bare_suppressions(source: str) -> list[int]:
    """Lines with a suppression that lacks its code or, after it, its reason."""
    return [line for line, text in comments(source) if SUPPRESSION.search(text) and not REASONED.search(text)]


@pytest.mark.parametrize(
    ("comment", "fine"),
    [
        ("# noqa", False),
        ("# noqa: S603", False),
        ("# noqa: S603 the list is our own", True),
        ("# noqa: S603, S607 - the list is our own", True),
        ("# type: ignore", False),
        ("# type: ignore[arg-type]", False),
        ("# type: ignore[arg-type]  # the stub is wrong here", True),
        ("# pyright: ignore[reportUnknownMemberType]", False),
        ("# pyright: basic", False),
        ("# noqa: ARG002 (the contract has it)", True),
        ("# noqa: S603 S607", False),
        ("# ruff: noqa: E501", False),
        ("# a sentence about a noqa", True),
    ],
)
def test_a_suppression_needs_a_code_and_a_reason(comment: str, fine: bool) -> None:
    assert (bare_suppressions(f"x = 1  {comment}\n") == []) is fine


def test_every_suppression_has_a_code_and_a_reason() -> None:
    assert of_files(EVERYTHING, lambda file: bare_suppressions(file.read_text())) == {}


def too_long(source: str) -> list[str]:
    """Functions, and the file, that are longer than can be held in mind."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, kinds)]
    lengths = [(node.name, (node.end_lineno or node.lineno) - node.lineno + 1) for node in functions]
    whole = ["the file"] if len(source.splitlines()) > MAX_FILE_LINES else []
    return [name for name, lines in lengths if lines > MAX_FUNCTION_LINES] + whole


def test_a_planted_function_and_file_that_are_too_long_are_seen() -> None:
    long = "def f():\n" + "    x = 1\n" * MAX_FUNCTION_LINES
    assert too_long(long) == ["f"]
    assert too_long("x = 1\n" * MAX_FILE_LINES) == []
    assert too_long("x = 1\n" * (MAX_FILE_LINES + 1)) == ["the file"]


def test_functions_and_files_can_be_held_in_mind() -> None:
    assert of_files(EVERYTHING, lambda file: too_long(file.read_text())) == {}


def shadows(names: Iterable[str]) -> list[str]:
    return sorted(set(names) & sys.stdlib_module_names)


def test_a_script_that_a_library_would_import_in_place_of_python_s_own_is_found() -> None:
    assert shadows(["lock", "statistics"]) == ["statistics"]


def test_no_script_stands_where_a_library_looks_for_a_module_of_python() -> None:
    """The folder of a script comes first on its path."""
    assert shadows(file.stem for file in python_files(".ci")) == []
