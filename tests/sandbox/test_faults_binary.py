"""Rows J3 and J4 of the fault matrix (docs/design/security.md §4.2): the two programs that everything rests on."""

import ast
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import offswitch.sandbox._cache as cache_module
import offswitch.sandbox._watchdog as watchdog_module
from offswitch.environments import Lab
from offswitch.sandbox import BinaryError, CacheUnsafe, SetupError
from offswitch.sandbox._binary import MODE, SOURCE, build_supervisor, find_supervisor

from .yard import Yard

pytestmark = pytest.mark.faults
LATER_S = 400 * 86_400
CLOCK = """
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t id, struct timespec *at)
{
    long failed = syscall(SYS_clock_gettime, id, at);
    at->tv_sec += %d;
    return (int)failed;
}
int gettimeofday(struct timeval *at, void *zone)
{
    long failed = syscall(SYS_gettimeofday, at, zone);
    at->tv_sec += %d;
    return (int)failed;
}
time_t time(time_t *at)
{
    struct timeval now;
    gettimeofday(&now, 0);
    if (at)
        *at = now.tv_sec;
    return now.tv_sec;
}
"""
"""Another day for every program that is started with it."""


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes it more than a year later for the programs that are started from then on."""
    (tmp_path / "clock.c").write_text(CLOCK % (LATER_S, LATER_S))
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "clock.so", tmp_path / "clock.c"], check=True)

    def advance() -> None:
        monkeypatch.setenv("LD_PRELOAD", str(tmp_path / "clock.so"))
        said = subprocess.run(["date", "+%s"], capture_output=True, text=True, check=True).stdout
        assert int(said) > time.time() + LATER_S / 2, "the clock of programs did not move"

    return advance


def test_j4_the_supervisor_is_the_same_bytes_in_another_folder_on_another_day(
    tmp_path: Path, later: Callable[[], None]
) -> None:
    """Row J4: other paths, times of the files, order of their making, user mask and clock."""
    first = build_supervisor(tmp_path / "one")
    elsewhere = tmp_path / "a" / "much longer" / "path" / "supervisor"
    elsewhere.mkdir(parents=True)
    for number, file in enumerate(sorted(SOURCE.glob("*.[ch]"), reverse=True)):
        shutil.copy(file, elsewhere)
        os.utime(elsewhere / file.name, (number * 1000, number * 1000))
    later()
    before = os.umask(0o077)
    try:
        second = build_supervisor(tmp_path / "two", source=elsewhere)
    finally:
        os.umask(before)
    assert first.path.stat().st_ino != second.path.stat().st_ino
    assert (first.path.name, first.sha256) == (second.path.name, second.sha256)


def test_j4_a_source_that_would_write_down_its_day_does_not_compile(tmp_path: Path) -> None:
    """Row J4, the positive control: what would make two builds differ is refused by the compiler."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "main.c").write_text('#include <stdio.h>\nint main(void) { puts(__DATE__ " " __TIME__); return 0; }\n')
    with pytest.raises(BinaryError, match="date-time"):
        build_supervisor(tmp_path / "cache", source=source)


def readable(path: Path) -> None:
    path.chmod(0o555)


def writable_by_a_group(path: Path) -> None:
    path.chmod(0o131)


def writable_by_all(path: Path) -> None:
    path.chmod(0o113)


def somebody_s(path: Path) -> None:
    os.chown(path, 65534, -1)


def longer(path: Path) -> None:
    path.chmod(0o755)
    with path.open("ab") as file:
        file.write(b"\0")
    path.chmod(MODE)


def a_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def without_its_digest(path: Path) -> None:
    path.with_name(path.name + ".sha256").unlink()


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir(MODE)


def in_a_folder_of_all(path: Path) -> None:
    path.parent.chmod(0o777)


def in_a_folder_of_a_group(path: Path) -> None:
    path.parent.chmod(0o775)


def in_somebody_s_folder(path: Path) -> None:
    os.chown(path.parent, 65534, -1)


DEEDS = (
    *(readable, writable_by_a_group, writable_by_all, somebody_s, longer, without_its_digest, a_link, a_folder),
    *(in_a_folder_of_all, in_a_folder_of_a_group, in_somebody_s_folder),
)


@pytest.mark.docker
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away, and read a file of mode 0111 back")
def test_j4_the_source_of_the_bind_is_checked_at_every_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row J4: nobody else may write, change or replace it; each of eleven deeds keeps a run from starting."""
    own = tmp_path / "cache"
    built = build_supervisor(tmp_path / "built").path
    for deed in DEEDS:
        shutil.rmtree(own, ignore_errors=True)
        own.mkdir(mode=0o755)
        for file in (built, built.with_name(built.name + ".sha256")):
            shutil.copy2(file, own)
        path = own / built.name
        assert find_supervisor(own) is not None, "as it was stored it is taken"
        status = path.stat()
        assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (0, MODE)
        deed(path)
        monkeypatch.setattr(cache_module, "_default", lambda: own)
        with pytest.raises(SetupError) as refused:
            Lab.open()
        assert isinstance(refused.value, BinaryError | CacheUnsafe), deed.__name__
        monkeypatch.undo()


@pytest.mark.docker
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can read a program of mode 0111 back")
def test_j4_the_first_process_of_a_container_runs_that_very_program(yard: Yard) -> None:
    """Row J4: by the bytes that the kernel has mapped, not by the path that was asked for."""
    sandbox = yard.start()
    with Path(f"/proc/{sandbox.pid}/exe").open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == build_supervisor().sha256


def test_j3_the_watchdog_uses_nothing_but_the_standard_library() -> None:
    """Row J3: by its source, and by what is loaded when it runs as it does: isolated and without site-packages."""
    own = Path(str(watchdog_module.__file__))
    assert foreign(own.read_text()) == ["._watchdog_engine", "_watchdog_engine"]
    assert foreign("import docker\nfrom . import _gc\nfrom pydantic import x\nimport os.path") == [
        "docker",
        ".",
        "pydantic",
    ]
    script = f"import runpy, sys; runpy.run_path({str(own)!r}, run_name='watched'); print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True, env={}, timeout=60
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "socket" in loaded
    assert loaded - sys.stdlib_module_names - {"__main__"} == {"_watchdog_engine"}
    assert foreign(own.with_name("_watchdog_engine.py").read_text()) == []


def foreign(source: str) -> list[str]:
    """What a program imports that does not come with Python."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append("." * node.level + (node.module or ""))
    return [name for name in found if name.partition(".")[0] not in sys.stdlib_module_names]
