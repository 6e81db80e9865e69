"""Row J2 of the fault matrix (docs/design/security.md §4.2): keys stay in the memory of the process that asks."""

import base64
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from offswitch.agents import LangChainAgent, ModelFailure, ModelSettings, RetryPolicy
from offswitch.analysis import report
from offswitch.runner import Progress, RunReport
from offswitch.sandbox import connect

from ..agents.wire import Act, Wire, answer, call, completion, raw, served, status
from .machine import run
from .provider import HISTORY, TOOLS, bash, model_at

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker")]
KEYS = {"OPENAI_API_KEY": "placeholder-key-4f+x/7Q-0123456789", "LAB_ACCESS": "other-placeholder-Zk9_31-abcdef"}
"""Placeholders. The second variable's name does not look like a key's."""
EPISODES = int(os.environ.get("OFFSWITCH_J2_EPISODES", "25"))
"""Of each key: 25 meet every form in every place once, in full 100."""


def forms(key: str) -> Iterator[str]:
    """What a provider or a library may make of a key; Base64 looks different at each of its three alignments."""
    text = key.encode()
    yield from (key, key[::-1], text.hex(), quote(key, safe=""))
    for before in (b"", b"x", b"xy"):
        yield base64.b64encode(before + text).decode()
        yield base64.urlsafe_b64encode(before + text).decode()


FORMS = tuple(form for key in KEYS.values() for form in forms(key))


def leaks(content: bytes) -> list[str]:
    """Forms of which the greater part stands there: without the ends, which may depend on what stood around them."""
    return [form for form in FORMS if form[4:-4].encode() in content]


def answers(form: str) -> Iterator[Act]:
    """Every place of an answer or an error into which a careless or hostile provider may put the key it was sent."""
    filed = {"summary": form, "done": False, "deviations": [{"kind": "other", "what": f"used {form}"}]}
    yield status(503, f"Incorrect API key provided: {form}")
    yield bash(f"echo {form} > notes/{quote(form, safe='')}; echo {form}")
    told = completion(f"I use {form}", [call(form, json.dumps({form: form}))])
    yield raw(json.dumps(told | {"system_fingerprint": form, "id": form}).encode())
    yield raw(f"<html>{form}</html>".encode())
    yield answer(form, [call("bash", '{"command": "' + form)])
    yield status(401, f"bad key {form}", kind=form)
    yield answer(None, [call("submit_report", json.dumps(filed))])
    yield answer(None, refusal=f"not with {form}")
    yield bash("true", model=f"gpt-4o-{form}")


def echoes() -> list[Act]:
    """Each of these with each form of the key that came with the request."""
    shapes = [(form, place) for form in range(len(FORMS) // len(KEYS)) for place in range(9)]
    return [_echo(form, place) for form, place in shapes]


def _echo(form: int, place: int) -> Act:
    def act(handler: Any) -> None:
        key = str(handler.headers["Authorization"]).removeprefix("Bearer ")
        tuple(answers(tuple(forms(key))[form]))[place](handler)

    return act


class Look:
    """Looks at every process of the machine, and at the containers of the run, while it goes on."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.seen: set[str] = set()
        self.inspected = 0

    def __call__(self, progress: Progress) -> None:
        if progress.what != "step" or progress.done % 10:
            return
        self.processes()
        with connect() as engine:
            for one in engine.api.containers(filters={"label": "offswitch.run"}):
                self.inspected += 1
                self._judge(f"container {one['Id']}", json.dumps(engine.api.inspect_container(one["Id"])).encode())

    def processes(self) -> None:
        for process in Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes()
                content = command + (process / "environ").read_bytes()
            except OSError:
                continue
            self.seen |= {part for part in ("_watchdog.py", "listen", "serve") if part.encode() in command}
            if process.name != str(os.getpid()):
                self._judge(f"process {command!r}", content)

    def _judge(self, where: str, content: bytes) -> None:
        self.found += [where for _ in leaks(content)]


@pytest.fixture
def wire() -> Iterator[Wire]:
    with served() as server:
        yield server


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, key in KEYS.items():
        monkeypatch.setenv(name, key)


def corpus(wire: Wire, folder: Path, look: Look) -> RunReport:
    wire.script = echoes() * EPISODES
    subjects = [json.loads(model_at(wire, max_attempts=2)), json.loads(model_at(wire, api_key_env="LAB_ACCESS"))]
    more = f"episodes: {EPISODES}\nscenario: {{mechanisms: [], budgets: {{max_steps: 2}}}}\n"
    return run(folder, json.dumps(subjects), more, watch=look)


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("keys")
def test_j2_no_run_leaves_a_key_in_any_file_process_or_container(
    wire: Wire,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    trials: Callable[[int], int],
) -> None:
    """Row J2: records, recordings, index, report, watchdog, listener, container, output and logs, in every form."""
    caplog.set_level("DEBUG")
    look = Look()
    found = corpus(wire, tmp_path / "RUN", look)
    report(tmp_path / "RUN", tmp_path / "report.html")
    assert len(found.outcomes) == trials(2 * EPISODES)
    sent = {header["authorization"] for header in wire.headers}
    assert sent == {f"Bearer {key}" for key in KEYS.values()}, "both keys were in use"

    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path.name for path in files if leaks(path.read_bytes()) or leaks(path.name.encode())] == []
    assert sum(b"[redacted " in path.read_bytes() for path in files) > EPISODES, "the provider did echo them"
    assert look.found == []
    assert look.seen == {"_watchdog.py", "listen", "serve"}, "it looked while they were there"
    assert look.inspected > EPISODES // 10
    output = capfd.readouterr()
    for text in (output.out, output.err, caplog.text, repr(found), found.model_dump_json()):
        assert leaks(text.encode()) == []


@pytest.mark.usefixtures("keys")
def test_j2_a_crash_dump_with_every_local_variable_holds_no_key(wire: Wire) -> None:
    """Row J2: what an error handler that prints everything would print."""
    for act in echoes():
        wire.script = [act]
        agent = LangChainAgent("gpt-4o", ModelSettings(base_url=wire.url, retry=RetryPolicy(max_attempts=1)))
        try:
            agent.act(HISTORY, TOOLS)
        except ModelFailure as failure:
            dump = traceback.TracebackException.from_exception(failure, capture_locals=True)
            assert leaks("".join(dump.format()).encode()) == []
        assert leaks((repr(agent) + repr(vars(agent))).encode()) == []


@pytest.mark.usefixtures("keys")
def test_j2_the_look_itself_finds_a_key_that_a_process_was_given() -> None:
    """Without this, a blind look would pass everything."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        look = Look()
        while not _names_its_program(look) and child.poll() is None:
            look.processes()
        child.communicate(b"\n")
    assert _names_its_program(look)
    assert leaks(base64.b64encode(b"any" + KEYS["LAB_ACCESS"].encode()))


def _names_its_program(look: Look) -> bool:
    """A process that is just becoming its program may show its environment before its command line."""
    return any("input()" in where for where in look.found)
