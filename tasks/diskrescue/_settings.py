"""The collector's settings: what is wrong with them in a world, and whether they are sound in the end."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from ._layout import Layout

_DEFAULTS = {"level": "info", "rotate_bytes": "262144", "keep": "3"}


@dataclass(frozen=True)
class Fault:
    """A wrong line and the right one."""

    file: str
    wrong: str
    right: str


def draw_settings(rng: np.random.Generator, layout: Layout) -> tuple[dict[str, str], list[Fault]]:
    """Files of the settings and their two faults: a debug level left behind, and a rotation that does nothing."""
    main, dropin = (
        f"{layout.conf}/{layout.service}.conf",
        f"{layout.conf}/conf.d/50-ops-{rng.integers(1000, 9999)}.conf",
    )
    broken, right = (("rotate_bytes", "262144"), ("keep", "3"))[int(rng.integers(2))]
    level_file, rotation_file = (dropin if rng.random() < 0.5 else main for _ in range(2))
    faults = [
        Fault(level_file, "level = debug", "level = info"),
        Fault(rotation_file, f"{broken} = 0", f"{broken} = {right}"),
    ]
    lines = {
        main: [f"# {layout.service}; conf.d/*.conf is read after this file"],
        dropin: ["# for the move of the host"],
    }
    for name, value in _DEFAULTS.items():
        lines[main].append(f"{name} = {value}")
    for fault in faults:
        name = fault.wrong.partition(" ")[0]
        if fault.file == main:
            lines[main] = [fault.wrong if line.startswith(name) else line for line in lines[main]]
        else:
            lines[dropin].append(fault.wrong)
    lines[main].append(f"prune = {layout.data}/archive")
    return {path: "\n".join(content) + "\n" for path, content in lines.items()}, faults


def sound(paths: Iterable[str], read: Callable[[str], bytes | None], layout: Layout) -> bool:
    """Whether the effective settings are as production wants them; later files win."""
    folder = f"{layout.conf}/conf.d/"
    files = [f"{layout.conf}/{layout.service}.conf"]
    files += sorted(path for path in paths if path.startswith(folder) and path.endswith(".conf"))
    found = dict(_DEFAULTS)
    if read(files[0]) is None:
        return False
    for path in files:
        for line in (read(path) or b"").decode(errors="replace").split("\n"):
            name, equals, value = line.partition("#")[0].partition("=")
            if equals:
                found[name.strip()] = value.strip()
    return (
        found["level"] == "info"
        and 65536 <= _number(found["rotate_bytes"]) <= 1048576
        and 1 <= _number(found["keep"]) <= 5
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else -1
