"""Other engines keep what docs/engines.md says of them, no more and no less: the suite on each of them, for real.

``make test`` takes the first of them, a Docker Engine that remaps users; ``make faults`` all (n = 1 and n = 6).
"""

import json
import os
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from offswitch.analysis import load
from offswitch.monitors.integrity import integrity_monitors
from offswitch.records import Channel
from offswitch.sandbox import SEALED, Conformance, conform, connect

from . import other_engines
from .relay import relayed_socket
from .remote_engine import remote
from .users import as_user, told, unkept

OTHERS = int(os.environ.get("OFFSWITCH_OTHER_ENGINES", "1"))
pytestmark = [
    pytest.mark.docker,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can start an engine"),
]
_NO_LIMITS = {"control_groups", "limits", "swap", "counters", "process limit", "memory limit"}
_PODMAN = {"control_groups", "inodes", "writable", "unexpected_mounts"}
_WITHOUT = {"remapped": set[str](), "rootless": _NO_LIMITS, "podman": _PODMAN}
"""Engine → promises that it does not keep, for root."""
NAMES = ("remapped", "rootless", "podman", "gvisor", "remote", "secret")[:OTHERS]
GVISOR_FAILS = {"process limit", "memory limit"}
"""Past either limit the whole sandbox ends, not one process."""
GVISOR_LACKS = GVISOR_FAILS | {"acts", "short processes", "processes"}
GVISOR_CAST = {"backfill": ("O3", "P2", "P5", "S8", "S20"), "diskrescue": ("O3", "P16", "P17", "P6")}
"""Task → rows that need no channel that is lost there."""


def opened(name: str) -> AbstractContextManager[str]:
    found: AbstractContextManager[str] = getattr(other_engines, name)()
    return found


def of_root(endpoint: str, *without: str, runtime: str | None = None) -> Conformance:
    with connect(endpoint, runtime=runtime) as engine:
        return conform(engine, SEALED, without)


@pytest.mark.faults("A10", "A3")
@pytest.mark.parametrize("name", [name for name in NAMES if name in _WITHOUT])
def test_a10_an_engine_keeps_all_promises_but_the_named_ones(name: str) -> None:
    with opened(name) as endpoint:
        with connect(endpoint) as engine:
            without = _WITHOUT[name] if name != "rootless" or not other_engines.limits_apply(engine) else set[str]()
        found = of_root(endpoint, *sorted(without))
        assert {line.promise for line in found.lines if line.state != "pass"} == without
        assert found.ok
        if name == "rootless":
            _its_own_user(endpoint, without)


def _its_own_user(endpoint: str, without: set[str]) -> None:
    """Who runs a rootless engine needs no other right; the evidence comes from the sidecar."""
    user = other_engines.rootless_user()
    flags = [word for promise in sorted(without) for word in ("--without", promise)]
    found = told(as_user(user, "conformance", "--json", "--engine", endpoint, *flags))
    assert unkept(found).keys() == without | {"undone writes", "filters"}
    assert found["evidence"] == "sidecar"


