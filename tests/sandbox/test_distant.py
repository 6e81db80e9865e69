"""An engine on another machine: reached safely or not at all, and its containers are watched through the sidecar.

Here the machine's own engine stands behind a port, so that what the sidecar tells can be held against what this kernel
shows. An engine whose processes really are not ours stands in test_engines.py.
"""

import os
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from offswitch.sandbox import (
    ROOTFUL,
    SEALED,
    DockerSandbox,
    Engine,
    EngineDenied,
    EngineError,
    EngineNotFound,
    FileWatch,
    ImageError,
    PostureError,
    Profile,
    StartFailed,
    connect,
)
from offswitch.sandbox import _making as making
from offswitch.sandbox._carried import REPOSITORY, carried
from offswitch.sandbox._distant import DistantSandbox
from offswitch.sandbox._making import open_roots

from .mutations import MUTATIONS, mutating
from .relay import Relay, relayed
from .remote_engine import certified, trusting
from .yard import Starter, Within, Yard

NOWHERE = "tcp://192.0.2.1:2375"


@pytest.mark.parametrize("endpoint", [NOWHERE, "http://192.0.2.1:2375", "tcp://[2001:db8::1]:2375", "tcp://0.0.0.0:1"])
def test_nobody_commands_an_engine_elsewhere_without_proof_of_who_it_is(endpoint: str) -> None:
    with pytest.raises(EngineDenied, match="without TLS") as refused:
        connect(endpoint)
    assert "DOCKER_CERT_PATH" in refused.value.remedy


def test_a_way_that_is_not_spoken_names_one_that_is() -> None:
    with pytest.raises(EngineNotFound, match="ssh is not spoken") as refused:
        connect("ssh://somebody@192.0.2.1")
    assert "ssh -nNT -L" in refused.value.remedy


@pytest.mark.parametrize("endpoint", ["tcp://127.0.0.1:99999", "tcp://localhost:nine"])
def test_a_port_that_is_none_is_an_error_about_the_port(endpoint: str) -> None:
    with pytest.raises(EngineNotFound):
        connect(endpoint)


@pytest.fixture(scope="module")
def relay() -> Generator[Relay]:
    with relayed() as relay:
        yield relay


@pytest.fixture(scope="module")
def elsewhere(relay: Relay, engine: Engine) -> Generator[Engine]:
    """The machine's engine, as if it stood elsewhere; what was carried to it goes at the end."""
    with connect(relay.endpoint) as far:
        yield far
    for image in engine.api.images(name=REPOSITORY):
        for tag in [one for one in image["RepoTags"] if one.startswith(f"{REPOSITORY}:")]:
            engine.api.remove_image(tag)


@pytest.fixture(scope="module")
def far(elsewhere: Engine, image: str, supervisor: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Yard]:
    yard = Yard(elsewhere, image, supervisor, tmp_path_factory.mktemp("far"))
    yield yard
    yard.close()


def host_pid(engine: Engine, sandbox: DockerSandbox) -> int:
    """Its first process as this machine counts, which the sandbox does not know."""
    pid: int = engine.api.inspect_container(sandbox.id)["State"]["Pid"]
    return pid


FAR = SEALED.lowered("filters")


@pytest.mark.docker
def test_the_sidecar_tells_of_files_and_processes_what_this_kernel_shows(far: Yard, engine: Engine) -> None:
    sandbox = far.start(FAR)
    assert isinstance(sandbox, DistantSandbox)
    assert (sandbox.evidence.source, sandbox.pid, sandbox.evidence.weak) == ("sidecar", 1, {})
    sandbox.exec(
        "mkdir -m 700 d; echo x > d/f; ln -s /etc/shadow l; chmod 0 d/f; (exec -a renamed sleep 60) &", session="s"
    )
    here = FileWatch(open_roots(host_pid(engine, sandbox)))
    try:
        shown, told = here.scan(), sandbox.evidence.files.scan()
        assert (shown.complete, told.complete) == (True, True)
        assert sandbox.evidence.files.manifest() == here.manifest()
    finally:
        here.close()
    (one,) = [process for process in sandbox.evidence.processes.scan() if process.argv[0] == "renamed"]
    assert (one.exe, one.uid, one.session, one.host_pid) == ("/usr/bin/sleep", 1000, "s", one.pid)


