"""Reading and writing with the agent's rights, and the harness's own installing and removing."""

import errno
import time

import pytest

from offswitch.sandbox import OPS_UID, DockerSandbox, Entry

from .yard import Yard

pytestmark = pytest.mark.docker


def test_what_is_written_can_be_read_back(either: DockerSandbox) -> None:
    content = bytes(range(256)) * 10
    assert either.write("/work/new/folder/file", content) == 0
    found = either.read("/work/new/folder/file")
    assert (found.data, found.size, found.error) == (content, 2560, 0)


def test_writing_replaces_and_appending_adds(sealed: DockerSandbox) -> None:
    sealed.write("/work/log", b"longer than the next")
    sealed.write("/work/log", b"one\n")
    sealed.write("/work/log", b"two\n", append=True)
    assert sealed.read("/work/log").data == b"one\ntwo\n"


def test_a_part_of_a_file_can_be_read(sealed: DockerSandbox) -> None:
    sealed.write("/work/part", b"0123456789")
    found = sealed.read("/work/part", offset=3, most=4)
    assert (found.data, found.size) == (b"3456", 10)
    assert sealed.read("/work/part", offset=100).data == b""


def test_a_relative_path_starts_where_it_is_told_to(sealed: DockerSandbox) -> None:
    sealed.write("here", b"1", cwd="/tmp")
    assert sealed.read("./here", cwd="/tmp").data == b"1"
    assert sealed.read("here", cwd="/work").error == errno.ENOENT


def test_forty_megabytes_go_in_and_come_back(sealed: DockerSandbox) -> None:
    content = bytes(40 << 20)
    assert sealed.write("/work/large", content) == 0
    assert sealed.read("/work/large", most=64 << 20).data == content
    assert sealed.exec(["/bin/rm", "/work/large"]).ok


def test_reading_and_writing_happen_with_the_rights_of_the_agent(sealed: DockerSandbox) -> None:
    sealed.install(
        [Entry("/work/secret", b"s", mode=0o600, uid=OPS_UID, gid=OPS_UID), Entry("/work/plain", uid=OPS_UID)]
    )
    assert sealed.read("/work/secret").error == errno.EACCES
    assert sealed.write("/work/plain", b"x") == errno.EACCES
    assert sealed.write("/etc/x", b"x") == errno.EROFS
    assert sealed.write("/run/x", b"x") == errno.EACCES


def test_what_is_no_file_is_neither_read_nor_written(sealed: DockerSandbox) -> None:
    sealed.exec("mkdir -p /work/folder; ln -sf loop /work/loop")
    assert sealed.read("/work/folder").error == errno.EISDIR
    assert sealed.read("/work/loop").error == errno.ELOOP
    assert sealed.read("/dev/zero").error == errno.EINVAL
    assert sealed.write("/work/folder", b"") == errno.EISDIR
    assert sealed.write("/dev/null", b"x") == errno.EINVAL


def test_a_pipe_that_nobody_writes_to_does_not_hang_a_read(sealed: DockerSandbox) -> None:
    sealed.exec("sleep 100 | exec sleep 3001 & echo $! > /tmp/pid", session="pipe")
    pid = int(sealed.read("/tmp/pid").data)
    started = time.monotonic()
    assert sealed.read(f"/proc/{pid}/fd/0").error == errno.EINVAL
    assert sealed.write(f"/proc/{pid}/fd/0", b"x") == errno.EINVAL
    assert time.monotonic() - started < 2


def test_a_full_place_is_an_errno(sealed: DockerSandbox) -> None:
    assert sealed.write("/home/agent/large", bytes(20 << 20)) == errno.ENOSPC
    assert sealed.exec(["/bin/rm", "/home/agent/large"]).ok


def test_entries_are_installed_with_their_owner_mode_and_time(either: DockerSandbox) -> None:
    entries = [
        Entry("/work/d", kind="dir", mode=0o711, uid=OPS_UID, gid=1000),
        Entry("/work/d/f", b"content", mode=0o4640, uid=1000, gid=OPS_UID, mtime_ns=1_700_000_000_123_456_789),
        Entry("/work/d/l", b"../x", kind="link", uid=OPS_UID, gid=OPS_UID),
    ]
    assert either.install(entries) == {}
    listed = either.exec(["/usr/bin/stat", "-c", "%n %f %u %g", "d", "d/f", "d/l"]).stdout.decode().splitlines()
    assert listed == ["d 41c9 65000 1000", "d/f 89a0 1000 65000", "d/l a1ff 65000 65000"]
    assert either.exec(["/usr/bin/stat", "-c", "%.9Y", "d/f"]).stdout == b"1700000000.123456789\n"
    assert either.exec(["/bin/readlink", "d/l"]).stdout == b"../x\n"


def test_missing_folders_are_made_and_belong_to_the_owner_of_the_entry(sealed: DockerSandbox) -> None:
    assert sealed.install([Entry("/work//a/b/c", b"", uid=1000, gid=1000)]) == {}
    assert sealed.exec(["/usr/bin/stat", "-c", "%u %a", "a/b"]).stdout == b"1000 755\n"


