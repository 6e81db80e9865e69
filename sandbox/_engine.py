"""One connection to one Docker Engine: found through the Docker context, with a deadline on every call.

The engine is root-equivalent. Only the harness and its watchdog hold this connection; no container ever does.
"""

import errno
import os
import re
import socket
import struct
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any, Literal, Self

from ..records import Model
from ._errors import (
    ContainerGone,
    EngineDenied,
    EngineError,
    EngineFault,
    EngineNotFound,
    EngineTimeout,
    ImageError,
    SandboxError,
)

API_TIMEOUT_S = 30.0
"""Deadline of an ordinary call, in seconds: each wait for the engine's next byte ends after it."""
DEFAULT_SOCKET = "/var/run/docker.sock"
OLDEST = (20, 10)
"""The oldest Docker Engine that this package was measured on."""
_OLDEST_API = "1.41"
"""The API of Docker Engine 20.10; asking for the version needs none in particular."""
_REMOVED_AGAIN_S = 0.05
POOL_SIZE = 32
"""Connections kept open to one engine: more than any run has workers."""


class EngineFacts(Model):
    """What one engine says of itself (grade G1), and what its socket says of where it runs."""

    endpoint: str
    kind: Literal["docker", "podman"]
    version: str
    api_version: str
    runc_version: str | None
    """Version of the container runtime; None where the engine does not tell."""
    storage_driver: str
    cgroup_driver: str
    """``none`` means that limits are accepted and not applied."""
    cgroup_version: str
    security_options: tuple[str, ...]
    runtimes: tuple[str, ...]
    root_dir: str
    kernel: str
    architecture: str
    rootless: bool
    user_namespaces: bool
    local: bool
    """The engine shares our kernel and our view of processes: kernel facts can be read from outside."""
    live_restore: bool
    warnings: tuple[str, ...]

    @property
    def too_old(self) -> bool:
        """Older than `OLDEST`; Podman counts its versions differently and is not judged by it."""
        return self.kind == "docker" and version_numbers(self.version) < OLDEST

    @property
    def summary(self) -> str:
        """For people: what it is, in a few words."""
        return f"{self.kind} {self.version}, {self.storage_driver}, cgroup v{self.cgroup_version}"


def version_numbers(version: str) -> tuple[int, ...]:
    """The numbers that a version starts with.

    >>> version_numbers("20.10.24+dfsg1")
    (20, 10, 24)
    """
    matched = re.match(r"v?(\d+(?:\.\d+)*)", version)
    return tuple(int(number) for number in matched[1].split(".")) if matched else ()


