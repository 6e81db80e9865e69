"""What a provider's error means: is another try worth it, and how long to wait before it.

Errors are read by their shape (status, headers, body, class names), so that any provider's SDK is understood
without being imported.
"""

import math
import re
import time
from collections.abc import Iterator, Mapping
from email.utils import mktime_tz, parsedate_tz
from typing import Any, NamedTuple

from ..records import Redactor, clean_text
from ._errors import Category
from ._json import as_object

_MAX_READ = 10_000
_MAX_TEXT = 300
"""Characters of a provider's message that are looked at, and that are kept."""
_TRANSIENT_STATUS = frozenset({408, 409, 425, 429})
_SAME_BODY_BY_NATURE = frozenset({502, 503, 504, 529})
"""Overload and gateway errors: they read the same every time and still pass."""
_QUOTA_WORDS = re.compile(r"insufficient_quota|billing_|credit balance|insufficient (?:credits|balance|funds)", re.I)
_FILTER_WORDS = re.compile(
    r"content_filter|content_policy|ResponsibleAIPolicy|content management policy"
    r"|flagged as potentially violating",
    re.IGNORECASE,
)
_CONTEXT_STATUS = frozenset({None, 400, 413, 422})
_CONTEXT_WORDS = re.compile(
    r"context_length_exceeded|exceed_context_size|(?:context|token)s? (?:length|limit|size|window)\b.{0,40}\bexceed"
    r"|exceeds? (?:the )?(?:available |maximum |model'?s? )*(?:context|(?:input |number of )?tokens)"
    r"|maximum context length|prompt is too long|input is too long",
    re.IGNORECASE,
)
_CONTEXT_CLASS = "ContextOverflowError"
"""What LangChain raises, in a class of each provider's own below it."""
_TIMEOUT_CLASS = re.compile(r"Timed?out", re.IGNORECASE)
_CONNECTION_CLASS = re.compile(
    r"Connect|Protocol|Network|ReadError|WriteError|TransportError|RemoteDisconnected|SSL|APIError"
)
_UNREADABLE = (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError)
"""What SDKs raise where a body is no answer: empty, cut short, or of another shape."""


class Failure(NamedTuple):
    """One failed attempt."""

    category: Category
    text: str
    """One line for the record, without secrets."""
    retry_after_s: float | None = None
    """What the provider asked for; None where it asked for nothing usable."""
    repeat_key: str | None = None
    """Equal for server errors that say the same, apart from numbers and ids; None where that means nothing."""


def classify(error: Exception, redactor: Redactor) -> Failure:
    """Read a provider's error; its text goes through the redactor."""
    chain = list(_chain(error))
    status = _status_of(chain)
    body = " ".join(_text_of(chain if status is None else chain[:1]).split())[:_MAX_READ]
    text = redactor.redact(clean_text(body)).text[:_MAX_TEXT]
    category = _category(status, body, chain)
    label = f"HTTP {status}" if status is not None else type(error).__name__
    return Failure(
        category,
        f"{category}: {label}: {text}",
        retry_after_s=parse_retry_after(_headers_of(chain), now=time.time()),
        repeat_key=_repeat_key(status, body),
    )


def parse_retry_after(headers: Mapping[str, str], *, now: float) -> float | None:
    """Seconds to wait: ``Retry-After`` (seconds or HTTP date) or ``retry-after-ms``; None where it is nonsense.

    >>> parse_retry_after({"retry-after": "2.5"}, now=0), parse_retry_after({"retry-after": "soon"}, now=0)
    (2.5, None)
    """
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        seconds = _seconds(value) * unit_s
        if math.isnan(seconds) and name == "retry-after":
            seconds = _date(value) - now
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    return None


def _seconds(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return math.nan


def _date(value: str) -> float:
    parsed = parsedate_tz(value)
    try:
        return math.nan if parsed is None else float(mktime_tz(parsed))
    except (ValueError, OverflowError, OSError):
        return math.nan


def _category(status: int | None, body: str, chain: list[BaseException]) -> Category:
    if status is not None and status < 500 and _FILTER_WORDS.search(body):
        return "content_filter"
    if status == 402 or (status is not None and status < 500 and _QUOTA_WORDS.search(body)):
        return "quota"
    if status in _CONTEXT_STATUS and _is_context(body, chain):
        return "context"
    if status is not None:
        return "transient" if status in _TRANSIENT_STATUS or status >= 500 else "deterministic"
    if any(_is_connection_trouble(error) for error in chain) or isinstance(chain[0], _UNREADABLE):
        return "transient"
    return "deterministic"


def _is_context(body: str, chain: list[BaseException]) -> bool:
    known = any(kind.__name__ == _CONTEXT_CLASS for error in chain for kind in type(error).__mro__)
    return known or bool(_CONTEXT_WORDS.search(body))


def _is_connection_trouble(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return True
    names = [kind.__name__ for kind in type(error).__mro__]
    return any(_TIMEOUT_CLASS.search(name) or _CONNECTION_CLASS.search(name) for name in names)


def _repeat_key(status: int | None, body: str) -> str | None:
    if status is None or status < 500 or status in _SAME_BODY_BY_NATURE:
        return None
    return f"{status} " + re.sub(r"\w*\d\w*", "#", body)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and its causes, outermost first."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def _status_of(chain: list[BaseException]) -> int | None:
    for error in chain:
        response: Any = getattr(error, "response", None)
        # some gateways send an error object in a body with status 200: LangChain raises it as a ValueError
        embedded = as_object(error.args[0] if error.args else None)
        for name in ("status_code", "code", "status"):
            for value in (getattr(error, name, None), getattr(response, name, None), embedded.get(name)):
                if isinstance(value, int) and 400 <= value < 600:
                    return value
    return None


def _headers_of(chain: list[BaseException]) -> Mapping[str, str]:
    for error in chain:
        headers = getattr(getattr(error, "response", None), "headers", None)
        if headers is not None:
            return {str(name).lower(): str(value) for name, value in headers.items()}
    return {}


def _text_of(chain: list[BaseException]) -> str:
    """What the errors say, each part once, the most particular last."""
    parts: list[str] = []
    for error in chain:
        text = str(error) or type(error).__name__
        marks = [getattr(error, name, None) for name in ("code", "type")]
        text += "".join(f" ({mark})" for mark in dict.fromkeys(marks) if isinstance(mark, str) and mark not in text)
        if not any(text in part for part in parts):
            parts.append(text)
    return " < ".join(parts)
