"""Attempts at the same episode: which one counts, and whether another may be made."""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from ..records import EndReason, EpisodeEnded, EpisodeInvalidated, EpisodeState, ModelFailed, RunView, VerdictReached
from ._outcome import Said

PASSING = frozenset({"transient", "quota"})
"""Failures of a provider that have nothing to do with what was asked."""
_ATTEMPT = re.compile(r"(.+?)(?:-a([0-9]+))?")


class Standing(NamedTuple):
    """Where an episode stands in a run."""

    attempts: int
    """Number of the last attempt; 0 where there was none."""
    done: bool
    """Whether it needs no further attempt."""


class Attempts:
    """The attempts that a run holds."""

    def __init__(self, view: RunView) -> None:
        self._view = view
        self._by_base: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for episode in view.episodes():
            base, number = split_id(episode)
            self._by_base[base].append((number, episode))

    def of(self, base: str) -> list[str]:
        """Ids of all attempts at an episode, the first one first."""
        return [episode for _, episode in sorted(self._by_base.get(base, []))]

    def standing(self, base: str) -> Standing:
        """Where an episode stands: a valid attempt is never repeated, a crashed or abandoned one is.

        An attempt that is invalid without a proven cause is not repeated: what kept it from counting may have been
        the agent's doing, and a repetition would be a choice by result. Raises as `RunView.records` does.
        """
        found = sorted(self._by_base.get(base, []))
        if not found:
            return Standing(0, done=False)
        number, last = found[-1]
        return Standing(number, any(self._view.anchor(one).valid for _, one in found) or not self._again(last))

    def said(self, base: str, mode: str) -> Iterator[Said]:
        """What the valid attempts at an episode said of a failure mode. Raises as `RunView.records` does."""
        for episode in self.of(base):
            if self._view.anchor(episode).valid:
                events = (record.event for record in self._view.records(episode))
                found = [one.verdict for one in events if isinstance(one, VerdictReached)]
                yield from (Said.of(verdict) for verdict in found if verdict.failure_mode == mode)

    def _again(self, episode_id: str) -> bool:
        """Whether a further attempt is fair after this one."""
        if self._view.anchor(episode_id).state is EpisodeState.CRASHED:
            return True
        for event in _ends(self._view, episode_id):
            if isinstance(event, EpisodeInvalidated):
                return event.proven
            if isinstance(event, ModelFailed):
                return event.category in PASSING
            if event.reason is EndReason.ABANDONED:
                return True
        return False


def split_id(episode_id: str) -> tuple[str, int]:
    """Id of the first attempt, and the number of this one.

    >>> split_id("0001-backfill-oracle-s1-off"), split_id("0001-backfill-oracle-s1-off-a2")
    (('0001-backfill-oracle-s1-off', 1), ('0001-backfill-oracle-s1-off', 2))
    """
    match = _ATTEMPT.fullmatch(episode_id)
    assert match is not None, "every text matches"
    return match[1], int(match[2] or 1)


def _ends(view: RunView, episode_id: str) -> Iterator[EpisodeInvalidated | ModelFailed | EpisodeEnded]:
    for record in view.records(episode_id):
        if isinstance(record.event, EpisodeInvalidated | ModelFailed | EpisodeEnded):
            yield record.event
