"""Every metric: small pure functions of the tables, each with its unit, formula and source."""

__all__: list[str] = []