@pytest.mark.docker
def test_acts_wait_for_their_record_there_too(far: Yard) -> None:
    sandbox = far.start(FAR)
    sandbox.evidence.acts.take()
    sandbox.exec("for i in $(seq 100); do /bin/true short-$i; done; kill -0 1")
    acts = sandbox.evidence.acts.take()
    words = [word for act in acts for word in act.argv if word.startswith("short-")]
    assert words == [f"short-{number}" for number in range(1, 101)]
    assert any(act.kind == "signal" and act.target == 1 for act in acts)


@pytest.mark.docker
def test_no_file_of_ours_is_mounted_and_the_program_is_there(far: Yard, engine: Engine) -> None:
    sandbox = far.start(FAR)
    found = engine.api.inspect_container(sandbox.id)
    assert not found["HostConfig"].get("Mounts")
    assert not found["HostConfig"]["Binds"]
    assert sandbox.exec(["/bin/cat", "/agentd"]).exit_code != 0, "its mode keeps it from being read"


@pytest.mark.docker
def test_what_cannot_be_read_from_afar_has_to_be_given_up_by_name(far: Yard) -> None:
    before = far.present()
    with pytest.raises(PostureError, match="filters") as refused:
        far.start(SEALED)
    assert "--without filters" in refused.value.remedy
    assert ids(far.present()) == ids(before)


def ids(containers: list[dict[str, str]]) -> set[str]:
    return {one["Id"] for one in containers}


HOLES = (
    "a capability more",
    "a host folder to read",
    "kernel secrets to read",
    "no limit of processes",
    "the engine's socket",
    "the host's control groups",
    "the host's queues and memory",
)


@pytest.mark.docker
@pytest.mark.faults("A2")
@pytest.mark.parametrize("what", HOLES)
def test_a2_a_hole_is_seen_from_afar(what: str, far: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row A2 on an engine elsewhere: the namespaces, too, are held against those of the engine's own machine."""
    before = far.present()
    monkeypatch.setattr(making, "container_config", mutating(what))
    with pytest.raises(PostureError, match=MUTATIONS[what][0]):
        far.start(FAR)
    assert ids(far.present()) == ids(before)


@pytest.mark.docker
@pytest.mark.parametrize("profile", [FAR, ROOTFUL.lowered("filters")], ids=lambda profile: profile.name)
def test_all_end_by_the_sidecar_and_the_files_stay_readable(profile: Profile, far: Yard) -> None:
    sandbox = far.start(profile)
    sandbox.exec("echo last > /work/f; for i in 1 2 3; do setsid bash -c 'trap \"\" TERM; sleep 300' & done")
    assert sandbox.attest_again() == []
    halted = sandbox.kill()
    assert (halted.route, halted.survivors) == ("sidecar", ())
    assert sandbox.evidence.files.read("/work/f") == b"last\n"
    sandbox.close()
    assert sandbox.id not in ids(far.present())


@pytest.mark.docker
def test_without_its_sidecar_a_container_is_ended_by_the_engine(far: Yard, engine: Engine, eventually: Within) -> None:
    """Nobody records acts any more: the sentry ends it, wherever it is."""
    sandbox = far.start(FAR)
    aside = next(
        one["Id"]
        for one in far.present()
        if one["Names"][0].endswith("-aside") and sandbox.spec.name in one["Names"][0]
    )
    engine.api.kill(aside)
    eventually(lambda: not engine.api.inspect_container(sandbox.id)["State"]["Running"], 5.0)
    assert not sandbox.alive


@pytest.mark.docker
def test_where_the_sidecar_is_gone_the_end_comes_by_the_engine(far: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: object) -> None:
        return None

    monkeypatch.setattr("offswitch.sandbox._distant.halt_beside", nobody)
    halted = far.start(FAR).kill()
    assert (halted.route, halted.survivors) == ("engine", ())


@pytest.mark.docker
@pytest.mark.faults("K1")
@pytest.mark.parametrize("secret", [False, True], ids=["plain", "TLS"])
def test_k1_a_harness_that_dies_leaves_nothing_on_an_engine_elsewhere(
    secret: bool, harness: Starter, certificates: Path, yard: Yard, eventually: Within
) -> None:
    """Row K1: its streams end, and with them the first process; the watchdog sweeps by the same port."""
    start = "sandbox = DockerSandbox.start(open_engine(), spec('{}', profile=SEALED.lowered('filters')))"
    tls = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(certificates)} if secret else {}
    with relayed(certificates if secret else None) as relay:
        far = harness(f"{start.format(yard.spec().name)}; say(sandbox.id); time.sleep(60)", relay.endpoint, **tls)
        assert far.line()
        far.process.kill()
        eventually(lambda: not [one for one in yard.present() if one["State"] == "running"], 5.0)
        eventually(lambda: not yard.present(), 15.0)


