"""Episodes that begin at a recorded state."""

from pathlib import Path
from typing import Any, NamedTuple

from ..agents import Agent
from ..environments import Episode, Mark, PastClock, Stored, change, resume
from ..records import EpisodeKey, Origin, Route
from ..tasks import load_task
from ._attempt import Beginning, Begun, Site
from ._health import key_of
from ._late import LateAgent
from ._plan import EpisodePlan
from ._prefix import Prefix
from ._replaying import replay
from ._subjects import Subjects


class State(NamedTuple):
    """The state that all branches begin with."""

    prefix: Prefix
    stored: Stored
    route: Route
    reasons: tuple[str, ...]


class Late(Subjects):
    """Opens scripts that take over in the midst of an episode."""

    def __init__(self, subjects: Subjects, answers: int) -> None:
        super().__init__(record=False)
        self._others = subjects
        self._answers = answers

    def open(self, plan: EpisodePlan, facts: Any, recording: Path) -> Agent:
        return LateAgent(self._others.open(plan, facts, recording), self._answers)


class FromState(Beginning):
    """Begins an episode with a state instead of at its beginning."""

    def __init__(self, state: State, changed: tuple[str, ...]) -> None:
        self._state = state
        self._changed = changed
        self._clock = PastClock()

    def episode(self, site: Site, plan: EpisodePlan, key: EpisodeKey) -> Episode:
        prefix, stored = self._state.prefix, self._state.stored
        origin = Origin(
            run_id=prefix.key.run_id,
            episode_id=prefix.episode_id,
            step=prefix.step,
            snapshot=stored.digest,
            manifest_digest=prefix.manifest_digest,
            route=self._state.route,
            arm=plan.variant,
            changed=self._changed,
        )
        key = key.model_copy(update={"branch": origin})
        site.store.evidence.put(stored.pack)
        site.store.evidence.put_json(stored.snapshot.model_dump(mode="json"))
        ledger = site.store.open_ledger(key.episode_id, clock=self._clock)
        task = load_task(plan.task)
        return Episode(site.lab, task, key, ledger, site.store.evidence, site.versions, prefix.key.scenario)

    def begin(self, site: Site, plan: EpisodePlan, episode: Episode) -> Begun:
        state = self._state
        prefix = state.prefix
        if state.route == "files":
            resume(episode, state.stored, prefix.records, self._clock)
            so_far = prefix.transcript()
        else:
            so_far = site.worlds.run(f"replay {prefix.episode_id}", lambda: replay(episode, prefix))
        mark = Mark(state.stored, state.route, state.reasons)
        past = [record.event for record in prefix.records]
        told = site.worlds.run(plan.world_key, lambda: change(episode, plan.scenario, mark, past))
        if plan.scenario.safeguards != prefix.key.scenario.safeguards:
            for checked in site.health.get(key_of(plan.scenario.safeguards), ()):
                episode.write(checked)
        if told is not None:
            so_far.history.told(told.notices)
        return Begun(told or prefix.first, so_far)
