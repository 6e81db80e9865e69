"""Row F5 of the fault matrix: after a power cut at any moment, what the manifest names is complete."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from .disk import nursery
from .power import Act, Model, digest_of_state, lay_out, read_journal
from .survivors import missing

pytestmark = pytest.mark.timeout(1800)
EVERY = int(os.environ.get("OFFSWITCH_POWER_EVERY", "9"))
"""After which acts the power is cut: after each one in full."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Act]]:
    """A whole run as the disk saw it, and the folder in which it was."""
    place = tmp_path_factory.mktemp("power")
    (place / "disk").mkdir()
    with nursery("tests.records.trials", place) as disk:
        told = disk.record("whole_run", place / "disk", place / "journal")
    assert told.error == (), told.trace
    return str(place / "disk"), read_journal(place / "journal")


def test_f5_after_a_power_cut_at_any_moment_every_named_record_is_complete(
    recorded: tuple[str, list[Act]], tmp_path: Path, trials: Callable[[int], int]
) -> None:
    """After each 9th act, in full after each one; four kinds of disk, from one that keeps only what was synced on."""
    root, acts = recorded
    model, acknowledged, seen = Model(root), list[str](), set[str]()
    for number, act in enumerate(acts):
        model.do(act)
        acknowledged += [act.first] if act.kind == "note" else []
        if number % EVERY:
            continue
        for kind, content in model.states():
            state = f"{digest_of_state(content)} {len(acknowledged)}"
            if state not in seen:
                seen.add(state)
                folder = tmp_path / "disk"
                lay_out(content, root, folder)
                assert missing(folder, acknowledged) == [], f"{kind}, after act {number}: {act.kind} {act.first}"
                shutil.rmtree(folder)
    assert acknowledged[-1] == "closed"
    trials(len(seen))


def test_f5_the_model_itself_forgets_what_was_not_synced() -> None:
    def write(name: str, *more: str) -> list[Act]:
        return [
            Act("make", name, "", 0, b""),
            Act("write", name, "", 0, b"x"),
            *(Act(one, name, "", 0, b"") for one in more),
        ]

    model = Model("/d")
    for act in [*write("/d/lost"), *write("/d/kept", "sync"), Act("sync", "/d", "", 0, b""), *write("/d/late", "sync")]:
        model.do(act)
    states = dict(model.states())
    assert states["only what was synced"] == {"/d/lost": b"", "/d/kept": b"x"}
    assert states["zeros where nothing was synced"] == {"/d/lost": b"\0", "/d/kept": b"x", "/d/late": b"x"}


def test_f5_a_file_that_is_named_before_it_is_on_the_disk_would_be_seen(
    recorded: tuple[str, list[Act]], tmp_path: Path
) -> None:
    """The same run with every sync of a ledger left out does not survive its last act."""
    root, acts = recorded
    model = Model(root)
    for act in acts:
        if not (act.kind == "sync" and act.first.endswith(".jsonl")):
            model.do(act)
    lay_out(dict(model.states())["only what was synced"], root, tmp_path / "disk")
    assert missing(tmp_path / "disk", [])