class Engine:
    """A connection to one engine. A context manager; safe to use from several threads."""

    def __init__(self, options: dict[str, Any], *, timeout_s: float = API_TIMEOUT_S) -> None:
        """Connect and agree on an API version.

        `options` are the SDK's own (``base_url``, ``tls``). Raises `EngineNotFound`, `EngineDenied`,
        `EngineTimeout` or `EngineFault`.
        """
        self.endpoint = _plain(options.get("base_url"))
        self._options = options
        self._timeout_s = timeout_s
        self._lock = Lock()
        self._clients: dict[float, Any] = {}
        self.api: Any = self.within(timeout_s)

    def within(self, timeout_s: float) -> Any:
        """The SDK's low-level client whose calls wait at most `timeout_s` seconds for the engine's next byte."""
        with self._lock:
            if timeout_s not in self._clients:
                self._clients[timeout_s] = self._client(timeout_s)
            return self._clients[timeout_s]

    def _client(self, timeout_s: float) -> Any:
        known = self._clients.get(self._timeout_s)
        with self.phase("connecting", self.endpoint):
            version = known.api_version if known else self._negotiated(timeout_s)
            return self._made(version, timeout_s)

    def _negotiated(self, timeout_s: float) -> str:
        """The engine's API version. Asked through a client of its own, which is closed whatever happens."""
        if self.endpoint.startswith("unix://"):
            self._knock(timeout_s)
        with closing(self._made(_OLDEST_API, timeout_s)) as asking:
            version: str = asking.version(api_version=False)["ApiVersion"]
            return version

    def _knock(self, timeout_s: float) -> None:
        """Try the socket first: the SDK leaves its own open where nobody answers."""
        try:
            _peer_pid(self.endpoint, timeout_s)
        except OSError as error:
            raise _from_transport(error, "connecting", self.endpoint, self.endpoint) from error

    def _made(self, version: str, timeout_s: float) -> Any:
        return _client_class()(**self._options, version=version, timeout=timeout_s, max_pool_size=POOL_SIZE)

    @contextmanager
    def phase(self, phase: str, subject: str) -> Generator[None]:
        """Turn what the SDK raises inside into this package's errors, which then name `phase` and `subject`."""
        try:
            yield
        except SandboxError:
            raise
        except Exception as error:
            raised = _translated(error, phase, subject, self.endpoint)
            if raised is None:
                raise
            raise raised from error

    def ping(self) -> None:
        """Return if the engine answers; raise an `EngineError` if not."""
        with self.phase("asking for a sign of life", self.endpoint):
            self.api.ping()

    def facts(self) -> EngineFacts:
        """Ask the engine about itself (two calls)."""
        with self.phase("asking for facts", self.endpoint):
            return _facts(self.endpoint, self.api.version(), self.api.info())

    @cached_property
    def identity(self) -> str:
        """What the engine calls itself: the same by whichever socket or proxy it is reached."""
        with self.phase("asking who it is", self.endpoint):
            return str(self.api.info()["ID"])

    def remove_container(self, name: str, container_id: str, *, wait_for_others: bool = True) -> None:
        """Kill and remove a container, and return when it is gone; raises `ContainerGone` where it already was.

        One that ends by itself at that moment, or that somebody else is just removing, is answered by an error:
        it is asked for again, for as long as a call may take, and what the engine has then still is an `EngineFault`.
        Without ``wait_for_others`` the second counts as gone at once.
        """
        deadline = time.monotonic() + self._timeout_s
        while not self._removed(name, container_id, wait_for_others, is_last=time.monotonic() > deadline):
            time.sleep(_REMOVED_AGAIN_S)

    def _removed(self, name: str, container_id: str, wait_for_others: bool, *, is_last: bool) -> bool:
        """Whether it is gone; what may pass by itself is raised only the last time."""
        try:
            with self.phase("removing the container", name):
                self.api.remove_container(container_id, force=True, v=True)
        except EngineFault as error:
            ends = "is not running" in error.cause
            others = error.status == 409 and not ends
            if others and not wait_for_others:
                raise ContainerGone(error.phase, error.subject, error.cause) from error
            if is_last or not (ends or others):
                raise
            return False
        return True

    def sees(self, pid: int, container_id: str) -> bool:
        """Whether the host's /proc shows us process `pid` as a member of that container."""
        try:
            return container_id in Path(f"/proc/{pid}/cgroup").read_text()
        except OSError:
            return False

    def close(self) -> None:
        """Close every connection; safe to call again."""
        with self._lock:
            for client in self._clients.values():
                client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect(endpoint: str | None = None, *, timeout_s: float = API_TIMEOUT_S) -> Engine:
    """Connect to `endpoint`, or to the engine that the docker command would use.

    That is ``DOCKER_HOST``, else the context named by ``DOCKER_CONTEXT``, else the current context, else the
    default socket. Raises as `Engine` does.
    """
    return Engine({"base_url": endpoint} if endpoint else _environment_options(), timeout_s=timeout_s)


def configured_endpoint() -> str:
    """The endpoint that `connect` would use, without connecting; an unknown context is an `EngineNotFound`."""
    return _plain(_environment_options().get("base_url"))


def _plain(url: str | None) -> str:
    """An endpoint as people write it; the SDK puts its own scheme before a socket's."""
    return (url or f"unix://{DEFAULT_SOCKET}").removeprefix("http+")


def _environment_options() -> dict[str, Any]:
    docker: Any = import_module("docker")
    try:
        options: dict[str, Any] = docker.utils.kwargs_from_env()
        if "base_url" in options:
            return options
        name = os.environ.get("DOCKER_CONTEXT")
        if docker.ContextAPI.get_context(name) is None:
            cause = f"there is no Docker context named {name or 'as the current one'}"
            raise EngineNotFound("finding the engine", "Docker context", cause, remedy="docker context ls")
        return {**docker.ContextAPI.kwargs_from_context(), **options}
    # The SDK lets through what a damaged context file makes it stumble over.
    except (docker.errors.DockerException, KeyError, ValueError) as error:
        cause = f"its settings cannot be read ({type(error).__name__}: {error})"
        raise EngineNotFound("finding the engine", "Docker context", cause, remedy="docker context ls") from error


@cache
def _client_class() -> Any:
    docker: Any = import_module("docker")

    def send(self: Any, request: Any, **options: Any) -> Any:
        # The SDK turns the deadline off for pulls, imports and loads.
        if options.get("timeout") is None:
            options["timeout"] = self.timeout
        return docker.APIClient.send(self, request, **options)

    return type("DeadlineClient", (docker.APIClient,), {"send": send})


