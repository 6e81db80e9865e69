"""Rows I5 and I6 of the fault matrix (docs/design/security.md §4.2): nothing that is read becomes code."""

from pathlib import Path

import pytest

from .danger import archives, dangers, is_python

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = sorted(init.parent for init in ROOT.glob("[!.]*/__init__.py") if init.parent.name != "tests")
SHIPPED = [
    file
    for folder in PACKAGES
    for file in sorted(folder.rglob("*"))
    if "__pycache__" not in file.parts and file.is_file() and is_python(file)
]
"""Every Python file of the wheel, what tasks put into their worlds among them."""
UNPACKS = {
    "environments/_unpacked.py": ["zlib"],
    "monitors/suspicion/_filters.py": ["zlib"],
    "monitors/suspicion/_python_code.py": ["zlib"],
    "sandbox/_catalogue.py": ["zlib"],
    "sandbox/_tarball.py": ["tarfile"],
    "tasks/diskrescue/world/recordcheck": ["gzip"],
}
"""Who opens what is packed: each takes it piece by piece with a cap. The catalogue only counts check sums, and the
last one runs inside the container."""

PLANTED = {
    "import pickle": "pickle",
    "from marshal import loads": "marshal.loads",
    "import shelve as harmless": "shelve",
    "import xml.dom, dill": "dill",
    "def f():\n    import cloudpickle": "cloudpickle",
    "eval('1')": "eval",
    "exec(text)": "exec",
    "run = eval\nrun('1')": "eval",
    "compile(text, 'x', 'exec')": "compile",
    "__import__(name)": "__import__",
    "__builtins__['eval'](text)": "__builtins__",
    "import builtins": "builtins",
    "import yaml\nyaml.load(text, Loader=yaml.SafeLoader)": "yaml.load",
    "import yaml as y\ny.unsafe_load(text)": "yaml.unsafe_load",
    "from yaml import full_load as read\nread(text)": "yaml.full_load",
    "import yaml\nclass L(yaml.Loader): ...": "yaml.Loader",
    "import yaml\nyaml.load_all(text)": "yaml.load_all",
    "import subprocess\nsubprocess.run('ls', shell=True)": "shell=True",
    "import subprocess\nsubprocess.run('ls', shell=flag)": "shell=True",
    "import subprocess\nsubprocess.run('ls', shell=1)": "shell=True",
    "import subprocess\nsubprocess.run('ls', **{'shell': True})": "shell=True",
    "import subprocess as s\ns.getoutput('ls')": "subprocess.getoutput",
    "from subprocess import getstatusoutput": "subprocess.getstatusoutput",
    "import asyncio\nasyncio.create_subprocess_shell('ls')": "asyncio.create_subprocess_shell",
    "import os\nos.system('ls')": "os.system",
    "from os import system as s\ns('ls')": "os.system",
    "import os\nrun = os.popen": "os.popen",
    "import os\ngetattr(os, 'system')('ls')": "os.system",
    "import os\ngetattr(os, 'sys' + 'tem')('ls')": "getattr(os, …)",
    "import numpy as np\nnp.load(path)": "numpy.load",
    "import numpy as np\nnp.lib.format.read_array(file, allow_pickle=True)": "allow_pickle",
    "import pandas\npandas.read_pickle(path)": "pandas.read_pickle",
    "frame.to_pickle(path)": "to_pickle",
    "archive.extractall(folder)": "extractall",
    "import shutil\nshutil.unpack_archive(path)": "shutil.unpack_archive",
    "connection.enable_load_extension(True)": "enable_load_extension",
    "import runpy": "runpy",
    "from importlib.util import spec_from_file_location": "importlib.util.spec_from_file_location",
}
"""One way from data to code each, and the name that the gate gives it."""
HARMLESS = (
    "import re\nre.compile(text)",
    "sandbox.exec(['ls'])",
    "import subprocess\nsubprocess.run(['ls'], shell=False)",
    "import yaml\nyaml.safe_load(text)",
    "from .pickle import loads",
    "import json\njson.loads(text)",
    "'''eval, exec, pickle, os.system'''",
    "def exec(self): ...",
)


@pytest.mark.parametrize("source", PLANTED)
def test_i6_a_planted_way_from_data_to_code_is_seen(source: str) -> None:
    assert dangers(source) == [PLANTED[source]]


@pytest.mark.parametrize("source", HARMLESS)
def test_i6_what_only_looks_like_it_is_let_through(source: str) -> None:
    assert dangers(source) == []


def test_i6_nothing_that_ships_turns_data_into_code() -> None:
    """Row I6: YAML is read by a loader of ours that knows plain data only (`runner/_yaml.py`), all else is JSON."""
    assert len(SHIPPED) > 250
    assert any(file.suffix == "" for file in SHIPPED), "the programs in the tasks' worlds are looked at too"
    found = {file.relative_to(ROOT).as_posix(): dangers(file.read_text(encoding="utf-8")) for file in SHIPPED}
    assert {name: names for name, names in found.items() if names} == {}


def test_i5_only_those_who_take_it_piece_by_piece_open_what_is_packed() -> None:
    """Row I5: a new file that opens an archive has to be named here, with a cap of its own."""
    assert archives("import tarfile, zipfile as z\nfrom gzip import open\napi.get_archive(x)") == [
        "get_archive",
        "gzip",
        "tarfile",
        "zipfile",
    ]
    found = {file.relative_to(ROOT).as_posix(): archives(file.read_text(encoding="utf-8")) for file in SHIPPED}
    assert {name: names for name, names in found.items() if names} == UNPACKS