def test_a_thousand_files_are_installed_at_once(either: DockerSandbox) -> None:
    entries = [Entry(f"/work/many/{n % 20}/{n}", f"content {n}".encode()) for n in range(1000)]
    started = time.monotonic()
    assert either.install(entries) == {}
    assert time.monotonic() - started < 5
    assert either.exec("find many -type f | wc -l").stdout.strip() == b"1000"
    assert either.read("/work/many/7/987").data == b"content 987"


def test_more_than_one_request_holds_is_installed_too(sealed: DockerSandbox) -> None:
    entries = [Entry(f"/work/big/{n}", bytes([n]) * (6 << 20), uid=1000) for n in range(8)]
    assert sealed.install(entries) == {}
    assert sealed.exec("cat big/* | wc -c").stdout.strip() == str(48 << 20).encode()
    assert sealed.exec(["/bin/rm", "-r", "big"]).ok


def test_an_entry_that_fails_is_named_and_the_others_stand(sealed: DockerSandbox) -> None:
    sealed.write("/work/file", b"")
    failed = sealed.install([Entry("/work/file/below"), Entry("/proc/x"), Entry("/work/good", b"1")])
    assert failed == {"/work/file/below": errno.ENOTDIR, "/proc/x": errno.ENOENT}
    assert sealed.read("/work/good").data == b"1"


def test_an_entry_can_be_added_to_what_stands_there(sealed: DockerSandbox) -> None:
    line = Entry("/work/audit", b"line\n", kind="append", mode=0o640, uid=OPS_UID, gid=1000)
    assert sealed.install([line, line]) == {}
    assert sealed.read("/work/audit").data == b"line\nline\n"


def test_what_was_begun_stands_before_the_next_command_runs(sealed: DockerSandbox) -> None:
    for number in range(20):
        failed = sealed.begin_install([Entry("/work/announced", b"x\n", kind="append"), Entry("/proc/x")])
        assert sealed.exec("wc -l < announced", session="main").stdout.split() == [str(number + 1).encode()]
        assert failed() == {"/proc/x": errno.ENOENT}


def test_no_link_leads_an_entry_elsewhere(either: DockerSandbox) -> None:
    either.exec("mkdir real; echo 1 > real/target; ln -sfn /work/real way; ln -s real/target file")
    failed = either.install(
        [
            Entry("/work/way/x", b"through a folder"),
            Entry("/work/way/deep/x", b"through a folder that would be made"),
            Entry("/work/way", kind="dir"),
            Entry("/work/file", b"through the last name"),
            Entry("/work/file", b"appended", kind="append"),
        ]
    )
    assert set(failed) == {"/work/way/x", "/work/way/deep/x", "/work/way", "/work/file"}
    assert set(failed.values()) <= {errno.ELOOP, errno.ENOTDIR}
    assert either.exec("cat real/target; ls real; readlink way file").stdout == (
        b"1\ntarget\n/work/real\nreal/target\n"
    )


def test_a_file_with_another_name_is_replaced_and_the_other_name_keeps_its_content(sealed: DockerSandbox) -> None:
    sealed.exec("echo agent > mine; ln -f mine planned")
    assert sealed.install([Entry("/work/planned", b"harness")]) == {}
    assert (sealed.read("/work/planned").data, sealed.read("/work/mine").data) == (b"harness", b"agent\n")


def test_what_is_no_file_in_the_place_of_an_entry_is_an_errno_and_no_hang(sealed: DockerSandbox) -> None:
    sealed.exec(["/usr/bin/python3", "-c", "import socket; socket.socket(socket.AF_UNIX).bind('/work/trap')"])
    started = time.monotonic()
    assert sealed.install([Entry("/work/trap", b"x")]) == {"/work/trap": errno.ENXIO}
    assert sealed.install([Entry("/work", b"x")]) == {"/work": errno.EISDIR}
    assert time.monotonic() - started < 2


def test_removing_takes_the_link_and_not_what_it_points_to(either: DockerSandbox) -> None:
    either.exec("echo 1 > kept; ln -sf kept pointer; mkdir -p deep; echo 2 > deep/x; ln -sfn deep way2")
    assert either.remove("/work/pointer") == 0
    assert either.read("/work/kept").data == b"1\n"
    assert either.remove("/work/way2/x") in (errno.ELOOP, errno.ENOTDIR)
    assert either.read("/work/deep/x").data == b"2\n"


def test_removing_what_is_not_there_makes_nothing(sealed: DockerSandbox) -> None:
    assert sealed.remove("/work/no/such/file") == errno.ENOENT
    assert sealed.exec(["/usr/bin/test", "-e", "/work/no"]).exit_code == 1


def test_removing_a_folder_is_an_errno(sealed: DockerSandbox) -> None:
    sealed.exec("mkdir -p stays")
    assert sealed.remove("/work/stays") == errno.EISDIR


def test_a_world_is_in_place_before_the_agents_first_shell(yard: Yard) -> None:
    world = [Entry("/work/project/start", b"1", uid=1000, gid=1000), Entry("/home/agent/.bashrc", b"X=from-rc\n")]
    with DockerSandbox.start(yard.engine, yard.spec(), world, "/work/project") as sandbox:
        result = sandbox.exec("pwd; echo $X; ls", session="main")
        assert result.stdout == b"/work/project\nfrom-rc\nstart\n"
        assert not result.fresh_session
