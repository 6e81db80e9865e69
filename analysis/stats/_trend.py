"""Whether a rate moves with an ordered condition: independent observations, and clustered ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, stdtr, stdtrit

from ._clusters import Floats
from ._intervals import CONFIDENCE
from ._proportion import FEWEST_CLUSTERS


@dataclass(frozen=True)
class Trend:
    """Whether a rate moves with an ordered condition."""

    z: float | None
    """Above 0: it rises. None where nothing could differ."""
    p_value: float
    """Two-sided; 1 where nothing could differ."""


def trend(successes: ArrayLike, trials: ArrayLike, scores: ArrayLike) -> Trend:
    """Cochran–Armitage test of a trend of independent rates over ``scores``, one a condition."""
    k, n, x = (np.asarray(one, dtype=np.float64) for one in (successes, trials, scores))
    total = n.sum()
    p = k.sum() / total if total else 0.0
    spread = (n * x**2).sum() - (n * x).sum() ** 2 / total if total else 0.0
    if not 0 < p < 1 or spread <= 0:
        return Trend(None, 1.0)
    z = float((x * (k - n * p)).sum() / np.sqrt(p * (1 - p) * spread))
    return Trend(z, float(2 * ndtr(-abs(z))))


@dataclass(frozen=True)
class Slope:
    """A logistic slope over clustered observations."""

    value: float | None
    """Change of the log odds for one step of the condition, above 0 where it rises. None where the data separate
    (one answer on one side only), or where nothing differs: there is no finite estimate then."""
    lo: float
    hi: float
    """Infinite where there is no estimate."""
    t: float | None
    """The robust score statistic, above 0 where the rate rises; None where nothing could differ."""
    p_value: float
    """Two-sided, of the score test, which needs no estimate of the slope; 1 where nothing could differ."""
    n: int
    clusters: int
    method: str
    descriptive: bool = False


def clustered_slope(
    y: ArrayLike,
    x: ArrayLike,
    clusters: "Sequence[Any] | NDArray[Any] | pd.Series[Any]",
    confidence: float = CONFIDENCE,
) -> Slope:
    """Slope of the log odds of ``y`` (0 to 1) over ``x``, with errors robust to correlation within ``clusters``.

    Interval: Wald on Student's t with G - 2 degrees, errors times G / (G - 1). Test: the score statistic
    sum (x - mean x)(y - mean y) over its cluster-robust spread, which exists also where the two answers separate and a
    maximum of the likelihood does not. A share between 0 and 1, as a score is, stands for itself: its mean is what is
    modelled. Source: Liang and Zeger 1986; Boos 1992 (generalised score tests); Papke and Wooldridge 1996 (shares).
    Raises `ValueError` for missing values.
    """
    answers, scores = np.asarray(y, dtype=np.float64), np.asarray(x, dtype=np.float64)
    codes, labels = pd.factorize(np.asarray(clusters, dtype=object))
    if not len(answers) == len(scores) == len(codes):
        raise ValueError(f"clustered_slope: {len(answers)} answers, {len(scores)} scores, {len(codes)} clusters")
    if not (((answers >= 0) & (answers <= 1)).all() and np.isfinite(scores).all() and (codes >= 0).all()):
        raise ValueError("clustered_slope: an answer outside 0 to 1, or a missing answer, score or cluster")
    n, groups = len(answers), len(labels)
    statistic = _score(answers, scores, codes, groups)
    p_value = 1.0 if statistic is None else float(2 * stdtr(groups - 1, -abs(statistic)))
    told = _fit(answers, scores, codes, confidence) if statistic is not None and _overlap(answers, scores) else None
    value, lo, hi = told or (None, -np.inf, np.inf)
    method = f"logistic, cluster-robust t {confidence:.0%}" if told else "robust score test, no finite slope"
    return Slope(value, lo, hi, statistic, p_value, n, groups, method, groups < FEWEST_CLUSTERS)


def _score(y: Floats, x: Floats, codes: NDArray[np.intp], groups: int) -> float | None:
    if groups < 2:
        return None
    parts = np.bincount(codes, weights=(x - x.mean()) * (y - y.mean()), minlength=groups)
    spread = float((parts**2).sum()) * groups / (groups - 1)
    return float(parts.sum() / np.sqrt(spread)) if spread > 1e-18 * max(1.0, float(np.abs(x).max()) ** 2) else None


def _overlap(y: Floats, x: Floats) -> bool:
    """Both answers at scores that reach past one another: else the likelihood has no maximum (Albert and Anderson)."""
    yes, no = x[y > 0], x[y < 1]
    return bool(len(yes) and len(no) and yes.max() > no.min() and no.max() > yes.min())


def _fit(y: Floats, x: Floats, codes: NDArray[np.intp], confidence: float) -> tuple[float, float, float] | None:
    from statsmodels.discrete import discrete_model

    untyped: Any = discrete_model
    scale = float(np.std(x))
    design = np.stack([np.ones(len(x)), (x - np.mean(x)) / scale], axis=1)
    model = untyped.Logit(y, design)
    fitted = model.fit(disp=0, warn_convergence=False, cov_type="cluster", cov_kwds={"groups": codes})
    value, error = float(fitted.params[1]) / scale, float(fitted.bse[1]) / scale
    if not fitted.mle_retvals["converged"] or not np.isfinite([value, error]).all() or error <= 0:
        return None
    groups = int(codes.max()) + 1
    # Each cluster's share of the error as large as if it were left out of the fit (Bell and McCaffrey 2002, CR3).
    half = float(stdtrit(groups - 2, 0.5 + confidence / 2)) * error * groups / (groups - 1) if groups > 2 else np.inf
    return value, value - half, value + half
