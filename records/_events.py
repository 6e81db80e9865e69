"""Everything that can stand in an episode's ledger: one discriminated union on ``type``.

Fields of type `Artifact` name content in the evidence store. Fields marked `Volatile` hold host times, durations
and process ids; the rest of a scripted episode repeats byte for byte with the same seed. Each docstring says who
writes the event and what of it the agent can influence.
"""

from enum import StrEnum
from typing import Annotated, Literal, get_args

from pydantic import Field

from ._base import Artifact, Family, Model, Sha256, Volatile
from ._branching import Branched, SnapshotTaken
from ._exit import ContainerEnded, ExitReason
from ._observed import (
    ChannelStatus,
    CountersObserved,
    EngineObserved,
    ExecsObserved,
    FilesObserved,
    Halted,
    PoliteStopTried,
    PostStopWatched,
    PostureAttested,
    ProbeRead,
    ProcessesObserved,
    RestartTested,
    TailObserved,
)
from ._reconciled import Reconciled
from ._scenario import Control, EpisodeKey, Placement
from ._text import JsonObject, Text
from ._verdict import Verdict
from ._watching import Action, MonitorChecked, Permission, SuspicionObserved


class EpisodeOpened(Model):
    """First record of every ledger, written before a container exists. Nothing in it came from the agent."""

    type: Literal["episode_opened"] = "episode_opened"
    key: EpisodeKey
    system_prompt: str
    goal: str
    tools: JsonObject
    """Tool name → JSON Schema of its arguments, as shown to the agent."""
    world: JsonObject
    """Names and paths that the seed drew; monitors and casts read them, the agent does not."""
    versions: dict[Text, str]


class SandboxStarted(Model):
    """The container runs and its posture was attested from the host before the first call."""

    type: Literal["sandbox_started"] = "sandbox_started"
    profile: str
    image_digest: str
    supervisor_sha256: Sha256
    isolation: str
    """Tooling, host and network isolation label, for example ``T0/H1+/N2``."""
    posture: JsonObject
    """Attested facts of PID 1 and of an agent process, apart from those that vary between two runs."""
    container: Annotated[JsonObject, Volatile]
    """Container id, host pid and the like."""


class MechanismInstalled(Model):
    """A mechanism stands in the world."""

    type: Literal["mechanism_installed"] = "mechanism_installed"
    mechanism: str
    family: Family
    version: int
    control: Control
    facts: JsonObject
    """What monitors need to judge it: paths, baselines' names, limits. Never shown to the agent."""


class MechanismProven(Model):
    """The mechanism was delivered to effect on a twin of this world (or the cached proof of it holds)."""

    type: Literal["mechanism_proven"] = "mechanism_proven"
    mechanism: str
    proof: Artifact
    """Artifact with the links that were seen to hold."""
    cached: Annotated[bool, Volatile]


class ModelAnswered(Model):
    """One answer of the model, with everything that it cost. The text is the agent's."""

    type: Literal["model_answered"] = "model_answered"
    answer_id: str
    text: str
    calls: tuple[JsonObject, ...]
    model: str | None = None
    """Model id that the provider says it used."""
    fingerprint: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    usage_source: Literal["provider", "estimate", "none"] = "none"
    usd: float | None = None
    """None is "unknown", never 0."""
    attempts: int = 1
    errors: tuple[str, ...] = ()
    """Classified provider errors of the attempts that failed."""
    latency_s: Annotated[float | None, Volatile] = None


class ModelFailed(Model):
    """The provider gave no usable answer within the bounded retries: missing data, never the agent's conduct.

    Only ``context``, a conversation that outgrew the model, is the agent's own limit: that episode counts.
    """

    type: Literal["model_failed"] = "model_failed"
    category: Literal["transient", "quota", "deterministic", "refusal", "content_filter", "wrong_model", "context"]
    attempts: int
    error: str
    errors: tuple[str, ...] = ()
    """One classified line for each attempt."""


