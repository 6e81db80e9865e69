"""Rows G1, G6, G7 and G8 of the fault matrix on whole runs: an engine that dies, has another image, is full or is of
no use costs attempts and no records, and no answer of a model before a container stands ready for it.

All of it happens to a private second engine, which the runs find by ``DOCKER_HOST``.
"""

import os
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from offswitch.records import (
    ContainerEnded,
    EpisodeInvalidated,
    ExitReason,
    RunPaths,
    RunView,
    verify_run,
)
from offswitch.runner import Progress, RunOptions, load_run_spec, run_experiment
from offswitch.runner._attempts import split_id
from offswitch.sandbox import DockerSandbox, EngineError, ImageError, connect, ensure_image
from offswitch.sandbox._cgroup import pid_descriptor, wait_process
from offswitch.sandbox._image import image_tag
from offswitch.sandbox._warden import warden

from ..agents.wire import Wire, answer, call, served
from ..sandbox.private_engine import PrivateEngine, private_engine
from .machine import BARE, run
from .provider import model_at

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]
ENDS = [signal.SIGKILL, signal.SIGTERM][: int(os.environ.get("OFFSWITCH_ENGINE_ENDS", "1"))]
"""How the engine goes."""
RETRIES = "retries: 2\nparallel: 1\n" + BARE
REPORT = call("submit_report", '{"summary": "done", "done": false, "deviations": []}')


@pytest.fixture(scope="module")
def running() -> Generator[PrivateEngine]:
    with private_engine() as engine:
        yield engine


@pytest.fixture
def private(running: PrivateEngine, monkeypatch: pytest.MonkeyPatch) -> Generator[PrivateEngine]:
    """The engine that runs find; whatever a test did to it, it is up and empty at the end."""
    if not running.runs:
        running.start()
    monkeypatch.setenv("DOCKER_HOST", running.endpoint)
    monkeypatch.setattr("offswitch.sandbox._warden._wardens", {})
    yield running
    if not running.runs:
        running.start()
    let_the_watchdog_end(running)
    assert of_ours(running) == []


def let_the_watchdog_end(private: PrivateEngine) -> None:
    """What is still to be removed is removed by it now, as at the end of a process."""
    with connect(private.endpoint) as engine:
        guard = warden(engine)
        watchdog = pid_descriptor(guard.pid) if guard.pid else None
        guard.close()
    if watchdog is not None:
        assert wait_process(watchdog, 30.0)
        os.close(watchdog)


def of_ours(private: PrivateEngine) -> list[str]:
    """Containers and networks of ours on the private engine."""
    only: dict[str, Any] = {"label": "offswitch.lease"}
    with connect(private.endpoint) as engine:
        return [str(one) for one in engine.api.containers(all=True, filters=only) + engine.api.networks(filters=only)]


@pytest.fixture
def wire() -> Iterator[Wire]:
    with served() as server:
        yield server


def invalidated(report_folder: Path, episode: str) -> EpisodeInvalidated:
    (found,) = [
        record.event
        for record in RunView.open(report_folder).records(episode)
        if isinstance(record.event, EpisodeInvalidated)
    ]
    return found


class Once:
    """Does something when the first episode has come to its second step."""

    def __init__(self, deed: Any) -> None:
        self.deed = deed
        self.done = False

    def __call__(self, progress: Progress) -> None:
        if progress.what == "step" and progress.step == 2 and not self.done:
            self.done = True
            self.deed()


@pytest.mark.parametrize("number", ENDS)
def test_g1_an_engine_that_comes_back_costs_one_attempt_and_nothing_else(
    private: PrivateEngine, tmp_path: Path, number: signal.Signals
) -> None:
    """The container that it took along is told as the engine's, and the episode is made again.

    Killed in ``make test``, ended as well in ``make faults``.
    """

    def restart() -> None:
        private.signal(number)
        private.wait()
        private.start()

    once = Once(restart)
    report = run(tmp_path / "run", "oracle", "episodes: 2\n" + RETRIES, watch=once)
    assert once.done
    states = [(one.seed, one.attempt, one.state) for one in report.outcomes]
    assert states == [(1, 1, "invalid"), (1, 2, "valid"), (2, 1, "valid")], report.outcomes
    lost = report.outcomes[0].episode_id
    ends = [r.event for r in RunView.open(tmp_path / "run").records(lost) if isinstance(r.event, ContainerEnded)]
    assert [end.reason for end in ends] == [ExitReason.ENGINE_LOST]
    assert invalidated(tmp_path / "run", lost).proven
    assert verify_run(RunPaths(tmp_path / "run")).ok


def test_g1_an_engine_that_stays_away_is_asked_for_k_times_and_the_run_goes_on_when_it_is_back(
    private: PrivateEngine, tmp_path: Path
) -> None:
    once = Once(private.kill)
    with pytest.raises(EngineError):
        run(tmp_path / "run", "oracle", "episodes: 4\n" + RETRIES, watch=once)
    view = RunView.open(tmp_path / "run")
    tried = Counter(split_id(one)[0] for one in view.episodes() if not view.anchor(one).valid)
    assert len(tried) >= 2, "the container that stood ready serves one more episode, and no other"
    assert set(tried.values()) == {3}
    assert verify_run(RunPaths(tmp_path / "run")).ok
    private.start()
    again = run_experiment(load_run_spec(tmp_path / "run"), tmp_path / "run", RunOptions(resume=True))
    assert {one.state for one in again.outcomes} == {"valid"}
    view = RunView.open(tmp_path / "run")
    assert sum(view.anchor(one).valid for one in view.episodes()) == 4
    assert verify_run(RunPaths(tmp_path / "run")).ok


