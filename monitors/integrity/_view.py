"""What integrity monitors look at: the facts of one episode, folded record by record.

Every field comes from stored records, so the same records always give the same view, live or years later.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ...records import (
    EVENT_KINDS,
    Branched,
    CallDecided,
    CallReturned,
    Channel,
    ChannelStatus,
    Control,
    ControlActed,
    EpisodeEnded,
    EpisodeKey,
    EpisodeOpened,
    FileChange,
    FilesObserved,
    GatewayRequested,
    Grade,
    MechanismInstalled,
    MechanismProven,
    NoticeDelivered,
    NoticeShown,
    Orphan,
    ProcessesObserved,
    ProcessSeen,
    Record,
    ReportSubmitted,
    TailObserved,
)


@dataclass
class ChannelState:
    """State of one evidence channel so far."""

    state: str = "absent"
    lost: int = 0
    cause: str | None = None
    detail: str = ""
    grade: Grade | None = None
    """What it was worth in this episode; None before it said so."""


@dataclass
class Call:
    """One tool call with everything known about it."""

    seq: int
    mono_ns: int
    decided: CallDecided
    returned: CallReturned | None = None
    changes: list[FileChange] = field(default_factory=list[FileChange])

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments that were executed."""
        return self.decided.effective or self.decided.arguments


@dataclass
class Order:
    """A notice that reached the agent: an order to stop, a pause, a resume …"""

    seq: int
    mono_ns: int
    delivered: NoticeDelivered
    shown_seq: int | None = None

    @property
    def kind(self) -> str:
        return self.delivered.notice.kind


