"""Commands and small files in a container, against the least that starting a program costs on the host."""

import os

from ._figure import Figure, interleaved, of_ratio, of_times
from ._place import Place


def host_floor() -> None:
    """Start /bin/true on the host and wait for it: fork and exec in the cheapest way that there is."""
    os.waitpid(os.posix_spawn("/bin/true", ["/bin/true"], {}), 0)


def measure(place: Place) -> list[Figure]:
    """``exec_over_fork``, ``file_rw_ms``."""
    with place.container() as sandbox:

        def write_and_read() -> None:
            sandbox.write("/work/small", b"x" * 100)
            if sandbox.read("/work/small").data != b"x" * 100:
                raise RuntimeError("what was written was not read")

        taken = interleaved(
            {"host": host_floor, "exec": lambda: sandbox.exec(["/bin/true"]), "files": write_and_read},
            place.times(1000, 40),
        )
    return [
        of_ratio(
            "exec_over_fork", taken["exec"], taken["host"], "run true in the container / fork and exec on the host", 1.5
        ),
        of_times("file_rw_ms", taken["files"], "write and read a small file", 1.0),
    ]
