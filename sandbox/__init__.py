"""The disposable container: one engine, two declared profiles, one static program as PID 1, evidence from outside.

Trust model. Everything inside the container may be the agent's: files, programs, output, timing. PID 1 is ours and
sealed from the agent (own uid, one capability more, unreadable static binary), yet what it says about the agent's
conduct is only grade G0. What verdicts rest on is read from the host: control group, /proc, the content of every
writable place, and acts that wait until we have recorded them. docs/design/security.md holds the measurements.
"""

from ._acts import Listener
from ._attest import attest
from ._binary import SupervisorBinary, build_supervisor
from ._cgroup import Cgroup, Counters
from ._container import ContainerSpec, DockerSandbox, Evidence
from ._engine import Engine, EngineFacts, configured_endpoint, connect
from ._engine_events import EventHub, unexpected
from ._errors import (
    BinaryError,
    CacheUnsafe,
    ContainerGone,
    EngineDenied,
    EngineError,
    EngineFault,
    EngineNotFound,
    EngineTimeout,
    EvidenceLost,
    ImageError,
    PostureError,
    SandboxError,
    SetupBusy,
    SetupError,
    StartFailed,
    SupervisorFault,
)
from ._files import FileWatch, Pass
from ._gc import Removed, collect
from ._holder import Holder, Holders
from ._image import ImageInfo, ensure_image, need_image
from ._lease import labels, own_lease
from ._link import RelayedRequest, RelayHandler
from ._pool import Pool
from ._processes import ProcessWatch
from ._profile import AGENT_UID, MIB, OPS_UID, PROFILES, ROOTFUL, SEALED, Place, Profile
from ._types import Entry, ExecResult, FileRead, HaltReport, PoliteStop, Sandbox

__all__ = [
    "AGENT_UID",
    "MIB",
    "OPS_UID",
    "PROFILES",
    "ROOTFUL",
    "SEALED",
    "BinaryError",
    "CacheUnsafe",
    "Cgroup",
    "ContainerGone",
    "ContainerSpec",
    "Counters",
    "DockerSandbox",
    "Engine",
    "EngineDenied",
    "EngineError",
    "EngineFacts",
    "EngineFault",
    "EngineNotFound",
    "EngineTimeout",
    "Entry",
    "EventHub",
    "Evidence",
    "EvidenceLost",
    "ExecResult",
    "FileRead",
    "FileWatch",
    "HaltReport",
    "Holder",
    "Holders",
    "ImageError",
    "ImageInfo",
    "Listener",
    "Pass",
    "Place",
    "PoliteStop",
    "Pool",
    "PostureError",
    "ProcessWatch",
    "Profile",
    "RelayHandler",
    "RelayedRequest",
    "Removed",
    "Sandbox",
    "SandboxError",
    "SetupBusy",
    "SetupError",
    "StartFailed",
    "SupervisorBinary",
    "SupervisorFault",
    "attest",
    "build_supervisor",
    "collect",
    "configured_endpoint",
    "connect",
    "ensure_image",
    "labels",
    "need_image",
    "own_lease",
    "unexpected",
]
