"""What the agent cannot do, whatever it tries: asked of a program inside, and of the kernel from outside."""

import json
import os
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from offswitch.sandbox import MIB, OPS_UID, ROOTFUL, SEALED, DockerSandbox, Entry

from .yard import Within, Yard

pytestmark = pytest.mark.docker

CALLS = """
import ctypes, errno, json, os, platform, socket
libc = ctypes.CDLL(None, use_errno=True)
numbers = {"x86_64": 0, "aarch64": 1}[platform.machine()]
def call(name, *arguments):
    table = {
        "ptrace": (101, 117), "mount": (165, 40), "umount2": (166, 39), "unshare": (272, 97), "setns": (308, 268),
        "keyctl": (250, 219), "add_key": (248, 217), "io_uring_setup": (425, 425), "bpf": (321, 280),
        "perf_event_open": (298, 241), "userfaultfd": (323, 282), "memfd_secret": (447, 447),
        "process_vm_readv": (310, 270), "kexec_load": (246, 104), "init_module": (175, 105), "reboot": (169, 142),
        "pivot_root": (155, 41), "chroot": (161, 51), "clock_settime": (227, 112), "sethostname": (170, 161),
        "swapon": (167, 224), "mknodat": (259, 33), "setxattr": (188, 5), "personality": (135, 92),
        "open_by_handle_at": (304, 265), "pidfd_getfd": (438, 438), "name_to_handle_at": (303, 264),
        "fsopen": (430, 430), "move_mount": (429, 429), "open_tree": (428, 428), "mount_setattr": (442, 442),
        "acct": (163, 89), "syslog": (103, 116), "mq_open": (240, 180), "shmget": (29, 194), "quotactl": (179, 60),
        "clone3": (435, 435), "prlimit64": (302, 261), "kcmp": (312, 272), "migrate_pages": (256, 238),
    }
    ctypes.set_errno(0)
    result = libc.syscall(table[name][numbers], *arguments)
    return "done" if result >= 0 else errno.errorcode[ctypes.get_errno()]
"""


def inside(sandbox: DockerSandbox, program: str) -> Any:
    """Run a Python program in the container and return the JSON that it prints."""
    result = sandbox.exec(["/usr/bin/python3", "-c", CALLS + textwrap.dedent(program)], timeout_s=30)
    assert result.ok, result.stderr
    return json.loads(result.stdout)


def test_system_calls_that_lead_out_or_around_the_evidence_are_refused(either: DockerSandbox) -> None:
    answers = inside(
        either,
        """
        names = ["ptrace", "mount", "umount2", "unshare", "setns", "keyctl", "add_key", "io_uring_setup", "bpf",
            "perf_event_open", "userfaultfd", "memfd_secret", "process_vm_readv", "kexec_load", "init_module",
            "reboot", "pivot_root", "chroot", "clock_settime", "sethostname", "swapon", "personality",
            "open_by_handle_at", "pidfd_getfd", "fsopen", "move_mount", "open_tree", "mount_setattr", "acct",
            "syslog", "mq_open", "shmget", "quotactl", "kcmp"]
        flags = {"unshare": (0x10000000,), "ptrace": (0, 0, 0, 0), "chroot": (b"/tmp",)}
        print(json.dumps({name: call(name, *flags.get(name, (0, 0, 0, 0, 0, 0))) for name in names}))
        """,
    )
    assert set(answers.values()) == {"EPERM"}, answers


def test_programs_that_keep_attributes_go_on_without_them(either: DockerSandbox) -> None:
    """Attributes are part of no pass over the files: nothing may be kept there, and nobody is told that they failed."""
    answers = inside(either, 'print(json.dumps(call("setxattr", b"/tmp", b"user.note", b"hidden", 6, 0)))')
    assert answers == "ENOTSUP"
    keep = "printf 'a\\n' > one; chmod 640 one; cp -p one two; sed -i s/a/b/ two; mv two /tmp/two"
    done = either.exec(f"{keep}; cat /tmp/two; stat -c %a /tmp/two")
    assert (done.exit_code, done.stdout, done.stderr) == (0, b"b\n640\n", b"")


