"""The supervisor's binary: the same bytes wherever it is compiled, and nobody else's."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from offswitch.sandbox import BinaryError, CacheUnsafe
from offswitch.sandbox._binary import MODE, SOURCE, build_supervisor, find_supervisor

PROGRAM = '#include "greeting.h"\n#include <stdio.h>\nint main(void) { puts(GREETING " " __FILE__); return 0; }\n'


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A program of two files; a C unit and its header."""
    folder = tmp_path / "first" / "supervisor"
    folder.mkdir(parents=True)
    (folder / "main.c").write_text(PROGRAM)
    (folder / "greeting.h").write_text('#define GREETING "hello"\n')
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def output_of(path: Path) -> str:
    return subprocess.run([path], capture_output=True, text=True, check=True).stdout


def test_the_same_source_gives_the_same_bytes_wherever_it_lies(source: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "a" / "much" / "longer" / "path" / "supervisor"
    shutil.copytree(source, elsewhere)
    first = build_supervisor(tmp_path / "one", source=source)
    second = build_supervisor(tmp_path / "two", source=elsewhere)
    assert first.path != second.path
    assert (first.path.name, first.sha256) == (second.path.name, second.sha256)
    assert output_of(second.path) == "hello main.c\n"


def test_the_binary_needs_nothing_of_the_container_it_runs_in(source: Path, cache: Path) -> None:
    """Static: no loader that a container could have replaced is named in it."""
    binary = build_supervisor(cache, source=source)
    described = subprocess.run(
        ["readelf", "--program-headers", binary.path], capture_output=True, text=True, check=True
    )
    assert "LOAD" in described.stdout
    assert "INTERP" not in described.stdout


def test_nobody_may_read_or_change_the_binary_and_all_may_run_it(source: Path, cache: Path) -> None:
    status = build_supervisor(cache, source=source).path.stat()
    assert stat.S_IMODE(status.st_mode) == MODE == 0o111
    assert status.st_uid == os.geteuid()
    assert not stat.S_IMODE(cache.stat().st_mode) & 0o022


def test_a_second_request_compiles_nothing(source: Path, cache: Path) -> None:
    first = build_supervisor(cache, source=source)
    before = first.path.stat()
    assert build_supervisor(cache, source=source) == first == find_supervisor(cache, source=source)
    after = first.path.stat()
    assert (before.st_ino, before.st_ctime_ns) == (after.st_ino, after.st_ctime_ns)


@pytest.mark.parametrize("file", ["main.c", "greeting.h"])
def test_a_changed_source_gives_another_binary(source: Path, cache: Path, file: str) -> None:
    first = build_supervisor(cache, source=source)
    changed = source / file
    changed.write_text(changed.read_text() + "\n")
    assert find_supervisor(cache, source=source) is None
    assert build_supervisor(cache, source=source).path != first.path


def test_a_file_that_is_no_c_changes_nothing(source: Path, cache: Path) -> None:
    first = build_supervisor(cache, source=source)
    (source / "README.md").write_text("words")
    assert build_supervisor(cache, source=source) == first


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can read a file of mode 0111 back")
def test_a_binary_whose_bytes_changed_is_refused(source: Path, cache: Path) -> None:
    binary = build_supervisor(cache, source=source)
    binary.path.chmod(0o755)
    with binary.path.open("ab") as file:
        file.write(b"\0")
    binary.path.chmod(MODE)
    with pytest.raises(BinaryError, match=r"its bytes changed.*Try: rm -f"):
        build_supervisor(cache, source=source)


def test_a_binary_that_can_be_read_is_refused(source: Path, cache: Path) -> None:
    """Its processes could be dumped and traced by whoever has its uid."""
    build_supervisor(cache, source=source).path.chmod(0o755)
    with pytest.raises(BinaryError, match="mode 0755"):
        find_supervisor(cache, source=source)


def test_the_compiler_s_own_words_are_in_the_error(source: Path, cache: Path) -> None:
    (source / "main.c").write_text("int main(void) { return nothing_of_this_name; }\n")
    with pytest.raises(BinaryError, match="nothing_of_this_name"):
        build_supervisor(cache, source=source)
    assert list(cache.glob("agentd-*")) == []
    assert list(cache.glob("compiling-*")) == []


def test_a_warning_is_an_error(source: Path, cache: Path) -> None:
    (source / "main.c").write_text("int main(void) { int unused; return 0; }\n")
    with pytest.raises(BinaryError, match="unused"):
        build_supervisor(cache, source=source)


def test_without_a_compiler_the_packages_are_named(
    source: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BinaryError, match=r"no C compiler.*Try: sudo apt-get install gcc libc6-dev"):
        build_supervisor(cache, source=source)


def test_an_installation_without_the_source_says_so(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(BinaryError, match=r"no C source.*Try: pip install"):
        build_supervisor(cache, source=tmp_path)


def test_a_cache_that_others_may_write_in_is_refused(source: Path, cache: Path) -> None:
    cache.mkdir()
    cache.chmod(0o775)
    with pytest.raises(CacheUnsafe, match=r"others may write there.*Try: chmod go-w"):
        build_supervisor(cache, source=source)


def test_a_cache_whose_parent_others_may_write_in_is_refused(source: Path, tmp_path: Path) -> None:
    """They could put a folder of theirs in its place."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(CacheUnsafe, match="others may write there"):
        build_supervisor(shared / "cache", source=source)
    shared.chmod(0o1777)
    assert build_supervisor(shared / "cache", source=source)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_cache_of_somebody_else_is_refused(source: Path, cache: Path) -> None:
    cache.mkdir()
    os.chown(cache, 65534, -1)
    with pytest.raises(CacheUnsafe, match="belongs to uid 65534"):
        build_supervisor(cache, source=source)


def test_the_real_supervisor_compiles_without_a_warning(cache: Path) -> None:
    assert build_supervisor(cache, source=SOURCE).path.stat().st_size > 100_000
