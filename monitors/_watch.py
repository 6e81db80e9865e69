"""One call past the safeguards: the boundary where a failing monitor is data and a failing protocol a reject."""

import copy
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from ..records import Action, Safeguards, SuspicionObserved
from ._errors import SettingError
from ._text import brief
from ._workers import Job, start
from .protocols import Decision, Protocol, protocol
from .suspicion import Health, Observation, StepView, SuspicionMonitor, suspicion_monitor

T = TypeVar("T")


class Watched(NamedTuple):
    """What the safeguards made of one call."""

    observations: tuple[SuspicionObserved, ...]
    """One for each monitor, in their order, ready for the ledger."""
    decision: Decision


def build(safeguards: Safeguards) -> tuple[tuple[SuspicionMonitor, ...], Protocol]:
    """The monitors and the protocol of a scenario.

    Raises `UnknownIdError`, `DuplicateIdError`, and `SettingError` also for two monitors of one name and for a
    protocol that needs monitors and has none.
    """
    monitors = tuple(suspicion_monitor(spec) for spec in safeguards.monitors)
    names = [monitor.name for monitor in monitors]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SettingError(f"two monitors called {', '.join(twice)}: give one of them a name")
    chosen = protocol(safeguards.protocol, safeguards.protocol_params)
    if chosen.needs_monitors and not monitors:
        raise SettingError(f"protocol {safeguards.protocol} has no monitor to listen to: name at least one")
    return monitors, chosen


def watch(monitors: Sequence[SuspicionMonitor], protocol: Protocol, view: StepView) -> Watched:
    """Every monitor's observation of the call, at the same time, and the protocol's decision.

    Never raises for what a monitor or protocol does: an exception, a late or an ill-formed answer of a monitor is
    an observation with an error and no score; of the protocol, a reject.
    """
    runs = [_Run(monitor, _observing(monitor, view), monitor.timeout_s) for monitor in monitors]
    answers = [_observed(monitor, run.wait()) for monitor, run in zip(monitors, runs, strict=True)]
    observed = tuple(
        SuspicionObserved(step=view.step, call_id=view.call_id, duration_s=run.duration_s, **answer.model_dump())
        for answer, run in zip(answers, runs, strict=True)
    )
    return Watched(observed, _decided(protocol, answers, view))


def check(monitors: Sequence[SuspicionMonitor]) -> tuple[Health, ...]:
    """The health of each monitor. One that fails its canaries in any way counts as not watching."""
    runs = [_Run(monitor, monitor.health, 4 * monitor.timeout_s) for monitor in monitors]
    return tuple(_checked(monitor, run.wait()) for monitor, run in zip(monitors, runs, strict=True))


class _Outcome(NamedTuple, Generic[T]):
    value: T | None
    error: str | None


_left_behind: "weakref.WeakKeyDictionary[object, Job]" = weakref.WeakKeyDictionary()
"""Owner → its newest call that was given up on; while it goes on, the owner is not asked again."""


class _Run(Generic[T]):
    """A call of foreign code in a thread of its own, so that the caller can stop waiting for it.

    With ``here`` in the caller's thread, which then waits for it without end.
    """

    def __init__(self, owner: object, call: Callable[[], T], timeout_s: float, *, here: bool = False) -> None:
        self.duration_s = 0.0
        self._owner = owner
        self._timeout_s = timeout_s
        self._outcome: _Outcome[T] | None = None
        self._started = time.monotonic()
        self._job: Job | None = None
        stuck = _left_behind.get(owner)
        if stuck is not None and not stuck.is_over:
            self._outcome = _Outcome(None, "still busy with an earlier call that ran out of time")
            return
        if here:
            self._go(call)
        else:
            self._job = start(lambda: self._go(call))

    def _go(self, call: Callable[[], T]) -> None:
        try:
            outcome = _Outcome[T](call(), None)
        except BaseException as error:  # the boundary: whatever foreign code throws is kept as data
            outcome = _Outcome[T](None, brief(f"{type(error).__name__}: {_told(error)}", 400))
        self.duration_s = time.monotonic() - self._started
        self._outcome = outcome

    def wait(self) -> "_Outcome[T]":
        """The outcome, at the latest when the time is over."""
        if self._job is not None:
            self._job.wait(self._started + self._timeout_s - time.monotonic())
        outcome = self._outcome
        if outcome is not None:
            return outcome
        assert self._job is not None
        _left_behind[self._owner] = self._job
        self.duration_s = time.monotonic() - self._started
        return _Outcome(None, f"no answer within {self._timeout_s:g} s")


def _told(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "(no text)"


def _observing(monitor: SuspicionMonitor, view: StepView) -> Callable[[], Observation]:
    return lambda: _valid_observation(monitor, monitor.observe(_own(view)))


def _own(view: StepView) -> StepView:
    """A view whose arguments are nobody else's: changing them in place changes no call."""
    return view.model_copy(update={"arguments": copy.deepcopy(view.arguments)})


def _valid_observation(monitor: SuspicionMonitor, answer: Any) -> Observation:
    if not isinstance(answer, Observation):
        raise TypeError(f"answered with {type(answer).__name__}, not with an Observation")
    return Observation.model_validate(answer.model_dump() | {"monitor": monitor.name})


def _observed(monitor: SuspicionMonitor, outcome: _Outcome[Observation]) -> Observation:
    if outcome.value is not None:
        return outcome.value
    return Observation(monitor=monitor.name, score=None, error=outcome.error)


def _decided(protocol: Protocol, answers: Sequence[Observation], view: StepView) -> Decision:
    def decide() -> Decision:
        return _valid_decision(protocol.decide(tuple(answers), _own(view)))

    run = _Run(protocol, decide, protocol.timeout_s, here=protocol.computes)
    outcome = run.wait()
    if outcome.value is not None:
        return outcome.value
    return Decision(action=Action.REJECT, reason=f"protocol {protocol.id} failed: {outcome.error}")


def _valid_decision(answer: Any) -> Decision:
    if not isinstance(answer, Decision):
        raise TypeError(f"answered with {type(answer).__name__}, not with a Decision")
    return Decision.model_validate(answer.model_dump())


def _checked(monitor: SuspicionMonitor, outcome: _Outcome[Health]) -> Health:
    if isinstance(outcome.value, Health):
        return outcome.value.model_copy(update={"monitor": monitor.name})
    return Health(monitor=monitor.name, healthy=False, detail=outcome.error or "gave no health")
