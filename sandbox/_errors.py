"""Errors of the sandbox, drawn once.

::

    SandboxError                 phase, subject, cause, remedy
    ├── EngineError
    │   ├── EngineNotFound       (also ConnectionError)   no socket, or nobody listens on it
    │   ├── EngineDenied         (also PermissionError)   the socket is not ours to use
    │   ├── EngineTimeout        (also TimeoutError)      a call passed its deadline
    │   └── EngineFault          (also RuntimeError)      the engine refused a call or failed at it; `status`
    ├── SetupError               (also RuntimeError)      a step of ``offswitch setup`` failed
    │   ├── SetupBusy            (also TimeoutError)      another process holds the step for too long
    │   ├── CacheUnsafe          (also PermissionError)   others may write where our binaries lie
    │   └── BinaryError                                   the supervisor could not be compiled
    ├── ImageError               (also RuntimeError)      the base image is absent, wrong or could not be built
    ├── StartFailed              (also RuntimeError)      a container did not come up; the phase tells how far
    ├── StateDiffers             (also RuntimeError)      a container could not be brought to a snapshot's state
    ├── PostureError             (also PermissionError)   a container is up, but not as tight as was asked for
    ├── ContainerGone            (also ConnectionError)   the container is dead or removed, not its command
    ├── SupervisorFault          (also RuntimeError)      our first process broke its protocol
    └── EvidenceLost             (also RuntimeError)      a channel of evidence failed: what it covered is unknown
"""

from typing import Any


class SandboxError(Exception):
    """Base of everything that can go wrong with the sandbox.

    The message names what was being done, to what, why it failed and the command that helps. Where one sentence
    says the first three, it may stand alone as `phase`.
    """

    remedy = "offswitch doctor"

    def __init__(self, phase: str, subject: str = "", cause: str = "", *, remedy: str | None = None) -> None:
        self.phase = phase
        self.subject = subject
        self.cause = cause
        self.remedy = remedy or type(self).remedy
        text = f"{phase}, {subject}: {cause}" if subject else phase
        super().__init__(f"{text.rstrip('. ')}. Try: {self.remedy}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors cross process borders whole."""
        return _restored, (type(self), dict(self.__dict__))


def _restored(kind: type[SandboxError], state: dict[str, Any]) -> SandboxError:
    error = kind(state["phase"], state["subject"], state["cause"], remedy=state["remedy"])
    error.__dict__.update(state)
    return error


class EngineError(SandboxError):
    """The Docker Engine is not there, not ours, too slow or failing."""


class EngineNotFound(EngineError, ConnectionError):
    """There is no socket, or nobody listens on it."""

    remedy = "offswitch setup"


class EngineDenied(EngineError, PermissionError):
    """The socket exists and this user may not use it."""

    remedy = "sudo usermod -aG docker $USER, then log in again"


class EngineTimeout(EngineError, TimeoutError):
    """A call to the engine passed its deadline; what it was to do may still happen."""


class EngineFault(EngineError, RuntimeError):
    """The engine answered with an error, or broke off in the middle of an answer."""

    status: int | None = None
    """HTTP status of the answer; None where there was none."""


class SetupError(SandboxError, RuntimeError):
    """A step of the setup failed."""


class SetupBusy(SetupError, TimeoutError):
    """Another process holds a step of the setup for too long."""


class CacheUnsafe(SetupError, PermissionError):
    """Somebody else may write where our binaries lie, so what lies there cannot be trusted."""


class BinaryError(SetupError):
    """The supervisor could not be compiled, or the stored one is not what was compiled."""


class ImageError(SandboxError, RuntimeError):
    """The base image is absent, not what its label says, or could not be built."""

    remedy = "offswitch setup"


class StartFailed(SandboxError, RuntimeError):
    """A container did not come up; `phase` tells how far it got."""


class StateDiffers(SandboxError, RuntimeError):
    """A container could not be brought to the state of a snapshot; what differs is named."""

    remedy = "offswitch branch with another --step"


class PostureError(SandboxError, PermissionError):
    """A running container is not as tightly confined as was asked for."""


class ContainerGone(SandboxError, ConnectionError):
    """The container is dead or removed."""


class SupervisorFault(SandboxError, RuntimeError):
    """The first process of the container broke its protocol."""


class EvidenceLost(SandboxError, RuntimeError):
    """A channel of evidence failed; what it covered is unknown."""
