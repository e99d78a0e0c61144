"""How far a run is, from the items that came in: with a clock that the test turns."""

from __future__ import annotations

import pytest

from pytest_ftgate.glue.payload import Payload
from pytest_ftgate.glue.progress import Progress, format_duration
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.trial import PlannedItem, Request, Trial, TrialKey

CASES = 50


def key(case: str, arm: str, repeat: int) -> TrialKey:
    return TrialKey(evalset="e", case=case, arm=arm, role="candidate", repeat=repeat)


def plan_items(*arms: str, repeats: int = 2) -> dict[str, list[PlannedItem]]:
    request = Request(model="m", messages=())
    return {
        "e.evalset.yaml": [
            PlannedItem(
                evalset="e",
                case=f"c{index}",
                arm=arm,
                role="candidate",
                trials=tuple(
                    Trial(key=key(f"c{index}", arm, k), request=request, request_hash="h", draw=str(k))
                    for k in range(1, repeats + 1)
                ),
            )
            for arm in arms
            for index in range(CASES)
        ]
    }


def item(index: int, *outcomes: str, arm: str = "as_is", **more: object) -> Payload:
    fields = {name: more.pop(name) for name in ("cost_usd", "cached", "signature") if name in more}
    records = tuple(
        Record(key=key(f"c{index}", arm, k), outcome=outcome, **fields)  # type: ignore[arg-type]
        for k, outcome in enumerate(outcomes, start=1)
    )
    given: dict[str, object] = {"evalset": "e", "arm": arm, "role": "candidate", "case": f"c{index}"}
    return Payload(**given, status="passed", records=records, **more)  # type: ignore[arg-type]


def begin(*arms: str) -> Progress:
    return Progress(plan_items(*(arms or ("as_is",))), (), now=100.0)


def test_counts_rate_and_time_left() -> None:
    progress = begin()
    for index in range(10):
        progress.book(item(index, "passed", "failed", cost_usd=0.01), now=101.0 + index)
    said = progress.describe(now=110.0)
    assert "ftgate: 20/100 trials, 2.0/s, ETA 40s, $0.20, 0 errors" in said
    assert "as_is 50.0 % (" in said


def test_the_rate_is_that_of_the_last_half_minute() -> None:
    progress = begin("as_is", "few_shot")
    for index in range(CASES):
        progress.book(item(index, "passed", "passed", cached=True), now=101.0)
    progress.book(item(0, "passed", "passed", arm="few_shot"), now=130.0)
    progress.book(item(1, "passed", "passed", arm="few_shot"), now=140.0)
    # 100 answers of the response store came in the first second; they say nothing of the rest.
    assert progress.rate(now=140.0) == pytest.approx(4 / 39)
    assert "ETA 15m" in progress.describe(now=140.0)


def test_spending_leaves_out_what_the_store_gave() -> None:
    progress = begin()
    progress.book(item(0, "passed", "passed", cost_usd=0.5, cached=True), now=101.0)
    assert "$0.00" in progress.describe(now=101.0)
    progress.book(item(1, "passed", cost_usd=0.25), now=102.0)
    assert "$0.25" in progress.describe(now=102.0)


def test_an_unknown_cost_is_not_called_zero() -> None:
    progress = begin()
    progress.book(item(0, "passed", "passed"), now=101.0)
    assert "cost unknown" in progress.describe(now=101.0)


def test_unanswered_trials_are_errors_and_in_no_accuracy() -> None:
    progress = begin()
    progress.book(item(0, "passed", "error", signature="infra:timeout"), now=101.0)
    said = progress.describe(now=102.0)
    assert "1 error," in said
    assert "as_is 100.0 %" in said


def test_what_is_not_asked_is_no_longer_planned() -> None:
    progress = begin("as_is", "few_shot")
    progress.book(item(0, "passed", dropped=1), now=101.0)
    assert progress.planned == 199
    for index in range(CASES):
        progress.book(item(index, arm="few_shot", not_needed="as_is is proven"), now=102.0)
    assert progress.planned == 99
    assert progress.done == 1


def test_the_accuracy_is_that_of_the_arm_it_is_at() -> None:
    progress = begin("as_is", "few_shot")
    progress.book(item(0, "failed", "failed"), now=101.0)
    assert "as_is 0.0 %" in progress.describe(now=101.0)
    progress.book(item(0, "passed", "passed", arm="few_shot"), now=102.5)
    assert "few_shot 100.0 %" in progress.describe(now=102.5)


def test_the_accuracy_is_measured_once_a_second() -> None:
    progress = begin()
    progress.book(item(0, "passed", "passed"), now=101.0)
    first = progress.describe(now=101.0)
    progress.book(item(1, "failed", "failed"), now=101.2)
    assert "as_is 100.0 %" in first
    assert "as_is 100.0 %" in progress.describe(now=101.2)
    assert "as_is 50.0 %" in progress.describe(now=102.1)


@pytest.mark.parametrize("width", [120, 79, 60, 20, 1])
def test_the_line_fits(width: int) -> None:
    progress = begin("few_shot_with_a_long_name")
    progress.book(item(0, "passed", "failed", arm="few_shot_with_a_long_name"), now=104.0)
    assert len(progress.describe(now=104.0, width=width)) <= width


def test_lines_come_every_tenth_or_half_minute_but_never_in_a_row() -> None:
    progress = begin()
    assert not progress.is_line_due(now=129.0)
    assert progress.is_line_due(now=130.0)
    assert not progress.is_line_due(now=130.1)
    for index in range(5):
        progress.book(item(index, "passed", "passed"), now=131.0)
    assert not progress.is_line_due(now=131.0)
    assert progress.is_line_due(now=135.0)


def test_hostile_names_of_arms_are_made_visible() -> None:
    progress = begin("a\x1b[2Jb")
    progress.book(item(0, "passed", arm="a\x1b[2Jb"), now=101.0)
    assert "\x1b" not in progress.describe(now=101.0)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(-1, "0s"), (0.4, "0s"), (59.6, "1m00s"), (200, "3m20s"), (3900, "1h05m")]
)
def test_durations(seconds: float, shown: str) -> None:
    assert format_duration(seconds) == shown
