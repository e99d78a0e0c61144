"""Graders `levenshtein` and `rouge-n`: how near the answer's text is to the expected one."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

from pytest_ftgate.grading.grades import GraderError, fail_grade, pass_grade, read_text, show
from pytest_ftgate.grading.scripts import UNSPACED
from pytest_ftgate.model.evalset import GraderSpec, Json
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.protocols import GradeContext

_MAX_BYTES = 64 * 1024
_DEFAULT_DISTANCE = 5
_DEFAULT_F_MEASURE = 0.75
_BOTH_LIMITS = "takes `threshold` (a distance) or `min_similarity` (a share), not both"
_SCALAR: dict[str, Any] = {"type": ["string", "number", "boolean"]}
_SHARE: dict[str, Any] = {"type": "number", "minimum": 0, "maximum": 1}
# In scripts without spaces between words every character counts as one.
_WORD = re.compile(rf"[{UNSPACED}]|[^\W_{UNSPACED}]+")


class Levenshtein:
    """At most `threshold` (5) characters must be inserted, deleted or replaced to get the expected text
    (Levenshtein 1966); or, with `min_similarity`, 1 - distance / length of the longer text is that much.

    Grade.score is the distance, or the similarity. A text of more than 64 KiB is not measured.
    """

    is_format = False
    needs_expected = True
    options: Mapping[str, Json] = {"threshold": {"type": "number", "minimum": 0}, "min_similarity": _SHARE}
    value: Mapping[str, Json] = _SCALAR
    reads_expected = "part"

    def grade(self, ctx: GradeContext) -> Grade:
        expected = _read_expected(ctx.expected)
        if is_too_long(ctx.parsed.text):
            return _refuse_length(ctx)
        options = ctx.spec.options
        if _has_both_limits(options):
            raise GraderError(_BOTH_LIMITS)
        distance = _measure_distance(ctx.parsed.text, expected)
        if "min_similarity" not in options:
            limit = options.get("threshold", _DEFAULT_DISTANCE)
            reason = f"edit distance {distance}, at most {limit} is allowed"
            return _judge(ctx, float(distance), distance <= limit, reason)
        longest = max(len(ctx.parsed.text), len(expected))
        similarity = (longest - distance) / longest if longest else 1.0
        limit = options["min_similarity"]
        return _judge(ctx, similarity, similarity >= limit, f"similarity {similarity:.3f}, wanted {limit}")

    def problems(self, spec: GraderSpec) -> tuple[str, ...]:
        both = (_BOTH_LIMITS,) if _has_both_limits(spec.options) else ()
        return (*both, *_find_problems(spec, "rapidfuzz"))

    def negated_signature(self, ctx: GradeContext) -> str:
        return _name_negated(ctx)


class RougeN:
    """The F-measure of shared runs of `n` (1) words is at least `threshold` (0.75): ROUGE-N (Lin 2004).

    Words are runs of letters and digits of any script, in lower case; in scripts without spaces each
    character is one. Grade.score is the F-measure. A text of more than 64 KiB is not measured.
    """

    is_format = False
    needs_expected = True
    options: Mapping[str, Json] = {"n": {"type": "integer", "minimum": 1, "maximum": 9}, "threshold": _SHARE}
    value: Mapping[str, Json] = _SCALAR
    reads_expected = "part"

    def grade(self, ctx: GradeContext) -> Grade:
        expected = _read_expected(ctx.expected)
        n = ctx.spec.options.get("n", 1)
        words = _count_words(expected)
        if words < n:
            raise GraderError(
                f"the expected text {show(expected)} has {words} words, fewer than n = {n}: no answer can "
                "share a run of words with it; lower `n`, or use levenshtein or equals"
            )
        if is_too_long(ctx.parsed.text):
            return _refuse_length(ctx)
        score = _load_scorer(n).score(expected, ctx.parsed.text)[f"rouge{n}"].fmeasure
        limit = ctx.spec.options.get("threshold", _DEFAULT_F_MEASURE)
        return _judge(ctx, score, score >= limit, f"ROUGE-{n} F-measure {score:.3f}, wanted {limit}")

    def problems(self, spec: GraderSpec) -> tuple[str, ...]:
        return _find_problems(spec, "rouge_score")

    def negated_signature(self, ctx: GradeContext) -> str:
        return _name_negated(ctx)


def _has_both_limits(options: Mapping[str, Json]) -> bool:
    return "threshold" in options and "min_similarity" in options


def is_too_long(text: str) -> bool:
    """Whether the text takes more than 64 KiB as UTF-8."""
    if len(text) > _MAX_BYTES:
        return True
    return len(text.encode("utf-8", "surrogatepass")) > _MAX_BYTES


def _judge(ctx: GradeContext, score: float, is_near: bool, reason: str) -> Grade:
    grade = pass_grade(ctx, reason) if is_near else fail_grade(ctx, "value:text", reason)
    return replace(grade, score=score)


def _refuse_length(ctx: GradeContext) -> Grade:
    """Failed, also where the grader is negated: what was not measured is neither near nor far."""
    reason = f"the answer has {len(ctx.parsed.text)} characters; at most {_MAX_BYTES} bytes are measured"
    if ctx.spec.negated:
        return pass_grade(ctx, reason)
    return fail_grade(ctx, "style:too_long", reason)


def _name_negated(ctx: GradeContext) -> str:
    return "style:too_long" if is_too_long(ctx.parsed.text) else "value:text"


def _read_expected(expected: Json) -> str:
    if isinstance(expected, dict | list):
        raise GraderError(f"compares texts; the expected value is {show(expected)}")
    text = read_text(expected)
    if is_too_long(text):
        raise GraderError(_say_too_long(text))
    return text


def _find_problems(spec: GraderSpec, library: str) -> tuple[str, ...]:
    """What keeps the grader from judging anything: known before a model is paid for an answer."""
    problems = [] if find_spec(library) else [_say_missing(library)]
    if spec.has_value and isinstance(spec.value, str) and is_too_long(spec.value):
        problems.append(_say_too_long(spec.value))
    return tuple(problems)


def _say_missing(library: str) -> str:
    return f"needs {library}, of the extra `metrics`: pip install pytest-ftgate[metrics]"


def _say_too_long(text: str) -> str:
    return f"the expected text has {len(text)} characters; at most {_MAX_BYTES} bytes can be compared"


def _measure_distance(text: str, expected: str) -> int:
    try:
        from rapidfuzz.distance import Levenshtein as Measure
    except ImportError:
        raise GraderError(_say_missing("rapidfuzz")) from None
    return int(Measure.distance(text, expected))


@lru_cache(maxsize=9)
def _load_scorer(n: int) -> Any:
    try:
        with warnings.catch_warnings():
            # What its imports (nltk among them) warn of is no news for who grades an answer.
            warnings.simplefilter("ignore")
            from rouge_score.rouge_scorer import RougeScorer
    except ImportError:
        raise GraderError(_say_missing("rouge_score")) from None
    return RougeScorer([f"rouge{n}"], tokenizer=_Words())


@lru_cache(maxsize=1024)
def _count_words(expected: str) -> int:
    return len(_Words().tokenize(expected))


class _Words:
    """rouge-score's own tokenizer knows only a-z and 0-9: two texts in Greek would share nothing."""

    def tokenize(self, text: str) -> list[str]:
        return _WORD.findall(text.lower())
