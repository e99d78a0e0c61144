"""Whether the `expected` of few-shot examples is an answer that a model may imitate."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from pytest_ftgate.model.evalset import Evalset, GraderSpec, Json, Location
from pytest_ftgate.model.trial import PlannedArm
from pytest_ftgate.planning.few_shot import FewShotArm
from pytest_ftgate.planning.problems import Problems
from pytest_ftgate.planning.shots import choose_answer_form, read_calls, shows_expected
from pytest_ftgate.planning.templates import TemplateUseError, mentions
from pytest_ftgate.registry import Registries

_SHOWN = 5
_ANSWERS = ("whole", "part")
_CALLS = "tool-call"


def find_shot_answer_problems(
    evalset: Evalset,
    graders: Mapping[str, tuple[GraderSpec, ...]],
    arms: Sequence[PlannedArm],
    registries: Registries,
    problems: Problems,
) -> None:
    """Note examples that would show rules, tests or patterns as if they were the answer.

    A model that imitates those fails, and the arm would look as if examples did not help.
    """
    running = {arm.name for arm in arms if arm.status == "run"}
    specs = [*{id(spec): spec for own in graders.values() for spec in own}.values()]
    for arm in evalset.arms:
        if arm.name not in running or not isinstance(registries.arms.get(arm.kind), FewShotArm):
            continue
        found: dict[str, list[int]] = {}
        meanings = Meanings(specs, registries, has_parts=reads_parts(evalset))
        for place, example in enumerate(arm.options.get("examples") or (), 1):
            meaning = meanings.find(example) if isinstance(example, Mapping) else None
            if meaning is not None:
                found.setdefault(meaning, []).append(place)
        for meaning, places in found.items():
            where = arm.where or Location(file=evalset.path, pointer=f"/arms/{arm.name}")
            problems.add(
                where,
                f"arm {arm.base!r}: the `expected` of {_name(places)} holds {meaning}, not an answer "
                "to show: give each example its `answer:` (the text), or `tool_calls:`",
            )


class Meanings:
    """What the `expected` of examples means to graders, where it is no answer.

    `has_parts`: a grader takes what it wants out of `expected` by a template.
    """

    def __init__(self, specs: Sequence[GraderSpec], registries: Registries, *, has_parts: bool) -> None:
        self._has_calls = choose_answer_form(specs).calls is not None
        self._meaning = find_meaning(specs, registries)
        self._readers = {spec.name for spec in _list_answer_readers(specs, registries)}
        self._has_parts = has_parts

    def find(self, example: Mapping[str, Json]) -> str | None:
        """What the `expected` that an example shows holds; None where that is an answer."""
        if not shows_expected(example):
            return None
        expected, readers = example["expected"], self._readers
        if self._has_calls and read_calls(expected) is not None:
            return None
        if self._meaning is not None:
            return self._meaning
        if readers == {_CALLS} and not _is_written_call(expected):
            return "no call (grader tool-call)"
        if readers and _is_list_of_terms(expected, readers):
            return "a list of terms (grader contains-all)"
        if not readers and self._has_parts and isinstance(expected, Mapping):
            return "parts for the templates of graders"
        return None


def _is_written_call(expected: Json) -> bool:
    """Whether `expected` is a call as a model would write it: a JSON object or list, as text."""
    if not isinstance(expected, str):
        return False
    try:
        return isinstance(json.loads(expected), dict | list)
    except (ValueError, RecursionError):
        return False


def reads_parts(evalset: Evalset) -> bool:
    """Whether a grader takes what it wants out of `expected` by a template."""
    written = [*evalset.graders, *(spec for case in evalset.cases for spec in case.graders)]
    try:
        return any(mentions(spec.value, "expected") for spec in written)
    except TemplateUseError:
        return False  # told where graders are rendered


def find_meaning(specs: Iterable[GraderSpec], registries: Registries) -> str | None:
    """What `expected` holds where no grader reads it as an answer, None where one does or none reads it."""
    specs = list(specs)
    if _list_answer_readers(specs, registries):
        return None
    for spec in specs:
        grader = registries.graders.get(spec.name) if spec.name in registries.graders else None
        if spec.has_value or grader is None:
            continue
        if getattr(grader, "reads_expected", None) in _ANSWERS:
            return f"what an answer must not be (grader {spec.label})"
        find = getattr(grader, "expected_holds", None)
        meaning = find(spec) if find is not None else None
        if meaning:
            return f"{meaning} (grader {spec.label})"
    return None


def _list_answer_readers(specs: Iterable[GraderSpec], registries: Registries) -> list[GraderSpec]:
    return [
        spec
        for spec in specs
        if not spec.negated
        and not spec.has_value
        and spec.name in registries.graders
        and getattr(registries.graders.get(spec.name), "reads_expected", None) in _ANSWERS
    ]


def _is_list_of_terms(expected: Json, names: set[str]) -> bool:
    return isinstance(expected, list | tuple) and names <= {"contains-all", "icontains-all"}


def _name(places: Sequence[int]) -> str:
    shown = ", ".join(map(str, places[:_SHOWN]))
    more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    return f"example{'s' if len(places) > 1 else ''} {shown}{more}"
