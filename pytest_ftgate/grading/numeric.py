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
_THIN = "\u00a0\u2007\u2009\u202f"
_POWER = r"\ ?(?:\^|\*\*)\ ?\{?([-+]?[0-9]{1,3})(?![0-9])|([⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,3})"
_POWER_OF_TEN = re.compile(_POWER, re.VERBOSE)
_FIND = re.compile(
    rf"""(?=[0-9.\\])(?:
    (?:(?P<whole>[0-9]{{1,3}})\ ?)?\\[dt]?frac\ ?\{{(?P<over>[0-9]{{1,9}})\}}\ ?\{{(?P<under>[0-9]{{1,9}})\}}
    |(?<![0-9.,/])(?:(?P<with>[0-9]{{1,3}})\ )?(?P<above>[0-9]{{1,9}})\ ?[/\u2044]\ ?
        (?P<below>[0-9]{{1,9}})(?![0-9]|\ ?[/\u2044]|[.,][0-9])
    |(?:(?P<commas>(?!0)[0-9]{{1,3}}(?:,[0-9]{{3}})++(?![0-9])(?:\.[0-9]++)?
            |(?!0)[0-9]{{1,2}}(?:,[0-9]{{2}}(?=,))++,[0-9]{{3}}(?![0-9])(?:\.[0-9]++)?)
        |(?P<dots>(?!0)[0-9]{{1,3}}(?:\.[0-9]{{3}})++,[0-9]++(?!,[0-9])
            |(?!0)[0-9]{{1,3}}(?:\.[0-9]{{3}}){{2,}}+(?![0-9]))
        |(?P<spaced>(?!0)[0-9]{{1,3}}(?:[{_THIN}'\u2019_][0-9]{{3}})++(?![0-9])(?:[.,][0-9]++)?)
        |(?P<comma>(?<![0-9],)[0-9]++,[0-9]++(?!,[0-9]))
        |(?P<plain>(?:[0-9]++(?:\.[0-9]++)?|(?<![0-9.])\.[0-9]++)(?:[eE][-+]?[0-9]{{1,3}}(?![0-9]))?)
    )(?P<factor>\ ?(?:×|x|\*|·|\\times|\\cdot)\ ?10(?:{_POWER}))?
    )""",
    re.VERBOSE,
)
# "m^2", "x**2"; in "so **2**" the stars are bold type.
_EXPONENT = re.compile(r"(?:\^|[A-Za-z0-9)]\*\*)[-+{ ]*\Z")
_STATED = re.compile(
    r"""
    (?:\#{4}|\\boxed\ ?\{|(?:answer|result)[\s*_]*+(?:is|:|=))
    (?:[\s*_:=$({\["'`]|\\(?![dt]?frac))*+
    (?:(?:about|approximately|approx\.?|roughly|around|exactly|equal\ to)\s++)?+
    (?=[-+]?[$€£¥₹]?\ ?[-+]?(?:\.?[0-9]|\\[dt]?frac\ ?\{))
    """,
    re.IGNORECASE | re.VERBOSE,
)
_MARKERS = ("####", "\\boxed", "answer", "result")
_PLAIN = {
    **dict.fromkeys("\u2212\u2013\ufe63\uff0d", "-"),
    "½": " 1/2",
    "⅓": " 1/3",
    "⅔": " 2/3",
    "¼": " 1/4",
    "¾": " 3/4",
    "⅕": " 1/5",
    "⅛": " 1/8",
}
_PLAIN_CHARS = str.maketrans(_PLAIN)
_SUPERSCRIPTS = str.maketrans("⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "+-0123456789")
_SWAPPED = str.maketrans(".,", ",.")
_SEPARATORS = re.compile(f"[{_THIN}'\u2019_]")
_MAX_DIGITS = 1_000


def read_number(text: str, decimal: str = ".") -> Decimal | None:
    """The number that an answer states: the one after the last "####", "answer is", "result:" or `\\boxed{`,
    else the last one in the text. Only the last 20,000 characters are read.

    Read: `1,234.5`, `1.234,5`, `1.234.567`, `12,34,567`, `1'234`, thin and no-break spaces as separators,
    `3,5` (no thousands group, so a decimal comma), `1.5e3`, `1.5 × 10^3`, `10⁶`, `3/4`, `2 1/2`,
    `\\frac{3}{4}`, `½`; a minus of any kind that touches the number or its currency sign.

    Not decided by the text, and so by rule: `1,234` is 1234 and `1.234` is 1.234 (`decimal=","` swaps
    them); `3,5` is one number, not two; a percent sign, a currency and every unit are ignored (`50%` is 50,
    `2 million` is 2); `5-3` and `- 3` have no sign (a range, a bullet) and `(5)` is not negative; `3/4` is
    a quotient, `1/2/2020` is not; a plain space separates numbers; digits in a word or an exponent (`H2O`,
    `m^2`) count only where nothing else does; powers of ten are computed, others not; digits are ASCII.
    """
    tail = _simplify(text[-MAX_SHORT_ANSWER_CHARS:])
    if decimal == ",":
        tail = tail.translate(_SWAPPED)
    stated = _find_stated(tail)
    found = _FIND.search(tail, stated) if stated is not None else _find_last(tail)
    try:
        return _convert(tail, found) if found is not None else None
    except DecimalException:
        return None


def _find_stated(tail: str) -> int | None:
    """Where the last marker stands that a number follows. No marker has a digit in it."""
    lowered = tail.lower()
    if len(lowered) != len(tail):  # "İ" is two characters in lower case
        return max((match.start() for match in _STATED.finditer(tail)), default=None)
    last = -1
    for word in _MARKERS:
        start = lowered.rfind(word)
        while start > last:
            if _STATED.match(tail, start):
                last = start
            start = lowered.rfind(word, 0, start + len(word) - 1)
    return last if last >= 0 else None


def _simplify(tail: str) -> str:
    tail = tail.replace("{,}", ",")
    if "\\" in tail:
        tail = tail.replace("\\$", "$").replace(",\\!", ",").replace("\\,", "\u2009")
    return tail if tail.isascii() else tail.translate(_PLAIN_CHARS)


def _find_last(tail: str) -> re.Match[str] | None:
    """The last number that is no part of a word and no exponent; else the last one at all.

    Line by line from the end: no number goes over a line break.
    """
    glued, end = None, len(tail)
    while end > 0:
        start = tail.rfind("\n", 0, end) + 1
        last, last_glued = None, None
        for found in _FIND.finditer(tail, start, end):
            if _is_glued(tail, found.start()):
                last_glued = found
            else:
                last = found
        if last is not None:
            return last
        glued, end = glued or last_glued, start - 1
    return glued


def _is_glued(text: str, start: int) -> bool:
    before = text[max(0, start - 4) : start]
    last = before[-1:]
    is_in_word = last == "_" or (last.isascii() and last.isalpha())
    return is_in_word or _EXPONENT.search(before) is not None


def _convert(text: str, found: re.Match[str]) -> Decimal | None:
    """The value of a match; None where it has more than 1,000 digits. Raises DecimalException for x/0."""
    if len(found.group()) > _MAX_DIGITS:
        return None
    value = _read_fraction(found)
    if value is None:
        value = Decimal(_write_plain(found)).scaleb(_read_power(text, found))
    return -value if _is_negative(text, found.start()) else value


def _read_fraction(found: re.Match[str]) -> Decimal | None:
    above, below = found["over"] or found["above"], found["under"] or found["below"]
    if above is None or below is None:
        return None
    whole = found["whole"] or found["with"] or "0"
    # "2 1/2" is one number, "12 4/2" is two.
    value = Decimal(above) / Decimal(below)
    return value + Decimal(whole) if value < 1 else value


def _write_plain(found: re.Match[str]) -> str:
    if found["commas"]:
        return found["commas"].replace(",", "")
    if found["dots"]:
        return found["dots"].replace(".", "").replace(",", ".")
    return _SEPARATORS.sub("", found["spaced"] or found["comma"] or found["plain"]).replace(",", ".")


def _read_power(text: str, found: re.Match[str]) -> int:
    """The exponent of ten written after a number: 3 of `× 10^3`; of a bare `10^6` one less than 6."""
    missing = 0
    if found["factor"]:
        written = _POWER_OF_TEN.search(found["factor"])
    elif found.group() == "10" and (written := _POWER_OF_TEN.match(text, found.end())):
        missing = 1
    else:
        return 0
    power = (written[1] or written[2].translate(_SUPERSCRIPTS)) if written else ""
    return int(power) - missing if power.strip("+-") else 0


def _is_negative(text: str, start: int) -> bool:
    before = text[max(0, start - 4) : start]
    if before.rstrip(" ").endswith(tuple(_CURRENCY)):
        before = before.rstrip(" ").rstrip(_CURRENCY)
    # A dash after a word or a number is a hyphen or a range, not a sign.
    return before.endswith("-") and not (before[-2:-1].isalnum() or before[-2:-1] in (")", "]", "%"))


def read_expected(expected: Json, decimal: str = ".") -> Decimal:
    """An expected number, given as one or as a text; raises GraderError where it holds none."""
    if not isinstance(expected, bool):
        if isinstance(expected, int | float) and expected == expected and abs(expected) < float("inf"):
            return Decimal(str(expected))
        if isinstance(expected, str):
            number = read_number(expected, decimal)
            if number is not None:
                return number
    raise GraderError(f"needs an expected number, got {show(expected)}")


class Numeric:
    """The answer's number equals the expected one, within `tolerance` (absolute) or `relative_tolerance`
    (a share of the expected number), whichever allows more. `decimal: ","` reads `1.234` as 1234.
    """

    is_format = False
    needs_expected = True
    options: Mapping[str, Json] = {
        "tolerance": {"type": "number", "minimum": 0},
        "relative_tolerance": {"type": "number", "minimum": 0},
        "decimal": {"enum": [".", ","]},
    }
    value: Mapping[str, Json] = {"type": ["number", "string"]}
    reads_expected = "part"

    def grade(self, ctx: GradeContext) -> Grade:
        decimal = ctx.spec.options.get("decimal", ".")
        expected = read_expected(ctx.expected, decimal)
        got = read_number(ctx.parsed.text, decimal)
        if got is None:
            return fail_grade(ctx, "value:no_number", f"no number in {show(ctx.parsed.text)}")
        if self._is_close(got, expected, ctx.spec.options):
            return pass_grade(ctx)
        read = str(got)[:40]
        return fail_grade(ctx, "value:numeric", f"expected {expected}, got {read}", predicted=read)

    def _is_close(self, got: Decimal, expected: Decimal, options: Any) -> bool:
        if got == expected:
            return True
        absolute = Decimal(str(options.get("tolerance", 0)))
        relative = Decimal(str(options.get("relative_tolerance", "1e-9")))
        try:
            return abs(got - expected) <= max(absolute, relative * abs(expected))
        except DecimalException:
            return False
