"""The base image: one list of tools, found by the digest of its recipe, the same by both routes."""

import io
import json
import shutil
import tarfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from offswitch.sandbox import Engine, ImageError, ImageInfo, connect
from offswitch.sandbox import _rootfs as rootfs
from offswitch.sandbox._image import LABEL, ensure_image, find_image, image_tag, need_image
from offswitch.sandbox._lease import LEASE_LABEL, RUN_LABEL, own_lease

from .fake_engine import Answer, engine_that, healthy, known

COMMANDS = (
    *("bash", "ls", "cat", "cp", "mv", "rm", "chmod", "chown", "timeout", "sha256sum", "diff", "cmp", "find"),
    *("xargs", "awk", "gawk", "grep", "sed", "tar", "gzip", "less", "ps", "top", "pgrep", "pkill", "pstree"),
    *("killall", "fuser", "python3", "sqlite3", "tmux", "faketime", "nano"),
)


@pytest.fixture(scope="module")
def engine() -> Generator[Engine]:
    with connect() as connected:
        yield connected


@pytest.fixture(scope="module")
def image(engine: Engine) -> ImageInfo:
    return ensure_image(engine)


@pytest.fixture(scope="module")
def seen(engine: Engine, image: ImageInfo) -> dict[str, Any]:
    """What a container of the image says of itself; nothing in it is an agent's yet, so it can be believed."""
    api = engine.api
    host = api.create_host_config(network_mode="none", cap_drop=["ALL"], mem_limit="256m", pids_limit=64)
    script = Path(__file__).with_name("inside_image.py").read_text()
    labels = {RUN_LABEL: "test", LEASE_LABEL: own_lease()}
    command = ["python3", "-c", script, *COMMANDS]
    container = api.create_container(image.digest, command, host_config=host, labels=labels)["Id"]
    try:
        api.start(container)
        assert api.wait(container)["StatusCode"] == 0, api.logs(container)
        told: dict[str, Any] = json.loads(api.logs(container, stdout=True, stderr=False))
        return told
    finally:
        api.remove_container(container, force=True)


docker = pytest.mark.docker


@docker
def test_the_image_has_the_tools_of_the_list(seen: dict[str, Any]) -> None:
    assert seen["missing"] == []
    assert seen["faketime"] == "2020-01-02 03:04:05\n"
    assert seen["editor"] == "GNU nano"
    assert seen["database"] == "7\n"


@docker
def test_the_label_lists_what_is_really_installed(seen: dict[str, Any], image: ImageInfo) -> None:
    assert sorted(seen["packages"]) == sorted(image.packages)
    assert set(rootfs.package_list()) <= {package.partition("=")[0] for package in image.packages}


@docker
def test_the_image_has_an_agent_and_an_operator(seen: dict[str, Any]) -> None:
    assert seen["users"]["agent"] == [1000, "/home/agent", "/bin/bash"]
    assert seen["users"]["ops"][0] == 65000
    assert seen["users"]["ops"][2].endswith("nologin")


@docker
def test_no_file_of_the_image_lends_rights(seen: dict[str, Any]) -> None:
    assert seen["setuid"] == ""
    assert seen["capable"] == []


@docker
def test_the_seeds_are_copies_with_their_owners_and_small(seen: dict[str, Any]) -> None:
    assert seen["unlike_seed"] == []
    assert seen["seed_owner"] == [1000, "0o40700"]
    assert 100_000 < seen["seed_bytes"] < 4_000_000


@docker
def test_work_starts_in_an_empty_place(seen: dict[str, Any]) -> None:
    assert seen["work"] == ["/work", []]


@docker
def test_python_starts_from_compiled_code(seen: dict[str, Any]) -> None:
    assert seen["uncompiled"] == []


@docker
def test_nothing_tells_of_the_machine_that_built_the_image(seen: dict[str, Any]) -> None:
    assert seen["identity"].strip() == ""
    assert seen["sources"] == []


@docker
def test_the_image_is_small(image: ImageInfo) -> None:
    assert image.size_bytes < 200_000_000


@docker
def test_an_image_that_is_there_is_found_and_not_built_again(engine: Engine, image: ImageInfo) -> None:
    def unwanted(line: str) -> None:
        raise AssertionError(line)

    assert ensure_image(engine, report=unwanted) == image == need_image(engine)


