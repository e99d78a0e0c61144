"""Searches and the size of the knowledge as JSON values."""

from __future__ import annotations

from dataclasses import asdict

from pytest_ftgate.model.evalset import Json
from pytest_ftgate.model.knowledge import KnowledgeSize
from pytest_ftgate.model.retrieval import RetrievalSummary
from pytest_ftgate.reports.rates import describe_rate


def describe_knowledge(size: KnowledgeSize | None) -> dict[str, Json] | None:
    """The size of the knowledge, and what showing all of it with every call costs."""
    if size is None:
        return None
    return {
        "tokens": size.tokens,
        "price": asdict(size.price) if size.price is not None else None,
        "usd_per_1k_calls": size.usd_per_1k_calls,
        "cached_usd_per_1k_calls": size.cached_usd_per_1k_calls,
    }


def describe_search(found: RetrievalSummary) -> dict[str, Json]:
    """One search: what was searched and how, what it reached, and what the model made of it."""
    search = found.search
    return {
        "arm": search.arm,
        "files": search.files,
        "chunks": search.chunks,
        "tokens": search.tokens,
        "chunk_words": search.chunk_words,
        "overlap_words": search.overlap_words,
        "rank": search.rank,
        "embedder": search.embedder,
        "k": search.k,
        "notes": list(search.notes),
        "marked_cases": found.marked,
        "recall": {str(at): describe_rate(rate, "passed") for at, rate in found.recall.items()},
        "missed_cases": list(found.missed),
        "absent_cases": list(found.absent),
        "accuracy_reached": describe_rate(found.accuracy_reached, "passed"),
        "accuracy_missed": describe_rate(found.accuracy_missed, "passed"),
        "oracle_reached": describe_rate(found.oracle_reached, "passed"),
        "oracle_missed": describe_rate(found.oracle_missed, "passed"),
    }
