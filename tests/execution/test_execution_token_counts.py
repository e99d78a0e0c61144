"""Tokens of conversations, counted without a download."""

from __future__ import annotations

from importlib.resources import files

import pytest
import tiktoken

from pytest_ftgate.execution.litellm_provider import load_litellm
from pytest_ftgate.execution.token_counts import count_tokens

TEXT = "The parcel (包裹) that I ordered in May has never arrived; Größe XL, where is it?"


def talk(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}, {"role": "assistant", "content": "delivery"}]


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4"])
def test_counts_are_those_of_the_models_tokenizer_but_for_the_frame_of_messages(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(files("litellm.litellm_core_utils.tokenizers")))
    encode = tiktoken.encoding_for_model(model).encode
    once, twice = count_tokens([(talk(TEXT), None), (talk(TEXT + TEXT), None)], f"openai/{model}")
    assert twice - once == len(encode(TEXT + TEXT)) - len(encode(TEXT))
    assert 0 < once - len(encode(TEXT)) - len(encode("delivery")) < 15


def test_tools_count_and_no_tokenizer_is_downloaded_for_any_model() -> None:
    litellm = load_litellm()
    tool = {
        "type": "function",
        "function": {"name": "refund", "parameters": {"type": "object", "properties": {}}},
    }
    before = litellm.disable_hf_tokenizer_download
    plain, called = count_tokens([(talk(TEXT), None), (talk(TEXT), [tool])], "replicate/meta/llama-2-70b")
    assert called > plain > 10
    assert litellm.disable_hf_tokenizer_download == before
