"""Whether every layer of evidence is there: steps and their passes, digests that continue, records that are named.

Each class follows one thing through the records of an episode, in order, and tells what is missing.
"""

from collections.abc import Iterator
from typing import ClassVar

from ...records import (
    Branched,
    CallDecided,
    CallReturned,
    Channel,
    ChannelStatus,
    ClockObserved,
    CountersObserved,
    EndReason,
    EngineObserved,
    EpisodeEnded,
    Event,
    ExecsObserved,
    FilesObserved,
    Halted,
    MechanismInstalled,
    MechanismProven,
    NoticeDelivered,
    NoticeShown,
    Orphan,
    PoliteStopTried,
    PostStopWatched,
    ProcessesObserved,
    Record,
    ReportSubmitted,
    RestartTested,
    SandboxStarted,
    WorldVerified,
)

_CYCLE: tuple[tuple[type[Event], Channel], ...] = (
    (ProcessesObserved, Channel.PROCESSES),
    (ExecsObserved, Channel.EXECS),
    (EngineObserved, Channel.ENGINE),
    (CountersObserved, Channel.COUNTERS),
)
"""What every pass after a call records, in this order, also where it found nothing."""
_ENDING: tuple[tuple[type[Event], int, Channel], ...] = (
    (FilesObserved, 1, Channel.FILES),
    (ExecsObserved, 2, Channel.EXECS),
    (EngineObserved, 1, Channel.ENGINE),
    (Halted, 1, Channel.HALT),
    (PostStopWatched, 1, Channel.HALT),
    (RestartTested, 1, Channel.PROCESSES),
    (WorldVerified, 1, Channel.FILES),
)
"""What stands at least so often behind the end of the loop."""
_POLITE: tuple[tuple[type[Event], int, Channel], ...] = (
    (ProcessesObserved, 2, Channel.PROCESSES),
    (PoliteStopTried, 1, Channel.PROCESSES),
)
"""What stands there too where the container lived through its polite stop."""


Kinds = frozenset[type[Event]]
"""Kinds of records that one part looks at; it is shown no others."""


def missing(seq: int, channel: Channel, what: str) -> Orphan:
    """A record that should be there and is not: lost by the infrastructure, or taken out afterwards."""
    return Orphan(seq=seq, kind="missing", channels=(channel,), cause="infra", what=what)


class Steps:
    """Calls come with numbers that leave none out, each with its return, its time and what it refers to."""

    kinds: ClassVar[Kinds] = frozenset(
        {CallDecided, CallReturned, ClockObserved, ReportSubmitted, NoticeDelivered, NoticeShown, EpisodeEnded}
    )

    def __init__(self) -> None:
        self._step = 0
        self._open: CallDecided | None = None
        self._timed = True
        self._notices: set[int] = set()
        self._reported = False

    def see(self, record: Record) -> Iterator[Orphan]:
        event, seq = record.event, record.seq
        if isinstance(event, CallDecided):
            yield from self._decided(seq, event)
        elif isinstance(event, CallReturned):
            yield from self._returned(seq, event)
        elif isinstance(event, ClockObserved):
            self._timed = True
        elif isinstance(event, ReportSubmitted):
            self._reported = True
        elif isinstance(event, NoticeDelivered):
            self._notices.add(seq)
        elif isinstance(event, NoticeShown):
            yield from self._referred(seq, event.notice_seqs)
        elif isinstance(event, EpisodeEnded):
            yield from self._ended(seq, event)

    def _decided(self, seq: int, event: CallDecided) -> Iterator[Orphan]:
        if event.step != self._step + 1:
            yield missing(seq, Channel.CALLS, f"the call of step {event.step} follows that of step {self._step}")
        yield from self._complete(seq)
        if event.notice_seen_seq != -1:
            yield from self._referred(seq, (event.notice_seen_seq,))
        self._step, self._open, self._timed, self._reported = event.step, event, False, False

    def _returned(self, seq: int, event: CallReturned) -> Iterator[Orphan]:
        call, self._open = self._open, None
        if call is None or call.call_id != event.call_id:
            yield missing(seq, Channel.CALLS, f"the call {event.call_id} returned and nobody had decided it")
        elif call.tool == "submit_report" and event.ok and not self._reported:
            yield missing(seq, Channel.REPORT, "a report was filed and does not stand here")

    def _ended(self, seq: int, event: EpisodeEnded) -> Iterator[Orphan]:
        if event.step != self._step:
            yield missing(seq, Channel.CALLS, f"the loop ended at step {event.step}, the last call is {self._step}")
        if event.reason is not EndReason.CONTAINER_GONE:
            yield from self._complete(seq)

    def _complete(self, seq: int) -> Iterator[Orphan]:
        if self._open is not None:
            yield missing(seq, Channel.CALLS, f"the call {self._open.call_id} never returned")
        if not self._timed:
            yield missing(seq, Channel.CLOCK, f"the clock was not read after step {self._step}")

    def _referred(self, seq: int, notices: tuple[int, ...]) -> Iterator[Orphan]:
        for notice in sorted(set(notices) - self._notices):
            what = f"record {notice} is named as a notice and is none"
            yield Orphan(seq=seq, kind="foreign_reference", channels=(Channel.CALLS,), cause="infra", what=what)


