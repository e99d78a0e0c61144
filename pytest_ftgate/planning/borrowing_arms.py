"""Arms that ask what another arm asks: `repair` judges its answers again, `reask` follows up on them."""

# ruff: noqa: ARG002 - the Arm protocol fixes the parameters

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from pytest_ftgate.errors import suggest
from pytest_ftgate.model.evalset import AS_IS, ArmSpec, Case, Evalset, Json, base_arm
from pytest_ftgate.model.protocols import ArmTask
from pytest_ftgate.model.trial import Trial

MAX_TURNS = 10


class RepairArm:
    """The same responses as arm `of`, read by the tolerant parser. Costs no call."""

    question: Literal[1, 2] = 1
    options: Mapping[str, Json] = {"of": {"type": "string", "default": AS_IS}}

    def problems(self, spec: ArmSpec, evalset: Evalset) -> Iterable[str]:
        yield from _find_source_problems(spec, evalset)
        if spec.prompt is not None:
            yield f"arm {spec.name!r} asks nothing and takes no `prompt`; it judges the answers of `of` again"

    def inapplicable(self, spec: ArmSpec, evalset: Evalset) -> str | None:
        return None

    def trials(self, task: ArmTask, case: Case) -> Iterable[Trial]:
        source = source_of(task.spec)
        return [
            task.make(case, repeat, source_arm=source, tolerant=True) for repeat in range(1, task.repeats + 1)
        ]


class ReaskArm:
    """Asks as arm `of` does (or with a prompt of its own), and again where the form is wrong."""

    question: Literal[1, 2] = 1
    options: Mapping[str, Json] = {
        "of": {"type": "string", "default": AS_IS},
        "max_turns": {"type": "integer", "minimum": 1, "maximum": MAX_TURNS, "default": 1},
    }

    def problems(self, spec: ArmSpec, evalset: Evalset) -> Iterable[str]:
        yield from _find_source_problems(spec, evalset)
        if spec.prompt is not None and "of" in spec.options:
            yield f"arm {spec.name!r} has both `of` and `prompt`; only one can say what is asked"

    def inapplicable(self, spec: ArmSpec, evalset: Evalset) -> str | None:
        return None

    def trials(self, task: ArmTask, case: Case) -> Iterable[Trial]:
        turns, repeats = task.spec.options.get("max_turns", 1), range(1, task.repeats + 1)
        if task.spec.prompt is None:
            source = source_of(task.spec)
            return [task.make(case, repeat, like=source, max_turns=turns) for repeat in repeats]
        messages = task.render(task.prompt, case, {})
        return [task.make(case, repeat, messages, max_turns=turns) for repeat in repeats]


def source_of(spec: ArmSpec) -> str:
    """The arm that a borrowing arm takes its requests from."""
    return str(spec.options.get("of", AS_IS))


def _find_source_problems(spec: ArmSpec, evalset: Evalset) -> Iterable[str]:
    source = source_of(spec)
    kinds = {arm.name: arm.kind for arm in evalset.arms}
    known = [name for name in kinds if name != spec.name]
    if source == spec.name:
        yield f"arm {spec.name!r}: `of` names the arm itself. Known: {', '.join(sorted(known))}."
    elif any(base_arm(name) == source for name in known if name != source):
        draws = ", ".join(name for name in known if base_arm(name) == source)
        yield f"arm {spec.name!r}: `of: {source}` names several draws; choose one of {draws}"
    elif source not in kinds:
        yield f"arm {spec.name!r}: `of` names no arm of this evalset: {source!r}.{suggest(source, known)}"
    elif kinds[source] in ("repair", "reask"):
        yield f"arm {spec.name!r}: `of` cannot name {source!r}, which itself borrows its requests"
