"""The containers of a world that has more than one: companions, and the agent's own among them."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..sandbox import SEALED, ContainerSpec, DockerSandbox, Engine, Entry, PeerNetwork, Profile, Seat

AGENT = "worker"
"""What companions call the agent's container."""


@dataclass(frozen=True)
class Companion:
    """A container beside the agent's, which reaches it under its name and by nothing else."""

    name: str
    """Its host name, for the agent too."""
    argv: tuple[str, ...]
    """The program that serves there."""
    entries: tuple[Entry, ...] = ()
    ready: str = ""
    """File that appears when it serves; "" for one that is ready at once."""
    profile: Profile = field(default=SEALED)


Wait = Callable[[DockerSandbox, str, str], None]
"""Waits until a file of a container appears: whose, which service, which file."""


def gather(
    engine: Engine, spec: ContainerSpec, companions: list[Companion], without: tuple[str, ...], wait: Wait
) -> DockerSandbox:
    """Start a network, the companions and then the agent's container, which is not furnished yet.

    Closing that one closes all. Raises the sandbox's errors; then nothing is left.
    """
    with ExitStack() as owned:
        network = owned.enter_context(PeerNetwork.create(engine, spec.labels))
        beside: dict[str, DockerSandbox] = {}
        for one in companions:
            theirs = replace(spec, name=f"{spec.name}-{one.name}", profile=one.profile.lowered(*without))
            beside[one.name] = _seated(engine, network, theirs, one.name, owned)
            _begin(beside[one.name], one, wait)
        sandbox = _seated(engine, network, spec, AGENT, owned, last=True)
        sandbox.companions = beside
        rest = owned.pop_all()
    sandbox.disposal = lambda removal: _dispose(removal, rest)
    return sandbox


def _seated(
    engine: Engine, network: PeerNetwork, spec: ContainerSpec, called: str, owned: ExitStack, *, last: bool = False
) -> DockerSandbox:
    seat = Seat.take(
        engine,
        network,
        called,
        image=spec.image,
        supervisor=Path(spec.supervisor),
        captures=spec.captures,
        labels=spec.labels,
    )
    owned.callback(seat.close)
    sandbox = DockerSandbox.bring_up(engine, spec, seat)
    if not last:
        owned.callback(sandbox.close)
    return sandbox


def _begin(sandbox: DockerSandbox, one: Companion, wait: Wait) -> None:
    sandbox.furnish(one.entries, "/work")
    sandbox.serve(one.name, list(one.argv), cwd="/work")
    if one.ready:
        wait(sandbox, one.name, one.ready)


def _dispose(removal: Callable[[], None], rest: ExitStack) -> None:
    """The agent's container is dead: it goes first, then companions, seats and the network."""
    with rest:
        removal()
