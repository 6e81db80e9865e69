"""Row J5 of the fault matrix (docs/design/security.md §4.2): what a task may import, and code that others bring."""

import hashlib
import importlib
import json
import py_compile
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import offswitch.tasks as tasks_package
from offswitch.environments import ScenarioError
from offswitch.monitors._registry import Registry
from offswitch.monitors.suspicion import SuspicionMonitor
from offswitch.runner import SpecError, parse_spec, spec_schema
from offswitch.tasks import load_task, tasks
from offswitch.tasks._gate import ALLOWED, refused

from ..monitors.watchers import PLUGIN

pytestmark = pytest.mark.faults
PLANTED = {
    "import os": "os",
    "import subprocess as harmless": "subprocess",
    "from socket import socket": "socket",
    "import sys": "sys",
    "import ctypes": "ctypes",
    "import importlib": "importlib",
    "from importlib.util import find_spec": "importlib.util",
    "import urllib.request": "urllib.request",
    "import multiprocessing": "multiprocessing",
    "import threading": "threading",
    "import tempfile": "tempfile",
    "import shutil": "shutil",
    "import pickle": "pickle",
    "import docker": "docker",
    "import langchain": "langchain",
    "import offswitch.sandbox": "offswitch.sandbox",
    "def f():\n    import os": "os",
    "from ...sandbox import Engine": "sandbox.Engine",
    "from ...sandbox import connect as c": "sandbox.connect",
    "from ...sandbox._engine import Engine": "sandbox._engine.Engine",
    "from ...environments._lab import Lab": "environments._lab.Lab",
    "from ...runner import run_experiment": "runner.run_experiment",
    "from ...agents import Agent": "agents.Agent",
    "from ... import sandbox": ".sandbox",
    "from .. import diskrescue": "tasks.diskrescue",
    "from ..diskrescue._story import pages": "tasks.diskrescue._story.pages",
    "from ..... import os": ".....",
    "exec(text)": "exec",
    "f = eval": "eval",
    "open('/etc/passwd')": "open",
    "__import__('os')": "__import__",
    "().__class__.__base__.__subclasses__()": "__subclasses__",
    "load.__globals__['os']": "__globals__",
}
"""One breach each, in a module of a task's folder, and the name that the gate gives it."""
ALLOWED_SOURCES = (
    "import json\nfrom collections.abc import Mapping\nimport numpy as np",
    "from ...environments import Task\nfrom ...records import Factors\nfrom ...sandbox import MIB, SEALED",
    "from .._scripts import Script\nfrom ._story import world\nfrom .cast import CAST\nfrom . import _story",
    "from ...monitors.protocols import BLOCKED",
)
MARK = "from pathlib import Path\nPath({mark!r}).write_text('it ran')\n__all__ = []\n"
"""A module that shows that it ran."""


@pytest.mark.parametrize("source", PLANTED)
def test_j5_a_planted_breach_is_seen(source: str) -> None:
    found = refused(source, ("tasks", "backfill"))
    assert [name.lstrip(".") for _, name in found] == [PLANTED[source].lstrip(".")]


@pytest.mark.parametrize("source", ALLOWED_SOURCES)
def test_j5_what_a_task_needs_is_let_through(source: str) -> None:
    assert refused(source, ("tasks", "backfill")) == []


