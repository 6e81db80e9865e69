"""Row I4 of the fault matrix (docs/design/security.md §4.2): a run directory that somebody else made, and hands over.

What stands in the place of its files leads out of it, never ends, or is larger than any disk. The trees that an agent
leaves stand in sandbox/test_faults_tree.py.
"""

import itertools
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from offswitch.analysis import load, report
from offswitch.records import EvidenceStore, RunIndex, RunPaths, RunStore, RunView, verify_run

from ..analysis.synthetic import RunBuilder, failed

pytestmark = pytest.mark.faults
TOKEN = "the-host-s-own-secret-4711"
TERABYTE = 1 << 40
EVERY = int(os.environ.get("OFFSWITCH_I4_EVERY", "13"))
Deed = Callable[[Path, Path], None]
"""Puts something in the place of the first path; the second is a file of the host."""


def absolute(path: Path, secret: Path) -> None:
    path.symlink_to(secret)


def relative(path: Path, secret: Path) -> None:
    path.symlink_to(os.path.relpath(secret, path.parent))


def magic(path: Path, secret: Path) -> None:
    path.symlink_to(f"/proc/self/root{secret}")


def itself(path: Path, secret: Path) -> None:
    path.symlink_to(path.name)


def pipe(path: Path, secret: Path) -> None:
    os.mkfifo(path)


def endless(path: Path, secret: Path) -> None:
    os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 5))


def sparse(path: Path, secret: Path) -> None:
    with path.open("wb") as file:
        file.truncate(TERABYTE)


def folder(path: Path, secret: Path) -> None:
    path.mkdir()


DEEDS: tuple[Deed, ...] = (absolute, relative, magic, itself, pipe, endless, sparse, folder)
FILES = ("manifest.json", "spec.yaml", "index.sqlite", "index.sqlite.sha256", "episodes/{}.jsonl", "evidence/{}")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound run with an index, a ledger and an artifact."""
    with RunBuilder(tmp_path_factory.mktemp("whole") / "RUN") as builder:
        builder.episode(verdicts=[failed("S3")])
    RunIndex.rebuild(RunView.open(builder.root)).close()
    return builder.root


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file of the host, believable as each of the files, which no reader may show or write to."""
    path = tmp_path / "secret"
    path.write_text(f'{{"{TOKEN}": 1}}\n')
    return path


READERS: dict[str, Callable[[Path], object]] = {
    "verify": lambda run: verify_run(RunPaths(run)),
    "view": lambda run: [list(view.records(one)) for view in [RunView.open(run)] for one in view.episodes()],
    "index": lambda run: RunIndex.open(RunView.open(run)).close(),
    "load": load,
    "report": report,
    "resume": lambda run: RunStore.resume(run).close(),
}


def hand_over(whole: Path, place: Path, name: str, deed: Deed, secret: Path) -> Path:
    """A copy of the run with one file replaced."""
    shutil.copytree(whole, place)
    (artifact,) = (place / "evidence").iterdir()
    path = place / name.format("ep-0001" if "episodes" in name else artifact.name)
    path.unlink()
    deed(path, secret)
    return place


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_i4_no_reader_of_a_run_leaves_it_waits_or_reads_without_end(
    whole: Path, tmp_path: Path, secret: Path, trials: Callable[[int], int]
) -> None:
    """Row I4: each of eight deeds to each of six files, met by each of six readers; in `make test` every 13th of them.

    Nothing of the host is shown or changed, and nothing takes long.
    """
    before = secret.stat()
    every = list(itertools.product(DEEDS, FILES, READERS))[::EVERY]
    for deed, name, reader in every:
        run = hand_over(whole, tmp_path / "RUN", name, deed, secret)
        started = time.monotonic()
        told = outcome(READERS[reader], run)
        assert time.monotonic() - started < 15, (deed, name, reader)
        assert TOKEN not in told, (deed, name, reader)
        assert TOKEN not in written(run), (deed, name, reader)
        shutil.rmtree(run)
    after = secret.stat()
    assert (after.st_mtime_ns, after.st_size) == (before.st_mtime_ns, before.st_size)
    trials(len(every))


def outcome(read: Callable[[Path], object], run: Path) -> str:
    """What a reader gives, or how it complains: never otherwise than by an error of ours or of the system."""
    try:
        return repr(read(run))
    except (ValueError, OSError) as error:  # every error of the records is one of them too
        return f"{error!r} {error}"


