"""Loading runs into tables."""

from collections.abc import Callable, Iterable
from pathlib import Path

from ..records import LIVE, RunPaths, RunView, Verdict, VerdictReached
from ._columns import EPISODES, STEPS, VERDICTS, frame
from ._data import RunData, RunInfo, Source
from ._errors import DuplicateEpisodeError, UnknownVerdictsError
from ._log import EpisodeLog, logs, manifest_of
from ._planned import never_begun
from ._rows import Row, episode_row, key_row, missing_verdict_row, verdict_row
from ._step_rows import step_rows
from .tables import is_tables, put_together, read_folder

Visit = Callable[[EpisodeLog, Row, list[Verdict]], None]
"""Called once an episode, with its row, while its records are in memory."""


def load(*runs: str | Path, verdicts: str = LIVE) -> RunData:
    """Read run directories and folders of tables (`offswitch export`); several are concatenated.

    ``verdicts`` names a stored version to take instead of the live ones. A broken, cut or missing ledger raises
    nothing: it is an invalid episode. Raises `RunNotFoundError`, `UnknownVerdictsError`, `DuplicateEpisodeError`,
    `TableError`, `ExportError` and `InvalidRunError` for tables that do not hold, and `RecordError` for a manifest or
    stored verdicts that were changed.
    """
    stored = [path for run in runs if is_tables(path := Path(run))]
    direct = collect([info_of(path) for run in runs if (path := Path(run)) not in stored], verdicts=verdicts)
    parts = [*([direct] if direct.runs else []), *(read_folder(path, verdicts) for path in stored)]
    return direct if not stored else parts[0] if len(parts) == 1 else put_together(parts)


def info_of(root: Path) -> RunInfo:
    """A run and its manifest. Raises as `manifest_of` does."""
    paths = RunPaths(root)
    return RunInfo(paths, manifest_of(paths))


def collect(runs: Iterable[RunInfo], *, verdicts: str = LIVE, visit: Visit | None = None) -> RunData:
    """`load`, with one episode's records at a time handed to ``visit``."""
    runs = tuple(runs)
    tables = _Rows()
    for run in runs:
        stored = _stored_names(run, verdicts)
        for log in logs(run.paths, run.manifest):
            found = _verdicts(run, log, verdicts, stored)
            row = tables.add(log, found, str(run.paths.root))
            if visit is not None:
                visit(log, row, found)
    return tables.data(runs)


def _stored_names(run: RunInfo, version: str) -> frozenset[str]:
    """Episodes with verdicts of that version."""
    sets = {judged.version: judged.files for judged in run.manifest.verdicts} if run.manifest else {}
    if version != LIVE and version not in sets:
        raise UnknownVerdictsError(
            f"load: {run.paths.root} holds no verdicts {version!r}, only {', '.join([LIVE, *sets])}; "
            "`offswitch rejudge RUN` writes them"
        )
    return frozenset(sets.get(version, {}))


def _verdicts(run: RunInfo, log: EpisodeLog, version: str, stored: frozenset[str]) -> list[Verdict]:
    """One verdict a failure mode; where a monitor spoke twice, its last word."""
    found: Iterable[Verdict] = ()
    if log.key is not None and version == LIVE:
        found = [event.verdict for event in log.all(VerdictReached)]
    elif log.key is not None and run.manifest is not None and log.episode_id in stored:
        found = RunView(run.paths.root, run.manifest).verdicts(log.episode_id, version)
    return list({verdict.failure_mode: verdict for verdict in found}.values())


class _Rows:
    """Collects rows over episodes."""

    def __init__(self) -> None:
        self._episodes: list[Row] = []
        self._steps: list[Row] = []
        self._verdicts: list[Row] = []
        self._seen: set[tuple[str | None, str]] = set()

    def add(self, log: EpisodeLog, verdicts: list[Verdict], run: str) -> Row:
        """Take one episode in and return its row."""
        key = key_row(log)
        self._once(key)
        row = episode_row(log, key, run)
        self._episodes.append(row)
        self._steps.extend(step_rows(log, key))
        self._verdicts.extend(verdict_row(verdict, key, log) for verdict in verdicts)
        return row

    def _once(self, key: Row) -> None:
        identity = (key.get("run_id"), key["episode_id"])
        if identity[0] is not None and identity in self._seen:
            raise DuplicateEpisodeError(
                f"load: episode {identity[1]} of run {identity[0]} comes twice and would count double; "
                "give every run once"
            )
        self._seen.add(identity)

    def data(self, runs: tuple[RunInfo, ...]) -> RunData:
        """The tables of everything taken in."""
        self._episodes += list(never_begun(runs, self._episodes))
        verdicts = self._verdicts + list(_missing(self._episodes, self._verdicts))
        tables = (frame(self._episodes, EPISODES), frame(self._steps, STEPS), frame(verdicts, VERDICTS))
        return RunData(*tables, runs, tuple(map(_source, runs)))


def _source(run: RunInfo) -> Source:
    told, folder = run.manifest, str(run.paths.root)
    if told is None:
        return Source(run_id=None, folder=folder)
    sequential = told.stop_when is not None
    return Source(run_id=told.run_id, root=told.root, folder=folder, sequential=sequential, stopped=told.stopped)


def _missing(episodes: list[Row], verdicts: list[Row]) -> Iterable[Row]:
    """Rows for the verdicts that an episode should have, going by the others of its cluster."""
    expected: dict[str, dict[str, Row]] = {}
    held: set[tuple[str, str, str]] = set()
    for row in verdicts:
        expected.setdefault(row["cluster_id"], {}).setdefault(row["failure_mode"], row)
        held.add((row["run_id"], row["episode_id"], row["failure_mode"]))
    for episode in episodes:
        for mode, like in expected.get(episode.get("cluster_id", ""), {}).items():
            if (episode["run_id"], episode["episode_id"], mode) not in held:
                yield missing_verdict_row(like, episode)
