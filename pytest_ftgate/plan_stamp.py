"""Remembers that an evalset was planned whole and without a problem, so that it can be listed sooner.

A plan renders every prompt of every case, which is also how faults in them are found. Whoever only lists the
tests of an evalset that has been planned before, and has not changed, needs neither.
"""

from __future__ import annotations

import hashlib
import sys
from contextlib import suppress
from pathlib import Path

from pytest_ftgate import __version__
from pytest_ftgate.errors import StorageError
from pytest_ftgate.loading.cache import describe_parts
from pytest_ftgate.model.evalset import Evalset
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.registry import Registries
from pytest_ftgate.storage.files import write_text

MIN_CASES = 500
"""Fewer are planned faster than a user can tell."""


class PlanStamp:
    """The stamp of one evalset under `directory`, which need not exist.

    It holds for the same content of all its files, the same settings, parts and versions; of those whose
    arms or graders come from elsewhere, or search documents, none is kept: more decides about their plan.
    """

    def __init__(self, directory: Path, evalset: Evalset, settings: Settings, registries: Registries) -> None:
        named = hashlib.sha256(evalset.path.encode("utf-8", "replace")).hexdigest()
        self._path = directory / f"{named[:24]}.planned"
        self._is_apt = len(evalset.cases) >= MIN_CASES and _is_ours(evalset, registries)
        self._text = ""
        if self._is_apt:
            state = (__version__, sys.version, evalset.path, evalset.files, evalset.digest, settings)
            told = f"{state!r}\n{describe_parts(registries)}"
            total = hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()
            self._text = f"pytest-ftgate planned {total}\n"

    def holds(self) -> bool:
        """Whether this very evalset was planned so before."""
        try:
            return self._is_apt and self._path.read_text(encoding="ascii") == self._text
        except (OSError, ValueError):
            return False

    def write(self, plan: Plan) -> None:
        """Remember a plan without problems, where all its cases are alike. Raises nothing."""
        is_even = not plan.retrievals and all(item.trials for item in plan.items)
        if self._is_apt and is_even and not self.holds():
            with suppress(StorageError):
                write_text(self._path, self._text)


def _is_ours(evalset: Evalset, registries: Registries) -> bool:
    specs = {id(spec): spec for spec in evalset.graders}
    specs |= {id(spec): spec for case in evalset.cases for spec in case.graders}
    return all(registries.graders.is_deferred(spec.name) for spec in specs.values()) and all(
        registries.arms.is_deferred(arm.kind) for arm in evalset.arms
    )
