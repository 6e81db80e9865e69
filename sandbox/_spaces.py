"""The namespaces of an engine's own machine, told by a harmless container that lives in them: another's are held
against these. It has no rights, no writable place and no stream in; it says seven lines and ends.
"""

import socket
import threading
import uuid
from weakref import WeakKeyDictionary

from ._engine import Engine
from ._errors import EvidenceLost
from ._lease import ROLE_LABEL
from ._making import all_labels, create, remove, start
from ._profile import spaces_config
from ._warden import warden

_ANSWER_S = 20.0
_HEAD = 8
_known: WeakKeyDictionary[Engine, dict[str, str]] = WeakKeyDictionary()
_asking = threading.Lock()


def spaces(engine: Engine, image: str, supervisor: str) -> dict[str, str]:
    """Kind of namespace → the one of the engine's machine. Asked once a connection. Raises the sandbox's errors."""
    with _asking:
        if engine not in _known:
            _known[engine] = _ask(engine, image, supervisor)
        return _known[engine]


def _ask(engine: Engine, image: str, supervisor: str) -> dict[str, str]:
    name = f"offswitch-spaces-{uuid.uuid4().hex[:12]}"
    config = spaces_config(image, supervisor, all_labels({ROLE_LABEL: "evidence"}))
    container_id, connection = create(engine, name, config, warden(engine))
    try:
        with connection:
            start(engine, name, container_id)
            connection.settimeout(_ANSWER_S)
            lines = _said(connection).decode(errors="replace").split()
    except OSError as error:
        raise EvidenceLost("asking for the machine's namespaces", name, str(error)) from error
    finally:
        remove(engine, name, container_id, warden(engine))
    links = {kind: link for kind, _, link in (one.partition("=") for one in lines) if link}
    if not {"net", "pid", "ipc", "uts"} <= links.keys():
        raise EvidenceLost("asking for the machine's namespaces", name, f"it said {lines[:10]}")
    return links


def _said(connection: socket.socket) -> bytes:
    """Everything on its standard output, out of the engine's frames."""
    data = bytearray()
    while piece := connection.recv(1 << 16):
        data += piece
    said = bytearray()
    while len(data) >= _HEAD:
        size = int.from_bytes(data[4:_HEAD], "big")
        if data[0] == 1:
            said += data[_HEAD : _HEAD + size]
        del data[: _HEAD + size]
    return bytes(said)
