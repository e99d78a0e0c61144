"""The 25 verifiable instructions of IFEval (Zhou et al. 2023), by id, and how evalsets state them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from pytest_ftgate.grading import instruction_checks_amount as amount
from pytest_ftgate.grading import instruction_checks_form as form
from pytest_ftgate.grading import instruction_checks_format as shape
from pytest_ftgate.grading.grades import show
from pytest_ftgate.grading.language import LANGUAGES
from pytest_ftgate.model.evalset import Json

_ID_LIST = "instruction_id_list"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kwarg takes: `read` gives the value to use, or None where it is not usable."""

    read: Callable[[Json], Json]
    allowed: str


@dataclass(frozen=True, slots=True)
class Instruction:
    """How an instruction is checked: `check(text, **kwargs)`. All kwargs are required."""

    check: Callable[..., bool]
    kwargs: Mapping[str, Kind] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One instruction of a case, its kwargs read."""

    id: str
    check: Callable[..., bool]
    kwargs: Mapping[str, Json]

    def is_followed(self, text: str) -> bool:
        return bool(text.strip()) and self.check(text, **self.kwargs)


def _read_count(value: Json) -> int | None:
    # Data sets kept as columns turn counts into floats.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if is_count else None


def _read_ordinal(value: Json) -> int | None:
    return _read_count(value) or None


def _read_text(value: Json) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _read_texts(value: Json) -> tuple[str, ...] | None:
    if not isinstance(value, list | tuple) or not value or any(_read_text(item) is None for item in value):
        return None
    return tuple(value)


def _read_letter(value: Json) -> str | None:
    return value if isinstance(value, str) and len(value) == 1 and not value.isspace() else None


def _read_relation(value: Json) -> str | None:
    return value if isinstance(value, str) and value in amount.RELATIONS else None


def _read_language(value: Json) -> str | None:
    return value if isinstance(value, str) and value in LANGUAGES else None


COUNT = Kind(_read_count, "a whole number from 0")
ORDINAL = Kind(_read_ordinal, "a whole number from 1")
TEXT = Kind(_read_text, "a text that is not blank")
TEXTS = Kind(_read_texts, "a list of texts, none of them blank")
LETTER = Kind(_read_letter, "one letter")
RELATION = Kind(_read_relation, '"less than" or "at least"')
LANGUAGE = Kind(_read_language, f"one of {', '.join(sorted(LANGUAGES))}")

INSTRUCTIONS: Mapping[str, Instruction] = {
    "change_case:capital_word_frequency": Instruction(
        form.has_capital_words, {"capital_frequency": COUNT, "capital_relation": RELATION}
    ),
    "change_case:english_capital": Instruction(form.is_english_capital),
    "change_case:english_lowercase": Instruction(form.is_english_lowercase),
    "combination:repeat_prompt": Instruction(form.has_repeated_prompt, {"prompt_to_repeat": TEXT}),
    "combination:two_responses": Instruction(form.has_two_responses),
    "detectable_content:number_placeholders": Instruction(
        shape.has_placeholders, {"num_placeholders": COUNT}
    ),
    "detectable_content:postscript": Instruction(shape.has_postscript, {"postscript_marker": TEXT}),
    "detectable_format:constrained_response": Instruction(shape.has_constrained_response),
    "detectable_format:json_format": Instruction(shape.is_json),
    "detectable_format:multiple_sections": Instruction(
        shape.has_sections, {"section_spliter": TEXT, "num_sections": COUNT}
    ),
    "detectable_format:number_bullet_lists": Instruction(shape.has_number_of_bullets, {"num_bullets": COUNT}),
    "detectable_format:number_highlighted_sections": Instruction(
        shape.has_highlights, {"num_highlights": COUNT}
    ),
    "detectable_format:title": Instruction(shape.has_title),
    "keywords:existence": Instruction(amount.has_keywords, {"keywords": TEXTS}),
    "keywords:forbidden_words": Instruction(amount.has_no_forbidden_words, {"forbidden_words": TEXTS}),
    "keywords:frequency": Instruction(
        amount.has_keyword_frequency, {"keyword": TEXT, "frequency": COUNT, "relation": RELATION}
    ),
    "keywords:letter_frequency": Instruction(
        amount.has_letter_frequency, {"letter": LETTER, "let_frequency": COUNT, "let_relation": RELATION}
    ),
    "language:response_language": Instruction(form.is_in_language, {"language": LANGUAGE}),
    "length_constraints:nth_paragraph_first_word": Instruction(
        amount.has_nth_paragraph_first_word,
        {"num_paragraphs": ORDINAL, "nth_paragraph": ORDINAL, "first_word": TEXT},
    ),
    "length_constraints:number_paragraphs": Instruction(
        amount.has_number_of_paragraphs, {"num_paragraphs": COUNT}
    ),
    "length_constraints:number_sentences": Instruction(
        amount.has_number_of_sentences, {"num_sentences": COUNT, "relation": RELATION}
    ),
    "length_constraints:number_words": Instruction(
        amount.has_number_of_words, {"num_words": COUNT, "relation": RELATION}
    ),
    "punctuation:no_comma": Instruction(form.has_no_comma),
    "startend:end_checker": Instruction(form.has_end_phrase, {"end_phrase": TEXT}),
    "startend:quotation": Instruction(form.is_quoted),
}

READ_LANGUAGE = frozenset(
    (
        "change_case:english_capital",
        "change_case:english_lowercase",
        "language:response_language",
    )
)
"""Those that need langdetect."""


def read_instructions(value: Json) -> tuple[tuple[Wanted, ...], tuple[str, ...]]:
    """The instructions of an expected (or positional) value, and a sentence for each thing wrong with it.

    Takes a list of `{id, kwargs}`, the benchmark's own form (`instruction_id_list` beside a list
    `kwargs`), or either as JSON text. A kwarg of null counts as not given.
    """
    items, problem = _list_items(value)
    if problem:
        return (), (problem,)
    wanted: list[Wanted] = []
    problems: list[str] = []
    for index, item in enumerate(items):
        found, faults = _read_item(item)
        problems += [f"instruction {index + 1}: {fault}" for fault in faults]
        if found is not None:
            wanted.append(found)
    return tuple(wanted), tuple(problems)


def _list_items(value: Json) -> tuple[list[Json], str]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return [], f"needs a list of instructions ({{id, kwargs}}), got the text {show(value)}"
    if isinstance(value, dict) and set(value) == {_ID_LIST, "kwargs"}:
        ids, kwargs = value[_ID_LIST], value["kwargs"]
        if (
            not isinstance(ids, list | tuple)
            or not isinstance(kwargs, list | tuple)
            or len(ids) != len(kwargs)
        ):
            return [], f"`{_ID_LIST}` and `kwargs` must be two lists of the same length"
        value = [{"id": name, "kwargs": given} for name, given in zip(ids, kwargs, strict=True)]
    if not isinstance(value, list | tuple) or not value:
        return [], f"needs a list of instructions, each {{id, kwargs}} and at least one; got {show(value)}"
    return list(value), ""


def _read_item(item: Json) -> tuple[Wanted | None, list[str]]:
    if not isinstance(item, dict) or not isinstance(item.get("id"), str):
        return None, [f"needs an `id` (and `kwargs` where it takes any), got {show(item)}"]
    name, given = item["id"], item.get("kwargs") or {}
    faults = [f"unknown key {show(key)}; known: id, kwargs" for key in item if key not in ("id", "kwargs")]
    instruction = INSTRUCTIONS.get(name)
    if instruction is None:
        return None, [*faults, _say_unknown(name)]
    if not isinstance(given, dict):
        return None, [*faults, f"`kwargs` of {name} must be a mapping, got {show(given)}"]
    kwargs = {key: entry for key, entry in given.items() if entry is not None}
    faults += [_say_needless(name, key, instruction) for key in kwargs if key not in instruction.kwargs]
    read: dict[str, Json] = {}
    for key, kind in instruction.kwargs.items():
        read[key] = kind.read(kwargs[key]) if key in kwargs else None
        if read[key] is None:
            got = f"got {show(kwargs[key])}" if key in kwargs else "it is missing"
            faults.append(f"{name} needs `{key}`, {kind.allowed}; {got}")
    return (None if faults else Wanted(name, instruction.check, read)), faults


def _say_needless(name: str, key: Json, instruction: Instruction) -> str:
    known = ", ".join(instruction.kwargs) or "none"
    return f"{name} takes no {show(key)}; its kwargs: {known}"


def _say_unknown(name: str) -> str:
    close = get_close_matches(name[:100], INSTRUCTIONS, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    return f"unknown id {show(name)}.{hint} Known: {', '.join(INSTRUCTIONS)}"
