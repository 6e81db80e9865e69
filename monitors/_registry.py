"""Plugins found by being there: one file of a package, or an entry point of an installed distribution."""

import difflib
import hashlib
import importlib
import inspect
import logging
import pkgutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, entry_points
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeGuard, TypeVar

from ._errors import DuplicateIdError, UnknownIdError
from ._text import brief

_log = logging.getLogger(__name__)
_OWN = "offswitch"


class HasId(Protocol):
    """What a plugin class must carry."""

    id: ClassVar[str]


T = TypeVar("T", bound=HasId)


@dataclass(frozen=True)
class Origin:
    """Where the code of a plug-in came from."""

    module: str
    distribution: str
    """Name and version of what brought it: our own, or a third party's; "unknown" where nothing says so."""
    sha256: str | None
    """Of the module's file; None where it has none that can be read."""

    @classmethod
    def of(cls, kind: type[Any], distribution: str) -> "Origin":
        """The origin of a class."""
        file = getattr(sys.modules.get(kind.__module__), "__file__", None)
        try:
            digest = None if file is None else hashlib.sha256(Path(file).read_bytes()).hexdigest()
        except OSError:
            digest = None
        return cls(kind.__module__, distribution, digest)


class Registry(Generic[T]):
    """The concrete subclasses of one base, by id.

    Every file of the package whose name has no leading underscore is a plugin; its concrete subclasses of
    ``base`` count. A file that does not import is kept in `broken` and logged, and the others go on.
    """

    def __init__(self, noun: str, base: type[Any], package: str, group: str) -> None:
        """``noun`` for messages, ``package`` whose files are plugins, ``group`` of entry points from outside."""
        self.noun = noun
        self.base = base
        self._package = package
        self._group = group
        self._known: dict[str, type[T]] | None = None
        self._broken: dict[str, str] = {}
        self._brought: dict[str, str] = {}
        """Id → distribution whose entry point it is."""

    def names(self) -> tuple[str, ...]:
        """The known ids, sorted. Raises `DuplicateIdError`."""
        return tuple(sorted(self._load()))

    def broken(self) -> dict[str, str]:
        """Plugin → why it could not be used."""
        self._load()
        return dict(self._broken)

    def origins(self) -> dict[str, Origin]:
        """Id → where its code came from, of everything that was loaded. Raises `DuplicateIdError`."""
        known = self._load()
        return {name: Origin.of(known[name], self._brought.get(name, _OWN)) for name in sorted(known)}

    def get(self, name: str) -> type[T]:
        """The class with this id. Raises `UnknownIdError` and `DuplicateIdError`."""
        known = self._load()
        if name not in known:
            raise UnknownIdError(self._unknown(name, known))
        return known[name]

    def _unknown(self, name: str, known: Iterable[str]) -> str:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        broken = f"; broken: {', '.join(sorted(self._broken))}" if self._broken else ""
        return f"unknown {self.noun} {brief(name, 80)!r}{hint} known: {', '.join(sorted(known))}{broken}"

    def _load(self) -> dict[str, type[T]]:
        if self._known is None:
            known: dict[str, type[T]] = {}
            for found in (*self._from_files(), *self._from_entry_points()):
                other = known.setdefault(found.id, found)
                if other is not found:
                    raise DuplicateIdError(f"{self.noun} id {found.id!r}: {_place(other)} and {_place(found)}")
            self._known = known
        return self._known

    def _from_files(self) -> Iterator[type[T]]:
        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__):
            if module.name.startswith("_"):
                continue
            name = f"{self._package}.{module.name}"
            try:
                members = list(vars(importlib.import_module(name)).values())
            except (Exception, SystemExit) as error:
                self._report(name, error)
                continue
            yield from (cls for cls in members if self._fits(cls) and cls.__module__ == name)

    def _from_entry_points(self) -> Iterator[type[T]]:
        for entry in entry_points(group=self._group):
            try:
                found = entry.load()
                if not self._fits(found):
                    raise TypeError(f"{entry.value} is no {self.base.__name__} with an id")
            except (Exception, SystemExit) as error:
                self._report(f"entry point {entry.name}", error)
                continue
            if not found.__module__.startswith(f"{self._package}."):
                self._brought[found.id] = _name_of(entry.dist)
            yield found

    def _fits(self, value: object) -> TypeGuard[type[T]]:
        if not (inspect.isclass(value) and issubclass(value, self.base)) or inspect.isabstract(value):
            return False
        return isinstance(getattr(value, "id", None), str)

    def _report(self, plugin: str, error: BaseException) -> None:
        self._broken[plugin] = brief(f"{type(error).__name__}: {error}")
        _log.warning("%s plugin %s left out: %s", self.noun, plugin, self._broken[plugin])


def _name_of(distribution: Distribution | None) -> str:
    return "unknown" if distribution is None else f"{distribution.name} {distribution.version}"


def _place(cls: type[Any]) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
