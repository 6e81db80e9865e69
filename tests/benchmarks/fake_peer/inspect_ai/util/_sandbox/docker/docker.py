"""The sandbox of the stand-in: a container of the docker SDK by the compose file, or a folder of this machine."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from .prereqs import note, validate_prereqs

LOCAL = "a folder"
"""In the place of an image: commands run on this machine, in a home of their own."""


@dataclass
class Result:
    """As the peer's own."""

    success: bool
    returncode: int
    stdout: str
    stderr: str


class Box:
    """One sandbox."""

    def __init__(self, service: dict[str, Any]) -> None:
        self._home = tempfile.TemporaryDirectory() if service["image"] == LOCAL else None
        self._container: Any = None if self._home else _container(service)

    async def exec(self, cmd: list[str]) -> Result:
        """Run a command to its end."""
        if "breaks" in cmd[-1]:
            raise OSError("the peer broke")
        if self._home is None:
            code, output = self._container.exec_run(cmd)
            return Result(code == 0, code, output.decode(), "")
        environment = {**os.environ, "HOME": self._home.name}
        done = subprocess.run(cmd, capture_output=True, text=True, check=False, env=environment, cwd=self._home.name)
        return Result(done.returncode == 0, done.returncode, done.stdout, done.stderr)

    def end(self) -> None:
        """Nothing of it stays."""
        if self._home is not None:
            self._home.cleanup()
        else:
            self._container.remove(force=True, v=True)


def _container(service: dict[str, Any]) -> Any:
    docker: Any = import_module("docker")
    places = [place.split(":", 1) for place in service["tmpfs"]]
    return docker.from_env().containers.run(
        service["image"],
        service["command"],
        detach=True,
        user=service["user"],
        environment=service["environment"],
        working_dir=service["working_dir"],
        read_only=service["read_only"],
        tmpfs=dict(places),
        network_mode=service["network_mode"],
        labels=service["labels"],
        init=service["init"],
        shm_size=service["shm_size"],
        mem_limit=service["mem_limit"],
        memswap_limit=service["memswap_limit"],
        pids_limit=int(os.environ.get("FAKE_PIDS") or service["pids_limit"]),
        nano_cpus=int(service["cpus"] * 1e9),
        cap_drop=service["cap_drop"],
        ulimits=[{"Name": name, "Soft": one["soft"], "Hard": one["hard"]} for name, one in service["ulimits"].items()],
        security_opt=[_read(option) for option in service["security_opt"]],
    )


def _read(option: str) -> str:
    """The engine takes the content of a filter, the compose file its path."""
    name, _, path = option.partition("=")
    return f"{name}={Path(path).read_text()}" if path else option


class DockerSandboxEnvironment:
    """The life of sandboxes, each part of it noted."""

    @classmethod
    async def task_init(cls, task_name: str, config: str) -> None:
        """Before the first sample."""
        await validate_prereqs()
        sys.stdout.write("the peer says something\n")
        note(f"task {task_name} begins with {Path(config).name}")

    @classmethod
    async def sample_init(cls, task_name: str, config: str, metadata: dict[str, str]) -> dict[str, Box]:
        """One sandbox."""
        assert task_name
        assert not metadata
        note("sample begins")
        return {"default": Box(json.loads(Path(config).read_text())["services"]["default"])}

    @classmethod
    async def sample_cleanup(cls, task_name: str, config: str, environments: dict[str, Box], interrupted: bool) -> None:
        """Its end."""
        assert task_name
        assert config
        assert not interrupted
        for box in environments.values():
            box.end()
        note("sample ends")

    @classmethod
    async def task_cleanup(cls, task_name: str, config: str, cleanup: bool) -> None:
        """After the last sample."""
        assert task_name
        assert config
        assert cleanup
        note("task ends")
