"""One suite for every engine and every user: each promise of a profile, tried on real containers.

What it prints is what a verdict on this engine can rest on: a channel of evidence is verified only where every promise
that it rests on was kept before our eyes.
"""

import getpass
import os
import tempfile
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from ..records import CHANNEL_GRADES, Channel, Grade, Model
from ._advisories import advisories_for
from ._attest import LOOKS
from ._binary import build_supervisor
from ._container import ContainerSpec, DockerSandbox
from ._engine import Engine, EngineFacts
from ._engine_events import EventHub
from ._errors import SandboxError
from ._guarantees import CHOSEN, GUARANTEES, given_up
from ._guest_posture import TOLD
from ._image import need_image
from ._isolation import UNPROVEN, isolation
from ._lease import labels
from ._profile import Profile
from ._promises import PROMISES, Broken, Ground, NotHere, Promise, canary
from ._spec import Weakness

State = Literal["pass", "fail", "not_available"]
Source = Literal["host", "sidecar", "inside", "none"]
_DONE_WITHOUT: tuple[State, str] = ("not_available", "done without, by name")
_BY_US = frozenset({Channel.CALLS, Channel.GATEWAY, Channel.CLOCK, Channel.REPORT})
"""Kept by the harness itself, whatever the engine."""


class Line(Model):
    """One promise, and what became of it."""

    promise: str
    meaning: str
    state: State
    fact: str
    """What was seen, or why it failed or could not be tried."""
    given_up: bool = False
    """The user does without it by name."""
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether it stands in nobody's way."""
        return self.state == "pass" or self.given_up


class Standing(Model):
    """What a channel of evidence is worth on this engine."""

    channel: Channel
    grade: Grade
    """The grade that it has where it is verified."""
    verified: bool
    reason: str


class Conformance(Model):
    """What one engine keeps of a profile's promises, for one user."""

    engine: EngineFacts
    runtime: str | None
    """The container runtime that was asked for; None for the engine's default."""
    user: str
    uid: int
    profile: str
    """Under which name the profile would run there."""
    without: tuple[str, ...]
    """What the user does without by name."""
    isolation: str
    """Label of an agent with a shell there; only host and network where no container came up."""
    evidence: Source
    """Who read the evidence: this process, a container beside the agent's, in part our program within it, or nobody."""
    advisories: tuple[str, ...]
    lines: tuple[Line, ...]
    channels: tuple[Standing, ...]

    @property
    def ok(self) -> bool:
        """Whether every promise holds, or was given up by name."""
        return all(line.holds for line in self.lines)


def names_to_give_up() -> tuple[str, ...]:
    """Everything that a user can do without by name."""
    return tuple(sorted(GUARANTEES.keys() | CHOSEN.keys() | {promise.name for promise in PROMISES}))


def conform(
    engine: Engine, profile: Profile, without: Sequence[str] = (), *, report: Callable[[Line], None] = lambda _: None
) -> Conformance:
    """Try every promise of a profile on an engine; `report` is told of each.

    What fails is a result and never raised. A name in `without` that is no promise is a `ValueError`; an engine that
    does not answer raises its `EngineError`.
    """
    unknown = set(without) - set(names_to_give_up())
    if unknown:
        names = ", ".join(names_to_give_up())
        raise ValueError(f"no promise is called {', '.join(sorted(unknown))}; what can be given up: {names}")
    facts = engine.facts()
    suite = _Suite(engine, profile, frozenset(without), report)
    suite.run()
    return Conformance(
        engine=facts,
        runtime=engine.runtime,
        user=_user(),
        uid=os.geteuid(),
        profile=profile.lowered(*suite.lacking).name,
        without=tuple(sorted(without)),
        isolation=suite.isolation,
        evidence=suite.evidence,
        advisories=tuple(advisory.id for advisory in advisories_for(facts)),
        lines=tuple(suite.lines),
        channels=tuple(_standing(channel, suite.lines, suite.weak.get(channel)) for channel in Channel),
    )


