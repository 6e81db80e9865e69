"""The channels of a container on this machine: read by this process, or through the evidence sidecar."""

from contextlib import ExitStack

from ._acts import Listener
from ._aside import Aside
from ._aside_acts import AsideListener
from ._aside_files import AsideFiles
from ._aside_processes import AsideLook, AsideProcesses
from ._cgroup import Cgroup
from ._errors import StartFailed
from ._files import FileWatch
from ._ids import Ids
from ._making import open_roots
from ._mounts import all_mounts
from ._processes import ProcessWatch
from ._spec import ContainerSpec, Evidence
from ._writes import WriteWatch


def from_host(spec: ContainerSpec, pid: int, cgroup: Cgroup, owned: ExitStack) -> Evidence:
    """As this process reads them, which has rights over the container's; ``owned`` closes them.

    ``pid`` is the first process, as the host counts. Raises `StartFailed`.
    """
    acts = Listener(spec.supervisor, spec.scratch / f"{spec.name}.acts")
    owned.callback(acts.close)
    acts.attach(pid)
    roots = open_roots(pid)
    ids = Ids.of(pid)
    files = FileWatch(roots, WriteWatch.open(roots), ids)
    owned.callback(files.close)
    return Evidence(cgroup, files, ProcessWatch(cgroup, pid, ids), acts)


def from_beside(spec: ContainerSpec, pid: int, cgroup: Cgroup, aside: Aside, owned: ExitStack) -> Evidence:
    """As a sidecar reads them, for a user without such rights."""
    acts = AsideListener(aside, spec.scratch / f"{spec.name}.acts")
    owned.callback(acts.close)
    try:
        files = AsideFiles(aside, all_mounts(pid))
    except OSError as error:
        raise StartFailed("opening the writable places", spec.name, str(error)) from error
    processes = AsideProcesses(aside, cgroup, pid, Ids.of(pid))
    return Evidence(cgroup, files, processes, acts, look=AsideLook(aside), source="sidecar")
