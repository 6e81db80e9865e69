"""The doctor says what is wrong, never raises for it, and never calls "ok" what it could not look at."""

import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offswitch.sandbox import Engine, EngineFault, connect
from offswitch.sandbox._advisories import ADVISORIES, Advisory, advisories_for
from offswitch.sandbox._check import Check
from offswitch.sandbox._doctor import diagnose
from offswitch.sandbox._image import ensure_image
from offswitch.sandbox._lease import LEASE_LABEL, RUN_LABEL, lease_is_held, own_lease

from .fake_engine import INFO, VERSION, Answer, engine_that, known


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def looked_at(monkeypatch: pytest.MonkeyPatch, cache: Path, bodies: dict[str, Answer]) -> dict[str, Check]:
    """What the doctor finds with an engine that gives these answers, by name."""
    with engine_that(known(bodies)) as endpoint:
        monkeypatch.setenv("DOCKER_HOST", endpoint)
        return {check.name: check for check in diagnose(cache=cache)}


def test_without_an_engine_the_rest_is_looked_at_and_setup_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    found = {check.name: check for check in diagnose(cache=cache)}
    assert (found["engine"].state, found["engine"].help) == ("fail", "offswitch setup")
    assert (found["supervisor"].state, found["supervisor"].help) == ("fail", "offswitch setup")
    assert found["python"].fact.startswith(".".join(map(str, sys.version_info[:3])))
    assert {"disk", "extras"} <= found.keys()


