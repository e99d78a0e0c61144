"""What graders say about how they are written and what their cases hold, before anything is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from pytest_ftgate.model.evalset import Case, Evalset, GraderSpec, Location
from pytest_ftgate.planning.problems import Problems
from pytest_ftgate.registry import Registries

_FindInCase = Callable[[GraderSpec, Case], Iterable[str]]


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
    asked: dict[int, tuple[GraderSpec, _FindInCase | None]] = {}
    for case in evalset.cases:
        for spec in graders.get(case.id, ()):
            texts: list[str] = []
            if id(spec) not in asked:
                grader = registries.graders.get(spec.name) if spec.name in registries.graders else None
                asked[id(spec)] = spec, getattr(grader, "case_problems", None)
                find = getattr(grader, "problems", None)
                texts += find(spec) if find is not None else ()
            find_in_case = asked[id(spec)][1]
            if find_in_case is not None:
                texts += find_in_case(spec, case)
            for text in texts:
                where = spec.where or Location(file=evalset.path, pointer="/graders")
                problems.add(where, f"grader {spec.label!r}: {text}", case.id)
