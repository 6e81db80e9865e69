"""A bare container by the docker SDK: run, ``exec_run`` for every command, remove by force. No harness at all."""

import time
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Self

from ..sandbox import Engine, Profile
from ._peer_limits import sdk_options
from ._script import SCRIPT

_SHELL = ("bash", "--login", "-c")
"""As the tool of the other peer runs a command, so that all of them start the same shell."""


class SdkPeer:
    """The SDK's high-level interface with the limits of a profile. A context manager."""

    def __init__(
        self, engine: Engine, image: str, profile: Profile, labels: Mapping[str, str], seccomp: Mapping[str, Any]
    ) -> None:
        docker: Any = import_module("docker")
        self._client: Any = docker.DockerClient(base_url=engine.endpoint, version=engine.told.api_version)
        self._image = image
        self._options = sdk_options(profile, labels, seccomp)
        self._held: Any = None

    def open(self) -> None:
        """Bring up a container that stays."""
        self._held = self._client.containers.run(self._image, **self._options)

    def call(self, argv: list[str]) -> float:
        """One command in the container that is up; milliseconds."""
        started = time.perf_counter()
        code, output = self._held.exec_run(argv)
        elapsed = (time.perf_counter() - started) * 1e3
        if code != 0:
            raise RuntimeError(f"{argv}: status {code}: {output!r}")
        return elapsed

    def episode(self) -> list[str]:
        """The whole script in a container of its own; what each command printed."""
        container: Any = self._client.containers.run(self._image, **self._options)
        try:
            return [container.exec_run([*_SHELL, command]).output.decode() for command in SCRIPT]
        finally:
            container.remove(force=True, v=True)

    def release(self) -> None:
        """Take down what stays up."""
        held, self._held = self._held, None
        if held is not None:
            held.remove(force=True, v=True)

    def close(self) -> None:
        """Take down what is up, and let go of the engine."""
        try:
            self.release()
        finally:
            self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
