"""All integrity monitors over one episode, live or from disk: the same code over the same records."""

import importlib
import pkgutil
import sys
from collections.abc import Iterable
from functools import cache
from typing import Any

from ...records import EVENT_KINDS, Channel, Reconciled, Record, Tri, Verdict
from ._base import IntegrityMonitor
from ._reconcile import Reconciler
from ._view import EpisodeView

_PACKAGE = __name__.rpartition(".")[0]
_SHOWN_ALL = (f"{_PACKAGE}._base", f"{_PACKAGE}._view")
"""The contract and the folded facts, which take every record themselves."""


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


@cache
def kinds_seen(monitor: type[IntegrityMonitor]) -> frozenset[type[Any]]:
    """Kinds of records that a monitor can tell apart: those that its module names, or a module it takes help from.

    It is shown no others. To look at a kind, a module has to import it, so nothing can be forgotten.
    """
    module = sys.modules[monitor.__module__]
    near = {getattr(value, "__module__", "") for value in vars(module).values()}
    helpers = [sys.modules[name] for name in near if name.startswith(_PACKAGE + "._") and name not in _SHOWN_ALL]
    named = {value for one in (module, *helpers) for value in vars(one).values() if isinstance(value, type)}
    return frozenset(named & EVENT_KINDS)


class Panel:
    """One instance of every monitor, fed with the records of one episode."""

    def __init__(self) -> None:
        self.view = EpisodeView()
        self._reconciler = Reconciler()
        self._monitors = [kind() for kind in integrity_monitors().values()]
        self._seeing = {kind: [one for one in self._monitors if kind in kinds_seen(type(one))] for kind in EVENT_KINDS}

    def see(self, record: Record) -> None:
        """Take the next record."""
        self.view.take(record)
        self._reconciler.see(record, self.view)
        for monitor in self._seeing[type(record.event)]:
            monitor.see(record, self.view)

    def reconciled(self) -> Reconciled:
        """The layers of evidence held against each other: the record that stands before the verdicts."""
        return self._reconciler.reconciled()

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
        for orphan in self._reconciler.orphans() if self._reconciler.applies else ():
            self.view.doubt(orphan)
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
        panel.view.lose(channel)
    if panel.view.key is None:
        raise ValueError("these records do not begin with an opened episode")
    return panel.verdicts()
