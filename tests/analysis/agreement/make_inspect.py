"""Writes data/inspect.json: by hand, ``pip install inspect-ai numpy`` in an environment of its own."""

import json
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

THEIRS: Any = import_module("inspect_ai.scorer")
REPEATED = [
    [1, 1, 1, 0],
    [0, 0],
    [0, 1, 0],
    [0, 0, 0, 0, 0],
    [1, 1],
    [0],
    [0, 0, 0],
    [1, 0, 1, 1],
    [0, 0],
    [0, 1, 0],
] * 2
NONE = [[0] * 10] * 30
ATTEMPTS = [[1, 1, 0, 1], [0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1]]


def of(worlds: list[list[int]]) -> dict[str, Any]:
    """Their clustered error and intervals of these worlds."""
    scores = [
        THEIRS.SampleScore(score=THEIRS.Score(value=value), sample_metadata={"world": str(world)})
        for world, values in enumerate(worlds)
        for value in values
    ]
    return {
        "worlds": worlds,
        "stderr": THEIRS.stderr(cluster="world")(scores),
        "ci": THEIRS.ci(cluster="world")(scores),
        "ci_wilson": THEIRS.ci_wilson(cluster="world")(scores),
    }


def passed(reducer: Any) -> float:
    """The mean over tasks of one of their reducers of epochs."""
    values = [float(reducer([THEIRS.Score(value=one) for one in task]).value) for task in ATTEMPTS]
    return sum(values) / len(values)


if __name__ == "__main__":
    found = {
        "inspect_ai": version("inspect-ai"),
        "licence": "MIT, UK AI Security Institute",
        "repeated": of(REPEATED),
        "none": of(NONE),
        "attempts": ATTEMPTS,
        "pass@2": passed(THEIRS.pass_at(2)),
        "pass^2": passed(THEIRS.pass_k(2)),
    }
    (Path(__file__).parent / "data" / "inspect.json").write_text(json.dumps(found) + "\n")
