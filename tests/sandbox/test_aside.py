"""The evidence sidecar sees what the host sees, cannot be reached from inside, and fails closed."""

import signal
import time
from collections.abc import Generator
from hashlib import sha256
from pathlib import Path

import pytest

from offswitch.sandbox import ROOTFUL, SEALED, ContainerGone, DockerSandbox, EvidenceLost, Profile
from offswitch.sandbox._aside import ASIDE_UID, Aside
from offswitch.sandbox._aside_processes import AsideLook
from offswitch.sandbox._files import FileWatch
from offswitch.sandbox._look import HOST
from offswitch.sandbox._making import open_roots
from offswitch.sandbox._posture import descriptors, namespaces, of_container

from .yard import Yard

pytestmark = pytest.mark.docker
_RIGHTS = 1 << 2 | 1 << 5 | 1 << 19
"""DAC_READ_SEARCH, KILL and SYS_PTRACE."""


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """As a user without rights over the container's processes: whoever runs the tests takes the sidecar."""
    monkeypatch.setattr("offswitch.sandbox._container.needs_aside", lambda: True)
    yield
    monkeypatch.undo()


@pytest.fixture(params=[SEALED, ROOTFUL], ids=["sealed", "rootful"])
def either_beside(request: pytest.FixtureRequest, beside: None, yard: Yard) -> DockerSandbox:
    """Both profiles, each with a sidecar."""
    profile: Profile = request.param
    return yard.start(profile)


@pytest.fixture
def sealed_beside(beside: None, yard: Yard) -> DockerSandbox:
    """A sealed container with a sidecar."""
    return yard.start(SEALED)


def aside_of(sandbox: DockerSandbox) -> Aside:
    found = vars(sandbox)["_aside"]
    assert isinstance(found, Aside)
    return found


def inner_pid(sandbox: DockerSandbox) -> str:
    """The sidecar's number as the agent sees it."""
    listed = sandbox.exec(["grep", "-l", "aside", "-r", "/proc", "--include=cmdline", "-s"], as_agent=True)
    found = [path.split("/")[2] for path in listed.stdout.decode().split() if path.count("/") == 3]
    assert found, "the agent does not even see it: nothing is tried"
    return next(pid for pid in found if pid.isdigit() and pid != "1")


def test_the_sidecar_has_three_rights_and_an_identity_of_its_own(sealed_beside: DockerSandbox) -> None:
    items = [("r", f"/proc/{pid}/status") for pid in range(1, 400)]
    seen = [one.data.decode() for one in aside_of(sealed_beside).peek(items) if not one.error]
    status = next(text for text in seen if f"Uid:\t{ASIDE_UID}\t" in text)
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert int(fields["CapEff"], 16) == int(fields["CapPrm"], 16) == _RIGHTS
    assert (fields["NoNewPrivs"], fields["Seccomp"], fields["Gid"].split()[0]) == ("1", "2", str(ASIDE_UID))


def test_no_agent_can_end_stop_or_trace_the_sidecar(either_beside: DockerSandbox) -> None:
    pid = inner_pid(either_beside)
    attack = f"""
        kill -9 {pid}; kill -STOP {pid}; kill -TERM -1; kill -9 -1
        for part in environ maps mem; do [ -n "$(head -c 1 /proc/{pid}/$part | od -An)" ] && echo GOT $part; done
        for fd in /proc/{pid}/fd/*; do readlink $fd && echo GOT $fd; (exec 3<>$fd) && echo GOT $fd; done
        readlink /proc/{pid}/exe && echo GOT exe
        python3 -c 'import resource; resource.prlimit({pid}, resource.RLIMIT_NOFILE, (0, 0))' && echo GOT limits
        for uid in {ASIDE_UID} 0; do
            python3 -c "import os; os.setuid($uid) if os.getuid() != $uid else 1 / 0" && echo GOT $uid
        done
    """
    said = either_beside.exec(attack, session="attack")
    assert [line for line in said.stdout.splitlines() if line.startswith(b"GOT")] == []
    assert either_beside.evidence.acts.alive
    assert either_beside.exec("true", session="after").ok
    assert [act.path for act in either_beside.evidence.acts.take()]


def test_a_polite_stop_passes_the_sidecar_by(sealed_beside: DockerSandbox) -> None:
    sealed_beside.exec("sleep 300 &", session="work")
    left = sealed_beside.stop_agent(1.0)
    assert "sleep" not in [process.comm for process in left.remaining]
    assert sealed_beside.evidence.acts.alive


