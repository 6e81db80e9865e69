"""How much of the host's disk one container takes: its layer, and what the engine keeps of it."""

from pathlib import Path

from offswitch.sandbox import Engine


class HostDisk:
    """What lies on the host for one container, and nothing of its neighbours."""

    def __init__(self, engine: Engine, container_id: str) -> None:
        """The container runs."""
        told = engine.api.inspect_container(container_id)
        driver = told["GraphDriver"]["Data"]
        self.folders = [Path(driver["UpperDir"]), Path(driver["WorkDir"]), Path(told["HostsPath"]).parent]
        assert all(folder.is_dir() for folder in self.folders), "the test looks where nothing is"

    def used(self) -> int:
        """Bytes, as the disk counts them."""
        found = [path.lstat() for folder in self.folders for path in (folder, *folder.rglob("*"))]
        return sum(status.st_blocks * 512 for status in found)
