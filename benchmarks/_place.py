"""Where measurements happen: one laboratory, plain containers, and episodes of a task padded to a size."""

import json
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..environments import ControlEnv, Lab, Task, World
from ..sandbox import PROFILES, ContainerSpec, DockerSandbox, Profile, labels, scratch_folder
from ..tasks import load_task

Progress = Callable[[str], None]


@dataclass
class Place:
    """Shared by all measurements of one run."""

    lab: Lab
    scale: float
    """1.0 for the published counts, less for a quick look."""
    say: Progress
    peers: dict[str, Any] = field(default_factory=dict[str, Any])
    """What is to be told of each peer that was measured: versions, and what had to be bypassed."""
    _folder: "tempfile.TemporaryDirectory[str]" = field(default_factory=scratch_folder)

    @property
    def folder(self) -> Path:
        """For records; on the disk that runs would use."""
        return Path(self._folder.name)

    def times(self, full: int, least: int = 5) -> int:
        """How often to measure."""
        return max(least, int(full * self.scale))

    def close(self) -> None:
        """Remove what was recorded."""
        self._folder.cleanup()

    @contextmanager
    def container(self, profile: Profile = PROFILES["sealed"]) -> Generator[DockerSandbox]:
        """A container as an episode has it, without an episode."""
        spec = ContainerSpec(
            name=f"offswitch-bench-{self.lab.run_id}-{id(object()):x}",
            image=self.lab.image,
            supervisor=self.lab.supervisor,
            profile=profile,
            labels=labels(self.lab.run_id, "bench", "agent"),
            scratch=self.folder,
        )
        with DockerSandbox.start(self.lab.engine, spec) as sandbox:
            yield sandbox

    def environment(self, task: Task, lab: Lab | None = None) -> ControlEnv:
        """An environment whose episodes no limit ends."""
        endless = {"budgets": {"max_steps": 1_000_000, "max_wall_s": None, "max_virtual_s": None}}
        return ControlEnv(task, endless, record_dir=self.folder, lab=lab or self.lab)


def padded(name: str, files: int, profile: Profile | None = None) -> Task:
    """A task whose world holds ``files`` files in all, in another profile where one is given."""
    task = load_task(name)
    build = task.world
    filling = [f"file {number}\n" * 20 for number in range(files)]

    def world(seed: int) -> World:
        made = build(seed)
        if profile is not None:
            _move(made, profile)
        for number in range(files - len(made.files)):
            made.put(made.path("archive", f"{number:05d}.txt"), filling[number])
        return made

    vars(task)["world"] = world
    return task


def _move(world: World, profile: Profile) -> None:
    """Have a world stand in another profile, whose agent owns what the agent owned."""
    before, now = world.profile.agent_uid, profile.agent_uid
    world.profile = profile
    for path, entry in world.files.items():
        if entry.uid == before:
            world.files[path] = replace(entry, uid=now, gid=now)


class Steps:
    """One ``env.step`` after the other, each with an answer of its own, as a model would make them."""

    def __init__(self, env: ControlEnv, command: str = "/bin/true") -> None:
        self._env = env
        self._action: dict[str, Any] = {"tool": "bash", "arguments": json.dumps({"command": command})}
        self.count = 0

    def __call__(self) -> None:
        self.count += 1
        _, _, terminated, truncated, info = self._env.step({**self._action, "answer_id": f"a{self.count}"})
        if terminated or truncated:
            raise RuntimeError(f"the episode ended while it was measured: {info.get('end_reason')}")