def test_g4_a_run_waits_for_an_engine_that_stands_still_and_loses_nothing(
    private: PrivateEngine, tmp_path: Path
) -> None:
    def stand_still() -> None:
        private.signal(signal.SIGSTOP)
        threading.Timer(1.5, private.signal, [signal.SIGCONT]).start()

    report = run(tmp_path / "run", "oracle", "episodes: 2\nparallel: 2\n" + BARE, watch=Once(stand_still))
    assert [one.state for one in report.outcomes] == ["valid"] * 2
    assert of_ours(private) == []


@pytest.fixture
def another_image(private: PrivateEngine) -> Generator[str]:
    """The digest of an image that is the base but for its shell."""
    with connect(private.endpoint) as engine:
        api = engine.api
        made = api.create_container(image_tag(), ["/bin/true"])["Id"]
        _put_shell(private, made, b"#!/bin/false\n")
        digest = str(api.commit(made)["Id"])
        api.remove_container(made)
        yield digest
        api.remove_image(digest, force=True)


@contextmanager
def tagged(private: PrivateEngine, digest: str) -> Generator[None]:
    """The tag of the base image on another one."""
    with connect(private.endpoint) as engine:
        own: str = engine.api.inspect_image(image_tag())["Id"]
        engine.api.tag(digest, *image_tag().split(":"), force=True)
        try:
            yield
        finally:
            engine.api.tag(own, *image_tag().split(":"), force=True)


def _put_shell(private: PrivateEngine, container: str, content: bytes) -> None:
    """Write the shell of a container that was made and not started."""
    shell = private.folder / "bash"
    shell.write_bytes(content)
    shell.chmod(0o755)
    command = ["docker", "--host", private.endpoint, "cp", str(shell), f"{container}:/usr/bin/bash"]
    subprocess.run(command, check=True, capture_output=True)


def test_g6_a_run_does_not_go_on_with_another_image_under_the_same_tag(
    private: PrivateEngine, tmp_path: Path, wire: Wire, another_image: str
) -> None:
    wire.script = [answer("", [REPORT])]
    first = run(tmp_path / "run", model_at(wire), BARE)
    assert [one.state for one in first.outcomes] == ["valid"]
    asked = len(wire.requests)
    with tagged(private, another_image), pytest.raises(ImageError, match="carries the tag"):
        run_experiment(load_run_spec(tmp_path / "run"), tmp_path / "run", RunOptions(resume=True))
    assert len(wire.requests) == asked
    assert of_ours(private) == []


def test_g6_an_image_that_vanished_under_way_is_no_episode_and_no_question_to_the_model(
    private: PrivateEngine, tmp_path: Path, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digest that the run holds names nothing any more when the container is to be made."""
    wire.script = [answer("", [REPORT])] * 3
    with monkeypatch.context() as patched:
        patched.setattr("offswitch.environments._lab.ensure_image", _image_that_became(f"sha256:{'0' * 64}"))
        report = run(tmp_path / "run", model_at(wire), RETRIES)
    assert [(one.attempt, one.state) for one in report.outcomes] == [(1, "invalid"), (2, "invalid"), (3, "invalid")]
    assert "image" in report.outcomes[-1].cause.lower()
    assert "offswitch" in report.outcomes[-1].cause
    assert wire.requests == []
    assert of_ours(private) == []


def _image_that_became(digest: str) -> Callable[[Any], Any]:
    """Whoever asks gets the base image, and finds another one when it comes to using it."""

    def found(engine: Any) -> Any:
        return ensure_image(engine).model_copy(update={"digest": digest})

    return found


def test_g8_a_container_that_starts_and_runs_nothing_costs_no_answer_of_a_model(
    private: PrivateEngine, tmp_path: Path, wire: Wire, another_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its shell is no program; everything before that went well."""
    with monkeypatch.context() as patched:
        patched.setattr("offswitch.environments._lab.ensure_image", _image_that_became(another_image))
        report = run(tmp_path / "run", model_at(wire), RETRIES)
    assert {one.state for one in report.outcomes} == {"invalid"}
    assert "starting the shell" in report.outcomes[0].cause
    assert wire.requests == []
    assert of_ours(private) == []


def test_g8_a_container_whose_first_process_dies_before_the_first_call_costs_no_answer_either(
    private: PrivateEngine, tmp_path: Path, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each attempt meets it, so that all of them are used up."""
    furnish = DockerSandbox.furnish

    def dies(sandbox: DockerSandbox, entries: Any, cwd: str) -> None:
        os.kill(sandbox.pid, signal.SIGKILL)
        furnish(sandbox, entries, cwd)

    monkeypatch.setattr(DockerSandbox, "furnish", dies)
    report = run(tmp_path / "run", model_at(wire), RETRIES)
    assert [(one.attempt, one.state) for one in report.outcomes] == [(1, "invalid"), (2, "invalid"), (3, "invalid")]
    assert wire.requests == []
    assert of_ours(private) == []
