"""Rows K6 and K8 of the fault matrix, and temporary folders: nothing rests on a signal that may never come."""

import os
import re
import shutil
import tempfile
from pathlib import Path

import pytest

from offswitch.sandbox import EventHub, scratch_folder, sweep_scratch
from offswitch.sandbox._lease import own_lease

from .test_watchdog import BUSY, alive, numbers
from .yard import Starter, Within, Yard

SANDBOX = Path(__file__).resolve().parents[2] / "sandbox"
docker = pytest.mark.docker


def test_k8_no_source_asks_for_the_signal_of_a_parent_s_death() -> None:
    """It is cleared by every change of user, and a thread that ends counts as a parent that died."""
    sources = [path for ending in ("py", "c", "h") for path in SANDBOX.rglob(f"*.{ending}")]
    asking = [path.name for path in sources if re.search("PDEATHSIG|pdeathsig|kill-child", path.read_text())]
    assert len(sources) > 30
    assert asking == []


@docker
def test_k8_without_any_signal_of_a_parent_s_death_the_containers_end(
    yard: Yard, harness: Starter, eventually: Within
) -> None:
    """The harness clears its own, leaves its parent and its session, and is killed: the stream is what ends them."""
    script = """
    import ctypes
    assert ctypes.CDLL(None).prctl(1, 0, 0, 0, 0) == 0
    if os.fork():
        time.sleep(1000)
    os.setsid()
    """
    one = harness(script + BUSY + "    say(os.getpid())\n    time.sleep(1000)")
    init, watchdog = numbers(one)
    orphan = int(one.line())
    one.kill()
    assert alive(orphan)
    assert alive(init)
    os.kill(orphan, 9)
    eventually(lambda: not alive(init), 1.5)
    eventually(lambda: not yard.present(), 10)
    eventually(lambda: not alive(watchdog), 10)


def folder_of(lease: str, namespace: str = "") -> Path:
    """A temporary folder as the process with that lease would have left it."""
    boot, pid, started = lease.split(":")
    namespace = namespace or str(Path("/proc/self/ns/pid").stat().st_ino)
    place = Path(tempfile.mkdtemp(prefix=f"offswitch-tmp-{boot[:8]}-{pid}-{started}-{namespace}-"))
    (place / "left").write_text("x")
    return place


def test_k3_temporary_folders_of_the_dead_are_swept_and_no_others() -> None:
    boot, pid, started = own_lease().split(":")
    dead = folder_of(f"{boot}:{pid}:{int(started) - 1}")
    rebooted = folder_of(f"00000000:{pid}:{started}")
    elsewhere = folder_of(f"{boot}:{pid}:{int(started) - 1}", namespace="1")
    foreign = Path(tempfile.mkdtemp(prefix="offswitch-tmp-not-ours"))
    try:
        with scratch_folder() as own:
            assert {dead, rebooted} <= set(sweep_scratch(dry_run=True))
            assert dead.exists()
            assert {dead, rebooted} <= set(sweep_scratch())
            assert not dead.exists()
            assert not rebooted.exists()
            assert all(path.exists() for path in (Path(own), elsewhere, foreign))
        assert not Path(own).exists()
    finally:
        for path in (elsewhere, foreign):
            shutil.rmtree(path)


@docker
def test_k2_a_watchdog_that_is_let_go_leaves_the_folders_of_a_living_harness_alone(
    harness: Starter, eventually: Within
) -> None:
    """It removes what is left on its engine, and ends; the folders go at the next start once nobody uses them."""
    living = harness("""
        engine = open_engine()
        with scratch_folder() as folder:
            guard = warden(engine)
            guard.expect("offswitch-" + run + "-never")
            watchdog = guard.pid
            guard.close()
            say(folder, watchdog)
            sys.stdin.read()
    """)
    folder, watchdog = living.line().split()
    eventually(lambda: not alive(int(watchdog)), 10.0)
    assert Path(folder).is_dir()
    living.kill()
    assert Path(folder).is_dir()
    numbers(harness(BUSY + "    time.sleep(1000)"))
    eventually(lambda: not Path(folder).exists(), 10.0)


@docker
def test_k1_the_temporary_folder_of_a_killed_harness_goes_and_a_link_in_it_is_not_followed(
    yard: Yard, harness: Starter, eventually: Within
) -> None:
    kept = yard.folder / "kept.txt"
    kept.write_text("ours")
    script = """
    held = scratch_folder()
    os.symlink(folder, held.name + "/link")
    Path(held.name, "deep").mkdir()
    say(held.name)
    time.sleep(1000)
    """
    one = harness(BUSY + script)
    numbers(one)
    place = Path(one.line())
    assert place.is_dir()
    one.kill()
    eventually(lambda: not place.exists(), 10)
    assert kept.read_text() == "ours"


@docker
def test_k9_the_event_stream_forgets_what_is_gone_and_never_heard_of_other_processes(
    yard: Yard, harness: Starter, eventually: Within, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offswitch.sandbox._engine_events._KEPT", 1)
    hub = EventHub(yard.engine)
    try:
        assert hub.wait_live()
        other = harness(BUSY + "    sandbox.close(); say(sandbox.id)")
        other.line()
        foreign = other.line()
        lives = [yard.start() for _ in range(4)]
        for one in lives:
            one.close()
        eventually(lambda: [event["action"] for event in hub.take(lives[-1].id)][-1:] == ["destroy"])
        assert len(foreign) == 64
        held = hub._events  # pyright: ignore[reportPrivateUsage] - what is kept is what this is about
        assert not {foreign, *(one.id for one in lives[:-2])} & held.keys()
    finally:
        hub.close()
