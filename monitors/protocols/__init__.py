"""Acting: what a call's observations lead to. Nothing else in the safeguards can act.

A protocol is one file of this package, or an entry point of the group ``offswitch.protocols``.
"""

from collections.abc import Mapping
from typing import Any

from .._registry import Origin, Registry
from ._types import BLOCKED, Decision, Protocol

_REGISTRY: Registry[Protocol] = Registry("protocol", Protocol, __name__, "offswitch.protocols")


def protocol(name: str, params: Mapping[str, Any] | None = None) -> Protocol:
    """The protocol ``name`` with these parameters. Raises `UnknownIdError`, `DuplicateIdError`, `SettingError`."""
    return _REGISTRY.get(name).from_params(params or {})


def names() -> tuple[str, ...]:
    """The known ids, sorted. Raises `DuplicateIdError`."""
    return _REGISTRY.names()


def broken() -> dict[str, str]:
    """Plugins that could not be used → why."""
    return _REGISTRY.broken()


def origins() -> dict[str, Origin]:
    """Id → where its code came from. Raises `DuplicateIdError`."""
    return _REGISTRY.origins()


__all__ = ["BLOCKED", "Decision", "Protocol", "broken", "names", "origins", "protocol"]
