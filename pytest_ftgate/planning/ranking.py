"""BM25 (Robertson and Zaragoza 2009) over a few thousand texts, by the bm25s library."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_ftgate.planning.texts import words

_DECIMALS = 4


class Ranking:
    """Texts indexed by their words. Equal scores keep the order of the texts."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.size = len(texts)
        tokens = [words(text) for text in texts]
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
        asked = [word for word in words(query) if word in self._known]
        if self._index is None or not asked:
            return [] if only_matching else list(range(min(count, self.size)))
        import numpy as np

        # Rounded, so that the last bits of another machine's arithmetic cannot change the order.
        scores = np.round(np.asarray(self._index.get_scores(asked), dtype=float), _DECIMALS)
        best = np.argsort(-scores, kind="stable")[:count]
        return [int(index) for index in best if scores[index] > 0 or not only_matching]
