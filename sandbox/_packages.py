"""Debian's own list of what is installed."""

from collections.abc import Iterator

STATUS = "var/lib/dpkg/status"
"""Where it lies in a root file system."""
STATUS_BYTES = 16 << 20
"""A longer one is refused."""


def installed(status: bytes) -> tuple[str, ...]:
    """``name=version`` of each installed package, sorted, from the content of dpkg's list."""
    return tuple(f"{name}={version}" for name, version in sorted(dict(_installed(status.decode())).items()))


def _installed(status: str) -> Iterator[tuple[str, str]]:
    for stanza in status.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line and not line[0].isspace())
        if fields.get("Status") == "install ok installed":
            yield fields["Package"], fields["Version"]
