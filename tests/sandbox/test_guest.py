"""A container that this machine's kernel does not show: what is read of it all the same, and what is lost by name.

On this engine's own runtime, whose kernel would show everything: who does without has the same container anywhere, and
here both readers of its files can be held against each other. Under gVisor for real: test_gvisor.py.
"""

import os
import stat
import time
from collections.abc import Generator, Sequence
from typing import Any

import pytest

from offswitch.records import Channel, Grade
from offswitch.sandbox import ROOTFUL, SEALED, DockerSandbox, Engine, Entry, PostureError, StartFailed
from offswitch.sandbox import _making as making
from offswitch.sandbox._archive import Bounds, Download
from offswitch.sandbox._archive_files import ArchiveFiles
from offswitch.sandbox._guest import BY_ARCHIVE, GuestSandbox
from offswitch.sandbox._profile import container_config
from offswitch.sandbox._shelf import Shelf

from .yard import Within, Yard

pytestmark = pytest.mark.docker
APART = ("kernel", "mediation")
HOSTILE = r"""
import os, socket
os.chdir('/work')
os.mkdir('d'); os.mkdir('d/e'); os.chmod('d', 0o1750)
open('d/f', 'w').write('content'); os.link('d/f', 'further'); os.link('d/f', 'd-f'); os.chmod('d/f', 0o4755)
open('shut', 'w').write('secret'); os.chmod('shut', 0)
os.symlink('/etc/shadow', 'out'); os.symlink('../../../..', 'up'); os.symlink('d', 'into')
for name in (b'\xff\xfe', b'line\nfeed', b'back\\slash', b'\\xff', b' ', b'-rf', 'é'.encode(), b'n' * 255):
    open(name, 'wb').write(name)
deep = 'x'
for _ in range(60):
    os.mkdir(deep); deep += '/' + 'x' * 40 if len(deep) < 3000 else '/x'
held = open('unlinked', 'w'); os.unlink('unlinked'); held.write('unseen'); held.flush()
open('/tmp/whole', 'wb').write(os.urandom(9 << 20))
open('/tmp/holes', 'wb'); os.truncate('/tmp/holes', 200 << 10); os.truncate('/tmp/holes', 20 << 20)
open('/dev/shm/s', 'w').write('shared'); os.utime('/dev/shm/s', (-5, -5))
"""


def python(sandbox: DockerSandbox, program: str) -> None:
    result = sandbox.exec(["/usr/bin/python3", "-c", program], timeout_s=30)
    assert result.ok, result.stderr


@pytest.fixture(scope="module")
def guest(shared_yard: Yard) -> DockerSandbox:
    return shared_yard.start(SEALED.lowered(*APART))


@pytest.fixture
def shelf(yard: Yard) -> Generator[tuple[DockerSandbox, Shelf]]:
    """A container of its own, and the shelf that a user without rights on the host would have."""
    sandbox = yard.start(SEALED.lowered(*APART))
    shelf = Shelf.start(yard.engine, sandbox.spec, sandbox.id)
    yield sandbox, shelf
    shelf.close()


def test_the_archives_and_the_host_give_one_manifest_for_a_tree_that_both_can_read(
    shelf: tuple[DockerSandbox, Shelf],
) -> None:
    sandbox, kept = shelf
    python(sandbox, HOSTILE)
    host, archive = sandbox.evidence.files, ArchiveFiles(kept)
    os.mkfifo("fifo", dir_fd=host.roots["/work"])  # inside, no filter lets it through
    os.mknod("device", 0o600 | stat.S_IFCHR, os.makedev(1, 3), dir_fd=host.roots["/work"])
    of_host, found = host.scan(whole=True), archive.scan()
    assert (of_host.complete, found.complete, found.unread) == (True, True, ())
    assert found.entries == of_host.entries > 80
    assert archive.manifest() == host.manifest()
    assert found.digest == of_host.digest
    for path in ("/work/d/f", "/work/d-f", "/work/shut", "/work/line\nfeed", "/work/\\xff\\xfe", "/dev/shm/s"):
        assert archive.read(path) == host.read(path) is not None
    assert archive.read("/work/out") is archive.read("/work/into/f") is None
    assert archive.scan().changes == ()


def test_what_no_archive_tells_of_is_known(shelf: tuple[DockerSandbox, Shelf]) -> None:
    """Sockets are not in it: the channel says so from the first record on."""
    sandbox, kept = shelf
    python(sandbox, "import socket; socket.socket(socket.AF_UNIX).bind('/work/s')")
    archive = ArchiveFiles(kept)
    archive.scan()
    sandbox.evidence.files.scan()
    assert "/work/s" in sandbox.evidence.files.paths()
    assert "/work/s" not in archive.paths()
    assert "without sockets" in BY_ARCHIVE


def test_a_terabyte_locks_nobody_out(shelf: tuple[DockerSandbox, Shelf], engine: Engine, eventually: Within) -> None:
    """A client that stopped reading would wedge every call about the container; one that hangs up does not."""
    sandbox, kept = shelf
    python(
        sandbox,
        "import os; open('/work/f', 'w').write('x'); open('/work/huge', 'w'); os.truncate('/work/huge', 1 << 27)",
    )
    archive = ArchiveFiles(kept, Bounds(file_bytes=1 << 20))
    started = time.monotonic()
    found = archive.scan()
    assert time.monotonic() - started < 20
    assert [one.partition(":")[0] for one in found.unread] == ["/work"]
    assert archive.state("/work/huge") is not None
    started = time.monotonic()
    for one in (kept.id, sandbox.id):
        assert engine.api.inspect_container(one)["State"]["Running"]
    assert sandbox.kill().empty
    assert time.monotonic() - started < 5


