"""Which environment variables hold a vendor's key. Names only: no value is ever read out of here."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_ftgate.execution.endpoints import vendor_of
from pytest_ftgate.model.target import TARGET

_KEYLESS = ("local", "ollama", "ollama_chat", "hosted_vllm", "llamafile", "lm_studio", TARGET, "recorded")
_KEYS: Mapping[str, Sequence[Sequence[str]]] = {
    "azure": (("AZURE_API_KEY", "AZURE_API_BASE"), ("AZURE_AD_TOKEN", "AZURE_API_BASE")),
    "bedrock": (
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), ("AWS_PROFILE",), ("AWS_BEARER_TOKEN_BEDROCK",),
        ("AWS_WEB_IDENTITY_TOKEN_FILE",),
    ),
    "sagemaker": (("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), ("AWS_PROFILE",)),
    "vertex_ai": (("GOOGLE_APPLICATION_CREDENTIALS",), ("VERTEXAI_PROJECT",)),
    "gemini": (("GEMINI_API_KEY",), ("GOOGLE_API_KEY",)),
    "huggingface": (("HUGGINGFACE_API_KEY",), ("HF_TOKEN",)),
    "together_ai": (("TOGETHERAI_API_KEY",), ("TOGETHER_AI_TOKEN",), ("TOGETHER_API_KEY",)),
    "replicate": (("REPLICATE_API_KEY",), ("REPLICATE_API_TOKEN",)),
    "cohere_chat": (("COHERE_API_KEY",), ("CO_API_KEY",)),
    "cohere": (("COHERE_API_KEY",), ("CO_API_KEY",)),
    "text-completion-openai": (("OPENAI_API_KEY",),),
    "perplexity": (("PERPLEXITYAI_API_KEY",), ("PERPLEXITY_API_KEY",)),
    "databricks": (("DATABRICKS_API_KEY", "DATABRICKS_API_BASE"),),
    "watsonx": (("WATSONX_APIKEY", "WATSONX_URL"), ("WATSONX_API_KEY", "WATSONX_URL")),
}  # fmt: skip
"""Sets of variables of which one is enough; other vendors have `VENDOR_API_KEY`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What a vendor's key is called, which of these variables are set, and whether they are enough."""

    wanted: tuple[tuple[str, ...], ...]
    present: tuple[str, ...]

    @property
    def is_enough(self) -> bool:
        return not self.wanted or any(set(names) <= set(self.present) for names in self.wanted)


def find_keys(model: str, environ: Mapping[str, str] | None = None) -> Keys:
    """The variables of a model's vendor. None are wanted for models of this machine and for applications."""
    environ = os.environ if environ is None else environ
    vendor = vendor_of(model) or "openai"
    if vendor in _KEYLESS:
        return Keys(wanted=(), present=())
    name = vendor.upper().replace("-", "_").removesuffix("_AI")
    wanted = _KEYS.get(vendor, ((f"{name}_API_KEY",),))
    names = dict.fromkeys(name for names in wanted for name in names)
    return Keys(
        wanted=tuple(tuple(names) for names in wanted),
        present=tuple(name for name in names if environ.get(name, "").strip()),
    )
