"""How programs in a container reach the services outside: one line in, one line out, and nothing that it breaks."""

import json
import textwrap
import threading
from collections.abc import Generator

import pytest

from offswitch.sandbox import DockerSandbox, Entry, RelayedRequest

from .yard import Within

pytestmark = pytest.mark.docker

CLIENT = """
import os, socket, sys, time
def ask(data, pause=0):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    s.connect("\\0gateway")
    for at in range(0, len(data), 8192 if not pause else 1):
        s.sendall(data[at:at + (8192 if not pause else 1)])
        time.sleep(pause)
    answer = b""
    while block := s.recv(65536):
        answer += block
    return answer
"""


@pytest.fixture
def echoing(sealed: DockerSandbox) -> Generator[DockerSandbox]:
    """A container whose requests are answered with themselves."""
    sealed.on_relay = lambda request: b"echo " + request.line + b"\n"
    yield sealed
    sealed.on_relay = None


def client(sandbox: DockerSandbox, program: str, timeout_s: float = 30) -> bytes:
    """Run a program in the container that may ``ask``."""
    result = sandbox.exec(["/usr/bin/python3", "-c", CLIENT + textwrap.dedent(program)], timeout_s=timeout_s)
    assert result.ok, result.stderr
    return result.stdout


def test_a_line_is_answered(echoing: DockerSandbox) -> None:
    assert client(echoing, "print(ask(b'hello\\n'))") == b"b'echo hello\\n'\n"


def test_the_handler_is_told_who_asks_by_the_kernel(either: DockerSandbox) -> None:
    seen: list[RelayedRequest] = []

    def handler(request: RelayedRequest) -> bytes:
        seen.append(request)
        return b"\n"

    either.on_relay = handler
    pid = int(client(either, "print(os.getpid()); ask(b'pid 1 uid 0\\n')"))
    either.on_relay = None
    uid = either.profile.agent_uid
    assert [(r.pid, r.uid, r.gid, r.line) for r in seen] == [(pid, uid, uid, b"pid 1 uid 0")]


def test_a_line_of_64_kilobytes_arrives_whole(echoing: DockerSandbox) -> None:
    assert client(echoing, "print(len(ask(b'x' * 65536 + b'\\n')))") == b"65542\n"


def test_an_answer_of_a_megabyte_arrives_whole(sealed: DockerSandbox) -> None:
    sealed.on_relay = lambda _: b"y" * (1 << 20)
    assert client(sealed, "print(len(ask(b'x\\n')))") == b"1048576\n"
    sealed.on_relay = None


def test_a_request_without_end_is_answered_with_an_error(echoing: DockerSandbox) -> None:
    program = """
    s = socket.socket(socket.AF_UNIX)
    s.connect("\\0gateway")
    try:
        s.sendall(b"x" * 1_000_000)
    except OSError:
        pass
    try:
        print(s.recv(100))
    except ConnectionResetError:
        print("reset")
    """
    assert client(echoing, program).strip() in (b'b\'{"error":"the request is too long"}\\n\'', b"reset")


def test_garbage_is_the_handlers_to_judge_and_breaks_nothing(echoing: DockerSandbox) -> None:
    assert client(echoing, "print(ask(bytes(range(256)).replace(b'\\n', b'') + b'\\n')[-2:])") == b"b'\\xff\\n'\n"
    assert client(echoing, "print(ask(b'\\n'))") == b"b'echo \\n'\n"
    assert client(echoing, "print(ask(b'\\x05\\0\\0\\0\\x66\\1\\0\\0\\0\\n'))").startswith(b"b'echo \\x05")


def test_a_slow_writer_is_waited_for_and_delays_nobody(echoing: DockerSandbox) -> None:
    program = """
    import threading
    slow = []
    t = threading.Thread(target=lambda: slow.append(ask(b"slow one\\n", pause=0.05)))
    t.start()
    started = time.monotonic()
    print(ask(b"quick\\n"), time.monotonic() - started < 0.4, slow)
    t.join()
    print(slow)
    """
    assert client(echoing, program).decode().splitlines() == [
        "b'echo quick\\n' True []",
        "[b'echo slow one\\n']",
    ]


