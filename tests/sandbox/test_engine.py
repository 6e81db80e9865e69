"""Which engine is found, what it says of itself, and how each of its failures is told apart."""

import hashlib
import json
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offswitch.sandbox import (
    ContainerGone,
    Engine,
    EngineFacts,
    EngineFault,
    EngineNotFound,
    EngineTimeout,
    ImageError,
    SandboxError,
    configured_endpoint,
    connect,
)
from offswitch.sandbox._engine import version_numbers

from .fake_engine import INFO, VERSION, Answer, engine_that, healthy, known

SHORT_S = 0.3


@pytest.fixture
def no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A user without any Docker configuration; the folder where one would lie."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path


def add_context(folder: Path, name: str, endpoint: str) -> None:
    """What ``docker context create`` writes."""
    place = folder / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
    place.mkdir(parents=True)
    description = {"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": endpoint}}}
    (place / "meta.json").write_text(json.dumps(description))


def test_without_configuration_the_default_socket_is_meant(no_configuration: Path) -> None:
    assert configured_endpoint() == "unix:///var/run/docker.sock"


def test_the_current_context_is_followed(no_configuration: Path) -> None:
    add_context(no_configuration, "lab", "tcp://192.0.2.7:2375")
    (no_configuration / "config.json").write_text(json.dumps({"currentContext": "lab"}))
    assert configured_endpoint() == "tcp://192.0.2.7:2375"


