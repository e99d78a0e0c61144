"""Measured: false patterns over leaves, roll-ups and families together, and the power to find real ones.

Published for leaves alone (STATISTICS 3.4): at most .033 under one arm, .027 under four.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from pattern_world import confirmed, make_plan, make_records

from pytest_ftgate.patterns.agreement import Draw, measure_agreement

pytestmark = pytest.mark.slow

LEAVES = (
    "format:fenced", "schema:required:/a", "tool:no_call", "label:confusion:A→B",
    "style:too_long", "refusal:text", "value:/total", "empty:blank",
)  # fmt: skip

# Every family sits exactly at the floor, halved into two leaves, most of them under one roll-up.
HALVES = (
    "format:fenced", "format:prose_before", "schema:required:/a", "schema:required:/b",
    "tool:missing_arg:a", "tool:missing_arg:b", "label:confusion:A→B", "label:confusion:C→B",
    "style:forbidden:a", "style:forbidden:b", "value:/a", "value:/b",
)  # fmt: skip

LABELS = "ABCDEFGH"
ATTRACTED = tuple(f"label:confusion:{a}→{b}" for b in LABELS for a in LABELS if a != b)


def simulate(
    rates: dict[str, float], *, n: int, k: int, icc: float, arms: int, runs: int, seed: int
) -> Counter[str]:
    """How often each signature was confirmed. Cases keep their own mix of failures under every arm."""
    rng = np.random.default_rng(seed)
    names = [*rates, None]
    chance = np.array([*rates.values(), 1 - sum(rates.values())])
    plan = make_plan([f"a{i}" for i in range(arms)], n, k)
    found: Counter[str] = Counter()
    for _ in range(runs):
        mix = np.tile(chance, (n, 1))
        if icc > 0:
            mix = rng.dirichlet(chance * (1 / icc - 1), n)
        edges = mix.cumsum(axis=1)[None, :, None, :]
        drawn = (rng.random((arms, n, k, 1)) > edges).sum(axis=-1).clip(max=len(rates))
        records = make_records(plan, lambda arm, i, r, drawn=drawn: names[drawn[int(arm[1:]), i, r]])
        names_found = confirmed(plan, records)
        found.update(names_found)
        found["any"] += bool(names_found)
    return found


@pytest.mark.parametrize("arms", [1, 4])
@pytest.mark.parametrize("icc", [0.5, 0.95])
@pytest.mark.parametrize(
    "rates",
    [
        dict.fromkeys(LEAVES, 0.05),
        dict.fromkeys(HALVES, 0.025),
        {"format:fenced": 0.05, **{f"style:forbidden:t{i}": 0.01 for i in range(5)}},
    ],
    ids=["leaves", "families", "one"],
)
def test_nothing_above_the_floor_gives_no_pattern(rates: dict[str, float], icc: float, arms: int) -> None:
    runs = 200 if arms == 1 else 60
    found = simulate(rates, n=50, k=3, icc=icc, arms=arms, runs=runs, seed=11)
    assert found["any"] / runs <= 0.04 + 2 * (0.04 * 0.96 / runs) ** 0.5


def test_random_wrong_labels_give_no_pattern_of_any_width() -> None:
    """56 confusions, 8 attractors at the floor, and a family of 40 % without agreement."""
    found = simulate(dict.fromkeys(ATTRACTED, 0.05 / 7), n=50, k=5, icc=0, arms=1, runs=150, seed=12)
    assert found["any"] <= 9


@pytest.mark.parametrize(
    ("n", "icc", "rate", "power"), [(50, 0.0, 0.20, 0.80), (100, 0.0, 0.15, 0.85), (100, 0.9, 0.30, 0.9)]
)
def test_a_real_pattern_among_diffuse_failures_is_found(
    n: int, icc: float, rate: float, power: float
) -> None:
    rates = {"format:fenced": rate} | {f"schema:required:/f{i}": 0.003 for i in range(30)}
    found = simulate(rates, n=n, k=5, icc=icc, arms=4, runs=40, seed=13)
    assert found["format:fenced"] / 40 >= power - 2 * (power * (1 - power) / 40) ** 0.5


def agree(kind: str, rng: np.random.Generator) -> tuple[float, bool]:
    """Agreement of 8 labels over 100 cases of which 40 fail, 3 repeats each."""
    draws = []
    for case in range(100):
        expected = case % 8
        wrong = [label for label in range(8) if label != expected]
        own = rng.choice(wrong)
        for _ in range(3):
            if rng.random() < 0.4:
                label = own if kind == "settled" and rng.random() < 0.83 else rng.choice(wrong)
                draws.append(Draw(str(case), str(label), str(expected)))
    found = measure_agreement(draws, seed=0, name="label")
    assert found.index is not None
    return found.index, found.holds


def test_agreement_tells_noise_from_settled_answers() -> None:
    """Published: random noise .13, settled answers .69 and detected in 99-100 %."""
    rng = np.random.default_rng(14)
    noise = [agree("noise", rng) for _ in range(100)]
    settled = [agree("settled", rng) for _ in range(100)]
    assert np.mean([index for index, _ in noise]) == pytest.approx(1 / 7, abs=0.03)
    assert np.mean([index for index, _ in settled]) == pytest.approx(0.7, abs=0.05)
    assert sum(holds for _, holds in noise) == 0
    assert sum(holds for _, holds in settled) >= 96
