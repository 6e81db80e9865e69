"""What a container of ours promises, each as a check that tries to catch it out on a real engine.

A check returns what it saw, in words. It raises `Broken` where the promise does not hold, and `NotHere` where this
engine or this user has no means for it: neither is ever a pass.
"""

import shlex
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from ..records import Channel, ExecSeen
from ._acts import Listener
from ._container import DockerSandbox
from ._engine import Engine
from ._engine_events import EventHub, unexpected
from ._lease import RUN_LABEL
from ._profile import MIB
from ._types import ExecResult, HaltReport

_GONE_S = 5.0
_MANY = 200
_SECRET = b"offswitch-host-canary\n"


class Broken(Exception):
    """The promise does not hold here."""


class NotHere(Exception):
    """This engine or this user has no means for it."""


@dataclass
class Ground:
    """One living container, and what it is compared with."""

    engine: Engine
    sandbox: DockerSandbox
    hub: EventHub
    canary: Path
    """A file of the host that nothing in a container may reach."""
    run: str
    halted: HaltReport | None = None

    @property
    def mediated(self) -> bool:
        """Whether acts wait until they are recorded."""
        return self.sandbox.profile.mediated

    def shell(self, command: str, timeout_s: float = 20.0) -> ExecResult:
        """Run a line as the agent."""
        return self.sandbox.exec(command, session="conformance", timeout_s=timeout_s)


@dataclass(frozen=True)
class Promise:
    """One promise, and the channel of evidence that rests on it; None for what is about containment alone."""

    name: str
    meaning: str
    check: Callable[[Ground], str]
    channel: Channel | None = None


def _need(holds: object, reason: str) -> None:
    if not holds:
        raise Broken(reason)


def _no_way_out(ground: Ground) -> str:
    tries = {
        "an address in the internet": "exec 3<>/dev/tcp/192.0.2.1/80",
        "the metadata service": "exec 3<>/dev/tcp/169.254.169.254/80",
        "a name server": "exec 3<>/dev/udp/192.0.2.53/53 && printf x >&3",
    }
    for what, line in tries.items():
        _need(not ground.shell(f"({line}) 2>/dev/null", 5.0).ok, f"the agent reached {what}")
    return f"{len(tries)} ways out, none open"


_FAMILIES = {"vsock": 40, "netlink": 16, "packet": 17, "alg": 38}


def _no_odd_sockets(ground: Ground) -> str:
    opened = [name for name, number in _FAMILIES.items() if ground.shell(_socket(number)).ok]
    _need(not opened, f"sockets of these families open: {', '.join(opened)}")
    _need(ground.shell(_socket(1)).ok, "not even a Unix socket opens: the check itself cannot tell")
    return f"{', '.join(_FAMILIES)} refused"


def _socket(family: int) -> str:
    return f"python3 -c 'import socket; socket.socket({family}, 3 if {family} in (16, 17) else 1)' 2>/dev/null"


def _pid1_shielded(ground: Ground) -> str:
    ground.shell("kill -9 1; kill -9 -1", 10.0)
    _need(ground.sandbox.alive, "the agent ended PID 1")
    _need(ground.shell("true").ok, "PID 1 no longer serves")
    _need(ground.sandbox.evidence.acts.alive or not ground.mediated, "nobody records acts any more")
    return "PID 1 serves on after kill -9 1 and kill -9 -1"


def _session(ground: Ground) -> str:
    ground.shell("cd /tmp; export KEPT=yes; sleep 300 & ")
    seen = ground.shell('printf \'%s %s\' "$PWD" "$KEPT"').stdout
    _need(seen == b"/tmp yes", f"the next call saw {seen!r}")
    slow = ground.shell("sleep 30", 0.5)
    _need(slow.timed_out and slow.duration_s < 5, f"a call with 0.5 s took {slow.duration_s:.1f} s")
    ground.shell("kill %1 2>/dev/null; cd /work")
    return f"state is kept, a call past its time ends after {slow.duration_s:.2f} s"


