"""What a run set out to do, written before its first episode: what never began must not vanish."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Self

from pydantic import model_validator

from ._base import Model, Sha256
from ._canonical import canonical_json, digest_of
from ._scenario import EpisodeKey, Scenario, Subject
from ._text import JsonObject

MOST_PLANNED = 1_000_000
"""Episodes of a run. A manifest may be hostile: what it says is counted before anybody goes through it."""


def pair_id(scenario: Scenario, identity: JsonObject, seed: int) -> str:
    """Equal for episodes of one subject that differ in safeguards and budgets only; ``identity`` tells the subject."""
    return digest_of([scenario.cluster_id, canonical_json(identity).decode(), seed])[:16]


class PlannedScenario(Model):
    """A scenario with what its task says of itself."""

    scenario: Scenario
    human_minutes: float
    bucket: str


class PlannedEpisodes(Model):
    """The episodes of one subject in one scenario."""

    subject: Subject
    identity: JsonObject
    """As in `pair_id`."""
    scenario_hash: Sha256
    seeds: tuple[tuple[int, int], ...]
    """First and last of each unbroken row of seeds, ascending."""

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        ends = [end for row in self.seeds for end in row]
        if ends != sorted(ends) or any(one[1] == two[0] for one, two in pairwise(self.seeds)):
            raise ValueError("seeds: rows of seeds ascend and do not overlap")
        return self

    @property
    def all_seeds(self) -> Iterator[int]:
        """Every seed."""
        return (seed for first, last in self.seeds for seed in range(first, last + 1))

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(last - first + 1 for first, last in self.seeds)


class RunPlan(Model):
    """Every episode that a run set out to do, in short."""

    scenarios: dict[Sha256, PlannedScenario]
    episodes: tuple[PlannedEpisodes, ...]

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if lost := sorted({row.scenario_hash for row in self.episodes} - set(self.scenarios)):
            raise ValueError(f"planned episodes: scenario {lost[0][:16]} is not among the planned ones")
        if (count := sum(row.count for row in self.episodes)) > MOST_PLANNED:
            raise ValueError(f"planned episodes: {count}; a run has at most {MOST_PLANNED}")
        return self

    @classmethod
    def of(cls, cells: Iterable[tuple[PlannedScenario, Subject, JsonObject, int]]) -> Self:
        """From scenario, subject, its identity and a seed an episode."""
        scenarios: dict[str, PlannedScenario] = {}
        rows: dict[tuple[str, str, bytes], tuple[Subject, JsonObject, list[int]]] = {}
        hashes: dict[int, str] = {}
        for planned, subject, identity, seed in cells:
            if id(planned) not in hashes:
                hashes[id(planned)] = planned.scenario.hash
            digest = hashes[id(planned)]
            scenarios[digest] = planned
            key = (digest, subject.model_dump_json(), canonical_json(identity))
            rows.setdefault(key, (subject, identity, []))[2].append(seed)
        episodes = tuple(
            PlannedEpisodes(subject=who, identity=identity, scenario_hash=key[0], seeds=_ranges(seeds))
            for key, (who, identity, seeds) in rows.items()
        )
        return cls(scenarios=scenarios, episodes=episodes)

    def keys(self, run_id: str) -> Iterator[EpisodeKey]:
        """The identity of every planned episode, by a name of its own that no ledger has."""
        for number, row in enumerate(self.episodes, start=1):
            planned = self.scenarios[row.scenario_hash]
            for seed in row.all_seeds:
                yield EpisodeKey(
                    episode_id=f"planned-{number}-s{seed}",
                    run_id=run_id,
                    subject=row.subject,
                    scenario=planned.scenario,
                    scenario_hash=row.scenario_hash,
                    cluster_id=planned.scenario.cluster_id,
                    pair_id=pair_id(planned.scenario, row.identity, seed),
                    seed=seed,
                    human_minutes=planned.human_minutes,
                    bucket=planned.bucket,
                )


def _ranges(seeds: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Unbroken rows of numbers.

    >>> _ranges([5, 1, 2, 3, 9])
    ((1, 3), (5, 5), (9, 9))
    """
    found: list[tuple[int, int]] = []
    for seed in sorted(set(seeds)):
        if found and found[-1][1] == seed - 1:
            found[-1] = (found[-1][0], seed)
        else:
            found.append((seed, seed))
    return tuple(found)
