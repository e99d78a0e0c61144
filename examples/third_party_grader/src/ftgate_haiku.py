"""A third-party grader: three lines of five, seven and five syllables, counted by vowel groups."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.protocols import GradeContext, Grader
from pytest_ftgate.registry import Registry

SHAPE = (5, 7, 5)


class HaikuGrader:
    """`- haiku` or `- haiku: {tolerance: 1}` (syllables that each line may be off)."""

    is_format = True
    needs_expected = False
    options: Mapping[str, Any] = {"tolerance": {"type": "integer", "minimum": 0}}
    value = None

    def grade(self, ctx: GradeContext) -> Grade:
        tolerance = ctx.spec.options.get("tolerance", 0)
        lines = [line for line in ctx.parsed.text.splitlines() if line.strip()]
        if len(lines) != len(SHAPE):
            return self.fail("style:haiku:lines", f"{len(lines)} lines in place of {len(SHAPE)}")
        counts = [count_syllables(line) for line in lines]
        if any(abs(count - wanted) > tolerance for count, wanted in zip(counts, SHAPE, strict=True)):
            return self.fail("style:haiku:syllables", f"{counts} syllables in place of {list(SHAPE)}")
        return Grade(grader="haiku", outcome="passed", is_format=True)

    def fail(self, signature: str, reason: str) -> Grade:
        return Grade(grader="haiku", outcome="failed", signature=signature, reason=reason, is_format=True)


def count_syllables(line: str) -> int:
    """Vowel groups of each word, a silent final e left out; at least one a word."""
    total = 0
    for word in re.findall(r"[a-z]+", line.lower()):
        groups = len(re.findall(r"[aeiouy]+", word))
        total += max(1, groups - (word.endswith("e") and groups > 1))
    return total


def pytest_ftgate_register_graders(registry: Registry[Grader]) -> None:
    registry.register("haiku", HaikuGrader())
