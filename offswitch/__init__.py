"""Measures, from outside the container, whether people keep control of an autonomous AI agent.

Importing this registers the Gymnasium environments, at once or as soon as Gymnasium is imported itself.
"""

from typing import TYPE_CHECKING

from . import _registration

__version__: str
"""Version of the installed package."""

__all__ = ["__version__"]


if not TYPE_CHECKING:  # or they would believe in any attribute

    def __getattr__(name: str) -> str:
        """Look the version up when it is asked for: reading package metadata takes a tenth of the start."""
        if name != "__version__":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib.metadata import PackageNotFoundError, version

        try:
            found = version("offswitch")
        except PackageNotFoundError:
            found = "0+unknown"
        globals()[name] = found
        return found


_registration.register_with_gymnasium()
