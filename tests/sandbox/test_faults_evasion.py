"""Rows D3 and D4 of the fault matrix (docs/design/security.md §4.2): ways round the mediation.

Each program tries to start ``/bin/true`` with an argument of its own, or to take the launcher over. Nothing that
happens may be unseen.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from offswitch.sandbox import AGENT_UID, DockerSandbox

from .yard import Yard

pytestmark = [pytest.mark.docker, pytest.mark.faults]

_SECCOMP = """
import ctypes, errno, os, platform
class Filter(ctypes.Structure):
    _fields_ = [('code', ctypes.c_ushort), ('t', ctypes.c_ubyte), ('f', ctypes.c_ubyte), ('k', ctypes.c_uint)]
class Program(ctypes.Structure):
    _fields_ = [('n', ctypes.c_ushort), ('f', ctypes.POINTER(Filter))]
libc = ctypes.CDLL(None, use_errno=True)
number = {'x86_64': 317, 'aarch64': 277}[platform.machine()]
def stack(action, flags=0):
    one = (Filter * 1)(Filter(6, 0, 0, action))
    made = libc.syscall(number, 1, flags, ctypes.byref(Program(1, one)))
    return made if made >= 0 else errno.errorcode[ctypes.get_errno()]
"""
_ONLY_EXEC = """
def stack_for_exec(action):
    execve = {'x86_64': 59, 'aarch64': 221}[platform.machine()]
    code = (Filter * 4)(Filter(0x20, 0, 0, 0), Filter(0x15, 0, 1, execve), Filter(6, 0, 0, action),
                        Filter(6, 0, 0, 0x7fff0000))
    return libc.syscall(number, 1, 0, ctypes.byref(Program(4, code)))
"""


@pytest.fixture(scope="module")
def container(shared_yard: Yard) -> Generator[DockerSandbox]:
    sandbox = shared_yard.start()
    yield sandbox
    sandbox.close()


def python(sandbox: DockerSandbox, program: str) -> tuple[bytes, int | None, list[tuple[str, ...]]]:
    """Output, status and the programs that were seen to start because of it."""
    sandbox.evidence.acts.take()
    result = sandbox.exec(["/usr/bin/python3", "-c", program], timeout_s=20)
    acts = [act.argv for act in sandbox.evidence.acts.take() if act.kind == "exec"]
    return result.stdout, result.exit_code if result.exit_code is not None else -(result.signal or 0), acts[1:]


def test_d3_a_second_listener_is_refused(container: DockerSandbox) -> None:
    said, _, _ = python(container, _SECCOMP + "print(stack(0x7fff0000, 8))")
    assert said == b"EBUSY\n"


@pytest.mark.parametrize(("action", "name"), [(0x7FFF0000, "allow"), (0x7FFC0000, "log")])
def test_d3_a_filter_stacked_above_ours_hides_nothing(container: DockerSandbox, action: int, name: str) -> None:
    said, _, started = python(
        container, _SECCOMP + f"print(stack({action:#x}), flush=True)\nos.execv('/bin/true', ['true', '{name}'])"
    )
    assert said == b"0\n"
    assert started == [("true", name)]


@pytest.mark.parametrize(("action", "name"), [(0x7FC00000, "notify"), (0x7FF00000, "trace"), (0x00050001, "errno")])
def test_d3_a_filter_of_its_own_only_keeps_the_agent_from_its_own_programs(
    container: DockerSandbox, action: int, name: str
) -> None:
    """A filter that asks a supervisor which is not there refuses; it does not skip ours."""
    program = (
        _SECCOMP + _ONLY_EXEC + f"print(stack_for_exec({action:#x}), flush=True)\n"
        f"try: os.execv('/bin/true', ['true', '{name}'])\n"
        "except OSError as error: print(errno.errorcode[error.errno])"
    )
    said, status, started = python(container, program)
    refused = said.splitlines()[1:] in ([b"ENOSYS"], [b"EPERM"])
    assert said.startswith(b"0\n")
    assert refused or (status == 0 and (started == [("true", name)] or said == b"0\n"))
    ran = status == 0 and not refused
    assert not ran or started == [("true", name)], "it started and nobody saw it"


_MACHINE_CODE = """
import ctypes, mmap, platform
assert platform.machine() == 'x86_64'
page = mmap.mmap(-1, 4096, prot=7)
page.write(bytes.fromhex('{code}'))
print('calling', flush=True)
print(ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))(), flush=True)
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="these entries into the kernel are those of x86-64")
@pytest.mark.parametrize(
    "code",
    ["53b814000000cd805bc3", "b827000040" + "0f05c3"],
    ids=["int 0x80 getpid", "x32 getpid"],
)
def test_d3_another_way_into_the_kernel_ends_the_process(container: DockerSandbox, code: str) -> None:
    """Getpid is harmless and mediated nowhere: it is the entry itself that is not allowed."""
    said, status, _ = python(container, _MACHINE_CODE.format(code=code))
    assert (said, status) == (b"calling\n", -31)


