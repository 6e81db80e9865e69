"""The same twenty-step episode, and the same command, here and through others: Inspect AI, and the docker SDK alone.

Ours is the whole environment: decision, record on the disk, every channel of evidence, every integrity monitor, the
end with its verdicts. Only the scoring of the work is off, on both sides. The peers run the same commands in the
same image, under the same limits as far as they have words for them, and record nothing but what they always do.
"""

import json
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..environments import Collected, Lab, Score, Task, World
from ..records import EndReason
from ..sandbox import SEALED, Engine, labels, scratch_folder, seccomp_profile
from ..tasks import load_task
from . import _inspect_driver
from ._errors import PeerError
from ._figure import Figure, Side, of_ratio, of_rounds
from ._lives import PARALLEL, rate
from ._peer_home import PINNED, PeerHome, peer_home
from ._peer_limits import NOT_TAKEN, compose, differences
from ._peer_process import PeerProcess
from ._peer_sdk import SdkPeer
from ._place import Place, Steps
from ._script import SCRIPT, same_work

_WINDOW_S = 8.0
_CALL_S, _EPISODE_S = 60.0, 600.0
_EVAL_SAMPLES = 6
_PEERS = ("inspect_ai", "the docker SDK")
_TRUE = ["/bin/true"]
_TOOL = ["bash", "--login", "-c", "/bin/true"]


@dataclass
class Rates:
    """Episodes a second, round by round."""

    ours: list[float] = field(default_factory=list[float])
    inspect: list[float] = field(default_factory=list[float])
    whole: list[float] = field(default_factory=list[float])
    """Of Inspect with its whole harness."""
    sdk: list[float] = field(default_factory=list[float])
    processor_ms: list[float] = field(default_factory=list[float])
    """What an episode of ours costs this process, which is one interpreter: two at a time share it."""
    on_host_ms: list[float] = field(default_factory=list[float])
    """The twenty commands on the host itself, in no container: what the work alone takes."""
    parts: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    """Where an episode of Inspect spends its milliseconds."""


def measure(place: Place) -> list[Figure]:
    """``call_over_inspect``, ``step_over_inspect``, ``call_over_docker_exec``, ``episode_rate_over_inspect``,
    ``episode_rate_over_inspect_eval``, ``episode_rate_over_docker_exec``.
    """
    home = peer_home(place.say)
    marks = labels(place.lab.run_id, "bench", "peer")
    with _peers(place, home, marks) as (inspect, sdk):
        place.peers["inspect_ai"] = {**inspect.hello, "packages": list(PINNED), "limits_not_taken": list(NOT_TAKEN)}
        calls = _calls(place, inspect, sdk, marks)
        rates = _episodes(place, inspect, sdk)
    return [*calls, *_rates(rates)]


@contextmanager
def _peers(place: Place, home: PeerHome, marks: dict[str, str]) -> Generator[tuple[PeerProcess, SdkPeer]]:
    """Both peers, ready; whatever they left on the engine is gone afterwards."""
    lab = place.lab
    with ExitStack() as stack:
        folder = Path(stack.enter_context(scratch_folder()))
        stack.callback(sweep, lab.engine, marks)
        plan = _plan(lab, marks, folder)
        driver = home.command(_inspect_driver.__file__)
        environment = home.environment(lab.engine.endpoint, folder)
        inspect = stack.enter_context(PeerProcess(driver, plan, environment, folder / "inspect.log"))
        sdk = stack.enter_context(SdkPeer(lab.engine, lab.image, SEALED, marks, seccomp_profile()))
        yield inspect, sdk


def _plan(lab: Lab, marks: dict[str, str], folder: Path) -> dict[str, Any]:
    """What the driver of Inspect needs to know, with the files that it names."""
    seccomp, config = folder / "seccomp.json", folder / "compose.yaml"
    seccomp.write_text(json.dumps(seccomp_profile()))
    config.write_text(json.dumps(compose(SEALED, _tag(lab.engine, lab.image), marks, seccomp), indent=1))
    logs = str(folder / "logs")
    return {"script": SCRIPT, "config": str(config), "engine": lab.engine.told.version, "logs": logs}


