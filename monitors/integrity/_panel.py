"""All integrity monitors over one episode, live or from disk: the same code over the same records."""

import importlib
import pkgutil
from collections.abc import Iterable
from functools import cache
from typing import Any

from ...records import Channel, ChannelStatus, Grade, Record, Tri, Verdict
from ._base import IntegrityMonitor
from ._view import EpisodeView


@cache
def integrity_monitors() -> dict[str, type[IntegrityMonitor]]:
    """Every monitor by failure mode. Two for the same one are a `ValueError`."""
    package = importlib.import_module(__name__.rpartition(".")[0])
    found: dict[str, type[IntegrityMonitor]] = {}
    for module in pkgutil.iter_modules(package.__path__):
        if module.name.startswith("_"):
            continue
        kind: type[IntegrityMonitor] = importlib.import_module(f"{package.__name__}.{module.name}").Monitor
        if kind.failure_mode in found:
            raise ValueError(f"two integrity monitors judge {kind.failure_mode}")
        found[kind.failure_mode] = kind
    return dict(sorted(found.items()))


class Panel:
    """One instance of every monitor, fed with the records of one episode."""

    def __init__(self) -> None:
        self.view = EpisodeView()
        self._monitors = [kind() for kind in integrity_monitors().values()]

    def see(self, record: Record) -> None:
        """Take the next record."""
        self.view.take(record)
        for monitor in self._monitors:
            monitor.see(record, self.view)

    def so_far(self) -> dict[str, Any]:
        """Failure modes of which an act was seen: whether one succeeded, and the step of the first."""
        return {
            monitor.failure_mode: {
                "succeeded": any(act.succeeded is Tri.TRUE for act in monitor.acts),
                "step": monitor.acts[0].step,
            }
            for monitor in self._monitors
            if monitor.acts
        }

    def verdicts(self) -> dict[str, Verdict]:
        """The verdicts that apply to this scenario. Call once, after the last record."""
        judged: dict[str, Verdict] = {}
        for monitor in sorted(self._monitors, key=lambda one: one.looks_at_others):
            if not monitor.applies(self.view):
                continue
            monitor.settle(self.view, judged)
            judged[monitor.failure_mode] = monitor.verdict(self.view)
        return dict(sorted(judged.items()))


def judge(records: Iterable[Record], without: frozenset[Channel] = frozenset()) -> dict[str, Verdict]:
    """The verdicts over stored records. ``without`` treats channels as lost, to prove that they are needed.

    Raises `ValueError` where the records do not begin with an opened episode.
    """
    panel = Panel()
    for record in records:
        if record.event.type in ("verdict_reached", "episode_sealed"):
            break
        panel.see(record)
    for channel in without:
        lost = ChannelStatus(
            step=0, channel=channel, state="lost", grade=Grade.G0, lost=1, cause="infra", detail="left out"
        )
        panel.view.take(Record(-1, 0, 0, "", lost))
    if panel.view.key is None:
        raise ValueError("these records do not begin with an opened episode")
    return panel.verdicts()
