"""Failure patterns: signatures over arms, cases and repeats, and what is known of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pytest_ftgate.model.rate import Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One raw failing output of a pattern, as the model gave it. `reason`: what the grader said of it."""

    case: str
    arm: str
    role: str
    repeat: int
    output: str | None
    expected: str | None = None
    input: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmPattern:
    """A pattern under one arm: its rate over cases and the p-value of H0 rate <= floor."""

    arm: str
    role: str
    rate: Rate
    p_floor: float
    trials: int
    cases: int
    recurring_cases: int
    recurrence: float | None
    agreement: float | None = None
    agreement_p: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternPart:
    """A narrower signature within a wider pattern, and the failing trials that show it."""

    signature: str
    trials: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TagExcess:
    """A tag found more often among the cases of a pattern than chance explains.

    `hits` of `cases` cases that carry the tag show the pattern under the best arm, of `all_hits` of
    `all_cases` judged ones. `p_holm`: Fisher's exact test, one-sided, corrected over the tags tested.
    """

    tag: str
    hits: int
    cases: int
    all_hits: int
    all_cases: int
    p_holm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """All failing trials of one signature, over the arms that were run.

    `p_holm`: intersection-union p-value over arms, Holm-corrected over candidates.
    `share`: of all failures under the best arm. `rate_expected`: of a confusion, the rate among the cases
    that expect its label. `reproducible` None = not assessed (one repeat).
    `specific` is set on confirmed patterns: all of them together reach the share.
    `parts`: the commonest of the `part_count` narrower signatures it is made of; none for a leaf.
    `told_by`: the pattern of the same set that is shown to a reader in its place.
    """

    signature: str
    kind: str
    level: Literal["leaf", "rollup", "family"]
    trials: int
    cases: int
    arms: tuple[ArmPattern, ...]
    rate: Rate
    recurrence: float | None
    form: Literal["case-bound", "stochastic"] | None
    share: float | None
    share_low: float | None = None
    share_high: float | None = None
    rate_expected: Rate | None = None
    p_holm: float | None = None
    reproducible: bool | None = None
    specific: bool | None = None
    why_not: str = ""
    examples: tuple[Example, ...] = ()
    hint: str = ""
    tags: tuple[TagExcess, ...] = ()
    parts: tuple[PatternPart, ...] = ()
    part_count: int = 0
    told_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternControl:
    """The negative control: the pattern search on shuffled grades, where it has nothing to find.

    `shuffles` searches, of which `found` confirmed a pattern; each handed out `names` signatures anew.
    `p`: p-value of H0 "it finds something in at most 5 % of them"; `holds`: that is not refuted.
    """

    shuffles: int
    found: int
    names: int
    p: float
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternSet:
    """Patterns, most frequent first, and the share that the confirmed ones explain together.

    `lacks_recurrence`: some signature, listed or not, would be confirmed if it were shown to recur.
    `ceiling`: the accuracy of the best arm if every trial that shows a confirmed pattern passed. `control` is
    None where question 3 was not asked or nothing failed.
    """

    patterns: tuple[Pattern, ...] = ()
    confirmed_share: float | None = None
    confirmed_share_low: float | None = None
    confirmed_share_high: float | None = None
    best_arm: str | None = None
    ceiling: float | None = None
    p_best: float | None = None
    lacks_recurrence: bool = False
    control: PatternControl | None = None

    @property
    def confirmed(self) -> tuple[Pattern, ...]:
        return tuple(p for p in self.patterns if p.reproducible)
