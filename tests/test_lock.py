"""Row J3 of the fault matrix (docs/design/security.md §4.2): setup installs the files that the lock names.

That the watchdog needs nothing of them stands in sandbox/test_faults_binary.py.
"""

import base64
import hashlib
import os
import re
import runpy
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

pytestmark = pytest.mark.faults
ROOT = Path(__file__).resolve().parent.parent
LOCK = (ROOT / ".ci" / "requirements.lock").read_text(encoding="utf-8")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ENTRY = re.compile(
    r"(?P<name>[a-z0-9.-]+)==(?P<version>\S+)(?: ; (?P<marker>[^\\]+?))? \\\n(?P<hashes>(?:    --hash=.*\n)+)"
)
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?\n")


def plain(name: str) -> str:
    """A name as the lock writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def entries() -> Iterator[re.Match[str]]:
    """Every entry of the lock; what is none of them is refused."""
    rest = LOCK
    while rest:
        if rest.startswith("#"):
            rest = rest.partition("\n")[2]
            continue
        found = ENTRY.match(rest)
        assert found, rest[:200]
        yield found
        rest = rest[found.end() :]


def required() -> list[Requirement]:
    """What pyproject.toml asks for: to run, to develop, to build."""
    project = PROJECT["project"]
    texts = [*project["dependencies"], *PROJECT["dependency-groups"]["dev"], *PROJECT["build-system"]["requires"]]
    return [Requirement(text) for text in texts]


def test_j3_every_package_is_pinned_with_the_digests_of_its_files() -> None:
    """Row J3: by version and SHA-256, and without the name of any place that has it."""
    found = list(entries())
    assert len(found) > 80
    for entry in found:
        assert Version(entry["version"])
        lines = entry["hashes"].splitlines(keepends=True)
        assert [line for line in lines if not HASH.fullmatch(line)] == []
    words = ("://", "--index", "--extra-index", "--find-links", "--trusted", " @ ", "-e ")
    assert [word for word in words if word in LOCK] == []


def test_j3_the_lock_holds_whatever_the_project_asks_for() -> None:
    """Row J3: a requirement that was added or raised without `make lock` is found."""
    versions: dict[str, list[Version]] = {}
    for entry in entries():
        versions.setdefault(entry["name"], []).append(Version(entry["version"]))
    wanted = required()
    assert len(wanted) > 25
    unmet = [
        str(one) for one in wanted if not any(one.specifier.contains(v) for v in versions.get(plain(one.name), []))
    ]
    assert unmet == [], "make lock"
    assert not any(Requirement("docker>=9999").specifier.contains(version) for version in versions["docker"])


def test_j3_what_is_installed_here_is_what_the_lock_names() -> None:
    """Row J3: this very environment, unless it was set up without the lock, and then it says so."""
    from importlib.metadata import distributions

    locked = {(entry["name"], entry["version"]) for entry in entries()}
    names = {name for name, _ in locked}
    here = {(plain(one.name), one.version) for one in distributions()}
    other = sorted(f"{name} {version}" for name, version in here - locked if name in names)
    if other:
        pytest.skip(f"this environment was set up without the lock: {', '.join(other[:5])}")


def wheel(folder: Path, name: str, version: str) -> tuple[Path, str]:
    """A package that holds one line, as an index would have it, and its digest."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    about = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": "HERE = True\n",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = [f"{file},sha256={_record_digest(text)},{len(text)}" for file, text in files.items()]
    files[f"{about}/RECORD"] = "\n".join([*lines, f"{about}/RECORD,,"]) + "\n"
    with zipfile.ZipFile(path, "w") as packed:
        for file, text in files.items():
            packed.writestr(zipfile.ZipInfo(file), text)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def _record_digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def install(tmp_path: Path, lock: str) -> subprocess.CompletedProcess[str]:
    """What setup does with a lock, from an index that has the files of a folder and nothing else."""
    (tmp_path / "requirements.lock").write_text(lock)
    program = "import runpy, sys; from pathlib import Path; own = runpy.run_path(sys.argv[1], run_name='setup'); "
    program += "sys.exit(own['locked'](Path(sys.argv[2])))"
    own = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_TARGET": str(tmp_path / "site")}
    command = [sys.executable, "-c", program, str(ROOT / ".ci" / "install.py"), str(tmp_path / "requirements.lock")]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **own}, timeout=120)


def test_j3_a_file_that_is_another_one_is_not_installed(tmp_path: Path) -> None:
    """Row J3: by the real pip; the right file is the control, and one that the index lacks is told with what helps."""
    path, digest = wheel(tmp_path, "harmless", "1.0")
    right = f"harmless==1.0 \\\n    --hash=sha256:{digest}\n"
    done = install(tmp_path, right)
    assert done.returncode == 0, done.stderr
    module = tmp_path / "site" / "harmless.py"
    assert module.read_text() == "HERE = True\n"
    module.unlink()
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr("extra.py", "print('changed')\n")
    done = install(tmp_path, right)
    assert done.returncode != 0
    assert not module.exists()
    assert "is not the one that requirements.lock names" in done.stderr
    assert "UNLOCKED" not in done.stderr, "a changed file is nothing to go past"
    done = install(tmp_path, right.replace("==1.0", "==1.1"))
    assert done.returncode != 0
    assert "does not have harmless==1.1" in done.stderr
    assert "make setup UNLOCKED=1" in done.stderr


def test_j3_setup_installs_by_the_lock_unless_it_is_told_otherwise() -> None:
    """Row J3: the one line of the Makefile that installs packages, and CI, which builds without fetching anything."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert [line for line in makefile.splitlines() if "pip install" in line or "install.py" in line] == [
        "\t@$(BIN)/python .ci/install.py $(if $(UNLOCKED),--unlocked)"
    ]
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "pip install" not in script
    assert "-m build --no-isolation" in script
    own = runpy.run_path(str(ROOT / ".ci" / "install.py"), run_name="setup")
    assert own["LOCK"] == ROOT / ".ci" / "requirements.lock"
