"""A container on another machine's engine: nothing of it is in our /proc, and no file of ours is in it by a mount.

Our program is in its image (`carried`). All evidence comes from the sidecar: acts wait for it, files and processes are
read by it, and the posture is what it sees there, held against the namespaces that the engine's machine has. Numbers
of processes are the container's own. The end comes through the sidecar, else through the engine. Nothing is frozen or
captured when this process dies: its streams end, and with them PID 1.
"""

import time
from contextlib import suppress
from dataclasses import replace

from ._aside import Aside
from ._aside_acts import AsideListener
from ._aside_files import AsideFiles
from ._container import DockerSandbox
from ._distant_cgroup import DistantCgroup
from ._errors import SandboxError, StartFailed
from ._halt import halt_beside
from ._keeper import keeper
from ._kinds import ended_at_once
from ._making import start
from ._mounts import parse_mounts
from ._peeked import PeekedProcesses
from ._peeked_look import PeekedLook
from ._sentry import sentry
from ._spaces import spaces
from ._spec import Evidence
from ._types import HaltReport

_DYING_S = 0.5
_DEAD_S = 5.0
_NOBODY = -1


class DistantSandbox(DockerSandbox):
    """A running container of that kind."""

    def come_up(self) -> None:
        if not start(self._engine, self.spec.name, self.id):
            raise ended_at_once(self.spec.name, self._link.last_words())
        self.pid = 1
        self.profile = replace(self.profile, carried=True)
        aside = self._aside = self._beside = Aside.start(self._engine, self.spec, self.id)
        self._owned.callback(aside.close)
        self.evidence = self._through(aside)
        acts = self.evidence.acts
        self._link.watch(acts.fileno(), acts.fault)
        self._owned.callback(sentry().guard(acts, self._end_for_good, _NOBODY))
        self._hello()
        keeper().add(self._link)

    def _through(self, aside: Aside) -> Evidence:
        """Every channel, as the sidecar sees it. Raises `StartFailed` and the sandbox's errors."""
        (beside,) = aside.peek([("l", "/proc/self/ns/mnt")])  # the machine's own mounts nobody can join to tell of them
        hosts = spaces(self._engine, self.spec.image, str(self.spec.supervisor))
        look = PeekedLook(aside, {**hosts, "mnt": beside.data.decode()})
        try:
            mounted = parse_mounts(look.text(1, "mountinfo"))
            cgroup = DistantCgroup(aside, mounted, look.text(1, "cgroup"))
        except OSError as error:
            raise StartFailed("looking at the container's first process", self.spec.name, str(error)) from error
        self._cgroup = cgroup
        acts = AsideListener(aside, self.spec.scratch / f"{self.spec.name}.acts")
        self._owned.callback(acts.close)
        files = AsideFiles(aside, mounted, int)
        processes = PeekedProcesses(aside, cgroup, lambda: not self.alive)
        return Evidence(cgroup, files, processes, acts, look=look, source="sidecar")

    @property
    def alive(self) -> bool:
        """Whether PID 1 still runs: the sidecar lives in its namespace and dies with it, else the engine is asked."""
        if self._closed or self._halted is not None:
            return False
        end = time.monotonic() + (_DYING_S if self._link.lost else 0.0)
        while self._beside.alive and time.monotonic() < end:
            time.sleep(0.01)
        return not self._link.lost if self._beside.alive else self._is_running()

    def _is_running(self) -> bool:
        """By the engine's word; of one that does not answer nothing is known, and nothing more can be done there."""
        with suppress(SandboxError):
            return self.exit_state()["Status"] in ("running", "paused")
        return False

    def kill(self) -> HaltReport:
        if self._halted is None:
            assert self._cgroup is not None, "a started container has a control group"
            with suppress(SandboxError):  # the sidecar is gone: then the engine has to do it
                self._halted = halt_beside(self._beside, self._cgroup, self.pid, self._acts_since)
            if self._halted is None or self._halted.survivors:
                self._halted = self._halt_by_engine()
        return self._halted

    def _halt_by_engine(self) -> HaltReport:
        ordered = time.monotonic_ns()
        self._end_for_good()
        end = time.monotonic() + _DEAD_S
        while (there := self._is_running()) and time.monotonic() < end:
            time.sleep(0.05)
        return HaltReport(
            route="none" if there else "engine",
            order_mono_ns=ordered,
            latency_s=(time.monotonic_ns() - ordered) / 1e9,
            cpu_ns_after_order=None,
            survivors=(self.pid,) if there else (),
            acts_after_order=None,
        )

    def _end_for_good(self) -> bool:
        """Have the engine kill it; it is no error that it was dead, and one that does not answer is seen elsewhere."""
        with suppress(SandboxError):
            self._kill_by_engine()
        return True
