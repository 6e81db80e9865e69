"""A container that may have a kernel of its own (gVisor), for who does without ours by name (``--without kernel``).

This machine's kernel then shows the sandbox and nothing in it. So the places are volumes of the engine, read from the
host where we may (G2), else by the archive API (G1); who runs, and who PID 1 and the agent are, PID 1 tells through the
container's own /proc (G0). What is worth too little for a verdict is lost by name from the first record on.
"""

import os
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..records import Channel, Grade
from ._archive_files import ArchiveFiles
from ._aside import Peeked, needs_aside
from ._attest import LOOKS, refusal
from ._cgroup import Cgroup
from ._container import DockerSandbox
from ._errors import ContainerGone, StartFailed
from ._files import FileWatch, Pass
from ._guarantees import CHOSEN, GUARANTEES
from ._guest_posture import TOLD, Inside, differing, inside, looser, missing
from ._keeper import keeper
from ._link import Link
from ._peeked import PeekedProcesses
from ._profile import OPS_UID, SHARED_MEMORY, Profile
from ._shelf import Shelf
from ._spec import Evidence, Weakness
from ._types import Entry
from ._unmediated import NoActs
from ._wire import Reader, Request, text, u32
from ._writes import WriteWatch

_PEEK_S = 10.0
_ROOT_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_INSIDE = "told by our first process inside, through a kernel that is not this machine's"
BY_ARCHIVE = "by the engine's archives: its word alone, without sockets and what is done and undone between two passes"
_UNMEDIATED = "nothing waits until it is recorded"


class PeekedByInit:
    """PID 1 looks."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def peek(self, items: Sequence[tuple[str, str]]) -> list[Peeked]:
        """See `Peeker`."""
        if not items:
            return []
        payload = u32(len(items)) + b"".join(kind.encode() + text(path) for kind, path in items)
        answer = Reader(self._link.call(Request.PEEK, payload, _PEEK_S).payload)
        return [Peeked(answer.u32(), answer.raw(answer.u32())) for _ in items]


class GuestFiles(FileWatch):
    """The volumes as the host sees them. Who maps their files is the sandbox, whose processes are asked for that."""

    def __init__(self, roots: dict[str, int], cgroup: Cgroup) -> None:
        super().__init__(roots, WriteWatch.open(roots))
        self._sandbox = cgroup

    def scan(self, processes: Iterable[int] = (), *, whole: bool = False) -> Pass:
        del processes
        return super().scan(self._sandbox.pids(), whole=whole)


class GuestSandbox(DockerSandbox):
    """A running container of that kind."""

    def come_up(self) -> None:
        cgroup = self._started()
        self._peeker = PeekedByInit(self._link)
        self._hello()
        files = self._files(cgroup)
        self._owned.callback(files.close)
        processes = PeekedProcesses(self._peeker, cgroup, lambda: not self.alive)
        weak = {
            Channel.EXECS: Weakness(Grade.G0, _UNMEDIATED),
            Channel.PROCESSES: Weakness(Grade.G0, _INSIDE),
            Channel.POSTURE: Weakness(Grade.G0, f"given up by name: {_INSIDE}", lost=False),
            **self._weak_files(files, is_shut=self._shut_devices()),
        }
        self.evidence = Evidence(cgroup, files, processes, NoActs(), source="inside", weak=weak)
        self._prove_that_files_are_seen()
        keeper().add(self._link)

    def _files(self, cgroup: Cgroup) -> FileWatch:
        roots = {} if needs_aside() else self._open_volumes()
        if roots:
            return GuestFiles(roots, cgroup)
        shelf = Shelf.start(self._engine, self.spec, self.id)
        self._owned.callback(shelf.close)
        return ArchiveFiles(shelf)

    def _weak_files(self, files: FileWatch, *, is_shut: bool) -> dict[Channel, Weakness]:
        if isinstance(files, ArchiveFiles):
            return {Channel.FILES: Weakness(Grade.G1, BY_ARCHIVE)}
        return {} if is_shut else {Channel.FILES: Weakness(Grade.G2, "the agent can write to /dev, which nobody sees")}

    def _shut_devices(self) -> bool:
        """Give /dev to our own identity: it is no volume, and what root inside put there would stay unseen.

        Whether the agent can write there now is tried.
        """
        failed = self.install([Entry("/dev", kind="dir", mode=0o755, uid=OPS_UID, gid=OPS_UID)])
        tried = self.exec(["/bin/bash", "-c", "> /dev/.tried"], cwd="/")
        return not failed and not tried.ok

    def _open_volumes(self) -> dict[str, int]:
        """A descriptor of every place, where all stand in memory of this machine; else {}."""
        with self._engine.phase("asking for the places", self.spec.name):
            mounts: list[dict[str, Any]] = self._engine.api.inspect_container(self.id)["Mounts"]
        sources = {one["Destination"]: Path(one["Source"]) for one in mounts if one["Type"] == "volume"}
        if not sources or not all(source.is_mount() for source in sources.values()):
            return {}
        return {where: os.open(source, _ROOT_FLAGS) for where, source in sources.items()}

    def _prove_that_files_are_seen(self) -> None:
        """What PID 1 puts into each place has to come out of the evidence, or that reads something else."""
        mark = f".seen-{uuid.uuid4().hex}"
        files = self.evidence.files
        for place in (*(one.path for one in self.profile.places), SHARED_MEMORY):
            path = f"{place}/{mark}"
            failed = self.install([Entry(path, mark.encode())])
            seen = files.read(path, 64)
            self.remove(path)
            if failed or seen != mark.encode():
                cause = f"what our first process put there is not in the evidence ({seen!r}, {failed})"
                raise StartFailed("looking at a writable place", f"{self.spec.name}:{place}", cause)
        files.forget_writes()

    def _attested(self) -> dict[str, Any]:
        found = inside(self._inside(), [self._agent_pid()])
        told, lacks = looser(self.profile, found), missing(self.profile, found)
        if told:
            raise refusal(self.profile, told, lacks)
        return {**found, "not_enforced": [name for name in self.profile.without if name in {*CHOSEN, *lacks}]}

    def attest_again(self) -> list[str]:
        if not self.alive:
            raise ContainerGone("attesting the container again", self.spec.name, "its first process has ended")
        others = [process.pid for process in self.evidence.processes.look()]
        try:
            return looser(self.profile, inside(self._inside(), others))
        except OSError as error:
            raise ContainerGone("attesting the container again", self.spec.name, str(error)) from error

    def shortfalls(self, profile: Profile) -> tuple[dict[str, str], frozenset[str]]:
        wrong = differing(profile.lowered(*CHOSEN), self.evidence.posture)
        told = {name: f"{name} is {have!r}, wanted {want!r}" for name, (have, want) in wrong.items()}
        return told, frozenset({*LOOKS, *GUARANTEES}) - TOLD

    def _inside(self) -> Inside:
        return Inside(self._peeker, self.pid, self.evidence.cgroup)
