"""The figures. Every number in them comes from the metrics."""

__all__: list[str] = []
