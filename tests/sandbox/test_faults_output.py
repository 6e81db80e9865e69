"""Rows B6, B8 and B10 of the fault matrix (docs/design/security.md §4.2): output without end, of any shape or in drops.

Head and tail are kept, the true size and the digest of all of it are told, and the harness pays for what is kept.
"""

import hashlib
import os
import time
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import repeat

import pytest

from offswitch.sandbox import MIB, DockerSandbox

from .yard import Starter

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]
OUTPUT_MIB = int(os.environ.get("OFFSWITCH_OUTPUT_MIB", "64"))
"""MiB that one command writes; 2048 in full."""
LINES = int(os.environ.get("OFFSWITCH_OUTPUT_LINES", "500000"))
"""Lines that one command writes; ten millions in full."""
CAP = 8 * MIB
NOTE = 100
"""Bytes of the line that says what is missing, at the most."""


def digest(blocks: Iterator[bytes]) -> str:
    found = hashlib.sha256()
    for block in blocks:
        found.update(block)
    return found.hexdigest()


GROWTH = """
def resident(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))
with open_engine() as engine, DockerSandbox.start(engine, spec(f"offswitch-{run}-output")) as box:
    session, cap, size = os.environ["SESSION"] or None, int(os.environ["CAP"]), int(os.environ["SIZE"])
    box.exec("true", cap_bytes=cap, session=session)
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # puts the mark of VmHWM back
    told = box.exec(f"head -c {size} /dev/zero", session=session, cap_bytes=cap, timeout_s=300)
    say(told.bytes_total, resident("VmHWM") - before)
"""
"""Bytes that a command wrote, and by how many its harness grew: in a process that does nothing else."""


@pytest.mark.parametrize("session", [None, "main"], ids=["command", "session"])
def test_b6_of_gigabytes_head_and_tail_are_kept_and_no_more_is_ever_held(
    sealed: DockerSandbox, trials: Callable[[int], int], session: str | None
) -> None:
    """64 MiB in ``make test``, 2 GiB in ``make faults``."""
    size = trials(OUTPUT_MIB) * MIB
    command = f"head -c 1000 /dev/urandom > /tmp/a; cat /tmp/a; head -c {size} /dev/zero; cat /tmp/a"
    sealed.exec("true", cap_bytes=CAP, session=session)
    tracemalloc.start()
    told = sealed.exec(command, session=session, cap_bytes=CAP, timeout_s=300)
    _, held = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    mark = sealed.read("/tmp/a").data
    assert (told.ok, told.truncated, told.bytes_total) == (True, True, size + 2000)
    assert len(told.stdout) <= CAP + NOTE
    assert told.stdout[:1001] == mark + b"\0"
    assert told.stdout[-1001:] == b"\0" + mark
    assert told.sha256 == digest(iter([mark, *repeat(bytes(MIB), size // MIB), mark]))
    assert held < 2 * CAP + 2 * MIB, "once as it came, once as it is given, and what a growing buffer has to spare"


@pytest.mark.parametrize("session", ["", "main"], ids=["command", "session"])
def test_b6_the_process_of_the_harness_grows_by_what_is_kept(
    harness: Starter, trials: Callable[[int], int], session: str
) -> None:
    """64 MiB in ``make test``, 2 GiB in ``make faults``."""
    size = trials(OUTPUT_MIB) * MIB
    written, grown = map(int, harness(GROWTH, SESSION=session, CAP=str(CAP), SIZE=str(size)).line().split())
    assert written == size
    assert grown < 3 * CAP, "what is held, and the allocator's share of it"


def test_b8_millions_of_lines_are_cut_and_told_by_size_and_digest(
    sealed: DockerSandbox, trials: Callable[[int], int]
) -> None:
    """Half a million lines in ``make test``, ten millions in ``make faults``."""
    lines = trials(LINES)
    told = sealed.exec(["/usr/bin/seq", str(lines)], cap_bytes=10_000, timeout_s=120)
    assert told.stdout.startswith(b"1\n2\n3\n")
    assert told.stdout.endswith(f"\n{lines - 1}\n{lines}\n".encode())
    assert (told.ok, told.truncated) == (True, True)
    assert told.bytes_total == sum(len(str(number)) + 1 for number in range(1, lines + 1))
    assert told.sha256 == digest(b"%d\n" % number for number in range(1, lines + 1))


def test_b8_one_line_of_a_hundred_megabytes_is_cut_in_the_middle(sealed: DockerSandbox) -> None:
    told = sealed.exec("head -c 100000000 /dev/zero | tr '\\0' z", session="main", cap_bytes=4096, timeout_s=60)
    assert (told.ok, told.truncated, told.bytes_total) == (True, True, 100_000_000)
    assert told.stdout.startswith(b"z" * 2048 + b"\n")
    assert told.stdout.endswith(b"\n" + b"z" * 2048)


@pytest.mark.parametrize(
    "form", ["while :; do printf x; sleep 1; done", "yes | head -c 9 | while sleep 0.3; do head -c1; done"]
)
def test_b10_output_in_drops_moves_no_time_limit(sealed: DockerSandbox, form: str) -> None:
    started = time.monotonic()
    told = sealed.exec(form, session="main", timeout_s=1.5)
    assert told.timed_out
    assert told.stdout
    assert 1.5 <= time.monotonic() - started < 2.5
    assert 1.5 <= told.duration_s < 2.5
