"""Arm `retrieval`: what a plain retriever finds in the documents (question 2, in earnest)."""

# ruff: noqa: ARG002 - the Arm protocol fixes the parameters

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Literal

from pytest_ftgate.errors import FtgateError
from pytest_ftgate.model.evalset import ArmSpec, Case, Evalset, Json
from pytest_ftgate.model.protocols import ArmTask
from pytest_ftgate.model.trial import Trial
from pytest_ftgate.planning.context_arm import (
    DEFAULT_TEMPLATE,
    HAS_CONTEXT,
    find_template_problems,
    give_context,
)
from pytest_ftgate.planning.documents import Chunk, find_documents, read_chunks
from pytest_ftgate.planning.ranking import Ranking
from pytest_ftgate.planning.templates import mentions
from pytest_ftgate.planning.texts import case_text

DEFAULT_CHUNKS = 4

Stamp = tuple[str, int, int]
"""(path, modification time in ns, size in bytes): a file as it was when it was indexed"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentIndex:
    """The chunks of all documents, ranked by BM25."""

    chunks: tuple[Chunk, ...]
    ranking: Ranking


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
        "template": {"type": "string", "default": DEFAULT_TEMPLATE},
    }

    def problems(self, spec: ArmSpec, evalset: Evalset) -> Iterable[str]:
        if not spec.options.get("docs"):
            yield f"arm {spec.name!r} needs `docs`: a glob of files, as in docs/**/*.md"
        yield from find_template_problems(spec)

    def inapplicable(self, spec: ArmSpec, evalset: Evalset) -> str | None:
        return HAS_CONTEXT if mentions(evalset.prompt, "context") else None

    def trials(self, task: ArmTask, case: Case) -> Iterable[Trial]:
        index = _keep_index(task)
        count = int(task.spec.options.get("k", DEFAULT_CHUNKS))
        found = index.ranking.find_nearest(case_text(case), count, only_matching=True)
        context = "\n\n".join(f"[{index.chunks[i].source}]\n{index.chunks[i].text}" for i in found)
        if context:
            messages = give_context(task, case, context)
        else:
            messages = task.render(task.evalset.prompt, case, {})
        return [task.make(case, repeat, messages) for repeat in range(1, task.repeats + 1)]

    def measure_knowledge(self, spec: ArmSpec, evalset: Evalset, rootdir: str, *, allow_outside: bool) -> int:
        """Characters of all documents, overlaps counted twice."""
        index = open_index(spec, evalset, rootdir, allow_outside=allow_outside)
        return sum(len(chunk.text) for chunk in index.chunks)


def _keep_index(task: ArmTask) -> DocumentIndex:
    """The task's index; documents that cannot be used are looked for once, not for every case."""
    if "index" not in task.memo:
        try:
            task.memo["index"] = open_index(
                task.spec, task.evalset, task.rootdir, allow_outside=task.allow_outside_files
            )
        except FtgateError as error:
            task.memo["index"] = error
    index: DocumentIndex | FtgateError = task.memo["index"]
    if isinstance(index, FtgateError):
        raise index
    return index


def open_index(spec: ArmSpec, evalset: Evalset, rootdir: str, *, allow_outside: bool) -> DocumentIndex:
    """The index of an arm's documents. Raises FtgateError where they cannot be used."""
    docs = spec.options["docs"]
    patterns = [docs] if isinstance(docs, str) else list(docs)
    root = Path(rootdir).resolve()
    folder = (root / PurePosixPath(evalset.path).parent).resolve()
    paths = find_documents(patterns, folder, root, allow_outside=allow_outside)
    stamps = []
    for path in paths:
        status = path.stat()
        stamps.append((str(path), status.st_mtime_ns, status.st_size))
    return _build_index(tuple(stamps), str(root))


@lru_cache(maxsize=2)
def _build_index(stamps: tuple[Stamp, ...], root: str) -> DocumentIndex:
    chunks = tuple(read_chunks([Path(path) for path, _, _ in stamps], Path(root)))
    return DocumentIndex(chunks=chunks, ranking=Ranking([chunk.text for chunk in chunks]))