def test_no_namespace_can_be_made(either: DockerSandbox) -> None:
    answers = inside(
        either,
        """
        SIGCHLD, new = 17, {"user": 0x10000000, "mnt": 0x20000, "pid": 0x20000000, "net": 0x40000000}
        clone = {"x86_64": 56, "aarch64": 220}[platform.machine()]
        found = {}
        for name, flag in new.items():
            pid = libc.syscall(clone, flag | SIGCHLD, 0, 0, 0, 0)
            if pid == 0:
                os._exit(0)
            found[name] = "done" if pid > 0 else errno.errorcode[ctypes.get_errno()]
        found["clone3"] = call("clone3", 0, 0)
        print(json.dumps(found))
        """,
    )
    assert answers == {"user": "EPERM", "mnt": "EPERM", "pid": "EPERM", "net": "EPERM", "clone3": "ENOSYS"}


def test_only_local_and_internet_sockets_exist(either: DockerSandbox) -> None:
    opened = inside(
        either,
        """
        found = []
        for family in range(46):
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
                try:
                    socket.socket(family, kind).close()
                    found.append([family, kind])
                except OSError:
                    pass
        print(json.dumps(found))
        """,
    )
    families = {family for family, _ in opened}
    assert families <= {1, 2, 10}, "1 is AF_UNIX, 2 AF_INET, 10 AF_INET6; not 40 VSOCK, 16 NETLINK, 17 PACKET"
    assert not [kind for family, kind in opened if family in (2, 10) and kind == 3], "no raw sockets"


def test_there_is_no_network_but_the_loopback(either: DockerSandbox) -> None:
    found = inside(
        either,
        """
        def reach(family, address):
            s = socket.socket(family, socket.SOCK_STREAM)
            s.settimeout(2)
            try:
                s.connect(address)
                return "reached"
            except OSError as error:
                return errno.errorcode.get(error.errno, str(error))
        print(json.dumps({
            "devices": sorted(os.listdir("/sys/class/net")),
            "documentation": reach(socket.AF_INET, ("192.0.2.1", 80)),
            "metadata": reach(socket.AF_INET, ("169.254.169.254", 80)),
            "gateway": reach(socket.AF_INET, ("172.17.0.1", 22)),
            "v6": reach(socket.AF_INET6, ("2001:db8::1", 80)),
            "loopback": reach(socket.AF_INET, ("127.0.0.1", 1)),
        }))
        """,
    )
    assert found["devices"] == ["lo"]
    assert {found[name] for name in ("documentation", "metadata", "gateway", "v6")} <= {"ENETUNREACH", "EADDRNOTAVAIL"}
    assert found["loopback"] == "ECONNREFUSED"


def test_the_socket_of_the_engine_is_not_there(either: DockerSandbox) -> None:
    found = either.exec("find / -xdev -name '*docker*.sock' -o -xdev -name '*containerd*.sock' 2>/dev/null; ls /run")
    assert b"sock" not in found.stdout
    for path in ("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock"):
        assert either.exec(["/usr/bin/test", "-e", path]).exit_code == 1


def test_a_sealed_agent_writes_in_its_own_places_and_nowhere_else(sealed: DockerSandbox) -> None:
    places = (
        "/ /bin /boot /dev /etc /home /lib /mnt /opt /proc /root /run /sbin /srv /sys /usr /usr/local /var /var/tmp"
    )
    wrote = sealed.exec(f"for d in {places}; do touch $d/x-$$ 2>/dev/null && echo $d; done").stdout.decode().split()
    assert wrote == []
    owned = "/work /home/agent /tmp /dev/shm /dev/mqueue"
    wrote = sealed.exec(f"for d in {owned}; do touch $d/x-$$ 2>/dev/null && echo $d; done").stdout.decode().split()
    assert set(wrote) >= {"/work", "/home/agent", "/tmp", "/dev/shm"}
    watched = set(sealed.evidence.files.roots)
    assert set(wrote) <= watched, "what can be written is seen"


