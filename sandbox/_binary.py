"""The supervisor's binary: compiled here, the same bytes each time, kept where nobody else can write."""

import hashlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

from ..records import Model
from ._cache import cache_dir, locked
from ._errors import BinaryError
from ._host import apt_install, can_install, has, last_lines, run

SOURCE = Path(__file__).parent / "supervisor"
FLAGS = (
    "-std=gnu17",
    "-static",
    "-O2",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wdate-time",
    "-fstack-protector-strong",
    "-Wl,--build-id=none",
    "-Wl,-z,noexecstack",
    "-s",
)
MODE = 0o111
"""Nobody may read it: the kernel then makes a process that runs it undumpable from its first instruction."""
_COMPILE_TIMEOUT_S = 120.0
_REINSTALL = "pip install --force-reinstall offswitch"
_INSTALL = "sudo apt-get install gcc libc6-dev"


class SupervisorBinary(Model):
    """A compiled supervisor."""

    path: Path
    sha256: str
    """Of the binary's bytes; two machines with the same compiler get the same."""


def build_supervisor(cache: Path | None = None, *, source: Path = SOURCE) -> SupervisorBinary:
    """The binary of exactly this source: found in the cache, else compiled there.

    As root on Debian a missing compiler is installed. Raises `BinaryError`, `CacheUnsafe` or `SetupError`.
    """
    place = cache_dir(cache)
    if found := find_supervisor(place, source=source):
        return found
    with locked(place / "binary.lock", timeout_s=_COMPILE_TIMEOUT_S):
        if found := find_supervisor(place, source=source):
            return found
        _need_compiler(place)
        return _compile(place, source)


def find_supervisor(cache: Path | None = None, *, source: Path = SOURCE) -> SupervisorBinary | None:
    """The cached binary of exactly this source, or None.

    Raises `BinaryError` where its bytes, owner or mode are not those that it was stored with.
    """
    place = cache_dir(cache)
    path = place / f"agentd-{_key(source)}"
    if not os.path.lexists(path):
        return None
    try:
        recorded = _digest_file(path).read_text().strip()
    except OSError as error:
        cause = f"its digest cannot be read ({error.strerror})"
        remedy = f"rm -f {path} && offswitch setup"
        raise BinaryError("checking the supervisor", str(path), cause, remedy=remedy) from error
    _check(path, recorded)
    return SupervisorBinary(path=path, sha256=recorded)


def _check(path: Path, recorded: str) -> None:
    status = path.lstat()
    wrong: list[str] = [] if stat.S_ISREG(status.st_mode) else ["no regular file"]
    if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) != MODE:
        wrong.append(f"owner {status.st_uid}, mode {stat.S_IMODE(status.st_mode):04o}")
    # Mode 0111 keeps even its owner from reading it, root apart.
    if not wrong and os.access(path, os.R_OK) and _sha256(path) != recorded:
        wrong.append("its bytes changed")
    if wrong:
        remedy = f"rm -f {path} && offswitch setup"
        raise BinaryError("checking the supervisor", str(path), "; ".join(wrong), remedy=remedy)


def _key(source: Path) -> str:
    digest = hashlib.sha256("\0".join(FLAGS).encode())
    for file in sorted(source.glob("*.[ch]")):
        content = file.read_bytes()
        digest.update(f"\0{file.name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def _need_compiler(place: Path) -> None:
    if _can_compile(place):
        return
    if not can_install():
        cause = "this machine has no C compiler with a static C library"
        raise BinaryError("compiling the supervisor", "cc", cause, remedy=_INSTALL)
    apt_install(["gcc", "libc6-dev"], log=place / "logs" / "apt.log", purpose="installing a C compiler")


def _can_compile(place: Path) -> bool:
    """Whether there is a compiler that finds a static C library: it then answers with an absolute path."""
    if not has("cc"):
        return False
    asked = run(["cc", "-print-file-name=libc.a"], log=place / "logs" / "cc.log", timeout_s=_COMPILE_TIMEOUT_S)
    return asked.ok and last_lines(asked.log, 1).startswith("/")


def _compile(place: Path, source: Path) -> SupervisorBinary:
    units = sorted(file.name for file in source.glob("*.c"))
    if not units:
        cause = "there is no C source in this installation"
        raise BinaryError("compiling the supervisor", str(source), cause, remedy=_REINSTALL)
    with tempfile.TemporaryDirectory(dir=place, prefix="compiling-") as work:
        built = Path(work) / "agentd"
        # Relative names from inside the source folder: no path of this machine gets into the bytes.
        command = ["cc", *FLAGS, *units, "-o", str(built)]
        log = place / "logs" / "cc.log"
        ended = run(command, log=log, timeout_s=_COMPILE_TIMEOUT_S, cwd=source, env={"SOURCE_DATE_EPOCH": "0"})
        if not ended.ok:
            raise BinaryError("compiling the supervisor", str(source), ended.told(12), remedy=_INSTALL)
        return _store(built, place / f"agentd-{_key(source)}")


def _store(built: Path, path: Path) -> SupervisorBinary:
    """The digest first, the binary last and at once: a binary without a digest never exists."""
    sha256 = _sha256(built)
    built.chmod(MODE)
    _digest_file(path).write_text(sha256 + "\n")
    shutil.move(built, path)
    return SupervisorBinary(path=path, sha256=sha256)


def _digest_file(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
