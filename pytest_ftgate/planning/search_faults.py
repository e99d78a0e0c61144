"""What is wrong with the documents of a search: files that were not read, gold context they do not hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytest_ftgate.model.finding import Finding
from pytest_ftgate.model.retrieval import Retrieval

_SHOWN = 5


def find_search_faults(searches: Sequence[Retrieval]) -> tuple[Finding, ...]:
    """Warnings about each search."""
    return tuple(finding for search in searches for finding in _find(search))


def _find(search: Retrieval) -> Iterable[Finding]:
    absent = tuple(case for case, found in search.gold.items() if found.absent)
    if absent:
        yield Finding(
            rule="context-not-in-documents",
            severity="warning",
            what=f"arm {search.arm!r}: no document holds the gold context of {len(absent):,} of "
            f"{len(search.gold):,} cases, so no search can reach it",
            cases=absent,
            remedy="add the documents, or write `context` as it stands in them",
        )
    if search.notes:
        shown = "; ".join(search.notes[:_SHOWN])
        more = f"; and {len(search.notes) - _SHOWN:,} more" if len(search.notes) > _SHOWN else ""
        yield Finding(
            rule="documents-not-read",
            severity="warning",
            what=f"arm {search.arm!r}: documents that were not read as they should be: {shown}{more}",
            remedy="mend the files, or leave them out of `docs`",
        )
