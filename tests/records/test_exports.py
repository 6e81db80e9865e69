"""What the package offers is what it names."""

import importlib
import json
import subprocess
import sys
from types import ModuleType


def test_all_is_complete_and_names_nothing_twice() -> None:
    records = importlib.import_module("offswitch.records")
    offered = {name for name, value in vars(records).items() if name[0] != "_" and not isinstance(value, ModuleType)}
    assert set(records.__all__) == offered
    assert len(records.__all__) == len(offered)


def test_the_records_know_no_other_package_and_no_heavy_library() -> None:
    """An arrow only ever points up the table of the house, and reading a run needs no engine."""
    script = "import json, sys, offswitch.records; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    above = ["agents", "analysis", "environments", "monitors", "runner", "sandbox", "tasks"]
    assert not loaded & {f"offswitch.{name}" for name in above}
    assert not loaded & {"docker", "pandas", "numpy", "langchain", "gymnasium", "matplotlib"}
