"""Who runs in a container, by the host's /proc: what a process says of itself and what the kernel says of it."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from offswitch.records import ProcessSeen
from offswitch.sandbox import OPS_UID, Cgroup, DockerSandbox

from .yard import Within

pytestmark = pytest.mark.docker


def bit(number: int) -> int:
    return 1 << (number - 1)


Finder = Callable[[str], ProcessSeen]


@pytest.fixture
def find(sealed: DockerSandbox, eventually: Within) -> Finder:
    """Waits for the one process whose arguments contain a mark."""

    def look(mark: str) -> ProcessSeen:
        found: list[ProcessSeen] = []

        def there() -> bool:
            found[:] = [p for p in sealed.evidence.processes.scan() if p.argv[-1:] == (mark,) and p.argv[0] != "setsid"]
            return len(found) == 1

        eventually(there)
        return found[0]

    return look


def test_the_first_process_is_not_listed_and_the_shell_is(either: DockerSandbox) -> None:
    processes = either.evidence.processes.scan()
    assert all(process.pid != 1 and process.host_pid != either.pid for process in processes)
    (shell,) = [process for process in processes if process.session == "main"]
    assert (shell.exe, shell.comm, shell.uid, shell.ppid) == ("/usr/bin/bash", "bash", either.profile.agent_uid, 1)


def test_numbers_are_those_of_the_container(sealed: DockerSandbox, find: Finder) -> None:
    told = sealed.exec("sleep 6001 & echo $$ $!; ps -o pid=,ppid=,pgid=,sid= -p $!", session="numbers").stdout.split()
    seen = find("6001")
    assert [int(n) for n in told[2:]] == [seen.pid, seen.ppid, seen.pgid, seen.sid]
    assert (int(told[0]), int(told[1])) == (seen.ppid, seen.pid)
    assert seen.host_pid != seen.pid


def test_an_orphan_belongs_to_the_shell_of_its_session(sealed: DockerSandbox, find: Finder) -> None:
    shell = int(sealed.exec("(sleep 6002 &); echo $$", session="orphans").stdout)
    assert (find("6002").ppid, find("6002").session) == (shell, "orphans")


def test_who_left_the_session_belongs_to_none(sealed: DockerSandbox, find: Finder) -> None:
    sealed.exec("setsid sleep 6003 &", session="leavers")
    seen = find("6003")
    assert (seen.session, seen.sid) == (None, seen.pid)


def test_a_faked_name_does_not_hide_the_program(sealed: DockerSandbox, eventually: Within) -> None:
    sealed.exec("(exec -a '[kworker/0:1]' sleep 6004) &", session="fakes")
    seen: list[ProcessSeen] = []

    def there() -> bool:
        seen[:] = [p for p in sealed.evidence.processes.scan() if p.argv == ("[kworker/0:1]", "6004")]
        return bool(seen)

    eventually(there)
    assert (seen[0].exe, seen[0].comm) == ("/usr/bin/sleep", "sleep")


def test_a_program_may_rename_itself_but_not_its_executable(sealed: DockerSandbox, eventually: Within) -> None:
    rename = "import ctypes, time; ctypes.CDLL(None).prctl(15, b'a)\\nUid:\\t0 (x'); time.sleep(6005)"
    sealed.serve("renamed", ["/usr/bin/python3", "-c", rename])
    seen: list[ProcessSeen] = []

    def there() -> bool:
        seen[:] = [p for p in sealed.evidence.processes.scan() if p.service == "renamed"]
        return bool(seen) and seen[0].comm.startswith("a)")

    eventually(there)
    assert seen[0].uid == sealed.profile.agent_uid
    assert seen[0].exe.startswith("/usr/bin/python3")
    assert seen[0].state in "SR"


def test_the_program_of_a_deleted_file_is_told(sealed: DockerSandbox, find: Finder) -> None:
    sealed.exec("cp /bin/sleep /work/tool; /work/tool 6006 & sleep 0.1; rm /work/tool", session="deleted")
    assert find("6006").exe == "/work/tool (deleted)"


def test_signals_that_are_ignored_caught_or_blocked_are_told(sealed: DockerSandbox, find: Finder) -> None:
    program = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGHUP, lambda *_: None)\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1]); open('/tmp/armed', 'w').close(); time.sleep(1000)"
    )
    sealed.serve("stubborn", ["/usr/bin/python3", "-c", program, "6007"])
    find("6007")
    while sealed.evidence.files.read("/tmp/armed") is None:
        pass
    seen = find("6007")
    assert seen.sig_ignored & bit(signal.SIGTERM)
    assert seen.sig_caught & bit(signal.SIGHUP)
    assert seen.sig_blocked & bit(signal.SIGUSR1)
    assert not seen.sig_caught & bit(signal.SIGTERM)


def test_a_preloaded_library_is_told_for_as_long_as_the_program_runs(sealed: DockerSandbox, find: Finder) -> None:
    sealed.exec("LD_PRELOAD=/work/hook.so sleep 6008 2>/dev/null &", session="preload")
    assert find("6008").preload == "/work/hook.so"
    assert find("6008").preload == "/work/hook.so"


def test_a_service_and_what_descends_from_it_carry_its_name(sealed: DockerSandbox, find: Finder) -> None:
    pid = sealed.serve("daemon", ["/bin/bash", "-c", "setsid sleep 6009 & wait"], as_agent=False)
    child = find("6009")
    assert (child.service, child.uid, child.ppid) == ("daemon", OPS_UID, pid)
    sealed.exec("sleep 6010 &", session="main")
    assert find("6010").service is None


def test_processes_are_listed_in_the_order_of_their_start(sealed: DockerSandbox) -> None:
    for number in range(5):
        sealed.serve(f"n{number}", ["/bin/sleep", f"70{number}"])
    order = [p.argv[-1] for p in sealed.evidence.processes.scan() if p.argv[-1].startswith("70")]
    assert order == [f"70{number}" for number in range(5)]


def test_arguments_of_any_bytes_are_told(sealed: DockerSandbox, eventually: Within) -> None:
    sealed.exec("exec -a $'a\\xff\\n' sleep 6011 &", session="bytes")
    eventually(lambda: [p for p in sealed.evidence.processes.scan() if p.argv == ("a\\xff\n", "6011")])


def test_processes_that_come_and_go_do_not_disturb_a_scan(sealed: DockerSandbox) -> None:
    sealed.serve("churn", ["/bin/bash", "-c", "for i in $(seq 150); do /bin/true & done; wait"])
    for _ in range(100):
        assert all(process.argv is not None for process in sealed.evidence.processes.scan())


def test_a_process_whose_first_thread_has_ended_is_not_taken_for_dead(
    sealed: DockerSandbox, eventually: Within
) -> None:
    program = (
        "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(60,)).start(); "
        "ctypes.CDLL(None).pthread_exit(None)"
    )
    sealed.exec(f"python3 -c '{program}' headless & disown", session="main")

    def lives() -> bool:
        seen = [one for one in sealed.evidence.processes.scan() if "headless" in one.argv]
        leader = [Path(f"/proc/{one.host_pid}/stat").read_text().rpartition(")")[2].split()[0] for one in seen]
        return leader == ["Z"] and seen[0].state != "Z" and seen[0].exe.startswith("/usr/bin/python3")

    eventually(lives)


def test_others_are_there_until_they_are_not(sealed: DockerSandbox) -> None:
    assert sealed.evidence.processes.others()
    sealed.kill()
    assert not sealed.evidence.processes.others()
    assert sealed.evidence.processes.scan() == ()


def test_a_group_that_is_its_starters_too_is_none_of_the_containers() -> None:
    """Some engines make no control group: to kill or freeze the one they leave would hit whoever started them."""
    with subprocess.Popen(["/bin/sh", "-c", "sleep 30 & sleep 30 & wait"]) as starter:
        group = Cgroup(starter.pid)
        end = time.monotonic() + 5
        while len(group.pids()) < 3 and time.monotonic() < end:
            time.sleep(0.01)
        members = group.pids()
        assert (group.paths, group.can_kill, group.kill(), group.freeze()) == ({}, False, False, False)
        assert (members[0], len(members), os.getpid() in members) == (starter.pid, 3, False)
        assert set(group.limits().values()) == {None}
        assert {group.counters().pids, group.counters().cpu_ns} == {None}
        for pid in reversed(members):
            os.kill(pid, signal.SIGKILL)
    assert group.pids() == []
