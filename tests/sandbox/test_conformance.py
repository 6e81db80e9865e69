"""The conformance suite passes where every promise is kept, and says which one is not where one is broken."""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from offswitch.sandbox import (
    GUARANTEES,
    SEALED,
    Conformance,
    DockerSandbox,
    Engine,
    Line,
    PostureError,
    StartFailed,
    conform,
    connect,
    known_weaknesses,
)
from offswitch.sandbox import _making as making
from offswitch.sandbox._attest import LOOKS, shortfalls
from offswitch.sandbox._conformance import names_to_give_up
from offswitch.sandbox._profile import container_config

from .fake_engine import INFO, VERSION, engine_that, known
from .users import as_user, plain_user, told, unkept
from .yard import Yard

Config = dict[str, Any]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
ALL = {"shutdown", "permission", "oversight"}


def limitless(*of_spec: Any, **network: Any) -> Config:
    """What an engine runs that takes our limits and applies none."""
    config = container_config(*of_spec, **network)
    for name in ("PidsLimit", "Memory", "MemorySwap", "NanoCpus"):
        del config["HostConfig"][name]
    return config


@pytest.fixture
def careless(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """Containers without the limits that were asked for."""
    monkeypatch.setattr(making, "container_config", limitless)
    yield
    monkeypatch.undo()


@pytest.mark.docker
@pytest.mark.faults("A10")
def test_a10_root_on_this_engine_is_promised_everything() -> None:
    command = [sys.executable, "-m", "offswitch", "conformance", "--json"]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=200)
    found = told(ended)
    assert (ended.returncode, found["ok"], unkept(found), found["evidence"]) == (0, True, {}, "host")
    assert {one["channel"] for one in found["channels"] if not one["verified"]} == set()
    assert {family for family, rows in found["verdicts"].items() if rows["verified"]} == ALL
    assert not any(rows["unverified"] for rows in found["verdicts"].values())
    suite = {name: value for name, value in found.items() if name not in ("verdicts", "ok")}
    assert Conformance.model_validate_json(json.dumps(suite)).ok


@needs_root
@pytest.mark.docker
@pytest.mark.faults("A10")
def test_a10_a_plain_user_lacks_the_hearing_of_undone_writes_and_the_content_of_filters(engine: Engine) -> None:
    """The user has the socket and no other right: all evidence and all attestation come from the sidecar."""
    ended = as_user(plain_user(), "conformance", "--json", "--engine", engine.endpoint)
    found = told(ended)
    assert (ended.returncode, unkept(found)) == (1, {"undone writes": "not_available", "filters": "fail"})
    assert (found["profile"], found["isolation"]) == ("sealed-without-filters", "T0/H0/N2")
    assert (found["evidence"], found["uid"]) == ("sidecar", plain_user().pw_uid)
    files = next(one for one in found["channels"] if one["channel"] == "files")
    assert "goes unseen" in files["reason"]
    assert not any(rows["unverified"] for rows in found["verdicts"].values())


@needs_root
@pytest.mark.docker
def test_a_plain_user_runs_an_episode_with_verdicts(engine: Engine, tmp_path: Path) -> None:
    user = plain_user()
    out = Path(user.pw_dir) / f"run-{tmp_path.name}"
    words = ("run", "--task", "backfill", "--agent", "oracle", "--agent", "violator:S3", "--json")
    try:
        refused = told(as_user(user, *words, "--out", f"{out}-refused"))["outcomes"]
        assert {one["state"] for one in refused} == {"invalid"}
        lowered = told(as_user(user, *words, "--without", "filters", "--out", str(out)))
        outcomes = {one["subject"]: one for one in lowered["outcomes"]}
        oracle = outcomes.pop("oracle")
        assert (oracle["state"], oracle["score"], oracle["failed"]) == ("valid", 1.0, [])
        assert [("S3" in one["failed"], one["state"]) for one in outcomes.values()] == [(True, "valid")]
    finally:
        subprocess.run(["rm", "-rf", str(out), f"{out}-refused"], check=True)


@pytest.mark.docker
@pytest.mark.faults("A3")
def test_a3_a_limit_that_is_accepted_and_not_enforced_refuses_the_container(careless: None, yard: Yard) -> None:
    with pytest.raises(PostureError, match="limits") as refused:
        yard.start(SEALED)
    assert "--without limits" in refused.value.remedy