def test_a_fit_engine_without_our_image_lacks_only_that(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    found = looked_at(monkeypatch, cache, {})
    assert {name for name, check in found.items() if check.state == "fail"} == {"supervisor", "base image"}
    assert found["containment"].fact.startswith("not looked at")
    assert found["containment"].state == "warn"


@pytest.mark.parametrize(
    ("info", "name", "state", "words"),
    [
        ({"CgroupDriver": "none"}, "control groups", "fail", "accepted and not applied"),
        ({"SecurityOptions": ["name=apparmor"]}, "seccomp", "fail", "applies none"),
        ({"SecurityOptions": ["name=seccomp"]}, "apparmor", "warn", "accepts a profile and enforces nothing"),
    ],
)
def test_options_that_an_engine_accepts_and_ignores_are_named(
    monkeypatch: pytest.MonkeyPatch, cache: Path, info: dict[str, Any], name: str, state: str, words: str
) -> None:
    check = looked_at(monkeypatch, cache, {"/info": (200, {**INFO, **info})})[name]
    assert (check.state, words in check.fact, check.help is not None) == (state, True, True)


def test_an_engine_older_than_20_10_cannot_be_used(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    old = {**VERSION, "Version": "19.03.15"}
    assert looked_at(monkeypatch, cache, {"/version": (200, old)})["engine"].state == "fail"


@pytest.mark.parametrize(
    ("path", "name"), [("/containers/json", "left-overs"), ("/images/json", "base image"), ("/info", "engine")]
)
def test_a_look_that_fails_is_never_ok(monkeypatch: pytest.MonkeyPatch, cache: Path, path: str, name: str) -> None:
    found = looked_at(monkeypatch, cache, {path: (500, {"message": "it hurts here"})})
    assert (found[name].state, "it hurts here" in found[name].fact) == ("fail", True)


def container(lease: str | None) -> dict[str, Any]:
    return {"Id": "c" * 64, "Labels": {RUN_LABEL: "r1", **({LEASE_LABEL: lease} if lease else {})}}


@pytest.mark.parametrize("lease", [None, "", "x:1:2", "{own}0"])
def test_containers_without_a_living_owner_are_left_overs(
    monkeypatch: pytest.MonkeyPatch, cache: Path, lease: str | None
) -> None:
    lease = lease and lease.format(own=own_lease())
    found = looked_at(monkeypatch, cache, {"/containers/json": (200, [container(lease), container(own_lease())])})
    assert found["left-overs"].state == "warn"
    assert found["left-overs"].fact.startswith("1 of 2 containers")
    assert found["left-overs"].help == "offswitch gc"


def test_containers_in_use_are_no_left_overs(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    found = looked_at(monkeypatch, cache, {"/containers/json": (200, [container(own_lease())])})
    assert found["left-overs"].state == "ok"


def test_a_lease_is_held_as_long_as_its_process_lives() -> None:
    code = "from offswitch.sandbox._lease import own_lease; print(own_lease(), flush=True); input()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        lease = owner.stdout.readline().strip()
        assert lease_is_held(lease)
        assert not lease_is_held(f"another-boot:{lease.partition(':')[2]}")
        owner.kill()
    assert not lease_is_held(lease)


@given(st.text())
def test_no_text_breaks_the_reading_of_a_lease(text: str) -> None:
    """Labels are read from the engine, where anybody may have written them."""
    assert lease_is_held(text) is (text == own_lease())


@given(st.lists(st.one_of(st.text(max_size=5), st.integers().map(str)), max_size=5))
def test_no_list_of_fields_breaks_the_reading_of_a_lease(fields: list[str]) -> None:
    assert not lease_is_held(":".join(["x", *fields]))


FIXED = Advisory("CVE-0", "runc", ((1, 1, 12), (1, 3, 3)), "", "")


@pytest.mark.parametrize(
    ("version", "concerned"),
    [
        ("1.1.5+ds1", True),
        ("1.1.12", False),
        ("1.1.13", False),
        ("1.0.9", True),
        ("1.2.8", True),
        ("1.3.2", True),
        ("1.3.3", False),
        ("1.4.0-rc.1", False),
        ("2.0", False),
    ],
)
def test_an_advisory_concerns_the_versions_before_the_fix_of_their_line(version: str, concerned: bool) -> None:
    assert FIXED.concerns(version) is concerned


def test_every_advisory_names_its_source_with_a_date() -> None:
    assert [a.id for a in ADVISORIES if not a.source[-10:].replace("-", "").isdigit()] == []


def test_an_engine_of_today_has_no_known_weakness_and_one_of_2021_has_three() -> None:
    with engine_that(known({})) as endpoint, connect(endpoint) as engine:
        facts = engine.facts()
    assert advisories_for(facts) == ()
    old = facts.model_copy(update={"version": "20.10.24+dfsg1", "runc_version": "1.1.5+ds1"})
    assert len(advisories_for(old)) == 4
    assert advisories_for(old.model_copy(update={"runc_version": None, "kind": "podman"})) == ()


docker = pytest.mark.docker


@pytest.fixture(scope="module")
def ready() -> Generator[Engine]:
    """The machine's engine with the base image on it."""
    with connect() as engine:
        ensure_image(engine)
        yield engine


@docker
def test_on_a_ready_machine_what_was_asked_of_a_container_is_looked_up_from_outside(ready: Engine, cache: Path) -> None:
    found = {check.name: check for check in diagnose(cache=cache)}
    if not ready.facts().local:
        assert found["host view"].state == "fail"
        return
    assert {"host view", "confinement", "limits", "kill", "mediation"} <= found.keys()
    assert (found["confinement"].state, found["limits"].state) == ("ok", "ok")
    assert found["mediation"].state == ("ok" if os.geteuid() == 0 else found["mediation"].state)


@docker
def test_the_doctor_leaves_no_container_behind(ready: Engine, cache: Path) -> None:
    diagnose(cache=cache)
    labels = [f"{RUN_LABEL}=doctor", f"{LEASE_LABEL}={own_lease()}"]
    assert ready.api.containers(all=True, filters={"label": labels}) == []


@docker
def test_a_probe_that_fails_is_a_failed_check(ready: Engine, cache: Path) -> None:
    def broken(engine: Engine) -> Check:
        raise EngineFault("probing", engine.endpoint, "nothing came of it")

    def working(engine: Engine) -> Check:
        return Check(name="notification", state="ok", fact=engine.endpoint)

    found = diagnose(cache=cache, probes=[broken, working])
    assert [check.state for check in found[-2:]] == ["fail", "ok"]
    assert "nothing came of it" in found[-2].fact
