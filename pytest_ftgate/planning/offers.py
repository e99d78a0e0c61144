"""Whether the prompts offer what the graders want: a label or field never named cannot be guessed."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from pytest_ftgate.model.evalset import CANDIDATE, Case, Json
from pytest_ftgate.model.trial import Plan, Request
from pytest_ftgate.planning.structured_forms import JSON_GRADERS
from pytest_ftgate.planning.texts import case_text, content_text, json_text

_JOINTS = re.compile(r"[_\- \t]+")
_BREAKS = re.compile(r"\s*[^\w ][^\w]*")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_MAX_DEPTH = 20
_USUAL_SHARE = 0.5
_PART_CHARS = 12

Missing = dict[str, tuple[str, ...]]
"""What is not offered → the cases that need it."""


def find_missing_labels(plan: Plan) -> Missing:
    """Expected labels of `label` graders that no planned arm names to the cases that need them.

    Letter case, `_`, `-` and spaces do not matter. A case's own input offers nothing ("is my refund
    lost?" does not name the label `refund`), unless inputs list the labels as a rule.
    """
    wanted = _group_by_label(plan)
    if not wanted:
        return {}
    longer = {label: _find_longer(label, wanted) for label in wanted}
    cases = {case.id: case for case in plan.evalset.cases}
    offers = _Offers(plan, cases)
    listed = _find_listed(wanted, cases, longer)
    return {
        label: case_ids
        for label, case_ids in wanted.items()
        if label not in listed
        and not any(_names(text, label, longer[label]) for text in offers.texts_for(case_ids))
    }


def find_missing_fields(plan: Plan) -> Missing:
    """Required fields of JSON graders' schemas that no planned arm names."""
    wanted: dict[str, list[str]] = defaultdict(list)
    fields_of: dict[int, frozenset[str]] = {}
    for case in plan.evalset.cases:
        for grader in plan.graders[case.id]:
            schema = grader.options.get("schema")
            if grader.name not in JSON_GRADERS or grader.negated or not isinstance(schema, Mapping):
                continue
            if id(schema) not in fields_of:
                fields_of[id(schema)] = frozenset(_required_fields(schema))
            for field in fields_of[id(schema)]:
                wanted[field].append(case.id)
    if not wanted:
        return {}
    offers = _Offers(plan, {case.id: case for case in plan.evalset.cases}, with_input=True)
    return {
        field: tuple(case_ids)
        for field, case_ids in wanted.items()
        if not any(_names(text, field, ()) for text in offers.texts_for(case_ids))
    }


class _Offers:
    """What the planned arms say to each case, every distinct text once.

    Templates count as they are written too: taking a short input such as "no" out of a rendered
    prompt takes out more than the input.
    """

    def __init__(self, plan: Plan, cases: Mapping[str, Case], *, with_input: bool = False) -> None:
        self._numbers: dict[str, int] = {}
        self._of_case: dict[str, set[int]] = defaultdict(set)
        for item in plan.items:
            if item.role != CANDIDATE or item.trials[0].source_arm is not None:
                continue
            for text in _request_texts(item.trials[0].request):
                said = text if with_input else _without_input(text, cases[item.case])
                self._of_case[item.case].add(self._numbers.setdefault(said, len(self._numbers)))
        self._texts = [_Text(text) for text in self._numbers]
        self._templates = [_Text(text) for text in _template_texts(plan)]

    def texts_for(self, case_ids: Iterable[str]) -> Iterator[_Text]:
        """The templates, and the texts said to any of the cases."""
        numbers = set().union(*(self._of_case[case_id] for case_id in case_ids))
        yield from self._templates
        yield from (self._texts[number] for number in sorted(numbers))


class _Text:
    """A text, and its words between single spaces."""

    __slots__ = ("raw", "spaced")

    def __init__(self, text: str) -> None:
        self.raw, self.spaced = text.casefold(), _space(text)


