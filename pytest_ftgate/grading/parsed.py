"""A response's text, read once and shared by all graders of a trial."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import copy
from functools import cached_property
from typing import NamedTuple

from pytest_ftgate.grading.diagnosis import Diagnosis, diagnose
from pytest_ftgate.grading.quotations import split_sources
from pytest_ftgate.grading.reasoning import split_reasoning
from pytest_ftgate.grading.strict_json import StrictJson, parse_strict
from pytest_ftgate.model.evalset import Json
from pytest_ftgate.model.retrieval import Passage
from pytest_ftgate.model.trial import Trial


class JsonReading(NamedTuple):
    """What a grader may take as the JSON of an answer.

    `signatures` is empty where the value counts as it is; otherwise they say what was wrong, primary
    first, and `value` (where `has_value`) is what the tolerant parser recovered.
    """

    value: Json
    has_value: bool
    signatures: tuple[str, ...] = ()
    reason: str = ""


class TextOutput:
    """The answer as graders read it (model.protocols.ParsedOutput). JSON is parsed when first asked for.

    `is_derived`: the text is what a transform made of the answer's. `passages` are what it has to quote from;
    where there are some, its citations are no part of the text, but its `sources`.
    """

    def __init__(
        self, text: str | None, *, tolerant: bool = False, passages: tuple[Passage, ...] = ()
    ) -> None:
        self._whole = text or ""
        self.reasoning, answer = split_reasoning(self._whole)
        self.text, self.sources, self.passages = answer.removeprefix("\ufeff"), "", passages
        if passages:
            whole = self.text
            self.text, self.sources = split_sources(whole)
            self._whole = self._whole[: len(self._whole) - len(whole) + len(self.text)]
        self.tolerant = tolerant
        self.is_derived = False
        self._derived: dict[str, TextOutput] = {}

    def derive(self, text: str) -> TextOutput:
        """The output with the text that a transform made of this one's: itself where that is the same.

        Nothing is cut off from it as reasoning. What graders find in it counts for this output's `readings`.
        """
        if text == self.text:
            return self
        known = self._derived.get(text)
        if known is None:
            known = self._derived[text] = copy(self)
            for name in ("strict", "diagnosis", "reading"):
                known.__dict__.pop(name, None)
            known._whole = known.text = text
            known.is_derived, known._derived = True, {}
        return known

    @property
    def readings(self) -> Sequence[TextOutput]:
        """This output and all that were derived from it."""
        if not self._derived:
            return (self,)
        return [self, *(one for output in self._derived.values() for one in output.readings)]

    @property
    def diagnoses(self) -> Sequence[Diagnosis]:
        """Those that graders asked for: of each reading that is no strict JSON."""
        if not self._derived:
            return [self.diagnosis] if "diagnosis" in self.__dict__ else ()
        return [output.diagnosis for output in self.readings if "diagnosis" in output.__dict__]

    @property
    def has_duplicate_keys(self) -> bool:
        """Whether an object of the JSON that graders read gives a key twice."""
        read = [output.strict for output in self.readings if "strict" in output.__dict__]
        return [strict for strict in read if strict.duplicate_keys] != []

    @cached_property
    def strict(self) -> StrictJson:
        return parse_strict(self.text)

    @cached_property
    def diagnosis(self) -> Diagnosis:
        return diagnose(self.text, self.strict)

    @property
    def is_blank(self) -> bool:
        return not self.text or self.text.isspace()

    @cached_property
    def reading(self) -> JsonReading:
        """The strict value, or what is wrong and what was recovered."""
        if self.strict.is_valid:
            return JsonReading(value=self.strict.value, has_value=True)
        if self.is_blank:
            return JsonReading(value=None, has_value=False, signatures=("format:not_json",), reason="no text")
        found = self.diagnosis
        if self.tolerant and found.has_value:
            return JsonReading(value=found.value, has_value=True)
        reason = f"not one JSON document: {self.describe_defects()}"
        return JsonReading(
            value=found.value, has_value=found.has_value, signatures=found.signatures, reason=reason
        )

    def describe_defects(self) -> str:
        """What is wrong with the JSON and where, and whether the tolerant parser `recovered` a value."""
        found = self.diagnosis
        named = [self.locate(kind, found.positions.get(kind)) for kind in found.kinds]
        if "not_json" in found.kinds or not found.positions:
            named[-1] = f"{named[-1]} ({self.strict.message})"
        return f"{', '.join(named)}; {'recovered' if found.has_value else 'not recovered'}"

    def locate(self, kind: str, position: int | None = None) -> str:
        """`kind` in words, with line:column (from 1, columns in characters) in the whole answer, or in the
        text that a transform made of it.

        Without a position it is where the JSON document starts.
        """
        if position is None:
            is_whole = self.strict.is_valid or not self.diagnosis.start
            position = len(self.text) - len(self.text.lstrip()) if is_whole else self.diagnosis.start
        # Whatever was cut off (reasoning, a byte order mark) stood before the text.
        offset = len(self._whole) - len(self.text) + position
        line = self._whole.count("\n", 0, offset) + 1
        column = offset - self._whole.rfind("\n", 0, offset)
        what = " of the transformed text" if self.is_derived else ""
        return f"{kind.replace('_', ' ')} at {line}:{column}{what}"


def read_output(trial: Trial, text: str | None) -> TextOutput:
    """The output of a trial that graders read: the whole answer, or the text at `extract` of a JSON answer.

    An answer that is no such JSON is read whole: it then fails as what it is.
    """
    extract, tolerant = trial.extract, trial.tolerant
    whole = TextOutput(text, tolerant=tolerant, passages=trial.passages)
    if extract is None:
        return whole
    reading = whole.reading
    value, is_found = find_pointer(reading.value, extract)
    if reading.signatures or not reading.has_value or not is_found:
        return whole
    part = TextOutput(value if isinstance(value, str) else json.dumps(value), tolerant=tolerant)
    part.sources, part.passages = whole.sources, whole.passages
    return part


def find_pointer(value: Json, pointer: str) -> tuple[Json, bool]:
    """The value at a JSON pointer (RFC 6901), and whether there is one."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and len(key) < 10 and int(key) < len(value):
            value = value[int(key)]
        else:
            return None, False
    return value, True
