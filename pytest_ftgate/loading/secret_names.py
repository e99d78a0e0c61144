"""Secrets do not belong into evalsets: they are read from the environment only."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_ftgate.loading.places import Path
from pytest_ftgate.model.evalset import Json

_SECRET_NAME = re.compile(
    r"(?:^|_)(?:api_?keys?|keys?|secrets?|passwords?|passwd|credentials?|authorization|bearer|tokens?)$"
    r"|secret|api_?key|access_?key"
)
_HARMLESS_NAME = re.compile(
    r"(?:^|_)(?:cache_key|(?:bos|eos|pad|unk|stop|max|min|completion|thinking)\w*_tokens?)$"
)
_SECRET_VALUE = re.compile(
    r"\b(?:sk|rk|pk|gsk|hf|xai|ghp|github_pat)[-_][A-Za-z0-9_-]{16,}|\bAIza[\w-]{30,}|\bAKIA[A-Z0-9]{12,}"
    r"|(?i:\bbearer )\s*\S{8,}|://[^/\s:@]+:[^/\s@]+@"
)
ADVICE = "keys come from the environment only (e.g. OPENAI_API_KEY); remove it from the file"


def find_secrets(value: Json, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Path and sentence for everything that is called like a secret or looks like one.

    The value itself is never part of the sentence.
    """
    if isinstance(value, dict):
        for name, child in value.items():
            if _is_secret_name(name) and not isinstance(child, bool | int | float):
                yield (*path, name), f"`{name[:60]}` is the name of a secret: {ADVICE}"
            else:
                yield from find_secrets(child, (*path, name))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from find_secrets(child, (*path, index))
    elif isinstance(value, str) and _SECRET_VALUE.search(value):
        yield path, f"the value looks like a secret: {ADVICE}"


def _is_secret_name(name: str) -> bool:
    # apiKey and api-key are api_key.
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").replace(".", "_").lower()
    return _SECRET_NAME.search(plain) is not None and _HARMLESS_NAME.search(plain) is None
