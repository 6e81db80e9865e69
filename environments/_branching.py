"""Episodes that go on from another one's state: taking the state over, and changing the scenario under way."""

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..records import Branched, EpisodeOpened, Event, FilesObserved, Record, Route, Scenario
from ..sandbox import Entry, SandboxError
from ._change import changes
from ._opening import install_mechanisms, record_container, stand, watch_over
from ._saved import dump, load
from ._snapshot import Stored
from ._step import StepResult
from ._world import World

if TYPE_CHECKING:
    from ._episode import Episode


class PastClock:
    """A ledger's clock that gives inherited records the times that they had, moved to just before now."""

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._inherited: int | None = None

    def __call__(self) -> int:
        return self._clock() if self._inherited is None else self._inherited

    def inherit(self, records: Sequence[Record]) -> Iterable[Record]:
        """The records, each with the clock set to its time while it is handled."""
        shift = self._clock() - (records[-1].mono_ns if records else 0)
        try:
            for record in records:
                self._inherited = record.mono_ns + shift
                yield record
        finally:
            self._inherited = None


@dataclass(frozen=True)
class Mark:
    """Which state an episode goes on from, and how it got there."""

    stored: Stored
    route: Route
    reasons: tuple[str, ...] = ()


def resume(episode: "Episode", stored: Stored, past: Sequence[Record], clock: PastClock) -> None:
    """Bring a new episode to a stored state by its files, with its parent's records as its past.

    Raises `EpisodeInvalid` where the state is not reached bit for bit.
    """
    episode.ledger.subscribe(episode.panel.see)
    opened = past[0].event
    assert isinstance(opened, EpisodeOpened), "a ledger begins with its key"
    episode.system, episode.goal, episode.schemas = opened.system_prompt, opened.goal, opened.tools
    _put_ticket(episode)
    watch_over(episode)
    first = opened.model_copy(update={"key": episode.key, "versions": episode.versions})
    for record in clock.inherit(past):
        episode.write(first if record.event is opened else record.event)
    try:
        packed = stored.packed
        episode.sandbox = episode.lab.branch(episode.world, episode.key.episode_id, packed, stored.snapshot.services)
        stand(episode)
        load(episode, stored.snapshot.host, [record.event for record in past])
        record_container(episode)
    except SandboxError as error:
        raise episode.invalid(error.phase, error.subject, error.cause) from error


def change(episode: "Episode", scenario: Scenario, mark: Mark, past: Iterable[Event]) -> StepResult | None:
    """Let the episode go on in another scenario, from the very state that it is in; records that it does.

    ``past``: what led here. Returns the observation that tells the agent, None where it is told nothing. Raises
    `ScenarioError` for what cannot be changed under way, and `EpisodeInvalid` where the infrastructure fails.
    """
    try:
        return _change(episode, scenario, mark, list(past))
    except SandboxError as error:
        raise episode.invalid(error.phase, error.subject, error.cause) from error


def _change(episode: "Episode", scenario: Scenario, mark: Mark, past: list[Event]) -> StepResult | None:
    was, old_world = episode.scenario, episode.world
    before = {one.id: one.control for one in episode.mechanisms}
    adjusted, kept = _Adjusted(), []
    if scenario != was:
        state = dump(episode)
        episode.furnish(scenario)
        _put_ticket(episode)
        adjusted = _adjust(episode, old_world)
        past += _foreign(episode, adjusted)
        for path in adjusted.paths:  # what we put there is what follows is compared with
            state["collector"]["guarded"].pop(path, None)
        episode.sandbox.spec = replace(
            episode.sandbox.spec,
            session_start="\n".join(episode.world.session_start),
            session_prologue="\n".join(episode.world.session_prologue),
        )
        watch_over(episode)
        stand(episode)
        load(episode, state, past)
        kept = adjusted.kept
    rules = [one.rules(episode.world) for one in episode.mechanisms]
    found = changes(episode.task, was, scenario, rules)
    episode.write(
        Branched(
            step=episode.steps,
            snapshot=mark.stored.digest,
            pack=mark.stored.pack_digest,
            route=mark.route,
            reasons=mark.reasons,
            effects=tuple(one.effect for one in found),
            removed=tuple(sorted(before.keys() - {one.id for one in episode.mechanisms})),
            adjusted=tuple(adjusted.paths),
            kept=tuple(kept),
            manifest_digest=episode.sandbox.evidence.files.digest,
        ),
        sync=True,
    )
    install_mechanisms(episode, [one for one in episode.mechanisms if before.get(one.id) != one.control])
    told = [one.told for one in found if one.told is not None]
    return episode.go_on(told) if told else None


def _put_ticket(episode: "Episode") -> None:
    """The ticket in the world's own files, as the episode began with it: a twin has it too."""
    episode.world.put(episode.world.path("TICKET.md"), "# Ticket\n\n" + episode.goal + "\n")


class _Adjusted:
    """Paths that a change called for."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.kept: list[str] = []
        self.entries: list[Entry] = []


def _adjust(episode: "Episode", old: World) -> _Adjusted:
    """Bring what mechanisms own in the container from one scenario to another; what the agent made of it stays."""
    found = _Adjusted()
    for path, entry in sorted(episode.world.files.items(), key=lambda item: item[0].count("/")):
        if path not in old.files or old.files[path] != entry:
            _adjust_one(episode, old.files.get(path), entry, found)
    failed = episode.sandbox.install(found.entries)
    if failed:
        path, error = next(iter(failed.items()))
        raise episode.invalid("changing the scenario", path, f"the files cannot be adjusted (errno {error})")
    return found


def _adjust_one(episode: "Episode", before: Entry | None, entry: Entry, found: _Adjusted) -> None:
    files = episode.sandbox.evidence.files
    state = files.state(entry.path)
    if state is None and before is None:
        found.entries.append(entry)
        found.paths.append(entry.path)
        return
    untouched = state is not None and before is not None and state.kind == before.kind
    if state is None or state.kind != entry.kind:
        found.kept.append(entry.path)
        return
    content = entry.data
    if entry.kind == "file" and not (untouched and state.sha256 == _digest(before)):
        content = files.read(entry.path) or b""
        found.kept.append(entry.path)
    found.entries.append(replace(entry, data=content))
    found.paths.append(entry.path)


def _digest(entry: Entry | None) -> str:
    return "" if entry is None else hashlib.sha256(entry.data).hexdigest()


def _foreign(episode: "Episode", adjusted: _Adjusted) -> list[FilesObserved]:
    """Take our own changes for the state to compare with; what somebody else did meanwhile is recorded as ever."""
    evidence = episode.sandbox.evidence
    found = evidence.files.scan(evidence.cgroup.pids())
    others = tuple(change for change in found.changes if change.path not in adjusted.paths)
    if not others:
        return []
    seen = FilesObserved(step=episode.steps, changes=others, manifest_digest=found.digest, complete=found.complete)
    episode.write(seen)
    return [seen]
