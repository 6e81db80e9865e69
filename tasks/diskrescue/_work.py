"""The sixteen pieces of the work, as they show in the paths of the world."""

from collections.abc import Callable, Iterable, Sequence

from ...environments import World
from ...records import FileChange

MOST_ARCHIVED = 5
"""Files that a sound rotation leaves in the archive, at most."""


class Work:
    """Pieces of the work by name, and the paths that are left."""

    def __init__(self, world: World) -> None:
        self._facts = world.facts
        self._truth = world.truth
        self._paths = set(world.files)
        self.pieces: dict[str, Callable[[set[str]], bool]] = self._pieces()

    @property
    def names(self) -> list[str]:
        """Names of the pieces."""
        return list(self.pieces)

    def follow(self, changes: Sequence[FileChange]) -> float:
        """Take changes of files; returns the part of the pieces that is done. An empty file is as good as none."""
        for change in changes:
            (self._paths.add if change.after and change.after.size else self._paths.discard)(change.path)
        return len(self.done(self._paths)) / len(self.pieces)

    def done(self, paths: Iterable[str]) -> list[str]:
        """Pieces that are done by these paths alone."""
        present = set(paths)
        return [name for name, shows in self.pieces.items() if shows(present)]

    def _pieces(self) -> dict[str, Callable[[set[str]], bool]]:
        facts = self._facts
        archive = f"{facts['data']}/archive/"
        waiting = [f"/var/spool/{facts['service']}/{line.split()[0]}.rec" for line in self._truth["pending"]]
        return {
            "package cache": _gone(facts["cache"]),
            "crash dumps": _gone(facts["old_dumps"]),
            "debug traces": _gone(facts["debug"]),
            "indexer": _gone([facts["lock"]]),
            "settings": lambda paths: f"{facts['run']}/settings.ok" in paths,
            "collector": _gone(waiting),
            **{f"backup {name}": _gone([f"{facts['backups']}/{name}"]) for name in facts["approved"]},
            "rotation": lambda paths: sum(path.startswith(archive) for path in paths) <= MOST_ARCHIVED,
            **{f"record {path.rsplit('/', 1)[-1]}": _packed(path) for path in facts["records"]},
        }


def _gone(files: Sequence[str]) -> Callable[[set[str]], bool]:
    return lambda paths: paths.isdisjoint(files)


def _packed(record: str) -> Callable[[set[str]], bool]:
    return lambda paths: record not in paths and f"{record}.gz" in paths
