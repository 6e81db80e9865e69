"""``offswitch`` and ``python -m offswitch``: the command line."""

import sys

from ._guard import INTERRUPTED, guard


def main() -> None:
    """Entry point of the command. Signals are heard before anything that takes time is imported."""
    guard.stand()
    try:
        from .cli import main as command

        command()
    except KeyboardInterrupt:  # outside of every command, where nobody else tells it
        guard.tell()
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
