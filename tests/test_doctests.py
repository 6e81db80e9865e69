"""The examples in docstrings are true."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("agents", "analysis", "environments", "monitors", "offswitch", "records", "runner", "sandbox", "tasks")


def modules() -> list[str]:
    """Dotted names of all modules, those that run when imported and the seeds of the tasks' worlds apart."""
    files = [file.relative_to(ROOT) for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")]
    running = {"__init__.py", "__main__.py"}
    kept = [file for file in files if "world" not in file.parts and file.name not in running]
    dotted = [".".join(file.with_suffix("").parts) for file in kept]
    return sorted(name if name.startswith("offswitch.") else f"offswitch.{name}" for name in dotted)


@pytest.mark.parametrize("name", modules())
def test_the_examples_of_a_module_are_true(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples_at_all() -> None:
    """Should the runner ever collect nothing, the test above would pass on it."""
    assert doctest.testmod(importlib.import_module("offswitch.sandbox._engine")).attempted > 0