class Passes:
    """After every call one whole pass over the container at the least, and a whole end."""

    kinds: ClassVar[Kinds] = frozenset(
        {
            CallDecided,
            EpisodeEnded,
            ChannelStatus,
            *(ProcessesObserved, ExecsObserved, EngineObserved, CountersObserved, FilesObserved),
            *(PoliteStopTried, Halted, PostStopWatched, RestartTested, WorldVerified),
        }
    )

    def __init__(self) -> None:
        self._at = 0
        self._passes = 1
        self._begun = False
        self._over: EpisodeEnded | None = None
        self._polite = True
        self._later: list[type[Event]] = []

    def see(self, record: Record) -> Iterator[Orphan]:
        event, seq = record.event, record.seq
        if self._over is not None:
            self._note_ending(event)
        elif isinstance(event, EpisodeEnded):
            self._over = event
            if event.reason is not EndReason.CONTAINER_GONE:
                yield from self._move(seq, 0)
                yield from self._whole(seq)
        elif isinstance(event, CallDecided):
            yield from self._move(seq, 0)
            yield from self._whole(seq)
            self._passes = 0
        elif self._begun:
            yield from self._cycle(seq, event)
        elif isinstance(event, ProcessesObserved):
            self._begun = True

    def settle(self, seq: int) -> Iterator[Orphan]:
        if not self._begun:
            yield missing(seq, Channel.PROCESSES, "nobody looked at the processes before the first call")
        if self._over is None:
            yield missing(seq, Channel.CALLS, "the end of the loop does not stand here")
            return
        polite = self._polite and self._over.reason is not EndReason.CONTAINER_GONE
        for kind, least, channel in (*_ENDING, *(_POLITE if polite else ())):
            if self._later.count(kind) < least:
                yield missing(seq, channel, f"the end lacks one of its {_name(kind)} records")

    def _cycle(self, seq: int, event: Event) -> Iterator[Orphan]:
        if isinstance(event, ProcessesObserved) and event.moment != "step":
            return
        for index, (kind, _) in enumerate(_CYCLE):
            if isinstance(event, kind):
                yield from self._move(seq, index)
                self._at = (index + 1) % len(_CYCLE)
                self._passes += self._at == 0

    def _move(self, seq: int, to: int) -> Iterator[Orphan]:
        while self._at != to:
            kind, channel = _CYCLE[self._at]
            yield missing(seq, channel, f"a pass over the container lacks its {_name(kind)} record")
            self._at = (self._at + 1) % len(_CYCLE)
            self._passes += self._at == 0

    def _whole(self, seq: int) -> Iterator[Orphan]:
        if not self._passes:
            for _, channel in _CYCLE:
                yield missing(seq, channel, "there was no pass over the container after a call")

    def _note_ending(self, event: Event) -> None:
        if isinstance(event, ChannelStatus) and event.channel is Channel.PROCESSES and event.state == "lost":
            self._polite = False
        if not isinstance(event, FilesObserved) or event.manifest is not None:
            self._later.append(type(event))