if "gvisor" in NAMES:

    @pytest.mark.faults("A10")
    def test_a10_under_gvisor_nothing_starts_unless_kernel_and_mediation_are_given_up_by_name() -> None:
        """Its kernel hands no filter's listener out, so that no act could be mediated: refused, never in silence."""
        with opened("gvisor") as endpoint:
            found = of_root(endpoint, runtime="runsc")
            states = {line.promise: line for line in found.lines}
            assert states.pop("start").state == "fail"
            assert {line.state for line in states.values()} == {"fail", "not_available"} - {"fail"}
            assert not found.ok
            given_up = ("kernel", "mediation", *GVISOR_LACKS)
            lowered = of_root(endpoint, *given_up, runtime="runsc")
            assert {line.promise for line in lowered.lines if line.state == "fail"} == GVISOR_FAILS
            assert lowered.ok
            weak = {one.channel.value: one.grade.value for one in lowered.channels if not one.verified}
            assert weak == {"execs": "G0", "processes": "G0", "counters": "G2"}
            assert (lowered.evidence, lowered.isolation) == ("inside", "T0/H0/N2")
            assert of_root(endpoint).ok

    @pytest.mark.faults("A10")
    @pytest.mark.parametrize("task", sorted(GVISOR_CAST))
    def test_a10_under_gvisor_rows_that_need_no_lost_channel_keep_their_verdicts(task: str, tmp_path: Path) -> None:
        """Violators trip them, their look-alikes and the oracle do not, and all others say unknown or what was seen."""
        members = [name for row in GVISOR_CAST[task] for name in (f"violator:{row}", f"innocent:{row}")]
        flags = [word for name in ("oracle", *members) for word in ("--agent", name)]
        how = (
            "--runtime",
            "runsc",
            "--without",
            "kernel",
            "--without",
            "mediation",
            "--json",
            "--out",
            str(tmp_path / "run"),
        )
        with opened("gvisor") as endpoint:
            ended = offswitch("run", "--task", task, *flags, *how, DOCKER_HOST=endpoint)
        outcomes: list[dict[str, Any]] = json.loads(ended)["outcomes"]
        assert {one["state"] for one in outcomes} == {"valid"}
        failed = {one["subject"]: set(one["failed"]) for one in outcomes}
        for row in GVISOR_CAST[task]:
            assert [row in rows for name, rows in failed.items() if name.startswith(f"violator:{row}")] == [True]
            assert not failed[f"innocent:{row}"]
        assert not failed["oracle"]
        verdicts = load(tmp_path / "run").verdicts
        of_oracle = verdicts[verdicts.episode_id.str.contains("-oracle-") & (verdicts.exposed.astype(str) == "true")]
        said = dict(zip(of_oracle.failure_mode, of_oracle.succeeded.astype(str), strict=True))
        needs = {row: monitor.needs for row, monitor in integrity_monitors().items() if row in said}
        lost = {Channel.EXECS, Channel.PROCESSES}
        kept = {row for row in said if not needs[row] & lost}
        assert {row: said[row] for row in kept - {"O13"}} == dict.fromkeys(kept - {"O13"}, "false")
        assert {said[row] for row in said.keys() - kept} == {"unknown"}


if "remote" in NAMES:

    @pytest.mark.faults("A10")
    @pytest.mark.parametrize("name", [name for name in NAMES if name in ("remote", "secret")])
    def test_a10_an_engine_elsewhere_lacks_the_hearing_of_undone_writes_and_the_content_of_filters(
        name: str, tmp_path: Path
    ) -> None:
        """It shares no process, mount or network namespace with us; only a port leads to it: plain, and with TLS."""
        with remote(secret=name == "secret") as (endpoint, _):
            found = of_root(endpoint, "filters", "undone writes")
            assert {line.promise for line in found.lines if line.state != "pass"} == {"filters", "undone writes"}
            assert (found.ok, found.evidence, found.engine.local) == (True, "sidecar", False)
            assert all(one.verified for one in found.channels)
            for task in ("backfill", "diskrescue"):
                out = tmp_path / task
                cast = ("--agent", "oracle", "--agent", "violator:S3", "--agent", "innocent:S3")
                how = ("--without", "filters", "--json", "--out", str(out))
                ended = offswitch("run", "--task", task, *cast, *how, DOCKER_HOST=endpoint)
                outcomes: list[dict[str, Any]] = json.loads(ended)["outcomes"]
                failed = {one["subject"].partition(".")[0]: "S3" in one["failed"] for one in outcomes}
                assert failed == {"oracle": False, "violator:S3": True, "innocent:S3": False}
                verdicts = load(out).verdicts
                assert "unknown" not in set(verdicts.succeeded.astype(str))

    def test_a_socket_that_is_forwarded_from_another_namespace_is_never_taken_for_this_machines(tmp_path: Path) -> None:
        """The engine's numbers of processes are others' here: the container is refused, and nobody is harmed."""
        with (
            remote(hidden=False) as (endpoint, _),
            relayed_socket(tmp_path / "engine.sock", endpoint) as near,
            connect(near) as engine,
        ):
            assert engine.told.local, "it is a process of ours that listens, on our kernel"
            found = conform(engine, SEALED, ())
            (start,) = [line for line in found.lines if line.promise == "start"]
            assert start.state == "fail"
            assert "not the container's" in start.fact or "No such process" in start.fact


def offswitch(*words: str, **env: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-m", "offswitch", *words],
        check=False,
        capture_output=True,
        text=True,
        timeout=800,
        env={**os.environ, **env},
    )
    assert ended.stdout, ended.stderr
    return ended.stdout
