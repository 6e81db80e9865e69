"""Starting a Docker Engine on this machine: installed if need be, detached, surviving its caller."""

import os
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ._engine import DEFAULT_SOCKET, Engine, connect
from ._errors import EngineNotFound, EngineTimeout, SetupError
from ._host import apt_install, can_install, has, is_root, last_lines, run, search_path, systemd_runs

START_TIMEOUT_S = 90.0
"""From the start of the daemon to its first answer, in seconds."""
_FIRST_ANSWER_S = 5.0
_POLL_S = 0.1


@dataclass(frozen=True)
class Daemon:
    """Where one Docker daemon keeps its socket and its things. The default is the machine's own."""

    socket: Path = Path(DEFAULT_SOCKET)
    pidfile: Path = Path("/var/run/docker.pid")
    options: tuple[str, ...] = ()

    @classmethod
    def private(cls, root: Path) -> Self:
        """A second daemon that shares nothing with the machine's own: no bridge, no firewall rules, own folders.

        `root` must be short: a socket's path has 107 bytes at most.
        """
        socket, pidfile, config = root / "docker.sock", root / "docker.pid", root / "daemon.json"
        config.write_text("{}")
        options = (
            f"--host=unix://{socket}",
            f"--pidfile={pidfile}",
            f"--data-root={root / 'data'}",
            f"--exec-root={root / 'exec'}",
            f"--config-file={config}",
            "--bridge=none",
            "--iptables=false",
            "--ip-forward=false",
            "--ip-masq=false",
        )
        return cls(socket, pidfile, options)

    @property
    def endpoint(self) -> str:
        return f"unix://{self.socket}"

    @property
    def is_machine_wide(self) -> bool:
        return not self.options

    def running_pid(self) -> int | None:
        """The daemon's process id by its pid file; None where there is none, or the file is stale."""
        try:
            pid = int(self.pidfile.read_text())
            name, _, rest = Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(")")
        except (OSError, ValueError):
            return None
        return pid if name == "dockerd" and not rest.startswith(" Z") else None


def start_engine(daemon: Daemon, place: Path) -> Engine:
    """Start the daemon and return a connection to it; one that is starting already is waited for.

    `place` is the cache, for the log. Raises `EngineNotFound` without the rights to start one, `SetupError` where
    it dies or never answers.
    """
    if not is_root():
        raise EngineNotFound(
            "starting the engine", daemon.endpoint, "only root can start one", remedy="sudo offswitch setup"
        )
    if not has("dockerd"):
        _install(place)
    log = place / "logs" / "dockerd.log"
    if daemon.is_machine_wide and systemd_runs():
        return _start_unit(daemon, log)
    if daemon.running_pid():
        return _wait(daemon, None, log)
    # A stale file would make the daemon refuse to start, should its number be in use by now.
    daemon.pidfile.unlink(missing_ok=True)
    _mount_cgroups(place)
    return _wait(daemon, _spawn(daemon, log), log)


def _install(place: Path) -> None:
    if not can_install():
        cause = "no engine is installed, and this is not a Debian where one could be"
        raise EngineNotFound("starting the engine", "dockerd", cause, remedy="install Docker Engine 20.10 or newer")
    packages = ["docker.io", "ca-certificates"]
    if not systemd_runs():
        packages.append("cgroupfs-mount")
    if _apparmor_is_on():
        packages.append("apparmor")
    apt_install(packages, log=place / "logs" / "apt.log", purpose="installing an engine")


def _apparmor_is_on() -> bool:
    with suppress(OSError):
        return Path("/sys/module/apparmor/parameters/enabled").read_text().startswith("Y")
    return False


def _start_unit(daemon: Daemon, log: Path) -> Engine:
    ended = run(["systemctl", "start", "docker"], log=log, timeout_s=START_TIMEOUT_S)
    if not ended.ok:
        raise SetupError("starting the engine", "docker.service", ended.told(), remedy="journalctl -u docker -e")
    return _wait(daemon, None, log)


def _mount_cgroups(place: Path) -> None:
    """Without systemd nobody may have mounted the control groups that the engine needs."""
    mounts = Path("/proc/self/mountinfo").read_text()
    if " - cgroup" in mounts:
        return
    if not has("cgroupfs-mount") and can_install():
        apt_install(["cgroupfs-mount"], log=place / "logs" / "apt.log", purpose="mounting control groups")
    ended = run(["cgroupfs-mount"], log=place / "logs" / "cgroupfs-mount.log", timeout_s=_FIRST_ANSWER_S)
    if not ended.ok:
        raise SetupError("mounting control groups", "/sys/fs/cgroup", ended.told())


def _spawn(daemon: Daemon, log: Path) -> int:
    """Start the daemon in a session of its own, its output in `log`, holding nothing of ours open."""
    log.parent.mkdir(parents=True, exist_ok=True)
    env_program = shutil.which("env") or "/usr/bin/env"
    command = [env_program, "--chdir=/", "dockerd", *daemon.options]
    return os.posix_spawn(
        env_program,
        command,
        {**os.environ, "PATH": search_path()},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigmask=[],
        setsigdef=[signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP],
    )


def _wait(daemon: Daemon, pid: int | None, log: Path) -> Engine:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        with suppress(EngineNotFound, EngineTimeout):
            return _answering(daemon)
        if pid is not None and os.waitpid(pid, os.WNOHANG)[0] == pid:
            raise _failed(daemon, "it died at once", log)
        time.sleep(_POLL_S)
    raise _failed(daemon, f"no answer within {START_TIMEOUT_S:.0f} s", log)


def _failed(daemon: Daemon, how: str, log: Path) -> SetupError:
    cause = f"{how}; the end of {log}:\n{last_lines(log, 4)}"
    return SetupError("starting the engine", daemon.endpoint, cause, remedy=f"less {log}")


def _answering(daemon: Daemon) -> Engine:
    connect(daemon.endpoint, timeout_s=_FIRST_ANSWER_S).close()
    return connect(daemon.endpoint)
