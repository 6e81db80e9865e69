"""A tree that an agent, and an agent with more rights than any of ours, could leave for those who read it."""

import os
import socket
import stat
from pathlib import Path

TOKEN = b"the-host-s-own-secret-0815"
TERABYTE = 1 << 40
DEEP = 500
NAMES = (
    b"new\nline",
    b"\xff\xfe",
    b"n" * 255,
    b"back\\slash",
    b"\\xff",
    b" ",
    b"\x1b[2J\x1b]0;owned\x07",
    "\u202egnp.exe".encode(),
    b"-rf",
    b"..\\..\\etc",
    b"{0}%s$(id)`id`",
)


def grow(place: Path, secret: Path) -> None:
    """Put everything below a folder; ``secret`` is a file of this host that holds `TOKEN`."""
    links: dict[str, str | Path] = {
        "absolute": secret,
        "relative": os.path.relpath(secret, "/work"),
        "climbing": f"{'../' * 40}{str(secret)[1:]}",
        "magic": f"/proc/self/root{secret}",
        "of_init": f"/proc/1/root{secret}",
        "descriptor": "/proc/self/fd/0",
        "top": "/",
        "parent": "..",
        "here": ".",
        "one": "two",
        "two": "one",
        "dangling": "/nonexistent/x",
        "long": "x/" * 2000,
    }
    for name, target in links.items():
        (place / name).symlink_to(target)
    _files(place)
    _nodes(place)
    _deep(place)


def _files(place: Path) -> None:
    for name in NAMES:
        (place / os.fsdecode(name)).write_bytes(name)
    (place / "set").write_bytes(b"set")
    (place / "set").chmod(0o6777)
    (place / "hard").hardlink_to(place / "set")
    (place / "unreadable").write_bytes(b"none of yours")
    (place / "unreadable").chmod(0)
    with (place / "sparse").open("wb") as file:
        file.truncate(TERABYTE)
        file.seek(TERABYTE // 3)
        file.write(b"far out")
    with (place / "endless.gz").open("wb") as file:
        file.write(b"\x1f\x8b\x08\x08" + b"\0" * 6 + b"name " * 1000)


def _nodes(place: Path) -> None:
    os.mkfifo(place / "pipe")
    os.mknod(place / "zero", 0o666 | stat.S_IFCHR, os.makedev(1, 5))
    os.mknod(place / "disk", 0o666 | stat.S_IFBLK, os.makedev(8, 0))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place / "socket"))


def _deep(place: Path) -> None:
    folder = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(DEEP):
        os.mkdir("d", dir_fd=folder)
        inner = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.symlink("/", "root", dir_fd=folder)
    os.close(folder)
