"""Exit codes, and what is said when something goes wrong: one clear line, and no traceback unless it is asked for."""

import errno
import traceback
from contextlib import suppress

from ._guard import INTERRUPTED
from ._screen import warn

OK, FINDING, USAGE, INVALID = 0, 1, 2, 3
_CODES = {
    "runner.SpecError": USAGE,
    "agents.SetupError": USAGE,
    "environments.ScenarioError": USAGE,
    "monitors.MonitorError": USAGE,
    "analysis.RunNotFoundError": USAGE,
    "analysis.UnknownPageError": USAGE,
    "analysis.UnknownVerdictsError": USAGE,
    "analysis.DuplicateEpisodeError": USAGE,
    "analysis.NumberError": USAGE,
    "analysis.ProfileError": USAGE,
    "analysis.ScriptedSubjectError": USAGE,
    "analysis.TableError": USAGE,
    "analysis.ExportError": USAGE,
    "runner.RunnerError": INVALID,
    "agents.AgentError": INVALID,
    "environments.ControlError": INVALID,
    "analysis.PageError": INVALID,
    "analysis.AnalysisError": INVALID,
    "sandbox.SandboxError": INVALID,
    "records.RecordError": INVALID,
}
"""Package and class of our errors → exit code. By name, so that no package is loaded only to know its errors."""
UNWRITABLE = {
    errno.ENOSPC: "Make room",
    errno.EDQUOT: "Make room",
    errno.EFBIG: "Make room",
    errno.EROFS: "Make it writable",
    errno.EACCES: "Make it writable",
    errno.EIO: "Look at the disk",
}
"""Why nothing can be written to a disk → what helps."""
_USAGE_ERRNOS = frozenset({errno.ENOENT, errno.EEXIST, errno.EINVAL, errno.ENOTDIR})
"""Of a `StorageError` about a directory that the user named."""


def told(error: BaseException, *, debug: bool) -> int:
    """Say on stderr what went wrong; returns the exit code."""
    if debug:
        traceback.print_exception(error)
    code, text = _read(error)
    with suppress(OSError):  # the terminal is gone
        for line in text.splitlines() or [type(error).__name__]:
            warn(f"offswitch: {line}")
    return code


def _read(error: BaseException) -> tuple[int, str]:
    if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "Abort":
        return INTERRUPTED, "interrupted"
    message = getattr(error, "format_message", None)
    if callable(message):
        context = getattr(error, "ctx", None)
        command = getattr(context, "command_path", "offswitch")
        text = str(message()).strip()
        return USAGE, f"{text}{'' if text.endswith(('.', '?')) else '.'} Try: {command} --help"
    for kind in type(error).__mro__:
        known = _CODES.get(_name(kind))
        if known is not None:
            named = isinstance(error, OSError) and error.errno in _USAGE_ERRNOS and _name(kind).startswith("records.")
            return USAGE if named else known, _text(error)
    if isinstance(error, OSError):
        return INVALID, f"{error.filename or 'the system'}: {error.strerror or error}"
    return INVALID, f"internal error: {type(error).__name__}: {error} (offswitch --debug shows where)"


def _name(kind: type) -> str:
    """Package and class, for example ``records.RecordError``; "" for a class that is not ours."""
    parts = kind.__module__.split(".")
    return f"{parts[1]}.{kind.__name__}" if parts[0] == "offswitch" and len(parts) > 1 else ""


def _text(error: BaseException) -> str:
    """The error's own words: an `OSError` of ours carries them as its reason."""
    return str(error.strerror) if isinstance(error, OSError) and error.strerror else str(error)
