"""Where the vectors of documents and questions come from: a file of them, a model of this machine, or the
evalset's embedder where it may be asked.

Planning sends nothing: vectors of an embedder elsewhere must be in the file by then, and
`pytest-ftgate index` puts them there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from pytest_ftgate.errors import FtgateError
from pytest_ftgate.execution import minilm
from pytest_ftgate.model.evalset import ArmSpec, Evalset, ModelSpec
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.vectors import Vector
from pytest_ftgate.planning.fingerprint import TRANSPORT_PARAMS, digest
from pytest_ftgate.planning.retrieval import choose_embedder
from pytest_ftgate.storage.vector_file import VectorFile, make_key

Ask = Callable[[Evalset, ModelSpec, Sequence[str]], Sequence[Vector]]
"""Asks an embedder for the vectors of texts. Raises FtgateError."""


class VectorSource:
    """An `Embedder` of planning. `ask` None: only the file and this machine are asked."""

    def __init__(self, settings: Settings, ask: Ask | None = None) -> None:
        self._settings, self._ask = settings, ask

    def __call__(self, evalset: Evalset, spec: ArmSpec, texts: Sequence[str]) -> list[Vector]:
        """The vectors of texts for an arm, in order. Raises FtgateError where some cannot be had."""
        model = choose_embedder(evalset)
        params = {name: value for name, value in model.params.items() if name not in TRANSPORT_PARAMS}
        keys = [make_key(model.model, params, text) for text in texts]
        file = VectorFile(self._find_file(evalset, spec, model))
        known = file.read(keys)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if missing:
            made = self._embed(evalset, model, list(missing.values()), len(set(keys)))
            fresh = dict(zip(missing, made, strict=True))
            file.add(fresh)
            known |= fresh
        sizes = {len(vector) for vector in known.values()}
        if len(sizes) > 1:
            raise FtgateError(
                f"{file.path} holds vectors of {' and '.join(map(str, sorted(sizes)))} numbers by "
                f"{model.model!r}: the model has changed; delete the file and index again"
            )
        return [known[key] for key in keys]

    def _embed(
        self, evalset: Evalset, model: ModelSpec, texts: Sequence[str], total: int
    ) -> Sequence[Vector]:
        if model.model == minilm.MODEL:
            return minilm.embed(texts)
        if self._ask is None:
            raise FtgateError(
                f"{len(texts):,} of {total:,} texts have no vector by {model.model!r} yet. "
                f"Run: pytest-ftgate index {evalset.path} (it asks the embedder; collecting sends nothing)"
            )
        return self._ask(evalset, model, texts)

    def _find_file(self, evalset: Evalset, spec: ArmSpec, model: ModelSpec) -> Path:
        named = spec.options.get("vectors")
        if named is None:
            slug = re.sub(r"[^\w.-]+", "-", model.model)[:60]
            return Path(self._settings.directory) / "vectors" / f"{slug}-{digest(model.model)[:8]}.jsonl"
        root = Path(self._settings.rootdir).resolve()
        path = (root / PurePosixPath(evalset.path).parent / str(named)).resolve()
        if not path.is_relative_to(root) and not self._settings.allow_outside_files:
            raise FtgateError(
                f"`vectors` {named!r} lies outside the rootdir; move it inside, "
                "or allow it with the ini option ftgate_allow_outside_files"
            )
        return path
