"""Pages and pictures in place of older ones."""

import os
from contextlib import suppress
from pathlib import Path

from ._errors import PageError


def replace_page(target: Path, page: bytes, *, phase: str = "report", option: str = "--out FILE") -> None:
    """Put the page in place of an older one in one step, or leave that as it is. Raises `PageError`."""
    scratch = target.with_name(f".{target.name}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch.unlink(missing_ok=True)  # a leftover may be a link that leads elsewhere
        with scratch.open("xb") as file:
            file.write(page)
        os.replace(scratch, target)  # noqa: PTH105 # replaces an older page in one step
    except OSError as error:
        with suppress(OSError):
            scratch.unlink()
        text = f"{phase} {target}: cannot be written: {error.strerror}; name another place with {option}"
        raise PageError(error.errno, text) from error
