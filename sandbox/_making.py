"""Creating a container on the engine, and removing it again."""

import os
import socket
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from typing import Any

from ._cgroup import prefer
from ._dial import plain
from ._dialect import make_attachable, spoken
from ._engine import Engine
from ._engine_answers import part
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
_HEAD_MOST = 1 << 16
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
            container_id = str(part(engine.api.create_container_from_config(spoken(engine, config), name), "Id"))
    except SandboxError as error:
        if was_refused(error):
            warden.release(name)
        elif not isinstance(error, EngineTimeout):  # that one would make us wait again
            _remove_if_there(engine, name)
        raise
    try:
        make_attachable(engine, name, container_id)
        return container_id, _attach(engine, name, container_id)
    except BaseException:
        with suppress(EngineError):  # what failed first is told; the watchdog still expects this container
            remove(engine, name, container_id, warden)
        raise


def was_refused(error: SandboxError) -> bool:
    """Whether the engine said no, so that what was to be made is not there and does not come.

    Without a whole answer nobody knows: the request may have been carried out, or be carried out later.
    """
    return not isinstance(error, EngineTimeout) and (not isinstance(error, EngineFault) or error.status is not None)


def _remove_if_there(engine: Engine, name: str) -> None:
    """After a creation whose answer was lost; what comes only later is left to the watchdog, which still expects it."""
    with suppress(SandboxError):  # the lost answer is what is told
        engine.remove_container(name, name)


def start(engine: Engine, name: str, container_id: str) -> int:
    """Start a created container: the host's pid of its first process, 0 where it ended at once.

    That one comes before whatever else will run in it, as far as we may say so: a storm of processes must not keep it
    from answering.
    """
    with engine.phase("starting the container", name):
        engine.api.start(container_id)
        pid = int(part(engine.api.inspect_container(container_id), "State", "Pid"))
    if pid:
        prefer(pid)
    return pid


def _attach(engine: Engine, name: str, container_id: str) -> socket.socket:
    """The engine's stream to the container's first process, as a plain socket that nobody else holds.

    Spoken by hand: the SDK keeps a socket of its own open, and the end of the stream has to be the end of ours.
    """
    subject = ("attaching to the container", name)
    try:
        with ExitStack() as unfinished:
            connection = plain(engine.address.dial(engine.timeout_s))
            unfinished.callback(connection.close)
            connection.settimeout(engine.timeout_s)
            connection.sendall(_ATTACH.format(container_id).encode())
            head = _head(connection, time.monotonic() + engine.timeout_s)
            if head[9:12] not in (b"101", b"200"):
                raise ConnectionRefusedError(f"the engine answered {head!r}")
            unfinished.pop_all()
            return connection
    except TimeoutError as error:
        raise EngineTimeout(*subject, "the engine did not answer before the deadline") from error
    except OSError as error:
        raise EngineFault(*subject, str(error)) from error


def _head(connection: socket.socket, deadline: float) -> bytes:
    """The head of an answer, byte by byte: what follows it is the container's. Raises `OSError`."""
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        if time.monotonic() > deadline or len(head) > _HEAD_MOST:
            raise TimeoutError
        byte = connection.recv(1)
        if not byte:
            raise ConnectionResetError(f"the engine broke off after {bytes(head)!r}")
        head += byte
    return bytes(head)


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