@pytest.mark.docker
@pytest.mark.faults("A3")
def test_a3_a_profile_lowered_by_name_records_what_is_not_enforced(careless: None, yard: Yard) -> None:
    posture = yard.start(SEALED.lowered("limits")).evidence.posture
    assert posture["not_enforced"] == ["limits"]
    assert posture["limits"]["pids"] is None
    assert shortfalls(SEALED, posture).keys() == {"limits", "swap"}
    assert "'pids': None" in shortfalls(SEALED, posture)["limits"]


@pytest.mark.docker
@pytest.mark.faults("A3")
def test_a3_lowering_one_fact_excuses_no_other(careless: None, yard: Yard) -> None:
    with pytest.raises(PostureError, match="limits") as refused:
        yard.start(SEALED.lowered("oom_score"))
    assert "--without limits --without oom_score" in refused.value.remedy


@pytest.mark.docker
@pytest.mark.faults("A3", "A10")
def test_the_suite_catches_an_engine_that_applies_no_limit(careless: None, engine: Engine) -> None:
    seen: list[Line] = []
    found = conform(engine, SEALED, report=seen.append)
    failed = {line.promise for line in found.lines if line.state == "fail"}
    assert failed == {"limits", "swap", "process limit", "memory limit"}
    assert not found.ok
    assert tuple(seen) == found.lines
    assert (found.profile, found.isolation) == ("sealed-without-limits", "T0/H0/N2")


@pytest.mark.docker
@pytest.mark.faults("A3", "A10")
def test_who_does_without_the_limits_does_without_swap_and_keeps_the_behaviours(careless: None, engine: Engine) -> None:
    found = conform(engine, SEALED, ["limits"])
    assert {line.promise for line in found.lines if line.given_up} == {"limits", "swap"}
    assert {line.promise for line in found.lines if not line.holds} == {"process limit", "memory limit"}
    assert conform(engine, SEALED, ["limits", "process limit", "memory limit"]).ok


@pytest.mark.docker
def test_every_attested_fact_has_a_meaning_and_stands_in_one_place(either: DockerSandbox) -> None:
    """What cannot be given up, and what can: together all that is attested."""
    facts = either.evidence.posture.keys() - {"not_enforced"}
    assert LOOKS.keys() | {path[0] for one in GUARANTEES.values() for path in one.facts} == facts
    assert not LOOKS.keys() & {path[0] for one in GUARANTEES.values() for path in one.facts if len(path) == 1}
    assert shortfalls(either.profile, either.evidence.posture) == {}


@pytest.mark.docker
def test_where_nothing_comes_up_nothing_is_promised(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> DockerSandbox:
        raise StartFailed("starting the container", "x", "no filter here")

    monkeypatch.setattr(DockerSandbox, "start", refuse)
    found = conform(engine, SEALED, names_to_give_up())
    assert {line.state for line in found.lines} == {"fail", "not_available"}
    assert [line.promise for line in found.lines if line.state == "fail"] == ["start"]
    assert (found.ok, found.evidence) == (False, "none")
    assert {one.channel for one in found.channels if one.verified} == {"calls", "gateway", "clock", "report"}


def test_what_is_no_promise_cannot_be_given_up() -> None:
    hope = pytest.raises(ValueError, match="no promise is called hope")
    with engine_that(known({})) as endpoint, connect(endpoint) as engine, hope:
        conform(engine, SEALED, ["hope"])
    with pytest.raises(ValueError, match="no guarantee that can be given up"):
        SEALED.lowered("agent")


@pytest.mark.faults("A12")
def test_a12_a_version_before_a_fix_is_named_with_its_id_and_refused_where_asked() -> None:
    runc = [{"Name": "runc", "Version": "1.1.5"}]
    old = known({"/version": (200, {**VERSION, "Components": runc})})
    with engine_that(old) as endpoint, connect(endpoint) as engine:
        assert "CVE-2024-21626" in known_weaknesses(engine.told)
        with pytest.raises(PostureError, match="CVE-2024-21626") as refused:
            known_weaknesses(engine.told, strict=True)
    assert "update" in refused.value.remedy


@pytest.mark.faults("A12")
def test_a12_versions_with_the_fixes_pass_the_strict_look() -> None:
    fixed = {**VERSION, "Version": "29.0.0", "Components": [{"Name": "runc", "Version": "1.3.3"}]}
    with engine_that(known({"/version": (200, fixed), "/info": (200, INFO)})) as endpoint, connect(endpoint) as engine:
        assert known_weaknesses(engine.told, strict=True) == ""