def written(run: Path) -> str:
    """What a reader wrote into the run: its page, its index."""
    files = [path for path in run.rglob("*") if path.is_file() and not path.is_symlink()]
    return "".join(path.read_text(errors="replace") for path in files if path.stat().st_size < 1 << 24)


def test_i4_the_search_sees_a_host_file_that_is_shown(whole: Path, tmp_path: Path, secret: Path) -> None:
    """Row I4, the positive control: a reader that follows the link."""
    run = hand_over(whole, tmp_path / "RUN", "spec.yaml", absolute, secret)
    assert TOKEN in outcome(lambda run: (run / "spec.yaml").read_text(), run)
    (run / "page.html").write_text((run / "spec.yaml").read_text())
    assert TOKEN in written(run)


WRITTEN = ("manifest.json.tmp", ".report.html.tmp", "index.sqlite.sha256", "run.lock", "report.html")


@pytest.mark.parametrize("name", WRITTEN)
def test_i4_nothing_is_written_through_a_link_that_was_left_for_it(
    name: str, whole: Path, tmp_path: Path, secret: Path
) -> None:
    """Row I4: going on with a run and writing its report leave the host's file as it is, by links of both kinds."""
    for kind in (Path.symlink_to, Path.hardlink_to):
        run = tmp_path / kind.__name__
        shutil.copytree(whole, run)
        path = run / name
        path.unlink(missing_ok=True)
        kind(path, secret)
        before = secret.read_text()
        for read in (READERS["resume"], READERS["report"], READERS["index"]):
            outcome(read, run)
        assert secret.read_text() == before


@pytest.mark.parametrize("name", ["episodes", "evidence", "quarantine", "proofs", "replay", "verdicts"])
def test_i4_a_folder_that_is_a_link_is_no_part_of_the_run(name: str, whole: Path, tmp_path: Path, secret: Path) -> None:
    """Row I4: it is a finding, nothing behind it is listed, and nobody writes there."""
    run = tmp_path / "RUN"
    shutil.copytree(whole, run)
    shutil.rmtree(run / name, ignore_errors=True)
    behind = tmp_path / "behind"
    behind.mkdir()
    (behind / TOKEN).write_text("x")
    (run / name).symlink_to(behind)
    found = verify_run(RunPaths(run))
    assert not found.ok
    told = {one.where: one.text for one in found.findings}
    assert told[name] == "is a link: what lies behind it is not part of the run"
    assert TOKEN not in repr(found)
    with pytest.raises(OSError, match="is a link: nothing is written through it"):
        RunStore.resume(run)
    assert [path.name for path in behind.iterdir()] == [TOKEN]


def test_i4_a_sparse_terabyte_costs_no_memory(whole: Path, tmp_path: Path, secret: Path) -> None:
    """Row I4: each reader on each file, in a process that may have little of it."""
    runs = [hand_over(whole, tmp_path / str(n), name, sparse, secret) for n, name in enumerate(FILES)]
    program = (
        "import re, resource, sys\nfrom pathlib import Path\n"
        "from tests.records.test_faults_handed_over import READERS, outcome\n"
        "resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))\n"
        "READERS.pop('report')\n"
        "for run in sys.argv[1:]:\n    for read in READERS.values(): outcome(read, Path(run))\n"
        "print(re.search(r'VmHWM:\\s+(\\d+) kB', Path('/proc/self/status').read_text())[1])"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, runs)],
        capture_output=True,
        text=True,
        check=False,
        cwd=root,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 600_000, "kilobytes"


def test_i4_an_artifact_of_any_kind_but_a_file_is_none(tmp_path: Path, secret: Path) -> None:
    """Row I4: the store says what is wrong and hands nothing out."""
    for number, deed in enumerate(DEEDS):
        store = EvidenceStore(tmp_path / str(number))
        store.folder.mkdir()
        digest = store.put(secret.read_bytes())
        assert store.get(digest)
        assert store.check(digest) is None
        (store.folder / digest).unlink()
        deed(store.folder / digest, secret)
        assert store.check(digest) is not None, deed.__name__
        with pytest.raises(OSError, match=r"not a regular file|larger than"):
            store.get(digest)
