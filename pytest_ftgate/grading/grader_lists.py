"""What holds of the graders of a case whatever the case: found out once for all cases that share them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from pytest_ftgate.grading.apply import grade_alone
from pytest_ftgate.grading.field_rules import FieldRules
from pytest_ftgate.grading.parsed import TextOutput
from pytest_ftgate.grading.transforms import list_transforms
from pytest_ftgate.model.evalset import TRANSFORMS, Case, Evalset, GraderSpec
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.response import Response
from pytest_ftgate.registry import Registries

BUDGETS = ("latency", "cost")
_BLANK = Response(text="", finish_reason="stop")


class GraderList:
    """The graders of a case, their values rendered."""

    def __init__(self, specs: Sequence[GraderSpec], registries: Registries, evalset: Evalset) -> None:
        self.specs = specs
        self._registries, self._evalset = registries, evalset

    def judge(self, spec: GraderSpec, response: Response, parsed: TextOutput, case: Case) -> Grade:
        """What one of them says of an answer, as if it were the only one."""
        return grade_alone(spec, response, parsed, case, self._registries, self._evalset)

    @cached_property
    def readers(self) -> tuple[GraderSpec, ...]:
        """Those that read `expected` as the answer or as a part of it."""
        own = [
            spec for spec in self.specs if not spec.has_value and not spec.negated and spec.name != "regex"
        ]
        return tuple(spec for spec in own if self._reading(spec) in ("whole", "part"))

    @cached_property
    def ideal_judges(self) -> tuple[GraderSpec, ...]:
        """Those that the answer described by `expected` must pass.

        Where `expected` is only a part of the answer (a number, a term) they are those that read it; where
        it is all of it, every rule must hold too.
        """
        if not any(map(self._reads_whole, self.readers)):
            return self.readers
        return tuple(spec for spec in self.specs if self._reading(spec) is not None)

    @cached_property
    def is_partial(self) -> bool:
        """Whether `expected` may leave fields of the answer out."""
        return any(spec.name == "json-fields" for spec in self.readers)

    @cached_property
    def expecting(self) -> frozenset[str]:
        """Names of those that hold the answer against `expected`, or against nothing."""
        return frozenset(spec.name for spec in self.specs if not spec.negated and not spec.has_value)

    @cached_property
    def field_rules(self) -> tuple[FieldRules, ...]:
        """The rules that `json-fields` states."""
        return tuple(
            FieldRules(spec.options)
            for spec in self.specs
            if spec.name == "json-fields" and not spec.negated and spec.options
        )

    def passes_empty(self, case: Case) -> bool:
        """Whether nothing at all would be judged right, if it came in time and cost nothing. A case that
        expects nothing is meant so.
        """
        if not self.specs or (case.has_expected and case.expected in ("", [], {}, None)):
            return False
        if not self._are_known or not self._is_empty_passed_by_rules:
            return False
        # One after the other: mostly the first settles it.
        return all(self._passes_empty(spec, case) for spec in self._judging_by_case)

    @cached_property
    def _are_known(self) -> bool:
        return all(is_known(spec, self._registries) for spec in self.specs)

    @cached_property
    def _is_empty_passed_by_rules(self) -> bool:
        case = Case(id="")
        rules = [spec for spec in self.specs if self._is_rule(spec)]
        return all(self._passes_empty(spec, case) for spec in rules)

    @cached_property
    def _judging_by_case(self) -> tuple[GraderSpec, ...]:
        judging = (spec for spec in self.specs if spec.name not in BUDGETS)
        return tuple(spec for spec in judging if not self._is_rule(spec))

    def _is_rule(self, spec: GraderSpec) -> bool:
        """Whether it is a rule of the answer alone, which holds or not whatever the case."""
        grader = self._registries.graders.get(spec.name)
        is_bound = grader.needs_expected and not spec.has_value
        return _is_ours(grader) and self._reading(spec) == "contains" and not is_bound

    def _passes_empty(self, spec: GraderSpec, case: Case) -> bool:
        # Who asks a model asks nothing about an empty answer.
        grade = grade_alone(spec, _BLANK, TextOutput(""), case, self._registries, self._evalset, replies=())
        return grade.outcome == "passed"

    def _reading(self, spec: GraderSpec) -> str | None:
        """How a grader reads the expected output: as the `whole` answer, a `part` of it, or a rule that the
        answer `contains` it; None where that is not known.
        """
        if spec.name not in self._registries.graders or not _has_known_transforms(spec):
            return None
        return getattr(self._registries.graders.get(spec.name), "reads_expected", None)

    def _reads_whole(self, spec: GraderSpec) -> bool:
        if spec.name == "label" and spec.options.get("match") == "in_text":
            return False
        return self._reading(spec) == "whole"


def is_known(spec: GraderSpec, registries: Registries) -> bool:
    """Whether it may be tried what the grader says of an answer: those of the project are never run here."""
    if spec.name == "python" or spec.name not in registries.graders or not _has_known_transforms(spec):
        return False
    grader = registries.graders.get(spec.name)
    return _is_ours(grader) or getattr(grader, "reads_expected", None) is not None


def _has_known_transforms(spec: GraderSpec) -> bool:
    return all(name in TRANSFORMS for name in list_transforms(spec))


def _is_ours(grader: object) -> bool:
    return type(grader).__module__.startswith(f"{__package__}.")
