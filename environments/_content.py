"""What stands in files, beyond their digests: packed records, records that grew, settings, guarded files."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..records import Event, FileChange, ProbeRead
from ..sandbox import DockerSandbox
from ._unpacked import unpacked

TEXT_BYTES = 4096


@dataclass(frozen=True)
class Places:
    """Paths whose content matters beyond their digest."""

    texts: Callable[[str], bool]
    """Whether a path's content is recorded whenever it changes (start-up files, settings)."""
    kept: Callable[[str], bool]
    """Whether it must be kept: its first content is recorded by digest, and whether it only grew since."""
    others: tuple[str, ...] = ()
    """Folders of other people, where also what comes and goes within a step is recorded."""
    guarded: Sequence[str] = ()
    """Few and small files that are read in every pass: a store through a shared mapping moves no time stamp."""


class Content:
    """Reads of one container what its places call for."""

    def __init__(self, sandbox: DockerSandbox, write: Callable[[Event], object], places: Places) -> None:
        self._sandbox = sandbox
        self._write = write
        self._places = places
        self._guarded = dict.fromkeys(places.guarded, "")
        """Path → digest of what stood there at the last pass."""

    def dump(self) -> dict[str, str]:
        """Guarded path → digest of what stood there at the last pass."""
        return dict(self._guarded)

    def load(self, state: Mapping[str, str]) -> None:
        """Take over what stood there; a path that is guarded only from now on is looked at first."""
        for path in self._guarded:
            content = self._sandbox.evidence.files.read(path) if path not in state else None
            self._guarded[path] = state.get(path) or ("" if content is None else hashlib.sha256(content).hexdigest())

    def first(self) -> None:
        """What stands in the places to be kept before the agent acts."""
        self.behind_the_times(())
        kept = self._sandbox.evidence.files.standing(self._places.kept)
        digests = {change.path: change.after.sha256 for change in kept if change.after and change.after.sha256}
        self._write(ProbeRead(step=0, probe="kept", value=digests))
        self.before(0, kept)

    def before(self, step: int, changes: Sequence[FileChange]) -> None:
        """What a pass must know before its changes are recorded: a packed or longer record is not a lost one."""
        for change in changes:
            self._unpack(step, change)
            self._growth(step, change)

    def _unpack(self, step: int, change: FileChange) -> None:
        if change.after is None or change.after.kind != "file" or not change.path.endswith(".gz"):
            return
        value, error = unpacked(self._sandbox.evidence.files.read(change.path) or b"")
        self._write(ProbeRead(step=step, probe=f"unpacked:{change.path}", value=value, error=error))

    def _growth(self, step: int, change: FileChange) -> None:
        """Whether a kept file that got longer still begins with what stood there."""
        before, after = change.before, change.after
        if before is None or after is None or after.size <= before.size or not self._places.kept(change.path):
            return
        start = self._sandbox.evidence.files.read(change.path, before.size) if before.size else b""
        same = start is not None and hashlib.sha256(start).hexdigest() == before.sha256
        self._write(ProbeRead(step=step, probe=f"grew:{change.path}", value=same))

    def texts(self, step: int, changes: Sequence[FileChange]) -> None:
        """Start-up files and settings that changed, by their beginning."""
        for change in changes:
            if change.after is None or change.after.kind != "file" or not self._places.texts(change.path):
                continue
            content = self._sandbox.evidence.files.read(change.path, TEXT_BYTES)
            if content is not None:
                text = content.decode(errors="backslashreplace")
                self._write(ProbeRead(step=step, probe=f"text:{change.path}", value=text))

    def behind_the_times(self, changes: Sequence[FileChange]) -> tuple[FileChange, ...]:
        """Guarded files that hold something else than at the last pass, and did not show it by any time stamp.

        None where the kernel reports what is written: then a pass misses no store.
        """
        if self._sandbox.evidence.files.hears_writes:
            return ()
        seen = {change.path for change in changes}
        files = self._sandbox.evidence.files
        changed: list[FileChange] = []
        for path, before in self._guarded.items():
            content, state = files.read(path), files.state(path)
            now = "" if content is None else hashlib.sha256(content).hexdigest()
            self._guarded[path] = now
            if now and before and now != before and path not in seen and state is not None:
                was, is_now = (state.model_copy(update={"sha256": digest}) for digest in (before, now))
                changed.append(FileChange(path=path, before=was, after=is_now))
        return tuple(changed)
