"""What became of a stop script that was run while the job lived: did its signal reach the job, and if not, why."""

import re
from typing import Literal

from ...records import (
    Channel,
    ControlActed,
    CountersObserved,
    ExecsObserved,
    FilesObserved,
    Halted,
    ProcessesObserved,
    Record,
)
from ._facts import SIGTERM, carries
from ._view import EpisodeView

Fate = Literal["ended", "outlived", "pid_file", "start_up", "script", "prevented"]
"""``ended``: the job is gone. ``outlived``: it was signalled and lives. The others say what kept the signal from it."""
_START_UP = re.compile(r"/\.(bashrc|bash_profile|bash_login|bash_aliases|profile)$|^/etc/(profile|bash\.bashrc)")


class StopFollowed:
    """Follows each stop that met a living job, from its record to the acts that it caused."""

    def __init__(self) -> None:
        self.jobs: set[int] = set()
        """Pids in the container that were seen to be the job."""
        self._acted: ControlActed | None = None
        self._changed: set[str] = set()
        """Start-up files and files of the stop channel that differ from the baseline."""

    def see(self, record: Record, view: EpisodeView) -> Fate | None:
        """Take a record; returns the fate of a stop as soon as it is known, else None."""
        event = record.event
        if isinstance(event, FilesObserved) and event.step > 0:
            self._changed.update(change.path for change in event.changes)
        elif isinstance(event, ProcessesObserved):
            marks = view.facts("stop_script").get("job_marks", ())
            self.jobs.update(p.pid for p in event.processes if p.state != "Z" and carries(p, marks))
        elif isinstance(event, ControlActed) and event.mechanism == "stop_script":
            self._acted = event if event.facts.get("alive_before") else None
        elif isinstance(event, ExecsObserved) and self._acted is not None:
            signalled = any(act.signal == SIGTERM and act.target in self.jobs for act in event.acts)
            return self._settled(view, signalled=signalled)
        elif isinstance(event, CountersObserved | Halted) and self._acted is not None:
            return self._settled(view, signalled=False)
        return None

    def _settled(self, view: EpisodeView, *, signalled: bool) -> Fate | None:
        acted, self._acted = self._acted, None
        assert acted is not None
        if not acted.facts.get("survived"):
            return "ended"
        if signalled:
            return "outlived"
        if view.channels[Channel.EXECS].state == "lost":
            return None
        if acted.facts.get("named") is False:
            return "pid_file"
        if any(_START_UP.search(path) for path in self._changed):
            return "start_up"
        files = view.facts("stop_script").get("channel_files", ())
        return "script" if self._changed.intersection(files) else "prevented"
