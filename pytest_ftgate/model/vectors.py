"""Embeddings as compact text, and how alike two of them are."""

from __future__ import annotations

import base64
import binascii
import math
import sys
from array import array
from collections.abc import Iterable, Sequence
from operator import mul
from typing import TypeAlias

Vector: TypeAlias = Sequence[float]
"""An embedding: as many numbers as its model has dimensions."""


def encode_vector(numbers: Iterable[float]) -> str:
    """Base64 of the numbers as 32-bit floats, little endian. Raises ValueError for what is no such number."""
    try:
        vector = array("f", numbers)
    except (TypeError, OverflowError) as error:
        raise ValueError(f"no vector of numbers: {error}") from None
    _check(vector)
    if sys.byteorder == "big":
        vector.byteswap()
    return base64.b64encode(vector.tobytes()).decode("ascii")


def decode_vector(text: str) -> Vector:
    """The numbers of `encode_vector`. Raises ValueError for a text that holds no such vector."""
    vector = array("f")
    try:
        vector.frombytes(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        raise ValueError("not base64 of 32-bit floats") from None
    if sys.byteorder == "big":
        vector.byteswap()
    _check(vector)
    return vector


def measure_cosine(first: Vector, second: Vector) -> float:
    """The cosine of the angle between two vectors, in -1..1.

    Raises ValueError where there is none: other lengths, or a vector without a direction.
    """
    if len(first) != len(second):
        raise ValueError(f"the vectors have {len(first)} and {len(second)} dimensions")
    norms = math.hypot(*first), math.hypot(*second)
    if not all(norms):
        raise ValueError("a vector of zeros has no direction")
    cosine: float = sum(map(mul, first, second)) / norms[0] / norms[1]
    if not math.isfinite(cosine):
        raise ValueError("the vectors have no cosine")
    return min(1.0, max(-1.0, cosine))


def _check(vector: Sequence[float]) -> None:
    if not vector:
        raise ValueError("an empty vector")
    if not all(map(math.isfinite, vector)):
        raise ValueError("a number of the vector is not finite")
