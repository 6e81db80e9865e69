"""Engines beside the machine's own, each private and gone after its test: what cannot be had is an error."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from offswitch.sandbox import Engine, connect
from offswitch.sandbox._daemon import Daemon
from offswitch.sandbox._errors import EngineError
from offswitch.sandbox._host import apt_install, has
from offswitch.sandbox._image import image_tag

START_S = 60.0


def installed(program: str, *packages: str) -> None:
    """Have a program, from Debian where it is missing. Raises `SetupError` where that cannot be."""
    if not has(program):
        log = Path(tempfile.gettempdir()) / "offswitch-engines-apt.log"
        apt_install(packages, log=log, purpose="installing an engine for a test")


@contextmanager
def folder() -> Generator[Path]:
    """A short place for one engine; what it mounted is unmounted at the end."""
    root = Path(tempfile.mkdtemp(prefix="ose", dir="/tmp"))
    root.chmod(0o755)
    try:
        yield root
    finally:
        mounts = [line.split(" ")[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        for mount in reversed([one for one in mounts if one.startswith(f"{root}/")]):
            subprocess.run(["umount", "--lazy", mount], check=True)
        shutil.rmtree(root)


@contextmanager
def running(command: Sequence[str], endpoint: str, log: Path, **how: object) -> Generator[str]:
    """A daemon in a session of its own, waited for, and ended by its process id."""
    with log.open("wb") as output:
        options: dict[str, object] = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output, **how}
        process = subprocess.Popen(command, start_new_session=True, **options)  # type: ignore[call-overload] # options differ by engine
    try:
        end = time.monotonic() + START_S
        while not answers(endpoint):
            assert process.poll() is None, log.read_text(errors="replace")[-2000:]
            assert time.monotonic() < end, log.read_text(errors="replace")[-2000:]
            time.sleep(0.1)
        give_image(endpoint)
        yield endpoint
    finally:
        process.terminate()
        process.wait(60)


def answers(endpoint: str) -> bool:
    """Whether an engine answers there."""
    with suppress(EngineError):
        connect(endpoint, timeout_s=5).close()
        return True
    return False


def give_image(endpoint: str) -> None:
    """The base image of the machine's own engine: building it again would take a minute."""
    with connect() as own, connect(endpoint) as other, tempfile.TemporaryFile() as tar:
        for block in own.api.get_image(image_tag()):
            tar.write(block)
        tar.seek(0)
        for _ in other.within(300.0).load_image(tar):
            pass


@contextmanager
def remapped() -> Generator[str]:
    """A Docker Engine that remaps users."""
    installed("newuidmap", "uidmap")
    with folder() as root:
        daemon = Daemon.private(root)
        command = ["dockerd", *daemon.options, "--userns-remap=default"]
        with running(command, daemon.endpoint, root / "log") as endpoint:
            yield endpoint


@contextmanager
def rootless() -> Generator[str]:
    """A Docker Engine that a user runs without root; the socket is open to that user and to root."""
    installed("rootlesskit", "rootlesskit", "slirp4netns", "uidmap")
    user = rootless_user()
    with folder() as root:
        daemon = Daemon.private(root)
        runtime = root / "run"
        runtime.mkdir()
        for place in (root, runtime, root / "daemon.json"):
            os.chown(place, user.pw_uid, user.pw_gid)
        inner = (
            f"rm -f /run/docker /run/containerd /run/xtables.lock; exec dockerd --rootless {' '.join(daemon.options)}"
        )
        command = ["rootlesskit", f"--state-dir={root}/kit", "--net=host", "--copy-up=/etc", "--copy-up=/run"]
        env = {"XDG_RUNTIME_DIR": str(runtime), "HOME": user.pw_dir, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        how: dict[str, object] = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "env": env, "cwd": "/"}
        with running([*command, "sh", "-c", inner], daemon.endpoint, root / "log", **how) as endpoint:
            yield endpoint


def rootless_user() -> pwd.struct_passwd:
    """A user with subordinate ids, who is in no group that could reach the machine's own engine."""
    name = "offswitch-rootless"
    with suppress(KeyError):
        return pwd.getpwnam(name)
    subprocess.run(["useradd", "--create-home", "--home-dir", f"/var/lib/{name}", name], check=True)
    return pwd.getpwnam(name)


@contextmanager
def podman() -> Generator[str]:
    """Podman's Docker-compatible API, with runc: crun refuses machines with both kinds of control groups."""
    installed("podman", "podman")
    with folder() as root:
        endpoint = f"unix://{root}/podman.sock"
        places = [f"--root={root}/data", f"--runroot={root}/run", "--storage-driver=overlay"]
        how = ["--cgroup-manager=cgroupfs", "--events-backend=file", f"--runtime={shutil.which('runc')}"]
        command = ["podman", *places, *how, "system", "service", "--time=0", endpoint]
        with running(command, endpoint, root / "log") as found:
            yield found


@contextmanager
def gvisor() -> Generator[str]:
    """A Docker Engine that knows gVisor as the runtime ``runsc``."""
    installed("runsc", "runsc")
    with folder() as root:
        daemon = Daemon.private(root)
        runsc = (
            '{"runtimes": {"runsc": {"path": "/usr/bin/runsc", "runtimeArgs": ["--network=none", "--oci-seccomp"]}}}'
        )
        (root / "daemon.json").write_text(runsc)
        with running(["dockerd", *daemon.options], daemon.endpoint, root / "log") as endpoint:
            yield endpoint


def limits_apply(engine: Engine) -> bool:
    """Whether this engine makes control groups."""
    return engine.told.cgroup_driver != "none"
