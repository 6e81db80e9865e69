"""Row H5 of the fault matrix (docs/design/security.md §4.2): what a container adds to the record never varies."""

import pytest

from offswitch.sandbox import ROOTFUL, SEALED, Entry, Profile

from .yard import Yard

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker")]
WRITTEN_NS = 1_700_000_000 * 10**9


@pytest.mark.parametrize("profile", [SEALED, ROOTFUL], ids=["sealed", "rootful"])
def test_h5_every_container_counts_its_processes_from_the_same_number(yard: Yard, profile: Profile) -> None:
    """Row H5: the engine's runtime leaves off at a number that varies; pid files and outputs must not."""
    found = [yard.start(profile).exec("sh -c 'echo $$'", session="main").stdout for _ in range(4)]
    assert len(set(found)) == 1
    assert 64 <= int(found[0]) < 128


def test_h5_folders_carry_the_time_that_they_were_given(yard: Yard) -> None:
    """Row H5: given once more after their content, which changes it."""
    folder = Entry("/work/f", kind="dir", mode=0o755, mtime_ns=WRITTEN_NS)
    sandbox = yard.start(SEALED)
    assert sandbox.install([folder, Entry("/work/f/x", b"x", mtime_ns=WRITTEN_NS)]) == {}
    assert sandbox.exec("stat -c %Y /work/f/x; stat -c %Y /work/f").stdout.split()[0] == b"1700000000"
    assert sandbox.exec("stat -c %Y /work/f").stdout != b"1700000000\n"
    assert sandbox.install([folder]) == {}
    assert sandbox.exec("stat -c %Y /work/f").stdout == b"1700000000\n"
