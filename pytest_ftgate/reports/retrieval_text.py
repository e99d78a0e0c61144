"""What the reports say of a search: what it searched, what it reached, what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_ftgate.reports.numbers import format_count, format_interval, format_percent

_RANKS = {
    "bm25": "BM25",
    "vectors": "vectors of {embedder}",
    "hybrid": "BM25 fused with vectors of {embedder}",
}


def describe_searches(entry: Mapping[str, Any]) -> Iterator[str]:
    """Texts on each search of an evalset's report, two for one that cases have gold context for."""
    for search in entry.get("retrievals") or ():
        yield describe_index(search)
        yield describe_recall(search)
        outcome = _describe_outcome(search)
        if outcome:
            yield outcome


def describe_index(search: Mapping[str, Any]) -> str:
    """What was searched, and how it was cut and ranked."""
    return (
        f"{search['arm']}: {_RANKS[search['rank']].format(embedder=search['embedder'])} over "
        f"{format_count(search['chunks'], 'chunk')} of {format_count(search['files'], 'file')} "
        f"({search['tokens']:,} tokens), each of at most {search['chunk_words']:,} words, the first "
        f"{search['overlap_words']:,} of which end the one before; k {search['k']}."
    )


def describe_recall(search: Mapping[str, Any]) -> str:
    """recall@k of the gold context, as far as it is known."""
    recall, k = search["recall"], str(search["k"])
    absent = len(search["absent_cases"])
    lost = f" No document holds that of {format_count(absent, 'further case')}." if absent else ""
    if k not in recall or recall[k]["value"] is None:
        return f"{search['arm']}: recall not known, no case has gold context that the documents hold.{lost}"
    others = ", ".join(f"@{at} {format_percent(recall[at]['value'])}" for at in recall if at != k)
    return (
        f"{search['arm']}: recall@{k} {format_percent(recall[k]['value'])} ({format_interval(recall[k])}) of "
        f"the gold context of {format_count(recall[k]['cases'], 'case')}; {others}.{lost}"
    )


def _describe_outcome(search: Mapping[str, Any]) -> str:
    """The arm's accuracy where the search reached the gold context, and where it did not."""
    parts = [
        f"{format_percent(rate['value'])} of {format_count(rate['cases'], 'case')} whose gold context "
        f"{what}{_add_oracle(search, name)}"
        for name, what in (("reached", "it reached"), ("missed", "it missed"))
        if (rate := search[f"accuracy_{name}"]) is not None and rate["value"] is not None
    ]
    return f"{search['arm']}: passes {'; '.join(parts)}." if parts else ""


def _add_oracle(search: Mapping[str, Any], name: str) -> str:
    rate = search[f"oracle_{name}"]
    if rate is None or rate["value"] is None:
        return ""
    return f" (context: {format_percent(rate['value'])})"