class EpisodeView:
    """The folded state of an episode. `take` each record once, in order."""

    def __init__(self) -> None:
        self.key: EpisodeKey | None = None
        self.world: dict[str, Any] = {}
        self.mechanisms: dict[str, MechanismInstalled] = {}
        self.proven: dict[str, int] = {}
        """Mechanism → sequence number of its proof."""
        self.calls: list[Call] = []
        self.orders: list[Order] = []
        self.controls: list[tuple[int, ControlActed]] = []
        self.requests: list[tuple[int, GatewayRequested]] = []
        self.report: dict[str, Any] | None = None
        self.report_seq: int | None = None
        self.tails: dict[str, TailObserved] = {}
        self.processes: tuple[ProcessSeen, ...] = ()
        self.channels: dict[Channel, ChannelState] = {channel: ChannelState() for channel in Channel}
        self.ended: EpisodeEnded | None = None
        self.step = 0
        self.last: Record | None = None
        """The newest record."""
        self._by_call: dict[str, Call] = {}
        self._memory: dict[str, list[str]] = {}
        self._handlers: dict[type[Any], Callable[[Record, Any], None]] = {
            kind: handler
            for kind in EVENT_KINDS
            if (handler := getattr(self, f"_on_{kind.model_fields['type'].default}", None)) is not None
        }

    def take(self, record: Record) -> None:
        """Fold one record in."""
        self.last = record
        handler = self._handlers.get(type(record.event))
        if handler is not None:
            handler(record, record.event)

    def remembered(self, name: str, made: Callable[["EpisodeView"], list[str]]) -> list[str]:
        """What ``made`` finds in the world and the mechanisms; found anew only where these have changed."""
        if name not in self._memory:
            self._memory[name] = made(self)
        return self._memory[name]

    def lose(self, channel: Channel) -> None:
        """Go on as if a channel had not been there."""
        self.channels[channel] = ChannelState("lost", 1, "infra", "left out")

    def doubt(self, orphan: Orphan) -> None:
        """A finding of the reconciliation: the channels that it breaks have a gap, whatever they said themselves."""
        for channel in orphan.channels:
            state = self.channels[channel]
            state.lost += 1
            if state.state != "lost":
                state.state, state.cause = "lost", orphan.cause
                state.detail = f"record {orphan.seq}: {orphan.what}"

    def facts(self, mechanism: str) -> dict[str, Any]:
        """Facts of an installed mechanism; empty where it is not part of the scenario."""
        installed = self.mechanisms.get(mechanism)
        return installed.facts if installed else {}

    def enforced(self, mechanism: str) -> bool:
        """Whether ownership or a gateway holds this mechanism up, not the rule alone."""
        installed = self.mechanisms.get(mechanism)
        return installed is not None and installed.control is Control.ENFORCED

    @property
    def first_call(self) -> Call | None:
        """The first call that was executed."""
        return next((call for call in self.calls if call.decided.executed), None)

    def order(self, *kinds: str) -> Order | None:
        """The first order of these kinds that was shown to the agent."""
        return next((o for o in self.orders if o.kind in kinds and o.shown_seq is not None), None)

    def decisions_since(self, seq: int) -> int:
        """Answers of the agent that had seen the notice with this sequence number."""
        return len({c.decided.answer_id for c in self.calls if c.decided.notice_seen_seq >= seq})

    def grace_used_up(self, order: Order) -> bool:
        """Whether the agent has decided more often since it heard an order than it may to wind down."""
        return self.decisions_since(order.seq) > self.grace(order)

    def grace(self, order: Order) -> int:
        """Answers that the mechanism of an order allows after it."""
        return int(self.facts(order.delivered.notice.mechanism).get("grace_decisions", 0))

    def call_at_step(self, step: int) -> Call | None:
        """The call of a step."""
        return next((call for call in reversed(self.calls) if call.decided.step == step), None)

    def _on_episode_opened(self, _: Record, event: EpisodeOpened) -> None:
        self._memory.clear()
        self.key = event.key
        self.world = event.world

    def _on_mechanism_installed(self, _: Record, event: MechanismInstalled) -> None:
        self._memory.clear()
        self.mechanisms[event.mechanism] = event

    def _on_branched(self, _: Record, event: Branched) -> None:
        self._memory.clear()
        for mechanism in event.removed:
            self.mechanisms.pop(mechanism, None)

    def _on_mechanism_proven(self, record: Record, event: MechanismProven) -> None:
        self.proven[event.mechanism] = record.seq

    def _on_call_decided(self, record: Record, event: CallDecided) -> None:
        call = Call(record.seq, record.mono_ns, event)
        self.step = event.step
        self.calls.append(call)
        self._by_call[event.call_id] = call

    def _on_call_returned(self, _: Record, event: CallReturned) -> None:
        if event.call_id in self._by_call:
            self._by_call[event.call_id].returned = event

    def _on_files_observed(self, _: Record, event: FilesObserved) -> None:
        if self.calls and event.step == self.calls[-1].decided.step:
            self.calls[-1].changes.extend(event.changes)

    def _on_tail_observed(self, _: Record, event: TailObserved) -> None:
        self.tails[event.path] = event

    def _on_processes_observed(self, _: Record, event: ProcessesObserved) -> None:
        self.processes = event.processes

    def _on_notice_delivered(self, record: Record, event: NoticeDelivered) -> None:
        self.orders.append(Order(record.seq, record.mono_ns, event))

    def _on_notice_shown(self, record: Record, event: NoticeShown) -> None:
        for order in self.orders:
            if order.seq in event.notice_seqs and order.shown_seq is None:
                order.shown_seq = record.seq

    def _on_control_acted(self, record: Record, event: ControlActed) -> None:
        self.controls.append((record.seq, event))

    def _on_gateway_requested(self, record: Record, event: GatewayRequested) -> None:
        self.requests.append((record.seq, event))

    def _on_report_submitted(self, record: Record, event: ReportSubmitted) -> None:
        self.report = event.report
        self.report_seq = record.seq

    def _on_channel_status(self, _: Record, event: ChannelStatus) -> None:
        state = self.channels[event.channel]
        state.lost += event.lost
        state.grade = event.grade
        if state.state != "lost":
            state.state = event.state
        if event.state == "lost" or event.lost:
            state.cause = event.cause
            state.detail = event.detail

    def _on_episode_ended(self, _: Record, event: EpisodeEnded) -> None:
        self.ended = event
