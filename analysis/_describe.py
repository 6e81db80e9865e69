"""One line for a reader about each kind of event: whose act it was, what happened, and how well it is known."""

from dataclasses import dataclass
from functools import singledispatch
from typing import Literal

from ..records import (
    CHANNEL_GRADES,
    Blame,
    Branched,
    CallDecided,
    CallReturned,
    Channel,
    ChannelStatus,
    ClockObserved,
    ContainerEnded,
    ControlActed,
    CountersObserved,
    EngineObserved,
    EpisodeEnded,
    EpisodeInvalidated,
    EpisodeOpened,
    EpisodeSealed,
    Event,
    ExecsObserved,
    FilesObserved,
    GatewayRequested,
    Grade,
    Halted,
    MechanismInstalled,
    MechanismProven,
    MilestoneReached,
    ModelAnswered,
    ModelFailed,
    MonitorChecked,
    NoticeDelivered,
    NoticeShown,
    PoliteStopTried,
    PostStopWatched,
    PostureAttested,
    ProbeRead,
    ProcessesObserved,
    Reconciled,
    ReportSubmitted,
    RestartTested,
    SandboxStarted,
    SnapshotTaken,
    SuspicionObserved,
    TailObserved,
    Tri,
    VerdictReached,
    WorldVerified,
    canonical_json,
)
from ._words import listing, plural

Lane = Literal["agent", "control", "monitor", "world", "harness", "verdict"]
Tone = Literal["plain", "quiet", "good", "warn", "bad"]
"""How much a reader needs it: quiet is bookkeeping."""


@dataclass(frozen=True)
class Line:
    """What a reader sees of an event at first glance. Every text may be hostile."""

    lane: Lane
    title: str
    text: str = ""
    tone: Tone = "plain"
    grade: Grade | None = None
    """How far the agent could have influenced what is said; None where it could not at all."""


@singledispatch
def describe(event: Event) -> Line:
    """The line of an event."""
    return Line("harness", event.type.replace("_", " "), tone="quiet")


@describe.register
def _(event: EpisodeOpened) -> Line:
    return Line("harness", "episode opened", f"goal: {event.goal}")


@describe.register
def _(event: SandboxStarted) -> Line:
    return Line("harness", "sandbox started", f"{event.profile}, isolation {event.isolation}", "quiet")


@describe.register
def _(event: MechanismInstalled) -> Line:
    return Line("control", f"installed: {event.mechanism}", f"{event.family}, {event.control}", "quiet")


@describe.register
def _(event: MechanismProven) -> Line:
    return Line("control", f"proven live: {event.mechanism}", "", "quiet")


@describe.register
def _(event: FilesObserved) -> Line:
    paths = [change.path for change in event.changes]
    title = f"{plural(len(paths), 'file')} changed" if paths else "files unchanged"
    tone: Tone = "plain" if paths and event.complete else "warn" if not event.complete else "quiet"
    lossy = "" if event.complete else " (the pass is incomplete)"
    return Line("world", title + lossy, ", ".join(paths), tone, CHANNEL_GRADES[Channel.FILES])


@describe.register
def _(event: TailObserved) -> Line:
    broken = not event.prefix_intact or not event.exists or bool(event.missing or event.foreign)
    state = "rewritten or gone" if broken else f"{plural(event.lines_added, 'line')} added"
    return Line("world", f"append-only file {state}", event.path, "warn" if broken else "quiet", Grade.G2)


@describe.register
def _(event: ProbeRead) -> Line:
    if event.error is not None:
        return Line("world", f"probe {event.probe}: unknown", event.error, "warn", Grade.G2)
    value = canonical_json(event.value).decode()
    return Line("world", f"probe {event.probe}", value, "quiet", Grade.G2)


@describe.register
def _(event: ProcessesObserved) -> Line:
    title = f"{plural(len(event.processes), 'process')} seen"
    return Line("world", title, "", "quiet", CHANNEL_GRADES[Channel.PROCESSES])


@describe.register
def _(event: ExecsObserved) -> Line:
    acts = [" ".join(act.argv) or act.kind for act in event.acts]
    title = plural(event.count, "mediated act")
    return Line("world", title, listing(acts, 6) if acts else "", "quiet", CHANNEL_GRADES[Channel.EXECS])


@describe.register
def _(event: EngineObserved) -> Line:
    if event.unexpected:
        text = ", ".join(event.unexpected)
        return Line("world", "unexpected engine action", text, "bad", CHANNEL_GRADES[Channel.ENGINE])
    return Line("world", "engine events", "", "quiet", CHANNEL_GRADES[Channel.ENGINE])


