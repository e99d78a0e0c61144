"""Arm `retrieval`: what a plain retriever finds in the documents (question 2, in earnest)."""

# ruff: noqa: ARG002 - the Arm protocol fixes the parameters

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from pytest_ftgate.errors import FtgateError
from pytest_ftgate.model.evalset import EMBEDDER, RECORDED_MODEL, ArmSpec, Case, Evalset, Json, ModelSpec
from pytest_ftgate.model.protocols import ArmTask
from pytest_ftgate.model.retrieval import GoldRanks, Passage, Rank, Retrieval
from pytest_ftgate.model.trial import Trial
from pytest_ftgate.planning.chunks import DEFAULT_OVERLAP, DEFAULT_WORDS, MAX_WORDS, MIN_WORDS
from pytest_ftgate.planning.context_arm import HAS_CONTEXT
from pytest_ftgate.planning.gold import ChunkShingles, find_gold, list_passages
from pytest_ftgate.planning.passages import (
    DEFAULT_CITE,
    DEFAULT_TEMPLATE,
    find_template_problems,
    give_passages,
)
from pytest_ftgate.planning.search_index import (
    SearchIndex,
    build_index,
    chunk_size,
    open_library,
)
from pytest_ftgate.planning.templates import mentions
from pytest_ftgate.planning.texts import case_text

KIND = "retrieval"
DEFAULT_CHUNKS = 4
DEFAULT_RANK: Rank = "bm25"
RANKS: tuple[Rank, ...] = ("bm25", "vectors", "hybrid")
DEFAULT_EMBEDDER = "local/minilm"
DEPTH = 20
"""Ranks down to which gold context is looked for, at least: beyond, no prompt would show it."""


class RetrievalArm:
    """The `k` chunks most like the input, with their source, as the context of each case."""

    question: Literal[1, 2] = 2
    options: Mapping[str, Json] = {
        "docs": {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
            ]
        },
        "k": {"type": "integer", "minimum": 1, "maximum": 100, "default": DEFAULT_CHUNKS},
        "rank": {"enum": list(RANKS), "default": DEFAULT_RANK},
        "chunk_words": {
            "type": "integer", "minimum": MIN_WORDS, "maximum": MAX_WORDS, "default": DEFAULT_WORDS
        },
        "overlap_words": {"type": "integer", "minimum": 0, "maximum": MAX_WORDS, "default": DEFAULT_OVERLAP},
        "vectors": {"type": "string", "minLength": 1},
        "template": {"type": "string", "default": DEFAULT_TEMPLATE},
        "cite": {"type": "string", "default": DEFAULT_CITE},
    }  # fmt: skip

    def problems(self, spec: ArmSpec, evalset: Evalset) -> Iterable[str]:
        if not spec.options.get("docs"):
            yield f"arm {spec.name!r} needs `docs`: a glob of files, as in docs/**/*.md"
        words, overlap = chunk_size(spec)
        if 2 * overlap > words:
            yield f"arm {spec.name!r}: `overlap_words` {overlap} is more than half of `chunk_words` {words}"
        if "vectors" in spec.options and rank_of(spec) == "bm25":
            yield f"arm {spec.name!r}: `vectors` is a file for rank `vectors` or `hybrid`; `bm25` uses none"
        yield from find_template_problems(spec)

    def inapplicable(self, spec: ArmSpec, evalset: Evalset) -> str | None:
        return HAS_CONTEXT if mentions(evalset.prompt, "context") else None

    def trials(self, task: ArmTask, case: Case) -> Iterable[Trial]:
        index = _keep_index(task)
        count = int(task.spec.options.get("k", DEFAULT_CHUNKS))
        chunks = [index.library.chunks[i] for i in _search(task, index, case)[:count]]
        if chunks:
            found = [Passage(source=chunk.source, text=chunk.text) for chunk in chunks]
            return give_passages(task, case, found)
        messages = task.render(task.evalset.prompt, case, {})
        return [task.make(case, repeat, messages) for repeat in range(1, task.repeats + 1)]

    def describe_search(self, task: ArmTask) -> Retrieval:
        """What was searched, and where the gold context of each case stands. Raises FtgateError."""
        index, spec = _keep_index(task), task.spec
        library, rank = index.library, rank_of(spec)
        words, overlap = chunk_size(spec)
        shingles = ChunkShingles([chunk.text for chunk in library.chunks])
        gold: dict[str, GoldRanks] = {}
        for case in task.evalset.cases:
            passages = list_passages(case.context)
            if passages:
                gold[case.id] = find_gold(passages, _search(task, index, case), shingles, library.by_words)
        return Retrieval(
            arm=spec.name,
            files=len(library.documents.read),
            chunks=len(library.chunks),
            tokens=library.tokens,
            chunk_words=words,
            overlap_words=overlap,
            rank=rank,
            embedder=None if rank == "bm25" else choose_embedder(task.evalset).model,
            k=int(spec.options.get("k", DEFAULT_CHUNKS)),
            depth=_depth(spec),
            gold=gold,
            notes=library.documents.notes,
        )


def rank_of(spec: ArmSpec) -> Rank:
    """How an arm ranks chunks."""
    rank: Rank = spec.options.get("rank", DEFAULT_RANK)
    return rank


def choose_embedder(evalset: Evalset) -> ModelSpec:
    """The model whose vectors rank chunks: the evalset's embedder, else a small one of this machine."""
    stated = evalset.models.get(EMBEDDER)
    is_stated = stated is not None and stated.model != RECORDED_MODEL
    return stated if stated is not None and is_stated else ModelSpec(model=DEFAULT_EMBEDDER)


def _depth(spec: ArmSpec) -> int:
    return max(DEPTH, int(spec.options.get("k", DEFAULT_CHUNKS)))


def _search(task: ArmTask, index: SearchIndex, case: Case) -> list[int]:
    found: dict[str, list[int]] = task.memo.setdefault("found", {})
    if case.id not in found:
        found[case.id] = index.search(case_text(case), _depth(task.spec))
    return found[case.id]


def _keep_index(task: ArmTask) -> SearchIndex:
    """The task's index; documents that cannot be used are looked for once, not for every case."""
    if "index" not in task.memo:
        try:
            task.memo["index"] = _open_index(task)
        except FtgateError as error:
            task.memo["index"] = error
    index: SearchIndex | FtgateError = task.memo["index"]
    if isinstance(index, FtgateError):
        raise index
    return index


def _open_index(task: ArmTask) -> SearchIndex:
    library = open_library(task.spec, task.evalset, task.rootdir, allow_outside=task.allow_outside_files)
    return build_index(library, rank_of(task.spec), task.evalset, task.embed)