def test_short_lives_are_recorded_in_order(sealed_beside: DockerSandbox) -> None:
    sealed_beside.evidence.acts.take()
    sealed_beside.exec("for i in $(seq 500); do /bin/true n$i; done", session="storm", timeout_s=120)
    words = [word for act in sealed_beside.evidence.acts.take() for word in act.argv if word.startswith("n")]
    assert words == [f"n{number}" for number in range(1, 501)]


def test_a_hostile_tree_reads_the_same_from_the_sidecar_as_from_the_host(sealed_beside: DockerSandbox) -> None:
    """The same digest over every path, mode, owner and content, by two readers that share no code below Python."""
    made = sealed_beside.exec(_HOSTILE, session="tree", timeout_s=60)
    assert made.ok, made.stderr
    roots = open_roots(sealed_beside.pid)
    host = FileWatch(roots)
    try:
        of_host, of_sidecar = host.scan(), sealed_beside.evidence.files.scan(whole=True)
        assert sealed_beside.evidence.files.manifest() == host.manifest()
        assert (of_host.digest, of_host.complete) == (of_sidecar.digest, of_sidecar.complete) == (of_host.digest, True)
        assert of_host.entries > 100
        assert sealed_beside.evidence.files.read("/work/odd/new\nline") == b"x"
    finally:
        host.close()


_HOLES = r"""
mkdir -p /run/docker && ln -s /etc /run/containerd && printf x > '/run/a..b'
python3 -c 'import socket
for path in ("/run/docker/x.sock", "/run/y.sock"): socket.socket(socket.AF_UNIX).bind(path)'
"""


def test_the_posture_reads_the_same_from_the_sidecar_as_from_the_host(either_beside: DockerSandbox) -> None:
    """Every fact that needs rights over the processes; with sockets and links of the agent's where it may put any."""
    either_beside.exec(_HOLES, session="main")
    evidence, pid = either_beside.evidence, either_beside.pid
    agent = evidence.processes.scan()[0].host_pid
    sidecar, host = evidence.look, HOST
    assert isinstance(sidecar, AsideLook)
    facts = of_container(pid, evidence.cgroup, None, sidecar)
    assert facts == of_container(pid, evidence.cgroup, None, host)
    assert facts["devices"]["null"] == "c 1:3"
    assert facts["unmasked"] == []
    assert len(facts["engine_sockets"]) == (2 if either_beside.profile.agent_uid == 0 else 0)
    for one in (pid, agent):
        assert descriptors(one, sidecar) == descriptors(one, host) == []
        assert namespaces(one, pid, sidecar) == namespaces(one, pid, host)
    assert set(namespaces(agent, None, sidecar).values()) == {"own", "shared"}


def test_the_sidecar_follows_no_link_of_the_agents_to_what_is_attested(sealed_beside: DockerSandbox) -> None:
    sealed_beside.exec("ln -s / /work/top; mkdir /work/real; ln -s /work/real /work/there", session="main")
    look, pid = sealed_beside.evidence.look, sealed_beside.pid
    for place in ("work/top/etc", "work/there/x", "work/none", "etc/passwd/x"):
        assert look.status(pid, [f"root/{place}"]) == HOST.status(pid, [f"root/{place}"]) == [None]
    for place in ("work/top", "work/there", "work/real/..", "etc/passwd"):
        with pytest.raises(OSError, match=r"[Nn]ot a directory|symbolic links|denied"):
            look.nodes(pid, f"root/{place}")
    (link,) = look.status(pid, ["root/work/there"])
    assert link is not None
    assert not link.is_folder


def test_the_sidecar_sees_a_posture_that_changed(sealed_beside: DockerSandbox) -> None:
    assert sealed_beside.attest_again() == []
    limit = sealed_beside.evidence.cgroup.paths["pids"] / "pids.max"
    limit.write_text("max")
    (told,) = sealed_beside.attest_again()
    assert told.startswith("limits is")


def test_without_its_sidecar_nothing_is_attested_again(sealed_beside: DockerSandbox) -> None:
    aside_of(sealed_beside).cut()
    with pytest.raises((EvidenceLost, ContainerGone)):
        sealed_beside.attest_again()


_HOSTILE = r"""
mkdir -p /work/odd /work/shut && cd /work/odd
printf x > $'new\nline'; printf y > $'\xff\xfe'; printf z > 'back\slash'; printf q > 'back\x41'
ln -s /etc/shadow out; ln -s . loop; ln -s / top; mkfifo pipe; ln out hard 2>/dev/null
truncate -s 1T sparse; printf end >> sparse; printf s > shut; chmod 0 shut; touch -d 1999-01-01 shut
head -c 9000000 /dev/zero | tr '\0' a > large
deep=/work/deep; for i in $(seq 100); do deep=$deep/d; done; mkdir -p $deep; printf d > $deep/file
printf s > /work/shut/inner; chmod 0 /work/shut
"""


