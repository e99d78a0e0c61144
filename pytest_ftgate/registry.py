"""Named parts: graders, arms, gates, providers and reporters, built-in or third-party."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pytest_ftgate.errors import SettingsError, UnknownNameError

if TYPE_CHECKING:
    from pytest_ftgate.model.protocols import Arm, Gate, Grader, Provider, Reporter

T = TypeVar("T")


class Registry(Generic[T]):
    """Names of one kind → objects. A name can be registered once."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._parts: dict[str, T] = {}
        self._makers: dict[str, Callable[[], T]] = {}

    def register(self, name: str, part: T) -> None:
        """Add `part`; raises SettingsError where the name is taken."""
        self._refuse_taken(name)
        self._parts[name] = part

    def defer(self, name: str, make: Callable[[], T]) -> None:
        """Add a part that is made when it is first asked for; raises SettingsError where the name is taken.

        For built-in parts: an evalset uses a few of them, and all together take a while to import.
        """
        self._refuse_taken(name)
        self._makers[name] = make

    def get(self, name: str) -> T:
        """The part called `name`; raises UnknownNameError with a suggestion."""
        try:
            return self._parts[name]
        except KeyError:
            make = self._makers.get(name)
            if make is None:
                raise UnknownNameError(self.kind, name, self.names()) from None
        # Two threads may make it at once; one of the two is kept.
        return self._parts.setdefault(name, make())

    def is_deferred(self, name: str) -> bool:
        """Whether it came through `defer`: a part of the package itself."""
        return name in self._makers

    def names(self) -> tuple[str, ...]:
        return tuple(sorted({*self._parts, *self._makers}))

    def _refuse_taken(self, name: str) -> None:
        if name in self:
            raise SettingsError(
                f"{self.kind} {name!r} is registered twice; choose another name for one of them"
            )

    def __contains__(self, name: object) -> bool:
        return name in self._parts or name in self._makers

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())


@dataclass(frozen=True, slots=True)
class Registries:
    """All registries of a session. `functions` holds names that YAML may call (`python: NAME`)."""

    graders: Registry[Grader] = field(default_factory=lambda: Registry("grader"))
    arms: Registry[Arm] = field(default_factory=lambda: Registry("arm"))
    gates: Registry[Gate] = field(default_factory=lambda: Registry("gate"))
    providers: Registry[Provider] = field(default_factory=lambda: Registry("provider"))
    reporters: Registry[Reporter] = field(default_factory=lambda: Registry("reporter"))
    functions: Registry[Any] = field(default_factory=lambda: Registry("python function"))
