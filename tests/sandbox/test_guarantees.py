"""Guarantees and levels that no other test brings about on its own."""

import re
from typing import Any

import pytest

import offswitch.sandbox._making as making
from offswitch.sandbox import GUARANTEES, ROOTFUL, SEALED, PostureError, Profile, isolation
from offswitch.sandbox._profile import container_config

from .mutations import Config
from .yard import Yard


@pytest.fixture
def unnumbered(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that takes the number of files of a place and bounds only its bytes."""

    def make(*of_spec: Any, **network: Any) -> Config:
        config = container_config(*of_spec, **network)
        places: dict[str, str] = config["HostConfig"]["Tmpfs"]
        config["HostConfig"]["Tmpfs"] = {path: re.sub(r",nr_inodes=\d+", "", told) for path, told in places.items()}
        return config

    monkeypatch.setattr(making, "container_config", make)


@pytest.mark.docker
@pytest.mark.faults
@pytest.mark.parametrize("profile", [SEALED, ROOTFUL], ids=["sealed", "rootful"])
def test_a3_places_without_a_number_of_files_are_refused_and_excused_by_that_name_alone(
    yard: Yard, unnumbered: None, profile: Profile
) -> None:
    with pytest.raises(PostureError, match="not_enforced: inodes") as refused:
        yard.start(profile)
    assert "--without inodes" in refused.value.remedy
    with pytest.raises(PostureError, match="inodes"):
        yard.start(profile.lowered(*(GUARANTEES.keys() - {"inodes"})))
    assert yard.present() == []
    assert yard.start(profile.lowered("inodes")).evidence.posture["not_enforced"] == ["inodes"]


@pytest.mark.parametrize(
    ("tools", "runs_code", "level"), [(True, True, "T0"), (True, False, "T1"), (False, False, "T2")]
)
def test_the_tooling_level_says_whether_the_agent_runs_code(tools: bool, runs_code: bool, level: str) -> None:
    assert isolation({}, tools=tools, runs_code=runs_code, given_up=False) == f"{level}/H0/N0"
