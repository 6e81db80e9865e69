"""Cleans up when the harness dies: freezes, captures, kills, removes and sweeps until nothing comes any more.

Run by path as ``python -I -S``, one process a harness, in a session of its own: only the standard library, nothing
of the harness's environment, nothing of its descriptors but the control socket, over which it is told what to do::

    {"do": "guard", "name", "pid", "paths", "captures"}   with two descriptors: PID 1, and the attached stream
    {"do": "release", "name"}    {"do": "bye"}            the second one where nothing is left to guard

It holds a copy of each attached stream, so that a container outlives the harness just long enough to be captured;
if the watchdog is killed as well, the stream ends and PID 1 exits by itself.
"""

import hashlib
import json
import os
import select
import signal
import socket
import stat
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

if __package__:
    from ._watchdog_engine import Sweeper
else:  # run by its path: what lies beside it comes last, so that nothing of Python's own is hidden
    sys.path.append(str(Path(__file__).parent))
    from _watchdog_engine import Sweeper  # type: ignore[import-not-found,no-redef] # found by its path alone

FREEZE_S, EMPTY_S = 0.3, 2.0
CAPTURE_S, CAPTURES_S = 1.5, 5.0
"""How long the capture of one container may take, and of all together: no kill waits for more."""
DIGEST_BYTES, MOST_ENTRIES, MOST_DEPTH = 1 << 20, 50_000, 64
KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "link", stat.S_IFIFO: "fifo"}
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
REGULAR = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
SHOWN = ("Name", "State", "PPid", "Uid", "NSpid", "NSsid", "SigIgn", "SigBlk")


def read(path: str, most: int = 1 << 16) -> bytes:
    """Up to ``most`` bytes of a file; nothing where it cannot be read."""
    with suppress(OSError), Path(path).open("rb") as file:
        return file.read(most)
    return b""


def write(path: str, value: str) -> bool:
    """Write one value into a kernel file; whether it took it."""
    with suppress(OSError):
        Path(path).write_text(value)
        return True
    return False


def within(deadline: float, condition: Callable[[], bool]) -> bool:
    """Whether a condition holds before a deadline."""
    while not (held := condition()) and time.monotonic() < deadline:
        time.sleep(0.002)
    return held


@dataclass
class Guarded:
    """A living container."""

    name: str
    pid: int
    paths: dict[str, str]
    """Folder of its control group in each hierarchy."""
    captures: str
    process: int
    stream: int
    notes: list[str] = field(default_factory=list[str])

    def forget(self) -> None:
        """Let go of its descriptors."""
        os.close(self.process)
        os.close(self.stream)

    def unified(self, name: str) -> str:
        """A file of its control group in the v2 hierarchy."""
        return f"{self.paths.get('unified', '/nonexistent')}/{name}"

    def pids(self) -> list[int]:
        """Host process ids in the container; empty where its group is gone."""
        members = f"{self.paths['pids']}/cgroup.procs" if "pids" in self.paths else self.unified("cgroup.procs")
        return [int(pid) for pid in read(members).split()]

    def order_freeze(self) -> bool:
        """Tell the kernel to stop it, by v2 only and only where anybody but PID 1 is there."""
        return self.pids() not in ([], [self.pid]) and write(self.unified("cgroup.freeze"), "1")

    def is_frozen(self) -> bool:
        """Whether everything stands still."""
        return b"frozen 1" in read(self.unified("cgroup.events"))

    def is_empty(self) -> bool:
        """Whether nobody is left."""
        return not self.pids()

    def kill(self) -> None:
        """Empty it: by the kernel's own kill, else through its PID 1. Waits for no freeze."""
        if write(self.unified("cgroup.kill"), "1") and within(time.monotonic() + EMPTY_S, self.is_empty):
            return
        with suppress(OSError):
            signal.pidfd_send_signal(self.process, signal.SIGKILL)
        write(self.unified("cgroup.freeze"), "0")
        if not within(time.monotonic() + EMPTY_S, self.is_empty):
            self.notes.append(f"still there after the kill: {self.pids()}")


def path_text(raw: bytes) -> str:
    """A file name as text that no other file name shares, as the records write it."""
    with suppress(UnicodeDecodeError):
        text = raw.decode()
        return text if "\\x" not in text else text.replace("\\", "\\\\")
    return raw.replace(b"\\", b"\\\\").decode(errors="backslashreplace")


@contextmanager
def opened(path: str, flags: int, directory: int | None = None) -> Generator[int]:
    """A descriptor, closed at the end."""
    fd = os.open(path, flags, dir_fd=directory)
    try:
        yield fd
    finally:
        os.close(fd)


