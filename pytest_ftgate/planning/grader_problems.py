"""What graders say about how they are written and what their cases hold, before anything is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pytest_ftgate.model.evalset import Case, Evalset, GraderSpec, Location
from pytest_ftgate.planning.problems import Problems
from pytest_ftgate.registry import Registries


def find_grader_problems(
    evalset: Evalset,
    graders: Mapping[str, tuple[GraderSpec, ...]],
    registries: Registries,
    problems: Problems,
) -> None:
    """Note what the graders' own `problems(spec)` and `case_problems(spec, case)` say.

    `graders` maps case ids to specs, values rendered. An evalset's own specs are shared by all cases: what
    is wrong with them is asked once, what they lack in a case of each case.
    """
    asked: dict[int, GraderSpec] = {}
    for case in evalset.cases:
        for spec in graders.get(case.id, ()):
            if spec.name not in registries.graders:
                continue
            is_new = id(spec) not in asked
            asked[id(spec)] = spec
            where = spec.where or Location(file=evalset.path, pointer="/graders")
            for text in _list_problems(registries.graders.get(spec.name), spec, case, is_new=is_new):
                problems.add(where, f"grader {spec.label!r}: {text}", case.id)


def _list_problems(grader: object, spec: GraderSpec, case: Case, *, is_new: bool) -> Iterable[str]:
    find = getattr(grader, "problems", None)
    if is_new and find is not None:
        yield from find(spec)
    find_in_case = getattr(grader, "case_problems", None)
    if find_in_case is not None:
        yield from find_in_case(spec, case)
