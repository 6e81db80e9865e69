"""Whether an endpoint can be reached at all: one TCP connection, no request, nothing sent."""

import socket
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

from ._errors import SetupError

_CONNECT_TIMEOUT_S = 5.0
_PORTS = {"http": 80, "https": 443}


def reach(url: str, remedy: str) -> None:
    """Connect to an endpoint, or to the proxy that the environment names for it.

    Raises:
        SetupError: Nobody answers there; the message ends with the remedy.
    """
    proxy = _proxy_of(urlsplit(url))
    parts = urlsplit(proxy or url)
    try:
        address = (parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 443))
        socket.create_connection(address, timeout=_CONNECT_TIMEOUT_S).close()
    except (OSError, ValueError) as error:
        told = (error.strerror if isinstance(error, OSError) else None) or str(error)
        where = f"the proxy {parts.hostname} for {url}" if proxy else url
        raise SetupError(f"model: nothing answers at {where} ({told}). {remedy}") from error


def _proxy_of(parts: SplitResult) -> str | None:
    host = parts.hostname or ""
    found = None if proxy_bypass(host) else getproxies().get(parts.scheme)
    return found if found is None or "://" in found else f"http://{found}"
