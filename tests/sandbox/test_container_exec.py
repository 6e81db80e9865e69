"""What a command of its own gives back: how it ended, what it wrote, and what becomes of its processes."""

import errno
import hashlib
import signal
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from offswitch.sandbox import SEALED, ContainerGone, DockerSandbox, Entry, StartFailed

from .yard import Yard

pytestmark = pytest.mark.docker


def test_a_command_reports_its_exit_status_and_both_streams(either: DockerSandbox) -> None:
    result = either.exec("echo out; echo err >&2; exit 7")
    assert (result.exit_code, result.stdout, result.stderr) == (7, b"out\n", b"err\n")
    assert not result.ok
    assert result.sha256 == hashlib.sha256(b"out\n").hexdigest()
    assert (result.bytes_total, result.truncated, result.late) == (8, False, b"")


def test_a_command_that_a_signal_ended_has_no_exit_status(sealed: DockerSandbox) -> None:
    result = sealed.exec("kill -SEGV $$")
    assert (result.exit_code, result.signal) == (None, signal.SIGSEGV)


def test_a_program_that_is_not_there_was_never_started(sealed: DockerSandbox) -> None:
    result = sealed.exec(["/nonexistent/program"])
    assert (result.exit_code, result.signal, result.not_started) == (None, None, 2)


def test_a_folder_that_is_not_there_keeps_a_command_from_starting(sealed: DockerSandbox) -> None:
    assert sealed.exec(["/bin/true"], cwd="/nonexistent").not_started == 2


def test_a_program_without_the_right_to_run_was_never_started(sealed: DockerSandbox) -> None:
    assert sealed.write("/tmp/plain", b"text") == 0
    assert sealed.exec(["/tmp/plain"]).not_started == 13


def test_a_program_is_found_through_the_path_of_the_agent_and_not_of_the_supervisor(
    rootful: DockerSandbox,
) -> None:
    rootful.write("/usr/local/sbin/only-here", b"#!/bin/sh\necho found\n", mode=0o755)
    assert rootful.exec(["only-here"]).stdout == b"found\n"


def test_a_command_runs_where_it_is_told_to(either: DockerSandbox) -> None:
    assert either.exec(["/bin/pwd"], cwd="/tmp").stdout == b"/tmp\n"


def test_a_command_has_an_empty_standard_input(sealed: DockerSandbox) -> None:
    assert sealed.exec(["/bin/cat"], timeout_s=5).ok


def test_a_command_has_the_environment_of_the_profile_and_nothing_of_the_host(
    either: DockerSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVIDER_KEY", "sk-not-for-containers")
    seen = set(either.exec(["/usr/bin/env"]).stdout.decode().split())
    assert seen == set(either.profile.env)


def test_a_time_out_kills_the_processes_of_the_call_and_says_so(sealed: DockerSandbox) -> None:
    started = time.monotonic()
    result = sealed.exec("trap '' TERM INT HUP; sleep 1001 & sleep 1002; echo never", timeout_s=0.3)
    assert (result.timed_out, result.exit_code, result.stdout) == (True, None, b"")
    assert 0.3 <= result.duration_s < time.monotonic() - started < 3
    assert not [p for p in sealed.evidence.processes.scan() if p.argv[-1:] in (("1001",), ("1002",))]


def test_a_time_out_reaches_children_that_left_the_session(sealed: DockerSandbox) -> None:
    assert sealed.exec("setsid sleep 1003 & setsid bash -c 'sleep 1004; :' & wait", timeout_s=0.3).timed_out
    assert not [p for p in sealed.evidence.processes.scan() if p.argv[-1:] in (("1003",), ("1004",))]


def test_a_time_out_keeps_what_was_written_until_then(sealed: DockerSandbox) -> None:
    assert sealed.exec("echo first; sleep 1000", timeout_s=0.3).stdout == b"first\n"


def test_output_that_drips_does_not_move_the_time_limit(sealed: DockerSandbox) -> None:
    result = sealed.exec("while :; do echo x; sleep 0.05; done", timeout_s=0.5)
    assert result.timed_out
    assert result.duration_s < 1.5


def test_children_that_hold_the_output_open_do_not_delay_the_return(sealed: DockerSandbox) -> None:
    result = sealed.exec("sleep 60 & echo done", timeout_s=20)
    assert result.stdout == b"done\n"
    assert result.duration_s < 2
    sealed.exec(["/usr/bin/pkill", "-KILL", "sleep"])


def test_a_time_limit_that_is_none_is_refused_before_anything_runs(sealed: DockerSandbox) -> None:
    for limit in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="time limit"):
            sealed.exec("true", timeout_s=limit)


_WITH_A_NUL: dict[str, Callable[[DockerSandbox], object]] = {
    "argument": lambda sandbox: sandbox.exec(["/bin/echo", "a\0b"]),
    "folder": lambda sandbox: sandbox.exec(["/bin/true"], cwd="/\0"),
    "command": lambda sandbox: sandbox.exec("#\0", session="main"),
    "session": lambda sandbox: sandbox.exec("true", session="m\0"),
    "path read": lambda sandbox: sandbox.read("/\0"),
    "path written": lambda sandbox: sandbox.write("/\0", b""),
    "path installed": lambda sandbox: sandbox.install([Entry("/\0")]),
    "link installed": lambda sandbox: sandbox.install([Entry("/work/l", b"/\0", kind="link")]),
}


@pytest.mark.parametrize("where", _WITH_A_NUL)
def test_a_nul_is_refused_with_a_sentence_that_says_so(sealed: DockerSandbox, where: str) -> None:
    with pytest.raises(ValueError, match=r"NUL at byte|has a NUL"):
        _WITH_A_NUL[where](sealed)
    assert sealed.exec("echo unharmed", session="main").stdout == b"unharmed\n"


