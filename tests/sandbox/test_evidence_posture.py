"""The posture of a running container: each option that is missing or too much is found, whatever was asked for."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

import offswitch.sandbox._making as making
from offswitch.sandbox import ROOTFUL, SEALED, Cgroup, DockerSandbox, PostureError, Profile, attest
from offswitch.sandbox._lease import labels
from offswitch.sandbox._profile import container_config

from .mutations import MUTATIONS, Config, mutating
from .yard import Yard

pytestmark = pytest.mark.docker


@pytest.mark.faults
@pytest.mark.parametrize("profile", [SEALED, ROOTFUL], ids=["sealed", "rootful"])
@pytest.mark.parametrize("name", MUTATIONS)
def test_a2_one_option_changed_refuses_the_container_and_names_it(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, name: str, profile: Profile
) -> None:
    """Row A2, every mutation on each profile: refused before anybody acts, by name, and nothing is left."""
    named, _ = MUTATIONS[name]
    monkeypatch.setattr(making, "container_config", mutating(name))
    with pytest.raises(PostureError, match=named):
        yard.start(profile)
    assert yard.present() == []


def test_a_network_refuses_the_container(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"offswitch-{yard.run}"
    yard.engine.api.create_network(name, driver="bridge", internal=True, labels=labels(yard.run, "network", "agent"))

    def joined(*of_spec: Any, **network: Any) -> Config:
        config = container_config(*of_spec, **network)
        config["HostConfig"]["NetworkMode"] = name
        return config

    monkeypatch.setattr(making, "container_config", joined)
    try:
        with pytest.raises(PostureError, match=r"network is .*eth0"):
            yard.start()
    finally:
        yard.engine.api.remove_network(name)


def test_a_declared_profile_is_attested_with_every_fact(either: DockerSandbox) -> None:
    posture = either.evidence.posture
    assert set(posture) >= {"init", "agent", "namespaces", "writable", "network", "limits", "devices"}
    assert posture["agent"]["CapBnd"] == "0" * 16
    assert posture["init"]["uid"] == "65000 65000 65000 65000"


def test_privileges_cannot_grow_even_where_the_engine_was_not_told_so(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our own launcher sets the bit, so that there is nothing to refuse."""

    def untold(*of_spec: Any, **network: Any) -> Config:
        config = container_config(*of_spec, **network)
        config["HostConfig"]["SecurityOpt"] = config["HostConfig"]["SecurityOpt"][1:]
        return config

    monkeypatch.setattr(making, "container_config", untold)
    posture = yard.start().evidence.posture
    assert (posture["init"]["NoNewPrivs"], posture["agent"]["NoNewPrivs"]) == ("1", "1")


@pytest.mark.parametrize("profile", [SEALED, ROOTFUL], ids=["sealed", "rootful"])
def test_an_ordinary_process_of_the_host_has_none_of_it(profile: Profile) -> None:
    with subprocess.Popen(["/bin/sleep", "30"]) as process:
        with pytest.raises(PostureError) as refused:
            attest(profile, process.pid, process.pid, Cgroup(process.pid))
        process.kill()
    for fact in ("NoNewPrivs", "Seccomp", "namespaces", "writable", "loose_mounts", "limits", "network"):
        assert fact in str(refused.value)


def test_a_container_that_loosened_after_its_start_is_found_again(either: DockerSandbox) -> None:
    """Attestation can be asked at any time: the limits are read from the kernel, not remembered."""
    group, agent = either.evidence.cgroup, either.evidence.processes.scan()[0].host_pid
    attest(either.profile, either.pid, agent, group)
    limit = group.paths["pids"] / "pids.max"
    before = limit.read_text()
    limit.write_text("max")
    try:
        with pytest.raises(PostureError, match="limits"):
            attest(either.profile, either.pid, agent, group)
    finally:
        limit.write_text(before)
    attest(either.profile, either.pid, agent, group)


def _group(folder: Path, files: dict[str, str]) -> Cgroup:
    """A control group as a v2 kernel would show it."""
    for name, content in files.items():
        (folder / name).write_text(content + "\n")
    group = Cgroup(os.getpid())
    vars(group)["_paths"] = {"unified": folder}
    return group


def test_limits_and_counters_are_read_from_a_v2_group_too(tmp_path: Path) -> None:
    group = _group(
        tmp_path,
        {
            "pids.max": "192",
            "pids.current": "3",
            "pids.events": "max 7",
            "memory.max": "536870912",
            "memory.swap.max": "0",
            "memory.current": "1000",
            "memory.events": "low 0\nhigh 0\nmax 2\noom 1\noom_kill 1",
            "cpu.max": "150000 100000",
            "cpu.stat": "usage_usec 2500\nuser_usec 1",
            "cgroup.procs": "10\n11\n12",
        },
    )
    assert group.limits() == {"pids": 192, "memory": 536870912, "memory_swap": 536870912, "cpu_milli": 1500}
    counters = group.counters()
    assert (counters.cpu_ns, counters.pids, counters.oom_kills, counters.pids_limit_hits) == (2_500_000, 3, 1, 7)
    assert (group.pids(), group.population()) == ([10, 11, 12], 3)


def test_no_limit_is_told_as_none_and_never_as_zero(tmp_path: Path) -> None:
    group = _group(tmp_path, {"pids.max": "max", "memory.max": "max", "cpu.max": "max 100000"})
    assert group.limits() == {"pids": None, "memory": None, "memory_swap": None, "cpu_milli": None}
    assert group.counters().cpu_ns is None
