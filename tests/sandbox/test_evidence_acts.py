"""Mediated acts: no program starts, no signal is sent and no address is dialled without a record made before it."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offswitch.records import ExecSeen
from offswitch.sandbox import DockerSandbox, Entry, EvidenceLost, Listener, StartFailed
from offswitch.sandbox._acts import parse_acts

from .yard import Within, Yard

docker = pytest.mark.docker


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A program that starts short processes in every style."""
    built = tmp_path_factory.mktemp("storm") / "storm"
    source = Path(__file__).with_name("storm.c")
    compiler = shutil.which("cc")
    assert compiler, "the supervisor needs one too"
    subprocess.run([compiler, "-static", "-O2", "-s", "-o", str(built), str(source)], check=True)
    return built.read_bytes()


EACH = int(os.environ.get("OFFSWITCH_D2_EACH", "350"))
STYLES = {
    "f": "fork",
    "v": "vfork",
    "p": "posix_spawn",
    "d": "double fork and setsid",
    "m": "memory file",
    "s": "script",
}


@docker
@pytest.mark.timeout(1800)
def test_d2_short_processes_of_every_style_are_all_recorded_in_order(
    yard: Yard, storm: bytes, trials: Callable[[int], int]
) -> None:
    """Row D2: 350 of each style in ``make test``, 10,000 of each in ``make faults``."""
    sandbox = yard.start()
    script = b"#!/work/storm\n"
    sandbox.install([Entry("/work/storm", storm, mode=0o755), Entry("/work/script", script, mode=0o755)])
    sandbox.evidence.acts.take()
    each = EACH
    wanted: list[str] = []
    for style in STYLES:
        program = "/work/script" if style == "s" else "/work/storm"
        result = sandbox.exec(["/work/storm", style, "0", str(each), program], timeout_s=240)
        assert result.ok, (style, result)
        wanted += [f"{style}{number}" for number in range(each)]
    started = [act for act in sandbox.evidence.acts.take() if act.kind == "exec" and act.argv[1:2] == ("done",)]
    assert [act.argv[2] for act in started] == wanted
    assert len(started) == trials(EACH * len(STYLES))
    assert {act.path for act in started if act.argv[2][0] == "s"} == {"/work/script"}
    assert {act.path for act in started if act.argv[2][0] == "m"} == {"/memfd:storm (deleted)"}
    assert {act.path for act in started if act.argv[2][0] in "fvpd"} == {"/work/storm"}
    assert [act.mono_ns for act in started] == sorted(act.mono_ns for act in started)


@docker
@pytest.mark.timeout(600)
def test_d2_signals_in_quick_succession_are_all_recorded_in_order(
    yard: Yard, storm: bytes, trials: Callable[[int], int]
) -> None:
    """Each goes to a number of its own that no process has, so that none can stand for another."""
    sandbox = yard.start()
    sandbox.install([Entry("/work/storm", storm, mode=0o755)])
    sandbox.evidence.acts.take()
    assert sandbox.exec(["/work/storm", "k", "0", str(EACH), "/work/storm"], timeout_s=240).ok
    sent = [(act.target, act.signal) for act in sandbox.evidence.acts.take() if act.kind == "signal"]
    assert sent == [(3_000_000 + number, 0) for number in range(trials(EACH))]


@docker
def test_a_program_that_was_not_there_is_recorded_as_an_attempt(sealed: DockerSandbox) -> None:
    sealed.evidence.acts.take()
    sealed.exec(["/nonexistent/tool", "--flag"])
    attempts = [(act.path, act.argv) for act in sealed.evidence.acts.take() if act.kind == "exec"]
    assert attempts == [("/nonexistent/tool", ("/nonexistent/tool", "--flag"))]


@docker
def test_an_act_names_its_process_its_parent_and_its_session_as_the_host_counts(
    sealed: DockerSandbox, eventually: Within
) -> None:
    sealed.evidence.acts.take()
    sealed.exec("sleep 8001 &", session="named")
    shell = next(p for p in sealed.evidence.processes.scan() if p.session == "named" and p.comm == "bash")
    taken: list[ExecSeen] = []

    def seen() -> list[ExecSeen]:
        taken.extend(sealed.evidence.acts.take())
        return [act for act in taken if act.argv == ("sleep", "8001")]

    eventually(seen)
    (act,) = seen()
    assert (act.ppid, act.sid) == (shell.host_pid, shell.host_pid)
    assert act.host_pid in {process.host_pid for process in sealed.evidence.processes.scan()}


@docker
def test_a_program_named_relative_to_a_descriptor_is_told_with_its_folder(sealed: DockerSandbox) -> None:
    sealed.exec("cp /bin/true /work/tool", session="main")
    program = (
        "import ctypes, os, platform\n"
        "d = os.open('/work', os.O_RDONLY); a = (ctypes.c_char_p * 2)(b'tool', None)\n"
        "n = {'x86_64': 322, 'aarch64': 281}[platform.machine()]\n"
        "ctypes.CDLL(None).syscall(n, d, b'tool', a, None, 0)"
    )
    sealed.evidence.acts.take()
    assert sealed.exec(["/usr/bin/python3", "-c", program]).ok
    assert sealed.evidence.acts.take()[-1].path == "/work/tool"


