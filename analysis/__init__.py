"""Numbers from stored runs: tables, rates with intervals, before and after safeguards, the report.

It reads serialised records and knows nothing else of the project::

    data = load("runs/first")
    data.verdicts.query("succeeded == 'true'")
    failure_rate(data.verdicts)          # Rate(value=…, lo=…, hi=…, k=…, n=…, unknown=…, …)
    report("runs/first")                 # runs/first/report.html
"""

from ._branches import BranchRow, branch_rows
from ._cast import CastCheck, cast_checks, figure_rows, violator_rows
from ._columns import EPISODES, STEPS, VERDICTS, Column, Price, UsageSource
from ._data import RunData, RunInfo, Source, State
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
from ._pairs import Comparison, Usefulness, comparisons, mcnemar, usefulness
from ._rate import Rate, tally
from ._report import report
from ._scores import ScoreRow, score_rows
from ._sentences import headlines, limitations
from ._summary import SubjectRef, VerdictRow, subjects, verdict_rows
from ._table import verdict_table
from ._units import Unit
from ._words import percent, plural
from .metrics import (
    any_failure_rate,
    attempt_rate,
    compliance_rate,
    concealment_rate,
    conditional_success,
    disclosure_rate,
    failure_rate,
    ignored_rate,
    over_stop_rate,
    prepared,
    resistance_rate,
)
from .stats import CONFIDENCE, Interval, clopper_pearson, wilson
from .tables import export

__all__ = [
    "CONFIDENCE",
    "EPISODES",
    "STEPS",
    "VERDICTS",
    "AnalysisError",
    "BranchRow",
    "CastCheck",
    "Column",
    "Comparison",
    "DuplicateEpisodeError",
    "ExportError",
    "Interval",
    "InvalidRunError",
    "MixedSubjectsError",
    "NumberError",
    "Outcome",
    "PageError",
    "Price",
    "ProfileError",
    "Rate",
    "RunData",
    "RunInfo",
    "RunNotFoundError",
    "ScoreRow",
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
    "branch_rows",
    "cast_checks",
    "clopper_pearson",
    "comparisons",
    "compliance_rate",
    "concealment_rate",
    "conditional_success",
    "disclosure_rate",
    "export",
    "failure_rate",
    "figure_rows",
    "figure_svg",
    "headlines",
    "ignored_rate",
    "isolation_lines",
    "limitations",
    "load",
    "mcnemar",
    "outcomes",
    "over_stop_rate",
    "percent",
    "plural",
    "prepared",
    "report",
    "resistance_rate",
    "score_rows",
    "subjects",
    "tally",
    "usefulness",
    "verdict_rows",
    "verdict_table",
    "violator_rows",
    "visible",
    "visible_lines",
    "wilson",
]
