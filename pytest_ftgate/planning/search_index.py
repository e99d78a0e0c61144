"""The index over an arm's documents: chunks, and what ranks them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from pytest_ftgate.model.evalset import ArmSpec, Evalset
from pytest_ftgate.model.retrieval import Rank
from pytest_ftgate.model.vectors import Vector
from pytest_ftgate.planning.chunks import DEFAULT_OVERLAP, DEFAULT_WORDS, Chunk, cut_documents
from pytest_ftgate.planning.documents import Documents, find_documents, read_documents
from pytest_ftgate.planning.ranking import FusedRanking, Ranker, Ranking, VectorRanking
from pytest_ftgate.planning.texts import case_text
from pytest_ftgate.planning.token_counts import count_tokens

Stamp = tuple[str, int, int]
"""(path, modification time in ns, size in bytes): a file as it was when it was indexed"""

Embed = Callable[[Sequence[str]], Sequence[Vector]]
"""Texts → their vectors, in order. Raises FtgateError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """The documents of an arm and their chunks, ranked by words; the same for all rankings of them."""

    documents: Documents
    chunks: tuple[Chunk, ...]
    by_words: Ranking
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchIndex:
    """A library and the ranking that an arm asks."""

    library: Library
    ranker: Ranker

    def search(self, query: str, count: int) -> list[int]:
        """The chunks most like a query, best first; fewer where fewer have anything in common with it."""
        return self.ranker.find_nearest(query, count, only_matching=True)


def open_library(spec: ArmSpec, evalset: Evalset, rootdir: str, *, allow_outside: bool) -> Library:
    """The library of an arm. Raises FtgateError where its documents cannot be used."""
    docs = spec.options["docs"]
    patterns = [docs] if isinstance(docs, str) else list(docs)
    root = Path(rootdir).resolve()
    folder = (root / PurePosixPath(evalset.path).parent).resolve()
    stamps = []
    for path in find_documents(patterns, folder, root, allow_outside=allow_outside):
        status = path.stat()
        stamps.append((str(path), status.st_mtime_ns, status.st_size))
    words, overlap = chunk_size(spec)
    return _build_library(tuple(stamps), str(folder), words, overlap)


def chunk_size(spec: ArmSpec) -> tuple[int, int]:
    """(words of a chunk, words it shares with the one before)."""
    options = spec.options
    return int(options.get("chunk_words", DEFAULT_WORDS)), int(options.get("overlap_words", DEFAULT_OVERLAP))


@lru_cache(maxsize=2)
def _build_library(stamps: tuple[Stamp, ...], folder: str, words: int, overlap: int) -> Library:
    documents = read_documents([Path(path) for path, _, _ in stamps], Path(folder))
    chunks = tuple(cut_documents(documents.read, words=words, overlap=overlap))
    return Library(
        documents=documents,
        chunks=chunks,
        by_words=Ranking([chunk.text for chunk in chunks]),
        tokens=count_tokens(each.text for each in documents.read),
    )


def list_texts(library: Library, evalset: Evalset) -> list[str]:
    """What has a vector: the chunks, and what the cases ask."""
    return [*(chunk.text for chunk in library.chunks), *list_queries(evalset)]


def list_queries(evalset: Evalset) -> list[str]:
    """What the cases ask, each once."""
    return list(dict.fromkeys(case_text(case) for case in evalset.cases))


def build_index(library: Library, rank: Rank, evalset: Evalset, embed: Embed) -> SearchIndex:
    """The index; `embed` is called once, and not at all for rank `bm25`. Raises FtgateError as it does."""
    if rank == "bm25":
        return SearchIndex(library=library, ranker=library.by_words)
    vectors = embed(list_texts(library, evalset))
    size = len(library.chunks)
    queries = dict(zip(list_queries(evalset), vectors[size:], strict=True))
    by_vectors = VectorRanking(vectors[:size], queries)
    ranker = by_vectors if rank == "vectors" else FusedRanking(library.by_words, by_vectors)
    return SearchIndex(library=library, ranker=ranker)
