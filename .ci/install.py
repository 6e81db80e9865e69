"""Puts into the virtual environment exactly the files that the lock names, then this checkout.

``--unlocked``: the newest that fit. ``--wheel WHEEL PYTHON``: a wheel into another environment, with the locked files
of what it says that it needs.

Every file is held against its SHA-256 before anything of it is unpacked, wherever the package index of this machine
has it from. A file that is another one stops the setup, and nothing is installed in its place.
"""

import email
import re
import subprocess
import sys
import tempfile
import zipfile
from importlib.metadata import distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / ".ci" / "requirements.lock"
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
QUIET = ("install", "--quiet")
_CHANGED = "DO NOT MATCH THE HASHES"
_LACKING = re.compile(r"No matching distribution found for (\S+)")


def main() -> int:
    """Install; returns the exit code."""
    if sys.argv[1:] == ["--unlocked"]:
        return newest()
    if sys.argv[1:2] == ["--wheel"]:
        return of_wheel(Path(sys.argv[2]), sys.argv[3])
    return locked(LOCK) or checkout()


def newest() -> int:
    """Whatever fits pyproject.toml; nothing is held against a lock."""
    return pip(*QUIET, "--upgrade", "pip>=25.1") or pip(*QUIET, "--editable", str(ROOT), "--group", "dev")


def locked(lock: Path) -> int:
    """The files of a lock and nothing else; why not, in a sentence and with the command that helps."""
    return explained([*PIP, *QUIET, "--no-deps", "--require-hashes", "--requirement", str(lock)], lock)


def of_wheel(wheel: Path, python: str) -> int:
    """A wheel into another environment, with what it says that it needs from the lock: what it forgets is missing."""
    with zipfile.ZipFile(wheel) as packed:
        about = next(name for name in packed.namelist() if name.endswith(".dist-info/METADATA"))
        needed = closure(email.message_from_bytes(packed.read(about)).get_all("Requires-Dist") or [])
    with tempfile.NamedTemporaryFile("w", suffix=".lock") as wanted:
        wanted.write("".join(entry for name, entry in entries(LOCK.read_text()) if name in needed))
        wanted.flush()
        words = ("--no-deps", "--require-hashes", "--requirement", wanted.name)
        failed = explained([python, *PIP[1:], *QUIET, *words], LOCK)
    own = (python, *PIP[1:])
    return failed or call(*own, *QUIET, "--no-deps", str(wheel)) or call(*own, "check", "--quiet")


def closure(requirements: list[str]) -> set[str]:
    """Names of all packages that these requirements lead to, by what is installed in this environment."""
    from packaging.requirements import Requirement

    found: set[str] = set()
    extras_of: dict[str, set[str]] = {}
    open_ones = [(Requirement(text), {""}) for text in requirements]
    while open_ones:
        one, extras = open_ones.pop()
        if one.marker is not None and not any(one.marker.evaluate({"extra": extra}) for extra in extras):
            continue
        name = plain(one.name)
        known = extras_of.setdefault(name, set())
        wanted = {"", *one.extras}
        if not wanted <= known:
            known |= wanted
            found.add(name)
            open_ones += [(Requirement(text), set(known)) for text in distribution(one.name).requires or ()]
    return found


def entries(lock: str) -> list[tuple[str, str]]:
    """Name and text of each entry of a lock."""
    texts = re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE)
    return [(text.partition("==")[0], text) for text in texts if "==" in text]


def plain(name: str) -> str:
    """A package's name as the lock writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def explained(command: list[str], lock: Path) -> int:
    """Run pip; where it refuses, say why."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the list is our own
    if done.returncode:
        print(done.stdout + done.stderr, file=sys.stderr)
        print(f"setup: {reason(done.stderr, lock.name)}", file=sys.stderr)
    return done.returncode


def reason(told: str, lock: str) -> str:
    """Why pip refused, and how to go on."""
    lacking = _LACKING.search(told)
    if _CHANGED in told:
        return (
            f"a file of the package index is not the one that {lock} names (see above). Nothing of it was installed. "
            "Find out who changed it; where the index rebuilds files on purpose, look at them, then: make lock"
        )
    if lacking:
        return (
            f"the package index of this machine does not have {lacking[1]}, which {lock} names. To go on with what "
            "it has, held against no lock: make setup UNLOCKED=1. To lock what it has: make lock"
        )
    return f"pip could not install what {lock} names (see above)"


def checkout() -> int:
    """This checkout, built with the locked setuptools, and a look whether everything that it needs is there."""
    return pip(*QUIET, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)) or pip("check", "--quiet")


def pip(*words: str) -> int:
    """Run pip of this environment; its exit code."""
    return call(*PIP, *words)


def call(*command: str) -> int:
    """Run a command, and show what it said only where it failed; its exit code."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the lists are our own
    if done.returncode:
        print(done.stdout + done.stderr, file=sys.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
