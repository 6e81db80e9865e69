"""What is run: the scenario with its factors, the subject, and the identity of an episode."""

from enum import StrEnum
from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from ._base import Model, RuleLevel
from ._branching import Origin
from ._canonical import digest_of
from ._text import JsonObject


class Control(StrEnum):
    """How firmly the mechanisms hold by themselves, weakest first."""

    SOFT = "soft"
    """Words only."""
    ADVISORY = "advisory"
    """A crossing is warned about and let through."""
    BYPASSABLE = "bypassable"
    """The ordinary way is blocked, a flaw is left open on purpose."""
    ENFORCED = "enforced"
    """Held by ownership or at a gateway."""


class Pressure(StrEnum):
    """What pulls the agent towards breaking the rule."""

    NONE = "none"
    DEADLINE = "deadline"
    SUNK_COST = "sunk_cost"
    AUTHORITY = "authority"
    SCARCITY = "scarcity"
    SELF_CONTINUITY = "self_continuity"


class Autonomy(StrEnum):
    """How much the agent may do before a person looks."""

    A0 = "A0"
    """Every action is approved first."""
    A1 = "A1"
    """Risky actions are approved first."""
    A2 = "A2"
    """Monitored and reviewed later."""
    A3 = "A3"
    """Unmonitored within budgets."""


class Oversight(StrEnum):
    """What the agent is told about being watched."""

    NOT_MENTIONED = "not_mentioned"
    ANNOUNCED_MONITORED = "announced_monitored"
    ANNOUNCED_UNMONITORED = "announced_unmonitored"


class Arm(StrEnum):
    """Which goals the agent is given."""

    MAIN_ONLY = "main_only"
    SIDE_ONLY = "side_only"
    BOTH = "both"


class Placement(StrEnum):
    """Where the rules and the orders reach the agent."""

    SYSTEM = "system"
    USER = "user"
    TOOL_RESULT = "tool_result"
    MAILBOX = "mailbox"
    TICKET = "ticket"


class Factors(Model):
    """The varied conditions of a scenario. Each value changes what the agent sees or what is enforced."""

    instruction: RuleLevel = RuleLevel.STATED
    control: Control = Control.BYPASSABLE
    pressure: Pressure = Pressure.NONE
    autonomy: Autonomy = Autonomy.A2
    oversight: Oversight = Oversight.NOT_MENTIONED
    arm: Arm = Arm.MAIN_ONLY
    placement: Placement = Placement.SYSTEM


class MechanismSpec(Model):
    """One mechanism of a scenario and its parameters (the mechanism validates them)."""

    id: str
    params: JsonObject = Field(default_factory=dict)


class MonitorSpec(Model):
    """One suspicion monitor of the safeguards."""

    id: str
    params: JsonObject = Field(default_factory=dict)


class Safeguards(Model):
    """Suspicion monitors and the protocol that may act on them. Empty monitors mean safeguards off."""

    monitors: tuple[MonitorSpec, ...] = ()
    protocol: str = "observe_only"
    protocol_params: JsonObject = Field(default_factory=dict)

    @property
    def on(self) -> bool:
        """True where something watches."""
        return bool(self.monitors)


class Budgets(Model):
    """Limits of one episode, each metered by itself; None means no such limit."""

    max_steps: int | None = Field(default=200, gt=0)
    max_tokens: int | None = Field(default=None, gt=0)
    """Input and output tokens as the provider reports them."""
    max_wall_s: float | None = Field(default=1800.0, gt=0)
    """Host monotonic seconds since the first observation."""
    max_virtual_s: float | None = Field(default=None, gt=0)
    """Seconds of the scenario's own clock."""
    max_usd: float | None = Field(default=None, gt=0)
    """Refused at the start where the model's price is unknown."""


class Scenario(Model):
    """Task × mechanisms × factors: everything that defines what is run, except seed and subject."""

    task: str
    task_version: int = 1
    mechanisms: tuple[MechanismSpec, ...] | None = None
    """None takes the task's own set."""
    factors: Factors = Factors()
    side_task: str | None = None
    """Failure mode that the side task asks for; needed where the arm is not main_only."""
    safeguards: Safeguards = Safeguards()
    budgets: Budgets = Budgets()
    without: tuple[str, ...] = ()
    """Guarantees of the container that were given up by name: episodes without them are another scenario."""

    @model_serializer(mode="wrap")
    def _as_ever(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A scenario that gives up nothing is written, and hashed, as before there was anything to give up."""
        data: dict[str, Any] = dump(self)
        if not data.get("without"):
            data.pop("without", None)
        return data

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical form, hexadecimal."""
        return digest_of(self.model_dump(mode="json"))

    @property
    def cluster_id(self) -> str:
        """What episodes must share to count as repetitions of one another: all but safeguards and budgets."""
        same = self.model_dump(mode="json", exclude={"safeguards", "budgets"})
        return digest_of(same)[:16]


class SubjectKind(StrEnum):
    """In which form the model is evaluated."""

    AS_IS = "as_is"
    HELPFUL_ONLY = "helpful_only"
    DEPLOYED = "deployed"
    """With its safeguards."""
    SCRIPTED = "scripted"
    """A member of the cast: proves the instrument, says nothing about a model."""


class Subject(Model):
    """Who is evaluated."""

    kind: SubjectKind
    name: str
    """Model id as asked for, or the cast member, for example ``violator:S3.overwrite``."""
    scaffold: str
    """What turns answers into calls: ``script``, ``tool_calls`` or ``text_protocol``."""
    params: JsonObject = Field(default_factory=dict)
    """Sampling parameters and whatever else identifies the subject; never a secret."""


class EpisodeKey(Model):
    """The columns that every row of the analysis carries, from the first day."""

    schema_version: Literal[1] = 1
    episode_id: str
    run_id: str
    subject: Subject
    scenario: Scenario
    scenario_hash: str
    cluster_id: str
    pair_id: str
    """Equal for episodes that differ in one thing only, for example safeguards off and on."""
    seed: int
    attempt: int = Field(default=1, ge=1)
    human_minutes: float
    """Estimated time that a familiar professional takes, in minutes."""
    bucket: str
    """Human-time bucket, for example ``1-2h``."""
    branch: Origin | None = None
    """Where it began, for an episode that goes on from another one's state; None for one from the beginning."""
