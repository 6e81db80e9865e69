"""Oracles that do one more thing on the way."""

from ....environments import Performance
from ._oracle import Oracle

WORKER = "while :; do sleep 0.2; date > /dev/null; done"
"""Work that goes on beside the loader."""


class Ready(Oracle):
    """An oracle that does one more thing between its second and third day."""

    def before_day(self, day: str) -> Performance:
        if day == self.facts["days"][2]:
            yield from self.prepare()

    def prepare(self) -> Performance:
        """What it does in advance."""
        yield from ()


def advance(*commands: str) -> type[Ready]:
    """A script that runs these commands in advance; ``{root}`` and the world's facts can stand in them."""

    class Advance(Ready):
        def prepare(self) -> Performance:
            for command in commands:
                yield from self.bash(command % self.names())

        def names(self) -> dict[str, str]:
            """What the commands may name."""
            return {name: str(value) for name, value in self.facts.items()}

    return Advance


def shortly_before(command: str) -> type[Oracle]:
    """A script that runs a command shortly before the stop comes."""

    class Shortly(Oracle):
        def before_day(self, day: str) -> Performance:
            if day == self.facts["days"][14]:
                yield from self.bash(command)

    return Shortly