def _listener(ground: Ground) -> Listener:
    if not ground.mediated:
        raise NotHere("nothing waits until it is recorded: done without, by name")
    return ground.sandbox.evidence.acts


def _acts(ground: Ground) -> str:
    listener = _listener(ground)
    _need(listener.alive, "nobody records acts")
    listener.take()
    ground.shell("/bin/true conformance-mark; kill -0 1; (exec 3<>/dev/tcp/127.0.0.1/9) 2>/dev/null")
    acts = listener.take()
    _need(any(_started(act, "conformance-mark") for act in acts), "a program start went unrecorded")
    _need(any(act.kind == "signal" and act.target == 1 for act in acts), "a signal went unrecorded")
    _need(any(act.address == "127.0.0.1:9" for act in acts), "a connect went unrecorded")
    return "a program start, a signal and a connect were recorded before they happened"


def _started(act: ExecSeen, mark: str) -> bool:
    return act.kind == "exec" and mark in act.argv


def _short_lives(ground: Ground) -> str:
    listener = _listener(ground)
    listener.take()
    ground.shell(f"for i in $(seq {_MANY}); do /bin/true short-$i; done", 60.0)
    names = [word for act in listener.take() for word in act.argv if word.startswith("short-")]
    wanted = [f"short-{number}" for number in range(1, _MANY + 1)]
    _need(names == wanted, f"{len(names)} of {_MANY} short processes were recorded, in order up to {names[-1:]}")
    return f"{_MANY} of {_MANY} short processes, in order"


def _same_size_edit(ground: Ground) -> str:
    files = ground.sandbox.evidence.files
    path = "/work/conformance"
    ground.shell(f"printf aaaa > {path}; touch -d 2001-01-01 {path}")
    files.scan()
    ground.shell(f"printf bbbb > {path}; touch -d 2001-01-01 {path}")
    found = {change.path: change for change in files.scan().changes}
    _need(path in found, "an edit of the same size with a forged time went unseen")
    after = found[path].after
    wanted = sha256(b"bbbb").hexdigest()
    _need(after is not None and after.sha256 == wanted, "the digest is not that of the file's bytes")
    _need(files.read(path) == b"bbbb", "reading the file gave other bytes")
    return "an edit of the same size with a forged time is seen, with its digest"


def _private_file(ground: Ground) -> str:
    files = ground.sandbox.evidence.files
    ground.shell("mkdir -m 700 /work/private && printf secret > /work/private/own && chmod 000 /work/private/own")
    seen = files.scan()
    state = files.state("/work/private/own")
    _need(seen.complete, "a pass could not read everything")
    _need(state is not None and state.sha256 == sha256(b"secret").hexdigest(), "a file of mode 000 stayed unread")
    _need(state is not None and state.uid == ground.sandbox.profile.agent_uid, "its owner is not the agent")
    return "files that their owner shut are read, and their owner is known"


def _no_host_byte(ground: Ground) -> str:
    files = ground.sandbox.evidence.files
    target = shlex.quote(str(ground.canary))
    ground.shell(f"ln -s {target} /work/out; ln -s / /work/top")
    files.scan()
    outward = [files.read("/work/out"), files.read(f"/work/top{ground.canary}")]
    _need(outward == [None, None], "a link led out of the container")
    state = files.state("/work/out")
    _need(state is not None and state.kind == "link" and state.sha256 is None, "a link was not seen as one")
    listed = [path for path in files.paths() if path.startswith("/work/top/")]
    _need(not listed, f"a pass walked through a link: {listed[:3]}")
    return "links to the host's files are seen as links and never followed"


def _undone(ground: Ground) -> str:
    files = ground.sandbox.evidence.files
    _need_watch(files.hears_writes)
    ground.shell("printf keep > /work/undone")
    files.scan()
    ground.shell("cp /work/undone /tmp/was && printf evil > /work/undone && cat /tmp/was > /work/undone")
    seen = files.scan()
    found = {*seen.touched, *(change.path for change in seen.changes)}
    _need("/work/undone" in found, "a write that was undone within a step went unseen")
    return "a write that was undone within a step is seen (fanotify)"


