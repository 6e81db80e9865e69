"""Writes docs/metrics.md from the docstrings of the metrics: nobody types them."""

from inspect import getdoc, isfunction, signature
from pathlib import Path

from offswitch.analysis import metrics

PAGE = Path(__file__).resolve().parent.parent / "docs" / "metrics.md"
HEAD = """# Metrics

Written by `make metrics` from the docstrings of `offswitch.analysis.metrics`. A rate runs over exposed and valid
episodes; it names its unit, what is unknown, what the agent destroyed, what was never exposed, what is invalid, and the
worst case. Its interval is the hull of the pooled and the balanced one, over clusters.

"""


def section(name: str) -> str:
    """Name, arguments, and what the docstring says."""
    function = getattr(metrics, name)
    arguments = ", ".join(signature(function).parameters)
    return f"## {name}\n\n`{name}({arguments})`\n\n{getdoc(function)}\n"


if __name__ == "__main__":
    names = [name for name in metrics.__all__ if isfunction(getattr(metrics, name))]
    PAGE.write_text(HEAD + "\n".join(section(name) for name in names))
