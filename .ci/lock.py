"""``make lock``: writes .ci/requirements.lock anew: every package that setup needs, with the SHA-256 of its files.

For every system and each Python that pyproject.toml allows. The resolver works in an environment of its own; the
package index is the one that pip is configured for, and its name is written nowhere.
"""

import os
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / ".ci" / "requirements.lock"
HEAD = """\
# What `make setup` installs: .ci/install.py holds each file against its SHA-256. Written by `make lock`.
"""
OPTIONS = (
    *("--group", "dev", "--universal", "--python-version", "3.11", "--generate-hashes", "--quiet"),
    *("--no-header", "--no-emit-index-url", "--no-annotate", "--upgrade"),
)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="offswitch-lock-") as name:
        work = Path(name)
        venv.create(work / "venv", with_pip=True)
        python = work / "venv" / "bin" / "python"
        run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv")
        build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
        (work / "build.in").write_text("\n".join(build) + "\n")
        command = (python, "-m", "uv", "pip", "compile", "pyproject.toml", work / "build.in", *OPTIONS)
        run(*command, "--output-file", work / "lock", env=index_of(python))
        LOCK.write_text(HEAD + (work / "lock").read_text())
    print(f"{LOCK.relative_to(ROOT)}: {LOCK.read_text().count('==')} packages")


def index_of(python: Path) -> dict[str, str]:
    """The resolver's own variables for the index and the certificates that pip is configured for."""
    asked = {"UV_DEFAULT_INDEX": ("PIP_INDEX_URL", "global.index-url"), "SSL_CERT_FILE": ("PIP_CERT", "global.cert")}
    found: dict[str, str] = {}
    for name, (variable, key) in asked.items():
        command = [str(python), "-m", "pip", "config", "get", key]
        said = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the list is our own
        value = os.environ.get(variable) or (said.stdout.strip() if said.returncode == 0 else "")
        found |= {name: value} if value else {}
    return found


def run(*words: object, env: dict[str, str] | None = None) -> None:
    command = [str(word) for word in words]
    if subprocess.run(command, cwd=ROOT, env={**os.environ, **(env or {})}, check=False).returncode:  # noqa: S603 - ours
        sys.exit(f"lock: {' '.join(command[2:5])} failed; {LOCK.name} stays as it was")


if __name__ == "__main__":
    main()
