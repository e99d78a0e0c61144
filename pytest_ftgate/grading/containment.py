"""Graders of the `contains` family and `starts-with`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from pytest_ftgate.grading.grades import GraderError, fail_grade, pass_grade, read_text, show
from pytest_ftgate.grading.signatures import clean
from pytest_ftgate.model.evalset import GraderSpec, Json
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.protocols import GradeContext

Mode: TypeAlias = Literal["one", "any", "all"]

_SCALAR: dict[str, Any] = {"type": ["string", "number", "boolean"]}
_LIST: dict[str, Any] = {"type": ["array", "string"], "items": _SCALAR, "minItems": 1}

_QUOTED = re.compile(r'\s*"((?:[^"\\]|\\.|"")*+)"\s*(?:,|\Z)', re.DOTALL)
_PLAIN = re.compile(r'(?!\s*")([^,]*)(?:,|\Z)')
_ESCAPED = re.compile(r'[\\"](["\\])')


class Contains:
    """The text contains the term, any of the terms, or all of them; `i…` ignores case."""

    is_format = False
    needs_expected = True
    options: Mapping[str, Json] = {}
    reads_expected = "part"

    def __init__(self, mode: Mode = "one", *, ignore_case: bool = False) -> None:
        self.mode, self.ignore_case = mode, ignore_case
        self.value = _SCALAR if mode == "one" else _LIST

    def grade(self, ctx: GradeContext) -> Grade:
        fold: Callable[[str], str] = str.lower if self.ignore_case else str
        text = fold(ctx.parsed.text)
        terms = self._terms(ctx.expected)
        found = [fold(term) in text for term in terms]
        if (any if self.mode == "any" else all)(found):
            return pass_grade(ctx)
        missing = [term for term, is_there in zip(terms, found, strict=True) if not is_there]
        what = "none of" if self.mode == "any" else "missing:"
        return fail_grade(ctx, "value:text", f"{what} {', '.join(show(term, 40) for term in missing[:5])}")

    def problems(self, spec: GraderSpec) -> tuple[str, ...]:
        if not spec.has_value or (isinstance(spec.value, str) and "{{" in spec.value):
            return ()
        try:
            self._terms(spec.value)
        except GraderError as error:
            return (str(error),)
        return ()

    def negated_signature(self, ctx: GradeContext) -> str:
        if not ctx.spec.has_value:
            return "value:text"
        text = ctx.parsed.text.lower()
        named = [term for term in self._terms(ctx.expected) if term.lower() in text]
        return f"style:forbidden:{clean(named[0] if named else '', 40)}"

    def _terms(self, expected: Any) -> list[str]:
        if self.mode == "one":
            if isinstance(expected, list | dict):
                raise GraderError(f"takes one text, not {type(expected).__name__}; use contains-all or -any")
            terms = [read_text(expected)]
        else:
            parts = split_terms(expected) if isinstance(expected, str) else expected
            if not isinstance(parts, list | tuple) or not parts:
                raise GraderError(f"takes a list of texts, not {show(expected)}")
            terms = [read_text(part) for part in parts]
        if "" in terms:
            raise GraderError("takes texts that are not empty: an empty one is in every answer")
        return terms


def split_terms(text: str) -> list[str]:
    """The terms of a text with commas, promptfoo's form of a list: blank ones are left out, and one in
    double quotes may hold commas (`""` or `\\"` is a quote in it).

    Raises GraderError for a quote that never closes or has text behind it.
    """
    terms: list[str] = []
    position = 0
    while position < len(text):
        match = _QUOTED.match(text, position) or _PLAIN.match(text, position)
        if match is None:
            raise GraderError(f"has a quoted text that does not end before a comma: {show(text[position:])}")
        quoted = match.re is _QUOTED
        term = _ESCAPED.sub(r"\1", match[1]) if quoted else match[1].strip()
        if term or quoted:
            terms.append(term)
        position = match.end()
    return terms


class StartsWith:
    """The text starts with the expected one."""

    is_format = False
    needs_expected = True
    options: Mapping[str, Json] = {}
    value = _SCALAR
    reads_expected = "part"

    def grade(self, ctx: GradeContext) -> Grade:
        if isinstance(ctx.expected, list | dict):
            raise GraderError(f"takes one text, not {type(ctx.expected).__name__}")
        expected = read_text(ctx.expected)
        if not expected:
            raise GraderError("takes a text that is not empty: every answer starts with an empty one")
        if ctx.parsed.text.startswith(expected):
            return pass_grade(ctx)
        head = ctx.parsed.text[: len(expected) + 20]
        return fail_grade(ctx, "value:text", f"expected to start with {show(expected)}, got {show(head)}")