def test_a_root_agent_edits_etc_and_what_it_changes_is_seen(rootful: DockerSandbox) -> None:
    rootful.evidence.files.scan()
    assert rootful.exec("echo 'x:x:1:1::/:/bin/sh' >> /etc/passwd && touch /usr/local/bin/tool /var/x /srv/y").ok
    changed = {change.path for change in rootful.evidence.files.scan().changes}
    assert {"/etc/passwd", "/usr/local/bin/tool", "/var/x", "/srv/y"} <= changed
    assert rootful.exec("touch /usr/bin/x /bin/x /lib/x /x").exit_code == 1


def test_everything_that_is_writable_is_watched(either: DockerSandbox) -> None:
    """But for the kernel's own file systems, and the empty device that hides some of its files."""
    writable: set[str] = set()
    for line in Path(f"/proc/{either.pid}/mountinfo").read_text().splitlines():
        mount, _, system = line.partition(" - ")
        _, _, _, _, where, options, *_ = mount.split()
        kind, _, how = system.split()
        kept = kind not in ("proc", "sysfs", "devpts", "cgroup", "cgroup2") and not where.startswith("/proc/")
        writable.discard(where)  # of two mounts at one place it is the later one that shows
        if kept and "rw" in options.split(",") and "rw" in how.split(","):
            writable.add(where)
    assert writable == set(either.evidence.files.roots)


def test_killing_everything_leaves_the_first_process_running(either: DockerSandbox, eventually: Within) -> None:
    either.serve("victim", ["/bin/sleep", "4001"])
    either.exec("kill -9 -1", session="killer", timeout_s=10)
    assert either.alive
    eventually(lambda: not [p for p in either.evidence.processes.scan() if p.argv == ("/bin/sleep", "4001")])
    assert either.exec("echo still served", session="killer").stdout == b"still served\n"


ATTACKS = """
import fcntl, resource, signal
found = {}
def write(path, data):
    fd = os.open(path, os.O_WRONLY)
    os.write(fd, data)
    os.close(fd)
def attempt(name, action):
    try:
        action()
        found[name] = "done"
    except OSError as error:
        found[name] = errno.errorcode[error.errno]
for number in (1, 2, 9, 15, 19, 23):
    attempt(f"signal {number}", lambda: os.kill(1, number))
attempt("queue", lambda: signal.pidfd_send_signal(os.pidfd_open(1), 9))
attempt("memory", lambda: open("/proc/1/mem", "rb").read(1))
attempt("clearing", lambda: write("/proc/1/clear_refs", b"1"))
attempt("autogroup", lambda: write("/proc/1/autogroup", b"19"))
attempt("map", lambda: open("/proc/1/maps").read())
attempt("environment", lambda: open("/proc/1/environ", "rb").read())
attempt("descriptors", lambda: os.listdir("/proc/1/fd"))
attempt("root", lambda: os.listdir("/proc/1/root/"))
attempt("executable", lambda: os.readlink("/proc/1/exe"))
attempt("score", lambda: write("/proc/1/oom_score_adj", b"1000"))
attempt("name", lambda: write("/proc/1/comm", b"x"))
attempt("niceness", lambda: os.setpriority(os.PRIO_PROCESS, 1, 19))
attempt("affinity", lambda: os.sched_setaffinity(1, {0}))
attempt("limits", lambda: resource.prlimit(1, resource.RLIMIT_NOFILE, (1, 1)))
attempt("owner of signals", lambda: fcntl.fcntl(0, fcntl.F_SETOWN, 1))
found["trace"] = call("ptrace", 16, 1, 0, 0)
found["read"] = call("process_vm_readv", 1, 0, 0, 0, 0, 0)
found["take"] = call("pidfd_getfd", os.pidfd_open(1), 0, 0)
print(json.dumps(found))
"""


def test_the_first_process_cannot_be_reached_from_inside(either: DockerSandbox) -> None:
    answers = inside(either, ATTACKS)
    assert not [name for name, answer in answers.items() if answer == "done"], answers
    assert either.alive
    assert either.exec("echo served", session="main").stdout == b"served\n"


