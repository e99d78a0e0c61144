"""Named parts: graders, arms, gates, providers and reporters, built-in or third-party."""

from __future__ import annotations

from collections.abc import Iterator
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

    def register(self, name: str, part: T) -> None:
        """Add `part`; raises SettingsError where the name is taken."""
        if name in self._parts:
            raise SettingsError(
                f"{self.kind} {name!r} is registered twice; choose another name for one of them"
            )
        self._parts[name] = part

    def get(self, name: str) -> T:
        """The part called `name`; raises UnknownNameError with a suggestion."""
        try:
            return self._parts[name]
        except KeyError:
            raise UnknownNameError(self.kind, name, self.names()) from None

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._parts))

    def __contains__(self, name: object) -> bool:
        return name in self._parts

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
