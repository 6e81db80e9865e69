"""Bounded retries: attempts and waiting are both limited, and every failed attempt is kept."""

import queue
import random
import threading
import time
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from pydantic import Field

from ..records import Model
from ._errors import Category
from ._failures import Failure

T = TypeVar("T")

_SAME_ERROR_LIMIT = 3


class RetryPolicy(Model):
    """How often and how patiently a model is asked again after a transient error."""

    max_attempts: int = Field(default=6, ge=1)
    max_total_delay_s: float = Field(default=180.0, ge=0)
    """Over all waits of one answer. A wait that would go beyond it is not begun."""
    base_delay_s: float = Field(default=1.0, ge=0)
    """Before the second attempt; doubled before each further one."""
    max_delay_s: float = Field(default=30.0, ge=0)
    max_retry_after_s: float = Field(default=60.0, ge=0)
    """Longest wait that a provider's ``Retry-After`` is granted."""


class Tried(NamedTuple, Generic[T]):
    """What came of the attempts."""

    value: T | None
    """None where all attempts failed."""
    failures: tuple[Failure, ...]
    attempts: int
    category: Category | None
    """Why there is no value."""


class Retrier:
    """Carries out a policy.

    Args:
        policy: The limits.
        classify: Says what an exception means.
        sleep: Waits that many seconds.
        jitter: A number from 0 to 1, drawn before each wait.
    """

    def __init__(
        self,
        policy: RetryPolicy,
        classify: Callable[[Exception], Failure],
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._policy = policy
        self._classify = classify
        self._sleep = sleep
        self._jitter = jitter

    def run(self, attempt: Callable[[], T]) -> Tried[T]:
        """Try until there is a value, an error that no retry mends, or a limit is reached."""
        failures: list[Failure] = []
        waited_s = 0.0
        for number in range(1, self._policy.max_attempts + 1):
            try:
                return Tried(attempt(), tuple(failures), number, None)
            except Exception as error:  # the boundary: whatever a provider's SDK raises becomes a recorded failure
                failures.append(self._classify(error))
            delay_s = self._delay_s(number, failures[-1])
            if (
                failures[-1].category != "transient"
                or _keeps_saying_the_same(failures)
                or waited_s + delay_s > self._policy.max_total_delay_s
                or number == self._policy.max_attempts
            ):
                break
            self._sleep(delay_s)
            waited_s += delay_s
        same = _keeps_saying_the_same(failures)
        return Tried(None, tuple(failures), len(failures), "deterministic" if same else failures[-1].category)

    def _delay_s(self, attempts: int, failure: Failure) -> float:
        """Exponential, with a half of it drawn; never shorter than what the provider asked for, up to the cap."""
        policy = self._policy
        backoff_s = min(policy.max_delay_s, policy.base_delay_s * 2.0 ** min(attempts - 1, 64))
        asked_s = min(policy.max_retry_after_s, failure.retry_after_s or 0.0)
        return max(backoff_s * (1.0 + self._jitter()) / 2.0, asked_s)


def _keeps_saying_the_same(failures: list[Failure]) -> bool:
    last = [failure.repeat_key for failure in failures[-_SAME_ERROR_LIMIT:]]
    return len(last) == _SAME_ERROR_LIMIT and last[0] is not None and len(set(last)) == 1


def within(timeout_s: float, function: Callable[[], T]) -> T:
    """The function's value, or its exception, within a time on the host's monotonic clock.

    A client's own timeout restarts with every byte, so a server that drips would hold the episode for ever. The
    thread of a call that overran is left behind and ends with its socket.

    Raises:
        TimeoutError: The time ran out.
    """
    results: queue.SimpleQueue[tuple[T, None] | tuple[None, BaseException]] = queue.SimpleQueue()

    def work() -> None:
        try:
            results.put((function(), None))
        except BaseException as error:  # handed over whole to the caller below
            results.put((None, error))

    threading.Thread(target=work, name="offswitch-model-call", daemon=True).start()
    try:
        value, error = results.get(timeout=timeout_s)
    except queue.Empty:
        raise TimeoutError(f"no complete answer within {timeout_s:g} s") from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]  # the other half of the union holds an error
