"""Grader `choice`: the letter of a multiple-choice answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from pytest_ftgate.grading.grades import GraderError, fail_grade, pass_grade, show
from pytest_ftgate.grading.limits import MAX_SHORT_ANSWER_CHARS
from pytest_ftgate.model.evalset import Json
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.protocols import GradeContext

# Letters are capital. A small one counts only before a parenthesis or where the line ends, for "a" is an
# article.
_LEAD = r"(?:[*_`\"'$({\[]|\\(?:boxed|text|textbf|mathrm|mathbf)\b|\\[(\[]|(?i:option|choice|letter)\s)*+"
_LETTER = rf"{_LEAD}([A-Z](?![A-Za-z])|[a-z](?=\)|[*`\"'.]*+\s*$))"
_ANSWER_IS = re.compile(rf"(?i:answer is):?\s*+{_LETTER}", re.MULTILINE)
_ANSWER = re.compile(rf"(?i:answer)[*_]*+\s*+:\s*+{_LETTER}", re.MULTILINE)
_BARE = re.compile(r"\s*+[*`\"'(\[]*([A-Za-z])[*`\"')\].:]*(?:\s*\Z|\s*[).:]\s)")
# "A remote", "I think": an article and a pronoun.
_STANDALONE = re.compile(r"(?<![\w'’])(?![AI]\x20[a-z])([A-Z])(?![\w'’])")


def read_choice(text: str, rule: str = "mmlu_pro", letters: str = "ABCDEFGHIJ") -> str | None:
    """The letter that the answer chooses, or None. Only the last 20,000 characters are read.

    Rule `answer_is` reads only the first "answer is (X)", as MMLU-Pro's extraction does first (Wang et al.
    2024, evaluate_from_local.py). Rule `mmlu_pro` then tries an answer that is, or begins with, a letter
    ("B", "(B) because …"), the last "Answer: X", and the last letter that stands alone, as MMLU-Pro does;
    it never guesses at random. Unlike MMLU-Pro: markup, LaTeX and "option" may stand before the letter;
    "A" and "I" before a small letter are words; a letter not on offer is passed over.
    """
    tail = text[-MAX_SHORT_ANSWER_CHARS:]
    stated = _ANSWER_IS.search(tail)
    if stated is not None and stated[1].upper() in letters:
        return stated[1].upper()
    if rule == "answer_is":
        return None
    bare = _BARE.match(text[:200])
    if bare is not None and bare[1].upper() in letters and (bare[1].isupper() or len(text.strip()) <= 3):
        return bare[1].upper()
    labelled: list[str] = [match[1].upper() for match in _ANSWER.finditer(tail)]
    alone: list[str] = [match[1] for match in _STANDALONE.finditer(tail)]
    for letter in (*reversed(labelled), *reversed(alone)):
        if letter in letters:
            return letter
    return None


class Choice:
    """The answer chooses the expected letter. `letters` are those on offer (default A to J); `rule` says how
    the letter is found (`read_choice`).
    """

    is_format = True
    needs_expected = True
    options: Mapping[str, Json] = {
        "letters": {"type": "string", "pattern": "^[A-Z]+$"},
        "rule": {"enum": ["mmlu_pro", "answer_is"]},
    }
    value: Mapping[str, Json] = {"type": "string"}
    reads_expected = "part"

    def grade(self, ctx: GradeContext) -> Grade:
        letters = ctx.spec.options.get("letters", "ABCDEFGHIJ")
        expected = _read_expected(ctx.expected)
        got = read_choice(ctx.parsed.text, ctx.spec.options.get("rule", "mmlu_pro"), letters)
        if got == expected:
            grade = pass_grade(ctx)
        elif got is None:
            grade = fail_grade(ctx, "format:no_choice", f"no letter is chosen in {show(ctx.parsed.text)}")
        else:
            grade = fail_grade(ctx, f"label:confusion:{expected}→{got}", f"expected {expected}, got {got}")
        return replace(grade, expected_label=expected, predicted=got)


def _read_expected(expected: Json) -> str:
    if isinstance(expected, str):
        letter = expected.strip().strip("().").upper()
        if len(letter) == 1 and letter.isalpha():
            return letter
    raise GraderError(f"needs an expected letter, got {show(expected)}")