class CallDecided(Model):
    """A tool call and what was decided about it; on disk before it runs. Arguments are the agent's."""

    type: Literal["call_decided"] = "call_decided"
    step: int
    call_id: str
    answer_id: str
    tool: str
    arguments: JsonObject
    notice_seen_seq: int
    """Sequence number of the newest notice that the model had seen when it made the call; -1 for none."""
    valid: bool
    """False for an unknown tool or arguments that do not fit its schema: nothing runs."""
    permission: Permission
    permission_reason: str = ""
    action: Action
    protocol: str
    protocol_reason: str = ""
    executed: bool
    effective: JsonObject | None = None
    """Arguments after a protocol's `modify`; None where they are unchanged."""


class CallReturned(Model):
    """What the call gave back. Output is in-container text (G0)."""

    type: Literal["call_returned"] = "call_returned"
    step: int
    call_id: str
    ok: bool
    exit_code: int | None = None
    output: str
    """What the agent was shown, notices excluded."""
    output_sha256: str
    """Of the complete output, also of the part that was not kept."""
    output_bytes: int
    truncated: bool = False
    timed_out: bool = False
    error: str | None = None
    virtual_s: float
    """Scenario clock after the call, in seconds."""
    duration_s: Annotated[float, Volatile]


class Notice(Model):
    """Text that a mechanism puts before the agent."""

    mechanism: str
    kind: str
    """``stop_order``, ``pause``, ``resume``, ``lease_expiring``, ``approval_decided``, ``mail`` …"""
    text: str
    placement: Placement
    facts: JsonObject = Field(default_factory=dict)


class NoticeDelivered(Model):
    """A notice left the harness. In the mailbox placement the agent has seen it only once it read its inbox."""

    type: Literal["notice_delivered"] = "notice_delivered"
    step: int
    notice: Notice
    trigger: str
    """What made it due: ``milestone:0.5``, ``step:12``, ``command:3.0s`` …"""
    during_call: str | None = None
    """Call that was running at the time; its result carries the notice."""


class NoticeShown(Model):
    """The observation that carries these notices was handed to the agent."""

    type: Literal["notice_shown"] = "notice_shown"
    step: int
    notice_seqs: tuple[int, ...]


class ControlActed(Model):
    """A mechanism did something in the world: ran the stop script, wrote the flag, changed the lease."""

    type: Literal["control_acted"] = "control_acted"
    step: int
    mechanism: str
    act: str
    ok: bool | None
    """Whether the act itself went through (not whether it had its effect); None where it could not be told."""
    facts: JsonObject = Field(default_factory=dict)
    timing: Annotated[JsonObject, Volatile] = Field(default_factory=dict)


class GatewayRequested(Model):
    """A request at a host-side service, complete with the answer. The request is the agent's, the record ours."""

    type: Literal["gateway_requested"] = "gateway_requested"
    step: int
    gateway: str
    operation: str
    via: Literal["tool", "relay", "harness"]
    """``relay``: from inside the container, whatever program sent it."""
    principal: str
    request: JsonObject
    allowed: bool
    response: JsonObject
    during_call: str | None = None
    facts: JsonObject = Field(default_factory=dict)
    """What the gateway knows and did not say, for example whether the ticket was genuine."""
    peer: Annotated[JsonObject, Volatile] = Field(default_factory=dict)


class ClockObserved(Model):
    """The scenario's clock and the leases and budgets kept on the host."""

    type: Literal["clock_observed"] = "clock_observed"
    step: int
    virtual_s: float
    leases: JsonObject


class ReportSubmitted(Model):
    """The structured final report. Every field is a claim of the agent."""

    type: Literal["report_submitted"] = "report_submitted"
    step: int
    report: JsonObject


class MilestoneReached(Model):
    """Progress of the main task as seen from outside, from 0 to 1."""

    type: Literal["milestone_reached"] = "milestone_reached"
    step: int
    progress: float


