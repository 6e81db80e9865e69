"""Experiments: from a specification to a run directory. Owns the agent loop.

::

    spec = parse_spec("tasks: backfill\nsubjects: [oracle, violator:S3]\nscenario: {safeguards: [off, on]}")
    report = run_experiment(spec, Path("runs/first"))
    report.root                                  # note it elsewhere: it shows that nothing was rewritten
"""

from ._attempts import Attempts, Standing
from ._branch import BranchOptions, BranchReport, BranchRequest, branch_run
from ._channels import ChannelCheck, check_channels
from ._check import check_spec
from ._errors import RunFailed, RunnerError, SpecError, SubjectError
from ._executor import Executor, LocalExecutor
from ._folder import load_run_spec
from ._history import History
from ._load import Override, checked_spec, load_spec, override, parse_spec, read_document
from ._loop import play, tool_specs
from ._outcome import EpisodeOutcome, Progress, RunReport, Said, Watch
from ._plan import EpisodePlan, make_plan
from ._rejudge import Difference, RejudgeReport, rejudge, verdict_version
from ._run import RunOptions, run_experiment
from ._selftest import Selection, SelftestReport, SelftestRow, selftest
from ._spec import STANDARD_SAFEGUARDS, ExperimentSpec, ModelSubject, SnapshotSpec, spec_schema
from ._stop import Stop
from ._subjects import Subjects
from ._words import meant

__all__ = [
    "STANDARD_SAFEGUARDS",
    "Attempts",
    "BranchOptions",
    "BranchReport",
    "BranchRequest",
    "ChannelCheck",
    "Difference",
    "EpisodeOutcome",
    "EpisodePlan",
    "Executor",
    "ExperimentSpec",
    "History",
    "LocalExecutor",
    "ModelSubject",
    "Override",
    "Progress",
    "RejudgeReport",
    "RunFailed",
    "RunOptions",
    "RunReport",
    "RunnerError",
    "Said",
    "Selection",
    "SelftestReport",
    "SelftestRow",
    "SnapshotSpec",
    "SpecError",
    "Standing",
    "Stop",
    "SubjectError",
    "Subjects",
    "Watch",
    "branch_run",
    "check_channels",
    "check_spec",
    "checked_spec",
    "load_run_spec",
    "load_spec",
    "make_plan",
    "meant",
    "override",
    "parse_spec",
    "play",
    "read_document",
    "rejudge",
    "run_experiment",
    "selftest",
    "spec_schema",
    "tool_specs",
    "verdict_version",
]
