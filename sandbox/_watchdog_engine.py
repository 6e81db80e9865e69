"""How the watchdog reaches the engine, and removes what is left there.

Only the standard library: it is run by path and has nothing else.
"""

import http.client
import json
import socket
import time
import urllib.parse
from collections import deque
from typing import Any

QUIET_S = 3.0
"""A sweep ends when nothing of ours has been seen for this long: a creation in flight shows itself by then."""
GIVE_UP_S, CALL_S = 600.0, 20.0


def dial(engine: dict[str, Any], timeout_s: float) -> socket.socket:
    """A stream to a socket of this machine, or to a port of any (`Address.told`). Raises `OSError`."""
    if engine["path"]:
        stream = socket.socket(socket.AF_UNIX)
        stream.settimeout(timeout_s)
        stream.connect(engine["path"])
        return stream
    stream = socket.create_connection((engine["host"], engine["port"]), timeout_s)
    return secured(stream, engine) if engine["tls"] else stream


def secured(stream: socket.socket, engine: dict[str, Any]) -> socket.socket:
    """The stream once both sides have shown who they are."""
    import ssl  # few engines need it, and every harness waits for the watchdog's start

    tls = engine["tls"]
    context = ssl.create_default_context(cafile=tls["ca"] or None)
    context.check_hostname = tls["verify"]
    context.verify_mode = ssl.CERT_REQUIRED if tls["verify"] else ssl.CERT_NONE
    if tls["cert"]:
        context.load_cert_chain(tls["cert"], tls["key"] or None)
    return context.wrap_socket(stream, server_hostname=engine["host"])


class Sweeper:
    """Removes what carries a lease, until nothing has come for a while."""

    def __init__(self, engine: str, label: str) -> None:
        self._engine: dict[str, Any] = json.loads(engine)
        self._filter = urllib.parse.quote(json.dumps({"label": [label]}))
        self.passes = 0
        self.removed: list[str] = []
        self.faults: deque[str] = deque(maxlen=100)

    def sweep(self) -> None:
        """Pass after pass; a pass that failed is not quiet. Gives up in the end: the next harness sweeps too."""
        began = last = time.monotonic()
        while time.monotonic() - last < QUIET_S and time.monotonic() - began < GIVE_UP_S:
            self.passes += 1
            try:
                found = self._pass()
            except (OSError, http.client.HTTPException, ValueError) as error:
                found = True
                self.faults.append(f"{type(error).__name__}: {error}")
            last = time.monotonic() if found else last
            time.sleep(min(2.0, 0.1 + 0.01 * self.passes))

    def _pass(self) -> bool:
        """Whether anything was there."""
        found = [f"/containers/{one['Id']}?force=1&v=1" for one in self._list("/containers/json?all=1&")]
        found += [f"/networks/{one['Id']}" for one in self._list("/networks?")]
        found += [f"/volumes/{one['Name']}?force=1" for one in self._list("/volumes?")]
        for path in found:
            self._remove(path)
        return bool(found)

    def _list(self, path: str) -> list[dict[str, Any]]:
        status, body = self._call("GET", f"{path}filters={self._filter}")
        if status != 200:
            raise ValueError(f"GET {path} answered {status}")
        answer: Any = json.loads(body)
        return list(answer if path[1] != "v" else answer["Volumes"] or [])

    def _remove(self, path: str) -> None:
        status, body = self._call("DELETE", path)
        if status in (200, 204):
            self.removed.append(path.partition("?")[0])
        elif status != 404:
            self.faults.append(f"DELETE {path} answered {status}: {body[:200].decode(errors='replace')}")

    def _call(self, method: str, path: str) -> tuple[int, bytes]:
        with dial(self._engine, CALL_S) as engine:
            connection = http.client.HTTPConnection("localhost")
            connection.sock = engine
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read()
