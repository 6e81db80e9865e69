"""The kill ladder: ends a container from the host, and measures what it did after the order."""

import signal
import time
from collections.abc import Callable

from ._aside import Aside, Ask
from ._cgroup import Cgroup, signal_process
from ._errors import SandboxError
from ._types import HaltReport

RUNG_S = 2.0
"""How long each rung may take before the next one is tried."""


def halt(
    cgroup: Cgroup,
    pidfd: int,
    by_engine: Callable[[], None],
    acts_since: Callable[[int], int | None] = lambda _: None,
) -> HaltReport:
    """Empty the control group: by the kernel's own kill, through PID 1, by the engine, in that order.

    A frozen group is thawed first: a v1-frozen process takes no signal, and no kill waits for a freeze.
    ``acts_since`` counts the mediated acts that asked after a moment of the monotonic clock.
    """
    ordered = time.monotonic_ns()
    cpu_before = cgroup.cpu_ns()
    meter = _Meter(cgroup)
    cgroup.thaw()
    route = "none"
    for name, pull in _rungs(cgroup, pidfd, by_engine):
        if pull() and meter.wait_empty():
            route = name
            break
        meter.read()
    return HaltReport(
        route=route,
        order_mono_ns=ordered,
        latency_s=(time.monotonic_ns() - ordered) / 1e9,
        cpu_ns_after_order=None if cpu_before is None or meter.cpu_ns is None else meter.cpu_ns - cpu_before,
        survivors=tuple(cgroup.pids()),
        acts_after_order=acts_since(ordered),
    )


def halt_beside(aside: Aside, cgroup: Cgroup, init: int, acts_since: Callable[[int], int | None]) -> HaltReport | None:
    """End everybody but PID 1 through the sidecar, in one call that no fork escapes; None where that failed.

    PID 1 is ours and starts nothing unless we ask. Whoever is left counts as a survivor, by the control group.
    """
    ordered, cpu_before = time.monotonic_ns(), cgroup.cpu_ns()
    try:
        aside.call(Ask.KILL, timeout_s=2 * RUNG_S)
    except SandboxError:
        return None
    latency_s, cpu_after = (time.monotonic_ns() - ordered) / 1e9, cgroup.cpu_ns()
    return HaltReport(
        route="sidecar",
        order_mono_ns=ordered,
        latency_s=latency_s,
        cpu_ns_after_order=None if cpu_before is None or cpu_after is None else cpu_after - cpu_before,
        survivors=tuple(pid for pid in cgroup.pids() if pid != init),
        acts_after_order=acts_since(ordered),
    )


def _rungs(cgroup: Cgroup, pidfd: int, by_engine: Callable[[], None]) -> tuple[tuple[str, Callable[[], bool]], ...]:
    """Each returns whether it could be tried."""

    def ask_engine() -> bool:
        try:
            by_engine()
        except SandboxError:  # an engine that is down or refuses is a rung that broke; the survivors are reported
            return False
        return True

    return (
        ("cgroup.kill", cgroup.kill),
        ("pid1", lambda: signal_process(pidfd, signal.SIGKILL)),
        ("engine", ask_engine),
    )


class _Meter:
    """Waits for a group to be empty, and keeps the last processor time that it could read after the order."""

    def __init__(self, cgroup: Cgroup) -> None:
        self._cgroup = cgroup
        self.cpu_ns: int | None = None

    def read(self) -> None:
        """A group that is gone already says nothing; what it said before stays."""
        now = self._cgroup.cpu_ns()
        self.cpu_ns = self.cpu_ns if now is None else now

    def wait_empty(self) -> bool:
        end = time.monotonic() + RUNG_S
        while time.monotonic() < end:
            self.read()
            if self._cgroup.population() == 0:
                return True
            time.sleep(0.0005)
        return False