def test_many_at_once_are_all_answered(echoing: DockerSandbox) -> None:
    program = """
    import threading
    answers = [None] * 100
    def one(n):
        answers[n] = ask(f"{n}\\n".encode())
    threads = [threading.Thread(target=one, args=(n,)) for n in range(100)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    print(sum(answers[n] == f"echo {n}\\n".encode() for n in range(100)))
    """
    assert client(echoing, program) == b"100\n"


def test_peers_that_say_nothing_do_not_shut_out_those_who_do_for_ever(echoing: DockerSandbox) -> None:
    program = """
    idle = [socket.socket(socket.AF_UNIX) for _ in range(32)]
    [s.connect("\\0gateway") for s in idle]
    waiting = socket.socket(socket.AF_UNIX)
    waiting.connect("\\0gateway")
    waiting.sendall(b"patient\\n")
    idle[0].close()
    print(waiting.recv(100))
    """
    assert client(echoing, program) == b"b'echo patient\\n'\n"


def test_a_handler_that_fails_gives_an_error_line_and_the_failure_is_kept(sealed: DockerSandbox) -> None:
    def handler(request: RelayedRequest) -> bytes:
        raise KeyError(request.line.decode())

    sealed.on_relay = handler
    answer = client(sealed, "print(ask(b'x\\n').decode())")
    assert json.loads(answer) == {"error": "the service failed"}
    assert [repr(error) for error in sealed.relay_failures] == ["KeyError('x')"]
    sealed.on_relay = lambda _: b"well again\n"
    assert client(sealed, "print(ask(b'x\\n').decode())") == b"well again\n\n"
    sealed.on_relay = None


def test_without_a_handler_there_is_no_service(sealed: DockerSandbox) -> None:
    sealed.on_relay = None
    assert json.loads(client(sealed, "print(ask(b'x\\n').decode())")) == {"error": "no such service"}


def test_a_handler_may_use_the_container_itself(sealed: DockerSandbox) -> None:
    sealed.on_relay = lambda _: sealed.exec("echo from inside").stdout
    assert client(sealed, "print(ask(b'x\\n').decode())") == b"from inside\n\n"
    sealed.on_relay = None


def test_requests_between_two_calls_are_served_at_once(echoing: DockerSandbox, eventually: Within) -> None:
    program = 'import time; time.sleep(0.3); t = time.monotonic(); a = ask(b"later\\n"); d = time.monotonic() - t'
    program += '; open("/tmp/answer", "w").write(f"{a} {d}")'
    echoing.serve("asker", ["/usr/bin/python3", "-c", CLIENT + program])
    threading.Event().wait(0.6)
    eventually(lambda: b"later" in echoing.read("/tmp/answer").data)
    assert echoing.read("/tmp/answer").data.startswith(b"b'echo later\\n'")


def test_an_asker_that_leaves_before_the_answer_harms_nobody(sealed: DockerSandbox) -> None:
    sealed.on_relay = lambda _: b"z" * 500_000
    program = """
    for n in range(50):
        s = socket.socket(socket.AF_UNIX)
        s.connect("\\0gateway")
        s.sendall(b"x\\n")
        s.close()
    print(len(ask(b"x\\n")))
    """
    assert client(sealed, program) == b"500000\n"
    sealed.on_relay = None


def test_a_flood_of_requests_does_not_block_what_the_harness_sends(echoing: DockerSandbox) -> None:
    """Neither side waits for the other to listen."""
    flood = "\nwhile True:\n    ask(b'f' * 200_000 + b'\\n')\n"
    for number in range(8):
        echoing.serve(f"flood {number}", ["/usr/bin/python3", "-c", CLIENT + flood])
    entries = [Entry(f"/work/flooded/{number}", bytes(4 << 20), uid=1000) for number in range(10)]
    assert echoing.install(entries) == {}
    assert echoing.write("/tmp/large", bytes(20 << 20)) == 0
    assert len(echoing.read("/tmp/large", most=20 << 20).data) == 20 << 20
    echoing.exec(["/usr/bin/pkill", "-KILL", "python3"])
    assert echoing.exec(["/bin/rm", "-r", "/work/flooded", "/tmp/large"]).ok


def test_the_name_of_the_relay_cannot_be_taken_over(echoing: DockerSandbox) -> None:
    program = """
    try:
        socket.socket(socket.AF_UNIX).bind("\\0gateway")
        print("taken")
    except OSError as error:
        print(error.errno)
    """
    assert client(echoing, program) == b"98\n"
