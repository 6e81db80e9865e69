"""The system call filters of a running process, read from the kernel and compared with our allow-list.

That a filter is there says nothing about what it lets through: an engine may put its own in the place of ours. So the
programs are taken out of the kernel (``PTRACE_SECCOMP_GET_FILTER``, Linux 4.4 with CONFIG_CHECKPOINT_RESTORE, as
root) and run here, once for each call that there is.
"""

import ctypes
import errno
import json
import os
import struct
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from ._profile import seccomp_profile

_SEIZE, _INTERRUPT, _GET_FILTER, _DETACH = 0x4206, 0x4207, 0x420C, 17
_WALL = 0x40000000
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_FOREIGN = {"x86_64": (0x40000003,), "aarch64": (0x40000028,)}
"""The second table of calls that the processor still speaks: int 0x80, and 32-bit arm."""
_X32_BIT = 0x40000000
_ALLOWED = {0x7FFF0000: "allow", 0x7FC00000: "notify", 0x7FFC0000: "log"}
"""Answers of a filter after which the call is carried out; for ``notify`` our listener is asked first."""
_HIGHEST = 1024
_FAMILIES = range(64)
_NAMESPACE_FLAGS = (0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
_ALL_ONES = (1 << 64) - 1
Program = list[tuple[int, int, int, int]]
"""Code, jump where true, jump where false, operand."""
Filters = tuple[bytes, ...]
"""BPF programs of one process, the first installed first."""


def read_filters(pid: int, count: int) -> Filters | None:
    """The ``count`` filters of a process; None where this kernel does not show them.

    The process stands still for a few microseconds and goes on where it was. Raises `OSError` where it is not ours
    to look at.
    """
    _ptrace(_SEIZE, pid)
    try:
        _ptrace(_INTERRUPT, pid)
        os.waitpid(pid, _WALL)
        return tuple(_filter(pid, index) for index in range(count))
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EIO):  # a kernel that was built without it
            return None
        raise
    finally:
        _ptrace(_DETACH, pid)


def _filter(pid: int, index: int) -> bytes:
    length = _ptrace(_GET_FILTER, pid, index)
    program = ctypes.create_string_buffer(8 * length)
    _ptrace(_GET_FILTER, pid, index, program)
    return program.raw


def _ptrace(request: int, pid: int, address: int = 0, data: Any = None) -> int:
    result: int = _libc().ptrace(request, pid, address, data)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"ptrace: {os.strerror(number)}")
    return result


@cache
def _libc() -> Any:
    libc: Any = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    return libc


@lru_cache(maxsize=16)
def excess(filters: Filters, machine: str) -> tuple[str, ...]:
    """Calls that these filters let through and our allow-list does not, by name; empty for a filter as ours."""
    programs = [_decoded(program) for program in filters]
    native = _ARCHITECTURES[machine]
    names = {number: name for name, number in numbers(machine).items()}
    found: list[str] = []
    for number in range(_HIGHEST):
        name = names.get(number, f"call {number}")
        passed = [
            name + told
            for told, arguments in _arguments(name)
            if _passes(programs, number, native, arguments) and not _is_listed(name, arguments)
        ]
        found += passed[:1] if passed[:1] == [name] else passed
    for foreign, bit in (*((arch, 0) for arch in _FOREIGN[machine]), (native, _X32_BIT)):
        reached = sum(_passes(programs, n | bit, foreign, ()) for n in range(_HIGHEST))
        if reached and (machine == "x86_64" or not bit):
            found.append(f"{reached} calls of another architecture")
    return tuple(found)


def _arguments(name: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Arguments that are tried of a call, each with its words."""
    if name in ("socket", "socketpair"):
        yield from ((f" of family {family}", (family,)) for family in _FAMILIES)
    elif name == "clone":
        yield from ((f" with flag {flag:#x}", (flag | 17,)) for flag in _NAMESPACE_FLAGS)
    elif name == "prlimit64":
        yield from ((f" of process {pid}", (pid,)) for pid in (0, 1, 4711))
    else:
        yield "", ()
        yield " with other arguments", (_ALL_ONES,) * 6


@cache
def numbers(machine: str) -> dict[str, int]:
    """System call numbers of an architecture by name."""
    tables: dict[str, dict[str, int]] = json.loads(files("offswitch.sandbox").joinpath("syscalls.json").read_text())
    return tables[machine]


@cache
def listed_rules() -> dict[str, list[list[dict[str, Any]]]]:
    """Call → the conditions of each of its rules; one rule without conditions lists it whatever its arguments."""
    found: dict[str, list[list[dict[str, Any]]]] = {}
    for rule in seccomp_profile()["syscalls"]:
        if rule["action"] == "SCMP_ACT_ALLOW":
            for name in rule["names"]:
                found.setdefault(name, []).append(rule.get("args", []))
    return found


def _is_listed(name: str, arguments: tuple[int, ...]) -> bool:
    return any(all(_holds(one, arguments) for one in conditions) for conditions in listed_rules().get(name, []))


def _holds(condition: dict[str, Any], arguments: tuple[int, ...]) -> bool:
    index: int = condition["index"]
    given = arguments[index] if index < len(arguments) else 0
    if condition["op"] == "SCMP_CMP_MASKED_EQ":
        return bool(given & condition["value"] == condition["valueTwo"])
    assert condition["op"] == "SCMP_CMP_EQ", condition
    return bool(given == condition["value"])


def _passes(programs: list[Program], number: int, arch: int, arguments: tuple[int, ...]) -> bool:
    """Whether every filter lets the call through: the strictest answer counts."""
    words = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<IIQ6Q", number, arch, 0, *words)
    return all(_run(program, data) & 0xFFFF0000 in _ALLOWED for program in programs)


def _decoded(program: bytes) -> Program:
    return list(struct.iter_unpack("<HBBI", program))


def _run(program: Program, data: bytes) -> int:
    """What a filter answers: classic BPF as the kernel's seccomp accepts it (linux/filter.h)."""
    accumulator, at = 0, 0
    while True:
        code, if_true, if_false, k = program[at]
        at += 1
        if code == 0x20:  # load a word of the call
            (accumulator,) = struct.unpack_from("<I", data, k)
        elif code == 0x06:
            return k
        elif code == 0x05:
            at += k
        elif code in _TESTS:
            at += if_true if _TESTS[code](accumulator, k) else if_false
        elif code == 0x54:
            accumulator &= k
        else:
            raise ValueError(f"a filter holds the instruction {code:#x}, which none of ours does")


_TESTS: dict[int, Callable[[int, int], bool]] = {
    0x15: lambda a, k: a == k,
    0x25: lambda a, k: a > k,
    0x35: lambda a, k: a >= k,
    0x45: lambda a, k: bool(a & k),
}
