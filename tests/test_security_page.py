"""docs/security.md claims nothing that no test proves, and what it says of names, channels and levels is so."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from offswitch.monitors.integrity import integrity_monitors
from offswitch.records import CHANNEL_GRADES, Channel
from offswitch.sandbox import GUARANTEES

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
_PROOF = re.compile(r"`((?:[a-z_]+/)*test_\w+\.py)(?:::(\w+))?`")
Table = tuple[list[str], list[list[str]]]
"""The heads of a table, and its rows."""


def proofs(text: str) -> list[tuple[str, str]]:
    """Each file that is named, with the test or the class in it; "" where the whole file is meant."""
    return [(found[1], found[2] or "") for found in _PROOF.finditer(text)]


@cache
def names_in(file: str) -> frozenset[str]:
    """Names of the tests of a file and of its classes of tests; none where there is no such file."""
    path = TESTS / file
    if not path.is_file():
        return frozenset()
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    named = {node.name for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, kinds)}
    return frozenset(name for name in named if name.startswith(("test_", "Test")))


def missing(text: str) -> list[str]:
    """What a text calls a proof and is none."""
    return [
        f"{file}::{name}" if name else file
        for file, name in proofs(text)
        if not names_in(file) or (name and name not in names_in(file))
    ]


def tables(text: str) -> Iterator[Table]:
    """Every table of a page."""
    for block in re.split(r"\n(?!\|)", text):
        lines = [line for line in block.splitlines() if line.startswith("|")]
        if len(lines) > 2:
            heads, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
            yield heads, rows


def table(first: str, text: str = PAGE) -> list[list[str]]:
    """The rows of the one table whose first head is this."""
    (found,) = [rows for heads, rows in tables(text) if heads[0] == first]
    return found


def test_every_proof_that_the_page_names_is_a_test() -> None:
    assert len(proofs(PAGE)) > 50
    assert missing(PAGE) == []


def test_every_row_that_claims_something_names_its_proof() -> None:
    claims = [row for heads, rows in tables(PAGE) if heads[-1] == "proven by" for row in rows]
    assert len(claims) > 40
    assert [row[0] for row in claims if not proofs(row[-1])] == []


@pytest.mark.parametrize(
    "planted",
    ["`sandbox/test_no_such_file.py`", "`sandbox/test_gc.py::test_no_such_test`", "`sandbox/test_gc.py::TestNothing`"],
)
def test_a_proof_that_is_none_is_noticed(planted: str) -> None:
    assert len(missing(f"| a claim | by | {planted} |")) == 1


def test_a_table_is_read_row_by_row() -> None:
    text = "words\n\n| name | proven by |\n|---|---|\n| `a` | x |\n| `b` | |\n\nmore | words\n"
    assert list(tables(text)) == [(["name", "proven by"], [["`a`", "x"], ["`b`", ""]])]


def test_the_page_names_each_guarantee_that_can_be_given_up_and_no_other() -> None:
    assert [row[0].strip("`") for row in table("name")] == list(GUARANTEES)


def test_the_page_says_of_each_channel_its_grade_and_the_rows_that_need_it() -> None:
    told = {row[0].strip("`"): (row[1], set(row[2].split())) for row in table("channel")}
    needed = {
        channel: {mode for mode, kind in integrity_monitors().items() if channel in kind.needs} for channel in Channel
    }
    words = {channel: rows or {"none"} for channel, rows in needed.items()} | {Channel.POSTURE: {"every", "row"}}
    assert needed[Channel.POSTURE] == set(integrity_monitors())
    assert told == {channel.value: (CHANNEL_GRADES[channel].value, words[channel]) for channel in Channel}


def test_every_level_that_a_label_can_carry_is_explained() -> None:
    levels = {level for row in table("level") for level in row[0].replace("·", " ").split()}
    assert levels == {"T0", "T1", "T2", "H0", "H1", "H1+", "N0", "N2"}
