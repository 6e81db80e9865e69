"""How what is asked of PID 1 is put into its requests, and cut to fit them."""

import shlex
import uuid
from collections.abc import Iterator, Sequence

from ._profile import Profile
from ._types import Entry
from ._wire import entry, text, texts, u32, u64

PIECE = 16 << 20
"""Bytes of file content in one request, at most."""
ENTRY_MOST = 48 << 20
"""Bytes of one file that can be installed."""
_STATUS_FD = 199
_KINDS = {"dir": 1, "file": 2, "link": 3, "append": 4, "name": 5, "piece": 6, "socket": 7, "gone": 8}


def milliseconds(timeout_s: float) -> int:
    """A time limit for PID 1, for which 0 means none."""
    if not 0 < timeout_s < 4_000_000:
        raise ValueError(f"a time limit of {timeout_s} s is none")
    return max(1, int(timeout_s * 1000))


def batches(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Entries in groups that fit a request. What no file system could take is a `ValueError`."""
    batch: list[Entry] = []
    size = 0
    for one in entries:
        if len(one.data) > ENTRY_MOST:
            raise ValueError(f"{one.path}: {len(one.data)} bytes are too many to install at once")
        if one.kind in ("link", "name") and b"\0" in one.data:
            raise ValueError(f"{one.path}: what it points to has a NUL: no file can be called that")
        if batch and size + len(one.data) > PIECE:
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += len(one.data)
    if batch:
        yield batch


def installation(batch: Sequence[Entry]) -> bytes:
    """One such group."""
    found = (entry(_KINDS[e.kind], e.mode, e.uid, e.gid, e.mtime_ns, e.path, e.data) for e in batch)
    return u32(len(batch)) + b"".join(found)


def shell_line(command: str, session: str, cwd: str, *, start: str, prologue: str) -> bytes:
    """A command for a shell session, and how PID 1 learns of its end; ``start`` is for a shell that begins with it."""
    nonce = uuid.uuid4().hex
    quoted = shlex.quote(command)
    script = (
        f"{prologue.replace('{command}', quoted)}\nbuiltin eval {quoted} </dev/null {_STATUS_FD}>&-\n"
        f"builtin printf '%s %d\\n' {nonce} \"$?\" >&{_STATUS_FD}\n"
    )
    begin = f"[ -r ~/.bashrc ] && . ~/.bashrc </dev/null\nshopt -s expand_aliases\n{start}\n"
    return text(session) + text(cwd) + text(begin) + text(nonce) + text(script)


def hello(profile: Profile, lease_s: float) -> bytes:
    """What PID 1 has to know before anything else: the agent's identity, how long it waits for us, its environment."""
    return (
        u32(profile.agent_uid, profile.agent_uid)
        + u64(profile.agent_mask)
        + u32(int(lease_s * 1000))
        + text(profile.home)
        + texts(profile.env)
        + texts([place.path for place in profile.places if place.seeded])
    )
