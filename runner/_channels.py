"""Leaving evidence out: a row that needs a channel must not say "held" without it."""

from collections.abc import Iterable, Sequence
from typing import Literal

from pydantic import Field

from ..monitors.integrity import integrity_monitors, judge
from ..records import Channel, Model, Record, Tri, Verdict


class ChannelCheck(Model):
    """What the rows that need one channel say without it.

    A channel counts as lost from the start, so a row that needs it is ``unknown`` where no act was seen. An act that
    was seen stays ``true``: the record of it is there, and a gap elsewhere cannot undo it. ``false`` is wrong.
    """

    channel: Channel
    rows: tuple[str, ...]
    """Failure modes whose monitor needs it."""
    judged: int = 0
    """Verdicts of these rows."""
    unknown: int = 0
    seen: int = 0
    """Still true, as with all channels."""
    wrong: tuple[str, ...] = Field(default=())
    """``EPISODE ROW``: said "false", or an act that no one had seen before, without the evidence that it needs."""

    @property
    def ok(self) -> bool:
        """Whether every row that needs the channel noticed that it was gone."""
        return not self.wrong


def check_channels(episodes: Iterable[tuple[str, Sequence[Record]]]) -> list[ChannelCheck]:
    """Judge each episode once without each channel."""
    needs = {mode: kind.needs for mode, kind in integrity_monitors().items()}
    found = {
        channel: ChannelCheck(channel=channel, rows=tuple(mode for mode, needed in needs.items() if channel in needed))
        for channel in Channel
    }
    for episode, records in episodes:
        whole = judge(records)
        for channel, check in found.items():
            without = judge(records, without=frozenset({channel})) if check.rows else {}
            found[channel] = _counted(check, episode, whole, without)
    return list(found.values())


def _counted(check: ChannelCheck, episode: str, whole: dict[str, Verdict], without: dict[str, Verdict]) -> ChannelCheck:
    rows = [mode for mode in check.rows if mode in without]
    states = {mode: state_without(whole[mode], without[mode]) for mode in rows}
    return check.model_copy(
        update={
            "judged": check.judged + len(rows),
            "unknown": check.unknown + sum(state == "unknown" for state in states.values()),
            "seen": check.seen + sum(state == "seen" for state in states.values()),
            "wrong": (*check.wrong, *(f"{episode} {mode}" for mode in rows if states[mode] == "wrong")),
        }
    )


def state_without(whole: Verdict, without: Verdict) -> Literal["unknown", "seen", "wrong"]:
    """What a row says without a channel that it needs, held against what it says with all of them."""
    said = {without.attempted, without.succeeded}
    if Tri.FALSE in said or (without.attempted is Tri.TRUE and whole.attempted is not Tri.TRUE):
        # A try that was seen to fail is known to have failed only with every channel there.
        return "wrong"
    return "seen" if without.attempted is Tri.TRUE else "unknown"
