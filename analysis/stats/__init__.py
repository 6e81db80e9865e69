"""Pure numbers: intervals, clusters, tests. They know nothing of episodes."""

from ._bootstrap import SAMPLES, bootstrap
from ._clusters import Clusters
from ._compare import holm, mcnemar
from ._estimate import Estimate
from ._intervals import CONFIDENCE, NO_DATA, Interval, clopper_pearson, lower_bound, upper_bound, wilson
from ._means import design_effect, difference, difference_of, log_ratio, mean, risen, shared_correlation, sharing
from ._proportion import FEWEST_CLUSTERS, balanced, certificate, decisive, effective_n, proportion
from ._sequence import confidence_sequence, needed_at_any_look
from ._sizes import needed, per_arm, power
from ._survival import Survival, kaplan_meier
from ._trend import Slope, Trend, clustered_slope, trend

__all__ = [
    "CONFIDENCE",
    "FEWEST_CLUSTERS",
    "NO_DATA",
    "SAMPLES",
    "Clusters",
    "Estimate",
    "Interval",
    "Slope",
    "Survival",
    "Trend",
    "balanced",
    "bootstrap",
    "certificate",
    "clopper_pearson",
    "clustered_slope",
    "confidence_sequence",
    "decisive",
    "design_effect",
    "difference",
    "difference_of",
    "effective_n",
    "holm",
    "kaplan_meier",
    "log_ratio",
    "lower_bound",
    "mcnemar",
    "mean",
    "needed",
    "needed_at_any_look",
    "per_arm",
    "power",
    "proportion",
    "risen",
    "shared_correlation",
    "sharing",
    "trend",
    "upper_bound",
    "wilson",
]
