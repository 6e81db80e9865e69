"""The machine's own engine behind a port of the loopback, as if it stood elsewhere: nobody can see whose it is."""

import socket
import ssl
import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from offswitch.sandbox import configured_endpoint


@dataclass
class Relay:
    """Carries bytes between a port and the engine's socket, a thread for each direction of each connection."""

    listening: socket.socket
    secret: ssl.SSLContext | None = None
    refused: int = 0
    """Connections that did not show what they had to."""
    _open: list[socket.socket] = field(default_factory=list[socket.socket])

    @property
    def endpoint(self) -> str:
        return f"tcp://127.0.0.1:{self.listening.getsockname()[1]}"

    def run(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self.listening.accept()
                threading.Thread(target=self._serve, args=(here,), daemon=True).start()

    def _serve(self, here: socket.socket) -> None:
        here.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        there = socket.socket(socket.AF_UNIX)
        with here, there:
            there.connect(configured_endpoint().removeprefix("unix://"))
            if self.secret is None:
                self._open += [here, there]
                back = threading.Thread(target=_carry, args=(there, here), daemon=True)
                back.start()
                _carry(here, there)
                back.join()
            else:
                self._serve_secret(here, there)

    def _serve_secret(self, here: socket.socket, there: socket.socket) -> None:
        from offswitch.sandbox._dial import plain

        assert self.secret is not None
        try:
            wrapped = self.secret.wrap_socket(here, server_side=True)
        except OSError:
            self.refused += 1
            return
        with plain(wrapped) as inner:
            self._open += [inner, there]
            back = threading.Thread(target=_carry, args=(there, inner), daemon=True)
            back.start()
            _carry(inner, there)
            back.join()

    def close(self) -> None:
        """Break every connection."""
        with suppress(OSError):
            self.listening.shutdown(socket.SHUT_RDWR)
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def relayed(certificates: Path | None = None) -> Generator[Relay]:
    """A relay; with a folder of certificates it takes nobody who has none."""
    secret = None
    if certificates is not None:
        secret = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        secret.verify_mode = ssl.CERT_REQUIRED
        secret.load_cert_chain(certificates / "server.pem", certificates / "server-key.pem")
        secret.load_verify_locations(certificates / "ca.pem")
    with ExitStack() as stack:
        relay = Relay(stack.enter_context(socket.create_server(("127.0.0.1", 0))), secret)
        stack.callback(relay.close)
        threading.Thread(target=relay.run, daemon=True).start()
        yield relay


@contextmanager
def relayed_socket(path: Path, endpoint: str) -> Generator[str]:
    """A socket of this machine behind which an engine on a port answers; the endpoint of it."""
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")

    def serve(here: socket.socket) -> None:
        with here, socket.create_connection((host, int(port))) as there:
            back = threading.Thread(target=_carry, args=(there, here), daemon=True)
            back.start()
            _carry(here, there)
            back.join()

    def run(listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        threading.Thread(target=run, args=(listening,), daemon=True).start()
        yield f"unix://{path}"
        listening.shutdown(socket.SHUT_RDWR)
