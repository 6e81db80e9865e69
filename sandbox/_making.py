"""Creating a container on the engine, and removing it again."""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ._engine import API_TIMEOUT_S, Engine
from ._errors import ContainerGone, EngineError, EngineFault, EngineTimeout, SandboxError, StartFailed
from ._lease import EPISODE_LABEL, ROLE_LABEL, RUN_LABEL, UNNAMED, owner_labels
from ._mounts import mounts
from ._profile import container_config
from ._spec import ContainerSpec
from ._warden import Warden

_ATTACH = (
    "POST /containers/{}/attach?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\r\n"
    "Host: localhost\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n"
)
_ROOT_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DEFAULT_LABELS = {RUN_LABEL: UNNAMED, EPISODE_LABEL: UNNAMED, ROLE_LABEL: "agent"}


def make(
    engine: Engine, spec: ContainerSpec, warden: Warden, network_of: str | None = None
) -> tuple[str, socket.socket]:
    """Create the container of a spec and attach to it, in the network namespace of another where one is named."""
    config = container_config(
        spec.profile, spec.image, str(spec.supervisor), all_labels(spec.labels), network_of=network_of
    )
    return create(engine, spec.name, config, warden)


def all_labels(of_caller: Mapping[str, str]) -> dict[str, str]:
    """The labels of a container: the caller's, and those that name its owner."""
    return {**_DEFAULT_LABELS, **of_caller, **owner_labels()}


def create(engine: Engine, name: str, config: Mapping[str, Any], warden: Warden) -> tuple[str, socket.socket]:
    """Create a container and attach to it: its id, and the stream to what will be its first process.

    From before the creation on the watchdog knows that something may have to be removed.
    """
    warden.expect(name)
    try:
        with engine.phase("creating the container", name):
            container_id: str = engine.api.create_container_from_config(config, name)["Id"]
    except EngineTimeout:
        raise  # it may still come to be: whoever ends last sweeps it
    except SandboxError:
        warden.release(name)
        raise
    try:
        return container_id, _attach(engine, name, container_id)
    except BaseException:
        with suppress(EngineError):  # what failed first is told; the watchdog still expects this container
            remove(engine, name, container_id, warden)
        raise


def start(engine: Engine, name: str, container_id: str) -> int:
    """Start a created container: the host's pid of its first process, 0 where it ended at once."""
    with engine.phase("starting the container", name):
        engine.api.start(container_id)
        pid: int = engine.api.inspect_container(container_id)["State"]["Pid"]
    return pid


def _attach(engine: Engine, name: str, container_id: str) -> socket.socket:
    """The engine's stream to the container's first process, as a plain socket that nobody else holds.

    Spoken by hand: the SDK keeps a socket of its own open, and the end of the stream has to be the end of ours.
    """
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(API_TIMEOUT_S)
        connection.connect(engine.endpoint.removeprefix("unix://"))
        connection.sendall(_ATTACH.format(container_id).encode())
        head = bytearray()
        while not head.endswith(b"\r\n\r\n"):
            byte = connection.recv(1)
            if not byte:
                raise ConnectionResetError(f"the engine broke off after {bytes(head)!r}")
            head += byte
        if bytes(head[9:12]) not in (b"101", b"200"):
            raise ConnectionRefusedError(f"the engine answered {bytes(head)!r}")
    except OSError as error:
        connection.close()
        raise EngineFault("attaching to the container", name, str(error)) from error
    return connection


def open_roots(pid: int) -> dict[str, int]:
    """A descriptor of every mount whose content a process can make, declared or not.

    It keeps the content readable when the container is gone. What only the kernel writes is left out, but for
    message queues, whose names anybody chooses.
    """
    roots: dict[str, int] = {}
    try:
        for path, mount in mounts(pid).items():
            if mount.is_writable and (mount.kind == "mqueue" or not mount.is_kernel):
                with suppress(NotADirectoryError):  # a single file that can be written: the attestation refuses it
                    roots[path] = os.open(f"/proc/{pid}/root{path}", _ROOT_FLAGS)
    except OSError as error:
        for descriptor in roots.values():
            os.close(descriptor)
        raise StartFailed("opening the writable places", str(pid), str(error)) from error
    return roots


def remove(engine: Engine, name: str, container_id: str, warden: Warden) -> None:
    """Remove a container; only then the watchdog forgets it. One that somebody else has removed is gone as well."""
    with suppress(ContainerGone):
        engine.remove_container(name, container_id)
    warden.release(name)
