"""What the kernel reports of writes: no store is missed between two passes, and no change made up."""

import textwrap

import pytest

from offswitch.sandbox import ROOTFUL, DockerSandbox, Pass
from offswitch.sandbox._mappings import mapped_for_writing
from offswitch.sandbox._writes import WriteWatch

from .yard import Yard

pytestmark = pytest.mark.docker

FILE = "/work/plan"


@pytest.fixture
def sealed_with_plan(yard: Yard) -> DockerSandbox:
    """A container with a file that the watch knows, old enough for its time stamps to be trusted."""
    sandbox = yard.start()
    sandbox.write(FILE, b"stop at noon\n")
    sandbox.exec("sleep 0.05")
    look(sandbox)
    look(sandbox)
    return sandbox


def look(sandbox: DockerSandbox) -> Pass:
    """A pass as a step makes it."""
    found = sandbox.evidence.files.scan(sandbox.evidence.cgroup.pids())
    assert found.complete
    return found


def run(sandbox: DockerSandbox, program: str) -> None:
    """A program that says ``ready`` when its act is done; it may go on behind our backs."""
    sandbox.write("/tmp/act.py", textwrap.dedent(program).encode())
    command = "python3 /tmp/act.py > /tmp/said & while ! grep -q ready /tmp/said 2>/dev/null; do sleep 0.01; done"
    assert sandbox.exec(command, session="main").ok


STORE = """
    import mmap, os, time
    descriptor = os.open("/work/plan", os.O_RDWR)
    mapped = mmap.mmap(descriptor, 0)
    os.close(descriptor)
    mapped[0]  # read before the store: the page takes no write fault, and the file no new time
    mapped[8:12] = b"dawn"
"""


def test_a_store_through_a_mapping_is_seen_by_the_next_pass(sealed_with_plan: DockerSandbox) -> None:
    run(sealed_with_plan, STORE + "    mapped.close()\n    print('ready', flush=True)\n")
    (change,) = [one for one in look(sealed_with_plan).changes if one.path == FILE]
    assert change.before is not None
    assert change.after is not None
    assert (change.before.sha256 != change.after.sha256, change.before.size) == (True, change.after.size)


def test_a_store_through_a_mapping_that_stays_open_is_seen_too(sealed_with_plan: DockerSandbox) -> None:
    run(sealed_with_plan, STORE + "    print('ready', flush=True)\n    time.sleep(60)\n")
    assert FILE in [one.path for one in look(sealed_with_plan).changes]


def test_what_was_stored_and_put_back_over_two_passes_is_two_changes(sealed_with_plan: DockerSandbox) -> None:
    run(
        sealed_with_plan,
        STORE
        + """
    print("ready", flush=True)
    while not os.path.exists("/tmp/back"):
        time.sleep(0.005)
    mapped[8:12] = b"noon"
    mapped.close()
    open("/tmp/done", "w")
""",
    )
    assert FILE in [one.path for one in look(sealed_with_plan).changes]
    sealed_with_plan.exec("touch /tmp/back; while ! test -e /tmp/done; do sleep 0.01; done", session="main")
    assert FILE in [one.path for one in look(sealed_with_plan).changes]


def test_a_new_change_time_alone_is_no_touch(sealed_with_plan: DockerSandbox) -> None:
    assert sealed_with_plan.exec(f"chmod 644 {FILE}; chmod 644 {FILE}", session="main").ok
    found = look(sealed_with_plan)
    assert ([one.path for one in found.changes], found.touched) == ([], ())


@pytest.mark.parametrize(
    "act",
    [
        f"mv {FILE} /work/away; mv /work/away {FILE}",
        f"cp {FILE} /tmp/copy; echo never > {FILE}; cat /tmp/copy > {FILE}",
        f"ln {FILE} /work/other; cp {FILE} /tmp/copy; echo never > /work/other; cat /tmp/copy > {FILE}; rm /work/other",
    ],
    ids=["moved away and back", "written and put back", "written under another name"],
)
def test_what_is_done_and_undone_between_two_passes_is_a_touch(sealed_with_plan: DockerSandbox, act: str) -> None:
    assert sealed_with_plan.exec(act, session="main").ok
    found = look(sealed_with_plan)
    assert FILE in {*found.touched, *(one.path for one in found.changes)}


def test_a_file_that_is_only_read_is_left_alone(sealed_with_plan: DockerSandbox) -> None:
    assert sealed_with_plan.exec(
        f"cat {FILE}; cp {FILE} /tmp/copy; python3 -c 'open(\"{FILE}\").read()'", session="main"
    ).ok
    found = look(sealed_with_plan)
    assert FILE not in {*found.touched, *(one.path for one in found.changes)}


def test_every_place_of_a_rootful_container_is_heard(yard: Yard) -> None:
    sandbox = yard.start(ROOTFUL)
    with_files = {path for path in sandbox.evidence.files.roots if path != "/dev/mqueue"}
    writes = WriteWatch.open(sandbox.evidence.files.roots)
    assert writes is not None
    for path in sorted(with_files):
        sandbox.exec(f"mkdir {path}/heard && echo x > {path}/heard/file", session="main")
        heard = writes.take()
        assert f"{path}/heard/file" in heard.names or path == "/dev", path
        assert heard.inodes, path
    writes.close()


def test_a_process_without_shared_mappings_can_store_nowhere(sealed: DockerSandbox) -> None:
    shells = [one.host_pid for one in sealed.evidence.processes.scan()]
    assert shells
    assert not any(mapped_for_writing(pid) for pid in shells)
