"""Tables: what a column means, tables from elsewhere, export and reading back."""

from ._export import export, export_data
from ._folder import SCHEMA, About, Format, Writer, is_export
from ._page import column_tables
from ._read import is_tables, put_together, read_folder

__all__ = [
    "SCHEMA",
    "About",
    "Format",
    "Writer",
    "column_tables",
    "export",
    "export_data",
    "is_export",
    "is_tables",
    "put_together",
    "read_folder",
]
