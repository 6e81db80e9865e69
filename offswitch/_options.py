"""Arguments and options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON in place of a table.")]
Runs = Annotated[list[Path], typer.Argument(metavar="RUN", help="Run directories.", show_default=False)]
RunDir = Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.", show_default=False)]
