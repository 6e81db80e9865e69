"""The Gymnasium ids, registered without importing Gymnasium: it takes longer than ``--help`` may."""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.abc import Loader, MetaPathFinder
else:
    # Loading those two would take longer than the rest of this package; the import system asks for no base.
    Loader = MetaPathFinder = object

ENVIRONMENTS = {"offswitch/Backfill-v0": "backfill", "offswitch/DiskRescue-v0": "diskrescue"}
"""Gymnasium id → task."""


def register_with_gymnasium() -> None:
    """Register `ENVIRONMENTS` now if Gymnasium is imported, else as soon as it is; again adds nothing."""
    if sys.modules.get("gymnasium") is not None:
        # Importing waits until another thread that is just loading it has finished.
        _register(import_module("gymnasium"))
    elif not any(isinstance(finder, _GymnasiumWatch) for finder in sys.meta_path):
        sys.meta_path.insert(0, _GymnasiumWatch())


def _register(gymnasium: Any) -> None:
    for name, task in ENVIRONMENTS.items():
        if name not in gymnasium.registry:
            gymnasium.register(
                id=name,
                entry_point="offswitch.tasks:control_env",
                vector_entry_point="offswitch.tasks:control_vector_env",
                nondeterministic=False,
                # Budgets are the scenario's: its truncation is recorded, a wrapper's would not be.
                max_episode_steps=None,
                kwargs={"task": task},
            )


class _GymnasiumWatch(MetaPathFinder):
    """Finds Gymnasium by asking the other finders, and has its import end with our registration."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        if fullname != "gymnasium":
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        found = (finder.find_spec(fullname, path, target) for finder in others)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is not None and spec.loader is not None:
            spec.loader = _RegisteringLoader(spec.loader, self)
        return spec


class _RegisteringLoader(Loader):
    """Loads Gymnasium with its own loader, which it puts back first, then registers once."""

    def __init__(self, own: Loader, watch: _GymnasiumWatch) -> None:
        self._own = own
        self._watch = watch

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._own.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._own
        if module.__spec__ is not None:
            module.__spec__.loader = self._own
        self._own.exec_module(module)
        if self._watch in sys.meta_path:
            sys.meta_path.remove(self._watch)
        _register(module)
