"""Runs inside a container of the base image and prints what it finds, as JSON. Arguments: commands to look for."""

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path

SEEDED = ("/etc", "/var", "/root", "/home", "/usr/local")
ENGINES = ("hostname", "hosts", "resolv.conf")
ENGINES_OWN = ("Only in /etc: mtab", *(f"Files /etc/{name} and" for name in ENGINES))
IMPORTS = "import asyncio, json, sqlite3, email.mime.text"
QUERY = "import sqlite3; print(sqlite3.connect(':memory:').execute('select 7').fetchone()[0])"


def told(*command: str) -> str:
    """Both streams of a command."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout


def capable_files() -> list[str]:
    """Files that lend a capability to whoever runs them."""
    files = told("find", "/usr", "-type", "f").splitlines()
    return [name for name in files if "security.capability" in os.listxattr(name, follow_symlinks=False)]


def compiled_at_start() -> list[str]:
    """Library modules that Python had to compile, having no compiled file for them."""
    lines = told("python3", "-v", "-c", IMPORTS).splitlines()
    return [line for line in lines if "code object from '" in line and ".py'" in line]


def unlike_seed() -> list[str]:
    """What differs between a place and its copy, apart from what the engine puts into /etc at each start."""
    compare = ("diff", "-rq", "--no-dereference")
    lines = [line for place in SEEDED for line in told(*compare, place, f"/seed{place}").splitlines()]
    return [line for line in lines if not line.startswith(ENGINES_OWN)]


def main() -> None:
    found = {
        "missing": [name for name in sys.argv[1:] if not told("sh", "-c", f"command -v {name}")],
        "users": {user.pw_name: [user.pw_uid, user.pw_dir, user.pw_shell] for user in pwd.getpwall()},
        "setuid": told("find", "/", "-xdev", "-perm", "/6000"),
        "capable": capable_files(),
        "unlike_seed": unlike_seed(),
        "seed_bytes": int(told("du", "-sb", "/seed").split()[0]),
        "seed_owner": [Path("/seed/home/agent").stat().st_uid, oct(Path("/seed/root").stat().st_mode)],
        "work": [str(Path.cwd()), [str(path) for path in Path("/work").iterdir()]],
        "packages": told("dpkg-query", "-W", "-f", "${Package}=${Version} ").split(),
        "faketime": told("faketime", "2020-01-02 03:04:05", "date", "+%F %T"),
        "editor": told("nano", "--version").split(",")[0].strip(),
        "database": told("python3", "-c", QUERY),
        "uncompiled": compiled_at_start(),
        "identity": told("cat", "/etc/machine-id", *(f"/seed/etc/{name}" for name in ENGINES)),
        "sources": [str(path) for path in Path("/etc/apt").rglob("*") if "sources" in path.name and path.is_file()],
    }
    sys.stdout.write(json.dumps(found))


main()