def test_no_byte_of_the_host_is_read_through_a_link(sealed_beside: DockerSandbox, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    canary.write_text("of the host")
    sealed_beside.exec(f"ln -s {canary} /work/out; ln -s / /work/top; ln -s /proc/1/root /work/magic", session="links")
    files = sealed_beside.evidence.files
    files.scan()
    for path in ("/work/out", f"/work/top{canary}", f"/work/magic{canary}", "/work/../etc/passwd", "/etc/passwd"):
        assert files.read(path) is None
    assert not [path for path in files.paths() if path.startswith(("/work/top/", "/work/magic/"))]


def test_a_store_through_a_mapping_that_still_stands_is_seen(sealed_beside: DockerSandbox) -> None:
    code = (
        "import mmap, os, time\nf = open('/work/mapped', 'r+b')\nm = mmap.mmap(f.fileno(), 4)\nm[0]\n"
        "open('/work/ready', 'w')\nwhile not os.path.exists('/tmp/go'): time.sleep(0.01)\n"
        "m[:4] = b'evil'\nopen('/work/done', 'w')\ntime.sleep(300)"
    )
    sealed_beside.exec("printf good > /work/mapped", session="map")
    sealed_beside.exec(f'python3 -c "{code}" & while [ ! -e /work/ready ]; do sleep 0.01; done', session="map")
    files, group = sealed_beside.evidence.files, sealed_beside.evidence.cgroup
    time.sleep(0.1)
    files.scan(group.pids())
    sealed_beside.exec("touch /tmp/go; while [ ! -e /work/done ]; do sleep 0.01; done", session="go")
    changed = {change.path: change for change in files.scan(group.pids()).changes}
    after = changed["/work/mapped"].after
    assert after is not None
    assert after.sha256 == sha256(b"evil").hexdigest()


def test_without_its_sidecar_nothing_mediated_happens_any_more(sealed_beside: DockerSandbox) -> None:
    sealed_beside.exec("true", session="main")
    aside_of(sealed_beside).cut()
    with pytest.raises(EvidenceLost, match="sidecar"):
        _go_on(sealed_beside)
    assert not sealed_beside.evidence.acts.alive
    assert sealed_beside.evidence.acts.fault() is not None


def _go_on(sandbox: DockerSandbox) -> None:
    for _ in range(50):
        sandbox.exec("/bin/true", session="main", timeout_s=2)
        time.sleep(0.05)


def test_files_and_processes_without_a_sidecar_are_an_error_and_never_nothing(sealed_beside: DockerSandbox) -> None:
    aside_of(sealed_beside).cut()
    with pytest.raises(EvidenceLost):
        sealed_beside.evidence.files.scan()
    with pytest.raises(EvidenceLost):
        sealed_beside.evidence.processes.scan()
    with pytest.raises(EvidenceLost):
        sealed_beside.evidence.files.read("/work/x")


def test_the_end_reaches_a_fork_storm_and_leaves_the_files(sealed_beside: DockerSandbox) -> None:
    sealed_beside.exec("printf kept > /work/kept", session="main")
    storm = "trap '' TERM INT HUP; f() { f & f & sleep 1; }; f"
    sealed_beside.exec(f"(setsid bash -c {storm!r} >/dev/null 2>&1 &) ; sleep 0.3", session="main", timeout_s=20)
    report = sealed_beside.kill()
    assert (report.route, report.survivors) == ("sidecar", ())
    assert report.latency_s < 2
    assert [pid for pid in sealed_beside.evidence.cgroup.pids() if pid != sealed_beside.pid] == []
    assert sealed_beside.evidence.files.read("/work/kept") == b"kept"
    assert not sealed_beside.alive


def test_a_sidecar_that_was_killed_leaves_the_end_to_the_rest_of_the_ladder(sealed_beside: DockerSandbox) -> None:
    aside_of(sealed_beside).cut()
    report = sealed_beside.kill()
    assert report.survivors == ()
    assert report.route in ("cgroup.kill", "pid1", "engine")


def test_nothing_of_a_sidecar_stays(beside: None, yard: Yard) -> None:
    sandbox = yard.start(SEALED)
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert len(yard.present()) == 2
    sandbox.close()
    assert yard.present() == []
    assert len(list(Path("/proc/self/fd").iterdir())) < before


def test_an_agent_that_kills_its_own_first_process_is_refused(either_beside: DockerSandbox) -> None:
    either_beside.exec(f"kill -{int(signal.SIGKILL)} 1", session="main")
    assert either_beside.alive
