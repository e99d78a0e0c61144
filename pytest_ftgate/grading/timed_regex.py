"""Regular expressions from evalsets and schemas: compiled once, cut off when they take too long."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING

from pytest_ftgate.grading.grades import GraderError, TooLargeError, show
from pytest_ftgate.grading.limits import MAX_PATTERN_CHARS, PATTERN_SECONDS

if TYPE_CHECKING:
    import regex


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str, ignore_case: bool = False) -> regex.Pattern[str]:
    """The compiled pattern; raises GraderError where it is not valid, or too long to be searched safely."""
    import regex

    refuse_long_pattern(pattern)
    try:
        return regex.compile(pattern, regex.IGNORECASE if ignore_case else 0)
    except (regex.error, RecursionError, OverflowError, MemoryError, ValueError) as error:
        raise GraderError(f"{show(pattern)} is no valid regular expression: {error}") from None


def refuse_long_pattern(pattern: str) -> None:
    """Raise GraderError for a pattern too long to be searched safely."""
    if len(pattern) > MAX_PATTERN_CHARS:
        raise GraderError(
            f"the regular expression {show(pattern)} has {len(pattern)} characters, at most "
            f"{MAX_PATTERN_CHARS} are searched: for fixed texts use contains-any, or write several graders"
        )


_MANY_SEARCHES = 500


class PatternBudget:
    """Time for all searches of one grade, in seconds."""

    def __init__(self, seconds: float = PATTERN_SECONDS) -> None:
        self.seconds = self.left = seconds
        self.searches = 0

    def reset(self) -> None:
        self.left, self.searches = self.seconds, 0

    def search(self, pattern: str, text: str, *, ignore_case: bool = False, whole: bool = False) -> bool:
        """Whether the pattern is found (or matches the whole text).

        When time is up: TooLargeError where many searches used it, otherwise GraderError.
        """
        self.searches += 1
        compiled = compile_pattern(pattern, ignore_case)
        if self.left <= 0:
            raise self._late(pattern)
        started = time.perf_counter()
        try:
            find = compiled.fullmatch if whole else compiled.search
            return find(text, timeout=self.left) is not None
        except TimeoutError:
            self.left = 0.0
            raise self._late(pattern) from None
        finally:
            self.left -= time.perf_counter() - started

    def _late(self, pattern: str) -> Exception:
        if self.searches > _MANY_SEARCHES:
            return TooLargeError(f"{self.searches} texts to search take more than {self.seconds:g} s")
        return GraderError(
            f"the pattern {show(pattern)} was cut off after {self.seconds:g} s; "
            "it backtracks too much: simplify it"
        )
