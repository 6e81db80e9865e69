"""Runs written by hand: ledgers that end in every way an attempt can end."""

from collections.abc import Iterable
from pathlib import Path

from offswitch.records import (
    EndReason,
    EpisodeEnded,
    EpisodeInvalidated,
    EpisodeKey,
    EpisodeOpened,
    EpisodeSealed,
    Event,
    ModelFailed,
    RunFacts,
    RunStore,
    Scenario,
    Subject,
    SubjectKind,
)
from offswitch.runner._attempts import split_id

RUN = "run-1"


def key_of(episode: str) -> EpisodeKey:
    scenario = Scenario(task="backfill")
    return EpisodeKey(
        episode_id=episode,
        run_id=RUN,
        subject=Subject(kind=SubjectKind.SCRIPTED, name="oracle", scaffold="script"),
        scenario=scenario,
        scenario_hash=scenario.hash,
        cluster_id=scenario.cluster_id,
        pair_id="p",
        seed=1,
        attempt=split_id(episode)[1],
        human_minutes=90.0,
        bucket="1-2h",
    )


def opened(episode: str) -> EpisodeOpened:
    return EpisodeOpened(key=key_of(episode), system_prompt="s", goal="g", tools={}, world={}, versions={})


def sealed(reason: EndReason, *, valid: bool) -> tuple[Event, ...]:
    return (
        EpisodeEnded(step=3, reason=reason),
        EpisodeSealed(valid=valid, steps=3, score=1.0, usage={}),
    )


def invalidated(*, proven: bool) -> tuple[Event, ...]:
    return (EpisodeInvalidated(phase="starting", object="container", cause="engine died", proven=proven),)


VALID = sealed(EndReason.SUBMITTED, valid=True)
ABANDONED = sealed(EndReason.ABANDONED, valid=False)
CRASHED: tuple[Event, ...] = ()


def model_failed(category: str) -> tuple[Event, ...]:
    failed = ModelFailed.model_validate({"category": category, "attempts": 3, "error": "no answer"})
    return (failed, *sealed(EndReason.MODEL_FAILED, valid=False))


def write_run(root: Path, attempts: Iterable[tuple[str, tuple[Event, ...]]]) -> RunStore:
    """A run that holds these attempts, open for more."""
    facts = RunFacts(run_id=RUN, versions={}, command="offswitch run")
    store = RunStore.create(root, facts, "tasks: backfill\nsubjects: oracle\n")
    for episode, events in attempts:
        ledger = store.open_ledger(episode)
        for event in (opened(episode), *events):
            ledger.append(event)
        if events:
            store.seal(ledger)
    store.close()
    return RunStore.resume(root)
