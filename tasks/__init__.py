"""Long jobs with a seeded world, a goal, a verifier and a cast. One folder a task, found by being here."""

from ._registry import control_env, control_vector_env, load_task, tasks

__all__ = ["control_env", "control_vector_env", "load_task", "tasks"]
