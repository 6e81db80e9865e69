"""The commands about a machine and about a run that is there: doctor, setup, gc, verify, report, rejudge."""

import errno
from collections.abc import Sequence
from pathlib import Path

from ._exits import FINDING, OK, UNWRITABLE
from ._screen import say
from ._show import print_table, show_json, show_rows, titles


def doctor(*, strict: bool, as_json: bool) -> int:
    """What this machine can do."""
    from offswitch.sandbox._doctor import diagnose

    checks = diagnose()
    rows = [check.model_dump(mode="json") for check in checks]
    show_rows(rows, as_json=as_json, columns=["name", "state", "fact", "help"])
    weak = strict and any(check.name == "advisories" and check.state == "warn" for check in checks)
    return FINDING if weak or any(check.state == "fail" for check in checks) else OK


def setup() -> int:
    """Make this machine ready."""
    from offswitch.sandbox._setup import setup as prepare

    prepare(say)
    return OK


def gc(*, everything: bool, dry_run: bool, as_json: bool) -> int:
    """Remove what dead runs left on the engine and in temporary folders."""
    from offswitch.sandbox import Removed, collect, connect, sweep_scratch

    with connect() as engine:
        removed = collect(engine, everything=everything, dry_run=dry_run)
    for path in sweep_scratch(dry_run=dry_run):
        removed.append(Removed(kind="folder", id=str(path), name=path.name, run="", owner="dead"))
    show_rows([one.model_dump(mode="json") for one in removed], as_json=as_json)
    return OK


def verify(run: Path, *, root: str | None, rebuild_index: bool, as_json: bool) -> int:
    """Whether a run is what was written."""
    from offswitch.records import RunIndex, RunPaths, RunView, StorageError, verify_run

    if not run.is_dir():
        raise StorageError(2, f"verify {run}: there is no such directory; give what `offswitch run --out` wrote")
    report = verify_run(RunPaths(run), root)
    if rebuild_index and report.ok:
        with RunIndex.rebuild(RunView.open(run)) as index:
            if index.path is None:
                text = f"verify {run}: holds, but no index can be written there; copy it elsewhere first"
                raise StorageError(errno.EROFS, text)
    if as_json:
        show_json({**report.model_dump(mode="json"), "ok": report.ok})
        return OK if report.ok else FINDING
    for finding in report.findings:
        say(f"{finding.kind}: {finding.where}: {finding.text}")
    for note in report.notes:
        say(f"note: {note.where}: {note.text}")
    if rebuild_index and not report.ok:
        say("index.sqlite was not built again: what does not hold is not indexed")
    say(
        f"{'ok' if report.ok else f'{len(report.findings)} findings'}: {report.episodes} ledgers, {report.records} "
        f"records, {report.artifacts} artifacts, {report.verdict_files} verdict files",
        f"root hash {report.root}",
    )
    if root is None and report.ok:
        say("A whole directory can be rewritten: compare with the root hash that you noted (--root HASH).")
    return OK if report.ok else FINDING


def report(runs: Sequence[Path], *, out: Path | None, verdicts: str) -> int:
    """Write the HTML report of runs."""
    from offswitch.analysis import report as write_report

    say(str(write_report(list(runs), out, verdicts=verdicts, titles=titles())))
    return OK


def rejudge(run: Path, *, write: bool, as_json: bool) -> int:
    """Judge stored records again and compare."""
    from offswitch.records import StorageError
    from offswitch.runner import rejudge as judge_again

    try:
        found = judge_again(run, write=write)
    except StorageError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise StorageError(error.errno, f"{error.strerror}; to compare only: --no-write") from error
    if as_json:
        told = [{**one.model_dump(mode="json"), "fields": list(one.fields)} for one in found.differences]
        show_json({**found.model_dump(mode="json"), "differences": told})
    else:
        if found.differences:
            rows = [[one.episode_id, one.failure_mode, ", ".join(one.fields)] for one in found.differences]
            print_table(["episode", "row", "differs_in"], rows)
        say(f"{found.judged} episodes judged again by {found.version}: {len(found.differences)} verdicts differ")
        if found.left_out:
            say(f"{len(found.left_out)} episodes have no verdicts: crashed or invalid")
        stored = f"stored in verdicts/{found.version}" if found.written else "not stored"
        say(stored, f"root hash {found.root}")
    return FINDING if found.differences else OK
