"""How far a judge's votes agree, what judges cost, and what is said of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from statistics_world import arm, make_plan, passed, unanswered

from pytest_ftgate.model.evalset import RECORDED_MODEL, Case, GraderSpec, ModelSpec
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.run import RunFacts
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.statistics.judges import explain_judges, measure_judges
from pytest_ftgate.statistics.summarise import summarise

CASES = tuple(Case(id=f"c{n}") for n in range(10))


def plan(*names: str | None, **models: str) -> Plan:
    specs = tuple(GraderSpec(name="llm-rubric", options={"name": name} if name else {}) for name in names)
    made = make_plan(
        CASES, (arm("as_is"),), models={role: ModelSpec(model=model) for role, model in models.items()}
    )
    return replace(made, graders={case.id: specs for case in CASES})


def voted(case: str, repeat: int, *votes: tuple[int, int] | None, **fields: Any) -> Record:
    grades = tuple(Grade(grader="llm-rubric", outcome="passed", votes=vote) for vote in votes)
    return passed(case, "as_is", repeat, grades=grades, **fields)


def test_agreement_is_the_share_of_pairs_that_agree_by_case() -> None:
    records = [
        voted("c0", 1, (3, 0)),  # 1
        voted("c0", 2, (2, 1)),  # 1/3
        voted("c1", 1, (0, 5)),  # 1
        voted("c2", 1, (1, 1)),  # 0
        voted("c3", 1, (1, 0)),  # one vote agrees with nobody
        voted("c4", 1, None),
        unanswered("c5", "as_is", 1),
    ]
    judges = measure_judges(plan(None), records, {})
    assert list(judges) == ["llm-rubric"]
    found = judges["llm-rubric"]
    assert found.value == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert (found.trials, found.cases) == (4, 3)
    assert 0 <= found.low < found.value < found.high <= 1


def test_more_cases_narrow_the_interval_and_more_repeats_of_like_cases_do_not() -> None:
    few = [voted(f"c{n}", 1, (3, 0) if n % 2 else (2, 1)) for n in range(4)]
    many = [voted(f"c{n}", 1, (3, 0) if n % 2 else (2, 1)) for n in range(10)]
    copies = [voted(f"c{n}", k, (3, 0) if n % 2 else (2, 1)) for n in range(4) for k in range(1, 20)]
    width = {
        name: (found := measure_judges(plan(None), records, {})["llm-rubric"]).high - found.low
        for name, records in {"few": few, "many": many, "copies": copies}.items()
    }
    assert width["many"] < width["few"]
    assert width["copies"] > width["many"]


def test_graders_of_one_name_are_told_apart_by_their_option() -> None:
    judges = measure_judges(plan("tone", "truth"), [voted("c0", 1, (3, 0), (2, 1))], {})
    assert {name: round(judge.value, 2) for name, judge in judges.items()} == {
        "llm-rubric:tone": 1.0,
        "llm-rubric:truth": 0.33,
    }


@pytest.mark.parametrize(
    ("models", "votes", "told"),
    [
        ({"candidate": "v/a", "judge": "v/b"}, (3, 0), []),
        ({"candidate": "v/a", "judge": "v/a"}, (3, 0), ["note"]),
        ({"candidate": "v/a", "judge": "v/a"}, (2, 1), ["warning", "note"]),
        ({"candidate": "v/a"}, (2, 1), ["warning"]),
        ({"candidate": RECORDED_MODEL, "judge": RECORDED_MODEL}, (3, 0), []),
    ],
)
def test_noisy_judges_and_judges_of_themselves_are_told(
    models: dict[str, str], votes: tuple[int, int], told: list[str]
) -> None:
    made = plan(None, **models)
    judges = measure_judges(made, [voted("c0", 1, votes)], {})
    assert [finding.severity for finding in explain_judges(made, judges)] == told
    assert explain_judges(made, {}) == ()


def test_what_judges_cost_is_spent_and_is_no_part_of_the_arm_s_cost() -> None:
    records = [
        voted("c0", 1, (3, 0), cost_usd=1.0, serving_cost_usd=0.25),
        voted("c1", 1, (3, 0), cost_usd=1.0, cached=True, serving_cost_usd=0.5),
        voted("c2", 1, None, cost_usd=1.0),
    ]
    summary = summarise(plan(None), records, RunFacts())
    assert (summary.cost_usd, summary.serving_cost_usd) == (2.75, 0.75)
    assert summary.arms[0].cost_usd == 3.0
    assert summarise(plan(None), records[2:], RunFacts()).serving_cost_usd is None
