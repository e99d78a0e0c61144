"""What the prompts say to each case, and whether a name is said there."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from pytest_ftgate.model.evalset import CANDIDATE, Case
from pytest_ftgate.model.trial import Plan, PlannedItem, Request
from pytest_ftgate.planning.texts import case_text, content_text, json_text

_JOINTS = re.compile(r"[_\- \t]+")
_BREAKS = re.compile(r"\s*[^\w ][^\w]*")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SIGN = re.compile(r"[^\w\s-]")
_PART_CHARS = 12
_SAMPLE = 50

Missing = dict[str, tuple[str, ...]]
"""What is not offered → the cases that need it."""


class Offers:
    """What the planned arms say to each case, every distinct text once and read only where it is looked at.

    Templates count as they are written too: taking a short input such as "no" out of a rendered
    prompt takes out more than the input.
    """

    def __init__(self, plan: Plan, *, with_input: bool = False) -> None:
        self._with_input = with_input
        self._cases = {case.id: case for case in plan.evalset.cases}
        self._items = [
            item for item in plan.items if item.role == CANDIDATE and item.trials[0].source_arm is None
        ]
        self._of_case: dict[str, list[PlannedItem]] = defaultdict(list)
        for item in self._items:
            self._of_case[item.case].append(item)
        self._texts: dict[str, Text] = {}
        self._texts_of: dict[str, list[Text]] = {}
        self._templates = [Text(text) for text in list_templates(plan)]

    def reach(self, case_ids: Iterable[str]) -> bool:
        """Whether any of the cases is asked at all: a shard asks some only."""
        return any(case_id in self._of_case for case_id in case_ids)

    def texts_for(self, case_ids: Iterable[str]) -> Iterator[Text]:
        """The templates, and the texts said to any of the cases."""
        yield from self._templates
        seen: set[Text] = set()
        for case_id in case_ids:
            if case_id not in self._texts_of:
                said = self._list_said(self._of_case.get(case_id, ()))
                self._texts_of[case_id] = [self._read(text) for text in said]
            for text in self._texts_of[case_id]:
                if text not in seen:
                    seen.add(text)
                    yield text

    def sample(self) -> Iterator[Text]:
        """The templates, and some of the texts said."""
        yield from self._templates
        said = list(dict.fromkeys(self._list_said(self._items)))
        yield from map(self._read, said[:: max(1, len(said) // _SAMPLE)])

    def _list_said(self, items: Iterable[PlannedItem]) -> Iterator[str]:
        for item in items:
            for text in _request_texts(item.trials[0].request):
                yield text if self._with_input else _without_input(text, self._cases[item.case])

    def _read(self, text: str) -> Text:
        if text not in self._texts:
            self._texts[text] = Text(text)
        return self._texts[text]


class Text:
    """A text, and its words between single spaces."""

    __slots__ = ("raw", "spaced")

    def __init__(self, text: str) -> None:
        self.raw, self.spaced = text.casefold(), space(text)


class Name:
    """A label or field, to be found in texts. `others`: names of which the longer ones may contain it.

    `has_plural`: `ids` names `id`, too.
    """

    __slots__ = ("folded", "forms", "has_signs", "longer", "spaced")

    def __init__(self, name: str, others: Iterable[str] = (), *, has_plural: bool = False) -> None:
        self.folded, self.spaced = name.casefold(), space(name)
        has_words = bool(self.spaced.strip())
        plural = (f"{self.spaced[:-1]}s ",) if has_plural else ()
        self.forms = (self.spaced, *plural) if has_words else ()
        # Signs (C++) and scripts without spaces are compared as they are written.
        self.has_signs = not name.isascii() or bool(_SIGN.search(name)) or not has_words
        self.longer = tuple(other for other in others if other != self.spaced and self.spaced in other)

    def is_in(self, text: Text) -> bool:
        """Whether the text names it, other than within a longer name (`card payment fee`)."""
        said = text.spaced
        if self._stands_in(said):
            for other in self.longer:
                said = said.replace(other, "  ")
            if self._stands_in(said):
                return True
        return self.has_signs and self.folded in text.raw

    def _stands_in(self, said: str) -> bool:
        for form in self.forms:  # noqa: SIM110 - a third of the time of any()
            if form in said:
                return True
        return False


def space(text: str) -> str:
    """The words of a text between single spaces; ` | ` where anything but a joint parts them.

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


def list_templates(plan: Plan) -> Iterator[str]:
    """The texts of all prompts of arms that run, as they are written."""
    running = {arm.name for arm in plan.arms if arm.status == "run"}
    prompts = [spec.prompt for spec in plan.evalset.arms if spec.name in running and spec.prompt]
    for prompt in (plan.evalset.prompt, *prompts):
        yield from map(content_text, prompt)


def _request_texts(request: Request) -> Iterator[str]:
    for message in request.messages:
        yield content_text(message)
    asked = (part for part in request.params.values() if isinstance(part, Mapping | list | tuple))
    for part in (request.response_format, request.tools, *asked):
        if part:
            yield json_text(part)
