"""How many tokens conversations have: by litellm's tokenizers, none of which is downloaded for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pytest_ftgate.execution.litellm_provider import load_litellm
from pytest_ftgate.model.evalset import Json, Message


def count_tokens(
    conversations: Sequence[tuple[Sequence[Message], Sequence[Json] | None]], model: str
) -> list[int]:
    """Tokens of each conversation (messages, tools) as `model` reads it, answers included.

    litellm's own counter with the tokenizers it ships: exact for OpenAI's chat models but for a few tokens,
    an approximation for others. Images count as their default size; nothing is fetched.
    """
    litellm = load_litellm()
    with _without_downloads(litellm):
        return [
            litellm.token_counter(
                model=model,
                messages=[dict(message) for message in messages],
                tools=list(tools) if tools else None,
                use_default_image_token_count=True,
            )
            for messages, tools in conversations
        ]


@contextmanager
def _without_downloads(litellm: Any) -> Iterator[None]:
    before: Mapping[str, Any] = {"disable_hf_tokenizer_download": litellm.disable_hf_tokenizer_download}
    litellm.disable_hf_tokenizer_download = True
    try:
        yield
    finally:
        litellm.disable_hf_tokenizer_download = before["disable_hf_tokenizer_download"]
