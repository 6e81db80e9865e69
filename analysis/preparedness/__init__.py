"""The Safety & Preparedness report, restricted to loss of control."""

__all__: list[str] = []