@describe.register
def _(event: CountersObserved) -> Line:
    if event.oom_kills:
        return Line("world", plural(event.oom_kills, "out-of-memory kill"), "", "warn", Grade.G2)
    return Line("world", "counters observed", "", "quiet", CHANNEL_GRADES[Channel.COUNTERS])


@describe.register
def _(event: ModelAnswered) -> Line:
    return Line("agent", "says", event.text, "plain" if event.text else "quiet", Grade.G0)


@describe.register
def _(event: ModelFailed) -> Line:
    return Line("agent", f"no usable answer: {event.category}", event.error, "warn")


@describe.register
def _(event: MonitorChecked) -> Line:
    if event.healthy:
        return Line("monitor", f"{event.monitor}: passed its check", event.detail, "quiet")
    return Line("monitor", f"{event.monitor}: failed its check, nothing is monitored", event.detail, "bad")


@describe.register
def _(event: SuspicionObserved) -> Line:
    if event.score is None:
        return Line("monitor", f"{event.monitor}: no score", event.error or "", "warn")
    return Line("monitor", f"{event.monitor}: suspicion {event.score:.2f}", event.reason, "quiet")


@describe.register
def _(event: CallDecided) -> Line:
    decision = f"{event.permission} · {event.action}" + ("" if event.executed else " · not executed")
    words = [event.permission_reason, event.protocol_reason]
    malformed = "" if event.valid else " (malformed)"
    text = " — ".join(filter(None, [canonical_json(event.arguments).decode(), *words]))
    tone: Tone = "plain" if event.executed else "warn"
    return Line("agent", f"calls {event.tool}{malformed} → {decision}", text, tone, Grade.G3)


@describe.register
def _(event: CallReturned) -> Line:
    exit_code = "" if event.exit_code is None else f", exit {event.exit_code}"
    size = f", {event.output_bytes:,} bytes" + (", truncated" if event.truncated else "")
    state = "timed out" if event.timed_out else "returned" if event.ok else "failed"
    text = event.output if event.error is None else f"{event.error}\n{event.output}"
    return Line("world", f"{state}{exit_code}{size}", text, "plain", Grade.G0)


@describe.register
def _(event: NoticeDelivered) -> Line:
    notice = event.notice
    title = f"{notice.kind.replace('_', ' ')} from {notice.mechanism} ({notice.placement}, {event.trigger})"
    return Line("control", title, notice.text, "warn")


@describe.register
def _(event: NoticeShown) -> Line:
    text = f"records {', '.join(map(str, event.notice_seqs))}" if event.notice_seqs else ""
    return Line("control", "agent saw the notices", text, "plain")


@describe.register
def _(event: ControlActed) -> Line:
    state = {True: "done", False: "did not go through", None: "unknown whether it went through"}[event.ok]
    return Line("control", f"{event.mechanism}: {event.act}", state, "plain" if event.ok else "warn")


@describe.register
def _(event: GatewayRequested) -> Line:
    verb = "allowed" if event.allowed else "refused"
    title = f"{event.gateway}.{event.operation} via {event.via} by {event.principal}: {verb}"
    text = canonical_json(event.request).decode()
    return Line("control", title, text, "plain" if event.allowed else "warn", CHANNEL_GRADES[Channel.GATEWAY])


@describe.register
def _(event: ClockObserved) -> Line:
    return Line("control", f"scenario clock {event.virtual_s:g} s", "", "quiet")


@describe.register
def _(event: ReportSubmitted) -> Line:
    return Line("agent", "submits its report (claims)", canonical_json(event.report).decode(), "plain", Grade.G0)


@describe.register
def _(event: MilestoneReached) -> Line:
    return Line("world", f"task progress {event.progress:.0%}", "", "plain")


@describe.register
def _(event: SnapshotTaken) -> Line:
    return Line("harness", "snapshot taken", f"{event.snapshot[:12]}, by {event.route} again", "quiet")


@describe.register
def _(event: Branched) -> Line:
    changes = "; ".join(f"{one.factor}: {one.was} → {one.becomes}" for one in event.effects)
    return Line("harness", f"branched by {event.route}", changes or "goes on as it was")


@describe.register
def _(event: EpisodeEnded) -> Line:
    return Line("harness", f"ended: {event.reason.replace('_', ' ')}", event.detail)


@describe.register
def _(event: PoliteStopTried) -> Line:
    remaining = len(event.remaining)
    title = f"polite stop: {plural(remaining, 'process')} left"
    return Line("harness", title, "", "warn" if remaining else "plain", CHANNEL_GRADES[Channel.HALT])


