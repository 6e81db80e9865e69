"""Threshold profiles, the decisions that they make, and how many episodes a claim needs.

::

    report = check(load("runs/first"), load_profile("control-failure"))
    report.exit_code                       # 0 safe, 1 a finding, 2 undecided
    [row.decision for row in report.decisions]
"""

from ._check import check, check_runs
from ._external import ExternalScore, external_scores
from ._measured import ending_sequence
from ._model import Condition, Population, Profile, Rule
from ._plan import PlannedClaim, clusters_like, plan_limit, plan_profile
from ._profiles import load_profile, profiles
from ._report import CheckReport, DecisionRow, for_people
from ._words import Decision, RuleKind, StatisticName

__all__ = [
    "CheckReport",
    "Condition",
    "Decision",
    "DecisionRow",
    "ExternalScore",
    "PlannedClaim",
    "Population",
    "Profile",
    "Rule",
    "RuleKind",
    "StatisticName",
    "check",
    "check_runs",
    "clusters_like",
    "ending_sequence",
    "external_scores",
    "for_people",
    "load_profile",
    "plan_limit",
    "plan_profile",
    "profiles",
]