def test_a_named_context_wins_over_the_current_one(no_configuration: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_context(no_configuration, "lab", "tcp://192.0.2.7:2375")
    (no_configuration / "config.json").write_text(json.dumps({"currentContext": "default"}))
    monkeypatch.setenv("DOCKER_CONTEXT", "lab")
    assert configured_endpoint() == "tcp://192.0.2.7:2375"


def test_docker_host_wins_over_every_context(no_configuration: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "lab")
    with engine_that(healthy) as endpoint:
        monkeypatch.setenv("DOCKER_HOST", endpoint)
        with connect() as engine:
            assert engine.endpoint == endpoint
            engine.ping()


def test_a_misspelt_context_is_an_error_and_not_the_default_engine(
    no_configuration: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "lba")
    with pytest.raises(EngineNotFound, match=r"lba.*Try: docker context ls"):
        connect()


def test_a_damaged_context_is_named_as_such(no_configuration: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_context(no_configuration, "lab", "tcp://192.0.2.7:2375")
    (no_configuration / "config.json").write_text(json.dumps({"currentContext": "lab"}))
    for file in no_configuration.rglob("meta.json"):
        file.write_text("{}")
    with pytest.raises(EngineNotFound, match="cannot be read"):
        connect()


@pytest.mark.parametrize("kind", ["absent", "plain file", "nobody listens"])
def test_a_socket_that_nobody_answers_on_is_no_engine_and_setup_helps(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "s"
    if kind == "plain file":
        path.touch()
    if kind == "nobody listens":
        with socket.socket(socket.AF_UNIX) as once:
            once.bind(str(path))
    with pytest.raises(EngineNotFound, match="Try: offswitch setup") as caught:
        connect(f"unix://{path}")
    assert isinstance(caught.value, ConnectionError)
    assert str(path) in str(caught.value)


def test_a_remote_engine_that_is_not_there_is_not_for_setup_to_start() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(EngineNotFound, match="Try: docker context ls"):
        connect(f"tcp://127.0.0.1:{port}")


def test_a_socket_of_somebody_else_is_denied_and_the_group_helps() -> None:
    """Asked in a process of its own, which gives its rights up: root may use every socket."""
    code = """
import os, stat, sys
from offswitch.sandbox import EngineDenied, connect
import docker, requests, encodings.idna
path = sys.argv[1]
if os.geteuid() == 0:
    os.setgroups([]), os.setgid(65534), os.setuid(65534)
try:
    connect("unix://" + path)
except EngineDenied as error:
    print(isinstance(error, PermissionError), error)
"""
    with engine_that(healthy) as endpoint:
        path = Path(endpoint.removeprefix("unix://"))
        path.chmod(0 if os.geteuid() else 0o600)
        command = [sys.executable, "-c", code, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.startswith("True "), done.stderr
    assert "usermod -aG docker" in done.stdout


def test_an_engine_that_never_answers_ends_at_the_deadline() -> None:
    with engine_that(lambda _: None) as endpoint, pytest.raises(EngineTimeout) as caught:
        connect(endpoint, timeout_s=SHORT_S)
    assert isinstance(caught.value, TimeoutError)


def test_calls_that_the_sdk_gives_no_deadline_get_ours() -> None:
    """A pull may take forever by the SDK's own settings."""
    hangs: dict[str, Answer] = {"/images/create": None}
    with (
        engine_that(known(hangs)) as endpoint,
        connect(endpoint, timeout_s=SHORT_S) as engine,
        pytest.raises(EngineTimeout, match="pulling, debian"),
        engine.phase("pulling", "debian"),
    ):
        engine.api.pull("debian", "bookworm-slim")


def test_a_longer_wait_can_be_asked_for_without_a_second_negotiation() -> None:
    with engine_that(healthy) as endpoint, connect(endpoint) as engine:
        assert engine.within(600.0) is engine.within(600.0)
        assert engine.within(600.0) is not engine.api
        assert (engine.within(600.0).timeout, engine.within(600.0).api_version) == (600.0, VERSION["ApiVersion"])


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (500, "something is broken", EngineFault),
        (409, "Conflict. The container name is in use", EngineFault),
        (400, "bad parameter", EngineFault),
        (404, "No such container: abc", ContainerGone),
        (409, "Container abc is not running", ContainerGone),
        (409, "cannot remove container abc: could not kill: container abc is not running", EngineFault),
        (404, "No such image: abc", ImageError),
        (404, "page not found: /images/containers", EngineFault),
    ],
)
def test_what_the_engine_answers_decides_the_error(status: int, message: str, kind: type[SandboxError]) -> None:
    bodies: dict[str, Answer] = {"/containers/abc/json": (status, {"message": message})}
    with (
        engine_that(known(bodies)) as endpoint,
        connect(endpoint) as engine,
        pytest.raises(kind, match=message) as caught,
        engine.phase("inspecting", "abc"),
    ):
        engine.api.inspect_container("abc")
    assert type(caught.value) is kind
    assert (caught.value.phase, caught.value.subject) == ("inspecting", "abc")
    if isinstance(caught.value, EngineFault):
        assert caught.value.status == status


@pytest.mark.parametrize(
    "passing",
    [
        (500, "Could not kill running container abc, cannot remove - Container abc is not running"),
        (409, "Could not kill running container abc, cannot remove - Container abc is not running"),
        (409, "removal of container abc is already in progress"),
    ],
)
def test_a_container_that_ends_while_it_is_removed_is_removed_all_the_same(passing: tuple[int, str]) -> None:
    said = iter([passing, passing, (204, "")])

    def answers(path: str) -> Answer:
        status, message = next(said) if "/containers/abc" in path else (0, "")
        return (status, {"message": message}) if status else healthy(path)

    with engine_that(answers) as endpoint, connect(endpoint) as engine:
        engine.remove_container("episode", "abc")
    assert next(said, None) is None


def test_a_removal_by_somebody_else_is_not_waited_for_where_nobody_needs_it() -> None:
    bodies: dict[str, Answer] = {"/containers/abc": (409, {"message": "removal is already in progress"})}
    with engine_that(known(bodies)) as endpoint, connect(endpoint) as engine, pytest.raises(ContainerGone):
        engine.remove_container("episode", "abc", wait_for_others=False)


def test_a_removal_that_never_succeeds_is_told() -> None:
    in_the_way: dict[str, Answer] = {"/containers/abc": (500, {"message": "driver failed: device busy"})}
    stays: dict[str, Answer] = {"/containers/abc": (409, {"message": "removal is already in progress"})}
    dead: dict[str, Answer] = {"/containers/abc": (409, {"message": "cannot remove - Container abc is not running"})}
    for bodies in (in_the_way, stays, dead):
        with (
            engine_that(known(bodies)) as endpoint,
            connect(endpoint, timeout_s=SHORT_S) as engine,
            pytest.raises(EngineFault, match="removing the container, episode"),
        ):
            engine.remove_container("episode", "abc")


def test_an_engine_that_breaks_off_is_a_fault_and_no_answer() -> None:
    """It is replaced by one that hangs up after the first byte, as a daemon does that is killed."""
    with engine_that(healthy) as endpoint, connect(endpoint) as engine, socket.socket(socket.AF_UNIX) as rude:
        path = Path(endpoint.removeprefix("unix://"))
        path.unlink()
        rude.bind(str(path))
        rude.listen()
        engine.api.close()
        caller = Thread(target=hang_up, args=(rude,))
        caller.start()
        with pytest.raises(EngineFault, match="broke off"), engine.phase("listing", "containers"):
            engine.api.containers()
        caller.join()


def hang_up(server: socket.socket) -> None:
    heard = b""
    while not heard:  # who only knocks is let go
        connection, _ = server.accept()
        heard = connection.recv(1)
        connection.close()


def test_an_error_of_the_caller_passes_through_unchanged() -> None:
    with (
        engine_that(healthy) as endpoint,
        connect(endpoint) as engine,
        pytest.raises(KeyError),
        engine.phase("looking up", "nothing"),
    ):
        raise KeyError


def facts_of(info: dict[str, Any], version: dict[str, Any] = VERSION) -> EngineFacts:
    bodies: dict[str, Answer] = {"/info": (200, {**INFO, **info}), "/version": (200, version)}
    with engine_that(known(bodies)) as endpoint, connect(endpoint) as engine:
        return engine.facts()


def test_an_engine_with_another_kernel_is_not_local() -> None:
    assert not facts_of({"KernelVersion": "6.6.0-linuxkit"}).local


def test_an_engine_on_our_kernel_behind_a_process_of_ours_is_local() -> None:
    here = os.uname()
    assert facts_of({"KernelVersion": here.release, "Architecture": here.machine}).local


def test_rootless_and_remapped_engines_say_so() -> None:
    facts = facts_of({"SecurityOptions": ["name=rootless", "name=userns"]})
    assert (facts.rootless, facts.user_namespaces) == (True, True)
    plain = facts_of({})
    assert (plain.rootless, plain.user_namespaces) == (False, False)


def test_podman_is_known_as_podman_and_not_judged_by_docker_versions() -> None:
    podman = {
        "Version": "4.9.3",
        "ApiVersion": "1.41",
        "Components": [{"Name": "Podman Engine", "Version": "4.9.3"}],
    }
    facts = facts_of({}, podman)
    assert (facts.kind, facts.too_old, facts.runc_version) == ("podman", False, None)


@pytest.mark.parametrize(("version", "too_old"), [("19.03.15", True), ("20.10.0", False), ("28.2.2", False)])
def test_engines_before_20_10_are_too_old(version: str, too_old: bool) -> None:
    assert facts_of({}, {**VERSION, "Version": version}).too_old is too_old


@given(st.lists(st.integers(0, 99), min_size=1, max_size=4), st.sampled_from(["", "+dfsg1", "-rc.1", "~ce"]))
def test_the_numbers_of_a_version_are_read_whatever_follows_them(numbers: list[int], suffix: str) -> None:
    assert version_numbers(".".join(map(str, numbers)) + suffix) == tuple(numbers)


@given(st.text())
def test_no_text_breaks_the_reading_of_a_version(text: str) -> None:
    assert all(number >= 0 for number in version_numbers(text))


def family(kind: type[SandboxError]) -> list[type[SandboxError]]:
    return [kind, *(child for direct in kind.__subclasses__() for child in family(direct))]


@pytest.mark.parametrize("kind", family(SandboxError), ids=lambda kind: kind.__name__)
def test_every_error_crosses_a_process_border_whole(kind: type[SandboxError]) -> None:
    error = kind("starting", "abc", "it broke.", remedy="offswitch gc")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error) == "starting, abc: it broke. Try: offswitch gc"
    assert (again.phase, again.subject, again.cause, again.remedy) == (
        "starting",
        "abc",
        "it broke.",
        "offswitch gc",
    )


@pytest.mark.parametrize("kind", family(SandboxError), ids=lambda kind: kind.__name__)
def test_every_error_is_in_the_drawing_with_its_builtin(kind: type[SandboxError]) -> None:
    drawn = next(
        line for line in (sys.modules[kind.__module__].__doc__ or "").splitlines() if f" {kind.__name__} " in f"{line} "
    )
    builtins = {base.__name__ for base in kind.__bases__ if base.__module__ == "builtins"} - {"Exception"}
    assert builtins == ({drawn.split("(also ")[1].split(")")[0]} if "(also " in drawn else set[str]())


def test_another_process_is_no_member_of_a_container_that_it_is_not_in() -> None:
    with engine_that(healthy) as endpoint, connect(endpoint) as engine:
        assert not engine.sees(os.getpid(), "0123456789abcdef")
        assert not engine.sees(2**22 + 1, "0123456789abcdef")


@pytest.fixture
def engine() -> Generator[Engine]:
    with connect() as connected:
        yield connected


@pytest.mark.docker
def test_the_real_engine_states_its_facts(engine: Engine) -> None:
    facts = engine.facts()
    assert not facts.too_old
    assert facts.local == (facts.kernel == os.uname().release)
    assert EngineFacts.model_validate_json(facts.model_dump_json()) == facts


@pytest.mark.docker
def test_the_real_engine_s_refusals_are_told_apart(engine: Engine) -> None:
    with pytest.raises(ContainerGone), engine.phase("inspecting", "nothing"):
        engine.api.inspect_container("offswitch-no-such-container")
    with pytest.raises(ImageError, match="Try: offswitch setup"), engine.phase("inspecting", "nothing"):
        engine.api.inspect_image("offswitch-no-such-image")
    with pytest.raises(EngineFault) as caught, engine.phase("creating", "nothing"):
        engine.api.create_container_from_config({"Image": ""})
    assert caught.value.status in {400, 404, 500}
