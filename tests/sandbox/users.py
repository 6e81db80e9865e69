"""A user without rights on the host, made for the tests, and running our command as that user."""

import json
import os
import pwd
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

NAME = "offswitch-test"
_CALL = "import site, sys; site.addsitedir(sys.argv.pop(1)); from offswitch.cli import main; main()"


def plain_user() -> pwd.struct_passwd:
    """A system user who is in the ``docker`` group and in no other; made where it is missing."""
    with suppress(KeyError):
        return pwd.getpwnam(NAME)
    home = f"/var/lib/{NAME}"
    subprocess.run(["useradd", "--system", "--create-home", "--home-dir", home, "--groups", "docker", NAME], check=True)
    return pwd.getpwnam(NAME)


def reachable_python() -> str:
    """An interpreter of our version that everybody may run: ours may lie in root's own folder."""
    own = Path(sys.executable).resolve()
    if all(folder.stat().st_mode & 0o001 for folder in own.parents):
        return str(own)
    system = shutil.which("python3", path="/usr/bin:/bin")
    assert system is not None, f"{own} is root's alone, and there is no other python3"
    asked = [system, "-c", "import sys; print(sys.version_info[:2] == tuple(map(int, sys.argv[1:])))"]
    fits = subprocess.run([*asked, *map(str, sys.version_info[:2])], check=True, capture_output=True, text=True)
    assert fits.stdout.strip() == "True", f"{system} is of another version than ours: a plain user has nothing to run"
    return system


def as_user(user: pwd.struct_passwd, *words: str, timeout_s: float = 240.0) -> subprocess.CompletedProcess[str]:
    """Run ``offswitch WORDS`` as that user, with none of our environment."""
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    return subprocess.run(
        [reachable_python(), "-c", _CALL, packages, *words],
        check=False,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        cwd="/",
        user=user.pw_uid,
        group=user.pw_gid,
        extra_groups=os.getgrouplist(user.pw_name, user.pw_gid),
        env={"HOME": user.pw_dir, "PATH": "/usr/bin:/bin", "USER": user.pw_name, "LOGNAME": user.pw_name},
    )


def told(ended: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What a command printed as JSON."""
    assert ended.stdout, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def unkept(found: dict[str, Any]) -> dict[str, str]:
    """Promise → state of those that were not kept."""
    return {line["promise"]: line["state"] for line in found["lines"] if line["state"] != "pass"}
