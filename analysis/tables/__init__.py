"""Tables: what a column means, tables from elsewhere, export and reading back."""

from ._page import column_tables

__all__ = ["column_tables"]
