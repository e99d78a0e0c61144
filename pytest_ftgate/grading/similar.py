"""Grader `similar`: the answer means about the same as a text, by the cosine of their embeddings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pytest_ftgate.grading.asking import explain_no_reply
from pytest_ftgate.grading.grades import (
    GraderError,
    Problem,
    fail_grade,
    judge_blank,
    pass_grade,
    read_text,
)
from pytest_ftgate.grading.text_metrics import is_too_long
from pytest_ftgate.model.codec import dump_json
from pytest_ftgate.model.evalset import EMBEDDER, Json
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.protocols import GradeContext, Question
from pytest_ftgate.model.response import Answer, Response
from pytest_ftgate.model.vectors import decode_vector, measure_cosine

DEFAULT_THRESHOLD = 0.75
_SURROGATE = re.compile("[\ud800-\udfff]")


class Similar:
    """The cosine of the embeddings of the answer and of a text is at least `threshold`.

    The text is `expected`, or the plain value. Grade.score is the cosine. An answer of more than 64 KiB is
    not embedded, nor is one with half of a surrogate pair: it fails.
    """

    is_format = False
    needs_expected = True
    role = EMBEDDER
    options: Mapping[str, Json] = {"threshold": {"type": "number", "minimum": -1, "maximum": 1}}
    value: Mapping[str, Json] = {"type": "string", "minLength": 1}

    def ask(self, ctx: GradeContext) -> Sequence[Question]:
        """The embeddings of the answer and of the text; none where the answer is not to be embedded."""
        if ctx.parsed.is_blank or _find_obstacle(ctx.parsed.text) is not None:
            return ()
        return [
            Question(role=EMBEDDER, messages=({"role": "user", "content": text},))
            for text in (ctx.parsed.text, _read_expected(ctx))
        ]

    def grade(self, ctx: GradeContext) -> Grade:
        if ctx.parsed.is_blank:
            return judge_blank(ctx, "value:similar")
        unmeasured = _find_obstacle(ctx.parsed.text)
        if unmeasured is not None:
            # What was not measured is neither near nor far: it fails where the grader is negated, too.
            if ctx.spec.negated:
                return pass_grade(ctx, unmeasured.reason)
            return fail_grade(ctx, unmeasured.signature, unmeasured.reason)
        threshold = ctx.spec.options.get("threshold", DEFAULT_THRESHOLD)
        cosine = _measure(ctx.replies)
        reason = f"the cosine is {cosine:.3f}, at least {threshold:g} is wanted"
        is_near = cosine >= threshold
        grade = pass_grade(ctx, reason) if is_near else fail_grade(ctx, "value:similar", reason)
        return replace(grade, score=cosine)

    def negated_signature(self, ctx: GradeContext) -> str:
        unmeasured = _find_obstacle(ctx.parsed.text)
        return "value:similar" if unmeasured is None else unmeasured.signature


def _find_obstacle(text: str) -> Problem | None:
    """What keeps an answer from being embedded, or None."""
    if is_too_long(text):
        reason = f"the answer has {len(text)} characters; at most 64 KiB are embedded"
        return Problem("style:too_long", reason)
    lone = _SURROGATE.search(text)
    if lone is None:
        return None
    what = f"U+{ord(lone.group()):04X} at character {lone.start() + 1} of the answer is half of a character"
    return Problem("value:similar", f"{what}: no such text can be embedded")


def _measure(replies: Sequence[Answer]) -> float:
    texts = [reply.text or "" for reply in replies if isinstance(reply, Response)]
    if len(texts) != 2:
        what = f"{len(texts)} of 2 embeddings came from the embedder"
        raise explain_no_reply(EMBEDDER, replies, what)
    try:
        return measure_cosine(*map(decode_vector, texts))
    except ValueError as error:
        raise explain_no_reply(EMBEDDER, replies, f"the embeddings cannot be compared: {error}") from None


def _read_expected(ctx: GradeContext) -> str:
    expected = ctx.expected
    text = dump_json(expected) if isinstance(expected, dict | list | tuple) else read_text(expected)
    if not text.strip():
        raise GraderError("compares with an empty text")
    if is_too_long(text):
        raise GraderError("compares with a text of more than 64 KiB")
    return text