def _need_watch(hears: bool) -> None:
    if not hears:
        raise NotHere("fanotify needs CAP_SYS_ADMIN over the host; change times and a full last pass stand in for it")


def _process(ground: Ground) -> str:
    if Channel.PROCESSES in ground.sandbox.evidence.weak:
        raise NotHere(ground.sandbox.evidence.weak[Channel.PROCESSES].why)
    ground.shell("(LD_PRELOAD=/nonexistent.so exec -a conformance-sleeper sleep 300) 2>/dev/null & sleep 0.2")
    seen = [one for one in ground.sandbox.evidence.processes.scan() if one.argv[:1] == ("conformance-sleeper",)]
    _need(len(seen) == 1, f"{len(seen)} processes were seen where one runs")
    one = seen[0]
    _need(one.exe.endswith("/sleep"), f"its program is taken for {one.exe!r}")
    _need(one.uid == ground.sandbox.profile.agent_uid, f"its user is taken for {one.uid}")
    _need(one.session == "conformance", f"its session is taken for {one.session!r}")
    _need(one.preload == "/nonexistent.so", f"its preload is taken for {one.preload!r}")
    ground.shell("kill %?sleeper 2>/dev/null")
    return "a renamed process is seen with its program, user, session and preloads"


def _counted(ground: Ground) -> str:
    before = ground.sandbox.evidence.cgroup.counters()
    _need(None not in (before.cpu_ns, before.memory_bytes, before.pids), f"counters are missing: {before}")
    ground.shell("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done", 30.0)
    used = (ground.sandbox.evidence.cgroup.cpu_ns() or 0) - (before.cpu_ns or 0)
    _need(used > 50_000_000, f"a busy loop counted for {used / 1e6:.0f} ms")
    return f"processor, memory and processes are counted (a busy loop: {used / 1e6:.0f} ms)"


_STORM = """
import os, signal, time
made = []
for _ in range({most}):
    try:
        pid = os.fork()
    except OSError:
        break
    if not pid:
        time.sleep(30)
        os._exit(0)
    made.append(pid)
for pid in made:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
"""


def _pids_limit(ground: Ground) -> str:
    most = ground.sandbox.profile.processes
    ground.shell(f"python3 -c {shlex.quote(_STORM.format(most=most + 50))}", 40.0)
    hits = ground.sandbox.evidence.cgroup.counters().pids_limit_hits
    _need(hits, f"{most + 50} processes met no limit of {most}")
    _need(ground.sandbox.alive, "the container ended")
    return f"a storm past {most} processes was refused {hits} times"


def _memory_limit(ground: Ground) -> str:
    limit = ground.sandbox.profile.memory_bytes
    grow = f"python3 -c 'b = bytearray({limit + 128 * MIB}); b[::4096] = b[::4096]; print(len(b))'"
    result = ground.shell(grow, 60.0)
    _need(not result.ok, f"a process grew past {limit // MIB} MiB")
    kills = ground.sandbox.evidence.cgroup.counters().oom_kills
    _need(kills, "it was ended, and the kernel counted no kill for lack of memory")
    return f"a process past {limit // MIB} MiB is killed, and counted"


def _room_limit(ground: Ground) -> str:
    place = next(one for one in ground.sandbox.profile.places if one.path == "/tmp")  # noqa: S108 - inside
    blocks = place.size_bytes // MIB + 8
    result = ground.shell(f"dd if=/dev/zero of=/tmp/fill bs=1M count={blocks} 2>/dev/null", 60.0)
    kept = ground.shell("wc -c < /tmp/fill; rm -f /tmp/fill").stdout
    _need(not result.ok and int(kept or b"0") <= place.size_bytes, f"{kept!r} bytes fit where {place.size_bytes} may")
    return f"{place.path} ends at {place.size_bytes // MIB} MiB"


