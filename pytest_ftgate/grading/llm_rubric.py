"""Grader `llm-rubric`: a judge votes on whether the answer fulfils a rubric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_ftgate.grading.asking import explain_no_reply, is_unasked
from pytest_ftgate.grading.grades import GraderError, judge_blank
from pytest_ftgate.grading.rubric import PARTS, RESPONSE_FORMAT, Opinion, build_messages, read_reply
from pytest_ftgate.model.codec import dump_json
from pytest_ftgate.model.evalset import JUDGE, GraderSpec, Json
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.protocols import GradeContext, Question
from pytest_ftgate.model.response import Answer, Response

DEFAULT_VOTES = 3
_SEEN = ("input", "expected")


class LlmRubric:
    """The answer fulfils the rubric, by the majority of a judge's `votes`.

    A vote is for the answer where the judge says `pass` and its score reaches `threshold`. Votes that did not
    come or cannot be read are dropped as long as the others hold a majority of all that were asked;
    else nothing is decided and the trial is unanswered. So it is where a replay has not all the votes.
    """

    is_format = False
    needs_expected = False
    role = JUDGE
    options: Mapping[str, Json] = {
        "votes": {"type": "integer", "enum": [1, 3, 5, 7, 9]},
        "threshold": {"type": "number", "minimum": 0, "maximum": 1},
        "about": {"enum": ["value", "style"]},
        "name": {"type": "string", "pattern": r"^[\w.-]{1,40}$"},
        "see": {"type": "array", "items": {"enum": list(PARTS)}, "uniqueItems": True},
        "structured": {"type": "boolean"},
    }
    value: Mapping[str, Json] = {"type": "string", "minLength": 1}

    def problems(self, spec: GraderSpec) -> tuple[str, ...]:
        return () if spec.has_value else ("needs the rubric: `llm-rubric: the answer is polite`",)

    def ask(self, ctx: GradeContext) -> Sequence[Question]:
        """As many times the same question as there are votes; none about an empty answer."""
        answer = _show_answer(ctx)
        if answer is None:
            return ()
        messages = build_messages(_read_rubric(ctx.spec), answer, _list_shown(ctx))
        response_format = RESPONSE_FORMAT if ctx.spec.options.get("structured", True) else None
        return [
            Question(role=JUDGE, messages=messages, response_format=response_format, vote=vote)
            for vote in range(1, _count_votes(ctx.spec) + 1)
        ]

    def grade(self, ctx: GradeContext) -> Grade:
        signature = self.negated_signature(ctx)
        if _show_answer(ctx) is None:
            return judge_blank(ctx, signature)
        wanted, threshold = _count_votes(ctx.spec), ctx.spec.options.get("threshold", 0.0)
        opinions, faults = read_opinions(ctx.replies)
        votes_for = [one for one in opinions if one.is_pass and one.score >= threshold]
        votes_against = [one for one in opinions if one not in votes_for]
        majority = next((side for side in (votes_for, votes_against) if 2 * len(side) > wanted), None)
        if majority is None or is_unasked(ctx.replies):
            what = f"{len(opinions)} of {wanted} votes of the judge are usable, {len(votes_for)} for"
            raise explain_no_reply(JUDGE, ctx.replies, "; ".join([what, *faults[:1], *_advise(ctx)]))
        is_passed = majority is votes_for
        return Grade(
            grader=ctx.spec.label,
            outcome="passed" if is_passed else "failed",
            signature=None if is_passed else signature,
            reason=min((one.reason for one in majority if one.reason), key=len, default=""),
            score=sum(one.score for one in opinions) / len(opinions),
            votes=(len(votes_for), len(votes_against)),
        )

    def negated_signature(self, ctx: GradeContext) -> str:
        """`value:rubric` or `style:rubric`, with the rubric's name where it has one."""
        name = ctx.spec.options.get("name")
        return f"{ctx.spec.options.get('about', 'value')}:rubric" + (f":{name}" if name else "")


def read_opinions(replies: Sequence[Answer]) -> tuple[list[Opinion], list[str]]:
    """The usable votes, and a sentence for each reply that is none (failed requests have said theirs)."""
    opinions: list[Opinion] = []
    faults: list[str] = []
    for reply in replies:
        if isinstance(reply, Response):
            try:
                opinions.append(read_reply(reply.text))
            except ValueError as error:
                faults.append(str(error))
    return opinions, faults


def _advise(ctx: GradeContext) -> list[str]:
    is_refused = any(getattr(reply, "signature", "") == "infra:bad_request" for reply in ctx.replies)
    if is_refused and ctx.spec.options.get("structured", True):
        return ["if the vendor knows no response_format of a JSON schema, set `structured: false`"]
    return []


def _count_votes(spec: GraderSpec) -> int:
    return int(spec.options.get("votes", DEFAULT_VOTES))


def _read_rubric(spec: GraderSpec) -> str:
    if not spec.has_value:
        raise GraderError("has no rubric")
    return spec.value if isinstance(spec.value, str) else dump_json(spec.value)


def _show_answer(ctx: GradeContext) -> str | None:
    """The answer as the judge sees it, tool calls included; None where there is nothing to see."""
    calls = ctx.response.tool_calls
    if calls:
        shown = [{"name": call.name, "arguments": call.arguments} for call in calls]
        return dump_json({"text": ctx.parsed.text, "tool_calls": shown})
    return None if ctx.parsed.is_blank else str(ctx.parsed.text)


def _list_shown(ctx: GradeContext) -> dict[str, Json]:
    """The parts of the case that the judge may see (option `see`) and that the case has."""
    case, seen = ctx.case, ctx.spec.options.get("see", _SEEN)
    shown: dict[str, Json] = {}
    if "input" in seen:
        shown["input"] = case.input if case.messages is None else list(case.messages)
    if "expected" in seen and case.has_expected:
        shown["expected"] = case.expected
    if "context" in seen and case.context is not None:
        shown["context"] = case.context
    return shown
