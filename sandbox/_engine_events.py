"""The engine's live event stream: one subscription a process, handed out by container."""

import socket
import threading
import time
from collections import defaultdict, deque
from contextlib import suppress
from typing import Any

from ._engine import Engine
from ._errors import EngineFault
from ._lease import LEASE_LABEL, RUN_LABEL, own_lease

EXPECTED = frozenset(
    {"create", "attach", "start", "die", "kill", "destroy", "detach", "stop", "resize", "oom", "init", "remove"}
)
"""Actions that our own use of the engine causes. We never make an engine exec: any that appears is a finding."""
HISTORY = 256
"""Events that the engine keeps (measured): who was away for longer has missed some."""
RETRY_S = 0.2

_KEPT = 64
"""Containers that are gone and whose events can still be taken."""


class EventHub:
    """Follows the engine's events of this process's containers. A gap in the stream marks every container of that time.

    When the stream breaks, the engine's short history is asked for. Nothing is missing where the last event that was
    seen still stands in it; everything else is a gap: a history that ran over, an engine that began anew, silence.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._events: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._gone: deque[str] = deque()
        self._gaps = 0
        self._last: dict[str, Any] | None = None
        self._begun = False
        self._stream: Any = None
        self._closed = False
        self._live = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="offswitch-events", daemon=True)
        self._thread.start()

    def wait_live(self, timeout_s: float = 5.0) -> bool:
        """Whether the subscription stands."""
        return self._live.wait(timeout_s)

    @property
    def gaps(self) -> int:
        """How often events were lost, or may be lost as long as the stream is broken; compare before and after."""
        return self._gaps + (self._begun and not self._live.is_set())

    @property
    def answers(self) -> bool:
        """Whether somebody listens at the engine's socket now."""
        return answers(self._engine)

    def take(self, container_id: str) -> list[dict[str, Any]]:
        """Events of a container since the last call."""
        with self._lock:
            return self._events.pop(container_id, [])

    def peek(self, container_id: str) -> list[dict[str, Any]]:
        """Events of a container that nobody has taken yet; they stay."""
        with self._lock:
            return list(self._events.get(container_id, ()))

    def close(self) -> None:
        """End the subscription."""
        self._closed = True
        if self._stream is not None:
            self._stream.close()

    def _follow(self) -> None:
        while not self._closed:
            try:
                self._listen()
            except Exception:  # the boundary: whatever broke the stream is one thing, a break
                if self._closed:
                    return
            self._live.clear()
            time.sleep(RETRY_S)

    def _listen(self) -> None:
        if self._begun and not answers(self._engine):
            return
        client = self._engine.within(86_400.0)
        since = None if self._last is None else _nanoseconds(self._last["timeNano"])
        self._stream = client.events(decode=True, filters=self._filters, since=since)
        self._refuse_an_error(self._stream)
        if self._begun and not self._nothing_missing():
            self._gaps += 1
        self._begun = True
        self._live.set()
        try:
            self._hear(self._stream)
        finally:
            self._live.clear()
            with suppress(OSError, AttributeError):  # the SDK cannot always find the socket of a stream that ended
                self._stream.close()

    def _refuse_an_error(self, stream: Any) -> None:
        """The SDK takes an answer that is an error for a stream of events."""
        status = stream._response.status_code  # noqa: SLF001 - nowhere else
        if status != 200:
            stream.close()
            raise EngineFault("following the engine's events", self._engine.endpoint, f"the engine answered {status}")

    def _hear(self, stream: Any) -> None:
        known = self._last
        for event in stream:
            if known is not None and event.get("timeNano", 0) < known["timeNano"]:
                continue
            if known is not None and _identity(event) == _identity(known):
                known = None  # here the history ends; no later time is compared, for the clock may be set back
                continue
            known = None
            if event.get("Actor", {}).get("Attributes", {}).get(LEASE_LABEL) == own_lease():
                self._keep(event)

    @property
    def _filters(self) -> dict[str, Any]:
        """Podman knows no filter by the mere presence of a label: there, others' events are left out by us."""
        podman = self._engine.told.kind == "podman"
        ours = [f"{LEASE_LABEL}={own_lease()}"] if podman else [RUN_LABEL, f"{LEASE_LABEL}={own_lease()}"]
        return {"label": ours, "type": "container"}

    def _nothing_missing(self) -> bool:
        """Whether the engine's history still holds the last event that we saw.

        Asked after the new subscription stands: what is in the history now was in it then.
        """
        if self._last is None:
            return False
        at, now = _nanoseconds(self._last["timeNano"]), _nanoseconds(time.time_ns())
        history = list(self._engine.within(10.0).events(decode=True, filters=self._filters, since=at, until=now))
        return any(_identity(event) == _identity(self._last) for event in history)

    def _keep(self, event: dict[str, Any]) -> None:
        identity = event.get("id") or event.get("Actor", {}).get("ID", "")
        kept = {
            "action": event.get("Action", event.get("status", "")),
            "time_ns": event.get("timeNano", 0),
            "exit_code": event.get("Actor", {}).get("Attributes", {}).get("exitCode"),
            "signal": event.get("Actor", {}).get("Attributes", {}).get("signal"),
        }
        with self._lock:
            self._events[identity].append(kept)
            self._last = event
            if kept["action"] == "destroy":
                self._forget_after(identity)

    def _forget_after(self, identity: str) -> None:
        """What nobody takes of a container that is gone is kept for a while, and not for ever."""
        self._gone.append(identity)
        while len(self._gone) > _KEPT:
            self._events.pop(self._gone.popleft(), None)


def answers(engine: Engine) -> bool:
    """Whether somebody listens at the engine's socket; an engine elsewhere is asked by the call itself.

    The SDK leaves its own socket open where nobody does.
    """
    if not engine.endpoint.startswith("unix://"):
        return True
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(RETRY_S)
        return asking.connect_ex(engine.endpoint.removeprefix("unix://")) == 0


def _identity(event: dict[str, Any]) -> tuple[Any, Any, Any]:
    return event.get("timeNano"), event.get("id"), event.get("Action")


def _nanoseconds(time_ns: int) -> str:
    """A moment as the engine's API takes it."""
    return f"{time_ns // 10**9}.{time_ns % 10**9:09}"


def unexpected(events: list[dict[str, Any]]) -> tuple[str, ...]:
    """Actions that the harness did not cause."""
    return tuple(event["action"] for event in events if event["action"].split(":")[0] not in EXPECTED)
