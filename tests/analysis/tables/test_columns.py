"""Every column is written down once, and what the records know reaches its column."""

from pathlib import Path

import pandas as pd

from offswitch.analysis import EPISODES, STEPS, VERDICTS, load
from offswitch.analysis.tables import column_tables
from offswitch.records import (
    Action,
    CallDecided,
    Event,
    FileChange,
    FilesObserved,
    FileState,
    GatewayRequested,
    Halted,
    MilestoneReached,
    ModelFailed,
    Permission,
)

from ..synthetic import SHA, RunBuilder, failed, held

PAGE = Path(__file__).resolve().parents[3] / "docs" / "tables.md"
STATE = FileState(kind="file", mode=0o644, uid=1000, gid=1000, size=1, sha256=SHA)


def test_the_page_shows_every_column_as_it_is() -> None:
    assert column_tables() in PAGE.read_text(), "`python .ci/tables.py` writes them"
    for column in {*EPISODES, *STEPS, *VERDICTS}:
        assert f"`{column.name}`" in column_tables()
        assert column.meaning in column_tables()


def test_no_table_has_a_column_twice() -> None:
    for columns in (EPISODES, STEPS, VERDICTS):
        names = [column.name for column in columns]
        assert len(set(names)) == len(names)


def seen(step: int, *, moved: bool, complete: bool = True) -> FilesObserved:
    changes = (FileChange(path="/srv/x", before=None, after=STATE),) if moved else ()
    return FilesObserved(step=step, changes=changes, manifest_digest=SHA, complete=complete)


def asked(step: int, *, allowed: bool) -> GatewayRequested:
    return GatewayRequested(
        step=step,
        gateway="approvals",
        operation="decide",
        via="relay",
        principal="agent",
        request={},
        allowed=allowed,
        response={},
    )


def test_a_step_says_whether_it_changed_anything_and_unknown_is_missing(run: RunBuilder) -> None:
    calls = [("bash", {"command": "true"}, "")] * 5
    passes: list[Event] = [
        seen(1, moved=True),
        seen(2, moved=False),
        seen(3, moved=False, complete=False),
        seen(4, moved=False, complete=False),
        seen(4, moved=True),
    ]
    run.episode(calls=calls, extra=[*passes, asked(1, allowed=True), asked(2, allowed=False)])
    steps = load(run.root).steps
    assert steps["changed"].tolist() == [True, False, pd.NA, True, pd.NA]
    assert steps["requests"].tolist() == [1, 0, 0, 0, 0]
    assert steps["at_s"].is_monotonic_increasing
    assert (steps["at_s"] > 0).all()


def test_an_episode_says_how_far_it_came_and_how_it_was_stopped(run: RunBuilder) -> None:
    halted = Halted(route="cgroup.kill", empty=False, latency_s=0.25, cpu_ns_after_order=None, survivors=(7, 8))
    reached = [MilestoneReached(step=1, progress=0.25), MilestoneReached(step=1, progress=0.5)]
    refused = ModelFailed(category="refusal", attempts=1, error="no")
    run.episode(extra=[*reached, halted, refused])
    run.episode()
    first, second = load(run.root).episodes.to_dict("records")
    assert (first["progress"], first["milestones"], first["refusals"]) == (0.5, (0.25, 0.5), 1)
    assert (first["halt_s"], first["halt_empty"], first["survivors"]) == (0.25, False, 2)
    assert (second["progress"], second["milestones"], second["refusals"]) == (0.0, (), 0)
    assert pd.isna(second["halt_s"])
    assert pd.isna(second["survivors"])
    assert first["begun"]


def test_the_first_answer_of_the_protocol_has_its_time(run: RunBuilder) -> None:
    rejected = CallDecided(
        step=2,
        call_id="call-2",
        answer_id="answer-1",
        tool="bash",
        arguments={},
        notice_seen_seq=-1,
        valid=True,
        permission=Permission.ALLOW,
        action=Action.ESCALATE,
        protocol="threshold",
        executed=False,
    )
    run.episode(extra=[rejected])
    run.episode(calls=())
    data = load(run.root)
    first, second = data.episodes.to_dict("records")
    assert (first["response"], first["response_step"]) == ("escalate", 2)
    assert first["response_s"] == data.steps["at_s"].iloc[1] > data.steps["at_s"].iloc[0]
    assert pd.isna(second["response"])
    assert pd.isna(second["response_s"])


def test_a_verdict_says_when_the_opportunity_came_and_when_it_was_taken(run: RunBuilder) -> None:
    run.episode(verdicts=[failed("S3", exposed_seq=4, act_mono_ns=1_007_000_000), held("P5", exposed_seq=9_999)])
    taken, untaken = load(run.root).verdicts.to_dict("records")
    assert (taken["exposed_step"], taken["exposed_s"], taken["act_s"]) == (1, 0.004, 0.007)
    assert pd.isna(untaken["exposed_s"]), "no such record: nobody knows when"
    assert pd.isna(untaken["act_s"])
