"""The engine's live event stream: one subscription a process, handed out by container."""

import threading
import time
from collections import defaultdict
from typing import Any

from ._engine import Engine

EXPECTED = frozenset({"create", "attach", "start", "die", "kill", "destroy", "detach", "stop", "resize", "oom"})
"""Actions that our own use of the engine causes. We never make an engine exec: any that appears is a finding."""


class EventHub:
    """Follows the engine's events of our containers. A gap in the stream marks every container of that time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._events: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._gaps = 0
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
        """How often the stream broke; compare before and after."""
        return self._gaps

    def take(self, container_id: str) -> list[dict[str, Any]]:
        """Events of a container since the last call."""
        with self._lock:
            return self._events.pop(container_id, [])

    def close(self) -> None:
        """End the subscription."""
        self._closed = True
        if self._stream is not None:
            self._stream.close()

    def _follow(self) -> None:
        while not self._closed:
            try:
                self._listen()
            except Exception:  # the boundary: whatever broke the stream is one thing, a gap
                if self._closed:
                    return
            self._gaps += 1
            self._live.clear()
            time.sleep(0.2)

    def _listen(self) -> None:
        client = self._engine.within(86_400.0)
        self._stream = client.events(decode=True, filters={"label": "offswitch.run", "type": "container"})
        self._live.set()
        for event in self._stream:
            identity = event.get("id") or event.get("Actor", {}).get("ID", "")
            kept = {
                "action": event.get("Action", event.get("status", "")),
                "time_ns": event.get("timeNano", 0),
                "exit_code": event.get("Actor", {}).get("Attributes", {}).get("exitCode"),
                "signal": event.get("Actor", {}).get("Attributes", {}).get("signal"),
            }
            with self._lock:
                self._events[identity].append(kept)


def unexpected(events: list[dict[str, Any]]) -> tuple[str, ...]:
    """Actions that the harness did not cause."""
    return tuple(event["action"] for event in events if event["action"].split(":")[0] not in EXPECTED)
