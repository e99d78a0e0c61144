"""What a run paid: a sum that leaves nothing out in silence."""

from __future__ import annotations

import pytest

from pytest_ftgate.model.record import Record
from pytest_ftgate.model.trial import TrialKey
from pytest_ftgate.reports.judge_text import describe_spending
from pytest_ftgate.statistics.spending import count_unpriced, sum_serving


def record(number: int, **more: object) -> Record:
    key = TrialKey(evalset="e", case=f"c{number}", arm="as_is", role="candidate", repeat=1)
    return Record(key=key, outcome="passed", **{"output": "x", "attempts": 1, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("records", "unpriced"),
    [
        ([record(1, cost_usd=0.1)], 0),
        ([record(1, cost_usd=None)], 1),
        ([record(1, cost_usd=None, attempts=3)], 3),
        ([record(1, cost_usd=None, cached=True)], 0),
        ([record(1, cost_usd=None, output=None)], 0),
        ([record(1, cost_usd=0.1, serving_attempts=3)], 3),
        ([record(1, cost_usd=0.1, serving_attempts=3, serving_cost_usd=0.2)], 0),
    ],
)
def test_calls_of_unknown_price_are_counted(records: list[Record], unpriced: int) -> None:
    assert count_unpriced(records) == unpriced


def test_a_judge_that_cost_nothing_has_a_known_cost() -> None:
    assert sum_serving([record(1, serving_cost_usd=0.0)]) == 0.0
    assert sum_serving([record(1)]) is None


@pytest.mark.parametrize(
    ("cost", "unpriced", "said"),
    [
        (None, 13, "Cost unknown (13 calls)."),
        (0.0, 13, "Cost unknown (13 calls)."),
        (0.18, 0, "Spent $0.18 (13 calls)."),
        (0.18, 3, "Spent at least $0.18 (13 calls, 3 of them of unknown price)."),
        (0.0, 0, "Spent $0.00 (13 calls)."),
    ],
)
def test_what_is_not_known_is_said(cost: float | None, unpriced: int, said: str) -> None:
    entry = {"requests_sent": 13, "cost_usd": cost, "unpriced_calls": unpriced, "serving_cost_usd": None}
    assert describe_spending(entry) == said
    assert describe_spending({**entry, "requests_sent": 0}) == ""
