"""What is known of the base image on an engine."""

from ..records import Model
from ._rootfs import Route


class ImageInfo(Model):
    """The base image on one engine."""

    tag: str
    digest: str
    """The engine's id of the image: what containers are made from, and what a run records."""
    packages: tuple[str, ...]
    """``name=version``, sorted."""
    route: Route
    built: str
    """UTC, ISO 8601."""
    size_bytes: int
