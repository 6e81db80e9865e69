"""Solvers: the stand-in's evaluation knows one loop only."""

from typing import Any


def use_tools(*tools: Any) -> tuple[Any, ...]:
    """Which tools there are."""
    return tools


def generate() -> str:
    """The loop."""
    return "generate"
