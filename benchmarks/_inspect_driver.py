"""Drives Inspect AI in an interpreter of its own: a plan, then one request a line in, one answer a line out.

Run by path where nothing of this project is installed: only the standard library and the peer. It uses the peer as
its documentation says (docs/extensions-sandboxes.qmd, "Lifecycle Methods"): ``task_init`` once, which no figure
counts, and for each episode ``sample_init``, ``exec`` of what its own ``bash`` tool would run, ``sample_cleanup``::

    {"script", "config", "engine", "logs"}      →  {"inspect_ai", "bypassed", …}, once the engine was looked at
    {"do": "open"} {"do": "close"}              one sample that stays up between
    {"do": "call", "argv"}                      →  {"ms"} in that sample
    {"do": "episodes", "seconds", "parallel"}   →  {"episodes", "seconds", "outputs", "parts"}
    {"do": "eval", "samples", "parallel"}       →  the same through one whole ``eval`` with its mock model

An answer with ``error`` ends it; so does the end of its input. Whatever is up then is taken down first.
"""

import asyncio
import importlib
import json
import os
import re
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

_TASK = "twenty"
_TOLD_CHARS = 500
_SHELL = ("bash", "--login", "-c")
"""How the peer's ``bash`` tool runs a command."""


def numbers(version: str) -> tuple[int, ...]:
    """The numbers that a version starts with."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(one) for one in found[0].split(".")) if found else ()


def lift_engine_check(prereqs: Any, engine: str) -> list[str]:
    """Let the peer take an engine that is older than it asks for; returns what was bypassed, in words.

    Only the number that the version is held against is another one, and only in this process: the engine is still
    asked, and so is Compose. Nothing is touched where the engine is new enough.
    """
    required = str(prereqs.DOCKER_ENGINE_REQUIRED_VERSION)
    if numbers(engine) >= numbers(required):
        return []
    check: Callable[..., Awaitable[None]] = prereqs.validate_docker_engine
    accepted = ".".join(map(str, numbers(engine)[:3]))

    async def lowered() -> None:
        await check(version=accepted)

    prereqs.validate_docker_engine = lowered
    name = f"{prereqs.__name__}.validate_docker_engine"
    return [f"{name}: it asks for Docker Engine >= {required}, and was told {accepted} in this process"]


def processor_ms() -> float:
    """Processor time of this process and of the commands that it ran so far; the engine's is not in it."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used) * 1e3


def told(error: BaseException) -> str:
    """The error in one line of bounded length; of a group its first, which the others follow from."""
    inner: tuple[BaseException, ...] = getattr(error, "exceptions", ())
    if inner:
        return told(inner[0])
    return " ".join(f"{type(error).__name__}: {error}".split())[:_TOLD_CHARS]


