"""What stands in the places of a living container, seen from the host."""

import hashlib
import os
import time
from dataclasses import replace

import pytest

from offswitch.sandbox import ROOTFUL, SEALED, FileWatch, Profile

from .yard import Yard

pytestmark = pytest.mark.docker


def test_stores_through_a_mapping_are_found_by_the_pass_that_reads_everything(yard: Yard) -> None:
    """Memory files have no time stamp for them, so no other pass can promise that."""
    sandbox = yard.start()
    program = (
        "import mmap, time\n"
        "f = open('/work/mapped', 'w+b'); f.write(b'honest'); f.flush(); m = mmap.mmap(f.fileno(), 6)\n"
        "open('/work/ready', 'w').close()\n"
        "while not __import__('os').path.exists('/work/go'): time.sleep(0.01)\n"
        "m[:] = b'forged'\n"
        "open('/work/done', 'w').close(); time.sleep(100)"
    )
    sandbox.serve("mapper", ["/usr/bin/python3", "-c", program])
    files = sandbox.evidence.files
    while files.read("/work/ready") is None:
        time.sleep(0.01)
    time.sleep(0.05)
    files.scan()
    time.sleep(0.05)
    files.scan()
    sandbox.write("/work/go", b"")
    while files.read("/work/done") is None:
        time.sleep(0.01)
    found = {change.path: change.after for change in files.scan(whole=True).changes}
    assert found["/work/mapped"] is not None
    assert found["/work/mapped"].sha256 == hashlib.sha256(b"forged").hexdigest()


@pytest.mark.parametrize("profile", [SEALED, ROOTFUL], ids=["sealed", "rootful"])
def test_what_stood_in_a_container_can_be_read_after_its_death(yard: Yard, profile: Profile) -> None:
    sandbox = yard.start(profile)
    sandbox.evidence.files.scan()
    sandbox.exec("echo last words > /work/will; echo x > /dev/shm/y; ln -s /etc/shadow /work/shadow", session="main")
    sandbox.kill()
    files = sandbox.evidence.files
    found = files.scan(whole=True)
    assert found.complete
    assert {change.path for change in found.changes if change.before is None} == {
        "/work/will",
        "/dev/shm/y",
        "/work/shadow",
    }
    assert files.read("/work/will") == b"last words\n"
    assert files.read("/dev/shm/y") == b"x\n"
    assert files.read("/work/shadow") is None
    for _ in range(2):
        time.sleep(0.1)
        assert files.scan().changes == (), "death itself changes nothing"


def test_a_sparse_terabyte_in_a_container_does_not_hold_up_a_pass(yard: Yard) -> None:
    sandbox = yard.start(replace(SEALED, file_size_bytes=2 << 40))
    assert sandbox.exec(["/usr/bin/truncate", "-s", "1T", "/work/sparse"]).ok
    started = time.monotonic()
    assert sandbox.evidence.files.scan(whole=True).complete
    assert time.monotonic() - started < 2
    state = sandbox.evidence.files.state("/work/sparse")
    assert state is not None
    assert state.size == 1 << 40


def test_a_file_grows_no_larger_than_the_profile_allows(yard: Yard) -> None:
    sandbox = yard.start()
    assert not sandbox.exec(["/usr/bin/truncate", "-s", "1T", "/work/sparse"]).ok


def test_hidden_corners_are_watched_too(yard: Yard) -> None:
    sandbox = yard.start()
    sandbox.evidence.files.scan()
    sandbox.exec("echo 1 > /dev/shm/s; touch /dev/mqueue/m; mkdir -p /tmp/.h/.i; echo 2 > /tmp/.h/.i/f", session="main")
    assert {change.path for change in sandbox.evidence.files.scan().changes} >= {
        "/dev/shm/s",
        "/dev/mqueue/m",
        "/tmp/.h/.i/f",
    }


def test_a_tree_that_moves_about_all_the_time_breaks_no_pass(yard: Yard) -> None:
    sandbox = yard.start()
    program = (
        "import os, socket, time\n"
        "os.chdir('/work'); end = time.time() + 1.5\n"
        "while time.time() < end:\n"
        "    os.makedirs('a/b/c'); open('a/b/c/f', 'w').write('x'); os.symlink('/etc', 'a/l')\n"
        "    os.rename('a', 'z'); os.unlink('z/b/c/f'); os.mkdir('z/b/c/f'); os.rmdir('z/b/c/f')\n"
        "    os.rmdir('z/b/c'); s = socket.socket(socket.AF_UNIX); s.bind('z/b/c'); os.unlink('z/b/c')\n"
        "    os.unlink('z/l'); os.rmdir('z/b'); os.rmdir('z')\n"
    )
    sandbox.serve("mover", ["/usr/bin/python3", "-c", program])
    passes = 0
    while any(process.service == "mover" for process in sandbox.evidence.processes.scan()):
        sandbox.evidence.files.scan()
        passes += 1
    assert passes > 3
    assert sandbox.evidence.files.scan(whole=True).complete
    assert [path for path in sandbox.evidence.files.paths() if path.startswith("/work/")] == []


def test_what_is_mounted_below_a_place_is_not_part_of_it() -> None:
    """Each mount is a place of its own; what the kernel shows in /dev/pts is none."""
    watching = FileWatch({"/dev": os.open("/dev", os.O_RDONLY | os.O_DIRECTORY)})
    watching.scan()
    assert watching.state("/dev/null") is not None
    assert not [path for path in watching.paths() if path.startswith("/dev/pts")]
    watching.close()