def _tag(engine: Engine, image: str) -> str:
    """The name of our image: Compose takes no bare digest for one that no registry holds."""
    with engine.phase("looking at the image", image):
        tags: list[str] = engine.api.inspect_image(image)["RepoTags"]
    return tags[0]


def sweep(engine: Engine, marks: dict[str, str]) -> None:
    """Remove what a peer that broke off left behind."""
    for one in _containers(engine, marks):
        engine.remove_container(one["Names"][0].lstrip("/"), one["Id"])


def _containers(engine: Engine, marks: dict[str, str]) -> list[dict[str, Any]]:
    only = {"label": [f"{name}={value}" for name, value in marks.items()]}
    with engine.phase("listing the peers' containers", engine.endpoint):
        found: list[dict[str, Any]] = engine.api.containers(all=True, filters=only)
    return found


def _calls(place: Place, inspect: PeerProcess, sdk: SdkPeer, marks: dict[str, str]) -> list[Figure]:
    """One command in containers that are up, in turn."""
    taken: dict[str, list[float]] = {name: [] for name in ("ours", "step", "inspect", "inspect_tool", "sdk")}
    inspect.ask("open", within_s=_EPISODE_S)
    sdk.open()
    _same_limits(place.lab.engine, marks)
    with closing(place.environment(load_task("backfill"))) as env, place.container() as bare:
        env.reset(seed=1)
        step = Steps(env)
        turns: dict[str, Callable[[], float]] = {
            "ours": _timed(lambda: bare.exec(_TRUE)),
            "inspect": lambda: inspect.ask("call", argv=_TRUE, within_s=_CALL_S)["ms"],
            "step": _timed(step),
            "inspect_tool": lambda: inspect.ask("call", argv=_TOOL, within_s=_CALL_S)["ms"],
            "sdk": lambda: sdk.call(_TRUE),
        }
        for turn in range(place.times(60, 5) + 2):
            for name, once in turns.items():
                elapsed = once()
                if turn >= 2:
                    taken[name].append(elapsed)
    inspect.ask("close", within_s=_EPISODE_S)
    sdk.release()
    return _call_figures(taken)


def _same_limits(engine: Engine, marks: dict[str, str]) -> None:
    """Raise `PeerError` where a peer's container is not as tight as was asked for: it would be cheaper than ours."""
    found = _containers(engine, marks)
    if len(found) != len(_PEERS):
        raise PeerError("comparing limits", engine.endpoint, f"{len(found)} containers are up, not one of each peer")
    for one in found:
        with engine.phase("looking at a peer's container", one["Id"]):
            told: dict[str, Any] = engine.api.inspect_container(one["Id"])
        if wrong := differences(SEALED, seccomp_profile(), told):
            raise PeerError("comparing limits", told["Name"].lstrip("/"), "; ".join(wrong))


def _timed(work: Callable[[], object]) -> Callable[[], float]:
    def once() -> float:
        started = time.perf_counter()
        work()
        return (time.perf_counter() - started) * 1e3

    return once


def _call_figures(taken: dict[str, list[float]]) -> list[Figure]:
    theirs, sdk = "Inspect's exec of true", "exec_run of true by the docker SDK"
    tool = "what Inspect's bash tool runs / our whole env.step of the same command, evidence and monitors included"
    figures = (
        of_ratio("call_over_inspect", taken["inspect"], taken["ours"], f"{theirs} / ours", 50.0, Side.AT_LEAST),
        of_ratio("step_over_inspect", taken["inspect_tool"], taken["step"], tool, side=Side.AT_LEAST),
        of_ratio("call_over_docker_exec", taken["sdk"], taken["ours"], f"{sdk} / ours", side=Side.AT_LEAST),
    )
    return list(figures)


