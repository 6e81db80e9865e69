"""Where the numbers come from, written so that what many share is said once."""

from collections.abc import Iterable
from dataclasses import dataclass

from ._numbers import Measurement, Value

_WHOSE = ("branch_run", "subject", "scaffold")
Filter = tuple[str, Value | tuple[Value, ...]]


@dataclass(frozen=True)
class Origins:
    """The measurements of a document, and the filters that many of them share under a name of their own."""

    measurements: tuple[Measurement, ...]
    scopes: dict[tuple[Filter, ...], str]

    @classmethod
    def of(cls, measurements: Iterable[Measurement]) -> "Origins":
        """Whose rows are asked for again and again is numbered W1, W2 and so on."""
        kept = tuple(measurements)
        found = dict.fromkeys(scope for one in kept if (scope := _scope(one)))
        return cls(kept, {scope: f"W{number}" for number, scope in enumerate(found, start=1)})

    def scope(self, one: Measurement) -> str:
        """Whose rows; "" for those of everybody."""
        return self.scopes.get(_scope(one), "")

    def rest(self, one: Measurement) -> list[Filter]:
        """The filters beside."""
        return [(name, value) for name, value in one.filters.items() if name not in _WHOSE]


def _scope(one: Measurement) -> tuple[Filter, ...]:
    return tuple((name, one.filters[name]) for name in _WHOSE if name in one.filters)


def written(filters: Iterable[Filter]) -> list[str]:
    """Each filter as column=value; null for a missing value, | between several.

    >>> written([("branch_run", None), ("subject_kind", ("as_is", "deployed"))])
    ['branch_run=null', 'subject_kind=as_is|deployed']
    """
    return [f"{name}={_value(value)}" for name, value in filters]


def _value(value: Value | tuple[Value, ...]) -> str:
    if isinstance(value, tuple):
        return "|".join(map(_value, value))
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
