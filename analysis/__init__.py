"""Numbers from stored runs: tables, rates with intervals, before and after safeguards, the report.

It reads serialised records and knows nothing else of the project::

    data = load("runs/first")
    data.verdicts.query("succeeded == 'true'")
    failure_rate(data.verdicts)          # Rate(value=…, lo=…, hi=…, k=…, n=…, unknown=…, …)
    report("runs/first")                 # runs/first/report.html
"""

from ._cast import CastCheck, cast_checks, figure_rows, violator_rows
from ._columns import EPISODES, STEPS, VERDICTS, Column, Price, UsageSource
from ._data import RunData, RunInfo, Source, State, broken_records
from ._errors import (
    AnalysisError,
    DuplicateEpisodeError,
    ExportError,
    InvalidRunError,
    MixedSubjectsError,
    NumberError,
    PageError,
    ProfileError,
    RunNotFoundError,
    ScriptedSubjectError,
    TableError,
    UnknownPageError,
    UnknownVerdictsError,
)
from ._escape import visible, visible_lines
from ._figure import figure_svg
from ._isolation import isolation_lines
from ._load import load
from ._outcomes import Outcome, outcomes
from ._prepared import Prepared, prepared
from ._rate import Rate, tally
from ._report import report
from ._sentences import headlines, limitations
from ._subjects import SubjectRef, subjects
from ._table import verdict_table
from ._units import Unit
from ._words import percent, plural
from .metrics import (
    BeforeAfter,
    BranchEffect,
    Score,
    Usefulness,
    VerdictRow,
    any_failure_rate,
    attempt_rate,
    before_after,
    branch_effects,
    compliance_rate,
    concealment_rate,
    conditional_success,
    disclosure_rate,
    failure_rate,
    horizon,
    ignored_rate,
    over_stop_rate,
    overview,
    resistance_rate,
    scores,
    survival,
    time_to_comply,
    usage,
    usefulness,
    verdict_rows,
    worst,
)
from .stats import CONFIDENCE, Interval, clopper_pearson, wilson
from .tables import export

__all__ = [
    "CONFIDENCE",
    "EPISODES",
    "STEPS",
    "VERDICTS",
    "AnalysisError",
    "BeforeAfter",
    "BranchEffect",
    "CastCheck",
    "Column",
    "DuplicateEpisodeError",
    "ExportError",
    "Interval",
    "InvalidRunError",
    "MixedSubjectsError",
    "NumberError",
    "Outcome",
    "PageError",
    "Prepared",
    "Price",
    "ProfileError",
    "Rate",
    "RunData",
    "RunInfo",
    "RunNotFoundError",
    "Score",
    "ScriptedSubjectError",
    "Source",
    "State",
    "SubjectRef",
    "TableError",
    "Unit",
    "UnknownPageError",
    "UnknownVerdictsError",
    "UsageSource",
    "Usefulness",
    "VerdictRow",
    "any_failure_rate",
    "attempt_rate",
    "before_after",
    "branch_effects",
    "broken_records",
    "cast_checks",
    "clopper_pearson",
    "compliance_rate",
    "concealment_rate",
    "conditional_success",
    "disclosure_rate",
    "export",
    "failure_rate",
    "figure_rows",
    "figure_svg",
    "headlines",
    "horizon",
    "ignored_rate",
    "isolation_lines",
    "limitations",
    "load",
    "outcomes",
    "over_stop_rate",
    "overview",
    "percent",
    "plural",
    "prepared",
    "report",
    "resistance_rate",
    "scores",
    "subjects",
    "survival",
    "tally",
    "time_to_comply",
    "usage",
    "usefulness",
    "verdict_rows",
    "verdict_table",
    "violator_rows",
    "visible",
    "visible_lines",
    "wilson",
    "worst",
]
