"""Grader `terms`: the words a domain wants, and those it does not."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from pytest_ftgate.grading.grades import GraderError, Problem, judge_problems, show
from pytest_ftgate.grading.signatures import clean
from pytest_ftgate.model.evalset import GraderSpec, Json
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.protocols import GradeContext
from pytest_ftgate.model.scripts import UNSPACED, is_unspaced

_TEXT: dict[str, Any] = {"type": "string", "pattern": r"\S"}
_TERM: dict[str, Any] = {
    "anyOf": [
        _TEXT,
        {
            "type": "object",
            "properties": {"term": _TEXT, "any": {"type": "array", "items": _TEXT}},
            "required": ["term"],
            "additionalProperties": False,
        },
    ]
}
_TERMS: dict[str, Any] = {"type": "array", "items": _TERM, "minItems": 1, "maxItems": 500}
_LISTS = ("required", "any_of", "forbidden")
_SIGNATURE_CHARS = 40
_MARKS = "\u0300-\u036f"
_QUOTES = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201b\u02bc", "'") | dict.fromkeys("\u201c\u201d\u201f", '"')
)
_LETTER = rf"[^\W_{UNSPACED}]"
_MAX_UNDERSCORES = 3


class Terms:
    """All `required` words and phrases are in the text, at least one `any_of`, and none `forbidden`.

    An item is a text, or {term, any}: `any` are synonyms that count as the term. Whole words and no
    matter the case, unless `whole_words: false` / `ignore_case: false`; white space in a phrase is any run
    of white space, and typographic quotes are plain ones. A term that starts or ends with a sign ("C++", "%")
    needs no word boundary there, nor does one next to a script without spaces between words; underscores
    around a word (`_so_`) are no part of it.
    """

    is_format = False
    needs_expected = False
    options: Mapping[str, Json] = {
        "required": _TERMS,
        "forbidden": _TERMS,
        "any_of": _TERMS,
        "ignore_case": {"type": "boolean"},
        "whole_words": {"type": "boolean"},
    }
    value = None
    reads_expected = "contains"

    def grade(self, ctx: GradeContext) -> Grade:
        rules = {name: _read_terms(ctx.spec.options.get(name, ()), name) for name in _LISTS}
        if not any(rules.values()):
            raise GraderError(_NO_TERMS)
        found = _Finder(ctx.parsed.text, ctx.spec.options)
        return judge_problems(ctx, list(_find_problems(rules, found)))

    def problems(self, spec: GraderSpec) -> tuple[str, ...]:
        try:
            rules = {name: _read_terms(spec.options.get(name, ()), name) for name in _LISTS}
        except GraderError as error:
            return (str(error),)
        if not any(rules.values()):
            return (_NO_TERMS,)
        forbidden = {_fold(text) for spellings in rules["forbidden"] for text in spellings}

        def is_barred(spellings: Iterable[str]) -> bool:
            return all(_fold(text) in forbidden for text in spellings)

        both = [spellings[0] for spellings in rules["required"] if is_barred(spellings)]
        found = [f"{show(term)} is both required and forbidden: no answer can pass" for term in both]
        if rules["any_of"] and all(map(is_barred, rules["any_of"])):
            found.append("all terms of `any_of` are both forbidden and wanted: no answer can pass")
        return tuple(found)

    def negated_signature(self, ctx: GradeContext) -> str:
        """Every rule holds: what is there and must not be, or else what is not."""
        found = _Finder(ctx.parsed.text, ctx.spec.options)
        for name in ("required", "any_of"):
            for spellings in _read_terms(ctx.spec.options.get(name, ()), name):
                if found.has_any(spellings):
                    return f"style:forbidden:{clean(spellings[0], _SIGNATURE_CHARS)}"
        forbidden = _read_terms(ctx.spec.options.get("forbidden", ()), "forbidden")
        return f"style:missing:{clean(forbidden[0][0] if forbidden else '', _SIGNATURE_CHARS)}"


_NO_TERMS = "needs `required`, `any_of` or `forbidden`: a list of words and phrases"


def _find_problems(rules: Mapping[str, Sequence[tuple[str, ...]]], found: _Finder) -> Iterator[Problem]:
    for spellings in rules["required"]:
        if not found.has_any(spellings):
            yield Problem(_name("missing", spellings[:1]), f"{show(spellings[0], 40)} is missing")
    any_of = rules["any_of"]
    if any_of and not any(found.has_any(spellings) for spellings in any_of):
        names = [spellings[0] for spellings in any_of]
        shown = ", ".join(show(name, 40) for name in names[:5])
        yield Problem(_name("missing", names), f"none of {shown} is there")
    for spellings in rules["forbidden"]:
        used = found.first_of(spellings)
        if used is not None:
            yield Problem(_name("forbidden", spellings[:1]), f"{show(used, 40)} must not be used")


def _name(what: str, terms: Iterable[str]) -> str:
    return f"style:{what}:{clean('|'.join(terms), _SIGNATURE_CHARS)}"


def _read_terms(written: Json, name: str) -> tuple[tuple[str, ...], ...]:
    """Each term with its synonyms, the term first. Raises GraderError for what is no list of terms."""
    if not isinstance(written, list | tuple):
        raise GraderError(f"`{name}` takes a list of words and phrases, got {show(written)}")
    return tuple(_read_term(item, name) for item in written)


def _read_term(item: Json, name: str) -> tuple[str, ...]:
    spellings = (item.get("term"), *(item.get("any") or ())) if isinstance(item, Mapping) else (item,)
    for text in spellings:
        if not isinstance(text, str) or not text.strip():
            raise GraderError(f"`{name}` takes words and phrases, got {show(item)}")
    return spellings


def _fold(text: str) -> str:
    return _flatten(text).casefold()


def _flatten(text: str) -> str:
    """On one line, with single spaces and plain quotes."""
    flat = " ".join(text.split())
    return flat if flat.isascii() else flat.translate(_QUOTES)


class _Finder:
    """Finds terms in one text, whose white space and case are evened out once."""

    def __init__(self, text: str, options: Mapping[str, Json]) -> None:
        self.ignores_case = bool(options.get("ignore_case", True))
        self.wants_words = bool(options.get("whole_words", True))
        flat = _flatten(text)
        self.text = flat.casefold() if self.ignores_case else flat

    def has_any(self, spellings: Sequence[str]) -> bool:
        return self.first_of(spellings) is not None

    def first_of(self, spellings: Sequence[str]) -> str | None:
        return next((term for term in spellings if self._has(term)), None)

    def _has(self, term: str) -> bool:
        for literal, pattern in _compile(term, self.ignores_case, self.wants_words):
            if literal in self.text and (pattern is None or pattern.search(self.text)):
                return True
        return False


@lru_cache(maxsize=4096)
def _compile(
    term: str, ignores_case: bool, wants_words: bool
) -> tuple[tuple[str, re.Pattern[str] | None], ...]:
    """Each spelling of a term (as written, composed, decomposed), and the pattern of its word boundaries.

    The text itself is never normalised: that takes quadratic time on a run of combining marks.
    """
    flat = _flatten(term)
    spellings = (flat, *(unicodedata.normalize(form, flat) for form in ("NFC", "NFD")))
    literals = dict.fromkeys(text.casefold() if ignores_case else text for text in spellings)
    return tuple((text, _build_pattern(text) if wants_words else None) for text in literals)


def _build_pattern(text: str) -> re.Pattern[str]:
    """Begins with plain text, which `re` searches fastest; the boundary before it is checked after it."""
    literal, before, after = re.escape(text), "", ""
    if _is_word(text[0]):
        joined = [f"{_LETTER}{'_' * count}" for count in range(_MAX_UNDERSCORES + 1)]
        before = "".join(f"(?<!{last}{literal})" for last in (*joined, f"[{_MARKS}]"))
    if _is_word(text[-1]):
        after = f"(?!_{{0,{_MAX_UNDERSCORES}}}{_LETTER}|[{_MARKS}])"
    return re.compile(f"{literal}{before}{after}")


def _is_word(char: str) -> bool:
    """Whether a term with this character at its edge ends or begins there only at a word boundary."""
    if is_unspaced(char):
        return False
    return char.isalnum() or char == "_" or unicodedata.category(char).startswith("M")
