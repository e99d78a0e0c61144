"""Texts ranked by how like a query they are: by words, by vectors, or by both."""

# ruff: noqa: ARG002 - the Ranker protocol fixes the parameters

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from pytest_ftgate.model.scripts import UNSPACED
from pytest_ftgate.model.vectors import Vector
from pytest_ftgate.planning.texts import words

_DECIMALS = 4
"""Scores are rounded, so that the last bits of another machine's arithmetic cannot change the order."""

RRF_K = 60
"""The constant of reciprocal rank fusion (Cormack, Clarke and Buettcher 2009)."""

_UNSPACED_RUN = re.compile(f"[{UNSPACED}]+")


class Ranker(Protocol):
    """Finds the texts most like a query, best first, as their indices."""

    def find_nearest(self, query: str, count: int, *, only_matching: bool = False) -> list[int]: ...


class Ranking:
    """BM25 (Robertson and Zaragoza 2009) by the bm25s library. Equal scores keep the order of the texts."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.size = len(texts)
        tokens = [list_terms(text) for text in texts]
        self._known = {word for text in tokens for word in text}
        self._index = None
        if self._known:
            import bm25s

            self._index = bm25s.BM25()
            self._index.index(tokens, show_progress=False)

    def find_nearest(self, query: str, count: int, *, only_matching: bool = False) -> list[int]:
        """Indices of the `count` texts most like the query, best first.

        `only_matching` leaves out texts that share no word with it.
        """
        asked = [word for word in list_terms(query) if word in self._known]
        if self._index is None or not asked:
            return [] if only_matching else list(range(min(count, self.size)))
        found = _sort_scores(self._index.get_scores(asked), count)
        return [index for index, score in found if score > 0 or not only_matching]


class VectorRanking:
    """Cosine of embeddings, all of them compared: exact, no approximate index.

    `vectors` has a row for each text, `queries` one for each query that will be asked. A vector without a
    direction is like nothing.
    """

    def __init__(self, vectors: Sequence[Vector], queries: Mapping[str, Vector]) -> None:
        self._rows, self._queries = _normalise_rows(vectors), queries

    def find_nearest(self, query: str, count: int, *, only_matching: bool = False) -> list[int]:
        """Indices of the `count` texts nearest to the query; any text is near to some degree."""
        asked = _normalise_rows([self._queries[query]])[0]
        return [index for index, _ in _sort_scores(self._rows @ asked, count)]


class FusedRanking:
    """Several rankings made one: a text scores the sum of 1 / (60 + its rank) over them.

    Reciprocal rank fusion, Cormack, Clarke and Buettcher 2009 ("Reciprocal Rank Fusion outperforms Condorcet
    and individual Rank Learning Methods", SIGIR); `depth` ranks of each are fused.
    """

    depth = 100

    def __init__(self, *rankers: Ranker) -> None:
        self._rankers = rankers

    def find_nearest(self, query: str, count: int, *, only_matching: bool = False) -> list[int]:
        scores: dict[int, float] = {}
        for ranker in self._rankers:
            found = ranker.find_nearest(query, max(self.depth, count), only_matching=True)
            for rank, index in enumerate(found, start=1):
                scores[index] = scores.get(index, 0.0) + 1 / (RRF_K + rank)
        return sorted(scores, key=lambda index: (-scores[index], index))[:count]


def list_terms(text: str) -> list[str]:
    """The words that are searched for; of scripts without spaces between words, each pair of characters."""
    return [term for word in words(text) for term in _split_word(word)]


def _split_word(word: str) -> Iterator[str]:
    if word.isascii():
        yield word
        return
    place = 0
    for run in _UNSPACED_RUN.finditer(word):
        if run.start() > place:
            yield word[place : run.start()]
        characters = run[0]
        yield from (characters[i : i + 2] for i in range(max(1, len(characters) - 1)))
        place = run.end()
    if place < len(word):
        yield word[place:]


def _sort_scores(scores: Any, count: int) -> list[tuple[int, float]]:
    import numpy as np

    rounded = np.round(np.asarray(scores, dtype=float), _DECIMALS)
    return [(int(index), float(rounded[index])) for index in np.argsort(-rounded, kind="stable")[:count]]


def _normalise_rows(vectors: Sequence[Vector]) -> Any:
    import numpy as np

    rows = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
