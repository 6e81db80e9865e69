"""A Docker Engine that might as well stand on another machine: only a port of the loopback leads to it.

It lives in mount, process and network namespaces of its own, keeps its data in memory that only it has mounted, and
sees none of our files where our binary lies. A relay carries bytes between a port here and its own loopback.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from offswitch.sandbox._cache import cache_dir

from .other_engines import START_S, answers, folder, give_image

_PORT = 2375
_ENGINE = """
set -e
mount --make-rprivate /
mount -t tmpfs -o size=2g tmpfs {root}/data
mount -t tmpfs tmpfs {cache}
mount -t tmpfs tmpfs /run
mount -t proc proc /proc
ip link set lo up
exec dockerd --data-root={root}/data --exec-root=/run/engine --pidfile=/run/engine.pid --config-file={root}/config \
  --bridge=none --iptables=false --ip-forward=false --ip-masq=false --host=tcp://127.0.0.1:{port} {tls}
"""
_RELAY = """
import ctypes, os, socket, sys, threading, time
listening, namespace, port = socket.socket(fileno=int(sys.argv[1])), sys.argv[2], int(sys.argv[3])
while os.stat(namespace).st_ino == os.stat("/proc/self/ns/net").st_ino:
    time.sleep(0.01)
fd = os.open(namespace, os.O_RDONLY)
assert ctypes.CDLL(None, use_errno=True).setns(fd, 0x40000000) == 0

def carry(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for one, how in ((sink, socket.SHUT_WR), (source, socket.SHUT_RD)):
        try:
            one.shutdown(how)
        except OSError:
            pass

def relay(here):
    with here:
        try:
            there = socket.create_connection(("127.0.0.1", port), 5)
        except OSError:
            return
        there.settimeout(None)
        for one in (here, there):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with there:
            back = threading.Thread(target=carry, args=(there, here))
            back.start()
            carry(here, there)
            back.join()

while True:
    threading.Thread(target=relay, args=(listening.accept()[0],), daemon=True).start()
"""


@contextmanager
def remote(*, secret: bool = False, hidden: bool = True) -> Generator[tuple[str, Path]]:
    """Its endpoint, and a folder with the files for TLS.

    ``secret``: it takes nobody without them; ``hidden``: our binary is hidden from it.
    """
    with folder() as root, _port() as (listening, port):
        (root / "data").mkdir()
        (root / "config").write_text("{}")
        certificates = root / "tls"
        certificates.mkdir()
        tls = certified(certificates) if secret else "--tls=false"
        (root / "nothing").mkdir()
        hides = cache_dir() if hidden else root / "nothing"
        script = _ENGINE.format(root=root, cache=hides, port=_PORT, tls=tls)
        command = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "sh", "-c", script]
        with (root / "log").open("wb") as log:
            engine = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        relay = subprocess.Popen(
            [sys.executable, "-c", _RELAY, str(listening.fileno()), f"/proc/{engine.pid}/ns/net", str(_PORT)],
            pass_fds=[listening.fileno()],
            start_new_session=True,
        )
        try:
            endpoint = f"tcp://127.0.0.1:{port}"
            with trusting(certificates if secret else None):
                _wait(endpoint, engine, root / "log")
                give_image(endpoint)
                yield endpoint, certificates
        finally:
            _end(engine)
            relay.kill()
            relay.wait()


@contextmanager
def _port() -> Generator[tuple[socket.socket, int]]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening, listening.getsockname()[1]


@contextmanager
def trusting(certificates: Path | None) -> Generator[None]:
    """What the docker command reads for TLS."""
    wanted = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(certificates)} if certificates else {}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _wait(endpoint: str, engine: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_S
    while not answers(endpoint):
        assert engine.poll() is None, log.read_text(errors="replace")[-2000:]
        assert time.monotonic() < end, log.read_text(errors="replace")[-2000:]
        time.sleep(0.1)


def _end(engine: subprocess.Popen[bytes]) -> None:
    """Let it end its containers; its process namespace dies with it."""
    children = Path(f"/proc/{engine.pid}/task/{engine.pid}/children").read_text().split()
    for child in map(int, children):
        handle = os.pidfd_open(child)
        signal.pidfd_send_signal(handle, signal.SIGTERM)
        select.select([handle], [], [], 20)
        os.close(handle)
    engine.kill()
    engine.wait()


def certified(where: Path) -> str:
    """An authority, what it says of an engine on the loopback and of us, and how the engine is told of it."""
    (where / "san").write_text("subjectAltName=IP:127.0.0.1\n")
    new = ("openssl", "req", "-newkey", "rsa:2048", "-nodes")
    sign = ("openssl", "x509", "-req", "-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-days", "2")
    commands = [
        (*new, "-x509", "-days", "2", "-subj", "/CN=test", "-keyout", "ca-key.pem", "-out", "ca.pem"),
        (*new, "-subj", "/CN=engine", "-keyout", "server-key.pem", "-out", "server.csr"),
        (*sign, "-in", "server.csr", "-extfile", "san", "-out", "server.pem"),
        (*new, "-subj", "/CN=harness", "-keyout", "key.pem", "-out", "client.csr"),
        (*sign, "-in", "client.csr", "-out", "cert.pem"),
    ]
    for command in commands:
        subprocess.run(command, check=True, capture_output=True, cwd=where)
    files = {"tlscacert": "ca.pem", "tlscert": "server.pem", "tlskey": "server-key.pem"}
    return " ".join(["--tlsverify", *(f"--{flag}={where}/{file}" for flag, file in files.items())])
