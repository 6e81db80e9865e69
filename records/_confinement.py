"""Under which profile an episode ran, and how isolated it is known to have been, from its records."""

from collections.abc import Iterable

from ._events import Event, SandboxStarted
from ._observed import PostureAttested

_UNPROVEN = "H0/N0"


def confinement(events: Iterable[Event]) -> dict[str, str | None]:
    """``profile`` and ``isolation``; None before a container was started.

    A container whose posture had changed at the end, or that could not be looked at then, keeps its tooling level
    and no other. Episodes without such a look (crashed ones, older ones) carry what was attested at the opening.
    """
    profile: str | None = None
    label: str | None = None
    for event in events:
        if isinstance(event, SandboxStarted):
            profile, label = event.profile, event.isolation
        elif isinstance(event, PostureAttested) and label is not None and not event.holds:
            label = f"{label.partition('/')[0]}/{_UNPROVEN}"
    return {"profile": profile, "isolation": label}
