"""Row I4 of the fault matrix (docs/design/security.md §4.2): a hostile tree in a living container, and all who read it.

It is planted from the host, so that devices and a terabyte are among it, which no agent of ours could make. Run
directories that were handed over stand in records/test_faults_handed_over.py.
"""

import json
import os
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from offswitch.environments import unpacked
from offswitch.records import path_text
from offswitch.sandbox import DockerSandbox, TreeMoved, pack, survey
from offswitch.sandbox._aside_files import AsideFiles
from offswitch.sandbox._making import open_roots
from offswitch.sandbox._watchdog import Capture, Guarded

from .hostile_tree import NAMES, TERABYTE, TOKEN, grow
from .yard import Yard

pytestmark = [pytest.mark.docker, pytest.mark.faults]
FAST_S = 20.0
"""Far more than any of it takes, far less than reading a terabyte."""


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file of this host."""
    path = tmp_path / "secret"
    path.write_bytes(TOKEN)
    return path


@pytest.fixture
def beset(yard: Yard, secret: Path) -> DockerSandbox:
    """A container whose /work holds the tree."""
    sandbox = yard.start()
    plant(sandbox, secret)
    return sandbox


def plant(sandbox: DockerSandbox, secret: Path) -> None:
    roots = open_roots(sandbox.pid)
    try:
        grow(Path(f"/proc/self/fd/{roots['/work']}"), secret)
    finally:
        for fd in roots.values():
            os.close(fd)


@pytest.fixture
def soon() -> Generator[None]:
    """The whole of it comes to an end."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < FAST_S


def places() -> list[str]:
    """Every path of the tree as a record would write it, and ways that lead out of it."""
    plain = [
        "absolute",
        "relative",
        "climbing",
        "magic",
        "of_init",
        "descriptor",
        "top",
        "parent",
        "here",
        "one",
        "two",
    ]
    odd = [path_text(name) for name in NAMES]
    others = ["pipe", "zero", "disk", "socket", "set", "hard", "unreadable", "endless.gz", "d", "d/d/d"]
    out = [
        "top/etc/passwd",
        "parent/etc/passwd",
        "../etc/passwd",
        "here/absolute",
        "d/../absolute",
        "top/proc/1/environ",
    ]
    return [f"/work/{name}" for name in (*plain, *odd, *others, *out)]


def contents(read: Callable[[str], bytes | None]) -> dict[str, bytes]:
    """What a reader gives of every path."""
    return {path: found for path in places() if (found := read(path)) is not None}


def test_i4_the_search_sees_a_reader_that_follows_links(beset: DockerSandbox, secret: Path) -> None:
    """Row I4, the positive control: plain reading through the host's view of the container shows the host's file."""
    roots = open_roots(beset.pid)
    work = Path(f"/proc/self/fd/{roots['/work']}")

    def naive(path: str) -> bytes | None:
        file = work / path.removeprefix("/work/")
        return file.read_bytes() if file.name in ("absolute", "magic") else None

    assert set(contents(naive)) >= {"/work/absolute", "/work/magic"}
    assert TOKEN in b"".join(contents(naive).values())
    for fd in roots.values():
        os.close(fd)


def test_i4_the_host_s_view_reads_no_byte_of_the_host_and_comes_to_an_end(beset: DockerSandbox, soon: None) -> None:
    """Row I4: passes, whole passes and reads; a depth that is too much is a loss, told and not hidden."""
    files = beset.evidence.files
    found = files.scan()
    assert not found.complete, "folders below the greatest depth were not seen"
    whole = files.scan(whole=True)
    assert whole.digest == found.digest
    read = contents(files.read)
    assert TOKEN not in b"".join(read.values())
    assert read["/work/set"] == read["/work/hard"] == b"set"
    assert read["/work/unreadable"] == b"none of yours"
    assert {path for path in read if "passwd" in path or "absolute" in path} == set()
    for name in NAMES:
        assert read[f"/work/{path_text(name)}"] == name
    kinds = {path: state.kind for path in files.paths() if (state := files.state(path))}
    assert (kinds["/work/pipe"], kinds["/work/zero"], kinds["/work/disk"]) == ("fifo", "char", "block")
    assert kinds["/work/socket"] == "socket"
    assert [line["path"] for line in json.loads(files.manifest())] == files.paths()
    assert len(files.read("/work/sparse", 1 << 20) or b"") == 1 << 20
    state = files.state("/work/sparse")
    assert state is not None
    assert state.size == TERABYTE
    assert unpacked(read["/work/endless.gz"])[0] is None


def test_i4_a_snapshot_takes_no_byte_of_the_host(beset: DockerSandbox, soon: None) -> None:
    """Row I4: what a branch would begin with holds links as links and a terabyte as its few bytes."""
    files = beset.evidence.files
    files.scan(whole=True)
    try:
        packed = pack(files, survey(files))
    except TreeMoved:
        pytest.fail("nothing moves here")
    assert TOKEN not in packed.pack
    assert len(packed.pack) < 64 << 20
    assert b"far out" in packed.pack


def test_i4_the_sidecar_s_view_is_the_host_s(
    yard: Yard, secret: Path, monkeypatch: pytest.MonkeyPatch, soon: None
) -> None:
    """Row I4: for users without rights over the container; the same tree by the same rules."""
    monkeypatch.setattr("offswitch.sandbox._container.needs_aside", lambda: True)
    sandbox = yard.start()
    plant(sandbox, secret)
    files = sandbox.evidence.files
    assert isinstance(files, AsideFiles)
    assert not files.scan().complete
    read = contents(files.read)
    assert TOKEN not in b"".join(read.values())
    assert read["/work/set"] == b"set"
    assert {path for path in read if "passwd" in path or "absolute" in path} == set()
    for name in NAMES:
        assert read[f"/work/{path_text(name)}"] == name


def test_i4_what_the_watchdog_takes_down_holds_no_byte_of_the_host(beset: DockerSandbox, soon: None) -> None:
    """Row I4: in a hurry, and with the names that the records would write."""
    pidfd = os.pidfd_open(beset.pid)
    paths = {name: str(path) for name, path in beset.evidence.cgroup.paths.items()}
    one = Guarded(beset.spec.name, beset.pid, paths, "", pidfd, os.dup(pidfd))
    try:
        taken: dict[str, Any] = Capture(one, time.monotonic() + 5.0).take()
    finally:
        one.forget()
    assert TOKEN.decode() not in json.dumps(taken)
    found = {entry["path"]: entry for entry in taken["files"]}
    assert found["/work/absolute"]["kind"] == "link"
    assert found["/work/sparse"]["size"] == TERABYTE
    assert "sha256" not in found["/work/sparse"]
    assert found["/work/zero"]["kind"] == "other"
    assert {f"/work/{path_text(name)}" for name in NAMES} <= found.keys()
    assert any("too deep" in line for line in taken["unread"])


def test_i4_the_agent_s_own_tools_read_as_the_agent_and_wait_for_nobody(beset: DockerSandbox, soon: None) -> None:
    """Row I4: links lead where they lead inside; a pipe, a device and a socket are errors."""
    for name in ("pipe", "zero", "disk", "socket", "one", "d", "unreadable", "absolute", "magic"):
        found = beset.read(f"/work/{name}")
        assert found.error, name
        assert found.data == b""
    assert len(beset.read("/work/sparse", most=1 << 20).data) == 1 << 20
    assert TOKEN not in beset.read("/work/top/etc/passwd").data