def test_an_archive_that_passes_its_time_is_hung_up_on(shelf: tuple[DockerSandbox, Shelf]) -> None:
    sandbox, kept = shelf
    python(sandbox, "import os; open('/tmp/long', 'w'); os.truncate('/tmp/long', 200 << 20)")
    archive = ArchiveFiles(kept, Bounds(file_bytes=1 << 30, total_bytes=1 << 32, wall_s=0.2))
    started = time.monotonic()
    found = archive.scan()
    assert not found.complete
    assert all("more than" in one or "not answer" in one for one in found.unread)
    assert time.monotonic() - started < 5


def test_the_files_are_there_after_the_end_and_gone_with_the_shelf(
    shelf: tuple[DockerSandbox, Shelf], engine: Engine
) -> None:
    sandbox, kept = shelf
    sandbox.exec("echo last > /work/f")
    archive = ArchiveFiles(kept)
    before = archive.scan()
    volumes = {one["Name"] for one in engine.api.inspect_container(sandbox.id)["Mounts"] if one["Type"] == "volume"}
    sandbox.kill()
    after = archive.scan()
    assert (after.complete, after.changes, after.digest) == (True, (), before.digest)
    assert archive.read("/work/f") == b"last\n"
    kept.close()
    gone = archive.scan()
    assert (gone.complete, gone.changes) == (False, ())
    sandbox.close()
    present: list[dict[str, str]] = engine.api.volumes()["Volumes"] or []
    left = {one["Name"] for one in present}
    assert len(volumes) == 5
    assert not volumes & left


def test_what_is_lost_is_said_by_name(guest: DockerSandbox) -> None:
    assert isinstance(guest, GuestSandbox)
    weak = guest.evidence.weak
    assert {channel: one.grade for channel, one in weak.items() if one.lost} == {
        Channel.EXECS: Grade.G0,
        Channel.PROCESSES: Grade.G0,
    }
    assert guest.evidence.posture["not_enforced"] == ["kernel", "mediation"]
    assert guest.profile.name == "sealed-without-kernel-without-mediation"
    assert (guest.evidence.source, guest.evidence.acts.alive) == ("inside", False)


def test_not_even_root_inside_may_write_where_nobody_looks(yard: Yard) -> None:
    sandbox = yard.start(ROOTFUL.lowered(*APART))
    assert Channel.FILES not in sandbox.evidence.weak
    tries = "touch /dev/x; chmod 777 /dev; chown 0 /dev; mkdir /dev/mqueue/x; touch /x /proc/x /sys/x; ls -A /dev"
    assert b"x" not in sandbox.exec(tries).stdout.split()


def test_a_place_where_the_agent_may_write_and_nobody_looks_is_a_loss(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def left_open(self: GuestSandbox, entries: Sequence[Entry]) -> dict[str, int]:
        return DockerSandbox.install(self, [entry for entry in entries if entry.path != "/dev"])

    monkeypatch.setattr(GuestSandbox, "install", left_open)
    weak = yard.start(ROOTFUL.lowered(*APART)).evidence.weak[Channel.FILES]
    assert (weak.lost, weak.grade) == (True, Grade.G2)
    assert "/dev" in weak.why


def test_processes_are_told_by_our_program_inside_as_they_are(guest: DockerSandbox) -> None:
    guest.exec("(exec -a renamed env LD_PRELOAD=/x.so sleep 60) 2>/dev/null & sleep 0.1", session="work")
    (one,) = [process for process in guest.evidence.processes.scan() if process.argv[-1] == "60"]
    assert (one.uid, one.session, one.comm, one.state) == (SEALED.agent_uid, "work", "sleep", "S")
    assert 1 not in {process.pid for process in guest.evidence.processes.scan()}
    guest.exec("kill %1; wait", session="work")


def test_the_agent_cannot_end_who_tells(guest: DockerSandbox) -> None:
    guest.exec("kill -9 1; kill -9 -1")
    assert guest.exec("true").ok
    assert guest.attest_again() == []


def test_a_container_that_is_looser_is_refused(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    def loose(*of_spec: Any, **network: Any) -> dict[str, Any]:
        config = container_config(*of_spec, **network)
        config["HostConfig"]["ReadonlyRootfs"] = False
        return config

    monkeypatch.setattr(making, "container_config", loose)
    with pytest.raises(PostureError, match="writable"):
        yard.start(SEALED.lowered(*APART))
    assert yard.present() == []


def test_a_place_that_the_evidence_does_not_show_keeps_the_container_from_starting(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A positive control: what our first process puts into each place has to come out of the reader."""

    def nowhere(_: GuestSandbox) -> dict[str, int]:
        return {}

    def of_nobody(_: Shelf, path: str, bounds: Bounds) -> Download:
        return Download(yard.engine, "nobody", path, bounds)

    monkeypatch.setattr(GuestSandbox, "_open_volumes", nowhere)
    monkeypatch.setattr(Shelf, "open", of_nobody)
    with pytest.raises(StartFailed, match="not in the evidence"):
        yard.start(SEALED.lowered(*APART))
    assert yard.present() == []


@pytest.mark.parametrize("name", APART)
def test_one_is_not_given_up_without_the_other(name: str, yard: Yard) -> None:
    with pytest.raises(StartFailed, match="nothing is mediated") as refused:
        yard.start(SEALED.lowered(name))
    assert "--without kernel --without mediation" in refused.value.remedy
    assert yard.present() == []