def _facts(endpoint: str, version: dict[str, Any], info: dict[str, Any]) -> EngineFacts:
    components = {part["Name"]: str(part["Version"]) for part in version.get("Components") or ()}
    options: tuple[str, ...] = tuple(info["SecurityOptions"] or [])
    names = {field.removeprefix("name=") for option in options for field in option.split(",")}
    return EngineFacts(
        endpoint=endpoint,
        kind="podman" if any("podman" in name.lower() for name in components) else "docker",
        version=version["Version"],
        api_version=version["ApiVersion"],
        runc_version=components.get("runc"),
        storage_driver=info["Driver"],
        cgroup_driver=info.get("CgroupDriver") or "unknown",
        cgroup_version=info.get("CgroupVersion") or "1",
        security_options=options,
        runtimes=tuple(sorted(info.get("Runtimes") or ())),
        root_dir=info.get("DockerRootDir") or "",
        kernel=info["KernelVersion"],
        architecture=info["Architecture"],
        rootless="rootless" in names,
        user_namespaces="userns" in names,
        local=_is_local(endpoint, info),
        live_restore=bool(info.get("LiveRestoreEnabled")),
        warnings=tuple(info.get("Warnings") or ()),
    )


def _is_local(endpoint: str, info: dict[str, Any]) -> bool:
    """Same kernel, and the process behind the socket exists in our process namespace (0 means: not in ours)."""
    here = os.uname()
    if (info["KernelVersion"], info["Architecture"]) != (here.release, here.machine):
        return False
    return endpoint.startswith("unix://") and _peer_pid(endpoint, API_TIMEOUT_S) > 0


def _peer_pid(endpoint: str, timeout_s: float) -> int:
    """The process that listens on a socket, as our process namespace numbers it. Raises `OSError`."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(timeout_s)
        probe.connect(endpoint.removeprefix("unix://"))
        pid: int = struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        return pid


def _translated(error: Exception, phase: str, subject: str, endpoint: str) -> SandboxError | None:
    """The error of ours that says what `error` says; None for what did not come from the engine."""
    docker: Any = import_module("docker")
    if isinstance(error, docker.errors.APIError):
        return _from_answer(error, phase, subject)
    requests: Any = import_module("requests")
    transport = (docker.errors.DockerException, requests.RequestException, ConnectionError, TimeoutError)
    return _from_transport(error, phase, subject, endpoint) if isinstance(error, transport) else None


def _from_answer(error: Any, phase: str, subject: str) -> SandboxError:
    status, text = error.status_code, str(error.explanation or error)
    missing = text.lower() if status == 404 and "page not found" not in text else ""
    if "image" in missing:
        return ImageError(phase, subject, text)
    # What cannot be removed is there, also where it does not run any more.
    ended = status == 409 and "is not running" in text and "cannot remove" not in text
    if "container" in missing or ended:
        return ContainerGone(phase, subject, text)
    fault = EngineFault(phase, subject, f"the engine answered {status}: {text}")
    fault.status = status
    return fault


_ABSENT = {errno.ENOENT, errno.ECONNREFUSED, errno.ENOTSOCK, errno.ENOTDIR, errno.EHOSTUNREACH, errno.ENETUNREACH}
_DENIED = {errno.EACCES, errno.EPERM}


def _from_transport(error: Exception, phase: str, subject: str, endpoint: str) -> EngineError:
    causes = list(_causes(error))
    if any(_is_timeout(cause) for cause in causes):
        return EngineTimeout(phase, subject, "the engine did not answer before the deadline")
    numbers = {cause.errno: cause for cause in causes if isinstance(cause, OSError) and cause.errno}
    if found := _DENIED & numbers.keys():
        return EngineDenied(phase, subject, str(numbers[found.pop()].strerror))
    unnamed = [cause for cause in causes if isinstance(cause, socket.gaierror)]
    absent = [numbers[number] for number in _ABSENT & numbers.keys()]
    if unnamed or absent or phase == "connecting":
        cause = str((unnamed + absent)[0].strerror) if unnamed or absent else str(error)
        remedy = None if endpoint.startswith("unix://") else "docker context ls"
        return EngineNotFound(phase, subject, f"no engine answers there ({cause})", remedy=remedy)
    return EngineFault(phase, subject, f"the engine broke off: {causes[-1]}")


def _is_timeout(error: BaseException) -> bool:
    requests: Any = import_module("requests")
    return isinstance(error, TimeoutError | requests.Timeout) or type(error).__name__ == "ReadTimeoutError"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error`, then what it was raised from or wraps, outermost first, each once."""
    seen: set[int] = set()
    waiting: list[BaseException] = [error]
    while waiting:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner = [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]
        waiting.extend(item for item in inner if isinstance(item, BaseException))
