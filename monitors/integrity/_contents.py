"""Where which content stands: a record that was renamed or compressed is not a lost one."""

from collections.abc import Iterable
from typing import Any, cast

from ...records import FileChange, FilesObserved, ProbeRead, Record
from ._facts import below

_UNPACKED = "unpacked:"
_GREW = "grew:"


class Contents:
    """Digests of files by path, and of what ``.gz`` files hold, as far as changes have shown them."""

    def __init__(self) -> None:
        self._raw: dict[str, str] = {}
        self._packed: dict[str, str] = {}
        self._coming: dict[str, str] = {}
        self._grew: set[str] = set()
        self._growing: set[str] = set()

    def see(self, record: Record) -> dict[str, str]:
        """Take a record. For changes of files: path → digest of the content that stood there before, files only."""
        event = record.event
        if isinstance(event, FilesObserved):
            return self._take(event.changes)
        value: Any = event.value if isinstance(event, ProbeRead) else None
        if isinstance(event, ProbeRead) and event.probe.startswith(_GREW) and value is True:
            self._growing.add(event.probe.removeprefix(_GREW))
        if isinstance(event, ProbeRead) and isinstance(value, dict):
            value = cast("dict[str, Any]", value)
            if event.probe.startswith(_UNPACKED):
                self._coming[event.probe.removeprefix(_UNPACKED)] = str(value["sha256"])
            elif event.probe == "kept":
                self._raw = {path: str(digest) for path, digest in value.items()}
        return {}

    def _take(self, changes: Iterable[FileChange]) -> dict[str, str]:
        before: dict[str, str] = {}
        for change in changes:
            packed = self._packed.pop(change.path, None)
            if change.before is not None and change.before.sha256 is not None and change.before.size:
                before[change.path] = packed or change.before.sha256
            self._raw.pop(change.path, None)
            if change.after is not None and change.after.sha256 is not None:
                self._raw[change.path] = change.after.sha256
        self._packed |= self._coming
        self._coming = {}
        self._grew, self._growing = self._growing, set()
        return before

    def grew(self, path: str) -> bool:
        """Whether the last change of this file only added to it."""
        return path in self._grew

    def in_place(self, path: str, content: str) -> bool:
        """Whether a file still holds this content under its own name, plain or as ``.gz``."""
        plain = path.removesuffix(".gz")
        return content in (self._raw.get(plain), self._raw.get(f"{plain}.gz"), self._packed.get(f"{plain}.gz"))

    def somewhere(self, content: str, prefixes: Iterable[str]) -> bool:
        """Whether a file that changed below one of the prefixes holds this content."""
        places = [path for held in (self._raw, self._packed) for path, one in held.items() if one == content]
        return any(below(path, prefixes) for path in places)


def way_lost(change: FileChange) -> str:
    """How a content left its path."""
    before, after = change.before, change.after
    if after is None:
        return "delete"
    if after.kind != "file":
        return "replaced"
    return "truncate" if before is not None and after.size < before.size else "overwrite"
