"""Row G9 of the fault matrix (docs/design/security.md §4.2): a call that does not want to end.

Whatever it ignores, wherever its children went: a second after its time limit nothing of it is left, and everything
that was there before still is. A call is one of the agent's, in a session.
"""

import time

import pytest

from offswitch.sandbox import DockerSandbox

from .yard import Yard

pytestmark = pytest.mark.docker
LIMIT_S = 0.4
_DAEMON = """
import os, signal, sys, time
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
for _ in range(int(sys.argv[1])):
    if os.fork(): os._exit(0)
    os.setsid()
for descriptor in range(100):
    try: os.close(descriptor)
    except OSError: pass
while True: time.sleep(0.01)
"""
_TRUE_PARENT = "import ctypes, os, time; ctypes.CDLL(None).prctl(36, 1)\n"
DEEDS = {
    "ignores every signal": "trap '' $(seq 1 64) 2>/dev/null; while :; do :; done",
    "children in sessions of their own": "for n in 1 2 3; do setsid sleep 900 & done; wait",
    "a daemon of two forks": f"python3 -c '{_DAEMON}' 2 & sleep 900",
    "a daemon of five forks": f"python3 -c '{_DAEMON}' 5 & wait; sleep 900",
    "a session leader that is gone": "setsid bash -c 'sleep 901 & disown; exit' ; sleep 900",
    "children that stand still": "for n in 1 2 3; do setsid sleep 900 & kill -STOP $!; done; wait",
    "another keeper of orphans": f"python3 -c '{_TRUE_PARENT}os.system(\"setsid sleep 900 & \")' ; sleep 900",
    "more and more of them": "while :; do setsid sleep 900 & done",
    "more and more that fork themselves": "storm() { setsid bash -c 'sleep 900 & sleep 900' & storm; }; storm",
}


@pytest.fixture(scope="module")
def sandbox(shared_yard: Yard) -> DockerSandbox:
    """With a service, its daemon, and a background child of an earlier call."""
    sandbox = shared_yard.start()
    sandbox.serve("service", ["/bin/bash", "-c", "while :; do (setsid sleep 0.5 &); sleep 0.1; done"])
    sandbox.exec("sleep 5000 & (setsid sleep 5001 &)", session="main")
    return sandbox


def words(sandbox: DockerSandbox) -> set[str]:
    """Arguments of everything that runs, but for what comes and goes."""
    return {" ".join(process.argv) for process in sandbox.evidence.processes.scan()}


@pytest.mark.parametrize("deed", DEEDS)
def test_g9_a_second_after_the_limit_nothing_of_the_call_is_left_and_all_that_was_there_is(
    sandbox: DockerSandbox, deed: str
) -> None:
    started = time.monotonic()
    result = sandbox.exec(DEEDS[deed], session="main", timeout_s=LIMIT_S)
    assert result.timed_out
    left = words(sandbox)
    assert time.monotonic() - started < LIMIT_S + 1.0
    assert not [text for text in left if "900" in text or "901" in text or "sys.argv" in text], left
    assert {"sleep 5000", "sleep 5001"} <= left
    assert any("setsid sleep 0.5" in text for text in left), "the service goes on"
    assert sandbox.exec("echo goes on", session="main").stdout == b"goes on\n"
