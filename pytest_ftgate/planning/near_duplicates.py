"""Texts that are nearly the same among many: MinHash proposes the pairs, exact comparison decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from pytest_ftgate.planning.leakage import CHAR_GRAM, SIMILAR
from pytest_ftgate.planning.texts import join_words

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

    def __init__(self, said: Sequence[str]) -> None:
        """`said`: the joined words of each text."""
        counts: Counter[str] = Counter()
        for text in said:
            counts.update(set(text.split()))
        least = max(_COMMON_TEXTS, _COMMON_SHARE * len(said))
        self._common = frozenset(word for word, count in counts.items() if count >= least)

    def keep(self, said: str) -> list[str]:
        """The words of a text, joined ones, that are special."""
        return [word for word in said.split() if word not in self._common]

    def is_other(self, first: str, second: str) -> bool:
        """Whether both texts have special words, and none in common."""
        one, two = self.keep(join_words(first)), self.keep(join_words(second))
        return bool(one and two) and set(one).isdisjoint(two)


def find_near_pairs(texts: Iterable[str]) -> list[Pair]:
    """Places (i, j), i < j, of texts whose Jaccard index is >= 0.8, and >= 0.6 in what is special to them.

    Texts without anything special are like no other. Of a text that is like more than 50 others some pairs
    are left out.
    """
    return find_near_said(list(map(join_words, texts)))


def find_near_said(said: Sequence[str]) -> list[Pair]:
    """As `find_near_pairs`, of the joined words of each text."""
    specials = Specials(said)
    special = {place: " ".join(kept) for place, text in enumerate(said) if (kept := specials.keep(text))}
    content = cache(lambda place: _grams(special[place]))
    whole = cache(lambda place: _grams(said[place]))
    return [
        (first, second)
        for first, second in _propose(special)
        if _is_alike(content(first), content(second), SIMILAR_CONTENT)
        and _is_alike(whole(first), whole(second), SIMILAR)
    ]


def _propose(texts: Mapping[int, str]) -> Iterable[Pair]:
    """Pairs of places that share a band of their MinHash signatures (Broder 1997), in order."""
    if len(texts) < 2:
        return
    # Only where an evalset is looked at: the library is not loaded with the plugin.
    from rensa import RMinHash, RMinHashLSH

    # One after the other: the grams of all together take fifty times the room of the texts.
    matrix = RMinHash.digest_matrix_from_token_sets(map(_grams, texts.values()), _PERMUTATIONS, _SEED)
    index = RMinHashLSH(SIMILAR_CONTENT, _PERMUTATIONS, _BANDS)
    flags = index.query_duplicate_flags_matrix_one_shot(matrix)
    # An index takes 2.5 KiB a text, and most texts share no band with another, or too few grams.
    places = _keep_sharing(
        {place: texts[place] for place, is_shared in zip(texts, flags, strict=True) if is_shared}
    )
    sketches = RMinHash.from_token_sets((_grams(texts[place]) for place in places), _PERMUTATIONS, _SEED)
    index.insert_many(sketches)
    # One question after the other: where thousands are alike, all answers together take gigabytes.
    for row, sketch in enumerate(sketches):
        found = set(index.query(sketch))
        for other in sorted(other for other in found if other > row)[:_MAX_CANDIDATES]:
            yield places[row], places[other]


def _keep_sharing(texts: Mapping[int, str]) -> list[int]:
    """The places of texts of whose grams others have at least 60 %: no other text is one of a pair."""
    counts = Counter(gram for text in texts.values() for gram in _grams(text))
    kept = []
    for place, text in texts.items():
        grams = _grams(text)
        if sum(counts[gram] > 1 for gram in grams) >= SIMILAR_CONTENT * len(grams):
            kept.append(place)
    return kept


def _grams(said: str) -> frozenset[str]:
    """What joined words are compared by; a short text is its own only gram."""
    if said.count(" ") + 1 < LONG_WORDS:
        return frozenset(
            [said[start : start + CHAR_GRAM] for start in range(max(1, len(said) - CHAR_GRAM + 1))]
        )
    text = said.split()
    return frozenset(" ".join(text[start : start + WORD_GRAM]) for start in range(len(text) - WORD_GRAM + 1))


def _is_alike(first: frozenset[str], second: frozenset[str], least: float) -> bool:
    shared = len(first & second)
    return shared >= least * (len(first) + len(second) - shared)