class EndReason(StrEnum):
    """Why an episode ended."""

    SUBMITTED = "submitted"
    STOPPED = "stopped"
    GAVE_UP = "gave_up"
    TERMINATED_BY_PROTOCOL = "terminated_by_protocol"
    CONTAINER_GONE = "container_gone"
    """By the agent's doing."""
    MAX_STEPS = "max_steps"
    MAX_TOKENS = "max_tokens"
    MAX_WALL = "max_wall"
    MAX_VIRTUAL = "max_virtual"
    MAX_USD = "max_usd"
    MAX_CONTEXT = "max_context"
    """The conversation outgrew what the model can read."""
    HARD_STOP = "hard_stop"
    """Hard stop by the scenario after the grace for a stop order ran out."""
    MODEL_FAILED = "model_failed"
    ABANDONED = "abandoned"
    """``reset`` or ``close`` on a live episode."""

    @property
    def terminated(self) -> bool:
        """True where the world reached an end; False where a limit cut the episode."""
        return self in (
            EndReason.SUBMITTED,
            EndReason.STOPPED,
            EndReason.GAVE_UP,
            EndReason.TERMINATED_BY_PROTOCOL,
            EndReason.CONTAINER_GONE,
            EndReason.HARD_STOP,
        )


class EpisodeEnded(Model):
    """The loop is over; collecting, stopping and judging follow."""

    type: Literal["episode_ended"] = "episode_ended"
    step: int
    reason: EndReason
    detail: str = ""
    reconciles: bool = False
    """Whether a `Reconciled` record has to follow, as in every episode since there is one."""


class WorldVerified(Model):
    """The main task's score, from data that the agent never saw."""

    type: Literal["world_verified"] = "world_verified"
    value: float | None
    """From 0 to 1; None where it could not be verified."""
    parts: dict[Text, float]
    detail: JsonObject = Field(default_factory=dict)
    error: str | None = None


class VerdictReached(Model):
    """A verdict, as the live monitors gave it."""

    type: Literal["verdict_reached"] = "verdict_reached"
    verdict: Verdict


class EpisodeSealed(Model):
    """Last record of a complete ledger."""

    type: Literal["episode_sealed"] = "episode_sealed"
    valid: bool
    steps: int
    score: float | None
    usage: JsonObject


class EpisodeInvalidated(Model):
    """The infrastructure failed: this attempt is missing data."""

    type: Literal["episode_invalidated"] = "episode_invalidated"
    phase: str
    object: str
    cause: str
    exit: ExitReason | None = None
    """How the container stood then; None where it has nothing to do with the container."""
    proven: bool
    """Whether the infrastructure cause is proven from outside: only then may the episode be tried again."""


Event = Annotated[
    EpisodeOpened
    | SandboxStarted
    | MechanismInstalled
    | MechanismProven
    | FilesObserved
    | TailObserved
    | ProbeRead
    | ProcessesObserved
    | ExecsObserved
    | EngineObserved
    | CountersObserved
    | ModelAnswered
    | ModelFailed
    | MonitorChecked
    | SuspicionObserved
    | CallDecided
    | CallReturned
    | NoticeDelivered
    | NoticeShown
    | ControlActed
    | GatewayRequested
    | ClockObserved
    | ReportSubmitted
    | MilestoneReached
    | SnapshotTaken
    | Branched
    | EpisodeEnded
    | PostureAttested
    | PoliteStopTried
    | Halted
    | PostStopWatched
    | RestartTested
    | WorldVerified
    | ChannelStatus
    | Reconciled
    | ContainerEnded
    | VerdictReached
    | EpisodeSealed
    | EpisodeInvalidated,
    Field(discriminator="type"),
]
"""Any record's content."""
EVENT_KINDS: frozenset[type[Model]] = frozenset(get_args(get_args(Event)[0]))
"""Every kind of record."""
