"""The follow-up of arm `reask`: the model sees its answer and what is wrong with its form."""

from __future__ import annotations

from dataclasses import replace

from pytest_ftgate.model.trial import Request

MAX_QUOTED_CHARS = 20_000
"""Longest answer or problem that is shown to the model again."""


def follow_up_request(request: Request, answer_text: str, problem_text: str) -> Request:
    """The next turn after a format failure: the same request, the answer, and the problem named."""
    # Some vendors refuse a message without text.
    answer = answer_text[:MAX_QUOTED_CHARS] if answer_text.strip() else "(no answer)"
    problem = problem_text[:MAX_QUOTED_CHARS]
    complaint = (
        f"Your answer could not be used: {problem}\n"
        "Answer again, with the same content in the right form. Give only the answer."
    )
    messages = (
        *request.messages,
        {"role": "assistant", "content": answer},
        {"role": "user", "content": complaint},
    )
    return replace(request, messages=messages)