@pytest.mark.docker
def test_another_image_under_the_name_of_ours_is_refused(
    elsewhere: Engine, engine: Engine, image: str, tmp_path: Path
) -> None:
    program = tmp_path / "agentd"
    program.write_bytes(b"another program")
    made = carried(elsewhere, image, program)
    tag = engine.api.inspect_image(made)["RepoTags"][0]
    engine.api.remove_image(tag)
    repository, _, name = tag.partition(":")
    engine.api.tag(image, repository, name)
    again = tmp_path / "again"
    again.write_bytes(b"another program")
    try:
        with pytest.raises(ImageError, match="another image carries its tag"):
            carried(elsewhere, image, again)
    finally:
        engine.api.remove_image(tag)


@pytest.mark.docker
@pytest.mark.parametrize(
    ("fact", "value", "why"), [("kind", "podman", "as a file"), ("architecture", "riscv64", "compiled for")]
)
def test_an_engine_that_could_not_run_our_program_is_refused_before_anything_is_made(
    fact: str, value: str, why: str, far: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = far.present()
    monkeypatch.setitem(far.engine.__dict__, "told", far.engine.told.model_copy(update={fact: value}))
    with pytest.raises(StartFailed, match=why):
        far.start(FAR)
    assert ids(far.present()) == ids(before)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("tls")
    certified(where)
    return where


@pytest.mark.docker
def test_an_engine_behind_tls_is_used_with_the_files_that_the_docker_command_takes(
    certificates: Path, image: str, supervisor: Path, tmp_path: Path
) -> None:
    with relayed(certificates) as relay, trusting(certificates), connect(relay.endpoint) as engine:
        yard = Yard(engine, image, supervisor, tmp_path)
        sandbox = yard.start(FAR)
        told = os.urandom(3 << 20)
        assert sandbox.write("/work/large", told) == 0
        assert sandbox.evidence.files.read("/work/large") == told
        started = time.monotonic()
        assert sandbox.exec("head -c 2000000 /dev/zero; echo end", cap_bytes=4 << 20).stdout[-4:] == b"end\n"
        assert time.monotonic() - started < 10
        assert sandbox.kill().empty
        yard.close()
        assert yard.present() == []


@pytest.mark.docker
def test_who_cannot_prove_to_be_the_engine_is_not_talked_to(certificates: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    certified(other)
    with relayed(other) as relay, trusting(certificates), pytest.raises(EngineError):
        connect(relay.endpoint)


@pytest.mark.docker
def test_who_cannot_prove_who_they_are_gets_no_engine(certificates: Path, eventually: Within) -> None:
    with relayed(certificates) as relay:
        with pytest.raises(EngineError):
            connect(relay.endpoint)
        eventually(lambda: relay.refused > 0)


@pytest.mark.docker
def test_a_process_of_ours_that_only_has_the_number_is_never_touched(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forwarded socket: the engine's numbers of processes are those of somebody else here."""

    def ours(*_: object) -> int:
        return os.getpid()

    monkeypatch.setattr("offswitch.sandbox._container.start", ours)
    with pytest.raises(StartFailed, match="is not the container's") as refused:
        yard.start(SEALED)
    assert "tcp://127.0.0.1" in refused.value.remedy