def _episodes(place: Place, inspect: PeerProcess, sdk: SdkPeer) -> Rates:
    """Rounds in which everybody has the machine alone for a while, one after the other."""
    rates, window = Rates(), _WINDOW_S * min(1.0, place.scale * 5)
    with Lab.open(ahead=PARALLEL - 1) as lab:
        ours = _ours(place, lab)  # also proves the mechanisms, which is done once and kept
        same_work("docker exec", ours, sdk.episode())
        for number in range(place.times(5, 1)):
            place.say(f"peers, round {number + 1}")
            _by_us(place, lab, rates, window)
            rates.on_host_ms.append(_timed(_on_host)())
            _by_inspect(inspect, "episodes", ours, rates.inspect, rates.parts, seconds=window)
            rates.sdk.append(rate(sdk.episode, window))
            samples = max(PARALLEL, int(_EVAL_SAMPLES * min(1.0, place.scale * 2)))
            _by_inspect(inspect, "eval", ours, rates.whole, {}, samples=samples)
    return rates


def _by_us(place: Place, lab: Lab, rates: Rates, window: float) -> None:
    started, spent = time.perf_counter(), time.process_time()
    rates.ours.append(rate(lambda: _ours(place, lab), window))
    episodes = rates.ours[-1] * (time.perf_counter() - started)
    rates.processor_ms.append((time.process_time() - spent) * 1e3 / episodes)


def _on_host() -> None:
    """The script in a home of its own, by the system's programs."""
    with scratch_folder() as home:
        for command in SCRIPT:
            shell = ["/bin/bash", "-c", command]
            environment = {"HOME": home, "PATH": "/usr/bin:/bin"}
            subprocess.run(shell, env=environment, check=True, capture_output=True)  # noqa: S603 - our own script


def _ours(place: Place, lab: Lab) -> list[str]:
    """One episode of ours; what each command printed."""
    with closing(place.environment(_unscored(load_task("backfill")), lab)) as env:
        env.reset(seed=1)
        printed = [str(_step(env, command, number)) for number, command in enumerate(SCRIPT)]
        env.end(EndReason.GAVE_UP)
    return printed


def _step(env: Any, command: str, number: int) -> str:
    action = {"tool": "bash", "arguments": json.dumps({"command": command}), "answer_id": f"a{number}"}
    observation, _, terminated, truncated, info = env.step(action)
    if terminated or truncated:
        raise RuntimeError(f"the episode ended while it was measured: {info.get('end_reason')}")
    return str(observation["text"])


def _unscored(task: Task) -> Task:
    """The same task without the scoring of its work, which the peers are spared too."""

    def verify(world: World, collected: Collected) -> Score:
        del world, collected
        return Score(0.0, {})

    vars(task)["verify"] = verify
    return task


def _by_inspect(
    inspect: PeerProcess, do: str, ours: list[str], into: list[float], parts: dict[str, list[float]], **details: Any
) -> None:
    found = inspect.ask(do, within_s=_EPISODE_S, parallel=PARALLEL, **details)
    for theirs in found["outputs"]:
        same_work("inspect_ai", ours, theirs)
    into.append(found["episodes"] / found["seconds"])
    for name, taken in found["parts"].items():
        parts.setdefault(name, []).extend(taken)


def _rates(rates: Rates) -> list[Figure]:
    what = f"{len(SCRIPT)}-step episodes a second, {PARALLEL} in parallel, ours with all evidence"
    floor = {"ours_processor_ms": rates.processor_ms, "commands_on_host_ms": rates.on_host_ms}
    where = {f"inspect_{name}": taken for name, taken in rates.parts.items()}
    sides: tuple[tuple[str, list[float], float | None, str, dict[str, list[float]]], ...] = (
        ("inspect", rates.inspect, 25.0, "Inspect's sandbox alone", {**floor, **where}),
        ("inspect_eval", rates.whole, None, f"Inspect's whole eval of {_EVAL_SAMPLES} samples with its mock model", {}),
        ("docker_exec", rates.sdk, None, "the docker SDK's exec_run alone", {}),
    )
    figures: list[Figure] = []
    for name, theirs, target, said, parts in sides:
        ratios = [one / other for one, other in zip(rates.ours, theirs, strict=True)]
        told = {"ours_per_s": rates.ours, f"{name}_per_s": theirs, **parts}
        figures.append(of_rounds(f"episode_rate_over_{name}", ratios, "ratio", f"{what} / {said}", target, told))
    return figures
