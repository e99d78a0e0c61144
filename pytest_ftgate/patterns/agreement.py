"""Whether wrong answers repeat: one wrong answer again and again, or a new one every time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from math import fsum
from typing import Any
from zlib import crc32

from pytest_ftgate.patterns.mining import Failing
from pytest_ftgate.patterns.signature import find_answer, find_expected, is_within

MIN_AGREEMENT = 0.5
MAX_P = 0.05
PERMUTATIONS = 999
DOMINANT = 0.8
"""An answer that makes up this share of the cases' wrong answers repeats from case to case."""

MIN_CASES = 3
"""Distinct cases without which nothing is said to repeat from case to case."""

MAX_PAIRS = 2_000
"""Pairs that the permutations look at: more would cost time and no longer change a decision."""


@cache
def load_numpy() -> Any:
    """numpy, imported where the first permutation is wanted."""
    import numpy

    return numpy


@dataclass(frozen=True, slots=True)
class Draw:
    """A wrong answer to a case, and the answer that was expected where it is known."""

    case: str
    answer: str
    expected: str | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """`index`: G, the chance that two failing draws of a case give the same wrong answer.

    None where no case failed twice. `p`: of H0 "answers are spread over cases at random"; None
    where it did not have to be computed. `is_dominant`: one answer makes up most of all.
    """

    index: float | None
    p: float | None
    is_dominant: bool

    @property
    def holds(self) -> bool:
        if self.is_dominant:
            return True
        return (
            self.index is not None and self.index >= MIN_AGREEMENT and self.p is not None and self.p <= MAX_P
        )


def list_draws(trials: Iterable[Failing], name: str) -> list[Draw]:
    """The wrong answers of trials that show candidate `name`, by their first signature that does."""
    draws = []
    for trial in trials:
        leaf = next((leaf for leaf in trial.leaves if is_within(leaf, name)), None)
        if leaf is not None:
            draws.append(Draw(trial.case, find_answer(leaf, _read_output(trial)), find_expected(leaf)))
    return draws


def _read_output(trial: Failing) -> str:
    """What was answered, without case and spacing; a trial without output agrees with no other."""
    record = trial.record
    text = record.output
    if text is None and record.tool_calls:
        text = " ".join(f"{call.name}({call.arguments})" for call in record.tool_calls)
    if text is None:
        return f"{trial.arm}/{trial.case}/{trial.repeat}"
    return " ".join(text[:2_000].casefold().split())


def measure_agreement(draws: Sequence[Draw], *, seed: int, name: str) -> Agreement:
    """Agreement within cases: `draws` are independent repeats of one arm (STATISTICS 3.4)."""
    by_case: dict[str, list[int]] = {}
    for index, draw in enumerate(draws):
        by_case.setdefault(draw.case, []).append(index)
    pairs = [pair for case in sorted(by_case) for pair in combinations(by_case[case], 2)]
    return _measure_pairs(draws, pairs, is_dominant(draws), seed=seed, name=name)


def measure_cross_agreement(
    draws: Sequence[Draw], others: Sequence[Draw], *, seed: int, name: str
) -> Agreement:
    """Agreement with other arms, for an arm whose repeats are identical and count as one draw.

    `draws` are that arm's; `others` those of independent arms.
    """
    own = list({draw.case: draw for draw in draws}.values())
    by_case: dict[str, list[int]] = {}
    for index, draw in enumerate(others, start=len(own)):
        by_case.setdefault(draw.case, []).append(index)
    pairs = [(index, other) for index, draw in enumerate(own) for other in by_case.get(draw.case, ())]
    return _measure_pairs([*own, *others], pairs, is_dominant(own), seed=seed, name=name)


def is_dominant(draws: Sequence[Draw]) -> bool:
    """Whether one answer makes up most of the wrong answers, every case counting once."""
    sizes = Counter(draw.case for draw in draws)
    shares: dict[str, list[float]] = {}
    for (case, answer), count in Counter((draw.case, draw.answer) for draw in draws).items():
        shares.setdefault(answer, []).append(count / sizes[case])
    most = max(map(fsum, shares.values()), default=0.0)
    return len(sizes) >= MIN_CASES and most >= DOMINANT * len(sizes)


def _measure_pairs(
    draws: Sequence[Draw], pairs: Sequence[tuple[int, int]], dominant: bool, *, seed: int, name: str
) -> Agreement:
    if not pairs:
        return Agreement(None, None, dominant)
    index = sum(draws[a].answer == draws[b].answer for a, b in pairs) / len(pairs)
    if dominant or index < MIN_AGREEMENT:
        return Agreement(index, None, dominant)
    return Agreement(index, _find_p(draws, pairs, seed=seed, name=name), dominant)


def _find_p(draws: Sequence[Draw], pairs: Sequence[tuple[int, int]], *, seed: int, name: str) -> float:
    """p-value of the agreement of `pairs` when the answers are shuffled over all draws.

    A shuffled draw that received its own expected answer is no wrong answer and is not counted:
    with three labels, two random wrong answers agree half the time.
    """
    np = load_numpy()
    rng = np.random.default_rng([seed, crc32(name.encode("utf-8", "surrogatepass"))])
    if len(pairs) > MAX_PAIRS:
        kept = rng.choice(len(pairs), MAX_PAIRS, replace=False)
        pairs = [pairs[i] for i in kept]
    used = sorted({index for pair in pairs for index in pair})
    place = {index: i for i, index in enumerate(used)}
    codes = _number([*(draws[i].answer for i in used), *(draws[i].expected for i in used)])
    answers = np.array(codes[: len(used)], dtype=np.int32)
    expected = np.array(codes[len(used) :], dtype=np.int32)
    first = np.array([place[a] for a, _ in pairs])
    second = np.array([place[b] for _, b in pairs])
    shuffled = rng.permuted(np.tile(answers, (PERMUTATIONS, 1)), axis=1)
    wrong = shuffled != expected
    counted = wrong[:, first] & wrong[:, second]
    agreeing = ((shuffled[:, first] == shuffled[:, second]) & counted).sum(axis=1)
    observed = float((answers[first] == answers[second]).mean())
    as_extreme = int((agreeing >= observed * counted.sum(axis=1) - 1e-9).sum())
    return (1 + as_extreme) / (1 + PERMUTATIONS)


def _number(values: Iterable[Hashable]) -> list[int]:
    numbers: dict[Hashable, int] = {None: -1}
    return [numbers.setdefault(value, len(numbers)) for value in values]