def test_a_lone_surrogate_is_refused_with_a_sentence_that_says_so(sealed: DockerSandbox) -> None:
    with pytest.raises(ValueError, match="not Unicode"):
        sealed.exec(["/bin/echo", "\ud800"])


def test_a_command_of_100_kilobytes_arrives_whole(sealed: DockerSandbox) -> None:
    long = "x" * 100_000
    assert sealed.exec(f"printf %s {long} | wc -c").stdout.strip() == b"100000"
    assert sealed.exec(f"echo '{long}' | wc -c", session="long").stdout.strip() == b"100001"


def test_arguments_beyond_the_kernels_limit_are_an_errno(sealed: DockerSandbox) -> None:
    assert sealed.exec(["/bin/echo", "x" * 200_000]).not_started == 7


def test_output_is_bytes_and_arrives_unchanged(sealed: DockerSandbox) -> None:
    every = bytes(range(256)) * 3
    assert sealed.write("/tmp/every", every) == 0
    assert sealed.exec(["/bin/cat", "/tmp/every"]).stdout == every
    assert sealed.exec("cat /tmp/every", session="binary").stdout == every


def test_a_hundred_megabytes_are_cut_and_their_true_size_and_digest_are_told(sealed: DockerSandbox) -> None:
    size = 100_000_000
    result = sealed.exec(f"head -c {size} /dev/zero", cap_bytes=65536, timeout_s=60)
    assert (result.ok, result.truncated, result.bytes_total) == (True, True, size)
    assert len(result.stdout) < 65536 + 100
    assert b"99934464 bytes not kept" in result.stdout
    digest = hashlib.sha256()
    for _ in range(100):
        digest.update(bytes(size // 100))
    assert result.sha256 == digest.hexdigest()


def test_of_a_million_lines_the_first_and_the_last_are_kept(sealed: DockerSandbox) -> None:
    result = sealed.exec(["/usr/bin/seq", "1000000"], cap_bytes=1000)
    assert result.stdout.startswith(b"1\n2\n3\n")
    assert result.stdout.endswith(b"\n999999\n1000000\n")
    assert result.bytes_total == 6_888_896


@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 199, 200, 201, 250, 100_000])
def test_output_is_cut_exactly_where_it_exceeds_the_cap(sealed: DockerSandbox, size: int) -> None:
    result = sealed.exec(["/usr/bin/python3", "-c", f"print(end='ab' * {size // 2} + 'c' * {size % 2})"], cap_bytes=200)
    whole = (b"ab" * (size // 2)) + b"c" * (size % 2)
    assert (result.truncated, result.bytes_total) == (size > 200, size)
    assert result.sha256 == hashlib.sha256(whole).hexdigest()
    if size <= 200:
        assert result.stdout == whole
    else:
        assert result.stdout.startswith(whole[:100] + b"\n")
        assert result.stdout.endswith(b"\n" + whole[-100:])


def test_what_pretends_to_be_a_frame_of_ours_is_only_output(sealed: DockerSandbox) -> None:
    fake = b"\x05\x00\x00\x00\x66\x01\x00\x00\x00" * 50
    sealed.write("/tmp/fake", fake)
    assert sealed.exec(["/bin/cat", "/tmp/fake"]).stdout == fake
    assert sealed.exec("cat /tmp/fake >&2").stderr == fake


def test_a_tick_is_called_while_a_command_runs_and_may_run_another(sealed: DockerSandbox) -> None:
    waits: list[float] = []
    inner: list[bytes] = []

    def tick(waited_s: float) -> None:
        waits.append(waited_s)
        if len(waits) == 2:
            inner.append(sealed.exec("echo within").stdout)

    assert sealed.exec("sleep 0.4; echo without", tick=tick).stdout == b"without\n"
    assert inner == [b"within\n"]
    assert len(waits) >= 4
    assert waits == sorted(waits)


def test_a_full_process_table_is_an_answer_and_not_a_dead_container(yard: Yard) -> None:
    sandbox = yard.start(replace(SEALED, pids=8))
    for number in range(6):
        sandbox.serve(f"sleeper {number}", ["/bin/sleep", "1000"])
    with pytest.raises(StartFailed, match="temporarily unavailable"):
        sandbox.serve("one too many", ["/bin/sleep", "1000"])
    assert sandbox.exec(["/bin/true"]).not_started == errno.EAGAIN
    assert sandbox.read("/etc/hostname").error == errno.EAGAIN
    assert sandbox.alive
    assert sandbox.evidence.cgroup.counters().pids_limit_hits
    assert sandbox.stop_agent(5).latency_s < 5
    assert sandbox.exec(["/bin/true"]).ok


def test_a_service_that_cannot_be_started_is_told(sealed: DockerSandbox) -> None:
    with pytest.raises(StartFailed, match="No such file"):
        sealed.serve("nothing", ["/nonexistent/program"])


def test_a_dead_container_is_an_error_of_its_own_and_never_a_failed_command(yard: Yard) -> None:
    sandbox = yard.start()
    sandbox.kill()
    for _ in range(2):
        with pytest.raises(ContainerGone):
            sandbox.exec("true")
    assert not sandbox.alive


def test_a_service_is_started_and_nobody_waits_for_it(either: DockerSandbox) -> None:
    pid = either.serve("ticker", ["/bin/sleep", "1005"], as_agent=False)
    found = [process for process in either.evidence.processes.scan() if process.pid == pid]
    assert [(p.service, p.uid, p.argv) for p in found] == [("ticker", 65000, ("/bin/sleep", "1005"))]