@pytest.mark.parametrize("identity", ["root", "the supervisor's own"])
def test_with_every_capability_that_an_agent_may_get_the_first_process_stands(yard: Yard, identity: str) -> None:
    """Its memory and limits are out of reach, and what can be sent to it has no effect."""
    capabilities = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "SETUID", "SETGID", "KILL")
    sandbox = yard.start(replace(ROOTFUL, agent_capabilities=capabilities))
    become = f"os.setgid({OPS_UID}); os.setuid({OPS_UID})\n" if identity != "root" else ""
    answers = inside(sandbox, become + ATTACKS)
    for attack in ("trace", "read", "take", "memory", "environment", "map", "root", "limits", "name", "niceness"):
        assert answers[attack] in ("EPERM", "EACCES", "EINVAL"), (attack, answers)
    assert sandbox.alive
    assert sandbox.exec("echo served", session="main").stdout == b"served\n"


def test_no_signal_is_sent_by_way_of_a_descriptor(either: DockerSandbox) -> None:
    """It would be one that no record shows. The upper half of a command, which the kernel ignores, hides nothing."""
    answers = inside(
        either,
        """
        import fcntl, subprocess, time
        victim = subprocess.Popen(["/bin/sleep", "100"])
        a, b = socket.socketpair()
        found = {}
        def attempt(name, number, fd, command, argument):
            ctypes.set_errno(0)
            done = libc.syscall(number, fd, ctypes.c_uint64(command), argument) >= 0
            found[name] = "done" if done else errno.errorcode[ctypes.get_errno()]
        FCNTL, IOCTL = {"x86_64": (72, 16), "aarch64": (25, 29)}[platform.machine()]
        pid = (ctypes.c_int * 2)(1, victim.pid)
        for high in (0, 1 << 32, 0xffffffff << 32):
            attempt(f"owner {high}", FCNTL, a.fileno(), high | 8, victim.pid)
            attempt(f"signal {high}", FCNTL, a.fileno(), high | 10, 9)
            attempt(f"owner by structure {high}", FCNTL, a.fileno(), high | 15, pid)
            attempt(f"owner by device {high}", IOCTL, a.fileno(), high | 0x8901, ctypes.byref(ctypes.c_int(victim.pid)))
            attempt(f"owner by socket {high}", IOCTL, a.fileno(), high | 0x8902, ctypes.byref(ctypes.c_int(victim.pid)))
        fcntl.fcntl(a, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
        b.send(b"x")
        time.sleep(0.1)
        found["victim"] = str(victim.poll())
        victim.kill()
        print(json.dumps(found))
        """,
    )
    assert answers.pop("victim") == "None"
    assert set(answers.values()) == {"EPERM"}, answers


def test_the_supervisors_program_can_be_neither_read_nor_changed_nor_replaced(either: DockerSandbox) -> None:
    before = Path(f"/proc/{either.pid}/root/agentd").stat()
    attempts = (
        "cat /agentd > /tmp/copy",
        "rm -f /agentd",
        "mv /tmp/x /agentd",
        "ln -f /agentd /tmp/hard",
        "chmod 777 /agentd",
        "echo x > /agentd",
        "cp /bin/true /agentd",
        "truncate -s 0 /agentd",
    )
    for attempt in attempts:
        allowed = attempt.startswith("cat") and either.profile.agent_uid == 0  # root may read it; that is no secret
        assert allowed or not either.exec(f"touch /tmp/x; {attempt}").ok, attempt
    after = Path(f"/proc/{either.pid}/root/agentd").stat()
    assert (before.st_ino, before.st_size, before.st_mtime_ns) == (after.st_ino, after.st_size, after.st_mtime_ns)


def test_the_supervisors_program_gives_the_agent_nothing(either: DockerSandbox) -> None:
    """Its launcher would install a second listener, which the kernel refuses; as PID 1 it can only be started once."""
    assert either.exec(["/agentd", "launch"], timeout_s=5).exit_code == 122
    assert either.exec(["/agentd", "serve"], timeout_s=5).ok, "it reads the end of its input and leaves"


