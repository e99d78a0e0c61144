"""litellm's embedding → our Response: its text is the vector (model/vectors.py)."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_ftgate.errors import ProviderError
from pytest_ftgate.execution.completions import read_cost, read_usage
from pytest_ftgate.model.response import Response
from pytest_ftgate.model.trial import Request
from pytest_ftgate.model.vectors import decode_vector, encode_vector

MAX_DIMENSIONS = 65_536
"""Longer vectors are refused: no embedder has a tenth of that."""


def read_embedding(embedding: Any, request: Request, latency_s: float) -> Response:
    """The response of an embedding of one text. Raises ProviderError where it holds no usable vector."""
    try:
        text = _read_vector(embedding)
    except ValueError as error:
        raise ProviderError(
            "infra:bad_gateway", f"{request.model}: sent no usable embedding: {error}", retryable=True
        ) from None
    return Response(
        text=text,
        usage=read_usage(getattr(embedding, "usage", None)),
        latency_s=latency_s,
        cost_usd=read_cost(embedding),
        model=getattr(embedding, "model", None) or None,
    )


def _read_vector(embedding: Any) -> str:
    entries = getattr(embedding, "data", None)
    if not isinstance(entries, Sequence) or len(entries) != 1:
        raise ValueError("not one vector for one text")
    entry = entries[0]
    vector = entry.get("embedding") if isinstance(entry, Mapping) else getattr(entry, "embedding", None)
    if isinstance(vector, str):
        # OpenAI's other encoding: 32-bit floats, little endian, which is ours as well.
        vector = decode_vector(vector)
    if not isinstance(vector, list | array) or len(vector) > MAX_DIMENSIONS:
        raise ValueError("not a list of numbers")
    return encode_vector(vector)
