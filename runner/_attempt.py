"""One attempt at one episode: the boundary at which whatever goes wrong becomes data, or ends the run."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ..environments import Episode, EpisodeInvalid, Lab, StepResult, take_snapshot, taken
from ..records import EndReason, EpisodeKey, MonitorChecked, RecordError, RunStore, Subject
from ..tasks import load_task
from ._asking import Asking
from ._executor import OncePerKey
from ._health import Health, key_of
from ._loop import SoFar, play
from ._outcome import EpisodeOutcome, Progress, Said, State, Watch
from ._plan import EpisodePlan
from ._spec import SnapshotSpec
from ._stop import Stop
from ._subjects import Subjects, subject_of

_log = logging.getLogger(__name__)
_STATES: Mapping[EndReason, State] = {
    EndReason.ABANDONED: "abandoned",
    EndReason.MODEL_FAILED: "model_failed",
}


@dataclass
class Site:
    """Where the episodes of a run take place."""

    lab: Lab
    store: RunStore
    subjects: Subjects
    versions: dict[str, str]
    stop: Stop
    watch: Watch
    snapshots: SnapshotSpec | None = None
    """Steps after which the state is stored; None for none."""
    worlds: OncePerKey = field(default_factory=OncePerKey)
    health: Health = field(default_factory=dict[str, tuple[MonitorChecked, ...]])
    """What the monitors of each safeguards made of their check."""


class Begun(NamedTuple):
    """An episode that is ready for the agent's next answer."""

    first: StepResult
    so_far: SoFar | None = None


class Beginning:
    """How an episode begins: at its beginning. What goes on from another state begins otherwise."""

    def episode(self, site: Site, plan: EpisodePlan, key: EpisodeKey) -> Episode:
        """The episode, not opened yet. Raises `StorageError`."""
        ledger = site.store.open_ledger(key.episode_id)
        return Episode(site.lab, load_task(plan.task), key, ledger, site.store.evidence, site.versions)

    def begin(self, site: Site, plan: EpisodePlan, episode: Episode) -> Begun:
        """Open it. Raises `EpisodeInvalid`, also for a mechanism that is not live."""
        first = site.worlds.run(plan.world_key, episode.open)
        for checked in site.health.get(key_of(plan.scenario.safeguards), ()):
            episode.write(checked)
        return Begun(first)


def run_attempt(site: Site, plan: EpisodePlan, attempt: int, beginning: Beginning | None = None) -> EpisodeOutcome:
    """Run, record and seal one attempt.

    Raises `RecordError` where it cannot be recorded: the container is then dead, and the run cannot go on.
    """
    started = time.monotonic()
    episode_id = plan.attempt_id(attempt)
    recording = site.store.paths.replay / f"{episode_id}.jsonl"
    if not site.store.paths.ledger(episode_id).exists():
        recording.unlink(missing_ok=True)  # of a start that died before it had a ledger: it holds no answer
    opened: list[Episode] = []
    agent = site.subjects.open(plan, lambda: opened[0].world.facts, recording)
    asking = Asking(agent, site.stop)
    try:
        beginning = beginning or Beginning()
        episode = beginning.episode(site, plan, _key(site, plan, attempt, subject_of(plan, agent)))
        opened.append(episode)
        site.watch(Progress(what="started", episode_id=episode_id))
        fault = _play(site, plan, episode, asking, beginning)
        site.store.seal(episode.ledger)
    finally:
        try:
            asking.close()
        finally:
            for one in opened:
                _release(one)
    _anchor(site.store, recording, late=asking.late)
    cause = str(fault or asking.failure or site.stop.reason)
    return _outcome(plan, attempt, opened[0], fault, cause, time.monotonic() - started)


def _key(site: Site, plan: EpisodePlan, attempt: int, subject: Subject) -> EpisodeKey:
    task = load_task(plan.task)
    return EpisodeKey(
        episode_id=plan.attempt_id(attempt),
        run_id=site.store.manifest.run_id,
        subject=subject,
        scenario=plan.scenario,
        scenario_hash=plan.scenario.hash,
        cluster_id=plan.scenario.cluster_id,
        pair_id=plan.pair_id,
        seed=plan.seed,
        attempt=attempt,
        human_minutes=task.human_minutes,
        bucket=task.bucket,
    )


def _play(
    site: Site, plan: EpisodePlan, episode: Episode, asking: Asking, beginning: Beginning
) -> EpisodeInvalid | None:
    """Play to the end; what the infrastructure or a bug did to it, or None."""

    def seen(step: int) -> None:
        site.watch(Progress(what="step", episode_id=episode.key.episode_id, step=step))
        if site.snapshots is not None and site.snapshots.due(step) and episode.ending is None:
            episode.write(taken(take_snapshot(episode)), sync=True)

    try:
        begun = beginning.begin(site, plan, episode)
        play(episode, begun.first, asking, site.stop, seen, begun.so_far)
    except EpisodeInvalid as error:
        # A mechanism that is not live raises by itself, before anybody has recorded it.
        return error if episode.ending is not None else episode.invalid(error.phase, error.subject, error.cause)
    except RecordError:
        raise
    except Exception as error:  # the boundary: a bug of a script or task costs its own episode only
        _log.debug("episode %s", episode.key.episode_id, exc_info=True)
        return episode.invalid("playing the episode", plan.subject, f"{type(error).__name__}: {error}"[:1000])
    return None


def _release(episode: Episode) -> None:
    """Kill and remove the container, whatever can or cannot be recorded any more. Twice is fine."""
    sandbox: Any = getattr(episode, "sandbox", None)
    try:
        if sandbox is not None:
            sandbox.close()
    finally:
        episode.ledger.close()


def _anchor(store: RunStore, recording: Path, *, late: bool) -> None:
    """Answers that are all there belong to the run; to others one may still be added."""
    if recording.exists() and not late:
        store.anchor_file(recording)


def _outcome(
    plan: EpisodePlan, attempt: int, episode: Episode, fault: EpisodeInvalid | None, cause: str, duration_s: float
) -> EpisodeOutcome:
    ending = episode.ending
    assert ending is not None, "an episode that was played has ended"
    reason = None if fault else ending.reason
    state: State = "invalid" if reason is None else _STATES.get(reason, "valid")
    return EpisodeOutcome(
        episode_id=plan.attempt_id(attempt),
        base=plan.base,
        attempt=attempt,
        task=plan.task,
        subject=plan.subject,
        seed=plan.seed,
        variant=plan.variant,
        state=state,
        end_reason=reason,
        cause="" if state == "valid" else cause,
        again=fault is not None and fault.proven,
        score=None if fault else ending.score,
        steps=episode.steps,
        duration_s=duration_s,
        verdicts={} if fault else {mode: Said.of(verdict) for mode, verdict in ending.verdicts.items()},
    )