@docker
def test_signals_are_recorded_by_whichever_way_they_are_sent(sealed: DockerSandbox) -> None:
    program = (
        "import ctypes, os, platform, signal, threading\n"
        "arm = platform.machine() == 'aarch64'\n"
        "libc = ctypes.CDLL(None); me = os.getpid(); fd = os.pidfd_open(me); info = (ctypes.c_char * 128)()\n"
        "info[8:12] = (-1 & 0xffffffff).to_bytes(4, 'little')\n"
        "print(me, os.getpgid(0), flush=True)\n"
        "for number in range(34, 41): signal.signal(number, signal.SIG_IGN)\n"
        "os.kill(me, 34); os.killpg(os.getpgid(0), 35)\n"
        "libc.syscall(131 if arm else 234, me, me, 36)\n"  # tgkill
        "libc.syscall(130 if arm else 200, me, 37)\n"  # tkill
        "signal.pidfd_send_signal(fd, 38)\n"
        "libc.syscall(138 if arm else 129, me, 39, info)\n"  # rt_sigqueueinfo
        "libc.syscall(240 if arm else 297, me, me, 40, info)"  # rt_tgsigqueueinfo
    )
    sealed.evidence.acts.take()
    result = sealed.exec(["/usr/bin/python3", "-c", program])
    told = {act.signal: act.target for act in sealed.evidence.acts.take() if act.kind == "signal"}
    pid, group = map(int, result.stdout.split())
    assert told == {34: pid, 35: -group, 36: pid, 37: pid, 38: pid, 39: pid, 40: pid}


@docker
def test_addresses_that_are_dialled_are_recorded(sealed: DockerSandbox) -> None:
    program = (
        "import socket\n"
        "def dial(family, address):\n"
        "    try:\n"
        "        with socket.socket(family) as s: s.settimeout(2); s.connect(address)\n"
        "    except OSError: pass\n"
        "dial(socket.AF_INET, ('192.0.2.7', 443)); dial(socket.AF_INET6, ('2001:db8::7', 80))\n"
        "dial(socket.AF_UNIX, '/run/none.sock'); dial(socket.AF_UNIX, b'\\0gateway')"
    )
    sealed.evidence.acts.take()
    assert sealed.exec(["/usr/bin/python3", "-c", program]).ok
    dialled = [act.address for act in sealed.evidence.acts.take() if act.kind == "connect"]
    assert dialled == ["192.0.2.7:443", "[2001:db8::7]:80", "unix:/run/none.sock", "unix:@gateway"]


@docker
def test_long_and_odd_arguments_are_cut_and_never_break_the_record(sealed: DockerSandbox) -> None:
    sealed.evidence.acts.take()
    sealed.exec(["/bin/true", "x" * 5000, "new\nline", "", *(["y"] * 200)])
    (act,) = [act for act in sealed.evidence.acts.take() if act.kind == "exec"]
    assert act.argv[:4] == ("/bin/true", "x" * 1023 + "…", "new\nline", "")
    assert (len(act.argv), act.argv[-1]) == (65, "…")


@docker
def test_acts_are_taken_once_and_the_log_keeps_them_all(yard: Yard) -> None:
    sandbox = yard.start()
    first = sandbox.evidence.acts.take()
    sandbox.exec(["/bin/true"])
    second = sandbox.evidence.acts.take()
    assert [act.path for act in second] == ["/bin/true"]
    assert sandbox.evidence.acts.take() == ()
    assert parse_acts(sandbox.evidence.acts.log_bytes())[0] == first + second


@docker
def test_without_its_listener_no_program_starts_and_everybody_is_told(yard: Yard, eventually: Within) -> None:
    sandbox = yard.start()
    sandbox.serve("starter", ["/bin/bash", "-c", "while :; do /bin/date > /work/clock; sleep 0.02; done"])
    eventually(lambda: sandbox.evidence.files.read("/work/clock"))
    _kill_listener(sandbox)
    eventually(lambda: not sandbox.evidence.acts.alive)
    time.sleep(0.1)
    stood = sandbox.evidence.files.read("/work/clock")
    time.sleep(0.3)
    assert sandbox.evidence.files.read("/work/clock") == stood, "no further program has started"
    started = time.monotonic()
    with pytest.raises(EvidenceLost, match="listener ended"):
        sandbox.exec(["/bin/true"], timeout_s=30)
    assert time.monotonic() - started < 5
    with pytest.raises(EvidenceLost):
        sandbox.exec("true", session="main")
    assert sandbox.kill().empty


@docker
def test_a_listener_that_dies_during_a_command_ends_the_call(yard: Yard) -> None:
    sandbox = yard.start()
    killed: list[bool] = []

    def tick(waited_s: float) -> None:
        if waited_s > 0.1 and not killed:
            killed.append(True)
            _kill_listener(sandbox)

    started = time.monotonic()
    with pytest.raises(EvidenceLost):
        sandbox.exec("while :; do :; done", timeout_s=60, tick=tick)
    assert time.monotonic() - started < 5


