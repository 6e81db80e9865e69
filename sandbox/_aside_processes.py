"""Who runs in the container: the host's /proc as far as anybody may read it, and the rest through the sidecar."""

import errno
import os
from collections.abc import Iterable, Sequence

from ..records import ProcessSeen, path_text
from ._aside import Aside, container_pid
from ._cgroup import Cgroup
from ._errors import EvidenceLost
from ._ids import Ids
from ._look import host_text, own_namespaces, still_there
from ._peeked_look import PeekedLook
from ._processes import ProcessWatch, preload_of

_ENVIRON_MOST = 65536


class AsideProcesses(ProcessWatch):
    """Members of the control group; program and preloads of each come from the sidecar."""

    def __init__(self, aside: Aside, cgroup: Cgroup, init_host_pid: int, ids: Ids) -> None:
        super().__init__(cgroup, init_host_pid, ids)
        self._aside = aside

    def look(self, pids: Iterable[int] | None = None) -> list[ProcessSeen]:
        seen = super().look(pids)
        items = [item for one in seen for item in (("l", f"/proc/{one.pid}/exe"), ("r", f"/proc/{one.pid}/environ"))]
        if not items:
            return seen
        try:
            found = self._aside.peek(items)
        except EvidenceLost:
            if super().look():  # whoever still runs would go unseen
                raise
            return []
        return [
            one.model_copy(
                update={
                    "exe": path_text(program.data) if not program.error else "",
                    "preload": preload_of(environment.data[:_ENVIRON_MOST]) if not environment.error else one.preload,
                }
            )
            for one, program, environment in zip(seen, found[::2], found[1::2], strict=True)
        ]


class AsideLook(PeekedLook):
    """What only who has rights over a process sees of it in /proc; paths carry the host's numbers."""

    here = True

    def __init__(self, aside: Aside) -> None:
        super().__init__(aside)

    def text(self, pid: int, below: str) -> str:
        return host_text(pid, below)

    def hosts(self) -> dict[str, str]:
        return own_namespaces()

    def links(self, pid: int, below: Sequence[str]) -> list[str | None]:
        found = self._peek("l", pid, below, (errno.ENOENT,))
        return still_there(pid, [None if one.error else os.fsdecode(one.data) for one in found])

    def _number(self, pid: int) -> int:
        return container_pid(pid)
