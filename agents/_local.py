"""A GGUF file as an agent: served in this process by llama.cpp on a loopback port, from the first answer on."""

import hashlib
import importlib
import importlib.util
import os
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..records import Subject
from ._errors import SetupError
from ._langchain import LangChainAgent
from ._prices import ModelPrice, Prices
from ._secrets import refuse_tracing
from ._settings import Mode, ModelSettings
from ._types import Agent, Answer, Message, ToolSpec

_PACKAGE = "xllamacpp"
_MAGIC = b"GGUF"
_SILENT = -1


class _Key(NamedTuple):
    """What agents must agree on to share a server."""

    path: Path
    n_ctx: int
    n_threads: int


class _Server:
    """A running server. It wants a key that only this process knows, and offers chat completions alone."""

    def __init__(self, key: _Key) -> None:
        xllamacpp: Any = importlib.import_module(_PACKAGE)
        self.api_key = secrets.token_urlsafe(24)
        params = xllamacpp.CommonParams()
        params.model.path = str(key.path)
        params.model_alias = {key.path.name}
        params.n_ctx = key.n_ctx
        params.n_parallel = 1
        params.cpuparams.n_threads = key.n_threads
        params.hostnames = ["127.0.0.1"]
        params.port = 0
        params.api_keys = [self.api_key]
        params.use_jinja = True
        params.ui = False
        params.endpoint_slots = False
        params.verbosity = _SILENT
        try:
            self._server: Any = xllamacpp.Server(params)
        except RuntimeError as error:
            raise SetupError(
                f"model: llama.cpp cannot serve {key.path} with a context of {key.n_ctx} tokens: {error} "
                "Is the file complete, and is there memory for it?"
            ) from error
        self.url = f"{self._server.listening_address}/v1"
        self.users = 0

    def stop(self) -> None:
        """End the server: it lives as long as its object."""
        self._server = None


_lock = threading.Lock()
running: dict[_Key, _Server] = {}
"""The servers of this process: agents of one file share one, for each holds the whole model in memory."""


def _acquire(key: _Key) -> _Server:
    with _lock:
        server = running.get(key)
        if server is None:
            server = running[key] = _Server(key)
        server.users += 1
        return server


def _release(key: _Key) -> None:
    with _lock:
        server = running[key]
        server.users -= 1
        if server.users == 0:
            del running[key]
            server.stop()


class LocalAgent(Agent):
    """A local model. It costs nothing, and its fingerprint is the SHA-256 of its file.

    The server starts with the first answer and ends when the last agent of the file is closed.

    Args:
        path: The GGUF file.
        settings: How it is asked; ``base_url`` and ``api_key_env`` have no meaning here.
        sleep: Waits between attempts, in seconds.

    Raises:
        SetupError: The package or the file is missing, the file is of another format, or a tracing service stands
            in the environment.
    """

    price_known = True

    def __init__(
        self, path: Path, settings: ModelSettings | None = None, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        settings = settings or ModelSettings()
        self._mode: Mode = settings.mode or "text_protocol"
        if not settings.allow_tracing:
            refuse_tracing(os.environ)
        self._settings = settings.model_copy(update={"mode": self._mode, "base_url": None, "api_key_env": None})
        n_threads = settings.n_threads or max(1, (os.cpu_count() or 1) // 2)
        self._key = _Key(_usable(path).resolve(), settings.n_ctx, n_threads)
        self._fingerprint = f"sha256:{_digest(self._key.path)}"
        self._sleep = sleep
        self._starting = threading.Lock()
        self._inner: LangChainAgent | None = None
        self.subject = self._describe()

    def act(self, history: Sequence[Message], tools: Sequence[ToolSpec]) -> Answer:
        """Ask the model, starting its server where it does not run yet.

        Raises:
            ModelFailure: There is no usable answer.
            SetupError: The server cannot be started.
        """
        answer = self._started().act(history, tools)
        return answer.model_copy(update={"fingerprint": self._fingerprint})

    def close(self) -> None:
        """Leave the server."""
        with self._starting:
            if self._inner is not None:
                self._inner = None
                _release(self._key)

    def __repr__(self) -> str:
        return f"LocalAgent({self.subject.name!r}, {self._mode!r})"

    def _started(self) -> LangChainAgent:
        with self._starting:
            if self._inner is None:
                server = _acquire(self._key)
                try:
                    self._inner = self._open(server)
                except BaseException:
                    _release(self._key)
                    raise
            return self._inner

    def _open(self, server: _Server) -> LangChainAgent:
        from ._openai import open_openai

        name = self._key.path.name
        chat = open_openai(name, server.api_key, self._settings.model_copy(update={"base_url": server.url}))
        free = Prices({name: ModelPrice(input_per_mtok=0.0, output_per_mtok=0.0)})
        return LangChainAgent(chat, self._settings, prices=free, sleep=self._sleep)

    def _describe(self) -> Subject:
        settings = self._settings
        params = {
            "temperature": settings.temperature,
            "max_tokens": settings.max_tokens,
            "n_ctx": settings.n_ctx,
            "fingerprint": self._fingerprint,
        }
        return Subject(
            kind=settings.kind,
            name=f"local:{self._key.path.name}",
            scaffold=self._mode,
            params={name: value for name, value in params.items() if value is not None},
        )


def _usable(path: Path) -> Path:
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise SetupError(
            f"model: local:{path} cannot be read ({error.strerror}). Name an existing GGUF file."
        ) from error
    if magic != _MAGIC:
        raise SetupError(f"model: local:{path} is no GGUF file (it begins with {magic!r}).")
    if importlib.util.find_spec(_PACKAGE) is None:
        raise SetupError(f"model: local:{path} needs llama.cpp, which is not installed: pip install 'offswitch[local]'")
    return path


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
