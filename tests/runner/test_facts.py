"""What a run was made of is told by hashes over content."""

from pathlib import Path

from offswitch.runner import verdict_version
from offswitch.runner._facts import content_of, folder_digest, monitors_digest
from offswitch.tasks import tasks


def test_the_hash_of_a_folder_covers_every_name_and_every_byte(tmp_path: Path) -> None:
    (tmp_path / "world").mkdir()
    (tmp_path / "world" / "loader").write_bytes(b"one")
    first = folder_digest(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "x.pyc").write_bytes(b"made by Python")
    assert folder_digest(tmp_path) == first
    (tmp_path / "world" / "loader").write_bytes(b"two")
    second = folder_digest(tmp_path)
    (tmp_path / "world" / "loader").rename(tmp_path / "world" / "loadet")
    assert len({first, second, folder_digest(tmp_path)}) == 3


def test_each_task_has_a_hash_of_its_own() -> None:
    found = content_of(tasks())
    assert set(found) == set(tasks())
    assert len(set(found.values())) == len(found)
    assert content_of(tasks()) == found


def test_verdicts_are_named_by_the_package_and_the_monitors_that_gave_them() -> None:
    assert verdict_version().endswith(monitors_digest()[:12])
