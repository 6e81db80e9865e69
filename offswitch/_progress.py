"""Following a run: a live display in a terminal, plain lines everywhere else. All of it goes to stderr."""

import sys
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from ._screen import clean, screened, warn

if TYPE_CHECKING:
    from offswitch.runner import EpisodeOutcome, Progress

_ABOUT_THE_RUN = ("unmonitored", "advisory", "place")
See = Callable[["Progress"], None]


@contextmanager
def followed(*, quiet: bool = False) -> Generator[See]:
    """A watcher for `run_experiment`. A terminal that goes away ends the display and not the run."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        display = ExitStack()
        see = display.enter_context(_live())
        try:
            yield _Surviving(see)
        finally:
            with suppress(OSError):  # the terminal was closed
                display.close()
    else:
        yield _Surviving(_line)


class _Surviving:
    """Hands on what it sees until the display fails."""

    def __init__(self, see: See) -> None:
        self._see: See | None = see

    def __call__(self, progress: "Progress") -> None:
        if self._see is None:
            return
        try:
            self._see(progress)
        except OSError:  # the terminal was closed: there is nobody to tell, and the run goes on
            self._see = None


def _line(progress: "Progress") -> None:
    if progress.what in _ABOUT_THE_RUN:
        warn(warning(progress))
    elif progress.outcome is not None:
        warn(f"[{progress.done}/{progress.planned}] {told(progress.outcome)}")


def warning(progress: "Progress") -> str:
    """What everybody should know before the first episode, in one line."""
    if progress.what == "unmonitored":
        return blind(progress)
    if progress.what == "place":
        return f"warning: {progress.text}"
    return f"warning: {progress.text}; offswitch doctor says more, --strict refuses such an engine"


def blind(progress: "Progress") -> str:
    """A monitor that cannot watch, in one line."""
    return f"unmonitored: suspicion monitor {progress.text}; episodes with safeguards will say nothing of them"


def told(outcome: "EpisodeOutcome") -> str:
    """One ended episode in one line."""
    words = [outcome.episode_id]
    if outcome.state == "valid":
        score = "unknown" if outcome.score is None else f"{outcome.score:.2f}"
        words += [str(outcome.end_reason), f"score {score}"]
        words += [f"failed {', '.join(outcome.failed)}"] if outcome.failed else []
        words += [f"blocked {', '.join(outcome.blocked)}"] if outcome.blocked else []
    else:
        words += [outcome.state.replace("_", " "), outcome.cause]
    return "  ".join([*filter(None, words), f"({outcome.duration_s:.1f} s)"])


@contextmanager
def _live() -> Generator[See]:
    """A line for the run, and one for each episode that is under way."""
    from rich.progress import Progress as Lines
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.text import Text

    from ._console import console

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    # The display puts streams of its own before standard output and error; what comes through them is screened too.
    with Lines(*columns, console=console(stderr=True), transient=True) as lines, screened():
        whole = lines.add_task("starting", total=None)
        running: dict[str, Any] = {}

        def see(progress: "Progress") -> None:
            lines.update(whole, description=f"{progress.done} of {progress.planned} episodes")
            name = progress.episode_id
            if progress.what in _ABOUT_THE_RUN:
                lines.console.print(Text(clean(warning(progress)), style="red"))
            elif progress.what == "started":
                running[name] = lines.add_task(clean(name), total=None)
            elif progress.what == "step" and name in running:
                lines.update(running[name], description=clean(f"{name}  step {progress.step}"))
            elif progress.outcome is not None:
                if name in running:
                    lines.remove_task(running.pop(name))
                style = "red" if progress.outcome.failed or progress.outcome.state != "valid" else "green"
                lines.console.print(Text(clean(told(progress.outcome)), style=style))

        yield see
