"""Row D6 of the fault matrix (docs/design/security.md §4.2): deeds that hide what they do to files.

The terabyte, the hostile trees and the moving ones stand in test_evidence_files.py and test_evidence_inside.py.
"""

import os
import time
from collections.abc import Callable

import pytest

from offswitch.sandbox import DockerSandbox

from .yard import Yard

pytestmark = [pytest.mark.docker, pytest.mark.faults]

Deed = Callable[[DockerSandbox], None]


_BEGIN = "import os, mmap\nmove = lambda a, b: os.rename('/work/' + a, '/work/' + b)\n"


def _python(program: str) -> Deed:
    def run(sandbox: DockerSandbox) -> None:
        result = sandbox.exec(["/usr/bin/python3", "-c", _BEGIN + program], timeout_s=20)
        assert result.ok, result

    return run


_TIMES = "s = os.stat('/work/f'); put = lambda: os.utime('/work/f', ns=(s.st_atime_ns, s.st_mtime_ns))\n"
DEEDS: dict[str, Deed] = {
    "forged times": _python(_TIMES + "open('/work/f', 'w').write('x' * 9); os.utime('/work/f', (0, 0))"),
    "same size, times restored": _python(_TIMES + "open('/work/f', 'r+').write('changed!!'); put()"),
    "store through a mapping": _python(
        _TIMES + "f = open('/work/f', 'r+b'); m = mmap.mmap(f.fileno(), 0); m[0:3] = b'MAP'; m.close(); put()"
    ),
    "another name": _python("os.link('/work/f', '/work/g')"),
    "edit by another name": _python("os.link('/work/f', '/work/g'); open('/work/g', 'w').write('by g')"),
    "swapped names": _python(
        "os.rename('/work/f', '/work/t'); os.rename('/work/h', '/work/f'); os.rename('/work/t', '/work/h')"
    ),
    "there and back": _python(
        "os.rename('/work/f', '/work/t'); open('/work/t', 'a').write('!'); os.rename('/work/t', '/work/f')"
    ),
    "unlinked while open": _python("f = open('/work/f', 'r+'); os.unlink('/work/f'); f.write('unseen'); f.flush()"),
    "put in its place": _python("open('/work/n', 'w').write('000000000'); os.rename('/work/n', '/work/f')"),
    "in memory only": _python("open('/dev/shm/s', 'w').write('x'); open('/tmp/s', 'w').write('y')"),
    "links out": _python("os.symlink('/etc/shadow', '/work/l'); os.symlink('/proc/1/root', '/work/r')"),
    "mostly holes": _python("f = open('/tmp/huge', 'wb'); os.truncate('/tmp/huge', 200 << 20)"),
    "a folder moved": _python(
        "os.mkdir('/work/d'); open('/work/d/x', 'w').write('1'); os.rename('/work/d', '/work/e')"
    ),
}


@pytest.mark.parametrize("name", DEEDS)
def test_d6_the_manifest_says_what_stands_there_whatever_was_done_to_hide_it(name: str, yard: Yard) -> None:
    """Row D6: the truth is what the container itself holds, read plainly; the manifest is what the pass found."""
    sandbox = yard.start()
    for file in "fh":
        assert sandbox.write(f"/work/{file}", b"000000000") == 0
    files = sandbox.evidence.files
    files.scan()
    time.sleep(0.03)
    before = {path: files.read(path) for path in files.paths()}
    DEEDS[name](sandbox)
    found = files.scan(sandbox.evidence.cgroup.pids())
    truth = _plainly(sandbox, ("/work", "/tmp", "/dev/shm", "/home/agent"))
    seen = {p: s.sha256 for p in files.paths() if (s := files.state(p)) and s.kind == "file" and p.startswith(_PLACES)}
    assert set(truth) == set(seen)
    assert all(truth[path] is None or seen[path] == truth[path] for path in truth)
    changed = {path for path in truth if files.read(path, 64) != (before.get(path) or b"")[:64]} | (
        {path for path in before if path.startswith(_PLACES) and before[path] is not None} - truth.keys()
    )
    assert changed <= {change.path for change in found.changes}
    assert found.complete


_PLACES = ("/work/", "/tmp/", "/dev/shm/", "/home/agent/")


def _plainly(sandbox: DockerSandbox, places: tuple[str, ...]) -> dict[str, str | None]:
    """Path → digest of every regular file, told by a program inside that nobody has forged here; None where sparse."""
    program = (
        "import hashlib, os, sys\n"
        "for place in sys.argv[1:]:\n"
        "    for folder, _, names in os.walk(place):\n"
        "        for name in names:\n"
        "            path = os.path.join(folder, name)\n"
        "            if os.path.islink(path) or not os.path.isfile(path): continue\n"
        "            big = os.path.getsize(path) > 8 << 20\n"
        "            print('-' if big else hashlib.sha256(open(path, 'rb').read()).hexdigest(), path)"
    )
    result = sandbox.exec(["/usr/bin/python3", "-c", program, *places], as_agent=False)
    assert result.ok, result
    lines = [line.split(" ", 1) for line in os.fsdecode(result.stdout).splitlines()]
    return {path: None if digest == "-" else digest for digest, path in lines}
