"""A stand-in for the peer: what the driver uses of it, with containers of the docker SDK or folders of this machine."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from .util._sandbox.docker import docker as _docker
from .util._sandbox.docker import prereqs as _prereqs

__version__ = "0.0.fake"


@dataclass
class Task:
    """As the peer's own."""

    dataset: list[Any]
    solver: list[Any]
    sandbox: tuple[str, str]
    name: str
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


async def eval_async(task: Task, *, model: Any, max_samples: int, log_dir: str, score: bool) -> list[Any]:
    """Runs every sample to the model's last word, one after the other."""
    assert max_samples >= 1
    assert log_dir
    assert not score
    kind, config = _docker.DockerSandboxEnvironment, task.sandbox[1]
    await _prereqs.validate_prereqs()
    samples: list[Any] = []
    for _ in task.dataset:
        environments = await kind.sample_init(task.name, config, {})
        messages: list[Any] = []
        while (output := model([*messages], [], None, None)).command:
            assert output.usage is not None, "what is not given is counted with a table from the network"
            result = await environments["default"].exec(["bash", "--login", "-c", output.command])
            messages.append(SimpleNamespace(role="tool", text=result.stdout))
        await kind.sample_cleanup(task.name, config, environments, interrupted=False)
        samples.append(SimpleNamespace(messages=messages))
    return [SimpleNamespace(status="success", error=None, samples=samples)]
