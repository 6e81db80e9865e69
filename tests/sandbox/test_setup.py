"""``offswitch setup`` makes a bare machine ready, finds a ready one ready, and says what stands in the way."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from offswitch.sandbox import EngineFault, EngineNotFound, SetupBusy, SetupError, connect
from offswitch.sandbox import _daemon as daemons
from offswitch.sandbox._cache import locked
from offswitch.sandbox._daemon import Daemon, start_engine
from offswitch.sandbox._host import run
from offswitch.sandbox._image import ensure_image, find_image
from offswitch.sandbox._rootfs import UPSTREAM
from offswitch.sandbox._setup import setup

from .fake_engine import VERSION, engine_that, known

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start an engine")


def own_engine(test: Callable[..., None]) -> Callable[..., None]:
    """Marks a test that starts engines of its own, away from the machine's."""
    for mark in (pytest.mark.docker, needs_root, pytest.mark.timeout(900)):
        test = mark(test)
    return test


@contextmanager
def private_daemon() -> Generator[Daemon]:
    """A daemon's places in a short folder of their own; whatever runs there is ended, and the folder removed."""
    root = Path(tempfile.mkdtemp(prefix="osw", dir="/tmp"))
    try:
        yield Daemon.private(root)
    finally:
        stop(Daemon.private(root))
        for mount in reversed(mounts_below(root)):
            subprocess.run(["umount", "--lazy", mount], check=True)
        shutil.rmtree(root)


def stop(daemon: Daemon) -> None:
    """End a private daemon as its administrator would, and wait until it is gone."""
    pid = daemon.running_pid()
    if pid is None:
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 60
    while daemon.running_pid():
        assert time.monotonic() < deadline, "the daemon does not end"
        time.sleep(0.05)
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)


def mounts_below(root: Path) -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [where for line in lines if (where := line.split()[4]).startswith(f"{root}/")]


class Said(list[str]):
    """Collects what a setup reports."""

    def __call__(self, line: str) -> None:
        self.append(line)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[Daemon, Path]]:
    """A machine with nothing on it: no engine runs, nothing is compiled, no image is built."""
    with private_daemon() as daemon:
        yield daemon, tmp_path_factory.mktemp("bare") / "cache"


@own_engine
def test_from_nothing_setup_starts_an_engine_compiles_and_builds(bare: tuple[Daemon, Path]) -> None:
    daemon, cache = bare
    said = Said()
    ready = setup(said, daemon=daemon, cache=cache)
    assert [line.split()[0] for line in said if line[0] != "n"] == ["engine", "supervisor", "image"]
    assert [word for word in ("started", "compiled", "built by") if not any(word in line for line in said)] == []
    assert ready.engine.endpoint == daemon.endpoint
    assert ready.supervisor.path.parent == cache
    assert not list(cache.glob("image-*"))
    with connect(daemon.endpoint) as engine:
        assert find_image(engine) == ready.image


@own_engine
def test_a_second_setup_finds_everything(bare: tuple[Daemon, Path]) -> None:
    daemon, cache = bare
    first = setup(print, daemon=daemon, cache=cache)
    said = Said()
    assert setup(said, daemon=daemon, cache=cache) == first
    assert [line.rpartition(", ")[2].partition(" (")[0] for line in said] == [
        "was running",
        "was there",
        "was there",
    ]


@own_engine
def test_the_registry_route_gives_the_same_packages(bare: tuple[Daemon, Path], tmp_path: Path) -> None:
    """Debian's own image stands in for the registry: built here, under the name that a registry would give it."""
    daemon, cache = bare
    setup(print, daemon=daemon, cache=cache)
    slim = tmp_path / "slim.tar"
    hooks = "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr"
    command = ["mmdebstrap", "--variant=minbase", hooks, "--include=usr-is-merged", "bookworm", str(slim)]
    made = run(command, log=tmp_path / "log", timeout_s=600)
    assert made.ok, made.told(20)
    with connect(daemon.endpoint) as engine:
        before = find_image(engine)
        assert before is not None
        repository, _, tag = UPSTREAM.partition(":")
        engine.api.import_image_from_file(str(slim), repository=repository, tag=tag)
        engine.api.remove_image(before.tag, force=True)
        after = ensure_image(engine, cache=cache)
        left = [tag for image in engine.api.images() for tag in image["RepoTags"] or ()]
        assert engine.api.containers(all=True) == []
    assert (before.route, after.route) == ("debootstrap", "registry")
    assert after.packages == before.packages
    assert sorted(left) == sorted([UPSTREAM, after.tag])


