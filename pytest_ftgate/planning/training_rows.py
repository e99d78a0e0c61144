"""Solved examples of an evalset, and the answer that a model is to learn from each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from pytest_ftgate.model.evalset import AS_IS, Case, Evalset, GraderSpec, Json, Message
from pytest_ftgate.model.training import Candidate
from pytest_ftgate.planning.shot_answers import Meanings
from pytest_ftgate.planning.shots import choose_answer_form, read_shot
from pytest_ftgate.planning.structured_forms import stated_labels
from pytest_ftgate.planning.texts import normalise
from pytest_ftgate.registry import Registries

DEV, TRAIN_SHARE = "split: dev", "--train-share"


def list_pool(evalset: Evalset) -> list[Candidate]:
    """The examples of the few-shot arms, each pool once; none of them is a case."""
    found: dict[str, Candidate] = {}
    for spec in {spec.base: spec for spec in reversed(evalset.arms)}.values():
        for index, example in enumerate(spec.options.get("examples") or ()):
            if isinstance(example, Mapping):
                candidate = _read_example(example, index, spec.base)
                found.setdefault(repr(example), candidate)
    return list(found.values())


def _read_example(example: Mapping[str, Json], index: int, arm: str) -> Candidate:
    case = replace(
        read_shot(example, index).case,
        expected=example.get("expected"),
        has_expected="expected" in example,
    )
    given = {key: example[key] for key in ("answer", "tool_calls") if key in example}
    return Candidate(
        name=f"{arm} example {index + 1}", source=f"examples of arm {arm}", case=case, given=given
    )


def list_cases(evalset: Evalset, spent: Collection[str]) -> list[Candidate]:
    """Cases that do not judge: those of `split: dev`, and those that are `spent`."""
    return [
        Candidate(name=case.id, source=TRAIN_SHARE if case.id in spent else DEV, case=case)
        for case in evalset.cases
        if not case.judges or case.id in spent
    ]


def build_training_evalset(evalset: Evalset, candidates: Sequence[Candidate]) -> Evalset:
    """The evalset with the candidates as its cases and arm `as_is` alone: what renders their prompts.

    Ids tell the candidates by their place. Tools that all cases of the evalset have are given to those
    that have none.
    """
    tools = _find_common_tools(evalset.cases)
    cases = tuple(
        replace(
            candidate.case,
            id=str(place),
            tools=candidate.case.tools if candidate.case.tools is not None else tools,
            messages=_cut_answer(candidate.case.messages),
            split=None,
            must_pass=None,
        )
        for place, candidate in enumerate(candidates)
    )
    arms = tuple(arm for arm in evalset.arms if arm.name == AS_IS)
    return replace(evalset, cases=cases, arms=arms, gates=())


def _find_common_tools(cases: Iterable[Case]) -> tuple[Json, ...] | None:
    first, *others = (case.tools for case in cases)
    return first if all(tools == first for tools in others) else None


def _cut_answer(messages: tuple[Message, ...] | None) -> tuple[Message, ...] | None:
    return messages[:-1] if messages is not None and _is_answered(messages) else messages


def _is_answered(messages: Sequence[Message] | None) -> bool:
    return bool(messages) and messages is not None and messages[-1].get("role") == "assistant"


def find_unknown_label(answer: Message, graders: Sequence[GraderSpec]) -> str:
    """'GRADER: …' where the answer is none of the labels that a grader states; '' otherwise.

    The grader itself takes any label that is expected; a model that learns it would leave the taxonomy.
    """
    said = answer.get("content")
    for spec in graders:
        if spec.negated or spec.has_value or "match" in spec.options or not isinstance(said, str):
            continue
        labels = [normalise(label) for label in stated_labels(spec)]
        if labels and normalise(said) not in labels:
            return f"{spec.label}: {said[:80]!r} is none of its {len(labels)} labels"
    return ""


def write_answer(
    candidate: Candidate, graders: Sequence[GraderSpec], registries: Registries, *, has_parts: bool
) -> tuple[Message | None, str]:
    """The assistant's turn, or None and why there is none.

    It is written as few-shot examples are: `answer`, `tool_calls`, the last of its messages, or `expected`;
    `has_parts` as for `shot_answers.Meanings`.
    """
    case = candidate.case
    if not candidate.given and _is_answered(case.messages) and case.messages is not None:
        return case.messages[-1], ""
    example: dict[str, Json] = {**candidate.given}
    if case.has_expected:
        example["expected"] = case.expected
    if not example:
        return None, "it has no `expected`"
    meaning = Meanings(graders, registries, has_parts=has_parts).find(example)
    if meaning is not None:
        return None, f"`expected` holds {meaning}, no answer: give it `answer:` or `tool_calls:`"
    answer = read_shot(example, 0, choose_answer_form(graders)).answer
    return answer[0], ""
