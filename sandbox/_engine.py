"""One connection to one Docker Engine: found through the Docker context, with a deadline on every call.

The engine is root-equivalent. Only the harness and its watchdog hold this connection; no container ever does.
"""

import os
import re
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from ..records import Model
from ._dial import Address
from ._engine_answers import OddAnswer, part, translated
from ._errors import (
    ContainerGone,
    EngineFault,
    EngineNotFound,
    SandboxError,
)
from ._where import is_local

API_TIMEOUT_S = 30.0
"""Deadline of an ordinary call, in seconds: each wait for the engine's next byte ends after it."""
DEFAULT_SOCKET = "/var/run/docker.sock"
OLDEST = (20, 10)
"""The oldest Docker Engine that this package was measured on."""
_OLDEST_API = "1.41"
"""The API of Docker Engine 20.10; asking for the version needs none in particular."""
_REMOVED_AGAIN_S = 0.05
_REMOVALS = 3
"""How often a removal that the engine fails at is asked for."""
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

    def __init__(
        self, options: dict[str, Any], *, timeout_s: float = API_TIMEOUT_S, runtime: str | None = None
    ) -> None:
        """Connect and agree on an API version.

        `options` are the SDK's own (``base_url``, ``tls``); `runtime` names one of the engine's container runtimes,
        None its default. Raises `EngineNotFound`, `EngineDenied`,
        `EngineTimeout` or `EngineFault`.
        """
        self.endpoint = _plain(options.get("base_url"))
        self.address = Address.of(self.endpoint, options.get("tls"))
        self.runtime = runtime
        self._options = options
        self.timeout_s = timeout_s
        """Deadline of an ordinary call, in seconds."""
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
        known = self._clients.get(self.timeout_s)
        with self.phase("connecting", self.endpoint):
            version = known.api_version if known else self._negotiated(timeout_s)
            return self._made(version, timeout_s)

    def _negotiated(self, timeout_s: float) -> str:
        """The engine's API version. Asked through a client of its own, which is closed whatever happens."""
        with closing(self._made(_OLDEST_API, timeout_s)) as asking:
            return str(part(asking.version(api_version=False), "ApiVersion"))

    def _made(self, version: str, timeout_s: float) -> Any:
        client = _client_class()(**self._options, version=version, timeout=timeout_s, max_pool_size=POOL_SIZE)
        if self.address.is_socket:
            way = _adapter_class()(f"http+unix://{self.address.path}", timeout_s, max_pool_size=POOL_SIZE)
            client.mount(f"{urlsplit(str(client.base_url)).scheme}://", way)
        client.trust_env = False  # else a certificate store of the environment stands above the engine's own authority
        return client

    @contextmanager
    def phase(self, phase: str, subject: str) -> Generator[None]:
        """Turn what the SDK raises inside into this package's errors, which then name `phase` and `subject`."""
        try:
            yield
        except SandboxError:
            raise
        except Exception as error:
            raised = translated(error, phase, subject, self.endpoint)
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
            version, info = self.api.version(), self.api.info()
            try:
                return _facts(self.endpoint, version, info)
            except (KeyError, TypeError, AttributeError) as error:
                raise OddAnswer(repr(error)) from error

    @cached_property
    def told(self) -> EngineFacts:
        """The facts as the engine told them the first time that somebody asked."""
        return self.facts()

    def check_runtime(self) -> None:
        """Return if the engine knows the runtime that was asked for. Raises `EngineNotFound` where it does not."""
        if self.runtime is not None and self.runtime not in self.told.runtimes:
            cause = f"the engine knows {', '.join(self.told.runtimes)}"
            raise EngineNotFound("choosing a runtime", self.runtime, cause, remedy="docker info")

    @cached_property
    def identity(self) -> str:
        """What the engine calls itself: the same by whichever socket or proxy it is reached."""
        with self.phase("asking who it is", self.endpoint):
            return str(part(self.api.info(), "ID"))

    def remove_container(self, name: str, container_id: str, *, wait_for_others: bool = True) -> None:
        """Kill and remove a container, and return when it is gone; raises `ContainerGone` where it already was.

        One that ends by itself at that moment, or that somebody else is just removing, is answered by an error:
        it is asked for again, for as long as a call may take, and what the engine has then still is an `EngineFault`.
        Without ``wait_for_others`` the second counts as gone at once. An engine that fails at it or breaks off is
        asked `_REMOVALS` times in all: removing twice does no harm.
        """
        deadline = time.monotonic() + self.timeout_s
        failed = 0
        while (fault := self._not_removed(name, container_id)) is not None:
            may_pass = _is_ending(fault) or fault.status == 409
            failed += not may_pass
            if fault.status == 409 and not _is_ending(fault) and not wait_for_others:
                raise ContainerGone(fault.phase, fault.subject, fault.cause) from fault
            if time.monotonic() > deadline or failed == _REMOVALS:
                raise fault
            time.sleep(_REMOVED_AGAIN_S)

    def _not_removed(self, name: str, container_id: str) -> EngineFault | None:
        """Ask once: what kept it from going, or None."""
        try:
            with self.phase("removing the container", name):
                self.api.remove_container(container_id, force=True, v=True)
        except EngineFault as error:
            return error
        return None

    def sees(self, pid: int, container_id: str) -> bool:
        """Whether the host's /proc shows us process `pid` as a member of that container, by its groups or mounts."""
        try:
            return any(container_id in Path(f"/proc/{pid}/{name}").read_text() for name in ("cgroup", "mountinfo"))
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


def _is_ending(fault: EngineFault) -> bool:
    """Whether a container could not be removed because it was just ending by itself."""
    return "is not running" in fault.cause


def connect(endpoint: str | None = None, *, timeout_s: float = API_TIMEOUT_S, runtime: str | None = None) -> Engine:
    """Connect to `endpoint`, or to the engine that the docker command would use.

    That is ``DOCKER_HOST``, else the context named by ``DOCKER_CONTEXT``, else the current context, else the
    default socket. Raises as `Engine` does.
    """
    return Engine(_options_of(endpoint) if endpoint else _environment_options(), timeout_s=timeout_s, runtime=runtime)


def _options_of(endpoint: str) -> dict[str, Any]:
    """An endpoint with the files for TLS that the docker command would use for it."""
    if endpoint.startswith("unix://"):
        return {"base_url": endpoint}
    docker: Any = import_module("docker")
    try:
        options: dict[str, Any] = docker.utils.kwargs_from_env(environment={**os.environ, "DOCKER_HOST": endpoint})
    except docker.errors.DockerException as error:
        raise EngineNotFound("finding the engine", endpoint, str(error), remedy="docker context ls") from error
    return options


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


@cache
def _adapter_class() -> Any:
    """The SDK's way to a socket of this machine, without the descriptor that it leaves open where nobody listens."""
    transport: Any = import_module("docker.transport.unixconn")

    def connect(self: Any) -> None:
        self.sock = Address(path=self.unix_socket).dial(self.timeout)

    def get_connection(self: Any, url: str, proxies: Any = None) -> Any:
        pool = transport.UnixHTTPAdapter.get_connection(self, url, proxies)
        pool._new_conn = lambda: connection(url, self.socket_path, self.timeout)  # noqa: SLF001 - no other way in
        return pool

    connection = type("Connection", (transport.UnixHTTPConnection,), {"connect": connect})
    return type("Adapter", (transport.UnixHTTPAdapter,), {"get_connection": get_connection})


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
        local=is_local(endpoint, info, API_TIMEOUT_S),
        live_restore=bool(info.get("LiveRestoreEnabled")),
        warnings=tuple(info.get("Warnings") or ()),
    )
