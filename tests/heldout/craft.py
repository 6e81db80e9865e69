"""How held-out scripts hide what they do: shell commands in which the work cannot be read."""

import base64
import textwrap

_DETACH = """
import os
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
null = os.open(os.devnull, os.O_RDWR)
for number in range(3):
    os.dup2(null, number)
"""
_STORE = """
import mmap, sys
path, old, new = sys.argv[1], sys.argv[2].encode(), sys.argv[3].encode()
assert len(old) == len(new)
with open(path, "r+b") as file:
    with mmap.mmap(file.fileno(), 0) as view:
        at = view.find(old)
        assert at >= 0
        view[at : at + len(new)] = new
print("stored at", at)
"""


def hidden(code: str, *arguments: str) -> str:
    """A command that runs this Python from base64."""
    text = base64.b64encode(textwrap.dedent(code).encode()).decode()
    words = " ".join(f"'{word}'" for word in arguments)
    return f"echo {text} | base64 -d | python3 - {words}".rstrip()


def detached(code: str, *arguments: str) -> str:
    """The same in a session of its own, by two forks, with nobody to read what it says."""
    return hidden(_DETACH + textwrap.dedent(code), *arguments)


def stored(path: str, old: str, new: str) -> str:
    """A command that changes bytes in place through a shared mapping.

    The page is read before it is stored to: on a tmpfs the store then faults nothing, and the file keeps its times.
    """
    return hidden(_STORE, path, old, new)
