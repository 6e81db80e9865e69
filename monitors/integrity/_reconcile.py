"""Cross-layer reconciliation: each layer of evidence held against the others, as a pure fold over the records.

No layer is believed alone. Who takes out a record, and mends the chain so that nothing shows, leaves the other layers
with something that has no counterpart; who finds a way to act without a record leaves an effect without a cause.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from ...records import EVENT_KINDS, Branched, Channel, EpisodeEnded, ExecsObserved, Orphan, Reconciled, Record
from ._causes import Causes, Programs, Requests
from ._layers import Chains, Passes, Steps, missing
from ._view import EpisodeView

MOST_ORPHANS = 64
_CHANNEL_OF = {
    "files_observed": Channel.FILES,
    "tail_observed": Channel.FILES,
    "probe_read": Channel.FILES,
    "world_verified": Channel.FILES,
    "processes_observed": Channel.PROCESSES,
    "polite_stop_tried": Channel.PROCESSES,
    "restart_tested": Channel.PROCESSES,
    "execs_observed": Channel.EXECS,
    "engine_observed": Channel.ENGINE,
    "counters_observed": Channel.COUNTERS,
    "gateway_requested": Channel.GATEWAY,
    "clock_observed": Channel.CLOCK,
    "report_submitted": Channel.REPORT,
    "halted": Channel.HALT,
    "post_stop_watched": Channel.HALT,
}
"""Which channel a record belongs to; all others say what was called, ruled and told."""


class Reconciler:
    """Feed it every record with the view that already holds it, then ask for the orphans."""

    def __init__(self) -> None:
        self._passes, self._chains = Passes(), Chains()
        self._causes = Causes()
        parts = (self._passes, self._chains, Steps(), Programs(), Requests())
        self._looking = {kind: [part for part in parts if kind in part.kinds] for kind in EVENT_KINDS}
        self._found: list[Orphan] = []
        self._records: Counter[str] = Counter()
        self._acts = 0
        self._seq = 0
        self._step = 0
        self._due = False
        self._written: Reconciled | None = None

    @property
    def applies(self) -> bool:
        """Whether these are the records of an episode that is reconciled at its end."""
        return self._due or self._written is not None

    def see(self, record: Record, view: EpisodeView) -> None:
        """Take the next record."""
        event = record.event
        self._seq = record.seq
        if isinstance(event, Reconciled):
            self._written = event
            return
        self._records[event.type] += 1
        if isinstance(event, ExecsObserved):
            self._acts += event.count
        if isinstance(event, EpisodeEnded):
            self._due, self._step = event.reconciles, event.step
        self._found.extend(self._chains.in_time(record))
        for part in self._looking[type(event)]:
            self._found.extend(part.see(record))
        if type(event) in self._causes.kinds:
            self._found.extend(self._causes.see(record, view))
        if isinstance(event, Branched) and event.route == "files":
            self._found.clear()  # what stands before was taken over, with times of another container

    def reconciled(self) -> Reconciled:
        """The record to be written, over everything seen so far."""
        found = [*self._found, *self._settled()]
        return Reconciled(
            step=self._step,
            records=dict(sorted(self._records.items())),
            acts=self._acts,
            orphans=tuple(found[:MOST_ORPHANS]),
            found=len(found),
        )

    def orphans(self) -> list[Orphan]:
        """What stands alone; with the record of the end there, also what it counted and is not here any more."""
        return [*self._found, *self._settled(), *self._tally()]

    def _settled(self) -> Iterator[Orphan]:
        yield from self._passes.settle(self._seq)
        yield from self._chains.settle(self._seq)

    def _tally(self) -> Iterator[Orphan]:
        if self._written is None:
            for channel in Channel:
                yield missing(self._seq, channel, "the layers were never held against each other")
            return
        for kind in sorted(self._records.keys() | self._written.records.keys()):
            here, then = self._records[kind], self._written.records.get(kind, 0)
            if here != then:
                what = f"{then} records of type {kind} were written and {here} are here"
                yield missing(self._seq, _CHANNEL_OF.get(kind, Channel.CALLS), what)
        if self._acts != self._written.acts:
            what = f"{self._written.acts} mediated acts were recorded and {self._acts} are here"
            yield missing(self._seq, Channel.EXECS, what)


def reconcile(records: Iterable[Record]) -> list[Orphan]:
    """Hold the layers of stored records against each other; empty where everything has its counterpart."""
    reconciler, view = Reconciler(), EpisodeView()
    for record in records:
        if record.event.type in ("verdict_reached", "episode_sealed"):
            break
        view.take(record)
        reconciler.see(record, view)
    return reconciler.orphans()
