"""Grader `similar`: the answer means about the same as a text, by the cosine of their embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pytest_ftgate.grading.asking import explain_no_reply
from pytest_ftgate.grading.grades import GraderError, fail_grade, pass_grade, read_text
from pytest_ftgate.grading.text_metrics import is_too_long
from pytest_ftgate.model.codec import dump_json
from pytest_ftgate.model.evalset import EMBEDDER, Json
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.protocols import GradeContext, Question
from pytest_ftgate.model.response import Answer, Response
from pytest_ftgate.model.vectors import decode_vector, measure_cosine

DEFAULT_THRESHOLD = 0.75


class Similar:
    """The cosine of the embeddings of the answer and of a text is at least `threshold`.

    The text is `expected`, or the plain value. Grade.score is the cosine. An answer of more than 64 KiB is
    not embedded.
    """

    is_format = False
    needs_expected = True
    role = EMBEDDER
    options: Mapping[str, Json] = {"threshold": {"type": "number", "minimum": -1, "maximum": 1}}
    value: Mapping[str, Json] = {"type": "string", "minLength": 1}

    def ask(self, ctx: GradeContext) -> Sequence[Question]:
        """The embeddings of the answer and of the text; none where the answer is not to be embedded."""
        if ctx.parsed.is_blank or is_too_long(ctx.parsed.text):
            return ()
        return [
            Question(role=EMBEDDER, messages=({"role": "user", "content": text},))
            for text in (ctx.parsed.text, _read_expected(ctx))
        ]

    def grade(self, ctx: GradeContext) -> Grade:
        if ctx.parsed.is_blank:
            return fail_grade(ctx, "value:similar", "the answer is empty")
        if is_too_long(ctx.parsed.text):
            reason = f"the answer has {len(ctx.parsed.text)} characters; at most 64 KiB are embedded"
            # What was not measured is neither near nor far: it fails where the grader is negated, too.
            return pass_grade(ctx, reason) if ctx.spec.negated else fail_grade(ctx, "style:too_long", reason)
        threshold = ctx.spec.options.get("threshold", DEFAULT_THRESHOLD)
        cosine = _measure(ctx.replies)
        reason = f"the cosine is {cosine:.3f}, at least {threshold:g} is wanted"
        is_near = cosine >= threshold
        grade = pass_grade(ctx, reason) if is_near else fail_grade(ctx, "value:similar", reason)
        return replace(grade, score=cosine)

    def negated_signature(self, ctx: GradeContext) -> str:
        return "style:too_long" if is_too_long(ctx.parsed.text) else "value:similar"


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
