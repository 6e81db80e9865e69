"""Observing: monitors that score a tool call for suspicion and can do nothing else.

A monitor is one file of this package, or an entry point of the group ``offswitch.monitors``.
"""

from ...records import MonitorSpec
from .._registry import Origin, Registry
from ._types import Health, Observation, PastCall, StepView, SuspicionMonitor

_REGISTRY: Registry[SuspicionMonitor] = Registry("suspicion monitor", SuspicionMonitor, __name__, "offswitch.monitors")


def suspicion_monitor(spec: MonitorSpec) -> SuspicionMonitor:
    """The monitor of this spec. Raises `UnknownIdError`, `DuplicateIdError`, `SettingError`."""
    return _REGISTRY.get(spec.id).from_params(spec.params)


def names() -> tuple[str, ...]:
    """The known ids, sorted. Raises `DuplicateIdError`."""
    return _REGISTRY.names()


def broken() -> dict[str, str]:
    """Plugins that could not be used → why."""
    return _REGISTRY.broken()


def origins() -> dict[str, Origin]:
    """Id → where its code came from. Raises `DuplicateIdError`."""
    return _REGISTRY.origins()


__all__ = [
    "Health",
    "Observation",
    "PastCall",
    "StepView",
    "SuspicionMonitor",
    "broken",
    "names",
    "origins",
    "suspicion_monitor",
]
