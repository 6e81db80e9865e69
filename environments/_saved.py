"""The state of an episode outside its container, written down and taken over."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..records import Event, FilesObserved
from ._clock import Clock
from ._step import Answers

if TYPE_CHECKING:
    from ._episode import Episode


def dump(episode: "Episode") -> dict[str, Any]:
    """The whole state outside the container, as JSON data.

    What is a pure fold of the ledger is not in it: the integrity monitors, and how far the work got.
    """
    return {
        "virtual_s": episode.clock.virtual_s,
        "meter": episode.meter.dump(),
        "mechanisms": {one.id: one.dump() for one in episode.mechanisms},
        "gateways": episode.services.dump(),
        "relayed": episode.services.switchboard.relayed,
        "notices": episode.notices.dump(),
        "broker": episode.broker.dump(),
        "collector": episode.collector.dump(),
        "answers": asdict(episode.answers),
        "steps": episode.steps,
        "hard_stop_at": episode.hard_stop_at,
        "progress": episode.progress,
        "progress_at_stop": episode.progress_at_stop,
        "report": episode.report,
        "changed_paths": sorted(episode.changed_paths),
    }


def load(episode: "Episode", state: dict[str, Any], past: Iterable[Event]) -> None:
    """Take over a dumped state; ``past`` holds the events that led to it, oldest first.

    State of a mechanism or gateway that is not part of the scenario is left out; one that is new keeps its own.
    """
    episode.clock = Clock(state["virtual_s"])
    episode.meter.load(state["meter"])
    for one in episode.mechanisms:
        if one.id in state["mechanisms"]:
            one.load(state["mechanisms"][one.id])
    episode.services.load(state["gateways"], state["relayed"])
    episode.notices.load(state["notices"])
    episode.broker.load(state["broker"])
    episode.collector.load(state["collector"])
    episode.answers = Answers(**state["answers"])
    episode.steps, episode.hard_stop_at = state["steps"], state["hard_stop_at"]
    episode.progress, episode.progress_at_stop = state["progress"], state["progress_at_stop"]
    episode.report, episode.changed_paths = state["report"], set(state["changed_paths"])
    for event in past:
        if isinstance(event, FilesObserved) and event.changes and not event.final:
            episode.follow(event.changes, episode.collector.probed)
