"""Grader `citations`: the answer quotes the passages that its prompt supplied, and quotes them truly."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pytest_ftgate.grading.grades import Problem, judge_problems, pass_grade, show
from pytest_ftgate.grading.quotations import Citation, find_citations
from pytest_ftgate.model.evalset import Json
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.protocols import GradeContext
from pytest_ftgate.model.scripts import split_words

MIN_WORDS = 3
"""A quote of fewer words shows no source, unless a passage itself has no more."""

MISSING = "style:missing:citation"
FALSE = "style:forbidden:false_citation"
_GAP = re.compile(r"\[?(?:\.\.\.|\u2026)\]?")


class Citations:
    """At least one quote, and each word for word in a supplied passage: in the one it names, if it does.

    Letter case, punctuation and white space do not matter; `...` in a quote leaves words out. A trial whose
    prompt supplies no passages passes: there is nothing to quote.
    """

    is_format = False
    needs_expected = False
    options: Mapping[str, Json] = {}
    value = None

    def grade(self, ctx: GradeContext) -> Grade:
        passages = [_join(split_words(passage.text)) for passage in ctx.parsed.passages]
        if not passages:
            return pass_grade(ctx, "the prompt supplies no passages to quote")
        problems, is_quoted = list[Problem](), False
        for citation in find_citations(ctx.parsed.text, ctx.parsed.sources):
            problem = _check(citation, passages)
            if problem is not None:
                problems.append(problem)
            elif _is_long_enough(citation, passages):
                is_quoted = True
        if not is_quoted and not problems:
            problems.append(Problem(MISSING, "the answer quotes none of the passages it was given"))
        return judge_problems(ctx, problems)

    def negated_signature(self, ctx: GradeContext) -> str:
        del ctx
        return "style:forbidden:citation"


def _check(citation: Citation, passages: Sequence[str]) -> Problem | None:
    """What is wrong with a citation, or None."""
    parts = [words for part in _GAP.split(citation.quote) if (words := split_words(part))]
    holding = [number for number, passage in enumerate(passages, start=1) if _holds(passage, parts)]
    if not holding:
        return Problem(FALSE, f"{show(citation.quote)} stands in none of the passages")
    if citation.number is not None and citation.number not in holding:
        where = f"{show(citation.quote)} stands in passage {holding[0]}"
        return Problem(FALSE, f"{where}, not in {citation.number}")
    return None


def _holds(passage: str, parts: Sequence[Sequence[str]]) -> bool:
    """Whether the passage has the parts in their order, each word for word."""
    place = 0
    for words in parts:
        wanted = _join(words)
        found = passage.find(wanted, place)
        if found < 0:
            return False
        # The blank behind a part is the one before the next.
        place = found + len(wanted) - 1
    return True


def _is_long_enough(citation: Citation, passages: Sequence[str]) -> bool:
    shortest = min(passage.count(" ") - 1 for passage in passages)
    return len(split_words(citation.quote)) >= min(MIN_WORDS, shortest)


def _join(words: Sequence[str]) -> str:
    return f" {' '.join(words)} "