class Capture:
    """What stands in a container and who runs there, taken down in a hurry."""

    def __init__(self, one: Guarded, deadline: float) -> None:
        self._one = one
        self._deadline = deadline
        self.files: list[dict[str, Any]] = []
        self.unread: list[str] = []

    def take(self) -> dict[str, Any]:
        """The process table first, since it is short; then every file of every writable mount."""
        processes = [process(pid) for pid in self._one.pids()]
        with opened(f"/proc/{self._one.pid}/root", DIRECTORY & ~os.O_NOFOLLOW) as root:
            for mount in self._mounts():
                self._mount(root, mount)
        return {"processes": processes, "files": self.files, "unread": self.unread}

    def _mounts(self) -> Generator[str]:
        for line in read(f"/proc/{self._one.pid}/mountinfo", 1 << 20).decode(errors="replace").splitlines():
            left, _, right = line.partition(" - ")
            where, options = left.split()[4:6]
            kept = right.startswith("tmpfs ") and not where.startswith("/proc/")  # there it only hides something
            if kept and "rw" in options.split(",") and "rw" in right.split()[-1].split(","):
                yield where

    def _mount(self, root: int, path: str) -> None:
        fd = os.dup(root)
        try:
            for part in path.strip("/").split("/"):
                inner = os.open(part, DIRECTORY, dir_fd=fd)
                os.close(fd)
                fd = inner
            self._walk(fd, path, os.fstat(fd).st_dev, 0)
        except OSError as error:
            self.unread.append(f"{path}: {error.strerror}")
        finally:
            os.close(fd)

    def _walk(self, directory: int, path: str, device: int, depth: int) -> None:
        for name in sorted(os.listdir(directory)):
            if time.monotonic() > self._deadline or len(self.files) >= MOST_ENTRIES or depth > MOST_DEPTH:
                self.unread.append(f"{path}: too much, too deep, or no time left")
                return
            where = f"{path}/{path_text(os.fsencode(name))}"
            try:
                status = self._look(directory, name, where)
                if stat.S_ISDIR(status.st_mode) and status.st_dev == device:
                    with opened(name, DIRECTORY, directory) as inner:
                        self._walk(inner, where, device, depth + 1)
            except OSError as error:
                self.unread.append(f"{where}: {error.strerror}")

    def _look(self, directory: int, name: str, path: str) -> os.stat_result:
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        found: dict[str, Any] = {"path": path, "kind": KINDS.get(stat.S_IFMT(status.st_mode), "other")}
        found |= {"mode": stat.S_IMODE(status.st_mode), "owner": [status.st_uid, status.st_gid]}
        found |= {"size": status.st_size, "ctime_ns": status.st_ctime_ns}
        if found["kind"] == "link":
            found["target"] = path_text(os.fsencode(os.readlink(name, dir_fd=directory)))
        elif found["kind"] == "file" and status.st_size <= DIGEST_BYTES:
            with opened(name, REGULAR, directory) as fd:
                found["sha256"] = hashlib.sha256(os.read(fd, DIGEST_BYTES)).hexdigest()
        self.files.append(found)
        return status


def process(pid: int) -> dict[str, Any]:
    """One process by the host's /proc; fields that cannot be read are absent."""
    found: dict[str, Any] = {"host_pid": pid}
    for line in read(f"/proc/{pid}/status").decode(errors="backslashreplace").split("\n"):
        name, _, value = line.partition(":")
        if name in SHOWN:
            found[name] = value.strip()
    found["argv"] = [path_text(part) for part in read(f"/proc/{pid}/cmdline", 4096).split(b"\0")[:-1]]
    with suppress(OSError):
        found["exe"] = path_text(os.fsencode(Path(f"/proc/{pid}/exe").readlink()))
    return found


