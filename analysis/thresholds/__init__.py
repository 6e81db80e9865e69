"""Threshold profiles, the decisions that they make, and how many episodes a claim needs."""

__all__: list[str] = []
