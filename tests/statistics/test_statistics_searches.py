"""recall@k, and accuracy where a search reached the gold context and where it did not."""

from __future__ import annotations

from typing import Any

import pytest
from statistics_world import arm, failed, make_plan, passed

from pytest_ftgate.model.evalset import Case
from pytest_ftgate.model.retrieval import GoldRanks, Retrieval
from pytest_ftgate.model.run import RunFacts
from pytest_ftgate.statistics.intervals import build_sample
from pytest_ftgate.statistics.searches import measure_searches
from pytest_ftgate.statistics.summarise import summarise


def search(gold: dict[str, GoldRanks], k: int = 4) -> Retrieval:
    return Retrieval(
        arm="retrieval", files=1, chunks=9, tokens=99, chunk_words=200, overlap_words=40, rank="bm25",
        embedder=None, k=k, depth=20, gold=gold,
    )  # fmt: skip


GOLD = {
    "first": GoldRanks(ranks=(1,)),
    "fourth": GoldRanks(ranks=(4,)),
    "seventh": GoldRanks(ranks=(7,)),
    "never": GoldRanks(ranks=(None,)),
    "half": GoldRanks(ranks=(2, None)),
    "half absent": GoldRanks(ranks=(3, None), absent=1),
    "absent": GoldRanks(ranks=(None,), absent=1),
}


@pytest.mark.parametrize(
    ("at", "recall"),
    [(1, 1 / 6), (4, (1 + 1 + 0 + 0 + 0.5 + 1) / 6), (5, 3.5 / 6), (10, 4.5 / 6), (20, 4.5 / 6)],
)
def test_recall_is_the_mean_over_cases_of_the_share_of_passages(at: int, recall: float) -> None:
    (found,) = measure_searches([search(GOLD)], (), {}, alpha=0.05)
    assert sorted(found.recall) == [1, 4, 5, 10, 20]
    assert found.recall[at].value == pytest.approx(recall)
    assert found.recall[at].cases == 6
    assert found.marked == 7
    assert found.absent == ("absent",)
    assert found.missed == ("seventh", "never", "half", "half absent")


def test_its_interval_is_that_of_any_rate() -> None:
    gold = {f"c{i}": GoldRanks(ranks=(1 if i < 24 else None,)) for i in range(40)}
    (found,) = measure_searches([search(gold)], (), {}, alpha=0.05)
    estimate = build_sample(dict.fromkeys(gold, 1), {}).estimate({f"c{i}": 1.0 for i in range(24)})
    # Clopper and Pearson (1934) for 24 of 40.
    assert (found.recall[4].low, found.recall[4].high) == (estimate.lower(0.025), estimate.upper(0.025))
    assert found.recall[4].low == pytest.approx(0.4333, abs=1e-4)
    assert found.recall[4].high == pytest.approx(0.7514, abs=1e-4)


def test_without_gold_context_there_is_no_recall() -> None:
    (found,) = measure_searches([search({})], (), {}, alpha=0.05)
    assert (found.recall, found.marked, found.accuracy_reached) == ({}, 0, None)
    (lost,) = measure_searches([search({"a": GOLD["absent"]})], (), {}, alpha=0.05)
    assert lost.recall == {}


def judge(gold: dict[str, GoldRanks], outcomes: dict[tuple[str, str], str]) -> Any:
    """`outcomes`: (arm, case) → a letter for each repeat, p or f."""
    cases = tuple(Case(id=name, input=name, expected="x", has_expected=True) for name in gold)
    arms = (arm("as_is"), arm("retrieval", 2), arm("context", 2))
    plan = make_plan(cases, arms)
    object.__setattr__(plan, "retrievals", (search(gold),))
    records = [
        (passed if letter == "p" else failed)(case, name, repeat)
        for (name, case), letters in outcomes.items()
        for repeat, letter in enumerate(letters, start=1)
    ]
    return summarise(plan, records, RunFacts()).retrievals[0]


def test_accuracy_is_told_apart_by_what_the_search_reached() -> None:
    outcomes = {
        ("retrieval", "first"): "pp",
        ("retrieval", "fourth"): "pf",
        ("retrieval", "seventh"): "ff",
        ("retrieval", "absent"): "fp",
        ("context", "first"): "pp",
        ("context", "seventh"): "pp",
    }
    found = judge({name: GOLD[name] for name in ("first", "fourth", "seventh", "absent")}, outcomes)
    assert (found.accuracy_reached.value, found.accuracy_reached.cases) == (0.75, 2)
    assert (found.accuracy_missed.value, found.accuracy_missed.cases) == (0.25, 2)
    assert (found.oracle_reached.value, found.oracle_missed.value) == (1.0, 1.0)


def test_nothing_is_told_of_an_arm_that_did_not_run() -> None:
    found = judge({"first": GOLD["first"]}, {("as_is", "first"): "pp"})
    assert (found.accuracy_reached, found.oracle_reached) == (None, None)
    assert found.recall[4].value == 1.0