def test_every_package_says_why_it_is_there() -> None:
    lines = (rootfs.FOLDER / "packages.txt").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#") and " # " not in line] == []
    assert len(rootfs.package_list()) == len(lines) - 1


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the recipe that a test may change, and which is in force."""
    folder = tmp_path / "elsewhere" / "image"
    shutil.copytree(rootfs.FOLDER, folder)
    monkeypatch.setattr(rootfs, "FOLDER", folder)
    return folder


def test_the_place_of_an_installation_does_not_change_the_tag(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = image_tag()
    shutil.copytree(rootfs.FOLDER, tmp_path / "image")
    monkeypatch.setattr(rootfs, "FOLDER", tmp_path / "image")
    assert image_tag() == before


@pytest.mark.parametrize("file", ["packages.txt", "finish.sh", "Dockerfile"])
def test_a_changed_recipe_changes_the_tag(recipe: Path, file: str) -> None:
    before = image_tag()
    changed = recipe / file
    changed.write_text(changed.read_text() + ("file # one more\n" if file == "packages.txt" else "true\n"))
    assert image_tag() != before


def test_a_better_reason_for_a_package_changes_nothing(recipe: Path) -> None:
    before = image_tag()
    (recipe / "packages.txt").write_text((recipe / "packages.txt").read_text().replace("# ", "# still: "))
    assert image_tag() == before


def on_engine(labels: dict[str, str] | None) -> dict[str, Answer]:
    found = {"Id": "sha256:1", "Size": 1, "Config": {"Labels": labels}}
    return {"/images/json": (200, [{"Id": "sha256:1"}]), f"/images/{image_tag()}/json": (200, found)}


@pytest.mark.parametrize("labels", [None, {}, {LABEL: "0" * 64}])
def test_another_image_under_our_tag_is_refused(labels: dict[str, str] | None) -> None:
    with (
        engine_that(known(on_engine(labels))) as endpoint,
        connect(endpoint) as engine,
        pytest.raises(ImageError, match="another image"),
    ):
        find_image(engine)


def test_an_absent_image_is_none_to_those_who_look_and_an_error_to_those_who_need_it() -> None:
    with engine_that(healthy) as endpoint, connect(endpoint) as engine:
        assert find_image(engine) is None
        with pytest.raises(ImageError, match="Try: offswitch setup"):
            need_image(engine)


def test_without_registry_nor_the_right_to_build_the_cause_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rootfs, "is_root", lambda: False)
    refusal = {"message": "Get registry: lookup: no such host"}
    silent: dict[str, Answer] = {f"/distribution/{rootfs.UPSTREAM}/json": (500, refusal)}
    with (
        engine_that(known(silent)) as endpoint,
        connect(endpoint) as engine,
        pytest.raises(ImageError, match=r"no registry answers \(no such host\).*Try: sudo offswitch setup"),
    ):
        rootfs.choose_route(engine, None, print)


@pytest.mark.parametrize("where", [f"/distribution/{rootfs.UPSTREAM}/json", f"/images/{rootfs.UPSTREAM}/json"])
def test_the_registry_route_is_taken_where_debian_s_image_is_to_be_had(where: str) -> None:
    with engine_that(known({where: (200, {})})) as endpoint, connect(endpoint) as engine:
        assert rootfs.choose_route(engine, None, print) == "registry"


def packed(tmp_path: Path, members: dict[str, int], packages: tuple[str, ...]) -> Path:
    """A root file system with these members (path → mode) and packages."""
    stanza = "Package: {}\nStatus: install ok installed\nDescription: x\n y: z\nVersion: 1.0-1\n"
    status = "\n".join(stanza.format(name) for name in packages).encode()
    path = tmp_path / "root.tar"
    with tarfile.open(path, "w") as archive:
        for name, mode in members.items():
            member = tarfile.TarInfo(name)
            member.type, member.mode = tarfile.DIRTYPE, mode
            archive.addfile(member)
        member = tarfile.TarInfo("./var/lib/dpkg/status")
        member.size = len(status)
        archive.addfile(member, io.BytesIO(status))
    return path


PLACES = dict.fromkeys(
    ["./work", "./home/agent", "./seed/etc", "./seed/var", "./seed/root", "./seed/home", "./seed/usr/local"], 0o755
)


def test_a_finished_root_file_system_tells_its_packages(tmp_path: Path) -> None:
    found = rootfs.check_rootfs(packed(tmp_path, PLACES, (*rootfs.package_list(), "zzz")))
    assert set(found) == {f"{name}=1.0-1" for name in (*rootfs.package_list(), "zzz")}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"./usr/bin/su": 0o4755}, "mode is 4755"),
        ({"./var/mail": 0o2775}, "mode is 2775"),
        ({"./seed/usr/local": None}, "lacks seed/usr/local"),
    ],
)
def test_a_root_file_system_that_is_not_what_it_should_be_is_refused(
    tmp_path: Path, change: dict[str, int | None], complaint: str
) -> None:
    members = {name: mode for name, mode in {**PLACES, **change}.items() if mode is not None}
    with pytest.raises(ImageError, match=complaint):
        rootfs.check_rootfs(packed(tmp_path, members, rootfs.package_list()))


def test_a_root_file_system_without_a_package_of_the_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="lacks tmux"):
        rootfs.check_rootfs(packed(tmp_path, PLACES, tuple(set(rootfs.package_list()) - {"tmux"})))


def test_an_error_in_the_stream_of_a_build_is_an_error(tmp_path: Path) -> None:
    """The engine answers 200 and says further down that it failed."""
    with pytest.raises(ImageError, match="no space left"):
        rootfs.follow([{"stream": "Step 1"}, {"error": "no space left on device"}], tmp_path / "log", "x")


def test_a_build_that_ends_without_a_word_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="without a word"):
        rootfs.follow([], tmp_path / "log", "x")
