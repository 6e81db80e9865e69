"""The root file system of the base image, as one tar file, by either of two routes from one package list.

``registry``: ``docker build`` from Debian's own image, then export. ``debootstrap``: mmdebstrap on this host.
Both end with the same finishing script and the same checks.
"""

import hashlib
import io
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from shlex import quote
from typing import Any, Literal

from ._engine import Engine
from ._errors import EngineError, ImageError
from ._host import apt_install, can_install, has, is_root, run
from ._lease import LEASE_LABEL, RUN_LABEL, own_lease
from ._packages import STATUS, STATUS_BYTES, installed
from ._tarball import opened, pack

Route = Literal["registry", "debootstrap"]
Report = Callable[[str], None]

FOLDER = Path(__file__).parent / "image"
SUITE = "bookworm"
UPSTREAM = "debian:bookworm-slim"
BUILD_TIMEOUT_S = 1800.0
"""Deadline of one whole build, in seconds."""
_WAIT_S = 600.0
"""Longest silence of the engine during a build, in seconds: unpacking packages prints nothing for a while."""
_REGISTRY_TIMEOUT_S = 15.0
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_SETUID_OR_SETGID = 0o6000


def package_list() -> tuple[str, ...]:
    """The packages of the base image, as packages.txt names them."""
    lines = (FOLDER / "packages.txt").read_text().splitlines()
    return tuple(name for line in lines if (name := line.split("#")[0].strip()))


def recipe_digest() -> str:
    """SHA-256 of all that decides what is in the image, apart from the day's package versions."""
    parts = [*package_list(), (FOLDER / "finish.sh").read_text(), (FOLDER / "Dockerfile").read_text()]
    parts += _mmdebstrap(Path("root.tar"), Path("image"))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def choose_route(engine: Engine, wanted: Route | None, report: Report) -> Route:
    """The route that can work here: the registry if it answers, else mmdebstrap; neither is an `ImageError`."""
    if wanted:
        return wanted
    reason = _upstream_missing(engine)
    if reason is None:
        return "registry"
    if is_root() and (has("mmdebstrap") or can_install()):
        report(f"no registry to build from ({reason}), so with mmdebstrap")
        return "debootstrap"
    cause = f"no registry answers ({reason}), and mmdebstrap needs root on Debian"
    raise ImageError("choosing how to build", UPSTREAM, cause, remedy="sudo offswitch setup")


def build_rootfs(engine: Engine, route: Route, work: Path, logs: Path) -> Path:
    """A tar file in `work` with the finished root file system.

    Raises `ImageError`, `SetupError` or `EngineError`.
    """
    tar = work / "root.tar"
    if route == "registry":
        _by_registry(engine, tar, logs / "docker-build.log")
    else:
        _by_mmdebstrap(work, tar, logs)
    return tar


def _upstream_missing(engine: Engine) -> str | None:
    """Why Debian's image is not to be had; None where it is on the engine or a registry answers for it."""
    try:
        with engine.phase("looking for the image to build from", UPSTREAM):
            engine.api.inspect_image(UPSTREAM)
            return None
    except ImageError:
        pass
    try:
        with engine.phase("asking the registry", UPSTREAM):
            engine.within(_REGISTRY_TIMEOUT_S).inspect_distribution(UPSTREAM)
            return None
    except (EngineError, ImageError) as error:
        return error.cause.splitlines()[0].rpartition(": ")[2]


def _by_registry(engine: Engine, tar: Path, log: Path) -> None:
    api = engine.within(_WAIT_S)
    name = f"offswitch-build:{recipe_digest()[:12]}"
    with engine.phase("building the base image", UPSTREAM):
        # The host's network: a proxy or name server on loopback is reachable from there alone.
        options = {"network_mode": "host", "rm": True, "forcerm": True, "decode": True}
        answers = api.build(fileobj=_context(), custom_context=True, tag=name, **options)
        follow(answers, log, f"building from {UPSTREAM}")
        container: str = api.create_container(name, ["true"], labels={RUN_LABEL: "setup", LEASE_LABEL: own_lease()})[
            "Id"
        ]
        try:
            _save(api.export(container), tar)
        finally:
            api.remove_container(container, force=True, v=True)
            api.remove_image(name, force=True)


