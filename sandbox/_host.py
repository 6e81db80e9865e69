"""What this machine is, and running its commands with a deadline and a log."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ._errors import SetupError

APT_TIMEOUT_S = 900.0
"""Deadline of one apt-get command, in seconds, the wait for another apt included."""


@dataclass(frozen=True)
class Finished:
    """How a command of the host ended."""

    code: int | None
    """Exit status; None where it was killed at its deadline."""
    log: Path

    @property
    def ok(self) -> bool:
        return self.code == 0

    def told(self, lines: int = 6) -> str:
        """How it ended, with the last lines of its log."""
        how = "it passed its deadline" if self.code is None else f"it ended with status {self.code}"
        return f"{how}; the end of {self.log}:\n{last_lines(self.log, lines)}"


def run(
    command: Sequence[str],
    *,
    log: Path,
    timeout_s: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Finished:
    """Run a command of the host, its output appended to `log`; at the deadline its whole session is killed.

    `env` is added to this process's environment. A missing program is a `FileNotFoundError`.
    """
    program = shutil.which(command[0], path=search_path())
    if program is None:
        raise FileNotFoundError(command[0])
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        output.write(f"$ {' '.join(command)}\n".encode())
        output.flush()
        process = subprocess.Popen(  # noqa: S603 every caller passes a list of its own, never text from elsewhere
            [program, *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**os.environ, "PATH": search_path(), "LC_ALL": "C.UTF-8", **(env or {})},
            start_new_session=True,
        )
        return Finished(_wait(process, timeout_s), log)


def _wait(process: subprocess.Popen[bytes], timeout_s: float) -> int | None:
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def search_path() -> str:
    """PATH with the administrator's directories, which a plain user's lacks."""
    return os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin:/sbin"


def has(program: str) -> bool:
    """Whether the host has this program."""
    return shutil.which(program, path=search_path()) is not None


def last_lines(path: Path, count: int) -> str:
    """The last lines of a text file; a note where it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 65536))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError as error:
        return f"({path}: {error.strerror})"
    return "\n".join(lines[-count:])


def is_root() -> bool:
    """Whether this process is root."""
    return os.geteuid() == 0


def systemd_runs() -> bool:
    """Whether systemd is this machine's first process."""
    return Path("/run/systemd/system").is_dir()


def can_install() -> bool:
    """Whether this is root on a Debian or a relative of it, so that packages can be installed."""
    return is_root() and has("apt-get") and has("dpkg")


def apt_install(packages: Sequence[str], *, log: Path, purpose: str) -> None:
    """Install Debian packages with what they need and nothing else. Raises `SetupError` where apt fails."""
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}
    wait = ("-o", "DPkg::Lock::Timeout=300")
    for command in (
        ("apt-get", *wait, "update"),
        ("apt-get", *wait, "install", "-y", "--no-install-recommends", *packages),
    ):
        ended = run(command, log=log, timeout_s=APT_TIMEOUT_S, env=quiet)
        if not ended.ok:
            raise SetupError(purpose, " ".join(packages), ended.told(), remedy=" ".join(command))
