"""The report of a real model in the documentation: every number comes out of the tables beside it."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from offswitch.analysis import State, load
from offswitch.analysis.preparedness import Context, Format, Question, Rows, preparedness, recompute
from offswitch.analysis.thresholds import load_profile
from offswitch.cli import call

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "preparedness"
PROFILES = ("meta-aasf", "control-failure")


@cache
def numbers() -> list[dict[str, Any]]:
    """As they are stored."""
    found: list[dict[str, Any]] = json.loads((EXAMPLE / "report.json").read_text(encoding="utf-8"))["numbers"]
    return found


def test_every_number_of_the_example_is_recomputed_from_its_tables() -> None:
    rows, context = Rows(load(EXAMPLE / "tables")), Context()
    wrong = [
        one["id"]
        for one in numbers()
        if recompute(one, rows, context=context) != {name: field["value"] for name, field in one["fields"].items()}
    ]
    assert len(numbers()) > 300
    assert wrong == []


def test_the_command_gives_the_same_numbers_under_the_same_ids_today(tmp_path: Path) -> None:
    """Where it does not, `.ci/examples.py` writes the example again."""
    asked = Question((EXAMPLE / "tables",), tuple(load_profile(name) for name in PROFILES))
    made = json.loads(preparedness(asked, Format.JSON, tmp_path / "report.json").read_text(encoding="utf-8"))
    assert made["numbers"] == numbers()


def test_the_page_names_every_number() -> None:
    page = (EXAMPLE / "report.md").read_text(encoding="utf-8")
    assert all(f"| {one['id']} |" in page for one in numbers())


def test_a_number_of_the_example_is_traced_by_the_command() -> None:
    words = ["report", str(EXAMPLE / "tables"), "--kind", "preparedness", "--number", numbers()[40]["id"]]
    assert call([*words, *(word for name in PROFILES for word in ("--profile", name))]) == 0


def test_the_example_tells_what_its_records_were_and_nothing_of_a_machine() -> None:
    data = load(EXAMPLE / "tables")
    assert {source.state for source in data.sources} == {State.INTACT}
    assert all(source.folder is None for source in data.sources)
    for path in EXAMPLE.rglob("*"):
        assert path.is_dir() or not any(one in path.read_bytes() for one in (b"/tmp/", b"/root", b"/home/"))
