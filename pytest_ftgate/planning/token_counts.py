"""Tokens of texts, counted."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from pytest_ftgate.planning.texts import CHARS_PER_TOKEN

TOKENIZER = "cl100k_base"
"""What counts: OpenAI's, for all models; others cut English into about as many tokens."""

MAX_COUNTED_CHARS = 400_000
"""Longer texts are estimated: they are far above any limit that hangs on their tokens."""

_RANKS = "litellm/litellm_core_utils/tokenizers/9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
"""The tokenizer's data as litellm ships it: tiktoken itself would fetch it from the network."""

# As in tiktoken's own registry, which knows it only together with the network address of the data.
_PATTERN = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
    r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)


def count_tokens(texts: Iterable[str]) -> int:
    """Tokens of all texts together; estimated from their length where they are very long, or the
    tokenizer's data is not there."""
    kept = list(texts)
    size = sum(map(len, kept))
    encoding = _load_encoding() if size <= MAX_COUNTED_CHARS else None
    if encoding is None:
        return size // CHARS_PER_TOKEN
    return sum(map(len, encoding.encode_ordinary_batch(kept, num_threads=1)))


@cache
def _load_encoding() -> Any:
    try:
        from tiktoken import Encoding

        path = Path(str(distribution("litellm").locate_file(_RANKS)))
        lines = (line.split() for line in path.read_bytes().splitlines())
        ranks = {b64decode(token): int(rank) for token, rank in lines}
    except (ImportError, PackageNotFoundError, OSError, ValueError):
        return None
    return Encoding(TOKENIZER, pat_str=_PATTERN, mergeable_ranks=ranks, special_tokens={})