@own_engine
def test_an_engine_outlives_the_process_that_started_it(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from offswitch.sandbox._daemon import Daemon, start_engine
start_engine(Daemon.private(Path(sys.argv[1])), Path(sys.argv[2])).close()
"""
    with private_daemon() as daemon:
        command = [sys.executable, "-c", code, str(daemon.socket.parent), str(tmp_path)]
        subprocess.run(command, check=True, timeout=120)
        with connect(daemon.endpoint) as engine:
            engine.ping()
        pid = daemon.running_pid()
        assert pid
        assert os.getsid(pid) == pid
        outputs = {Path(f"/proc/{pid}/fd/{descriptor}").readlink() for descriptor in (1, 2)}
        assert outputs == {tmp_path / "logs" / "dockerd.log"}


STALE = {"of a dead process": str(2**22 + 1), "of another program": str(os.getpid()), "unreadable": "what?"}


@own_engine
@pytest.mark.parametrize("number", STALE.values(), ids=STALE.keys())
def test_a_stale_pid_file_does_not_keep_an_engine_from_starting(tmp_path: Path, number: str) -> None:
    with private_daemon() as daemon:
        daemon.pidfile.write_text(number)
        with start_engine(daemon, tmp_path) as engine:
            engine.ping()
        assert daemon.running_pid()


@own_engine
def test_an_engine_that_runs_already_is_waited_for_and_not_started_twice(tmp_path: Path) -> None:
    with private_daemon() as daemon:
        start_engine(daemon, tmp_path).close()
        before = daemon.running_pid()
        start_engine(daemon, tmp_path).close()
        assert daemon.running_pid() == before


@own_engine
def test_an_engine_that_dies_at_once_is_told_of_in_its_own_words(tmp_path: Path) -> None:
    with private_daemon() as daemon:
        broken = Daemon(daemon.socket, daemon.pidfile, (*daemon.options, "--storage-driver=nonsense"))
        with pytest.raises(SetupError, match=r"(?s)it died at once.*dockerd\.log.*driver not supported"):
            start_engine(broken, tmp_path)


@own_engine
def test_an_engine_that_never_answers_is_given_up_at_the_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemons, "START_TIMEOUT_S", 1.0)
    with private_daemon() as daemon:
        elsewhere = Daemon(tmp_path / "nobody.sock", daemon.pidfile, daemon.options)
        with pytest.raises(SetupError, match="no answer within 1 s"):
            start_engine(elsewhere, tmp_path)


def test_without_root_nothing_is_started_and_sudo_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemons, "is_root", lambda: False)
    with pytest.raises(EngineNotFound, match="Try: sudo offswitch setup"):
        start_engine(Daemon(), tmp_path)


def test_without_an_engine_and_without_apt_the_wanted_engine_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemons, "is_root", lambda: True)
    monkeypatch.setattr(daemons, "has", {"env"}.__contains__)
    monkeypatch.setattr(daemons, "can_install", lambda: False)
    with pytest.raises(EngineNotFound, match=r"Docker Engine 20\.10 or newer"):
        start_engine(Daemon(), tmp_path)


def test_an_engine_that_somebody_chose_is_not_replaced_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/chosen.sock")
    with pytest.raises(EngineNotFound, match=r"chosen\.sock.*Try: start that engine"):
        setup(print, cache=tmp_path / "cache")


def test_an_engine_that_is_too_old_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with engine_that(known({"/version": (200, {**VERSION, "Version": "19.03.15"})})) as endpoint:
        monkeypatch.setenv("DOCKER_HOST", endpoint)
        with pytest.raises(EngineFault, match=r"19\.03\.15 is older than 20\.10"):
            setup(print, cache=tmp_path / "cache")


def test_a_step_that_another_process_holds_is_waited_for_and_then_given_up(tmp_path: Path) -> None:
    path, told = tmp_path / "step.lock", Said()
    code = "import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.flock(f, fcntl.LOCK_EX); print('held'); input()"
    command = [sys.executable, "-u", "-c", code, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(SetupBusy), locked(path, timeout_s=0.3, on_wait=lambda: told("waiting")):
            pass
        assert told == ["waiting"]
        other.kill()
    with locked(path, timeout_s=5):
        """The kernel freed the lock of the killed process."""


def test_a_command_that_passes_its_deadline_takes_its_children_with_it(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    ended = run(["sh", "-c", f"sleep 600 & echo $! > {pid_file}; wait"], log=tmp_path / "log", timeout_s=0.5)
    assert (ended.code, ended.ok) == (None, False)
    assert "passed its deadline" in ended.told()
    child = Path(f"/proc/{int(pid_file.read_text())}/stat")
    deadline = time.monotonic() + 10
    while child.exists() and " Z " not in child.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_end_of_a_log_is_told_and_an_absent_program_is_an_error(tmp_path: Path) -> None:
    ended = run(["sh", "-c", "seq 1 1000; exit 3"], log=tmp_path / "logs" / "log", timeout_s=10)
    assert ended.code == 3
    assert ended.told(2).endswith("\n999\n1000")
    with pytest.raises(FileNotFoundError, match="no-such-program"):
        run(["no-such-program"], log=tmp_path / "log", timeout_s=10)
