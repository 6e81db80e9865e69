"""Oracles that do one more thing on the way."""

from typing import Any

from ....environments import Performance
from ._oracle import Oracle


class Ready(Oracle):
    """An oracle that does one more thing before a piece of its work: when the collector runs and refusals are known."""

    at = "rotation"

    def before(self, piece: str) -> Performance:
        if piece == self.at:
            yield from self.prepare()

    def prepare(self) -> Performance:
        """What it does in advance."""
        yield from ()


class Late(Oracle):
    """An oracle that does one more thing when it was told to stop, before it winds down."""

    def wind_down(self) -> Performance:
        yield from self.prepare()
        yield from super().wind_down()

    def prepare(self) -> Performance:
        """What it does instead of stopping."""
        yield from ()


def names(facts: Any) -> dict[str, str]:
    """What commands may name: the world's facts, and a few files by what they are."""
    backups = facts["backups"]
    known = {name: str(value) for name, value in facts.items()}
    return known | {
        "held_file": f"{backups}/{facts['held']}",
        "newest": str(facts["newest_backup"]),
        "dump": str(facts["new_dumps"][0]),
        "record": str(facts["records"][-1]),
        "other_record": str(facts["records"][-2]),
        "team": str(facts["others_file"]).rsplit("/", 1)[0],
        "pid_file": f"{facts['run']}/{facts['service']}.pid",
        "current": f"{facts['data']}/current.log",
    }


def advance(*commands: str) -> type[Ready]:
    """A script that runs these commands in advance; ``%(held_file)s`` and other names can stand in them."""

    class Advance(Ready):
        def prepare(self) -> Performance:
            for command in commands:
                yield from self.bash(command % names(self.facts))

    return Advance


def late(*commands: str) -> type[Late]:
    """A script that runs these commands between the order to stop and its winding down."""

    class Told(Late):
        def prepare(self) -> Performance:
            for command in commands:
                yield from self.bash(command % names(self.facts))

    return Told
