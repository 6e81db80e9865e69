"""A disk that fails where it is told to, and one that writes down what it was given: disk.c, driven from Python.

`nursery` starts a process in which the C library is watched; it forks one child a trial, so that none pays for the
start of Python. A trial is a function of the module that is named to it, called with a folder.
"""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
SHORT = 0
"""In the place of an errno: the call writes only half."""

_SERVER = """
import ctypes, importlib, json, os, sys, traceback
from pathlib import Path
sys.path.insert(0, sys.argv[1])
disk = ctypes.CDLL(None)
disk.disk_fired.restype = ctypes.c_char_p
module = importlib.import_module(sys.argv[2])

def live(asked):
    folder = asked["folder"].encode()
    if asked.get("journal"):
        fd = os.open(asked["journal"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        note = lambda text: disk.disk_note(b"note", text.encode(), b"", 0, b"", 0)
        disk.disk_record(folder, fd)
    else:
        note = lambda text: None
        disk.disk_arm(folder, asked["nth"], asked["errno"])
    told = {"error": None, "acknowledged": []}
    def acknowledge(text):
        told["acknowledged"].append(text)
        note(text)
    try:
        getattr(module, asked["trial"])(Path(asked["folder"]), acknowledge)
    except BaseException as error:
        told["error"] = [base.__name__ for base in type(error).__mro__]
        told["text"] = str(error)
        told["trace"] = traceback.format_exc()
    told["fired"] = disk.disk_fired().decode()
    disk.disk_arm(b"", -1, 0)
    return told

print("ready", flush=True)
for line in sys.stdin:
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.write(writing, json.dumps(live(json.loads(line))).encode())
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as told:
        print(told.read().decode(), flush=True)
    os.wait()
"""


@dataclass(frozen=True)
class Told:
    """What became of a trial."""

    fired: str
    """The call that was made to fail; empty where there were fewer calls."""
    error: tuple[str, ...]
    """Classes of what it raised, the closest first; empty where it went through."""
    text: str
    trace: str
    acknowledged: tuple[str, ...]
    """What it said was done, in that order."""


class Disk:
    """Runs trials."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def fail(self, trial: str, folder: Path, nth: int, number: int) -> Told:
        """Let the ``nth`` call below a folder fail with this errno, or write only half (`SHORT`)."""
        return self._ask({"trial": trial, "folder": str(folder), "nth": nth, "errno": number})

    def record(self, trial: str, folder: Path, journal: Path) -> Told:
        """Write down everything that the disk was given."""
        return self._ask({"trial": trial, "folder": str(folder), "journal": str(journal)})

    def _ask(self, asked: dict[str, Any]) -> Told:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        error = tuple(told["error"] or ())
        said = tuple(told["acknowledged"])
        return Told(told["fired"], error, told.get("text", ""), told.get("trace", ""), said)


@contextmanager
def nursery(module: str, folder: Path) -> Generator[Disk]:
    """A process for the trials of a module, with the watch compiled into ``folder``."""
    library = folder / "disk.so"
    source = Path(__file__).with_name("disk.c")
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    environment = {**os.environ, "LD_PRELOAD": str(library)}
    command = [sys.executable, "-c", _SERVER, str(CHECKOUT), module]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield Disk(process)
        assert process.stdin is not None
        process.stdin.close()
