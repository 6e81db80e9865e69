"""Options that are accepted and not enforced: refused, unless somebody gives the guarantee up by name."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import offswitch.sandbox._making as making
from offswitch.sandbox import GUARANTEES, ROOTFUL, SEALED, PostureError, Profile, isolation
from offswitch.sandbox._attest import shortfalls

from .mutations import MUTATIONS, mutating
from .yard import Yard

_GIVEN_UP_WITH = {
    "a writable root": "writable loose_mounts",
    "no limit of processes": "limits",
    "twice the processes": "limits",
    "no limit of memory": "limits",
    "swap beside the memory": "swap",
    "no limit of the processor": "limits",
    "twice the processor": "limits",
    "no limits of a process": "rlimits",
    "more open files": "rlimits",
    "memory images of crashes": "rlimits",
    "a host folder to write": "unexpected_mounts writable",
    "a host folder to read": "unexpected_mounts",
    "a host folder among the kernel's": "unexpected_mounts",
    "the host's control groups to read": "unexpected_mounts control_groups loose_mounts writable",
    "a memory place too many": "unexpected_mounts writable",
    "places that allow devices": "loose_mounts",
    "the host's control groups": "control_groups",
    "a device more": "devices",
    "a device more in a folder": "devices",
    "the right to a device without a node": "devices",
    "a better place when memory runs out": "oom_score",
}
"""Mutations that only concern guarantees, with those that have to be given up for such a container to be used."""
_VARIES = "the engine's folder"
"""What is mounted below it differs from one moment to the next, and with it what would have to be given up."""
_LARGER = {"swap": {"limits"}}
docker = [pytest.mark.docker, pytest.mark.faults]


@pytest.fixture
def engine_ignores(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes the engine one that takes an option and does not apply it."""

    def ignore(name: str) -> None:
        monkeypatch.setattr(making, "container_config", mutating(name))

    return ignore


class TestA3:
    """Row A3, AppArmor on a kernel without it and limits on an engine that applies none."""

    pytestmark = docker

    def test_a3_a_label_that_was_asked_for_and_is_not_there_refuses_the_episode(self, yard: Yard) -> None:
        asked = replace(SEALED, apparmor="docker-default")
        with pytest.raises(PostureError, match="not_enforced: apparmor") as refused:
            yard.start(asked)
        assert "offswitch run --without apparmor" in str(refused.value)
        assert yard.present() == []
        posture = yard.start(asked.lowered("apparmor")).evidence.posture
        assert posture["not_enforced"] == ["apparmor"]
        assert label(posture, given_up=True) == "T0/H0/N2"

    @pytest.mark.parametrize(
        ("what", "name"), [("no limit of processes", "limits"), ("swap beside the memory", "swap")]
    )
    @pytest.mark.parametrize("profile", [SEALED, ROOTFUL], ids=["sealed", "rootful"])
    def test_a3_limits_that_are_not_applied_refuse_the_episode_until_they_are_given_up(
        self, yard: Yard, engine_ignores: Callable[[str], None], profile: Profile, what: str, name: str
    ) -> None:
        engine_ignores(what)
        with pytest.raises(PostureError, match=f"not_enforced: {name} ") as refused:
            yard.start(profile)
        assert f"--without {name}" in str(refused.value)
        sandbox = yard.start(profile.lowered(name))
        assert sandbox.profile.name == f"{profile.name}-without-{name}"
        assert sandbox.evidence.posture["not_enforced"] == [name]

    def test_a3_a_label_that_nobody_asked_for_only_confines_more(self, yard: Yard) -> None:
        """Engines put one on by themselves where the kernel has it; where one is asked for, it has to be that one."""
        posture = yard.start(SEALED).evidence.posture
        named = {one: {**posture[one], "label": "docker-default (enforce)"} for one in ("init", "agent")}
        assert shortfalls(SEALED, {**posture, **named}) == {}
        assert shortfalls(replace(SEALED, apparmor="docker-default"), {**posture, **named}) == {}
        for asked in ("other", "docker"):
            assert shortfalls(replace(SEALED, apparmor=asked), {**posture, **named}).keys() == {"apparmor"}

    def test_a3_who_gives_up_one_guarantee_keeps_every_other(
        self, yard: Yard, engine_ignores: Callable[[str], None]
    ) -> None:
        engine_ignores("a capability more")
        with pytest.raises(PostureError, match="CapBnd"):
            yard.start(SEALED.lowered(*GUARANTEES))

    @pytest.mark.parametrize("what", sorted(set(MUTATIONS) - _GIVEN_UP_WITH.keys() - {_VARIES}))
    def test_a3_what_is_no_guarantee_is_demanded_of_who_gives_up_all(
        self, yard: Yard, engine_ignores: Callable[[str], None], what: str
    ) -> None:
        engine_ignores(what)
        with pytest.raises(PostureError):
            yard.start(SEALED.lowered(*GUARANTEES))
        assert yard.present() == []

    @pytest.mark.parametrize(("what", "names"), _GIVEN_UP_WITH.items())
    def test_a3_each_guarantee_excuses_its_own_facts_alone(
        self, yard: Yard, engine_ignores: Callable[[str], None], what: str, names: str
    ) -> None:
        engine_ignores(what)
        wanted = tuple(names.split())
        posture = yard.start(SEALED.lowered(*wanted)).evidence.posture
        assert set(posture["not_enforced"]) == set(wanted)
        with pytest.raises(PostureError):
            yard.start(SEALED.lowered(*(GUARANTEES.keys() - set(wanted) - _LARGER.get(names, set()))))

    def test_a3_a_guarantee_that_is_kept_all_the_same_gives_no_better_label(self, yard: Yard) -> None:
        posture = yard.start(SEALED.lowered("limits")).evidence.posture
        assert posture["not_enforced"] == []
        assert label(posture, given_up=True) == "T0/H0/N2"


@pytest.mark.docker
@pytest.mark.parametrize(("profile", "wanted"), [(SEALED, "T0/H1+/N2"), (ROOTFUL, "T0/H1/N2")])
def test_the_label_follows_from_the_attested_facts(yard: Yard, profile: Profile, wanted: str) -> None:
    posture = yard.start(profile).evidence.posture
    assert label(posture) == wanted
    for fact, value, worse in (
        ("namespaces", {**posture["namespaces"], "pid": "shared"}, "H0"),
        ("loose_mounts", ["/work without nodev"], "H0"),
        ("network", {"devices": ["eth0", "lo"], "routes": ["eth0 gateway"], "own": True}, "N0"),
    ):
        assert worse in label({**posture, fact: value})
    assert "H1+" not in label({**posture, "agent": {**posture["agent"], "uid": "0 0 0 0"}})


def label(posture: dict[str, Any], *, given_up: bool = False) -> str:
    return isolation(posture, tools=True, runs_code=True, given_up=given_up)


@given(st.lists(st.sampled_from(sorted(GUARANTEES)), max_size=6), st.lists(st.sampled_from(sorted(GUARANTEES))))
def test_a_lowered_profile_is_named_for_what_it_lacks_in_whichever_order(first: list[str], second: list[str]) -> None:
    lowered = SEALED.lowered(*first).lowered(*second)
    assert lowered == SEALED.lowered(*second, *first)
    assert lowered.without == tuple(sorted({*first, *second}))
    assert lowered.name == "-without-".join(["sealed", *lowered.without])


def test_what_no_engine_is_known_to_ignore_cannot_be_given_up() -> None:
    with pytest.raises(ValueError, match="no guarantee that can be given up; there are limits"):
        SEALED.lowered("seccomp")
