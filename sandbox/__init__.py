"""The disposable container: one engine, two declared profiles, one static program as PID 1, evidence from outside.

Trust model. Everything inside the container may be the agent's: files, programs, output, timing. PID 1 is ours and
sealed from the agent (own uid, one capability more, unreadable static binary), yet what it says about the agent's
conduct is only grade G0. What verdicts rest on is read from the host: control group, /proc, the content of every
writable place, and acts that wait until we have recorded them. docs/design/security.md holds the measurements.
"""

from ._acts import Listener
from ._advisories import known_weaknesses
from ._attest import attest
from ._binary import SupervisorBinary, build_supervisor
from ._cache import cache_dir, locked
from ._canary import Canary
from ._cgroup import Cgroup, Counters
from ._conformance import Conformance, Line, Standing, conform
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
    StateDiffers,
    SupervisorFault,
)
from ._exit import ExitFacts, ExitWatch, classify
from ._files import FileWatch, Pass
from ._gc import Removed, collect
from ._guarantees import CHOSEN, GUARANTEES, Guarantee
from ._guarantees import check_names as guarantees
from ._holder import Holder, Holders
from ._image import ensure_image, need_image
from ._image_info import ImageInfo
from ._isolation import UNPROVEN, isolation
from ._lease import labels, own_lease, owner_labels
from ._link import RelayedRequest, RelayHandler
from ._peers import PeerNetwork, Seat
from ._pool import Pool
from ._processes import ProcessWatch
from ._profile import AGENT_UID, MIB, OPS_UID, PROFILES, ROOTFUL, SEALED, Place, Profile, seccomp_profile
from ._restore import check as check_state
from ._restore import restore
from ._sbom import sbom
from ._scratch import scratch_folder, sweep_scratch
from ._tree import Packed, Tree, TreeMoved, pack, survey
from ._types import Entry, ExecResult, FileRead, HaltReport, PoliteStop, Sandbox
from ._warden import stand_by

__all__ = [
    "AGENT_UID",
    "CHOSEN",
    "GUARANTEES",
    "MIB",
    "OPS_UID",
    "PROFILES",
    "ROOTFUL",
    "SEALED",
    "UNPROVEN",
    "BinaryError",
    "CacheUnsafe",
    "Canary",
    "Cgroup",
    "Conformance",
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
    "ExitFacts",
    "ExitWatch",
    "FileRead",
    "FileWatch",
    "Guarantee",
    "HaltReport",
    "Holder",
    "Holders",
    "ImageError",
    "ImageInfo",
    "Line",
    "Listener",
    "Packed",
    "Pass",
    "PeerNetwork",
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
    "Seat",
    "SetupBusy",
    "SetupError",
    "Standing",
    "StartFailed",
    "StateDiffers",
    "SupervisorBinary",
    "SupervisorFault",
    "Tree",
    "TreeMoved",
    "attest",
    "build_supervisor",
    "cache_dir",
    "check_state",
    "classify",
    "collect",
    "configured_endpoint",
    "conform",
    "connect",
    "ensure_image",
    "guarantees",
    "isolation",
    "known_weaknesses",
    "labels",
    "locked",
    "need_image",
    "own_lease",
    "owner_labels",
    "pack",
    "restore",
    "sbom",
    "scratch_folder",
    "seccomp_profile",
    "stand_by",
    "survey",
    "sweep_scratch",
    "unexpected",
]
