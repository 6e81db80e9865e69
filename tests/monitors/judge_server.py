"""A loopback server that speaks OpenAI's chat completions and answers as a script says."""

import json
import re
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = str | int | Callable[[dict[str, Any]], str]
"""Text of the answer, an HTTP status, or a function of the request."""


class JudgeServer(ThreadingHTTPServer):
    """What it was asked, and what it answers next; the last answer is repeated."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[Answer] = ['{"score": 0, "reason": "ordinary"}']
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.released = threading.Event()
        self.hangs = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def next_answer(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def messages(self, number: int = -1) -> tuple[str, str]:
        """System and user message of a request."""
        system, user = self.requests[number]["messages"]
        return system["content"], user["content"]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up is part of the play."""


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        judge = self.server
        assert isinstance(judge, JudgeServer)
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        judge.requests.append(request)
        judge.keys.append(self.headers.get("Authorization", ""))
        if judge.hangs:
            judge.released.wait(20)
        answer = judge.next_answer()
        self.close_connection = True
        if isinstance(answer, int):
            self._send(answer, {"error": {"message": "no", "type": "server_error"}})
            return
        text = answer if isinstance(answer, str) else answer(request)
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        body = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
        self._send(200, body | {"choices": [choice], "usage": usage})

    def _send(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Stay silent."""


@contextmanager
def judge_server() -> Generator[JudgeServer]:
    server = JudgeServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def marker_of(system: str) -> str:
    """The marker that the system message names."""
    found = re.search(r"marker ([0-9a-f]{32})\.", system)
    assert found
    return found[1]


def block_of(system: str, user: str) -> str:
    """What stands between the two marker lines."""
    marker = marker_of(system)
    before, block, after = user.split(marker)
    assert before == ""
    assert after.startswith("\n")
    return block.strip("\n")