def _kill_listener(sandbox: DockerSandbox) -> None:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and f"{sandbox.pid}" in _arguments(entry) and "listen" in _arguments(entry):
            os.kill(int(entry.name), signal.SIGKILL)
            return
    raise AssertionError("the container has no listener")


def _arguments(process: Path) -> list[str]:
    try:
        return (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


@docker
def test_an_agent_that_floods_the_record_stops_itself(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, eventually: Within
) -> None:
    """The log is bounded, and its end is told apart from a listener that failed."""

    def small(supervisor: Path, log: Path) -> Listener:
        return Listener(supervisor, log, most_bytes=1 << 20)

    monkeypatch.setattr("offswitch.sandbox._near.Listener", small)
    sandbox = yard.start()
    sandbox.serve("flood", ["/bin/bash", "-c", "while :; do kill -0 $$; done"])
    eventually(lambda: not sandbox.evidence.acts.alive, 20)
    assert sandbox.evidence.acts.full
    with pytest.raises(EvidenceLost, match="its log is full"):
        sandbox.exec(["/bin/true"])
    assert len(sandbox.evidence.acts.take()) > 1000
    assert len(sandbox.evidence.acts.log_bytes()) <= 1 << 20


@docker
def test_a_container_that_ends_is_no_lost_evidence(yard: Yard) -> None:
    sandbox = yard.start()
    os.kill(sandbox.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while sandbox.evidence.acts.alive and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not sandbox.evidence.acts.alive, "it ends with its container"
    assert sandbox.evidence.acts.fault() is None


@docker
def test_a_second_filter_with_a_listener_of_its_own_is_refused(sealed: DockerSandbox) -> None:
    program = (
        "import ctypes, errno, platform\n"
        "class Filter(ctypes.Structure): _fields_ = [('code', ctypes.c_ushort), ('t', ctypes.c_ubyte),"
        " ('f', ctypes.c_ubyte), ('k', ctypes.c_uint)]\n"
        "class Program(ctypes.Structure): _fields_ = [('n', ctypes.c_ushort), ('f', ctypes.POINTER(Filter))]\n"
        "one = (Filter * 1)(Filter(6, 0, 0, 0x7fff0000)); p = Program(1, one)\n"
        "libc = ctypes.CDLL(None, use_errno=True); n = {'x86_64': 317, 'aarch64': 277}[platform.machine()]\n"
        "r = libc.syscall(n, 1, 8, ctypes.byref(p)); print(r, errno.errorcode.get(ctypes.get_errno()))"
    )
    assert sealed.exec(["/usr/bin/python3", "-c", program]).stdout == b"-1 EBUSY\n"


@docker
def test_a_listener_for_a_process_without_a_filter_is_refused(supervisor: Path, tmp_path: Path) -> None:
    with subprocess.Popen(["/bin/sleep", "30"]) as process:
        listener = Listener(supervisor, tmp_path / "acts")
        with pytest.raises(StartFailed, match="mediation listener"):
            listener.attach(process.pid, timeout_s=0.5)
        process.kill()
    assert not listener.alive
    assert not (tmp_path / "acts").exists()


def record(kind: int, *texts: bytes, first: int = 0, second: int = 0) -> bytes:
    body = b"".join((n).to_bytes(size, "little") for n, size in ((5, 8), (10, 4), (11, 4), (12, 4), (kind, 4)))
    body += first.to_bytes(4, "little", signed=True) + second.to_bytes(4, "little", signed=True)
    body += b"".join(text + b"\0" for text in texts)
    return len(body).to_bytes(4, "little") + body


def test_a_log_is_read_back_as_it_was_written() -> None:
    dialled = b"0200005001020304" + b"0" * 16
    log = record(0, b"/bin/x", b"x", b"\xff") + record(1, first=-1, second=9) + record(2, dialled)
    acts, used = parse_acts(log)
    assert used == len(log)
    assert [act.kind for act in acts] == ["exec", "signal", "connect"]
    assert (acts[0].path, acts[0].argv) == ("/bin/x", ("x", "\\xff"))
    assert (acts[1].target, acts[1].signal) == (-1, 9)
    assert acts[2].address == "1.2.3.4:80"


@given(st.lists(st.lists(st.binary(max_size=20).filter(lambda b: b"\0" not in b), max_size=4), max_size=5), st.data())
def test_a_log_that_is_still_being_written_gives_its_complete_records(
    texts: list[list[bytes]], data: st.DataObject
) -> None:
    records = [record(0, b"/p", *line) for line in texts]
    log = b"".join(records)
    cut = data.draw(st.integers(0, len(log)))
    acts, used = parse_acts(log[:cut])
    rest, more = parse_acts(log[used:])
    assert used <= cut
    assert used + more == len(log)
    assert len(acts) + len(rest) == len(records)
    assert all(isinstance(act, ExecSeen) for act in acts + rest)
