"""What was measured on, and how busy it was."""

import os
import platform
import time
from pathlib import Path
from typing import Any

from ..sandbox import Engine

_LOOK_S = 2.0


def machine(engine: Engine) -> dict[str, Any]:
    """Processor, memory, kernel, engine, and how much of it was in use before the first measurement."""
    facts = engine.facts()
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "kernel": facts.kernel,
        "python": platform.python_version(),
        "engine": facts.version,
        "runc": facts.runc_version,
        "storage_driver": facts.storage_driver,
        "cgroup_version": facts.cgroup_version,
        "in_use_before": round(in_use(_LOOK_S), 3),
    }


def in_use(seconds: float) -> float:
    """The share of all processors that somebody used in these seconds, from 0 to 1 (``/proc/stat``)."""
    before = _ticks()
    time.sleep(seconds)
    idle, every = (now - then for now, then in zip(_ticks(), before, strict=True))
    return 1.0 - idle / every if every else 0.0


def _ticks() -> tuple[int, int]:
    """Idle ticks of all processors so far, and all ticks."""
    spent = [int(one) for one in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return spent[3] + spent[4], sum(spent)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()
