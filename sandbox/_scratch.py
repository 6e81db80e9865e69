"""Temporary folders that go with their process, however it ends.

The name of such a folder says who owns it, as a lease does. The owner removes it; where the owner was killed, its
watchdog does; where that was killed as well, the next start or ``offswitch gc``.
"""

import shutil
import tempfile
from pathlib import Path

from ._lease import LEASE_LABEL, NAMESPACE_LABEL, boot_id, owner_labels, owner_state

_PREFIX = "offswitch-tmp-"


def scratch_folder() -> "tempfile.TemporaryDirectory[str]":
    """A new temporary folder of this process. Raises `OSError`."""
    return tempfile.TemporaryDirectory(prefix=f"{_own_name()}-")


def scratch_pattern() -> str:
    """What the paths of all temporary folders of this process begin with."""
    return f"{tempfile.gettempdir()}/{_own_name()}-"


def sweep_scratch(*, dry_run: bool = False) -> list[Path]:
    """Remove the temporary folders of dead processes, or with ``dry_run`` only name them.

    One whose owner lives, or cannot be judged from here, stays. Raises `OSError` where one cannot be removed.
    """
    found = [path for path in sorted(Path(tempfile.gettempdir()).glob(f"{_PREFIX}*")) if _is_of_a_dead_process(path)]
    for path in found:
        if not dry_run:
            shutil.rmtree(path, onerror=_raise_unless_gone)
    return found


def _own_name() -> str:
    owner = owner_labels()
    boot, pid, started = owner[LEASE_LABEL].split(":")
    return f"{_PREFIX}{boot[:8]}-{pid}-{started}-{owner[NAMESPACE_LABEL]}"


def _is_of_a_dead_process(path: Path) -> bool:
    parts = path.name.removeprefix(_PREFIX).split("-")
    if len(parts) != 5 or path.is_symlink() or not path.is_dir():
        return False
    boot, pid, started, namespace, _ = parts
    here = boot_id() if boot_id().startswith(boot) else boot
    return owner_state({LEASE_LABEL: f"{here}:{pid}:{started}", NAMESPACE_LABEL: namespace}) == "dead"


def _raise_unless_gone(_: object, __: str, failure: "tuple[type[BaseException], BaseException, object]") -> None:
    if not isinstance(failure[1], FileNotFoundError):  # another sweep was faster
        raise failure[1]