@describe.register
def _(event: Halted) -> Line:
    state = "container empty" if event.empty else f"survivors {', '.join(map(str, event.survivors))}"
    title = f"halted by {event.route} after {1000 * event.latency_s:.1f} ms"
    spent = "unknown" if event.cpu_ns_after_order is None else f"{event.cpu_ns_after_order / 1e6:.1f} ms"
    begun = "unknown" if event.acts_after_order is None else f"{event.acts_after_order:,}"
    text = f"{state}; after the order: processor time {spent}, acts begun {begun}"
    return Line("harness", title, text, "plain" if event.empty else "bad", CHANNEL_GRADES[Channel.HALT])


@describe.register
def _(event: PostStopWatched) -> Line:
    moved = len(event.changes) + event.gateway_requests + len(event.siblings)
    title = f"after the stop: {plural(moved, 'movement')}" if moved else "nothing moved after the stop"
    text = listing([change.path for change in event.changes], 6) if event.changes else ""
    return Line("harness", title, text, "bad" if moved else "plain", CHANNEL_GRADES[Channel.HALT])


@describe.register
def _(event: PostureAttested) -> Line:
    title = "container gone before it was looked at again" if event.gone else "container looser than at the opening"
    text = event.gone or "; ".join(event.changed)
    if event.holds:
        title = "container confined to the end"
    return Line("harness", title, text, "quiet" if event.holds else "bad", CHANNEL_GRADES[Channel.POSTURE])


@describe.register
def _(event: RestartTested) -> Line:
    if event.error is not None:
        return Line("harness", "restart test: unknown", event.error, "warn")
    if event.came_back:
        return Line("harness", "restart test: came back", ", ".join(event.came_back), "bad", Grade.G2)
    title = "restart test: nothing came back" if event.needed else "restart test not needed"
    return Line("harness", title, "", "plain", Grade.G2)


@describe.register
def _(event: WorldVerified) -> Line:
    if event.value is None:
        return Line("harness", "task score unknown", event.error or "", "warn")
    return Line("harness", f"task score {event.value:.3g}", event.error or "")


@describe.register
def _(event: ChannelStatus) -> Line:
    bad = event.state == "lost" or event.lost > 0
    title = f"evidence channel {event.channel} {event.state}" + (f", {event.lost} lost" if event.lost else "")
    return Line("harness", title, event.detail, "warn" if bad else "quiet", event.grade)


@describe.register
def _(event: ContainerEnded) -> Line:
    whose = {Blame.AGENT: "by the agent's doing", Blame.INFRA: "by the infrastructure", Blame.OURS: "by our own doing"}
    title = (
        f"container: {event.reason.value.replace('_', ' ')}, {whose.get(event.reason.blame, 'nobody knows by whom')}"
    )
    hit = f"ran into its limit of {listing(list(event.limits))}" if event.limits else ""
    return Line("world", title, hit, "warn", Grade.G2)


@describe.register
def _(event: Reconciled) -> Line:
    if not event.found:
        return Line("harness", "every layer of evidence has its counterpart in the others", "", "quiet")
    text = listing([f"record {orphan.seq}: {orphan.what}" for orphan in event.orphans], 6)
    return Line("harness", f"{plural(event.found, 'orphan')} among the layers of evidence", text, "bad")


_VERDICT_WORDS: dict[Tri, tuple[str, Tone]] = {
    Tri.TRUE: ("control failed", "bad"),
    Tri.FALSE: ("control held", "good"),
    Tri.UNKNOWN: ("unknown", "warn"),
    Tri.NOT_APPLICABLE: ("not applicable", "quiet"),
}


@describe.register
def _(event: VerdictReached) -> Line:
    verdict = event.verdict
    words, tone = _VERDICT_WORDS[verdict.succeeded]
    if verdict.succeeded is Tri.FALSE and verdict.attempted is Tri.TRUE:
        words, tone = "attempted and stopped", "warn"
    if verdict.exposed in (Tri.FALSE, Tri.NOT_APPLICABLE):
        words, tone = "never exposed", "quiet"
    elif verdict.exposed is Tri.UNKNOWN:
        words, tone = "unknown whether exposed", "warn"
    return Line("verdict", f"{verdict.failure_mode}: {words}", verdict.reason, tone, verdict.grade)


@describe.register
def _(event: EpisodeSealed) -> Line:
    return Line("harness", "sealed" if event.valid else "sealed as invalid", "", "plain" if event.valid else "bad")


@describe.register
def _(event: EpisodeInvalidated) -> Line:
    proven = "proven from outside" if event.proven else "cause not proven"
    text = f"{event.phase}: {event.object}: {event.cause}"
    return Line("harness", f"invalid: infrastructure failed ({proven})", text, "bad")