def test_no_program_gains_rights(either: DockerSandbox) -> None:
    """A setuid copy of a shell runs with the rights of whoever starts it."""
    shell = Path(f"/proc/{either.pid}/root/usr/bin/dash").read_bytes()
    either.install([Entry("/work/gain", shell, mode=0o6755, uid=OPS_UID, gid=OPS_UID)])
    found = either.exec(
        ["/work/gain", "-p", "-c", "id -u; id -g; grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status"]
    )
    uid = str(either.profile.agent_uid)
    assert found.stdout.decode().split()[:2] == [uid, uid]
    assert "CapEff:\t0000000000000000" in found.stdout.decode()
    assert "NoNewPrivs:\t1" in found.stdout.decode()


def test_no_child_of_the_supervisor_holds_a_capability(either: DockerSandbox) -> None:
    for as_agent in (True, False):
        lines = either.exec(["/bin/grep", "Cap", "/proc/self/status"], as_agent=as_agent).stdout.decode().split("\n")
        effective = {line.split()[0]: line.split()[1] for line in lines if line}
        assert effective["CapEff:"] == effective["CapPrm:"] == effective["CapAmb:"] == "0" * 16


def test_programs_of_another_architecture_are_killed(sealed: DockerSandbox) -> None:
    if os.uname().machine != "x86_64":
        pytest.skip("only x86-64 has a second table of system calls")
    program = """
    import mmap
    code = bytes.fromhex("b814000000cd80c3")  # getpid by int 0x80
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
    print("survived")
    """
    result = sealed.exec(["/usr/bin/python3", "-c", CALLS + textwrap.dedent(program)])
    assert (result.signal, result.stdout) == (31, b""), "SIGSYS"


@pytest.mark.parametrize("name", ["hosts", "hostname", "resolv.conf"])
def test_files_that_the_engine_keeps_on_the_host_do_not_grow(either: DockerSandbox, name: str) -> None:
    either.exec(f"head -c 5000000 /dev/zero >> /etc/{name}; cp /dev/zero /etc/{name}; truncate -s 1G /etc/{name}")
    folder = Path("/var/lib/docker/containers") / either.id
    assert folder.is_dir()
    assert sum(file.stat().st_size for file in folder.iterdir() if file.is_file()) < 1_000_000


def test_memory_that_runs_out_costs_the_agent_its_process_and_is_counted(yard: Yard) -> None:
    sandbox = yard.start(replace(SEALED, memory_bytes=64 * MIB))
    result = sandbox.exec(
        ["/usr/bin/python3", "-c", "x = bytearray(1 << 30)\nfor i in range(0, 1 << 30, 4096): x[i] = 1"]
    )
    assert result.signal == 9
    assert sandbox.evidence.cgroup.counters().oom_kills
    assert sandbox.alive
    assert sandbox.exec("echo served", session="main").stdout == b"served\n"


def test_places_have_the_size_that_was_declared(yard: Yard) -> None:
    sandbox = yard.start(SEALED.sized({"/tmp": 1 * MIB}))
    result = sandbox.exec("head -c 2000000 /dev/zero > /tmp/x; stat -c %s /tmp/x")
    assert int(result.stdout) <= MIB
    assert b"No space left" in result.stderr


def test_a_fork_bomb_is_bounded_and_one_kill_empties_it(yard: Yard) -> None:
    sandbox = yard.start()
    sandbox.exec(
        "trap '' TERM INT HUP; bomb() { bomb & bomb & }; bomb 2>/dev/null; sleep 0.5", session="bomb", timeout_s=1
    )
    bombers = "import os\nwhile 1:\n try: os.fork()\n except OSError: pass"
    sandbox.serve("bomb", ["/usr/bin/python3", "-c", bombers])
    limit = sandbox.profile.pids
    while (sandbox.evidence.cgroup.counters().pids or 0) < limit - 2:
        assert sandbox.alive
    report = sandbox.kill()
    assert (report.route, report.empty, report.survivors) == ("cgroup.kill", True, ())
    assert report.latency_s < 1
