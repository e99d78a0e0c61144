"""Trials for tests, made without an evalset."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pytest_ftgate.model.trial import Request, Trial, TrialKey


def make_trial(
    prompt: str = "hello",
    *,
    base_url: str | None = None,
    model: str = "openai/scripted",
    case: str = "c-1",
    arm: str = "as_is",
    role: str = "candidate",
    repeat: int = 1,
    evalset: str = "e",
    params: dict[str, Any] | None = None,
    **more: Any,
) -> Trial:
    """A trial that sends `prompt` as one user message; its hash leaves the address out, as planning does."""
    request_fields = {k: more.pop(k) for k in ("response_format", "tools") if k in more}
    messages = ({"role": "user", "content": prompt},)
    sent = json.dumps([model, messages, params or {}, request_fields], sort_keys=True)
    place = {"api_base": base_url} if base_url else {}
    return Trial(
        key=TrialKey(evalset=evalset, case=case, arm=arm, role=role, repeat=repeat),
        request=Request(model=model, messages=messages, params={**(params or {}), **place}, **request_fields),
        request_hash=hashlib.sha256(sent.encode()).hexdigest(),
        draw=str(repeat),
        **more,
    )
