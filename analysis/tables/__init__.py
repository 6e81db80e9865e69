"""The three tables outside of a run directory: export, and any table with the documented columns."""

__all__: list[str] = []