def keep(folder: str, name: str, content: dict[str, Any]) -> None:
    """Write a report that nobody overwrites, and put it on the disk. It is whole from the moment it has its name."""
    Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    target = f"{folder}/{name}-{time.time_ns()}.json"
    fd = os.open(f"{target}.tmp", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(json.dumps(content))
        file.flush()
        os.fsync(fd)
    Path(f"{target}.tmp").rename(target)


def capture(one: Guarded, frozen: bool, deadline: float) -> None:
    """Write down what is there; whatever goes wrong with that is noted and delays no kill."""
    report: dict[str, Any] = {"name": one.name, "pid": one.pid, "frozen": frozen, "time_ns": time.time_ns()}
    try:
        report |= Capture(one, deadline).take()
    except (OSError, ValueError) as error:
        one.notes.append(f"capture failed: {type(error).__name__}: {error}")
    try:
        keep(one.captures, one.name, report | {"notes": one.notes})
    except OSError as error:
        one.notes.append(f"capture not kept: {error}")


def end_all(guarded: list[Guarded]) -> None:
    """Stop all containers at once, then take down and kill one after the other, those that still move first."""
    began = time.monotonic()
    ordered = {one.name: one.order_freeze() for one in guarded}
    frozen = {one.name: ordered[one.name] and within(began + FREEZE_S, one.is_frozen) for one in guarded}
    for one in sorted(guarded, key=lambda one: frozen[one.name]):
        try:
            capture(one, frozen[one.name], min(time.monotonic() + CAPTURE_S, began + CAPTURES_S))
        finally:
            one.kill()


def remove_folders(pattern: str) -> list[str]:
    """Remove the temporary folders whose paths begin so; what could not be removed, in words."""
    import shutil  # every harness waits for our start: what only a death needs is loaded after it

    failed: list[str] = []
    for path in Path(pattern).parent.glob(f"{Path(pattern).name}*"):
        shutil.rmtree(path, onerror=lambda _, where, why: failed.append(f"{where}: {why[1]}"))
    return failed


def has_ended(harness: int) -> bool:
    """Whether the process of a descriptor is gone; -1 was gone before."""
    if harness < 0:
        return True
    ended = select.poll()
    ended.register(harness, select.POLLIN)
    return bool(ended.poll(0))


def after_death(harness: int, guarded: list[Guarded], engine: str, lease: str, folders: str) -> None:
    """The harness is gone: see that nothing of it stays, and leave a report beside the captures.

    One that only let us go lives on: what is left on this engine is ours to remove, its folders are in use. At its
    exit they are its own to remove, or the next harness's.
    """
    end_all(guarded)
    sweeper = Sweeper(engine, f"offswitch.lease={lease}")
    lived = not has_ended(harness)
    if not lived:
        sweeper.faults += remove_folders(folders)
    sweeper.sweep()
    if lived and has_ended(harness):
        sweeper.faults += remove_folders(folders)
    report = {"lease": lease, "passes": sweeper.passes, "removed": sweeper.removed, "faults": [*sweeper.faults]}
    for folder in {one.captures for one in guarded if not one.captures.startswith(folders)}:
        keep(folder, "watchdog", report | {"notes": {one.name: one.notes for one in guarded}})


class Watchdog:
    """Listens to the harness until it says good-bye or dies."""

    def __init__(self, control: socket.socket, harness: int) -> None:
        self._control = control
        self._harness = harness
        self.guarded: dict[str, Guarded] = {}

    def watch(self) -> bool:
        """Whether the harness ended without a good-bye."""
        waiting = select.poll()
        waiting.register(self._control, select.POLLIN)
        waiting.register(self._harness, select.POLLIN)
        while True:
            ready = [descriptor for descriptor, _ in waiting.poll()]
            if self._control.fileno() not in ready:  # what it said before it died is heard first
                return True
            said = self._hear()
            if said in ("bye", ""):
                return said == ""

    def _hear(self) -> str:
        """What the harness asked for; nothing where it will ask for nothing any more."""
        data, descriptors = b"", [-1, -1]
        with suppress(OSError):
            data, descriptors, _, _ = socket.recv_fds(self._control, 1 << 16, 2)
        if not data:
            return ""
        message: dict[str, Any] = json.loads(data)
        name = str(message.get("name"))
        if message["do"] == "guard":
            process, stream = descriptors
            self.guarded[name] = Guarded(name, message["pid"], message["paths"], message["captures"], process, stream)
        elif message["do"] == "release" and name in self.guarded:
            self.guarded.pop(name).forget()
        with suppress(OSError):
            self._control.send(b"ok")
        return str(message["do"])


def detach(control: int) -> None:
    """Hold nothing of the harness but the control socket, and let no terminal end us."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    os.chdir("/")
    for stream in (0, 1, 2):
        os.dup2(os.open(os.devnull, os.O_RDWR), stream)
    os.closerange(3, control)
    os.closerange(control + 1, 1 << 16)


def open_harness(pid: int) -> int:
    """A descriptor of the process that started us; -1 where it is dead already."""
    with suppress(OSError):
        harness = os.pidfd_open(pid)
        return harness if os.getppid() == pid else -1
    return -1


def main(control: int, engine: str, lease: str, name: str, folders: str) -> None:
    """Guard until the harness is done or dead. ``name``: by which others see that it lives; ``folders``: to sweep."""
    detach(control)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sign, socket.socket(fileno=control) as connection:
        with suppress(OSError):  # a name, so that no other sweep takes what is still to be captured
            sign.bind(f"\0{name}")
        harness = open_harness(int(lease.split(":")[1]))
        watchdog = Watchdog(connection, harness)
        connection.send(b"ok")
        if harness < 0 or watchdog.watch():
            after_death(harness, list(watchdog.guarded.values()), engine, lease, folders)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:6])
