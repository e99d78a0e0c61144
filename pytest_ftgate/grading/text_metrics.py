"""Graders `levenshtein` and `rouge-n`: how near the answer's text is to the expected one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

from pytest_ftgate.grading.grades import GraderError, fail_grade, pass_grade, read_text, show
from pytest_ftgate.model.evalset import GraderSpec, Json
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.protocols import GradeContext
from pytest_ftgate.model.scripts import UNSPACED

_MAX_BYTES = 64 * 1024
_DEFAULT_DISTANCE = 5
_DEFAULT_F_MEASURE = 0.75
_MISSING = "needs rapidfuzz, of the extra `metrics`: pip install pytest-ftgate[metrics]"
_BOTH_LIMITS = "takes `threshold` (a distance) or `min_similarity` (a share), not both"
_SCALAR: dict[str, Any] = {"type": ["string", "number", "boolean"]}
_SHARE: dict[str, Any] = {"type": "number", "minimum": 0, "maximum": 1}
# In scripts without spaces between words every character counts as one.
_WORD = re.compile(rf"[{UNSPACED}]|[^\W_{UNSPACED}]+")
# The same of ASCII in lower case, in half the time.
_ASCII_WORD = re.compile(r"[a-z0-9]+")


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
        missing = () if find_spec("rapidfuzz") else (_MISSING,)
        return (*both, *missing, *_find_long_value(spec))

    def negated_signature(self, ctx: GradeContext) -> str:
        return _name_negated(ctx)


class RougeN:
    """The F-measure of shared runs of `n` (1) words is at least `threshold` (0.75): ROUGE-N (Lin 2004).

    Words are runs of letters and digits of any script, in lower case; in scripts without spaces each
    character is one. Of words with nothing but a-z and 0-9 it is what rouge-score gives. Grade.score is the
    F-measure. A text of more than 64 KiB is not measured.
    """

    is_format = False
    needs_expected = True
    options: Mapping[str, Json] = {"n": {"type": "integer", "minimum": 1, "maximum": 9}, "threshold": _SHARE}
    value: Mapping[str, Json] = _SCALAR
    reads_expected = "part"

    def grade(self, ctx: GradeContext) -> Grade:
        expected = _read_expected(ctx.expected)
        n = ctx.spec.options.get("n", 1)
        wanted, total = _count_runs(expected, n)
        if not total:
            words = len(_read_words(expected))
            raise GraderError(
                f"the expected text {show(expected)} has {words} words, fewer than n = {n}: no answer can "
                "share a run of words with it; lower `n`, or use levenshtein or equals"
            )
        if is_too_long(ctx.parsed.text):
            return _refuse_length(ctx)
        score = _measure_overlap(Counter(_list_runs(ctx.parsed.text, n)), wanted, total)
        limit = ctx.spec.options.get("threshold", _DEFAULT_F_MEASURE)
        return _judge(ctx, score, score >= limit, f"ROUGE-{n} F-measure {score:.3f}, wanted {limit}")

    def problems(self, spec: GraderSpec) -> tuple[str, ...]:
        return _find_long_value(spec)

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
    if is_near:
        return pass_grade(ctx, reason, score=score)
    return fail_grade(ctx, "value:text", reason, score=score)


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


def _find_long_value(spec: GraderSpec) -> tuple[str, ...]:
    """What keeps the grader from judging anything: known before a model is paid for an answer."""
    is_long = spec.has_value and isinstance(spec.value, str) and is_too_long(spec.value)
    return (_say_too_long(spec.value),) if is_long else ()


def _say_too_long(text: str) -> str:
    return f"the expected text has {len(text)} characters; at most {_MAX_BYTES} bytes can be compared"


def _measure_distance(text: str, expected: str) -> int:
    try:
        from rapidfuzz.distance import Levenshtein as Measure
    except ImportError:
        raise GraderError(_MISSING) from None
    return int(Measure.distance(text, expected))


@lru_cache(maxsize=64)
def _count_runs(text: str, n: int) -> tuple[Mapping[Any, int], int]:
    """How often each run of n words is in the text, and how many there are."""
    counts = Counter(_list_runs(text, n))
    return counts, counts.total()


def _list_runs(text: str, n: int) -> Iterable[Any]:
    words = _read_words(text)
    return words if n == 1 else zip(*(words[start:] for start in range(n)), strict=False)


def _read_words(text: str) -> list[str]:
    lowered = text.lower()
    return (_ASCII_WORD if lowered.isascii() else _WORD).findall(lowered)


def _measure_overlap(counts: Counter[Any], wanted: Mapping[Any, int], total: int) -> float:
    """ROUGE-N's F-measure (Lin 2004), 0 to 1: of precision and recall of the runs, each as often as both
    have it.
    """
    shared = sum([min(count, counts[run]) for run, count in wanted.items() if run in counts])
    if not shared:
        return 0.0
    precision, recall = shared / counts.total(), shared / total
    return 2 * precision * recall / (precision + recall)
