"""Plain streams to an engine, spoken by hand: the SDK keeps sockets of its own, and drains what should be dropped."""

import ipaddress
import select
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ._errors import EngineDenied, EngineNotFound

_PIECE = 1 << 14
_MOST = 1 << 20
"""Bytes that wait for one side before nothing more is taken from the other."""
_PLAIN_PORT, _TLS_PORT = 2375, 2376


@dataclass(frozen=True)
class Tls:
    """Who the engine has to be, and as whom we come: files, as the docker command takes them; "" for none."""

    ca: str = ""
    cert: str = ""
    key: str = ""
    verify: bool = True

    def context(self) -> ssl.SSLContext:
        """What wraps a stream. Raises `OSError` where a file cannot be read."""
        context = ssl.create_default_context(cafile=self.ca or None)
        context.check_hostname = context.check_hostname and self.verify
        context.verify_mode = ssl.CERT_REQUIRED if self.verify else ssl.CERT_NONE
        if self.cert:
            context.load_cert_chain(self.cert, self.key or None)
        return context


@dataclass(frozen=True)
class Address:
    """Where an engine answers: a socket of this machine, or a port of any."""

    path: str = ""
    host: str = ""
    port: int = 0
    tls: Tls | None = None

    @classmethod
    def of(cls, endpoint: str, tls: Any) -> "Address":
        """The address of an endpoint; ``tls`` is the SDK's own settings, None for none.

        Raises `EngineNotFound` for a way that is not spoken here, and `EngineDenied` for one on which anybody could
        command the engine or forge what it tells.
        """
        where = urlsplit(endpoint)
        if where.scheme == "unix":
            return cls(path=endpoint.removeprefix("unix://"))
        if where.scheme not in ("tcp", "http", "https"):
            raise EngineNotFound("connecting", endpoint, f"{where.scheme} is not spoken here", remedy=_FORWARD)
        try:
            host, port = where.hostname or "127.0.0.1", where.port or (_TLS_PORT if tls else _PLAIN_PORT)
        except ValueError as error:
            raise EngineNotFound("connecting", endpoint, str(error), remedy="docker context ls") from error
        if not tls and not _is_loopback(host):
            raise EngineDenied("connecting", endpoint, _OPEN, remedy=_SECURE)
        return cls(host=host, port=port, tls=_tls(tls) if tls else None)

    @property
    def is_socket(self) -> bool:
        """Whether it is a socket of this machine."""
        return bool(self.path)

    def told(self) -> dict[str, Any]:
        """As JSON data, for a process that has none of our classes; paths of files are absolute."""
        return asdict(self)

    def dial(self, timeout_s: float) -> socket.socket:
        """A stream to the engine. Raises `OSError`."""
        if self.path:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(timeout_s)
            try:
                connection.connect(self.path)
            except BaseException:
                connection.close()
                raise
            return connection
        connection = socket.create_connection((self.host, self.port), timeout_s)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls is None:
                return connection
            return self.tls.context().wrap_socket(connection, server_hostname=self.host)
        except BaseException:
            connection.close()
            raise


_FORWARD = "ssh -nNT -L /run/engine.sock:/var/run/docker.sock HOST, then --engine unix:///run/engine.sock"
_OPEN = "without TLS anybody on the way could command the engine, and forge what it tells"
_SECURE = "DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=DIR, with ca.pem, cert.pem and key.pem in DIR; or a forwarded socket"


def _is_loopback(host: str) -> bool:
    """Whether a name leads to this very machine, by every address that it has."""
    try:
        found = {str(one[4][0]) for one in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError:
        return False
    return bool(found) and all(ipaddress.ip_address(one.partition("%")[0]).is_loopback for one in found)


def _tls(told: Any) -> Tls:
    """The SDK's settings as ours."""
    cert, key = told.cert or ("", "")
    ca = str(Path(told.ca_cert).absolute()) if told.ca_cert else ""
    files = [str(Path(one).absolute()) if one else "" for one in (cert, key)]
    return Tls(ca, files[0], files[1], verify=bool(told.verify))


def plain(connection: socket.socket) -> socket.socket:
    """A stream that can be waited for by its descriptor: what an encrypted one has decrypted, no `poll` shows.

    A thread carries its bytes to and from a pair of sockets, until either side ends.
    """
    if not isinstance(connection, ssl.SSLSocket):
        return connection
    ours, theirs = socket.socketpair()
    threading.Thread(target=_Pump(connection, theirs).run, name="offswitch-tls", daemon=True).start()
    return ours


class _Pump:
    """Carries bytes between an encrypted stream and a plain one, in one thread: two may not share the former."""

    def __init__(self, secret: ssl.SSLSocket, open_: socket.socket) -> None:
        self._secret, self._open = secret, open_
        self._to_secret, self._to_open = bytearray(), bytearray()
        secret.setblocking(False)
        open_.setblocking(False)

    def run(self) -> None:
        try:
            with suppress(OSError):
                while self._turn():
                    pass
        finally:
            for one in (self._secret, self._open):
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()

    def _turn(self) -> bool:
        """One round of both directions; False where one side has ended."""
        self._wait()
        return self._take(self._secret, self._to_open, self._open) and self._take(
            self._open, self._to_secret, self._secret
        )

    def _wait(self) -> None:
        waiting = select.poll()
        for one, owed, room in (
            (self._secret, self._to_secret, self._to_open),
            (self._open, self._to_open, self._to_secret),
        ):
            waiting.register(one, (select.POLLOUT if owed else 0) | (select.POLLIN if len(room) < _MOST else 0))
        if not self._secret.pending() or len(self._to_open) >= _MOST:
            waiting.poll()

    def _take(self, source: socket.socket, owed: bytearray, sink: socket.socket) -> bool:
        """What has come from one side, and as much of it as the other takes."""
        data: bytes | None = None
        with suppress(BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            data = source.recv(_PIECE) if len(owed) < _MOST else None
        owed += data or b""
        with suppress(BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            while owed:
                del owed[: sink.send(bytes(owed[:_PIECE]))]
        return data != b""
