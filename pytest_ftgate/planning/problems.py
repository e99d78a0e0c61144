"""Problems of a plan, gathered so that one message names them all."""

from __future__ import annotations

from pytest_ftgate.errors import EvalsetError
from pytest_ftgate.model.evalset import Location

_SHOWN_CASES = 5
_SHOWN_PROBLEMS = 50


class Problems:
    """Sentences by place; the same one for many cases is told once, with the cases."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._found: dict[tuple[Location, str], tuple[str, list[str]]] = {}

    def add(self, where: Location, text: str, case: str | None = None, *, topic: str | None = None) -> None:
        """Note a problem, for a case or for all. One with the same `topic` (else text) is the same."""
        _, cases = self._found.setdefault((where, topic or text), (text, []))
        if case is not None:
            cases.append(case)

    def raise_if_any(self) -> None:
        """Raises EvalsetError where anything was noted."""
        if not self._found:
            return
        told = [(where, text + _name(cases)) for (where, _), (text, cases) in self._found.items()]
        if len(told) > _SHOWN_PROBLEMS:
            rest = len(told) - _SHOWN_PROBLEMS
            told = [*told[:_SHOWN_PROBLEMS], (Location(file=self._path), f"and {rest} more problems")]
        raise EvalsetError(self._path, told)


def _name(cases: list[str]) -> str:
    if not cases:
        return ""
    shown = ", ".join(cases[:_SHOWN_CASES])
    more = f" and {len(cases) - _SHOWN_CASES} more" if len(cases) > _SHOWN_CASES else ""
    return f" (case{'s' if len(cases) > 1 else ''} {shown}{more})"