@pytest.mark.parametrize("number", [425, 426, 427], ids=["setup", "enter", "register"])
def test_d3_io_uring_is_refused(container: DockerSandbox, number: int) -> None:
    program = (
        "import ctypes, errno\nlibc = ctypes.CDLL(None, use_errno=True); p = (ctypes.c_char * 256)()\n"
        f"print(libc.syscall({number}, 4, p, 0, 0, 0, 0), errno.errorcode[ctypes.get_errno()])"
    )
    said, _, _ = python(container, program)
    assert said in (b"-1 EPERM\n", b"-1 ENOSYS\n")


_ATTACK = """
import ctypes, os, signal, sys
pid = int(sys.argv[1])
def tried(what):
    try: what()
    except OSError as error: return error.strerror
    return 'DONE'
libc = ctypes.CDLL(None, use_errno=True)
def trace():
    if libc.ptrace(16, pid, 0, 0): raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
def descriptor():
    got = libc.syscall(438, os.pidfd_open(pid), 100, 0)
    if got < 0: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
print(tried(lambda: open(f'/proc/{pid}/mem', 'rb')), tried(lambda: open(f'/proc/{pid}/mem', 'wb')),
      tried(lambda: os.listdir(f'/proc/{pid}/fd')), tried(trace), tried(descriptor),
      tried(lambda: open(f'/proc/{pid}/exe', 'rb')), sep='|')
for number in (signal.SIGCONT, signal.SIGUSR1 if len(sys.argv) > 2 else signal.SIGCONT):
    os.kill(pid, number)
"""


def test_d4_a_launcher_that_waits_for_its_listener_gives_its_own_user_nothing(supervisor: Path) -> None:
    """It runs on the host with the attacker's own user; no listener is ever taken, so it stays where it is."""
    folder = Path(subprocess.run(["mktemp", "-d"], capture_output=True, check=True, text=True).stdout.strip())
    program = folder / "agentd"
    try:
        folder.chmod(0o755)
        shutil.copy(supervisor, program)
        program.chmod(0o111)
        launched = subprocess.Popen(
            [str(program), "launch"], user=AGENT_UID, group=AGENT_UID, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with launched:
            _wait_for_the_filter(launched.pid)
            attack = ["python3", "-c", _ATTACK, str(launched.pid)]
            found = subprocess.run(attack, user=AGENT_UID, group=AGENT_UID, capture_output=True, text=True, check=True)
            assert found.stdout.strip().split("|") == [
                *["Permission denied"] * 3,
                *["Operation not permitted"] * 2,
                "Permission denied",
            ]
            time.sleep(0.2)
            words = Path(f"/proc/{launched.pid}/cmdline").read_bytes().split(b"\0")
            assert words[1] == b"launch", "nothing of it ran on without a listener"
            launched.kill()
    finally:
        shutil.rmtree(folder)


def _wait_for_the_filter(pid: int) -> None:
    end = time.monotonic() + 10
    while "\nSeccomp:\t2" not in Path(f"/proc/{pid}/status").read_text():
        assert time.monotonic() < end
        time.sleep(0.01)
