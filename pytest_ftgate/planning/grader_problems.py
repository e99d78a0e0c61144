"""What graders say about how they are written, before anything is asked."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_ftgate.model.evalset import GraderSpec, Location
from pytest_ftgate.planning.problems import Problems
from pytest_ftgate.registry import Registries


def find_grader_problems(
    graders: Mapping[str, tuple[GraderSpec, ...]], registries: Registries, problems: Problems, path: str
) -> None:
    """Note what the graders' own `problems(spec)` say; `graders` maps case ids to specs, values rendered.

    An evalset's own specs are shared by all cases and asked once.
    """
    asked: dict[int, GraderSpec] = {}
    for case, specs in graders.items():
        for spec in specs:
            if id(spec) in asked or spec.name not in registries.graders:
                continue
            asked[id(spec)] = spec
            find = getattr(registries.graders.get(spec.name), "problems", None)
            for text in find(spec) if find is not None else ():
                where = spec.where or Location(file=path, pointer="/graders")
                problems.add(where, f"grader {spec.label!r}: {text}", case)
