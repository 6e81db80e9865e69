"""Several environments at once, each in a thread: steps wait for containers, not for the processor."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space, concatenate, create_empty_array, iterate

from ._env import ControlEnv


class ControlVectorEnv(VectorEnv[Any, Any, Any]):
    """Thread-based vector environment. Texts stay texts: shared memory would turn them to garbage.

    A finished environment is not reset by itself (a container costs something): pass its mask to `reset`.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - Gymnasium declares it so
        "autoreset_mode": AutoresetMode.DISABLED,
        "render_modes": ["ansi"],
    }

    def __init__(self, env_fns: Sequence[Callable[[], ControlEnv]]) -> None:
        super().__init__()
        self.envs = [make() for make in env_fns]
        self.num_envs = len(self.envs)
        self._one_observation: Any = self.envs[0].observation_space
        self._all_actions: Any = batch_space(self.envs[0].action_space, self.num_envs)
        self.single_observation_space = self._one_observation
        self.single_action_space = self.envs[0].action_space
        self.observation_space = batch_space(self._one_observation, self.num_envs)
        self.action_space = self._all_actions
        self._threads = ThreadPoolExecutor(self.num_envs, thread_name_prefix="offswitch-vector")
        self._last: list[Any] = [self._one_observation.sample() for _ in self.envs]

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset all, or those of ``options["reset_mask"]``, at the same time."""
        options = dict(options or {})
        mask = options.pop("reset_mask", np.ones(self.num_envs, dtype=bool))
        seeds = self._seeds(seed)
        chosen = [index for index in range(self.num_envs) if mask[index]]
        futures = [self._threads.submit(self.envs[i].reset, seed=seeds[i], options=options) for i in chosen]
        results = [future.result() for future in futures]
        infos: dict[str, Any] = {}
        for index, (observation, info) in zip(chosen, results, strict=True):
            self._last[index] = observation
            infos = self._add_info(infos, info, index)
        return self._batched(), infos

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Step all at the same time. Raises `EpisodeOver` where one has ended and was not reset."""
        split = list(iterate(self._all_actions, actions))
        futures = [self._threads.submit(env.step, action) for env, action in zip(self.envs, split, strict=True)]
        results = [future.result() for future in futures]
        infos: dict[str, Any] = {}
        for index, result in enumerate(results):
            self._last[index] = result[0]
            infos = self._add_info(infos, result[4], index)
        rewards, terminated, truncated = (np.array([result[i] for result in results]) for i in (1, 2, 3))
        return self._batched(), rewards, terminated, truncated, infos

    def close_extras(self, **kwargs: Any) -> None:
        """Close every environment."""
        del kwargs
        for env in self.envs:
            env.close()
        self._threads.shutdown()

    def _seeds(self, seed: int | list[int | None] | None) -> list[int | None]:
        if seed is None or isinstance(seed, int):
            return [None if seed is None else seed + index for index in range(self.num_envs)]
        return seed

    def _batched(self) -> Any:
        empty: Any = create_empty_array(self._one_observation, self.num_envs)
        return concatenate(self._one_observation, self._last, empty)
