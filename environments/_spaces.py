"""A Gymnasium space of Unicode text: the stock `Text` space knows single characters of a fixed alphabet only."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Space

_HARMLESS = ("", "{}", "inbox", "wait", '{"minutes": 1}', "é✓", "read_file")


class UnicodeText(Space[str]):
    """Any text up to a length. Samples come from a short list of texts that do nothing when they are acted on."""

    def __init__(
        self, max_length: int, samples: Sequence[str] = _HARMLESS, seed: int | np.random.Generator | None = None
    ) -> None:
        """``max_length`` in characters; ``samples`` are what `sample` draws from."""
        if max_length < 1:
            raise ValueError("max_length must be positive")
        self.max_length = max_length
        self.samples = tuple(samples)
        super().__init__(dtype=str, seed=seed)

    @property
    def is_np_flattenable(self) -> bool:
        return False

    def sample(self, mask: Any | None = None, probability: Any | None = None) -> str:
        """A harmless text."""
        if mask is not None or probability is not None:
            raise ValueError("UnicodeText takes neither a mask nor a probability")
        return self.samples[int(self.np_random.integers(len(self.samples)))]

    def contains(self, x: Any) -> bool:
        """Whether this is a text of valid Unicode that is not too long."""
        if not isinstance(x, str) or len(x) > self.max_length:
            return False
        try:
            x.encode()
        except UnicodeEncodeError:
            return False
        return True

    def to_jsonable(self, sample_n: Iterable[str]) -> list[str]:
        return list(sample_n)

    def from_jsonable(self, sample_n: list[str]) -> list[str]:
        return list(sample_n)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UnicodeText) and self.max_length == other.max_length

    def __hash__(self) -> int:
        return hash((UnicodeText, self.max_length))

    def __repr__(self) -> str:
        return f"UnicodeText({self.max_length})"
