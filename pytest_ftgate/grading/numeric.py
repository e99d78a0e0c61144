"""Grader `numeric`: the number an answer ends in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, DecimalException
from typing import Any

from pytest_ftgate.grading.grades import GraderError, fail_grade, pass_grade, show
from pytest_ftgate.grading.limits import MAX_SHORT_ANSWER_CHARS
from pytest_ftgate.model.evalset import Json
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.protocols import GradeContext

_CURRENCY = "$€£¥₹"
_SIGNS = "-−"
_DIGITS = (
    r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,3}(?![0-9]))?|\.[0-9]+"
)
_FIND = re.compile(_DIGITS)
_STATED = re.compile(
    r"(?:####|answer\s*(?:is|:|=)|\\boxed\{|result\s*(?:is|:|=))"
    r"[\s*:=$\\({\[\"'`]*(?:about|approximately|roughly|equal to)?\s*"
    rf"(?=[+{_SIGNS}]?\s?[{_CURRENCY}]?\s?\.?[0-9])",
    re.IGNORECASE,
)
_MAX_DIGITS = 1_000


def read_number(text: str) -> Decimal | None:
    """The number an answer states: after "####", "answer is", `\\boxed{` and the like, else the last one.

    Thousands separators, currency and units (percent among them) are ignored. Only the last 20,000
    characters are read.
    """
    tail = text[-MAX_SHORT_ANSWER_CHARS:]
    stated = None
    for stated in _STATED.finditer(tail):  # noqa: B007 - the last one is wanted
        pass
    if stated is not None:
        found = _FIND.search(tail, stated.end())
    else:
        found = None
        for found in _FIND.finditer(tail):  # noqa: B007
            pass
    return _convert(tail, found) if found is not None else None


def _convert(text: str, found: re.Match[str]) -> Decimal | None:
    digits = found.group().replace(",", "")
    if len(digits) > _MAX_DIGITS:
        return None
    before = text[max(0, found.start() - 6) : found.start()].rstrip(_CURRENCY + " ")
    # A dash after a word or a number is a hyphen or a range, not a sign.
    is_negative = before[-1:] in tuple(_SIGNS) and not before[-2:-1].isalnum() and before[-2:-1] != ")"
    return Decimal(f"-{digits}" if is_negative else digits)


def read_expected(expected: Json) -> Decimal:
    """An expected number, given as one or as a text; raises GraderError where it holds none."""
    if not isinstance(expected, bool):
        if isinstance(expected, int | float) and expected == expected and abs(expected) < float("inf"):
            return Decimal(str(expected))
        if isinstance(expected, str):
            number = read_number(expected)
            if number is not None:
                return number
    raise GraderError(f"needs an expected number, got {show(expected)}")


class Numeric:
    """The answer's number equals the expected one, within `tolerance` (absolute) or `relative_tolerance`."""

    is_format = False
    needs_expected = True
    options: Mapping[str, Json] = {
        "tolerance": {"type": "number", "minimum": 0},
        "relative_tolerance": {"type": "number", "minimum": 0},
    }
    value: Mapping[str, Json] = {"type": ["number", "string"]}
    reads_expected = "part"

    def grade(self, ctx: GradeContext) -> Grade:
        expected = read_expected(ctx.expected)
        got = read_number(ctx.parsed.text)
        if got is None:
            return fail_grade(ctx, "value:no_number", f"no number in {show(ctx.parsed.text)}")
        if self._is_close(got, expected, ctx.spec.options):
            return pass_grade(ctx)
        return fail_grade(ctx, "value:numeric", f"expected {expected}, got {str(got)[:40]}")

    def _is_close(self, got: Decimal, expected: Decimal, options: Any) -> bool:
        if got == expected:
            return True
        absolute = Decimal(str(options.get("tolerance", 0)))
        relative = Decimal(str(options.get("relative_tolerance", "1e-9")))
        try:
            return abs(got - expected) <= max(absolute, relative * abs(expected))
        except DecimalException:
            return False