class Chains:
    """What continues from record to record: digests of the files, the order of acts, times, states of channels."""

    kinds: ClassVar[Kinds] = frozenset(
        {FilesObserved, ExecsObserved, ChannelStatus, MechanismInstalled, MechanismProven, SandboxStarted, Branched}
    )

    def __init__(self) -> None:
        self._digest: str | None = None
        self._act_ns = 0
        self._record_ns = 0
        self._installed: set[str] = set()
        self._live: set[Channel] = set()
        self._told: set[Channel] = set()
        """Channels of which it is known whether they lived to the end."""
        self._started = False

    def in_time(self, record: Record) -> tuple[Orphan, ...]:
        """Whether a record, of whatever kind, is no older than the one before it."""
        if record.mono_ns >= self._record_ns:
            self._record_ns = record.mono_ns
            return ()
        return (_disorder(record.seq, (Channel.CALLS,), "a record is older than the one before it"),)

    def see(self, record: Record) -> Iterator[Orphan]:
        event, seq = record.event, record.seq
        if isinstance(event, FilesObserved):
            yield from self._files(seq, event)
        elif isinstance(event, ExecsObserved):
            yield from self._acts(seq, event)
        elif isinstance(event, ChannelStatus):
            yield from self._channel(seq, event)
        elif isinstance(event, MechanismInstalled):
            self._installed.add(event.mechanism)
        elif isinstance(event, MechanismProven):
            yield from self._proven(seq, event)
        elif isinstance(event, SandboxStarted):
            self._started = True
        elif isinstance(event, Branched):
            self._digest = event.manifest_digest

    def settle(self, seq: int) -> Iterator[Orphan]:
        for name in sorted(self._installed):
            yield missing(seq, Channel.CALLS, f"the mechanism {name} was installed and not proven")
        if not self._started:
            yield missing(seq, Channel.CALLS, "the start of the container does not stand here")
        for channel in Channel:
            if channel not in self._live:
                yield missing(seq, channel, f"nobody said that the channel {channel} was live")
            elif channel not in self._told:
                yield missing(seq, channel, f"nobody said whether the channel {channel} lived to the end")

    def _files(self, seq: int, event: FilesObserved) -> Iterator[Orphan]:
        if event.since != self._digest:
            yield missing(seq, Channel.FILES, "a pass over the files does not continue the one before it")
        self._digest = event.manifest_digest

    def _acts(self, seq: int, event: ExecsObserved) -> Iterator[Orphan]:
        if len(event.acts) != event.count:
            return  # the first of each kind stand here, in an order of their own
        times = [self._act_ns, *(act.mono_ns for act in event.acts)]
        if times != sorted(times):
            yield _disorder(seq, (Channel.EXECS,), "mediated acts stand in another order than they asked in")
        self._act_ns = times[-1]

    def _channel(self, seq: int, event: ChannelStatus) -> Iterator[Orphan]:
        if event.state == "live":
            self._live.add(event.channel)
            return
        self._told.add(event.channel)
        if event.channel not in self._live:
            yield missing(seq, event.channel, f"the channel {event.channel} is {event.state} and was never live")

    def _proven(self, seq: int, event: MechanismProven) -> Iterator[Orphan]:
        if event.mechanism not in self._installed:
            yield missing(seq, Channel.CALLS, f"the mechanism {event.mechanism} was proven and not installed")
        self._installed.discard(event.mechanism)


def _disorder(seq: int, channels: tuple[Channel, ...], what: str) -> Orphan:
    return Orphan(seq=seq, kind="out_of_order", channels=channels, cause="infra", what=what)


def _name(kind: type[Event]) -> str:
    return str(kind.model_fields["type"].default)
