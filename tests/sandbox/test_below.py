"""Paths below an open directory: reached whatever their length, and never by way of a link."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from offswitch.sandbox._below import open_below


@pytest.fixture
def root(tmp_path: Path) -> Generator[int]:
    (tmp_path / "inside").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("the host's")
    opened = os.open(tmp_path / "inside", os.O_RDONLY | os.O_DIRECTORY)
    yield opened
    os.close(opened)


def content(descriptor: int | None) -> bytes | None:
    if descriptor is None:
        return None
    try:
        return os.read(descriptor, 100)
    finally:
        os.close(descriptor)


def test_a_file_in_folders_is_opened(root: int, tmp_path: Path) -> None:
    (tmp_path / "inside" / "a" / "b").mkdir(parents=True)
    (tmp_path / "inside" / "a" / "b" / "c").write_text("here")
    assert content(open_below(root, "/a/b/c")) == b"here"
    assert open_below(root, "/a/b/d") is None


def test_the_root_itself_is_opened(root: int) -> None:
    descriptor = open_below(root, "", os.O_RDONLY | os.O_DIRECTORY)
    assert descriptor is not None
    assert os.fstat(descriptor).st_ino == os.fstat(root).st_ino
    os.close(descriptor)


@pytest.mark.parametrize("target", ["../outside", "/proc/self/cwd", "real"])
def test_no_link_is_followed_on_the_way_or_at_the_end(root: int, tmp_path: Path, target: str) -> None:
    (tmp_path / "inside" / "real").mkdir()
    (tmp_path / "inside" / "real" / "secret").write_text("plain")
    (tmp_path / "inside" / "way").symlink_to(target)
    (tmp_path / "inside" / "end").symlink_to(f"{target}/secret")
    assert content(open_below(root, "/real/secret")) == b"plain"
    assert open_below(root, "/way/secret") is None
    assert open_below(root, "/way") is None
    assert open_below(root, "/end") is None


def test_dots_lead_nowhere(root: int) -> None:
    assert open_below(root, "/../outside/secret") is None


def test_a_path_longer_than_the_kernel_takes_at_once_is_reached(root: int) -> None:
    names = [f"{number:03d}" + "x" * 200 for number in range(40)]
    current = os.dup(root)
    for name in names:
        os.mkdir(name, dir_fd=current)
        following = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=current)
        os.close(current)
        current = following
    last = os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=current)
    os.write(last, b"deep down")
    os.close(last)
    os.symlink("/etc", "link", dir_fd=current)
    os.close(current)
    assert content(open_below(root, "/" + "/".join([*names, "file"]))) == b"deep down"
    assert open_below(root, "/" + "/".join([*names, "link", "hostname"])) is None
    assert open_below(root, "/" + "/".join([*names, "nothing"])) is None
