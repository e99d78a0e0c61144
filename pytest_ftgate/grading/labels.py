"""Reading a label: as it stands, then normalised, then found in the text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from pytest_ftgate.grading.limits import MAX_SHORT_ANSWER_CHARS
from pytest_ftgate.grading.signatures import clean
from pytest_ftgate.model.scripts import UNSPACED

_LEAD = re.compile(r"\s*(?:category|label|class|intent|topic|answer|output)\s*[:=]\s*", re.IGNORECASE)
_LINE = re.compile(r"[^\n]+")
_MARKS = " \t\r\n\"'`*“”‘’«».,;:!<>()[]{}"
_SPACES = re.compile(r"[\s_\-]+")
# Words a model glues to a label: `category_refund` names the label refund.
# Next to a script without spaces between words there is no word boundary to be wanted.
_WORD = rf"[^\W{UNSPACED}]"
_BEGIN = rf"(?:(?<![^\W_{UNSPACED}])(?:category|label|class|intent|topic)_|(?<!{_WORD})|(?=[{UNSPACED}]))"
_END = rf"(?:(?!{_WORD})|(?<=[{UNSPACED}]))"
_MAX_NAME_WORDS = 6
_MAX_NAME_CHARS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A label named in a text, at [start, end)."""

    label: str
    start: int
    end: int


def normalise(text: str) -> str:
    """Case, outer quotes and punctuation, and the kind of word break (space, `_`, `-`) do not count."""
    folded = text.strip(_MARKS).casefold()
    # Labels such as "-" are nothing but marks: they stay as they are.
    return _SPACES.sub("_", folded).strip("_") or folded or text.strip()


class Taxonomy:
    """The labels there are. `labels` keep their spelling and order."""

    def __init__(self, labels: Iterable[str]) -> None:
        self.labels = tuple(dict.fromkeys(labels))
        self._known = frozenset(self.labels)
        self._by_name = {normalise(label): label for label in reversed(self.labels)}
        # The longest first, so that `card_payment_fee` is never read as `card_payment`.
        spellings = sorted((label for label in self.labels if label.strip()), key=len, reverse=True)
        parts = "|".join(_spelling(label) for label in spellings)
        self._search = re.compile(f"{_BEGIN}({parts}){_END}", re.IGNORECASE) if parts else None

    def __contains__(self, label: object) -> bool:
        return label in self._known

    def read_exact(self, text: str) -> str | None:
        """The label that the text is, white space around it aside."""
        stripped = text.strip() if len(text) <= MAX_SHORT_ANSWER_CHARS else text
        return stripped if stripped in self._known else None

    def read_normalised(self, text: str) -> str | None:
        """The label that the normalised text is."""
        if len(text) > MAX_SHORT_ANSWER_CHARS:
            return None
        return self.read_exact(text) or self._by_name.get(normalise(text))

    def find(self, text: str) -> list[Found]:
        """Every label named in the text, in order; longest first where they overlap, whole words only."""
        if self._search is None:
            return []
        text = text[:MAX_SHORT_ANSWER_CHARS]
        found = [
            Found(
                label=self._by_name.get(normalise(match[1]), match[1]), start=match.start(1), end=match.end(1)
            )
            for match in self._search.finditer(text)
        ]
        return found or self._find_introduced(text)

    def _find_introduced(self, text: str) -> list[Found]:
        """A label after a lead on a line of its own ("Category: card arrival"), in any spelling.

        In running prose a space never stands for `_`: "receiving money" is no label there.
        """
        for match in _LINE.finditer(text):
            lead = _LEAD.match(match.group())
            label = self._by_name.get(normalise(match.group()[lead.end() :])) if lead else None
            if lead and label is not None:
                return [Found(label=label, start=match.start() + lead.end(), end=match.end())]
        return []


def _spelling(label: str) -> str:
    label = label.strip()
    parts = re.split(r"([\s_\-]+)", label)
    return "".join(_break(part) if index % 2 else re.escape(part) for index, part in enumerate(parts))


def _break(written: str) -> str:
    return r"[\s_\-]+" if written.isspace() else r"[_\-]+"


@lru_cache(maxsize=64)
def read_taxonomy(labels: tuple[str, ...]) -> Taxonomy:
    """The taxonomy of these labels, compiled once."""
    return Taxonomy(labels)


def name_invented(text: str) -> str:
    """The label a model made up, normalised and short; `(prose)` where the text names nothing."""
    first_line = text[:MAX_SHORT_ANSWER_CHARS].strip().partition("\n")[0]
    name = _LEAD.sub("", first_line, count=1)
    if len(name) > _MAX_NAME_CHARS or len(name.split()) > _MAX_NAME_WORDS:
        return "(prose)"
    return clean(normalise(name), 40) if name.strip(f"{_MARKS}_-") else "(none)"
