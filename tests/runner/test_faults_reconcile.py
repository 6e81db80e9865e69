"""Row D7 of the fault matrix (docs/design/security.md §4.2): the layers of evidence are held against each other.

The cast of both tasks plays; what it left has to be without an orphan. Then one record of every kind is taken out of
every episode, in turn, and the chain mended so that nothing else shows: each has to be noticed. OFFSWITCH_D7_CAST
says how many members of each cast play: 4 in ``make test``, all of them (200) in ``make faults``.
"""

import os
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from offswitch.monitors.integrity import EpisodeView, integrity_monitors, judge, reconcile
from offswitch.monitors.integrity._reconcile import Reconciler
from offswitch.records import Reconciled, Record, RunView, Tri
from offswitch.runner import RunOptions, parse_spec, rejudge, run_experiment
from offswitch.tasks import load_task

pytestmark = [pytest.mark.docker, pytest.mark.faults, pytest.mark.xdist_group("docker")]
CAST = int(os.environ.get("OFFSWITCH_D7_CAST", "4"))
TASKS = ("backfill", "diskrescue")
JUDGED = ("verdict_reached", "episode_sealed")
"""What stands behind the reconciliation."""
PRIMARY = frozenset(
    ("call_decided", "call_returned", "execs_observed", "files_observed", "engine_observed", "counters_observed")
) | {"clock_observed", "report_submitted", "halted", "polite_stop_tried", "restart_tested", "sandbox_started"}
"""Layers whose loss the other layers show by themselves, also where the count at the end was mended as well."""
Episodes = dict[str, list[Record]]


def members(task: str) -> list[str]:
    """Oracle, null and as many others as are asked for, evenly chosen."""
    names = load_task(task).cast().names()
    step = max(1, len(names) // CAST)
    return list(dict.fromkeys((*names[:2], *names[2::step])))[:CAST]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run of each task."""
    base = tmp_path_factory.mktemp("reconcile")
    for task in TASKS:
        spec = parse_spec(f"tasks: {task}\nsubjects: {members(task)}\nseed: 7\nparallel: 2\n")
        report = run_experiment(spec, base / task, RunOptions())
        assert [outcome.cause for outcome in report.outcomes if outcome.state != "valid"] == []
    return {task: base / task for task in TASKS}


@pytest.fixture(scope="module")
def episodes(folders: dict[str, Path]) -> Episodes:
    """Records of every episode up to its verdicts."""
    found: Episodes = {}
    for folder in folders.values():
        view = RunView.open(folder)
        for episode in view.episodes():
            found[episode] = [record for record in view.records(episode) if record.event.type not in JUDGED]
    return found


def without(records: Sequence[Record], seq: int) -> list[Record]:
    """The records but one, numbered anew as somebody would who seals the chain again."""
    return [r if r.seq < seq else replace(r, seq=r.seq - 1) for r in records if r.seq != seq]


def one_of_each_kind(records: Sequence[Record], chance: random.Random) -> Iterator[tuple[str, int]]:
    by_kind: dict[str, list[int]] = {}
    for record in records:
        by_kind.setdefault(record.event.type, []).append(record.seq)
    for kind, seqs in by_kind.items():
        yield kind, chance.choice(seqs)


def found_anew(records: Sequence[Record]) -> int:
    """What the reconciliation would have found had it been written over these records: its count is mended too."""
    reconciler, view = Reconciler(), EpisodeView()
    for record in records:
        if not isinstance(record.event, Reconciled):
            view.take(record)
            reconciler.see(record, view)
    return reconciler.reconciled().found


@pytest.mark.timeout(1800)
def test_d7_nothing_in_an_untouched_episode_stands_alone(episodes: Episodes, trials: Callable[[int], int]) -> None:
    assert trials(len(episodes)) >= 2 * min(CAST, 4)
    assert {name: reconcile(records) for name, records in episodes.items() if reconcile(records)} == {}
    written = [r.event for records in episodes.values() for r in records if isinstance(r.event, Reconciled)]
    assert [one.found for one in written] == [0] * len(episodes)
    assert min(one.acts for one in written if one.records.get("call_decided", 0) > 3) > 0


@pytest.mark.timeout(1800)
def test_d7_one_record_of_any_kind_taken_out_is_noticed(episodes: Episodes, trials: Callable[[int], int]) -> None:
    unnoticed: list[str] = []
    tried = 0
    chance = random.Random(7)
    for name, records in episodes.items():
        for kind, seq in one_of_each_kind(records, chance):
            tried += 1
            if not reconcile(without(records, seq)):
                unnoticed.append(f"{name} {seq} {kind}")
    assert unnoticed == []
    assert trials(tried) > 20 * len(episodes)


@pytest.mark.timeout(1800)
def test_d7_the_layers_show_the_gap_by_themselves_where_the_count_was_mended_too(episodes: Episodes) -> None:
    chance = random.Random(8)
    for name, records in episodes.items():
        for kind, seq in one_of_each_kind(records, chance):
            if kind in PRIMARY:
                assert found_anew(without(records, seq)), f"{name} {seq} {kind}"


@pytest.mark.timeout(1800)
def test_d7_every_single_record_of_an_episode_is_missed(episodes: Episodes) -> None:
    """Each in turn, and not one of each kind only."""
    records = min((one for one in episodes.values() if len(one) > 200), key=len)
    assert [r.seq for r in records if not reconcile(without(records, r.seq))] == []


@pytest.mark.timeout(1800)
def test_d7_rows_that_rest_on_a_broken_layer_are_not_called_held(episodes: Episodes) -> None:
    """An act that is still to be seen stays one; "nothing of the kind" is said of no row that needs the channel."""
    needs = {mode: kind.needs for mode, kind in integrity_monitors().items()}
    chance = random.Random(9)
    unknown = 0
    for name, records in episodes.items():
        for kind, seq in one_of_each_kind(records, chance):
            cut = without(records, seq)
            if kind not in PRIMARY or kind == "sandbox_started":
                continue
            broken = {channel for orphan in reconcile(cut) for channel in orphan.channels}
            for mode, verdict in judge(cut).items():
                if needs[mode] & broken:
                    assert verdict.succeeded is not Tri.FALSE, f"{name} without {seq} {kind}: {mode} held"
                    unknown += verdict.succeeded is Tri.UNKNOWN
    assert unknown > 0


def test_d7_who_judges_again_says_what_was_said_live(folders: dict[str, Path]) -> None:
    for folder in folders.values():
        report = rejudge(folder, write=False)
        assert report.judged >= 2
        assert report.differences == ()
