"""What a task may import: read from its source before any of it runs.

A task is trusted code of ours that describes a world; it has no business with processes, sockets, the interpreter or
the files of this machine. The gate keeps mistakes and surprises out and says what to review; it is no sandbox for
somebody who hides what he does.
"""

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..environments import ScenarioError

ALLOWED = frozenset(
    (
        *("abc", "base64", "bisect", "collections", "collections.abc", "contextlib", "copy", "csv", "dataclasses"),
        *(
            "datetime",
            "decimal",
            "enum",
            "fractions",
            "functools",
            "hashlib",
            "heapq",
            "hmac",
            "importlib.resources",
            "io",
        ),
        *(
            "itertools",
            "json",
            "math",
            "operator",
            "pathlib",
            "re",
            "shlex",
            "sqlite3",
            "statistics",
            "string",
            "struct",
        ),
        *("textwrap", "types", "typing", "unicodedata", "zlib", "numpy"),
    )
)
"""Modules by their whole name: what computes, and ``pathlib`` and ``sqlite3``, by which a task reads its own folder
and the databases that it collected."""
OURS = {
    "environments": None,
    "records": None,
    "monitors.protocols": frozenset({"BLOCKED"}),
    "sandbox": frozenset({"MIB", "ROOTFUL", "SEALED", "scratch_folder"}),
    "tasks._scripts": None,
}
"""Packages of ours, and the names that may be taken from them; None for all that they export."""
_NAMES = frozenset({"eval", "exec", "compile", "open", "input", "globals", "breakpoint", "__import__", "__builtins__"})
_INNER = frozenset({"__builtins__", "__code__", "__globals__", "__loader__", "__spec__", "__subclasses__"})


def check(folders: Sequence[Path], name: str) -> None:
    """Raises `ScenarioError`, naming file, line and what is not allowed, before anything of a task is imported.

    ``folders`` are those from which the import would take it. A task whose source is not there is refused too.
    """
    files = [(folder, file) for folder in folders for file in sorted(folder.rglob("*.py"))]
    if not any(file.parent == folder for folder, file in files):
        raise ScenarioError(f"task {name}: its source cannot be read, so what it imports is not known")
    for folder, file in files:
        inner = file.relative_to(folder).parts[:-1]
        if "world" in inner:
            continue  # it runs inside the container
        package = ("tasks", name, *inner)
        found = refused(file.read_text(encoding="utf-8"), package)
        if found:
            line, what = found[0]
            raise ScenarioError(
                f"task {name}: {file}:{line}: {what} is not for a task; what it may import stands in tasks/_gate.py"
            )


def refused(source: str, package: tuple[str, ...]) -> list[tuple[int, str]]:
    """Line and name of everything in a module of ``package`` that no task may use, in order."""
    return sorted(_found(ast.parse(source), package))


def _found(tree: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names if alias.name not in ALLOWED)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            if node.module not in ALLOWED:
                yield node.lineno, str(node.module)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, name) for name in _of_ours(node, package))
        elif isinstance(node, ast.Name) and node.id in _NAMES:
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and node.attr in _INNER:
            yield node.lineno, node.attr


def _of_ours(node: ast.ImportFrom, package: tuple[str, ...]) -> Iterator[str]:
    """Names of a relative import that lead elsewhere than into the task's own folder and what `OURS` allows."""
    if node.level > len(package) + 1:
        yield "." * node.level
        return
    base = package[: len(package) - node.level + 1]
    module = ".".join((*base, *(node.module or "").split("."))).strip(".")
    for alias in node.names:
        own = module.split(".")[:2] == list(package[:2]) or f"{module}.{alias.name}".split(".")[:2] == list(package[:2])
        if own:
            continue
        names = OURS.get(module, frozenset[str]())
        if names is not None and alias.name not in names:
            yield f"{module}.{alias.name}"
