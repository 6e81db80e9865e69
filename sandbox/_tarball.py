"""A tar file read member by member, each within bounds: nothing of it is ever unpacked onto this machine."""

import io
import tarfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from ._errors import ImageError

MOST_BYTES = 4 << 30
"""A larger file is not opened."""
MOST_MEMBERS = 200_000
HEADER_BYTES = 1 << 20
"""The longest that is read at once: what a member's headers may take, and a piece of its content."""
_PHASE = "reading the archive"


class Archive:
    """The members of one tar file. Made by `opened`."""

    def __init__(self, path: Path, tar: tarfile.TarFile) -> None:
        self._path = path
        self._tar = tar

    def members(self) -> Iterator[tuple[str, tarfile.TarInfo]]:
        """Each member by its plain name, in order.

        Raises `ImageError` for an absolute name or one with ``..``, a name that comes twice (who unpacks takes the
        other one), more than `MOST_MEMBERS`, and whatever is no sound archive.
        """
        seen: set[str] = set()
        end = -1
        for member in self._tar:
            name = PurePosixPath(member.name).as_posix()
            if name.startswith("/") or ".." in PurePosixPath(name).parts:
                raise self._refused(name, "its name leads out of the archive")
            if name in seen and not member.isdir():
                raise self._refused(name, "it comes twice")
            if member.size < 0 or member.offset <= end:
                raise self._refused(name, "its headers contradict each other")
            if len(seen) >= MOST_MEMBERS:
                raise self._refused(name, f"there are more than {MOST_MEMBERS} members")
            seen.add(name)
            end = member.offset
            yield name, member

    def content(self, member: tarfile.TarInfo, most: int) -> bytes:
        """The bytes of a regular file. Raises `ImageError` for anything else, or where there are more than ``most``."""
        if not member.isreg() or member.size > most:
            raise self._refused(member.name, f"it is no regular file of at most {most} bytes")
        file = self._tar.extractfile(member)
        assert file is not None, "a regular file has content"
        content = b"".join(iter(lambda: file.read(HEADER_BYTES // 2), b""))
        if len(content) != member.size:
            raise self._refused(member.name, "the archive ends in it")
        return content

    def _refused(self, name: str, cause: str) -> ImageError:
        return ImageError(_PHASE, f"{self._path}: {name[:200]}", cause)


@contextmanager
def opened(path: Path) -> Generator[Archive]:
    """A tar file, uncompressed. Raises `ImageError`."""
    if path.stat().st_size > MOST_BYTES:
        raise ImageError(_PHASE, str(path), f"it is larger than {MOST_BYTES} bytes")
    try:
        # "r:" takes no compressed file, whose size says nothing.
        with _Sparing(io.FileIO(path)) as file, tarfile.open(fileobj=file, mode="r:") as tar:
            yield Archive(path, tar)
    except (tarfile.TarError, ValueError, OverflowError, EOFError, RecursionError, OSError) as error:
        cause = f"it is no sound archive ({str(error)[:200] or type(error).__name__})"
        raise ImageError(_PHASE, str(path), cause) from error


def pack(files: Mapping[str, tuple[bytes, int]]) -> io.BytesIO:
    """A tar file of these: name → content and mode."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, (content, mode) in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), mode
            archive.addfile(member, io.BytesIO(content))
    packed.seek(0)
    return packed


class _Sparing(io.BufferedReader):
    """A file that is asked for small pieces only: a header may claim any length."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= HEADER_BYTES:
            raise ValueError(f"a header of {size} bytes")
        return super().read(size)