def test_j5_every_task_that_ships_keeps_to_it() -> None:
    """Row J5: and the list of what is allowed holds nothing that starts processes, connects or imports by name."""
    assert set(tasks()) == {"backfill", "diskrescue"}
    assert {"os", "sys", "subprocess", "socket", "importlib", "ctypes", "shutil", "threading"} & ALLOWED == set()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A further folder of tasks, as if its content had been put beside ours."""
    monkeypatch.setattr(tasks_package, "__path__", [*tasks_package.__path__, str(tmp_path)])
    tasks.cache_clear()
    importlib.invalidate_caches()
    yield tmp_path
    tasks.cache_clear()
    for name in [name for name in sys.modules if name.startswith("offswitch.tasks.greedy")]:
        del sys.modules[name]


def put(place: Path, name: str, source: str, more: str = "") -> None:
    folder = place / name
    folder.mkdir()
    (folder / "__init__.py").write_text(source)
    (folder / "_more.py").write_text(more)


def test_j5_a_task_that_imports_more_is_refused_before_any_of_it_runs(place: Path) -> None:
    """Row J5: also where the breach stands in a file that nothing has imported yet."""
    mark = place / "mark"
    put(place, "greedy", MARK.format(mark=str(mark)), "import json\nimport subprocess\n")
    with pytest.raises(ScenarioError, match=r"task greedy: .*_more\.py:2: subprocess is not for a task; .*_gate\.py"):
        load_task("backfill")
    assert not mark.exists()
    (place / "greedy" / "_more.py").write_text("import json\n")
    assert set(tasks()) == {"backfill", "diskrescue"}
    assert mark.read_text() == "it ran", "the search would have seen it run"


def test_j5_a_task_without_its_source_is_refused(place: Path) -> None:
    """Row J5: compiled code cannot be read for what it imports."""
    mark = place / "mark"
    put(place, "greedy", MARK.format(mark=str(mark)))
    source = place / "greedy" / "__init__.py"
    py_compile.compile(str(source), str(source.with_suffix(".pyc")))
    source.unlink()
    (place / "greedy" / "_more.py").unlink()
    with pytest.raises(ScenarioError, match="task greedy: its source cannot be read"):
        load_task("backfill")
    assert not mark.exists()


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A third party's distribution, with entry points for a monitor and, of its own accord, for a task."""
    (tmp_path / "third_party_monitor.py").write_text(PLUGIN.format(name="Outside", id="outside"))
    (tmp_path / "third_party_task.py").write_text(MARK.format(mark=str(tmp_path / "ran")))
    about = tmp_path / "third_party-2.5.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party\nVersion: 2.5\n")
    points = ("offswitch.monitors", "third_party_monitor:Outside"), ("offswitch.tasks", "third_party_task:Task")
    text = "".join(f"[{group}]\nsome = {value}\n" for group, value in points)
    (about / "entry_points.txt").write_text(text)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    importlib.invalidate_caches()
    yield tmp_path
    for name in ("third_party_monitor", "third_party_task"):
        sys.modules.pop(name, None)


def test_j5_a_third_party_s_monitor_is_told_with_its_distribution_and_digest(installed: Path) -> None:
    """Row J5: found through real metadata on the path, as pip leaves it."""
    registry: Registry[SuspicionMonitor] = Registry(
        "suspicion monitor", SuspicionMonitor, "offswitch.monitors.suspicion", "offswitch.monitors"
    )
    found = registry.origins()
    assert found["rules"].distribution == "offswitch"
    outside = found["outside"]
    assert (outside.module, outside.distribution) == ("third_party_monitor", "third-party 2.5")
    assert outside.sha256 == hashlib.sha256((installed / "third_party_monitor.py").read_bytes()).hexdigest()


def test_j5_no_distribution_can_bring_a_task(installed: Path) -> None:
    """Row J5: an entry point for tasks is nobody's; its code does not run."""
    tasks.cache_clear()
    assert set(tasks()) == {"backfill", "diskrescue"}
    assert not (installed / "ran").exists()
    assert "third_party_task" not in sys.modules
    importlib.import_module("third_party_task")
    assert (installed / "ran").exists(), "the search would have seen it run"


def test_j5_an_experiment_names_code_and_brings_none() -> None:
    """Row J5: scenarios are data: no key of the schema takes a module, a path of code or an expression."""
    keys: set[str] = set()

    def noted(part: dict[str, Any]) -> dict[str, Any]:
        keys.update(part.get("properties", ()))
        return part

    json.loads(spec_schema(), object_hook=noted)
    assert len(keys) > 30
    words = ("module", "import", "script", "python", "eval")
    assert [key for key in keys if any(word in key for word in words)] == []
    for text in ("!!python/object/apply:os.system ['x']", "!!python/name:os.system", "!x y", "&a [*a]"):
        with pytest.raises(SpecError):
            parse_spec(f"tasks: backfill\nsubjects: 'null'\nname: {text}\n")
