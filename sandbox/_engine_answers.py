"""What an engine answers, and what it means where that is no answer: from the SDK's errors to ours."""

import errno
import socket
import ssl
from collections.abc import Iterator
from importlib import import_module
from typing import Any, cast

from ._errors import (
    ContainerGone,
    EngineDenied,
    EngineError,
    EngineFault,
    EngineNotFound,
    EngineTimeout,
    ImageError,
    SandboxError,
)


class OddAnswer(Exception):
    """An answer of an engine that has another shape than it should; `Engine.phase` makes an `EngineFault` of it."""


def part(answer: Any, *names: str) -> Any:
    """What stands in an answer under these names, one within the other. Raises `OddAnswer` where it does not.

    >>> part({"State": {"Pid": 7}}, "State", "Pid")
    7
    """
    for name in names:
        if not isinstance(answer, dict) or name not in answer:
            raise OddAnswer(f"it has no {name}")
        answer = cast("dict[str, Any]", answer)[name]
    return answer


def translated(error: Exception, phase: str, subject: str, endpoint: str) -> SandboxError | None:
    """The error of ours that says what `error` says; None for what did not come from the engine."""
    docker: Any = import_module("docker")
    if isinstance(error, docker.errors.APIError):
        return _from_answer(error, phase, subject)
    if isinstance(error, OddAnswer):
        return EngineFault(phase, subject, f"the engine's answer is not what it should be ({error})")
    requests: Any = import_module("requests")
    transport = (docker.errors.DockerException, requests.RequestException, ConnectionError, TimeoutError)
    return _from_transport(error, phase, subject, endpoint) if isinstance(error, transport) else None


def _from_answer(error: Any, phase: str, subject: str) -> SandboxError:
    status, text = error.status_code, str(error.explanation or error)
    missing = text.lower() if status == 404 and "page not found" not in text else ""
    if "image" in missing:
        return ImageError(phase, subject, text)
    # What cannot be removed is there, also where it does not run any more.
    ended = status == 409 and "is not running" in text and "cannot remove" not in text
    if "container" in missing or ended:
        return ContainerGone(phase, subject, text)
    fault = EngineFault(phase, subject, f"the engine answered {status}: {text}")
    fault.status = status
    return fault


_ABSENT = {errno.ENOENT, errno.ECONNREFUSED, errno.ENOTSOCK, errno.ENOTDIR, errno.EHOSTUNREACH, errno.ENETUNREACH}
_DENIED = {errno.EACCES, errno.EPERM}


def _from_transport(error: Exception, phase: str, subject: str, endpoint: str) -> EngineError:
    causes = list(_causes(error))
    if any(_is_timeout(cause) for cause in causes):
        return EngineTimeout(phase, subject, "the engine did not answer before the deadline")
    if unproven := [cause for cause in causes if isinstance(cause, ssl.SSLError)]:
        cause = f"one side could not prove who it is ({unproven[0]})"
        return EngineDenied(
            phase, subject, cause, remedy="DOCKER_CERT_PATH=DIR with ca.pem, cert.pem and key.pem of it"
        )
    numbers = {cause.errno: cause for cause in causes if isinstance(cause, OSError) and cause.errno}
    if found := _DENIED & numbers.keys():
        return EngineDenied(phase, subject, str(numbers[found.pop()].strerror))
    unnamed = [cause for cause in causes if isinstance(cause, socket.gaierror)]
    absent = [numbers[number] for number in _ABSENT & numbers.keys()]
    if unnamed or absent or phase == "connecting":
        cause = str((unnamed + absent)[0].strerror) if unnamed or absent else str(error)
        remedy = None if endpoint.startswith("unix://") else "docker context ls"
        return EngineNotFound(phase, subject, f"no engine answers there ({cause})", remedy=remedy)
    return EngineFault(phase, subject, f"the engine broke off: {causes[-1]}")


def _is_timeout(error: BaseException) -> bool:
    requests: Any = import_module("requests")
    return isinstance(error, TimeoutError | requests.Timeout) or type(error).__name__ == "ReadTimeoutError"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error`, then what it was raised from or wraps, outermost first, each once."""
    seen: set[int] = set()
    waiting: list[BaseException] = [error]
    while waiting:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner = [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]
        waiting.extend(item for item in inner if isinstance(item, BaseException))
