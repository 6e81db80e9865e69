"""Everything that docs/statistics.md shows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from .._intervals import clopper_pearson, wilson
from ._hostile import HOSTILE, hostile_coverage
from ._looks import curve_coverage, repeated_coverage, sequence_coverage
from ._pairs import ARMS, compared, shared, slope_coverage
from ._simulated import CELLS, METHODS, errors_of_others, exact, simulated

GRID = np.linspace(0.001, 0.999, 999)
TRIALS = (5, 10, 30, 100, 300)


def measured(samples: int) -> dict[str, Any]:
    """Everything that docs/statistics.md shows, JSON-able."""
    ours = {**METHODS, "normal": errors_of_others}
    return {
        "samples": samples,
        "exact": [_exact_row(n) for n in TRIALS],
        "clustered": [
            {**asdict(cell), **simulated(cell, ours, samples), **compared(cell, samples)} for cell in CELLS
        ],
        "sequence": [
            {"rate": rate, "looks": 1000, "covered": sequence_coverage(rate, 1000, samples),
             "repeated": repeated_coverage(rate, 1000, samples)}
            for rate in (0.01, 0.05, 0.2, 0.5)
        ],
        "curves": [
            {"clusters": groups, "repeats": 10, **curve_coverage(groups, 10, samples)} for groups in (5, 10, 30)
        ],
        "shared": [
            {"arms": arms, "clusters": groups, **shared(arms, groups, samples)}
            for arms in ARMS for groups in (10, 30, 100)
        ],
        "slopes": [
            {"slope": slope, "clusters": groups, "within": within,
             **slope_coverage(slope, groups, samples, within=within)}
            for within in (True, False) for slope in (0.0, 0.5) for groups in (10, 30)
        ],
        "hostile": [
            {"case": case, "clusters": groups, **hostile_coverage(case, groups, samples)}
            for case in HOSTILE for groups in (10, 30, 100)
        ],
    }  # fmt: skip


def _exact_row(n: int) -> dict[str, float]:
    clopper, score = exact(clopper_pearson, n, GRID), exact(wilson, n, GRID)
    return {"n": n, "clopper_pearson_min": float(clopper.min()), "wilson_mean": float(score.mean()),
            "wilson_min": float(score.min())}  # fmt: skip


def tables(data: Mapping[str, Any]) -> str:
    """What was `measured`, as Markdown."""
    names = [*METHODS, "mean", "difference", "difference_of", "log_ratio", "normal"]
    parts = [
        "Independent trials, computed exactly at 999 rates:\n",
        _markdown(("trials", "Clopper–Pearson, least", "Wilson, mean", "Wilson, least"),
                  [(row["n"], *(_share(row[key]) for key in ("clopper_pearson_min", "wilson_mean", "wilson_min")))
                   for row in data["exact"]]),
        f"Clusters, {data['samples']:,} samples a cell. Last column, for comparison: 1.96 clustered standard errors.\n",
        _markdown(("clusters", "sizes", "correlation", "rate", *(f"`{name}`" for name in names)),
                  [(row["clusters"], row["sizes"], row["correlation"], row["rate"],
                    *(_share(row[name]) for name in names)) for row in data["clustered"]]),
        "A sequence that is looked at after every one of 1,000 observations:\n",
        _markdown(("rate", "the sequence held at every look", "the exact interval of one look held at every look"),
                  [(row["rate"], _share(row["covered"]), _share(row["repeated"])) for row in data["sequence"]]),
        "Kaplan–Meier bands at one time, ten episodes a cluster, which share half of their times:\n",
        _markdown(("clusters", "clustered bands", "bands of as many independent episodes"),
                  [(row["clusters"], _share(row["clustered"]), _share(row["independent"])) for row in data["curves"]]),
        *_of_pairs(data),
        *_of_hostile_worlds(data),
    ]  # fmt: skip
    return "\n".join(parts)


def _of_pairs(data: Mapping[str, Any]) -> list[str]:
    names = ("difference_of", "log_ratio")
    heads = [
        f"`{name}`{kind}" for name in names for kind in (", paired", ", as two samples", ": width, paired over not")
    ]
    rows = [
        (ARMS[row["arms"]], row["clusters"],
         *(text for name in names for text in (_share(row[f"{name} paired"]), _share(row[f"{name} unpaired"]),
                                               f"{row[f'{name} width']:.2f}")))
        for row in data["shared"]
    ]  # fmt: skip
    slopes = [
        ("every condition" if row["within"] else "one condition", row["slope"], row["clusters"],
         _share(row["covered"]), f"{100 * row['found']:.1f} %")
        for row in data["slopes"]
    ]  # fmt: skip
    return [
        "Two arms over the same worlds, five episodes of each in both:\n",
        _markdown(("arms", "clusters", *heads), rows),
        "`clustered_slope` over five conditions, answers of a world alike half of the time; a test of 5 %:\n",
        _markdown(("each world under", "true slope", "clusters", "interval", "the test finds one"), slopes),
    ]


def _of_hostile_worlds(data: Mapping[str, Any]) -> list[str]:
    heads = (
        "worlds",
        "clusters",
        "`certificate` of the worlds' mean",
        "of the share of episodes",
        "1.96 clustered standard errors",
        "Wilson over episodes",
    )
    rows = [
        (HOSTILE[row["case"]].text, row["clusters"],
         *(_share(row[name]) for name in ("worlds", "episodes", "normal", "naive")))
        for row in data["hostile"]
    ]  # fmt: skip
    return ["Worlds that are hard on intervals; the last two of the share of episodes:\n", _markdown(heads, rows)]


def _share(value: float) -> str:
    text = f"{100 * value:.1f} %"
    return text if value >= ENOUGH else f"**{text}**"


ENOUGH = 0.94
"""Share of samples below which an interval is called descriptive."""


def _markdown(head: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"