class _Suite:
    """One pass over all promises."""

    def __init__(
        self, engine: Engine, profile: Profile, without: frozenset[str], report: Callable[[Line], None]
    ) -> None:
        self._engine = engine
        self._profile = profile
        self._without = without
        self._report = report
        self.lines: list[Line] = []
        self.lacking: tuple[str, ...] = ()
        """Guarantees that have to be given up for an episode to run here."""
        self.isolation = UNPROVEN
        self.evidence: Source = "none"
        self.weak: Mapping[Channel, Weakness] = {}

    def run(self) -> None:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="offswitch-conformance-")))
            hub = EventHub(self._engine)
            stack.callback(hub.close)
            hub.wait_live()
            run = f"conformance-{uuid.uuid4().hex[:12]}"
            started = time.monotonic()
            try:
                sandbox = self._start(folder, run)
            except (SandboxError, OSError) as error:
                self._say("start", "a container comes up", "fail", str(error), started)
                self._give_up()
                return
            stack.callback(sandbox.close)
            self._say("start", "a container comes up", "pass", f"process {sandbox.pid}", started)
            self.evidence, self.weak = sandbox.evidence.source, sandbox.evidence.weak
            self._posture(sandbox)
            ground = Ground(self._engine, sandbox, hub, stack.enter_context(canary(folder)), run)
            for promise in PROMISES:
                if not ground.sandbox.alive and ground.halted is None:  # the promise before this one ended it
                    ground.sandbox.close()
                    ground.sandbox = stack.enter_context(self._start(folder, run))
                self._try(promise, ground)

    def _start(self, folder: Path, run: str) -> DockerSandbox:
        spec = ContainerSpec(
            name=f"offswitch-{run}-{uuid.uuid4().hex[:6]}",
            image=need_image(self._engine).digest,
            supervisor=build_supervisor().path,
            # Everything may differ here, so that every difference is seen and told.
            profile=self._profile.lowered(*GUARANTEES, *(self._without & CHOSEN.keys())),
            labels=labels(run, "conformance", "agent"),
            scratch=folder,
        )
        return DockerSandbox.start(self._engine, spec)

    def _posture(self, sandbox: DockerSandbox) -> None:
        now, posture = time.monotonic(), sandbox.evidence.posture
        self.lacking = tuple(posture["not_enforced"])
        needed = bool(self.lacking)
        self.isolation = isolation(posture, tools=True, runs_code=True, given_up=needed)
        short, unseen = sandbox.shortfalls(self._profile)
        for name, meaning in CHOSEN.items():
            kept: tuple[State, str] = ("pass", "our evidence rests on it")
            self._say(name, meaning, *(_DONE_WITHOUT if name in self._without else kept), now)
        for name, meaning in _attested().items():
            state, fact = _attestation(name, short, unseen, self.evidence)
            self._say(name, meaning, state, fact, now)

    def _try(self, promise: Promise, ground: Ground) -> None:
        started = time.monotonic()
        state, fact = _outcome(promise, ground)
        self._say(promise.name, promise.meaning, state, fact, started)

    def _give_up(self) -> None:
        now = time.monotonic()
        for name, meaning in [*CHOSEN.items(), *_attested().items(), *((one.name, one.meaning) for one in PROMISES)]:
            self._say(name, meaning, "not_available", "no container came up", now)

    def _does_without(self, name: str) -> bool:
        asked = self._without
        if "kernel" in asked and name in {*LOOKS, *GUARANTEES} - TOLD:
            return True
        return name in asked or (name in GUARANTEES and given_up(name, asked & GUARANTEES.keys()))

    def _say(self, name: str, meaning: str, state: State, fact: str, started: float) -> None:
        line = Line(
            promise=name,
            meaning=meaning,
            state=state,
            fact=fact,
            given_up=state != "pass" and self._does_without(name),
            seconds=round(time.monotonic() - started, 3),
        )
        self.lines.append(line)
        self._report(line)


def _attestation(name: str, short: Mapping[str, str], unseen: Collection[str], told_by: Source) -> tuple[State, str]:
    if name in unseen:
        return "not_available", "a kernel of its own shows it to nobody outside"
    if name in short:
        return "fail", f"not enforced: {short[name]}"
    from_inside = told_by == "inside" and name not in ("limits", "swap", "network")
    return "pass", f"as the profile wants it, by {'our own program inside' if from_inside else 'the kernel'}"


def _attested() -> dict[str, str]:
    """Everything that is attested: what can never be given up first."""
    return {**LOOKS, **{name: one.meaning for name, one in GUARANTEES.items()}}


def _outcome(promise: Promise, ground: Ground) -> tuple[State, str]:
    try:
        return "pass", promise.check(ground)
    except NotHere as reason:
        return "not_available", str(reason)
    except Broken as reason:
        return "fail", str(reason)
    except (SandboxError, OSError, ValueError) as error:  # the boundary: a check that broke kept no promise
        return "fail", f"{type(error).__name__}: {error}"


def _standing(channel: Channel, lines: Sequence[Line], weak: Weakness | None) -> Standing:
    if channel in _BY_US:
        return Standing(channel=channel, grade=CHANNEL_GRADES[channel], verified=True, reason="kept by the harness")
    if weak is not None and weak.lost:
        return Standing(channel=channel, grade=weak.grade, verified=False, reason=weak.why)
    names = {promise.name for promise in PROMISES if promise.channel is channel}
    missing = [line for line in lines if line.promise in names and line.state != "pass"]
    reason = "; ".join(f"{line.promise}: {line.fact}" for line in missing) or "every promise it rests on was kept"
    unheard = [line for line in lines if line.promise == "undone writes" and line.state != "pass"]
    if channel is Channel.FILES and unheard and not missing:
        reason += "; a store through a mapping that is undone before the next pass goes unseen"
    grade = CHANNEL_GRADES[channel] if weak is None else weak.grade
    reason = reason if weak is None else f"{reason}; {weak.why}"
    return Standing(channel=channel, grade=grade, verified=not missing, reason=reason)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a number without a name
        return str(os.geteuid())
