"""Shots that are cases: the answer to a case must not stand in its own prompt (STATISTICS 4)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from pytest_ftgate.planning.texts import join_words, normalise, words

SIMILAR = 0.8
"""Containment of word 8-grams, or Jaccard index of character 5-grams, from which two texts are one."""
WORD_GRAM, CHAR_GRAM = 8, 5
QUOTED_WORDS = 5
"""A prompt that has an input of so many words in it shows that case; shorter ones may stand there anyway."""

SHORT_WORDS = 24
"""Texts of fewer words are compared by characters as well: one changed word breaks eight 8-grams."""
_FRAME_SHARE, _FRAME_CASES = 0.2, 5

Leak = tuple[int, int]
"""(index of the shot, index of the case)"""


def find_exact_leaks(shots: Sequence[str], cases: Sequence[str]) -> list[Leak]:
    """Pairs that are equal but for case, white space and Unicode form."""
    places: dict[str, list[int]] = defaultdict(list)
    for index, text in enumerate(cases):
        places[normalise(text)].append(index)
    places.pop("", None)
    return [(shot, case) for shot, text in enumerate(shots) for case in places.get(normalise(text), ())]


def find_quoted(prompts: Iterable[str], cases: Iterable[str]) -> list[int]:
    """Cases whose text stands in a prompt as it is written: an example that became a case, or the reverse.

    `cases`: the joined words of each.
    """
    said = [f" {join_words(prompt)} " for prompt in prompts]
    return [
        case
        for case, text in enumerate(cases)
        if text.count(" ") >= QUOTED_WORDS - 1 and any(f" {text} " in prompt for prompt in said)
    ]


def find_near_leaks(shots: Sequence[str], cases: Sequence[str]) -> list[Leak]:
    """Pairs that are nearly the same text, without the exact ones."""
    exact = set(find_exact_leaks(shots, cases))
    said = [words(text) for text in cases]
    frame = _find_frame([_word_grams(text) for text in said])
    shot_words = [_drop_frame(words(text), frame) for text in shots]
    case_words = [_drop_frame(text, frame) for text in said]
    near = {*_find_contained(shot_words, case_words), *_find_alike(shot_words, case_words)}
    return sorted(near - exact)


def _find_contained(shots: Sequence[list[str]], cases: Sequence[list[str]]) -> Iterable[Leak]:
    """Pairs whose smaller text has >= 80 % of its word 8-grams in the other."""
    shot_grams = [_word_grams(text) for text in shots]
    index = _invert(shot_grams)
    for place, text in enumerate(cases):
        grams = _word_grams(text)
        shared = Counter(shot for gram in grams for shot in index.get(gram, ()))
        for shot, count in shared.items():
            if count >= SIMILAR * min(len(grams), len(shot_grams[shot])):
                yield shot, place


def _find_frame(grams_of: Sequence[set[str]]) -> set[str]:
    """8-grams of a fifth of the cases: the frame that inputs come in, no sign of a copied one."""
    common = max(_FRAME_CASES, _FRAME_SHARE * len(grams_of))
    counts = Counter(gram for grams in grams_of for gram in grams)
    return {gram for gram, count in counts.items() if count >= common}


def _drop_frame(text: list[str], frame: set[str]) -> list[str]:
    if not frame:
        return text
    framed: set[int] = set()
    for start in range(len(text) - WORD_GRAM + 1):
        if " ".join(text[start : start + WORD_GRAM]) in frame:
            framed.update(range(start, start + WORD_GRAM))
    return [word for place, word in enumerate(text) if place not in framed]


def _find_alike(shots: Sequence[list[str]], cases: Sequence[list[str]]) -> Iterable[Leak]:
    """Short pairs whose character 5-grams have a Jaccard index >= 0.8.

    Such a pair shares one of the shot's rarest fifth of grams (prefix filter, Chaudhuri et al.
    2006), so only those are looked up.
    """
    shot_grams = [_char_grams(text) for text in shots]
    frequency = Counter(gram for grams in shot_grams for gram in grams)
    index = _invert([_rarest(grams, frequency) for grams in shot_grams])
    for place, text in enumerate(cases):
        grams = _char_grams(text)
        for shot in {shot for gram in grams for shot in index.get(gram, ())}:
            other = shot_grams[shot]
            if len(grams & other) >= SIMILAR * len(grams | other):
                yield shot, place


def _rarest(grams: set[str], frequency: Counter[str]) -> set[str]:
    kept = len(grams) - int(SIMILAR * len(grams)) + 1
    return set(sorted(grams, key=lambda gram: (frequency[gram], gram))[:kept])


def _invert(grams_of: Sequence[set[str]]) -> dict[str, list[int]]:
    index: dict[str, list[int]] = defaultdict(list)
    for place, grams in enumerate(grams_of):
        for gram in grams:
            index[gram].append(place)
    return index


def _word_grams(text: list[str]) -> set[str]:
    return {" ".join(text[start : start + WORD_GRAM]) for start in range(len(text) - WORD_GRAM + 1)}


def _char_grams(text: list[str]) -> set[str]:
    if len(text) >= SHORT_WORDS:
        return set()
    joined = " ".join(text)
    return {joined[start : start + CHAR_GRAM] for start in range(len(joined) - CHAR_GRAM + 1)}
