"""What an agent inside would look for: each search gives what it found, and nothing in a tight container.

A search runs by whatever starts a program in a container as the agent, so that the same one can be tried on a container
of ours and on one with a hole.
"""

import base64
import errno
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from offswitch.sandbox import SEALED, DockerSandbox, Engine, seccomp_profile
from offswitch.sandbox._filters import listed_rules, numbers

Run = Callable[[list[str]], bytes]
"""Starts a program as the agent and returns what it prints."""

_PYTHON = """
import ctypes, errno, json, mmap, os, platform, signal, socket, stat, sys
libc = ctypes.CDLL(None, use_errno=True)
def in_child(action):
    "What becomes of an action: 'done', an error's name, or 'signal N'."
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(2)
        null = os.open("/dev/null", os.O_RDWR)
        os.dup2(null, 0)
        try:
            told = action()
        except OSError as error:
            told = errno.errorcode.get(error.errno, str(error.errno))
        os.write(w, told.encode())
        os._exit(0)
    os.close(w)
    told = os.read(r, 100).decode()
    os.close(r)
    status = os.waitpid(pid, 0)[1]
    return told or (f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else "nothing")
def call(number):
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), 0, 0, 0, 0, 0, 0)
    return "done" if result >= 0 else errno.errorcode.get(ctypes.get_errno(), "?")
"""


def _told(run: Run, program: str, *arguments: str) -> Any:
    printed = run(["/usr/bin/python3", "-c", _PYTHON + program, *arguments])
    assert printed, "the search itself did not run"
    return json.loads(printed)


def unlisted_calls(machine: str) -> dict[str, int]:
    """Every system call that no rule of ours lets through, with its number."""
    return {
        name: number for name, number in numbers(machine).items() if name not in listed_rules() and name != "clone3"
    }


def calls(run: Run, machine: str = "x86_64") -> list[str]:
    """System calls outside the allow-list that are not refused before they look at anything."""
    program = "print(json.dumps({n: in_child(lambda: call(v)) for n, v in json.loads(sys.argv[1]).items()}))"
    answers: dict[str, str] = _told(run, program, json.dumps(unlisted_calls(machine)))
    declared = {
        name: errno.errorcode[rule["errnoRet"]]
        for rule in seccomp_profile()["syscalls"]
        if "errnoRet" in rule
        for name in rule["names"]
    }
    return sorted(
        f"{name}: {answer}" for name, answer in answers.items() if answer not in ("ENOSYS", declared.get(name, "EPERM"))
    )


def families(run: Run) -> list[str]:
    """Families of sockets that can be had beside local and internet ones; raw ones of those."""
    program = """
found = []
for family in range(64):
    for kind in (1, 2, 3, 5):
        def attempt():
            socket.socket(family, kind).close()
            return "done"
        if in_child(attempt) == "done" and (family not in (1, 2, 10) or (family != 1 and kind == 3)):
            found.append(f"family {family} kind {kind}")
print(json.dumps(found))
"""
    found: list[str] = _told(run, program)
    return found


def other_tables(run: Run) -> list[str]:
    """Calls by the processor's second and third table: int 0x80 and x32. Each must end who tries."""
    program = """
def int80():
    page = mmap.mmap(-1, 4096, prot=7)
    page.write(bytes.fromhex("b814000000cd80c3"))
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
    return "done"
found = {"int 0x80": in_child(int80), "x32": in_child(lambda: call(0x40000000 | 39))}
print(json.dumps([f"{name}: {told}" for name, told in found.items() if told != "signal 31"]))
"""
    found: list[str] = _told(run, program)
    return found


def view(run: Run) -> list[str]:
    """Sockets of engines, what is mounted of the host's disks, devices, and what the kernel tells of the machine."""
    program = """
found = []
ours = {"/agentd", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"}
for line in open("/proc/self/mountinfo"):
    left, _, right = line.partition(" - ")
    where, options = left.split()[4:6]
    kind = right.split()[0]
    disk = kind not in ("overlay", "tmpfs", "proc", "sysfs", "devpts", "mqueue", "cgroup", "cgroup2")
    if disk and (where not in ours or "rw" in options.split(",")):
        found.append(f"mount {where}")
    if kind == "tmpfs" and right.split()[1] not in ("tmpfs", "shm"):
        found.append(f"mount {where}")
for folder, folders, names in os.walk("/"):
    folders[:] = [name for name in folders if folder != "/" or name not in ("proc", "sys")]
    for name in names:
        try:
            mode = os.lstat(os.path.join(folder, name)).st_mode
        except OSError:
            continue
        if stat.S_ISSOCK(mode):
            found.append(f"socket {os.path.join(folder, name)}")
        known = folder == "/dev" and name in ("full", "null", "random", "tty", "urandom", "zero")
        if (stat.S_ISCHR(mode) or stat.S_ISBLK(mode)) and not known and not folder.startswith("/dev/pts"):
            found.append(f"device {os.path.join(folder, name)}")
for path in ("/proc/keys", "/proc/timer_list", "/proc/kcore", "/proc/sched_debug"):
    try:
        if open(path, "rb").read(1):
            found.append(f"told by {path}")
    except OSError:
        pass
print(json.dumps(found))
"""
    found: list[str] = _told(run, program)
    return found


def gained(run: Run, program: str) -> list[str]:
    """Rights that a program with setuid and setgid bits has beyond those of who starts it."""
    wanted = ["-E", "^(Uid|Gid|Cap...)", "/proc/self/status"]
    before = dict(line.split(b":\t") for line in run(["/bin/grep", *wanted]).splitlines())
    after = dict(line.split(b":\t") for line in run([program, *wanted]).splitlines())
    assert after.keys() == before.keys() >= {b"Uid", b"CapEff"}, after
    return [f"{name.decode()}: {after[name].decode()}" for name in after if after[name] != before[name]]


def forms(secret: str) -> Iterable[bytes]:
    """How a secret may be written."""
    plain = secret.encode()
    yield plain
    yield plain[::-1]
    yield plain.hex().encode()
    yield plain.hex().upper().encode()
    for shift in range(3):  # base64 at each alignment, without the characters at its ends that depend on neighbours
        yield base64.b64encode(b"\0" * shift + plain)[4 if shift else 0 : -4]


def secrets_in(places: Mapping[str, bytes], secrets: Iterable[str]) -> list[str]:
    """Places that hold a secret in any form."""
    wanted = [form for secret in secrets for form in forms(secret)]
    return sorted(name for name, content in places.items() if any(form in content for form in wanted))


def weak(engine: Engine, image: str, labels: Mapping[str, str], **options: Any) -> tuple[str, Run]:
    """A container of the engine's own making, with whatever holes; the agent is started by the engine."""
    environment = options.pop("environment", None)
    host = engine.api.create_host_config(**{"network_mode": "none", **options})
    made: str = engine.api.create_container(
        image, ["/bin/sleep", "300"], host_config=host, labels=dict(labels), environment=environment
    )["Id"]
    engine.api.start(made)

    def run(argv: list[str]) -> bytes:
        started = engine.api.exec_create(made, argv, user=f"{SEALED.agent_uid}:{SEALED.agent_uid}")["Id"]
        printed: bytes = engine.api.exec_start(started, demux=True)[0] or b""
        return printed

    return made, run


def as_agent(sandbox: DockerSandbox) -> Run:
    """Starts programs in a container of ours."""
    return lambda argv: sandbox.exec(argv, timeout_s=60, cap_bytes=1 << 22).stdout
