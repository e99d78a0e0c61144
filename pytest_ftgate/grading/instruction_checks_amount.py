"""Instructions on length and keywords (IFEval, Zhou et al. 2023): how much, how often."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice

from pytest_ftgate.grading.sentences import has_sentences

RELATIONS = ("less than", "at least")
_WORD = re.compile(r"\w+")
_DIVIDER = re.compile(r"\s?\*\*\*\s?")
_WORD_END = frozenset(".,?!'\"")


def has_at_least(found: Iterable[object], count: int) -> bool:
    """Whether there are `count` of them; takes no more than that."""
    return count <= 0 or next(islice(found, count - 1, None), None) is not None


def _holds(relation: str, *, is_reached: bool) -> bool:
    return is_reached if relation == "at least" else not is_reached


def has_number_of_words(text: str, *, num_words: int, relation: str) -> bool:
    """Words are runs of letters, digits and underscores."""
    return _holds(relation, is_reached=has_at_least(_WORD.finditer(text), num_words))


def has_number_of_sentences(text: str, *, num_sentences: int, relation: str) -> bool:
    """Sentences are counted by the rules of grading/sentences.py."""
    return _holds(relation, is_reached=has_sentences(text, num_sentences))


def has_number_of_paragraphs(text: str, *, num_paragraphs: int) -> bool:
    """Paragraphs are divided by `***`; a blank one counts not at either end, and spoils all in between."""
    paragraphs = _DIVIDER.split(text)
    if any(not paragraph.strip() for paragraph in paragraphs[1:-1]):
        return False
    return sum(1 for paragraph in paragraphs if paragraph.strip()) == num_paragraphs


def has_nth_paragraph_first_word(
    text: str, *, num_paragraphs: int, nth_paragraph: int, first_word: str
) -> bool:
    """Paragraphs are divided by two line breaks; blank ones do not count for `num_paragraphs`."""
    paragraphs = [paragraph.strip() for paragraph in text.split("\n\n")]
    count = sum(1 for paragraph in paragraphs if paragraph)
    if count != num_paragraphs or not 1 <= nth_paragraph <= count or not paragraphs[nth_paragraph - 1]:
        return False
    word = paragraphs[nth_paragraph - 1].split(maxsplit=1)[0].lstrip("'").lstrip('"').lower()
    end = next((place for place, char in enumerate(word) if char in _WORD_END), len(word))
    return word[:end] == first_word.lower()


def has_keywords(text: str, *, keywords: Sequence[str]) -> bool:
    """All are there, as parts of words too, in any case."""
    lowered = text.lower()
    return all(keyword.lower() in lowered for keyword in keywords)


def has_keyword_frequency(text: str, *, keyword: str, frequency: int, relation: str) -> bool:
    """Counted as parts of words too, in any case."""
    return _holds(relation, is_reached=text.lower().count(keyword.strip().lower()) >= frequency)


def has_no_forbidden_words(text: str, *, forbidden_words: Sequence[str]) -> bool:
    """None is there as a whole word, in any case."""
    return not any(_compile_word(word).search(text) for word in forbidden_words)


@lru_cache(maxsize=1024)
def _compile_word(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)


def has_letter_frequency(text: str, *, letter: str, let_frequency: int, let_relation: str) -> bool:
    """Small and capital letters count alike."""
    return _holds(let_relation, is_reached=text.lower().count(letter.lower()) >= let_frequency)
