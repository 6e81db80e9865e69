"""``make faults``: every test of the fault matrix with the full number of trials, and a table row → result → n.

It takes three quarters of an hour. One that was broken off goes on where it was, file by file, as long as nothing was
changed: what is done lies in ``.faults/``, by commit.
"""

import hashlib
import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.fault_rows import MATRIX, allowed, matrix, trials  # noqa: E402 - the checkout is no package

XML = ROOT / "faults.xml"
PARTS = ROOT / ".faults"
PYTEST = (sys.executable, "-m", "pytest", "-m", "faults")
AT_ONCE = 2


@dataclass
class Row:
    """What came of the tests of one row."""

    passed: int = 0
    failed: list[str] = field(default_factory=list[str])
    skipped: list[str] = field(default_factory=list[str])
    trials: int = 0

    @property
    def proven(self) -> bool:
        """Whether something passed and nothing failed."""
        return self.passed > 0 and not self.failed

    @property
    def result(self) -> str:
        """In one word or two."""
        if self.failed:
            return "FAILED"
        if not self.passed:
            return "SKIPPED"
        return "passed in part" if self.skipped else "passed"

    def add(self, case: ET.Element, told: dict[str, str]) -> None:
        """Count one test case; without a number of trials it is one."""
        name = f"{case.get('classname')}::{case.get('name')}"
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            self.failed.append(name)
        elif skipped is not None:
            self.skipped.append(f"{name}: {skipped.get('message')}")
        else:
            self.passed += 1
            self.trials += int(told.get("trials", "1"))


def main() -> int:
    """Run, tell, and return 0 only where every row is proven or stands in the documentation with its reason."""
    XML.unlink(missing_ok=True)
    files = listed(sys.argv[1:])
    folder = PARTS / key(sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(AT_ONCE) as workers:
        sound = list(workers.map(lambda file: part(file, folder, sys.argv[1:]), files))
    join([folder / f"{flat(file)}.xml" for file in files], XML)
    text = MATRIX.read_text(encoding="utf-8")
    whole = show(read(XML), matrix(text), allowed(text))
    return int(not (whole and all(sound) and files))


def listed(arguments: list[str]) -> list[str]:
    """The files that hold tests of rows, as pytest finds them."""
    command = [*PYTEST, "--collect-only", "-q", *arguments]
    told = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True).stdout  # noqa: S603 - our own tests
    return list(dict.fromkeys(line.partition("::")[0] for line in told.splitlines() if "::" in line))


def key(arguments: list[str]) -> str:
    """What a part stands for: the commit, the selection and the trials; a tree with changes is like no other."""
    head, changes = (_git(*command) for command in (("rev-parse", "HEAD"), ("status", "--porcelain")))
    more = [f"{time.time_ns()}"] if changes else []
    return hashlib.sha256(json.dumps([head, arguments, trials(), *more]).encode()).hexdigest()[:16]


def _git(*command: str) -> str:
    return subprocess.run(["git", *command], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603, S607 - git itself


def part(file: str, folder: Path, arguments: list[str]) -> bool:
    """Run the tests of one file, unless an earlier run of the same commit has done so; whether none failed."""
    done, under_way = (folder / f"{flat(file)}{ending}" for ending in (".xml", ".part"))
    if done.exists():
        print(f"{file}: done before", flush=True)
        return not any(row.failed for row in read(done).values())
    environment = {**os.environ, **{name: str(number) for name, number in trials().items()}}
    began = time.monotonic()
    options = [one for one in arguments if not (ROOT / one.partition("::")[0]).exists()]
    command = [*PYTEST, "-q", file, f"--junitxml={under_way}", *options]
    found = subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)  # noqa: S603 - our own tests
    (folder / f"{flat(file)}.log").write_text(found.stdout + found.stderr, encoding="utf-8")
    last = next((line for line in reversed(found.stdout.splitlines()) if line.strip()), "it said nothing")
    print(f"{file}: {last.strip('= ')} ({time.monotonic() - began:.0f} s)", flush=True)
    if found.returncode not in (0, 1):  # broken off, or broken: it will be asked for again
        print(found.stdout[-4000:] + found.stderr[-4000:], flush=True)
        return False
    under_way.rename(done)
    return found.returncode == 0


def flat(file: str) -> str:
    """The name of a file's part."""
    return file.removesuffix(".py").replace("/", ".")


def join(parts: list[Path], into: Path) -> None:
    """One report of all parts that there are."""
    whole = ET.Element("testsuites")
    for path in parts:
        if path.exists():
            whole.extend(ET.parse(path).getroot().iter("testsuite"))  # noqa: S314 - pytest has written it
    ET.ElementTree(whole).write(into, encoding="utf-8", xml_declaration=True)


def read(path: Path) -> dict[str, Row]:
    """Row → its results, from the report of the tests."""
    rows: dict[str, Row] = defaultdict(Row)
    for case in ET.parse(path).iter("testcase"):  # noqa: S314 - pytest has just written it
        told = {str(one.get("name")): str(one.get("value")) for one in case.iter("property")}
        for row in told.get("rows", "").split():
            rows[row].add(case, told)
    return dict(rows)


def show(rows: dict[str, Row], known: list[str], reasons: dict[str, str]) -> bool:
    """Print the table; whether every row is proven or has its reason."""
    print(f"\n{'row':4} {'result':15} {'n':>8}")
    missing: list[str] = []
    for name in known:
        row = rows.get(name)
        if row is None:
            print(
                f"{name:4} {'no test' if name in reasons else 'MISSING':15} {'–':>8}  {reasons.get(name, '')}".rstrip()
            )
            missing += [] if name in reasons else [name]
            continue
        print(f"{name:4} {row.result:15} {row.trials:8}")
        for why in (*row.failed, *row.skipped):
            print(f"{'':20} {why}")
        missing += [] if row.proven or (not row.failed and name in reasons) else [name]
    proven = sum(name in rows and rows[name].proven for name in known)
    print(f"\n{proven} of {len(known)} rows proven; {XML.name} has each test")
    stale = [name for name in known if name in reasons and name in rows and rows[name].proven]
    if stale:
        print(f"proven, and still named in security.md §4.4: {' '.join(stale)}")
    if missing:
        print(f"NOT PROVEN, and without a reason in security.md §4.4: {' '.join(missing)}")
    return not missing


if __name__ == "__main__":
    sys.exit(main())
