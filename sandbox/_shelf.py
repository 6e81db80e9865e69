"""The shelf: a container of ours that has the agent's writable places mounted too, for as long as they are read.

Where nobody of us can look into the agent's container, its places are volumes of the engine, in memory and of a bounded
size like any others. The shelf keeps them when the agent's container is dead, and what the engine locks while it writes
an archive is the shelf, never the container that may have to be killed. Nothing runs in it but a program that waits.
"""

import socket
from collections.abc import Mapping, Sequence
from typing import Any, Self

from ._archive import Bounds, Download
from ._engine import Engine
from ._errors import SandboxError, StartFailed
from ._lease import ROLE_LABEL
from ._making import all_labels, create, remove, start
from ._profile import shelf_config
from ._spec import ContainerSpec
from ._warden import warden

TOP = "/places"


class Shelf:
    """One shelf. Made by `start`."""

    top = TOP

    def __init__(self, engine: Engine, name: str, container_id: str, connection: socket.socket) -> None:
        self.id = container_id
        self.places: Sequence[str] = ()
        self._engine = engine
        self._name = name
        self._connection = connection
        self._since = ""
        self._closed = False

    @classmethod
    def start(cls, engine: Engine, spec: ContainerSpec, agent_id: str) -> Self:
        """Put the places of a running container on a shelf. Raises `StartFailed` and the engine's errors."""
        name = f"{spec.name}-shelf"
        volumes = places_of(engine, agent_id)
        if not volumes:
            raise StartFailed("putting the places on a shelf", spec.name, "the engine keeps none of them as a volume")
        labels = all_labels({**spec.labels, ROLE_LABEL: "evidence"})
        stands = {f"{TOP}{where}": volume for where, volume in volumes.items()}
        config = shelf_config(spec.image, str(spec.supervisor), labels, stands)
        container_id, connection = create(engine, name, config, warden(engine))
        shelf = cls(engine, name, container_id, connection)
        try:
            start(engine, name, container_id)
            shelf.places = tuple(sorted(volumes))
            shelf._since = shelf._running_since()
        except BaseException:
            shelf.close()
            raise
        return shelf

    def open(self, path: str, bounds: Bounds) -> Download:
        """The archive of a path of the shelf."""
        return Download(self._engine, self.id, path, bounds)

    def fault(self) -> str:
        """Why what is read now is not what the agent has; "" where it is: volumes in memory go with their last user."""
        try:
            since = self._running_since()
        except SandboxError as error:
            return f"the shelf cannot be asked for: {error.cause}"
        return "" if since and since == self._since else "the shelf has ended"

    def _running_since(self) -> str:
        with self._engine.phase("looking at the shelf", self._name):
            state: Mapping[str, Any] = self._engine.api.inspect_container(self.id)["State"]
        return str(state["StartedAt"]) if state["Running"] else ""

    def close(self) -> None:
        """End it and remove it; closing twice is fine."""
        if self._closed:
            return
        self._closed = True
        self._connection.close()
        remove(self._engine, self._name, self.id, warden(self._engine))


def places_of(engine: Engine, agent_id: str) -> dict[str, str]:
    """Place → name of its volume, of those that the engine keeps for a container."""
    with engine.phase("asking for the places", agent_id[:12]):
        mounts: list[dict[str, Any]] = engine.api.inspect_container(agent_id)["Mounts"]
    return {one["Destination"]: one["Name"] for one in mounts if one["Type"] == "volume"}
