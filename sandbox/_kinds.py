"""Which kind of container a profile and an engine make: they differ in who can look into it."""

import os
from typing import TYPE_CHECKING

from ._errors import StartFailed
from ._where import machine

_BOTH = "--without kernel --without mediation"

if TYPE_CHECKING:
    from ._container import DockerSandbox
    from ._engine import Engine
    from ._profile import Profile
    from ._spec import ContainerSpec


def kind_of(engine: "Engine", spec: "ContainerSpec") -> "type[DockerSandbox]":
    """The class of the container of a spec. Raises `StartFailed` where nobody could look into it at all."""
    from ._container import DockerSandbox
    from ._distant import DistantSandbox
    from ._guest import GuestSandbox

    profile, subject = spec.profile, ("choosing how to look into the container", spec.name)
    if profile.apart == profile.mediated:
        cause = "in a container with a kernel of its own nothing is mediated, and in one without everything is"
        raise StartFailed(*subject, cause, remedy=f"{_BOTH}, or neither")
    if engine.told.local:
        return GuestSandbox if profile.apart else DockerSandbox
    if why := _out_of_reach(engine, profile):
        raise StartFailed(*subject, why, remedy="run where the engine runs")
    return DistantSandbox


def _out_of_reach(engine: "Engine", profile: "Profile") -> str:
    """Why no container of ours can be had on an engine elsewhere; "" where one can."""
    if profile.apart:
        return "a container with a kernel of its own on another machine: nobody there or here could look into it"
    if engine.told.kind == "podman":
        return "Podman takes our filter of system calls as a file, and sees none of this machine's"
    there, here = machine(engine.told.architecture), os.uname().machine
    return f"our program is compiled for {here}, and the engine's machine is {there}" if there != here else ""


def ended_at_once(name: str, said: str) -> StartFailed:
    """What is raised for a first process that is dead already; a kernel without our filter is known by its words."""
    remedy = f"offswitch run {_BOTH}, where the runtime has a kernel of its own" if "seccomp" in said else None
    return StartFailed("starting the container", name, said or "it ended at once", remedy=remedy)


def stranger(name: str, pid: int) -> StartFailed:
    """What is raised where the engine counts its processes otherwise than we do: the number is somebody else's here."""
    cause = f"process {pid} of this machine is not the container's: the engine lives in another process namespace"
    remedy = "reach it by a port of the loopback (tcp://127.0.0.1:PORT), as an engine on another machine"
    return StartFailed("looking at the container's first process", name, cause, remedy=remedy)