class Driver:
    """The peer, with the sandbox of one task."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._script: list[str] = plan["script"]
        self._config: str = plan["config"]
        self._logs: str = plan["logs"]
        self._engine: str = plan["engine"]
        self._kind: Any = None
        self._held: dict[str, Any] | None = None

    async def start(self) -> dict[str, Any]:
        """Import the peer and let it get ready, as before the first sample of a task."""
        peer: Any = importlib.import_module("inspect_ai")
        prereqs: Any = importlib.import_module("inspect_ai.util._sandbox.docker.prereqs")
        bypassed = lift_engine_check(prereqs, self._engine)
        module: Any = importlib.import_module("inspect_ai.util._sandbox.docker.docker")
        self._kind = module.DockerSandboxEnvironment
        await self._kind.task_init(_TASK, self._config)
        return {
            "inspect_ai": str(peer.__version__),
            "engine_asked_for": str(prereqs.DOCKER_ENGINE_REQUIRED_VERSION),
            "bypassed": bypassed,
        }

    async def open(self) -> dict[str, Any]:
        """Bring up a sample that stays."""
        self._held = await self._kind.sample_init(_TASK, self._config, {})
        return {}

    async def call(self, argv: list[str]) -> dict[str, Any]:
        """One command in the sample that is up."""
        assert self._held is not None, "open comes first"
        started = time.perf_counter()
        result = await self._held["default"].exec(argv)
        elapsed = (time.perf_counter() - started) * 1e3
        if not result.success:
            raise RuntimeError(f"{argv}: status {result.returncode}: {result.stderr}")
        return {"ms": elapsed}

    async def close(self) -> dict[str, Any]:
        """Take it down."""
        if self._held is not None:
            held, self._held = self._held, None
            await self._kind.sample_cleanup(_TASK, self._config, held, False)
        return {}

    async def episodes(self, seconds: float, parallel: int) -> dict[str, Any]:
        """Episodes one after the other in each of ``parallel`` tasks; each finishes what it began."""
        parts: dict[str, list[float]] = defaultdict(list)
        outputs: list[list[str]] = []
        started, spent = time.perf_counter(), processor_ms()

        async def work() -> None:
            while time.perf_counter() - started < seconds:
                outputs.append(await self._episode(parts))

        async with asyncio.TaskGroup() as tasks:
            for _ in range(parallel):
                tasks.create_task(work())
        took = time.perf_counter() - started
        parts["processor_ms"].append((processor_ms() - spent) / len(outputs))
        return {"episodes": len(outputs), "seconds": took, "outputs": outputs, "parts": parts}

    async def _episode(self, parts: dict[str, list[float]]) -> list[str]:
        marks = [time.perf_counter()]
        outputs: list[str] = []
        environments = await self._kind.sample_init(_TASK, self._config, {})
        marks.append(time.perf_counter())
        try:
            for command in self._script:
                result = await environments["default"].exec([*_SHELL, command])
                outputs.append(f"{result.stderr}{result.stdout}")
        finally:
            marks.append(time.perf_counter())
            await self._kind.sample_cleanup(_TASK, self._config, environments, False)
        marks.append(time.perf_counter())
        for name, before, after in zip(("init", "commands", "cleanup"), marks[:-1], marks[1:], strict=True):
            parts[f"{name}_ms"].append((after - before) * 1e3)
        return outputs

    async def eval(self, samples: int, parallel: int) -> dict[str, Any]:
        """One whole evaluation of a mock model that asks for the commands one by one; nothing is scored."""
        peer: Any = importlib.import_module("inspect_ai")
        started = time.perf_counter()
        logs = await peer.eval_async(
            self._task(peer, samples),
            model=self._model(),
            max_samples=parallel,
            log_dir=self._logs,
            score=False,
        )
        took = time.perf_counter() - started
        if logs[0].status != "success":
            raise RuntimeError(f"the evaluation ended with {logs[0].status}: {getattr(logs[0].error, 'message', '')}")
        outputs = [
            [str(message.text) for message in sample.messages if message.role == "tool"] for sample in logs[0].samples
        ]
        return {"episodes": len(outputs), "seconds": took, "outputs": outputs, "parts": {}}

    def _task(self, peer: Any, samples: int) -> Any:
        dataset: Any = importlib.import_module("inspect_ai.dataset")
        solver: Any = importlib.import_module("inspect_ai.solver")
        tool: Any = importlib.import_module("inspect_ai.tool")
        return peer.Task(
            dataset=[dataset.Sample(id=number, input="Run the commands.") for number in range(1, samples + 1)],
            solver=[solver.use_tools(tool.bash()), solver.generate()],
            sandbox=("docker", self._config),
            name=_TASK,
        )

    def _model(self) -> Any:
        model: Any = importlib.import_module("inspect_ai.model")

        def answer(messages: list[Any], *_: Any) -> Any:
            done = sum(message.role == "tool" for message in messages)
            if done < len(self._script):
                output = model.ModelOutput.for_tool_call("mockllm", "bash", {"command": self._script[done]})
            else:
                output = model.ModelOutput.from_content("mockllm", "done")
            output.usage = model.ModelUsage()  # else it counts tokens, with a table that it fetches
            return output

        return model.get_model("mockllm/model", custom_outputs=answer)

    async def leave(self) -> None:
        """Take everything down."""
        if self._kind is not None:
            await self.close()
            await self._kind.task_cleanup(_TASK, self._config, True)


async def main(answer: Callable[[dict[str, Any]], None]) -> int:
    """Serve until the input ends; returns the exit status."""
    driver = Driver(json.loads(await asyncio.to_thread(sys.stdin.readline)))
    try:
        answer(await driver.start())
        while line := await asyncio.to_thread(sys.stdin.readline):
            request: dict[str, Any] = json.loads(line)
            answer(await getattr(driver, request.pop("do"))(**request))
    except Exception as error:
        answer({"error": told(error)})
        return 1
    finally:
        await driver.leave()
    return 0


def _answers() -> Callable[[dict[str, Any]], None]:
    """Where answers go. What the peer prints, and what it starts, goes to the standard error from here on."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(found: dict[str, Any]) -> None:
        answers.write(json.dumps(found) + "\n")
        answers.flush()

    return answer


if __name__ == "__main__":
    sys.exit(asyncio.run(main(_answers())))