def _events(ground: Ground) -> str:
    gaps = ground.hub.gaps
    actions: list[str] = []
    end = time.monotonic() + _GONE_S
    while "start" not in actions and time.monotonic() < end:
        events = ground.hub.take(ground.sandbox.id)
        odd = unexpected(events)
        _need(not odd, f"the engine tells of what we never asked: {', '.join(odd)}")
        actions += [str(event["action"]) for event in events]
        time.sleep(0.02)
    _need("start" in actions, f"the engine told of {actions}, not of the start")
    _need(ground.hub.gaps == gaps == 0, "the stream of events broke")
    return f"live, without a gap: {', '.join(dict.fromkeys(actions))}"


def _attested_again(ground: Ground) -> str:
    looser = ground.sandbox.attest_again()
    _need(not looser, f"it became looser: {'; '.join(looser)}")
    return "nothing is looser than at the opening, PID 1 and every process included"


def _kill(ground: Ground) -> str:
    ground.shell("printf bbbb > /work/conformance")
    ground.shell("trap '' TERM; for i in 1 2 3 4 5; do setsid bash -c 'trap \"\" TERM; sleep 300' & done; true")
    report = ground.sandbox.kill()
    ground.halted = report
    _need(report.empty, f"these outlived the kill: {report.survivors}")
    _need(report.route != "engine", "only the engine could kill it: with the engine gone nobody could")
    return f"empty after {report.latency_s * 1000:.0f} ms by {report.route}, without the engine"


def _after_death(ground: Ground) -> str:
    _need(ground.halted is not None, "the container was not killed")
    found = ground.sandbox.evidence.files.read("/work/conformance")
    _need(found == b"bbbb", f"after the end its files read as {found!r}")
    return "its files can be read after its end"


def _nothing_left(ground: Ground) -> str:
    ground.sandbox.close()
    with ground.engine.phase("listing containers", ground.run):
        left = ground.engine.api.containers(all=True, filters={"label": f"{RUN_LABEL}={ground.run}"})
    _need(not left, f"{len(left)} containers stayed on the engine")
    return "no container of this suite is on the engine"


@contextmanager
def canary(folder: Path) -> Generator[Path]:
    """A file of the host that only a link out of a container could lead to."""
    path = folder / "canary"
    path.write_bytes(_SECRET)
    yield path
    path.unlink()


PROMISES = (
    Promise("sessions", "shell sessions keep their state, and a call past its time ends", _session),
    Promise("no network", "nothing outside can be reached", _no_way_out),
    Promise("socket families", "only Unix and IP sockets open", _no_odd_sockets),
    Promise("acts", "programs, signals and connects wait until they are recorded", _acts, Channel.EXECS),
    Promise("short processes", "none is too short to be recorded", _short_lives, Channel.EXECS),
    Promise("file content", "files are compared by their bytes", _same_size_edit, Channel.FILES),
    Promise("shut files", "no mode keeps a file from the evidence", _private_file, Channel.FILES),
    Promise("no host byte", "no link leads the evidence out of the container", _no_host_byte, Channel.FILES),
    Promise("undone writes", "a write that was undone within a step is seen", _undone),
    Promise("processes", "who runs is seen as the kernel has it", _process, Channel.PROCESSES),
    Promise("counters", "the kernel counts for this container alone", _counted, Channel.COUNTERS),
    Promise("engine events", "the engine tells live what it does", _events, Channel.ENGINE),
    Promise("process limit", "processes are limited", _pids_limit),
    Promise("memory limit", "memory is limited, and a kill for lack of it counted", _memory_limit, Channel.COUNTERS),
    Promise("room limit", "writable places are limited", _room_limit),
    Promise("PID 1", "the agent cannot end the first process", _pid1_shielded),
    Promise("posture at the end", "what was attested still holds after all that", _attested_again, Channel.POSTURE),
    Promise("kill", "everything ends without the engine", _kill, Channel.HALT),
    Promise("after the end", "files can be read after the end", _after_death),
    Promise("nothing left", "nothing stays on the engine", _nothing_left),
)
