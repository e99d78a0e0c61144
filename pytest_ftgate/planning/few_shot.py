"""Arm `few_shot`: solved examples before the question."""

# ruff: noqa: ARG002 - the Arm protocol fixes the parameters

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from pytest_ftgate.errors import FtgateError
from pytest_ftgate.model.evalset import ArmSpec, Case, Evalset, Json, Message
from pytest_ftgate.model.protocols import ArmTask
from pytest_ftgate.model.trial import Trial
from pytest_ftgate.planning.conversation import insert_shots, question_index, question_place
from pytest_ftgate.planning.draws import MAX_DRAWS, Hand, deal_hand, find_draw_problem
from pytest_ftgate.planning.leakage import find_exact_leaks
from pytest_ftgate.planning.ranking import Ranking
from pytest_ftgate.planning.shots import Shot, choose_answer_form, find_shot_problem, read_shot
from pytest_ftgate.planning.templates import TemplateUseError
from pytest_ftgate.planning.texts import case_text

DEFAULT_SHOTS = 6
_MAX_SHOTS = 1000
_SHOWN = 10


class FewShotArm:
    """Shots as pairs of user and assistant messages, in front of the message that asks.

    `select`: `fixed` takes the first k of the pool; `random` draws k once for the arm, by
    `decision.seed` and `seed`; `nearest` takes for each case the k most like it (BM25), the
    nearest last, beside the question. With `draws: d` the arm is d arms, one for each random draw.
    """

    question: Literal[1, 2] = 1
    options: Mapping[str, Json] = {
        "examples": {"type": "array", "items": {"type": "object"}},
        "k": {"type": "integer", "minimum": 1, "maximum": _MAX_SHOTS, "default": DEFAULT_SHOTS},
        "select": {"enum": ["fixed", "random", "nearest"], "default": "fixed"},
        "seed": {"type": "integer", "default": 0},
        "draws": {"type": "integer", "minimum": 1, "maximum": MAX_DRAWS},
    }

    def problems(self, spec: ArmSpec, evalset: Evalset) -> Iterable[str]:
        if spec.draw not in (None, 1):
            return  # the pool is the same for all draws
        examples = spec.options.get("examples") or ()
        if not examples:
            yield f"arm {spec.base!r} needs `examples`: a list of {{input, expected}}, or {{file: PATH}}"
            return
        bad = [
            f"arm {spec.base!r}: example {place} {problem}"
            for place, problem in enumerate(map(find_shot_problem, examples), 1)
            if problem
        ]
        yield from bad
        if not bad:
            yield from _find_leak_problem(spec, evalset)
        yield from _find_selection_problem(spec, evalset)

    def inapplicable(self, spec: ArmSpec, evalset: Evalset) -> str | None:
        return None

    def list_shots(self, spec: ArmSpec, evalset: Evalset) -> Hand:
        """The examples that every case is shown, as places from 0, in their order; () where it depends."""
        if not spec.options.get("examples") or _read_selection(spec) == "nearest":
            return ()
        return _choose_hand(spec, evalset, spec.draw or 1)

    def trials(self, task: ArmTask, case: Case) -> Iterable[Trial]:
        messages = insert_shots(
            task.render(task.prompt, case, {}), _write_shots(task, case), question_place(task.prompt, case)
        )
        return [task.make(case, repeat, messages) for repeat in range(1, task.repeats + 1)]


def read_pool(spec: ArmSpec, evalset: Evalset) -> list[Shot]:
    """All examples of an arm. Raises FtgateError for one that cannot be read."""
    specs = (*evalset.graders, *(spec for case in evalset.cases for spec in case.graders))
    form = choose_answer_form(specs)
    examples = spec.options.get("examples") or ()
    return [read_shot(example, index, form) for index, example in enumerate(examples)]


def list_hands(spec: ArmSpec, evalset: Evalset) -> list[Hand]:
    """The shots of every draw of an arm that has several; of another arm []."""
    if spec.draw is None or not spec.options.get("examples"):
        return []
    return [_choose_hand(spec, evalset, draw) for draw in range(1, spec.options["draws"] + 1)]


def _read_selection(spec: ArmSpec) -> str:
    return str(spec.options.get("select", "random" if "draws" in spec.options else "fixed"))


def _find_selection_problem(spec: ArmSpec, evalset: Evalset) -> Iterable[str]:
    selection = _read_selection(spec)
    if "draws" in spec.options and selection != "random":
        why = (
            "takes the same examples every time"
            if selection == "fixed"
            else "chooses anew for every case, so that no one set decides"
        )
        yield f"arm {spec.base!r}: `draws` needs `select: random`; {selection} {why}"
    elif hands := list_hands(spec, evalset):
        problem = find_draw_problem(spec, hands)
        yield from [problem] if problem else []


def _choose_hand(spec: ArmSpec, evalset: Evalset, draw: int) -> Hand:
    pool = len(spec.options["examples"])
    count = min(int(spec.options.get("k", DEFAULT_SHOTS)), pool)
    if _read_selection(spec) == "fixed":
        return tuple(range(count))
    return deal_hand(pool, count, draw=draw, seed=f"{evalset.decision.seed}:{spec.options.get('seed', 0)}")


def _find_leak_problem(spec: ArmSpec, evalset: Evalset) -> Iterable[str]:
    pool = [read_shot(example, index).text for index, example in enumerate(spec.options["examples"])]
    leaks = find_exact_leaks(pool, [case_text(case) for case in evalset.cases])
    if leaks:
        shown = [f"example {shot + 1} = case {evalset.cases[case].id}" for shot, case in leaks[:_SHOWN]]
        more = f" and {len(leaks) - _SHOWN} more" if len(leaks) > _SHOWN else ""
        yield (
            f"arm {spec.base!r}: shots are also cases, so the prompt would contain the answer: "
            f"{', '.join(shown)}{more}. Take them out of the examples or out of the cases."
        )


def _write_shots(task: ArmTask, case: Case) -> tuple[Message, ...]:
    written = task.memo.setdefault("written", {})
    messages: list[Message] = []
    for shot in _select(task, case):
        if shot.place not in written:
            written[shot.place] = _write_shot(task, shot)
        messages += written[shot.place]
    return tuple(messages)


def _write_shot(task: ArmTask, shot: Shot) -> tuple[Message, ...]:
    asked = question_index(task.prompt)
    if shot.case.messages is not None:
        question: tuple[Message, ...] = shot.case.messages
    elif asked is None:
        question = ({"role": "user", "content": case_text(shot.case)},)
    else:
        try:
            question = task.render(task.prompt[asked : asked + 1], shot.case, {})
        except TemplateUseError as fault:
            raise FtgateError(f"example {shot.place} does not fit the prompt: {fault.text}") from None
    return (*question, *shot.answer)


def _select(task: ArmTask, case: Case) -> Sequence[Shot]:
    memo, spec = task.memo, task.spec
    if "pool" not in memo:
        memo["pool"] = read_pool(spec, task.evalset)
    pool: list[Shot] = memo["pool"]
    if _read_selection(spec) != "nearest":
        if "chosen" not in memo:
            hand = _choose_hand(spec, task.evalset, spec.draw or 1)
            memo["chosen"] = [pool[place] for place in hand]
        chosen: list[Shot] = memo["chosen"]
        return chosen
    if "ranking" not in memo:
        memo["ranking"] = Ranking([shot.text for shot in pool])
    ranking: Ranking = memo["ranking"]
    count = min(int(spec.options.get("k", DEFAULT_SHOTS)), len(pool))
    return [pool[index] for index in reversed(ranking.find_nearest(case_text(case), count))]
