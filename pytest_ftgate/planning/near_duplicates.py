"""Texts that are nearly the same among many: MinHash proposes the pairs, exact comparison decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from pytest_ftgate.planning.leakage import CHAR_GRAM, SIMILAR
from pytest_ftgate.planning.texts import words

SIMILAR_CONTENT = 0.6
"""Jaccard index from which what is special to two texts is one."""

LONG_WORDS, WORD_GRAM = 60, 3
"""Texts of so many words are compared by 3-grams of words, shorter ones by 5-grams of characters."""

_COMMON_SHARE, _COMMON_TEXTS = 0.05, 5
_PERMUTATIONS, _BANDS, _SEED = 120, 30, 1
"""30 bands of 4 rows propose a pair with a Jaccard index of 0.6 in 98 % of cases, of 0.8 in all but 1e-7
(1 - (1 - s^4)^30; Leskovec et al., Mining of Massive Datasets, 2020, section 3.4)."""
_MAX_CANDIDATES = 50

Pair = tuple[int, int]


class Specials:
    """What is special to texts among many: their words that fewer than a twentieth of them (or five) have.

    Filled into one sentence, other names make other questions.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self.said = [words(text) for text in texts]
        counts = Counter(word for text in self.said for word in set(text))
        least = max(_COMMON_TEXTS, _COMMON_SHARE * len(self.said))
        self._common = frozenset(word for word, count in counts.items() if count >= least)

    def grams(self, text: Iterable[str]) -> frozenset[str]:
        """What the special words of a text are compared by; nothing where it has none."""
        special = self._keep(text)
        return _grams(special) if special else frozenset()

    def is_other(self, first: str, second: str) -> bool:
        """Whether both texts have special words, and none in common."""
        one, two = self._keep(words(first)), self._keep(words(second))
        return bool(one and two) and set(one).isdisjoint(two)

    def _keep(self, text: Iterable[str]) -> list[str]:
        return [word for word in text if word not in self._common]


def find_near_pairs(texts: Sequence[str]) -> list[Pair]:
    """Places (i, j), i < j, of texts whose Jaccard index is >= 0.8, and >= 0.6 in what is special to them.

    Texts without anything special are like no other. Of a text that is like more than 50 others some pairs
    are left out.
    """
    specials = Specials(texts)
    content = [specials.grams(text) for text in specials.said]
    whole: dict[int, frozenset[str]] = {}
    pairs = []
    for first, second in _propose(content):
        if not _is_alike(content[first], content[second], SIMILAR_CONTENT):
            continue
        for place in (first, second):
            if place not in whole:
                whole[place] = _grams(specials.said[place])
        if _is_alike(whole[first], whole[second], SIMILAR):
            pairs.append((first, second))
    return pairs


def _propose(grams_of: Sequence[frozenset[str]]) -> Iterable[Pair]:
    """Pairs that share a band of their MinHash signatures (Broder 1997), in order."""
    # Only where an evalset is looked at: the library is not loaded with the plugin.
    from rensa import RMinHash, RMinHashLSH

    places = [place for place, grams in enumerate(grams_of) if grams]
    if len(places) < 2:
        return
    sketches = RMinHash.from_token_sets([list(grams_of[place]) for place in places], _PERMUTATIONS, _SEED)
    index = RMinHashLSH(SIMILAR_CONTENT, _PERMUTATIONS, _BANDS)
    index.insert_many(sketches)
    for row, found in enumerate(index.query_all(sketches)):
        for other in sorted(other for other in set(found) if other > row)[:_MAX_CANDIDATES]:
            yield places[row], places[other]


def _grams(text: Sequence[str]) -> frozenset[str]:
    """What a text is compared by; a short one is its own only gram."""
    if len(text) >= LONG_WORDS:
        return frozenset(
            " ".join(text[start : start + WORD_GRAM]) for start in range(len(text) - WORD_GRAM + 1)
        )
    joined = " ".join(text)
    return frozenset(
        joined[start : start + CHAR_GRAM] for start in range(max(1, len(joined) - CHAR_GRAM + 1))
    )


def _is_alike(first: frozenset[str], second: frozenset[str], least: float) -> bool:
    shared = len(first & second)
    return shared >= least * (len(first) + len(second) - shared)
