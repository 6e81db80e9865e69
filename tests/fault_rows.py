"""Which tests prove which rows of the fault matrix (docs/design/security.md §4.2), derived from their names.

A test whose name begins with the id of a row (``test_k4_…``), or that stands in a class whose name does
(``TestK4…``), belongs to that row; so does one that is marked ``faults("K4")``. Nothing else has to be registered.
"""

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
MATRIX = ROOT / "docs" / "design" / "security.md"
TRIALS = TESTS / "faults.toml"
"""How often ``make faults`` repeats what chance decides, by the environment variable that a test reads."""

_ROW = re.compile(r"^\| ([A-K][0-9]{1,2}) [✔◐•] \|")
_FUNCTION = re.compile(r"test_([a-k][0-9]{1,2})_")
_CLASS = re.compile(r"Test([A-K][0-9]{1,2})(?=[A-Z]|$)")
_READ = re.compile(r"int\(os\.environ\.get\(\"(OFFSWITCH_[A-Z0-9_]+)\"")
_RANGE = re.compile(r"([A-K])([0-9]{1,2})(?:–([A-K])([0-9]{1,2}))?")


def matrix(text: str) -> list[str]:
    """Ids of all rows, in their order."""
    return [found[1] for line in _between(text, "### 4.2", "### 4.3") if (found := _ROW.match(line))]


def allowed(text: str) -> dict[str, str]:
    """Rows that may be without a test → why, from the table of §4.4. ``A1–A12, C3`` names thirteen of them."""
    found: dict[str, str] = {}
    for line in _between(text, "### 4.4", "\n## "):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 2 and _RANGE.match(cells[0]):
            found |= dict.fromkeys(_expanded(cells[0]), cells[1])
    return found


def _between(text: str, start: str, end: str) -> list[str]:
    _, found, rest = text.partition(f"\n{start}")
    return rest.partition(end if end.startswith("\n") else f"\n{end}")[0].splitlines() if found else []


def _expanded(names: str) -> Iterator[str]:
    for letter, first, other, last in _RANGE.findall(names):
        if other not in ("", letter):
            raise ValueError(f"{names}: a range stays within one letter")
        yield from (f"{letter}{number}" for number in range(int(first), int(last or first) + 1))


def rows_of_name(name: str) -> set[str]:
    """Rows that the name of a test or of its class carries."""
    found = _FUNCTION.match(name) or _CLASS.match(name)
    return {found[1].upper()} if found else set()


@cache
def covered() -> dict[str, list[str]]:
    """Row → its tests as ``file::name``, by reading the files: nothing is imported."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        for row, name in _in_body(module.body, _of_pytestmark(module.body)):
            found[row].append(f"{path.relative_to(TESTS).as_posix()}::{name}")
    return dict(found)


def _in_body(body: Iterable[ast.stmt], outer: set[str]) -> Iterator[tuple[str, str]]:
    for node in body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef):
            continue
        rows = outer | rows_of_name(node.name) | {row for one in node.decorator_list for row in _of_mark(one)}
        if isinstance(node, ast.ClassDef):
            yield from _in_body(node.body, rows)
        elif node.name.startswith("test_"):
            yield from ((row, node.name) for row in rows)


def _of_pytestmark(body: Iterable[ast.stmt]) -> set[str]:
    marks = [
        node.value for node in body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
    ]
    return {row for mark in marks for one in ast.walk(mark) for row in _of_mark(one)}


def _of_mark(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.faults":
        return {str(one.value) for one in node.args if isinstance(one, ast.Constant)}
    return set()


def trials() -> dict[str, int]:
    """Environment variable → its value in ``make faults``."""
    held: dict[str, Any] = tomllib.loads(TRIALS.read_text(encoding="utf-8"))
    return {name: int(number) for name, number in held["trials"].items()}


def variables_read() -> dict[str, str]:
    """Environment variables from which tests take a number of trials → one file that does."""
    files = sorted(TESTS.rglob("*.py"))
    return {name: path.name for path in files for name in _READ.findall(path.read_text(encoding="utf-8"))}