def _context() -> io.BytesIO:
    """The build context: three small files."""
    files = {
        "Dockerfile": (FOLDER / "Dockerfile").read_bytes(),
        "finish.sh": (FOLDER / "finish.sh").read_bytes(),
        "packages": "\n".join(package_list()).encode() + b"\n",
    }
    return pack({name: (content, 0o644) for name, content in files.items()})


def follow(answers: Iterable[dict[str, Any]], log: Path, subject: str) -> dict[str, Any]:
    """Read a stream of engine messages to its end into `log` and return the last one.

    Raises `ImageError` for an error in the stream, for an empty one, or after `BUILD_TIMEOUT_S`.
    """
    deadline = time.monotonic() + BUILD_TIMEOUT_S
    last: dict[str, Any] = {}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file:
        for last in answers:
            file.write(str(last.get("stream") or json.dumps(last) + "\n"))
            if "error" in last:
                raise ImageError("building the base image", subject, f"{last['error']}; see {log}")
            if time.monotonic() > deadline:
                raise ImageError("building the base image", subject, f"still not done after {BUILD_TIMEOUT_S:.0f} s")
    if not last:
        raise ImageError("building the base image", subject, "the engine ended the build without a word")
    return last


def _save(chunks: Iterable[bytes], tar: Path) -> None:
    with tar.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)


def _by_mmdebstrap(work: Path, tar: Path, logs: Path) -> None:
    if not has("mmdebstrap") or not _KEYRING.exists():
        packages = ["mmdebstrap", "debian-archive-keyring"]
        apt_install(packages, log=logs / "apt.log", purpose="installing the tool that builds the image")
    command, log = _mmdebstrap(tar, FOLDER), logs / "mmdebstrap.log"
    ended = run(command, log=log, timeout_s=BUILD_TIMEOUT_S, env={"TMPDIR": str(work)})
    if not ended.ok:
        raise ImageError("building the base image", "mmdebstrap", ended.told(12), remedy="apt-get update")


def _mmdebstrap(tar: Path, folder: Path) -> list[str]:
    """The whole command. It names no mirror: mmdebstrap knows Debian's."""
    hooks = (
        f"copy-in {quote(str(folder / 'finish.sh'))} /",
        'chroot "$1" sh /finish.sh',
        # Copies of this machine's; the engine mounts its own over them.
        'rm "$1/finish.sh" "$1/etc/resolv.conf" "$1/etc/hostname"',
    )
    return [
        "mmdebstrap",
        "--mode=root",
        "--variant=minbase",
        f"--include={','.join(package_list())}",
        "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
        f"--keyring={_KEYRING}",
        "--dpkgopt=force-unsafe-io",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*/LC_MESSAGES/*",
        "--skip=output/dev",
        *(f"--customize-hook={hook}" for hook in hooks),
        SUITE,
        str(tar),
    ]


def check_rootfs(tar: Path) -> tuple[str, ...]:
    """The packages in a finished root file system, as ``name=version``, sorted.

    Raises `ImageError` where a package of the list is absent, a setuid or setgid bit is set, or a promised place
    is missing: an image that is not what its tag says is worse than none.
    """
    promised = {"work", "home/agent", "seed/etc", "seed/var", "seed/root", "seed/home", "seed/usr/local"}
    status = b""
    with opened(tar) as archive:
        for name, member in archive.members():
            promised.discard(name)
            if member.mode & _SETUID_OR_SETGID:
                raise ImageError("checking the root file system", name, f"its mode is {member.mode:04o}")
            if name == STATUS:
                status = archive.content(member, STATUS_BYTES)
    packages = installed(status)
    names = {package.partition("=")[0] for package in packages}
    if missing := sorted(promised | (set(package_list()) - names)):
        raise ImageError("checking the root file system", str(tar), f"it lacks {', '.join(missing)}")
    return packages
