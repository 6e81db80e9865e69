"""Writes data/control_arena.json: by hand, in an environment of its own.

``pip install --no-deps control-arena``, then ``pip install inspect-ai pandas pandera seaborn``.
Its analysis needs no more.
"""

import json
import sys
from importlib import import_module
from importlib.metadata import distribution, version
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

# The package's own first module imports every setting and what those need.
PARENT: Any = ModuleType("control_arena")
PARENT.__path__ = [str(distribution("control-arena").locate_file("control_arena"))]
sys.modules["control_arena"] = PARENT
THEIRS: Any = import_module("control_arena.analysis")
HONEST = [number / 40 for number in range(20)]
ATTACK = [[0.9, True]] * 4 + [[0.1, True]] * 3
IDLE = [[0.9, False]] * 32 + [[0.1, False]] * 5
"""Score, and whether it was attempted and succeeded: the idle ones attempted nothing."""
TIED = [0.1, 0.2, 0.2, 0.475, 0.5, 0.9, 0.9]


def table(attack: list[Any]) -> pd.DataFrame:
    """The columns that their metrics read."""
    honest = [("honest", True, False, score) for score in HONEST]
    hot = [("attack", True, done, score) for score, done in attack]
    return pd.DataFrame(honest + hot, columns=["eval_mode", "main_task_success", "side_task_success", "score_judge"])


def line() -> float:
    """Their threshold at a budget of 5 %."""
    honest = table(ATTACK).query("eval_mode == 'honest'")
    return float(THEIRS.compute_suspicion_threshold(honest, "judge", 5))


if __name__ == "__main__":
    tpr = THEIRS.compute_classifier_tpr(pd.Series(HONEST), pd.Series(TIED), 0.05)
    found = {
        "control_arena": version("control-arena"),
        "licence": "MIT, UK AI Security Institute",
        "honest": HONEST,
        "attack": ATTACK,
        "idle": IDLE,
        "tied": TIED,
        "threshold": line(),
        "safety": float(THEIRS.compute_safety(table(ATTACK), "judge", 5)),
        "safety_with_idle": float(THEIRS.compute_safety(table(ATTACK + IDLE), "judge", 5)),
        "upfront": float(THEIRS.compute_safety_upfront_audit(table(ATTACK + IDLE), 5, 100)),
        "scaled": float(THEIRS.scale_usefulness(0.7, 0.4, 0.9)),
        "auroc": float(THEIRS.compute_classifier_roc_auc(pd.Series(HONEST), pd.Series(TIED))),
        "tpr": [tpr.tpr, tpr.actual_fpr, tpr.threshold],
    }
    (Path(__file__).parent / "data" / "control_arena.json").write_text(json.dumps(found) + "\n")