def _group_by_label(plan: Plan) -> dict[str, tuple[str, ...]]:
    wanted: dict[str, list[str]] = defaultdict(list)
    for case in plan.evalset.cases:
        for grader in plan.graders[case.id]:
            label = grader.value if grader.has_value else case.expected
            if grader.name == "label" and not grader.negated and isinstance(label, str) and label.strip():
                wanted[label].append(case.id)
    return {label: tuple(dict.fromkeys(case_ids)) for label, case_ids in wanted.items()}


def _find_listed(
    wanted: Mapping[str, tuple[str, ...]], cases: Mapping[str, Case], longer: Mapping[str, tuple[str, ...]]
) -> set[str]:
    """Labels that the inputs themselves offer: most inputs name them, or each of theirs lists several."""
    labelled = {case_id for case_ids in wanted.values() for case_id in case_ids}
    texts = {case_id: _Text(case_text(cases[case_id])) for case_id in labelled}
    naming: dict[str, set[str]] = {
        label: {case_id for case_id, text in texts.items() if _names(text, label, longer[label])}
        for label in wanted
    }
    counts: dict[str, int] = defaultdict(int)
    for case_ids in naming.values():
        for case_id in case_ids:
            counts[case_id] += 1
    return {
        label
        for label, case_ids in wanted.items()
        if (
            len(naming[label]) >= max(2.0, _USUAL_SHARE * len(labelled))
            and len(naming[label]) > len(case_ids)
        )
        or all(case_id in naming[label] and counts[case_id] > 1 for case_id in case_ids)
    }


def _find_longer(label: str, labels: Iterable[str]) -> tuple[str, ...]:
    """Other labels that contain this one: naming `card payment fee` does not name `card payment`."""
    own = _space(label)
    return tuple(_space(other) for other in labels if own != _space(other) and own in _space(other))


def _names(text: _Text, name: str, longer: Iterable[str]) -> bool:
    spaced = _space(name)
    if not spaced.strip():
        return name.casefold() in text.raw
    said = text.spaced
    for other in longer:
        said = said.replace(other, "  ")
    if spaced in said:
        return True
    # Signs (C++) and scripts without spaces are compared as they are written.
    has_signs = not name.isascii() or bool(re.search(r"[^\w\s-]", name))
    return has_signs and name.casefold() in text.raw


def _space(text: str) -> str:
    """Words between single spaces; ` | ` where anything but a joint parts them.

    So the list "top_up_reverted, card_payment" does not name `reverted_card_payment`.
    """
    joined = _JOINTS.sub(" ", _CAMEL.sub(" ", text).casefold())
    return f" {_BREAKS.sub(' | ', joined).strip(' |')} "


def _without_input(text: str, case: Case) -> str:
    for own in _input_texts(case):
        if own.strip():
            text = text.replace(own, " ")
    return text


def _input_texts(case: Case) -> Iterator[str]:
    if case.messages is not None:
        yield from (content_text(message) for message in case.messages if message.get("role") == "user")
        return
    yield case_text(case)
    if isinstance(case.input, Mapping):
        # A prompt may print its parts; short ones are left, they may be words of the prompt.
        yield from (
            part for part in case.input.values() if isinstance(part, str) and len(part) >= _PART_CHARS
        )


def _template_texts(plan: Plan) -> Iterator[str]:
    running = {arm.name for arm in plan.arms if arm.status == "run"}
    prompts = [spec.prompt for spec in plan.evalset.arms if spec.name in running and spec.prompt]
    for prompt in (plan.evalset.prompt, *prompts):
        yield from map(content_text, prompt)


def _request_texts(request: Request) -> Iterator[str]:
    for message in request.messages:
        yield content_text(message)
    for part in (request.response_format, request.tools):
        if part:
            yield json_text(part)


def _required_fields(schema: Json, depth: int = 0) -> Iterator[str]:
    if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
        return
    required, properties = schema.get("required"), schema.get("properties")
    if isinstance(required, list):
        yield from (field for field in required if isinstance(field, str))
    if isinstance(properties, Mapping):
        for part in properties.values():
            yield from _required_fields(part, depth + 1)
    yield from _required_fields(schema.get("items"), depth + 1)
