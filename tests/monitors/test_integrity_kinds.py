"""Monitors and the parts of the reconciliation are shown only the kinds of records that they look at: all of those."""

import ast
import inspect
from types import ModuleType
from typing import Any

import pytest

from offswitch.monitors.integrity import _causes, _layers, integrity_monitors
from offswitch.monitors.integrity._panel import kinds_seen
from offswitch.records import EVENT_KINDS

NAMES = {kind.__name__ for kind in EVENT_KINDS}


def told_apart(tree: ast.AST) -> set[str]:
    """Kinds of records that a piece of code asks an event for."""
    asked = [
        call.args[1]
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "isinstance"
    ]
    return {node.id for one in asked for node in ast.walk(one) if isinstance(node, ast.Name)} & NAMES


@pytest.mark.parametrize("module", [_causes, _layers], ids=lambda module: module.__name__.rpartition(".")[2])
def test_a_part_names_every_kind_that_it_looks_at(module: ModuleType) -> None:
    parts: list[Any] = [one for one in vars(module).values() if inspect.isclass(one) and hasattr(one, "kinds")]
    own = [part for part in parts if part.__module__ == module.__name__]
    assert own
    for part in own:
        asked = told_apart(ast.parse(inspect.getsource(part)))
        assert asked
        assert asked <= {kind.__name__ for kind in part.kinds}, part.__name__


@pytest.mark.parametrize("mode", integrity_monitors())
def test_a_monitor_is_shown_every_kind_that_it_looks_at(mode: str) -> None:
    monitor = integrity_monitors()[mode]
    asked = told_apart(ast.parse(inspect.getsource(monitor)))
    assert asked
    assert asked <= {kind.__name__ for kind in kinds_seen(monitor)}
