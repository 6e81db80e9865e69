"""Writes data/tau_bench.json: by hand, from a checkout of github.com/sierra-research/tau-bench (MIT licence).

``python make_tau_bench.py CHECKOUT/historical_trajectories/gpt-4o-airline.json``
"""

import json
import sys
from pathlib import Path
from typing import Any

PUBLISHED = {"1": 0.420, "2": 0.273, "3": 0.220, "4": 0.200}
"""Row "TC (gpt-4o)" of the table "Airline" in the README of the same commit."""


def extract(attempts: list[dict[str, Any]]) -> dict[str, Any]:
    """The rewards of each task in order of the trials, beside the published row."""
    rewards: dict[int, list[float]] = {}
    for attempt in sorted(attempts, key=lambda one: (one["task_id"], one["trial"])):
        rewards.setdefault(attempt["task_id"], []).append(attempt["reward"])
    return {
        "source": "github.com/sierra-research/tau-bench, historical_trajectories/gpt-4o-airline.json and README.md",
        "commit": "59a200c6d575d595120f1cb70fea53cef0632f6b",
        "licence": "MIT, Copyright (c) 2024 Sierra",
        "published": PUBLISHED,
        "rewards": list(rewards.values()),
    }


if __name__ == "__main__":
    found = extract(json.loads(Path(sys.argv[1]).read_text()))
    (Path(__file__).parent / "data" / "tau_bench.json").write_text(json.dumps(found) + "\n")
