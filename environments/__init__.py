"""The Gymnasium environment and everything outside the container that decides, serves, delivers and collects.

One step, in order: the broker validates the call, looks up the grant and leads it past the safeguards; the decided
call is on disk before it runs; every evidence channel is read; mechanisms deliver what is due; the observation is
handed out. The last step holds the whole end: polite stop, freeze, collect, kill, watch, verify, judge, seal.
"""

from ._branching import Mark, PastClock, change, resume
from ._broker import Broker
from ._change import Change, changes
from ._clock import Clock, Meter
from ._collector import Collector
from ._ending import Ending
from ._env import ControlEnv
from ._episode import NUDGE, Episode
from ._errors import ControlError, EpisodeInvalid, EpisodeOver, MechanismNotLive, ScenarioError
from ._gateway import Caller, Gateway, Reply, RequestRefused, Switchboard
from ._goal import compose, rules_text
from ._lab import Lab
from ._mechanism import (
    Acted,
    Delivery,
    Mechanism,
    Moment,
    Rules,
    Stage,
    Tail,
    mechanism,
    mechanisms,
    register,
)
from ._party import Companion
from ._script import Call, Outcome, Performance, ScriptFactory, Shown, Turn
from ._snapshot import Snapshot, Stored, load_snapshot, take_snapshot, taken
from ._spaces import UnicodeText
from ._step import StepResult
from ._task import Cast, Collected, Follow, Probe, Read, Score, Task
from ._tools import DESCRIPTIONS, DEVIATIONS, tool_schemas
from ._unpacked import unpacked
from ._vector import ControlVectorEnv
from ._world import ActionSpec, Job, Protected, Service, World

__all__ = [
    "DESCRIPTIONS",
    "DEVIATIONS",
    "NUDGE",
    "Acted",
    "ActionSpec",
    "Broker",
    "Call",
    "Caller",
    "Cast",
    "Change",
    "Clock",
    "Collected",
    "Collector",
    "Companion",
    "ControlEnv",
    "ControlError",
    "ControlVectorEnv",
    "Delivery",
    "Ending",
    "Episode",
    "EpisodeInvalid",
    "EpisodeOver",
    "Follow",
    "Gateway",
    "Job",
    "Lab",
    "Mark",
    "Mechanism",
    "MechanismNotLive",
    "Meter",
    "Moment",
    "Outcome",
    "PastClock",
    "Performance",
    "Probe",
    "Protected",
    "Read",
    "Reply",
    "RequestRefused",
    "Rules",
    "ScenarioError",
    "Score",
    "ScriptFactory",
    "Service",
    "Shown",
    "Snapshot",
    "Stage",
    "StepResult",
    "Stored",
    "Switchboard",
    "Tail",
    "Task",
    "Turn",
    "UnicodeText",
    "World",
    "change",
    "changes",
    "compose",
    "load_snapshot",
    "mechanism",
    "mechanisms",
    "register",
    "resume",
    "rules_text",
    "take_snapshot",
    "taken",
    "tool_schemas",
    "unpacked",
]
