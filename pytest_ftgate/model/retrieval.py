"""What a retriever searched, what it reached, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from pytest_ftgate.model.rate import Rate

Rank: TypeAlias = Literal["bm25", "vectors", "hybrid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A text that a prompt supplies, and where it comes from ("" = the case itself)."""

    text: str
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldRanks:
    """How far down a ranking a case's gold context stands.

    `ranks` has one entry a gold passage: the least r (from 1) so that the first r chunks hold it, None where
    not even `Retrieval.depth` of them do. `absent`: passages that no document holds at all.
    """

    ranks: tuple[int | None, ...]
    absent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieval:
    """The search behind an arm, known before a model is asked.

    `tokens` are those of all documents, overlaps counted once. A chunk has at most `chunk_words` words, the
    first `overlap_words` of which end the chunk before. `embedder` is the model id of the vectors, None where
    there are none. `gold` maps each case that has context to where that stands. `notes`: files left out or
    read oddly.
    """

    arm: str
    files: int
    chunks: int
    tokens: int
    chunk_words: int
    overlap_words: int
    rank: Rank
    embedder: str | None
    k: int
    depth: int
    gold: Mapping[str, GoldRanks] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def holds(self, case: str) -> bool:
        """Whether the k chunks shown for a case hold all of its gold context, as far as that is known."""
        found = self.gold.get(case)
        return found is not None and all(rank is not None and rank <= self.k for rank in found.ranks)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalSummary:
    """A search and what the arm's model made of it.

    `recall` maps a number of chunks (k among them) to recall@that: the mean over cases, of those whose gold
    context some document holds, of the share of gold passages that so many chunks hold. `marked` counts
    cases with gold context. `missed`: cases whose gold context the documents hold and the k chunks do not.
    `absent`: cases with gold context that no document holds. `accuracy_reached` and `accuracy_missed` are the
    arm's over cases where the k chunks hold all gold context, and where they do not; `oracle_reached` and
    `oracle_missed` are those of arm `context` over the same cases.
    """

    search: Retrieval
    recall: Mapping[int, Rate] = field(default_factory=dict)
    marked: int = 0
    missed: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    accuracy_reached: Rate | None = None
    accuracy_missed: Rate | None = None
    oracle_reached: Rate | None = None
    oracle_missed: Rate | None = None
