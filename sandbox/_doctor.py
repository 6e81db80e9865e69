"""``offswitch doctor``: what this machine can do, what it cannot, and the command that helps. Changes nothing."""

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ._advisories import advisories_for
from ._binary import find_supervisor
from ._check import Check, State
from ._engine import Engine, EngineFacts, connect
from ._errors import EngineError, SandboxError
from ._image import find_image, image_tag
from ._image_info import ImageInfo
from ._lease import LEASE_LABEL, RUN_LABEL, lease_is_held
from ._sight import look_at_throwaway

Probe = Callable[[Engine], Check]

_LOW_DISK_BYTES = 5_000_000_000
_NO_DISK_BYTES = 1_000_000_000
_EXTRAS = {"local": "xllamacpp", "prices": "genai_prices", "anthropic": "langchain_anthropic"}


def diagnose(*, cache: Path | None = None, probes: Sequence[Probe] = ()) -> list[Check]:
    """Look at everything; never raises for what is wrong with the machine, that is its result.

    `probes` are looks that need more than this module knows (a complete container); each runs where the engine
    answers and the base image is there.
    """
    checks = [_python(), _extras(), _supervisor(cache)]
    try:
        engine = connect()
    except EngineError as error:
        return [*checks, _failed("engine", error), _disk({"here": Path.cwd()})]
    with engine:
        return [*checks, *_of_engine(engine, probes)]


def _of_engine(engine: Engine, probes: Sequence[Probe]) -> Iterator[Check]:
    try:
        facts = engine.facts()
    except EngineError as error:
        yield _failed("engine", error)
        return
    yield _version(facts)
    yield from _advisories(facts)
    yield _cgroups(facts)
    yield _seccomp(facts)
    yield _apparmor(facts)
    yield _disk({"here": Path.cwd(), "engine": Path(facts.root_dir)} if facts.local else {"here": Path.cwd()})
    yield _guarded("left-overs", lambda: _leftovers(engine))
    image = _image(engine)
    yield image[0]
    yield from _inside(engine, image[1], probes)


def _guarded(name: str, look: Callable[[], Check]) -> Check:
    """What a look found, or that it failed: a failed look is never "ok"."""
    try:
        return look()
    except SandboxError as error:
        return _failed(name, error)


def _failed(name: str, error: SandboxError) -> Check:
    return Check(name=name, state="fail", fact=f"{error.subject}: {error.cause}", help=error.remedy)


def _python() -> Check:
    version = ".".join(str(number) for number in sys.version_info[:3])
    return Check(name="python", state="ok", fact=f"{version}, {sys.executable}")


def _extras() -> Check:
    absent = [extra for extra, module in _EXTRAS.items() if find_spec(module) is None]
    fact = "all there" if not absent else f"absent: {', '.join(absent)}"
    wanted = f"pip install 'offswitch[{','.join(absent)}]'" if absent else None
    return Check(name="extras", state="ok", fact=fact, help=wanted)


def _supervisor(cache: Path | None) -> Check:
    def look() -> Check:
        found = find_supervisor(cache)
        if found is None:
            return Check(name="supervisor", state="fail", fact="not compiled yet", help="offswitch setup")
        return Check(name="supervisor", state="ok", fact=f"{found.path}, sha256 {found.sha256[:16]}")

    return _guarded("supervisor", look)


def _version(facts: EngineFacts) -> Check:
    fact = f"{facts.summary}, {facts.endpoint}"
    if facts.too_old:
        return Check(name="engine", state="fail", fact=fact, help="install Docker Engine 20.10 or newer")
    return Check(name="engine", state="ok", fact=fact)


def _advisories(facts: EngineFacts) -> Iterator[Check]:
    versions = f"{facts.kind} {facts.version}, runc {facts.runc_version or 'unknown'}"
    known = advisories_for(facts)
    if not known:
        yield Check(name="advisories", state="ok", fact=f"none known for {versions}")
    for advisory in known:
        fact = f"{advisory.id}: {advisory.meaning} ({versions}; {advisory.source})"
        advice = f"update {advisory.component}, unless your distribution fixed this version in place"
        yield Check(name="advisories", state="warn", fact=fact, help=advice)


def _cgroups(facts: EngineFacts) -> Check:
    hybrid = facts.local and facts.cgroup_version == "1" and Path("/sys/fs/cgroup/unified/cgroup.procs").exists()
    fact = f"v{facts.cgroup_version}{' hybrid' if hybrid else ''}, driver {facts.cgroup_driver}"
    if facts.cgroup_driver == "none":
        fact += ": limits are accepted and not applied"
        return Check(name="control groups", state="fail", fact=fact, help="run the engine as root, or on cgroup v2")
    return Check(name="control groups", state="ok", fact=fact)


def _seccomp(facts: EngineFacts) -> Check:
    if any("seccomp" in option for option in facts.security_options):
        return Check(name="seccomp", state="ok", fact="the engine applies profiles")
    advice = "use a kernel with CONFIG_SECCOMP_FILTER"
    return Check(name="seccomp", state="fail", fact="the engine applies none", help=advice)


def _apparmor(facts: EngineFacts) -> Check:
    if any("apparmor" in option for option in facts.security_options):
        return Check(name="apparmor", state="ok", fact="the engine applies profiles")
    fact = "off: the engine accepts a profile and enforces nothing; the seccomp allow-list stands alone"
    return Check(name="apparmor", state="warn", fact=fact, help="boot with AppArmor where one more wall is wanted")


def _disk(places: dict[str, Path]) -> Check:
    free = {name: shutil.disk_usage(path).free for name, path in places.items() if path.exists()}
    least = min(free.values())
    fact = ", ".join(f"{size / 1e9:.1f} GB free for {name}" for name, size in free.items())
    state: State = "ok" if least >= _LOW_DISK_BYTES else "warn" if least >= _NO_DISK_BYTES else "fail"
    return Check(name="disk", state=state, fact=fact, help=None if state == "ok" else "docker system prune")


def _leftovers(engine: Engine) -> Check:
    with engine.phase("listing containers", f"label {RUN_LABEL}"):
        found: list[dict[str, Any]] = engine.api.containers(all=True, filters={"label": RUN_LABEL})
    orphans = [item["Id"][:12] for item in found if not lease_is_held(item["Labels"].get(LEASE_LABEL))]
    if orphans:
        fact = f"{len(orphans)} of {len(found)} containers have no living owner: {', '.join(orphans[:5])}"
        return Check(name="left-overs", state="warn", fact=fact, help="offswitch gc")
    return Check(name="left-overs", state="ok", fact=f"none; {len(found)} containers are in use")


def _image(engine: Engine) -> tuple[Check, ImageInfo | None]:
    try:
        found = find_image(engine)
    except SandboxError as error:
        return _failed("base image", error), None
    if found is None:
        return Check(name="base image", state="fail", fact=f"{image_tag()} is absent", help="offswitch setup"), None
    fact = f"{found.tag}, {found.size_bytes / 1e6:.0f} MB, {len(found.packages)} packages, by {found.route}"
    return Check(name="base image", state="ok", fact=fact), found


def _inside(engine: Engine, image: ImageInfo | None, probes: Sequence[Probe]) -> Iterator[Check]:
    if image is None:
        yield Check(name="containment", state="warn", fact="not looked at: no base image", help="offswitch setup")
        return
    try:
        yield from look_at_throwaway(engine, image.digest)
    except SandboxError as error:
        yield _failed("containment", error)
        return
    for number, probe in enumerate(probes, 1):
        yield _guarded(f"probe {number}", partial(probe, engine))
